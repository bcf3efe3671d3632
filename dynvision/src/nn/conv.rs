//! Convolution.

use super::conv_options::{ConvOptions, DefaultOptions, parametrized};
use super::init::{fill, fill_norms};
use super::optional::optional_tensor;
use crate::autograd::Graph;
use crate::error::Result;
use crate::geometry::{Conv, Window};
use crate::kernels::{Element, Maps, Vector, VisionDevice};
use crate::ops;
use dfdx::nn::{ModuleVisitor, TensorCollection, TensorOptions};
use dfdx::prelude::{Const, ConstDim, Device, Dtype, Tape, Tensor};
use std::marker::PhantomData;

/// A convolution from `I` to `O` channels with kernel `K` and stride `S`: see [`ops::conv2d`] for the equation.
///
/// # Shapes
/// `(B, I, H, W)` to `(B, O, H', W')` with `H' = (H + 2 padding - K) / S + 1`.
///
/// ```
/// use dynvision::nn::Conv2d;
/// assert_eq!(<Conv2d<3, 8>>::WINDOW.output_len(32), 32);
/// assert_eq!(<Conv2d<3, 8, 5, 2>>::WINDOW.output_len(32), 16);
/// ```
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

        /// Returns the weight that convolves: `weight` itself, or what weight normalisation, symmetry, signs or a mask make of it,
        /// once in an unroll.
        ///
        /// # Errors
        /// [`Error::Device`](crate::error::Error::Device) where the device refuses.
        pub fn effective_weight<T: Tape<E, D>>(&self, graph: &mut Graph<E, D, T>) -> Result<Maps<E, D>> {
            self.weight_of(1, graph)
        }

        /// The weight that convolves in `groups`.
        fn weight_of<T: Tape<E, D>>(&self, groups: usize, graph: &mut Graph<E, D, T>) -> Result<Maps<E, D>> {
            const { assert!(!C::SYMMETRIC || I::SIZE == O::SIZE, "a symmetric kernel has as many inputs as outputs") };
            let weight = ops::erase(self.weight.clone())?;
            parametrized::<C, E, D, T>(&self.weight, weight, self.norm.as_ref(), groups, graph)
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
            self.convolve_leaky(conv, x, onto, None, graph)
        }

        /// [`forward`](Conv2d::forward), and the step with that, if there is one.
        ///
        /// # Errors
        /// Those of [`ops::conv2d_leaky`].
        pub(crate) fn forward_leaky<T: Tape<E, D>>(
            &self,
            x: &Maps<E, D>,
            onto: Option<Maps<E, D>>,
            step: Option<ops::Step<'_, E, D>>,
            graph: &mut Graph<E, D, T>,
        ) -> Result<Maps<E, D>> {
            self.convolve_leaky(&Self::CONV, x, onto, step, graph)
        }

        /// [`convolve`](Conv2d::convolve), and the step with that, if there is one.
        ///
        /// # Errors
        /// Those of [`ops::conv2d_leaky`].
        pub(crate) fn convolve_leaky<T: Tape<E, D>>(
            &self,
            conv: &Conv,
            x: &Maps<E, D>,
            onto: Option<Maps<E, D>>,
            step: Option<ops::Step<'_, E, D>>,
            graph: &mut Graph<E, D, T>,
        ) -> Result<Maps<E, D>> {
            let (weight, bias) = (self.weight_of(conv.groups, graph)?, self.bias(graph)?);
            let (w, bias) = (&weight, bias.as_ref());
            match step {
                Some(step) => ops::conv2d_leaky(ops::Filter { conv, w, bias }, x, onto, step, graph),
                None => ops::conv2d(conv, x, w, bias, onto, graph),
            }
        }

        /// Returns what this convolution does to `x`, and then `next` to that, added to `onto` where that is given: in groups,
        /// with a border and windows of their own; and the step with that, if there is one.
        ///
        /// # Errors
        /// Those of [`ops::separable_conv2d_leaky`].
        pub(crate) fn convolve_then<I2: ConstDim, O2: ConstDim, K2: ConstDim, T: Tape<E, D>>(
            &self,
            conv: &Conv,
            next: &Conv2d<I2, O2, K2, S, C, E, D>,
            x: &Maps<E, D>,
            onto: Option<Maps<E, D>>,
            step: Option<ops::Step<'_, E, D>>,
            graph: &mut Graph<E, D, T>,
        ) -> Result<Maps<E, D>> {
            let (w, bias) = (self.weight_of(conv.groups, graph)?, self.bias(graph)?);
            let first = ops::Filter { conv, w: &w, bias: bias.as_ref() };
            let (w, bias) = (next.effective_weight(graph)?, next.bias(graph)?);
            let second = ops::Filter { conv: &Conv2d::<I2, O2, K2, S, C, E, D>::CONV, w: &w, bias: bias.as_ref() };
            match step {
                Some(step) => ops::separable_conv2d_leaky([first, second], x, onto, step, graph),
                None => ops::separable_conv2d([first, second], x, onto, graph),
            }
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
