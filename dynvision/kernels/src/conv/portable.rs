//! Convolution as a matrix product, for every geometry and every processor: the values under the window are copied into
//! the columns of a matrix, row by row from a plane with its border written out, several small images side by side.

use super::matrix::{Matrix, multiply};
use super::padded::Padded;
use super::shape::ConvShape;
use super::{Scalar, parallel};
use crate::scratch;

/// Columns that make a matrix product worth its overhead.
const COLUMNS: usize = 256;

/// Parts into which the sum over images of a weight's gradient is split, at most.
const PARTS: usize = 4;

pub(super) fn forward<E: Scalar>(
    shape: &ConvShape,
    x: &[E],
    w: &[E],
    bias: Option<&[E]>,
    y: &mut [E],
    accumulate: bool,
) {
    let images = images_per_task(shape);
    let (takes, gives) = (images * shape.input_len(), images * shape.output_len());
    parallel::each(y.chunks_mut(gives).zip(x.chunks(takes)), true, |(y, x)| {
        let columns = y.len() / shape.out_channels;
        let (depth, outs) = (shape.depth(), shape.group_out());
        scratch::with(depth * columns, |patches: &mut [E]| {
            scratch::with(outs * columns, |product: &mut [E]| {
                for group in 0..shape.groups {
                    gather_patches(shape, group, x, patches);
                    let w = Matrix::rows(&w[group * outs * depth..][..outs * depth], [outs, depth]);
                    multiply(w, Matrix::rows(patches, [depth, columns]), product, false);
                    spread_outputs(shape, group, product, bias, y, accumulate);
                }
            });
        });
    });
}

pub(super) fn backward_data<E: Scalar>(shape: &ConvShape, w: &[E], gy: &[E], gx: &mut [E]) {
    let images = images_per_task(shape);
    let (takes, gives) = (images * shape.input_len(), images * shape.output_len());
    parallel::each(gx.chunks_mut(takes).zip(gy.chunks(gives)), true, |(gx, gy)| {
        let columns = gy.len() / shape.out_channels;
        let (depth, outs) = (shape.depth(), shape.group_out());
        scratch::with(depth * columns, |patches: &mut [E]| {
            scratch::with(outs * columns, |outputs: &mut [E]| {
                for group in 0..shape.groups {
                    gather_outputs(shape, group, gy, outputs);
                    let w = Matrix::rows(&w[group * outs * depth..][..outs * depth], [outs, depth]);
                    multiply(w.transposed(), Matrix::rows(outputs, [outs, columns]), patches, false);
                    spread_patches(shape, group, patches, gx);
                }
            });
        });
    });
}

pub(super) fn backward_weights<E: Scalar>(shape: &ConvShape, x: &[E], gy: &[E], gw: &mut [E]) {
    let share = shape.images.div_ceil(PARTS);
    let parts = shape.images.div_ceil(share);
    let len = gw.len();
    scratch::with(parts * len, |sums: &mut [E]| {
        let (takes, gives) = (share * shape.input_len(), share * shape.output_len());
        let images = x.chunks(takes).zip(gy.chunks(gives));
        parallel::each(sums.chunks_mut(len).zip(images), true, |(sum, (x, gy))| part_of_weights(shape, x, gy, sum));
        for part in sums.chunks_exact(len) {
            parallel::chunks(gw, |at, gw| gw.iter_mut().zip(&part[at..]).for_each(|(gw, &g)| *gw += g));
        }
    });
}

/// Writes the gradient of the weight over some images into `sum`.
fn part_of_weights<E: Scalar>(shape: &ConvShape, x: &[E], gy: &[E], sum: &mut [E]) {
    let images = images_per_task(shape);
    let (takes, gives) = (images * shape.input_len(), images * shape.output_len());
    let (depth, outs) = (shape.depth(), shape.group_out());
    for (i, (x, gy)) in x.chunks(takes).zip(gy.chunks(gives)).enumerate() {
        let columns = gy.len() / shape.out_channels;
        scratch::with(depth * columns, |patches: &mut [E]| {
            scratch::with(outs * columns, |outputs: &mut [E]| {
                for (group, sum) in sum.chunks_exact_mut(outs * depth).enumerate() {
                    gather_patches(shape, group, x, patches);
                    gather_outputs(shape, group, gy, outputs);
                    let patches = Matrix::rows(patches, [depth, columns]).transposed();
                    multiply(Matrix::rows(outputs, [outs, columns]), patches, sum, i > 0);
                }
            });
        });
    }
}

/// Images whose columns stand side by side in one matrix.
fn images_per_task(shape: &ConvShape) -> usize {
    COLUMNS.div_ceil(shape.places()).clamp(1, shape.images.div_ceil(2).max(1))
}

/// Copies the values under the window into `patches`: row (channel, tap), column (image, place).
fn gather_patches<E: Scalar>(shape: &ConvShape, group: usize, x: &[E], patches: &mut [E]) {
    let padded = Padded::new(shape);
    let (places, ins) = (shape.places(), shape.group_in());
    let columns = x.len() / shape.input_len() * places;
    scratch::with(padded.len(), |plane: &mut [E]| {
        for (image, x) in x.chunks_exact(shape.input_len()).enumerate() {
            let x = x.chunks_exact(x.len() / shape.in_channels).skip(group * ins).take(ins);
            for (x, patches) in x.zip(patches.chunks_exact_mut(shape.taps() * columns)) {
                padded.write(x, plane);
                each_row(shape, &padded, |tap, from, to| {
                    let into = &mut patches[tap * columns + image * places + to..][..shape.output[1]];
                    let from = &plane[from..];
                    match shape.window.stride {
                        1 => into.copy_from_slice(&from[..into.len()]),
                        s => into.iter_mut().zip(from.iter().step_by(s)).for_each(|(into, &from)| *into = from),
                    }
                });
            }
        }
    });
}

/// Adds `patches` to the places in `gx` from which [`gather_patches`] takes them.
fn spread_patches<E: Scalar>(shape: &ConvShape, group: usize, patches: &[E], gx: &mut [E]) {
    let padded = Padded::new(shape);
    let (places, ins) = (shape.places(), shape.group_in());
    let columns = gx.len() / shape.input_len() * places;
    scratch::with(padded.len(), |plane: &mut [E]| {
        for (image, gx) in gx.chunks_exact_mut(shape.input_len()).enumerate() {
            let gx = gx.chunks_exact_mut(gx.len() / shape.in_channels).skip(group * ins).take(ins);
            for (gx, patches) in gx.zip(patches.chunks_exact(shape.taps() * columns)) {
                plane.fill(E::zero());
                each_row(shape, &padded, |tap, to, from| {
                    let from = &patches[tap * columns + image * places + from..][..shape.output[1]];
                    let into = &mut plane[to..];
                    match shape.window.stride {
                        1 => into.iter_mut().zip(from).for_each(|(into, &from)| *into += from),
                        s => into.iter_mut().step_by(s).zip(from).for_each(|(into, &from)| *into += from),
                    }
                });
                padded.fold(plane, gx);
            }
        }
    });
}

/// Calls `each(tap, padded, place)` for every tap and every row of places: the index of its first value in the plane
/// with border, and of its first place.
fn each_row(shape: &ConvShape, padded: &Padded, mut each: impl FnMut(usize, usize, usize)) {
    let window = shape.window;
    for tap in 0..shape.taps() {
        let (ky, kx) = (tap / window.kernel, tap % window.kernel);
        for row in 0..shape.output[0] {
            let from = (row * window.stride + ky * window.dilation) * padded.dims[1] + kx * window.dilation;
            each(tap, from, row * shape.output[1]);
        }
    }
}

/// Copies the channels of one group of `gy` into `outputs`: row channel, column (image, place).
fn gather_outputs<E: Scalar>(shape: &ConvShape, group: usize, gy: &[E], outputs: &mut [E]) {
    let (places, outs) = (shape.places(), shape.group_out());
    let columns = outputs.len() / outs;
    for (image, gy) in gy.chunks_exact(shape.output_len()).enumerate() {
        let planes = gy.chunks_exact(places).skip(group * outs);
        for (gy, row) in planes.zip(outputs.chunks_exact_mut(columns)) {
            row[image * places..][..places].copy_from_slice(gy);
        }
    }
}

/// Puts `product` (row channel, column (image, place)) and the bias into the channels of one group of `y`.
fn spread_outputs<E: Scalar>(
    shape: &ConvShape,
    group: usize,
    product: &[E],
    bias: Option<&[E]>,
    y: &mut [E],
    accumulate: bool,
) {
    let (places, outs) = (shape.places(), shape.group_out());
    let columns = product.len() / outs;
    for (image, y) in y.chunks_exact_mut(shape.output_len()).enumerate() {
        let planes = y.chunks_exact_mut(places).enumerate().skip(group * outs);
        for ((channel, y), row) in planes.zip(product.chunks_exact(columns)) {
            let bias = bias.map_or(E::zero(), |bias| bias[channel]);
            let values = y.iter_mut().zip(&row[image * places..]);
            if accumulate {
                values.for_each(|(y, &v)| *y += v + bias);
            } else {
                values.for_each(|(y, &v)| *y = v + bias);
            }
        }
    }
}
