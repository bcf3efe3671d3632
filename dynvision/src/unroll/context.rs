//! What one unroll carries from part to part.

use super::current::Current;
use super::rng::Rng;
use super::stimulus::{Beside, blank};
use super::{Memories, Observed, Statistics};
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::geometry::{Map, Plane};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::time::{Area, AreaPlan, Mode, Plan};
use dfdx::prelude::{NoneTape, RandomU64};
use std::collections::HashMap;
use std::mem;
use std::ops::{Deref, DerefMut, Range};
use std::rc::Rc;

/// The context of an unroll: the computation graph, to which it dereferences, and where the run stands, which are the area,
/// the step, the size of the batch, the mode and the random numbers.
///
/// ```
/// use dynvision::{time::Plan, unroll::Context};
/// use dfdx::prelude::*;
/// let mut cx = Context::<f32, Cpu>::new(NoneTape, Plan::default());
/// let y: Tensor<Rank1<2>, f32, _> = cx.run(Cpu::default().tensor([-1.0, 2.0]), |x| x.try_relu())?;
/// assert_eq!(y.array(), [0.0, 2.0]);
/// assert_eq!(cx.area().dt, 2.0);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
pub struct Context<E: Element, D: VisionDevice<E>, T = NoneTape> {
    graph: Graph<E, D, T>,
    plan: Rc<Plan>,
    place: Place,
    mode: Mode,
    /// The areas whose batch norms keep to their running moments, by their numbers.
    frozen: Rc<[usize]>,
    rng: Rng,
    currents: Vec<Current<E, D>>,
    beside: Rc<[Beside<E, D>]>,
    observed: Vec<Observed>,
    planes: HashMap<[usize; 3], Rc<Plane>>,
    /// Of the area whose operations run; none outside of the areas.
    memories: Option<Memories<E, D>>,
    /// Those that this step has set.
    remembered: Vec<&'static str>,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    area: usize,
    /// What the operation gets that runs.
    input: Map,
    batch: usize,
    /// The step of the stimulus; none while the model idles.
    step: Option<usize>,
    /// How many steps the area has done before.
    update: usize,
}

impl<E: Element, D: VisionDevice<E>, T> std::fmt::Debug for Context<E, D, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("place", &self.place).field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl<E: Element, D: VisionDevice<E>, T> Deref for Context<E, D, T> {
    type Target = Graph<E, D, T>;
    fn deref(&self) -> &Graph<E, D, T> {
        &self.graph
    }
}
impl<E: Element, D: VisionDevice<E>, T> DerefMut for Context<E, D, T> {
    fn deref_mut(&mut self) -> &mut Graph<E, D, T> {
        &mut self.graph
    }
}

impl<E: Element, D: VisionDevice<E>, T> Context<E, D, T> {
    /// Creates the context of a run that evaluates and records on `tape`.
    pub fn new(tape: T, plan: impl Into<Rc<Plan>>) -> Self {
        Context {
            graph: Graph::new(tape),
            plan: plan.into(),
            place: Place { area: 0, input: Map::new(0, 0, 0), batch: 0, step: Some(0), update: 0 },
            mode: Mode::default(),
            frozen: Rc::default(),
            rng: Rng::default(),
            currents: Vec::new(),
            beside: Rc::new([]),
            observed: Vec::new(),
            planes: HashMap::new(),
            memories: None,
            remembered: Vec::new(),
        }
    }

    /// Returns the context of a run that trains or evaluates.
    pub fn in_mode(self, mode: Mode) -> Self {
        Context { mode, ..self }
    }

    /// Returns the context of a run whose random numbers are a function of `seed`; of the device's seed if there is none.
    pub(crate) fn seeded(self, seed: Option<u64>) -> Self {
        Context { rng: Rng::new(seed), ..self }
    }

    /// Returns the context of a run in which the batch norms of some areas, by their numbers, keep to their running moments.
    pub(crate) fn freeze_statistics(self, areas: Vec<usize>) -> Self {
        Context { frozen: areas.into(), ..self }
    }

    /// Returns a context that goes on where this one stands, on another tape and without what this one has cached but for
    /// weights that are shared.
    pub(crate) fn branch<U>(&self, tape: U) -> Context<E, D, U> {
        self.with_graph(self.graph.branch(tape))
    }

    /// Returns a context that goes on where this one stands, on another tape and with what this one has cached.
    pub(crate) fn lend<U>(&mut self, tape: U) -> Context<E, D, U> {
        let graph = self.graph.lend(tape);
        self.with_graph(graph)
    }

    fn with_graph<U>(&self, graph: Graph<E, D, U>) -> Context<E, D, U> {
        Context {
            graph,
            plan: self.plan.clone(),
            place: self.place,
            mode: self.mode,
            frozen: self.frozen.clone(),
            rng: self.rng,
            currents: self.currents.clone(),
            beside: self.beside.clone(),
            observed: Vec::new(),
            planes: self.planes.clone(),
            memories: None,
            remembered: Vec::new(),
        }
    }

    /// Goes on where `other`, which began where this one stands, has come to; its tape is dropped.
    pub(crate) fn follow<U>(&mut self, other: Context<E, D, U>) {
        let Context { graph, place, rng, currents, observed, planes, .. } = other;
        self.graph.take_back(graph);
        (self.place, self.rng, self.currents, self.planes) = (place, rng, currents, planes);
        self.observed.extend(observed);
    }

    /// Ends the run; returns its tape.
    pub fn into_tape(self) -> T {
        self.graph.tape
    }

    /// Delays and time constants of the model in steps.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether the run trains or evaluates.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns whether the batch norms of the area whose operations run normalise by the moments of the batch.
    pub fn uses_batch_moments(&self) -> bool {
        self.mode == Mode::Training && !self.frozen.contains(&self.place.area)
    }

    /// Where the run stands, for an error: the area of these, and the step.
    pub(crate) fn place(&self, areas: &[Area]) -> String {
        let area = match areas.get(self.place.area) {
            Some(area) => format!("area `{}`", area.name),
            None => "what a frame goes through before the first area".to_owned(),
        };
        match self.place.step {
            Some(step) => format!("{area} at step {step}"),
            None => format!("{area} before the stimulus"),
        }
    }

    /// Says that the operations of area number `area` follow.
    pub fn enter(&mut self, area: usize) {
        self.place.area = area;
    }

    /// Hands the memories of the area over to its parts; `update` is how many steps it has done.
    pub(crate) fn bring(&mut self, memories: Memories<E, D>, update: usize) {
        self.memories = Some(memories);
        self.place.update = update;
    }

    /// Takes the memories back, as the parts have left them.
    pub(crate) fn take_memories(&mut self) -> Option<Memories<E, D>> {
        self.remembered.clear();
        self.memories.take()
    }

    /// How many steps the area whose operations run has done before this one, since its state was fresh: 0 at the first. A
    /// part that has weights for each step counts by it, also where a run goes on from the state of another.
    pub fn update(&self) -> usize {
        self.place.update
    }

    /// Returns what a part of the area whose operations run kept under this name, at this step or an earlier one.
    pub fn memory(&self, name: &str) -> Option<Maps<E, D>> {
        self.memories.as_ref()?.get(name).cloned()
    }

    /// Keeps `maps` for the area's next steps, besides its response: a cell, a membrane, a gain. It stands in the area's
    /// state ([`Past::memory`](super::Past::memory)), gradients flow through it, and they are cut and recomputed as those of
    /// responses.
    ///
    /// ```
    /// use dynvision::{error::Result, kernels::{Element, Maps, VisionDevice}, nn::{Empty, Operation}, ops, unroll::Context};
    /// use dynvision::prelude::*;
    /// use dfdx::prelude::{OnesTensor, Tape};
    ///
    /// /// The sum of all that came before.
    /// #[derive(Clone, Debug)]
    /// struct Evidence;
    /// dynvision::spec!(impl Evidence => Empty);
    /// impl Operation for Evidence {
    ///     fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    ///         _: &Empty,
    ///         x: Maps<E, D>,
    ///         cx: &mut Context<E, D, T>,
    ///     ) -> Result<Maps<E, D>> {
    ///         let sum = ops::add_onto(cx.memory("evidence"), x, cx)?;
    ///         cx.remember("evidence", &sum)?;
    ///         Ok(sum)
    ///     }
    /// }
    ///
    /// #[dyn_model(input = [1, 2, 2], operations = [layer, evidence, record, delay])]
    /// struct Net {
    ///     #[area(apply(evidence = Evidence))]
    ///     v1: RConv2d<1, 2, 1, 1, NoRecurrence>,
    ///     #[readout]
    ///     classifier: Classifier<2, 3>,
    /// }
    /// let dev = Cpu::default();
    /// let net = dev.build_module::<Net, f64>();
    /// let (_, responses) = net.try_record(Stimulus::constant(dev.ones::<NetInputOf>(), 3))?;
    /// let v1 = responses.v1.values.as_vec(); // 2x2x2 units at each step
    /// assert!((v1[16] - 3.0 * v1[0]).abs() < 1e-12);
    /// # type NetInputOf = (Const<1>, Const<1>, Const<2>, Const<2>);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] outside of the areas, where no state could hold it, and where another part of the area has set a
    /// memory of this name at this step.
    pub fn remember(&mut self, name: &'static str, maps: &Maps<E, D>) -> Result<()> {
        let Some(memories) = &mut self.memories else {
            return Err(Error::Setting(format!(
                "a part keeps a memory `{name}` but is no part of an area, whose state would hold it; give it to an area"
            )));
        };
        if self.remembered.contains(&name) {
            return Err(Error::Setting(format!(
                "two parts of one area keep a memory `{name}`, of which the second would hide the first; give one of them \
                 another name, or to another area"
            )));
        }
        self.remembered.push(name);
        memories.set(name, maps.clone());
        Ok(())
    }

    /// Delays and time constants of the area whose operations run.
    pub fn area(&self) -> &AreaPlan {
        self.plan.area(self.place.area)
    }

    /// Says what the operation gets that follows, there or absent.
    pub fn set_input(&mut self, input: Map) {
        self.place.input = input;
    }

    /// The channels, rows and columns of what the operation gets that runs, also where it is absent.
    pub fn input(&self) -> Map {
        self.place.input
    }

    /// Says how many images the batch has.
    pub fn set_batch(&mut self, batch: usize) {
        self.place.batch = batch;
    }

    /// The number of images in the batch.
    pub fn batch(&self) -> usize {
        self.place.batch
    }

    /// Says which step of the stimulus follows; `None` while the model idles.
    pub fn set_step(&mut self, step: Option<usize>) {
        self.place.step = step;
    }

    /// The number of the step in the stimulus; `None` while the model idles, before the stimulus begins.
    pub fn step(&self) -> Option<usize> {
        self.place.step
    }

    /// Injects a current into area number `area` at these steps.
    pub(crate) fn inject(&mut self, area: usize, maps: Maps<E, D>, steps: Range<usize>) {
        self.currents.push(Current { area, steps, maps, used: false });
    }

    /// Ends all injections.
    pub(crate) fn end_injections(&mut self) {
        self.currents.clear();
    }

    /// Returns the currents that are injected at this step into the area whose operations run.
    pub fn currents(&mut self) -> Vec<Maps<E, D>> {
        let Place { area, step, .. } = self.place;
        let here = self.currents.iter_mut().filter(|current| current.area == area);
        let now = here.filter_map(|current| {
            current.used = true;
            step.is_some_and(|step| current.steps.contains(&step)).then(|| current.maps.clone())
        });
        now.collect()
    }

    /// All currents that are injected in this run.
    pub(crate) fn injected(&self) -> impl Iterator<Item = &Maps<E, D>> {
        self.currents.iter().map(|current| &current.maps)
    }

    /// Shows these beside the frames.
    pub(crate) fn show_beside(&mut self, beside: Rc<[Beside<E, D>]>) {
        self.beside = beside;
    }

    /// All that is shown beside the frames in this run.
    pub(crate) fn shown_beside(&self) -> impl Iterator<Item = &Maps<E, D>> {
        self.beside.iter().flat_map(|beside| &beside.frames)
    }

    /// What is shown at this step beside the frame, under this name; without input while the model idles.
    pub(crate) fn beside(&self, name: &str) -> Result<Maps<E, D>> {
        let missing = || {
            Error::Setting(format!(
                "the model has an input `{name}` beside the frame, and none is shown; run a stimulus to which it is given, as in \
                 `Stimulus::constant(frame, 10).beside(\"{name}\", Stimulus::constant(other, 10))`"
            ))
        };
        let beside = self.beside.iter().find(|beside| beside.name == name).ok_or_else(missing)?;
        match self.place.step {
            Some(step) => beside.frame(step).cloned().ok_or_else(missing),
            None => blank(beside.frame(0).ok_or_else(missing)?, self.plan.non_input),
        }
    }

    /// The number of an area into which a current is injected that no operation adds.
    pub(crate) fn unused_current(&self) -> Option<usize> {
        self.currents.iter().find(|current| !current.used).map(|current| current.area)
    }

    /// Draws a seed for what is left to chance at this place of the run: see [`Stimulus::seeded`](super::Stimulus::seeded).
    /// Without a seed of its own, a run takes one from the device.
    pub fn draw_seed(&mut self, device: &impl RandomU64) -> u64 {
        self.rng.draw(device)
    }

    /// Keeps the moments of this step for the model's running ones.
    pub(crate) fn observe(&mut self, observed: Observed) {
        self.observed.push(observed);
    }

    /// Takes the moments that the batch norms of this run observed: see [`BatchNorm`](crate::nn::BatchNorm).
    pub fn take_statistics(&mut self) -> Statistics {
        Statistics(mem::take(&mut self.observed))
    }

    /// Returns how the units of a map of `[channels, rows, columns]` lie on the cortical plane.
    ///
    /// # Errors
    /// Those of [`Plane::new`].
    pub fn plane(&mut self, map: [usize; 3]) -> Result<Rc<Plane>> {
        if let Some(plane) = self.planes.get(&map) {
            return Ok(plane.clone());
        }
        let plane = Rc::new(Plane::new(map)?);
        self.planes.insert(map, plane.clone());
        Ok(plane)
    }
}
