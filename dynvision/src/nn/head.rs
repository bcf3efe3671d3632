//! Readouts of several layers.

use super::conv_options::{ConvOptions, DefaultOptions};
use super::dropout::in_training;
use super::init::HeNormal;
use super::optional::modules;
use super::{Empty, Linear, Readout, Spec, built as weights};
use crate::error::Result;
use crate::geometry::Features;
use crate::kernels::{Element, Maps, Matrix, VisionDevice};
use crate::ops;
use crate::unroll::Context;
use dfdx::nn::TensorCollection;
use dfdx::prelude::{Const, ConstDim, Device, Dtype, HasShape, Tape};
use std::marker::PhantomData;

/// The layers of a readout, from features to classes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the head of a readout",
    label = "expected `Linear<FEATURES, CLASSES>` or `Mlp<FEATURES, UNITS, ..>`"
)]
pub trait Head: Spec {
    /// Features taken.
    type Features: ConstDim;
    /// The number of classes.
    type Classes: ConstDim;

    /// Computes the logits.
    ///
    /// # Shapes
    /// `(B, Features)` to `(B, Classes)`.
    ///
    /// # Errors
    /// Those of the operations that it calls.
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Matrix<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Matrix<E, D>>;
}

impl<const F: usize, const N: usize, C: ConvOptions> Head for Linear<F, N, C> {
    type Features = Const<F>;
    type Classes = Const<N>;

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Matrix<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Matrix<E, D>> {
        built.forward(x, cx)
    }
}

/// A hidden layer of `M` units before the rest `R` of a head, so that several make a multilayer perceptron: dropout of the
/// features with `PERCENT / 100`, a linear map, rectification. `C` are the options of the linear map.
///
/// # Shapes
/// `(B, F)` to `(B, M)`, then what `R` makes of it.
///
/// ```
/// use dynvision::nn::{Head, Linear, Mlp};
/// use dfdx::prelude::{Const, ConstDim};
/// type Deep = Mlp<256, 64, Linear<64, 10>, 50>;
/// assert_eq!(<<Deep as Head>::Features as ConstDim>::SIZE, 256);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Mlp<const F: usize, const M: usize, R, const PERCENT: usize = 0, C = DefaultOptions<HeNormal>>(
    PhantomData<(R, C)>,
);

impl<const F: usize, const M: usize, R: Spec, const PERCENT: usize, C: ConvOptions> Spec for Mlp<F, M, R, PERCENT, C> {
    type Built<E: Dtype, D: Device<E>> = built::Mlp<weights::Linear<F, M, C, E, D>, R::Built<E, D>>;

    fn converted<E: Dtype, D: Device<E>, E2: Dtype, D2: Device<E2>>(
        it: <Self::Built<E, D> as TensorCollection<E, D>>::To<E2, D2>,
    ) -> Self::Built<E2, D2> {
        built::Mlp { linear: it.linear, next: R::converted::<E, D, E2, D2>(it.next) }
    }
}

impl<const F: usize, const M: usize, R: Head<Features = Const<M>>, const PERCENT: usize, C: ConvOptions> Head
    for Mlp<F, M, R, PERCENT, C>
{
    type Features = Const<F>;
    type Classes = R::Classes;

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Matrix<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Matrix<E, D>> {
        const { assert!(PERCENT < 100, "dropout silences less than 100 percent of the features") };
        let x = in_training(PERCENT, x, cx)?;
        let y = built.linear.forward(x, cx)?;
        // as maps: dfdx's own rectification would make zero of what is no number
        let (b, m) = *y.shape();
        let y = ops::relu(ops::reshaped(y, &(b, m, 1, 1))?, cx)?;
        R::forward(&built.next, ops::reshaped(y, &(b, m))?, cx)
    }
}

/// A readout of the mean of each channel, by a [`Head`].
///
/// # Shapes
/// `(B, F, H, W)` to `(B, N)`.
///
/// ```
/// use dynvision::{geometry::Features, nn::{Mlp, Linear, GlobalAvgPool, Readout}};
/// type Deep = GlobalAvgPool<Mlp<256, 64, Linear<64, 10>>>;
/// assert_eq!(Deep::FEATURES, Features::Channels(256));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct GlobalAvgPool<H>(PhantomData<H>);
/// A readout of the maximum of each channel, by a [`Head`]. The first of equal maxima receives the
/// gradient.
///
/// # Shapes
/// `(B, F, H, W)` to `(B, N)`.
///
/// ```
/// use dynvision::{geometry::Features, nn::{Linear, GlobalMaxPool, Readout}};
/// assert_eq!(<GlobalMaxPool<Linear<32, 10>>>::FEATURES, Features::Channels(32));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct GlobalMaxPool<H>(PhantomData<H>);
/// A readout of every unit of the last area, by a [`Head`]: units in the order of channels, rows, columns.
///
/// # Shapes
/// `(B, C, H, W)` with `F = C H W`, to `(B, N)`.
///
/// ```
/// use dynvision::{geometry::Features, nn::{Mlp, Linear, Flatten, Readout}};
/// /// That of AlexNet (Krizhevsky, Sutskever and Hinton 2012), behind an area of 256x6x6.
/// type Head = Flatten<Mlp<9216, 4096, Mlp<4096, 4096, Linear<4096, 1000>, 50>, 50>>;
/// assert_eq!(Head::FEATURES, Features::Units(256 * 6 * 6));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Flatten<H>(PhantomData<H>);
/// A readout of the means of `Y` x `X` regions of each of `C` channels, by a [`Head`] of `C Y X` features, in the order of
/// channels, rows, columns. It takes maps of any size, as the networks of torchvision do.
///
/// # Shapes
/// `(B, C, H, W)` to `(B, N)`.
///
/// ```
/// use dynvision::{geometry::Features, nn::{Mlp, Linear, AdaptiveAvgPool, Readout}};
/// type Deep = AdaptiveAvgPool<16, 2, 2, Mlp<64, 32, Linear<32, 10>>>;
/// assert_eq!(Deep::FEATURES, Features::Channels(16));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AdaptiveAvgPool<const C: usize, const Y: usize, const X: usize, H>(PhantomData<H>);

macro_rules! reads_by_its_head {
    ([$($grid:tt)*] $readout:ty, $features:expr, |$x:ident, $cx:ident| $flat:expr) => {
        impl<$($grid)* P: Spec> Spec for $readout {
            type Built<E: Dtype, D: Device<E>> = P::Built<E, D>;

            fn converted<E: Dtype, D: Device<E>, E2: Dtype, D2: Device<E2>>(
                it: <Self::Built<E, D> as TensorCollection<E, D>>::To<E2, D2>,
            ) -> Self::Built<E2, D2> {
                P::converted::<E, D, E2, D2>(it)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$($grid)* P: Head> Readout for $readout {
            const FEATURES: Features = $features;
            type Classes = P::Classes;

            fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
                built: &Self::Built<E, D>,
                $x: Maps<E, D>,
                $cx: &mut Context<E, D, T>,
            ) -> Result<Matrix<E, D>> {
                let features = $flat?;
                P::forward(built, features, $cx)
            }
        }
    };
}
reads_by_its_head!([] GlobalAvgPool<P>, Features::Channels(P::Features::SIZE), |x, cx| ops::global_avg_pool(&x, cx));
reads_by_its_head!([] GlobalMaxPool<P>, Features::Channels(P::Features::SIZE), |x, cx| ops::global_max_pool(&x, cx));
reads_by_its_head!([] Flatten<P>, Features::Units(P::Features::SIZE), |x, cx| ops::flatten(x, cx));
reads_by_its_head!([const F: usize, const Y: usize, const X: usize,] AdaptiveAvgPool<F, Y, X, P>, {
    assert!(F * Y * X == P::Features::SIZE, "the head takes as many features as there are channels times regions");
    Features::Channels(F)
}, |x, cx| {
    let x = ops::adaptive_avg_pool2d(&x, [Y, X], cx)?;
    ops::flatten(x, cx)
});

/// The head that is nothing: the `N` features are the logits, as of an area whose units are the classes: counted spikes,
/// gathered evidence.
///
/// # Shapes
/// `(B, N)`, as it was.
///
/// ```
/// use dynvision::{geometry::Features, nn::{Flatten, Readout, Units}};
/// assert_eq!(<Flatten<Units<10>>>::FEATURES, Features::Units(10));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Units<const N: usize>;
crate::spec!(impl [const N: usize] Units<N> => Empty);
impl<const N: usize> Head for Units<N> {
    type Features = Const<N>;
    type Classes = Const<N>;

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: Matrix<E, D>,
        _: &mut Context<E, D, T>,
    ) -> Result<Matrix<E, D>> {
        Ok(x)
    }
}

pub(crate) mod built {
    use super::modules;

    modules! {
        /// The weights of an [`Mlp`](super::Mlp).
        pub struct Mlp {
            /// The linear map.
            pub linear: L = "linear",
            /// The layers after it.
            pub next: R = "next",
        }
    }
}
