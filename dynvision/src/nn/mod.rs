//! The parts of which models are declared.
//!
//! A type without dtype and device is the *specification*: what stands in a field of an annotated struct, or in an
//! attribute. Its [`Built`] type holds the weights. What a part does is a function of its specification, over its built
//! weights, so that a part may be a type parameter of a model. Each kind of part is one open trait: [`Layer`],
//! [`Recurrence`], [`Solver`], [`Operation`], [`Pool`], [`Integration`], [`Readout`]. Parts take and return
//! [`Maps`](crate::kernels::Maps), whose sizes are known at run time; that they fit each other is checked at compile time, by
//! their geometries.

mod adaption;
mod bias;
mod cells;
mod channel_solver;
mod classifier;
mod conv;
mod conv_options;
mod dropout;
mod edge;
mod external;
mod feedforward;
mod head;
mod init;
mod integration;
mod layer;
mod linear;
mod link;
mod mean;
mod nonlinearity;
mod norm;
mod operation;
mod optional;
mod per_step;
mod pool;
mod rconv;
mod readout;
mod recurrence;
mod residual;
mod response_norm;
mod retina;
mod setting;
mod solver;
pub mod spec;
mod spiking;
mod supralinearity;
mod two_stage;
mod unit_noise;

pub use adaption::InputAdaption;
pub use bias::{FeatureBias, ScalarBias, SpatialBias};
pub use cells::{
    AttentionLstm, ConvGru, ConvLstm, CorBlockS, Dann, DivisiveConv, EiRates, EiReadout, HGru, HGruNorm, HGruOptions,
    HardGates, HeegerMackey, Organics, PaperForm, PeepholeGates, PredictionError, PublishedForm,
    PublishedFormBatchNorm, RepresentationForm, RepresentationLstm,
};
pub use channel_solver::EulerPerChannel;
pub use classifier::Classifier;
pub use conv::Conv2d;
pub use conv_options::{
    ConvOptions, DefaultOptions, FirstExcite, Mask, Masked, NoBias, Padded, Signed, Signs, Symmetric, WeightNorm,
};
pub use dropout::Dropout;
pub use edge::{ConvTranspose2d, Edge, ResizeConv, Via};
pub use external::ExternalInput;
pub use feedforward::Feedforward;
pub use head::{AdaptiveAvgPool, Flatten, GlobalAvgPool, GlobalMaxPool, Head, Mlp, Units};
pub use init::{ConnectionNormal, FanInUniform, HeNormal, Init, TruncatedNormal, Uniform, Zeros};
pub use integration::{Additive, Integration, Multiplicative, NoIntegration};
pub use layer::{Layer, Signal};
pub use linear::Linear;
pub use link::LinkConv;
pub use mean::MeanOfUnits;
pub use nonlinearity::{Identity, Nonlinearity, Relu};
pub use norm::{BatchNorm, BatchNormWith, GroupNorm, KerasNorm, LayerNorm, NormOptions, TorchNorm};
pub use operation::Operation;
pub use per_step::PerStep;
pub use pool::{AvgPool2d, MaxPool2d, Pool};
pub use rconv::{RConv2d, Recurrent};
pub use readout::Readout;
pub use recurrence::{
    Connection, DepthPointwise, DepthPointwiseConnection, Fixed, Full, FullConnection, LateralKernel, LayerKernel,
    Local, LocalConnection, LocalDepthwise, LocalDepthwiseConnection, NoRecurrence, OwnKernel, PointDepthwise,
    PointDepthwiseConnection, Recurrence, RecurrenceTarget, RecurrentKernel, SelfRecurrence, SelfWeight, Stage,
    ToInput, ToMiddle, ToOutput, Trained, TrainedFrom, Unbiased,
};
pub use residual::{BasicBlock, Chain};
pub use response_norm::{LocalResponseNorm, LocalResponseNormWith, ResponseNorm, Spoerer2017};
pub use retina::Retina;
pub use setting::{Empty, Setting};
pub use solver::{Euler, FixedTau, RungeKutta4, Solver, TimeConstant, TrainedTau};
pub use spec::{Built, Spec, converted};
pub use spiking::{
    Arctangent, FastSigmoid, HardReset, Leaky, LifNode, LogisticSpike, Reset, SoftReset, SpikeGradient, StraightThrough,
};
pub use supralinearity::SupraLinearity;
pub use two_stage::{FromSecondStep, Propagate, RConv2dx2, TwoStage, WithoutInput, ZeroFill};
pub use unit_noise::UnitNoise;

/// The weights of the parts, generic over dtype and device.
pub mod built {
    pub use super::bias::built::Bias;
    pub use super::cells::built::*;
    pub use super::channel_solver::built::EulerPerChannel;
    pub use super::conv::built::Conv2d;
    pub use super::edge::built::{ConvTranspose2d, Via};
    pub use super::head::built::Mlp;
    pub use super::linear::built::Linear;
    pub use super::link::built::LinkConv;
    pub use super::norm::built::{BatchNorm, GroupNorm};
    pub use super::per_step::built::Steps;
    pub use super::rconv::built::Recurrent;
    pub use super::recurrence::built::{LocalSeparable, SelfRecurrence, Separable};
    pub use super::residual::built::{BasicBlock, Chain, Projection};
    pub use super::solver::built::Tau;
    pub use super::two_stage::built::TwoStage;
}
