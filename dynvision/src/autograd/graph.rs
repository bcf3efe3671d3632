//! The computation graph of one unroll.

use super::cache::{Cache, CommonWeights, FrameKey};
use super::kept::{Kept, Made, Slot};
use super::spare::Spare;
use super::{id, take_grad};
use crate::error::{Error, Result};
use crate::kernels::{Buffer, ConvKernel, Element, Maps, Sizes, VisionDevice};
use dfdx::prelude::*;
use std::collections::{HashMap, HashSet};
use std::mem;
use std::rc::Rc;

/// The computation graph of one unroll: the tape that records backward operations, and what is computed once because
/// the weights do not change meanwhile.
///
/// Any dfdx operation runs on the tape by [`Graph::run`].
///
/// ```
/// use dynvision::autograd::Graph;
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let mut graph = Graph::new(NoneTape);
/// let y: Tensor<Rank1<2>, f32, _> = graph.run(dev.tensor([-1.0, 2.0]), |x| x.try_relu())?;
/// assert_eq!(y.array(), [0.0, 2.0]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
pub struct Graph<E: Element, D: VisionDevice<E>, T = NoneTape> {
    /// Records backward operations, or is `NoneTape`.
    pub tape: T,
    cache: Cache<E, D>,
    /// Weights whose gathered gradients this tape collects.
    collected: HashSet<UniqueId>,
    /// How results on this tape are made again that cost little, with their sizes, while their values are those that were made.
    remade: HashMap<UniqueId, (Sizes, Kept<E, D>)>,
    /// Where they are made again, by their sizes.
    slots: HashMap<Sizes, Slot<E, D>>,
    /// Maps whose place later results may take, where no gradient is recorded.
    spare: Spare<E, D>,
    /// Weights that other tapes of the run use as well, and whose gathered gradients one of them collects.
    common: CommonWeights<E, D>,
}

impl<E: Element, D: VisionDevice<E>, T> std::fmt::Debug for Graph<E, D, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graph").finish_non_exhaustive()
    }
}

impl<E: Element, D: VisionDevice<E>, T: Default> Default for Graph<E, D, T> {
    fn default() -> Self {
        Graph::new(T::default())
    }
}

impl<E: Element, D: VisionDevice<E>, T> Graph<E, D, T> {
    /// Creates a graph that records on `tape`.
    pub fn new(tape: T) -> Self {
        Graph {
            tape,
            cache: Cache::default(),
            collected: HashSet::new(),
            remade: HashMap::new(),
            slots: HashMap::new(),
            spare: Spare::default(),
            common: Rc::default(),
        }
    }

    /// Shares what is derived from these weights with other tapes of the run, one of which collects what is gathered of
    /// their gradients.
    pub(crate) fn share_weights(&mut self, common: CommonWeights<E, D>) {
        self.common = common;
    }

    /// Returns a graph with another tape, which shares its weights with this one and has nothing else cached.
    pub(crate) fn branch<U>(&self, tape: U) -> Graph<E, D, U> {
        Graph { common: self.common.clone(), ..Graph::new(tape) }
    }

    /// Moves what is cached to a graph with another tape.
    pub(crate) fn lend<U>(&mut self, tape: U) -> Graph<E, D, U> {
        Graph { cache: mem::take(&mut self.cache), ..self.branch(tape) }
    }

    /// Takes back what [`lend`](Graph::lend) moved; the other tape is dropped.
    pub(crate) fn take_back<U>(&mut self, other: Graph<E, D, U>) {
        self.cache = other.cache;
    }

    /// Says that the input of the first area in this step is `frame`, which other steps may show again.
    pub fn show<S: Shape>(&mut self, frame: &Tensor<S, E, D>) {
        self.cache.show(id(frame));
    }

    /// Says that the input of the first area in this step is `frame`, of which nobody knows whether other steps show it again:
    /// what is made of it is kept from its second showing on, and from its first if the frame before it came again.
    pub(crate) fn show_unforeseen<S: Shape>(&mut self, frame: &Tensor<S, E, D>) {
        self.cache.show_unforeseen(id(frame));
    }

    /// Returns whether other steps read this tensor as it is, so that it must not be updated in place.
    pub(crate) fn is_shared(&self, maps: &Maps<E, D>) -> bool {
        self.cache.shared.contains(&id(maps))
    }

    /// Returns a trained number as the host reads it, which costs one copy in an unroll.
    pub fn number(&mut self, t: &Tensor<(), E, D>) -> f64 {
        *self.cache.numbers.entry(id(t)).or_insert_with(|| t.as_vec()[0].to_f64().unwrap_or(f64::NAN))
    }
}

impl<E: Element, D: VisionDevice<E>, T: Tape<E, D>> Graph<E, D, T> {
    /// Runs any dfdx operation on the tape.
    ///
    /// # Errors
    /// [`Error::Device`] where the device refuses.
    pub fn run<S1, S2, F>(&mut self, x: Tensor<S1, E, D>, op: F) -> Result<Tensor<S2, E, D>>
    where
        S1: Shape,
        S2: Shape,
        F: FnOnce(Tensor<S1, E, D, T>) -> Result<Tensor<S2, E, D, T>, D::Err>,
    {
        let (y, tape) = op(x.put_tape(mem::take(&mut self.tape))).map_err(Error::device)?.split_tape();
        self.tape = tape;
        Ok(y)
    }

    /// Whether results take the place of maps that nobody needs: not where backward operations may read them.
    const RECYCLES: bool = D::WRITES_OUT && !T::OWNS_TAPE;

    /// Says that the caller no longer needs these maps: a later result may take their place.
    pub(crate) fn recycle(&mut self, maps: Maps<E, D>) {
        if Self::RECYCLES && !self.cache.knows(id(&maps)) {
            self.spare.put(id(&maps), maps);
        }
    }

    /// Takes maps of these sizes that were [recycled](Graph::recycle), if there are any.
    pub(crate) fn spare(&mut self, sizes: &Sizes) -> Option<Maps<E, D>> {
        self.spare.take(sizes)
    }

    /// Says that `y` is a result of this graph.
    pub(crate) fn made(&mut self, y: &Maps<E, D>) {
        if Self::RECYCLES {
            self.spare.made(id(y));
        }
    }

    /// Records how the operation that made `y` runs backward. The gradient of `y` is handed over by value: nobody reads
    /// it afterwards, and so the gradients of the inputs can be borrowed beside it.
    pub fn on_backward<S, F>(&mut self, y: &Tensor<S, E, D>, back: F)
    where
        S: Shape,
        F: 'static + FnOnce(&D, &mut Gradients<E, D>, Buffer<E, D>) -> Result<(), D::Err>,
    {
        if !T::OWNS_TAPE {
            return;
        }
        let (y, device) = (y.ghost(), y.device().clone());
        self.tape.add_backward_op(move |grads| {
            let grad = take_grad(&device, grads.get_or_alloc_mut(&y)?)?;
            back(&device, grads, grad)
        });
    }

    /// Remembers `x` for the backward operation of what may update it in place; nothing where no gradient is recorded.
    pub(crate) fn before(&self, x: &Maps<E, D>) -> Option<Before<E, D>> {
        T::OWNS_TAPE.then(|| {
            let ghost = x.ghost();
            Before { id: id(x), gradient: Box::new(move |grads| grads.get_or_alloc_mut(&ghost)) }
        })
    }

    /// Records how an operation runs backward that made `y` of a tensor, in place or not, and perhaps of others. `back`
    /// turns the gradient of `y` into that of the tensor as it was `before`.
    pub(crate) fn on_backward_update<F>(&mut self, before: Option<Before<E, D>>, y: &Maps<E, D>, back: F)
    where
        F: 'static + FnOnce(&D, &mut Gradients<E, D>, Buffer<E, D>) -> Result<Buffer<E, D>, D::Err>,
    {
        let Some(Before { id: before, gradient }) = before else { return };
        let in_place = before == id(y);
        if in_place {
            self.remade.remove(&before);
        }
        self.on_backward(y, move |dev, grads, gy| {
            let grad = back(dev, grads, gy)?;
            let into = gradient(grads)?;
            if in_place {
                // before and after share one gradient
                *into = grad;
                return Ok(());
            }
            dev.accumulate(E::ONE, &grad, into)
        });
    }

    /// Records how an operation runs backward that added its result to the tensor `onto`, in place or not, if there is one:
    /// its gradient is what `back` leaves of that of `y`.
    pub(crate) fn on_backward_added<F>(&mut self, onto: Option<Before<E, D>>, y: &Maps<E, D>, back: F)
    where
        F: 'static + FnOnce(&D, &mut Gradients<E, D>, &mut Buffer<E, D>) -> Result<(), D::Err>,
    {
        if onto.is_none() {
            return self.on_backward(y, move |dev, grads, mut gy| back(dev, grads, &mut gy));
        }
        self.on_backward_update(onto, y, move |dev, grads, mut gy| {
            back(dev, grads, &mut gy)?;
            Ok(gy)
        });
    }

    /// Says how `y` is made again of what the tape keeps.
    pub(crate) fn make_again(&mut self, y: &Maps<E, D>, made: Made<E, D>) {
        if T::OWNS_TAPE {
            let slot = self.slots.entry(*y.shape()).or_default().clone();
            self.remade.insert(id(y), (*y.shape(), Kept::Made(Rc::new(made), slot)));
        }
    }

    /// Returns what a backward operation that reads `x` has to keep: nothing of its own where `x` is made again of what the
    /// tape keeps.
    pub(crate) fn kept(&self, x: &Maps<E, D>) -> Kept<E, D> {
        match self.remade.get(&id(x)) {
            Some((sizes, how)) if sizes == x.shape() => how.clone(),
            _ => Kept::Maps(x.clone()),
        }
    }

    /// Lets no gradient pass from later steps through `x` to earlier ones. Costs nothing going forward.
    ///
    /// Exact: when this runs backward, all later uses of `x` have added their gradient, and no earlier one has.
    pub fn cut<S: Shape>(&mut self, x: &Tensor<S, E, D>) {
        if !T::OWNS_TAPE {
            return;
        }
        let (x, device) = (x.ghost(), x.device().clone());
        self.tape.add_backward_op(move |grads| device.try_fill_with_zeros(grads.get_or_alloc_mut(&x)?));
    }

    /// Returns what the device has derived from weight `w` in this unroll, and gathers of its gradient: that is collected
    /// before anything that came before the first use of the weight runs backward.
    pub(crate) fn weight_cache(&mut self, w: &Maps<E, D>) -> Rc<<D as ConvKernel<E>>::WeightCache> {
        if let Some(common) = self.common.get(&id(w)) {
            return common.clone();
        }
        let cache = Rc::clone(self.cache.weights.entry(id(w)).or_default());
        if T::OWNS_TAPE && self.collected.insert(id(w)) {
            let (w, device, cache) = (w.ghost(), w.device().clone(), cache.clone());
            self.tape.add_backward_op(move |grads| device.conv2d_collect(&cache, grads.get_or_alloc_mut(&w)?));
        }
        cache
    }

    /// Returns what `make` derives from the trained tensor `w`, once in this unroll: a normalised weight. Its gradient
    /// gathers that of every step before it is passed on to what it was made of.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn derived<S: Shape>(
        &mut self,
        w: &Tensor<S, E, D>,
        make: impl FnOnce(&mut Self) -> Result<Maps<E, D>>,
    ) -> Result<Maps<E, D>> {
        if let Some(kept) = self.cache.derived.get(&id(w)) {
            return Ok(kept.clone());
        }
        let made = make(self)?;
        self.cache.derived.insert(id(w), made.clone());
        Ok(made)
    }

    /// Returns what `make` made of this frame earlier in this unroll if it is shown again; else what it makes now.
    ///
    /// # Errors
    /// Those of `make`.
    pub(crate) fn once(
        &mut self,
        key: FrameKey,
        make: impl FnOnce(&mut Self) -> Result<Maps<E, D>>,
    ) -> Result<Maps<E, D>> {
        if let Some(kept) = self.recall(key) {
            return Ok(kept);
        }
        let y = make(self)?;
        self.keep(key, &y);
        Ok(y)
    }

    /// Returns what was kept of a frame that is shown again.
    pub(crate) fn recall(&self, key: FrameKey) -> Option<Maps<E, D>> {
        if self.cache.frame() == Some(key.frame) { self.cache.of_frames.get(&key).cloned() } else { None }
    }

    /// Keeps what was made of the frame of this step, if it may be shown again.
    pub(crate) fn keep(&mut self, key: FrameKey, y: &Maps<E, D>) {
        if self.cache.frame() == Some(key.frame) {
            self.cache.shared.insert(id(y));
            self.cache.of_frames.insert(key, y.clone());
        }
    }
}

/// A tensor as it was before an operation that may update it in place: its identity, and where its gradient is. It keeps
/// no data alive.
pub(crate) struct Before<E: Element, D: VisionDevice<E>> {
    id: UniqueId,
    gradient: Box<GradientOf<E, D>>,
}
type GradientOf<E, D> = dyn for<'g> Fn(&'g mut Gradients<E, D>) -> Result<&'g mut Buffer<E, D>, <D as HasErr>::Err>;
