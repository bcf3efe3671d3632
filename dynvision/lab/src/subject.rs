//! What a model must do to be experimented on.

use crate::anatomy::Anatomy;
use crate::intervention::Intervention;
use crate::run_error::RunError;
use dynvision::protocol::Frames;
use dynvision::time::Dynamics;
use std::sync::Arc;

/// What an area answered at one step, of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The activity, `(samples, channels, rows, columns)` row-major.
    pub values: &'a [f32],
    /// Channels, rows and columns.
    pub shape: [usize; 3],
}

/// Sees what a model does while it runs.
pub trait Observer {
    /// Sees what an area answered; none while it had no signal. The step is none for the last idle step, which comes first.
    /// Areas come in any order, the steps of one area in theirs.
    ///
    /// # Errors
    ///
    /// What it cannot do with the answer; the run ends.
    fn area(&mut self, step: Option<usize>, area: usize, answer: Option<Answer<'_>>) -> Result<(), RunError>;

    /// Sees the logits of a step, `(samples, classes)`.
    ///
    /// # Errors
    ///
    /// What it cannot do with them; the run ends.
    fn logits(&mut self, step: usize, logits: &[f32]) -> Result<(), RunError>;
}

/// How a model is to run.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// Settings of the model, as an experiment has them: `idle`, `feedforward_only`, and all of [`Dynamics`].
    pub model: toml::Table,
    /// What is done to it.
    pub interventions: Vec<Arc<dyn Intervention>>,
}

/// A trained model. All of the crate sees models through this trait alone; [`Trained`](crate::Trained) makes one of each
/// that `#[dyn_model]` declares.
pub trait Subject {
    /// What it is made of.
    fn anatomy(&self) -> &Anatomy;

    /// The time constants with these settings.
    ///
    /// # Errors
    ///
    /// A setting that there is not, or a value that it cannot have.
    fn dynamics(&self, settings: &toml::Table) -> Result<Dynamics, RunError>;

    /// The checksum of its parameters: what tells one trained model from another.
    fn checksum(&self) -> &str;

    /// Returns it ready to run, with what is done to it. The model itself stays as it is.
    ///
    /// # Errors
    ///
    /// What cannot be done to it.
    fn prepare<'a>(&'a self, setting: &Setting, steps: usize) -> Result<Box<dyn Ready + 'a>, RunError>;
}

/// A model that is ready to run under one condition.
pub trait Ready {
    /// Its time constants.
    fn dynamics(&self) -> &Dynamics;

    /// How many steps later than the frame the readout answers.
    ///
    /// # Errors
    ///
    /// Those of the model.
    fn residual(&self) -> Result<usize, RunError>;

    /// Runs a batch from rest and shows what happens. What is drawn for a sample follows from the seed, the image and the step.
    ///
    /// # Errors
    ///
    /// Those of the model and of the observer.
    fn run(
        &mut self,
        frames: &Frames,
        images: &[usize],
        seed: u64,
        observer: &mut dyn Observer,
    ) -> Result<(), RunError>;
}
