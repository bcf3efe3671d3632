//! Excitatory and inhibitory rate units with trained connections.

use crate::error::{Error, Result};
use crate::geometry::{Conv, Features, Geometry, Window};
use crate::kernels::{Element, Maps, Matrix, VisionDevice};
use crate::nn::{Layer, Readout};
use crate::ops;
use crate::unroll::{Context, Past};
use dfdx::prelude::{Const, HasShape, Shape, Tape, Tensor};

/// A network of `N` rate units that obeys Dale's law (Song, Yang and Wang 2016), of which the first `X` excite and the others
/// inhibit, driven by `I` inputs:
///
/// ```text
/// x = (1 - a) x + a (Wrec r + brec + Win u)      r = relu(x)      a = dt / tau
/// Win = relu(raw)      Wrec = relu(raw) diag(+1, .., -1)
/// ```
///
/// The sign is that of the sending unit, a column; a raw weight below 0 is a connection that is not there and gets no
/// gradient. No unit excites or inhibits itself. Its response is `r`; `x`, which begins at the trained `x0`, is the memory `x`
/// of its area. `tau` is that of the area. Without an input the network goes on by itself.
///
/// # Shapes
/// `(B, I, H, W)` to `(B, N, H, W)`; the units of one place form one network. On maps of one place it is that of the paper.
///
/// ```
/// use dynvision::{nn::{EiRates, Layer}, geometry::Map};
/// assert_eq!(<EiRates<3, 10, 8>>::GEOMETRY.apply(Map::new(3, 1, 1)), Map::new(10, 1, 1));
/// assert!(<EiRates<3, 10, 12>>::MISFIT.is_some());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct EiRates<const I: usize, const N: usize, const X: usize>;
crate::spec!(impl [const I: usize, const N: usize, const X: usize] EiRates<I, N, X> => built::EiRates<I, N, E, D>);

/// The readout of [`EiRates`]: `W r + b` to `M` classes with `W = relu(raw) diag(+1, .., -1)`, of the mean over places.
///
/// # Shapes
/// `(B, N, H, W)` to `(B, M)`.
///
/// ```
/// use dynvision::{geometry::Features, nn::{EiReadout, Readout}};
/// assert_eq!(<EiReadout<10, 8, 2>>::FEATURES, Features::Channels(10));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct EiReadout<const N: usize, const X: usize, const M: usize>;
crate::spec!(impl [const N: usize, const X: usize, const M: usize] EiReadout<N, X, M> => built::EiReadout<N, M, E, D>);

impl<const I: usize, const N: usize, const X: usize> Layer for EiRates<I, N, X> {
    const GEOMETRY: Geometry = Geometry::conv(I, N, Window::POINT);
    const MISFIT: Option<&'static str> =
        if X > N { Some("more of its units excite than it has; the third number is at most the second") } else { None };

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        u: Option<Maps<E, D>>,
        _: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        let rate = cx.area().dt / cx.area().tau;
        let input = cx.input();
        let x = match cx.memory("x") {
            Some(x) => x,
            None => {
                let to = (cx.batch(), N, input.h, input.w);
                ops::spread(&built.x0, to, cx)?
            }
        };
        let r = ops::relu(x.clone(), cx)?;
        let recurrent = signed::<X, _, E, D, T>(&built.w_rec, [N, N], false, cx)?;
        let bias = ops::vector(&built.b_rec, cx)?;
        let drive = ops::conv2d(&Conv::new(Window::POINT), &r, &recurrent, Some(&bias), None, cx)?;
        let drive = match u {
            Some(u) => {
                let weight: Maps<E, D> = ops::reshaped(built.w_in.clone(), &(N, I, 1, 1))?;
                let weight = cx.derived(&built.w_in, |graph| ops::relu(weight, graph))?;
                ops::conv2d(&Conv::new(Window::POINT), &u, &weight, None, Some(drive), cx)?
            }
            None => drive,
        };
        let kept = ops::affine(1.0 - rate, &x, 0.0, cx)?;
        let new = ops::affine(rate, &drive, 0.0, cx)?;
        let x = ops::add(kept, &new, cx)?;
        cx.remember("x", &x)?;
        ops::relu(x, cx).map(Some)
    }
}

#[diagnostic::do_not_recommend]
impl<const N: usize, const X: usize, const M: usize> Readout for EiReadout<N, X, M> {
    const FEATURES: Features = Features::Channels(N);
    type Classes = Const<M>;

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Matrix<E, D>> {
        let features = ops::global_avg_pool(&x, cx)?;
        let (b, n) = *features.shape();
        let features: Maps<E, D> = ops::reshaped(features, &(b, n, 1, 1))?;
        let weight = signed::<X, _, E, D, T>(&built.weight, [M, N], true, cx)?;
        let bias = ops::vector(&built.bias, cx)?;
        let y = ops::conv2d(&Conv::new(Window::POINT), &features, &weight, Some(&bias), None, cx)?;
        ops::flatten(y, cx)
    }
}

/// `relu(raw) diag(sign)` as the weight of a convolution, once in an unroll; a unit has a connection to itself only if `own`
/// says so.
fn signed<const X: usize, S: Shape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    raw: &Tensor<S, E, D>,
    [to, from]: [usize; 2],
    own: bool,
    cx: &mut Context<E, D, T>,
) -> Result<Maps<E, D>> {
    let sign = |i: usize, j: usize| match (own || i != j, j < X) {
        (false, _) => E::zero(),
        (true, true) => E::one(),
        (true, false) => E::zero() - E::one(),
    };
    let signs = (0..to).flat_map(|i| (0..from).map(move |j| sign(i, j))).collect();
    cx.derived(raw, |graph| {
        let signs = raw.device().try_tensor_from_vec(signs, (to, from, 1, 1)).map_err(Error::device)?;
        let weight: Maps<E, D> = ops::reshaped(raw.clone(), &(to, from, 1, 1))?;
        let weight = ops::relu(weight, graph)?;
        ops::mul(&weight, &signs, graph)
    })
}

pub(crate) mod built {
    use crate::nn::init::{FanInUniform, fill, fill_constant};
    use crate::nn::optional::weights;
    use dfdx::nn::TensorOptions;
    use dfdx::prelude::{Rank1, Rank2, Tensor};

    weights! {
        /// The weights of [`EiRates`](super::EiRates), raw: before rectification and sign.
        pub struct EiRates[I, N] {(
            /// From the input.
            w_in: Tensor<Rank2<N, I>, E, D> = tensor("w_in", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
            /// From unit to unit.
            w_rec: Tensor<Rank2<N, N>, E, D> = tensor("w_rec", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
            /// The bias of each unit.
            b_rec: Tensor<Rank1<N>, E, D> = tensor("b_rec", TensorOptions::reset_to_zeros()),
            /// What `x` begins with.
            x0: Tensor<Rank1<N>, E, D> = tensor("x0", TensorOptions::reset_with(fill_constant::<100, _, E, D>)),
        )}
    }
    weights! {
        /// The weights of an [`EiReadout`](super::EiReadout), raw: before rectification and sign.
        pub struct EiReadout[N, M] {(
            /// From unit to class.
            weight: Tensor<Rank2<M, N>, E, D> = tensor("weight", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
            /// The bias of each class.
            bias: Tensor<Rank1<M>, E, D> = tensor("bias", TensorOptions::reset_to_zeros()),
        )}
    }
}
