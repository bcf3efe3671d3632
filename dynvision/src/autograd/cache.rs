//! What is computed once in an unroll, because the weights do not change in it.

use crate::geometry::Conv;
use crate::kernels::{ConvKernel, Element, Maps, VisionDevice};
use dfdx::prelude::UniqueId;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// The values that are kept from step to step of one unroll.
pub(super) struct Cache<E: Element, D: VisionDevice<E>> {
    /// What the device derives from a weight: packed panels, transforms.
    pub(super) weights: HashMap<UniqueId, Rc<<D as ConvKernel<E>>::WeightCache>>,
    /// Weights that are functions of trained tensors, by the tensor that they are made of.
    pub(super) derived: HashMap<UniqueId, Maps<E, D>>,
    /// Single trained numbers as the host reads them.
    pub(super) numbers: HashMap<UniqueId, f64>,
    /// The frame of this step, if the same one may come again.
    pub(super) frame: Option<UniqueId>,
    /// What was computed of frames.
    pub(super) of_frames: HashMap<FrameKey, Maps<E, D>>,
    /// The tensors in `of_frames`, which other steps read as they are.
    pub(super) shared: HashSet<UniqueId>,
}

impl<E: Element, D: VisionDevice<E>> Default for Cache<E, D> {
    fn default() -> Self {
        Cache {
            weights: HashMap::new(),
            derived: HashMap::new(),
            numbers: HashMap::new(),
            frame: None,
            of_frames: HashMap::new(),
            shared: HashSet::new(),
        }
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
