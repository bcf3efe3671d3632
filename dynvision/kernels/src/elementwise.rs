//! Sums and ReLU.

use super::{Scalar, parallel};

/// `into += from`.
pub(crate) fn add_assign<E: Scalar>(from: &[E], into: &mut [E]) {
    assert_eq!(from.len(), into.len(), "add_assign: lengths");
    parallel::chunks(into, |at, into| {
        for (into, &from) in into.iter_mut().zip(&from[at..]) {
            *into += from;
        }
    });
}

/// `into += scale * from`.
pub(crate) fn axpy<E: Scalar>(scale: E, from: &[E], into: &mut [E]) {
    assert_eq!(from.len(), into.len(), "axpy: lengths");
    parallel::chunks(into, |at, into| {
        for (into, &from) in into.iter_mut().zip(&from[at..]) {
            *into += scale * from;
        }
    });
}

/// `x = max(x, 0)`; NaN stays NaN.
pub(crate) fn relu_forward<E: Scalar>(x: &mut [E]) {
    parallel::chunks(x, |_, x| x.iter_mut().for_each(|x| *x = rectify(*x)));
}

/// Zeroes the gradient `g` where the output `y` is not positive.
pub(crate) fn relu_backward<E: Scalar>(y: &[E], g: &mut [E]) {
    assert_eq!(y.len(), g.len(), "relu backward: lengths");
    parallel::chunks(g, |at, g| g.iter_mut().zip(&y[at..]).for_each(|(g, &y)| *g = passed(y, *g)));
}

/// ReLU of one value; NaN stays NaN.
#[inline(always)]
pub(super) fn rectify<E: Scalar>(x: E) -> E {
    if x <= E::zero() { E::zero() } else { x }
}

/// What of `gy` passes back through a ReLU whose output is `y`.
#[inline(always)]
pub(super) fn passed<E: Scalar>(y: E, gy: E) -> E {
    if y <= E::zero() { E::zero() } else { counted(gy) }
}

/// A gradient, or zero in the place of one below 1e-31 (`f32`; 1e-292 in `f64`). Gradients that fade away through many
/// steps end up as subnormal numbers, with which processors reckon a hundred times slower, and which change no weight.
#[inline(always)]
pub(super) fn counted<E: Scalar>(g: E) -> E {
    if g.abs() < E::min_positive_value() / E::epsilon() { E::zero() } else { g }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearly_subnormal_does_not_pass_back() {
        let mut g = [1e-40f32, -1e-33, 2e-31, -2e-31, f32::NAN, f32::INFINITY];
        relu_backward(&[1.0; 6], &mut g);
        assert!(g[..4] == [0.0, 0.0, 2e-31, -2e-31] && g[4].is_nan() && g[5] == f32::INFINITY);
        let mut wide = [1e-40f64, 1e-300];
        relu_backward(&[1.0; 2], &mut wide);
        assert_eq!(wide, [1e-40, 0.0]);
    }

    #[test]
    fn long_slices_are_covered_once() {
        let n = 2 * parallel::CHUNK + 17;
        let from: Vec<f64> = (0..n).map(|i| i as f64).collect();
        let mut into = vec![1.0; n];
        add_assign(&from, &mut into);
        axpy(-2.0, &from, &mut into);
        assert!(into.iter().enumerate().all(|(i, &v)| v == 1.0 - i as f64));
    }

    #[test]
    fn relu_keeps_nan_and_masks_its_gradient() {
        let mut y = [-1.0f32, 0.0, 2.0, f32::NAN];
        relu_forward(&mut y);
        assert_eq!(&y[..3], &[0.0, 0.0, 2.0]);
        assert!(y[3].is_nan());
        let mut g = [5.0; 4];
        relu_backward(&y, &mut g);
        assert_eq!(g, [0.0, 0.0, 5.0, 5.0]);
    }
}
