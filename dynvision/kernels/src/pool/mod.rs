//! Pooling: maximum and mean over windows, and over whole maps.

mod separable;
mod vector;

use super::scalar::total;
use super::{Chosen, Scalar, isa, parallel};
use crate::error::{Result, of_one_length, of_sizes, require};
use crate::geometry::Window;
use crate::recycled::{Recycle, Recycled, Taps};
use crate::taps::each_tap_row;

/// A number of a tap, `row * kernel + column` within its window.
trait Tap: Recycle + PartialEq {
    /// No tap chosen: no value was larger than minus infinity.
    const NONE: Self;

    fn of(tap: usize) -> Self;
}

impl Tap for u8 {
    const NONE: u8 = u8::MAX;

    fn of(tap: usize) -> u8 {
        tap as u8
    }
}

impl Tap for u32 {
    const NONE: u32 = u32::MAX;

    fn of(tap: usize) -> u32 {
        tap as u32
    }
}

/// The maximum of every window; padding counts as minus infinity, NaN is larger than everything. Returns the tap of the
/// (first) maximum for [`max_backward`]; a window of nothing but minus infinity chooses none.
pub(crate) fn max_forward<E: Scalar>(window: Window, x: &[E], xd: [usize; 4], y: &mut [E], yd: [usize; 4]) -> Chosen {
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
    if !has_few_taps(window) {
        let mut chosen = Recycled::new(y.len());
        max_planes(window, x, xd, y, yd, &mut chosen);
        return Chosen(Taps::Many(chosen));
    }
    let mut chosen = Recycled::new(y.len());
    match (window.is_compact([h, w], [oh, ow]), E::as_f32(x), E::as_f32_mut(y)) {
        (true, Some(x), Some(y)) => vector::max_forward(isa::current(), window, x, xd, y, yd, &mut chosen),
        _ => max_planes(window, x, xd, y, yd, &mut chosen),
    }
    Chosen(Taps::Few(chosen))
}

/// [`max_forward`], number by number.
fn max_planes<E: Scalar, T: Tap>(
    window: Window,
    x: &[E],
    xd: [usize; 4],
    y: &mut [E],
    yd: [usize; 4],
    chosen: &mut [T],
) {
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
    if y.is_empty() {
        return;
    }
    // Values and taps are written by one pass: pair up their planes, in runs of fixed length.
    let run = parallel::run_of_planes(oh * ow) * oh * ow;
    let runs = y.chunks_mut(run).zip(chosen.chunks_mut(run)).enumerate();
    parallel::each(runs, true, |(i, (y, chosen))| {
        let first = i * run / (oh * ow);
        for (i, (y, chosen)) in y.chunks_exact_mut(oh * ow).zip(chosen.chunks_exact_mut(oh * ow)).enumerate() {
            max_plane(window, &x[(first + i) * h * w..][..h * w], [h, w], y, [oh, ow], chosen);
        }
    });
}

/// [`max_forward`] for inference, which does not need to know which value was chosen.
pub(crate) fn max_forward_only<E: Scalar>(window: Window, x: &[E], xd: [usize; 4], y: &mut [E], yd: [usize; 4]) {
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
    if y.is_empty() {
        return;
    }
    if let (true, Some(x), Some(y)) = (window.is_compact([h, w], [oh, ow]), E::as_f32(x), E::as_f32_mut(y)) {
        if separable::can(window) {
            return separable::max(isa::current(), window, x, xd, y, yd);
        }
        return vector::max_forward(isa::current(), window, x, xd, y, yd, &mut Recycled::new(y.len()));
    }
    parallel::planes(y, oh * ow, |first, planes| {
        for (i, y) in planes.chunks_exact_mut(oh * ow).enumerate() {
            max_plane::<E, u8>(window, &x[(first + i) * h * w..][..h * w], [h, w], y, [oh, ow], &mut []);
        }
    });
}

/// Whether all taps of a window have a number of one byte.
fn has_few_taps(window: Window) -> bool {
    window.kernel.checked_mul(window.kernel).is_some_and(|taps| taps <= usize::from(u8::NONE))
}

/// Adds every `gy` to the place in `gx` that [`max_forward`] chose.
///
/// # Errors
/// Where there are not as many choices as gradients, or they are of a window with fewer taps.
pub(crate) fn max_backward<E: Scalar>(
    window: Window,
    gy: &[E],
    yd: [usize; 4],
    chosen: &Chosen,
    gx: &mut [E],
    xd: [usize; 4],
) -> Result {
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
    let of_one_length =
        |chosen| of_one_length("max pooling", [("the gradient", gy.len()), ("what was chosen", chosen)]);
    match &chosen.0 {
        Taps::Many(chosen) => {
            of_one_length(chosen.len())?;
            scatter_planes(window, gy, yd, chosen, gx, xd);
        }
        Taps::Few(chosen) => {
            of_one_length(chosen.len())?;
            require(gy.is_empty() || has_few_taps(window), "max pooling", || {
                format!(
                    "what was chosen is of a window with at most 254 taps, the gradient of one of {0}x{0}",
                    window.kernel
                )
            })?;
            match (window.is_compact([h, w], [oh, ow]), E::as_f32(gy), E::as_f32_mut(gx)) {
                (true, Some(gy), Some(gx)) => vector::max_backward(isa::current(), window, gy, yd, chosen, gx, xd),
                _ => scatter_planes(window, gy, yd, chosen, gx, xd),
            }
        }
    }
    Ok(())
}

/// [`max_backward`], number by number.
fn scatter_planes<E: Scalar, T: Tap>(
    window: Window,
    gy: &[E],
    yd: [usize; 4],
    chosen: &[T],
    gx: &mut [E],
    xd: [usize; 4],
) {
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
    if gy.is_empty() {
        return;
    }
    parallel::planes(gx, h * w, |first, planes| {
        for (i, gx) in planes.chunks_exact_mut(h * w).enumerate() {
            let at = (first + i) * oh * ow;
            scatter_plane(window, &gy[at..][..oh * ow], [oh, ow], &chosen[at..][..oh * ow], gx, [h, w]);
        }
    });
}

/// The mean of every window, where padding counts as zeros (the divisor is always `kernel²`).
pub(crate) fn avg_forward<E: Scalar>(window: Window, x: &[E], xd: [usize; 4], y: &mut [E], yd: [usize; 4]) {
    let ([.., h, w], [.., oh, ow]) = (xd, yd);
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
    let taps = window.kernel.checked_mul(window.kernel).filter(|&taps| taps < u32::NONE as usize);
    require(y == 0 || taps.is_some(), "pooling", || format!("a window of {0}x{0} has too many taps", window.kernel))?;
    let (input, output) = ([xd[2], xd[3]], [yd[2], yd[3]]);
    Ok(if window.is_compact(input, output) { window } else { window.tight(output) })
}

/// Checks the sizes of a pooling of whole maps.
pub(crate) fn global(x: usize, xd: [usize; 4], y: usize) -> Result {
    of_sizes("global average pooling", "the input", x, &xd)?;
    of_sizes("global average pooling", "the output", y, &xd[..2])
}

fn share<E: Scalar>(window: Window) -> E {
    E::narrow(1.0 / (window.kernel as f64).powi(2))
}

/// One plane of a max pool; `chosen` may be empty.
fn max_plane<E: Scalar, T: Tap>(
    window: Window,
    x: &[E],
    xd: [usize; 2],
    y: &mut [E],
    yd: [usize; 2],
    chosen: &mut [T],
) {
    y.fill(E::neg_infinity());
    chosen.fill(T::NONE);
    if chosen.is_empty() {
        each_tap_row(window, xd, yd, |_, from, to, len| {
            let x = x[from..].iter().step_by(window.stride);
            for (y, &x) in y[to..][..len].iter_mut().zip(x) {
                *y = if x > *y || x.is_nan() { x } else { *y };
            }
        });
    } else {
        each_tap_row(window, xd, yd, |tap, from, to, len| {
            let x = x[from..].iter().step_by(window.stride);
            let places = y[to..][..len].iter_mut().zip(&mut chosen[to..][..len]);
            for ((y, chosen), &x) in places.zip(x) {
                let larger = x > *y || x.is_nan();
                *y = if larger { x } else { *y };
                *chosen = if larger { T::of(tap) } else { *chosen };
            }
        });
    }
}

fn scatter_plane<E: Scalar, T: Tap>(
    window: Window,
    gy: &[E],
    yd: [usize; 2],
    chosen: &[T],
    gx: &mut [E],
    xd: [usize; 2],
) {
    each_tap_row(window, xd, yd, |tap, to, from, len| {
        let gx = gx[to..].iter_mut().step_by(window.stride);
        for ((gx, &gy), &chosen) in gx.zip(&gy[from..][..len]).zip(&chosen[from..][..len]) {
            *gx += if chosen == T::of(tap) { gy } else { E::zero() };
        }
    });
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::Kernels;
    use proptest::prelude::*;

    /// Few distinct values, so that ties happen, and here and there minus infinity.
    fn values(len: usize, seed: u64) -> Vec<f64> {
        let hash = |i: usize| (i as u64 + seed).wrapping_mul(0x9e3779b97f4a7c15) >> 40;
        (0..len).map(|i| if hash(i) % 11 == 0 { f64::NEG_INFINITY } else { (hash(i) % 9) as f64 - 4.0 }).collect()
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
        fn vectors_do_the_same(win in window(1usize..5), b in 1usize..3, c in 1usize..3, h in 1usize..20, w in 1usize..70, seed in 0u64..999) {
            let (xd, yd) = ([b, c, h, w], [b, c, win.output_len(h), win.output_len(w)]);
            let x = values(b * c * h * w, seed);
            let gy = values(yd.iter().product(), seed + 7).iter().map(|g| g.max(-9.0)).collect::<Vec<_>>();
            let narrow = |v: &[f64]| v.iter().map(|&v| v as f32).collect::<Vec<_>>();
            let (mut y, mut chosen, mut gx) = (vec![f64::NAN; gy.len()], vec![77u8; gy.len()], vec![1.0; x.len()]);
            max_planes(win, &x, xd, &mut y, yd, &mut chosen);
            scatter_planes(win, &gy, yd, &chosen, &mut gx, xd);
            // a window of more taps has larger numbers for them
            let (mut wide, mut gx_wide) = (vec![77u32; gy.len()], vec![1.0; x.len()]);
            max_planes(win, &x, xd, &mut y, yd, &mut wide);
            scatter_planes(win, &gy, yd, &wide, &mut gx_wide, xd);
            prop_assert_eq!(&gx_wide, &gx);
            for isa in isa::available() {
                let (mut y32, mut only, mut chosen32) = (vec![f32::NAN; gy.len()], vec![f32::NAN; gy.len()], vec![77; gy.len()]);
                vector::max_forward(isa, win, &narrow(&x), xd, &mut y32, yd, &mut chosen32);
                if separable::can(win) {
                    separable::max(isa, win, &narrow(&x), xd, &mut only, yd);
                }
                let mut gx32 = vec![1.0; x.len()];
                vector::max_backward(isa, win, &narrow(&gy), yd, &chosen32, &mut gx32, xd);
                prop_assert_eq!(&y32, &narrow(&y));
                prop_assert!(only == y32 || !separable::can(win));
                prop_assert_eq!(&chosen32, &chosen);
                prop_assert_eq!(gx32, narrow(&gx));
            }
        }

        #[test]
        fn pools_are_the_naive_loops(win in window(prop_oneof![1usize..5, 16usize..18]), b in 1usize..3, c in 1usize..3, h in 1usize..12, w in 1usize..20, seed in 0u64..999) {
            let (xd, yd) = ([b, c, h, w], [b, c, win.output_len(h), win.output_len(w)]);
            let places = yd[2] * yd[3];
            let x = values(b * c * h * w, seed);
            let gy = values(b * c * places, seed + 7).iter().map(|g| g.max(-9.0)).collect::<Vec<_>>();
            let (mut y, mut only) = (vec![f64::NAN; gy.len()], vec![f64::NAN; gy.len()]);
            let chosen = max_forward(win, &x, xd, &mut y, yd);
            max_forward_only(win, &x, xd, &mut only, yd);
            let mut gx = vec![1.0; x.len()];
            max_backward(win, &gy, yd, &chosen, &mut gx, xd).unwrap();
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
                let first = taps.iter().copied().reduce(|a, b| if x[at + b] > x[at + a] { b } else { a });
                prop_assert_eq!(y[i], first.map_or(f64::NEG_INFINITY, |f| x[at + f]));
                prop_assert_eq!(only[i], y[i]);
                if let Some(first) = first.filter(|f| x[at + f] > f64::NEG_INFINITY) {
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
            f32::max_pool2d(win, &x, xd, &mut mean, yd, false).unwrap();
            let chosen = f32::max_pool2d(win, &x, xd, &mut y, yd, true).unwrap().unwrap();
            prop_assert_eq!(&mean, &y);
            f32::max_pool2d_backward(win, &gy, yd, &chosen, &mut gx, xd).unwrap();
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
        }
    }

    #[test]
    fn nan_is_the_maximum() {
        let mut y = [0.0f32; 1];
        let x = [1.0, f32::NAN, 3.0, 2.0];
        let chosen = max_forward(Window::new(2, 2, 0), &x, [1, 1, 2, 2], &mut y, [1; 4]);
        let Taps::Few(taps) = chosen.0 else { panic!("four taps have numbers of one byte") };
        assert!(y[0].is_nan() && taps[0] == 1);
        // wherever it stands among what is compared
        for at in 0..9 {
            let mut x = [2.0f32; 9];
            x[at] = f32::NAN;
            for isa in isa::available() {
                for stride in 1..3 {
                    let (win, mut y) = (Window::new(3, stride, 0), [0.0f32; 1]);
                    separable::max(isa, win, &x, [1, 1, 3, 3], &mut y, [1; 4]);
                    assert!(y[0].is_nan(), "{isa:?}: {at}");
                }
            }
        }
    }

    /// A number of one byte stands for a tap only where all taps of the window have one.
    #[test]
    fn choices_of_a_smaller_window_are_refused() {
        let wide = Window::new(17, 1, 8);
        let (xd, yd) = ([1, 1, 17, 17], [1, 1, 17, 17]);
        let (x, mut y, gy) = (vec![1.0f32; 289], vec![0.0; 289], vec![1.0; 289]);
        let few = f32::max_pool2d(Window::new(3, 1, 1), &x, xd, &mut y, yd, true).unwrap().unwrap();
        let many = f32::max_pool2d(wide, &x, xd, &mut y, yd, true).unwrap().unwrap();
        let mut gx = vec![0.0; 289];
        let refused = f32::max_pool2d_backward(wide, &gy, yd, &few, &mut gx, xd).unwrap_err().to_string();
        assert!(refused.contains("17x17") && gx.iter().all(|&g| g == 0.0), "{refused}");
        f32::max_pool2d_backward(wide, &gy, yd, &many, &mut gx, xd).unwrap();
        assert_eq!(gx.iter().sum::<f32>(), 289.0);
        f32::max_pool2d_backward(wide, &[], [0, 1, 17, 17], &Chosen::default(), &mut [], [0, 1, 17, 17]).unwrap();
    }

    /// A window that fits nowhere may have more taps than there are numbers.
    #[test]
    fn huge_windows_make_nothing_of_a_map() {
        for kernel in [1 << 16, 1 << 32, usize::MAX] {
            for (xd, x) in [([1, 1, 2, 2], vec![1.0f32; 4]), ([0, 1, 2, 2], vec![])] {
                let (win, yd) = (Window::new(kernel, 1, 0), [xd[0], 1, 0, 0]);
                let mut gx = vec![0.0; x.len()];
                let chosen = f32::max_pool2d(win, &x, xd, &mut [], yd, true).unwrap().unwrap();
                f32::max_pool2d(win, &x, xd, &mut [], yd, false).unwrap();
                f32::max_pool2d_backward(win, &[], yd, &chosen, &mut gx, xd).unwrap();
                f32::max_pool2d_backward(win, &[], yd, &Chosen::default(), &mut gx, xd).unwrap();
                f32::avg_pool2d(win, &x, xd, &mut [], yd).unwrap();
                f32::avg_pool2d_backward(win, &[], yd, &mut gx, xd).unwrap();
            }
        }
        let (win, d) = (Window::new(1 << 32, 1, 1 << 31), [0, 1, 2, 2]);
        let yd = [0, 1, win.output_len(2), win.output_len(2)];
        let chosen = f32::max_pool2d(win, &[], d, &mut [], yd, true).unwrap().unwrap();
        f32::max_pool2d_backward(win, &[], yd, &chosen, &mut [], d).unwrap();
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
