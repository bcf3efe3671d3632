//! Sums and ReLU.

use super::{Scalar, parallel};

/// `into += from`.
pub fn add_assign<E: Scalar>(from: &[E], into: &mut [E]) {
    assert_eq!(from.len(), into.len(), "add_assign: lengths");
    parallel::chunks(into, |at, into| {
        for (into, &from) in into.iter_mut().zip(&from[at..]) {
            *into += from;
        }
    });
}

/// `into += scale * from`.
pub fn axpy<E: Scalar>(scale: E, from: &[E], into: &mut [E]) {
    assert_eq!(from.len(), into.len(), "axpy: lengths");
    parallel::chunks(into, |at, into| {
        for (into, &from) in into.iter_mut().zip(&from[at..]) {
            *into += scale * from;
        }
    });
}

/// `y = max(x, 0)`; NaN stays NaN.
pub fn relu_forward<E: Scalar>(x: &[E], y: &mut [E]) {
    assert_eq!(x.len(), y.len(), "relu: lengths");
    parallel::chunks(y, |at, y| {
        for (y, &x) in y.iter_mut().zip(&x[at..]) {
            *y = rectify(x);
        }
    });
}

/// `gx += gy` where the output `y` is not zero.
pub fn relu_backward<E: Scalar>(y: &[E], gy: &[E], gx: &mut [E]) {
    assert!(y.len() == gx.len() && gy.len() == gx.len(), "relu backward: lengths");
    parallel::chunks(gx, |at, gx| {
        for ((gx, &gy), &y) in gx.iter_mut().zip(&gy[at..]).zip(&y[at..]) {
            *gx += passed(y, gy);
        }
    });
}

/// ReLU of one value; NaN stays NaN.
#[inline(always)]
pub(super) fn rectify<E: Scalar>(x: E) -> E {
    if x <= E::zero() { E::zero() } else { x }
}

/// What of `gy` passes back through a ReLU whose output is `y`.
#[inline(always)]
pub(super) fn passed<E: Scalar>(y: E, gy: E) -> E {
    if y <= E::zero() { E::zero() } else { gy }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let x = [-1.0f32, 0.0, 2.0, f32::NAN];
        let mut y = [9.0; 4];
        relu_forward(&x, &mut y);
        assert_eq!(&y[..3], &[0.0, 0.0, 2.0]);
        assert!(y[3].is_nan());
        let mut gx = [1.0; 4];
        relu_backward(&y, &[5.0; 4], &mut gx);
        assert_eq!(gx, [1.0, 1.0, 6.0, 6.0]);
    }
}
