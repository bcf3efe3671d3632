//! What one unroll carries from operation to operation.

use crate::error::{Error, Result};
use crate::geometry::Conv;
use crate::kernels::{Buffer, ConvKernel, Element, Maps};
use crate::nn::{Observed, Statistics};
use crate::ops::Plane;
use crate::time::{Mode, Plan};
use dfdx::optim::UnusedTensors;
use dfdx::prelude::*;
use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::mem;
use std::ops::Range;
use std::rc::Rc;

/// The context of an unroll: the tape, the delays in steps, and what is worth keeping between steps.
///
/// Tensors travel beside the tape without one of their own, so an absent signal needs no place for a tape. A custom
/// layer or operation calls any dfdx operation through [`Cx::run`].
///
/// ```
/// use dynvision::{cx::Cx, time::Plan};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let mut cx = Cx::new(NoneTape, Plan::default());
/// let y: Tensor<Rank1<2>, f32, _> = cx.run(dev.tensor([-1.0, 2.0]), |x| x.try_relu()).unwrap();
/// assert_eq!(y.array(), [0.0, 2.0]);
/// ```
pub struct Cx<T> {
    /// Records backward operations, or is `NoneTape`.
    pub tape: T,
    /// Delays and time constants in steps.
    pub plan: Rc<Plan>,
    area: usize,
    batch: Option<usize>,
    /// The step of the stimulus; none while the model idles.
    step: Option<usize>,
    currents: Vec<Current>,
    observed: Vec<Observed>,
    chance: Chance,
    mode: Mode,
    /// The areas whose batch norms keep to their running moments, by their numbers.
    frozen: Rc<[usize]>,
    kept: Kept,
    /// Weights whose gathered gradients this tape collects.
    gathered: HashSet<UniqueId>,
}

/// What chance gives to a run: a function of its seed and of how many numbers were drawn.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chance {
    /// Of the device, unless the stimulus brings one.
    seed: Option<u64>,
    draws: u64,
}

/// A current that is injected into an area.
#[derive(Clone)]
struct Current {
    area: usize,
    steps: Range<usize>,
    maps: Rc<dyn Any>,
    used: bool,
}

impl<T> std::fmt::Debug for Cx<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cx").field("plan", &self.plan).field("area", &self.area).finish_non_exhaustive()
    }
}

/// What stays valid while the weights do not change: packed weights, and what fixed frames drive.
#[derive(Default)]
struct Kept {
    packs: HashMap<UniqueId, Rc<dyn Any>>,
    /// The frame of this step, if the same one may come again.
    frame: Option<UniqueId>,
    drives: HashMap<Drive, Box<dyn Any>>,
    /// The tensors in `drives`.
    driven: HashSet<UniqueId>,
    /// Weights that are functions of trained tensors, by the tensor they are made of.
    derived: HashMap<UniqueId, Box<dyn Any>>,
    /// How the units of a map lie on a plane, by the sizes of the map.
    planes: HashMap<[usize; 3], Rc<Plane>>,
}

/// What was made of one frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Drive {
    pub(crate) frame: UniqueId,
    pub(crate) by: By,
}

/// What makes something of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum By {
    /// A convolution with one weight and bias.
    Conv { conv: Conv, weight: UniqueId, bias: Option<UniqueId> },
    /// The model's retina.
    Retina,
}

impl<T> Cx<T> {
    /// A context that records on `tape`.
    pub fn new(tape: T, plan: impl Into<Rc<Plan>>) -> Self {
        Cx {
            tape,
            plan: plan.into(),
            area: 0,
            batch: None,
            step: Some(0),
            currents: Vec::new(),
            observed: Vec::new(),
            chance: Chance::default(),
            mode: Mode::default(),
            frozen: Rc::default(),
            kept: Kept::default(),
            gathered: HashSet::new(),
        }
    }

    /// The same for a run that trains or evaluates; a new context evaluates.
    pub fn in_mode(self, mode: Mode) -> Self {
        Cx { mode, ..self }
    }

    /// Whether this run trains: see [`Mode`].
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the batch norms of the area whose operations run normalise by the moments of the batch.
    pub fn by_batch(&self) -> bool {
        self.mode == Mode::Training && !self.frozen.contains(&self.area)
    }

    /// The areas, by their numbers, whose batch norms keep to their running moments.
    pub(crate) fn freeze_statistics(&mut self, areas: Vec<usize>) {
        self.frozen = areas.into();
    }

    /// A context that goes on where this one stands, on another tape and without what this one keeps.
    pub(crate) fn branch<U>(&self, tape: U) -> Cx<U> {
        Cx {
            tape,
            plan: self.plan.clone(),
            area: self.area,
            batch: self.batch,
            step: self.step,
            currents: self.currents.clone(),
            observed: Vec::new(),
            chance: self.chance,
            mode: self.mode,
            frozen: self.frozen.clone(),
            kept: Kept::default(),
            gathered: HashSet::new(),
        }
    }

    /// The same, which takes what this one keeps with it.
    pub(crate) fn lend<U>(&mut self, tape: U) -> Cx<U> {
        Cx { kept: mem::take(&mut self.kept), ..self.branch(tape) }
    }

    /// Goes on where `other`, which began where this one stands, has come to; its tape is dropped.
    pub(crate) fn follow<U>(&mut self, other: Cx<U>) {
        let Cx { batch, step, currents, observed, chance, kept, .. } = other;
        (self.batch, self.step, self.currents, self.chance, self.kept) = (batch, step, currents, chance, kept);
        self.observed.extend(observed);
    }

    /// Says which area's operations follow, by its number in the model.
    pub fn enter(&mut self, area: usize) {
        self.area = area;
    }

    /// Delays and time constants of the area whose operations run.
    pub fn area(&self) -> &crate::time::AreaPlan {
        self.plan.area(self.area)
    }

    /// Says how large the batch is.
    pub fn hold(&mut self, batch: usize) {
        self.batch = Some(batch);
    }

    /// How large the batch is, once an area had an input.
    pub fn batch(&self) -> Option<usize> {
        self.batch
    }

    /// Says which step of the stimulus follows; `None` while the model idles.
    pub fn at(&mut self, step: Option<usize>) {
        self.step = step;
    }

    /// Whether the model runs without a stimulus, before it begins.
    pub fn idles(&self) -> bool {
        self.step.is_none()
    }

    /// Injects a current into area number `area` at these steps.
    pub(crate) fn inject<E: Dtype, D: Device<E>>(&mut self, area: usize, maps: Maps<E, D>, steps: Range<usize>) {
        self.currents.push(Current { area, steps, maps: Rc::new(maps), used: false });
    }

    /// The currents that are injected into the area whose operations run, at this step.
    pub fn currents<E: Dtype, D: Device<E>>(&mut self) -> Vec<Maps<E, D>> {
        let (area, step) = (self.area, self.step);
        let here = self.currents.iter_mut().filter(|current| current.area == area);
        let now = here.filter_map(|current| {
            current.used = true;
            let on = step.is_some_and(|step| current.steps.contains(&step));
            if on { current.maps.downcast_ref::<Maps<E, D>>().cloned() } else { None }
        });
        now.collect()
    }

    /// All currents that are injected in this run.
    pub(crate) fn injected<E: Dtype, D: Device<E>>(&self) -> Vec<Maps<E, D>> {
        self.currents.iter().filter_map(|current| current.maps.downcast_ref::<Maps<E, D>>().cloned()).collect()
    }

    /// The number of an area into which a current is injected that no operation adds.
    pub(crate) fn unused_current(&self) -> Option<usize> {
        self.currents.iter().find(|current| !current.used).map(|current| current.area)
    }

    /// Determines what this run draws.
    pub(crate) fn seed(&mut self, seed: Option<u64>) {
        self.chance = Chance { seed, draws: 0 };
    }

    /// A seed for what is left to chance at this place of the run: see
    /// [`Stimulus::seeded`](crate::time::Stimulus::seeded). Without a seed of its own, a run takes one from the device.
    pub fn draw(&mut self, device: &impl RandomU64) -> u64 {
        let seed = *self.chance.seed.get_or_insert_with(|| device.random_u64());
        self.chance.draws += 1;
        // the golden ratio spreads consecutive numbers, as in SplitMix64
        seed.wrapping_add(self.chance.draws.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// Keeps what this step observed for the model's running moments.
    pub(crate) fn observe(&mut self, observed: Observed) {
        self.observed.push(observed);
    }

    /// What the batch norms of this run observed: see [`BatchNorm`](crate::nn::BatchNorm).
    pub fn take_statistics(&mut self) -> Statistics {
        Statistics(mem::take(&mut self.observed))
    }

    /// Runs any dfdx operation on the tape.
    ///
    /// # Errors
    /// What the device refuses.
    pub fn run<S1, S2, E, D, F>(&mut self, x: Tensor<S1, E, D>, op: F) -> Result<Tensor<S2, E, D>>
    where
        S1: Shape,
        S2: Shape,
        E: Dtype,
        D: Device<E>,
        T: Tape<E, D>,
        F: FnOnce(Tensor<S1, E, D, T>) -> Result<Tensor<S2, E, D, T>, D::Err>,
    {
        let (y, tape) = op(x.put_tape(mem::take(&mut self.tape))).map_err(Error::device)?.split_tape();
        self.tape = tape;
        Ok(y)
    }

    /// Records how the operation that made `y` runs backward. The gradient of `y` is handed over by value: nobody reads
    /// it afterwards, and so the gradients of the inputs can be borrowed beside it.
    pub fn on_backward<S, E, D, F>(&mut self, y: &Tensor<S, E, D>, back: F)
    where
        S: Shape,
        E: Dtype,
        D: Device<E>,
        T: Tape<E, D>,
        F: 'static + FnOnce(&D, &mut Gradients<E, D>, Buffer<E, D>) -> Result<(), D::Err>,
    {
        if !T::OWNS_TAPE {
            return;
        }
        let (y, device) = (y.ghost(), y.device().clone());
        self.tape.add_backward_op(move |grads| {
            let empty = Storage::<E>::try_alloc_len(&device, 0)?;
            let grad = mem::replace(grads.get_or_alloc_mut(&y)?, empty);
            back(&device, grads, grad)
        });
    }

    /// The same for an operation that updated `y` in place, so that before and after share one gradient: what `back`
    /// gives back is the gradient of what `y` was before.
    pub fn on_backward_in_place<S, E, D, F>(&mut self, y: &Tensor<S, E, D>, back: F)
    where
        S: Shape,
        E: Dtype,
        D: Device<E>,
        T: Tape<E, D>,
        F: 'static + FnOnce(&D, &mut Gradients<E, D>, Buffer<E, D>) -> Result<Buffer<E, D>, D::Err>,
    {
        if !T::OWNS_TAPE {
            return;
        }
        let (y, device) = (y.ghost(), y.device().clone());
        self.tape.add_backward_op(move |grads| {
            let empty = Storage::<E>::try_alloc_len(&device, 0)?;
            let grad = mem::replace(grads.get_or_alloc_mut(&y)?, empty);
            let grad = back(&device, grads, grad)?;
            *grads.get_or_alloc_mut(&y)? = grad;
            Ok(())
        });
    }

    /// No gradient passes from later steps through `x` to earlier ones. Costs nothing going forward.
    ///
    /// Exact: when this runs backward, all later uses of `x` have added their gradient, and no earlier one has.
    pub fn cut<S, E, D>(&mut self, x: &Tensor<S, E, D>)
    where
        S: Shape,
        E: Dtype,
        D: Device<E>,
        T: Tape<E, D>,
    {
        if !T::OWNS_TAPE {
            return;
        }
        let (x, device) = (x.ghost(), x.device().clone());
        self.tape.add_backward_op(move |grads| device.try_fill_with_zeros(grads.get_or_alloc_mut(&x)?));
    }

    /// What the device has derived from weight `w` in this unroll, and gathers of its gradient: that is collected before
    /// anything that came before the first use of the weight runs backward.
    pub fn packs<E: Element, D: Device<E> + ConvKernel<E>>(&mut self, w: &Maps<E, D>) -> Rc<D::WeightCache>
    where
        T: Tape<E, D>,
    {
        let kept = self.kept.packs.entry(id(w)).or_insert_with(|| Rc::new(D::WeightCache::default()));
        // an id names one tensor of one dtype on one device, so this is another run-time type only if dfdx reused an id;
        // nothing is shared then
        let packs: Rc<D::WeightCache> = Rc::clone(kept).downcast().unwrap_or_default();
        if T::OWNS_TAPE && self.gathered.insert(id(w)) {
            let (w, device, packs) = (w.ghost(), w.device().clone(), packs.clone());
            self.tape.add_backward_op(move |grads| device.conv2d_collect(&packs, grads.get_or_alloc_mut(&w)?));
        }
        packs
    }

    /// What `make` derives from the trained tensor `w`, once in this unroll: a normalised weight. Its gradient gathers that
    /// of every step before it is passed on to what it was made of.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn derived<S: Shape, E: Dtype, D: Device<E>>(
        &mut self,
        w: &Tensor<S, E, D>,
        make: impl FnOnce(&mut Self) -> Result<Maps<E, D>>,
    ) -> Result<Maps<E, D>> {
        let key = id(w);
        if let Some(kept) = self.kept.derived.get(&key).and_then(|kept| kept.downcast_ref::<Maps<E, D>>()) {
            return Ok(kept.clone());
        }
        let made = make(self)?;
        self.kept.derived.insert(key, Box::new(made.clone()));
        Ok(made)
    }

    /// How the units of a map of `[channels, rows, columns]` lie on the cortical plane.
    ///
    /// # Errors
    /// Those of [`Plane::new`].
    pub fn plane(&mut self, map: [usize; 3]) -> Result<Rc<Plane>> {
        if let Some(plane) = self.kept.planes.get(&map) {
            return Ok(plane.clone());
        }
        let plane = Rc::new(Plane::new(map)?);
        self.kept.planes.insert(map, plane.clone());
        Ok(plane)
    }

    /// Says that the input of the first area in this step is `frame`, which other steps may show again.
    pub fn show<S: Shape, E: Dtype, D: Device<E>>(&mut self, frame: &Tensor<S, E, D>) {
        self.kept.frame = Some(id(frame));
    }

    /// What `make` made of this drive earlier in this unroll if its frame is shown again; else what it makes now.
    pub(crate) fn once<E: Dtype, D: Device<E>>(
        &mut self,
        drive: Drive,
        make: impl FnOnce(&mut Self) -> Result<Maps<E, D>>,
    ) -> Result<Maps<E, D>> {
        if self.kept.frame != Some(drive.frame) {
            return make(self);
        }
        if let Some(kept) = self.kept.drives.get(&drive).and_then(|kept| kept.downcast_ref::<Maps<E, D>>()) {
            return Ok(kept.clone());
        }
        let y = make(self)?;
        self.kept.driven.insert(id(&y));
        self.kept.drives.insert(drive, Box::new(y.clone()));
        Ok(y)
    }

    /// Whether other steps may need this tensor as it is.
    pub(crate) fn keeps<E: Dtype, D: Device<E>>(&self, maps: &Maps<E, D>) -> bool {
        self.kept.driven.contains(&id(maps))
    }
}

/// The identity under which gradients know a tensor.
pub(crate) fn id<S: Shape, E: Dtype, D: Storage<E>>(t: &Tensor<S, E, D>) -> UniqueId {
    let mut named = UnusedTensors::default();
    named.add(t);
    named.ids[0]
}
