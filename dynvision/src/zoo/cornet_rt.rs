//! CORnet-RT, four areas that hold their state with a weight of one.

use crate::nn::{Additive, DefaultOptions, GroupNorm, NoBias, RConv2dx2, ToMiddle, ZeroFill};

/// An area of CORnet-RT: `conv2(relu(norm(conv1(x))) + h)` with kernels `K` and 3, of which the first has stride `S` and a
/// bias. While it has no input, zeros stand for `relu(norm(conv1(x)))`, so that it answers from the first step on.
pub type CorNetArea<const I: usize, const O: usize, const K: usize, const S: usize, R> =
    RConv2dx2<I, O, O, K, 3, S, 1, R, ToMiddle, GroupNorm<32, O>, DefaultOptions, NoBias, Additive, ZeroFill>;

/// Declares a `CorNetRT`: V1, V2, V4 and IT with 64, 128, 256 and 512 channels.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::cornet_rt!(pub struct Small; input = [3, 64, 64], classes = 10);
/// assert_eq!((Small::V1.to_string(), Small::IT.to_string()), ("64x16x16".into(), "512x2x2".into()));
/// ```
#[macro_export]
macro_rules! cornet_rt {
    ($(#[$meta:meta])* $vis:vis struct $name:ident; input = [$c:expr, $h:expr, $w:expr], classes = $n:expr) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate,
            input = [$c, $h, $w],
            operations = [layer, norm, nonlin, record, delay],
            dynamics(dt = 2.0, t_feedforward = 2.0, t_recurrence = 2.0),
        )]
        $vis struct $name<R: $crate::nn::Recurrence = $crate::nn::SelfRecurrence<$crate::nn::Fixed>> {
            #[area(norm = $crate::nn::GroupNorm<32, 64>)]
            v1: $crate::zoo::CorNetArea<{ $c }, 64, 7, 4, R>,
            #[area(norm = $crate::nn::GroupNorm<32, 128>)]
            v2: $crate::zoo::CorNetArea<64, 128, 3, 2, R>,
            #[area(norm = $crate::nn::GroupNorm<32, 256>)]
            v4: $crate::zoo::CorNetArea<128, 256, 3, 2, R>,
            #[area(norm = $crate::nn::GroupNorm<32, 512>, t_feedforward = 0.0)]
            it: $crate::zoo::CorNetArea<256, 512, 3, 2, R>,
            #[readout]
            classifier: $crate::nn::Classifier<512, { $n }>,
        }
    };
}

cornet_rt! {
    /// CORnet-RT (Kubilius et al. 2018, "CORnet: Modeling the neural mechanisms of core object recognition"): V1, V2, V4 and
    /// IT of two convolutions each, one step apart. An area adds what it last answered between its convolutions, with the
    /// fixed weight 1; there is no differential equation. The original's "fixed" weight is trained:
    /// `CorNetRT<SelfRecurrence<TrainedFrom<1000>>>` is that.
    pub struct CorNetRT; input = [3, 224, 224], classes = 1000
}
