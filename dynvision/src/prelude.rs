//! What a model's declaration and its first use need: `use dynvision::prelude::*;`.
//!
//! Names of this crate and of dfdx are listed one by one, so that neither hides the other's.

pub use crate::error::Error;
pub use crate::model::DynModel;
pub use crate::nn::{
    Additive, AvgPool2d, Classifier, Conv2d, Euler, Fixed, Full, Identity, MaxPool2d, Multiplicative, NoBias,
    NoRecurrence, RConv2d, Recurrence, Relu, RungeKutta4, SelfRecurrence, ToInput, ToMiddle, ToOutput, TrainedTau,
};
pub use crate::time::{Dynamics, Stimulus};
pub use dfdx::nn::{DeviceBuildExt, Module, NumParams, ResetParams, ToDevice, ToDtype, ZeroGrads};
pub use dfdx::prelude::{
    AsArray, Const, Cpu, HasShape, SampleTensor, Shape, Tensor, TensorFrom, TensorFromVec, Trace, ZerosTensor,
};
pub use dfdx::tensor_ops::Backward;
pub use dynvision_macros::dyn_model;
