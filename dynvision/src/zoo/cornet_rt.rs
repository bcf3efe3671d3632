//! CORnet-RT, four areas that hold their state with a weight of one.

use crate::nn::{Additive, DefaultOptions, FromSecondStep, GroupNorm, NoBias, RConv2dx2, ToMiddle, ZeroFill};

/// An area of CORnet-RT: `conv2(relu(norm(conv1(x))) + h)` with kernels `K` and 3, of which the first has stride `S` and a
/// bias. While it has no input, zeros stand for `relu(norm(conv1(x)))`, so that it answers from the first step on.
pub type CorNetArea<const I: usize, const O: usize, const K: usize, const S: usize, R> =
    RConv2dx2<I, O, O, K, 3, S, 1, R, ToMiddle, GroupNorm<32, O>, DefaultOptions, NoBias, Additive, ZeroFill>;

/// An area of CORnet-R above V1: that of CORnet-RT, blind at its first step.
pub type CorNetLateArea<const I: usize, const O: usize, const K: usize, const S: usize, R> =
    RConv2dx2<I, O, O, K, 3, S, 1, R, ToMiddle, GroupNorm<32, O>, DefaultOptions, NoBias, Additive, FromSecondStep>;

/// Declares a `CorNetRT`: V1, V2, V4 and IT with 64, 128, 256 and 512 channels, or as `channels` says, multiples of 32.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::cornet_rt!(pub struct Small; input = [3, 64, 64], classes = 10);
/// assert_eq!((Small::V1.to_string(), Small::IT.to_string()), ("64x16x16".into(), "512x2x2".into()));
/// ```
#[macro_export]
macro_rules! cornet_rt {
    ($(#[$meta:meta])* $vis:vis struct $name:ident; input = [$c:expr, $h:expr, $w:expr], classes = $n:expr) => {
        $crate::cornet_rt! {
            $(#[$meta])*
            $vis struct $name; input = [$c, $h, $w], channels = [64, 128, 256, 512], classes = $n
        }
    };
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident;
        input = [$c:expr, $h:expr, $w:expr], channels = [$v1:expr, $v2:expr, $v4:expr, $it:expr], classes = $n:expr
    ) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate,
            input = [$c, $h, $w],
            operations = [layer, norm, nonlin, record, delay],
            dynamics(dt = 2.0, t_feedforward = 2.0, t_recurrence = 2.0),
        )]
        $vis struct $name<R: $crate::nn::Recurrence = $crate::nn::SelfRecurrence<$crate::nn::Fixed>> {
            #[area(norm = $crate::nn::GroupNorm<32, { $v1 }>)]
            v1: $crate::zoo::CorNetArea<{ $c }, { $v1 }, 7, 4, R>,
            #[area(norm = $crate::nn::GroupNorm<32, { $v2 }>)]
            v2: $crate::zoo::CorNetArea<{ $v1 }, { $v2 }, 3, 2, R>,
            #[area(norm = $crate::nn::GroupNorm<32, { $v4 }>)]
            v4: $crate::zoo::CorNetArea<{ $v2 }, { $v4 }, 3, 2, R>,
            #[area(norm = $crate::nn::GroupNorm<32, { $it }>, t_feedforward = 0.0)]
            it: $crate::zoo::CorNetArea<{ $v4 }, { $it }, 3, 2, R>,
            #[readout]
            classifier: $crate::nn::Classifier<{ $it }, { $n }>,
        }
    };
}

cornet_rt! {
    /// CORnet-RT (Kubilius et al. 2018, "CORnet: Modeling the neural mechanisms of core object recognition"): V1, V2, V4 and
    /// IT of two convolutions each, one step apart. An area adds what it last answered between its convolutions, with the
    /// fixed weight 1; there is no differential equation. The original's "fixed" weight is trained:
    /// `CorNetRT<SelfRecurrence<TrainedFrom<1000>>>` is that.
    ///
    /// # Shapes
    /// Frames `(B, 3, 224, 224)` to logits `(B, T, 1000)`.
    pub struct CorNetRT; input = [3, 224, 224], classes = 1000
}

/// Declares a `CorNetR`: V1, V2, V4 and IT of `channels`, multiples of 32.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::cornet_r!(pub struct Small; input = [3, 64, 64], channels = [32, 32, 32, 64], classes = 5);
/// assert_eq!((Small::V1.to_string(), Small::IT.to_string()), ("32x16x16".into(), "64x2x2".into()));
/// ```
#[macro_export]
macro_rules! cornet_r {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident;
        input = [$c:expr, $h:expr, $w:expr], channels = [$v1:expr, $v2:expr, $v4:expr, $it:expr], classes = $n:expr
    ) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate,
            input = [$c, $h, $w],
            operations = [layer, norm, nonlin, record, delay],
            dynamics(dt = 2.0, t_feedforward = 0.0, t_recurrence = 2.0),
        )]
        $vis struct $name<R: $crate::nn::Recurrence = $crate::nn::SelfRecurrence<$crate::nn::Fixed>> {
            #[area(norm = $crate::nn::GroupNorm<32, { $v1 }>)]
            v1: $crate::zoo::CorNetArea<{ $c }, { $v1 }, 7, 4, R>,
            #[area(norm = $crate::nn::GroupNorm<32, { $v2 }>)]
            v2: $crate::zoo::CorNetLateArea<{ $v1 }, { $v2 }, 3, 2, R>,
            #[area(norm = $crate::nn::GroupNorm<32, { $v4 }>)]
            v4: $crate::zoo::CorNetLateArea<{ $v2 }, { $v4 }, 3, 2, R>,
            #[area(norm = $crate::nn::GroupNorm<32, { $it }>)]
            it: $crate::zoo::CorNetLateArea<{ $v4 }, { $it }, 3, 2, R>,
            #[readout]
            classifier: $crate::nn::Classifier<{ $it }, { $n }>,
        }
    };
}

cornet_r! {
    /// CORnet-R (Kubilius et al. 2018): [`CorNetRT`] in conventional time, where an area reads the area below it at the same step.
    /// At the first step V1 alone sees something. It has 5,208,936 parameters.
    ///
    /// # Shapes
    /// Frames `(B, 3, 224, 224)` to logits `(B, T, 1000)`.
    pub struct CorNetR; input = [3, 224, 224], channels = [64, 128, 256, 512], classes = 1000
}
