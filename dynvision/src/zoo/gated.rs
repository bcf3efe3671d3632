//! Networks of gated convolutional cells.

/// Declares a stack of two [`ConvLstm`](crate::nn::ConvLstm)s of `hidden` channels.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::conv_lstm!(pub struct Small; input = [3, 8, 9], hidden = [4, 5], kernels = [3, 5], classes = 2);
/// assert_eq!(Small::L2.to_string(), "5x8x9");
/// ```
#[macro_export]
macro_rules! conv_lstm {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident;
        input = [$i:expr, $h:expr, $w:expr], hidden = [$a:expr, $b:expr], kernels = [$k:expr, $l:expr], classes = $n:expr
    ) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate, input = [$i, $h, $w], operations = [layer, record, delay],
            dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0),
        )]
        $vis struct $name {
            l1: $crate::nn::ConvLstm<{ $i }, { $a }, { $k }>,
            l2: $crate::nn::ConvLstm<{ $a }, { $b }, { $l }>,
            #[readout]
            classifier: $crate::nn::Classifier<{ $b }, { $n }>,
        }
    };
}

/// Declares a stack of two [`ConvGru`](crate::nn::ConvGru)s of `hidden` channels.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::conv_gru!(pub struct Small; input = [3, 8, 9], hidden = [4, 5], kernels = [3, 5], classes = 2);
/// assert_eq!(Small::L2.to_string(), "5x8x9");
/// ```
#[macro_export]
macro_rules! conv_gru {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident;
        input = [$i:expr, $h:expr, $w:expr], hidden = [$a:expr, $b:expr], kernels = [$k:expr, $l:expr], classes = $n:expr
    ) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate, input = [$i, $h, $w], operations = [layer, record, delay],
            dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0),
        )]
        $vis struct $name {
            l1: $crate::nn::ConvGru<{ $i }, { $a }, { $k }>,
            l2: $crate::nn::ConvGru<{ $a }, { $b }, { $l }>,
            #[readout]
            classifier: $crate::nn::Classifier<{ $b }, { $n }>,
        }
    };
}

conv_lstm! {
    /// Two convolutional LSTMs one on the other (Shi et al. 2015, "Convolutional LSTM network: a machine learning approach for
    /// precipitation nowcasting"), without peepholes: `4 H (I + H) K² + 4 H` parameters each, 262,538 in
    /// all.
    ///
    /// # Shapes
    /// Frames `(B, 3, 32, 32)` to logits `(B, T, 10)`.
    pub struct ConvLstm2; input = [3, 32, 32], hidden = [32, 64], kernels = [3, 3], classes = 10
}

conv_gru! {
    /// Two convolutional GRUs one on the other (Ballas et al. 2016, "Delving deeper into convolutional networks for learning video
    /// representations"): `3 (H (I + H) K² + H)` parameters each, 197,066 in all.
    ///
    /// # Shapes
    /// Frames `(B, 3, 32, 32)` to logits `(B, T, 10)`.
    pub struct ConvGru2; input = [3, 32, 32], hidden = [32, 64], kernels = [3, 3], classes = 10
}
