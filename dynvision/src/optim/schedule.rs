//! Learning rates over the course of a training, as pure functions of the step, and for a plateau of the metrics so far.

use super::{OptimError, Plateau};
use std::f64::consts::PI;

/// How the learning rate changes. What a step is, an update or an epoch, is for the caller to choose.
///
/// Lengths count steps from 0; floors and starts are parts of the full rate `b`, so that groups keep their proportions. With
/// step `e`, and `cos(a -> b, x) = b + (a - b) (1 + cos(pi x)) / 2`:
///
/// | schedule | rate |
/// |---|---|
/// | [`Step`](Schedule::Step), [`MultiStep`](Schedule::MultiStep), [`Exponential`](Schedule::Exponential) | `b factor^n`, `n = floor(e / every)`, the steps of `at` up to `e`, `e` |
/// | [`Linear`](Schedule::Linear) | `b (start + (end - start) min(e, steps) / steps)` |
/// | [`Cosine`](Schedule::Cosine), [`CosineAnnealing`](Schedule::CosineAnnealing) | `b cos(1 -> floor, e / steps)` |
/// | [`WarmRestarts`](Schedule::WarmRestarts) | the same in each period, with the step in it and its length |
/// | [`WarmupCosine`](Schedule::WarmupCosine) | `b (start + (1 - start) e / (warmup - 1))`, then `b cos(1 -> floor, (e - warmup) / (steps - warmup))` |
/// | [`OneCycle`](Schedule::OneCycle) | `b cos(1/div_factor -> 1, ..)`, then `b cos(1 -> 1/(div_factor final_div_factor), ..)` |
/// | [`Plateau`](Schedule::Plateau) | `b factor^n`, `n` times without progress |
///
/// ```
/// use dynvision::optim::Schedule;
/// let schedule: Schedule = toml::from_str("kind = \"step\"\nevery = 10\nfactor = 0.1")?;
/// assert_eq!(schedule.lr(0.5, 9), 0.5);
/// assert_eq!(schedule.lr(0.5, 10), 0.05);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Schedule {
    /// Always the same.
    #[default]
    Constant,
    /// Multiplied by `factor` after every `every` steps.
    Step {
        /// Number of steps of one rate.
        #[serde(serialize_with = "crate::file::count::serialize")]
        every: u64,
        /// By what the rate is multiplied.
        factor: f64,
    },
    /// Multiplied by `factor` at each of some steps; a step that is named twice multiplies twice.
    #[serde(rename = "multistep")]
    MultiStep {
        /// The steps.
        #[serde(serialize_with = "crate::file::count::serialize_each")]
        at: Vec<u64>,
        /// By what the rate is multiplied.
        factor: f64,
    },
    /// Multiplied by `factor` after every step.
    Exponential {
        /// By what the rate is multiplied.
        factor: f64,
    },
    /// Evenly from `start` to `end` over `steps` steps, and `end` from there on.
    Linear {
        /// The first rate, as a part of the full one.
        start: f64,
        /// The last rate, as a part of the full one.
        end: f64,
        /// Number of steps until the end.
        #[serde(serialize_with = "crate::file::count::serialize")]
        steps: u64,
    },
    /// Half a cosine from 1 down to `floor` over `steps` steps, and `floor` from there on
    /// ([Loshchilov and Hutter 2017](https://arxiv.org/abs/1608.03983), without restarts).
    Cosine {
        /// Number of steps until the end.
        #[serde(serialize_with = "crate::file::count::serialize")]
        steps: u64,
        /// The last rate, as a part of the first.
        #[serde(default)]
        floor: f64,
    },
    /// Falls as the one before, but rises again after `steps` steps as the cosine does, and so on: the original's default, which is
    /// PyTorch's `CosineAnnealingLR`.
    CosineAnnealing {
        /// Number of steps until the lowest rate, `T_max`.
        #[serde(serialize_with = "crate::file::count::serialize")]
        steps: u64,
        /// The lowest rate, as a part of the first.
        #[serde(default)]
        floor: f64,
    },
    /// Half a cosine again and again, each `multiply` times as long as the one before
    /// ([Loshchilov and Hutter 2017](https://arxiv.org/abs/1608.03983)).
    WarmRestarts {
        /// Number of steps of the first, `T_0`.
        #[serde(serialize_with = "crate::file::count::serialize")]
        first: u64,
        /// By what the length is multiplied, `T_mult`.
        #[serde(default = "one", serialize_with = "crate::file::count::serialize")]
        multiply: u64,
        /// The lowest rate, as a part of the first.
        #[serde(default)]
        floor: f64,
    },
    /// Rises evenly over the first `warmup` steps, whose last has the full rate, then falls as a cosine until step `steps`
    /// in all.
    WarmupCosine {
        /// Number of steps of the rise.
        #[serde(serialize_with = "crate::file::count::serialize")]
        warmup: u64,
        /// Number of steps until the end, the rise included.
        #[serde(serialize_with = "crate::file::count::serialize")]
        steps: u64,
        /// The rate of the first step, as a part of the full one; if it is not given, `1 / warmup`, by which the rise begins as
        /// if from 0 at a step before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        start: Option<f64>,
        /// The last rate, as a part of the full one.
        #[serde(default)]
        floor: f64,
    },
    /// A cosine up to the full rate, which is the greatest, and a longer one far down
    /// ([Smith and Topin 2018](https://arxiv.org/abs/1708.07120)); the last rate from there on.
    OneCycle {
        /// Number of steps in all.
        #[serde(serialize_with = "crate::file::count::serialize")]
        steps: u64,
        /// The part of the steps in which the rate rises.
        #[serde(default = "pct_start")]
        pct_start: f64,
        /// The first rate is the greatest divided by this.
        #[serde(default = "div_factor")]
        div_factor: f64,
        /// The last rate is the first divided by this.
        #[serde(default = "final_div_factor")]
        final_div_factor: f64,
    },
    /// Multiplied when a metric no longer gets better.
    Plateau(Plateau),
}

const fn one() -> u64 {
    1
}

const fn pct_start() -> f64 {
    0.3
}

const fn div_factor() -> f64 {
    25.0
}

const fn final_div_factor() -> f64 {
    1e4
}

impl Schedule {
    /// The learning rate at a step, from 0, where `lr` is the full one.
    pub fn lr(&self, lr: f64, step: u64) -> f64 {
        lr * self.factor(step)
    }

    /// By what the learning rate is multiplied at a step, from 0. A plateau's is 1, since it depends on no step: see
    /// [`Plateau::factor`].
    pub fn factor(&self, step: u64) -> f64 {
        match *self {
            Schedule::Constant | Schedule::Plateau(_) => 1.0,
            Schedule::Step { every, factor } => factor.powf((step / every.max(1)) as f64),
            Schedule::MultiStep { ref at, factor } => {
                factor.powf(at.iter().filter(|&&milestone| milestone <= step).count() as f64)
            }
            Schedule::Exponential { factor } => factor.powf(step as f64),
            Schedule::Linear { start, end, steps } => {
                start + (end - start) * step.min(steps) as f64 / steps.max(1) as f64
            }
            Schedule::Cosine { steps, floor } => cosine(step, steps, floor),
            Schedule::CosineAnnealing { steps, floor } => {
                // the same angle within one period, where it is exact
                let (steps, period) = (steps.max(1), steps.max(1).saturating_mul(2));
                anneal(1.0, floor, (step % period) as f64 / steps as f64)
            }
            Schedule::WarmRestarts { first, multiply, floor } => {
                let (step, length) = in_period(step, first.max(1), multiply.max(1));
                anneal(1.0, floor, step as f64 / length as f64)
            }
            Schedule::WarmupCosine { warmup, start, .. } if step < warmup => {
                let start = start.unwrap_or(1.0 / warmup as f64);
                match warmup {
                    1 => start,
                    _ => start + (1.0 - start) * step as f64 / (warmup - 1) as f64,
                }
            }
            Schedule::WarmupCosine { warmup, steps, floor, .. } => {
                cosine(step - warmup, steps.saturating_sub(warmup), floor)
            }
            Schedule::OneCycle { steps, pct_start, div_factor, final_div_factor } => {
                let (first, last) = (1.0 / div_factor, 1.0 / (div_factor * final_div_factor));
                let end = steps.saturating_sub(1);
                let (step, end, top) = (step.min(end) as f64, end as f64, pct_start * steps as f64 - 1.0);
                if step < top {
                    anneal(first, 1.0, step / top)
                } else if end > top {
                    anneal(1.0, last, (step - top) / (end - top))
                } else {
                    1.0
                }
            }
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// A length of 0, a rise that is not over before the end, a factor or floor out of its range.
    pub fn check(&self) -> Result<(), OptimError> {
        let length = |name, steps: u64| match steps {
            0 => Err(OptimError::setting(name, 0, "at least 1 step")),
            _ => Ok(()),
        };
        let part = |name, part: f64| match (0.0..=1.0).contains(&part) {
            true => Ok(()),
            false => Err(OptimError::setting(name, part, "a part of the full learning rate, from 0 to 1")),
        };
        let factor = |name, factor: f64| match factor.is_finite() && factor >= 0.0 {
            true => Ok(()),
            false => Err(OptimError::setting(name, factor, "a finite number, not negative")),
        };
        let divisor = |name, divisor: f64| match divisor.is_finite() && divisor >= 1.0 {
            true => Ok(()),
            false => Err(OptimError::setting(name, divisor, "a finite number, at least 1")),
        };
        match *self {
            Schedule::Constant => Ok(()),
            Schedule::Step { every, factor: by } => length("every", every).and(factor("factor", by)),
            Schedule::MultiStep { factor: by, .. } | Schedule::Exponential { factor: by } => factor("factor", by),
            Schedule::Linear { start, end, steps } => {
                length("steps", steps).and(factor("start", start)).and(factor("end", end))
            }
            Schedule::Cosine { steps, floor } | Schedule::CosineAnnealing { steps, floor } => {
                length("steps", steps).and(part("floor", floor))
            }
            Schedule::WarmRestarts { first, multiply, floor } => {
                length("first", first).and(length("multiply", multiply)).and(part("floor", floor))
            }
            Schedule::WarmupCosine { warmup, steps, .. } if warmup >= steps => {
                Err(OptimError::setting("warmup", warmup, "fewer steps than `steps`, which includes them"))
            }
            Schedule::WarmupCosine { start, floor, .. } => {
                part("start", start.unwrap_or(0.0)).and(part("floor", floor))
            }
            Schedule::OneCycle { steps, pct_start, div_factor, final_div_factor } => {
                let share = match (0.0..=1.0).contains(&pct_start) {
                    true => Ok(()),
                    false => Err(OptimError::setting("pct_start", pct_start, "a part of the steps, from 0 to 1")),
                };
                let divisors = divisor("div_factor", div_factor).and(divisor("final_div_factor", final_div_factor));
                length("steps", steps).and(share).and(divisors)
            }
            Schedule::Plateau(ref plateau) => plateau.check(),
        }
    }
}

/// Half a cosine from `start` at 0 to `end` at 1.
fn anneal(start: f64, end: f64, at: f64) -> f64 {
    end + (start - end) * 0.5 * (1.0 + (PI * at).cos())
}

fn cosine(step: u64, steps: u64, floor: f64) -> f64 {
    if step >= steps {
        return floor;
    }
    anneal(1.0, floor, step as f64 / steps as f64)
}

/// The step in its period, and the period's length, where each is so many times as long as the one before.
fn in_period(step: u64, first: u64, multiply: u64) -> (u64, u64) {
    if multiply == 1 {
        return (step % first, first);
    }
    let (mut rest, mut length) = (step, first);
    while rest >= length {
        rest -= length;
        length = length.saturating_mul(multiply);
    }
    (rest, length)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    /// PyTorch reckons each rate from the one before.
    #[test]
    fn cosine_is_that_of_the_recursive_form() {
        let (lr, floor, steps) = (0.3, 0.03, 50);
        let schedule = Schedule::Cosine { steps, floor: floor / lr };
        let mut expected = lr;
        for step in 1..steps {
            let part = |step: u64| 1.0 + (PI * step as f64 / steps as f64).cos();
            expected = part(step) / part(step - 1) * (expected - floor) + floor;
            assert!((schedule.lr(lr, step) - expected).abs() < 1e-12);
        }
        assert_eq!(schedule.lr(lr, 0), lr);
        for step in [steps, steps + 1, u64::MAX] {
            assert!((schedule.lr(lr, step) - floor).abs() < 1e-15);
        }
    }

    #[test]
    fn steps_multiply() {
        let schedule = Schedule::Step { every: 3, factor: 0.5 };
        assert_eq!((0..8).map(|step| schedule.lr(8.0, step)).collect::<Vec<_>>(), [8., 8., 8., 4., 4., 4., 2., 2.]);
        assert_eq!(Schedule::Constant.lr(8.0, u64::MAX), 8.0);
    }

    #[test]
    fn the_rise_ends_where_the_cosine_begins() {
        let schedule = Schedule::WarmupCosine { warmup: 4, steps: 24, start: None, floor: 0.0 };
        assert_eq!((0..5).map(|step| schedule.factor(step)).collect::<Vec<_>>(), [0.25, 0.5, 0.75, 1.0, 1.0]);
        let cosine = Schedule::Cosine { steps: 20, floor: 0.0 };
        assert!((4..40).all(|step| schedule.factor(step) == cosine.factor(step - 4)));
    }

    #[test]
    fn a_start_that_is_given_is_the_first_rate() {
        let schedule = Schedule::WarmupCosine { warmup: 5, steps: 9, start: Some(0.2), floor: 0.1 };
        let expected = [0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 0.1 + 0.45 * (1.0 + 0.5f64.sqrt()), 0.55];
        for (step, expected) in expected.into_iter().enumerate() {
            assert!((schedule.factor(step as u64) - expected).abs() < 1e-15, "{step}");
        }
        let one = Schedule::WarmupCosine { warmup: 1, steps: 9, start: Some(0.2), floor: 0.1 };
        assert_eq!((one.factor(0), one.factor(1), one.factor(9)), (0.2, 1.0, 0.1));
    }

    #[test]
    fn named_steps_multiply() {
        let schedule = Schedule::MultiStep { at: vec![2, 5, 5], factor: 0.5 };
        assert_eq!((0..7).map(|step| schedule.lr(8.0, step)).collect::<Vec<_>>(), [8., 8., 4., 4., 4., 1., 1.]);
    }

    /// Against PyTorch's closed form by logarithms.
    #[test]
    fn restarts_are_those_of_the_closed_form() {
        let floor = 0.1;
        for (first, multiply) in [(5u64, 1u64), (3, 2), (2, 3)] {
            let schedule = Schedule::WarmRestarts { first, multiply, floor };
            for step in 0..200u64 {
                let (e, t0, m) = (step as f64, first as f64, multiply as f64);
                let (at, length) = if multiply == 1 {
                    (e % t0, t0)
                } else {
                    // a little more, since logarithms of exact powers fall below whole numbers
                    let n = (((e / t0) * (m - 1.0) + 1.0).ln() / m.ln() + 1e-9).floor();
                    (e - t0 * (m.powf(n) - 1.0) / (m - 1.0), t0 * m.powf(n))
                };
                let expected = floor + (1.0 - floor) * (1.0 + (PI * at / length).cos()) / 2.0;
                assert!((schedule.factor(step) - expected).abs() < 1e-12, "{first} {multiply} {step}");
            }
        }
    }

    /// The rates of PyTorch 2.15, from 0.5 on.
    #[test]
    fn rates_are_those_that_pytorch_gives() {
        let cycle = |steps, pct_start, div_factor, final_div_factor| Schedule::OneCycle {
            steps,
            pct_start,
            div_factor,
            final_div_factor,
        };
        let all: [(Schedule, &[f64]); 5] = [
            (
                cycle(13, 0.25, 10.0, 100.0),
                &[
                    0.05,
                    0.235929160025,
                    0.486430839677,
                    0.492742718902,
                    0.461336223865,
                    0.408203232555,
                    0.338812570539,
                    0.260306418542,
                    0.180765188387,
                    0.108375829504,
                    0.05058916984,
                    0.013353023624,
                ],
            ),
            (
                cycle(10, 0.3, 25.0, 1e4),
                &[
                    0.02,
                    0.26,
                    0.5,
                    0.475242316007,
                    0.405872826975,
                    0.305631010968,
                    0.194370989032,
                    0.094129173025,
                    0.024759683993,
                    2e-6,
                ],
            ),
            (Schedule::Linear { start: 0.2, end: 0.9, steps: 4 }, &[0.1, 0.1875, 0.275, 0.3625, 0.45, 0.45, 0.45]),
            (
                Schedule::CosineAnnealing { steps: 4, floor: 0.1 },
                &[
                    0.5,
                    0.434099025767,
                    0.275,
                    0.115900974233,
                    0.05,
                    0.115900974233,
                    0.275,
                    0.434099025767,
                    0.5,
                    0.434099025767,
                ],
            ),
            (
                Schedule::WarmRestarts { first: 3, multiply: 2, floor: 0.1 },
                &[0.5, 0.3875, 0.1625, 0.5, 0.469855715851, 0.3875, 0.275, 0.1625, 0.080144284149, 0.5, 0.492333310915],
            ),
        ];
        for (schedule, rates) in all {
            for (step, rate) in rates.iter().enumerate() {
                assert!((schedule.lr(0.5, step as u64) - rate).abs() < 1e-11, "{schedule:?}: {step}");
            }
        }
    }

    #[test]
    fn a_cycle_of_any_length_is_finite_and_ends_at_its_last_rate() {
        for steps in 1..60 {
            for pct_start in [0.0, 0.1, 0.3, 0.5, 1.0] {
                let schedule = Schedule::OneCycle { steps, pct_start, div_factor: 4.0, final_div_factor: 10.0 };
                let factors: Vec<f64> = (0..steps + 3).map(|step| schedule.factor(step)).collect();
                assert!(factors.iter().all(|factor| (0.0249..=1.0).contains(factor)), "{schedule:?}: {factors:?}");
                let end = if pct_start == 1.0 { 1.0 } else { 0.025 };
                assert!((factors[steps as usize - 1] - end).abs() < 1e-12, "{schedule:?}: {factors:?}");
                assert_eq!(factors[steps as usize - 1], factors[steps as usize + 2]);
            }
        }
    }

    #[test]
    fn wrong_settings_are_refused_and_never_panic() {
        for schedule in [
            Schedule::Step { every: 0, factor: 0.5 },
            Schedule::Step { every: 1, factor: f64::NAN },
            Schedule::Cosine { steps: 0, floor: 0.0 },
            Schedule::Cosine { steps: 1, floor: 2.0 },
            Schedule::CosineAnnealing { steps: 0, floor: 0.0 },
            Schedule::MultiStep { at: vec![1], factor: -1.0 },
            Schedule::Exponential { factor: f64::INFINITY },
            Schedule::Linear { start: 0.0, end: 1.0, steps: 0 },
            Schedule::Linear { start: -1.0, end: 1.0, steps: 3 },
            Schedule::WarmRestarts { first: 0, multiply: 1, floor: 0.0 },
            Schedule::WarmRestarts { first: 1, multiply: 0, floor: 0.0 },
            Schedule::OneCycle { steps: 0, pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4 },
            Schedule::OneCycle { steps: 9, pct_start: 1.3, div_factor: 25.0, final_div_factor: 1e4 },
            Schedule::OneCycle { steps: 9, pct_start: 0.3, div_factor: 0.0, final_div_factor: 1e4 },
            Schedule::WarmupCosine { warmup: 2, steps: 5, start: Some(2.0), floor: 0.0 },
            Schedule::Plateau(Plateau { factor: 1.5, ..Default::default() }),
            Schedule::WarmupCosine { warmup: 5, steps: 5, start: None, floor: 0.0 },
            Schedule::WarmupCosine { warmup: 1, steps: 5, start: None, floor: -0.1 },
        ] {
            assert!(schedule.check().is_err(), "{schedule:?}");
            let _ = [0, 1, 7, u64::MAX].map(|step| schedule.factor(step));
        }
        Schedule::WarmupCosine { warmup: 0, steps: 5, start: None, floor: 0.1 }.check().unwrap();
    }

    #[test]
    fn schedules_are_read_from_a_configuration() {
        let read: Schedule = toml::from_str("kind = \"warmup_cosine\"\nwarmup = 1\nsteps = 9").unwrap();
        assert_eq!(read, Schedule::WarmupCosine { warmup: 1, steps: 9, start: None, floor: 0.0 });
        assert!(toml::from_str::<Schedule>("kind = \"cosine\"\nsteps = 9\nflor = 0.1").is_err());
        let read: Schedule = toml::from_str("kind = \"plateau\"\npatience = 2").unwrap();
        assert_eq!(read, Schedule::Plateau(Plateau { patience: 2, ..Default::default() }));
        assert!(toml::from_str::<Schedule>("kind = \"plateau\"\npatince = 2").is_err());
        let read: Schedule = toml::from_str("kind = \"multistep\"\nat = [3, 4]\nfactor = 0.1").unwrap();
        assert_eq!(read, Schedule::MultiStep { at: vec![3, 4], factor: 0.1 });
    }
}
