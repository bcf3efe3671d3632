//! CORnet-S, whose areas run several times within a step.

/// Declares a `CorNetS`: V1 of two convolutions, then V2, V4 and IT as [`CorBlockS`](crate::nn::CorBlockS)s that run 2, 4 and 2
/// times. `wide` are four times the channels of V2, V4 and IT.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::cornet_s!(
///     pub struct Small; input = [3, 48, 40], channels = [4, 6, 8, 10], wide = [24, 32, 40], classes = 5
/// );
/// assert_eq!((Small::V1.to_string(), Small::IT.to_string()), ("4x12x10".into(), "10x2x2".into()));
/// ```
#[macro_export]
macro_rules! cornet_s {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident;
        input = [$i:expr, $h:expr, $w:expr], channels = [$a:expr, $b:expr, $c:expr, $d:expr],
        wide = [$wb:expr, $wc:expr, $wd:expr], classes = $n:expr
    ) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate,
            input = [$i, $h, $w],
            operations = [layer, record, delay],
            dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0),
        )]
        $vis struct $name {
            #[area(
                norm = $crate::nn::BatchNorm<{ $a }>, pool = $crate::nn::MaxPool2d<3, 2, 1>,
                operations = [layer, norm, nonlin, pool, record, delay],
            )]
            stem: $crate::nn::RConv2d<
                { $i }, { $a }, 7, 2, $crate::nn::NoRecurrence, $crate::nn::ToOutput, $crate::nn::NoBias
            >,
            #[area(norm = $crate::nn::BatchNorm<{ $a }>, operations = [layer, norm, nonlin, record, delay])]
            v1: $crate::nn::RConv2d<
                { $a }, { $a }, 3, 1, $crate::nn::NoRecurrence, $crate::nn::ToOutput, $crate::nn::NoBias
            >,
            v2: $crate::nn::CorBlockS<{ $a }, { $b }, { $wb }, 2>,
            v4: $crate::nn::CorBlockS<{ $b }, { $c }, { $wc }, 4>,
            it: $crate::nn::CorBlockS<{ $c }, { $d }, { $wd }, 2>,
            #[readout]
            classifier: $crate::nn::Classifier<{ $d }, { $n }>,
        }
    };
}

cornet_s! {
    /// CORnet-S (Kubilius et al. 2019, "Brain-like object recognition with high-performing shallow recurrent ANNs"): an image is
    /// seen in one step, in which V2, V4 and IT run one after the other, 2, 4 and 2 times each, with the same convolutions and
    /// batch norms of their own each time. It has 53,416,616 parameters.
    ///
    /// # Shapes
    /// Frames `(B, 3, 224, 224)` to logits `(B, T, 1000)`.
    pub struct CorNetS;
    input = [3, 224, 224], channels = [64, 128, 256, 512], wide = [512, 1024, 2048], classes = 1000
}
