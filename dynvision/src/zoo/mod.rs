//! Models that are declared with `#[dyn_model]` alone, after the original and the literature.
//!
//! Each is a family: a macro declares a member for an input size, a number of classes and what else it leaves open, and one
//! member is declared here under the model's own name. Where a model has recurrences, their type is a parameter of it:
//! `DyRCNNx4<SelfRecurrence>`.
//!
//! | member | family | what it is |
//! |---|---|---|
//! | [`SimpleRCNN`] | [`simple_rcnn!`](crate::simple_rcnn) | two areas, the guide's first model |
//! | [`HierarchicalRCNN`] | [`hierarchical_rcnn!`](crate::hierarchical_rcnn) | the guide's ventral stream |
//! | [`DyRCNNx3`] | [`dyrcnn_x3!`](crate::dyrcnn_x3) | three areas with local recurrence, the guide's last model |
//! | [`DyRCNNx2`] | [`dyrcnn_x2!`](crate::dyrcnn_x2) | the original's smallest |
//! | [`DyRCNNx4`], [`DyRCNNx4Feedback`] | [`dyrcnn_x4!`](crate::dyrcnn_x4) | the original's ventral stream |
//! | [`DyRCNNx8`] | [`dyrcnn_x8!`](crate::dyrcnn_x8) | the same with two convolutions an area |
//! | [`CorNetRT`] | [`cornet_rt!`](crate::cornet_rt) | CORnet-RT |
//! | [`CorNetR`] | [`cornet_r!`](crate::cornet_r) | CORnet-R |
//! | [`CorNetS`] | [`cornet_s!`](crate::cornet_s) | CORnet-S |
//! | [`CorNetZ`] | [`cornet_z!`](crate::cornet_z) | CORnet-Z |
//! | [`Blt2017`] | [`blt!`](crate::blt) | bottom-up, lateral and top-down |
//! | [`RcnnSat`] | [`rcnn_sat!`](crate::rcnn_sat) | rcnn-sat, a norm for each step |
//! | [`ConvLstm2`], [`ConvGru2`] | [`conv_lstm!`](crate::conv_lstm), [`conv_gru!`](crate::conv_gru) | gated convolutional cells |
//! | [`RecurrentAttention`] | [`recurrent_attention!`](crate::recurrent_attention) | an LSTM that looks at one place after the other |
//! | [`HGruNet`] | [`hgru_net!`](crate::hgru_net) | gated horizontal connections |
//! | [`SpikingNet`] | [`spiking_net!`](crate::spiking_net) | leaky integrate-and-fire units |
//! | [`OrganicsNet`] | [`organics_net!`](crate::organics_net) | recurrent divisive normalisation |
//! | [`EiNet`], [`DannNet`] | [`ei_net!`](crate::ei_net), [`dann_net!`](crate::dann_net) | Dale's law |
//! | [`PredNet`] | [`pred_net!`](crate::pred_net) | predictive coding |
//! | [`TwoStreams`] | [`two_streams!`](crate::two_streams) | a ventral and a dorsal stream, a readout of each |
//! | [`CordsNet`] | [`cords_net!`](crate::cords_net) | CordsNet |
//! | [`AlexNet`] | [`alex_net!`](crate::alex_net) | AlexNet, which may have recurrences |
//! | [`ResNet18`], [`ResNet34`] | [`resnet18!`](crate::resnet18), [`resnet34!`](crate::resnet34) | residual networks |
//! | [`ResNet20`], [`ResNet32`], [`ResNet44`] | [`resnet_x3!`](crate::resnet_x3) | residual networks for small images |

mod alex_net;
mod attention;
mod blt;
mod circuits;
mod cords_net;
mod cornet_rt;
mod cornet_s;
mod cornet_z;
mod dyrcnn;
mod gated;
mod guide;
mod horizontal;
mod pred_net;
mod rcnn_sat;
mod resnet;
mod simple;
mod spiking;
mod two_streams;

pub use alex_net::*;
pub use attention::*;
pub use blt::*;
pub use circuits::*;
pub use cords_net::*;
pub use cornet_rt::*;
pub use cornet_s::*;
pub use cornet_z::*;
pub use dyrcnn::*;
pub use gated::*;
pub use guide::*;
pub use horizontal::*;
pub use pred_net::*;
pub use rcnn_sat::*;
pub use resnet::*;
pub use simple::*;
pub use spiking::*;
pub use two_streams::*;
