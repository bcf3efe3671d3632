//! Losses: cross-entropy of rows of logits, the mean activity of rows of units, and their change in time.

use super::{Scalar, parallel};
use crate::error::{Result, of_sizes, require};

/// How the activity of units is measured.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The generalised mean `(mean |a|^p)^(1/p)`, with `p` from 1 on: the mean magnitude for 1, the root mean square for 2.
    Absolute(f64),
    /// The magnitude of the mean, `|mean a|`.
    Signed,
}

/// What a row of logits should answer: the class and the weight of the row; `None` for a row that does not count.
pub type RowTarget<E> = Option<(usize, E)>;

/// `ln sum exp x` of a row as the greatest `x` and what is above it, which keeps differences exact where all are large.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normaliser<E> {
    greatest: E,
    above: E,
}

impl<E: Scalar> Normaliser<E> {
    const fn new(greatest: E, above: E) -> Self {
        Normaliser { greatest, above }
    }

    fn of(row: &[E]) -> Self {
        let greatest = row.iter().fold(E::neg_infinity(), |m, &x| if x > m || x.is_nan() { x } else { m });
        let sum = row.iter().fold(E::zero(), |sum, &x| sum + (x - greatest).exp());
        Normaliser::new(greatest, sum.ln())
    }

    /// `-ln p` of a logit.
    fn surprise(self, x: E) -> E {
        (self.greatest - x) + self.above
    }

    /// `p` of a logit.
    fn probability(self, x: E) -> E {
        ((x - self.greatest) - self.above).exp()
    }
}

/// `y = weight (ln sum exp x - x[class])` for each row of `classes` logits, 0 where it does not count. Gives what
/// [`cross_entropy_backward`] needs.
pub(crate) fn cross_entropy<E: Scalar>(
    x: &[E],
    classes: usize,
    targets: &[RowTarget<E>],
    y: &mut [E],
) -> Vec<Normaliser<E>> {
    assert!(x.len() == classes * y.len() && targets.len() == y.len(), "cross-entropy: lengths");
    let mut normalisers = vec![Normaliser::new(E::zero(), E::zero()); y.len()];
    for (row, (target, (y, normaliser))) in targets.iter().zip(y.iter_mut().zip(&mut normalisers)).enumerate() {
        let x = &x[row * classes..][..classes];
        *y = match *target {
            Some((class, weight)) => {
                *normaliser = Normaliser::of(x);
                weight * normaliser.surprise(x[class])
            }
            None => E::zero(),
        };
    }
    normalisers
}

/// Adds the gradient of [`cross_entropy`], `gy weight (softmax x - one)` with a one at the class.
pub(crate) fn cross_entropy_backward<E: Scalar>(
    x: &[E],
    targets: &[RowTarget<E>],
    normalisers: &[Normaliser<E>],
    gy: &[E],
    gx: &mut [E],
) {
    assert!(x.len() == gx.len() && targets.len() == gy.len(), "cross-entropy backward: lengths");
    let Some(classes) = x.len().checked_div(gy.len()) else { return };
    parallel::planes(gx, classes, |first, gx| {
        for (i, gx) in gx.chunks_mut(classes).enumerate() {
            let row = first + i;
            let Some((class, weight)) = targets[row] else { continue };
            let (scale, normaliser) = (gy[row] * weight, normalisers[row]);
            for (gx, &x) in gx.iter_mut().zip(&x[row * classes..]) {
                *gx += scale * normaliser.probability(x);
            }
            gx[class] += -scale;
        }
    });
}

/// How active each row of `x` is.
pub(crate) fn activity<E: Scalar>(measure: Measure, x: &[E], y: &mut [E]) {
    assert!(x.len().checked_rem(y.len()).is_none_or(|rest| rest == 0), "activity: lengths");
    let Some(units) = x.len().checked_div(y.len()).filter(|&units| units > 0) else { return };
    parallel::planes(y, 1, |first, y| {
        for (y, row) in y.iter_mut().zip(x[first * units..].chunks(units)) {
            let mean = |f: &dyn Fn(f64) -> f64| row.iter().map(|&a| f(a.wide())).sum::<f64>() / units as f64;
            *y = E::narrow(match measure {
                Measure::Absolute(1.0) => mean(&f64::abs),
                Measure::Absolute(2.0) => mean(&|a| a * a).sqrt(),
                Measure::Absolute(p) => mean(&|a| a.abs().powf(p)).powf(1.0 / p),
                Measure::Signed => mean(&|a| a).abs(),
            });
        }
    });
}

/// Adds the gradient of [`activity`], whose result was `y`; none where a row is silent.
pub(crate) fn activity_backward<E: Scalar>(measure: Measure, x: &[E], y: &[E], gy: &[E], gx: &mut [E]) {
    assert!(x.len() == gx.len() && y.len() == gy.len(), "activity backward: lengths");
    let Some(units) = x.len().checked_div(y.len()).filter(|&units| units > 0) else { return };
    parallel::planes(gx, units, |first, gx| {
        for (i, gx) in gx.chunks_mut(units).enumerate() {
            let at = first + i;
            let (row, y) = (&x[at * units..][..units], y[at].wide());
            if y == 0.0 {
                continue;
            }
            let scale = gy[at].wide() / units as f64;
            let sign = |a: f64| if a == 0.0 { 0.0 } else { a.signum() };
            match measure {
                Measure::Absolute(1.0) => each(gx, row, |a| scale * sign(a)),
                Measure::Absolute(2.0) => each(gx, row, |a| scale * a / y),
                Measure::Absolute(p) => each(gx, row, |a| scale * sign(a) * (a.abs() / y).powf(p - 1.0)),
                Measure::Signed => {
                    let sum = row.iter().map(|a| a.wide()).sum::<f64>();
                    each(gx, row, |_| scale * sign(sum));
                }
            }
        }
    });
}

fn each<E: Scalar>(gx: &mut [E], row: &[E], gradient: impl Fn(f64) -> f64) {
    for (gx, a) in gx.iter_mut().zip(row) {
        *gx += E::narrow(gradient(a.wide()));
    }
}

/// For each of `y.len()` runs of `x`, the sum of `(x[t + 1] - x[t])^2` over its units and those steps `t` where `pairs[t]`
/// says so. A run has one step more than there are pairs.
pub(crate) fn change<E: Scalar>(pairs: &[bool], x: &[E], y: &mut [E]) {
    let Some(run) = run_length(pairs, x.len(), y.len()) else { return };
    let units = run / (pairs.len() + 1);
    parallel::planes(y, 1, |first, y| {
        for (y, run) in y.iter_mut().zip(x[first * run..].chunks(run)) {
            let sum = |t: usize| {
                let (now, next) = (&run[t * units..][..units], &run[(t + 1) * units..][..units]);
                now.iter().zip(next).map(|(&a, &b)| (b - a).wide().powi(2)).sum::<f64>()
            };
            *y = E::narrow((0..pairs.len()).filter(|&t| pairs[t]).map(sum).sum());
        }
    });
}

/// Adds the gradient of [`change`].
pub(crate) fn change_backward<E: Scalar>(pairs: &[bool], x: &[E], gy: &[E], gx: &mut [E]) {
    let Some(run) = run_length(pairs, x.len(), gy.len()) else { return };
    assert_eq!(x.len(), gx.len(), "change backward: lengths");
    let units = run / (pairs.len() + 1);
    let two = E::one() + E::one();
    parallel::planes(gx, run, |first, gx| {
        for (i, gx) in gx.chunks_mut(run).enumerate() {
            let (x, scale) = (&x[(first + i) * run..][..run], two * gy[first + i]);
            for t in (0..pairs.len()).filter(|&t| pairs[t]) {
                for u in t * units..(t + 1) * units {
                    let change = scale * (x[u + units] - x[u]);
                    gx[u + units] += change;
                    gx[u] += -change;
                }
            }
        }
    });
}

/// Checks that every target is one of the classes.
pub(crate) fn known<E: Scalar>(targets: &[RowTarget<E>], classes: usize) -> Result {
    let beyond = targets.iter().flatten().find(|(class, _)| *class >= classes).map(|(class, _)| *class);
    require(beyond.is_none(), "cross-entropy", || {
        format!("class {} is none of the {classes} that the logits have, counted from 0", beyond.unwrap_or(0))
    })
}

/// Checks that values are so many runs of a step more than there are pairs.
pub(crate) fn runs(pairs: &[bool], len: usize, runs: usize) -> Result {
    let run = len.checked_div(runs).unwrap_or(0);
    of_sizes("change in time", "the runs", len, &[runs, run])?;
    require(run.is_multiple_of(pairs.len() + 1), "change in time", || {
        format!("runs of {run} elements are not {} steps, one more than there are pairs", pairs.len() + 1)
    })
}

fn run_length(pairs: &[bool], len: usize, runs: usize) -> Option<usize> {
    let run = len.checked_div(runs).filter(|&run| run > 0)?;
    assert!(run * runs == len && run.is_multiple_of(pairs.len() + 1), "change in time: lengths");
    Some(run)
}
