//! Two convolutions with something between them.

use super::conv::ConvOptions;
use super::{
    Additive, Conv2d, Feedforward, Full, Identity, MapOf, Operation, Plain, Recurrent, Signal, Spec, ToOutput,
};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::geometry::Geometry;
use crate::kernels::{Element, VisionDevice};
use crate::ops;
use dfdx::nn::TensorCollection;
use dfdx::prelude::{Const, Device, Dim, Dtype, Tape};
use std::fmt::Debug;
use std::marker::PhantomData;

/// Two stages: `second(relu(between(first(x))))`, the original's layers with mid channels. `A` and `B` are the
/// convolutions, `N` is an operation between them such as a [`GroupNorm`](super::GroupNorm), and rectification always ends
/// the first stage. A recurrence can be added before, between ([`ToMiddle`](super::ToMiddle): after rectification) or
/// after the stages. `Q` says what a stage without an input does: [`Waits`] or [`Rests`].
///
/// # Shapes
/// `(B, I, H, W)` to `(B, M, H', W')` to `(B, O, H'', W'')`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TwoStage<A, N, B, Q = Waits>(PhantomData<(A, N, B, Q)>);

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
    C1 = Plain,
    C2 = Plain,
    G = Additive,
    Q = Waits,
> = Recurrent<TwoStage<Conv2d<I, M, K1, S1, C1>, N, Conv2d<M, O, K2, S2, C2>, Q>, R, T, G>;

/// What a layer does between its stages while it has no input.
pub trait WithoutInput: Clone + Debug + 'static {
    /// Whether zeros stand between its stages.
    const RESTS: bool;
}
/// It has no signal either, unless its recurrence brings one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Waits;
impl WithoutInput for Waits {
    const RESTS: bool = false;
}
/// Zeros stand between its stages, so that the second one and all that follows runs from the first step on, as in
/// CORnet-RT (Kubilius et al. 2018).
#[derive(Clone, Copy, Debug, Default)]
pub struct Rests;
impl WithoutInput for Rests {
    const RESTS: bool = true;
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
        _ => None,
    };
    type In = Const<I>;
    type Middle = Const<M>;
    type Out = Const<O>;
    type Kernel = Const<K1>;

    fn first<B: Dim, H: Dim, W: Dim, Hm: Dim, Wm: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: &MapOf<B, Self::In, H, W, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, Self::Middle, Hm, Wm, E, D>> {
        let x = N::apply(&built.between, built.conv.drive(x, cx)?, cx)?;
        ops::relu(x, cx)
    }

    fn second<B: Dim, Hm: Dim, Wm: Dim, Ho: Dim, Wo: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: MapOf<B, Self::Middle, Hm, Wm, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, Self::Out, Ho, Wo, E, D>> {
        built.conv2.apply(&x, None, cx)
    }

    fn without_input<B: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        [rows, columns]: [usize; 2],
        cx: &mut Cx<T>,
    ) -> Result<Signal<(B, Self::Middle, usize, usize), E, D>> {
        if !Q::RESTS {
            return Ok(None);
        }
        let unknown = || Error::Setting("a layer without an input cannot rest before any area had one".into());
        let batch = cx.batch().and_then(B::from_size).ok_or_else(unknown)?;
        let zeros = built.conv.weight.device().try_zeros_like(&(batch, Const, rows, columns));
        zeros.map(Some).map_err(Error::device)
    }
}

pub(crate) mod built {
    use dfdx::nn::{ModuleVisitor, TensorCollection};
    use dfdx::prelude::{Device, Dtype};

    /// The weights of a [`TwoStage`](super::TwoStage).
    #[derive(Clone, Debug)]
    pub struct TwoStage<A, N, B> {
        /// The first convolution.
        pub conv: A,
        /// What is between.
        pub between: N,
        /// The second convolution.
        pub conv2: B,
    }

    impl<A, N, B, E: Dtype, D: Device<E>> TensorCollection<E, D> for TwoStage<A, N, B>
    where
        A: TensorCollection<E, D>,
        N: TensorCollection<E, D>,
        B: TensorCollection<E, D>,
    {
        type To<E2: Dtype, D2: Device<E2>> = TwoStage<A::To<E2, D2>, N::To<E2, D2>, B::To<E2, D2>>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            visitor.visit_fields(
                (
                    Self::module("conv", |s| &s.conv, |s| &mut s.conv),
                    Self::module("mid_modules", |s| &s.between, |s| &mut s.between),
                    Self::module("conv2", |s| &s.conv2, |s| &mut s.conv2),
                ),
                |(conv, between, conv2)| TwoStage { conv, between, conv2 },
            )
        }
    }
}
