//! The models that the original's guide to custom models builds up to.

/// Declares a `HierarchicalRCNN`: V1, V2, V4 and IT with 32, 64, 128 and 256 channels, skips and feedback.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::hierarchical_rcnn!(pub struct Grey; input = [1, 28, 28], classes = 10);
/// assert_eq!((Grey::V1_POOL.to_string(), Grey::IT.to_string()), ("32x14x14".into(), "256x4x4".into()));
/// ```
#[macro_export]
macro_rules! hierarchical_rcnn {
    ($(#[$meta:meta])* $vis:vis struct $name:ident; input = [$c:expr, $h:expr, $w:expr], classes = $n:expr) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate,
            input = [$c, $h, $w],
            operations = [layer, skip, feedback, tstep, nonlin, record, delay, pool],
        )]
        $vis struct $name<R: $crate::nn::Recurrence = $crate::nn::Full> {
            #[area(pool = $crate::nn::MaxPool2d<2>, feedback(from = v4))]
            v1: $crate::nn::RConv2d<{ $c }, 32, 3, 1, R>,
            #[area(pool = $crate::nn::MaxPool2d<2>, feedback(from = it))]
            v2: $crate::nn::RConv2d<32, 64, 3, 1, R>,
            #[area(skip(from = v1))]
            v4: $crate::nn::RConv2d<64, 128, 3, 1, R>,
            #[area(skip(from = v2))]
            it: $crate::nn::RConv2d<128, 256, 3, 2, R>,
            #[readout]
            classifier: $crate::nn::Classifier<256, { $n }>,
        }
    };
}

/// Declares a `DyRCNNx3`: V1, V2 and IT with 48, 96 and 192 channels, skips, feedback and a power law.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::dyrcnn_x3!(pub struct Faces; input = [1, 48, 48], classes = 7);
/// assert_eq!(Faces::IT.to_string(), "192x12x12");
/// ```
#[macro_export]
macro_rules! dyrcnn_x3 {
    ($(#[$meta:meta])* $vis:vis struct $name:ident; input = [$c:expr, $h:expr, $w:expr], classes = $n:expr) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate,
            input = [$c, $h, $w],
            operations = [layer, skip, feedback, tstep, nonlin, supralin, record, delay, pool],
        )]
        $vis struct $name<R: $crate::nn::Recurrence = $crate::nn::Local> {
            #[area(
                pool = $crate::nn::MaxPool2d<2>,
                supralin = $crate::nn::SupraLinearity<1200>,
                feedback(from = v2),
            )]
            v1: $crate::nn::RConv2d<{ $c }, 48, 5, 1, R>,
            #[area(
                pool = $crate::nn::MaxPool2d<2>,
                supralin = $crate::nn::SupraLinearity<1200>,
                skip(from = v1),
                feedback(from = it),
            )]
            v2: $crate::nn::RConv2d<48, 96, 3, 1, R>,
            #[area(supralin = $crate::nn::SupraLinearity<1200>, skip(from = v2))]
            it: $crate::nn::RConv2d<96, 192, 3, 1, R>,
            #[readout]
            classifier: $crate::nn::Classifier<192, { $n }>,
        }
    };
}

hierarchical_rcnn! {
    /// The ventral stream with feedback, skips and a readout, as the guide builds it up: 32, 64, 128 and 256 channels.
    pub struct HierarchicalRCNN; input = [3, 32, 32], classes = 10
}

dyrcnn_x3! {
    /// Three areas with local recurrence, skips V1 -> V2 and V2 -> IT, feedback V2 -> V1 and IT -> V2, and the supralinearity
    /// 1.2: the guide's last model. 48, 96 and 192 channels are no squares, so the cortical plane of the local recurrence is
    /// extended by mirroring.
    pub struct DyRCNNx3; input = [3, 32, 32], classes = 10
}
