//! One Euler step of a leaky integrator, fused with its ReLU: `y = h + rate (x - h)`, `rate = dt / tau`.

use super::elementwise::{passed, rectify};
use super::{Scalar, parallel};

/// `y = h + rate (x - h)`, then ReLU if `relu`. An absent drive `x` or state `h` is zero.
pub fn forward<E: Scalar>(rate: E, x: Option<&[E]>, h: Option<&[E]>, y: &mut [E], relu: bool) {
    same_length(y.len(), [x, h]);
    if relu {
        step(x, h, y, |x, h| rectify(h + rate * (x - h)));
    } else {
        step(x, h, y, |x, h| h + rate * (x - h));
    }
}

/// The gradients of [`forward`], where `y` is its output: with `g = gy` (masked by `y > 0` if `relu`), `gx += rate g`,
/// `gh += (1 - rate) g`. Returns the gradient of `rate`, the sum of `g (x - h)`.
#[allow(clippy::too_many_arguments)]
pub fn backward<E: Scalar>(
    rate: E,
    x: Option<&[E]>,
    h: Option<&[E]>,
    y: &[E],
    gy: &[E],
    gx: Option<&mut [E]>,
    gh: Option<&mut [E]>,
    relu: bool,
) -> E {
    same_length(gy.len(), [x, h, Some(y), gx.as_deref(), gh.as_deref()]);
    // A linear step is the rectified one whose output was positive everywhere: it reads `gy` in the place of `y` and
    // never looks at it.
    if relu {
        spread(rate, y, gy, gx, gh, passed);
        slope(x, h, y, gy, passed)
    } else {
        spread(rate, gy, gy, gx, gh, |_, gy| gy);
        slope(x, h, gy, gy, |_, gy| gy)
    }
}

fn same_length<E, const N: usize>(len: usize, slices: [Option<&[E]>; N]) {
    assert!(slices.iter().flatten().all(|s| s.len() == len), "leaky: lengths");
}

fn step<E: Scalar>(x: Option<&[E]>, h: Option<&[E]>, y: &mut [E], f: impl Fn(E, E) -> E + Sync) {
    let zero = E::zero();
    parallel::chunks(y, |at, y| match (x, h) {
        (Some(x), Some(h)) => {
            for ((y, &x), &h) in y.iter_mut().zip(&x[at..]).zip(&h[at..]) {
                *y = f(x, h);
            }
        }
        (Some(x), None) => y.iter_mut().zip(&x[at..]).for_each(|(y, &x)| *y = f(x, zero)),
        (None, Some(h)) => y.iter_mut().zip(&h[at..]).for_each(|(y, &h)| *y = f(zero, h)),
        (None, None) => y.fill(f(zero, zero)),
    });
}

fn spread<E: Scalar>(
    rate: E,
    y: &[E],
    gy: &[E],
    gx: Option<&mut [E]>,
    gh: Option<&mut [E]>,
    mask: impl Fn(E, E) -> E + Sync,
) {
    for (scale, into) in [(rate, gx), (E::one() - rate, gh)] {
        let Some(into) = into else { continue };
        parallel::chunks(into, |at, into| {
            for ((into, &y), &gy) in into.iter_mut().zip(&y[at..]).zip(&gy[at..]) {
                *into += scale * mask(y, gy);
            }
        });
    }
}

fn slope<E: Scalar>(x: Option<&[E]>, h: Option<&[E]>, y: &[E], gy: &[E], mask: impl Fn(E, E) -> E + Sync) -> E {
    let along = |signal: Option<&[E]>| {
        signal.map_or(0.0, |signal| {
            parallel::sum(gy.len(), |from, to| {
                let terms = signal[from..to].iter().zip(&y[from..to]).zip(&gy[from..to]);
                terms.map(|((&signal, &y), &gy)| mask(y, gy).wide() * signal.wide()).sum()
            })
        })
    };
    E::narrow(along(x) - along(h))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sequence(len: usize, seed: u64) -> Vec<f64> {
        (0..len).map(|i| ((i as u64 * 2654435761 + seed * 40503) % 2003) as f64 / 1001.0 - 1.0).collect()
    }

    fn objective(rate: f64, x: Option<&[f64]>, h: Option<&[f64]>, gy: &[f64], relu: bool) -> f64 {
        let mut y = vec![f64::NAN; gy.len()];
        forward(rate, x, h, &mut y, relu);
        y.iter().zip(gy).map(|(y, g)| y * g).sum()
    }

    proptest! {
        #[test]
        fn agrees_with_closed_form_and_differences(
            len in 1usize..40, rate in 0.05f64..1.0, seed in 0u64..999, relu: bool, with_x: bool, with_h: bool,
        ) {
            let (x, h, gy) = (sequence(len, seed), sequence(len, seed + 1), sequence(len, seed + 2));
            let (x, h) = (with_x.then_some(&x[..]), with_h.then_some(&h[..]));
            let at = |s: Option<&[f64]>, i: usize| s.map_or(0.0, |s| s[i]);
            let mut y = vec![f64::NAN; len];
            forward(rate, x, h, &mut y, relu);
            let (mut gx, mut gh) = (vec![1.0; len], vec![2.0; len]);
            let slope = backward(rate, x, h, &y, &gy, Some(&mut gx), Some(&mut gh), relu);
            let mut exact = 0.0;
            for i in 0..len {
                let linear = (1.0 - rate) * at(h, i) + rate * at(x, i);
                let open = !relu || linear > 0.0;
                let want = if open { linear } else { 0.0 };
                prop_assert!((y[i] - want).abs() < 1e-12);
                let g = if open { gy[i] } else { 0.0 };
                prop_assert!((gx[i] - 1.0 - rate * g).abs() < 1e-12);
                prop_assert!((gh[i] - 2.0 - (1.0 - rate) * g).abs() < 1e-12);
                exact += g * (at(x, i) - at(h, i));
            }
            prop_assert!((slope - exact).abs() < 1e-10);
            let eps = 1e-7;
            let difference = (objective(rate + eps, x, h, &gy, relu) - objective(rate - eps, x, h, &gy, relu)) / (2.0 * eps);
            prop_assert!(y.iter().any(|y| y.abs() < 1e-6) || (slope - difference).abs() < 1e-5);
        }
    }
}
