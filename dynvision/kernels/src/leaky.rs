//! One Euler step of a leaky integrator, fused with its ReLU: `y = h + rate (x - h)`, `rate = dt / tau`. It is an operation of its
//! own, or the last thing that is done to the output of a convolution.

use super::elementwise::{counted, passed, rectify};
use super::isa::{self, compiled_for};
use super::{Scalar, parallel};
use crate::error::{Result, of_one_length};

/// One step of a leaky integrator, which turns its drive `x` into `h + rate (x - h)`, and that into `max(.., 0)` if `relu`.
///
/// # Shapes
/// `h` is as long as the drive.
///
/// ```
/// use dynvision_kernels::conv::{Accumulate, Filter, WeightCache};
/// use dynvision_kernels::geometry::{Conv, Window};
/// use dynvision_kernels::{Kernels, leaky::Step};
/// let (conv, cache) = (Conv::new(Window::POINT), WeightCache::default());
/// let filter = Filter { conv: &conv, w: &[2.0f32], wd: [1; 4], bias: None, cache: &cache };
/// let (xd, step) = ([1, 1, 1, 2], Step { rate: 0.5, h: Some(&[4.0, 4.0]), relu: true });
/// let mut y = [0.0; 2];
/// f32::conv2d_leaky(filter, &[3.0, -9.0], xd, &mut y, xd, Accumulate::Nothing, step)?;
/// assert_eq!(y, [5.0, 0.0]); // half way from 4 to 6, and to -18
/// # Ok::<(), dynvision_kernels::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step<'a, E> {
    /// How far the state goes towards the drive, `dt / tau`.
    pub rate: E,
    /// The state; an absent one is zero.
    pub h: Option<&'a [E]>,
    /// Whether the new state is rectified.
    pub relu: bool,
}

impl<'a, E: Scalar> Step<'a, E> {
    /// Refuses a state that is not as long as the drive.
    pub(crate) fn check(self, drive: usize) -> Result {
        of_one_length("leaky step", [("the input", drive), ("the state", self.h.map_or(drive, <[_]>::len))])
    }

    /// Takes the step with a part of the drive, `x`, which begins with its number `start`.
    pub(crate) fn part(self, start: usize, x: &mut [E]) {
        compiled_for(
            isa::current(),
            #[inline(always)]
            || self.part_here(start, x),
        );
    }

    /// [`part`](Step::part), compiled for what its caller is compiled for.
    #[inline(always)]
    pub(crate) fn part_here(self, start: usize, x: &mut [E]) {
        let Step { rate, h, relu } = self;
        match (h.map(|h| &h[start..][..x.len()]), relu) {
            (Some(h), true) => x.iter_mut().zip(h).for_each(|(x, &h)| *x = rectify(h + rate * (*x - h))),
            (Some(h), false) => x.iter_mut().zip(h).for_each(|(x, &h)| *x = h + rate * (*x - h)),
            (None, true) => x.iter_mut().for_each(|x| *x = rectify(E::zero() + rate * *x)),
            (None, false) => x.iter_mut().for_each(|x| *x = E::zero() + rate * *x),
        }
    }

    pub(crate) fn as_f32(self) -> Option<Step<'a, f32>> {
        let h = match self.h {
            Some(h) => Some(E::as_f32(h)?),
            None => None,
        };
        Some(Step { rate: *E::as_f32(&[self.rate])?.first()?, h, relu: self.relu })
    }
}

/// Takes the step with all of the drive, in place.
pub(crate) fn forward<E: Scalar>(step: Step<'_, E>, x: &mut [E]) {
    assert!(step.h.is_none_or(|h| h.len() == x.len()), "leaky: lengths");
    parallel::chunks(x, |start, x| step.part(start, x));
}

/// From the gradient `g` of [`forward`]'s output to that of its drive, in place: `rate g`, and `gh += (1 - rate) g`.
/// `y` is the output of a rectified step: nothing passes where it is not positive. Nothing passes either where `g` is so
/// small that what is made of it would be subnormal.
pub(crate) fn backward<E: Scalar>(rate: E, y: Option<&[E]>, g: &mut [E], gh: Option<&mut [E]>) {
    assert!(y.is_none_or(|y| y.len() == g.len()), "leaky backward: lengths");
    let (keep, isa) = (E::one() - rate, isa::current());
    match (y, gh) {
        (Some(y), Some(gh)) => parallel::chunks_of_two(g, gh, |at, g, gh| {
            compiled_for(
                isa,
                #[inline(always)]
                || {
                    for ((g, gh), &y) in g.iter_mut().zip(gh).zip(&y[at..]) {
                        let open = passed(y, *g);
                        *gh += keep * open;
                        *g = rate * open;
                    }
                },
            );
        }),
        (None, Some(gh)) => parallel::chunks_of_two(g, gh, |_, g, gh| {
            for (g, gh) in g.iter_mut().zip(gh) {
                let open = counted(*g);
                *gh += keep * open;
                *g = rate * open;
            }
        }),
        (Some(y), None) => parallel::chunks(g, |at, g| {
            g.iter_mut().zip(&y[at..]).for_each(|(g, &y)| *g = rate * passed(y, *g));
        }),
        (None, None) => parallel::chunks(g, |_, g| g.iter_mut().for_each(|g| *g = rate * counted(*g))),
    }
}

/// The gradient of the rate: the sum of `gy (x - h)` where `y`, the output of a rectified step, is positive.
pub(crate) fn backward_rate<E: Scalar>(x: &[E], h: Option<&[E]>, y: Option<&[E]>, gy: &[E]) -> E {
    let fits = |s: &[E]| s.len() == gy.len();
    assert!(fits(x) && h.is_none_or(fits) && y.is_none_or(fits), "leaky backward: lengths");
    let along = |signal: &[E]| {
        parallel::sum(gy.len(), |from, to| match y {
            Some(y) => {
                let terms = signal[from..to].iter().zip(&y[from..to]).zip(&gy[from..to]);
                terms.map(|((&signal, &y), &gy)| passed(y, gy).wide() * signal.wide()).sum()
            }
            None => signal[from..to].iter().zip(&gy[from..to]).map(|(&signal, &gy)| gy.wide() * signal.wide()).sum(),
        })
    };
    E::narrow(along(x) - h.map_or(0.0, along))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sequence(len: usize, seed: u64) -> Vec<f64> {
        (0..len).map(|i| ((i as u64 * 2654435761 + seed * 40503) % 2003) as f64 / 1001.0 - 1.0).collect()
    }

    fn objective(rate: f64, x: &[f64], h: Option<&[f64]>, gy: &[f64], relu: bool) -> f64 {
        let mut y = x.to_vec();
        forward(Step { rate, h, relu }, &mut y);
        y.iter().zip(gy).map(|(y, g)| y * g).sum()
    }

    proptest! {
        #[test]
        fn agrees_with_closed_form_and_differences(
            len in 1usize..40, rate in 0.05f64..1.0, seed in 0u64..999, relu: bool, with_h: bool,
        ) {
            let (x, h, gy) = (sequence(len, seed), sequence(len, seed + 1), sequence(len, seed + 2));
            let h = with_h.then_some(&h[..]);
            let state = |i: usize| h.map_or(0.0, |h| h[i]);
            let mut y = x.clone();
            forward(Step { rate, h, relu }, &mut y);
            let rectified = relu.then_some(&y[..]);
            let (mut g, mut gh) = (gy.clone(), vec![2.0; len]);
            let slope = backward_rate(&x, h, rectified, &gy);
            backward(rate, rectified, &mut g, Some(&mut gh));
            let mut alone = gy.clone();
            backward(rate, rectified, &mut alone, None);
            prop_assert_eq!(&g, &alone);
            let mut exact = 0.0;
            for i in 0..len {
                let linear = (1.0 - rate) * state(i) + rate * x[i];
                let open = !relu || linear > 0.0;
                let expected = if open { linear } else { 0.0 };
                prop_assert!((y[i] - expected).abs() < 1e-12);
                let masked = if open { gy[i] } else { 0.0 };
                prop_assert!((g[i] - rate * masked).abs() < 1e-12);
                prop_assert!((gh[i] - 2.0 - (1.0 - rate) * masked).abs() < 1e-12);
                exact += masked * (x[i] - state(i));
            }
            prop_assert!((slope - exact).abs() < 1e-10);
            let eps = 1e-7;
            let difference = (objective(rate + eps, &x, h, &gy, relu) - objective(rate - eps, &x, h, &gy, relu)) / (2.0 * eps);
            prop_assert!(y.iter().any(|y| y.abs() < 1e-6) || (slope - difference).abs() < 1e-5);
        }
    }
}
