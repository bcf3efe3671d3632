//! Readouts of several layers.

use super::conv::{ConvOptions, Plain};
use super::init::HeNormal;
use super::{Features, Linear, Readout, Signal, Spec, built as weights};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops::{self, erased, reshaped};
use dfdx::nn::TensorCollection;
use dfdx::prelude::{Const, ConstDim, Device, Dim, Dtype, HasShape, Tape, Tensor};
use std::marker::PhantomData;

/// What a readout does to its features: layers from features to classes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the head of a readout",
    label = "expected `Linear<FEATURES, CLASSES>` or `Hidden<FEATURES, UNITS, ..>`"
)]
pub trait Head: Spec {
    /// Features taken.
    type Features: ConstDim;
    /// Classes given.
    type Classes: ConstDim;

    /// The device that holds the weights.
    fn device<E: Element, D: VisionDevice<E>>(built: &Self::Built<E, D>) -> &D;

    /// The logits.
    ///
    /// # Shapes
    /// `(B, Features)` to `(B, Classes)`.
    ///
    /// # Errors
    /// Those of its operations.
    fn read<B: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Tensor<(B, Self::Features), E, D>,
        cx: &mut Cx<T>,
    ) -> Result<Tensor<(B, Self::Classes), E, D>>;
}

impl<const F: usize, const N: usize, C: ConvOptions> Head for Linear<F, N, C> {
    type Features = Const<F>;
    type Classes = Const<N>;

    fn device<E: Element, D: VisionDevice<E>>(built: &Self::Built<E, D>) -> &D {
        built.weight.device()
    }

    fn read<B: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Tensor<(B, Const<F>), E, D>,
        cx: &mut Cx<T>,
    ) -> Result<Tensor<(B, Const<N>), E, D>> {
        built.apply(x, cx)
    }
}

/// A hidden layer of `M` units before the rest `R` of a head: dropout of the features with `PERCENT / 100`, a linear map,
/// rectification. `C` are the options of the linear map.
///
/// # Shapes
/// `(B, F)` to `(B, M)`, then what `R` makes of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hidden<const F: usize, const M: usize, R, const PERCENT: usize = 0, C = Plain<HeNormal>>(
    PhantomData<(R, C)>,
);

impl<const F: usize, const M: usize, R: Spec, const PERCENT: usize, C: ConvOptions> Spec
    for Hidden<F, M, R, PERCENT, C>
{
    type Built<E: Dtype, D: Device<E>> = built::Hidden<weights::Linear<F, M, C, E, D>, R::Built<E, D>>;

    fn converted<E: Dtype, D: Device<E>, E2: Dtype, D2: Device<E2>>(
        it: <Self::Built<E, D> as TensorCollection<E, D>>::To<E2, D2>,
    ) -> Self::Built<E2, D2> {
        built::Hidden { linear: it.linear, next: R::converted::<E, D, E2, D2>(it.next) }
    }
}

impl<const F: usize, const M: usize, R: Head<Features = Const<M>>, const PERCENT: usize, C: ConvOptions> Head
    for Hidden<F, M, R, PERCENT, C>
{
    type Features = Const<F>;
    type Classes = R::Classes;

    fn device<E: Element, D: VisionDevice<E>>(built: &Self::Built<E, D>) -> &D {
        R::device(&built.next)
    }

    fn read<B: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Tensor<(B, Const<F>), E, D>,
        cx: &mut Cx<T>,
    ) -> Result<Tensor<(B, R::Classes), E, D>> {
        const { assert!(PERCENT < 100, "dropout silences less than 100 percent of the features") };
        let x = ops::dropout(PERCENT as f64 / 100.0, x, cx)?;
        let y = built.linear.apply(x, cx)?;
        let y = cx.run(y, |y| y.try_relu())?;
        R::read(&built.next, y, cx)
    }
}

/// A readout of the mean of each channel, by a [`Head`].
///
/// # Shapes
/// `(B, F, H, W)` to `(B, N)`.
///
/// ```
/// use dynvision::nn::{Features, Hidden, Linear, OverChannels, Readout};
/// type Deep = OverChannels<Hidden<256, 64, Linear<64, 10>>>;
/// assert_eq!(Deep::FEATURES, Features::Channels(256));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct OverChannels<H>(PhantomData<H>);
/// A readout of every unit of the last area, by a [`Head`]: units in the order of channels, rows, columns.
///
/// # Shapes
/// `(B, C, H, W)` with `F = C H W`, to `(B, N)`.
///
/// ```
/// use dynvision::nn::{Features, Hidden, Linear, OverUnits, Readout};
/// /// That of AlexNet (Krizhevsky, Sutskever and Hinton 2012), behind an area of 256x6x6.
/// type Head = OverUnits<Hidden<9216, 4096, Hidden<4096, 4096, Linear<4096, 1000>, 50>, 50>>;
/// assert_eq!(Head::FEATURES, Features::Units(256 * 6 * 6));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct OverUnits<H>(PhantomData<H>);
/// A readout of the means of `Y` x `X` regions of each of `C` channels, by a [`Head`] of `C Y X` features, in the order of
/// channels, rows, columns. It takes maps of any size, as the networks of torchvision do.
///
/// # Shapes
/// `(B, C, H, W)` to `(B, N)`.
///
/// ```
/// use dynvision::nn::{Features, Hidden, Linear, OverGrid, Readout};
/// type Deep = OverGrid<16, 2, 2, Hidden<64, 32, Linear<32, 10>>>;
/// assert_eq!(Deep::FEATURES, Features::Channels(16));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct OverGrid<const C: usize, const Y: usize, const X: usize, H>(PhantomData<H>);

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

            fn read<B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
                built: &Self::Built<E, D>,
                x: Signal<(B, C, H, W), E, D>,
                batch: B,
                $cx: &mut Cx<T>,
            ) -> Result<Tensor<(B, P::Classes), E, D>> {
                match x {
                    Some($x) => P::read(built, $flat?, $cx),
                    None => silent::<P, B, E, D>(built, batch),
                }
            }
        }
    };
}
reads_by_its_head!([] OverChannels<P>, Features::Channels(P::Features::SIZE), |x, cx| ops::global_avg_pool(&x, cx));
reads_by_its_head!([] OverUnits<P>, Features::Units(P::Features::SIZE), |x, cx| {
    let x = erased(&x, cx)?;
    flat::<P::Features, B, E, D>(x)
});
reads_by_its_head!([const F: usize, const Y: usize, const X: usize,] OverGrid<F, Y, X, P>, {
    assert!(F * Y * X == P::Features::SIZE, "the head takes as many features as there are channels times regions");
    Features::Channels(F)
}, |x, cx| {
    let x = ops::adaptive_avg_pool2d(&x, [Y, X], cx)?;
    flat::<P::Features, B, E, D>(x)
});

/// All units of each sample as its features.
fn flat<F: ConstDim, B: Dim, E: Element, D: VisionDevice<E>>(x: Maps<E, D>) -> Result<Tensor<(B, F), E, D>> {
    let batch = B::from_size(x.shape().0).ok_or_else(|| Error::not_of::<B>("batch", &[x.shape().0]))?;
    reshaped(x, &(batch, F::default()))
}

/// The logits while there is no signal.
fn silent<P: Head, B: Dim, E: Element, D: VisionDevice<E>>(
    built: &P::Built<E, D>,
    batch: B,
) -> Result<Tensor<(B, P::Classes), E, D>> {
    P::device(built).try_zeros_like(&(batch, P::Classes::default())).map_err(Error::device)
}

pub(crate) mod built {
    use dfdx::nn::{ModuleVisitor, TensorCollection};
    use dfdx::prelude::{Device, Dtype};

    /// The weights of a [`Hidden`](super::Hidden) layer and of what follows it.
    #[derive(Clone, Debug)]
    pub struct Hidden<L, R> {
        /// The linear map.
        pub linear: L,
        /// What follows.
        pub next: R,
    }

    impl<L: TensorCollection<E, D>, R: TensorCollection<E, D>, E: Dtype, D: Device<E>> TensorCollection<E, D>
        for Hidden<L, R>
    {
        type To<E2: Dtype, D2: Device<E2>> = Hidden<L::To<E2, D2>, R::To<E2, D2>>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            visitor.visit_fields(
                (
                    Self::module("linear", |s| &s.linear, |s| &mut s.linear),
                    Self::module("next", |s| &s.next, |s| &mut s.next),
                ),
                |(linear, next)| Hidden { linear, next },
            )
        }
    }
}
