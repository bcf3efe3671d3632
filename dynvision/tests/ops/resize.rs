//! Nearest-neighbour resizing.

use crate::check::*;
use dfdx::prelude::*;
use dynvision::ops;
use proptest::prelude::*;

fn naive(x: &[f64], [b, c, h, w]: [usize; 4], [rows, columns]: [usize; 2]) -> Vec<f64> {
    let mut y = Vec::new();
    for plane in 0..b * c {
        for i in 0..rows {
            for j in 0..columns {
                let (row, column) = (i as f64 * h as f64 / rows as f64, j as f64 * w as f64 / columns as f64);
                y.push(x[(plane * h + (row + 1e-9).floor() as usize) * w + (column + 1e-9).floor() as usize]);
            }
        }
    }
    y
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn up_and_down(
        b in 1usize..3, c in 1usize..4, h in 1usize..8, w in 1usize..8, rows in 1usize..12, columns in 1usize..12, seed: u64,
    ) {
        let (from, to) = ([b, c, h, w], [b, c, rows, columns]);
        let all = [values(len(from), seed), values(len(to), seed ^ 1)];
        let mut want = naive(&all[0], from, [rows, columns]);
        let found = check!(&all[..1], |x, cx| ops::resize(&maps(&x[0], from), (b, c, rows, columns), cx));
        assert_near(&found, &want, 0.0);
        want.iter_mut().zip(&all[1]).for_each(|(y, onto)| *y += onto);
        let found = check!(&all, |x, cx| ops::resize_onto(&maps(&x[0], from), maps(&x[1], to), cx));
        assert_near(&found, &want, 0.0);
        let found = check!(&all, |x, cx| {
            let onto = ops::relu(maps(&x[1], to), cx)?; // of its own: updated in place
            ops::resize_onto(&maps(&x[0], from), onto, cx)
        });
        want.iter_mut().zip(&all[1]).for_each(|(y, onto)| *y += onto.max(0.0) - onto);
        assert_near(&found, &want, 1e-12);
    }
}

#[test]
fn shapes_may_be_constants() {
    let dev = device();
    let x: Tensor<Rank4<1, 1, 2, 2>, f32, _> = dev.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]);
    let y: Tensor<(usize, Const<1>, Const<2>, Const<4>), f32, _> =
        ops::resize(&x, (1, Const, Const, Const), &mut cx::<NoneTape>()).unwrap();
    assert_eq!(y.as_vec(), [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]);
    let onto: Tensor<Rank4<1, 1, 2, 4>, f32, _> = dev.ones();
    let y = ops::resize_onto(&x, onto, &mut cx::<NoneTape>()).unwrap();
    assert_eq!(y.array(), [[[[2.0, 2.0, 3.0, 3.0], [4.0, 4.0, 5.0, 5.0]]]]);
}
