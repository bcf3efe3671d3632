//! Inputs that are views: permuted, or broadcast.

use crate::check::*;
use dfdx::prelude::*;
use dynvision::autograd::Graph;
use dynvision::error::Result;
use dynvision::geometry::{Conv, Window};
use dynvision::ops::{self, Rate};

const CONV: Conv = Conv::new(Window::same(3, 2));

/// Channels before the batch, seen the other way.
fn permuted(x: &Flat, [b, c, h, w]: [usize; 4]) -> Maps {
    x.clone().reshape_like(&(c, b, h, w)).permute::<_, Axes4<1, 0, 2, 3>>()
}

/// One image for the whole batch.
fn broadcast(x: &Flat, [b, c, h, w]: [usize; 4]) -> Maps {
    x.clone().reshape_like(&(c, h, w)).broadcast_like::<_, Axis<0>>(&(b, c, h, w))
}

/// Every operation on two maps of 2x2x3x3, the second a weight where that is needed.
fn each<T: Tape<f64, Dev>>(
    number: usize,
    a: Maps,
    b: &Maps,
    cx: &mut Graph<f64, Dev, T>,
) -> Result<Tensor<(usize,), f64, Dev>> {
    let y = match number {
        0 => ops::conv2d(&CONV, &a, b, None, None, cx)?,
        1 => ops::conv2d(&Conv::new(Window::same(3, 1)), b, b, None, Some(a), cx)?,
        2 => ops::max_pool2d(Window::new(2, 1, 0), &a, cx)?,
        3 => ops::avg_pool2d(Window::new(2, 1, 0), &a, cx)?,
        4 => ops::resize(&a, [5, 2], None, cx)?,
        5 => ops::resize(b, [3, 3], Some(a), cx)?,
        6 => ops::leaky(&Rate::fixed(0.3), a, Some(b), true, cx)?,
        7 => ops::add(a, b, cx)?,
        8 => ops::gain(&a, b, cx)?,
        9 => ops::relu(a, cx)?,
        10 => ops::supralinear(0.8, 1.5, &a, cx)?,
        11 => ops::scale_shift(&a, &device().tensor(0.7), None, None, cx)?,
        12 => ops::conv2d_once(&CONV, &a, b, None, cx)?,
        13 => {
            let y: Tensor<(usize, usize), f64, Dev> = ops::global_avg_pool(&a, cx)?;
            return Ok(y.reshape_like(&(4,)));
        }
        _ => {
            let y: Tensor<(usize, usize, usize, usize, usize), f64, Dev> =
                ops::stack_time(1, &[a.clone(), b.clone(), a], cx)?;
            return Ok(y.reshape_like(&(2 * 4 * 18,)));
        }
    };
    let len = y.shape().num_elements();
    Ok(y.reshape_like(&(len,)))
}

#[test]
fn permuted_and_broadcast_inputs() {
    let dims = [2, 2, 3, 3];
    for number in 0..15 {
        let plain =
            check!(&[apart(36, 1), apart(36, 2)], |x, cx| each(number, maps(&x[0], dims), &maps(&x[1], dims), cx));
        let turn = |x: &[f64]| permuted(&flat(x), dims).as_vec();
        let turned = [turn(&apart(36, 1)), turn(&apart(36, 2))];
        let seen = check!(&turned, |x, cx| each(number, permuted(&x[0], dims), &permuted(&x[1], dims), cx));
        assert_eq!(plain, seen, "operation {number} on permuted maps");

        let once = [apart(18, 1), apart(18, 2)];
        let twice = [once[0].repeat(2), once[1].repeat(2)];
        let plain = check!(&twice, |x, cx| each(number, maps(&x[0], dims), &maps(&x[1], dims), cx));
        let seen = check!(&once, |x, cx| each(number, broadcast(&x[0], dims), &broadcast(&x[1], dims), cx));
        assert_eq!(plain, seen, "operation {number} on broadcast maps");
        // one buffer seen in two ways
        check!(&[apart(36, 1)], |x, cx| each(number, permuted(&x[0], dims), &maps(&x[0], dims), cx));
    }
}

#[test]
fn a_bias_may_be_a_view() {
    let dims = [2, 2, 3, 3];
    let all = [values(36, 1), values(36, 2), vec![0.4]];
    let found = check!(&all, |x, cx| {
        let bias: Flat = x[2].clone().reshape_like(&()).broadcast_like::<_, Axis<0>>(&(2,));
        ops::conv2d(&CONV, &maps(&x[0], dims), &maps(&x[1], dims), Some(&bias), None, cx)
    });
    let shown = Shown::new(CONV, [2, 3, 3], 2, 2, 0);
    assert_near(&found, &shown.naive(&all[0], &all[1], Some(&[0.4, 0.4])), 1e-13);
}
