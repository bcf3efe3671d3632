//! The parts of which models are declared.
//!
//! A type without dtype and device is the *specification*: what stands in a field of an annotated struct, or in an
//! attribute. Its [`Built`] type holds the weights. What a part does is a function of its specification, over its built
//! weights, so that a part may be a type parameter of a model. Each kind of part is one open trait: [`Layer`],
//! [`Recurrence`], [`Solver`], [`Operation`], [`Pool`], [`Integration`], [`Readout`].

mod adaption;
mod bias;
mod classifier;
mod conv;
mod dropout;
mod external;
mod feedforward;
mod head;
mod init;
mod integration;
mod layer;
mod linear;
mod link;
mod nonlinearity;
mod norm;
mod operation;
mod optional;
mod pool;
mod rconv;
mod readout;
mod recurrence;
mod residual;
mod retina;
mod setting;
mod solver;
mod spec;
mod supralinearity;
mod two_stage;

pub use adaption::{InputAdaption, adapt};
pub use bias::{FeatureBias, ScalarBias, SpatialBias};
pub use classifier::Classifier;
pub use conv::{Conv2d, ConvOptions, NoBias, Padded, Plain, WeightNorm};
pub use dropout::Dropout;
pub use external::ExternalInput;
pub use feedforward::Feedforward;
pub use head::{Head, Hidden, OverChannels, OverGrid, OverUnits};
pub use init::{ConnectionNormal, HeNormal, Init, TruncatedNormal, Uniform, Zeros};
pub use integration::{Additive, Integration, Multiplicative, NoIntegration};
pub use layer::{Layer, MapOf, Signal, fit};
pub use linear::Linear;
pub use link::Link;
pub use nonlinearity::{Identity, Nonlinearity, Relu};
pub(crate) use norm::Observed;
pub use norm::{BatchNorm, GroupNorm, LayerNorm, Statistics};
pub use operation::{Operation, apply};
pub use pool::{AvgPool2d, MaxPool2d, Pool, pool};
pub use rconv::{RConv2d, Recurrent};
pub use readout::{Features, Readout};
pub use recurrence::{
    DepthPointwise, Fixed, Full, LateralKernel, LayerKernel, Local, LocalDepthwise, NoRecurrence, OwnKernel,
    PointDepthwise, Recurrence, RecurrentKernel, SelfRecurrence, SelfWeight, Stage, Target, ToInput, ToMiddle,
    ToOutput, Trained, TrainedFrom, Unbiased,
};
pub use residual::{BasicBlock, Chain};
pub use retina::{Retina, see};
pub use setting::{Empty, Setting};
pub use solver::{Euler, FixedTau, RungeKutta4, Solver, TimeConstant, TrainedTau, tstep, tstep_nonlin};
pub use spec::{Built, Spec, converted};
pub use supralinearity::SupraLinearity;
pub use two_stage::{RConv2dx2, Rests, TwoStage, Waits, WithoutInput};

/// The weights of the parts, generic over dtype and device.
pub mod built {
    pub use super::bias::built::Bias;
    pub use super::conv::built::Conv2d;
    pub use super::head::built::Hidden;
    pub use super::linear::built::Linear;
    pub use super::link::built::Link;
    pub use super::norm::built::{BatchNorm, GroupNorm};
    pub use super::rconv::built::Recurrent;
    pub use super::recurrence::built::{LocalSeparable, SelfRecurrence, Separable};
    pub use super::residual::built::{BasicBlock, Chain, Projection};
    pub use super::solver::built::Tau;
    pub use super::two_stage::built::TwoStage;
}
