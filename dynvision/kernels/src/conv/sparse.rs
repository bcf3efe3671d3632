//! Convolution by its definition, tap by tap, for windows that reach far beyond the map or leap over most of it: nothing is
//! written out but the result.

use super::shape::ConvShape;
use super::{Accumulate, Scalar, parallel};
use crate::taps::each_tap_row;

pub(super) fn forward<E: Scalar>(
    shape: &ConvShape,
    x: &[E],
    w: &[E],
    bias: Option<&[E]>,
    y: &mut [E],
    onto: Accumulate<'_, E>,
) {
    let ConvShape { window, input, output, in_channels, out_channels, .. } = *shape;
    let (plain, taps, ins) = (input[0] * input[1], shape.taps(), shape.group_in());
    parallel::planes(y, shape.places(), |first, planes| {
        for (i, y) in planes.chunks_exact_mut(shape.places()).enumerate() {
            let (image, out) = ((first + i) / out_channels, (first + i) % out_channels);
            onto.begin((first + i) * shape.places(), y);
            for of in 0..ins {
                let channel = out / shape.group_out() * ins + of;
                let x = &x[(image * in_channels + channel) * plain..][..plain];
                let w = &w[(out * ins + of) * taps..][..taps];
                each_tap_row(window, input, output, |tap, from, to, len| {
                    let x = x[from..].iter().step_by(window.stride);
                    y[to..][..len].iter_mut().zip(x).for_each(|(y, &x)| *y += w[tap] * x);
                });
            }
            if let Some(bias) = bias {
                y.iter_mut().for_each(|y| *y += bias[out]);
            }
        }
    });
}

pub(super) fn backward_data<E: Scalar>(shape: &ConvShape, w: &[E], gy: &[E], gx: &mut [E]) {
    let ConvShape { window, input, output, in_channels, out_channels, .. } = *shape;
    let (taps, ins, outs, places) = (shape.taps(), shape.group_in(), shape.group_out(), shape.places());
    parallel::planes(gx, input[0] * input[1], |first, planes| {
        for (i, gx) in planes.chunks_exact_mut(input[0] * input[1]).enumerate() {
            let (image, channel) = ((first + i) / in_channels, (first + i) % in_channels);
            for out in channel / ins * outs..(channel / ins + 1) * outs {
                let gy = &gy[(image * out_channels + out) * places..][..places];
                let w = &w[(out * ins + channel % ins) * taps..][..taps];
                each_tap_row(window, input, output, |tap, to, from, len| {
                    let gx = gx[to..].iter_mut().step_by(window.stride);
                    gx.zip(&gy[from..][..len]).for_each(|(gx, &gy)| *gx += w[tap] * gy);
                });
            }
        }
    });
}

pub(super) fn backward_weights<E: Scalar>(shape: &ConvShape, x: &[E], gy: &[E], gw: &mut [E]) {
    let ConvShape { window, input, output, in_channels, out_channels, images, .. } = *shape;
    let (plain, taps, ins, places) = (input[0] * input[1], shape.taps(), shape.group_in(), shape.places());
    parallel::planes(gw, taps, |first, kernels| {
        for (i, gw) in kernels.chunks_exact_mut(taps).enumerate() {
            let (out, of) = ((first + i) / ins, (first + i) % ins);
            let channel = out / shape.group_out() * ins + of;
            for image in 0..images {
                let x = &x[(image * in_channels + channel) * plain..][..plain];
                let gy = &gy[(image * out_channels + out) * places..][..places];
                each_tap_row(window, input, output, |tap, from, to, len| {
                    let x = x[from..].iter().step_by(window.stride);
                    x.zip(&gy[to..][..len]).for_each(|(&x, &gy)| gw[tap] += x * gy);
                });
            }
        }
    });
}
