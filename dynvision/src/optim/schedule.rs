//! Learning rates over the course of a training, as pure functions of the step.

use super::OptimError;
use std::f64::consts::PI;

/// How the learning rate changes. What a step is, an update or an epoch, is for the caller to choose.
///
/// ```
/// use dynvision::optim::Schedule;
/// let schedule: Schedule = toml::from_str("kind = \"step\"\nevery = 10\nfactor = 0.1")?;
/// assert_eq!(schedule.lr(0.5, 9), 0.5);
/// assert_eq!(schedule.lr(0.5, 10), 0.05);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Schedule {
    /// Always the same.
    #[default]
    Constant,
    /// Multiplied by `factor` after every `every` steps.
    Step {
        /// Number of steps of one rate.
        every: u64,
        /// By what the rate is multiplied.
        factor: f64,
    },
    /// Half a cosine from 1 down to `floor` over `steps` steps, and `floor` from there on
    /// ([Loshchilov and Hutter 2017](https://arxiv.org/abs/1608.03983), without restarts).
    Cosine {
        /// Number of steps until the end.
        steps: u64,
        /// The last rate, as a part of the first.
        #[serde(default)]
        floor: f64,
    },
    /// Rises evenly over the first `warmup` steps, whose last has the full rate, then falls as a cosine until step `steps`
    /// in all.
    WarmupCosine {
        /// Number of steps of the rise.
        warmup: u64,
        /// Number of steps until the end, the rise included.
        steps: u64,
        /// The last rate, as a part of the full one.
        #[serde(default)]
        floor: f64,
    },
}

impl Schedule {
    /// The learning rate at a step, from 0, where `lr` is the full one.
    pub fn lr(&self, lr: f64, step: u64) -> f64 {
        lr * self.factor(step)
    }

    /// By what the learning rate is multiplied at a step, from 0.
    pub fn factor(&self, step: u64) -> f64 {
        match *self {
            Schedule::Constant => 1.0,
            Schedule::Step { every, factor } => factor.powf((step / every.max(1)) as f64),
            Schedule::Cosine { steps, floor } => cosine(step, steps, floor),
            Schedule::WarmupCosine { warmup, .. } if step < warmup => (step + 1) as f64 / warmup as f64,
            Schedule::WarmupCosine { warmup, steps, floor } => {
                cosine(step - warmup, steps.saturating_sub(warmup), floor)
            }
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// A length of 0, a rise that is not over before the end, a factor or floor out of its range.
    pub fn check(&self) -> Result<(), OptimError> {
        let floor = |floor: f64| match (0.0..=1.0).contains(&floor) {
            true => Ok(()),
            false => Err(OptimError::setting("floor", floor, "a part of the full learning rate, from 0 to 1")),
        };
        match *self {
            Schedule::Constant => Ok(()),
            Schedule::Step { every: 0, .. } => Err(OptimError::setting("every", 0, "at least 1 step")),
            Schedule::Step { factor, .. } if !factor.is_finite() || factor < 0.0 => {
                Err(OptimError::setting("factor", factor, "a finite number, not negative"))
            }
            Schedule::Step { .. } => Ok(()),
            Schedule::Cosine { steps: 0, .. } => Err(OptimError::setting("steps", 0, "at least 1 step")),
            Schedule::Cosine { floor: part, .. } => floor(part),
            Schedule::WarmupCosine { warmup, steps, .. } if warmup >= steps => {
                Err(OptimError::setting("warmup", warmup, "fewer steps than `steps`, which includes them"))
            }
            Schedule::WarmupCosine { floor: part, .. } => floor(part),
        }
    }
}

fn cosine(step: u64, steps: u64, floor: f64) -> f64 {
    if step >= steps {
        return floor;
    }
    floor + (1.0 - floor) * 0.5 * (1.0 + (PI * step as f64 / steps as f64).cos())
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
        let schedule = Schedule::WarmupCosine { warmup: 4, steps: 24, floor: 0.0 };
        assert_eq!((0..5).map(|step| schedule.factor(step)).collect::<Vec<_>>(), [0.25, 0.5, 0.75, 1.0, 1.0]);
        let cosine = Schedule::Cosine { steps: 20, floor: 0.0 };
        assert!((4..40).all(|step| schedule.factor(step) == cosine.factor(step - 4)));
    }

    #[test]
    fn wrong_settings_are_refused_and_never_panic() {
        for schedule in [
            Schedule::Step { every: 0, factor: 0.5 },
            Schedule::Step { every: 1, factor: f64::NAN },
            Schedule::Cosine { steps: 0, floor: 0.0 },
            Schedule::Cosine { steps: 1, floor: 2.0 },
            Schedule::WarmupCosine { warmup: 5, steps: 5, floor: 0.0 },
            Schedule::WarmupCosine { warmup: 1, steps: 5, floor: -0.1 },
        ] {
            assert!(schedule.check().is_err(), "{schedule:?}");
            let _ = [0, 1, 7, u64::MAX].map(|step| schedule.factor(step));
        }
        Schedule::WarmupCosine { warmup: 0, steps: 5, floor: 0.1 }.check().unwrap();
    }

    #[test]
    fn schedules_are_read_from_a_configuration() {
        let read: Schedule = toml::from_str("kind = \"warmup_cosine\"\nwarmup = 1\nsteps = 9").unwrap();
        assert_eq!(read, Schedule::WarmupCosine { warmup: 1, steps: 9, floor: 0.0 });
        assert!(toml::from_str::<Schedule>("kind = \"cosine\"\nsteps = 9\nflor = 0.1").is_err());
    }
}
