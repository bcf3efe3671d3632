//! The supralinear response of cortical neurons, `f(x) = k sign(x) max(|x|, 1e-6)^n` with `x` held within ±1e6.

use super::{Scalar, parallel};

const SMALLEST: f64 = 1e-6;
const LARGEST: f64 = 1e6;

/// `y = k sign(x) max(|x|, 1e-6)^n`, with `f(0) = 0`; `x` is held within ±1e6.
pub(crate) fn forward<E: Scalar>(k: E, n: E, x: &[E], y: &mut [E]) {
    assert_eq!(x.len(), y.len(), "supralinear: lengths");
    let (low, high) = (E::narrow(SMALLEST), E::narrow(LARGEST));
    parallel::chunks(y, |at, y| {
        for (y, &x) in y.iter_mut().zip(&x[at..]) {
            *y = if x == E::zero() { x } else { k * x.signum() * clamped(x.abs(), low, high).powf(n) };
        }
    });
}

/// `gx += gy k n |x|^(n-1)`; nothing passes where the forward function holds `x`.
pub(crate) fn backward<E: Scalar>(k: E, n: E, x: &[E], gy: &[E], gx: &mut [E]) {
    assert!(x.len() == gx.len() && gy.len() == gx.len(), "supralinear backward: lengths");
    parallel::chunks(gx, |at, gx| {
        for ((gx, &gy), &x) in gx.iter_mut().zip(&gy[at..]).zip(&x[at..]) {
            let size = x.abs();
            // compared as PyTorch does, in f64: the f32 next to 1e-6 is below it
            if !(size.wide() < SMALLEST || size.wide() > LARGEST) {
                *gx += gy * k * n * size.powf(n - E::one());
            }
        }
    });
}

/// `size` within `low..=high`; NaN stays NaN, unlike with `max` and `min`.
fn clamped<E: Scalar>(size: E, low: E, high: E) -> E {
    if size < low {
        low
    } else if size > high {
        high
    } else {
        size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f(k: f64, n: f64, x: f64) -> f64 {
        let mut y = [f64::NAN];
        forward(k, n, &[x], &mut y);
        y[0]
    }

    #[test]
    fn values_follow_the_equation() {
        assert_eq!(f(0.8, 2.0, 0.0), 0.0);
        assert!((f(0.8, 1.2, -3.0) + 0.8 * 3f64.powf(1.2)).abs() < 1e-12);
        assert_eq!(f(0.8, 2.0, 1e-9), 0.8 * 1e-6f64.powf(2.0));
        assert_eq!(f(0.8, 1.0, -1e9), -0.8e6);
        assert!(f(0.8, 1.2, f64::NAN).is_nan());
    }

    #[test]
    fn gradient_is_a_finite_difference_and_stops_at_the_clamps() {
        for x in [-2.5, -0.3, 0.4, 7.0] {
            let mut gx = [1.0];
            backward(0.8, 1.7, &[x], &[2.0], &mut gx);
            let want = 2.0 * (f(0.8, 1.7, x + 1e-6) - f(0.8, 1.7, x - 1e-6)) / 2e-6;
            assert!((gx[0] - 1.0 - want).abs() < 1e-7);
        }
        let mut gx = [0.0; 4];
        backward(0.8, 1.7, &[0.0, 1e-9, -2e6, 3e6], &[1.0; 4], &mut gx);
        assert_eq!(gx, [0.0; 4]);
    }
}
