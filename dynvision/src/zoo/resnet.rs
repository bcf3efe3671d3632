//! Residual networks, frame by frame.

/// Declares a `ResNet18`: a stem and four stages of two residual blocks with 64 to 512 channels.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::resnet18!(pub struct Small; input = [3, 32, 32], classes = 5);
/// assert_eq!((Small::LAYER1.to_string(), Small::LAYER4.to_string()), ("64x8x8".into(), "512x1x1".into()));
/// ```
#[macro_export]
macro_rules! resnet18 {
    ($(#[$meta:meta])* $vis:vis struct $name:ident; input = [$c:expr, $h:expr, $w:expr], classes = $n:expr) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate,
            input = [$c, $h, $w],
            operations = [layer, norm, nonlin, record, delay, pool],
        )]
        $vis struct $name {
            #[area(norm = $crate::nn::BatchNorm<64>, pool = $crate::nn::MaxPool2d<3, 2, 1>)]
            stem: $crate::nn::RConv2d<
                { $c }, 64, 7, 2, $crate::nn::NoRecurrence, $crate::nn::ToOutput, $crate::nn::NoBias
            >,
            #[area(nonlin = none)]
            layer1: $crate::nn::Chain<$crate::nn::BasicBlock<64, 64>, $crate::nn::BasicBlock<64, 64>>,
            #[area(nonlin = none)]
            layer2: $crate::nn::Chain<$crate::nn::BasicBlock<64, 128, 2>, $crate::nn::BasicBlock<128, 128>>,
            #[area(nonlin = none)]
            layer3: $crate::nn::Chain<$crate::nn::BasicBlock<128, 256, 2>, $crate::nn::BasicBlock<256, 256>>,
            #[area(nonlin = none)]
            layer4: $crate::nn::Chain<$crate::nn::BasicBlock<256, 512, 2>, $crate::nn::BasicBlock<512, 512>>,
            #[readout]
            classifier: $crate::nn::Classifier<512, { $n }>,
        }
    };
}

resnet18! {
    /// Eighteen layers with shortcuts (He et al. 2016), applied to each frame alone: a feedforward network to compare
    /// recurrent ones with. Its areas answer with the activity of each stage.
    pub struct ResNet18; input = [3, 224, 224], classes = 1000
}
