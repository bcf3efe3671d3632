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
    ($(#[$meta:meta])* $vis:vis struct $name:ident; input = $input:tt, classes = $n:expr) => {
        $crate::__resnet!([$(#[$meta])*] $vis $name $input $n, [2, 2, 2, 2]);
    };
}

/// Declares a `ResNet34`: a stem and four stages of three, four, six and three residual blocks with 64 to 512 channels.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::resnet34!(pub struct Small; input = [3, 64, 64], classes = 5);
/// assert_eq!((Small::LAYER1.to_string(), Small::LAYER4.to_string()), ("64x16x16".into(), "512x2x2".into()));
/// ```
#[macro_export]
macro_rules! resnet34 {
    ($(#[$meta:meta])* $vis:vis struct $name:ident; input = $input:tt, classes = $n:expr) => {
        $crate::__resnet!([$(#[$meta])*] $vis $name $input $n, [3, 4, 6, 3]);
    };
}

/// Residual networks for photographs, with so many blocks in each stage.
#[doc(hidden)]
#[macro_export]
macro_rules! __resnet {
    ([$($meta:tt)*] $vis:vis $name:ident [$c:expr, $h:expr, $w:expr] $n:expr, [$one:expr, $two:expr, $three:expr, $four:expr]) => {
        $($meta)*
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
            layer1: $crate::nn::Chain<$crate::nn::BasicBlock<64, 64>, $crate::nn::BasicBlock<64, 64>, { $one }>,
            #[area(nonlin = none)]
            layer2: $crate::nn::Chain<$crate::nn::BasicBlock<64, 128, 2>, $crate::nn::BasicBlock<128, 128>, { $two }>,
            #[area(nonlin = none)]
            layer3: $crate::nn::Chain<$crate::nn::BasicBlock<128, 256, 2>, $crate::nn::BasicBlock<256, 256>, { $three }>,
            #[area(nonlin = none)]
            layer4: $crate::nn::Chain<$crate::nn::BasicBlock<256, 512, 2>, $crate::nn::BasicBlock<512, 512>, { $four }>,
            #[readout]
            classifier: $crate::nn::Classifier<512, { $n }>,
        }
    };
}

/// Declares a residual network for small images: a stem of 16 channels and three stages of `blocks` residual blocks with 16,
/// 32 and 64. It has `6 blocks + 2` layers.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::resnet_x3!(pub struct ResNet14; input = [1, 28, 28], classes = 10, blocks = 2);
/// assert_eq!((ResNet14::LAYER1.to_string(), ResNet14::LAYER3.to_string()), ("16x28x28".into(), "64x7x7".into()));
/// ```
#[macro_export]
macro_rules! resnet_x3 {
    ($(#[$meta:meta])* $vis:vis struct $name:ident;
     input = [$c:expr, $h:expr, $w:expr], classes = $n:expr, blocks = $blocks:expr) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate,
            input = [$c, $h, $w],
            operations = [layer, norm, nonlin, record, delay],
        )]
        $vis struct $name {
            #[area(norm = $crate::nn::BatchNorm<16>)]
            stem: $crate::nn::RConv2d<
                { $c }, 16, 3, 1, $crate::nn::NoRecurrence, $crate::nn::ToOutput, $crate::nn::NoBias
            >,
            #[area(nonlin = none)]
            layer1: $crate::nn::Chain<$crate::nn::BasicBlock<16, 16>, $crate::nn::BasicBlock<16, 16>, { $blocks }>,
            #[area(nonlin = none)]
            layer2: $crate::nn::Chain<$crate::nn::BasicBlock<16, 32, 2>, $crate::nn::BasicBlock<32, 32>, { $blocks }>,
            #[area(nonlin = none)]
            layer3: $crate::nn::Chain<$crate::nn::BasicBlock<32, 64, 2>, $crate::nn::BasicBlock<64, 64>, { $blocks }>,
            #[readout]
            classifier: $crate::nn::Classifier<64, { $n }>,
        }
    };
}

resnet18! {
    /// Eighteen layers with shortcuts (He et al. 2016), applied to each frame alone: a feedforward network to compare
    /// recurrent ones with. Its areas answer with the activity of each stage.
    pub struct ResNet18; input = [3, 224, 224], classes = 1000
}

resnet34! {
    /// Thirty-four layers with shortcuts (He et al. 2016), applied to each frame alone.
    pub struct ResNet34; input = [3, 224, 224], classes = 1000
}

resnet_x3! {
    /// Twenty layers with shortcuts for images of CIFAR (He et al. 2016), applied to each frame alone; where the size changes,
    /// the shortcut is a convolution.
    pub struct ResNet20; input = [3, 32, 32], classes = 10, blocks = 3
}

resnet_x3! {
    /// Thirty-two layers for images of CIFAR, as [`ResNet20`].
    pub struct ResNet32; input = [3, 32, 32], classes = 10, blocks = 5
}

resnet_x3! {
    /// Forty-four layers for images of CIFAR, as [`ResNet20`].
    pub struct ResNet44; input = [3, 32, 32], classes = 10, blocks = 7
}
