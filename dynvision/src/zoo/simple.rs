//! The guide's first model.

/// Declares a `SimpleRCNN`: two areas with recurrence, 32 and 64 channels.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::simple_rcnn!(pub struct Small; input = [1, 8, 8], classes = 10);
/// assert_eq!(Small::LAYER2.to_string(), "64x4x4");
/// ```
#[macro_export]
macro_rules! simple_rcnn {
    ($(#[$meta:meta])* $vis:vis struct $name:ident; input = [$c:expr, $h:expr, $w:expr], classes = $n:expr) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate,
            input = [$c, $h, $w],
            operations = [layer, tstep, nonlin, record, delay, pool],
        )]
        $vis struct $name<R: $crate::nn::Recurrence = $crate::nn::SelfRecurrence> {
            #[area(pool = $crate::nn::MaxPool2d<2>)]
            layer1: $crate::nn::RConv2d<{ $c }, 32, 3, 1, R>,
            layer2: $crate::nn::RConv2d<32, 64, 3, 1, R>,
            #[readout]
            classifier: $crate::nn::Classifier<64, { $n }>,
        }
    };
}

simple_rcnn! {
    /// Two areas of 32 and 64 channels with self recurrence: the first model of the guide to custom models.
    pub struct SimpleRCNN; input = [3, 32, 32], classes = 10
}
