//! What a training takes, before it is run.

use super::Run;
use crate::experiment::size;
use crate::lab_error::LabError;
use std::fmt;

/// What a training takes. Seconds depend on the machine: `sweep plan` measures it, and each epoch says what is left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainingCost {
    /// Images of an epoch, those held out among them.
    pub images: usize,
    /// Epochs.
    pub epochs: usize,
    /// Images at once.
    pub batch: usize,
    /// Steps of each image.
    pub steps: usize,
    /// Steps of each image before those, without a gradient.
    pub idle: usize,
    /// Bytes of the responses of all areas at all steps of a batch, which a gradient needs at least; none where a training keeps
    /// those of fewer steps.
    pub responses: Option<f64>,
}

impl TrainingCost {
    /// Steps of one image, over all images and epochs.
    pub fn all_steps(&self) -> f64 {
        (self.steps as f64 + self.idle as f64) * self.images as f64 * self.epochs as f64
    }

    /// Refuses what cannot be allocated on a machine of so many bytes.
    ///
    /// # Errors
    ///
    /// More responses than the machine has memory.
    ///
    /// ```
    /// use dynvision_lab::run::TrainingCost;
    /// let cost = TrainingCost { images: 100, epochs: 1, batch: 64, steps: 20, idle: 0, responses: Some(4e9) };
    /// assert!(cost.refuse(Some(8e9)).is_ok());
    /// assert!(cost.refuse(Some(2e9)).is_err_and(|error| error.to_string().contains("train.steps")));
    /// ```
    pub fn refuse(&self, memory: Option<f64>) -> Result<(), LabError> {
        match (self.responses, memory) {
            (Some(responses), Some(memory)) if responses > memory => Err(LabError::Usage(format!(
                "a batch of {} images over {} steps keeps at least {} of responses, and this machine has {} of memory: make `train.steps` \
                 (or the protocol) or `train.batch_size` less, or keep fewer steps by `dynamics.truncate_steps` or `dynamics.recompute_steps`",
                self.batch,
                self.steps,
                size(responses as u128),
                size(memory as u128)
            ))),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for TrainingCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TrainingCost { images, epochs, steps, idle, responses, .. } = *self;
        write!(f, "trains on {images} images x {epochs} epochs x {steps} steps")?;
        if idle > 0 {
            write!(f, " after {idle} idle ones")?;
        }
        write!(f, ": {:.3e} steps of an image", self.all_steps())?;
        match responses {
            Some(responses) => write!(f, "; a batch keeps at least {} of responses", size(responses as u128)),
            None => Ok(()),
        }
    }
}

impl Run<'_> {
    /// What its training takes.
    ///
    /// # Errors
    ///
    /// Those of the settings and of the data.
    pub fn training_cost(&self) -> Result<TrainingCost, LabError> {
        let settings = &self.config.settings;
        let (train, held_out) = self.counts()?;
        let steps = settings.steps()?;
        let areas = self.entry()?.wiring().areas.iter();
        let units: f64 = areas.map(|area| area.response.units() as f64).sum();
        let batch = settings.train.batch_size.min(train);
        let keeps_all = settings.dynamics.truncate_steps == 0 && settings.dynamics.recompute_steps == 0;
        Ok(TrainingCost {
            images: train + held_out,
            epochs: settings.train.epochs,
            batch,
            steps,
            idle: settings.dynamics.idle_steps,
            responses: keeps_all.then_some(4.0 * units * steps as f64 * batch as f64),
        })
    }
}
