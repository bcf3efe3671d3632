//! The original's own family: ventral streams of two, four and eight convolutions.

/// Hands a family's member the links that it has. A family says what its first areas receive as feedback and its last ones as
/// skips, and what stands for one that receives neither.
#[doc(hidden)]
#[macro_export]
macro_rules! __dyrcnn_links {
    ([] $family:ident $member:tt none [$($none:tt)*] feedback $feedback:tt skip $skip:tt) => {
        $crate::$family!(@ $member [] $($none)* $($none)*);
    };
    ([skip] $family:ident $member:tt none [$($none:tt)*] feedback $feedback:tt skip [$($skip:tt)*]) => {
        $crate::$family!(@ $member [skip] $($none)* $($skip)*);
    };
    ([skip, feedback] $family:ident $member:tt none $none:tt feedback [$($feedback:tt)*] skip [$($skip:tt)*]) => {
        $crate::$family!(@ $member [skip, feedback] $($feedback)* $($skip)*);
    };
    ($($other:tt)*) => {
        ::core::compile_error!("`links` is one of `[]`, `[skip]`, `[skip, feedback]`");
    };
}

/// Declares a `DyRCNNx2`: two areas, 36 and 64 channels. `links` is any of `[]`, `[skip]`, `[skip, feedback]`.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::dyrcnn_x2!(pub struct Digits; input = [1, 28, 28], classes = 10, links = [skip]);
/// assert_eq!(Digits::LAYER1_POOL.to_string(), "36x14x14");
/// ```
#[macro_export]
macro_rules! dyrcnn_x2 {
    (@ [[$($meta:tt)*] $vis:vis $name:ident [$c:expr, $h:expr, $w:expr] $n:expr]
     [$($operation:ident),*] [$($one:tt)*] [$($two:tt)*]) => {
        $($meta)*
        #[$crate::dyn_model(
            crate = $crate,
            input = [$c, $h, $w],
            operations = [layer, $($operation,)* tstep, nonlin, record, delay, pool],
        )]
        $vis struct $name<R: $crate::nn::Recurrence = $crate::nn::Full> {
            #[area(pool = $crate::nn::MaxPool2d<3, 2, 1> $($one)*)]
            layer1: $crate::nn::RConv2d<{ $c }, 36, 3, 1, R>,
            #[area($($two)*)]
            layer2: $crate::nn::RConv2d<36, 64, 3, 1, R>,
            #[readout]
            classifier: $crate::nn::Classifier<64, { $n }>,
        }
    };
    ($(#[$meta:meta])* $vis:vis struct $name:ident; input = $input:tt, classes = $n:expr, links = $links:tt) => {
        $crate::__dyrcnn_links!($links dyrcnn_x2 [[$(#[$meta])*] $vis $name $input $n]
            none [[]]
            feedback [[, feedback(from = layer2)]]
            skip [[skip(from = layer1)]]);
    };
}

/// Declares a `DyRCNNx4`: V1, V2, V4 and IT. `links` is any of `[]`, `[skip]`, `[skip, feedback]`.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::dyrcnn_x4!(pub struct Large; input = [3, 64, 64], classes = 200, links = [skip, feedback]);
/// assert_eq!(Large::IT.to_string(), "256x8x8");
/// ```
#[macro_export]
macro_rules! dyrcnn_x4 {
    (@ [[$($meta:tt)*] $vis:vis $name:ident [$c:expr, $h:expr, $w:expr] $n:expr]
     [$($operation:ident),*] [$($v1:tt)*] [$($v2:tt)*] [$($v4:tt)*] [$($it:tt)*]) => {
        $($meta)*
        #[$crate::dyn_model(
            crate = $crate,
            input = [$c, $h, $w],
            operations = [layer, $($operation,)* tstep, nonlin, record, delay, pool],
        )]
        $vis struct $name<R: $crate::nn::Recurrence = $crate::nn::Full> {
            #[area(pool = $crate::nn::MaxPool2d<3, 2, 1> $($v1)*)]
            v1: $crate::nn::RConv2d<{ $c }, 36, 3, 1, R>,
            #[area(pool = $crate::nn::MaxPool2d<3, 2, 1> $($v2)*)]
            v2: $crate::nn::RConv2d<36, 64, 3, 1, R>,
            #[area($($v4)*)]
            v4: $crate::nn::RConv2d<64, 121, 3, 1, R>,
            #[area($($it)*)]
            it: $crate::nn::RConv2d<121, 256, 3, 2, R>,
            #[readout]
            classifier: $crate::nn::Classifier<256, { $n }>,
        }
    };
    ($(#[$meta:meta])* $vis:vis struct $name:ident; input = $input:tt, classes = $n:expr, links = $links:tt) => {
        $crate::__dyrcnn_links!($links dyrcnn_x4 [[$(#[$meta])*] $vis $name $input $n]
            none [[] []]
            feedback [[, feedback(from = v4)] [, feedback(from = it)]]
            skip [[skip(from = v1)] [skip(from = v2)]]);
    };
}

/// Declares a `DyRCNNx8`: V1, V2, V4 and IT of two convolutions each. `links` is any of `[]`, `[skip]`,
/// `[skip, feedback]`.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::dyrcnn_x8!(pub struct Photographs; input = [3, 224, 224], classes = 1000, links = [skip]);
/// assert_eq!(Photographs::IT.to_string(), "529x4x4");
/// ```
#[macro_export]
macro_rules! dyrcnn_x8 {
    (@ [[$($meta:tt)*] $vis:vis $name:ident [$c:expr, $h:expr, $w:expr] $n:expr]
     [$($operation:ident),*] [$($v1:tt)*] [$($v2:tt)*] [$($v4:tt)*] [$($it:tt)*]) => {
        $($meta)*
        #[$crate::dyn_model(
            crate = $crate,
            input = [$c, $h, $w],
            operations = [layer, $($operation,)* tstep, nonlin, record, delay, pool],
        )]
        $vis struct $name<R: $crate::nn::Recurrence = $crate::nn::Full> {
            #[area(pool = $crate::nn::MaxPool2d<3, 2, 1> $($v1)*)]
            v1: $crate::nn::RConv2dx2<{ $c }, 64, 64, 5, 5, 2, 1, R>,
            #[area(pool = $crate::nn::MaxPool2d<3, 2, 1> $($v2)*)]
            v2: $crate::nn::RConv2dx2<64, 144, 144, 3, 3, 2, 1, R>,
            #[area($($v4)*)]
            v4: $crate::nn::RConv2dx2<144, 256, 256, 3, 3, 2, 1, R>,
            #[area($($it)*)]
            it: $crate::nn::RConv2dx2<256, 529, 529, 3, 3, 2, 1, R>,
            #[readout]
            classifier: $crate::nn::Classifier<529, { $n }>,
        }
    };
    ($(#[$meta:meta])* $vis:vis struct $name:ident; input = $input:tt, classes = $n:expr, links = $links:tt) => {
        $crate::__dyrcnn_links!($links dyrcnn_x8 [[$(#[$meta])*] $vis $name $input $n]
            none [[] []]
            feedback [[, feedback(from = v4)] [, feedback(from = it)]]
            skip [[skip(from = v1)] [skip(from = v2)]]);
    };
}

dyrcnn_x2! {
    /// Two areas of 36 and 64 channels with full recurrence and a skip: the smallest of the original's own models.
    pub struct DyRCNNx2; input = [3, 32, 32], classes = 10, links = [skip]
}

dyrcnn_x4! {
    /// The ventral stream V1, V2, V4, IT with full recurrence and skips V1 -> V4 and V2 -> IT: the original's main model.
    pub struct DyRCNNx4; input = [3, 32, 32], classes = 10, links = [skip]
}

dyrcnn_x4! {
    /// [`DyRCNNx4`] with feedback V4 -> V1 and IT -> V2.
    pub struct DyRCNNx4Feedback; input = [3, 32, 32], classes = 10, links = [skip, feedback]
}

dyrcnn_x8! {
    /// The ventral stream in eight convolutions, two for each of V1, V2, V4 and IT, with full recurrence and skips
    /// V1 -> V4 and V2 -> IT: the original's large model, for photographs.
    pub struct DyRCNNx8; input = [3, 224, 224], classes = 10, links = [skip]
}
