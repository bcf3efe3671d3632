//! Residual blocks, and layers one after the other.

use super::{BatchNorm, Layer, NoBias, Operation, Spec, built as weights};
use crate::error::Result;
use crate::geometry::{Geometry, Window};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops;
use crate::unroll::{Context, Past};
use dfdx::nn::TensorCollection;
use dfdx::prelude::{Const, Device, Dtype, Tape};
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

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Option<Maps<E, D>>,
        _: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        let Some(x) = x else { return Ok(None) };
        let y = built.conv1.forward_once(&x, cx)?;
        let y = BatchNorm::<O>::forward(&built.bn1, y, cx)?;
        let y = ops::relu(y, cx)?;
        let y = built.conv2.forward(&y, None, cx)?;
        let y = BatchNorm::<O>::forward(&built.bn2, y, cx)?;
        let short = match &built.downsample {
            Some(shortcut) => {
                let short = shortcut.conv.forward_once(&x, cx)?;
                BatchNorm::<O>::forward(&shortcut.norm, short, cx)?
            }
            None => x,
        };
        let y = ops::add(y, &short, cx)?;
        ops::relu(y, cx).map(Some)
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

impl<A: Layer, R: Layer, const N: usize> Layer for Chain<A, R, N> {
    const GEOMETRY: Geometry = {
        let [mut first, mut second] = A::GEOMETRY.windows;
        let last = if N < 2 { A::GEOMETRY } else { R::GEOMETRY };
        let all = Geometry::conv(channels(A::GEOMETRY).0, channels(last).1, first);
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
        _ if channels(A::GEOMETRY).1 != channels(R::GEOMETRY).0 => {
            Some("the second layer of a chain takes as many channels as the first one gives")
        }
        _ if N > 2 && !(keeps_channels(R::GEOMETRY) && keeps_size(R::GEOMETRY)) => {
            Some("a layer that comes more than once in a chain keeps channels and size")
        }
        _ => None,
    };
    const RECURRENT: bool = false;

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Option<Maps<E, D>>,
        _: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        let none = Past::default();
        let mut x = A::forward(&built.first, x, &none, cx)?;
        let mut geometry = A::GEOMETRY;
        for layer in &built.rest {
            cx.set_input(geometry.apply(cx.input()));
            x = R::forward(layer, x, &none, cx)?;
            geometry = R::GEOMETRY;
        }
        Ok(x)
    }
}

/// Channels taken and produced; 0 where a geometry leaves them open.
const fn channels(geometry: Geometry) -> (usize, usize) {
    match geometry.channels {
        Some(channels) => channels,
        None => (0, 0),
    }
}

const fn keeps_channels(geometry: Geometry) -> bool {
    let (takes, gives) = channels(geometry);
    takes == gives
}

const fn keeps_size(geometry: Geometry) -> bool {
    let [first, second] = geometry.windows;
    let keeps = first.before(second);
    keeps.stride == 1 && keeps.extent() == 2 * keeps.padding + 1
}

pub(crate) mod built {
    use super::*;
    use crate::nn::optional::{modules, optional_module};
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
            let projects = super::BasicBlock::<I, O, S>::PROJECTS;
            let downsample = optional_module(projects, "downsample", |s: &Self| &s.downsample, |s| &mut s.downsample);
            visitor.visit_fields(
                (
                    Self::module("conv1", |s| &s.conv1, |s| &mut s.conv1),
                    Self::module("bn1", |s| &s.bn1, |s| &mut s.bn1),
                    Self::module("conv2", |s| &s.conv2, |s| &mut s.conv2),
                    Self::module("bn2", |s| &s.bn2, |s| &mut s.bn2),
                    downsample,
                ),
                |(conv1, bn1, conv2, bn2, downsample)| BasicBlock { conv1, bn1, conv2, bn2, downsample },
            )
        }
    }

    modules! {
        /// The weights of a shortcut that is a convolution.
        pub struct Projection {
            /// The convolution.
            pub conv: C = "0",
            /// The norm after it.
            pub norm: N = "1",
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
