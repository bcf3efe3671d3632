//! The loop over epochs and batches.

use super::diagnosis::first_not_finite;
use super::metrics::Meter;
use super::progress;
use super::{Epoch, History, Metrics, TrainConfig, TrainError};
use crate::data::{Images, Order, Purpose};
use crate::error::Error;
use crate::kernels::{Element, VisionDevice};
use crate::loss::{CrossEntropy, Labels, Loss, Output, Term, total};
use crate::model::{DynModel, FrameShape, LogitsInTime, stacked};
use crate::nn::Statistics;
use crate::optim::{Method, Optim, OptimError, ParameterKernel, Rule};
use crate::record::{Silent, Steps};
use crate::time::Stimulus;
use dfdx::nn::ZeroGrads;
use dfdx::prelude::*;
use rand::RngCore;
use std::time::Instant;

/// Trains a model: its weights, the state of its optimizer, and how far it has come.
///
/// [`fit`](Trainer::fit) trains on images. A loop of one's own calls [`backward`](Trainer::backward) and
/// [`update`](Trainer::update) with any stimulus and labels, such as films.
///
/// What is left to chance is drawn from streams of [`TrainConfig::seed`] that are pure functions of what they are for, so a
/// run is a function of the seed, the images and the first weights; a device made with that seed
/// (`Cpu::seed_from_u64(config.seed.0)`) makes the first weights a function of it as well.
pub struct Trainer<M, E: Element, D: VisionDevice<E>, L = CrossEntropy, R = Method> {
    pub(super) net: M,
    pub(super) optim: Optim<R, M, E, D>,
    loss: L,
    pub(super) config: TrainConfig,
    device: D,
    /// The rate that the schedule multiplies.
    lr: f64,
    pub(super) gradients: Option<Gradients<E, D>>,
    pub(super) history: History,
    /// Updates of the weights so far.
    pub(super) updates: u64,
    /// Batches presented so far in the training.
    pub(super) batches: u64,
}

/// A run with its loss.
struct Judged<M: DynModel<E, D>, E: Element, D: VisionDevice<E>, T> {
    terms: Vec<Term<E, D>>,
    loss: Tensor<Rank0, E, D, T>,
    logits: LogitsInTime<M, usize, E, D>,
    observed: Statistics,
}

/// The numbers of a batch, read from the device.
struct Numbers {
    loss: f64,
    terms: Vec<(String, f64)>,
    logits: Vec<f64>,
}

impl Numbers {
    fn count(&self, meter: &mut Meter, labels: &Labels) {
        meter.add(self.loss, &self.terms, &self.logits, labels);
    }
}

impl<M, E, D> Trainer<M, E, D>
where
    M: DynModel<E, D>,
    E: Element,
    D: VisionDevice<E> + ParameterKernel<E>,
{
    /// A trainer by cross-entropy and the optimizer that `config` names.
    ///
    /// # Errors
    /// A setting out of its range, a group that holds for no parameter, dynamics that are no multiples of their time step.
    pub fn new(device: &D, net: M, config: TrainConfig) -> Result<Self, TrainError> {
        let rule = config.optimizer;
        Trainer::with_rule(device, net, config, rule)
    }
}

impl<M, E, D, R> Trainer<M, E, D, CrossEntropy, R>
where
    M: DynModel<E, D>,
    E: Element,
    D: VisionDevice<E> + ParameterKernel<E>,
    R: Rule,
{
    /// The same with a rule of one's own in place of the one that `config` names.
    ///
    /// # Errors
    /// As [`new`](Trainer::new).
    pub fn with_rule(device: &D, net: M, config: TrainConfig, rule: R) -> Result<Self, TrainError> {
        config.check()?;
        net.plan()?;
        let lr = rule.lr();
        let optim = Optim::new(&net, rule)?.with_groups(config.groups.clone())?;
        let (device, loss) = (device.clone(), CrossEntropy::default());
        let (gradients, history) = (None, History::default());
        Ok(Trainer { net, optim, loss, config, device, lr, gradients, history, updates: 0, batches: 0 })
    }
}

impl<M, E, D, L, R> Trainer<M, E, D, L, R>
where
    M: DynModel<E, D>,
    E: Element,
    D: VisionDevice<E> + ParameterKernel<E>,
    L: Loss<M, E, D>,
    R: Rule,
{
    /// The same with another loss.
    pub fn with_loss<Other: Loss<M, E, D>>(self, loss: Other) -> Trainer<M, E, D, Other, R> {
        let Trainer { net, optim, config, device, lr, gradients, history, updates, batches, .. } = self;
        Trainer { net, optim, loss, config, device, lr, gradients, history, updates, batches }
    }

    /// The model.
    pub fn net(&self) -> &M {
        &self.net
    }

    /// The model, to be changed.
    pub fn net_mut(&mut self) -> &mut M {
        &mut self.net
    }

    /// Ends the training.
    pub fn into_net(self) -> M {
        self.net
    }

    /// The optimizer.
    pub fn optimizer(&self) -> &Optim<R, M, E, D> {
        &self.optim
    }

    /// The settings.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// All epochs so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Trains until [`TrainConfig::epochs`] are done, those before a resumed checkpoint included; evaluates on `held_out`.
    ///
    /// # Errors
    /// Images of another shape than the model's frames or with more classes than it; a loss or gradient that is not finite,
    /// with the batch and what was the first not to be; what cannot be written; what the device refuses.
    pub fn fit(&mut self, images: &Images, held_out: Option<&Images>) -> Result<&History, TrainError>
    where
        E: dfdx::tensor::safetensors::SafeDtype,
    {
        self.fit_each(images, held_out, |_| {})
    }

    /// The same, and calls `each` after every epoch.
    ///
    /// # Errors
    /// As [`fit`](Trainer::fit).
    pub fn fit_each(
        &mut self,
        images: &Images,
        held_out: Option<&Images>,
        mut each: impl FnMut(&Epoch),
    ) -> Result<&History, TrainError>
    where
        E: dfdx::tensor::safetensors::SafeDtype,
    {
        while !self.config.is_over(&self.history) {
            let epoch = self.epoch(images, held_out)?;
            each(&epoch);
            self.history.epochs.push(epoch);
            self.write_checkpoints()?;
        }
        Ok(&self.history)
    }

    /// One epoch, which is not yet in the history.
    fn epoch(&mut self, images: &Images, held_out: Option<&Images>) -> Result<Epoch, TrainError> {
        let (start, done) = (Instant::now(), self.history.epochs.len());
        let (train, gradient_norm) = self.train(images, done)?;
        let due = self.config.due(done + 1, self.config.evaluate_every);
        let valid = held_out.filter(|_| due).map(|images| self.evaluate(images)).transpose()?;
        Ok(Epoch {
            epoch: done + 1,
            updates: self.updates,
            lr: self.optim.lr(),
            gradient_norm,
            seconds: start.elapsed().as_secs_f64(),
            train,
            valid,
        })
    }

    /// Sees all images once; gives the metrics and the mean norm of the gradients.
    fn train(&mut self, images: &Images, epoch: usize) -> Result<(Metrics, f64), TrainError> {
        let (seed, size, accumulate) = (self.config.seed, self.config.batch_size, self.config.accumulate);
        let order = self.config.order.indices(images.labels(), seed, epoch as u64);
        let (device, residual) = (self.device.clone(), self.net.plan()?.residual());
        let batches = images.batches_of(&device, &order, size)?;
        let count = batches.len();
        let bar = progress::bar(self.config.progress, epoch + 1, self.config.epochs, count);
        let (mut meter, mut norms) = (Meter::default(), Vec::new());
        for (number, batch) in batches.enumerate() {
            let batch = batch?;
            let at = |source| TrainError::Batch { epoch: epoch + 1, batch: number + 1, source: Box::new(source) };
            let plan = self.config.presentation.plan(self.config.steps, residual, seed, self.batches);
            let stimulus = self.present(batch.images, plan.shown())?;
            let labels = Labels::counted(&batch.labels, plan.counted());
            // the batches whose gradients make one update; the epoch's last may be fewer
            let group = accumulate.min(count - number / accumulate * accumulate);
            let numbers = self.backward_part(stimulus, &labels, group).map_err(at)?;
            numbers.count(&mut meter, &labels);
            if (number + 1) % accumulate == 0 || number + 1 == count {
                self.schedule(epoch)?;
                norms.push(self.update().map_err(at)?);
            }
            bar.set_message(format!("loss {:.4}", meter.loss()));
            bar.inc(1);
        }
        bar.finish_and_clear();
        let norm = norms.iter().sum::<f64>() / norms.len().max(1) as f64;
        Ok((meter.metrics(), norm))
    }

    fn schedule(&mut self, epoch: usize) -> Result<(), TrainError> {
        let step = match self.config.schedule_by {
            super::Interval::Update => self.updates,
            super::Interval::Epoch => epoch as u64,
        };
        Ok(self.optim.set_lr(self.config.schedule.lr(self.lr, step))?)
    }

    fn present(
        &self,
        images: Tensor<FrameShape<M, usize, E, D>, E, D>,
        shown: &[bool],
    ) -> Result<Stimulus<FrameShape<M, usize, E, D>, E, D>, Error> {
        Stimulus::presented(images, shown, self.config.presentation.blank)
    }

    /// Runs a stimulus, and adds the gradients of its loss to those that the next [`update`](Trainer::update) follows. Gives
    /// the loss.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] if the loss is not finite; labels that do not fit; what the device refuses.
    pub fn backward(
        &mut self,
        stimulus: Stimulus<FrameShape<M, usize, E, D>, E, D>,
        labels: &Labels,
    ) -> Result<f64, TrainError> {
        Ok(self.backward_part(stimulus, labels, 1)?.loss)
    }

    /// The same for one of `parts` whose mean is followed.
    fn backward_part(
        &mut self,
        stimulus: Stimulus<FrameShape<M, usize, E, D>, E, D>,
        labels: &Labels,
        parts: usize,
    ) -> Result<Numbers, TrainError> {
        let gradients = match self.gradients.take() {
            Some(gradients) => gradients,
            None => self.net.try_alloc_grads().map_err(Error::device)?,
        };
        // what one batch leaves to chance is a function of the seed and of its number
        let chance = self.config.seed.rng(Purpose::Run, self.batches).next_u64();
        let judged = self.judge(stimulus.clone().seeded(chance).traced(gradients), labels)?;
        let numbers = self.read(&judged, stimulus)?;
        let part = E::from_usize(parts).map_or(E::one(), |parts| E::one() / parts);
        let loss = if parts == 1 { judged.loss } else { judged.loss.try_mul(part).map_err(Error::device)? };
        self.gradients = Some(loss.try_backward().map_err(Error::device)?);
        judged.observed.absorb(&mut self.net)?;
        self.batches += 1;
        Ok(numbers)
    }

    /// Updates the weights by the gradients that were added up, and gives their norm before clipping. Without gradients
    /// nothing happens.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] if a gradient is not finite; what the device refuses.
    pub fn update(&mut self) -> Result<f64, TrainError> {
        let Some(mut gradients) = self.gradients.take() else { return Ok(0.0) };
        let norm = match self.config.clip.apply(&self.net, &mut gradients, self.optim.groups()) {
            Err(OptimError::NotFinite { name, count, of }) => {
                let what = format!("the gradient of `{name}`, in {count} of {of} elements,");
                return Err(TrainError::NotFinite { what });
            }
            other => other?,
        };
        self.optim.step(&mut self.net, &mut gradients)?;
        self.net.try_zero_grads(&mut gradients).map_err(Error::device)?;
        self.gradients = Some(gradients);
        self.updates += 1;
        Ok(norm)
    }

    /// How well the model does on images, presented as in the training but in the order in which they are stored.
    ///
    /// # Errors
    /// Images that do not fit the model; a loss that is not finite; what the device refuses.
    pub fn evaluate(&self, images: &Images) -> Result<Metrics, TrainError> {
        let order = Order::Sequential.indices(images.labels(), self.config.seed, 0);
        let residual = self.net.plan()?.residual();
        let mut meter = Meter::default();
        for (number, batch) in images.batches_of(&self.device, &order, self.config.batch_size)?.enumerate() {
            let batch = batch?;
            let plan = self.config.presentation.plan(self.config.steps, residual, self.config.seed, number as u64);
            let stimulus = self.present(batch.images, plan.shown())?;
            let labels = Labels::counted(&batch.labels, plan.counted());
            let judged = self.judge(stimulus.clone(), &labels)?;
            self.read(&judged, stimulus)?.count(&mut meter, &labels);
        }
        Ok(meter.metrics())
    }

    fn judge<T: Tape<E, D>>(
        &self,
        stimulus: Stimulus<FrameShape<M, usize, E, D>, E, D, T>,
        labels: &Labels,
    ) -> Result<Judged<M, E, D, T>, Error> {
        let mut state = self.net.reset();
        let (logits, responses, mut cx) = if self.loss.needs_responses() {
            let mut steps = M::fresh::<Steps, usize>();
            let (logits, mut cx) = self.net.try_unroll(stimulus, &mut state, &mut steps)?;
            let responses = stacked::<M, usize, E, D, T>(steps, &logits, &mut cx)?;
            (logits, Some(responses), cx)
        } else {
            let (logits, cx) = self.net.try_unroll::<Silent, _, _>(stimulus, &mut state, &mut M::fresh())?;
            (logits, None, cx)
        };
        let output = Output { logits, responses };
        let terms = self.loss.terms(&output, labels, &mut cx)?;
        let loss = total(&terms, &self.device, &mut cx)?;
        let observed = cx.take_statistics();
        Ok(Judged { terms, loss: loss.put_tape(cx.tape), logits: output.logits, observed })
    }

    /// Reads the numbers of a run from the device, and finds out what went wrong if its loss is not finite.
    fn read<T>(
        &self,
        judged: &Judged<M, E, D, T>,
        stimulus: Stimulus<FrameShape<M, usize, E, D>, E, D>,
    ) -> Result<Numbers, TrainError> {
        let wide = |x: &E| x.to_f64().unwrap_or(f64::NAN);
        let value = |x: &Tensor<Rank0, E, D>| x.as_vec().first().map_or(f64::NAN, wide);
        let terms: Vec<(String, f64)> =
            judged.terms.iter().map(|term| (term.name.clone(), value(&term.value))).collect();
        let loss = terms.iter().zip(&judged.terms).map(|((_, value), term)| value * term.weight).sum::<f64>();
        if !loss.is_finite() {
            let term = || terms.iter().find(|(_, value)| !value.is_finite()).map_or("total", |(name, _)| name.as_str());
            let what = match first_not_finite(&self.net, stimulus)? {
                Some(what) => format!("{what}, and so the loss,"),
                None => format!("the loss (`{}`)", term()),
            };
            return Err(TrainError::NotFinite { what });
        }
        Ok(Numbers { loss, terms, logits: judged.logits.as_vec().iter().map(wide).collect() })
    }
}

impl<M, E, D, L, R> std::fmt::Debug for Trainer<M, E, D, L, R>
where
    E: Element,
    D: VisionDevice<E>,
    L: std::fmt::Debug,
    R: std::fmt::Debug,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer")
            .field("loss", &self.loss)
            .field("config", &self.config)
            .field("optimizer", &self.optim)
            .field("epochs", &self.history.epochs.len())
            .finish_non_exhaustive()
    }
}
