//! CordsNet, a residual network of areas that are differential equations.

use crate::nn::{ConnectionNormal, Full, HeNormal, LayerKernel, NoBias, RConv2d, ToOutput, Uniform, WeightNorm};

/// Weights of CordsNet: normalised, without a bias, beginning by the scheme `I`.
pub type CordsWeights<I = HeNormal> = WeightNorm<NoBias<I>>;
/// The recurrence of CordsNet: a convolution with such weights.
pub type CordsRecurrence = Full<LayerKernel, CordsWeights<Uniform>>;
/// An area of CordsNet, from `I` to `O` channels with stride `S`.
pub type CordsArea<const I: usize, const O: usize, const S: usize, R> = RConv2d<I, O, 3, S, R, ToOutput, CordsWeights>;
/// A skip of CordsNet that has a convolution.
pub type CordsSkip = CordsWeights<ConnectionNormal>;

/// Declares a `CordsNet`: a stem and eight areas with 64 to 512 channels. Areas have a bias for each unit, so their sizes
/// follow from that of the image.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::cords_net!(pub struct Small; input = [3, 33, 64], classes = 10);
/// assert_eq!((Small::LAYER1.to_string(), Small::LAYER8.to_string()), ("64x9x16".into(), "512x2x2".into()));
/// ```
#[macro_export]
macro_rules! cords_net {
    ($(#[$meta:meta])* $vis:vis struct $name:ident; input = [$c:expr, $h:expr, $w:expr], classes = $n:expr) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate,
            input = [$c, $h, $w],
            operations = [skip, layer, addbias, pool, nonlin, tstep, nonlin, record, delay],
            dynamics(dt = 2.0, tau = 10.0, t_feedforward = 2.0, t_recurrence = 2.0, t_skip = 2.0),
        )]
        $vis struct $name<R: $crate::nn::Recurrence = $crate::zoo::CordsRecurrence> {
            #[area(pool = $crate::nn::AvgPool2d<3, 2, 1>, solver = none, nonlin = none, t_feedforward = 0.0)]
            layer0: $crate::nn::RConv2d<
                { $c }, 64, 7, 2, $crate::nn::NoRecurrence, $crate::nn::ToOutput, $crate::zoo::CordsWeights
            >,
            #[area(
                apply(addbias = $crate::nn::SpatialBias<64, { usize::div_ceil($h, 4) }, { usize::div_ceil($w, 4) }>),
            )]
            layer1: $crate::zoo::CordsArea<64, 64, 1, R>,
            #[area(
                skip(from = layer0, delay = 0.0, kernel = 3, options = $crate::zoo::CordsSkip),
                apply(addbias = $crate::nn::SpatialBias<64, { usize::div_ceil($h, 4) }, { usize::div_ceil($w, 4) }>),
            )]
            layer2: $crate::zoo::CordsArea<64, 64, 1, R>,
            #[area(
                skip(from = layer1),
                apply(addbias = $crate::nn::SpatialBias<128, { usize::div_ceil($h, 8) }, { usize::div_ceil($w, 8) }>),
            )]
            layer3: $crate::zoo::CordsArea<64, 128, 2, R>,
            #[area(
                skip(from = layer2, stride = 2, options = $crate::zoo::CordsSkip),
                apply(addbias = $crate::nn::SpatialBias<128, { usize::div_ceil($h, 8) }, { usize::div_ceil($w, 8) }>),
            )]
            layer4: $crate::zoo::CordsArea<128, 128, 1, R>,
            #[area(
                skip(from = layer3),
                apply(addbias = $crate::nn::SpatialBias<256, { usize::div_ceil($h, 16) }, { usize::div_ceil($w, 16) }>),
            )]
            layer5: $crate::zoo::CordsArea<128, 256, 2, R>,
            #[area(
                skip(from = layer4, stride = 2, options = $crate::zoo::CordsSkip),
                apply(addbias = $crate::nn::SpatialBias<256, { usize::div_ceil($h, 16) }, { usize::div_ceil($w, 16) }>),
            )]
            layer6: $crate::zoo::CordsArea<256, 256, 1, R>,
            #[area(
                skip(from = layer5),
                apply(addbias = $crate::nn::SpatialBias<512, { usize::div_ceil($h, 32) }, { usize::div_ceil($w, 32) }>),
            )]
            layer7: $crate::zoo::CordsArea<256, 512, 2, R>,
            #[area(
                skip(from = layer6, stride = 2, options = $crate::zoo::CordsSkip),
                apply(addbias = $crate::nn::SpatialBias<512, { usize::div_ceil($h, 32) }, { usize::div_ceil($w, 32) }>),
                t_feedforward = 0.0,
            )]
            layer8: $crate::zoo::CordsArea<512, 512, 1, R>,
            #[readout(skip(from = layer7, delay = 0.0))]
            classifier: $crate::nn::Classifier<
                512, { $n }, $crate::nn::WeightNorm<$crate::nn::DefaultOptions<$crate::nn::TruncatedNormal<4>>>
            >,
        }
    };
}

cords_net! {
    /// CordsNet (Soo, Battista, Radmard and Wang 2024, "Recurrent neural network dynamical systems for biological vision"): a
    /// convolutional network whose areas are continuous in time, with the shortcuts of a residual network and a bias for
    /// each unit. The original lets it idle first: `net.dynamics.idle_steps = 100`.
    ///
    /// # Shapes
    /// Frames `(B, 3, 224, 224)` to logits `(B, T, 1000)`.
    pub struct CordsNet; input = [3, 224, 224], classes = 1000
}
