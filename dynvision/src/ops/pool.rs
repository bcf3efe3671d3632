//! Pooling.

use super::gather::gather;
use super::shape::{contiguous, countable, nothing, reshaped};
use crate::autograd::{Graph, Made};
use crate::error::{Error, Result};
use crate::geometry::{Units, Window};
use crate::kernels::{Element, Maps, Matrix, VisionDevice};
use dfdx::prelude::*;

/// The maximum of each window; padding never wins, the first of equal maxima receives the gradient.
///
/// # Shapes
/// `(B, C, H, W)` to `(B, C, H', W')` with `H' = (H + 2 padding - kernel) / stride + 1`.
///
/// # Errors
/// [`Error::Setting`] where the window does not fit.
pub fn max_pool2d<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    window: Window,
    x: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let x = contiguous(x.clone(), graph)?;
    fits(window, &x)?;
    let (y, chosen) = x.device().max_pool2d(window, &x, T::OWNS_TAPE, None).map_err(Error::device)?;
    if let Some(chosen) = chosen {
        let to = *y.shape();
        graph.make_again(&y, Made::MaxPool { window, of: x.clone() });
        graph.on_backward(&y, move |dev, grads, gy| {
            let gx = grads.get_or_alloc_mut(&x)?;
            dev.max_pool2d_backward(window, &x, &chosen, to, &gy, gx)
        });
    }
    Ok(y)
}

/// The mean of each window, padding counted as zeros.
///
/// # Shapes
/// As [`max_pool2d`].
///
/// # Errors
/// As [`max_pool2d`].
pub fn avg_pool2d<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    window: Window,
    x: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let x = contiguous(x.clone(), graph)?;
    fits(window, &x)?;
    let y = x.device().avg_pool2d(window, &x).map_err(Error::device)?;
    let (from, to, x) = (*x.shape(), *y.shape(), x.ghost());
    graph.on_backward(&y, move |dev, grads, gy| {
        dev.avg_pool2d_backward(window, from, to, &gy, grads.get_or_alloc_mut(&x)?)
    });
    Ok(y)
}

/// The mean of each map.
///
/// # Shapes
/// `(B, C, H, W)` to `(B, C)`.
///
/// # Errors
/// [`Error::Setting`] where the maps have no rows or columns.
pub fn global_avg_pool<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Matrix<E, D>> {
    let x = contiguous(x.clone(), graph)?;
    let from @ (b, c, h, w) = *x.shape();
    if h * w == 0 {
        return Err(Error::Setting(format!("global average pooling of an empty map of {h}x{w} has no mean")));
    }
    let y = x.device().global_avg(&x).map_err(Error::device)?;
    let x = x.ghost();
    graph.on_backward(&y, move |dev, grads, gy| dev.global_avg_backward(from, &gy, grads.get_or_alloc_mut(&x)?));
    reshaped(y, &(b, c))
}

/// The maximum of each map: NaN where the map has one; the first of equal maxima receives the gradient.
///
/// # Shapes
/// `(B, C, H, W)` to `(B, C)`.
///
/// # Errors
/// [`Error::Setting`] where the maps have no rows or columns, or too many units; what the device refuses.
///
/// ```
/// use dynvision::{autograd::Graph, ops};
/// use dfdx::prelude::*;
/// let x = ops::erase(Cpu::default().tensor([[[[1.0f64, 4.0, -2.0]], [[-3.0, -1.0, -5.0]]]]))?;
/// assert_eq!(ops::global_max_pool(&x, &mut Graph::new(NoneTape))?.as_vec(), [4.0, -1.0]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
pub fn global_max_pool<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Matrix<E, D>> {
    let mut x = contiguous(x.clone(), graph)?;
    let (b, c, h, w) = *x.shape();
    let units = h * w;
    if units == 0 {
        return Err(Error::Setting(format!("global maximum pooling of an empty map of {h}x{w} has no maximum")));
    }
    // one square window over each map, whose units need not lie as they did; a first unit that is read again is no new maximum
    let mut side = units.isqrt();
    side += usize::from(side * side < units);
    if side * side > units {
        let number = |unit: usize| {
            u32::try_from(unit)
                .map_err(|_| Error::Setting(format!("maps of {c}x{h}x{w} are too large for one maximum")))
        };
        let of = |channel: usize| (0..side * side).map(move |at| channel * units + if at < units { at } else { 0 });
        let index = (0..c).flat_map(of).map(number).collect::<Result<Vec<u32>>>()?;
        x = gather(&x, &Units::new(index, c * units)?, (b, c, side, side), graph)?;
    }
    let y = max_pool2d(Window::new(side, 1, 0), &reshaped(x, &(b, c, side, side))?, graph)?;
    reshaped(y, &(b, c))
}

/// The mean of each of `rows` x `columns` regions that together cover the map: region `i` of `n` reaches from row
/// `floor(i H / n)` to before row `ceil((i + 1) H / n)`, columns likewise (PyTorch's `adaptive_avg_pool2d`). A map of that
/// size passes as it is.
///
/// # Shapes
/// `(B, C, H, W)` to `(B, C, rows, columns)`.
///
/// # Errors
/// [`Error::Setting`] where the maps or the regions have no rows or columns; what the device refuses.
///
/// ```
/// use dynvision::{autograd::Graph, ops};
/// use dfdx::prelude::*;
/// let x = ops::erase(Cpu::default().tensor([[[[1.0f64, 2.0, 6.0]]]]))?;
/// let mut graph = Graph::new(NoneTape);
/// assert_eq!(ops::adaptive_avg_pool2d(&x, [1, 2], &mut graph)?.as_vec(), [1.5, 4.0]); // regions share a column
/// assert_eq!(ops::adaptive_avg_pool2d(&x, [1, 6], &mut graph)?.as_vec(), [1.0, 1.0, 2.0, 2.0, 6.0, 6.0]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
pub fn adaptive_avg_pool2d<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    [rows, columns]: [usize; 2],
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let x = contiguous(x.clone(), graph)?;
    let (b, c, h, w) = *x.shape();
    countable("average pooling to a map", &[c, rows, columns])?;
    countable("average pooling by a matrix", &[h, rows])?;
    countable("average pooling by a matrix", &[w, columns])?;
    if h * w == 0 || rows * columns == 0 {
        return Err(Error::Setting(format!("average pooling of a map of {h}x{w} to {rows}x{columns} has no mean")));
    }
    if (h, w) == (rows, columns) {
        return Ok(x);
    }
    if b == 0 {
        return nothing(x.device(), (0, c, rows, columns));
    }
    // the mean of a region is that over its rows of the means over its columns
    let [over_rows, over_columns] = [means(x.device(), h, rows)?, means(x.device(), w, columns)?];
    let x: Tensor<(usize, usize, usize), E, D> = reshaped(x, &(b * c, h, w))?;
    let y: Tensor<(usize, usize, usize), E, D> = graph.run(x, |x| {
        let y = x.try_matmul(over_columns)?.try_permute::<_, Axes3<0, 2, 1>>()?.try_contiguous()?;
        y.try_matmul(over_rows)?.try_permute::<_, Axes3<0, 2, 1>>()?.try_contiguous()
    })?;
    reshaped(y, &(b, c, rows, columns))
}

/// The matrix that takes `from` places to the means of `to` regions.
fn means<E: Element, D: VisionDevice<E>>(device: &D, from: usize, to: usize) -> Result<Tensor<(usize, usize), E, D>> {
    let mut values = vec![E::zero(); from * to];
    for region in 0..to {
        let (start, end) = (region * from / to, ((region + 1) * from).div_ceil(to));
        for place in start..end {
            values[place * to + region] = E::one() / E::from_usize(end - start).unwrap_or_default();
        }
    }
    device.try_tensor_from_vec(values, (from, to)).map_err(Error::device)
}

fn fits<E: Element, D: VisionDevice<E>>(window: Window, x: &Maps<E, D>) -> Result<()> {
    let (_, _, h, w) = *x.shape();
    if window.output_len(h) == 0 || window.output_len(w) == 0 || window.padding * 2 > window.kernel {
        return Err(Error::Setting(format!(
            "a pooling window of {0} (stride {1}, dilation {2}) with padding {3} does not fit its input of {h}x{w}: \
             padding is at most {4}, everything else at least 1, and the window no larger than the padded input",
            window.kernel,
            window.stride,
            window.dilation,
            window.padding,
            window.kernel / 2
        )));
    }
    Ok(())
}
