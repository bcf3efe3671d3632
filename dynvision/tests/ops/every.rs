//! Every operation on what its own tests do not show it: views, one tensor in all places, axes of one, no image at all.

use crate::check::*;
use dfdx::prelude::*;
use dynvision::autograd::Graph;
use dynvision::error::Result;
use dynvision::geometry::{Conv, Units, Window};
use dynvision::ops::{self, Affine, Rate};

/// The operations, by their names.
const ALL: [&str; 38] = [
    "mul",
    "sub",
    "div",
    "affine",
    "sigmoid",
    "tanh",
    "clamp",
    "mix",
    "spread",
    "scale",
    "within_channels",
    "concatenate",
    "concat",
    "slice",
    "add_bias",
    "conv_transpose2d",
    "dropout",
    "gather",
    "group_norm",
    "batch_norm",
    "normalize",
    "global_max_pool",
    "global_avg_pool",
    "adaptive_avg_pool2d",
    "local_response_norm",
    "unit_noise",
    "weight_norm",
    "add_onto",
    "flatten",
    "contiguous",
    "stack_time",
    "leaky",
    "conv2d",
    "separable_conv2d",
    "conv2d_leaky",
    "max_pool2d",
    "resize",
    "supralinear",
];

/// An operation on two maps of the same sizes, of which the second is a weight where that is needed.
fn run<T: Tape<f64, Dev>>(name: &str, a: Maps, b: &Maps, cx: &mut Graph<f64, Dev, T>) -> Result<Flat> {
    let [n, c, h, w] = a.shape().concrete();
    let per_channel = |b: &Maps, cx: &mut Graph<f64, Dev, T>| -> Result<Flat> {
        let first: Maps = ops::slice(0, 0..1, b, cx)?;
        let mean: Tensor<(usize, usize), f64, Dev> = ops::global_avg_pool(&first, cx)?;
        ops::reshaped(mean, &(c,))
    };
    let y: Maps = match name {
        "mul" => ops::mul(&a, b, cx)?,
        "sub" => ops::sub(&a, b, cx)?,
        "div" => {
            let by = ops::affine(0.2, b, 1.5, cx)?;
            ops::div(&a, &by, cx)?
        }
        "affine" => ops::affine(0.3, &a, -0.1, cx)?,
        "sigmoid" => ops::sigmoid(&a, cx)?,
        "tanh" => ops::tanh(&a, cx)?,
        "clamp" => ops::clamp(&a, -0.51, 0.49, cx)?,
        "mix" => ops::mix(&a, b, &a, cx)?,
        "spread" => {
            let weight = per_channel(b, cx)?;
            ops::spread(&weight, (n, c, h, w), cx)?
        }
        "scale" => {
            let weight = per_channel(b, cx)?;
            ops::scale(&a, &weight, cx)?
        }
        "within_channels" => {
            let places = h * w;
            let weight: Tensor<(usize, usize, usize), f64, Dev> =
                device().tensor_from_vec(values(c * places * places, 9), (c, places, places));
            ops::within_channels(&a, &weight, cx)?
        }
        "concatenate" => {
            // one map does not stand beside itself
            let other = ops::affine(1.0, b, 0.1, cx)?;
            ops::concatenate(&a, &other, cx)?
        }
        "concat" => ops::concat(2, &[a.clone(), b.clone(), a], cx)?,
        "slice" => ops::slice(2, 0..h.div_ceil(2), &a, cx)?,
        "add_bias" => {
            let bias = per_channel(b, cx)?;
            ops::add_bias(a, &bias, cx)?
        }
        "conv_transpose2d" => {
            let weight: Maps = device().tensor_from_vec(values(c * 2 * 9, 9), (c, 2, 3, 3));
            ops::conv_transpose2d(2, 1, &a, &weight, cx)?
        }
        "dropout" => ops::dropout(0.4, 7, a, cx)?,
        "gather" => {
            let units: Vec<u32> = (0..c * h * w).rev().map(|unit| unit as u32).collect();
            ops::gather(&a, &Units::new(&units[..], c * h * w)?, (n, c, h, w), cx)?
        }
        "group_norm" | "batch_norm" | "normalize" => {
            let weight = per_channel(b, cx)?;
            let affine = Affine { weight: &weight, bias: &weight };
            match name {
                "group_norm" => ops::group_norm(1, 1e-2, &a, affine, cx)?,
                "batch_norm" => ops::batch_norm(1e-2, &a, affine, cx)?.0,
                _ => {
                    let (mean, variance) = (flat(&vec![0.1; c]), flat(&vec![0.7; c]));
                    ops::normalize(1e-2, &a, (&mean, &variance), affine, cx)?
                }
            }
        }
        "global_max_pool" | "global_avg_pool" | "flatten" => {
            let y: Tensor<(usize, usize), f64, Dev> = match name {
                "global_max_pool" => ops::global_max_pool(&a, cx)?,
                "global_avg_pool" => ops::global_avg_pool(&a, cx)?,
                _ => ops::flatten(a, cx)?,
            };
            let len = y.shape().num_elements();
            return ops::reshaped(y, &(len,));
        }
        "adaptive_avg_pool2d" => ops::adaptive_avg_pool2d(&a, [2, 1], cx)?,
        "local_response_norm" => ops::local_response_norm(1, [1.0, 0.4, 0.75], &a, cx)?,
        "unit_noise" => ops::unit_noise(0.3, 5, a, cx)?,
        "weight_norm" => {
            let norms = flat(&values(n, 4));
            ops::weight_norm(&a, &norms, cx)?
        }
        "add_onto" => ops::add_onto(Some(a), b.clone(), cx)?,
        "contiguous" => ops::contiguous(a, cx)?,
        "stack_time" => {
            let y: Tensor<(usize, usize, usize, usize, usize), f64, Dev> =
                ops::stack_time(1, &[a.clone(), b.clone(), a], cx)?;
            let len = y.shape().num_elements();
            return ops::reshaped(y, &(len,));
        }
        "leaky" => ops::leaky(&Rate::fixed(0.3), a, Some(b), false, cx)?,
        "conv2d" => {
            let weight: Maps = device().tensor_from_vec(values(3 * c * 9, 9), (3, c, 3, 3));
            ops::conv2d(&Conv::new(Window::same(3, 2)), &a, &weight, None, None, cx)?
        }
        "separable_conv2d" => {
            let near: Maps = device().tensor_from_vec(values(c * 9, 9), (c, 1, 3, 3));
            let point: Maps = device().tensor_from_vec(values(c * c, 8), (c, c, 1, 1));
            let convs = [Conv::new(Window::same(3, 1)).grouped(c), Conv::new(Window::POINT)];
            let filter = |i: usize| ops::Filter { conv: &convs[i], w: [&near, &point][i], bias: None };
            ops::separable_conv2d([filter(0), filter(1)], &a, Some(b.clone()), cx)?
        }
        "conv2d_leaky" => {
            let w: Maps = device().tensor_from_vec(values(c * c * 9, 9), (c, c, 3, 3));
            let filter = ops::Filter { conv: &Conv::new(Window::same(3, 1)), w: &w, bias: None };
            let step = ops::Step { rate: &Rate::fixed(0.3), h: Some(b), relu: false };
            ops::conv2d_leaky(filter, &a, Some(b.clone()), step, cx)?
        }
        "max_pool2d" => ops::max_pool2d(Window::new(1, 1, 0), &a, cx)?,
        "resize" => ops::resize(&a, [5, 2], None, cx)?,
        "supralinear" => ops::supralinear(0.8, 1.5, &a, cx)?,
        other => unreachable!("{other}"),
    };
    let len = y.shape().num_elements();
    ops::reshaped(ops::contiguous(y, cx)?, &(len,))
}

/// Channels before the batch, seen the other way.
fn permuted(x: &Flat, [b, c, h, w]: [usize; 4]) -> Maps {
    x.clone().reshape_like(&(c, b, h, w)).permute::<_, Axes4<1, 0, 2, 3>>()
}

/// One number for all places of a channel.
fn broadcast(x: &Flat, [b, c, h, w]: [usize; 4]) -> Maps {
    x.clone().reshape_like(&(b, c)).broadcast_like::<_, Axes2<2, 3>>(&(b, c, h, w))
}

#[test]
fn views_are_what_they_mean() {
    let dims = [2, 2, 3, 3];
    for name in ALL {
        let plain = check!(&[apart(36, 1), apart(36, 2)], |x, cx| run(name, maps(&x[0], dims), &maps(&x[1], dims), cx));
        let turn = |x: &[f64]| permuted(&flat(x), dims).as_vec();
        let turned = [turn(&apart(36, 1)), turn(&apart(36, 2))];
        let seen = check!(&turned, |x, cx| run(name, permuted(&x[0], dims), &permuted(&x[1], dims), cx));
        assert_near(&plain, &seen, 1e-13);
        // a maximum of equal numbers has no derivative
        if name != "global_max_pool" {
            let each = |seed| apart(4, seed).into_iter().flat_map(|x| [x; 9]).collect::<Vec<_>>();
            let plain = check!(&[each(1), each(2)], |x, cx| run(name, maps(&x[0], dims), &maps(&x[1], dims), cx));
            let seen = check!(&[apart(4, 1), apart(4, 2)], |x, cx| {
                run(name, broadcast(&x[0], dims), &broadcast(&x[1], dims), cx)
            });
            assert_near(&plain, &seen, 1e-13);
        }
    }
}

#[test]
fn one_tensor_stands_in_all_places() {
    let dims = [2, 2, 3, 3];
    for name in ALL {
        check!(&[apart(36, 3)], |x, cx| {
            let x = maps(&x[0], dims);
            let twice = run(name, x.clone(), &x, cx)?;
            // and is read again afterwards, by the same operation
            let again = run(name, x.clone(), &x, cx)?;
            ops::concat::<_, (usize,), _, _, _>(0, &[twice, again], cx)
        });
    }
}

#[test]
fn axes_of_one() {
    for dims in [[1, 1, 1, 1], [2, 1, 1, 3], [1, 2, 3, 1], [1, 3, 1, 1]] {
        for name in ALL {
            // far from 0, where a power is steep
            let [a, b] = [1, 2].map(|seed| apart(len(dims), seed).iter().map(|x| x + 0.27).collect());
            check!(&[a, b], |x, cx| run(name, maps(&x[0], dims), &maps(&x[1], dims), cx));
        }
    }
}

/// Nothing in, nothing out, or an error; never a panic.
#[test]
fn no_image_at_all() {
    let mut panicked = Vec::new();
    for name in ALL {
        // its weight has a row for each image here
        if name == "weight_norm" {
            continue;
        }
        let (a, b): (Maps, Maps) = (device().zeros_like(&(0, 2, 3, 3)), device().zeros_like(&(1, 2, 3, 3)));
        let two = [
            "mul",
            "sub",
            "div",
            "mix",
            "concatenate",
            "concat",
            "add_onto",
            "leaky",
            "stack_time",
            "separable_conv2d",
            "conv2d_leaky",
        ]
        .contains(&name);
        let b = if two { a.clone() } else { b };
        let done =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(name, a.clone(), &b, &mut cx::<Recorded>())));
        match done {
            // dfdx cannot read an empty tensor
            Ok(Ok(y)) => assert_eq!(y.shape().num_elements(), 0, "{name}"),
            Ok(Err(error)) => assert!(!error.to_string().is_empty()),
            Err(_) => panicked.push(name),
        }
    }
    assert!(panicked.is_empty(), "{panicked:?}");
}
