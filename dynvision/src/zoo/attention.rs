//! Recurrent attention.

/// Declares a network of recurrent attention: a convolution of `features` channels on an image of even sides, pooled to maps of `side`
/// by `side`, and an [`AttentionLstm`](crate::nn::AttentionLstm) of `units` that looks at them step by step.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::recurrent_attention!(
///     pub struct Small; input = [1, 12, 12], features = 5, side = 6, units = 7, classes = 3
/// );
/// assert_eq!((Small::FEATURES.to_string(), Small::GLIMPSE.to_string()), ("5x6x6".into(), "7x1x1".into()));
/// ```
#[macro_export]
macro_rules! recurrent_attention {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident;
        input = [$i:expr, $h:expr, $w:expr], features = $f:expr, side = $side:expr, units = $u:expr, classes = $n:expr
    ) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate, input = [$i, $h, $w], operations = [layer, nonlin, pool, record, delay], nonlin = none,
            dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0),
        )]
        $vis struct $name {
            #[area(nonlin = $crate::nn::Relu, pool = $crate::nn::MaxPool2d<2>)]
            features: $crate::nn::RConv2d<{ $i }, { $f }, 3, 1, $crate::nn::NoRecurrence>,
            glimpse: $crate::nn::AttentionLstm<{ $f }, { $u }, { $side }>,
            #[readout]
            classifier: $crate::nn::Classifier<{ $u }, { $n }>,
        }
    };
}

recurrent_attention! {
    /// Recurrent soft attention (Sharma, Kiros and Salakhutdinov 2015, "Action recognition using visual attention") over the
    /// features of a convolution: at each step an LSTM reads the mean of the features where it looks. The authors' features are
    /// those of a trained GoogLeNet, 1024 channels on 7x7, and their LSTM is three deep. It has 26,794 parameters.
    ///
    /// # Shapes
    /// Frames `(B, 1, 28, 28)` to logits `(B, T, 10)`; where it looks is the memory `attention` of `glimpse`, `(B, 1, 14, 14)`.
    pub struct RecurrentAttention;
    input = [1, 28, 28], features = 16, side = 14, units = 64, classes = 10
}
