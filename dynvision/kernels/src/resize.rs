//! Nearest-neighbour resizing: the value at `dst` is that at `floor(dst * in / out)`.

use super::{Scalar, parallel};

/// Resizes every plane of `x` (`xd` = batch, channels, rows, columns) to the rows and columns of `yd`; adds it to
/// `y` if `accumulate`.
pub fn nearest_forward<E: Scalar>(x: &[E], xd: [usize; 4], y: &mut [E], yd: [usize; 4], accumulate: bool) {
    check(x.len(), xd, y.len(), yd);
    if xd == yd {
        if accumulate {
            return super::elementwise::add_assign(x, y);
        }
        return parallel::chunks(y, |at, y| y.copy_from_slice(&x[at..at + y.len()]));
    }
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
    parallel::planes(y, oh * ow, |first, planes| {
        for (i, plane) in planes.chunks_exact_mut(oh * ow).enumerate() {
            let x = &x[(first + i) * h * w..][..h * w];
            if accumulate {
                enlarge(x, [h, w], plane, [oh, ow], |y, x| *y += x);
            } else {
                enlarge(x, [h, w], plane, [oh, ow], |y, x| *y = x);
            }
        }
    });
}

/// Adds every value of `gy` to the place in `gx` from which [`nearest_forward`] took it.
pub fn nearest_backward<E: Scalar>(gy: &[E], yd: [usize; 4], gx: &mut [E], xd: [usize; 4]) {
    check(gx.len(), xd, gy.len(), yd);
    if xd == yd {
        return super::elementwise::add_assign(gy, gx);
    }
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
    parallel::planes(gx, h * w, |first, planes| {
        for (i, plane) in planes.chunks_exact_mut(h * w).enumerate() {
            gather(&gy[(first + i) * oh * ow..][..oh * ow], [oh, ow], plane, [h, w]);
        }
    });
}

fn check(x: usize, xd: [usize; 4], y: usize, yd: [usize; 4]) {
    assert!(xd[..2] == yd[..2], "resize: {xd:?} to {yd:?} changes batch or channels");
    assert!(x == xd.iter().product::<usize>() && y == yd.iter().product::<usize>(), "resize: lengths");
    assert!(y == 0 || x > 0, "resize: nothing to take from");
}

fn enlarge<E: Scalar>(x: &[E], [h, w]: [usize; 2], y: &mut [E], [oh, ow]: [usize; 2], put: impl Fn(&mut E, E)) {
    for r in 0..oh {
        let (x, y) = (&x[r * h / oh * w..][..w], &mut y[r * ow..][..ow]);
        if ow.is_multiple_of(w) {
            y.chunks_exact_mut(ow / w).zip(x).for_each(|(y, &x)| y.iter_mut().for_each(|y| put(y, x)));
        } else if w.is_multiple_of(ow) {
            y.iter_mut().zip(x.iter().step_by(w / ow)).for_each(|(y, &x)| put(y, x));
        } else {
            y.iter_mut().enumerate().for_each(|(c, y)| put(y, x[c * w / ow]));
        }
    }
}

fn gather<E: Scalar>(gy: &[E], [oh, ow]: [usize; 2], gx: &mut [E], [h, w]: [usize; 2]) {
    for r in 0..oh {
        let (gy, gx) = (&gy[r * ow..][..ow], &mut gx[r * h / oh * w..][..w]);
        if ow == w {
            gx.iter_mut().zip(gy).for_each(|(gx, &gy)| *gx += gy);
        } else if w.is_multiple_of(ow) {
            gx.iter_mut().step_by(w / ow).zip(gy).for_each(|(gx, &gy)| *gx += gy);
        } else {
            gy.iter().enumerate().for_each(|(c, &gy)| gx[c * w / ow] += gy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn takes_the_floor_and_gives_back_there(
            b in 1usize..3, c in 1usize..4, h in 1usize..9, w in 1usize..9, oh in 1usize..20, ow in 1usize..20,
        ) {
            let (xd, yd) = ([b, c, h, w], [b, c, oh, ow]);
            let x: Vec<f64> = (0..b * c * h * w).map(|i| i as f64).collect();
            let gy: Vec<f64> = (0..b * c * oh * ow).map(|i| (i % 7) as f64).collect();
            let mut y = vec![f64::NAN; gy.len()];
            nearest_forward(&x, xd, &mut y, yd, false);
            let mut twice = y.clone();
            nearest_forward(&x, xd, &mut twice, yd, true);
            prop_assert!(twice.iter().zip(&y).all(|(t, y)| *t == 2.0 * y));
            let mut gx = vec![1.0; x.len()];
            nearest_backward(&gy, yd, &mut gx, xd);
            let mut want = vec![1.0; x.len()];
            for (i, &y) in y.iter().enumerate() {
                let (plane, r, col) = (i / (oh * ow), i / ow % oh, i % ow);
                let from = plane * h * w + (r * h / oh) * w + col * w / ow;
                prop_assert_eq!(y, x[from]);
                want[from] += gy[i];
            }
            prop_assert_eq!(gx, want);
        }
    }
}
