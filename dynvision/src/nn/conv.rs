//! Convolution.

use super::init::{HeNormal, Init, fill, fill_norms};
use super::optional::optional_tensor;
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::geometry::{Conv, Window};
use crate::kernels::{Element, Maps, Vector, VisionDevice};
use crate::ops;
use dfdx::nn::{ModuleVisitor, TensorCollection, TensorOptions};
use dfdx::prelude::{Const, ConstDim, Device, Dtype, HasShape, Tape, Tensor};
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
    /// Which connections there are, by output channel, input channel, row and column of the kernel; all unless said otherwise.
    /// Where there is none, the weight acts as 0 and gets no gradient, whatever is taken up.
    const MASK: Option<fn(usize, usize, usize, usize) -> bool> = None;
    /// How the weight begins; a bias begins at 0.
    type Init: Init;
}

/// Which connections of a convolution there are: one of your own is one `impl`.
pub trait Mask: Clone + std::fmt::Debug + 'static {
    /// Whether input channel `from` reaches output channel `to` at this row and column of the kernel.
    fn connects(to: usize, from: usize, row: usize, column: usize) -> bool;
}

/// The options `C`, with a fixed mask of connections: the weight is `mask raw`, where `raw` is trained, saved and loaded.
///
/// ```
/// use dynvision::{nn::{Full, LayerKernel, Mask, Masked}, prelude::*};
/// /// Connections to others only, not from a channel to itself.
/// #[derive(Clone, Debug)]
/// struct Others;
/// impl Mask for Others {
///     fn connects(to: usize, from: usize, _row: usize, _column: usize) -> bool {
///         to != from
///     }
/// }
/// #[dyn_model(input = [1, 8, 8], operations = [layer, nonlin, record, delay])]
/// struct Net {
///     v1: RConv2d<1, 4, 3, 1, Full<LayerKernel, Masked<Others>>>,
///     #[readout]
///     classifier: Classifier<4, 2>,
/// }
/// let net = Cpu::default().build_module::<Net, f32>();
/// let run = Stimulus::constant(Cpu::default().sample_normal_like(&(1, Const, Const, Const)), 6);
/// assert_eq!(net.try_run(run)?.shape().1, 6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Masked<M, C = DefaultOptions>(PhantomData<(M, C)>);
impl<M: Mask, C: ConvOptions> ConvOptions for Masked<M, C> {
    const PADDING: Option<usize> = C::PADDING;
    const BIAS: bool = C::BIAS;
    const WEIGHT_NORM: bool = C::WEIGHT_NORM;
    const MASK: Option<fn(usize, usize, usize, usize) -> bool> = Some(M::connects);
    type Init = C::Init;
}

/// Padding by half the kernel, a bias, He-normal weights.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultOptions<I = HeNormal>(PhantomData<I>);
impl<I: Init + Clone + std::fmt::Debug> ConvOptions for DefaultOptions<I> {
    type Init = I;
}

/// [`DefaultOptions`] without a bias.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBias<I = HeNormal>(PhantomData<I>);
impl<I: Init + Clone + std::fmt::Debug> ConvOptions for NoBias<I> {
    const BIAS: bool = false;
    type Init = I;
}

/// [`DefaultOptions`] with another padding.
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
pub struct WeightNorm<C = DefaultOptions>(PhantomData<C>);
impl<C: ConvOptions> ConvOptions for WeightNorm<C> {
    const PADDING: Option<usize> = C::PADDING;
    const BIAS: bool = C::BIAS;
    const WEIGHT_NORM: bool = true;
    const MASK: Option<fn(usize, usize, usize, usize) -> bool> = C::MASK;
    type Init = C::Init;
}

/// A weight `(to, from, rows, columns)` without the connections that the options say there are not.
pub(super) fn masked<C: ConvOptions, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    weight: Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let Some(connects) = C::MASK else { return Ok(weight) };
    let (o, i, h, w) = *weight.shape();
    let at = |n: usize| connects(n / (i * h * w), n / (h * w) % i, n / w % h, n % w);
    let values = (0..o * i * h * w).map(|n| if at(n) { E::one() } else { E::zero() }).collect();
    let mask = weight.device().try_tensor_from_vec(values, (o, i, h, w)).map_err(Error::device)?;
    ops::mul(&weight, &mask, graph)
}

/// A convolution from `I` to `O` channels with kernel `K` and stride `S`.
///
/// # Shapes
/// `(B, I, H, W)` to `(B, O, H', W')` with `H' = (H + 2 padding - K) / S + 1`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conv2d<const I: usize, const O: usize, const K: usize = 3, const S: usize = 1, C = DefaultOptions>(
    PhantomData<C>,
);

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
            let norms = TensorOptions::reset_with(fill_norms::<C::Init, (O, I, K, K), _, E, D>);
            let norm = optional_tensor(C::WEIGHT_NORM, "weight_g", |s: &Self| &s.norm, |s| &mut s.norm, norms);
            let zeros = TensorOptions::reset_to_zeros();
            let bias = optional_tensor(C::BIAS, "bias", |s: &Self| &s.bias, |s| &mut s.bias, zeros);
            visitor.visit_fields((weight, norm, bias), |(weight, norm, bias)| Conv2d {
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

        /// Returns the weight that convolves: `weight` itself, or what weight normalisation or a mask makes of it, once in an unroll.
        ///
        /// # Errors
        /// [`Error::Device`](crate::error::Error::Device) where the device refuses.
        pub fn effective_weight<T: Tape<E, D>>(&self, graph: &mut Graph<E, D, T>) -> Result<Maps<E, D>> {
            let weight = ops::erase(self.weight.clone())?;
            match &self.norm {
                None if C::MASK.is_none() => Ok(weight),
                None => graph.derived(&self.weight, |graph| masked::<C, E, D, T>(weight, graph)),
                Some(norm) => graph.derived(&self.weight, |graph| {
                    let weight = ops::weight_norm(&weight, norm, graph)?;
                    masked::<C, E, D, T>(weight, graph)
                }),
            }
        }

        fn bias<T: Tape<E, D>>(&self, graph: &mut Graph<E, D, T>) -> Result<Option<Vector<E, D>>> {
            self.bias.as_ref().map(|bias| ops::vector(bias, graph)).transpose()
        }

        /// Returns the convolution of `x`, added to `onto` where that is given.
        ///
        /// # Shapes
        /// `x: (B, I, H, W)`, `onto` and result `(B, O, H', W')` with `H' = (H + 2 padding - K) / S + 1`.
        ///
        /// # Errors
        /// Those of [`ops::conv2d`].
        pub fn forward<T: Tape<E, D>>(
            &self,
            x: &Maps<E, D>,
            onto: Option<Maps<E, D>>,
            graph: &mut Graph<E, D, T>,
        ) -> Result<Maps<E, D>> {
            self.convolve(&Self::CONV, x, onto, graph)
        }

        /// [`forward`](Conv2d::forward) with other groups, border or window: `x` has `I` channels for each group.
        ///
        /// # Errors
        /// Those of [`ops::conv2d`].
        pub fn convolve<T: Tape<E, D>>(
            &self,
            conv: &Conv,
            x: &Maps<E, D>,
            onto: Option<Maps<E, D>>,
            graph: &mut Graph<E, D, T>,
        ) -> Result<Maps<E, D>> {
            let (weight, bias) = (self.effective_weight(graph)?, self.bias(graph)?);
            ops::conv2d(conv, x, &weight, bias.as_ref(), onto, graph)
        }

        /// [`forward`](Conv2d::forward), computed once for a frame that is shown at several steps.
        ///
        /// # Errors
        /// Those of [`ops::conv2d`].
        pub fn forward_once<T: Tape<E, D>>(&self, x: &Maps<E, D>, graph: &mut Graph<E, D, T>) -> Result<Maps<E, D>> {
            let (weight, bias) = (self.effective_weight(graph)?, self.bias(graph)?);
            ops::conv2d_once(&Self::CONV, x, &weight, bias.as_ref(), graph)
        }
    }
}
