//! A convolutional GRU.

use super::conv_lstm::odd_kernel;
use super::filled;
use crate::error::Result;
use crate::geometry::{Geometry, Window};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::nn::Layer;
use crate::ops;
use crate::unroll::{Context, Past};
use dfdx::prelude::Tape;

/// A convolutional GRU (Ballas et al. 2016) of `H` channels for an input of `I`, with kernel `K`:
///
/// ```text
/// z, r = sigmoid(W x + U h + b)      k = tanh(W x + U (r h) + b)
/// h = (1 - z) h + z k
/// ```
///
/// Its response is `h`, which begins at 0, or as the state says. While it has no input it is silent.
///
/// # Shapes
/// `(B, I, H, W)` to `(B, H, H, W)`.
///
/// ```
/// use dynvision::{nn::{ConvGru, Layer}, geometry::Map};
/// assert_eq!(<ConvGru<3, 4, 5>>::GEOMETRY.apply(Map::new(3, 8, 9)), Map::new(4, 8, 9));
/// assert!(<ConvGru<3, 4, 2>>::MISFIT.is_some());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ConvGru<const I: usize, const H: usize, const K: usize = 3>;
crate::spec!(impl [const I: usize, const H: usize, const K: usize] ConvGru<I, H, K> => built::ConvGru<I, H, K, E, D>);

impl<const I: usize, const H: usize, const K: usize> Layer for ConvGru<I, H, K> {
    const GEOMETRY: Geometry = Geometry::conv(I, H, Window::same(K, 1));
    const MISFIT: Option<&'static str> = odd_kernel(K);

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Option<Maps<E, D>>,
        own: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        let Some(x) = x else { return Ok(None) };
        let h = match own.ago(1) {
            Some(h) => h.clone(),
            None => filled(0.0, &x, H)?,
        };
        let z = built.update.forward(&x, None, cx)?;
        let z = built.update_state.forward(&h, Some(z), cx)?;
        let z = ops::sigmoid(&z, cx)?;
        let r = built.reset.forward(&x, None, cx)?;
        let r = built.reset_state.forward(&h, Some(r), cx)?;
        let r = ops::sigmoid(&r, cx)?;
        let seen = ops::mul(&r, &h, cx)?;
        let k = built.out.forward(&x, None, cx)?;
        let k = built.out_state.forward(&seen, Some(k), cx)?;
        let k = ops::tanh(&k, cx)?;
        ops::mix(&z, &k, &h, cx).map(Some)
    }
}

pub(crate) mod built {
    use crate::nn::built::Conv2d;
    use crate::nn::init::FanInUniform;
    use crate::nn::optional::weights;
    use crate::nn::{DefaultOptions, NoBias};
    use dfdx::prelude::Const;

    type Input<const I: usize, const H: usize, const K: usize, E, D> =
        Conv2d<Const<I>, Const<H>, Const<K>, 1, DefaultOptions<FanInUniform>, E, D>;
    type Own<const H: usize, const K: usize, E, D> =
        Conv2d<Const<H>, Const<H>, Const<K>, 1, NoBias<FanInUniform>, E, D>;

    weights! {
        /// The weights of a [`ConvGru`](super::ConvGru).
        pub struct ConvGru[I, H, K] {(
            /// Of the input, for the update gate `z`.
            update: Input<I, H, K, E, D> = part("update"),
            /// Of the state, for the update gate.
            update_state: Own<H, K, E, D> = part("update_state"),
            /// Of the input, for the reset gate `r`.
            reset: Input<I, H, K, E, D> = part("reset"),
            /// Of the state, for the reset gate.
            reset_state: Own<H, K, E, D> = part("reset_state"),
            /// Of the input, for the candidate `k`.
            out: Input<I, H, K, E, D> = part("out"),
            /// Of the reset state, for the candidate.
            out_state: Own<H, K, E, D> = part("out_state"),
        )}
    }
}
