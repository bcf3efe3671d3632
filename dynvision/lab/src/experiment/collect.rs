//! Measures of a batch as it runs.

use crate::anatomy::Anatomy;
use crate::measure::{
    DecisionMeasure, Measure, Patterns, ReadoutMeasure, Schedule, SetMeasure, StepLabels, TraceMeasure, UnitMeasure,
    Units, guess,
};
use crate::response::ResponseWriter;
use crate::run_error::RunError;
use crate::subject::{Answer, Observer};
use crate::table::{Column, Table};
use dynvision_kernels::parallel;
use std::sync::Arc;

/// The measures of an experiment, by kind.
#[derive(Default)]
pub(super) struct Measured {
    units: Vec<(String, Arc<dyn UnitMeasure>)>,
    readout: Vec<(String, Arc<dyn ReadoutMeasure>)>,
    traces: Vec<(String, Arc<dyn TraceMeasure>)>,
    decisions: Vec<(String, Arc<dyn DecisionMeasure>)>,
    pub(super) sets: Vec<(String, Arc<dyn crate::measure::SetMeasures>)>,
}

impl Measured {
    pub(super) fn add(&mut self, name: &str, measure: Measure) {
        let name = name.to_string();
        match measure {
            Measure::Units(measure) => self.units.push((name, measure)),
            Measure::Readout(measure) => self.readout.push((name, measure)),
            Measure::Trace(measure) => self.traces.push((name, measure)),
            Measure::Decision(measure) => self.decisions.push((name, measure)),
            Measure::Set(measure) => self.sets.push((name, measure)),
        }
    }

    /// A measure that a readout of so many classes cannot have, and how many it needs.
    pub(super) fn beyond(&self, classes: usize) -> Option<(&str, usize)> {
        let needed = self.readout.iter().map(|(name, measure)| (name.as_str(), measure.classes()));
        needed.into_iter().find(|&(_, needed)| needed > classes)
    }

    /// Numbers that a sample has at each step, and numbers that it has once.
    pub(super) fn columns(&self, areas: usize) -> [usize; 2] {
        [8 + self.units.len() * areas + self.readout.len(), 4 + self.traces.len() * areas + self.decisions.len()]
    }
}

/// The samples of a batch.
pub(super) struct Samples<'a> {
    /// Their numbers in the order in which they are shown.
    pub(super) numbers: std::ops::Range<usize>,
    /// Their images.
    pub(super) images: &'a [usize],
    /// The label of each step, `(samples, steps)`.
    pub(super) labels: Vec<i64>,
    /// The first label of each.
    pub(super) first: Vec<i64>,
    /// How strong the picture of each step is, 0 where none is shown.
    pub(super) stimulus: &'a [f64],
}

/// Collects the measures of one batch.
pub(super) struct Collector<'a> {
    model: &'a Anatomy,
    measured: &'a Measured,
    samples: &'a Samples<'a>,
    steps: usize,
    sets: &'a mut [(String, Box<dyn SetMeasure>)],
    responses: Option<&'a mut ResponseWriter>,
    /// For each area and unit measure `(samples, steps)`.
    units: Vec<Vec<Option<f64>>>,
    readout: Vec<Vec<Option<f64>>>,
    guesses: Vec<Option<i64>>,
    /// For each area `(samples, steps)` and what was before, for measures of traces.
    traces: Vec<(Vec<f64>, Vec<f64>)>,
    /// `(samples, steps, classes)`, for measures of decisions.
    logits: Vec<f32>,
}

impl<'a> Collector<'a> {
    pub(super) fn new(
        model: &'a Anatomy,
        measured: &'a Measured,
        samples: &'a Samples<'a>,
        steps: usize,
        sets: &'a mut [(String, Box<dyn SetMeasure>)],
        responses: Option<&'a mut ResponseWriter>,
    ) -> Self {
        let n = samples.images.len();
        let rows = n * steps;
        let areas = model.areas.len();
        let traced = if measured.traces.is_empty() { 0 } else { areas };
        let kept = if measured.decisions.is_empty() { 0 } else { rows * model.classes };
        Collector {
            model,
            measured,
            samples,
            steps,
            sets,
            responses,
            units: vec![vec![None; rows]; areas * measured.units.len()],
            readout: vec![vec![None; rows]; measured.readout.len()],
            guesses: vec![None; rows],
            // an area without a signal is at rest
            traces: vec![(vec![0.; rows], vec![0.; n]); traced],
            logits: vec![0.; kept],
        }
    }

    /// The tables of the batch: a row for each sample and step, and a row for each sample.
    pub(super) fn tables(self, schedule: &Schedule) -> Result<[Table; 2], RunError> {
        let Collector { model, measured, samples, steps, units, readout, guesses, traces, logits, .. } = self;
        let each = |of: &dyn Fn(usize, usize) -> i64| -> Vec<i64> {
            (0..samples.images.len()).flat_map(|s| (0..steps).map(move |t| (s, t))).map(|(s, t)| of(s, t)).collect()
        };
        let number = |s: usize| (samples.numbers.start + s) as i64;
        let image = |s: usize| samples.images.get(s).map_or(-1, |&image| image as i64);
        let first = |s: usize| samples.first.get(s).copied().filter(|&label| label >= 0);
        let times: Vec<f64> = each(&|_, t| t as i64).into_iter().map(|t| t as f64 * schedule.dt_ms).collect();
        let labels: Vec<Option<i64>> = samples.labels.iter().map(|&label| Some(label).filter(|&l| l >= 0)).collect();
        let firsts: Vec<Option<i64>> =
            each(&|s, _| first(s).unwrap_or(-1)).into_iter().map(|l| Some(l).filter(|&l| l >= 0)).collect();
        let mut by_step = Table::new()
            .with("sample_index", each(&|s, _| number(s)))?
            .with("image_index", each(&|s, _| image(s)))?
            .with("times_index", each(&|_, t| t as i64))?
            .with("time_ms", times)?
            .with("stimulus", each_number(samples.images.len(), samples.stimulus))?
            .with("label_index", labels)?
            .with("first_label_index", firsts)?
            .with("guess_index", guesses)?;
        for ((name, _), column) in measured.readout.iter().zip(readout) {
            by_step.push(name, Column::Numbers(column))?;
        }
        let mut columns = units.into_iter();
        for area in &model.areas {
            for ((name, _), column) in measured.units.iter().zip(&mut columns) {
                by_step.push(&format!("{}_{name}", area.name), Column::Numbers(column))?;
            }
        }
        let n = samples.images.len();
        let mut by_sample = Table::new()
            .with("sample_index", (0..n).map(number).collect::<Vec<_>>())?
            .with("image_index", (0..n).map(image).collect::<Vec<_>>())?
            .with("first_label_index", (0..n).map(first).collect::<Vec<_>>())?;
        for (name, measure) in &measured.decisions {
            let row = steps * model.classes;
            let of = |s: usize| {
                let logits = logits.get(s * row..(s + 1) * row)?;
                measure.measure(logits, model.classes, first(s).unwrap_or(-1), schedule)
            };
            by_sample.push(name, Column::Numbers((0..n).map(of).collect()))?;
        }
        for (area, (trace, rest)) in model.areas.iter().zip(&traces) {
            for (name, measure) in &measured.traces {
                let of = |s: usize| {
                    let schedule = Schedule { rest: rest.get(s).copied().unwrap_or(0.), ..schedule.clone() };
                    measure.measure(trace.get(s * steps..(s + 1) * steps)?, &schedule)
                };
                by_sample.push(&format!("{}_{name}", area.name), Column::Numbers((0..n).map(of).collect()))?;
            }
        }
        Ok([by_step, by_sample])
    }
}

/// The numbers of the steps, for each sample.
fn each_number(samples: usize, steps: &[f64]) -> Vec<f64> {
    (0..samples).flat_map(|_| steps.iter().copied()).collect()
}

impl Observer for Collector<'_> {
    fn area(&mut self, step: Option<usize>, area: usize, answer: Option<Answer<'_>>) -> Result<(), RunError> {
        let n = self.samples.images.len();
        let Some(answer) = answer else { return Ok(()) };
        let each = answer.values.len() / n.max(1);
        if each == 0 || each * n != answer.values.len() {
            return Err(RunError::Setting(format!("{} units are no multiple of {n} samples", answer.values.len())));
        }
        let channels = answer.shape[0];
        let Some(step) = step else {
            if let Some((_, rest)) = self.traces.get_mut(area) {
                for (rest, units) in rest.iter_mut().zip(answer.values.chunks_exact(each)) {
                    *rest = Units::new(units, channels)?.moments().mean().unwrap_or(f64::NAN);
                }
            }
            return Ok(());
        };
        let traced = self.traces.len() > area;
        if traced || !self.measured.units.is_empty() {
            let of = |units: &[f32]| -> Result<(Vec<Option<f64>>, f64), crate::Error> {
                let units = Units::new(units, channels)?;
                let values = self.measured.units.iter().map(|(_, measure)| measure.measure(&units)).collect();
                let mean = if traced { units.moments().mean().unwrap_or(f64::NAN) } else { 0. };
                Ok((values, mean))
            };
            let of = |sample: usize| of(answer.values.get(sample * each..(sample + 1) * each).unwrap_or_default());
            let found: Vec<_> = parallel::map(n, true, of).into_iter().collect::<Result<_, _>>()?;
            let measures = self.measured.units.len();
            for (sample, (values, mean)) in found.into_iter().enumerate() {
                let row = sample * self.steps + step;
                for (place, value) in values.into_iter().enumerate() {
                    let column = self.units.get_mut(area * measures + place);
                    if let Some(cell) = column.and_then(|column| column.get_mut(row)) {
                        *cell = value;
                    }
                }
                if let Some(cell) = self.traces.get_mut(area).and_then(|(trace, _)| trace.get_mut(row)) {
                    *cell = mean;
                }
            }
        }
        let (labels, images) = (self.samples.first.as_slice(), self.samples.images);
        for (_, set) in self.sets.iter_mut() {
            set.see(&Patterns { area, step, values: answer.values, channels, labels, images });
        }
        match &mut self.responses {
            Some(responses) => responses.area(step, area, n, Some(answer)),
            None => Ok(()),
        }
    }

    fn logits(&mut self, step: usize, logits: &[f32]) -> Result<(), RunError> {
        let classes = self.model.classes;
        for (sample, logits) in logits.chunks_exact(classes.max(1)).enumerate() {
            let row = sample * self.steps + step;
            let now = self.samples.labels.get(row).copied().unwrap_or(-1);
            let labels = StepLabels { now, first: self.samples.first.get(sample).copied().unwrap_or(-1) };
            for ((_, measure), column) in self.measured.readout.iter().zip(&mut self.readout) {
                if let Some(cell) = column.get_mut(row) {
                    *cell = measure.measure(logits, labels);
                }
            }
            if let Some(cell) = self.guesses.get_mut(row) {
                *cell = guess(logits).map(|class| class as i64);
            }
            if let Some(kept) = self.logits.get_mut(row * classes..(row + 1) * classes) {
                kept.copy_from_slice(logits);
            }
        }
        match &mut self.responses {
            Some(responses) => responses.logits(step, self.samples.images.len(), logits),
            None => Ok(()),
        }
    }
}
