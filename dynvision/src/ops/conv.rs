//! Convolution.

use super::leaky::{self, Step};
use super::shape::{contiguous, copy};
use crate::autograd::{Before, Depthwise, FrameKey, FrameOp, Graph, Kept, Made, id, take_grad};
use crate::error::{Error, Result};
use crate::geometry::{Border, Conv};
use crate::kernels::{self, Addend, Buffer, ConvKernel, Element, Maps, Sizes, Vector, VisionDevice};
use dfdx::prelude::*;
use std::rc::Rc;

/// Cross-correlation `y[b,o,i,j] = bias[o] + sum over c,k,l of w[o,c,k,l] x[b, c, i s + k d - p, j s + l d - p]`, in
/// groups of channels; added to `onto` where that is given, in place where nobody else holds it.
///
/// # Shapes
/// `x: (B, I, H, W)`, `w: (O, I / groups, K, K)`, `bias: (O)`, `onto` and result `(B, O, H', W')` with
/// `H' = (H + 2 padding - dilation (K - 1) - 1) / stride + 1`.
///
/// # Errors
/// [`Error::Shape`] where channels do not fit the weight, or `onto` has another shape than the convolution;
/// [`Error::Setting`] where the window does not fit; [`Error::Device`] where the device refuses.
pub fn conv2d<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    conv: &Conv,
    x: &Maps<E, D>,
    w: &Maps<E, D>,
    bias: Option<&Vector<E, D>>,
    onto: Option<Maps<E, D>>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    convolved(Filter { conv, w, bias }, x, onto, None, graph)
}

/// A leaky step whose drive is a convolution: [`conv2d`] by `filter`, then [`leaky`](super::leaky()), to the bit. A device takes the
/// step with what it has just written, unless the rate is trained and its gradient needs the drive.
///
/// # Shapes
/// Those of [`conv2d`]; the state is of the shape of the result.
///
/// # Errors
/// Those of [`conv2d`] and [`leaky`](super::leaky()).
///
/// ```
/// use dfdx::prelude::*;
/// use dynvision::autograd::Graph;
/// use dynvision::geometry::{Conv, Window};
/// use dynvision::ops::{self, Filter, Rate, Step};
/// # fn main() -> dynvision::error::Result<()> {
/// let (dev, conv) = (Cpu::default(), Conv::new(Window::POINT));
/// let (x, h) = (ops::erase(dev.tensor([[[[3.0, -9.0]]]]))?, ops::erase(dev.tensor([[[[4.0, 4.0]]]]))?);
/// let w: Tensor<_, f32, _> = dev.ones_like(&(1, 1, 1, 1));
/// let step = Step { rate: &Rate::fixed(0.5), h: Some(&h), relu: true };
/// let filter = Filter { conv: &conv, w: &w, bias: None };
/// let y = ops::conv2d_leaky(filter, &x, None, step, &mut Graph::new(NoneTape))?;
/// assert_eq!(y.as_vec(), [3.5, 0.0]); // half way from 4 to 3, and to -9
/// # Ok(())
/// # }
/// ```
pub fn conv2d_leaky<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    filter: Filter<'_, E, D>,
    x: &Maps<E, D>,
    onto: Option<Maps<E, D>>,
    step: Step<'_, E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    stepped(step, graph, |step, graph| convolved(filter, x, onto, step, graph))
}

/// What `make` makes with a step, or the step after what it makes without one, where its drive is needed again.
fn stepped<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    step: Step<'_, E, D>,
    graph: &mut Graph<E, D, T>,
    make: impl FnOnce(Option<Step<'_, E, D>>, &mut Graph<E, D, T>) -> Result<Maps<E, D>>,
) -> Result<Maps<E, D>> {
    if T::OWNS_TAPE && step.rate.trained.is_some() {
        let drive = make(None, graph)?;
        return step.take(drive, graph);
    }
    make(Some(step), graph)
}

/// [`conv2d`], with a step if there is one.
fn convolved<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    filter: Filter<'_, E, D>,
    x: &Maps<E, D>,
    onto: Option<Maps<E, D>>,
    step: Option<Step<'_, E, D>>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let (x, onto) = (contiguous(x.clone(), graph)?, onto.map(|onto| contiguous(onto, graph)).transpose()?);
    let sizes = check(filter.conv, x.shape(), filter.w, filter.bias, onto.as_ref())?;
    let filter = Used::new(filter, &[id(&x)], graph)?;
    let step = step.map(|step| leaky::Used::new(step, &sizes, graph)).transpose()?;
    let (y, before) = added(onto, sizes, graph, |onto, out| {
        let (dev, filter) = (x.device(), filter.kernel());
        match &step {
            Some(step) => dev.conv2d_leaky(filter, &x, onto, out, step.kernel()),
            None => dev.conv2d(filter.conv, &x, filter.w, filter.bias, filter.cache, onto, out),
        }
    })?;
    if !T::OWNS_TAPE {
        return Ok(y);
    }
    let (kept, is_depthwise) = (graph.kept(&x), filter.conv.groups > 1 && filter.w.shape().1 == 1);
    // not a chain of them, of which each would be made of the one before
    if is_depthwise && step.is_none() && before.is_none() && !kept.is_depthwise() {
        graph.make_again(&y, filter.made(kept.clone()));
    }
    let (x, step) = (x.ghost(), step.map(|step| step.taken(&y)));
    graph.on_backward_added(before, &y, move |dev, grads, gy| {
        step.map_or(Ok(()), |step| step.backward(dev, grads, gy))?;
        let mut gx = take_grad(dev, grads.get_or_alloc_mut(&x)?)?;
        let Taken { w: mut gw, bias: mut gb } = filter.take(dev, grads)?;
        let (values, Used { conv, w, cache, .. }) = (kept.values(dev)?, &filter);
        dev.conv2d_backward(conv, &values, w, cache, sizes, gy, Some(&mut gx), &mut gw, gb.as_mut(), true)?;
        kept.done(values);
        filter.put(grads, Taken { w: gw, bias: gb })?;
        *grads.get_or_alloc_mut(&x)? = gx;
        Ok(())
    });
    Ok(y)
}

/// A convolution with its weight and bias.
#[derive(Debug)]
pub struct Filter<'a, E: Element, D: VisionDevice<E>> {
    /// How it slides.
    pub conv: &'a Conv,
    /// Its weight, `(O, I / groups, K, K)`.
    pub w: &'a Maps<E, D>,
    /// Its bias, `(O)`.
    pub bias: Option<&'a Vector<E, D>>,
}

/// Two convolutions, `y = onto + second(first(x))`, each as [`conv2d`] has it (a separable convolution, as in Xception, where the
/// first is of each channel and the second one of single places: a device may write nowhere what is between them then). Nothing of
/// that is kept for the way back, where it is made again.
///
/// # Shapes
/// `x: (B, I, H, W)`, between them `(B, M, H', W')`, `onto` and result `(B, O, H'', W'')`, by the windows of the two.
///
/// # Errors
/// As [`conv2d`].
///
/// ```
/// use dfdx::prelude::*;
/// use dynvision::autograd::Graph;
/// use dynvision::geometry::{Conv, Window};
/// use dynvision::ops::{self, Filter};
/// # fn main() -> dynvision::error::Result<()> {
/// let dev = Cpu::default();
/// let (each, mixed) = (Conv::new(Window::same(3, 1)).grouped(2), Conv::new(Window::new(1, 1, 0)));
/// let x = dev.ones_like(&(1, 2, 4, 4));
/// let (w, mix): (Tensor<_, f32, _>, _) = (dev.ones_like(&(2, 1, 3, 3)), dev.ones_like(&(5, 2, 1, 1)));
/// let filters = [Filter { conv: &each, w: &w, bias: None }, Filter { conv: &mixed, w: &mix, bias: None }];
/// let graph = &mut Graph::new(NoneTape);
/// let y = ops::separable_conv2d(filters, &x, None, graph)?;
/// let between = ops::conv2d(&each, &x, &w, None, None, graph)?;
/// assert_eq!(y.as_vec(), ops::conv2d(&mixed, &between, &mix, None, None, graph)?.as_vec());
/// assert_eq!(y.as_vec()[..2], [8.0, 12.0]); // four and six values of each of two channels
/// # Ok(())
/// # }
/// ```
pub fn separable_conv2d<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    filters: [Filter<'_, E, D>; 2],
    x: &Maps<E, D>,
    onto: Option<Maps<E, D>>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    separately_convolved(filters, x, onto, None, graph)
}

/// A leaky step whose drive is two convolutions: [`separable_conv2d`], then [`leaky`](super::leaky()), as [`conv2d_leaky`] has it.
///
/// # Shapes
/// Those of [`separable_conv2d`]; the state is of the shape of the result.
///
/// # Errors
/// Those of [`separable_conv2d`] and [`leaky`](super::leaky()).
///
/// ```
/// use dfdx::prelude::*;
/// use dynvision::autograd::Graph;
/// use dynvision::geometry::{Conv, Window};
/// use dynvision::ops::{self, Filter, Rate, Step};
/// # fn main() -> dynvision::error::Result<()> {
/// let dev = Cpu::default();
/// let (each, mixed) = (Conv::new(Window::same(3, 1)).grouped(2), Conv::new(Window::POINT));
/// let h = dev.ones_like(&(1, 2, 4, 4));
/// let (w, mix): (Tensor<_, f32, _>, _) = (dev.ones_like(&(2, 1, 3, 3)), dev.ones_like(&(2, 2, 1, 1)));
/// let filters = [Filter { conv: &each, w: &w, bias: None }, Filter { conv: &mixed, w: &mix, bias: None }];
/// let step = Step { rate: &Rate::fixed(0.5), h: Some(&h), relu: true };
/// let y = ops::separable_conv2d_leaky(filters, &h, None, step, &mut Graph::new(NoneTape))?;
/// assert_eq!(y.as_vec()[..2], [4.5, 6.5]); // half way from 1 to 8 and 12
/// # Ok(())
/// # }
/// ```
pub fn separable_conv2d_leaky<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    filters: [Filter<'_, E, D>; 2],
    x: &Maps<E, D>,
    onto: Option<Maps<E, D>>,
    step: Step<'_, E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    stepped(step, graph, |step, graph| separately_convolved(filters, x, onto, step, graph))
}

/// [`separable_conv2d`], with a step if there is one.
fn separately_convolved<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    [first, second]: [Filter<'_, E, D>; 2],
    x: &Maps<E, D>,
    onto: Option<Maps<E, D>>,
    step: Option<Step<'_, E, D>>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let (x, onto) = (contiguous(x.clone(), graph)?, onto.map(|onto| contiguous(onto, graph)).transpose()?);
    let between = check(first.conv, x.shape(), first.w, first.bias, None)?;
    let sizes = check(second.conv, &between, second.w, second.bias, onto.as_ref())?;
    let first = Used::new(first, &[id(&x)], graph)?;
    let second = Used::new(second, &first.ids().chain([id(&x)]).collect::<Vec<_>>(), graph)?;
    let step = step.map(|step| leaky::Used::new(step, &sizes, graph)).transpose()?;
    let (y, before) = added(onto, sizes, graph, |onto, out| {
        let (dev, filters) = (x.device(), [first.kernel(), second.kernel()]);
        match &step {
            Some(step) => dev.separable_conv2d_leaky(filters, &x, onto, out, step.kernel()),
            None => dev.separable_conv2d(filters, &x, onto, out),
        }
    })?;
    if !T::OWNS_TAPE {
        return Ok(y);
    }
    let kept = graph.kept(&x);
    let (x, step) = (x.ghost(), step.map(|step| step.taken(&y)));
    graph.on_backward_added(before, &y, move |dev, grads, gy| {
        step.map_or(Ok(()), |step| step.backward(dev, grads, gy))?;
        let mut gx = take_grad(dev, grads.get_or_alloc_mut(&x)?)?;
        let mut taken = [first.take(dev, grads)?, second.take(dev, grads)?];
        let (values, filters) = (kept.values(dev)?, [first.kernel(), second.kernel()]);
        dev.separable_conv2d_backward(filters, &values, sizes, gy, &mut gx, taken.each_mut().map(Taken::kernel))?;
        kept.done(values);
        for (filter, taken) in [first, second].iter().zip(taken) {
            filter.put(grads, taken)?;
        }
        *grads.get_or_alloc_mut(&x)? = gx;
        Ok(())
    });
    Ok(y)
}

/// What `make` makes, of these sizes: added to `onto` where that is given, in place where nobody else holds it, or in the place of
/// maps that are spare. Returns `onto` as it was before, too.
#[allow(clippy::type_complexity, reason = "a result and what it was")]
fn added<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    onto: Option<Maps<E, D>>,
    sizes: Sizes,
    graph: &mut Graph<E, D, T>,
    make: impl FnOnce(Option<Addend<'_, E, D>>, Option<Maps<E, D>>) -> Result<Maps<E, D>, D::Err>,
) -> Result<(Maps<E, D>, Option<Before<E, D>>)> {
    let before = onto.as_ref().and_then(|onto| graph.before(onto));
    let onto = match &onto {
        Some(kept) if graph.is_shared(kept) => Some(Addend::Borrowed(kept)),
        _ => onto.map(Addend::Owned),
    };
    let out = match onto {
        Some(Addend::Owned(_)) => None,
        _ => graph.spare(&sizes),
    };
    let y = make(onto, out).map_err(Error::device)?;
    graph.made(&y);
    Ok((y, before))
}

/// A filter as a device uses it.
struct Used<E: Element, D: VisionDevice<E>> {
    conv: Conv,
    w: Maps<E, D>,
    bias: Option<Vector<E, D>>,
    cache: Rc<<D as ConvKernel<E>>::WeightCache>,
}

impl<E: Element, D: VisionDevice<E>> Used<E, D> {
    /// In one piece, and under other identities than the `others`, since all have gradients at once.
    fn new<T: Tape<E, D>>(
        Filter { conv, w, bias }: Filter<'_, E, D>,
        others: &[UniqueId],
        graph: &mut Graph<E, D, T>,
    ) -> Result<Self> {
        let w = contiguous(w.clone(), graph)?;
        let bias = bias.map(|bias| graph.run(bias.clone(), kernels::contiguous)).transpose()?;
        let w = if others.contains(&id(&w)) { copy(&w, graph)? } else { w };
        let bias = match bias {
            Some(bias) if id(&bias) == id(&w) || others.contains(&id(&bias)) => {
                Some(graph.run(bias, |bias| bias.try_mul(E::ONE))?)
            }
            bias => bias,
        };
        let cache = graph.weight_cache(&w);
        Ok(Used { conv: *conv, w, bias, cache })
    }

    fn kernel(&self) -> kernels::Filter<'_, E, D> {
        kernels::Filter { conv: &self.conv, w: &self.w, bias: self.bias.as_ref(), cache: &self.cache }
    }

    /// How what it makes `of` something is made again.
    fn made(&self, of: Kept<E, D>) -> Made<E, D> {
        let Used { conv, ref w, ref bias, ref cache } = *self;
        Made::Depthwise(Depthwise { conv, of, weight: w.clone(), bias: bias.clone(), cache: cache.clone() })
    }

    /// The identities of weight and bias.
    fn ids(&self) -> impl Iterator<Item = UniqueId> {
        [id(&self.w)].into_iter().chain(self.bias.as_ref().map(id))
    }

    /// Takes the gradients out of their places.
    fn take(&self, dev: &D, grads: &mut Gradients<E, D>) -> Result<Taken<E, D>, D::Err> {
        let w = take_grad(dev, grads.get_or_alloc_mut(&self.w)?)?;
        let bias = match &self.bias {
            Some(bias) => Some(take_grad(dev, grads.get_or_alloc_mut(bias)?)?),
            None => None,
        };
        Ok(Taken { w, bias })
    }

    /// Puts the gradients back.
    fn put(&self, grads: &mut Gradients<E, D>, taken: Taken<E, D>) -> Result<(), D::Err> {
        *grads.get_or_alloc_mut(&self.w)? = taken.w;
        if let (Some(bias), Some(gb)) = (&self.bias, taken.bias) {
            *grads.get_or_alloc_mut(bias)? = gb;
        }
        Ok(())
    }
}

/// The gradients of a filter, out of their places so that all can be written at once.
struct Taken<E: Element, D: VisionDevice<E>> {
    w: Buffer<E, D>,
    bias: Option<Buffer<E, D>>,
}

impl<E: Element, D: VisionDevice<E>> Taken<E, D> {
    fn kernel(&mut self) -> kernels::FilterGradient<'_, E, D> {
        kernels::FilterGradient { w: &mut self.w, bias: self.bias.as_mut() }
    }
}

/// [`conv2d`] of a frame that may be shown at several steps: computed once in an unroll, forward and backward.
///
/// # Errors
/// As [`conv2d`].
pub fn conv2d_once<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    conv: &Conv,
    x: &Maps<E, D>,
    w: &Maps<E, D>,
    bias: Option<&Vector<E, D>>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let op = FrameOp::Conv { conv: *conv, weight: id(w), bias: bias.map(id) };
    graph.once(FrameKey { frame: id(x), op }, |graph| conv2d(conv, x, w, bias, None, graph))
}

/// Checks the operands, and returns the sizes of the result.
fn check<E: Element, D: VisionDevice<E>>(
    conv: &Conv,
    x: &Sizes,
    w: &Maps<E, D>,
    bias: Option<&Vector<E, D>>,
    onto: Option<&Maps<E, D>>,
) -> Result<Sizes> {
    let ((b, i, h, wd), (o, per_group, k, l)) = (*x, *w.shape());
    let window = conv.window;
    let shape = |what, expected: &[usize], found: &[usize]| Err(Error::shape(what, expected, found));
    if conv.groups == 0 || per_group.checked_mul(conv.groups) != Some(i) || o % conv.groups != 0 {
        return shape(
            "weight of a convolution (out, in / groups, kernel, kernel)",
            &[o, i / conv.groups.max(1), k, l],
            &[o, per_group, k, l],
        );
    }
    if (k, l) != (window.kernel, window.kernel) {
        return shape("kernel of a convolution", &[window.kernel, window.kernel], &[k, l]);
    }
    let to = [b, o, window.output_len(h), window.output_len(wd)];
    if to[2] == 0 || to[3] == 0 {
        return Err(Error::Setting(format!(
            "a convolution of kernel {k} (stride {}, dilation {}) does not fit its input of {h}x{wd} padded by {}: stride \
             and dilation are at least 1, and the kernel reaches no further than the padded input",
            window.stride, window.dilation, window.padding
        )));
    }
    if conv.border == Border::Reflect && (window.padding >= h || window.padding >= wd) {
        return Err(Error::Setting(format!(
            "cannot mirror {} rows or columns of an input of {h}x{wd}",
            window.padding
        )));
    }
    if let Some(bias) = bias.filter(|bias| bias.shape().0 != o) {
        return shape("bias of a convolution", &[o], &[bias.shape().0]);
    }
    if let Some(onto) = onto.filter(|onto| onto.shape().concrete() != to) {
        return shape("what a convolution is added to", &to, &onto.shape().concrete());
    }
    let [b, o, h, w] = to;
    Ok((b, o, h, w))
}
