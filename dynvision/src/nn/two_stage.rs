//! Two convolutions with something between them.

use super::conv_options::{ConvOptions, channels, first};
use super::optional::modules;
use super::{Additive, Conv2d, DefaultOptions, Feedforward, Full, Identity, Operation, Recurrent, Spec, ToOutput};
use crate::error::{Error, Result};
use crate::geometry::Geometry;
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops;
use crate::unroll::Context;
use dfdx::nn::TensorCollection;
use dfdx::prelude::{Const, Device, Dtype, HasShape, Tape, Tensor};
use std::fmt::Debug;
use std::marker::PhantomData;

/// Two stages: `second(relu(between(first(x))))`, the original's layers with mid channels. `A` and `B` are the
/// convolutions, `N` is an operation between them such as a [`GroupNorm`](super::GroupNorm), and rectification always ends
/// the first stage. A recurrence can be added before, between ([`ToMiddle`](super::ToMiddle): after rectification) or
/// after the stages. `Q` says what a stage without an input does: [`Propagate`] or [`ZeroFill`].
///
/// # Shapes
/// `(B, I, H, W)` to `(B, M, H', W')` to `(B, O, H'', W'')`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TwoStage<A, N, B, Q = Propagate>(PhantomData<(A, N, B, Q)>);

/// A recurrent layer of two convolutions, from `I` to `M` to `O` channels, with kernels `K1` and `K2` and strides `S1` and
/// `S2`; the other parameters are those of [`RConv2d`](super::RConv2d), [`TwoStage`] and its parts.
///
/// ```
/// use dynvision::nn::{Layer, RConv2dx2};
/// use dynvision::geometry::Map;
/// // V1 of DyRCNNx8
/// assert_eq!(<RConv2dx2<3, 64, 64, 5, 5, 2, 1>>::GEOMETRY.apply(Map::new(3, 224, 224)), Map::new(64, 112, 112));
/// ```
pub type RConv2dx2<
    const I: usize,
    const M: usize,
    const O: usize,
    const K1: usize = 3,
    const K2: usize = 3,
    const S1: usize = 1,
    const S2: usize = 1,
    R = Full,
    T = ToOutput,
    N = Identity,
    C1 = DefaultOptions,
    C2 = DefaultOptions,
    G = Additive,
    Q = Propagate,
> = Recurrent<TwoStage<Conv2d<I, M, K1, S1, C1>, N, Conv2d<M, O, K2, S2, C2>, Q>, R, T, G>;

/// What a layer does between its stages while it has no input.
pub trait WithoutInput: Clone + Debug + 'static {
    /// Whether zeros stand between its stages.
    const FILLS: bool;
    /// Whether there is no input at the area's first step, whatever the area before it has sent.
    const LATE: bool = false;
}
/// An absent input propagates: the second stage has no signal either, unless the recurrence brings one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Propagate;
impl WithoutInput for Propagate {
    const FILLS: bool = false;
}
/// Zeros stand between the stages, so that the second one and all that follows runs from the first step on, as in
/// CORnet-RT (Kubilius et al. 2018).
#[derive(Clone, Copy, Debug, Default)]
pub struct ZeroFill;
impl WithoutInput for ZeroFill {
    const FILLS: bool = true;
}

/// [`ZeroFill`], also at the area's first step, whose input is not seen: as in CORnet-R (Kubilius et al. 2018), whose areas
/// begin one step after the first one although they then read what is sent at the same step.
#[derive(Clone, Copy, Debug, Default)]
pub struct FromSecondStep;
impl WithoutInput for FromSecondStep {
    const FILLS: bool = true;
    const LATE: bool = true;
}

impl<A: Spec, N: Spec, B: Spec, Q> Spec for TwoStage<A, N, B, Q> {
    type Built<E: Dtype, D: Device<E>> = built::TwoStage<A::Built<E, D>, N::Built<E, D>, B::Built<E, D>>;

    fn converted<E: Dtype, D: Device<E>, E2: Dtype, D2: Device<E2>>(
        it: <Self::Built<E, D> as TensorCollection<E, D>>::To<E2, D2>,
    ) -> Self::Built<E2, D2> {
        built::TwoStage {
            conv: A::converted::<E, D, E2, D2>(it.conv),
            between: N::converted::<E, D, E2, D2>(it.between),
            conv2: B::converted::<E, D, E2, D2>(it.conv2),
        }
    }
}

impl<
    const I: usize,
    const M: usize,
    const O: usize,
    const K1: usize,
    const K2: usize,
    const S1: usize,
    const S2: usize,
    C1: ConvOptions,
    C2: ConvOptions,
    N: Operation + Clone + Debug + 'static,
    Q: WithoutInput,
> Feedforward for TwoStage<Conv2d<I, M, K1, S1, C1>, N, Conv2d<M, O, K2, S2, C2>, Q>
{
    const NAME: &'static str = "stages";
    const GEOMETRY: Geometry =
        Geometry::conv(I, O, Conv2d::<I, M, K1, S1, C1>::WINDOW).then(Conv2d::<M, O, K2, S2, C2>::WINDOW);
    const MISFIT: Option<&'static str> = match (N::CHANNELS, N::MISFIT) {
        (_, Some(misfit)) => Some(misfit),
        (Some(channels), _) if channels != M => Some("the operation between its stages is made for other channels"),
        _ => first(channels::<C1>(I, M), channels::<C2>(M, O)),
    };
    type In = Const<I>;
    type Middle = Const<M>;
    type Out = Const<O>;
    type Kernel = Const<K1>;

    fn first<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: &Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        if Q::LATE && cx.update() == 0 {
            let (_, _, h, w) = *x.shape();
            let window = Conv2d::<I, M, K1, S1, C1>::WINDOW;
            let zeros = x.device().try_zeros_like(&(x.shape().0, M, window.output_len(h), window.output_len(w)));
            return zeros.map_err(Error::device);
        }
        let x = built.conv.forward_once(x, cx)?;
        let x = N::forward(&built.between, x, cx)?;
        ops::relu(x, cx)
    }

    fn second<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let y = built.conv2.forward(&x, None, cx)?;
        cx.recycle(x);
        Ok(y)
    }

    fn without_input<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        [rows, columns]: [usize; 2],
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        if !Q::FILLS {
            return Ok(None);
        }
        let zeros: Result<Tensor<_, E, D>, _> =
            built.conv.weight.device().try_zeros_like(&(cx.batch(), M, rows, columns));
        zeros.map(Some).map_err(Error::device)
    }
}

pub(crate) mod built {
    use super::modules;

    modules! {
        /// The weights of a [`TwoStage`](super::TwoStage).
        pub struct TwoStage {
            /// The first convolution.
            pub conv: A = "conv",
            /// The operation between the convolutions.
            pub between: N = "mid_modules",
            /// The second convolution.
            pub conv2: B = "conv2",
        }
    }
}
