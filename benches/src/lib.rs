//! What the benchmarks share: a network, its input, one run of it, and what the system says of this process.

use dfdx::nn::ZeroGrads;
use dfdx::prelude::{Backward, Cache, Cpu, Gradients, Trace};
use dynvision::error::Error;
use dynvision::loss::{CrossEntropy, Labels, Loss};
use dynvision::model::{DynModel, Frame, LogitsInTime};
use dynvision::optim::{Adam, AdamConfig, Clip, Groups};
use dynvision::unroll::Stimulus;
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
    losses: Vec<f32>,
    norm: Option<f64>,
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
        Ok(Runner { net, frames, labels, steps, mode, optimizer, gradients: None, losses: Vec::new(), norm: None })
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
        let stimulus = Stimulus::constant(self.frames.clone().traced(gradients), self.steps).training();
        let logits = self.net.try_run(stimulus)?;
        let values = logits.retaped();
        let loss = CrossEntropy::default();
        let loss = Loss::<M, f32, Cpu>::try_forward(&loss, &self.net, logits, None, &self.labels)?;
        self.losses.extend(loss.as_vec());
        let mut gradients = loss.try_backward().map_err(text)?;
        if self.norm.is_none() {
            let measured = Clip::Norm(f64::INFINITY).apply(&self.net, &mut gradients, &Groups::default());
            self.norm = Some(measured.map_err(text)?);
        }
        self.optimizer.step(&mut self.net, &mut gradients).map_err(text)?;
        self.net.try_zero_grads(&mut gradients).map_err(text)?;
        self.gradients = Some(gradients);
        Ok(values)
    }

    /// The network.
    pub fn net(&self) -> &M {
        &self.net
    }

    /// The losses of the training steps so far, each before its update.
    pub fn losses(&self) -> &[f32] {
        &self.losses
    }

    /// The norm of the gradients of the first training step.
    pub fn first_norm(&self) -> Option<f64> {
        self.norm
    }
}

/// What Linux says of this process.
pub mod process {
    use super::text;
    use dynvision::error::Error;
    use std::fs;

    /// A line of `/proc/self/status` in MB: `VmHWM`, the peak of resident memory, or `VmRSS`, what is resident now.
    fn status(field: &str) -> Result<f64, Error> {
        let status = fs::read_to_string("/proc/self/status").map_err(text)?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
        kib.map(|kib| kib / 1024.0).ok_or_else(|| text(format!("no {field} in /proc/self/status")))
    }

    /// Peak resident memory in MB, since the last [`forget_peak`].
    ///
    /// # Errors
    /// A system other than Linux.
    pub fn peak_mb() -> Result<f64, Error> {
        status("VmHWM")
    }

    /// From now on the peak counts anew. Gives what is resident in MB.
    ///
    /// # Errors
    /// As [`peak_mb`].
    pub fn forget_peak() -> Result<f64, Error> {
        fs::write("/proc/self/clear_refs", "5").map_err(text)?;
        status("VmRSS")
    }

    /// Minor page faults so far: pages that the system gave, cleared.
    ///
    /// # Errors
    /// As [`peak_mb`].
    pub fn faults() -> Result<u64, Error> {
        let stat = fs::read_to_string("/proc/self/stat").map_err(text)?;
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let field = after_name.split_whitespace().nth(7).and_then(|field| field.parse().ok());
        field.ok_or_else(|| text("no faults in /proc/self/stat"))
    }
}
