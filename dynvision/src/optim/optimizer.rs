//! The optimizer over a whole model: groups, freezing, and a state that can be saved.

#[cfg(feature = "train")]
use super::clip::visit;
use super::{Groups, OptimError, ParameterKernel, Update, UpdateRule, update_rule::check_lr};
use crate::file::{StateDict, StateError, StateNumber};
use crate::kernels::{Buffer, Together};
use crate::parameters::{AnyTensor, each};
use dfdx::optim::{OptimizerUpdateError, UnusedTensors};
use dfdx::prelude::*;
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// An optimizer of models of type `M`: a [`UpdateRule`], the [`Groups`] it heeds, and what it keeps for each parameter. It is made
/// of a model, knows parameters by their names, and is dfdx's [`Optimizer`](dfdx::optim::Optimizer) too.
///
/// The state is exact: an optimizer that took up another's [`state`](Self::state) goes on bit by bit as that one would.
pub struct Optimizer<R, M, E: Dtype, D: Device<E>> {
    rule: R,
    groups: Groups,
    slots: BTreeMap<String, Slot<E, D>>,
    model: PhantomData<fn(&mut M)>,
}

/// What is kept for one parameter.
struct Slot<E: Dtype, D: Device<E>> {
    shape: Vec<usize>,
    device: D,
    updates: u64,
    state: Vec<Buffer<E, D>>,
}

impl<E: Dtype, D: Device<E>> Slot<E, D> {
    /// Before the first update, with so many buffers.
    fn new(parameter: &dyn AnyTensor<E, D>, kept: usize) -> Result<Self, D::Err> {
        let (shape, device) = (parameter.sizes(), parameter.place().clone());
        let len = shape.iter().product();
        let state = (0..kept).map(|_| Storage::<E>::try_alloc_len(&device, len)).collect::<Result<_, _>>()?;
        Ok(Slot { shape, device, updates: 0, state })
    }
}

impl<R, M, E, D> Optimizer<R, M, E, D>
where
    R: UpdateRule,
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E> + ParameterKernel<E>,
{
    /// An optimizer of a model, before its first update. All parameters are in one group.
    ///
    /// # Errors
    /// A setting out of its range, or no memory on the device.
    pub fn new(model: &M, rule: R) -> Result<Self, OptimError> {
        rule.check()?;
        let mut slots = Ok(BTreeMap::new());
        each(model, |name, trained, parameter| {
            if let (true, Ok(all)) = (trained, &mut slots) {
                match Slot::new(parameter, rule.state().len()) {
                    Ok(slot) => _ = all.insert(name.to_string(), slot),
                    Err(error) => slots = Err(error),
                }
            }
        });
        let slots = slots.map_err(OptimError::device)?;
        Ok(Optimizer { rule, groups: Groups::default(), slots, model: PhantomData })
    }

    /// Divides the parameters into groups.
    ///
    /// # Errors
    /// A group that holds for no parameter, or a factor out of its range.
    pub fn with_groups(mut self, groups: Groups) -> Result<Self, OptimError> {
        self.set_groups(groups)?;
        Ok(self)
    }

    /// Changes the groups, for example to train what was frozen. What is kept for each parameter stays.
    ///
    /// # Errors
    /// As [`with_groups`](Self::with_groups); the groups are then as before.
    pub fn set_groups(&mut self, groups: Groups) -> Result<(), OptimError> {
        groups.check(self.names())?;
        self.groups = groups;
        Ok(())
    }

    /// The groups.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// The rule with its settings.
    pub fn rule(&self) -> &R {
        &self.rule
    }

    /// The learning rate of parameters that no group holds for.
    pub fn lr(&self) -> f64 {
        self.rule.lr()
    }

    /// Sets it, as a [`Schedule`](super::Schedule) says.
    ///
    /// # Errors
    /// A rate that is negative or not finite.
    pub fn set_lr(&mut self, lr: f64) -> Result<(), OptimError> {
        check_lr(lr)?;
        self.rule.set_lr(lr);
        Ok(())
    }

    /// The names of the parameters, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.slots.keys().map(String::as_str)
    }

    /// The greatest number of updates of any parameter.
    pub fn updates(&self) -> u64 {
        self.slots.values().map(|slot| slot.updates).max().unwrap_or(0)
    }

    /// Updates all parameters that are not frozen.
    ///
    /// The gradients come as `&mut`, since dfdx lends them without a copy only so; none of them changes.
    ///
    /// # Errors
    /// A parameter that has no gradient at its first update (the others are updated), a model whose parameters are not those
    /// that the optimizer was made for, and what the device says. Gradients are followed as they
    /// are: [`Clip`](super::Clip) refuses those that are not finite.
    pub fn step(&mut self, model: &mut M, grads: &mut Gradients<E, D>) -> Result<(), OptimError> {
        self.checked(model, grads, false, false)
    }

    /// [`step`](Self::step) by gradients of all parameters, of a model that may be `unshared`: no tensor shares memory with its
    /// parameters. Where a device cannot see that, it gives each parameter memory of its own first.
    #[cfg(feature = "train")]
    pub(crate) fn step_of(
        &mut self,
        model: &mut M,
        grads: &mut Gradients<E, D>,
        unshared: bool,
    ) -> Result<(), OptimError> {
        self.checked(model, grads, unshared, true)
    }

    fn checked(
        &mut self,
        model: &mut M,
        grads: &mut Gradients<E, D>,
        unshared: bool,
        complete: bool,
    ) -> Result<(), OptimError> {
        let left_out = self.walk(model, grads, unshared, complete).map_err(OptimError::device)?;
        match left_out.foreign {
            Some((name, shape)) => Err(OptimError::Foreign { name, shape }),
            None if left_out.names.is_empty() => Ok(()),
            None => Err(OptimError::NoGradient { names: left_out.names }),
        }
    }

    /// What waits on the device is done before the parameters, their states and gradients are let go.
    fn walk(
        &mut self,
        model: &mut M,
        grads: &mut Gradients<E, D>,
        unshared: bool,
        complete: bool,
    ) -> Result<LeftOut, D::Err> {
        let Optimizer { rule, groups, slots, .. } = self;
        let (left_out, together) = (LeftOut::default(), Together::new(unshared));
        let mut walk =
            Walk { rule: &*rule, groups: &*groups, slots, grads, complete, left_out, together, device: None };
        let walked = M::iter_tensors(&mut RecursiveWalker { m: (model, String::new()), f: &mut walk });
        let Walk { left_out, together, device, .. } = walk;
        // also behind an error: what waits has been given its new memory
        if let Some(device) = device {
            device.finish(together, &[])?;
        }
        walked?;
        Ok(left_out)
    }
}

impl<R, M, E, D> Optimizer<R, M, E, D>
where
    R: UpdateRule,
    M: TensorCollection<E, D>,
    E: Dtype + StateNumber,
    D: Device<E> + ParameterKernel<E>,
{
    /// What it keeps, as tensors `PARAMETER.KIND` (for Adam `v1.weight.exp_avg` and so on) with the number of updates of each
    /// parameter. Settings and groups are not in it.
    ///
    /// ```
    /// use dfdx::prelude::*;
    /// use dynvision::{interop::StateDict, optim::{Adam, AdamConfig}};
    /// let dev = Cpu::default();
    /// let mut model = dev.build_module::<dfdx::nn::builders::Linear<4, 2>, f32>();
    /// let mut optim = Adam::new(&model, AdamConfig::default())?;
    /// let mut grads = model.weight.leaky_trace().square().mean().backward();
    /// # let _ = grads.get_or_alloc_mut(&model.bias);
    /// optim.step(&mut model, &mut grads)?;
    /// let saved = optim.state()?.to_safetensors()?;
    ///
    /// let mut other = Adam::new(&model, AdamConfig::default())?;
    /// other.load_state(&StateDict::from_safetensors(&saved)?)?;
    /// assert_eq!(other.state()?, optim.state()?);
    /// # Ok::<(), dynvision::optim::OptimError>(())
    /// ```
    ///
    /// # Errors
    /// Those of the device.
    pub fn state(&self) -> Result<StateDict, OptimError> {
        let mut saved = StateDict::default();
        saved.set(RULE, self.rule.name());
        for (name, slot) in &self.slots {
            for (kind, buffer) in self.rule.state().iter().zip(&slot.state) {
                let values = slot.device.read(buffer).map_err(OptimError::device)?;
                saved.insert(format!("{name}.{kind}"), &slot.shape, &values);
            }
            saved.set(format!("{name}.{UPDATES}"), slot.updates.to_string());
        }
        Ok(saved)
    }

    /// Takes up a saved state.
    ///
    /// # Errors
    /// A state of another rule, and all tensors that are missing, too many, of another shape or type, not finite, or negative where
    /// they are means of squares. Nothing has changed then.
    pub fn load_state(&mut self, saved: &StateDict) -> Result<(), OptimError> {
        let read = self.read_state(saved)?;
        self.take_up(read)
    }

    /// Whether [`load_state`](Self::load_state) would take it up.
    #[cfg(feature = "train")]
    pub(crate) fn check_state(&self, saved: &StateDict) -> Result<(), OptimError> {
        self.read_state(saved).map(|_| ())
    }

    fn read_state(&self, saved: &StateDict) -> Result<Vec<Kept<E>>, OptimError> {
        let found = saved.text(RULE)?;
        if found != self.rule.name() {
            let (name, expected) = (RULE.to_string(), self.rule.name());
            return Err(StateError::Text { name, expected, found: found.to_string() }.into());
        }
        let mut errors = Vec::new();
        let mut read = Vec::new();
        for (name, slot) in &self.slots {
            match read_slot(saved, name, &slot.shape, &self.rule) {
                Ok(slot) => read.push(slot),
                Err(mut wrong) => errors.append(&mut wrong),
            }
        }
        let known = |name: &str| {
            self.slots.keys().any(|slot| self.rule.state().iter().any(|kind| name == format!("{slot}.{kind}")))
        };
        let unexpected = saved.names().filter(|name| !known(name)).map(ToString::to_string);
        errors.extend(unexpected.map(|name| StateError::Unexpected { name }));
        if !errors.is_empty() {
            return Err(StateError::All(errors).into());
        }
        Ok(read)
    }

    fn take_up(&mut self, read: Vec<Kept<E>>) -> Result<(), OptimError> {
        let mut new = Vec::with_capacity(read.len());
        for (slot, (updates, values)) in self.slots.values().zip(read) {
            let state: Result<Vec<_>, _> = values.iter().map(|values| slot.device.buffer(values)).collect();
            new.push((updates, state.map_err(OptimError::device)?));
        }
        for (slot, (updates, state)) in self.slots.values_mut().zip(new) {
            (slot.updates, slot.state) = (updates, state);
        }
        Ok(())
    }
}

/// The texts of a saved state.
const RULE: &str = "rule";
const UPDATES: &str = "updates";

/// The number of updates of a parameter, and what is kept for it.
type Kept<E> = (u64, Vec<Vec<E>>);

/// What is kept for a parameter, or all that is wrong with it.
fn read_slot<E: Dtype + StateNumber>(
    saved: &StateDict,
    name: &str,
    shape: &[usize],
    rule: &impl UpdateRule,
) -> Result<Kept<E>, Vec<StateError>> {
    let mut errors = Vec::new();
    let mut values = Vec::new();
    for kind in rule.state() {
        let tensor = format!("{name}.{kind}");
        let read = saved.get(&tensor, shape).and_then(|read: Vec<E>| {
            saved.check_finite(&tensor)?;
            let negative = read.iter().filter(|value| **value < E::default()).count();
            if rule.squares().contains(kind) && negative > 0 {
                return Err(StateError::Negative { name: tensor, count: negative, of: read.len() });
            }
            Ok(read)
        });
        match read {
            Ok(read) => values.push(read),
            Err(error) => errors.push(error),
        }
    }
    let key = format!("{name}.{UPDATES}");
    let updates = saved.text(&key).and_then(|text| {
        let wrong = |_| StateError::Text { name: key.clone(), expected: "a number", found: text.to_string() };
        text.parse().map_err(wrong)
    });
    match updates {
        Ok(updates) if errors.is_empty() => return Ok((updates, values)),
        Ok(_) => {}
        Err(error) => errors.push(error),
    }
    Err(errors)
}

impl<R, M, E, D> dfdx::optim::Optimizer<M, D, E> for Optimizer<R, M, E, D>
where
    R: UpdateRule,
    M: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E> + ParameterKernel<E>,
{
    /// As [`Optimizer::step`], by a copy of the gradients.
    fn update(&mut self, module: &mut M, gradients: &Gradients<E, D>) -> Result<(), OptimizerUpdateError<D::Err>> {
        let left_out =
            self.walk(module, &mut gradients.clone(), false, false).map_err(OptimizerUpdateError::DeviceError)?;
        left_out.tensors.into()
    }
}

#[cfg(feature = "train")]
impl<R, M, E, D> Optimizer<R, M, E, D>
where
    R: UpdateRule,
    M: TensorCollection<E, D>,
    E: Dtype + num_traits::Float,
    D: Device<E> + ParameterKernel<E>,
{
    /// Refuses finite gradients whose squares are not, where the rule keeps squares: such a parameter would never move again.
    /// Gradients are there for all parameters, and so far as is known their norm is `norm`.
    pub(crate) fn check_squares(&self, model: &M, grads: &mut Gradients<E, D>, norm: f64) -> Result<(), OptimError> {
        let greatest = E::max_value().to_f64().unwrap_or(f64::INFINITY);
        if self.rule.squares().is_empty() || norm * norm <= greatest {
            return Ok(());
        }
        visit(model, grads, &self.groups, |dev, name, gradient| {
            let values = dev.read(gradient).map_err(OptimError::device)?;
            let large = |value: &&E| value.is_finite() && !(**value * **value).is_finite();
            match values.iter().filter(large).count() {
                0 => Ok(()),
                count => Err(OptimError::TooLarge { name: name.to_string(), count, of: values.len() }),
            }
        })
    }
}

impl<R: std::fmt::Debug, M, E: Dtype, D: Device<E>> std::fmt::Debug for Optimizer<R, M, E, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parameters: Vec<_> = self.slots.iter().map(|(name, slot)| (name, &slot.shape, slot.updates)).collect();
        f.debug_struct("Optimizer")
            .field("rule", &self.rule)
            .field("groups", &self.groups)
            .field("parameters", &parameters)
            .finish()
    }
}

/// What an update had to leave out.
#[derive(Default)]
struct LeftOut {
    tensors: UnusedTensors,
    /// Parameters without a gradient.
    names: Vec<String>,
    /// A parameter that there is no slot for.
    foreign: Option<(String, Vec<usize>)>,
}

/// Updates the parameters.
struct Walk<'a, R, E: Dtype, D: ParameterKernel<E>> {
    rule: &'a R,
    groups: &'a Groups,
    slots: &'a mut BTreeMap<String, Slot<E, D>>,
    grads: &'a mut Gradients<E, D>,
    /// Whether all parameters have gradients, so that none is asked about.
    complete: bool,
    left_out: LeftOut,
    together: Together<E, D>,
    /// Where the parameters are.
    device: Option<D>,
}

impl<R: UpdateRule, E: Dtype, D: Device<E> + ParameterKernel<E>> TensorVisitor<E, D> for Walk<'_, R, E, D> {
    type Viewer = (ViewTensorMut, ViewTensorName);
    type Err = D::Err;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, D>,
        (parameter, name): (&mut Tensor<S, E, D>, String),
    ) -> Result<Option<Tensor<S, E, D>>, D::Err> {
        let settings = self.groups.settings(&name);
        if !options.do_gradient_update || settings.frozen {
            return Ok(None);
        }
        let shape: Vec<usize> = parameter.shape().concrete().into();
        let Some(slot) = self.slots.get_mut(&name).filter(|slot| slot.shape == shape) else {
            self.left_out.tensors.add(parameter);
            self.left_out.foreign = Some((name, shape));
            return Ok(None);
        };
        if slot.updates == 0 && !self.complete && !has_gradient(options, parameter, self.grads)? {
            self.left_out.tensors.add(parameter);
            self.left_out.names.push(name);
            return Ok(None);
        }
        let gradient = self.grads.get_or_alloc_mut(parameter)?;
        slot.updates += 1;
        let lr = self.rule.lr() * settings.lr;
        let update = Update { number: slot.updates, lr, weight_decay: settings.weight_decay };
        match self.rule.known(&update) {
            Some(step) => {
                let device = self.device.get_or_insert_with(|| parameter.device().clone());
                device.update(&step, parameter, &mut slot.state, gradient, &mut self.together)?;
            }
            None => self.rule.apply(&update, parameter, &mut slot.state, gradient)?,
        }
        Ok(None)
    }
}

/// Whether there is a gradient for a parameter. dfdx tells only its own optimizers, so one of those is asked, for a step of
/// length 0 of a copy. That takes time, so only a parameter's first update asks.
fn has_gradient<S: Shape, E: Dtype, D: Device<E>>(
    options: TensorOptions<S, E, D>,
    parameter: &Tensor<S, E, D>,
    grads: &Gradients<E, D>,
) -> Result<bool, D::Err> {
    let config = dfdx::optim::SgdConfig { lr: 0.0, momentum: None, weight_decay: None };
    let mut sgd = dfdx::optim::Sgd::<(), E, D>::new(&(), config);
    let mut question = (&mut sgd, grads, UnusedTensors::default());
    TensorVisitor::visit(&mut question, options, &mut parameter.clone())?;
    Ok(question.2.is_empty())
}
