//! Layers that keep more than their response: gated cells and circuits.

mod attention_lstm;
mod conv_gru;
mod conv_lstm;
mod cornet_s;
mod dale;
mod excitation_inhibition;
mod h_gru;
mod organics;
mod pred_net;

pub use attention_lstm::AttentionLstm;
pub use conv_gru::ConvGru;
pub use conv_lstm::ConvLstm;
pub use cornet_s::CorBlockS;
pub use dale::Dann;
pub use excitation_inhibition::{EiRates, EiReadout};
pub use h_gru::{HGru, HGruNorm, HGruOptions, PaperForm, PublishedForm, PublishedFormBatchNorm};
pub use organics::{DivisiveConv, HeegerMackey, Organics};
pub use pred_net::{HardGates, PeepholeGates, PredictionError, RepresentationForm, RepresentationLstm};

pub(crate) mod built {
    pub use super::attention_lstm::built::AttentionLstm;
    pub use super::conv_gru::built::ConvGru;
    pub use super::conv_lstm::built::ConvLstm;
    pub use super::cornet_s::built::CorBlockS;
    pub use super::dale::built::Dann;
    pub use super::excitation_inhibition::built::{EiRates, EiReadout};
    pub use super::h_gru::built::HGru;
    pub use super::organics::built::{DivisiveConv, HeegerMackey, Organics};
    pub use super::pred_net::built::RepresentationLstm;
}

use crate::error::{Error, Result};
use crate::geometry::{Conv, Window};
use crate::kernels::{Element, Maps, Vector, VisionDevice};
use crate::ops;
use crate::unroll::Context;
use dfdx::prelude::{HasShape, Shape, Tape, Tensor};

/// The convolution of `x` by a weight of `sizes`, whatever its own shape is, of stride 1 and padding by half the kernel, with
/// a bias if there is one; added to `onto`.
fn convolved<S: Shape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    weight: &Tensor<S, E, D>,
    sizes: [usize; 4],
    bias: Option<&Vector<E, D>>,
    onto: Option<Maps<E, D>>,
    cx: &mut Context<E, D, T>,
) -> Result<Maps<E, D>> {
    let [o, i, k, l] = sizes;
    let weight: Maps<E, D> = ops::reshaped(weight.clone(), &(o, i, k, l))?;
    ops::conv2d(&Conv::new(Window::same(k, 1)), x, &weight, bias, onto, cx)
}

/// The weighted sum of the channels at each place: [`convolved`] with a kernel of 1.
fn weighed<S: Shape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    weight: &Tensor<S, E, D>,
    [o, i]: [usize; 2],
    onto: Option<Maps<E, D>>,
    cx: &mut Context<E, D, T>,
) -> Result<Maps<E, D>> {
    convolved(x, weight, [o, i, 1, 1], None, onto, cx)
}

/// Maps of one number.
fn filled<E: Element, D: VisionDevice<E>>(value: f64, like: &Maps<E, D>, channels: usize) -> Result<Maps<E, D>> {
    let (b, _, h, w) = *like.shape();
    let zeros: Maps<E, D> = like.device().try_zeros_like(&(b, channels, h, w)).map_err(Error::device)?;
    let value = E::from_f64(value).ok_or_else(|| Error::Setting(format!("{value} is no number of the dtype")))?;
    dfdx::prelude::TryAdd::try_add(zeros, value).map_err(Error::device)
}
