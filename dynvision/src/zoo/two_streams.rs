//! Two streams with a readout each.

/// Declares a network of one area behind which a ventral stream leads to a readout `what` and a dorsal one to a readout `whereabouts`.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::two_streams! {
///     pub struct Small; input = [1, 16, 16], features = [4, 6, 8, 5, 7], classes = 10, places = 9
/// }
/// assert_eq!((Small::IT.to_string(), Small::PARIETAL.to_string()), ("8x2x2".into(), "7x4x4".into()));
/// ```
#[macro_export]
macro_rules! two_streams {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident; input = [$i:expr, $h:expr, $w:expr],
        features = [$v1:expr, $v4:expr, $it:expr, $mt:expr, $parietal:expr], classes = $classes:expr, places = $places:expr
    ) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate, input = [$i, $h, $w], operations = [layer, feedback, tstep, nonlin, record, delay, pool],
        )]
        $vis struct $name<R: $crate::nn::Recurrence = $crate::nn::Full> {
            #[area(feedback(from = it), feedback(from = parietal), pool = $crate::nn::MaxPool2d<2>)]
            v1: $crate::nn::RConv2d<{ $i }, { $v1 }, 3, 1, R>,
            #[area(pool = $crate::nn::MaxPool2d<2>)]
            v4: $crate::nn::RConv2d<{ $v1 }, { $v4 }, 3, 1, R>,
            #[area(pool = $crate::nn::MaxPool2d<2>)]
            it: $crate::nn::RConv2d<{ $v4 }, { $it }, 3, 2, R>,
            #[area(from = v1, pool = $crate::nn::MaxPool2d<2>)]
            mt: $crate::nn::RConv2d<{ $v1 }, { $mt }, 5, 1, R>,
            parietal: $crate::nn::RConv2d<{ $mt }, { $parietal }, 3, 1, R>,
            #[readout(from = it)]
            what: $crate::nn::Classifier<{ $it }, { $classes }>,
            #[readout(from = parietal)]
            whereabouts: $crate::nn::Classifier<{ $parietal }, { $places }>,
        }
    };
}

two_streams! {
    /// Two streams behind a first area (Ungerleider and Mishkin 1982, "Two cortical visual systems"): V4 and IT tell what there is,
    /// MT and a parietal area where it is, and both answer back to V1. The logits of a run are those of `what`; the
    /// responses have both, and [`loss::At`](crate::loss::At) is a loss on either.
    ///
    /// # Shapes
    /// Frames `(B, 3, 64, 64)`; `what` `(B, T, 10)`, `whereabouts` `(B, T, 16)`.
    ///
    /// ```
    /// use dynvision::{prelude::*, zoo::TwoStreams};
    /// assert_eq!((TwoStreams::WHAT.c, TwoStreams::WHEREABOUTS.c), (10, 16));
    /// ```
    pub struct TwoStreams; input = [3, 64, 64], features = [32, 64, 128, 48, 96], classes = 10, places = 16
}
