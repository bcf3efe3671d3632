//! Transposed convolution.

use super::arithmetic::mul;
use super::conv::conv2d;
use super::gather::gather;
use super::shape::{contiguous, countable, nothing};
use super::slice::slice;
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::geometry::{Conv, Units, Window};
use crate::kernels::{self, Element, Maps, VisionDevice};
use dfdx::prelude::*;

/// The adjoint of a convolution: `y[b, o, S i + k - offset, S j + l - offset] += w[c,o,k,l] x[b,c,i,j]` for a stride `S`, cut
/// to `S` times the size of `x`. The weight is laid out as torch's `ConvTranspose2d` has it. An `offset` of 0 is what
/// TensorFlow calls `SAME` for a kernel of 3 and a stride of 2, one of 1 torch's `padding=1, output_padding=1`.
///
/// # Shapes
/// `x: (B, C, H, W)`, `w: (C, O, K, K)`, result `(B, O, S H, S W)`.
///
/// # Errors
/// [`Error::Shape`] where channels do not fit the weight; [`Error::Setting`] where kernel, stride or map are empty, or the
/// offset is not smaller than the kernel; [`Error::Device`] where the device refuses.
///
/// ```
/// use dynvision::{autograd::Graph, ops};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let (x, w) = (ops::erase(dev.tensor([[[[1.0f32, 10.0]]]]))?, ops::erase(dev.tensor([[[[1.0f32, 2.0], [3.0, 4.0]]]]))?);
/// let mut graph = Graph::new(NoneTape);
/// assert_eq!(ops::conv_transpose2d(1, 0, &x, &w, &mut graph)?.as_vec(), [1.0, 12.0]);
/// assert_eq!(ops::conv_transpose2d(2, 0, &x, &w, &mut graph)?.as_vec(), [1.0, 2.0, 10.0, 20.0, 3.0, 4.0, 30.0, 40.0]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
pub fn conv_transpose2d<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    stride: usize,
    offset: usize,
    x: &Maps<E, D>,
    w: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let ((_, c, height, width), (from, _, k, l)) = (*x.shape(), *w.shape());
    if from != c || k != l {
        let (expected, found) = ([c, w.shape().1, k, k], w.shape().concrete());
        return Err(Error::shape("weight of a transposed convolution (in, out, kernel, kernel)", &expected, &found));
    }
    let rows_columns = [stride.saturating_mul(height), stride.saturating_mul(width)];
    countable("a transposed convolution to a map", &[c, rows_columns[0], rows_columns[1]])?;
    if stride == 0 || height * width == 0 || offset >= k {
        return Err(Error::Setting(format!(
            "a transposed convolution of kernel {k}, stride {stride} and offset {offset} of a map of {height}x{width}: stride \
             and map are not 0, and the offset is smaller than the kernel"
        )));
    }
    let [rows, columns] = rows_columns;
    if x.shape().0 == 0 {
        return nothing(x.device(), (0, w.shape().1, rows, columns));
    }
    let apart = if stride == 1 { contiguous(x.clone(), graph)? } else { spaced(stride, x, graph)? };
    let turned = graph.derived(w, |graph| turned(w, graph))?;
    // the convolution of what is apart sees as much before the first row as reaches into the result
    let conv = Conv::new(Window::new(k, 1, k - 1 - offset));
    let y = conv2d(&conv, &apart, &turned, None, None, graph)?;
    if y.shape().2 < rows || y.shape().3 < columns {
        let (b, o, h, w) = *y.shape();
        return Err(Error::shape(
            "a transposed convolution whose kernel is too small for its offset",
            &[b, o, rows, columns],
            &[b, o, h, w],
        ));
    }
    let y: Maps<E, D> = if y.shape().2 == rows { y } else { slice(2, 0..rows, &y, graph)? };
    if y.shape().3 == columns { Ok(y) } else { slice(3, 0..columns, &y, graph) }
}

/// The units of `x` with `stride - 1` zeros after each, along rows and columns.
fn spaced<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    stride: usize,
    x: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let (b, c, height, width) = *x.shape();
    let (rows, columns) = (stride * height, stride * width);
    let too_large = |_| Error::Setting(format!("a map of {c}x{rows}x{columns} is too large to be enlarged"));
    let places = || (0..c).flat_map(|c| (0..rows).flat_map(move |i| (0..columns).map(move |j| (c, i, j))));
    let index = places().map(|(c, i, j)| u32::try_from((c * height + i / stride) * width + j / stride));
    let index: Vec<u32> = index.collect::<Result<_, _>>().map_err(too_large)?;
    let repeated = gather(x, &Units::new(index, c * height * width)?, (b, c, rows, columns), graph)?;
    let one = |(_, i, j): (usize, usize, usize)| match i % stride == 0 && j % stride == 0 {
        true => E::one(),
        false => E::zero(),
    };
    let mask =
        x.device().try_tensor_from_vec(places().map(one).collect(), (c, rows, columns)).map_err(Error::device)?;
    let mask: Maps<E, D> = mask
        .try_broadcast_like::<_, Axis<0>>(&(b, c, rows, columns))
        .and_then(|mask| mask.try_contiguous())
        .map_err(Error::device)?;
    mul(&repeated, &mask, graph)
}

/// The weight `(in, out, kernel, kernel)` as that of a convolution, `(out, in, kernel, kernel)` from its end to its beginning.
fn turned<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    w: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let (c, o, k, _) = *w.shape();
    let w: Maps<E, D> = graph
        .run(w.clone(), |w| kernels::contiguous(w.try_permute::<(usize, usize, usize, usize), Axes4<1, 0, 2, 3>>()?))?;
    let last = |tap: usize| u32::try_from(tap / (k * k) * k * k + (k * k - 1 - tap % (k * k)));
    let index: Result<Vec<u32>, _> = (0..c * k * k).map(last).collect();
    let index = index.map_err(|_| Error::Setting(format!("a kernel of {c}x{k}x{k} is too large")))?;
    gather(&w, &Units::new(index, c * k * k)?, (o, c, k, k), graph)
}
