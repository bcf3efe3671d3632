//! Residual blocks, and layers one after the other.

use super::{BatchNorm, Layer, MapOf, NoBias, Operation, Signal, Spec, built as weights};
use crate::cx::Cx;
use crate::error::Result;
use crate::geometry::{Geometry, Window};
use crate::kernels::{Element, VisionDevice};
use crate::ops;
use crate::time::History;
use dfdx::nn::TensorCollection;
use dfdx::prelude::{Const, ConstDim, Device, Dim, Dtype, Tape};
use std::marker::PhantomData;

/// A basic block of a residual network (He et al. 2016): `relu(bn(conv(relu(bn(conv(x))))) + s(x))`, with 3x3 convolutions
/// without bias, the first of stride `S`. The shortcut `s` is `x` itself, or, where channels or size change, a 1x1
/// convolution of stride `S` and a norm. It has no past.
///
/// # Shapes
/// `(B, I, H, W)` to `(B, O, H', W')` with `H' = (H - 1) / S + 1`.
///
/// ```
/// use dynvision::{geometry::Map, nn::{BasicBlock, Layer}};
/// assert_eq!(BasicBlock::<64, 128, 2>::GEOMETRY.apply(Map::new(64, 56, 56)), Map::new(128, 28, 28));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct BasicBlock<const I: usize, const O: usize, const S: usize = 1>;

impl<const I: usize, const O: usize, const S: usize> BasicBlock<I, O, S> {
    /// Whether the shortcut is a convolution.
    pub const PROJECTS: bool = I != O || S != 1;
}

crate::spec!(impl [const I: usize, const O: usize, const S: usize] BasicBlock<I, O, S>
    => built::BasicBlock<I, O, S, E, D>);

impl<const I: usize, const O: usize, const S: usize> Layer for BasicBlock<I, O, S> {
    const GEOMETRY: Geometry = Geometry::conv(I, O, Window::same(3, S)).then(Window::same(3, 1));
    type In = Const<I>;
    type Out = Const<O>;

    fn step<B: Dim, H: ConstDim, W: ConstDim, Ho: ConstDim, Wo: ConstDim, E, D, T>(
        built: &Self::Built<E, D>,
        x: Signal<(B, Const<I>, H, W), E, D>,
        _: &History<(B, Const<O>, Ho, Wo), E, D>,
        cx: &mut Cx<T>,
    ) -> Result<Signal<(B, Const<O>, Ho, Wo), E, D>>
    where
        E: Element,
        D: VisionDevice<E>,
        T: Tape<E, D>,
    {
        type Out<B, const O: usize, H, W, E, D> = MapOf<B, Const<O>, H, W, E, D>;
        let Some(x) = x else { return Ok(None) };
        let y: Out<B, O, Ho, Wo, E, D> = built.conv1.drive(&x, cx)?;
        let y = ops::relu(BatchNorm::<O>::apply(&built.bn1, y, cx)?, cx)?;
        let y: Out<B, O, Ho, Wo, E, D> = built.conv2.apply(&y, None, cx)?;
        let y = BatchNorm::<O>::apply(&built.bn2, y, cx)?;
        let short: Out<B, O, Ho, Wo, E, D> = match &built.downsample {
            Some(shortcut) => BatchNorm::<O>::apply(&shortcut.second, shortcut.first.drive(&x, cx)?, cx)?,
            None => ops::retyped("shortcut of a residual block", x, cx)?,
        };
        ops::relu(ops::add(y, &short, cx)?, cx).map(Some)
    }
}

/// Two layers, the second after the first, as one. Neither sees a past: their recurrences are silent, so an area that is a
/// chain should be one of layers without.
///
/// ```
/// use dynvision::{geometry::Map, nn::{BasicBlock, Chain, Layer}};
/// type Stage = Chain<BasicBlock<64, 128, 2>, BasicBlock<128, 128>>;
/// assert_eq!(Stage::GEOMETRY.apply(Map::new(64, 56, 56)), Map::new(128, 28, 28));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Chain<A, B>(PhantomData<(A, B)>);

impl<A: Spec, B: Spec> Spec for Chain<A, B> {
    type Built<E: Dtype, D: Device<E>> = built::Chain<A::Built<E, D>, B::Built<E, D>>;

    fn converted<E: Dtype, D: Device<E>, E2: Dtype, D2: Device<E2>>(
        it: <Self::Built<E, D> as TensorCollection<E, D>>::To<E2, D2>,
    ) -> Self::Built<E2, D2> {
        built::Chain { first: A::converted::<E, D, E2, D2>(it.first), second: B::converted::<E, D, E2, D2>(it.second) }
    }
}

impl<A: Layer + 'static, N: Layer<In = A::Out>> Layer for Chain<A, N> {
    const GEOMETRY: Geometry = {
        let (first, second) = (A::GEOMETRY.windows, N::GEOMETRY.windows);
        Geometry::conv(A::In::SIZE, N::Out::SIZE, first[0].before(first[1])).then(second[0].before(second[1]))
    };
    const MISFIT: Option<&'static str> = match A::MISFIT {
        Some(misfit) => Some(misfit),
        None => N::MISFIT,
    };
    type In = A::In;
    type Out = N::Out;

    fn step<B: Dim, H: ConstDim, W: ConstDim, Ho: ConstDim, Wo: ConstDim, E, D, T>(
        built: &Self::Built<E, D>,
        x: Signal<(B, A::In, H, W), E, D>,
        _: &History<(B, N::Out, Ho, Wo), E, D>,
        cx: &mut Cx<T>,
    ) -> Result<Signal<(B, N::Out, Ho, Wo), E, D>>
    where
        E: Element,
        D: VisionDevice<E>,
        T: Tape<E, D>,
    {
        let x = A::step::<B, H, W, Behind<A, H>, Behind<A, W>, E, D, T>(&built.first, x, &History::default(), cx)?;
        N::step::<B, Behind<A, H>, Behind<A, W>, Ho, Wo, E, D, T>(&built.second, x, &History::default(), cx)
    }
}

/// Rows, or columns, behind a layer `L` that takes `H`.
struct Behind<L, H>(PhantomData<fn() -> (L, H)>);
impl<L, H> Clone for Behind<L, H> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<L, H> Copy for Behind<L, H> {}
impl<L, H> Default for Behind<L, H> {
    fn default() -> Self {
        Behind(PhantomData)
    }
}
impl<L, H> PartialEq for Behind<L, H> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl<L, H> Eq for Behind<L, H> {}
impl<L: Layer + 'static, H: ConstDim> std::fmt::Debug for Behind<L, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", Self::SIZE)
    }
}
impl<L: Layer + 'static, H: ConstDim> Dim for Behind<L, H> {
    fn size(&self) -> usize {
        Self::SIZE
    }
    fn from_size(size: usize) -> Option<Self> {
        (size == Self::SIZE).then(Self::default)
    }
}
impl<L: Layer + 'static, H: ConstDim> ConstDim for Behind<L, H> {
    const SIZE: usize = L::GEOMETRY.windows[1].places(L::GEOMETRY.windows[0].places(H::SIZE));
}

pub(crate) mod built {
    use super::*;
    use dfdx::nn::{ModuleVisitor, TensorCollection};

    type Conv<const I: usize, const O: usize, const K: usize, const S: usize, E, D> =
        weights::Conv2d<Const<I>, Const<O>, Const<K>, S, NoBias, E, D>;

    /// The weights of a [`BasicBlock`](super::BasicBlock).
    #[derive(Clone, Debug)]
    pub struct BasicBlock<const I: usize, const O: usize, const S: usize, E: Dtype, D: Device<E>> {
        /// The first convolution.
        pub conv1: Conv<I, O, 3, S, E, D>,
        /// The norm after it.
        pub bn1: weights::BatchNorm<O, E, D>,
        /// The second convolution.
        pub conv2: Conv<O, O, 3, 1, E, D>,
        /// The norm after it.
        pub bn2: weights::BatchNorm<O, E, D>,
        /// The shortcut's convolution and norm, where it has one.
        pub downsample: Option<Shortcut<I, O, S, E, D>>,
    }
    type Shortcut<const I: usize, const O: usize, const S: usize, E, D> =
        Chain<Conv<I, O, 1, S, E, D>, weights::BatchNorm<O, E, D>>;

    impl<const I: usize, const O: usize, const S: usize, E: Dtype, D: Device<E>> TensorCollection<E, D>
        for BasicBlock<I, O, S, E, D>
    {
        type To<E2: Dtype, D2: Device<E2>> = BasicBlock<I, O, S, E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            #[allow(clippy::expect_used)] // the field is there by the same constant by which it is visited
            let downsample = super::BasicBlock::<I, O, S>::PROJECTS.then(|| {
                Self::module(
                    "downsample",
                    |s| s.downsample.as_ref().expect("a block that projects has a shortcut"),
                    |s| s.downsample.as_mut().expect("a block that projects has a shortcut"),
                )
            });
            visitor.visit_fields(
                (
                    Self::module("conv1", |s| &s.conv1, |s| &mut s.conv1),
                    Self::module("bn1", |s| &s.bn1, |s| &mut s.bn1),
                    Self::module("conv2", |s| &s.conv2, |s| &mut s.conv2),
                    Self::module("bn2", |s| &s.bn2, |s| &mut s.bn2),
                    downsample.into_iter().collect::<Vec<_>>(),
                ),
                |(conv1, bn1, conv2, bn2, downsample)| BasicBlock {
                    conv1,
                    bn1,
                    conv2,
                    bn2,
                    downsample: downsample.into_iter().next(),
                },
            )
        }
    }

    /// The weights of two parts, one after the other.
    #[derive(Clone, Debug)]
    pub struct Chain<A, B> {
        /// The first part.
        pub first: A,
        /// The second part.
        pub second: B,
    }

    impl<A: TensorCollection<E, D>, B: TensorCollection<E, D>, E: Dtype, D: Device<E>> TensorCollection<E, D>
        for Chain<A, B>
    {
        type To<E2: Dtype, D2: Device<E2>> = Chain<A::To<E2, D2>, B::To<E2, D2>>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            visitor.visit_fields(
                (
                    Self::module("0", |s| &s.first, |s| &mut s.first),
                    Self::module("1", |s| &s.second, |s| &mut s.second),
                ),
                |(first, second)| Chain { first, second },
            )
        }
    }
}
