//! Pooling: maximum and mean over windows, and over whole maps.

mod gradient;
mod separable;

use super::scalar::total;
use super::{Scalar, isa, parallel};
use crate::error::{Result, of_sizes, require};
use crate::geometry::Window;
use crate::taps::{each_tap_row, read_along};

/// The maximum of every window; padding counts as minus infinity, NaN is larger than everything.
pub(crate) fn max_forward<E: Scalar>(window: Window, x: &[E], xd: [usize; 4], y: &mut [E], yd: [usize; 4]) {
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
    match (window.is_compact([h, w], [oh, ow]), E::as_f32(x), E::as_f32_mut(y)) {
        (true, Some(x), Some(y)) => separable::max(isa::current(), window, x, xd, y, yd),
        _ => max_planes(window, x, xd, y, yd),
    }
}

/// [`max_forward`], number by number.
fn max_planes<E: Scalar>(window: Window, x: &[E], [.., h, w]: [usize; 4], y: &mut [E], [.., oh, ow]: [usize; 4]) {
    if y.is_empty() {
        return;
    }
    parallel::planes(y, oh * ow, |first, planes| {
        for (i, y) in planes.chunks_exact_mut(oh * ow).enumerate() {
            let x = &x[(first + i) * h * w..][..h * w];
            y.fill(E::neg_infinity());
            each_tap_row(window, [h, w], [oh, ow], |_, from, to, len| {
                let x = x[from..].iter().step_by(window.stride);
                for (y, &x) in y[to..][..len].iter_mut().zip(x) {
                    *y = if x > *y || x.is_nan() { x } else { *y };
                }
            });
        }
    });
}

/// Adds every `gy` to the gradient of the maximum of its window: the first of equal values, the last NaN, none where there is
/// nothing but minus infinity.
pub(crate) fn max_backward<E: Scalar>(window: Window, x: &[E], xd: [usize; 4], gy: &[E], yd: [usize; 4], gx: &mut [E]) {
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
    if gy.is_empty() {
        return;
    }
    match (gradient::Plan::new(window, [h, w], [oh, ow]), E::as_f32(x), E::as_f32(gy), E::as_f32_mut(gx)) {
        (Some(plan), Some(x), Some(gy), Some(gx)) => gradient::max_backward(isa::current(), &plan, x, gy, gx),
        _ => max_backward_planes(window, x, xd, gy, yd, gx),
    }
}

/// [`max_backward`], number by number.
fn max_backward_planes<E: Scalar>(
    window: Window,
    x: &[E],
    [.., h, w]: [usize; 4],
    gy: &[E],
    [.., oh, ow]: [usize; 4],
    gx: &mut [E],
) {
    let (rows, columns) = (read_along(window, h, oh), read_along(window, w, ow));
    parallel::planes(gx, h * w, |first, planes| {
        for (i, gx) in planes.chunks_exact_mut(h * w).enumerate() {
            let x = &x[(first + i) * h * w..][..h * w];
            let windows = rows.iter().flat_map(|rows| columns.iter().map(move |columns| (rows, columns)));
            for ((rows, columns), &gy) in windows.zip(&gy[(first + i) * oh * ow..]) {
                let (mut best, mut chosen) = (E::neg_infinity(), None);
                for row in rows.clone().step_by(window.dilation) {
                    for column in columns.clone().step_by(window.dilation) {
                        let at = row * w + column;
                        if x[at] > best || x[at].is_nan() {
                            (best, chosen) = (x[at], Some(at));
                        }
                    }
                }
                if let Some(chosen) = chosen {
                    gx[chosen] += gy;
                }
            }
        }
    });
}

/// The mean of every window, where padding counts as zeros (the divisor is always `kernel²`).
pub(crate) fn avg_forward<E: Scalar>(window: Window, x: &[E], xd: [usize; 4], y: &mut [E], yd: [usize; 4]) {
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
    if y.is_empty() {
        return;
    }
    let share = share::<E>(window);
    parallel::planes(y, oh * ow, |first, planes| {
        for (i, y) in planes.chunks_exact_mut(oh * ow).enumerate() {
            let x = &x[(first + i) * h * w..][..h * w];
            y.fill(E::zero());
            each_tap_row(window, [h, w], [oh, ow], |_, from, to, len| {
                let x = x[from..].iter().step_by(window.stride);
                y[to..][..len].iter_mut().zip(x).for_each(|(y, &x)| *y += x);
            });
            y.iter_mut().for_each(|y| *y = *y * share);
        }
    });
}

/// Adds to `gx` what [`avg_forward`] passes back: `gy / kernel²` to every value of the window.
pub(crate) fn avg_backward<E: Scalar>(window: Window, gy: &[E], yd: [usize; 4], gx: &mut [E], xd: [usize; 4]) {
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
    if gy.is_empty() {
        return;
    }
    let share = share::<E>(window);
    parallel::planes(gx, h * w, |first, planes| {
        for (i, gx) in planes.chunks_exact_mut(h * w).enumerate() {
            let gy = &gy[(first + i) * oh * ow..][..oh * ow];
            each_tap_row(window, [h, w], [oh, ow], |_, to, from, len| {
                let gx = gx[to..].iter_mut().step_by(window.stride);
                gx.zip(&gy[from..][..len]).for_each(|(gx, &gy)| *gx += share * gy);
            });
        }
    });
}

/// The mean of every map: (batch, channels, rows, columns) to (batch, channels).
pub(crate) fn global_avg_forward<E: Scalar>(x: &[E], xd: [usize; 4], y: &mut [E]) {
    let units = xd[2] * xd[3];
    parallel::planes(y, 1, |first, y| {
        for (i, y) in y.iter_mut().enumerate() {
            *y = E::narrow(total(&x[(first + i) * units..][..units]) / units as f64);
        }
    });
}

/// Adds `gy / (rows * columns)` to every value of a map.
pub(crate) fn global_avg_backward<E: Scalar>(gy: &[E], gx: &mut [E], xd: [usize; 4]) {
    let units = xd[2] * xd[3];
    parallel::planes(gx, units, |first, planes| {
        for (gx, &gy) in planes.chunks_exact_mut(units).zip(&gy[first..]) {
            let share = gy / E::narrow(units as f64);
            gx.iter_mut().for_each(|gx| *gx += share);
        }
    });
}

/// Checks all sizes. Returns the window with a step that is no larger than anything it could step over.
pub(crate) fn checked(window: Window, x: usize, xd: [usize; 4], y: usize, yd: [usize; 4]) -> Result<Window> {
    let wanted = [xd[0], xd[1], window.output_len(xd[2]), window.output_len(xd[3])];
    require(wanted == yd, "pooling", || format!("{window:?} makes {wanted:?} of {xd:?}, not {yd:?}"))?;
    of_sizes("pooling", "the input", x, &xd)?;
    of_sizes("pooling", "the output", y, &yd)?;
    let taps = window.kernel.checked_mul(window.kernel).and_then(|taps| u32::try_from(taps).ok());
    require(y == 0 || taps.is_some(), "pooling", || format!("a window of {0}x{0} has too many taps", window.kernel))?;
    Ok(window.tight([yd[2], yd[3]]))
}

/// Checks the sizes of a pooling of whole maps.
pub(crate) fn global(x: usize, xd: [usize; 4], y: usize) -> Result {
    of_sizes("global average pooling", "the input", x, &xd)?;
    of_sizes("global average pooling", "the output", y, &xd[..2])
}

/// The lanes of a vector that are among the `left` numbers of a row.
#[inline(always)]
fn inside(left: usize) -> u16 {
    if left < 16 { (1 << left) - 1 } else { u16::MAX }
}

fn share<E: Scalar>(window: Window) -> E {
    E::narrow(1.0 / (window.kernel as f64).powi(2))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::Kernels;
    use proptest::prelude::*;

    /// Few distinct values, so that ties happen, and here and there minus infinity; of some seeds also NaN.
    fn values(len: usize, seed: u64) -> Vec<f64> {
        let hash = |i: usize| (i as u64 + seed).wrapping_mul(0x9e3779b97f4a7c15) >> 40;
        let value = |i: usize| match hash(i) % 33 {
            0 | 11 | 22 => f64::NEG_INFINITY,
            1 | 2 if seed % 4 == 1 => f64::NAN,
            _ => (hash(i) % 9) as f64 - 4.0,
        };
        (0..len).map(value).collect()
    }

    fn gradients(len: usize) -> Vec<f64> {
        (0..len).map(|i| (i * 7 % 13) as f64 - 6.0).collect()
    }

    /// Whether the numbers are the same, or both NaN.
    fn same<E: Scalar>(a: &[E], b: &[E]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || a.is_nan() && b.is_nan())
    }

    /// Indices into the plane that the window at a place covers, in order.
    fn covered(win: Window, [h, w]: [usize; 2], oy: usize, ox: usize) -> Vec<usize> {
        let inside = |o: usize, tap: usize, dim: usize| {
            let at = o.checked_mul(win.stride)?.checked_add(tap.checked_mul(win.dilation)?)?;
            at.checked_sub(win.padding).filter(|&i| i < dim)
        };
        let taps = (0..win.kernel).flat_map(|ky| (0..win.kernel).map(move |kx| (ky, kx)));
        taps.filter_map(|(ky, kx)| Some(inside(oy, ky, h)? * w + inside(ox, kx, w)?)).collect()
    }

    fn window(kernel: impl Strategy<Value = usize>) -> impl Strategy<Value = Window> {
        (kernel, 1usize..4, 1usize..3).prop_flat_map(|(kernel, stride, dilation)| {
            (0..=kernel / 2).prop_map(move |p| Window::new(kernel, stride, p).dilated(dilation))
        })
    }

    proptest! {
        #[test]
        fn vectors_do_the_same(win in window(1usize..6), b in 1usize..3, c in 1usize..3, h in 1usize..20, w in 1usize..70, seed in 0u64..999) {
            let (xd, yd) = ([b, c, h, w], [b, c, win.output_len(h), win.output_len(w)]);
            let x = values(b * c * h * w, seed);
            let gy = gradients(yd.iter().product());
            let narrow = |v: &[f64]| v.iter().map(|&v| v as f32).collect::<Vec<_>>();
            let (mut y, mut gx) = (vec![f64::NAN; gy.len()], vec![1.0; x.len()]);
            max_planes(win, &x, xd, &mut y, yd);
            max_backward_planes(win, &x, xd, &gy, yd, &mut gx);
            let plan = if gy.is_empty() { None } else { gradient::Plan::new(win, [h, w], [yd[2], yd[3]]) };
            for isa in isa::available() {
                let mut y32 = vec![f32::NAN; gy.len()];
                separable::max(isa, win, &narrow(&x), xd, &mut y32, yd);
                prop_assert!(same(&y32, &narrow(&y)));
                if let Some(plan) = &plan {
                    let mut gx32 = vec![1.0; x.len()];
                    gradient::max_backward(isa, plan, &narrow(&x), &narrow(&gy), &mut gx32);
                    prop_assert_eq!(gx32, narrow(&gx));
                }
            }
        }

        #[test]
        fn pools_are_the_naive_loops(win in window(prop_oneof![1usize..5, 16usize..18]), b in 1usize..3, c in 1usize..3, h in 1usize..12, w in 1usize..20, seed in 0u64..999) {
            let (xd, yd) = ([b, c, h, w], [b, c, win.output_len(h), win.output_len(w)]);
            let places = yd[2] * yd[3];
            let x = values(b * c * h * w, seed);
            let gy = gradients(b * c * places);
            let mut y = vec![0.0; gy.len()];
            max_forward(win, &x, xd, &mut y, yd);
            let mut gx = vec![1.0; x.len()];
            max_backward(win, &x, xd, &gy, yd, &mut gx);
            let finite: Vec<f64> = x.iter().map(|x| x.max(-5.0)).collect();
            let mut mean = vec![f64::NAN; gy.len()];
            avg_forward(win, &finite, xd, &mut mean, yd);
            let mut gmean = vec![1.0; x.len()];
            avg_backward(win, &gy, yd, &mut gmean, xd);
            let (mut want, mut want_mean) = (vec![1.0; x.len()], vec![1.0; x.len()]);
            let area = (win.kernel * win.kernel) as f64;
            for i in 0..gy.len() {
                let at = i / places * h * w;
                let taps = covered(win, [h, w], i % places / yd[3], i % yd[3]);
                let is_larger = |a: usize, b: usize| x[at + b] > x[at + a] || x[at + b].is_nan();
                let first = taps.iter().copied().reduce(|a, b| if is_larger(a, b) { b } else { a });
                prop_assert!(same(&[y[i]], &[first.map_or(f64::NEG_INFINITY, |f| x[at + f])]));
                if let Some(first) = first.filter(|f| x[at + f] != f64::NEG_INFINITY) {
                    want[at + first] += gy[i];
                }
                prop_assert!((mean[i] - taps.iter().map(|t| finite[at + t]).sum::<f64>() / area).abs() < 1e-12);
                taps.iter().for_each(|t| want_mean[at + t] += gy[i] / area);
            }
            prop_assert_eq!(gx, want);
            prop_assert!(gmean.iter().zip(&want_mean).all(|(a, b)| (a - b).abs() < 1e-12));
        }
    }

    fn absurd() -> impl Strategy<Value = usize> {
        prop_oneof![0usize..6, 0usize..30_000, (0u32..64).prop_map(|bits| 1usize << bits), Just(usize::MAX)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2500))]

        #[test]
        fn absurd_windows_are_right_or_refused(
            kernel in 0usize..5, stride in absurd(), padding in prop_oneof![0usize..5, absurd()],
            dilation in prop_oneof![Just(1), absurd()], h in 0usize..9, w in 0usize..9,
        ) {
            let win = Window { kernel, stride, padding, dilation };
            let (xd, yd) = ([1, 2, h, w], [1, 2, win.output_len(h), win.output_len(w)]);
            // results that fit in memory, and that the naive loops make in time
            prop_assume!(yd[2].saturating_mul(yd[3]) < 5000);
            let (places, area) = (yd[2] * yd[3], (kernel * kernel) as f32);
            let x: Vec<f32> = values(2 * h * w, 5).iter().map(|&x| x.max(-5.0) as f32).collect();
            let (mut y, mut mean, gy) = (vec![f32::NAN; 2 * places], vec![f32::NAN; 2 * places], vec![1.0; 2 * places]);
            let (mut gx, mut gmean) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            f32::max_pool2d(win, &x, xd, &mut y, yd).unwrap();
            f32::max_pool2d_backward(win, &x, xd, &gy, yd, &mut gx).unwrap();
            f32::avg_pool2d(win, &x, xd, &mut mean, yd).unwrap();
            f32::avg_pool2d_backward(win, &gy, yd, &mut gmean, xd).unwrap();
            let (mut want, mut want_mean) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            for i in 0..gy.len() {
                let at = i / places * h * w;
                let taps = covered(win, [h, w], i % places / yd[3], i % yd[3]);
                let first = taps.iter().copied().reduce(|a, b| if x[at + b] > x[at + a] { b } else { a });
                prop_assert_eq!(y[i], first.map_or(f32::NEG_INFINITY, |f| x[at + f]));
                first.into_iter().for_each(|f| want[at + f] += 1.0);
                prop_assert!((mean[i] - taps.iter().map(|t| x[at + t]).sum::<f32>() / area).abs() < 1e-5);
                taps.iter().for_each(|t| want_mean[at + t] += 1.0 / area);
            }
            prop_assert_eq!(gx, want);
            prop_assert!(gmean.iter().zip(&want_mean).all(|(a, b)| (a - b).abs() < 1e-4 * (1.0 + b)));
            let mut short = vec![0.0; 2 * places + 1];
            prop_assert!(f32::avg_pool2d(win, &x, xd, &mut short, yd).is_err());
            prop_assert!(f32::max_pool2d_backward(win, &x, xd, &gy, yd, &mut vec![0.0; x.len() + 1]).is_err());
        }
    }

    #[test]
    fn nan_is_the_maximum() {
        // wherever it stands among what is compared
        for at in 0..9 {
            let mut x = [2.0f32; 9];
            x[at] = f32::NAN;
            for isa in isa::available() {
                for stride in 1..4 {
                    let (win, mut y) = (Window::new(3, stride, 0), [0.0f32; 1]);
                    separable::max(isa, win, &x, [1, 1, 3, 3], &mut y, [1; 4]);
                    assert!(y[0].is_nan(), "{isa:?}: {at}");
                }
            }
        }
    }

    #[test]
    fn gradients_go_to_the_first_maximum_and_the_last_nan() {
        let (win, d) = (Window::new(3, 2, 1), [1, 1, 4, 4]);
        let nan = f32::NAN;
        for (x, want) in [
            ([0.0; 16], [1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            ([-f32::INFINITY; 16], [0; 16]),
            (
                [0., nan, 0., 0., 0., 0., 0., nan, 0., nan, 0., 0., 0., 0., 0., 0.],
                [0, 1, 0, 0, 0, 0, 0, 2, 0, 7, 0, 0, 0, 0, 0, 0],
            ),
        ] {
            let mut gx = [0.0; 16];
            f32::max_pool2d_backward(win, &x, d, &[1.0, 2.0, 3.0, 4.0], [1, 1, 2, 2], &mut gx).unwrap();
            assert_eq!(gx, want.map(|g: u8| f32::from(g)));
        }
    }

    /// A window that fits nowhere may have more taps than there are numbers.
    #[test]
    fn huge_windows_make_nothing_of_a_map() {
        for kernel in [1 << 16, 1 << 32, usize::MAX] {
            for (xd, x) in [([1, 1, 2, 2], vec![1.0f32; 4]), ([0, 1, 2, 2], vec![])] {
                let (win, yd) = (Window::new(kernel, 1, 0), [xd[0], 1, 0, 0]);
                let mut gx = vec![0.0; x.len()];
                f32::max_pool2d(win, &x, xd, &mut [], yd).unwrap();
                f32::max_pool2d_backward(win, &x, xd, &[], yd, &mut gx).unwrap();
                f32::avg_pool2d(win, &x, xd, &mut [], yd).unwrap();
                f32::avg_pool2d_backward(win, &[], yd, &mut gx, xd).unwrap();
            }
        }
        let (win, d) = (Window::new(3, 1, 1), [0, 1, 1 << 40, 1 << 40]);
        f32::max_pool2d(win, &[], d, &mut [], d).unwrap();
        f32::max_pool2d_backward(win, &[], d, &[], d, &mut []).unwrap();
        f32::avg_pool2d(win, &[], d, &mut [], d).unwrap();
        f32::avg_pool2d_backward(win, &[], d, &mut [], d).unwrap();
        let (win, d) = (Window::new(1 << 32, 1, 1 << 31), [0, 1, 2, 2]);
        let yd = [0, 1, win.output_len(2), win.output_len(2)];
        f32::max_pool2d(win, &[], d, &mut [], yd).unwrap();
        f32::max_pool2d_backward(win, &[], d, &[], yd, &mut []).unwrap();
        f32::avg_pool2d(win, &[], d, &mut [], yd).unwrap();
        f32::avg_pool2d_backward(win, &[], yd, &mut [], d).unwrap();
    }

    #[test]
    fn global_average_is_the_mean_and_its_adjoint() {
        let x: Vec<f32> = (0..24).map(|i| i as f32).collect();
        let (mut y, mut gx) = ([0.0; 4], vec![1.0; 24]);
        global_avg_forward(&x, [2, 2, 2, 3], &mut y);
        assert_eq!(y, [2.5, 8.5, 14.5, 20.5]);
        global_avg_backward(&[6.0, 12.0, 18.0, 24.0], &mut gx, [2, 2, 2, 3]);
        assert_eq!(gx.chunks(6).map(|p| p[0]).collect::<Vec<_>>(), [2.0, 3.0, 4.0, 5.0]);
    }
}
