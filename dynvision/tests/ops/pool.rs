//! Pooling.

use crate::check::*;
use dfdx::prelude::*;
use dynvision::geometry::{Border, Window};
use dynvision::ops;
use proptest::prelude::*;

/// What `of` makes of the elements that each place of a window covers.
fn pooled(window: Window, [b, c, h, w]: [usize; 4], x: &[f64], of: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let (rows, columns, k) = (window.output_len(h), window.output_len(w), window.kernel);
    let mut y = Vec::new();
    for plane in 0..b * c {
        for place in 0..rows * columns {
            let covered = (0..k * k).filter_map(|tap| {
                let row = source(window, Border::Zero, place / columns, tap / k, h)?;
                let column = source(window, Border::Zero, place % columns, tap % k, w)?;
                Some(x[(plane * h + row) * w + column])
            });
            y.push(of(&covered.collect::<Vec<_>>()));
        }
    }
    y
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn maxima_of_windows((window, dims) in pools(), seed: u64) {
        let all = [apart(len(dims), seed)];
        let want = pooled(window, dims, &all[0], |x| x.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        prop_assume!(want.iter().all(|y| y.is_finite())); // a dilated window may see padding alone
        let found = check!(&all, |x, cx| {
            ops::max_pool2d(window, &maps(&x[0], dims), cx)
        });
        assert_near(&found, &want, 0.0);
    }

    #[test]
    fn means_of_windows((window, dims) in pools(), seed: u64) {
        let all = [values(len(dims), seed)];
        let area = (window.kernel * window.kernel) as f64;
        let found = check!(&all, |x, cx| {
            ops::avg_pool2d(window, &maps(&x[0], dims), cx)
        });
        assert_near(&found, &pooled(window, dims, &all[0], |x| x.iter().sum::<f64>() / area), 1e-12);
    }

    #[test]
    fn means_of_regions(
        (b, c, h, w) in (1usize..3, 1usize..4, 1usize..9, 1usize..9), (rows, columns) in (1usize..8, 1usize..8), seed: u64,
    ) {
        let all = [values(b * c * h * w, seed)];
        // a region has every place that it overlaps, when both divide the same line
        let covers = |region: usize, of: usize, place: usize, places: usize| {
            region * places < (place + 1) * of && place * of < (region + 1) * places
        };
        let mut want = Vec::new();
        for map in all[0].chunks(h * w) {
            for at in 0..rows * columns {
                let inside = |i: &usize| covers(at / columns, rows, i / w, h) && covers(at % columns, columns, i % w, w);
                let covered: Vec<f64> = (0..h * w).filter(inside).map(|i| map[i]).collect();
                want.push(covered.iter().sum::<f64>() / covered.len() as f64);
            }
        }
        let found = check!(&all, |x, cx| ops::adaptive_avg_pool2d(&maps(&x[0], [b, c, h, w]), [rows, columns], cx));
        assert_near(&found, &want, 1e-12);
    }

    #[test]
    fn means_of_maps(b in 1usize..4, c in 1usize..5, h in 1usize..9, w in 1usize..9, seed: u64) {
        let all = [values(b * c * h * w, seed)];
        let want: Vec<f64> = all[0].chunks(h * w).map(|map| map.iter().sum::<f64>() / (h * w) as f64).collect();
        let found = check!(&all, |x, cx| {
            let y: Tensor<(usize, usize), f64, Dev> = ops::global_avg_pool(&maps(&x[0], [b, c, h, w]), cx)?;
            Ok(y)
        });
        assert_near(&found, &want, 1e-12);
    }

    /// Maps that are no squares, too.
    #[test]
    fn maxima_of_maps(b in 1usize..4, c in 1usize..5, h in 1usize..7, w in 1usize..7, seed: u64) {
        let all = [apart(b * c * h * w, seed)];
        let want: Vec<f64> = all[0].chunks(h * w).map(|map| map.iter().copied().fold(f64::NEG_INFINITY, f64::max)).collect();
        let found = check!(&all, |x, cx| {
            let y: Tensor<(usize, usize), f64, Dev> = ops::global_max_pool(&maps(&x[0], [b, c, h, w]), cx)?;
            Ok(y)
        });
        assert_near(&found, &want, 0.0);
    }
}

#[test]
fn the_first_of_equal_maxima_has_the_gradient() {
    let dev = device();
    let x: Maps = dev.tensor_from_vec(vec![0.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 2.0], (1, 2, 2, 2));
    let mut context = cx::<Recorded>();
    let y: Maps = ops::max_pool2d(Window::new(2, 2, 0), &x, &mut context).unwrap();
    assert_eq!(y.as_vec(), [2.0, 2.0]);
    let grads = y.put_tape(context.tape).sum::<Rank0, _>().backward();
    assert_eq!(grads.get(&x).as_vec(), [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    // of a map that is no square, too, which is pooled with its first unit read again
    let x: Maps = dev.tensor_from_vec(vec![1.0, 3.0, 3.0, 2.0, 2.0, 2.0], (1, 2, 1, 3));
    let mut context = cx::<Recorded>();
    let y = ops::global_max_pool(&x, &mut context).unwrap();
    assert_eq!(y.as_vec(), [3.0, 2.0]);
    let grads = y.put_tape(context.tape).sum::<Rank0, _>().backward();
    assert_eq!(grads.get(&x).as_vec(), [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
}
