//! Frames over time.

use super::Injection;
use crate::error::{Error, Result};
use crate::kernels::Maps;
use crate::ops::{MapShape, erase};
use crate::parameters::AnyTensor;
use crate::time::Mode;
use dfdx::prelude::*;
use std::collections::HashMap;
use std::ops::Range;

/// Frames over time, each shown for some steps. A frame that is shown at several steps is stored once, and what the first
/// area makes of it is computed once. The tape, if any, starts here.
///
/// ```
/// use dynvision::unroll::Stimulus;
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let image: Tensor<(usize, Const<1>, Const<8>, Const<8>), f32, _> = dev.ones_like(&(2, Const, Const, Const));
/// let flash = Stimulus::constant(image, 5).then_blank(10, 0.0).unwrap();
/// assert_eq!(flash.steps(), 15);
/// ```
#[derive(Clone, Debug)]
pub struct Stimulus<S: Shape, E: Dtype, D: Device<E>, T = NoneTape> {
    frames: Vec<Tensor<S, E, D>>,
    /// Which frame each step shows.
    shown: Vec<usize>,
    currents: Vec<Injection<E, D>>,
    beside: Vec<Beside<E, D>>,
    seed: Option<u64>,
    mode: Mode,
    /// The areas whose batch norms keep to their running moments.
    frozen: Vec<String>,
    tape: T,
}

impl<S: Shape, E: Dtype, D: Device<E>, T> Stimulus<S, E, D, T> {
    fn new(frames: Vec<Tensor<S, E, D>>, shown: Vec<usize>, tape: T) -> Self {
        Stimulus {
            frames,
            shown,
            currents: Vec::new(),
            beside: Vec::new(),
            seed: None,
            mode: Mode::default(),
            frozen: Vec::new(),
            tape,
        }
    }

    /// One frame for `steps` steps.
    pub fn constant(frame: Tensor<S, E, D, T>, steps: usize) -> Self {
        let (frame, tape) = frame.split_tape();
        Stimulus::new(vec![frame], vec![0; steps], tape)
    }

    /// Each frame for one step. Clones of one tensor are one frame, so that what the first area makes of it is computed once.
    pub fn frames(frames: Vec<Tensor<S, E, D>>, tape: T) -> Self {
        let mut known = HashMap::new();
        let mut distinct = Vec::with_capacity(frames.len());
        let mut shown = Vec::with_capacity(frames.len());
        for frame in frames {
            let at = *known.entry(frame.identity()).or_insert(distinct.len());
            if at == distinct.len() {
                distinct.push(frame);
            }
            shown.push(at);
        }
        Stimulus::new(distinct, shown, tape)
    }

    /// Then another frame for `steps` steps.
    pub fn then(mut self, frame: Tensor<S, E, D>, steps: usize) -> Self {
        self.shown.extend(std::iter::repeat_n(self.frames.len(), steps));
        self.frames.push(frame);
        self
    }

    /// Then the first frame again for `steps` steps.
    pub fn then_again(mut self, steps: usize) -> Self {
        self.shown.extend(std::iter::repeat_n(0, steps));
        self
    }

    /// Then a frame of `value` for `steps` steps.
    ///
    /// # Errors
    /// [`Error::EmptyStimulus`] if nothing was shown before; what the device refuses.
    pub fn then_blank(self, steps: usize, value: f64) -> Result<Self> {
        let first = self.frames.first().ok_or(Error::EmptyStimulus)?;
        let blank = blank(first, value)?;
        Ok(self.then(blank, steps))
    }

    /// The first frame at the steps where `on` says so, a frame of `value` at the others.
    ///
    /// # Errors
    /// What the device refuses.
    pub fn presented(frame: Tensor<S, E, D, T>, on: &[bool], value: f64) -> Result<Self> {
        let (frame, tape) = frame.split_tape();
        let shown = on.iter().map(|&on| usize::from(!on)).collect();
        let mut frames = vec![frame];
        if on.contains(&false) {
            frames.push(blank(&frames[0], value)?);
        }
        Ok(Stimulus::new(frames, shown, tape))
    }

    /// Shows another stimulus beside this one: the input `name` of a model with several, such as the other eye's. Its frames
    /// are all that is taken of it; gradients for them are those of its tensors.
    ///
    /// ```
    /// use dynvision::prelude::*;
    /// #[dyn_model(
    ///     inputs(left = [1, 6, 6], right = [1, 6, 6]),
    ///     operations = [layer, nonlin, record, delay],
    /// )]
    /// struct TwoEyes {
    ///     #[area(from = [left, right])]
    ///     v1: RConv2d<2, 4>,
    ///     #[readout]
    ///     depth: Classifier<4, 3>,
    /// }
    /// let dev = Cpu::default();
    /// let net = dev.build_module::<TwoEyes, f32>();
    /// let left: Tensor<(usize, Const<1>, Const<6>, Const<6>), f32, Cpu> = dev.sample_normal_like(&(2, Const, Const, Const));
    /// let right: Tensor<TwoEyesRight<usize>, f32, Cpu> = dev.sample_normal_like(&(2, Const, Const, Const));
    /// let both = Stimulus::constant(left.clone(), 3).beside("right", Stimulus::constant(right, 3))?;
    /// assert_eq!(net.try_run(both)?.shape().1, 3);
    /// let error = net.try_run(Stimulus::constant(left, 3)).unwrap_err().to_string();
    /// assert!(error.contains("input `right`"));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// What the device refuses. The run refuses a name that is no input of the model, and another number of images or steps.
    pub fn beside<C: MapShape, U>(mut self, name: impl Into<String>, other: Stimulus<C, E, D, U>) -> Result<Self> {
        let frames = other.frames.into_iter().map(erase).collect::<Result<_>>()?;
        self.beside.push(Beside { name: name.into(), frames, shown: other.shown });
        Ok(self)
    }

    /// What is shown beside the frames.
    pub(crate) fn shown_beside(&self) -> &[Beside<E, D>] {
        &self.beside
    }

    /// Injects a current into an area at these steps, beside the frames. The area needs an
    /// [`ExternalInput`](crate::nn::ExternalInput) among its operations.
    ///
    /// # Shapes
    /// `current` has the shape of what that operation gets, `(B, C, H, W)`.
    ///
    /// # Errors
    /// What the device refuses. The run refuses an area that does not exist, has no such operation or another shape.
    pub fn inject<C: MapShape>(
        mut self,
        area: impl Into<String>,
        current: Tensor<C, E, D>,
        steps: Range<usize>,
    ) -> Result<Self> {
        let current = erase(current)?.try_contiguous().map_err(Error::device)?;
        self.currents.push(Injection { area: area.into(), current, steps });
        Ok(self)
    }

    /// The currents that are injected beside the frames.
    pub fn injections(&self) -> &[Injection<E, D>] {
        &self.currents
    }

    /// Determines all that the run leaves to chance, such as dropout; without it the device's seed does.
    pub fn seeded(self, seed: u64) -> Self {
        Stimulus { seed: Some(seed), ..self }
    }

    /// What [`seeded`](Stimulus::seeded) said.
    pub fn seed(&self) -> Option<u64> {
        self.seed
    }

    /// The run trains: batch normalisation by the batch, and dropout. Whether it records gradients is said by its tape.
    ///
    /// ```
    /// use dynvision::{nn::BatchNorm, prelude::*};
    /// #[dyn_model(input = [1, 4, 4], operations = [layer, norm, record, delay])]
    /// struct Net {
    ///     #[area(norm = BatchNorm<2>)]
    ///     v1: RConv2d<1, 2, 3, 1, NoRecurrence>,
    ///     #[readout]
    ///     classifier: Classifier<2, 2>,
    /// }
    /// let dev = Cpu::seed_from_u64(1);
    /// let net = dev.build_module::<Net, f64>();
    /// let images = dev.sample_normal_like(&(3, Const, Const, Const));
    /// let shown = Stimulus::constant(images, 2);
    /// let evaluated = net.try_run(shown.clone())?.as_vec();
    /// // a tape changes nothing
    /// assert_eq!(net.try_run(shown.clone().traced(net.alloc_grads()))?.as_vec(), evaluated);
    /// assert_ne!(net.try_run(shown.training())?.as_vec(), evaluated);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn training(self) -> Self {
        self.mode(Mode::Training)
    }

    /// Says what the run is for; [`Mode::Evaluation`] unless it is said.
    pub fn mode(self, mode: Mode) -> Self {
        Stimulus { mode, ..self }
    }

    /// The batch norms in these areas normalise by their running moments in training as well, and hand over none; what
    /// trains otherwise trains still. For fine-tuning, with batches that are too small to have moments of their own. The run
    /// refuses the name of an area that does not exist.
    pub fn freeze_statistics<A: Into<String>>(self, areas: impl IntoIterator<Item = A>) -> Self {
        Stimulus { frozen: areas.into_iter().map(Into::into).collect(), ..self }
    }

    /// What the run is for.
    pub fn purpose(&self) -> Mode {
        self.mode
    }

    /// The areas that [`freeze_statistics`](Stimulus::freeze_statistics) named.
    pub fn frozen_statistics(&self) -> &[String] {
        &self.frozen
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.shown.len()
    }

    /// The frame of a step.
    pub fn frame(&self, step: usize) -> Option<&Tensor<S, E, D>> {
        self.frames.get(*self.shown.get(step)?)
    }

    /// The frames, each once, in the order in which they were given.
    pub fn distinct_frames(&self) -> &[Tensor<S, E, D>] {
        &self.frames
    }

    /// Returns the stimulus without its tape, and the tape.
    pub fn split_tape(self) -> (Stimulus<S, E, D>, T) {
        let Stimulus { frames, shown, currents, beside, seed, mode, frozen, tape } = self;
        (Stimulus { frames, shown, currents, beside, seed, mode, frozen, tape: NoneTape }, tape)
    }
}

impl<S: Shape, E: Dtype, D: Device<E>> Stimulus<S, E, D> {
    /// Starts a tape here, whose gradients are added to `gradients`: the model's `alloc_grads()` for its
    /// parameters, [`Gradients::leaky`] for those of frames as well. A frame that several steps show has one gradient, their
    /// sum; copies of it, each a tensor of its own, have their own.
    pub fn traced(self, gradients: Gradients<E, D>) -> Stimulus<S, E, D, OwnedTape<E, D>> {
        let Stimulus { frames, shown, currents, beside, seed, mode, frozen, .. } = self;
        // dfdx makes a tape with given gradients of a tensor only; without a frame nothing can be recorded
        let tape = frames.first().map(|frame| frame.clone().traced(gradients).split_tape().1).unwrap_or_default();
        Stimulus { frames, shown, currents, beside, seed, mode, frozen, tape }
    }
}

/// Frames that are shown beside others.
#[derive(Clone, Debug)]
pub(crate) struct Beside<E: Dtype, D: Device<E>> {
    pub(crate) name: String,
    pub(crate) frames: Vec<Maps<E, D>>,
    pub(crate) shown: Vec<usize>,
}

impl<E: Dtype, D: Device<E>> Beside<E, D> {
    /// The frame of a step.
    pub(crate) fn frame(&self, step: usize) -> Option<&Maps<E, D>> {
        self.frames.get(*self.shown.get(step)?)
    }
}

/// A frame of `value` in the shape of `like`.
///
/// # Errors
/// What the device refuses; [`Error::Setting`] where `value` is no number of the dtype.
pub(crate) fn blank<S: Shape, E: Dtype, D: Device<E>>(like: &Tensor<S, E, D>, value: f64) -> Result<Tensor<S, E, D>> {
    let value = E::from_f64(value).ok_or_else(|| Error::Setting(format!("{value} is no value of a frame")))?;
    let ones = like.device().try_ones_like(like.shape()).map_err(Error::device)?;
    ones.try_mul(value).map_err(Error::device)
}
