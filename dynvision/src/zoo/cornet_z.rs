//! CORnet-Z, four areas without recurrence.

/// Declares a `CorNetZ`: V1, V2, V4 and IT of a convolution, rectification and pooling each.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::cornet_z!(pub struct Small; input = [3, 48, 40], channels = [4, 6, 8, 10], classes = 5);
/// assert_eq!((Small::V1.to_string(), Small::IT.to_string()), ("4x12x10".into(), "10x2x2".into()));
/// let net = Cpu::default().build_module::<Small, f32>();
/// assert_eq!(net.num_trainable_params(), 588 + 4 + 216 + 6 + 432 + 8 + 720 + 10 + 50 + 5);
/// ```
#[macro_export]
macro_rules! cornet_z {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident;
        input = [$i:expr, $h:expr, $w:expr], channels = [$a:expr, $b:expr, $c:expr, $d:expr], classes = $n:expr
    ) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate,
            input = [$i, $h, $w],
            operations = [layer, nonlin, pool, record, delay],
            dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0),
        )]
        $vis struct $name {
            #[area(pool = $crate::nn::MaxPool2d<3, 2, 1>)]
            v1: $crate::nn::RConv2d<{ $i }, { $a }, 7, 2, $crate::nn::NoRecurrence>,
            #[area(pool = $crate::nn::MaxPool2d<3, 2, 1>)]
            v2: $crate::nn::RConv2d<{ $a }, { $b }, 3, 1, $crate::nn::NoRecurrence>,
            #[area(pool = $crate::nn::MaxPool2d<3, 2, 1>)]
            v4: $crate::nn::RConv2d<{ $b }, { $c }, 3, 1, $crate::nn::NoRecurrence>,
            #[area(pool = $crate::nn::MaxPool2d<3, 2, 1>)]
            it: $crate::nn::RConv2d<{ $c }, { $d }, 3, 1, $crate::nn::NoRecurrence>,
            #[readout]
            classifier: $crate::nn::Classifier<{ $d }, { $n }>,
        }
    };
}

cornet_z! {
    /// CORnet-Z (Kubilius et al. 2018, "CORnet: Modeling the neural mechanisms of core object recognition"): four times
    /// `pool(relu(W x + b))`, with a window of 3 and a stride of 2, then the mean over space and a linear map. It has
    /// 2,071,656 parameters.
    ///
    /// # Shapes
    /// Frames `(B, 3, 224, 224)` to logits `(B, T, 1000)`.
    pub struct CorNetZ; input = [3, 224, 224], channels = [64, 128, 256, 512], classes = 1000
}
