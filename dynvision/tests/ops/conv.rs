//! Convolution.

use crate::check::*;
use dfdx::prelude::*;
use dynvision::autograd::Graph;
use dynvision::geometry::{Border, Conv, Window};
use dynvision::ops;
use proptest::prelude::*;

fn inputs(shown: &Shown) -> Vec<Vec<f64>> {
    let lens = [len(shown.x), len(shown.w), shown.w[0], len(shown.y)];
    lens.iter().zip(shown.seed..).map(|(&len, seed)| values(len, seed)).collect()
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn any_convolution(shown in convolutions(), biased: bool) {
        let all = inputs(&shown);
        let bias = biased.then_some(&all[2][..]);
        let want = shown.naive(&all[0], &all[1], bias);
        let found = check!(&all[..2 + usize::from(biased)], |x, cx| {
            ops::conv2d(&shown.conv, &maps(&x[0], shown.x), &maps(&x[1], shown.w), x.get(2), None, cx)
        });
        assert_near(&found, &want, 1e-12);
    }

    #[test]
    fn two_convolutions_in_one(
        (n, ins, outs, h, w) in (1usize..3, 1usize..5, 1usize..5, 1usize..6, 1usize..6),
        kernel in prop_oneof![Just(1usize), Just(3), Just(5)], seed: u64,
    ) {
        let near = Conv::new(Window::same(kernel, 1)).grouped(ins);
        let (xd, yd) = ([n, ins, h, w], [n, outs, h, w]);
        let lens = [len(xd), ins * kernel * kernel, ins * outs, ins, outs, len(yd)];
        let all: Vec<Vec<f64>> = lens.iter().zip(seed >> 1..).map(|(&len, seed)| values(len, seed)).collect();
        for (biased, added, in_place) in [(true, true, false), (true, true, true), (false, false, false)] {
            let found = check!(&all, |x, cx| {
                let (w, v) = (maps(&x[1], [ins, 1, kernel, kernel]), maps(&x[2], [outs, ins, 1, 1]));
                let (a, b) = (biased.then_some(&x[3]), biased.then_some(&x[4]));
                let onto = || maps(&x[5], yd);
                let onto = match (added, in_place) {
                    (true, true) => Some(ops::add(onto(), &onto(), cx)?),
                    (added, _) => added.then(onto),
                };
                let filters = [(&near, &w, a), (&Conv::new(Window::POINT), &v, b)];
                let filters = filters.map(|(conv, w, bias)| ops::Filter { conv, w, bias });
                ops::separable_conv2d(filters, &maps(&x[0], xd), onto, cx)
            });
            let shown = |conv, x, w, y| Shown { conv, x, w, y, seed };
            let (a, b) = (biased.then_some(&all[3][..]), biased.then_some(&all[4][..]));
            let between = shown(near, xd, [ins, 1, kernel, kernel], xd).naive(&all[0], &all[1], a);
            let mut want = shown(Conv::new(Window::POINT), xd, [outs, ins, 1, 1], yd).naive(&between, &all[2], b);
            let times = f64::from(u8::from(added) + u8::from(in_place));
            want.iter_mut().zip(&all[5]).for_each(|(y, onto)| *y += times * onto);
            assert_near(&found, &want, 1e-12);
        }
    }

    #[test]
    fn added_to_another_map(shown in convolutions()) {
        let all = inputs(&shown);
        let mut want = shown.naive(&all[0], &all[1], Some(&all[2]));
        want.iter_mut().zip(&all[3]).for_each(|(y, onto)| *y += onto);
        let found = check!(&all, |x, cx| {
            let onto = Some(maps(&x[3], shown.y));
            ops::conv2d(&shown.conv, &maps(&x[0], shown.x), &maps(&x[1], shown.w), Some(&x[2]), onto, cx)
        });
        assert_near(&found, &want, 1e-12);
        // in place: `onto` has no other owner
        let found = check!(&all, |x, cx| {
            let onto = ops::add(maps(&x[3], shown.y), &maps(&x[3], shown.y), cx)?;
            ops::conv2d(&shown.conv, &maps(&x[0], shown.x), &maps(&x[1], shown.w), Some(&x[2]), Some(onto), cx)
        });
        want.iter_mut().zip(&all[3]).for_each(|(y, onto)| *y += onto);
        assert_near(&found, &want, 1e-12);
    }

    #[test]
    fn a_frame_that_is_shown_again_is_convolved_once(shown in convolutions()) {
        let all = inputs(&shown);
        let one = shown.naive(&all[0], &all[1], Some(&all[2]));
        let want: Vec<f64> = one.iter().map(|y| 2.0 * y.max(0.0) + y).collect();
        prop_assume!(one.iter().all(|y| y.abs() > 1e-4));
        let found = check!(&all[..3], |x, cx| {
            let (frame, w) = (maps(&x[0], shown.x), maps(&x[1], shown.w));
            cx.show(&frame);
            // each answer may be updated in place without an effect on the next
            let a: Maps = ops::conv2d_once(&shown.conv, &frame, &w, Some(&x[2]), cx)?;
            let a = ops::relu(a, cx)?;
            let b: Maps = ops::conv2d_once(&shown.conv, &frame, &w, Some(&x[2]), cx)?;
            let b = ops::relu(b, cx)?;
            let c: Maps = ops::conv2d_once(&shown.conv, &frame, &w, Some(&x[2]), cx)?;
            let sum = ops::add(a, &b, cx)?;
            ops::add(sum, &c, cx)
        });
        assert_near(&found, &want, 1e-12);
    }
}

/// In `f32`, over two steps that share their weights: the gradients of two operations.
#[test]
fn gradients_of_two_convolutions_in_one_are_theirs() {
    let dev = seeded(6);
    let normal = |dims: [usize; 4]| -> Tensor<Dims, f32, Dev> {
        let [b, c, h, w] = dims;
        dev.sample_normal_like(&(b, c, h, w))
    };
    let ([x, onto], [w, v]) =
        ([normal([3, 20, 9, 16]), normal([3, 12, 9, 16])], [normal([20, 1, 3, 3]), normal([12, 20, 1, 1])]);
    let [a, b] = [20, 12].map(|channels| dev.sample_normal_like::<(usize,)>(&(channels,)));
    let (near, point) = (Conv::new(Window::same(3, 1)).grouped(20), Conv::new(Window::POINT));
    let run = |in_one: bool| {
        let cx = &mut Graph::new(OwnedTape::default());
        let step = |onto: Tensor<Dims, f32, Dev>, cx: &mut Graph<f32, Dev, OwnedTape<f32, Dev>>| {
            if in_one {
                let filters = [(&near, &w, &a), (&point, &v, &b)];
                let filters = filters.map(|(conv, w, bias)| ops::Filter { conv, w, bias: Some(bias) });
                return ops::separable_conv2d(filters, &x, Some(onto), cx).unwrap();
            }
            let between = ops::conv2d(&near, &x, &w, Some(&a), None, cx).unwrap();
            ops::conv2d(&point, &between, &v, Some(&b), Some(onto), cx).unwrap()
        };
        let y = step(onto.clone(), cx);
        let y = step(y, cx);
        let values = y.as_vec();
        let grads = (y.put_tape(std::mem::take(&mut cx.tape)) * onto.clone()).sum::<Rank0, _>().backward();
        let maps = [&x, &w, &v, &onto].map(|t| grads.get(t).as_vec());
        (values, [maps.concat(), grads.get(&a).as_vec(), grads.get(&b).as_vec()].concat())
    };
    let ((one, gradients), (two, want)) = (run(true), run(false));
    let near = |one: &[f32], two: &[f32]| one.iter().zip(two).all(|(a, b)| (a - b).abs() < 1e-4 + 1e-5 * b.abs());
    assert!(near(&one, &two) && near(&gradients, &want));
}

#[test]
fn one_tensor_stands_for_all_of_two_convolutions() {
    let (near, point) = (Conv::new(Window::same(3, 1)), Conv::new(Window::POINT));
    check!(&[values(9, 1), values(1, 2)], |x, cx| {
        let (a, b) = (maps(&x[0], [1, 1, 3, 3]), maps(&x[1], [1, 1, 1, 1]));
        let filters = [(&near, &a), (&point, &b)].map(|(conv, w)| ops::Filter { conv, w, bias: Some(&x[1]) });
        ops::separable_conv2d(filters, &a, Some(a.clone()), cx)
    });
    // one weight is both
    check!(&[values(1, 2)], |x, cx| {
        let a = maps(&x[0], [1, 1, 1, 1]);
        let filters = [&point; 2].map(|conv| ops::Filter { conv, w: &a, bias: Some(&x[0]) });
        ops::separable_conv2d(filters, &a, None, cx)
    });
}

#[test]
fn a_frame_is_not_taken_for_that_of_another_convolution() {
    let dev = seeded(5);
    let frame: Tensor<Dims, f32, Dev> = dev.sample_normal_like(&(2, 4, 6, 6));
    let w: Tensor<Dims, f32, Dev> = dev.sample_normal_like(&(4, 2, 3, 3));
    let [one, two] = [0, 1].map(|_| dev.sample_normal_like::<(usize,)>(&(4,)));
    let plain = Conv::new(Window::same(3, 1)).grouped(2);
    let mut shown = Graph::new(NoneTape);
    shown.show(&frame);
    for conv in [plain, plain.bordered(Border::Reflect), Conv::new(Window::same(3, 2)).grouped(2)] {
        for bias in [None, Some(&one), Some(&two)] {
            let once: Tensor<Dims, f32, Dev> = ops::conv2d_once(&conv, &frame, &w, bias, &mut shown).unwrap();
            let plain: Tensor<Dims, f32, Dev> =
                ops::conv2d(&conv, &frame, &w, bias, None, &mut Graph::new(NoneTape)).unwrap();
            assert_eq!(once.as_vec(), plain.as_vec(), "{conv:?}");
        }
    }
}

#[test]
fn channels_alone_are_depthwise() {
    let conv = Conv::new(Window::same(3, 1)).grouped(5).bordered(Border::Reflect);
    let shown = Shown::new(conv, [2, 7, 4], 5, 10, 7);
    let all = inputs(&shown);
    let found =
        check!(&all[..2], |x, cx| { ops::conv2d(&conv, &maps(&x[0], shown.x), &maps(&x[1], shown.w), None, None, cx) });
    assert_near(&found, &shown.naive(&all[0], &all[1], None), 1e-12);
}

#[test]
fn one_tensor_may_be_input_and_weight() {
    let conv = Conv::new(Window::same(3, 1));
    let found = check!(&[values(3 * 3 * 9, 4)], |x, cx| {
        let both = maps(&x[0], [3, 3, 3, 3]);
        ops::conv2d(&conv, &both, &both, None, None, cx)
    });
    let shown = Shown::new(conv, [3, 3, 3], 3, 3, 0);
    assert_near(&found, &shown.naive(&values(81, 4), &values(81, 4), None), 1e-12);
}
