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
    const RECURRENT: bool = false;
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
            Some(shortcut) => BatchNorm::<O>::apply(&shortcut.norm, shortcut.conv.drive(&x, cx)?, cx)?,
            None => ops::retyped("shortcut of a residual block", x, cx)?,
        };
        ops::relu(ops::add(y, &short, cx)?, cx).map(Some)
    }
}

/// Layers one after the other, as one: `A`, then `N - 1` times `R`, which keeps its channels and size if there is more than
/// one of it. None of them sees a past: their recurrences are silent, so an area that is a chain should be one of layers
/// without.
///
/// ```
/// use dynvision::{geometry::Map, nn::{BasicBlock, Chain, Layer}};
/// type Stage = Chain<BasicBlock<64, 128, 2>, BasicBlock<128, 128>, 4>;
/// assert_eq!(Stage::GEOMETRY.apply(Map::new(64, 56, 56)), Map::new(128, 28, 28));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Chain<A, R, const N: usize = 2>(PhantomData<(A, R)>);

impl<A: Spec, R: Spec, const N: usize> Spec for Chain<A, R, N> {
    type Built<E: Dtype, D: Device<E>> = built::Chain<A::Built<E, D>, R::Built<E, D>, N>;

    fn converted<E: Dtype, D: Device<E>, E2: Dtype, D2: Device<E2>>(
        it: <Self::Built<E, D> as TensorCollection<E, D>>::To<E2, D2>,
    ) -> Self::Built<E2, D2> {
        built::Chain {
            first: A::converted::<E, D, E2, D2>(it.first),
            rest: it.rest.into_iter().map(R::converted::<E, D, E2, D2>).collect(),
        }
    }
}

impl<A: Layer + 'static, R: Layer<In = A::Out>, const N: usize> Layer for Chain<A, R, N> {
    const GEOMETRY: Geometry = {
        let [mut first, mut second] = A::GEOMETRY.windows;
        let all = Geometry::conv(A::In::SIZE, if N < 2 { A::Out::SIZE } else { R::Out::SIZE }, first);
        first = first.before(second);
        second = Window::POINT;
        let mut more = N;
        while more > 1 {
            second = second.before(R::GEOMETRY.windows[0]).before(R::GEOMETRY.windows[1]);
            more -= 1;
        }
        Geometry { windows: [first, second], ..all }
    };
    const MISFIT: Option<&'static str> = match (A::MISFIT, R::MISFIT) {
        (Some(misfit), _) | (None, Some(misfit)) => Some(misfit),
        _ if A::RECURRENT || R::RECURRENT => Some("a layer of a chain does not see its past; give it `NoRecurrence`"),
        _ if N < 2 => Some("a chain has at least two layers"),
        _ if N > 2 && !(R::In::SIZE == R::Out::SIZE && keeps_size(R::GEOMETRY)) => {
            Some("a layer that comes more than once in a chain keeps channels and size")
        }
        _ => None,
    };
    const RECURRENT: bool = false;
    type In = A::In;
    type Out = R::Out;

    fn step<B: Dim, H: ConstDim, W: ConstDim, Ho: ConstDim, Wo: ConstDim, E, D, T>(
        built: &Self::Built<E, D>,
        x: Signal<(B, A::In, H, W), E, D>,
        _: &History<(B, R::Out, Ho, Wo), E, D>,
        cx: &mut Cx<T>,
    ) -> Result<Signal<(B, R::Out, Ho, Wo), E, D>>
    where
        E: Element,
        D: VisionDevice<E>,
        T: Tape<E, D>,
    {
        type Between<L, B, H, W, E, D> = MapOf<B, <L as Layer>::Out, Behind<L, H>, Behind<L, W>, E, D>;
        let x = A::step::<B, H, W, Behind<A, H>, Behind<A, W>, E, D, T>(&built.first, x, &History::default(), cx)?;
        let Some((last, between)) = built.rest.split_last() else {
            return x.map(|x| ops::retyped("answer of a chain", x, cx)).transpose();
        };
        let mut x: Option<Between<A, B, H, W, E, D>> = x;
        for layer in between {
            let y = R::step::<B, Behind<A, H>, Behind<A, W>, Behind<A, H>, Behind<A, W>, E, D, T>(
                layer,
                x,
                &History::default(),
                cx,
            )?;
            x = y.map(|y| ops::retyped("layer of a chain", y, cx)).transpose()?;
        }
        R::step::<B, Behind<A, H>, Behind<A, W>, Ho, Wo, E, D, T>(last, x, &History::default(), cx)
    }
}

const fn keeps_size(geometry: Geometry) -> bool {
    let [first, second] = geometry.windows;
    let keeps = first.before(second);
    keeps.stride == 1 && keeps.extent() == 2 * keeps.padding + 1
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
    const SIZE: usize = L::GEOMETRY.windows[1].output_len(L::GEOMETRY.windows[0].output_len(H::SIZE));
}

pub(crate) mod built {
    use super::*;
    use crate::nn::optional::Optional;
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
        Projection<Conv<I, O, 1, S, E, D>, weights::BatchNorm<O, E, D>>;

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
                    Optional(downsample),
                ),
                |(conv1, bn1, conv2, bn2, downsample)| BasicBlock { conv1, bn1, conv2, bn2, downsample },
            )
        }
    }

    /// The weights of a shortcut that is a convolution.
    #[derive(Clone, Debug)]
    pub struct Projection<C, N> {
        /// The convolution.
        pub conv: C,
        /// The norm after it.
        pub norm: N,
    }

    impl<C: TensorCollection<E, D>, N: TensorCollection<E, D>, E: Dtype, D: Device<E>> TensorCollection<E, D>
        for Projection<C, N>
    {
        type To<E2: Dtype, D2: Device<E2>> = Projection<C::To<E2, D2>, N::To<E2, D2>>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            visitor.visit_fields(
                (Self::module("0", |s| &s.conv, |s| &mut s.conv), Self::module("1", |s| &s.norm, |s| &mut s.norm)),
                |(conv, norm)| Projection { conv, norm },
            )
        }
    }

    /// The weights of a [`Chain`](super::Chain); their names are numbers from 0 on.
    #[derive(Clone, Debug)]
    pub struct Chain<A, R, const N: usize> {
        /// The first layer.
        pub first: A,
        /// The `N - 1` others.
        pub rest: Vec<R>,
    }

    impl<A: TensorCollection<E, D>, R: TensorCollection<E, D>, const N: usize, E: Dtype, D: Device<E>>
        TensorCollection<E, D> for Chain<A, R, N>
    {
        type To<E2: Dtype, D2: Device<E2>> = Chain<A::To<E2, D2>, R::To<E2, D2>, N>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            let names: Vec<String> = (1..N).map(|i| i.to_string()).collect();
            let more = names
                .iter()
                .enumerate()
                .map(|(i, name)| Self::module(name, move |s: &Self| &s.rest[i], move |s: &mut Self| &mut s.rest[i]));
            let rest: Vec<_> = more.collect();
            visitor.visit_fields((Self::module("0", |s| &s.first, |s| &mut s.first), rest), |(first, rest)| Chain {
                first,
                rest,
            })
        }
    }
}
