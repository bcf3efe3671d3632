//! Convolution.

use super::init::{HeNormal, Init, fill, fill_norms};
use super::layer::MapOf;
use super::optional::Optional;
use crate::cx::Cx;
use crate::error::Result;
use crate::geometry::{Conv, Window};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops::{self, MapShape};
use dfdx::nn::{ModuleVisitor, TensorCollection, TensorOptions};
use dfdx::prelude::{Const, ConstDim, Device, Dim, Dtype, Tape, Tensor};
use std::marker::PhantomData;

/// What a convolution does beyond its channels, kernel and stride: a type, so that it can stand in a specification. A
/// user's own options are one `impl`.
///
/// ```
/// use dynvision::nn::{ConvOptions, HeNormal};
/// /// AlexNet's first convolution: kernel 11, padding 2.
/// #[derive(Clone, Debug)]
/// struct Wide;
/// impl ConvOptions for Wide {
///     const PADDING: Option<usize> = Some(2);
///     type Init = HeNormal;
/// }
/// assert!(Wide::BIAS);
/// ```
pub trait ConvOptions: Clone + std::fmt::Debug + 'static {
    /// Rows and columns of zeros on every side; `None` for half the kernel, which keeps the size at stride 1.
    const PADDING: Option<usize> = None;
    /// Whether each output channel has a bias.
    const BIAS: bool = true;
    /// Whether the weight is `g v / |v|` with trained `weight_g` and `weight_v`, one norm for each output channel
    /// (Salimans and Kingma 2016).
    const WEIGHT_NORM: bool = false;
    /// How the weight begins; a bias begins at 0.
    type Init: Init;
}

/// Padding by half the kernel, a bias, He-normal weights.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain<I = HeNormal>(PhantomData<I>);
impl<I: Init + Clone + std::fmt::Debug> ConvOptions for Plain<I> {
    type Init = I;
}

/// [`Plain`] without a bias.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBias<I = HeNormal>(PhantomData<I>);
impl<I: Init + Clone + std::fmt::Debug> ConvOptions for NoBias<I> {
    const BIAS: bool = false;
    type Init = I;
}

/// [`Plain`] with another padding.
#[derive(Clone, Copy, Debug, Default)]
pub struct Padded<const P: usize, I = HeNormal>(PhantomData<I>);
impl<const P: usize, I: Init + Clone + std::fmt::Debug> ConvOptions for Padded<P, I> {
    const PADDING: Option<usize> = Some(P);
    type Init = I;
}

/// The options `C`, with weight normalisation: the weight is `g v / |v|`. `g` begins as the norm of a weight drawn by the
/// same scheme as `v`, so that a normal scheme is that of the whole weight.
///
/// ```
/// use dynvision::nn::{ConvOptions, NoBias, WeightNorm};
/// assert!(<WeightNorm<NoBias>>::WEIGHT_NORM && !<WeightNorm<NoBias>>::BIAS);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct WeightNorm<C = Plain>(PhantomData<C>);
impl<C: ConvOptions> ConvOptions for WeightNorm<C> {
    const PADDING: Option<usize> = C::PADDING;
    const BIAS: bool = C::BIAS;
    const WEIGHT_NORM: bool = true;
    type Init = C::Init;
}

/// A convolution from `I` to `O` channels with kernel `K` and stride `S`.
///
/// # Shapes
/// `(B, I, H, W)` to `(B, O, H', W')` with `H' = (H + 2 padding - K) / S + 1`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conv2d<const I: usize, const O: usize, const K: usize = 3, const S: usize = 1, C = Plain>(PhantomData<C>);

impl<const I: usize, const O: usize, const K: usize, const S: usize, C: ConvOptions> Conv2d<I, O, K, S, C> {
    /// How the kernel slides.
    pub const WINDOW: Window = window::<C>(K, S);
}

const fn window<C: ConvOptions>(kernel: usize, stride: usize) -> Window {
    match C::PADDING {
        Some(padding) => Window::new(kernel, stride, padding),
        None => Window::same(kernel, stride),
    }
}

crate::spec!(impl [const I: usize, const O: usize, const K: usize, const S: usize, C: ConvOptions]
    Conv2d<I, O, K, S, C> => built::Conv2d<Const<I>, Const<O>, Const<K>, S, C, E, D>);

pub(crate) mod built {
    use super::*;

    type Norms<O, E, D> = Tensor<(O, Const<1>, Const<1>, Const<1>), E, D>;

    /// The weights of a convolution. Channels and kernel are types (`Const<3>`), so that they can be computed.
    #[derive(Clone, Debug)]
    pub struct Conv2d<I: ConstDim, O: ConstDim, K: ConstDim, const S: usize, C, E: Dtype, D: Device<E>> {
        /// `(O, I, K, K)`; under weight normalisation its direction `v`.
        pub weight: Tensor<(O, I, K, K), E, D>,
        /// `(O, 1, 1, 1)`, the norm `g` of each output's weight, under weight normalisation.
        pub norm: Option<Norms<O, E, D>>,
        /// `(O)`, if there is a bias.
        pub bias: Option<Tensor<(O,), E, D>>,
        pub(super) options: PhantomData<C>,
    }

    impl<I: ConstDim, O: ConstDim, K: ConstDim, const S: usize, C: ConvOptions, E: Dtype, D: Device<E>>
        TensorCollection<E, D> for Conv2d<I, O, K, S, C, E, D>
    {
        type To<E2: Dtype, D2: Device<E2>> = Conv2d<I, O, K, S, C, E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            let weight = Self::tensor(
                if C::WEIGHT_NORM { "weight_v" } else { "weight" },
                |s| &s.weight,
                |s| &mut s.weight,
                TensorOptions::reset_with(fill::<C::Init, _, E, D>),
            );
            #[allow(clippy::expect_used)] // the field is there by the same constant by which it is visited
            let bias = C::BIAS.then(|| {
                Self::tensor(
                    "bias",
                    |s| s.bias.as_ref().expect("a convolution whose options say so has a bias"),
                    |s| s.bias.as_mut().expect("a convolution whose options say so has a bias"),
                    TensorOptions::reset_to_zeros(),
                )
            });
            #[allow(clippy::expect_used)] // as above
            let norm = C::WEIGHT_NORM.then(|| {
                Self::tensor(
                    "weight_g",
                    |s| s.norm.as_ref().expect("a convolution whose options say so has norms"),
                    |s| s.norm.as_mut().expect("a convolution whose options say so has norms"),
                    TensorOptions::reset_with(fill_norms::<C::Init, (O, I, K, K), _, E, D>),
                )
            });
            visitor.visit_fields((weight, Optional(norm), Optional(bias)), |(weight, norm, bias)| Conv2d {
                weight,
                norm,
                bias,
                options: PhantomData,
            })
        }
    }

    impl<I: ConstDim, O: ConstDim, K: ConstDim, const S: usize, C: ConvOptions, E: Element, D: VisionDevice<E>>
        Conv2d<I, O, K, S, C, E, D>
    {
        const CONV: Conv = Conv::new(window::<C>(K::SIZE, S));

        /// The weight that convolves: `weight` itself, or what weight normalisation makes of it, once in an unroll.
        ///
        /// # Errors
        /// What the device refuses.
        pub fn effective<T: Tape<E, D>>(&self, cx: &mut Cx<T>) -> Result<Maps<E, D>> {
            match &self.norm {
                None => ops::erased(&self.weight, cx),
                Some(norm) => cx.derived(&self.weight, |cx| {
                    let (direction, norm) = (ops::erased(&self.weight, cx)?, ops::erased(norm, cx)?);
                    ops::weight_norm(&direction, &norm, cx)
                }),
            }
        }

        /// The convolution of `x`, added to `onto` where that is given.
        ///
        /// # Errors
        /// [`Error::Shape`](crate::error::Error::Shape) where the result has another shape than is asked for.
        pub fn apply<B: Dim, H: Dim, W: Dim, Ho: Dim, Wo: Dim, T: Tape<E, D>>(
            &self,
            x: &MapOf<B, I, H, W, E, D>,
            onto: Option<MapOf<B, O, Ho, Wo, E, D>>,
            cx: &mut Cx<T>,
        ) -> Result<MapOf<B, O, Ho, Wo, E, D>> {
            self.slide(&Self::CONV, x, onto, cx)
        }

        /// The same with other groups, border or window: `x` has `I` channels for each group.
        ///
        /// # Errors
        /// As [`apply`](Conv2d::apply).
        pub fn slide<X: MapShape, Y: MapShape, T: Tape<E, D>>(
            &self,
            conv: &Conv,
            x: &Tensor<X, E, D>,
            onto: Option<Tensor<Y, E, D>>,
            cx: &mut Cx<T>,
        ) -> Result<Tensor<Y, E, D>> {
            let weight = self.effective(cx)?;
            ops::conv2d_onto(conv, x, &weight, self.bias.as_ref(), onto, cx)
        }

        /// The convolution of `x`; computed once for a frame that is shown at several steps.
        ///
        /// # Errors
        /// As [`apply`](Conv2d::apply).
        pub fn drive<B: Dim, H: Dim, W: Dim, Ho: Dim, Wo: Dim, T: Tape<E, D>>(
            &self,
            x: &MapOf<B, I, H, W, E, D>,
            cx: &mut Cx<T>,
        ) -> Result<MapOf<B, O, Ho, Wo, E, D>> {
            let weight = self.effective(cx)?;
            ops::conv2d_once(&Self::CONV, x, &weight, self.bias.as_ref(), cx)
        }
    }
}
