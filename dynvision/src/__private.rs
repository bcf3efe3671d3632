//! What generated code may call. Not part of the public interface.

pub use crate::cx::Cx;
pub use crate::error::Result;
pub use crate::geometry::{Geometry, Map};
pub use crate::kernels::{Element, VisionDevice};
pub use crate::model::{DynModel, Frame, FrameShape, Logits, LogitsInTime};
pub use crate::nn::{
    Built, Empty, Features, Layer, Link, Operation, Pool, Readout, Setting, Signal, Solver, apply, converted, pool,
    tstep, tstep_nonlin,
};
pub use crate::record::{EachArea, ForArea, Fresh, Kind, Past, Record, Run};
pub use crate::time::{Area, AreaDynamics, Dynamics, Link as LinkSpec, LinkKind, Stimulus, Wiring};
pub use dfdx::nn::{BuildModule, BuildOnDevice, Module, ModuleVisitor, NonMutableModule, TensorCollection};
pub use dfdx::prelude::{Const, Device, Dim, Dtype, HasShape, Tape, Tensor};
