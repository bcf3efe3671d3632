//! Where the time goes: of a run, area by area, and of a training step, part by part.
//!
//! ```
//! use dynvision::loss::{CrossEntropy, Labels};
//! use dynvision::optim::{Adam, AdamConfig};
//! use dynvision::profile::{profile, training_step};
//! use dynvision::{prelude::*, zoo::SimpleRCNN};
//! let dev = Cpu::default();
//! let mut net = dev.build_module::<SimpleRCNN, f32>();
//! let images = dev.sample_normal_like(&(2, Const, Const, Const));
//! let run = profile(&net, || Stimulus::constant(images.clone(), 3))?;
//! let step = training_step(
//!     &mut net,
//!     || Stimulus::constant(images.clone(), 3),
//!     &CrossEntropy::default(),
//!     &Labels::constant(&[1, 2], 3),
//!     |net| Adam::new(net, AdamConfig::default()),
//! )?;
//! println!("{run}\n{step}");
//! assert_eq!(run.rows.len(), 3); // two areas and the readout
//! assert_eq!(step.total(), step.forward + step.loss + step.backward + step.optimizer);
//! # Ok::<(), Error>(())
//! ```

use crate::error::{Error, Result};
use crate::file::StateNumber;
use crate::geometry::{Conv, Window};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::loss::{Labels, Loss};
use crate::model::{DynModel, FrameShape, run_or_record};
use crate::optim::{OptimError, Optimizer, ParameterKernel, UpdateRule};
use crate::unroll::Stimulus;
use crate::unroll::{Initial, Observer, PerArea, Timed, VisitAreas};
use dfdx::nn::ZeroGrads;
use dfdx::prelude::{Backward, Device, Dim, Dtype, HasShape, PutTape, Tape};
use dynvision_kernels::Kernels;
use dynvision_kernels::conv::{Accumulate, Algorithm, WeightCache};
use std::fmt;
use std::time::{Duration, Instant};

/// Measured runs take at least this long together, unless there are [`RUNS`] of them before.
const ENOUGH: Duration = Duration::from_secs(1);

/// Measured runs at most.
const RUNS: usize = 7;

/// An observer that notes when each area answered.
#[derive(Clone, Copy, Debug)]
struct Clock;
impl PerArea for Clock {
    type Value<S: Timed, E: Dtype, D: Device<E>> = Vec<Instant>;
}
impl Initial for Clock {
    fn initial<S: Timed, E: Dtype, D: Device<E>>() -> Vec<Instant> {
        Vec::new()
    }
}
impl Observer for Clock {
    const KEEPS: bool = false;

    fn observe<S: Timed, E: Element, D: VisionDevice<E>>(
        times: &mut Vec<Instant>,
        _: Option<&Maps<E, D>>,
    ) -> Result<()> {
        times.push(Instant::now());
        Ok(())
    }
}

/// What each area cost in a run.
#[derive(Clone, Debug)]
pub struct Profile {
    /// One row for each area, and one for the readout with what is around the areas.
    pub rows: Vec<Cost>,
    /// Steps of the run.
    pub steps: usize,
    /// What the rows' speeds are compared with, in GFLOP/s.
    pub peak: Option<f64>,
}

/// What one area cost.
#[derive(Clone, Debug)]
pub struct Cost {
    /// The area.
    pub area: String,
    /// Time over all steps: from the answer of the area before to its own, so with the former's pooling.
    pub time: Duration,
    /// Floating-point operations over all steps, counted as direct convolutions at every step. What a run saves, by
    /// Winograd's algorithm or by computing once what a constant frame drives, counts as if it were done.
    pub flop: f64,
}

impl Profile {
    /// The time of the whole run.
    pub fn total(&self) -> Duration {
        self.rows.iter().map(|row| row.time).sum()
    }

    /// Shows each area's share of a peak in GFLOP/s, such as [`attainable_peak`].
    #[must_use]
    pub fn of_peak(mut self, gflops: f64) -> Self {
        self.peak = Some(gflops);
        self
    }
}

/// The fastest that a large direct convolution ran just now on the CPU, in `f32` and on the current pool's threads, in
/// GFLOP/s. No convolution of a model is expected to be faster, except by an algorithm that needs fewer products. Takes
/// about half a second.
pub fn attainable_peak() -> f64 {
    let places = [(64, 3, Algorithm::Implicit), (256, 1, Algorithm::Portable)];
    let speeds = places.map(|(channels, kernel, algorithm)| {
        let conv = Conv::new(Window::same(kernel, 1));
        let (dims, weights) = ([16, channels, 32, 32], [channels, channels, kernel, kernel]);
        let values = |dims: [usize; 4]| -> Vec<f32> { (0..dims.iter().product()).map(|i| (i % 7) as f32).collect() };
        let (x, w, mut y, cache) =
            (values(dims), values(weights), values(dims), WeightCache::with_algorithm(algorithm));
        let mut fastest = Duration::MAX;
        let began = Instant::now();
        while began.elapsed() < ENOUGH / 4 {
            let start = Instant::now();
            let ran = f32::conv2d(&conv, &x, dims, &w, weights, None, &cache, &mut y, dims, Accumulate::Nothing);
            if ran.is_ok() {
                fastest = fastest.min(start.elapsed());
            }
        }
        2.0 * (y.len() * channels * kernel * kernel) as f64 / fastest.as_secs_f64() / 1e9
    });
    speeds.into_iter().fold(0.0, f64::max)
}

/// What the parts of a training step cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepProfile {
    /// The unrolled model, with the tape.
    pub forward: Duration,
    /// The loss.
    pub loss: Duration,
    /// The gradients of all parameters.
    pub backward: Duration,
    /// The update of all parameters, and the gradients set to zero for the next step.
    pub optimizer: Duration,
}

impl StepProfile {
    /// The time of the whole step.
    pub fn total(&self) -> Duration {
        self.forward + self.loss + self.backward + self.optimizer
    }
}

/// Trains `net` on one batch for a few steps, the first to warm up, and gives the step of median time. The weights of `net`
/// change.
///
/// # Errors
/// Those of a run, a loss and an optimizer.
pub fn training_step<M, B, E, D, L, R>(
    net: &mut M,
    stimulus: impl Fn() -> Stimulus<FrameShape<M, B, E, D>, E, D>,
    loss: &L,
    labels: &Labels,
    optimizer: impl FnOnce(&M) -> Result<Optimizer<R, M, E, D>, OptimError>,
) -> Result<StepProfile>
where
    M: DynModel<E, D>,
    B: Dim,
    E: Element + StateNumber,
    D: VisionDevice<E> + ParameterKernel<E>,
    L: Loss<M, E, D>,
    R: UpdateRule,
{
    let failed = |error: OptimError| Error::Setting(error.to_string());
    let mut optimizer = optimizer(net).map_err(failed)?;
    let mut gradients = net.try_alloc_grads().map_err(Error::device)?;
    let mut step = |net: &mut M| -> Result<StepProfile> {
        let start = Instant::now();
        let stimulus =
            stimulus().training().traced(std::mem::replace(&mut gradients, dfdx::prelude::Gradients::leaky()));
        let (logits, responses, cx) = run_or_record(net, stimulus, loss.needs_responses())?;
        let logits = logits.put_tape(cx.into_tape());
        let forward = Instant::now();
        let loss = loss.try_forward(net, logits, responses, labels)?;
        let judged = Instant::now();
        gradients = loss.try_backward().map_err(Error::device)?;
        let backward = Instant::now();
        optimizer.step(net, &mut gradients).map_err(failed)?;
        net.try_zero_grads(&mut gradients).map_err(Error::device)?;
        Ok(StepProfile {
            forward: forward - start,
            loss: judged - forward,
            backward: backward - judged,
            optimizer: backward.elapsed(),
        })
    };
    step(net)?;
    median(|| step(net), StepProfile::total)
}

/// The run of median time.
fn median<R>(mut run: impl FnMut() -> Result<R>, time: impl Fn(&R) -> Duration) -> Result<R> {
    let (began, mut runs) = (Instant::now(), Vec::new());
    loop {
        runs.push(run()?);
        if began.elapsed() >= ENOUGH || runs.len() == RUNS {
            runs.sort_by_key(time);
            let middle = runs.len() / 2;
            return Ok(runs.swap_remove(middle));
        }
    }
}

struct Clocks(Vec<(&'static str, Vec<Instant>)>);
impl<E: Dtype, D: Device<E>> VisitAreas<Clock, E, D> for Clocks {
    fn area<S: Timed>(&mut self, name: &'static str, kept: &Vec<Instant>) -> Result<()> {
        self.0.push((name, kept.clone()));
        Ok(())
    }
}

/// Runs `net` a few times, the first to warm up, and gives the run of median time. Meaningful on a quiet machine, in release
/// mode.
///
/// # Errors
/// Those of a run.
pub fn profile<M, B, E, D, T>(
    net: &M,
    stimulus: impl Fn() -> Stimulus<FrameShape<M, B, E, D>, E, D, T>,
) -> Result<Profile>
where
    M: DynModel<E, D>,
    B: Dim,
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    net.try_observe::<Clock, B, T>(stimulus(), &mut net.reset(), &mut M::initial())?;
    median(|| run(net, stimulus()), Profile::total)
}

/// One run with a clock.
fn run<M, B, E, D, T>(net: &M, stimulus: Stimulus<FrameShape<M, B, E, D>, E, D, T>) -> Result<Profile>
where
    M: DynModel<E, D>,
    B: Dim,
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    let mut clocks = M::initial::<Clock, B>();
    let start = Instant::now();
    let (logits, _) = net.try_observe(stimulus, &mut net.reset(), &mut clocks)?;
    let total = start.elapsed();
    let (batch, steps, _) = *logits.shape();
    let mut seen = Clocks(Vec::new());
    M::visit_areas(&clocks, &mut seen)?;
    let summary = net.summary();
    let mut rows = Vec::new();
    for (area, (name, times)) in seen.0.iter().enumerate() {
        let time = match area.checked_sub(1).and_then(|before| seen.0.get(before)) {
            Some((_, before)) => times.iter().zip(before).map(|(t, b)| t.duration_since(*b)).sum(),
            None => {
                let last = seen.0.last().map_or(&[][..], |(_, last)| last);
                let began = std::iter::once(start).chain(last.iter().copied());
                times.iter().zip(began).map(|(t, b)| t.duration_since(b)).sum()
            }
        };
        let flop = 2.0 * (summary.multiplications(area) * batch.size() * steps) as f64;
        rows.push(Cost { area: (*name).into(), time, flop });
    }
    let known: Duration = rows.iter().map(|row| row.time).sum();
    rows.push(Cost { area: "readout".into(), time: total.saturating_sub(known), flop: 0.0 });
    Ok(Profile { rows, steps, peak: None })
}

/// `part` of `whole`, in percent.
fn percent(part: Duration, whole: Duration) -> f64 {
    100.0 * part.as_secs_f64() / whole.as_secs_f64().max(f64::MIN_POSITIVE)
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total();
        let width = self.rows.iter().map(|row| row.area.len()).max().unwrap_or(0);
        writeln!(f, "{:width$}  ms/step  share  GFLOP/s{}", "area", self.peak.map_or("", |_| "  of peak"))?;
        let row = |f: &mut fmt::Formatter<'_>, name: &str, time: Duration, flop: f64| {
            let ms = time.as_secs_f64() * 1e3 / self.steps.max(1) as f64;
            let speed = flop / time.as_secs_f64().max(1e-12) / 1e9;
            write!(f, "{name:width$}  {ms:7.3}  {:4.0}%  {speed:7.0}", percent(time, total))?;
            match self.peak {
                Some(peak) => writeln!(f, "  {:6.0}%", 100.0 * speed / peak),
                None => writeln!(f),
            }
        };
        for Cost { area, time, flop } in &self.rows {
            row(f, area, *time, *flop)?;
        }
        row(f, "all", total, self.rows.iter().map(|row| row.flop).sum())?;
        write!(f, "{:.2} ms for {} steps", total.as_secs_f64() * 1e3, self.steps)
    }
}

impl fmt::Display for StepProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "part             ms  share")?;
        let StepProfile { forward, loss, backward, optimizer } = *self;
        for (part, time) in [("forward", forward), ("loss", loss), ("backward", backward), ("optimizer", optimizer)] {
            writeln!(f, "{part:9}  {:8.2}  {:4.0}%", time.as_secs_f64() * 1e3, percent(time, self.total()))?;
        }
        write!(f, "{:.2} ms for a training step", self.total().as_secs_f64() * 1e3)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use crate::prelude::*;
    use crate::zoo::SimpleRCNN;

    #[test]
    fn every_area_has_a_row_and_they_add_up() {
        let dev = Cpu::default();
        let net = dev.build_module::<SimpleRCNN, f32>();
        let images = dev.sample_normal_like(&(1, Const, Const, Const));
        let profile = super::profile(&net, || Stimulus::constant(images.clone(), 3)).unwrap();
        let names: Vec<_> = profile.rows.iter().map(|row| row.area.as_str()).collect();
        assert_eq!(names, ["layer1", "layer2", "readout"]);
        assert!(profile.rows[..2].iter().all(|row| row.flop > 0.0 && !row.time.is_zero()));
    }

    #[test]
    fn speeds_are_shown_beside_the_peak() {
        let rows = vec![super::Cost { area: "v1".into(), time: std::time::Duration::from_millis(8), flop: 4e9 }];
        let profile = super::Profile { rows, steps: 2, peak: None };
        assert!(!profile.to_string().contains("of peak"));
        let shown = profile.of_peak(1000.0).to_string();
        let lines: Vec<_> = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
        assert_eq!(lines[1], ["v1", "4.000", "100%", "500", "50%"]);
        assert_eq!(lines[3].join(" "), "8.00 ms for 2 steps");
    }
}
