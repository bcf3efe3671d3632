//! What jobs take, before they are run: from the multiplications of the model, and how fast this machine does them.

use super::Job;
use crate::gallery::Gallery;
use crate::lab_error::LabError;
use crate::run::Run;
use crate::run_error::RunError;
use crate::subject::{Answer, Observer, Setting};
use dynvision::protocol::Showing;
use dynvision::protocol::experiment::Experiment;
use serde::Serialize;
use std::time::{Duration, Instant};

/// What a job takes, as far as it can be known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// Seconds of training.
    pub train: f64,
    /// Seconds of experiments.
    pub experiments: f64,
    /// Bytes of memory at most.
    pub memory: f64,
}

/// How fast a machine is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Speed {
    /// Multiplications in a second, while a model runs forward.
    pub multiplications: f64,
}

struct Nothing;

impl Observer for Nothing {
    fn area(&mut self, _: Option<usize>, _: usize, _: Option<Answer<'_>>) -> Result<(), RunError> {
        Ok(())
    }

    fn logits(&mut self, _: usize, _: &[f32]) -> Result<(), RunError> {
        Ok(())
    }
}

/// A step of training costs so many forward runs: itself, gradients of inputs and of weights, and the update.
const TRAINING: f64 = 3.5;

fn multiplications(run: &Run<'_>) -> Result<f64, LabError> {
    let entry = run.entry()?;
    let summary = entry.summary(&run.config.settings.dynamics)?;
    let sum: usize = (0..entry.wiring().areas.len()).map(|area| summary.multiplications(area)).sum();
    Ok(sum as f64)
}

impl Speed {
    /// Measured on the model of a run, for about a second.
    ///
    /// # Errors
    ///
    /// Those of the model and of the data.
    pub fn measured(run: &Run<'_>) -> Result<Self, LabError> {
        let settings = &run.config.settings;
        let subject = run.entry()?.subject(&settings.dynamics, crate::models::WeightSource::Seed(0))?;
        let images = run.test_images()?;
        let gallery = Gallery::of(images)?;
        let shown: Vec<usize> = (0..images.len().min(settings.train.batch_size)).collect();
        let text =
            "about = \"\"\nmeasures = []\nprotocol = { contrast = { total = 6, intro = 0, stim = 6, contrast = 1.0 } }";
        let condition =
            Experiment::parse(text).and_then(|e| e.conditions()).map_err(RunError::from)?.into_iter().next();
        let protocol =
            condition.ok_or_else(|| LabError::Failed("nothing is shown to measure the speed".into()))?.protocol;
        let timeline = protocol.timeline(settings.dynamics.dt).map_err(RunError::from)?;
        let showing = Showing { blank: 0., seed: 0, masks: None, draws: None };
        let frames = protocol.show(&timeline, &gallery, &shown, &showing).map_err(RunError::from)?;
        let mut ready = subject.prepare(&Setting::default(), timeline.steps())?;
        let begun = Instant::now();
        let mut fastest = f64::INFINITY;
        while begun.elapsed() < Duration::from_millis(800) {
            let start = Instant::now();
            ready.run(&frames, &shown, 0, &mut Nothing)?;
            fastest = fastest.min(start.elapsed().as_secs_f64());
        }
        let done = multiplications(run)? * (shown.len() * timeline.steps()) as f64;
        Ok(Speed { multiplications: done / fastest })
    }

    /// What a job takes on this machine; what is there already takes nothing.
    ///
    /// # Errors
    ///
    /// Those of the settings and of the data.
    pub fn estimate(&self, job: &Job<'_>) -> Result<Estimate, LabError> {
        let (run, settings) = (&job.run, &job.run.config.settings);
        let step = multiplications(run)? / self.multiplications;
        let (train, held_out) = run.counts()?;
        let steps = (settings.steps()? + settings.dynamics.idle_steps) as f64;
        let images = settings.train.epochs as f64 * (TRAINING * train as f64 + held_out as f64);
        let train = if run.trained()?.is_some() { 0. } else { images * steps * step };
        let test = if run.tested()?.is_some() { 0. } else { run.test_images()?.len() as f64 * steps * step };
        let mut shown = 0.;
        for named in job.experiments()? {
            if run.is_shown(&named)? {
                continue;
            }
            let count = settings.experiments.images.min(run.test_images()?.len());
            let cost = named.experiment.cost(settings.dynamics.dt, count, 0).map_err(RunError::from)?;
            shown += cost.steps as f64 * step;
        }
        let entry = run.entry()?;
        let units: usize =
            entry.wiring().areas.iter().map(|area| area.response.c * area.response.h * area.response.w).sum();
        let (parameters, _) = entry.summary(&settings.dynamics)?.parameters();
        // weights, gradients and two moments; of each step about six maps that gradients need
        let memory = 4. * (4. * parameters as f64 + 6. * units as f64 * steps * settings.train.batch_size as f64) + 5e7;
        Ok(Estimate { train: train + test, experiments: shown, memory })
    }
}
