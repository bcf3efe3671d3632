//! Runs the cells of a grid.

use super::cell::{self, Unfinished};
use super::collect::{Collector, Measured, Samples};
use super::results::{Cell, Results};
use super::{Condition, Cost, Experiment, hex};
use crate::gallery::Gallery;
use crate::intervention::Interventions;
use crate::measure::{Extent, Measures, Schedule, SetMeasure, Window, first_label};
use crate::response::{ResponseWriter, Responses};
use crate::run_error::RunError;
use crate::subject::{Ready, Setting, Subject};
use crate::table::{Column, ParquetWriter, Table};
use dynvision::protocol::{ImageSource, Masks, Protocol, Showing, Shown, Timeline};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Runs experiments on a trained model and images.
///
/// What it needs, it is given when it is made; the rest has defaults: all images, batches of 32, seed 0, the measures and
/// interventions that come with the crate, no responses of units.
pub struct Runner<'a> {
    subject: &'a dyn Subject,
    statuses: BTreeMap<String, &'a dyn Subject>,
    gallery: &'a Gallery<'a>,
    store: PathBuf,
    images: Vec<usize>,
    batch: usize,
    seed: u64,
    measures: Measures,
    interventions: Interventions,
    masks: Masks,
    responses: Option<Responses>,
    tags: BTreeMap<String, toml::Value>,
    memory: u128,
    progress: Option<Box<dyn Fn(Progress) + 'a>>,
    stop: Option<&'a AtomicBool>,
}

/// How far an experiment has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Conditions that are finished.
    pub done: usize,
    /// Conditions of the experiment.
    pub of: usize,
    /// Samples of this condition that are done.
    pub samples: usize,
    /// Samples of each condition.
    pub of_samples: usize,
    /// How long it has taken, and how long it will take at this pace; none before the first batch.
    pub elapsed: Duration,
    /// See above.
    pub left: Option<Duration>,
}

/// A cell before it is run.
struct Task<'a> {
    condition: Condition,
    subject: &'a dyn Subject,
    setting: Setting,
    measured: Measured,
    timeline: Timeline,
    stimulus: Vec<f64>,
    residual: usize,
    dt_ms: f64,
    blank: f32,
    key: String,
    description: Value,
}

impl Task<'_> {
    /// Steps that are run, without the idle ones.
    fn steps(&self) -> usize {
        self.timeline.steps()
    }

    fn extent(&self, images: usize) -> Extent {
        let model = self.subject.anatomy();
        let areas = model.areas.iter().map(|area| [area.shape[0], area.units()]).collect();
        Extent { areas, steps: self.steps(), images, classes: model.classes }
    }
}

impl<'a> Runner<'a> {
    /// Returns a runner that keeps finished cells in the folder `store`.
    pub fn new(subject: &'a dyn Subject, gallery: &'a Gallery<'a>, store: impl AsRef<Path>) -> Self {
        Runner {
            subject,
            statuses: BTreeMap::new(),
            gallery,
            store: store.as_ref().into(),
            images: (0..gallery.len()).collect(),
            batch: 32,
            seed: 0,
            measures: Measures::built_in(),
            interventions: Interventions::built_in(),
            masks: Masks::default(),
            responses: None,
            tags: BTreeMap::new(),
            memory: 4 << 30,
            progress: None,
            stop: None,
        }
    }

    /// Shows these images, in this order.
    #[must_use]
    pub fn images(self, images: impl IntoIterator<Item = usize>) -> Self {
        Runner { images: images.into_iter().collect(), ..self }
    }

    /// Shows so many images at once.
    #[must_use]
    pub fn batch(self, batch: usize) -> Self {
        Runner { batch, ..self }
    }

    /// Determines noise, masks, places: all that is drawn.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Runner { seed, ..self }
    }

    /// Knows these measures.
    #[must_use]
    pub fn measures(self, measures: Measures) -> Self {
        Runner { measures, ..self }
    }

    /// Knows these interventions.
    #[must_use]
    pub fn interventions(self, interventions: Interventions) -> Self {
        Runner { interventions, ..self }
    }

    /// Knows these masks, besides those that protocols have.
    #[must_use]
    pub fn masks(self, masks: Masks) -> Self {
        Runner { masks, ..self }
    }

    /// Keeps responses of units.
    #[must_use]
    pub fn responses(self, responses: Responses) -> Self {
        Runner { responses: Some(responses), ..self }
    }

    /// Says of all rows what the runner does not know: the category, the seed of the model. Each is a column of the tables;
    /// intervals are over `seed`.
    #[must_use]
    pub fn tag(mut self, name: &str, value: impl Into<toml::Value>) -> Self {
        self.tags.insert(name.into(), value.into());
        self
    }

    /// Is the model where an experiment says `status`: a checkpoint of its training.
    #[must_use]
    pub fn status(mut self, status: &str, subject: &'a dyn Subject) -> Self {
        self.statuses.insert(status.into(), subject);
        self
    }

    /// Refuses measures that keep more bytes than this in memory; 4 GiB unless it is said.
    #[must_use]
    pub fn memory_limit(self, bytes: u128) -> Self {
        Runner { memory: bytes, ..self }
    }

    /// Is told how far it has come, after each batch.
    #[must_use]
    pub fn progress(self, progress: impl Fn(Progress) + 'a) -> Self {
        Runner { progress: Some(Box::new(progress)), ..self }
    }

    /// Stops after the batch in which this becomes true. What is finished is kept.
    #[must_use]
    pub fn stop(self, stop: &'a AtomicBool) -> Self {
        Runner { stop: Some(stop), ..self }
    }

    /// Returns what an experiment takes, as things stand in the store.
    ///
    /// # Errors
    ///
    /// As [`run`](Runner::run), as far as it can be known before.
    pub fn cost(&self, experiment: &Experiment) -> Result<Cost, RunError> {
        self.cost_of(&self.tasks(experiment)?)
    }

    /// Refuses what cannot be done, without running a step.
    ///
    /// # Errors
    ///
    /// As [`run`](Runner::run), as far as it can be known before.
    pub fn check(&self, experiment: &Experiment) -> Result<(), RunError> {
        // the images are not looked at: what they are makes no difference here
        let tasks = self.tasks_on(experiment, "")?;
        self.refuse(&self.cost_of(&tasks)?)
    }

    fn refuse(&self, cost: &Cost) -> Result<(), RunError> {
        if cost.memory_bytes > self.memory {
            return Err(RunError::Setting(format!(
                "the measures would keep {} bytes in memory, more than the limit of {}; show fewer images, or leave `decoding` \
                 or `rdm` out",
                cost.memory_bytes, self.memory
            )));
        }
        Ok(())
    }

    /// Runs the cells of an experiment that are not in the store, and returns the results of all.
    ///
    /// # Errors
    ///
    /// An experiment with an unknown measure, intervention or setting; a model that it cannot be done to; images that do not fit
    /// it; measures that would keep too much; the file system; [`RunError::Stopped`].
    pub fn run(&self, experiment: &Experiment) -> Result<Results, RunError> {
        let tasks = self.tasks(experiment)?;
        let cost = self.cost_of(&tasks)?;
        self.refuse(&cost)?;
        cell::sweep(&self.store)?;
        let (begun, mut ran) = (Instant::now(), 0_u128);
        let (of, of_samples) = (tasks.len(), self.images.len());
        for (done, task) in tasks.iter().enumerate() {
            if cell::is_finished(&self.store, &task.key) {
                continue;
            }
            let mut after_batch = |samples: usize, batch: usize| -> Result<(), RunError> {
                ran += (batch * task.steps()) as u128;
                if let Some(progress) = &self.progress {
                    let elapsed = begun.elapsed();
                    let share = cost.steps as f64 / ran.max(1) as f64 - 1.;
                    let left = Duration::try_from_secs_f64(elapsed.as_secs_f64() * share.max(0.)).ok();
                    progress(Progress { done, of, samples, of_samples, elapsed, left });
                }
                match self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                    true => Err(RunError::Stopped { done, of }),
                    false => Ok(()),
                }
            };
            self.run_task(task, &mut after_batch)?;
        }
        let result = |task: &Task<'_>| Cell {
            folder: cell::folder(&self.store, &task.key),
            conditions: task.condition.parameters.clone(),
            tags: self.tags.clone(),
            dt_ms: task.dt_ms,
            areas: task.subject.anatomy().areas.iter().map(|area| area.name.clone()).collect(),
        };
        Ok(Results::new(tasks.iter().map(result).collect()))
    }

    fn cost_of(&self, tasks: &[Task<'_>]) -> Result<Cost, RunError> {
        let mut cost = Cost { conditions: tasks.len(), ..Cost::default() };
        let mut seen: Vec<&str> = Vec::new();
        for task in tasks {
            if cell::is_finished(&self.store, &task.key) || seen.contains(&task.key.as_str()) {
                cost.known += 1;
                continue;
            }
            seen.push(&task.key);
            let (samples, model) = (self.images.len(), task.subject.anatomy());
            cost.steps += (samples * task.steps()) as u128;
            let [by_step, by_sample] = task.measured.columns(model.areas.len());
            cost.table_bytes += 8 * (samples * task.steps() * by_step + samples * by_sample) as u128;
            if let Some(responses) = &self.responses {
                cost.response_bytes += responses.bytes(model, samples, task.steps())?;
            }
            let extent = task.extent(samples);
            let kept = task.measured.sets.iter().map(|(_, set)| set.bytes(&extent)).sum();
            cost.memory_bytes = cost.memory_bytes.max(kept);
        }
        Ok(cost)
    }

    fn tasks(&self, experiment: &Experiment) -> Result<Vec<Task<'a>>, RunError> {
        if self.images.is_empty() || self.batch == 0 {
            return Err(RunError::Setting(
                "an experiment needs at least one image, and batches of at least one".into(),
            ));
        }
        self.tasks_on(experiment, &self.gallery.checksum(&self.images)?)
    }

    fn tasks_on(&self, experiment: &Experiment, data: &str) -> Result<Vec<Task<'a>>, RunError> {
        let mut names = experiment.measures.iter();
        while let Some(name) = names.next() {
            if names.as_slice().contains(name) {
                let reason = "it stands twice among the experiment's `measures`; leave one out".into();
                return Err(crate::Error::Setting { what: "measure", name: name.clone(), reason }.into());
            }
        }
        experiment.conditions()?.into_iter().map(|condition| self.task(experiment, condition, data)).collect()
    }

    fn task(&self, experiment: &Experiment, condition: Condition, data: &str) -> Result<Task<'a>, RunError> {
        let mut settings: toml::Table = condition.model.clone().into_iter().collect();
        let subject = match settings.remove("status") {
            None => self.subject,
            Some(status) => {
                let name = status.as_str().map_or_else(|| status.to_string(), str::to_string);
                *self.statuses.get(&name).ok_or_else(|| {
                    let known: Vec<&str> = self.statuses.keys().map(String::as_str).collect();
                    RunError::Setting(format!(
                        "the experiment runs the model at status `{name}`, which the runner has not been given; it has {}: give \
                         it by `.status(..)`; a training keeps the epochs by `train.checkpoints.keep_every`",
                        if known.is_empty() { "none".into() } else { known.join(", ") }
                    ))
                })?
            }
        };
        let model = subject.anatomy();
        if self.gallery.shape() != model.frame {
            return Err(RunError::Setting(format!(
                "the images of `{}` are {:?} (channels, rows, columns), but `{}` takes {:?}",
                self.gallery.name(),
                self.gallery.shape(),
                model.name,
                model.frame
            )));
        }
        let mut measured = Measured::default();
        for name in &experiment.measures {
            let own = condition.measure.get(name).cloned().unwrap_or_default();
            measured.add(name, self.measures.get(name, &own)?);
        }
        if let Some(name) = condition.measure.keys().find(|name| !experiment.measures.contains(name)) {
            let reason = "it is set, but it is not among the experiment's `measures`".into();
            return Err(crate::Error::Setting { what: "measure", name: name.clone(), reason }.into());
        }
        if let Some((name, needed)) = measured.beyond(model.classes) {
            let reason =
                format!("it needs {needed} classes, and the readout of `{}` has {}", model.name, model.classes);
            return Err(crate::Error::Setting { what: "measure", name: name.into(), reason }.into());
        }
        let mut interventions = Vec::new();
        for (name, settings) in &condition.interventions {
            let intervention = self.interventions.get(name, settings)?;
            if let Err(reason) = intervention.check(model) {
                let reason = format!("it cannot be done to `{}`: {reason}", model.name);
                return Err(crate::Error::Setting { what: "intervention", name: name.clone(), reason }.into());
            }
            interventions.push(intervention);
        }
        let setting = Setting { model: settings, interventions };
        let dynamics = subject.dynamics(&setting.model)?;
        self.masks.check(&condition.protocol)?;
        let timeline = condition.protocol.timeline(dynamics.dt)?;
        // what cannot be done to the model is refused before anything runs
        let residual = subject.prepare(&setting, timeline.steps())?.residual()?;
        let timeline = timeline.extended(residual);
        let mut description = json!({
            "format": FORMAT,
            "version": env!("CARGO_PKG_VERSION"),
            "protocol": condition.protocol,
            "interventions": condition.interventions,
            "measures": experiment.measures,
            "measure": condition.measure,
            "model": { "name": model.name, "weights": subject.checksum(), "dynamics": dynamics },
            "data": { "name": self.gallery.name(), "checksum": data, "images": self.images.len() },
            "seed": self.seed,
            "batch": self.batch,
            "responses": self.responses,
        });
        // a measure that has always been what it is says nothing, so that cells of before are known
        let revised: BTreeMap<&str, u32> = experiment
            .measures
            .iter()
            .map(|name| (name.as_str(), Measures::revision(name)))
            .filter(|(_, revision)| *revision > 0)
            .collect();
        if let (false, Some(description)) = (revised.is_empty(), description.as_object_mut()) {
            description.insert("revisions".into(), json!(revised));
        }
        let key = hex(&Sha256::digest(description.to_string()))[..32].to_string();
        let blank = dynamics.non_input as f32;
        let (stimulus, dt_ms) = (strength(&condition.protocol, &timeline), dynamics.dt);
        Ok(Task { condition, subject, setting, measured, timeline, stimulus, residual, dt_ms, blank, key, description })
    }

    fn run_task(
        &self,
        task: &Task<'_>,
        after_batch: &mut dyn FnMut(usize, usize) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let begun = Instant::now();
        let steps = task.steps();
        let unfinished = Unfinished::new(&self.store, &task.key)?;
        let mut ready = task.subject.prepare(&task.setting, steps)?;
        let extent = task.extent(self.images.len());
        let mut sets: Vec<(String, Box<dyn SetMeasure>)> = Vec::new();
        for (name, set) in &task.measured.sets {
            sets.push((name.clone(), set.start(&extent)?));
        }
        let dt_ms = ready.dynamics().dt;
        let schedule = Schedule { windows: windows(&task.timeline), rest: 0., dt_ms };
        let mut responses = match &self.responses {
            None => None,
            Some(responses) => {
                let times: Vec<f64> = (0..steps).map(|step| step as f64 * dt_ms).collect();
                let first = self.samples(task, 0..self.images.len()).first;
                let folder = unfinished.folder().join("responses.zarr");
                let (model, images) = (task.subject.anatomy(), &self.images);
                Some(ResponseWriter::new(&folder, responses, model, &times, images, &first, self.batch)?)
            }
        };
        let mut writers: [Option<ParquetWriter>; 2] = [None, None];
        let paths = ["steps.parquet", "samples.parquet"].map(|name| unfinished.folder().join(name));
        let mut shown = 0;
        while shown < self.images.len() {
            let end = (shown + self.batch).min(self.images.len());
            let samples = self.samples(task, shown..end);
            let tables = self.run_batch(task, ready.as_mut(), &samples, &schedule, &mut sets, responses.as_mut())?;
            for ((table, writer), path) in tables.iter().zip(&mut writers).zip(&paths) {
                let writer = match writer {
                    Some(writer) => writer,
                    None => writer.insert(ParquetWriter::new(path, table)?),
                };
                writer.write(table)?;
            }
            shown = end;
            after_batch(shown, samples.images.len())?;
        }
        for writer in writers.into_iter().flatten() {
            writer.finish()?;
        }
        let area = |number: usize| task.subject.anatomy().areas.get(number).map(|area| area.name.as_str());
        write_sets(&unfinished.folder().join("sets.parquet"), sets, area, dt_ms)?;
        let made = json!({
            "made_of": task.description,
            "residual_steps": task.residual,
            "seconds": begun.elapsed().as_secs_f64(),
        });
        unfinished.finish(&made)
    }

    fn samples<'t>(&'t self, task: &'t Task<'_>, numbers: std::ops::Range<usize>) -> Samples<'t> {
        let images = self.images.get(numbers.clone()).unwrap_or_default();
        let count = self.gallery.len().max(1);
        let mut labels = Vec::with_capacity(images.len() * task.steps());
        let mut first = Vec::with_capacity(images.len());
        for &image in images {
            let shown = task.timeline.labels(-1, |ahead| self.gallery.label((image + ahead % count) % count));
            first.push(first_label(&shown).unwrap_or(-1));
            // the readout answers so much later than the frame
            let late = std::iter::repeat_n(-1, task.residual).chain(shown);
            labels.extend(late.take(task.steps()));
        }
        Samples { numbers, images, labels, first, stimulus: &task.stimulus }
    }

    fn run_batch(
        &self,
        task: &Task<'_>,
        ready: &mut dyn Ready,
        samples: &Samples<'_>,
        schedule: &Schedule,
        sets: &mut [(String, Box<dyn SetMeasure>)],
        mut responses: Option<&mut ResponseWriter>,
    ) -> Result<[Table; 2], RunError> {
        let protocol = &task.condition.protocol;
        let showing = Showing { blank: task.blank, seed: self.seed, masks: Some(&self.masks), draws: None };
        let frames = protocol.show(&task.timeline, self.gallery, samples.images, &showing)?;
        let model = task.subject.anatomy();
        let writer = responses.as_deref_mut();
        let mut collector = Collector::new(model, &task.measured, samples, task.steps(), sets, writer);
        ready.run(&frames, samples.images, self.seed, &mut collector)?;
        let tables = collector.tables(schedule)?;
        if let Some(responses) = responses {
            responses.next_batch()?;
        }
        Ok(tables)
    }
}

/// What is computed, and how it is laid out on disk: cells of another number are made anew.
const FORMAT: u32 = 1;

/// How strong the picture of each step is: its contrast; 0 for blanks and masks.
fn strength(protocol: &Protocol, timeline: &Timeline) -> Vec<f64> {
    let of = |event: Option<usize>| match event.and_then(|event| protocol.events().get(event)).map(|event| &event.show)
    {
        Some(Shown::Image(picture)) => picture.contrast,
        _ => 0.,
    };
    timeline.moments().iter().map(|moment| of(moment.event)).collect()
}

/// The windows of what is shown, each up to the next one.
fn windows(timeline: &Timeline) -> Vec<Window> {
    let shown = timeline.spans();
    let ends = shown.iter().skip(1).map(|window| window.onset).chain([timeline.steps()]);
    shown.iter().zip(ends).filter_map(|(window, end)| Window::new(window.onset, window.offset, end).ok()).collect()
}

fn write_sets<'a>(
    path: &Path,
    sets: Vec<(String, Box<dyn SetMeasure>)>,
    area: impl Fn(usize) -> Option<&'a str>,
    dt_ms: f64,
) -> Result<(), RunError> {
    let mut writer: Option<ParquetWriter> = None;
    for (name, set) in sets {
        let values = set.finish();
        let areas = values.iter().map(|value| value.area.and_then(&area).map(Into::into)).collect();
        let step = |step: Option<usize>| step.map(|step| step as i64);
        let table = Table::new()
            .with("measure", Column::text(&name, values.len()))?
            .with("area", Column::Texts(areas))?
            .with("times_index", values.iter().map(|value| step(value.step)).collect::<Vec<_>>())?
            .with("time_ms", values.iter().map(|v| v.step.map(|step| step as f64 * dt_ms)).collect::<Vec<_>>())?
            .with("first", values.iter().map(|value| value.of[0]).collect::<Vec<_>>())?
            .with("second", values.iter().map(|value| value.of[1]).collect::<Vec<_>>())?
            .with("value", values.iter().map(|value| value.value).collect::<Vec<_>>())?
            .with("n", values.iter().map(|value| value.n as i64).collect::<Vec<_>>())?;
        let writer = match &mut writer {
            Some(writer) => writer,
            None => writer.insert(ParquetWriter::new(path, &table)?),
        };
        writer.write(&table)?;
    }
    match writer {
        Some(writer) => writer.finish().map(|_| ()),
        None => Ok(()),
    }
}

impl std::fmt::Debug for Runner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("model", &self.subject.anatomy().name)
            .field("gallery", &self.gallery)
            .field("store", &self.store)
            .field("images", &self.images.len())
            .field("batch", &self.batch)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
