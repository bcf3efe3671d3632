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
//! | [`CordsNet`] | [`cords_net!`](crate::cords_net) | CordsNet |
//! | [`AlexNet`] | [`alex_net!`](crate::alex_net) | AlexNet, which may have recurrences |
//! | [`ResNet18`], [`ResNet34`] | [`resnet18!`](crate::resnet18), [`resnet34!`](crate::resnet34) | residual networks |
//! | [`ResNet20`], [`ResNet32`], [`ResNet44`] | [`resnet_x3!`](crate::resnet_x3) | residual networks for small images |

mod alex_net;
mod cords_net;
mod cornet_rt;
mod dyrcnn;
mod guide;
mod resnet;
mod simple;

pub use alex_net::*;
pub use cords_net::*;
pub use cornet_rt::*;
pub use dyrcnn::*;
pub use guide::*;
pub use resnet::*;
pub use simple::*;
