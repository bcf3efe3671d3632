//! AlexNet, with or without recurrence.

use crate::nn::{AdaptiveAvgPool, Linear, Mlp};

/// The readout of AlexNet: the last area pooled to 6x6 places, then two hidden layers of 4096 units behind dropout of one
/// half, and `N` classes.
pub type AlexNetHead<const N: usize> =
    AdaptiveAvgPool<256, 6, 6, Mlp<9216, 4096, Mlp<4096, 4096, Linear<4096, N>, 50>, 50>>;

/// Declares an `AlexNet`: five areas with 64, 192, 384, 256 and 256 channels, and a readout of three layers.
/// `nonlin = Type` stands for rectification.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::alex_net!(pub struct Small; input = [3, 64, 64], classes = 5);
/// assert_eq!((Small::LAYER1.to_string(), Small::LAYER5_POOL.to_string()), ("64x15x15".into(), "256x1x1".into()));
/// ```
#[macro_export]
macro_rules! alex_net {
    ($(#[$meta:meta])* $vis:vis struct $name:ident; input = $input:tt, classes = $n:expr) => {
        $crate::alex_net!($(#[$meta])* $vis struct $name; input = $input, classes = $n, nonlin = $crate::nn::Relu);
    };
    ($(#[$meta:meta])* $vis:vis struct $name:ident;
     input = [$c:expr, $h:expr, $w:expr], classes = $n:expr, nonlin = $nonlin:ty) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate,
            input = [$c, $h, $w],
            operations = [layer, nonlin, record, delay, pool],
            nonlin = $nonlin,
        )]
        $vis struct $name<R: $crate::nn::Recurrence = $crate::nn::NoRecurrence> {
            #[area(pool = $crate::nn::MaxPool2d<3, 2>)]
            layer1: $crate::nn::RConv2d<{ $c }, 64, 11, 4, R, $crate::nn::ToOutput, $crate::nn::Padded<2>>,
            #[area(pool = $crate::nn::MaxPool2d<3, 2>)]
            layer2: $crate::nn::RConv2d<64, 192, 5, 1, R>,
            layer3: $crate::nn::RConv2d<192, 384, 3, 1, R>,
            layer4: $crate::nn::RConv2d<384, 256, 3, 1, R>,
            #[area(pool = $crate::nn::MaxPool2d<3, 2>)]
            layer5: $crate::nn::RConv2d<256, 256, 3, 1, R>,
            #[readout]
            classifier: $crate::zoo::AlexNetHead<{ $n }>,
        }
    };
}

alex_net! {
    /// AlexNet (Krizhevsky, Sutskever and Hinton 2012) in the layout of torchvision (Krizhevsky 2014), frame by frame: each
    /// convolution is rectified, as in the paper, where the original's network has nothing between its convolutions. With a
    /// recurrence, `AlexNet<Full>`, areas see their past.
    pub struct AlexNet; input = [3, 224, 224], classes = 1000
}
