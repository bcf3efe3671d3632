//! A convolutional LSTM.

use super::{convolved, filled};
use crate::error::Result;
use crate::geometry::{Geometry, Window};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::nn::Layer;
use crate::ops;
use crate::unroll::{Context, Past};
use dfdx::prelude::Tape;

/// A convolutional LSTM (Shi et al. 2015) of `H` channels for an input of `I`, with kernel `K`:
///
/// ```text
/// i, f, o = sigmoid(W x + U h + b)      g = tanh(W x + U h + b)
/// c = f c + i g                         h = o tanh(c)
/// ```
///
/// Its response is `h`; the cell `c` is the memory `cell` of its area. Both begin at 0, or as the state says. There are no
/// peepholes from the cell to the gates, as in most implementations; the paper has them. While it has no input it is silent.
///
/// # Shapes
/// `(B, I, H, W)` to `(B, H, H, W)`; weights `(4, H, I, K, K)` and `(4, H, H, K, K)`, gates in the order i, f, o, g.
///
/// ```
/// use dynvision::{nn::ConvLstm, prelude::*};
/// #[dyn_model(input = [3, 8, 8], operations = [layer, record, delay])]
/// struct Net {
///     v1: ConvLstm<3, 4>,
///     #[readout]
///     classifier: Classifier<4, 2>,
/// }
/// let dev = Cpu::default();
/// let net = dev.build_module::<Net, f32>();
/// let mut state = net.reset();
/// net.try_step(dev.sample_normal::<(Const<2>, Const<3>, Const<8>, Const<8>)>(), &mut state)?;
/// let (h, cell) = (state.v1.ago(1).unwrap(), state.v1.memory("cell").unwrap());
/// assert_eq!(h.shape(), cell.shape());
/// assert!(h.as_vec().iter().zip(cell.as_vec()).all(|(h, c)| h.abs() <= c.tanh().abs()));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ConvLstm<const I: usize, const H: usize, const K: usize = 3>;
crate::spec!(impl [const I: usize, const H: usize, const K: usize] ConvLstm<I, H, K> => built::ConvLstm<I, H, K, E, D>);

impl<const I: usize, const H: usize, const K: usize> Layer for ConvLstm<I, H, K> {
    const GEOMETRY: Geometry = Geometry::conv(I, H, Window::same(K, 1));
    const MISFIT: Option<&'static str> = odd_kernel(K);

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Option<Maps<E, D>>,
        own: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        let Some(x) = x else { return Ok(None) };
        let bias = ops::vector(&built.bias, cx)?;
        let gates = convolved(&x, &built.weight_ih, [4 * H, I, K, K], Some(&bias), None, cx)?;
        let gates = match own.ago(1) {
            Some(h) => convolved(h, &built.weight_hh, [4 * H, H, K, K], None, Some(gates), cx)?,
            None => gates,
        };
        lstm(H, &gates, cx).map(Some)
    }
}

/// The response of an LSTM of so many channels to its gates before they are squashed; its cell is the memory `cell`.
pub(super) fn lstm<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    channels: usize,
    gates: &Maps<E, D>,
    cx: &mut Context<E, D, T>,
) -> Result<Maps<E, D>> {
    let [i, f, o, g] = quarters(channels, gates, cx)?;
    let (i, f, o, g) = (ops::sigmoid(&i, cx)?, ops::sigmoid(&f, cx)?, ops::sigmoid(&o, cx)?, ops::tanh(&g, cx)?);
    let c = match cx.memory("cell") {
        Some(c) => c,
        None => filled(0.0, &i, channels)?,
    };
    let kept = ops::mul(&f, &c, cx)?;
    let new = ops::mul(&i, &g, cx)?;
    let c = ops::add(kept, &new, cx)?;
    cx.remember("cell", &c)?;
    let shown = ops::tanh(&c, cx)?;
    ops::mul(&o, &shown, cx)
}

/// The misfit of a kernel that changes the size of a state.
pub(super) const fn odd_kernel(kernel: usize) -> Option<&'static str> {
    match kernel.is_multiple_of(2) {
        true => Some("an even kernel changes the size of its state; give it an odd one"),
        false => None,
    }
}

/// The four gates, of so many channels each.
pub(super) fn quarters<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    channels: usize,
    gates: &Maps<E, D>,
    cx: &mut Context<E, D, T>,
) -> Result<[Maps<E, D>; 4]> {
    let mut gate = |n: usize| ops::slice(1, n * channels..(n + 1) * channels, gates, cx);
    Ok([gate(0)?, gate(1)?, gate(2)?, gate(3)?])
}

pub(crate) mod built {
    use crate::nn::init::{FanInUniform, fill_stacked};
    use crate::nn::optional::weights;
    use dfdx::nn::TensorOptions;
    use dfdx::prelude::{Rank2, Rank5, Tensor};

    weights! {
        /// The weights of a [`ConvLstm`](super::ConvLstm).
        pub struct ConvLstm[I, H, K] {(
            /// Of the input, for the gates i, f, o, g.
            weight_ih: Tensor<Rank5<4, H, I, K, K>, E, D>
                = tensor("weight_ih", TensorOptions::reset_with(fill_stacked::<FanInUniform, _, E, D>)),
            /// Of the state.
            weight_hh: Tensor<Rank5<4, H, H, K, K>, E, D>
                = tensor("weight_hh", TensorOptions::reset_with(fill_stacked::<FanInUniform, _, E, D>)),
            /// Of each gate.
            bias: Tensor<Rank2<4, H>, E, D> = tensor("bias", TensorOptions::reset_to_zeros()),
        )}
    }
}
