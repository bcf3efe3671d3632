//! Bottom-up, lateral and top-down connections, after Spoerer, McClure and Kriegeskorte.

/// Declares a `Blt`: two recurrent areas of `features` channels, rectified and normalised across channels by `norm`; the second
/// one sees the first pooled and sends back through the transposed convolution `top_down`.
///
/// ```
/// use dynvision::{nn::{ConvTranspose2d, LocalResponseNorm}, prelude::*};
/// dynvision::blt!(
///     pub struct Small; input = [1, 12, 10], features = [6, 7], norm = LocalResponseNorm,
///     top_down = ConvTranspose2d<7, 6>, classes = 5
/// );
/// assert_eq!((Small::H1.to_string(), Small::H2.to_string()), ("6x12x10".into(), "7x6x5".into()));
/// ```
#[macro_export]
macro_rules! blt {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident;
        input = [$i:expr, $h:expr, $w:expr], features = [$a:expr, $b:expr], norm = $norm:ty, top_down = $top:ty,
        classes = $n:expr
    ) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate,
            input = [$i, $h, $w],
            operations = [layer, feedback, nonlin, norm, record, delay, pool],
            dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0, t_feedback = 1.0),
        )]
        $vis struct $name {
            #[area(feedback(from = h2, via = $top), norm = $norm, pool = $crate::nn::MaxPool2d<2>)]
            h1: $crate::nn::RConv2d<{ $i }, { $a }, 3, 1, $crate::zoo::Lateral>,
            #[area(norm = $norm)]
            h2: $crate::nn::RConv2d<{ $a }, { $b }, 3, 1, $crate::zoo::Lateral>,
            #[readout]
            classifier: $crate::nn::GlobalMaxPool<$crate::nn::Linear<{ $b }, { $n }>>,
        }
    };
}

/// A lateral connection: a convolution with the kernel of its layer, without a bias.
pub type Lateral = crate::nn::Full<crate::nn::LayerKernel, crate::nn::NoBias<crate::nn::Uniform>>;

blt! {
    /// BLT (Spoerer, McClure and Kriegeskorte 2017, "Recurrent convolutional neural networks: a better model of biological object
    /// recognition"), with the image at each of four steps:
    ///
    /// ```text
    /// z1 = Wb1 x + b1 + Wl1 h1(t-1) + Wt1 *T h2(t-1)      z2 = Wb2 pool(h1) + b2 + Wl2 h2(t-1)      h = LRN(relu(z))
    /// ```
    ///
    /// and a readout of each map's maximum. It has 37,546 parameters. How the transposed convolution is aligned, the paper does
    /// not say: here as TensorFlow's `SAME`; `ConvTranspose2d<32, 32, 3, 2, 1>` is centred.
    ///
    /// # Shapes
    /// Frames `(B, 1, 32, 32)` to logits `(B, T, 10)`.
    pub struct Blt2017;
    input = [1, 32, 32], features = [32, 32], norm = crate::nn::LocalResponseNorm,
    top_down = crate::nn::ConvTranspose2d<32, 32>, classes = 10
}
