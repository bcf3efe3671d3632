//! Where the time of a run goes, area by area.

use crate::error::Result;
use crate::kernels::{Element, VisionDevice};
use crate::model::{DynModel, FrameShape};
use crate::record::{EachArea, Fresh, Kind, Record, Timed};
use crate::time::Stimulus;
use dfdx::prelude::{Device, Dim, Dtype, HasShape, Tape, Tensor};
use std::fmt;
use std::time::{Duration, Instant};

/// An observer that notes when each area answered.
#[derive(Clone, Copy, Debug)]
struct Clock;
impl Kind for Clock {
    type Of<S: Timed, E: Dtype, D: Device<E>> = Vec<Instant>;
}
impl Fresh for Clock {
    fn fresh<S: Timed, E: Dtype, D: Device<E>>() -> Vec<Instant> {
        Vec::new()
    }
}
impl Record for Clock {
    fn record<S: Timed, E: Element, D: VisionDevice<E>>(
        kept: &mut Vec<Instant>,
        _: Option<&Tensor<S, E, D>>,
    ) -> Result<()> {
        kept.push(Instant::now());
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
}

/// What one area cost.
#[derive(Clone, Debug)]
pub struct Cost {
    /// The area.
    pub area: String,
    /// Time over all steps: from the answer of the area before to its own, so with the former's pooling.
    pub time: Duration,
    /// Floating-point operations over all steps, counted as direct convolutions.
    pub flop: f64,
}

struct Clocks(Vec<(&'static str, Vec<Instant>)>);
impl<E: Dtype, D: Device<E>> EachArea<Clock, E, D> for Clocks {
    fn area<S: Timed>(&mut self, name: &'static str, kept: &Vec<Instant>) -> Result<()> {
        self.0.push((name, kept.clone()));
        Ok(())
    }
}

/// Runs `net` once to warm up and once to measure. Meaningful on a quiet machine, in release mode.
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
    net.try_unroll::<Clock, B, T>(stimulus(), &mut net.reset(), &mut M::fresh())?;
    let mut clocks = M::fresh::<Clock, B>();
    let start = Instant::now();
    let (logits, _) = net.try_unroll(stimulus(), &mut net.reset(), &mut clocks)?;
    let total = start.elapsed();
    let (batch, steps, _) = *logits.shape();
    let mut seen = Clocks(Vec::new());
    M::each(&clocks, &mut seen)?;
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
    Ok(Profile { rows, steps })
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: Duration = self.rows.iter().map(|row| row.time).sum();
        let width = self.rows.iter().map(|row| row.area.len()).max().unwrap_or(0);
        writeln!(f, "{:width$}  ms/step  share  GFLOP/s", "area")?;
        for Cost { area, time, flop } in &self.rows {
            let ms = time.as_secs_f64() * 1e3 / self.steps.max(1) as f64;
            let share = 100.0 * time.as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE);
            let speed = flop / time.as_secs_f64().max(1e-12) / 1e9;
            writeln!(f, "{area:width$}  {ms:7.3}  {share:4.0}%  {speed:7.0}")?;
        }
        write!(f, "{:.2} ms for {} steps", total.as_secs_f64() * 1e3, self.steps)
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
}
