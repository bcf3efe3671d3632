//! The CPU's own kernels: tensors become slices, the work is done in [`dynvision_kernels`].
//!
//! Inputs of forward methods may be views, which are copied. Backward methods need tensors whose elements lie in one piece,
//! since their gradients lie as they do; others are refused. What the kernels refuse is reported as dfdx's errors, which
//! carry no words: the operations check before they call.

use super::*;
use crate::geometry::{Conv, Over, Window};
use dfdx::prelude::*;
use dynvision_kernels::conv::{self, Accumulate, WeightCache};
use dynvision_kernels::{Error, elements, leaky};
use std::borrow::Cow;

type Buf<E> = <Cpu as Storage<E>>::Vec;

fn sizes<E: Unit, D: Storage<E>>(t: &Maps<E, D>) -> [usize; 4] {
    t.shape().concrete()
}

/// What dfdx calls it that a kernel has refused.
fn refused(error: Error) -> CpuError {
    match error {
        Error::TooLarge { .. } => CpuError::OutOfMemory,
        _ => CpuError::WrongNumElements,
    }
}

/// A tensor of zeros, if there can be one so large.
fn zeros<S: Shape, E: Element>(dev: &Cpu, shape: &S) -> Result<Tensor<S, E, Cpu>, CpuError> {
    let sizes: Vec<usize> = shape.concrete().into_iter().collect();
    elements(&sizes).map_err(refused)?;
    dev.try_zeros_like(shape)
}

/// A tensor to be overwritten: its elements are zero, not meaningful.
fn output<E: Element>(dev: &Cpu, [b, c, h, w]: [usize; 4]) -> Result<Maps<E, Cpu>, CpuError> {
    zeros(dev, &(b, c, h, w))
}

/// [`output`] in the place of maps that were given up, where they are of these sizes and nobody else holds them.
fn output_in<E: Element>(dev: &Cpu, out: Option<Maps<E, Cpu>>, sizes: [usize; 4]) -> Result<Maps<E, Cpu>, CpuError> {
    let Some(mut y) = out.filter(|out| self::sizes(out) == sizes) else { return output(dev, sizes) };
    // writing moves what others hold to another place
    let place = view(&y).map(<[E]>::as_ptr);
    match view_mut(&mut y) {
        Some(values) if place == Some(values.as_ptr().cast()) => {
            if cfg!(debug_assertions) {
                values.fill(E::nan()); // a kernel that leaves out a place is seen
            }
            Ok(y)
        }
        _ => output(dev, sizes),
    }
}

/// The elements of an input, copied where they do not lie in one piece.
fn read<S: Shape, E: Element>(t: &Tensor<S, E, Cpu>) -> Cow<'_, [E]> {
    view(t).map_or_else(|| Cow::Owned(t.as_vec()), Cow::Borrowed)
}

/// The elements of a tensor whose gradient lies as they do.
fn exact<S: Shape, E: Element>(t: &Tensor<S, E, Cpu>) -> Result<&[E], CpuError> {
    view(t).ok_or(CpuError::WrongNumElements)
}

/// The elements of a tensor that was made here.
fn write<S: Shape, E: Element>(t: &mut Tensor<S, E, Cpu>) -> Result<&mut [E], CpuError> {
    view_mut(t).ok_or(CpuError::WrongNumElements)
}

/// The elements of a gradient. Under the bound `Cpu: Device<E>` the compiler does not know that it is a `Vec`.
fn of<E: Element>(gradient: &Buf<E>) -> &[E] {
    gradient
}

/// The elements of a gradient, for writing.
fn of_mut<E: Element>(gradient: &mut Buf<E>) -> &mut [E] {
    gradient
}

/// The tensor, to be updated in place: one that shares its buffer, or is a view, becomes a tensor of its own, with its own
/// identity, so that the gradients of the two stay apart.
fn owned<E: Element>(dev: &Cpu, mut y: Maps<E, Cpu>) -> Result<Maps<E, Cpu>, CpuError> {
    let shared = view(&y).map(<[E]>::as_ptr);
    if shared.is_some() && view_mut(&mut y).map(|y| y.as_ptr()) == shared {
        return Ok(y);
    }
    let mut own = output(dev, sizes(&y))?;
    write(&mut own)?.copy_from_slice(&read(&y));
    Ok(own)
}

/// Sizes of what a convolution makes.
fn made(conv: &Conv, xd: [usize; 4], wd: [usize; 4]) -> [usize; 4] {
    [xd[0], wd[0], conv.window.output_len(xd[2]), conv.window.output_len(xd[3])]
}

/// What `write` writes, added to `onto` where that is given; in the place of `out` where that may be.
fn written<E: Element>(
    dev: &Cpu,
    yd: [usize; 4],
    onto: Option<Addend<'_, E, Cpu>>,
    out: Option<Maps<E, Cpu>>,
    write: impl FnOnce(&mut [E], Accumulate<'_, E>) -> Result<(), Error>,
) -> Result<Maps<E, Cpu>, CpuError> {
    let (mut y, values) = match onto {
        Some(Addend::Owned(y)) => (owned(dev, y)?, Some(None)),
        Some(Addend::Borrowed(values)) => (output_in(dev, out, yd)?, Some(Some(read(values)))),
        None => (output_in(dev, out, yd)?, None),
    };
    let onto = match &values {
        Some(Some(values)) => Accumulate::Values(values),
        Some(None) => Accumulate::Output,
        None => Accumulate::Nothing,
    };
    write(self::write(&mut y)?, onto).map_err(refused)?;
    Ok(y)
}

/// The filter with its elements.
fn slices<'a, E: Element>(filter: &Filter<'a, E, Cpu>, w: &'a [E], bias: Option<&'a [E]>) -> conv::Filter<'a, E>
where
    Cpu: ConvKernel<E, WeightCache = WeightCache<E>>,
{
    let Filter { conv, cache, .. } = *filter;
    conv::Filter { conv, w, wd: sizes(filter.w), bias, cache }
}

/// What `each` makes of two filters with their elements and of the sizes of the result.
fn with_slices<E: Element, R>(
    filters: [Filter<'_, E, Cpu>; 2],
    xd: [usize; 4],
    each: impl FnOnce([conv::Filter<'_, E>; 2], [usize; 4]) -> R,
) -> R
where
    Cpu: ConvKernel<E, WeightCache = WeightCache<E>>,
{
    let [wd, vd] = filters.each_ref().map(|filter| sizes(filter.w));
    let yd = made(filters[1].conv, made(filters[0].conv, xd, wd), vd);
    let values = filters.each_ref().map(|filter| (read(filter.w), filter.bias.map(read)));
    each([0, 1].map(|i| slices(&filters[i], &values[i].0, values[i].1.as_deref())), yd)
}

/// What `take` makes of a step with the elements of its state.
fn with_state<E: Element, R>(
    LeakyStep { rate, h, relu }: LeakyStep<'_, E, Cpu>,
    take: impl FnOnce(leaky::Step<'_, E>) -> R,
) -> R {
    take(leaky::Step { rate, h: h.map(read).as_deref(), relu })
}

impl<E: Element> ConvKernel<E> for Cpu
where
    Cpu: Device<E>,
{
    type WeightCache = WeightCache<E>;
    const WRITES_OUT: bool = true;

    fn conv2d(
        &self,
        conv: &Conv,
        x: &Maps<E, Self>,
        w: &Maps<E, Self>,
        bias: Option<&Tensor<(usize,), E, Self>>,
        cache: &Self::WeightCache,
        onto: Option<Addend<'_, E, Self>>,
        out: Option<Maps<E, Self>>,
    ) -> Result<Maps<E, Self>, CpuError> {
        let (xd, wd, bias) = (sizes(x), sizes(w), bias.map(read));
        let yd = made(conv, xd, wd);
        written(self, yd, onto, out, |y, onto| {
            E::conv2d(conv, &read(x), xd, &read(w), wd, bias.as_deref(), cache, y, yd, onto)
        })
    }

    fn separable_conv2d(
        &self,
        filters: [Filter<'_, E, Self>; 2],
        x: &Maps<E, Self>,
        onto: Option<Addend<'_, E, Self>>,
        out: Option<Maps<E, Self>>,
    ) -> Result<Maps<E, Self>, CpuError> {
        let xd = sizes(x);
        with_slices(filters, xd, |filters, yd| {
            written(self, yd, onto, out, |y, onto| E::separable_conv2d(filters, &read(x), xd, y, yd, onto))
        })
    }

    fn conv2d_leaky(
        &self,
        filter: Filter<'_, E, Self>,
        x: &Maps<E, Self>,
        onto: Option<Addend<'_, E, Self>>,
        out: Option<Maps<E, Self>>,
        step: LeakyStep<'_, E, Self>,
    ) -> Result<Maps<E, Self>, CpuError> {
        let (xd, w, bias) = (sizes(x), read(filter.w), filter.bias.map(read));
        let (yd, filter) = (made(filter.conv, xd, sizes(filter.w)), slices(&filter, &w, bias.as_deref()));
        let run = |y: &mut [E], onto: Accumulate<'_, E>| {
            with_state(step, |step| E::conv2d_leaky(filter, &read(x), xd, y, yd, onto, step))
        };
        written(self, yd, onto, out, run)
    }

    fn separable_conv2d_leaky(
        &self,
        filters: [Filter<'_, E, Self>; 2],
        x: &Maps<E, Self>,
        onto: Option<Addend<'_, E, Self>>,
        out: Option<Maps<E, Self>>,
        step: LeakyStep<'_, E, Self>,
    ) -> Result<Maps<E, Self>, CpuError> {
        let xd = sizes(x);
        with_slices(filters, xd, |filters, yd| {
            let run = |y: &mut [E], onto: Accumulate<'_, E>| {
                with_state(step, |step| E::separable_conv2d_leaky(filters, &read(x), xd, y, yd, onto, step))
            };
            written(self, yd, onto, out, run)
        })
    }

    fn separable_conv2d_backward(
        &self,
        filters: [Filter<'_, E, Self>; 2],
        x: &Maps<E, Self>,
        y: Sizes,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
        gradients: [FilterGradient<'_, E, Self>; 2],
    ) -> Result<(), CpuError> {
        let [a, b] = filters.each_ref().map(|filter| filter.bias.map(read));
        let [first, second] = &filters;
        let filters = [slices(first, exact(first.w)?, a.as_deref()), slices(second, exact(second.w)?, b.as_deref())];
        let gradients = gradients
            .map(|FilterGradient { w, bias }| conv::FilterGradient { w: of_mut::<E>(w), bias: bias.map(of_mut::<E>) });
        let (xd, yd, gx) = (sizes(x), y.concrete(), of_mut::<E>(gx));
        E::separable_conv2d_backward(filters, exact(x)?, xd, of::<E>(gy), yd, gx, gradients).map_err(refused)
    }

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
    ) -> Result<(), CpuError> {
        let (gx, gb) = (gx.map(of_mut::<E>), gb.map(of_mut::<E>));
        let (xd, wd, yd, gw) = (sizes(x), sizes(w), y.concrete(), Some(of_mut::<E>(gw)));
        E::conv2d_backward(conv, exact(x)?, xd, exact(w)?, wd, cache, of::<E>(gy), yd, gx, gw, gb, gather)
            .map_err(refused)
    }

    fn conv2d_collect(&self, cache: &Self::WeightCache, gw: &mut Buffer<E, Self>) -> Result<(), CpuError> {
        E::conv2d_collect(cache, of_mut::<E>(gw)).map_err(refused)
    }
}

impl<E: Element> PoolKernel<E> for Cpu
where
    Cpu: Device<E>,
{
    /// Backward looks again, plane by plane.
    type Chosen = ();

    fn max_pool2d(
        &self,
        window: Window,
        x: &Maps<E, Self>,
        keep: bool,
        out: Option<Maps<E, Self>>,
    ) -> Result<(Maps<E, Self>, Option<Self::Chosen>), CpuError> {
        let xd = sizes(x);
        let yd = [xd[0], xd[1], window.output_len(xd[2]), window.output_len(xd[3])];
        let mut y = output_in(self, out, yd)?;
        E::max_pool2d(window, &read(x), xd, write(&mut y)?, yd).map_err(refused)?;
        Ok((y, keep.then_some(())))
    }

    fn max_pool2d_backward(
        &self,
        window: Window,
        x: &Maps<E, Self>,
        (): &Self::Chosen,
        y: Sizes,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
    ) -> Result<(), CpuError> {
        E::max_pool2d_backward(window, exact(x)?, sizes(x), of::<E>(gy), y.concrete(), of_mut::<E>(gx)).map_err(refused)
    }

    fn avg_pool2d(&self, window: Window, x: &Maps<E, Self>) -> Result<Maps<E, Self>, CpuError> {
        let xd = sizes(x);
        let yd = [xd[0], xd[1], window.output_len(xd[2]), window.output_len(xd[3])];
        let mut y = output(self, yd)?;
        E::avg_pool2d(window, &read(x), xd, write(&mut y)?, yd).map_err(refused)?;
        Ok(y)
    }

    fn avg_pool2d_backward(
        &self,
        window: Window,
        x: Sizes,
        y: Sizes,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
    ) -> Result<(), CpuError> {
        E::avg_pool2d_backward(window, of::<E>(gy), y.concrete(), of_mut::<E>(gx), x.concrete()).map_err(refused)
    }

    fn global_avg(&self, x: &Maps<E, Self>) -> Result<Tensor<(usize, usize), E, Self>, CpuError> {
        let xd = sizes(x);
        let mut y = zeros(self, &(xd[0], xd[1]))?;
        E::global_avg_pool(&read(x), xd, write(&mut y)?).map_err(refused)?;
        Ok(y)
    }

    fn global_avg_backward(&self, x: Sizes, gy: &Buffer<E, Self>, gx: &mut Buffer<E, Self>) -> Result<(), CpuError> {
        E::global_avg_pool_backward(of::<E>(gy), of_mut::<E>(gx), x.concrete()).map_err(refused)
    }
}

impl<E: Element> ResizeKernel<E> for Cpu
where
    Cpu: Device<E>,
{
    fn resize(
        &self,
        x: &Maps<E, Self>,
        height: usize,
        width: usize,
        onto: Option<Maps<E, Self>>,
    ) -> Result<Maps<E, Self>, CpuError> {
        let xd = sizes(x);
        let yd = [xd[0], xd[1], height, width];
        let accumulate = onto.is_some();
        let mut y = match onto {
            Some(y) => owned(self, y)?,
            None => output(self, yd)?,
        };
        E::resize(&read(x), xd, write(&mut y)?, yd, accumulate).map_err(refused)?;
        Ok(y)
    }

    fn resize_backward(
        &self,
        x: Sizes,
        y: Sizes,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
    ) -> Result<(), CpuError> {
        E::resize_backward(of::<E>(gy), y.concrete(), of_mut::<E>(gx), x.concrete()).map_err(refused)
    }
}

impl<E: Element> LeakyKernel<E> for Cpu
where
    Cpu: Device<E>,
{
    fn leaky(
        &self,
        rate: E,
        x: Maps<E, Self>,
        h: Option<&Maps<E, Self>>,
        relu: bool,
    ) -> Result<Maps<E, Self>, CpuError> {
        let mut x = owned(self, x)?;
        E::leaky(rate, write(&mut x)?, h.map(read).as_deref(), relu).map_err(refused)?;
        Ok(x)
    }

    fn leaky_backward(
        &self,
        rate: E,
        y: Option<&Maps<E, Self>>,
        g: &mut Buffer<E, Self>,
        gh: Option<&mut Buffer<E, Self>>,
    ) -> Result<(), CpuError> {
        let y = y.map(exact).transpose()?;
        E::leaky_backward(rate, y, of_mut::<E>(g), gh.map(of_mut::<E>)).map_err(refused)
    }

    fn leaky_backward_rate(
        &self,
        scale: E,
        x: &Maps<E, Self>,
        h: Option<&Maps<E, Self>>,
        y: Option<&Maps<E, Self>>,
        gy: &Buffer<E, Self>,
        grate: &mut Buffer<E, Self>,
    ) -> Result<(), CpuError> {
        let (h, y) = (h.map(read), y.map(exact).transpose()?);
        let [grate] = of_mut::<E>(grate) else { return Err(CpuError::WrongNumElements) };
        *grate += scale * E::leaky_backward_rate(&read(x), h.as_deref(), y, of::<E>(gy)).map_err(refused)?;
        Ok(())
    }
}

impl<E: Element> PointwiseKernel<E> for Cpu
where
    Cpu: Device<E>,
{
    fn add(&self, y: Maps<E, Self>, x: &Maps<E, Self>) -> Result<Maps<E, Self>, CpuError> {
        let mut y = owned(self, y)?;
        E::add_to(&read(x), write(&mut y)?).map_err(refused)?;
        Ok(y)
    }

    fn accumulate(&self, scale: E, from: &Buffer<E, Self>, into: &mut Buffer<E, Self>) -> Result<(), CpuError> {
        E::axpy(scale, of::<E>(from), of_mut::<E>(into)).map_err(refused)
    }

    fn relu(&self, x: Maps<E, Self>) -> Result<Maps<E, Self>, CpuError> {
        let mut x = owned(self, x)?;
        E::relu(write(&mut x)?).map_err(refused)?;
        Ok(x)
    }

    fn relu_backward(&self, y: &Maps<E, Self>, g: &mut Buffer<E, Self>) -> Result<(), CpuError> {
        E::relu_backward(exact(y)?, of_mut::<E>(g)).map_err(refused)
    }

    fn gain(&self, x: &Maps<E, Self>, h: &Maps<E, Self>) -> Result<Maps<E, Self>, CpuError> {
        let mut y = output(self, sizes(x))?;
        E::gain(&read(x), &read(h), write(&mut y)?).map_err(refused)?;
        Ok(y)
    }

    fn gain_backward(
        &self,
        x: &Maps<E, Self>,
        h: &Maps<E, Self>,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
        gh: &mut Buffer<E, Self>,
    ) -> Result<(), CpuError> {
        E::gain_backward(exact(x)?, exact(h)?, of::<E>(gy), of_mut::<E>(gx), of_mut::<E>(gh)).map_err(refused)
    }

    fn supralinear(&self, k: E, n: E, x: &Maps<E, Self>) -> Result<Maps<E, Self>, CpuError> {
        let mut y = output(self, sizes(x))?;
        E::supralinear(k, n, &read(x), write(&mut y)?).map_err(refused)?;
        Ok(y)
    }

    fn supralinear_backward(
        &self,
        k: E,
        n: E,
        x: &Maps<E, Self>,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
    ) -> Result<(), CpuError> {
        E::supralinear_backward(k, n, exact(x)?, of::<E>(gy), of_mut::<E>(gx)).map_err(refused)
    }
}

impl<E: Element> BiasKernel<E> for Cpu
where
    Cpu: Device<E>,
{
    fn add_bias(
        &self,
        y: Maps<E, Self>,
        bias: &Tensor<(usize,), E, Self>,
        run: usize,
    ) -> Result<Maps<E, Self>, CpuError> {
        let mut y = owned(self, y)?;
        E::add_bias(&read(bias), run, write(&mut y)?).map_err(refused)?;
        Ok(y)
    }

    fn add_bias_backward(
        &self,
        len: usize,
        run: usize,
        _: Sizes,
        gy: &Buffer<E, Self>,
        gb: &mut Buffer<E, Self>,
    ) -> Result<(), CpuError> {
        let gb = of_mut::<E>(gb).get_mut(..len).ok_or(CpuError::WrongNumElements)?;
        E::add_bias_backward(run, of::<E>(gy), gb).map_err(refused)
    }
}

impl<E: Element> NormKernel<E> for Cpu
where
    Cpu: Device<E>,
{
    fn moments(&self, over: Over, x: &Maps<E, Self>) -> Result<Moments<E, Self>, CpuError> {
        let xd = sizes(x);
        let blocks = over.blocks(xd[0], xd[1]);
        let (mut mean, mut variance) = (zeros(self, &(blocks,))?, zeros(self, &(blocks,))?);
        E::moments(over, &read(x), xd, write(&mut mean)?, write(&mut variance)?).map_err(refused)?;
        Ok(Moments { mean, variance })
    }

    fn normalize(
        &self,
        over: Over,
        eps: f64,
        x: &Maps<E, Self>,
        moments: &Moments<E, Self>,
        w: &Tensor<(usize,), E, Self>,
        b: &Tensor<(usize,), E, Self>,
    ) -> Result<Maps<E, Self>, CpuError> {
        let xd = sizes(x);
        let mut y = output(self, xd)?;
        let (mean, variance) = (read(&moments.mean), read(&moments.variance));
        E::normalize(over, eps, &read(x), xd, (&mean, &variance), (&read(w), &read(b)), write(&mut y)?)
            .map_err(refused)?;
        Ok(y)
    }

    fn normalize_backward(
        &self,
        over: Over,
        eps: f64,
        x: &Maps<E, Self>,
        moments: &Moments<E, Self>,
        w: &Tensor<(usize,), E, Self>,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
        gw: &mut Buffer<E, Self>,
        gb: &mut Buffer<E, Self>,
    ) -> Result<(), CpuError> {
        let (mean, variance) = (read(&moments.mean), read(&moments.variance));
        let (gx, gw, gb) = (of_mut::<E>(gx), of_mut::<E>(gw), of_mut::<E>(gb));
        E::normalize_backward(over, eps, exact(x)?, sizes(x), (&mean, &variance), exact(w)?, of::<E>(gy), gx, gw, gb)
            .map_err(refused)
    }

    fn normalize_given_backward(
        &self,
        over: Over,
        eps: f64,
        x: &Maps<E, Self>,
        moments: &Moments<E, Self>,
        w: &Tensor<(usize,), E, Self>,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
        gw: &mut Buffer<E, Self>,
        gb: &mut Buffer<E, Self>,
    ) -> Result<(), CpuError> {
        let (mean, variance) = (read(&moments.mean), read(&moments.variance));
        let (gx, gw, gb) = (of_mut::<E>(gx), of_mut::<E>(gw), of_mut::<E>(gb));
        E::normalize_given_backward(
            over,
            eps,
            exact(x)?,
            sizes(x),
            (&mean, &variance),
            exact(w)?,
            of::<E>(gy),
            gx,
            gw,
            gb,
        )
        .map_err(refused)
    }
}

impl<E: Element> GatherKernel<E> for Cpu
where
    Cpu: Device<E>,
{
    fn gather(&self, index: &[u32], x: &Maps<E, Self>, y: Sizes) -> Result<Maps<E, Self>, CpuError> {
        let mut out = output(self, y.concrete())?;
        E::gather(index, &read(x), sizes(x), write(&mut out)?).map_err(refused)?;
        Ok(out)
    }

    fn gather_backward(
        &self,
        index: &[u32],
        x: Sizes,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
    ) -> Result<(), CpuError> {
        E::gather_backward(index, of::<E>(gy), of_mut::<E>(gx), x.concrete()).map_err(refused)
    }
}

impl<E: Element> StackKernel<E> for Cpu
where
    Cpu: Device<E>,
{
    fn stack_time<X: Shape, Y: Shape>(
        &self,
        first: usize,
        steps: &[Tensor<X, E, Self>],
        y: Y,
    ) -> Result<Tensor<Y, E, Self>, CpuError> {
        let mut out = zeros(self, &y)?;
        let Some(batch) = y.concrete().into_iter().next() else { return Err(CpuError::WrongNumElements) };
        let time = first.checked_add(steps.len()).ok_or(CpuError::OutOfMemory)?;
        for (t, x) in (first..).zip(steps) {
            let x = read(x);
            let sizes = [batch, time, x.len().checked_div(batch).unwrap_or(0)];
            E::put_step(&x, write(&mut out)?, sizes, t).map_err(refused)?;
        }
        Ok(out)
    }

    fn unstack_time(
        &self,
        sizes: [usize; 3],
        step: usize,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
    ) -> Result<(), CpuError> {
        E::take_step(of::<E>(gy), sizes, step, of_mut::<E>(gx)).map_err(refused)
    }
}

impl<E: Element> LossKernel<E> for Cpu
where
    Cpu: Device<E>,
{
    fn cross_entropy<T: Tape<E, Self>>(
        &self,
        x: Tensor<(usize, usize), E, Self, T>,
        targets: Vec<RowTarget<E>>,
    ) -> Result<Tensor<(usize,), E, Self, T>, CpuError> {
        let (x, tape) = x.split_tape();
        let (rows, classes) = *x.shape();
        let mut y = zeros(self, &(rows,))?;
        let normalisers = E::cross_entropy(&read(&x), classes, &targets, write(&mut y)?).map_err(refused)?;
        on_tape(x, y, tape, move |x, _, gy, gx| E::cross_entropy_backward(x, &targets, &normalisers, gy, gx))
    }

    fn activity<T: Tape<E, Self>>(
        &self,
        x: Tensor<(usize, usize), E, Self, T>,
        measure: Measure,
    ) -> Result<Tensor<(usize,), E, Self, T>, CpuError> {
        let (x, tape) = x.split_tape();
        let mut y = zeros(self, &(x.shape().0,))?;
        E::activity(measure, &read(&x), write(&mut y)?).map_err(refused)?;
        on_tape(x, y, tape, move |x, y, gy, gx| E::activity_backward(measure, x, y, gy, gx))
    }

    fn change<T: Tape<E, Self>>(
        &self,
        x: Tensor<(usize, usize, usize), E, Self, T>,
        pairs: Vec<bool>,
    ) -> Result<Tensor<(usize,), E, Self, T>, CpuError> {
        let (x, tape) = x.split_tape();
        let mut y = zeros(self, &(x.shape().0,))?;
        E::change(&pairs, &read(&x), write(&mut y)?).map_err(refused)?;
        on_tape(x, y, tape, move |x, _, gy, gx| E::change_backward(&pairs, x, gy, gx))
    }
}

/// `y` with the tape, on which `back(x, y, gy, gx)` adds to the gradient of `x`.
fn on_tape<X: Shape, Y: Shape, E: Element, T: Tape<E, Cpu>>(
    x: Tensor<X, E, Cpu>,
    y: Tensor<Y, E, Cpu>,
    mut tape: T,
    back: impl FnOnce(&[E], &[E], &[E], &mut [E]) -> dynvision_kernels::Result + 'static,
) -> Result<Tensor<Y, E, Cpu, T>, CpuError>
where
    Cpu: Device<E>,
{
    if T::OWNS_TAPE {
        let kept = y.clone();
        tape.add_backward_op(move |grads| {
            let gy = take_grad(x.device(), grads.get_or_alloc_mut(&kept)?)?;
            back(exact(&x)?, exact(&kept)?, of::<E>(&gy), of_mut::<E>(grads.get_or_alloc_mut(&x)?)).map_err(refused)
        });
    }
    Ok(y.put_tape(tape))
}

/// A parameter that is a view is updated by dfdx's own operations, which know how it lies.
impl<E: Element> ParameterKernel<E> for Cpu
where
    Cpu: Device<E>,
{
    type Waiting = ();

    fn adam<S: Shape>(
        &self,
        step: &AdamStep,
        parameter: &mut Tensor<S, E, Self>,
        first: &mut Buffer<E, Self>,
        second: &mut Buffer<E, Self>,
        gradient: &Buffer<E, Self>,
    ) -> Result<(), CpuError> {
        match view_mut(parameter) {
            Some(parameter) => {
                let (first, second) = (of_mut::<E>(first), of_mut::<E>(second));
                E::adam(step, parameter, first, second, of::<E>(gradient)).map_err(refused)
            }
            None => optimizer::composed::adam(step, parameter, first, second, gradient),
        }
    }

    fn sgd<S: Shape>(
        &self,
        step: &SgdStep,
        parameter: &mut Tensor<S, E, Self>,
        velocity: &mut Buffer<E, Self>,
        gradient: &Buffer<E, Self>,
    ) -> Result<(), CpuError> {
        match view_mut(parameter) {
            Some(parameter) => E::sgd(step, parameter, of_mut::<E>(velocity), of::<E>(gradient)).map_err(refused),
            None => optimizer::composed::sgd(step, parameter, velocity, gradient),
        }
    }

    fn sum_of_squares(&self, buffer: &Buffer<E, Self>) -> Result<f64, CpuError> {
        Ok(E::sum_of_squares(of::<E>(buffer)))
    }

    fn scale(&self, buffer: &mut Buffer<E, Self>, factor: f64) -> Result<(), CpuError> {
        E::scale(of_mut::<E>(buffer), factor);
        Ok(())
    }

    fn clamp(&self, buffer: &mut Buffer<E, Self>, limit: f64) -> Result<(), CpuError> {
        E::clamp_all(of_mut::<E>(buffer), limit);
        Ok(())
    }

    fn read(&self, buffer: &Buffer<E, Self>) -> Result<Vec<E>, CpuError> {
        Ok(of::<E>(buffer).to_vec())
    }

    fn buffer(&self, elements: &[E]) -> Result<Buffer<E, Self>, CpuError> {
        let mut buffer = Storage::<E>::try_alloc_len(self, elements.len())?;
        of_mut::<E>(&mut buffer).copy_from_slice(elements);
        Ok(buffer)
    }
}
