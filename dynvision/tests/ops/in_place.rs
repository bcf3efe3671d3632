//! The rule of updates in place: a tensor with one owner is overwritten, a shared one never is, and gradients are right
//! either way.

use crate::check::*;
use dfdx::prelude::*;
use dynvision::autograd::Graph;
use dynvision::error::Result;
use dynvision::geometry::{Conv, Window};
use dynvision::kernels::view;
use dynvision::ops::{self, Filter, Rate, Step};

const DIMS: [usize; 4] = [2, 2, 3, 3];
const LEN: usize = 36;
const CONV: Conv = Conv::new(Window::same(3, 1));

fn drive<T: Tape<f64, Cpu>>(x: &Flat, cx: &mut Graph<f64, Cpu, T>) -> Result<Maps> {
    ops::add(maps(x, DIMS), &maps(x, DIMS), cx)
}

fn inputs() -> [Vec<f64>; 3] {
    [apart(LEN, 1), apart(LEN, 2), values(2 * 2 * 9, 3)]
}

/// Every operation that may update its argument in place.
fn each_update<T: Tape<f64, Cpu>>(number: usize, a: Maps, x: &[Flat], cx: &mut Graph<f64, Cpu, T>) -> Result<Maps> {
    let (other, w) = (maps(&x[1], DIMS), maps(&x[2], [2, 2, 3, 3]));
    match number {
        0 => ops::add(a, &other, cx),
        1 => ops::relu(a, cx),
        2 => ops::leaky(&Rate::fixed(0.3), a, Some(&other), true, cx),
        3 => ops::leaky(&Rate::fixed(0.3), a, Some(&other), false, cx),
        4 => ops::leaky(&Rate::fixed(0.3), a, None, true, cx),
        5 => ops::conv2d(&CONV, &other, &w, None, Some(a), cx),
        6 => ops::resize(&other, [3, 3], Some(a), cx),
        _ => {
            let (filter, rate) = (Filter { conv: &CONV, w: &w, bias: None }, &Rate::fixed(0.3));
            let (h, relu) = if number == 7 { (Some(&other), true) } else { (None, false) };
            ops::conv2d_leaky(filter, &other, Some(a), Step { rate, h, relu }, cx)
        }
    }
}
const UPDATES: usize = 9;

#[test]
fn one_owner_keeps_its_buffer() {
    for number in 0..UPDATES {
        let tensors: Vec<Flat> = inputs().iter().map(|x| flat(x)).collect();
        let mut context = cx::<NoneTape>();
        let a = drive(&tensors[0], &mut context).unwrap();
        let at = view(&a).unwrap().as_ptr();
        let y = each_update(number, a, &tensors, &mut context).unwrap();
        assert_eq!(view(&y).unwrap().as_ptr(), at, "update {number} in place");
    }
}

#[test]
fn a_shared_tensor_is_left_alone() {
    for number in 0..UPDATES {
        let found = check!(&inputs(), |x, cx| {
            let a = drive(&x[0], cx)?;
            let kept = a.clone();
            let y = each_update(number, a, x, cx)?;
            assert_ne!(view(&y).unwrap().as_ptr(), view(&kept).unwrap().as_ptr());
            let y = ops::gain(&y, &kept, cx)?;
            ops::add(y, &kept, cx)
        });
        let alone = check!(&inputs(), |x, cx| {
            let a = drive(&x[0], cx)?;
            each_update(number, a, x, cx)
        });
        let kept = inputs()[0].iter().map(|x| 2.0 * x).collect::<Vec<_>>();
        let want: Vec<f64> = alone.iter().zip(&kept).map(|(y, kept)| y * (1.0 + kept.tanh()) + kept).collect();
        assert_near(&found, &want, 1e-14);
    }
}

#[test]
fn updates_follow_each_other() {
    for first in 0..UPDATES {
        for second in 0..UPDATES {
            check!(&inputs(), |x, cx| {
                let a = drive(&x[0], cx)?;
                let b = each_update(first, a, x, cx)?;
                let between = b.clone();
                let c = each_update(second, b, x, cx)?;
                let d = each_update(first, c, x, cx)?;
                ops::add(d, &between, cx)
            });
        }
    }
}

/// Operations that read a tensor and leave it.
fn read_by<T: Tape<f64, Cpu>>(read: usize, a: &Maps, cx: &mut Graph<f64, Cpu, T>) -> Result<Maps> {
    match read {
        0 => ops::avg_pool2d(Window::same(3, 1), a, cx),
        1 => ops::max_pool2d(Window::same(3, 1), a, cx),
        2 => ops::supralinear(0.8, 1.5, a, cx),
        3 => ops::gain(a, a, cx),
        4 => cx.run(a.clone(), |a| a.try_tanh()),
        5 => ops::resize(a, [3, 3], None, cx),
        6 => ops::conv2d(&CONV, a, a, None, None, cx),
        _ => cx.run(a.clone(), |a| a.try_square()),
    }
}

#[test]
fn what_has_read_the_old_value_keeps_its_gradient() {
    for read in 0..8 {
        for number in 0..UPDATES {
            check!(&inputs(), |x, cx| {
                let a = drive(&x[0], cx)?;
                let before = read_by(read, &a, cx)?;
                let y = each_update(number, a, x, cx)?;
                let after = read_by(read, &y, cx)?;
                let sum = ops::add(before, &after, cx)?;
                ops::add(sum, &y, cx)
            });
        }
    }
}

/// A convolution keeps nothing of pooled maps, nor of those that a depthwise convolution made: they are made again on the way
/// back, as they were when it read them.
#[test]
fn maps_that_are_made_again_are_convolved_as_they_were() {
    let depthwise = Conv::new(Window::same(3, 1)).grouped(2);
    let kernels: Maps = Cpu::default().tensor_from_vec(apart(18, 5), (2, 1, 3, 3));
    for (number, pools) in (0..UPDATES).flat_map(|number| [(number, true), (number, false)]) {
        check!(&inputs(), |x, cx| {
            let drive = drive(&x[0], cx)?;
            let made = match pools {
                true => ops::max_pool2d(Window::same(3, 1), &drive, cx)?,
                false => ops::conv2d(&depthwise, &drive, &kernels, None, None, cx)?,
            };
            let w = maps(&x[2], [2, 2, 3, 3]);
            let before = ops::conv2d(&CONV, &made, &w, None, None, cx)?;
            let at = view(&made).unwrap().as_ptr();
            let y = each_update(number, made, x, cx)?;
            assert_eq!(view(&y).unwrap().as_ptr(), at, "update {number} in place");
            let after = ops::conv2d(&CONV, &y, &w, None, None, cx)?;
            ops::add(before, &after, cx)
        });
    }
}

#[test]
fn one_tensor_may_stand_on_both_sides() {
    let all = [apart(LEN, 1)];
    let x = &all[0];
    let found = check!(&all, |x, cx| {
        let a = drive(&x[0], cx)?;
        let same = a.clone();
        ops::add(a, &same, cx)
    });
    assert_near(&found, &x.iter().map(|x| 4.0 * x).collect::<Vec<_>>(), 1e-15);
    let found = check!(&all, |x, cx| {
        let a = drive(&x[0], cx)?;
        ops::gain(&a, &a, cx)
    });
    assert_near(&found, &x.iter().map(|x| 2.0 * x * (1.0 + (2.0 * x).tanh())).collect::<Vec<_>>(), 1e-14);
    for relu in [false, true] {
        let found = check!(&all, |x, cx| {
            let a = drive(&x[0], cx)?;
            let h = a.clone();
            ops::leaky(&Rate::fixed(0.3), a, Some(&h), relu, cx)
        });
        let cut = |x: f64| if relu { x.max(0.0) } else { x };
        assert_near(&found, &x.iter().map(|x| cut(2.0 * x)).collect::<Vec<_>>(), 1e-14);
    }
    let found = check!(&all, |x, cx| {
        let a = drive(&x[0], cx)?;
        ops::resize(&a.clone(), [3, 3], Some(a), cx)
    });
    assert_near(&found, &x.iter().map(|x| 4.0 * x).collect::<Vec<_>>(), 1e-15);
    check!(&inputs(), |x, cx| {
        let a = drive(&x[0], cx)?;
        let w = maps(&x[2], [2, 2, 3, 3]);
        ops::conv2d(&CONV, &a.clone(), &w, None, Some(a), cx)
    });
}

#[test]
fn a_cut_stops_gradients_of_later_updates_alone() {
    let dev = Cpu::default();
    let x: Maps = dev.tensor_from_vec(apart(LEN, 1), (2, 2, 3, 3));
    let mut context = cx::<Recorded>();
    let a = ops::add(x.clone(), &x, &mut context).unwrap();
    let early: Maps = ops::avg_pool2d(Window::POINT, &a, &mut context).unwrap();
    context.cut(&a);
    let late = ops::leaky(&Rate::fixed(0.5), a, None, false, &mut context).unwrap();
    let y = ops::add(late, &early, &mut context).unwrap();
    let grads = y.put_tape(context.tape).sum::<Rank0, _>().backward();
    assert_eq!(grads.get(&x).as_vec(), [2.0; LEN], "of the early reader alone");
}
