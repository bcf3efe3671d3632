//! A network of spiking units.

/// Declares a spiking network: two convolutions and a dense layer of units by `units`, such as [`Leaky`](crate::nn::Leaky). `last`
/// is the side of the square map that the second convolution leaves; the logits of a step are its spikes, and their sum over
/// the steps is the count.
///
/// ```
/// use dynvision::{nn::LifNode, prelude::*};
/// dynvision::spiking_net!(
///     pub struct Small; input = [2, 7, 8], channels = [4, 3], last = 4, classes = 5, units = LifNode, tau = 2.0
/// );
/// assert_eq!((Small::L2.to_string(), Small::L3.to_string()), ("3x4x4".into(), "5x1x1".into()));
/// ```
#[macro_export]
macro_rules! spiking_net {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident;
        input = [$i:expr, $h:expr, $w:expr], channels = [$a:expr, $b:expr], last = $side:expr, classes = $n:expr,
        units = $units:ty, tau = $tau:expr
    ) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate, input = [$i, $h, $w], operations = [layer, tstep, record, delay], solver = $units,
            dynamics(dt = 1.0, tau = $tau, t_feedforward = 0.0, t_recurrence = 1.0),
        )]
        $vis struct $name {
            l1: $crate::nn::RConv2d<{ $i }, { $a }, 3, 1, $crate::nn::NoRecurrence>,
            l2: $crate::nn::RConv2d<{ $a }, { $b }, 3, 2, $crate::nn::NoRecurrence>,
            l3: $crate::nn::RConv2d<
                { $b }, { $n }, { $side }, 1, $crate::nn::NoRecurrence, $crate::nn::ToOutput, $crate::nn::Padded<0>
            >,
            #[readout]
            classifier: $crate::nn::Flatten<$crate::nn::Units<{ $n }>>,
        }
    };
}

spiking_net! {
    /// Leaky integrate-and-fire units that learn by a surrogate gradient (Neftci, Mostafa and Zenke 2019; Eshraghian et al. 2023):
    /// `u = 0.9 m + x - r`, a spike where `u > 1`, and the slope of a fast sigmoid backward.
    /// It has 67,530 parameters.
    ///
    /// # Shapes
    /// Frames `(B, 1, 28, 28)` to logits `(B, T, 10)`. Their sum over the steps is the count of spikes.
    pub struct SpikingNet;
    input = [1, 28, 28], channels = [16, 32], last = 14, classes = 10, units = crate::nn::Leaky, tau = 5.0
}
