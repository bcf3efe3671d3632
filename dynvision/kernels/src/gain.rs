//! Multiplicative integration: one signal scales another, `y = x (1 + tanh h)`.

use super::{Scalar, parallel};

/// `y = x (1 + tanh h)`.
pub(crate) fn forward<E: Scalar>(x: &[E], h: &[E], y: &mut [E]) {
    assert!(x.len() == y.len() && h.len() == y.len(), "gain: lengths");
    parallel::chunks(y, |at, y| {
        for ((y, &x), &h) in y.iter_mut().zip(&x[at..]).zip(&h[at..]) {
            *y = x * (E::one() + h.tanh());
        }
    });
}

/// `gx += gy (1 + tanh h)`, `gh += gy x (1 - tanh² h)`.
pub(crate) fn backward<E: Scalar>(x: &[E], h: &[E], gy: &[E], gx: Option<&mut [E]>, gh: Option<&mut [E]>) {
    assert!(x.len() == gy.len() && h.len() == gy.len(), "gain backward: lengths");
    if let Some(gx) = gx {
        assert_eq!(gx.len(), gy.len(), "gain backward: lengths");
        parallel::chunks(gx, |at, gx| {
            for ((gx, &gy), &h) in gx.iter_mut().zip(&gy[at..]).zip(&h[at..]) {
                *gx += gy * (E::one() + h.tanh());
            }
        });
    }
    if let Some(gh) = gh {
        assert_eq!(gh.len(), gy.len(), "gain backward: lengths");
        parallel::chunks(gh, |at, gh| {
            for (((gh, &gy), &h), &x) in gh.iter_mut().zip(&gy[at..]).zip(&h[at..]).zip(&x[at..]) {
                let t = h.tanh();
                *gh += gy * x * (E::one() - t * t);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_are_finite_differences() {
        let (x, h) = ([0.7f64, -1.3, 2.0], [0.1, -0.6, 1.4]);
        let f = |x: [f64; 3], h: [f64; 3]| {
            let mut y = [0.0; 3];
            forward(&x, &h, &mut y);
            y[0] + 2.0 * y[1] - 3.0 * y[2]
        };
        let (mut gx, mut gh) = ([1.0; 3], [1.0; 3]);
        backward(&x, &h, &[1.0, 2.0, -3.0], Some(&mut gx), Some(&mut gh));
        let eps = 1e-6;
        for i in 0..3 {
            let moved = |v: [f64; 3], by: f64| std::array::from_fn(|j| if i == j { v[j] + by } else { v[j] });
            let dx = (f(moved(x, eps), h) - f(moved(x, -eps), h)) / (2.0 * eps);
            let dh = (f(x, moved(h, eps)) - f(x, moved(h, -eps))) / (2.0 * eps);
            assert!((gx[i] - 1.0 - dx).abs() < 1e-8 && (gh[i] - 1.0 - dh).abs() < 1e-8);
        }
    }
}
