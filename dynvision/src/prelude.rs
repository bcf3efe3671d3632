//! What a model's declaration and its first use need: `use dynvision::prelude::*;`.
//!
//! Names of this crate and of dfdx are listed one by one, so that neither hides the other's.

pub use crate::error::Error;
pub use crate::model::DynModel;
pub use crate::nn::{
    Additive, AvgPool2d, BatchNorm, Classifier, Conv2d, DepthPointwise, Dropout, Euler, ExternalInput, FeatureBias,
    Fixed, Full, GroupNorm, Hidden, Identity, InputAdaption, LayerNorm, Linear, Local, LocalDepthwise, MaxPool2d,
    Multiplicative, NoBias, NoIntegration, NoRecurrence, OverChannels, OverGrid, OverUnits, OwnKernel, Plain,
    PointDepthwise, RConv2d, RConv2dx2, Recurrence, Relu, Rests, Retina, RungeKutta4, ScalarBias, SelfRecurrence,
    SpatialBias, SupraLinearity, ToInput, ToMiddle, ToOutput, TrainedFrom, TrainedTau, Unbiased, WeightNorm,
};
pub use crate::time::{Dynamics, Mode, Stimulus};
pub use dfdx::nn::{DeviceBuildExt, Module, NumParams, ResetParams, ToDevice, ToDtype, ZeroGrads};
pub use dfdx::prelude::{
    AsArray, Const, Cpu, HasShape, SampleTensor, Shape, Tensor, TensorFrom, TensorFromVec, Trace, ZerosTensor,
};
pub use dfdx::tensor_ops::Backward;
pub use dynvision_macros::dyn_model;
