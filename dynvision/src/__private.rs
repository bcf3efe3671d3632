//! What generated code may call. Not part of the public interface.

pub use crate::__expanded as expanded;
pub use crate::check::{check_frame, check_link, check_same};
pub use crate::error::{Error, Result};
pub use crate::geometry::{Features, Geometry, Map, beside};
pub use crate::kernels::{Element, VisionDevice};
pub use crate::missing::{
    Beside, Either, IsConvOptions, IsEdge, IsIntegration, IsLayer, IsNonlinearity, IsOperation, IsPool, IsReadout,
    IsSolver, Missing, Not, Part, check_edge, check_layer, check_operation, check_pool, check_readout, check_solver,
    check_state, classes, is_solver, unread,
};
pub use crate::model::step::{
    adapt, answer, begin, delay, earlier, enter, erase, gather, layer, layer_tstep_nonlin, leave, operation, pool,
    readout, restore, see, shown, tstep, tstep_nonlin,
};
pub use crate::model::{DynModel, Frame, FrameShape, GeneratedModel, Logits, LogitsInTime};
pub use crate::nn::{
    Additive, Built, ConvOptions, Edge, Integration, Layer, LinkConv, Nonlinearity, Operation, Pool, Readout, Setting,
    Signal, Solver, Via, converted,
};
pub use crate::time::{Area, AreaDynamics, Dynamics, Link, LinkKind, Wiring};
pub use crate::unroll::{Context, Initial, MapAreas, Observer, PerArea, Stacked, State, Stimulus, VisitAreas};
pub use dfdx::nn::{BuildModule, BuildOnDevice, Module, ModuleVisitor, NonMutableModule, TensorCollection};
pub use dfdx::prelude::{Const, ConstDim, Cpu, Device, Dim, Dtype, HasShape, Tape, Tensor};
pub use std::clone::Clone;
pub use std::convert::From;
pub use std::default::Default;
pub use std::fmt::Debug;
pub use std::marker::PhantomData;
pub use std::option::Option::{self, None, Some};
pub use std::primitive::{bool, str, usize};
pub use std::result::Result::{self as StdResult, Ok};
