//! What does not fit is refused with an error that names it, never with a panic.

use crate::check::*;
use dfdx::prelude::*;
use dynvision::error::{Error, Result};
use dynvision::geometry::{Border, Conv, Units, Window};
use dynvision::ops::{self, Affine, Rate};

fn zeros(b: usize, c: usize, h: usize, w: usize) -> Maps {
    device().zeros_like(&(b, c, h, w))
}

#[track_caller]
fn refused<S: Shape>(found: Result<Tensor<S, f64, Dev>>, text: &str) {
    let error = found.expect_err("refused");
    assert!(matches!(error, Error::Shape { .. } | Error::Setting(_) | Error::EmptyStimulus), "{error:?}");
    assert!(error.to_string().contains(text), "`{error}` does not say `{text}`");
}

fn convolve(conv: Conv, x: Maps, w: Maps) -> Result<Maps> {
    ops::conv2d(&conv, &x, &w, None, None, &mut cx::<Recorded>())
}

#[test]
fn convolutions_that_do_not_fit() {
    let same = Conv::new(Window::same(3, 1));
    let (x, w) = (zeros(2, 4, 5, 5), zeros(6, 4, 3, 3));
    refused(convolve(same, zeros(2, 3, 5, 5), w.clone()), "weight of a convolution");
    refused(convolve(same.grouped(2), x.clone(), w.clone()), "weight of a convolution");
    refused(convolve(same.grouped(4), x.clone(), zeros(6, 1, 3, 3)), "weight of a convolution");
    refused(convolve(same.grouped(0), x.clone(), w.clone()), "weight of a convolution");
    refused(convolve(same, x.clone(), zeros(6, 4, 3, 2)), "kernel of a convolution");
    refused(convolve(same, x.clone(), zeros(6, 4, 5, 5)), "kernel of a convolution");
    refused(convolve(Conv::new(Window::new(3, 1, 0)), zeros(2, 4, 2, 5), w.clone()), "does not fit");
    refused(convolve(Conv::new(Window::same(3, 0)), x.clone(), w.clone()), "stride");
    refused(convolve(Conv::new(Window::same(3, 1).dilated(0)), x.clone(), w.clone()), "dilation");
    refused(convolve(Conv::new(Window::new(3, 1, 5)).bordered(Border::Reflect), x.clone(), w.clone()), "mirror");
    let cx = &mut cx::<Recorded>();
    let bias: Flat = device().zeros_like(&(5,));
    refused(ops::conv2d(&same, &x, &w, Some(&bias), None, cx), "bias of a convolution");
    refused(ops::conv2d(&same, &x, &w, None, Some(zeros(2, 6, 5, 4)), cx), "added to");
}

#[test]
fn pools_that_do_not_fit() {
    let (cx, x) = (&mut cx::<Recorded>(), zeros(2, 3, 4, 2));
    for window in [Window::new(3, 1, 0), Window::new(2, 1, 2), Window::new(2, 0, 0), Window::new(0, 1, 0)] {
        refused(ops::max_pool2d(window, &x, cx), "pooling");
        refused(ops::avg_pool2d(window, &x, cx), "pooling");
    }
    refused::<(usize, usize)>(ops::global_avg_pool(&zeros(2, 3, 0, 2), cx), "global average pooling");
}

/// Sizes that are stated, and that no map has, are refused before anything is made of them.
#[test]
fn sizes_beyond_all_reason() {
    let (cx, x) = (&mut cx::<Recorded>(), zeros(2, 3, 4, 4));
    let row: Flat = device().zeros_like(&(3,));
    let units = Units::new((0..48).collect::<Vec<u32>>(), 48).unwrap();
    for huge in [1 << 33, 1 << 40, usize::MAX / 2, usize::MAX] {
        for size in [[huge, 1], [1, huge], [huge, huge]] {
            refused(ops::resize(&x, size, None, cx), "resizing");
            refused(ops::adaptive_avg_pool2d(&x, size, cx), "average pooling");
            refused(ops::spread(&row, (2, 3, size[0], size[1]), cx), "spread");
            refused(ops::gather(&x, &units, (2, 3, size[0], size[1]), cx), "picking");
        }
        refused(ops::conv_transpose2d(huge, 0, &x, &zeros(3, 2, 3, 3), cx), "transposed");
        let step: Tensor<(usize, usize), f64, Dev> = device().zeros_like(&(2, 3));
        refused::<(usize, usize, usize)>(ops::stack_time(huge, &[step], cx), "stack");
        for window in [Window::new(2, 1, huge), Window::new(huge, 1, 0), Window::new(2, 1, 0).dilated(huge)] {
            refused(ops::max_pool2d(window, &x, cx), "pooling");
            refused(ops::avg_pool2d(window, &x, cx), "pooling");
        }
        // one place
        let y: Maps = ops::max_pool2d(Window::new(2, huge, 0), &x, cx).unwrap();
        assert_eq!(*y.shape(), (2, 3, 1, 1));
        refused(ops::slice::<_, Dims, _, _, _>(2, 0..huge, &x, cx), "places");
        refused(ops::slice::<_, Dims, _, _, _>(huge, 0..1, &x, cx), "axis");
        refused(ops::group_norm(huge, 1e-5, &x, Affine { weight: &row, bias: &row }, cx), "group");
        let y = ops::local_response_norm(huge, [1.0, 0.1, 0.5], &x, cx).unwrap();
        assert_eq!(y.as_vec(), [0.0; 96]);
        refused(
            ops::conv2d(&Conv::new(Window::POINT).grouped(huge), &x, &zeros(3, 3, 1, 1), None, None, cx),
            "convolution",
        );
    }
}

#[test]
fn sizes_that_do_not_agree() {
    let (cx, x, y) = (&mut cx::<Recorded>(), zeros(2, 3, 4, 4), zeros(2, 3, 4, 5));
    refused(ops::add(x.clone(), &y, cx), "sum");
    refused(ops::gain(&x, &y, cx), "multiplicative");
    refused(ops::leaky(&Rate::fixed(0.5), x.clone(), Some(&y), true, cx), "leaky");
    refused(ops::resize(&zeros(2, 3, 0, 4), [4, 4], None, cx), "empty map");
    for onto in [zeros(2, 4, 8, 8), zeros(1, 3, 8, 8), zeros(2, 3, 8, 7)] {
        refused(ops::resize(&x, [8, 8], Some(onto), cx), "resized map is added to");
    }
    refused(ops::resize(&zeros(2, 3, 0, 4), [4, 4], Some(x.clone()), cx), "empty map");
    refused(ops::restore::<Rank4<2, 3, 4, 5>, _, _>("maps", x.clone()), "maps");
    refused(ops::scale_shift(&x, &device().tensor(2.0), None, Some(y), cx), "added to");
}

#[test]
fn stacks_that_do_not_fit() {
    let (cx, dev) = (&mut cx::<Recorded>(), device());
    let step = |b: usize, len: usize| -> Tensor<(usize, usize), f64, Dev> { dev.zeros_like(&(b, len)) };
    let none: [Tensor<(usize, usize), f64, Dev>; 0] = [];
    refused::<(usize, usize, usize)>(ops::stack_time(1, &none, cx), "no frames");
    refused::<(usize, usize, usize)>(ops::stack_time(0, &[step(2, 3), step(2, 4)], cx), "stacking");
    refused::<(usize, usize, usize)>(ops::stack_time(0, &[step(2, 3), step(1, 3)], cx), "stacking");
    refused::<Rank3<2, 2, 3>>(ops::stack_time(0, &[step(2, 3)], cx), "stacking");
    refused::<(usize, usize)>(ops::stack_time(0, &[step(2, 3)], cx), "stacking");
    let number: Tensor<(), f64, Dev> = dev.zeros();
    refused::<(usize,)>(ops::stack_time(0, &[number], cx), "stacking");
}

#[test]
fn an_empty_batch_passes_through() {
    let mut context = cx::<Recorded>();
    let cx = &mut context;
    let (x, w) = (zeros(0, 2, 4, 4), zeros(3, 2, 3, 3));
    let bias: Flat = device().zeros_like(&(3,));
    let y: Maps = ops::conv2d(&Conv::new(Window::same(3, 1)), &x, &w, Some(&bias), None, cx).unwrap();
    let y = ops::leaky(&Rate::fixed(0.5), y, None, true, cx).unwrap();
    let y: Maps = ops::max_pool2d(Window::new(2, 2, 0), &y, cx).unwrap();
    let y: Maps = ops::avg_pool2d(Window::new(2, 2, 0), &y, cx).unwrap();
    let y = ops::resize(&y, [3, 3], None, cx).unwrap();
    let y: Tensor<(usize, usize), f64, Dev> = ops::global_avg_pool(&y, cx).unwrap();
    let y: Tensor<(usize, usize, usize), f64, Dev> = ops::stack_time(1, &[y], cx).unwrap();
    assert_eq!(y.shape().concrete(), [0, 2, 3]);
    // dfdx cannot sum over an empty batch, so backward starts beside it
    let start: Tensor<(), f64, Dev> = device().zeros();
    let grads = start.put_tape(context.tape).backward();
    assert_eq!(grads.get(&w).as_vec(), [0.0; 54]);
}
