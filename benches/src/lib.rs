//! What the benchmarks share: a network, its input, and one run of it.

use dfdx::nn::ZeroGrads;
use dfdx::prelude::{Backward, Cache, Cpu, Gradients, Trace};
use dynvision::error::Error;
use dynvision::loss::{CrossEntropy, Labels, Loss};
use dynvision::model::{DynModel, Frame, LogitsInTime};
use dynvision::optim::{Adam, AdamConfig};
use dynvision::time::Stimulus;
use std::fmt::Display;

/// What a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The logits of all steps.
    Forward,
    /// Forward, cross-entropy over all steps, backward, Adam.
    Train,
}

/// A network with a batch of constant frames, to be run again and again.
pub struct Runner<M: DynModel<f32, Cpu>> {
    net: M,
    frames: Frame<M, usize, f32, Cpu>,
    labels: Labels,
    steps: usize,
    mode: Mode,
    optimizer: Adam<M, f32, Cpu>,
    gradients: Option<Gradients<f32, Cpu>>,
}

fn text(error: impl Display) -> Error {
    Error::Setting(error.to_string())
}

impl<M: DynModel<f32, Cpu>> Runner<M> {
    /// Runs `net` on `frames` for `steps` steps, towards the class of each image.
    ///
    /// # Errors
    /// What the optimizer refuses.
    pub fn new(
        net: M,
        frames: Frame<M, usize, f32, Cpu>,
        classes: &[usize],
        steps: usize,
        mode: Mode,
    ) -> Result<Self, Error> {
        frames.device().enable_cache();
        let optimizer = Adam::new(&net, AdamConfig { lr: 2e-4, ..Default::default() }).map_err(text)?;
        let labels = Labels::constant(classes, steps);
        Ok(Runner { net, frames, labels, steps, mode, optimizer, gradients: None })
    }

    /// One run: the logits.
    ///
    /// # Errors
    /// What the model, the loss or the optimizer refuses.
    pub fn run(&mut self) -> Result<LogitsInTime<M, usize, f32, Cpu>, Error> {
        if self.mode == Mode::Forward {
            return self.net.try_run(Stimulus::constant(self.frames.clone(), self.steps));
        }
        let gradients = match self.gradients.take() {
            Some(gradients) => gradients,
            None => self.net.try_alloc_grads().map_err(text)?,
        };
        let stimulus = Stimulus::constant(self.frames.clone().traced(gradients), self.steps);
        let logits = self.net.try_run(stimulus)?;
        let values = logits.retaped();
        let loss = CrossEntropy::default();
        let loss = Loss::<M, f32, Cpu>::try_forward(&loss, &self.net, logits, None, &self.labels)?;
        let mut gradients = loss.try_backward().map_err(text)?;
        self.optimizer.step(&mut self.net, &mut gradients).map_err(text)?;
        self.net.try_zero_grads(&mut gradients).map_err(text)?;
        self.gradients = Some(gradients);
        Ok(values)
    }
}

/// Peak resident memory of this process, in MB, as the system says.
///
/// # Errors
/// A system that does not say it in `/proc/self/status`.
pub fn peak_mb() -> Result<f64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
    Ok(line.trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
}
