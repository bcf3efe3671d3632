//! Slices.

use crate::check::*;
use dfdx::prelude::*;
use dynvision::autograd::Graph;
use dynvision::ops;
use proptest::prelude::*;

proptest! {
    #![proptest_config(config(64))]

    /// Twice of one tensor, so that the gradients meet.
    #[test]
    fn along_any_axis(sizes in [1usize..4, 1usize..5, 1usize..4], axis in 0usize..3, from: usize, len: usize, seed: u64) {
        let [a, b, c] = sizes;
        let start = from % sizes[axis];
        let range = start..start + 1 + len % (sizes[axis] - start);
        let all = [values(a * b * c, seed)];
        let found = check!(&all, |x, cx| {
            let whole: Tensor<(usize, usize, usize), f64, Dev> = x[0].clone().reshape_like(&(a, b, c));
            let part: Tensor<(usize, usize, usize), f64, Dev> = ops::slice(axis, range.clone(), &whole, cx)?;
            let again: Tensor<(usize, usize, usize), f64, Dev> = ops::slice(axis, range.clone(), &whole, cx)?;
            cx.run(part, |part| part.try_mul(again))
        });
        let place = |i: usize| [i / (b * c), i / c % b, i % c][axis];
        let want: Vec<f64> =
            (0..a * b * c).filter(|&i| range.contains(&place(i))).map(|i| all[0][i] * all[0][i]).collect();
        assert_near(&found, &want, 1e-14);
    }
}

#[test]
fn overlapping_slices_of_a_view() {
    check!(&[values(24, 5)], |x, cx| {
        let view = x[0].clone().reshape_like(&(4, 6)).permute::<_, Axes2<1, 0>>();
        let later: Tensor<(usize, usize), f64, Dev> = ops::slice(0, 1..6, &view, cx)?;
        let earlier: Tensor<(usize, usize), f64, Dev> = ops::slice(0, 0..5, &view, cx)?;
        cx.run(later, |later| later.try_sub(earlier)?.try_square())
    });
}

#[test]
fn slices_that_do_not_exist_are_refused() {
    let x: Tensor<(usize, usize), f64, Dev> = flat(&values(6, 1)).reshape_like(&(2, 3));
    type Two = Tensor<(usize, usize), f64, Dev>;
    let take = |axis, range: std::ops::Range<usize>| {
        ops::slice::<_, (usize, usize), _, _, _>(axis, range, &x, &mut cx::<NoneTape>())
    };
    let of = |y: dynvision::error::Result<Two>| y.unwrap_err().to_string();
    assert!(of(take(2, 0..1)).contains("axis 2"));
    assert!(of(take(1, 1..4)).contains("1..4"));
    assert!(of(take(1, 3..3)).contains("3..3"));
    let mut cx: Graph<f64, Dev, NoneTape> = cx();
    let y = ops::slice::<_, (usize, Const<2>), _, _, _>(1, 0..1, &x, &mut cx).map(|y| y.as_vec());
    assert!(y.unwrap_err().to_string().contains("slice"));
}
