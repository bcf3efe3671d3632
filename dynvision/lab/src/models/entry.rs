//! A model without its type.

use super::shown::Shown;
use crate::lab_error::LabError;
use crate::model::Trained;
use crate::subject::Subject;
use dfdx::nn::BuildOnDevice;
use dfdx::prelude::{Cache, ConstDim, Cpu, SampleTensor};
use dynvision::data::Images;
#[cfg(feature = "cuda")]
use dynvision::device::Cuda;
use dynvision::device::{AnyDevice, named};
use dynvision::error::Error;
use dynvision::interop::{StateDict, Weights, pytorch, torch};
use dynvision::kernels::{ParameterKernel, VisionDevice};
use dynvision::loss::{Activity, CrossEntropy, TemporalSmoothness, Weighted};
use dynvision::model::{DynModel, GeneratedModel};
use dynvision::profile::{Profile, profile};
use dynvision::protocol::Protocol;
use dynvision::summary::Summary;
use dynvision::time::{Dynamics, Wiring};
use dynvision::train::{Checkpoint, Epoch, Metrics, TrainConfig, TrainError, Trainer, TrainingLog};
use dynvision::unroll::Stimulus;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;
use std::path::Path;

/// What is minimised: cross-entropy, and what areas cost.
///
/// ```
/// use dynvision_lab::models::Losses;
///
/// assert_eq!(Losses::default().activity, 0.0);
/// assert_eq!(Losses::default().to_string(), "cross-entropy");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Losses {
    /// The weight of the mean [`Activity`] of all areas; at 0 it is not computed.
    pub activity: f64,
    /// The weight of [`TemporalSmoothness`]; at 0 it is not computed.
    pub smoothness: f64,
}

impl Default for Losses {
    fn default() -> Self {
        Losses { activity: 0.0, smoothness: 0.0 }
    }
}

impl std::fmt::Display for Losses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cross-entropy")?;
        let more = [(self.activity, "activity"), (self.smoothness, "temporal smoothness")];
        more.iter().filter(|(weight, _)| *weight > 0.0).try_for_each(|(weight, name)| write!(f, " + {weight} × {name}"))
    }
}

type Terms = (CrossEntropy, Weighted<Activity>, Weighted<TemporalSmoothness>);

impl Losses {
    fn terms(&self) -> Terms {
        let activity = Weighted::new(self.activity, Activity::default());
        (CrossEntropy::default(), activity, Weighted::new(self.smoothness, TemporalSmoothness::default()))
    }
}

/// What a training is given.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// The settings; the seed among them is that of the weights, too.
    pub config: TrainConfig,
    /// The times of the model.
    pub dynamics: Dynamics,
    /// What is minimised.
    pub losses: Losses,
    /// What is shown, in place of the steps and the pattern of the settings.
    pub protocol: Option<Protocol>,
    /// A checkpoint to go on from.
    pub resume: Option<&'a Path>,
    /// The device that trains and tests, as [`named`] knows it.
    pub device: String,
}

/// A model with its type erased: what a laboratory does with it.
pub trait Entry: Send + Sync {
    /// Its areas and how they are connected.
    fn wiring(&self) -> Wiring;

    /// Classes of its readout.
    fn classes(&self) -> usize;

    /// The times that its declaration sets.
    ///
    /// # Errors
    ///
    /// A model that takes more memory than there is.
    fn dynamics(&self) -> Result<Dynamics, LabError>;

    /// Its areas with shapes, parameters and cost.
    ///
    /// # Errors
    ///
    /// Times that the model cannot have.
    fn summary(&self, dynamics: &Dynamics) -> Result<Summary, LabError>;

    /// Trains it, and calls `each` after every epoch. What is kept is what the settings say.
    ///
    /// # Errors
    ///
    /// Those of [`Trainer::fit`].
    fn train(
        &self,
        job: &Job<'_>,
        images: &Images,
        held_out: Option<&Images>,
        each: &mut dyn FnMut(&Epoch),
    ) -> Result<TrainingLog, TrainError>;

    /// Evaluates a checkpoint on images.
    ///
    /// # Errors
    ///
    /// Those of the checkpoint and of [`Trainer::evaluate`].
    fn evaluate(&self, job: &Job<'_>, checkpoint: &Path, images: &Images) -> Result<Metrics, TrainError>;

    /// Returns the model of a checkpoint, or with the first weights of a seed, as a subject of experiments.
    ///
    /// # Errors
    ///
    /// Those of the checkpoint; times that the model cannot have.
    fn subject(&self, dynamics: &Dynamics, from: WeightSource<'_>) -> Result<Box<dyn Subject>, LabError>;

    /// The weights by name; by the names that the original has in PyTorch where `original` says so.
    ///
    /// # Errors
    ///
    /// Those of the file; weights that have no such names.
    fn weights(&self, from: WeightSource<'_>, original: bool) -> Result<StateDict, LabError>;

    /// What each area costs while a batch of noise runs so many steps.
    ///
    /// # Errors
    ///
    /// Those of the model.
    fn profile(&self, dynamics: &Dynamics, batch: usize, steps: usize) -> Result<Profile, LabError>;
}

/// Where weights come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightSource<'a> {
    /// A checkpoint of a training, with its times.
    Checkpoint(&'a Path),
    /// A safetensors file of weights alone.
    Weights(&'a Path),
    /// A state dict of PyTorch, with the names that the original has.
    PyTorch(&'a Path),
    /// The first weights of a seed.
    Seed(u64),
}

impl<'a> WeightSource<'a> {
    /// What a file holds, by its ending and what is in it: `pt` and `pth` are PyTorch's, a safetensors file is a checkpoint or holds
    /// weights alone.
    ///
    /// # Errors
    ///
    /// A file that cannot be read.
    pub fn file(path: &'a Path) -> Result<Self, LabError> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if ["pt", "pth", "ckpt", "bin"].contains(&ending) {
            return Ok(WeightSource::PyTorch(path));
        }
        let state = dynvision::interop::read(path).map_err(TrainError::from)?;
        Ok(if state.text("format").is_ok() { WeightSource::Checkpoint(path) } else { WeightSource::Weights(path) })
    }
}

/// The entry of a declared model.
pub struct Of<M>(PhantomData<fn() -> M>);

impl<M> Of<M> {
    /// The entry of `M`.
    pub fn new() -> Self {
        Of(PhantomData)
    }
}

impl<M> Default for Of<M> {
    fn default() -> Self {
        Of::new()
    }
}

impl<M> std::fmt::Debug for Of<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Of<{}>", std::any::type_name::<M>())
    }
}

/// A model that is built on every device that this program is built for.
#[cfg(not(feature = "cuda"))]
pub trait OnDevices: BuildOnDevice<Cpu, f32, Built = Self::OnCpu> + 'static {
    /// The model on the CPU.
    type OnCpu: DynModel<f32, Cpu>;
}

#[cfg(not(feature = "cuda"))]
impl<M> OnDevices for M
where
    M: BuildOnDevice<Cpu, f32, Built: DynModel<f32, Cpu>> + 'static,
{
    type OnCpu = <M as BuildOnDevice<Cpu, f32>>::Built;
}

/// A model that is built on every device that this program is built for.
#[cfg(feature = "cuda")]
pub trait OnDevices:
    BuildOnDevice<Cpu, f32, Built = Self::OnCpu> + BuildOnDevice<Cuda, f32, Built = Self::OnCuda> + 'static
{
    /// The model on the CPU.
    type OnCpu: DynModel<f32, Cpu>;
    /// The model on a GPU.
    type OnCuda: DynModel<f32, Cuda>;
}

#[cfg(feature = "cuda")]
impl<M> OnDevices for M
where
    M: BuildOnDevice<Cpu, f32, Built: DynModel<f32, Cpu>>
        + BuildOnDevice<Cuda, f32, Built: DynModel<f32, Cuda>>
        + 'static,
{
    type OnCpu = <M as BuildOnDevice<Cpu, f32>>::Built;
    type OnCuda = <M as BuildOnDevice<Cuda, f32>>::Built;
}

/// What is done with a trainer, on whichever device.
macro_rules! on_device {
    ($job:ident, |$trainer:ident| $run:expr) => {
        match named(&$job.device, $job.config.seed.0)? {
            AnyDevice::Cpu(device) => {
                let mut $trainer = trainer::<M, _>(&device, $job)?;
                $run
            }
            #[cfg(feature = "cuda")]
            AnyDevice::Cuda(device) => {
                let mut $trainer = trainer::<M, _>(&device, $job)?;
                $run
            }
        }
    };
}

/// A trainer on a device that was made with the seed of the job.
fn trainer<M, D>(
    device: &D,
    job: &Job<'_>,
) -> Result<Trainer<<M as BuildOnDevice<D, f32>>::Built, f32, D, Terms>, TrainError>
where
    D: VisionDevice<f32> + ParameterKernel<f32>,
    M: BuildOnDevice<D, f32, Built: DynModel<f32, D>>,
{
    let mut net = <M as BuildOnDevice<D, f32>>::try_build_on_device(device).map_err(Error::device)?;
    *net.dynamics_mut() = job.dynamics.clone();
    Ok(Trainer::new(device, net, job.config.clone())?.with_loss(job.losses.terms()))
}

impl<M: OnDevices> Of<M> {
    fn build(&self, seed: u64) -> Result<(Cpu, M::OnCpu), Error> {
        let device = Cpu::seed_from_u64(seed);
        let net = <M as BuildOnDevice<Cpu, f32>>::try_build_on_device(&device).map_err(Error::device)?;
        Ok((device, net))
    }

    fn load(&self, dynamics: &Dynamics, from: WeightSource<'_>) -> Result<(Cpu, M::OnCpu), LabError> {
        let (device, mut net) = self.build(if let WeightSource::Seed(seed) = from { seed } else { 0 })?;
        *net.dynamics_mut() = dynamics.clone();
        match from {
            WeightSource::Checkpoint(path) => Checkpoint::read(path)?.load_into(&mut net)?,
            WeightSource::Weights(path) => net.load_weights(path).map_err(TrainError::from)?,
            WeightSource::PyTorch(path) => {
                let loaded = pytorch::read(path).map_err(TrainError::from)?;
                torch::import(&mut net, &loaded.state)
                    .map_err(|error| LabError::Failed(format!("`{}`: {error}", path.display())))?;
            }
            WeightSource::Seed(_) => {}
        }
        Ok((device, net))
    }

    fn shown<'a>(&self, job: &Job<'_>, images: &'a Images) -> Result<Shown<'a>, TrainError> {
        let blank = job.config.presentation.blank;
        Shown::new(images, job.protocol.as_ref(), blank, job.dynamics.dt)
    }
}

impl<M: OnDevices> Entry for Of<M> {
    fn wiring(&self) -> Wiring {
        <M::OnCpu as GeneratedModel<f32, Cpu>>::WIRING
    }

    fn classes(&self) -> usize {
        <M::OnCpu as GeneratedModel<f32, Cpu>>::Classes::SIZE
    }

    fn dynamics(&self) -> Result<Dynamics, LabError> {
        Ok(self.build(0)?.1.dynamics().clone())
    }

    fn summary(&self, dynamics: &Dynamics) -> Result<Summary, LabError> {
        let mut net = self.build(0)?.1;
        *net.dynamics_mut() = dynamics.clone();
        net.plan()?;
        Ok(net.summary())
    }

    fn train(
        &self,
        job: &Job<'_>,
        images: &Images,
        held_out: Option<&Images>,
        each: &mut dyn FnMut(&Epoch),
    ) -> Result<TrainingLog, TrainError> {
        let images = self.shown(job, images)?;
        let held_out = held_out.map(|images| self.shown(job, images)).transpose()?;
        on_device!(job, |trainer| {
            if let Some(checkpoint) = job.resume {
                trainer.resume(checkpoint)?;
            }
            trainer.fit_each(&images, held_out.as_ref(), each).cloned()
        })
    }

    fn evaluate(&self, job: &Job<'_>, checkpoint: &Path, images: &Images) -> Result<Metrics, TrainError> {
        let images = self.shown(job, images)?;
        on_device!(job, |trainer| {
            Checkpoint::read(checkpoint)?.load_into(trainer.net_mut())?;
            trainer.evaluate(&images)
        })
    }

    fn subject(&self, dynamics: &Dynamics, from: WeightSource<'_>) -> Result<Box<dyn Subject>, LabError> {
        let (device, net) = self.load(dynamics, from)?;
        Ok(Box::new(Trained::new(net, &device)?))
    }

    fn weights(&self, from: WeightSource<'_>, original: bool) -> Result<StateDict, LabError> {
        let net = self.load(&self.dynamics()?, from)?.1;
        if !original {
            return Ok(net.weights());
        }
        torch::export(&net, &torch::Names::default()).map_err(|error| LabError::Failed(error.to_string()))
    }

    fn profile(&self, dynamics: &Dynamics, batch: usize, steps: usize) -> Result<Profile, LabError> {
        let (device, net) = self.load(dynamics, WeightSource::Seed(0))?;
        device.enable_cache();
        let shape = (batch, Default::default(), Default::default(), Default::default());
        let images = device.sample_normal_like(&shape);
        Ok(profile(&net, || Stimulus::constant(images.clone(), steps))?)
    }
}
