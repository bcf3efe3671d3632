//! The loop over epochs and batches.

use super::agreement::{Agreement, UnitAgreement};
use super::backward::backward;
use super::diagnosis::{SMALLER, first_not_finite};
use super::interrupt::Guard;
use super::logging::Log;
use super::metrics::{Meter, TermOfBatch};
use super::responses::RecordedUnits;
use super::{Drawn, Epoch, Metrics, Monitor, Pass, Source, TrainConfig, TrainError, TrainingLog};
use super::{progress, residual_steps};
use crate::data::{DataError, Order, Purpose};
use crate::error::Error;
use crate::kernels::{Element, Vector, VisionDevice};
use crate::loss::{CrossEntropy, Labels, Loss, Output, Over, Place, Target, Term, check_readout, total};
use crate::model::{DynModel, Frame, FrameShape, check_beside, frozen, run_or_record};
use crate::ops::{MapShape, reshaped};
use crate::optim::{
    Clip, Clipped, Groups, OptimError, Optimizer, OptimizerConfig, ParameterKernel, Schedule, Squares, UpdateRule,
    scale_gradients,
};
use crate::unroll::{Response, Stacked, Statistics, Stimulus, Timed, VisitAreas};
use dfdx::nn::ZeroGrads;
use dfdx::prelude::*;
use rand::RngCore;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Instant;

/// Trains a model: its weights, the state of its optimizer, and how far it has come.
///
/// [`fit`](Trainer::fit) trains on images or films, from memory or through a [`Loader`](crate::data::Loader) (see [`Source`]).
/// A loop of one's own calls [`backward`](Trainer::backward) and [`update`](Trainer::update) with any stimulus and target.
///
/// What the model is to answer, `Y`, are labels unless [`with_loss_on`](Trainer::with_loss_on) says otherwise.
///
/// What is left to chance is drawn from streams of [`TrainConfig::seed`] that are pure functions of what they are for, so a
/// run is a function of the seed, the images and the first weights; a device made with that seed
/// (`Cpu::seed_from_u64(config.seed.0)`) makes the first weights a function of it as well.
pub struct Trainer<M, E: Element, D: VisionDevice<E>, L = CrossEntropy, R = OptimizerConfig, Y = Labels> {
    pub(super) net: M,
    pub(super) optim: Optimizer<R, M, E, D>,
    pub(super) loss: L,
    pub(super) config: TrainConfig,
    device: D,
    /// The rate that the schedule multiplies.
    pub(super) lr: f64,
    /// The rule with the settings that it began with.
    pub(super) rule: String,
    /// The images of the training, once there are some.
    pub(super) images: Option<String>,
    /// What the next update follows.
    pub(super) gradients: Option<Pending<E, D>>,
    /// Gradients of 0, whose memory the next batch uses.
    pub(super) spare: Option<Gradients<E, D>>,
    /// The epoch that a checkpoint broke off.
    pub(super) partial: Option<Partial>,
    pub(super) history: TrainingLog,
    /// What progress is measured by, once it is known what there is.
    pub(super) monitor: Monitor,
    /// Updates of the weights so far.
    pub(super) updates: u64,
    /// Batches presented so far in the training.
    pub(super) batches: u64,
    pub(super) log: Log,
    /// The average of the weights, once there is one.
    pub(super) average: Option<M>,
    /// What is done to the model after each update.
    constraint: Option<Constraint<M>>,
    target: PhantomData<fn(&Y)>,
}

/// What is done to a model after each update.
type Constraint<M> = Box<dyn FnMut(&mut M) -> Result<(), Error>>;

/// The mean gradient of the batches since the last update.
pub(super) struct Pending<E: Element, D: VisionDevice<E>> {
    mean: Gradients<E, D>,
    /// Over how many.
    count: f64,
    /// What clipping follows, where it was read with the loss.
    squares: Option<Squares>,
}

/// How far an epoch is that is not over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Partial {
    /// Batches that are done; all of them are in the weights.
    pub batches: usize,
    pub(super) norm: f64,
    #[serde(default)]
    pub(super) clipped: usize,
    pub(super) updates: usize,
    pub(super) seconds: f64,
    pub(super) meter: Meter,
}

/// A run with the terms of its loss.
struct Judged<M: DynModel<E, D>, E: Element, D: VisionDevice<E>> {
    terms: Vec<Term<E, D>>,
    output: Output<M, usize, E, D>,
    observed: Statistics,
}

/// The numbers of a batch, read from the device.
struct Numbers {
    loss: f64,
    terms: Vec<TermOfBatch>,
    logits: Vec<f64>,
    /// Of the other readouts that there are labels for.
    readouts: Vec<(String, Vec<f64>)>,
}

impl Numbers {
    fn count<Y: Target>(&self, meter: &mut Meter, target: &Y) {
        meter.add(&self.terms, &self.logits, target);
        for (name, logits) in &self.readouts {
            if let Some(labels) = target.labels_at(name) {
                meter.add_readout(name, logits, labels);
            }
        }
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
    /// A setting out of its range, a group that holds for no parameter, statistics to freeze that the model does not have, dynamics that are no multiples of their time step.
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
    R: UpdateRule,
{
    /// Creates a trainer with a rule of one's own in place of the one that `config` names.
    ///
    /// # Errors
    /// As [`new`](Trainer::new).
    pub fn with_rule(device: &D, net: M, config: TrainConfig, rule: R) -> Result<Self, TrainError> {
        config.check()?;
        net.plan()?;
        frozen(&net, &config.frozen_statistics)?;
        let (lr, description) = (rule.lr(), rule.describe());
        let lr = lr * config.lr_scaling.factor(config.batch_size.saturating_mul(config.accumulate));
        let mut optim = Optimizer::new(&net, rule)?.with_groups(config.groups.clone())?;
        optim.set_lr(lr)?;
        let monitor = config.monitor.clone();
        let (device, loss) = (device.clone(), CrossEntropy::default());
        Ok(Trainer {
            net,
            optim,
            loss,
            config,
            device,
            lr,
            rule: description,
            images: None,
            gradients: None,
            spare: None,
            partial: None,
            history: TrainingLog::default(),
            monitor,
            updates: 0,
            batches: 0,
            log: Log::default(),
            average: None,
            constraint: None,
            target: PhantomData,
        })
    }
}

impl<M, E, D, L, R, Y> Trainer<M, E, D, L, R, Y>
where
    M: DynModel<E, D>,
    E: Element,
    D: VisionDevice<E> + ParameterKernel<E>,
    L: Loss<M, E, D, Y>,
    R: UpdateRule,
    Y: Target,
{
    /// Trains towards another loss.
    pub fn with_loss<Other: Loss<M, E, D, Y>>(self, loss: Other) -> Trainer<M, E, D, Other, R, Y> {
        self.with_loss_on(loss)
    }

    /// Trains towards a loss that compares the model's responses with something else, such as
    /// [`Responses`](crate::loss::Responses).
    ///
    /// ```
    /// use dynvision::data::digits;
    /// use dynvision::loss::{Place, Responses, SquaredError};
    /// use dynvision::prelude::*;
    /// use dynvision::train::{Recorded, Recording, TrainConfig, Trainer};
    /// # #[dyn_model(input = [1, 8, 8], operations = [layer, tstep, nonlin, record, delay])]
    /// # struct Net { #[area] v1: RConv2d<1, 2>, #[readout] classifier: Classifier<2, 10> }
    /// // two neurons were recorded while 32 images were shown, for four steps each: two units of `v1` are to answer as they did
    /// let images = digits::train()?.subset(&(0..32).collect::<Vec<_>>())?;
    /// let neurons = Recording::new([32, 4, 2], vec![0.25; 32 * 4 * 2])?.placed(&[18, 90], 128)?;
    /// let set = Recorded::new(images, [(Place::area("v1"), neurons)])?;
    ///
    /// let dev = Cpu::seed_from_u64(1);
    /// let config = TrainConfig { epochs: 2, progress: false, ..TrainConfig::default() };
    /// let mut trainer = Trainer::new(&dev, dev.build_module::<Net, f32>(), config)?
    ///     .with_loss_on::<Responses, _>(SquaredError::default());
    /// trainer.fit(&set, None)?;
    /// let agreement = &trainer.evaluate(&set)?.agreement["v1"];
    /// // these neurons answered alike to all images, which nothing correlates with
    /// assert_eq!((agreement.units, agreement.correlation), (128, None));
    /// # Ok::<(), dynvision::train::TrainError>(())
    /// ```
    pub fn with_loss_on<Z: Target, Other: Loss<M, E, D, Z>>(self, loss: Other) -> Trainer<M, E, D, Other, R, Z> {
        Trainer {
            net: self.net,
            optim: self.optim,
            loss,
            config: self.config,
            device: self.device,
            lr: self.lr,
            rule: self.rule,
            images: self.images,
            gradients: self.gradients,
            spare: self.spare,
            partial: self.partial,
            history: self.history,
            monitor: self.monitor,
            updates: self.updates,
            batches: self.batches,
            log: self.log,
            average: self.average,
            constraint: self.constraint,
            target: PhantomData,
        }
    }

    /// Sets what is done to the model after each update: puts weights back to where they may be, such as
    /// [`Dann::constrain`](crate::nn::built::Dann::constrain). Weights of a checkpoint are as it left them. Where weights are averaged,
    /// the average follows what it leaves.
    ///
    /// ```
    /// use dynvision::{nn::Dann, prelude::*, train::{TrainConfig, Trainer}};
    /// #[dyn_model(input = [1, 8, 8], operations = [layer, nonlin, record, delay])]
    /// struct Net {
    ///     v1: Dann<1, 6, 2>,
    ///     #[readout]
    ///     classifier: Classifier<6, 10>,
    /// }
    /// let dev = Cpu::default();
    /// let trainer = Trainer::new(&dev, dev.build_module::<Net, f32>(), TrainConfig::default())?
    ///     .constrained(|net: &mut NetModel<f32, Cpu>| net.v1.constrain());
    /// assert!(trainer.net().v1.wei.as_vec().iter().all(|&w| w >= 0.0));
    /// # Ok::<(), dynvision::train::TrainError>(())
    /// ```
    pub fn constrained(self, constraint: impl FnMut(&mut M) -> Result<(), Error> + 'static) -> Self {
        Trainer { constraint: Some(Box::new(constraint)), ..self }
    }

    /// The model.
    pub fn net(&self) -> &M {
        &self.net
    }

    /// The model, to be changed.
    pub fn net_mut(&mut self) -> &mut M {
        &mut self.net
    }

    /// The model with the average of its weights, which evaluations run, if [`TrainConfig::average`] asks for one and there was an
    /// update.
    pub fn averaged(&self) -> Option<M> {
        let mut averaged = self.average.clone()?;
        *averaged.dynamics_mut() = self.net.dynamics().clone();
        Some(averaged)
    }

    /// What is evaluated.
    fn evaluated(&self) -> M {
        self.averaged().unwrap_or_else(|| self.net.clone())
    }

    /// Changes what is trained and how fast, for example to train what was frozen: the settings, too, that a checkpoint holds.
    ///
    /// # Errors
    /// A group that holds for no parameter, or a factor out of its range.
    pub fn set_groups(&mut self, groups: Groups) -> Result<(), TrainError> {
        self.optim.set_groups(groups.clone())?;
        self.config.groups = groups;
        if let Some(pending) = &mut self.gradients {
            pending.squares = None;
        }
        Ok(())
    }

    /// Ends the training; gives the weights as the last update left them, not their average.
    pub fn into_net(self) -> M {
        self.net
    }

    /// The optimizer.
    pub fn optimizer(&self) -> &Optimizer<R, M, E, D> {
        &self.optim
    }

    /// The settings.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// All epochs so far.
    pub fn history(&self) -> &TrainingLog {
        &self.history
    }

    /// The learning rate that the schedule multiplies.
    pub fn lr(&self) -> f64 {
        self.lr
    }

    /// Sets the learning rate that the schedule multiplies, from the next update on. Checkpoints record it.
    ///
    /// # Errors
    /// A rate that is negative or not finite.
    pub fn set_lr(&mut self, lr: f64) -> Result<(), TrainError> {
        self.optim.set_lr(lr)?;
        self.lr = lr;
        Ok(())
    }

    /// Trains until [`TrainConfig::epochs`] are done, those before a resumed checkpoint included; evaluates on `held_out`.
    ///
    /// The device's cache of memory is enabled for it, stays so, and is emptied at the end.
    ///
    /// # Errors
    /// Images of another shape than the model's frames or with more classes than it; a loss or gradient that is not finite,
    /// with the batch and what was the first not to be; what cannot be written; what the device refuses. Images that do not
    /// fit, held-out ones too, and a folder that cannot be written or that another training writes to are found before the
    /// first batch. [`TrainError::Interrupted`] if a signal ended the training (see [`Checkpoints`](super::Checkpoints)).
    pub fn fit<S: Source<Target = Y>>(&mut self, images: &S, held_out: Option<&S>) -> Result<&TrainingLog, TrainError>
    where
        E: crate::file::StateNumber,
    {
        self.fit_each(images, held_out, |_| {})
    }

    /// Trains as [`fit`](Self::fit) does, and calls `each` after every epoch.
    ///
    /// # Errors
    /// As [`fit`](Trainer::fit).
    pub fn fit_each<S: Source<Target = Y>>(
        &mut self,
        images: &S,
        held_out: Option<&S>,
        each: impl FnMut(&Epoch),
    ) -> Result<&TrainingLog, TrainError>
    where
        E: crate::file::StateNumber,
    {
        self.begin(images, held_out)?;
        if self.config.is_over(&self.history, &self.monitor) {
            return Ok(&self.history);
        }
        let _lock = self.open_log()?;
        // what one batch frees is what the next one needs; fresh pages for it take the system longer than a small layer
        self.device.try_enable_cache().map_err(Error::device)?;
        let done = self.epochs(images, held_out, each);
        self.log.close();
        let emptied = self.device.try_empty_cache().map_err(Error::device);
        done?;
        emptied?;
        Ok(&self.history)
    }

    fn epochs<S: Source<Target = Y>>(
        &mut self,
        images: &S,
        held_out: Option<&S>,
        mut each: impl FnMut(&Epoch),
    ) -> Result<(), TrainError>
    where
        E: crate::file::StateNumber,
    {
        let guard = self.config.checkpoints.as_ref().map(|_| Guard::new());
        // from the first update on no one sees the weights who could keep them
        let mut unshared = false;
        while !self.config.is_over(&self.history, &self.monitor) {
            let epoch = self.epoch(images, held_out, guard.as_ref(), &mut unshared)?;
            self.history.epochs.push(epoch);
            self.partial = None;
            self.monitor.check_known(&self.history)?;
            self.log_epoch()?;
            self.write_checkpoints()?;
            if let Some(epoch) = self.history.last() {
                each(epoch);
            }
            if guard.as_ref().is_some_and(Guard::asked) && !self.config.is_over(&self.history, &self.monitor) {
                return Err(self.interrupted(0)?);
            }
        }
        Ok(())
    }

    /// Finds what does not fit before anything is spent on it.
    fn begin<S: Source<Target = Y>>(&mut self, images: &S, held_out: Option<&S>) -> Result<(), TrainError> {
        for images in [Some(images), held_out].into_iter().flatten() {
            let model = M::WIRING.input;
            if let Some(data) = images.shape().filter(|&data| data != model) {
                return Err(DataError::Shape { data, model }.into());
            }
            if images.samples() == 0 {
                return Err(TrainError::EmptyBatch);
            }
            let model = self.net.dynamics().dt;
            if let Some(dt) = images.dt().filter(|&dt| dt != model) {
                return Err(DataError::Setting {
                    setting: "the time step (ms) for which the images are presented",
                    expected: format!("{model}, the model's"),
                    found: dt.to_string(),
                }
                .into());
            }
            let (classes, of) = (images.classes(), M::Classes::SIZE);
            if classes > of {
                return Err(TrainError::setting("the number of classes of the images", classes, "at most the model's"));
            }
            for (readout, classes) in images.readouts() {
                let of = check_readout::<M, E, D>(&readout)?;
                if classes > of {
                    let setting = "the number of classes of the labels of a readout";
                    return Err(TrainError::setting(setting, classes, "at most the readout's"));
                }
            }
            // one sample stands for what is not known of all
            let first = Pass { batch_size: 1, all: true, ..self.pass(Order::Sequential, 0, 0) };
            let residual = residual_steps(&self.net, &self.device)?;
            if let Some(batch) = images.batches(&self.device, &first)?.batches.next() {
                let (frames, drawn) = batch?;
                let (stimulus, _) = self.shown(frames, images, &drawn, residual, 0)?;
                check_beside(M::BESIDE, stimulus.shown_beside(), 1, stimulus.steps())?;
            }
        }
        self.monitor = self.config.monitor.resolved(held_out.is_some())?;
        let here = images.describe();
        let begun = !self.history.epochs.is_empty() || self.partial.is_some();
        match &self.images {
            Some(saved) if begun && *saved != here => Err(TrainError::Checkpoint(format!(
                "is of a training on other images ({saved}, here {here}); take up only its weights by `Checkpoint::load_into`"
            ))),
            _ => {
                self.images = Some(here);
                Ok(())
            }
        }
    }

    /// Keeps what was done, and says where.
    fn interrupted(&mut self, batch: usize) -> Result<TrainError, TrainError>
    where
        E: crate::file::StateNumber,
    {
        let epoch = self.history.epochs.len() + usize::from(batch > 0);
        let kept = self.write_last()?;
        Ok(TrainError::Interrupted { epoch, batch, kept })
    }

    /// One epoch, which is not yet in the history.
    fn epoch<S: Source<Target = Y>>(
        &mut self,
        images: &S,
        held_out: Option<&S>,
        guard: Option<&Guard>,
        unshared: &mut bool,
    ) -> Result<Epoch, TrainError>
    where
        E: crate::file::StateNumber,
    {
        let done = self.history.epochs.len();
        self.train(images, done, guard, unshared)?;
        let trained = self.partial.as_ref().map_or(0.0, |partial| partial.seconds);
        if self.config.checkpoints.as_ref().is_some_and(|checkpoints| self.log.pace.is_late(checkpoints)) {
            self.write_last()?;
        }
        let (start, due) = (Instant::now(), self.config.due(done + 1, self.config.evaluate_every));
        let valid = match held_out.filter(|_| due).map(|images| self.evaluate_unless(images, guard)).transpose()? {
            Some(None) => {
                let batches = self.partial.as_ref().map_or(0, |partial| partial.batches);
                return Err(self.interrupted(batches)?);
            }
            valid => valid.flatten().map(|(metrics, _)| metrics),
        };
        // of an epoch that is over
        let Partial { norm, clipped, updates, meter, .. } = self.partial.clone().unwrap_or_default();
        let (of, train) = (updates.max(1) as f64, meter.metrics()?);
        let (images_per_second, memory) = Self::machine(train.images, trained);
        Ok(Epoch {
            epoch: done + 1,
            updates: self.updates,
            lr: self.optim.lr(),
            group_lr: self.group_lr(),
            gradient_norm: norm / of,
            clipped: clipped as f64 / of,
            seconds: trained + start.elapsed().as_secs_f64(),
            images_per_second,
            memory,
            train,
            valid,
        })
    }

    /// Sees all images once, but those that a broken-off epoch has seen. What it has gathered is left in `partial`.
    fn train<S: Source<Target = Y>>(
        &mut self,
        images: &S,
        epoch: usize,
        guard: Option<&Guard>,
        unshared: &mut bool,
    ) -> Result<(), TrainError>
    where
        E: crate::file::StateNumber,
    {
        let start = Instant::now();
        let mut partial = self.partial.take().unwrap_or_default();
        let before = partial.seconds;
        let (accumulate, residual) = (self.config.accumulate, residual_steps(&self.net, &self.device)?);
        let done = partial.batches;
        let pass = self.pass(self.config.order, epoch as u64, done);
        let super::Batches { count, batches } = images.batches(&self.device, &pass)?;
        let bar = progress::bar(self.config.progress, epoch + 1, self.config.epochs, count);
        bar.set_position(done as u64);
        self.log.window.start();
        for (number, batch) in (done..).zip(batches) {
            let at = |source| TrainError::Batch { epoch: epoch + 1, batch: number + 1, source: Box::new(source) };
            let (frames, drawn) = batch.map_err(|error| at(error.into()))?;
            let (stimulus, target) = self.shown(frames, images, &drawn, residual, self.batches).map_err(at)?;
            // the batches whose gradients make one update; the epoch's last may be fewer
            let is_last = (number + 1).is_multiple_of(accumulate) || number + 1 >= count;
            let numbers = self.backward_part(stimulus, &target, is_last).map_err(at)?;
            numbers.count(&mut partial.meter, &target);
            numbers.count(self.log.window.count(target.batch()), &target);
            self.log.pace.batch();
            bar.inc(1);
            if let Some(loss) = partial.meter.loss() {
                bar.set_message(format!("loss {loss:.4}"));
            }
            if !is_last {
                continue;
            }
            let Clipped { norm, changed } = self.update_part(*unshared).map_err(at)?;
            *unshared = self.constraint.is_none();
            partial.norm += norm;
            partial.clipped += usize::from(changed);
            partial.updates += 1;
            partial.batches = number + 1;
            partial.seconds = before + start.elapsed().as_secs_f64();
            self.log.window.update(norm, changed);
            self.log_update(epoch + 1)?;
            let asked = guard.is_some_and(Guard::asked);
            let due = self.config.checkpoints.as_ref().is_some_and(|checkpoints| self.log.pace.is_due(checkpoints));
            if number + 1 < count && (asked || due) {
                self.partial = Some(partial);
                if asked {
                    bar.finish_and_clear();
                    return Err(self.interrupted(number + 1)?);
                }
                self.write_last()?;
                partial = self.partial.take().unwrap_or_default();
            }
        }
        bar.finish_and_clear();
        self.partial = Some(partial);
        Ok(())
    }

    /// Sets the rate of the next update.
    fn schedule(&mut self) -> Result<(), TrainError> {
        let step = match self.config.schedule_by {
            super::Interval::Update => self.updates,
            super::Interval::Epoch => self.history.epochs.len() as u64,
        };
        let lr = match &self.config.schedule {
            Schedule::Plateau(plateau) => {
                let values = self.monitor.values(&self.history).map(|(_, value)| value);
                self.lr * plateau.factor(self.monitor.mode, values)
            }
            schedule => schedule.lr(self.lr, step),
        };
        Ok(self.optim.set_lr(lr)?)
    }

    fn pass(&self, order: Order, epoch: u64, first: usize) -> Pass {
        Pass { order, seed: self.config.seed, epoch, batch_size: self.config.batch_size, first, all: false }
    }

    /// How a batch is shown, and what the model is to answer: an image as the settings say, a film as it is, other inputs beside
    /// them. Blank frames follow for as long as the readout lags behind.
    fn shown<S: Source<Target = Y>>(
        &self,
        frames: Vec<Frame<M, usize, E, D>>,
        images: &S,
        drawn: &Drawn,
        residual: usize,
        number: u64,
    ) -> Result<(Stimulus<FrameShape<M, usize, E, D>, E, D>, Y), TrainError> {
        let blank = self.config.presentation.blank;
        let others = images.beside(drawn)?;
        let (stimulus, counted) = match <[_; 1]>::try_from(frames) {
            Ok([image]) => {
                let plan = self.config.presentation.plan(self.config.steps, residual, self.config.seed, number);
                let mut stimulus = Stimulus::presented(image, plan.shown(), blank)?;
                for other in &others {
                    stimulus = stimulus.beside(&other.name, other.presented(&self.device, plan.shown(), blank)?)?;
                }
                (stimulus, plan.counted().to_vec())
            }
            Err(film) => {
                let (steps, counted) = (film.len(), [vec![false; residual], vec![true; film.len()]].concat());
                let mut stimulus = late(Stimulus::frames(film, NoneTape), residual, blank)?;
                for other in &others {
                    let film = late(other.throughout(&self.device, steps)?, residual, blank)?;
                    stimulus = stimulus.beside(&other.name, film)?;
                }
                (stimulus, counted)
            }
        };
        Ok((stimulus, images.target(drawn, &counted)?))
    }

    /// Runs a stimulus in [`Mode::Training`](crate::time::Mode), and averages the gradients of its loss with those that the next [`update`](Trainer::update) follows.
    /// Gives the loss.
    ///
    /// Several batches before an update make the update of one batch of all of them: each weighs what its loss is a mean over
    /// (see [`Over`](crate::loss::Over)), such as its labels that count.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] if the loss is not finite, on the CPU before anything runs backward;
    /// [`TrainError::EmptyBatch`] of no images; a target that does not fit; [`TrainError::SameTensor`] of a loss that has no
    /// backward pass; what the device refuses. The trainer is then as before: gradients of earlier batches stay.
    pub fn backward(
        &mut self,
        stimulus: Stimulus<FrameShape<M, usize, E, D>, E, D>,
        target: &Y,
    ) -> Result<f64, TrainError> {
        Ok(self.backward_part(stimulus, target, true)?.loss)
    }

    /// The same. Where an update follows, what it needs to know is read with the loss: the step waits for the device here, once.
    fn backward_part(
        &mut self,
        stimulus: Stimulus<FrameShape<M, usize, E, D>, E, D>,
        target: &Y,
        is_last: bool,
    ) -> Result<Numbers, TrainError> {
        if target.batch() == 0 || stimulus.frame(0).is_some_and(|frame| frame.shape().concrete()[0] == 0) {
            return Err(TrainError::EmptyBatch);
        }
        let (is_sum, count) = (self.loss.over() == Over::Sum, self.loss.count(target));
        let (gradients, before) = match &self.gradients {
            // of a copy, so that a batch that is refused leaves what there is
            Some(pending) => {
                let (mut mean, all) = (pending.mean.clone(), pending.count + count);
                if all > 0.0 && !is_sum {
                    scale_gradients(&self.net, &mut mean, self.optim.groups(), pending.count / all)?;
                }
                (mean, pending.count)
            }
            None => match self.spare.take() {
                Some(zero) => (zero, 0.0),
                None => (self.net.try_alloc_grads().map_err(Error::device)?, 0.0),
            },
        };
        let all = before + count;
        // what one batch leaves to chance is a function of the seed and of its number
        let chance = self.config.seed.rng(Purpose::Run, self.batches).next_u64();
        let stimulus = stimulus.seeded(chance).training();
        let still = [stimulus.frozen_statistics(), &self.config.frozen_statistics].concat();
        let stimulus = stimulus.freeze_statistics(still);
        let (judged, loss) = self.judge(&self.net, stimulus.clone().traced(gradients), target, false)?;
        if !self.device.fetching_waits() {
            // no time is spent on gradients that would be refused
            let rows = judged.terms.iter().map(|term| row(&term.value)).collect::<Result<Vec<_>, _>>()?;
            let values = self.device.fetch(&rows).map_err(Error::device)?;
            finite_loss(&self.net, &judged.terms, values.into_iter().map(wide), &stimulus)?;
        }
        let loss = if before > 0.0 && !is_sum {
            loss.try_mul(E::from_f64(count / all).unwrap_or_default()).map_err(Error::device)?
        } else {
            loss
        };
        let mut mean = backward(loss, || self.loss.name())?;
        let Judged { terms, output, observed } = judged;
        let (mut asked, readouts) = asked(&terms, &output, target)?;
        let (moved, own) = (observed.moved(&self.net)?, asked.len());
        asked.extend(moved.iter().flat_map(|moved| moved.rows.iter().cloned()));
        let (squares, mut values) = if is_last {
            let (squares, values) = self.config.clip.measure(&self.net, &mut mean, self.optim.groups(), &asked)?;
            (Some(squares), values)
        } else {
            (None, self.device.fetch(&asked).map_err(Error::device)?)
        };
        let moments = values.split_off(own);
        let numbers = numbers(&self.net, &terms, readouts, &stimulus, target, values)?;
        if let Some(moved) = moved {
            moved.check(&moments)?;
            moved.put(&mut self.net)?;
        }
        self.gradients = Some(Pending { mean, count: all, squares });
        self.batches += 1;
        Ok(numbers)
    }

    /// Updates the weights by the mean of the gradients since the last update, at the rate that the schedule says, and gives
    /// the norm of that mean before clipping. Without gradients nothing happens.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] if a gradient is not finite, [`OptimError::TooLarge`] if its square is not and the rule keeps
    /// squares: weights are then as before. What the device refuses.
    pub fn update(&mut self) -> Result<f64, TrainError> {
        Ok(self.update_part(false)?.norm)
    }

    /// The same, of weights that may be `unshared` ([`Optimizer::step_of`]).
    fn update_part(&mut self, unshared: bool) -> Result<Clipped, TrainError> {
        let Some(Pending { mean: mut gradients, squares, .. }) = self.gradients.take() else {
            return Ok(Clipped::default());
        };
        self.schedule()?;
        let clipped = match self.config.clip.clip(&self.net, &mut gradients, self.optim.groups(), squares) {
            Err(OptimError::NotFinite { name, count, of }) => {
                let what = format!("the gradient of `{name}`, in {count} of {of} elements,");
                return Err(TrainError::NotFinite { what, mend: SMALLER });
            }
            other => other?,
        };
        let left = match self.config.clip {
            Clip::Norm(limit) => clipped.norm.min(limit),
            Clip::Value(_) => clipped.norm,
        };
        self.optim.check_squares(&self.net, &mut gradients, left)?;
        let begins = self.config.average.is_some() && self.average.is_none();
        if begins {
            self.average = Some(self.net.clone());
        }
        self.optim.step_of(&mut self.net, &mut gradients, unshared && !begins)?;
        if let Some(constraint) = &mut self.constraint {
            constraint(&mut self.net)?;
        }
        if let (Some(rule), Some(average)) = (&self.config.average, &mut self.average) {
            rule.follow(average, &self.net, self.updates)?;
        }
        self.net.try_zero_grads(&mut gradients).map_err(Error::device)?;
        self.spare = Some(gradients);
        self.updates += 1;
        Ok(clipped)
    }

    /// How well the model does on images, presented as in the training but in the order in which they are stored; where
    /// weights are averaged, their average does it.
    ///
    /// # Errors
    /// Images that do not fit the model; [`TrainError::NothingCounts`] if there are none or nothing of their targets counts; a
    /// loss that is not finite; what the device refuses.
    pub fn evaluate<S: Source<Target = Y>>(&self, images: &S) -> Result<Metrics, TrainError> {
        Ok(self.evaluate_all(images)?.0)
    }

    /// How well the responses of each unit agree with those that were recorded, by their places; nothing of a set
    /// without any.
    ///
    /// # Errors
    /// As [`evaluate`](Trainer::evaluate).
    pub fn evaluate_units<S: Source<Target = Y>>(
        &self,
        images: &S,
    ) -> Result<BTreeMap<Place, Vec<UnitAgreement>>, TrainError> {
        Ok(self.evaluate_all(images)?.1.agreements())
    }

    fn evaluate_all<S: Source<Target = Y>>(&self, images: &S) -> Result<(Metrics, RecordedUnits), TrainError> {
        let done = self.evaluate_unless(images, None)?;
        done.ok_or(TrainError::NothingCounts { images: 0 })
    }

    /// The same; nothing if a signal asks to end before it is done.
    fn evaluate_unless<S: Source<Target = Y>>(
        &self,
        images: &S,
        guard: Option<&Guard>,
    ) -> Result<Option<(Metrics, RecordedUnits)>, TrainError> {
        if images.samples() == 0 {
            return Err(TrainError::NothingCounts { images: 0 });
        }
        let net = self.evaluated();
        let residual = residual_steps(&net, &self.device)?;
        let (mut meter, mut units) = (Meter::default(), RecordedUnits::default());
        let pass = Pass { all: true, ..self.pass(Order::Sequential, 0, 0) };
        for (number, batch) in images.batches(&self.device, &pass)?.batches.enumerate() {
            if guard.is_some_and(Guard::asked) {
                return Ok(None);
            }
            let (frames, drawn) = batch?;
            let (stimulus, target) = self.shown(frames, images, &drawn, residual, number as u64)?;
            let record = target.responses().is_some_and(|all| all.places().any(|place| *place != Place::Readout))
                || !target.readouts().is_empty();
            let (judged, _) = self.judge(&net, stimulus.clone(), &target, record)?;
            let (asked, readouts) = asked(&judged.terms, &judged.output, &target)?;
            let values = self.device.fetch(&asked).map_err(Error::device)?;
            numbers(&net, &judged.terms, readouts, &stimulus, &target, values)?.count(&mut meter, &target);
            if let Some(responses) = target.responses() {
                units.add(&judged.output, responses)?;
            }
        }
        let agreement =
            units.agreements().iter().map(|(place, units)| (place.to_string(), Agreement::of(units))).collect();
        Ok(Some((Metrics { agreement, ..meter.metrics()? }, units)))
    }

    fn judge<T: Tape<E, D>>(
        &self,
        net: &M,
        stimulus: Stimulus<FrameShape<M, usize, E, D>, E, D, T>,
        target: &Y,
        record: bool,
    ) -> Result<(Judged<M, E, D>, Tensor<Rank0, E, D, T>), Error> {
        let (logits, responses, mut cx) = run_or_record(net, stimulus, record || self.loss.needs_responses())?;
        let output = Output { logits, responses };
        let terms = self.loss.terms(&output, target, &mut cx)?;
        let loss = total(&terms, &self.device, &mut cx)?;
        let observed = cx.take_statistics();
        Ok((Judged { terms, output, observed }, loss.put_tape(cx.into_tape())))
    }
}

/// The elements of a tensor in one row.
fn row<S: Shape, E: Element, D: VisionDevice<E>>(tensor: &Tensor<S, E, D>) -> Result<Vector<E, D>, Error> {
    let len = tensor.shape().num_elements();
    reshaped(tensor.clone().try_contiguous().map_err(Error::device)?, &(len,))
}

/// What is read of a run, for one copy to the host: each term, the logits where they are judged, and what other readouts answered,
/// of which there are names.
fn asked<M: DynModel<E, D>, E: Element, D: VisionDevice<E>>(
    terms: &[Term<E, D>],
    output: &Output<M, usize, E, D>,
    target: &impl Target,
) -> Result<(Vec<Vector<E, D>>, Vec<String>), Error> {
    let mut asked = terms.iter().map(|term| row(&term.value)).collect::<Result<Vec<_>, _>>()?;
    if target.labels().is_some() {
        asked.push(row(&output.logits)?);
    }
    let mut others = Logits { of: target.readouts(), names: Vec::new(), found: Vec::new() };
    if let Some(responses) = output.responses.as_ref().filter(|_| !others.of.is_empty()) {
        M::visit_areas(responses, &mut others)?;
    }
    asked.append(&mut others.found);
    Ok((asked, others.names))
}

/// The numbers of a run by what was [`asked`]; finds out what went wrong if its loss is not finite.
fn numbers<M: DynModel<E, D>, E: Element, D: VisionDevice<E>>(
    net: &M,
    terms: &[Term<E, D>],
    readouts: Vec<String>,
    stimulus: &Stimulus<FrameShape<M, usize, E, D>, E, D>,
    target: &impl Target,
    values: Vec<Vec<E>>,
) -> Result<Numbers, TrainError> {
    let mut values = values.into_iter().map(wide);
    let (loss, terms) = finite_loss(net, terms, values.by_ref(), stimulus)?;
    let logits = target.labels().and_then(|_| values.next()).unwrap_or_default();
    Ok(Numbers { loss, terms, logits, readouts: readouts.into_iter().zip(values).collect() })
}

/// The loss and its terms, whose `values` come first; finds out what went wrong if it is not finite.
fn finite_loss<M: DynModel<E, D>, E: Element, D: VisionDevice<E>>(
    net: &M,
    terms: &[Term<E, D>],
    values: impl Iterator<Item = Vec<f64>>,
    stimulus: &Stimulus<FrameShape<M, usize, E, D>, E, D>,
) -> Result<(f64, Vec<TermOfBatch>), TrainError> {
    let term = |(term, value): (&Term<E, D>, Vec<f64>)| {
        let (name, weight, over, count) = (term.name.clone(), term.weight, term.over, term.count);
        TermOfBatch { name, weight, over, count, value: value.first().copied().unwrap_or(f64::NAN) }
    };
    let terms: Vec<TermOfBatch> = terms.iter().zip(values).map(term).collect();
    let loss = terms.iter().map(|term| term.value * term.weight).sum::<f64>();
    if !loss.is_finite() {
        let term = || terms.iter().find(|term| !term.value.is_finite()).map_or("total", |term| term.name.as_str());
        let (what, mend) = match first_not_finite(net, stimulus.clone())? {
            Some((what, mend)) => (format!("{what}, and so the loss,"), mend),
            None => (format!("the loss (`{}`)", term()), SMALLER),
        };
        return Err(TrainError::NotFinite { what, mend });
    }
    Ok((loss, terms))
}

/// Numbers in `f64`.
fn wide<E: Element>(values: Vec<E>) -> Vec<f64> {
    values.iter().map(|x| x.to_f64().unwrap_or(f64::NAN)).collect()
}

/// A film, and blank frames for as long as the readout lags behind.
fn late<S: MapShape, E: Element, D: VisionDevice<E>>(
    film: Stimulus<S, E, D>,
    residual: usize,
    blank: f64,
) -> Result<Stimulus<S, E, D>, Error> {
    if residual > 0 { film.then_blank(residual, blank) } else { Ok(film) }
}

/// Finds what readouts answered.
struct Logits<'a, E: Element, D: VisionDevice<E>> {
    of: Vec<&'a str>,
    names: Vec<String>,
    found: Vec<Vector<E, D>>,
}

impl<E: Element, D: VisionDevice<E>> VisitAreas<Stacked, E, D> for Logits<'_, E, D> {
    fn area<S: Timed>(&mut self, name: &'static str, response: &Response<S, E, D>) -> Result<(), Error> {
        if self.of.contains(&name) {
            self.found.push(row(&response.values)?);
            self.names.push(name.to_string());
        }
        Ok(())
    }
}

impl<M, E, D, L, R, Y> std::fmt::Debug for Trainer<M, E, D, L, R, Y>
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
