//! What is computed once in an unroll, because the weights do not change in it.

use crate::geometry::Conv;
use crate::kernels::{ConvKernel, Element, Maps, VisionDevice};
use dfdx::prelude::UniqueId;
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

/// What the device derives from weights, and gathers of their gradients, for several tapes of one run.
pub(crate) type CommonWeights<E, D> = Rc<HashMap<UniqueId, Rc<<D as ConvKernel<E>>::WeightCache>>>;

/// The values that are kept from step to step of one unroll.
pub(super) struct Cache<E: Element, D: VisionDevice<E>> {
    /// What the device derives from a weight: packed panels, transforms.
    pub(super) weights: HashMap<UniqueId, Rc<<D as ConvKernel<E>>::WeightCache>>,
    /// Weights that are functions of trained tensors, by the tensor that they are made of.
    pub(super) derived: HashMap<UniqueId, Maps<E, D>>,
    /// Single trained numbers as the host reads them.
    pub(super) numbers: HashMap<UniqueId, f64>,
    /// The frames that were shown last, that of this step at the end.
    frames: VecDeque<UniqueId>,
    /// What is made of the frame of this step is kept.
    keeps: bool,
    /// The frame of this step was shown before, or there is none yet.
    repeats: bool,
    /// What was computed of frames.
    pub(super) of_frames: HashMap<FrameKey, Maps<E, D>>,
    /// The tensors that are or were in `of_frames`, which other steps read as they are.
    pub(super) shared: HashSet<UniqueId>,
}

impl<E: Element, D: VisionDevice<E>> Default for Cache<E, D> {
    fn default() -> Self {
        Cache {
            weights: HashMap::new(),
            derived: HashMap::new(),
            numbers: HashMap::new(),
            frames: VecDeque::new(),
            keeps: false,
            repeats: true,
            of_frames: HashMap::new(),
            shared: HashSet::new(),
        }
    }
}

/// What was made of so many frames is kept: enough for stimuli that alternate, and no film grows in memory.
const FRAMES: usize = 8;

impl<E: Element, D: VisionDevice<E>> Cache<E, D> {
    /// Says that `frame` is the one of this step, which other steps show too.
    pub(super) fn show(&mut self, frame: UniqueId) {
        self.push(frame);
        self.keeps = true;
    }

    /// Says that `frame` is the one of this step, of which nobody knows whether it comes again: what is made of it is kept
    /// from its second showing on, and from its first if the frame before it came again.
    pub(super) fn show_unforeseen(&mut self, frame: UniqueId) {
        let known = self.frames.contains(&frame);
        self.keeps = known || self.repeats;
        self.repeats = known;
        self.push(frame);
    }

    fn push(&mut self, frame: UniqueId) {
        if self.frames.back() == Some(&frame) {
            return;
        }
        self.frames.retain(|&known| known != frame);
        self.frames.push_back(frame);
        if self.frames.len() > FRAMES
            && let Some(oldest) = self.frames.pop_front()
        {
            self.of_frames.retain(|key, _| key.frame != oldest);
        }
    }

    /// Returns whether anything is kept of the tensor with this identity, or shared with other steps.
    pub(super) fn knows(&self, id: UniqueId) -> bool {
        let names = |key: &FrameKey| match key.op {
            FrameOp::Conv { weight, bias, .. } => [key.frame, weight].contains(&id) || bias == Some(id),
            FrameOp::Front => key.frame == id,
        };
        self.shared.contains(&id)
            || self.frames.contains(&id)
            || self.weights.contains_key(&id)
            || self.derived.contains_key(&id)
            || self.numbers.contains_key(&id)
            || self.of_frames.keys().any(names)
    }

    /// The frame of this step, if what is made of it is kept.
    pub(super) fn frame(&self) -> Option<UniqueId> {
        self.frames.back().copied().filter(|_| self.keeps)
    }
}

/// Names what was computed of one frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FrameKey {
    pub(crate) frame: UniqueId,
    pub(crate) op: FrameOp,
}

/// An operation on a frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum FrameOp {
    /// A convolution with one weight and bias.
    Conv { conv: Conv, weight: UniqueId, bias: Option<UniqueId> },
    /// A part of the model that stands before all areas.
    Front,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::id;
    use dfdx::prelude::{Cpu, ZerosTensor};

    #[test]
    fn what_was_made_of_a_film_does_not_pile_up() {
        let dev = Cpu::default();
        let mut cache: Cache<f32, Cpu> = Cache::default();
        let maps: Maps<f32, Cpu> = dev.zeros_like(&(1, 1, 1, 1));
        let frame = |_: usize| id::<(usize, usize, usize, usize), f32, Cpu>(&dev.zeros_like(&(1, 1, 1, 1)));
        let frames: Vec<UniqueId> = (0..3 * FRAMES).map(frame).collect();
        for &frame in &frames {
            cache.show(frame);
            cache.of_frames.insert(FrameKey { frame, op: FrameOp::Front }, maps.clone());
            assert!(cache.of_frames.len() <= FRAMES);
        }
        // one that is shown again and again stays
        let often = frames[3 * FRAMES - 1];
        for &frame in &frames {
            cache.show(often);
            cache.show(frame);
        }
        assert!(cache.of_frames.contains_key(&FrameKey { frame: often, op: FrameOp::Front }));
        assert_eq!(cache.frame(), frames.last().copied());
    }

    #[test]
    fn an_unforeseen_frame_is_kept_if_it_or_the_one_before_it_came_again() {
        let dev = Cpu::default();
        let [a, b, c] = [(); 3].map(|()| id::<(usize, usize, usize, usize), f32, Cpu>(&dev.zeros_like(&(1, 1, 1, 1))));
        let mut cache: Cache<f32, Cpu> = Cache::default();
        let mut kept = |frame| {
            cache.show_unforeseen(frame);
            cache.frame().is_some()
        };
        // a film: all but the first are made anew
        assert_eq!([kept(a), kept(b), kept(c)], [true, false, false]);
        // frames that last
        assert_eq!([kept(c), kept(c), kept(a), kept(a)], [true; 4]);
    }
}
