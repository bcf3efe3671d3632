//! The kernel traits on the CPU: tensors become slices, the work is done in [`cpu`](super::cpu).

use super::*;
use crate::geometry::{Conv, Over, Window};
use dfdx::prelude::*;

fn sizes<E: Unit, D: Storage<E>>(t: &Maps<E, D>) -> [usize; 4] {
    t.shape().concrete()
}

/// A tensor to be overwritten: its elements are zero, not meaningful.
fn output<E: Element>(dev: &Cpu, sizes: [usize; 4]) -> Result<Maps<E, Cpu>, CpuError> {
    let [b, c, h, w] = sizes;
    dev.try_zeros_like(&(b, c, h, w))
}

/// The tensor, to be updated in place: one that shares its buffer becomes a tensor of its own, with its own identity, so
/// that the gradients of the two stay apart.
fn owned<E: Element>(dev: &Cpu, mut y: Maps<E, Cpu>) -> Result<Maps<E, Cpu>, CpuError> {
    let shared = view(&y).as_ptr();
    if view_mut(&mut y).as_ptr() == shared {
        return Ok(y);
    }
    let mut own = output(dev, sizes(&y))?;
    view_mut(&mut own).copy_from_slice(view(&y));
    Ok(own)
}

impl<E: Element> ConvKernel<E> for Cpu {
    type Packs = cpu::conv::Packs<E>;

    fn conv2d(
        &self,
        conv: &Conv,
        x: &Maps<E, Self>,
        w: &Maps<E, Self>,
        bias: Option<&Tensor<(usize,), E, Self>>,
        packs: &Self::Packs,
        onto: Option<Onto<'_, E, Self>>,
    ) -> Result<Maps<E, Self>, Self::Err> {
        let (xd, wd) = (sizes(x), sizes(w));
        let yd = [xd[0], wd[0], conv.window.places(xd[2]), conv.window.places(xd[3])];
        let (mut y, onto) = match onto {
            Some(Onto::Own(y)) => (owned(self, y)?, cpu::conv::Onto::Output),
            Some(Onto::Kept(values)) => (output(self, yd)?, cpu::conv::Onto::Values(view(values))),
            None => (output(self, yd)?, cpu::conv::Onto::Nothing),
        };
        cpu::conv::forward(conv, view(x), xd, view(w), wd, bias.map(view), packs, view_mut(&mut y), yd, onto);
        Ok(y)
    }

    fn conv2d_backward(
        &self,
        conv: &Conv,
        x: &Maps<E, Self>,
        w: &Maps<E, Self>,
        packs: &Self::Packs,
        y: Sizes,
        gy: &Self::Vec,
        gx: Option<&mut Self::Vec>,
        gw: &mut Self::Vec,
        gb: Option<&mut Self::Vec>,
        gather: bool,
    ) -> Result<(), Self::Err> {
        let (gx, gb) = (gx.map(|g| &mut g[..]), gb.map(|g| &mut g[..]));
        let (xd, wd) = (sizes(x), sizes(w));
        cpu::conv::backward(conv, view(x), xd, view(w), wd, packs, gy, y.concrete(), gx, Some(gw), gb, gather);
        Ok(())
    }

    fn conv2d_collect(&self, packs: &Self::Packs, gw: &mut Self::Vec) -> Result<(), Self::Err> {
        cpu::conv::collect(packs, gw);
        Ok(())
    }
}

impl<E: Element> PoolKernel<E> for Cpu {
    type Chosen = cpu::Recycled<u32>;

    fn max_pool2d(
        &self,
        window: Window,
        x: &Maps<E, Self>,
        keep: bool,
    ) -> Result<(Maps<E, Self>, Option<Self::Chosen>), Self::Err> {
        let xd = sizes(x);
        let yd = [xd[0], xd[1], window.places(xd[2]), window.places(xd[3])];
        let mut y = output(self, yd)?;
        if !keep {
            cpu::pool::max_forward_only(window, view(x), xd, view_mut(&mut y), yd);
            return Ok((y, None));
        }
        let mut chosen = cpu::Recycled::new(yd.iter().product());
        cpu::pool::max_forward(window, view(x), xd, view_mut(&mut y), yd, &mut chosen);
        Ok((y, Some(chosen)))
    }
    fn max_pool2d_backward(
        &self,
        window: Window,
        x: &Maps<E, Self>,
        chosen: &Self::Chosen,
        y: Sizes,
        gy: &Self::Vec,
        gx: &mut Self::Vec,
    ) -> Result<(), Self::Err> {
        cpu::pool::max_backward(window, gy, y.concrete(), chosen, gx, sizes(x));
        Ok(())
    }
    fn avg_pool2d(&self, window: Window, x: &Maps<E, Self>) -> Result<Maps<E, Self>, Self::Err> {
        let xd = sizes(x);
        let yd = [xd[0], xd[1], window.places(xd[2]), window.places(xd[3])];
        let mut y = output(self, yd)?;
        cpu::pool::avg_forward(window, view(x), xd, view_mut(&mut y), yd);
        Ok(y)
    }
    fn avg_pool2d_backward(
        &self,
        window: Window,
        x: Sizes,
        y: Sizes,
        gy: &Self::Vec,
        gx: &mut Self::Vec,
    ) -> Result<(), Self::Err> {
        cpu::pool::avg_backward(window, gy, y.concrete(), gx, x.concrete());
        Ok(())
    }
    fn global_avg(&self, x: &Maps<E, Self>) -> Result<Tensor<(usize, usize), E, Self>, Self::Err> {
        let xd = sizes(x);
        let mut y = self.try_zeros_like(&(xd[0], xd[1]))?;
        cpu::pool::global_avg_forward(view(x), xd, view_mut(&mut y));
        Ok(y)
    }
    fn global_avg_backward(&self, x: Sizes, gy: &Self::Vec, gx: &mut Self::Vec) -> Result<(), Self::Err> {
        cpu::pool::global_avg_backward(gy, gx, x.concrete());
        Ok(())
    }
}

impl<E: Element> ResizeKernel<E> for Cpu {
    fn resize(
        &self,
        x: &Maps<E, Self>,
        height: usize,
        width: usize,
        onto: Option<Maps<E, Self>>,
    ) -> Result<Maps<E, Self>, Self::Err> {
        let xd = sizes(x);
        let yd = [xd[0], xd[1], height, width];
        let accumulate = onto.is_some();
        let mut y = match onto {
            Some(y) => owned(self, y)?,
            None => output(self, yd)?,
        };
        cpu::resize::nearest_forward(view(x), xd, view_mut(&mut y), yd, accumulate);
        Ok(y)
    }
    fn resize_backward(&self, x: Sizes, y: Sizes, gy: &Self::Vec, gx: &mut Self::Vec) -> Result<(), Self::Err> {
        cpu::resize::nearest_backward(gy, y.concrete(), gx, x.concrete());
        Ok(())
    }
}

impl<E: Element> LeakyKernel<E> for Cpu {
    fn leaky(
        &self,
        rate: E,
        x: Maps<E, Self>,
        h: Option<&Maps<E, Self>>,
        relu: bool,
    ) -> Result<Maps<E, Self>, Self::Err> {
        let mut x = owned(self, x)?;
        cpu::leaky::forward(rate, view_mut(&mut x), h.map(view), relu);
        Ok(x)
    }
    fn leaky_backward(
        &self,
        rate: E,
        y: Option<&Maps<E, Self>>,
        g: &mut Self::Vec,
        gh: Option<&mut Self::Vec>,
    ) -> Result<(), Self::Err> {
        cpu::leaky::backward(rate, y.map(view), g, gh.map(|g| &mut g[..]));
        Ok(())
    }
    fn leaky_backward_rate(
        &self,
        scale: E,
        x: &Maps<E, Self>,
        h: Option<&Maps<E, Self>>,
        y: Option<&Maps<E, Self>>,
        gy: &Self::Vec,
        grate: &mut Self::Vec,
    ) -> Result<(), Self::Err> {
        grate[0] += scale * cpu::leaky::backward_rate(view(x), h.map(view), y.map(view), gy);
        Ok(())
    }
}

impl<E: Element> PointwiseKernel<E> for Cpu {
    fn add(&self, y: Maps<E, Self>, x: &Maps<E, Self>) -> Result<Maps<E, Self>, Self::Err> {
        let mut y = owned(self, y)?;
        cpu::elementwise::add_assign(view(x), view_mut(&mut y));
        Ok(y)
    }
    fn accumulate(&self, scale: E, from: &Self::Vec, into: &mut Self::Vec) -> Result<(), Self::Err> {
        cpu::elementwise::axpy(scale, from, into);
        Ok(())
    }
    fn relu(&self, x: Maps<E, Self>) -> Result<Maps<E, Self>, Self::Err> {
        let mut x = owned(self, x)?;
        cpu::elementwise::relu_forward(view_mut(&mut x));
        Ok(x)
    }
    fn relu_backward(&self, y: &Maps<E, Self>, g: &mut Self::Vec) -> Result<(), Self::Err> {
        cpu::elementwise::relu_backward(view(y), g);
        Ok(())
    }
    fn gain(&self, x: &Maps<E, Self>, h: &Maps<E, Self>) -> Result<Maps<E, Self>, Self::Err> {
        let mut y = output(self, sizes(x))?;
        cpu::gain::forward(view(x), view(h), view_mut(&mut y));
        Ok(y)
    }
    fn gain_backward(
        &self,
        x: &Maps<E, Self>,
        h: &Maps<E, Self>,
        gy: &Self::Vec,
        gx: &mut Self::Vec,
        gh: &mut Self::Vec,
    ) -> Result<(), Self::Err> {
        cpu::gain::backward(view(x), view(h), gy, Some(gx), Some(gh));
        Ok(())
    }
    fn supralinear(&self, k: E, n: E, x: &Maps<E, Self>) -> Result<Maps<E, Self>, Self::Err> {
        let mut y = output(self, sizes(x))?;
        cpu::supralinear::forward(k, n, view(x), view_mut(&mut y));
        Ok(y)
    }
    fn supralinear_backward(
        &self,
        k: E,
        n: E,
        x: &Maps<E, Self>,
        gy: &Self::Vec,
        gx: &mut Self::Vec,
    ) -> Result<(), Self::Err> {
        cpu::supralinear::backward(k, n, view(x), gy, gx);
        Ok(())
    }
}

impl<E: Element> BiasKernel<E> for Cpu {
    fn add_bias(
        &self,
        y: Maps<E, Self>,
        bias: &Tensor<(usize,), E, Self>,
        run: usize,
    ) -> Result<Maps<E, Self>, Self::Err> {
        let mut y = owned(self, y)?;
        cpu::bias::forward(view(bias), run, view_mut(&mut y));
        Ok(y)
    }
    fn add_bias_backward(
        &self,
        len: usize,
        run: usize,
        _: Sizes,
        gy: &Self::Vec,
        gb: &mut Self::Vec,
    ) -> Result<(), Self::Err> {
        cpu::bias::backward(run, gy, &mut gb[..len]);
        Ok(())
    }
}

impl<E: Element> NormKernel<E> for Cpu {
    fn moments(&self, over: Over, x: &Maps<E, Self>) -> Result<Moments<E, Self>, Self::Err> {
        let xd = sizes(x);
        let blocks = over.blocks(xd[0], xd[1]);
        let (mut mean, mut variance) = (self.try_zeros_like(&(blocks,))?, self.try_zeros_like(&(blocks,))?);
        cpu::norm::moments(over, view(x), xd, view_mut(&mut mean), view_mut(&mut variance));
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
    ) -> Result<Maps<E, Self>, Self::Err> {
        let xd = sizes(x);
        let mut y = output(self, xd)?;
        let moments = (view(&moments.mean), view(&moments.variance));
        cpu::norm::forward(over, eps, view(x), xd, moments, (view(w), view(b)), view_mut(&mut y));
        Ok(y)
    }
    fn normalize_backward(
        &self,
        over: Over,
        eps: f64,
        x: &Maps<E, Self>,
        moments: &Moments<E, Self>,
        w: &Tensor<(usize,), E, Self>,
        gy: &Self::Vec,
        gx: &mut Self::Vec,
        gw: &mut Self::Vec,
        gb: &mut Self::Vec,
    ) -> Result<(), Self::Err> {
        let moments = (view(&moments.mean), view(&moments.variance));
        cpu::norm::backward(over, eps, view(x), sizes(x), moments, view(w), gy, gx, gw, gb);
        Ok(())
    }
}

impl<E: Element> GatherKernel<E> for Cpu {
    fn gather(&self, index: &[u32], x: &Maps<E, Self>, y: Sizes) -> Result<Maps<E, Self>, Self::Err> {
        let mut out = output(self, y.concrete())?;
        cpu::gather::forward(index, view(x), sizes(x), view_mut(&mut out));
        Ok(out)
    }
    fn gather_backward(&self, index: &[u32], x: Sizes, gy: &Self::Vec, gx: &mut Self::Vec) -> Result<(), Self::Err> {
        cpu::gather::backward(index, gy, gx, x.concrete());
        Ok(())
    }
}

impl<E: Element> StackKernel<E> for Cpu {
    fn stack_time<X: Shape, Y: Shape>(
        &self,
        first: usize,
        steps: &[Tensor<X, E, Self>],
        y: Y,
    ) -> Result<Tensor<Y, E, Self>, Self::Err> {
        let mut out = self.try_zeros_like(&y)?;
        let batch = y.concrete()[0];
        let time = first + steps.len();
        let ys = view_mut(&mut out);
        for (t, x) in steps.iter().enumerate() {
            let len = x.shape().num_elements() / batch.max(1);
            for (b, x) in view(x).chunks_exact(len.max(1)).enumerate() {
                let at = (b * time + first + t) * len;
                ys[at..at + len].copy_from_slice(x);
            }
        }
        Ok(out)
    }
    fn unstack_time(
        &self,
        [batch, time, len]: [usize; 3],
        step: usize,
        gy: &Self::Vec,
        gx: &mut Self::Vec,
    ) -> Result<(), Self::Err> {
        for b in 0..batch {
            let at = (b * time + step) * len;
            cpu::elementwise::axpy(E::one(), &gy[at..at + len], &mut gx[b * len..(b + 1) * len]);
        }
        Ok(())
    }
}
