//! Convolution: what a device must be able to do, composed of dfdx's operations where it has no kernel of its own.

use super::{Buffer, Element, LeakyKernel, LeakyStep, Maps, Sizes};
use crate::geometry::Conv;
use dfdx::prelude::*;

/// What a result is added to.
pub enum Addend<'a, E: Dtype, D: Storage<E>> {
    /// Maps that are updated in place where nobody else holds them.
    Owned(Maps<E, D>),
    /// Maps that stay as they are.
    Borrowed(&'a Maps<E, D>),
}

/// A convolution, as one of the two of [`separable_conv2d`](ConvKernel::separable_conv2d).
pub struct Filter<'a, E: Element, D: ConvKernel<E>> {
    /// How it slides.
    pub conv: &'a Conv,
    /// Its weight.
    pub w: &'a Maps<E, D>,
    /// A number for each channel that it makes.
    pub bias: Option<&'a Tensor<(usize,), E, D>>,
    /// What belongs to the weight.
    pub cache: &'a D::WeightCache,
}

/// Where the gradients of a [`Filter`] are added to.
pub struct FilterGradient<'a, E: Element, D: Device<E>> {
    /// That of the weight.
    pub w: &'a mut Buffer<E, D>,
    /// That of the bias.
    pub bias: Option<&'a mut Buffer<E, D>>,
}

/// Convolution (cross-correlation, as everywhere in machine learning).
///
/// # Shapes
/// `x: (B, I, H, W)`, `w: (O, I / groups, K, K)`, `bias: (O)`, result `(B, O, H', W')` by
/// [`Window::output_len`](crate::geometry::Window::output_len).
pub trait ConvKernel<E: Element>: LeakyKernel<E> {
    /// What the device derives from a weight: packed panels, transforms. Starts empty, is filled at need, and lives as
    /// long as one unroll, during which the weight does not change.
    type WeightCache: Default + 'static;

    /// Whether [`conv2d`](ConvKernel::conv2d) writes to `out`.
    const WRITES_OUT: bool = false;

    /// `conv(x, w) + bias`, added to `onto` where that is given. `out` are maps that the caller gives up: the result may stand in
    /// their place, under their identity, where they are of its sizes and nobody else holds them, the operands included.
    #[allow(clippy::too_many_arguments, reason = "three inputs, and where the result goes")]
    #[allow(unused_variables, reason = "the composition keeps nothing")]
    fn conv2d(
        &self,
        conv: &Conv,
        x: &Maps<E, Self>,
        w: &Maps<E, Self>,
        bias: Option<&Tensor<(usize,), E, Self>>,
        cache: &Self::WeightCache,
        onto: Option<Addend<'_, E, Self>>,
        out: Option<Maps<E, Self>>,
    ) -> Result<Maps<E, Self>, Self::Err> {
        composed::conv2d(self, conv, x, w, bias, onto)
    }

    /// `second(first(x))`, added to `onto` where that is given, each as [`conv2d`](ConvKernel::conv2d) has it. What is between them
    /// may be written nowhere.
    fn separable_conv2d(
        &self,
        filters: [Filter<'_, E, Self>; 2],
        x: &Maps<E, Self>,
        onto: Option<Addend<'_, E, Self>>,
        out: Option<Maps<E, Self>>,
    ) -> Result<Maps<E, Self>, Self::Err> {
        composed::separable_conv2d(self, filters, x, onto, out)
    }

    /// A leaky step whose drive is what [`conv2d`](ConvKernel::conv2d) makes with `filter`.
    fn conv2d_leaky(
        &self,
        filter: Filter<'_, E, Self>,
        x: &Maps<E, Self>,
        onto: Option<Addend<'_, E, Self>>,
        out: Option<Maps<E, Self>>,
        step: LeakyStep<'_, E, Self>,
    ) -> Result<Maps<E, Self>, Self::Err> {
        composed::conv2d_leaky(self, filter, x, onto, out, step)
    }

    /// A leaky step whose drive is what [`separable_conv2d`](ConvKernel::separable_conv2d) makes.
    fn separable_conv2d_leaky(
        &self,
        filters: [Filter<'_, E, Self>; 2],
        x: &Maps<E, Self>,
        onto: Option<Addend<'_, E, Self>>,
        out: Option<Maps<E, Self>>,
        step: LeakyStep<'_, E, Self>,
    ) -> Result<Maps<E, Self>, Self::Err> {
        composed::separable_conv2d_leaky(self, filters, x, onto, out, step)
    }

    /// Adds the gradients of input, weight and bias to those that are given. With `gather`, the device may keep that of
    /// the weight in `cache` until [`conv2d_collect`](ConvKernel::conv2d_collect).
    #[allow(clippy::too_many_arguments, reason = "two inputs, their gradients and the output's")]
    #[allow(unused_variables, reason = "the composition keeps nothing")]
    fn conv2d_backward(
        &self,
        conv: &Conv,
        x: &Maps<E, Self>,
        w: &Maps<E, Self>,
        cache: &Self::WeightCache,
        y: Sizes,
        gy: &Buffer<E, Self>,
        gx: Option<&mut Buffer<E, Self>>,
        gw: &mut Buffer<E, Self>,
        gb: Option<&mut Buffer<E, Self>>,
        gather: bool,
    ) -> Result<(), Self::Err> {
        composed::conv2d_backward(self, conv, x, w, y, gy, gx, gw, gb)
    }

    /// Adds to all gradients what `gy`, that of the output of [`separable_conv2d`](ConvKernel::separable_conv2d) of sizes `y`, passes
    /// back: `gx` that of the input. The device may keep those of the weights in their caches until
    /// [`conv2d_collect`](ConvKernel::conv2d_collect).
    fn separable_conv2d_backward(
        &self,
        filters: [Filter<'_, E, Self>; 2],
        x: &Maps<E, Self>,
        y: Sizes,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
        gradients: [FilterGradient<'_, E, Self>; 2],
    ) -> Result<(), Self::Err> {
        composed::separable_conv2d_backward(self, filters, x, y, gy, gx, gradients)
    }

    /// Adds what was gathered in `cache` to the gradient of the weight.
    #[allow(unused_variables, reason = "the composition keeps nothing")]
    fn conv2d_collect(&self, cache: &Self::WeightCache, gw: &mut Buffer<E, Self>) -> Result<(), Self::Err> {
        Ok(()) // the composition gathers nothing
    }
}

/// The composition.
#[allow(missing_docs, reason = "each is the default of the method of its name")]
pub(super) mod composed {
    use super::*;
    use crate::kernels::composition::{adjoint, contiguous, made, windows};

    /// Each group's weight, a matrix, times what its windows read.
    fn convolved<E: Element, D: Device<E>, T: Tape<E, D>>(
        conv: &Conv,
        x: Tensor<Sizes, E, D, T>,
        w: Tensor<Sizes, E, D, T>,
    ) -> Result<Tensor<Sizes, E, D, T>, D::Err> {
        let ((b, _, rows, columns), (o, per_group, k, _)) = (made(conv.window, *x.shape()), *w.shape());
        let (places, groups, depth) = (rows * columns, conv.groups, per_group * k * k);
        let w = contiguous(w)?.try_reshape_like(&(groups, o / groups, depth))?;
        let read = windows(conv.window, conv.border, E::default(), x)?
            .try_reshape_like(&(b, groups, depth, places))?
            .try_permute::<_, Axes4<1, 2, 0, 3>>()?
            .try_reshape_like(&(groups, depth, b * places))?;
        w.try_matmul(read)?
            .try_reshape_like(&(o, b, places))?
            .try_permute::<_, Axes3<1, 0, 2>>()?
            .try_reshape_like(&(b, o, rows, columns))
    }

    /// `y` and one number more for every channel.
    fn shifted<E: Element, D: Device<E>, T: Tape<E, D>>(
        bias: Tensor<(usize,), E, D, T>,
        y: Maps<E, D>,
    ) -> Result<Tensor<Sizes, E, D, T>, D::Err> {
        bias.try_broadcast_like::<_, Axes3<0, 2, 3>>(&y)?.try_add(y)
    }

    pub fn conv2d<E: Element, D: Device<E>>(
        _: &D,
        conv: &Conv,
        x: &Maps<E, D>,
        w: &Maps<E, D>,
        bias: Option<&Tensor<(usize,), E, D>>,
        onto: Option<Addend<'_, E, D>>,
    ) -> Result<Maps<E, D>, D::Err> {
        let y = convolved(conv, x.clone(), w.clone())?;
        let y = if let Some(bias) = bias { shifted(bias.clone(), y)? } else { y };
        match onto {
            None => Ok(y),
            Some(Addend::Owned(onto)) => onto.try_add(y),
            Some(Addend::Borrowed(onto)) => onto.clone().try_add(y),
        }
    }

    #[allow(clippy::too_many_arguments)] // as in the trait
    pub fn conv2d_backward<E: Element, D: Device<E>>(
        dev: &D,
        conv: &Conv,
        x: &Maps<E, D>,
        w: &Maps<E, D>,
        y: Sizes,
        gy: &Buffer<E, D>,
        gx: Option<&mut Buffer<E, D>>,
        gw: &mut Buffer<E, D>,
        gb: Option<&mut Buffer<E, D>>,
    ) -> Result<(), D::Err> {
        if let Some(gb) = gb {
            let (bias, y) = (dev.try_zeros_like(&(y.1,))?, dev.try_zeros_like(&y)?);
            adjoint([(&bias, gb)], gy.clone(), |[bias]| shifted(bias, y))?;
        }
        match gx {
            Some(gx) => adjoint([(x, gx), (w, gw)], gy.clone(), |[x, w]| convolved(conv, x, w)),
            None => adjoint([(w, gw)], gy.clone(), |[w]| convolved(conv, x.retaped(), w)),
        }
    }

    pub fn separable_conv2d<E: Element, D: ConvKernel<E>>(
        dev: &D,
        [first, second]: [Filter<'_, E, D>; 2],
        x: &Maps<E, D>,
        onto: Option<Addend<'_, E, D>>,
        out: Option<Maps<E, D>>,
    ) -> Result<Maps<E, D>, D::Err> {
        let between = dev.conv2d(first.conv, x, first.w, first.bias, first.cache, None, None)?;
        dev.conv2d(second.conv, &between, second.w, second.bias, second.cache, onto, out)
    }

    pub fn conv2d_leaky<E: Element, D: ConvKernel<E>>(
        dev: &D,
        Filter { conv, w, bias, cache }: Filter<'_, E, D>,
        x: &Maps<E, D>,
        onto: Option<Addend<'_, E, D>>,
        out: Option<Maps<E, D>>,
        LeakyStep { rate, h, relu }: LeakyStep<'_, E, D>,
    ) -> Result<Maps<E, D>, D::Err> {
        dev.leaky(rate, dev.conv2d(conv, x, w, bias, cache, onto, out)?, h, relu)
    }

    pub fn separable_conv2d_leaky<E: Element, D: ConvKernel<E>>(
        dev: &D,
        filters: [Filter<'_, E, D>; 2],
        x: &Maps<E, D>,
        onto: Option<Addend<'_, E, D>>,
        out: Option<Maps<E, D>>,
        LeakyStep { rate, h, relu }: LeakyStep<'_, E, D>,
    ) -> Result<Maps<E, D>, D::Err> {
        dev.leaky(rate, dev.separable_conv2d(filters, x, onto, out)?, h, relu)
    }

    pub fn separable_conv2d_backward<E: Element, D: ConvKernel<E>>(
        dev: &D,
        [first, second]: [Filter<'_, E, D>; 2],
        x: &Maps<E, D>,
        y: Sizes,
        gy: &Buffer<E, D>,
        gx: &mut Buffer<E, D>,
        [of_first, of_second]: [FilterGradient<'_, E, D>; 2],
    ) -> Result<(), D::Err> {
        let between = dev.conv2d(first.conv, x, first.w, first.bias, first.cache, None, None)?;
        let mut gradient = Storage::<E>::try_alloc_len(dev, between.shape().num_elements())?;
        let (Filter { conv, w, cache, .. }, FilterGradient { w: gw, bias: gb }) = (second, of_second);
        dev.conv2d_backward(conv, &between, w, cache, y, gy, Some(&mut gradient), gw, gb, true)?;
        let (Filter { conv, w, cache, .. }, FilterGradient { w: gw, bias: gb }) = (first, of_first);
        dev.conv2d_backward(conv, x, w, cache, *between.shape(), &gradient, Some(gx), gw, gb, true)
    }
}
