//! Nearest-neighbour resizing.

use crate::check::*;
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
        let found = check!(&all[..1], |x, cx| ops::resize(&maps(&x[0], from), [rows, columns], None, cx));
        assert_near(&found, &want, 0.0);
        want.iter_mut().zip(&all[1]).for_each(|(y, onto)| *y += onto);
        let found = check!(&all, |x, cx| ops::resize(&maps(&x[0], from), [rows, columns], Some(maps(&x[1], to)), cx));
        assert_near(&found, &want, 0.0);
        let found = check!(&all, |x, cx| {
            let onto = ops::relu(maps(&x[1], to), cx)?; // of its own: updated in place
            ops::resize(&maps(&x[0], from), [rows, columns], Some(onto), cx)
        });
        want.iter_mut().zip(&all[1]).for_each(|(y, onto)| *y += onto.max(0.0) - onto);
        assert_near(&found, &want, 1e-12);
    }
}
