//! What a model's declaration and its first use need: `use dynvision::prelude::*;`.
//!
//! Names of this crate and of dfdx are listed one by one, so that neither hides the other's.

pub use crate::error::Error;
pub use crate::model::DynModel;
pub use crate::nn::{
    AdaptiveAvgPool, Additive, AvgPool2d, BatchNorm, Classifier, Conv2d, DefaultOptions, DepthPointwise, Dropout,
    Euler, ExternalInput, FeatureBias, Fixed, Flatten, Full, GlobalAvgPool, GroupNorm, Identity, InputAdaption,
    LayerNorm, Linear, Local, LocalDepthwise, MaxPool2d, Mlp, Multiplicative, NoBias, NoIntegration, NoRecurrence,
    OwnKernel, PointDepthwise, RConv2d, RConv2dx2, Recurrence, Relu, Retina, RungeKutta4, ScalarBias, SelfRecurrence,
    SpatialBias, SupraLinearity, ToInput, ToMiddle, ToOutput, TrainedFrom, TrainedTau, Unbiased, WeightNorm, ZeroFill,
};
pub use crate::time::{Dynamics, Mode};
pub use crate::unroll::Stimulus;
pub use dfdx::nn::{DeviceBuildExt, Module, NumParams, ResetParams, ToDevice, ToDtype, ZeroGrads};
pub use dfdx::prelude::{
    AsArray, Const, Cpu, HasShape, SampleTensor, Shape, Tensor, TensorFrom, TensorFromVec, Trace, ZerosTensor,
};
pub use dfdx::tensor_ops::Backward;
pub use dynvision_macros::dyn_model;
