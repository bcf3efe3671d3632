//! The kernels as others see them: sizes are checked here, once, and compiled here for both number types.

use crate::conv::{Accumulate, Filter, FilterGradient, WeightCache};
use crate::error::{Result, of_one_length, of_sizes, require, volume};
use crate::geometry::{Conv, Over, Window};
use crate::leaky::Step;
use crate::loss::{Measure, Normaliser, RowTarget};
use crate::optimizer::{AdamStep, SgdStep};
use crate::{Scalar, bias, conv, elementwise, gain, gather, leaky, loss, norm, optimizer, pool, resize, supralinear};

/// Declares the kernels, and compiles each for `f32` and `f64` in this crate: a crate that calls them compiles none of their
/// code, whatever it is generic over and however little it is optimised.
macro_rules! kernels {
    ($($(#[$attribute:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?) -> $out:ty $body:block)*) => {
        /// The kernels, for `f32` and `f64`.
        ///
        /// Maps are slices in NCHW order with their sizes, `[batch, channels, rows, columns]`. A forward kernel overwrites
        /// its output, or adds to it where it says so; a backward kernel *adds* to the gradients that it is given.
        ///
        /// # Errors
        /// Every kernel refuses sizes that do not fit each other, before it has written anything.
        pub trait Kernels: Scalar {
            $($(#[$attribute])* fn $name($($argument: $type),*) -> $out;)*
        }
        impl Kernels for f32 {
            $(fn $name($($argument: $type),*) -> $out $body)*
        }
        impl Kernels for f64 {
            $(fn $name($($argument: $type),*) -> $out $body)*
        }
    };
}

kernels! {
    /// Writes `y = conv(x) + bias`, added to what `onto` says. `cache` belongs to this weight; see [`WeightCache`].
    #[allow(clippy::too_many_arguments, reason = "three tensors with their sizes")]
    fn conv2d(
        conv: &Conv, x: &[Self], xd: [usize; 4], w: &[Self], wd: [usize; 4], bias: Option<&[Self]>,
        cache: &WeightCache<Self>, y: &mut [Self], yd: [usize; 4], onto: Accumulate<'_, Self>,
    ) -> Result {
        conv::forward(conv, x, xd, w, wd, bias, cache, y, yd, onto, None)
    }

    /// Writes `y = step(conv(x) + bias)`, as [`conv2d`](Kernels::conv2d) and then [`leaky`](Kernels::leaky) do, to the bit: the step is
    /// taken with what is added to what `onto` says, while it is still in the cache.
    #[allow(clippy::too_many_arguments, reason = "two tensors with their sizes")]
    fn conv2d_leaky(
        filter: Filter<'_, Self>, x: &[Self], xd: [usize; 4], y: &mut [Self], yd: [usize; 4],
        onto: Accumulate<'_, Self>, step: Step<'_, Self>,
    ) -> Result {
        let Filter { conv, w, wd, bias, cache } = filter;
        conv::forward(conv, x, xd, w, wd, bias, cache, y, yd, onto, Some(step))
    }

    /// Writes `y = second(first(x))`, as two calls of [`conv2d`](Kernels::conv2d) do, added to what `onto` says. Where the first is
    /// a convolution of each channel that keeps the size of the maps, and the second one of single places, nothing is written
    /// between them.
    fn separable_conv2d(
        filters: [Filter<'_, Self>; 2], x: &[Self], xd: [usize; 4], y: &mut [Self], yd: [usize; 4],
        onto: Accumulate<'_, Self>,
    ) -> Result {
        conv::separable(filters, x, xd, y, yd, onto, None)
    }

    /// [`separable_conv2d`](Kernels::separable_conv2d), and the step with what it makes as [`conv2d_leaky`](Kernels::conv2d_leaky) takes it.
    #[allow(clippy::too_many_arguments, reason = "two tensors with their sizes")]
    fn separable_conv2d_leaky(
        filters: [Filter<'_, Self>; 2], x: &[Self], xd: [usize; 4], y: &mut [Self], yd: [usize; 4],
        onto: Accumulate<'_, Self>, step: Step<'_, Self>,
    ) -> Result {
        conv::separable(filters, x, xd, y, yd, onto, Some(step))
    }

    /// Adds to each gradient that is given what `gy`, the gradient of the output, passes back: `gx` that of the input, `gw`
    /// that of the weight, `gb` that of the bias. With `gather`, that of the weight may stay in `cache` until
    /// [`conv2d_collect`](Kernels::conv2d_collect).
    #[allow(clippy::too_many_arguments, reason = "three tensors with their sizes, and three gradients")]
    fn conv2d_backward(
        conv: &Conv, x: &[Self], xd: [usize; 4], w: &[Self], wd: [usize; 4], cache: &WeightCache<Self>, gy: &[Self],
        yd: [usize; 4], gx: Option<&mut [Self]>, gw: Option<&mut [Self]>, gb: Option<&mut [Self]>, gather: bool,
    ) -> Result {
        conv::backward(conv, x, xd, w, wd, cache, gy, yd, gx, gw, gb, gather)
    }

    /// Adds to all gradients what `gy`, that of the output of [`separable_conv2d`](Kernels::separable_conv2d), passes back: `gx`
    /// that of the input. Those of the weights may stay in their caches until [`conv2d_collect`](Kernels::conv2d_collect).
    ///
    /// With `m = first(x)` and `gm` what the second convolution passes back to `m`: the second weight and bias get what `m` and `gy`
    /// bring, the first ones what `x` and `gm` bring, and the input what the first one passes back of `gm`. `x` and `gx` have sizes
    /// `xd`, `gy` has `yd`; refuses sizes that do not fit, and an `m` out of all proportion to what is read and written.
    fn separable_conv2d_backward(
        filters: [Filter<'_, Self>; 2], x: &[Self], xd: [usize; 4], gy: &[Self], yd: [usize; 4], gx: &mut [Self],
        gradients: [FilterGradient<'_, Self>; 2],
    ) -> Result {
        conv::separable_backward(filters, x, xd, gy, yd, gx, gradients)
    }

    /// Adds to `gw` what the backward kernels of convolutions have gathered.
    fn conv2d_collect(cache: &WeightCache<Self>, gw: &mut [Self]) -> Result {
        conv::collect(cache, gw)
    }

    /// Writes the maximum of every window; padding counts as minus infinity, NaN is larger than everything.
    fn max_pool2d(window: Window, x: &[Self], xd: [usize; 4], y: &mut [Self], yd: [usize; 4]) -> Result {
        let window = pool::checked(window, x.len(), xd, y.len(), yd)?;
        pool::max_forward(window, x, xd, y, yd);
        Ok(())
    }

    /// Adds every `gy` to the gradient of the maximum of its window: the first of equal values, the last NaN, none where there
    /// is nothing but minus infinity.
    fn max_pool2d_backward(
        window: Window, x: &[Self], xd: [usize; 4], gy: &[Self], yd: [usize; 4], gx: &mut [Self],
    ) -> Result {
        let window = pool::checked(window, x.len(), xd, gy.len(), yd)?;
        of_one_length("max pooling", [("the input", x.len()), ("its gradient", gx.len())])?;
        pool::max_backward(window, x, xd, gy, yd, gx);
        Ok(())
    }

    /// Writes the mean of every window, where padding counts as zeros (the divisor is always `kernel²`).
    fn avg_pool2d(window: Window, x: &[Self], xd: [usize; 4], y: &mut [Self], yd: [usize; 4]) -> Result {
        let window = pool::checked(window, x.len(), xd, y.len(), yd)?;
        pool::avg_forward(window, x, xd, y, yd);
        Ok(())
    }

    /// Adds `gy / kernel²` to the gradient of every value of each window.
    fn avg_pool2d_backward(window: Window, gy: &[Self], yd: [usize; 4], gx: &mut [Self], xd: [usize; 4]) -> Result {
        let window = pool::checked(window, gx.len(), xd, gy.len(), yd)?;
        pool::avg_backward(window, gy, yd, gx, xd);
        Ok(())
    }

    /// Writes the mean of every map: `(batch, channels, rows, columns)` to `(batch, channels)`.
    fn global_avg_pool(x: &[Self], xd: [usize; 4], y: &mut [Self]) -> Result {
        pool::global(x.len(), xd, y.len())?;
        pool::global_avg_forward(x, xd, y);
        Ok(())
    }

    /// Adds `gy / (rows * columns)` to every value of a map.
    fn global_avg_pool_backward(gy: &[Self], gx: &mut [Self], xd: [usize; 4]) -> Result {
        pool::global(gx.len(), xd, gy.len())?;
        pool::global_avg_backward(gy, gx, xd);
        Ok(())
    }

    /// Resizes every map to the nearest neighbour, as [`resize::source`](crate::resize::source) has it; adds to `y` if
    /// `accumulate`.
    fn resize(x: &[Self], xd: [usize; 4], y: &mut [Self], yd: [usize; 4], accumulate: bool) -> Result {
        resize::checked(x.len(), xd, y.len(), yd)?;
        resize::nearest_forward(x, xd, y, yd, accumulate);
        Ok(())
    }

    /// Adds every value of `gy` to the place from which [`resize`](Kernels::resize) took it.
    fn resize_backward(gy: &[Self], yd: [usize; 4], gx: &mut [Self], xd: [usize; 4]) -> Result {
        resize::checked(gx.len(), xd, gy.len(), yd)?;
        resize::nearest_backward(gy, yd, gx, xd);
        Ok(())
    }

    /// Turns `x` into `h + rate (x - h)`, rectified if `relu`; an absent `h` is zero.
    fn leaky(rate: Self, x: &mut [Self], h: Option<&[Self]>, relu: bool) -> Result {
        let step = Step { rate, h, relu };
        step.check(x.len())?;
        leaky::forward(step, x);
        Ok(())
    }

    /// Turns the gradient of the output, in place, into that of the input, and adds that of the state to `gh`. `y` is given
    /// where the step was rectified.
    fn leaky_backward(rate: Self, y: Option<&[Self]>, g: &mut [Self], gh: Option<&mut [Self]>) -> Result {
        let len = g.len();
        let of_state = gh.as_ref().map_or(len, |gh| gh.len());
        let all = [("the gradient", len), ("the output", y.map_or(len, <[_]>::len)), ("that of the state", of_state)];
        of_one_length("backward leaky step", all)?;
        leaky::backward(rate, y, g, gh);
        Ok(())
    }

    /// Returns the gradient of the rate.
    fn leaky_backward_rate(x: &[Self], h: Option<&[Self]>, y: Option<&[Self]>, gy: &[Self]) -> Result<Self> {
        let len = x.len();
        let [of_state, of_output] = [h, y].map(|slice| slice.map_or(len, <[_]>::len));
        let all = [("the input", len), ("the state", of_state), ("the output", of_output), ("the gradient", gy.len())];
        of_one_length("backward leaky step", all)?;
        Ok(leaky::backward_rate(x, h, y, gy))
    }

    /// Adds `from` to `into`.
    fn add_to(from: &[Self], into: &mut [Self]) -> Result {
        of_one_length("sum", [("one", from.len()), ("the other", into.len())])?;
        elementwise::add_assign(from, into);
        Ok(())
    }

    /// Adds `scale * from` to `into`.
    fn axpy(scale: Self, from: &[Self], into: &mut [Self]) -> Result {
        of_one_length("sum", [("one", from.len()), ("the other", into.len())])?;
        elementwise::axpy(scale, from, into);
        Ok(())
    }

    /// Rectifies `x` in place.
    fn relu(x: &mut [Self]) -> Result {
        elementwise::relu_forward(x);
        Ok(())
    }

    /// Zeroes the gradient, in place, where `y` is not positive.
    fn relu_backward(y: &[Self], g: &mut [Self]) -> Result {
        of_one_length("backward rectification", [("the output", y.len()), ("the gradient", g.len())])?;
        elementwise::relu_backward(y, g);
        Ok(())
    }

    /// Writes `y = x (1 + tanh h)`.
    fn gain(x: &[Self], h: &[Self], y: &mut [Self]) -> Result {
        of_one_length("gain", [("the input", x.len()), ("the gain", h.len()), ("the output", y.len())])?;
        gain::forward(x, h, y);
        Ok(())
    }

    /// Adds the gradients of [`gain`](Kernels::gain).
    fn gain_backward(x: &[Self], h: &[Self], gy: &[Self], gx: &mut [Self], gh: &mut [Self]) -> Result {
        let all = [("the input", x.len()), ("the gain", h.len()), ("the gradient", gy.len())];
        of_one_length("backward gain", all)?;
        of_one_length("backward gain", [("the input", x.len()), ("its gradient", gx.len()), ("the gain's", gh.len())])?;
        gain::backward(x, h, gy, Some(gx), Some(gh));
        Ok(())
    }

    /// Writes `y = k sign(x) max(|x|, 1e-6)^n`, with `x` held within ±1e6; 0 at 0.
    fn supralinear(k: Self, n: Self, x: &[Self], y: &mut [Self]) -> Result {
        of_one_length("supralinearity", [("the input", x.len()), ("the output", y.len())])?;
        supralinear::forward(k, n, x, y);
        Ok(())
    }

    /// Adds the gradient of [`supralinear`](Kernels::supralinear): none where `x` is held.
    fn supralinear_backward(k: Self, n: Self, x: &[Self], gy: &[Self], gx: &mut [Self]) -> Result {
        let all = [("the input", x.len()), ("the gradient", gy.len()), ("that of the input", gx.len())];
        of_one_length("backward supralinearity", all)?;
        supralinear::backward(k, n, x, gy, gx);
        Ok(())
    }

    /// Adds `bias[i / run % len]` to element `i` of `y`.
    fn add_bias(bias: &[Self], run: usize, y: &mut [Self]) -> Result {
        bias::checked(bias.len(), run, y.len())?;
        bias::forward(bias, run, y);
        Ok(())
    }

    /// Adds the gradient of a bias to `gb`.
    fn add_bias_backward(run: usize, gy: &[Self], gb: &mut [Self]) -> Result {
        bias::checked(gb.len(), run, gy.len())?;
        bias::backward(run, gy, gb);
        Ok(())
    }

    /// Writes mean and variance (not corrected for the sample) of each block.
    fn moments(over: Over, x: &[Self], xd: [usize; 4], mean: &mut [Self], variance: &mut [Self]) -> Result {
        norm::checked(over, x.len(), xd, [mean.len(), variance.len()])?;
        norm::moments(over, x, xd, mean, variance);
        Ok(())
    }

    /// Writes `y = w[c] (x - mean) / sqrt(variance + eps) + b[c]`.
    #[allow(clippy::too_many_arguments, reason = "the equation has as many")]
    fn normalize(
        over: Over, eps: f64, x: &[Self], xd: [usize; 4], moments: (&[Self], &[Self]), weight_and_bias: (&[Self], &[Self]),
        y: &mut [Self],
    ) -> Result {
        norm::checked(over, x.len(), xd, [moments.0.len(), moments.1.len()])?;
        norm::of_channels(xd, [weight_and_bias.0.len(), weight_and_bias.1.len()])?;
        of_one_length("normalisation", [("the input", x.len()), ("the output", y.len())])?;
        norm::forward(over, eps, x, xd, moments, weight_and_bias, y);
        Ok(())
    }

    /// Adds the gradients of input, weight and bias, where the moments are those of `x`.
    #[allow(clippy::too_many_arguments, reason = "three inputs and their gradients")]
    fn normalize_backward(
        over: Over, eps: f64, x: &[Self], xd: [usize; 4], moments: (&[Self], &[Self]), w: &[Self], gy: &[Self],
        gx: &mut [Self], gw: &mut [Self], gb: &mut [Self],
    ) -> Result {
        norm::checked(over, x.len(), xd, [moments.0.len(), moments.1.len()])?;
        norm::of_channels(xd, [w.len(), gw.len()])?;
        norm::of_channels(xd, [w.len(), gb.len()])?;
        let all = [("the input", x.len()), ("the gradient", gy.len()), ("that of the input", gx.len())];
        of_one_length("backward normalisation", all)?;
        norm::backward(over, eps, x, xd, moments, false, w, gy, gx, gw, gb);
        Ok(())
    }

    /// Adds the gradients of input, weight and bias, where the moments are given: no gradient passes through
    /// them.
    #[allow(clippy::too_many_arguments, reason = "three inputs and their gradients")]
    fn normalize_given_backward(
        over: Over, eps: f64, x: &[Self], xd: [usize; 4], moments: (&[Self], &[Self]), w: &[Self], gy: &[Self],
        gx: &mut [Self], gw: &mut [Self], gb: &mut [Self],
    ) -> Result {
        norm::checked(over, x.len(), xd, [moments.0.len(), moments.1.len()])?;
        norm::of_channels(xd, [w.len(), gw.len()])?;
        norm::of_channels(xd, [w.len(), gb.len()])?;
        let all = [("the input", x.len()), ("the gradient", gy.len()), ("that of the input", gx.len())];
        of_one_length("backward normalisation", all)?;
        norm::backward(over, eps, x, xd, moments, true, w, gy, gx, gw, gb);
        Ok(())
    }

    /// Writes unit `index[u]` of each sample of `x` to unit `u` of that sample of `y`.
    fn gather(index: &[u32], x: &[Self], xd: [usize; 4], y: &mut [Self]) -> Result {
        gather::checked(index, x.len(), xd, y.len())?;
        gather::forward(index, x, xd, y);
        Ok(())
    }

    /// Adds the gradient of every unit of the result to that of the unit it was picked from.
    fn gather_backward(index: &[u32], gy: &[Self], gx: &mut [Self], xd: [usize; 4]) -> Result {
        gather::checked(index, gx.len(), xd, gy.len())?;
        gather::backward(index, gy, gx, xd);
        Ok(())
    }

    /// Copies step `x` of `(batch, len)` to step `step` of `y` of `(batch, time, len)`.
    fn put_step(x: &[Self], y: &mut [Self], sizes: [usize; 3], step: usize) -> Result {
        let [batch, time, len] = sizes;
        of_sizes("stack in time", "the stack", y.len(), &sizes)?;
        of_sizes("stack in time", "a step", x.len(), &[batch, len])?;
        require(step < time, "stack in time", || format!("there is no step {step} among {time}"))?;
        for b in 0..batch {
            y[(b * time + step) * len..][..len].copy_from_slice(&x[b * len..][..len]);
        }
        Ok(())
    }

    /// Adds step `step` of `gy` of `(batch, time, len)` to `gx` of `(batch, len)`.
    fn take_step(gy: &[Self], sizes: [usize; 3], step: usize, gx: &mut [Self]) -> Result {
        let [batch, time, len] = sizes;
        of_sizes("stack in time", "the stack", gy.len(), &sizes)?;
        of_sizes("stack in time", "a step", gx.len(), &[batch, len])?;
        require(step < time, "stack in time", || format!("there is no step {step} among {time}"))?;
        for b in 0..batch {
            elementwise::add_assign(&gy[(b * time + step) * len..][..len], &mut gx[b * len..][..len]);
        }
        Ok(())
    }

    /// Writes `y = weight (ln sum exp x - x[class])` for each row of `classes` logits, 0 where it does not count. Returns
    /// what [`cross_entropy_backward`](Kernels::cross_entropy_backward) needs.
    fn cross_entropy(
        x: &[Self], classes: usize, targets: &[RowTarget<Self>], y: &mut [Self],
    ) -> Result<Vec<Normaliser<Self>>> {
        of_sizes("cross-entropy", "the logits", x.len(), &[y.len(), classes])?;
        of_one_length("cross-entropy", [("the result", y.len()), ("targets", targets.len())])?;
        loss::known(targets, classes)?;
        Ok(loss::cross_entropy(x, classes, targets, y))
    }

    /// Adds `gy weight (softmax x - one)`, with a one at the class.
    fn cross_entropy_backward(
        x: &[Self], targets: &[RowTarget<Self>], normalisers: &[Normaliser<Self>], gy: &[Self], gx: &mut [Self],
    ) -> Result {
        of_one_length("backward cross-entropy", [("the logits", x.len()), ("their gradient", gx.len())])?;
        let rows = [("the gradient", gy.len()), ("targets", targets.len()), ("normalisers", normalisers.len())];
        of_one_length("backward cross-entropy", rows)?;
        let classes = x.len().checked_div(gy.len()).unwrap_or(0);
        of_sizes("backward cross-entropy", "the logits", x.len(), &[gy.len(), classes])?;
        loss::known(targets, classes)?;
        loss::cross_entropy_backward(x, targets, normalisers, gy, gx);
        Ok(())
    }

    /// Writes how active each row of `x` is.
    fn activity(measure: Measure, x: &[Self], y: &mut [Self]) -> Result {
        let units = x.len().checked_div(y.len()).unwrap_or(0);
        of_sizes("activity", "the rows", x.len(), &[y.len(), units])?;
        loss::activity(measure, x, y);
        Ok(())
    }

    /// Adds the gradient of [`activity`](Kernels::activity), whose result was `y`; none where a row is silent.
    fn activity_backward(measure: Measure, x: &[Self], y: &[Self], gy: &[Self], gx: &mut [Self]) -> Result {
        let units = x.len().checked_div(y.len()).unwrap_or(0);
        of_sizes("backward activity", "the rows", x.len(), &[y.len(), units])?;
        of_one_length("backward activity", [("the rows", x.len()), ("their gradient", gx.len())])?;
        of_one_length("backward activity", [("the result", y.len()), ("its gradient", gy.len())])?;
        loss::activity_backward(measure, x, y, gy, gx);
        Ok(())
    }

    /// Writes, for each of `y.len()` runs of `x`, the sum of `(x[t + 1] - x[t])^2` over its units and those steps `t` where
    /// `pairs[t]` says so. A run has one step more than there are pairs.
    fn change(pairs: &[bool], x: &[Self], y: &mut [Self]) -> Result {
        loss::runs(pairs, x.len(), y.len())?;
        loss::change(pairs, x, y);
        Ok(())
    }

    /// Adds the gradient of [`change`](Kernels::change).
    fn change_backward(pairs: &[bool], x: &[Self], gy: &[Self], gx: &mut [Self]) -> Result {
        loss::runs(pairs, x.len(), gy.len())?;
        of_one_length("backward change in time", [("the runs", x.len()), ("their gradient", gx.len())])?;
        loss::change_backward(pairs, x, gy, gx);
        Ok(())
    }

    /// Updates `parameter` and its two moments by Adam.
    fn adam(step: &AdamStep, parameter: &mut [Self], first: &mut [Self], second: &mut [Self], gradient: &[Self]) -> Result {
        let all = [("the parameter", parameter.len()), ("its gradient", gradient.len()), ("its first moment", first.len())];
        of_one_length("adam", all)?;
        of_one_length("adam", [("the parameter", parameter.len()), ("its second moment", second.len())])?;
        optimizer::adam(step, parameter, first, second, gradient);
        Ok(())
    }

    /// Updates `parameter` and its velocity by gradient descent.
    fn sgd(step: &SgdStep, parameter: &mut [Self], velocity: &mut [Self], gradient: &[Self]) -> Result {
        let all = [("the parameter", parameter.len()), ("its gradient", gradient.len()), ("its velocity", velocity.len())];
        of_one_length("gradient descent", all)?;
        optimizer::sgd(step, parameter, velocity, gradient);
        Ok(())
    }

    /// Returns the sum of the squares, the same on any number of threads.
    fn sum_of_squares(values: &[Self]) -> f64 {
        optimizer::sum_of_squares(values)
    }

    /// Multiplies every value by `factor`.
    fn scale(values: &mut [Self], factor: f64) -> () {
        optimizer::scale(values, factor)
    }

    /// Limits every value to `-limit` to `limit`; NaN stays NaN.
    fn clamp_all(values: &mut [Self], limit: f64) -> () {
        optimizer::clamp(values, limit)
    }
}

/// The number of elements of maps of some sizes.
///
/// # Errors
/// [`Error::TooLarge`](crate::Error::TooLarge) where no slice can have so many.
pub fn elements(sizes: &[usize]) -> Result<usize> {
    volume("maps", sizes)
}
