//! Recurrent attention.

use super::conv_lstm::lstm;
use super::{convolved, weighed};
use crate::error::{Error, Result};
use crate::geometry::{Geometry, Window};
use crate::kernels::{self, Element, Maps, Matrix, VisionDevice};
use crate::nn::Layer;
use crate::ops;
use crate::unroll::{Context, Past};
use dfdx::prelude::{Axis, BroadcastTo, HasShape, Tape, Tensor};

/// Recurrent soft attention (Sharma, Kiros and Salakhutdinov 2015, "Action recognition using visual attention", with the scores
/// of Xu et al. 2015, "Show, attend and tell"): at each step an LSTM of `H` units reads the mean of its input over all
/// places, weighted by where its last state looks.
///
/// ```text
/// e(p) = v tanh(Wx x(p) + Wh h + b)     a = softmax over places(e)
/// z = sum over places(a(p) x(p))        h, c = LSTM(z, h, c)
/// ```
///
/// Its response is `h`; the memory `cell` is `c`, and the memory `attention` is `a`, whose sum over the places is 1. State and cell begin
/// at 0, or as the state says. While it has no input it is silent. All is differentiable, so that it learns by the
/// gradient alone, other than attention that samples where it looks (Mnih et al. 2014).
///
/// # Shapes
/// `(B, I, S, S)` to `(B, H, 1, 1)`, the attention `(B, 1, S, S)`; weights of the scores `(H, I)`, `(H, H)` and `(1, H)`, of the LSTM
/// `(4, H, I)` and `(4, H, H)`, gates in the order i, f, o, g.
///
/// # Errors
/// [`Error::Setting`] of a map that is not `S` by `S`.
///
/// ```
/// use dynvision::{nn::AttentionLstm, prelude::*};
/// #[dyn_model(input = [3, 8, 8], operations = [layer, record, delay])]
/// struct Net {
///     v1: AttentionLstm<3, 4, 8>,
///     #[readout]
///     classifier: Classifier<4, 2>,
/// }
/// let dev = Cpu::default();
/// let net = dev.build_module::<Net, f32>();
/// let mut state = net.reset();
/// net.try_step(dev.sample_normal::<(Const<2>, Const<3>, Const<8>, Const<8>)>(), &mut state)?;
/// let looks = state.v1.memory("attention").unwrap().as_vec();
/// assert!(looks.chunks(64).all(|places| (places.iter().sum::<f32>() - 1.0).abs() < 1e-5));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AttentionLstm<const I: usize, const H: usize, const S: usize>;
crate::spec!(impl [const I: usize, const H: usize, const S: usize]
    AttentionLstm<I, H, S> => built::AttentionLstm<I, H, E, D>);

impl<const I: usize, const H: usize, const S: usize> Layer for AttentionLstm<I, H, S> {
    const GEOMETRY: Geometry = Geometry::conv(I, H, Window::new(S, 1, 0));

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Option<Maps<E, D>>,
        own: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        let Some(x) = x else { return Ok(None) };
        let (_, _, rows, columns) = *x.shape();
        if (rows, columns) != (S, S) {
            return Err(Error::Setting(format!(
                "an AttentionLstm that is declared for maps of {S}x{S} gets one of {rows}x{columns}; declare it for the map that it reads"
            )));
        }
        let h = own.ago(1);
        let bias = ops::vector(&built.score_bias, cx)?;
        let mut scores = convolved(&x, &built.score_input, [H, I, 1, 1], Some(&bias), None, cx)?;
        if let Some(h) = h {
            let of_state = weighed(h, &built.score_state, [H, H], None, cx)?;
            scores = ops::resize(&of_state, [S, S], Some(scores), cx)?;
        }
        let scores = ops::tanh(&scores, cx)?;
        let scores = weighed(&scores, &built.score, [1, H], None, cx)?;
        let seen = glimpse(&x, scores, cx)?;

        let bias = ops::vector(&built.bias, cx)?;
        let gates = convolved(&seen, &built.weight_ih, [4 * H, I, 1, 1], Some(&bias), None, cx)?;
        let gates = match h {
            Some(h) => convolved(h, &built.weight_hh, [4 * H, H, 1, 1], None, Some(gates), cx)?,
            None => gates,
        };
        lstm(H, &gates, cx).map(Some)
    }
}

/// The mean of `x` over its places, weighted by the softmax of the scores, which is remembered.
fn glimpse<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    scores: Maps<E, D>,
    cx: &mut Context<E, D, T>,
) -> Result<Maps<E, D>> {
    let (b, c, h, w) = *x.shape();
    let scores: Matrix<E, D> = ops::reshaped(scores, &(b, h * w))?;
    let weights = cx.run(scores, |scores| scores.try_softmax::<Axis<1>>())?;
    let looks: Maps<E, D> = ops::reshaped(weights.clone(), &(b, 1, h, w))?;
    cx.remember("attention", &looks)?;
    let each: Tensor<(usize, usize, usize), E, D> =
        cx.run(weights, |weights| kernels::contiguous(weights.try_broadcast_like::<_, Axis<1>>(&(b, c, h * w))?))?;
    let weighted = ops::mul(x, &ops::reshaped(each, &(b, c, h, w))?, cx)?;
    let mean: Maps<E, D> = ops::reshaped(ops::global_avg_pool(&weighted, cx)?, &(b, c, 1, 1))?;
    ops::affine((h * w) as f64, &mean, 0.0, cx)
}

pub(crate) mod built {
    use crate::nn::init::{FanInUniform, fill, fill_stacked};
    use crate::nn::optional::weights;
    use dfdx::nn::TensorOptions;
    use dfdx::prelude::{Rank1, Rank2, Rank3, Tensor};

    weights! {
        /// The weights of an [`AttentionLstm`](super::AttentionLstm).
        pub struct AttentionLstm[I, H] {
            (
            /// Of the input in the scores.
            score_input: Tensor<Rank2<H, I>, E, D>
                = tensor("score_input", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
            /// Of the state in the scores.
            score_state: Tensor<Rank2<H, H>, E, D>
                = tensor("score_state", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
            /// Of the hidden units of the scores.
            score_bias: Tensor<Rank1<H>, E, D> = tensor("score_bias", TensorOptions::reset_to_zeros()),
            /// Of the scores.
            score: Tensor<Rank2<1, H>, E, D> = tensor("score", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
            )
            (
            /// Of what is seen, for the gates i, f, o, g.
            weight_ih: Tensor<Rank3<4, H, I>, E, D>
                = tensor("weight_ih", TensorOptions::reset_with(fill_stacked::<FanInUniform, _, E, D>)),
            /// Of the state.
            weight_hh: Tensor<Rank3<4, H, H>, E, D>
                = tensor("weight_hh", TensorOptions::reset_with(fill_stacked::<FanInUniform, _, E, D>)),
            /// Of each gate.
            bias: Tensor<Rank2<4, H>, E, D> = tensor("bias", TensorOptions::reset_to_zeros()),
            )
        }
    }
}
