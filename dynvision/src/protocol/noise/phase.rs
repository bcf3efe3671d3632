//! Noise with a given amplitude spectrum and random phases.

use super::Draws;
use rustfft::{FftPlanner, num_complex::Complex};

type Spectrum = Vec<Complex<f64>>;

fn transform(values: &mut Spectrum, height: usize, width: usize, inverse: bool) {
    let mut planner = FftPlanner::new();
    let mut plan = |n| if inverse { planner.plan_fft_inverse(n) } else { planner.plan_fft_forward(n) };
    plan(width).process(values);
    let mut turned: Spectrum = (0..values.len()).map(|i| values[(i % height) * width + i / height]).collect();
    plan(height).process(&mut turned);
    *values = (0..turned.len()).map(|i| turned[(i % width) * height + i / width]).collect();
}

/// The frequency of entry `i` of `n`, in cycles per pixel.
fn frequency(i: usize, n: usize) -> f64 {
    let i = if 2 * i < n { i as f64 } else { i as f64 - n as f64 };
    i / n as f64
}

/// Mirrors the upper half to the lower, as the original does: row 0 and column 0 are left alone.
fn mirror(values: &mut Spectrum, height: usize, width: usize) {
    let mut real = |row: usize, column: usize| values[row * width + column].im = 0.0;
    real(0, 0);
    if height.is_multiple_of(2) {
        real(height / 2, 0);
    }
    if width.is_multiple_of(2) {
        real(0, width / 2);
    }
    if height.is_multiple_of(2) && width.is_multiple_of(2) {
        real(height / 2, width / 2);
    }
    for row in 1..height {
        for column in 1..width {
            let (r, c) = (height - row, width - column);
            if (r, c) < (row, column) {
                values[row * width + column] = values[r * width + c].conj();
            }
        }
    }
}

fn back(mut values: Spectrum, out: &mut [f64], height: usize, width: usize) {
    mirror(&mut values, height, width);
    transform(&mut values, height, width, true);
    let n = out.len() as f64;
    out.iter_mut().zip(values).for_each(|(out, value)| *out = value.re / n);
}

/// Noise whose power falls as `f^exponent`, without an offset.
pub(super) fn power_law(
    out: &mut [f64],
    height: usize,
    width: usize,
    exponent: f64,
    image: usize,
    draws: &mut dyn Draws,
) {
    let (mut re, mut im) = (vec![0.0; out.len()], vec![0.0; out.len()]);
    draws.normal(image, &mut re);
    draws.normal(image, &mut im);
    let weighted = |i: usize| {
        let f = frequency(i / width, height).hypot(frequency(i % width, width));
        let weight = if i == 0 { 0.0 } else { f.powf(exponent / 2.0) };
        Complex::new(re[i], im[i]) * weight
    };
    back((0..out.len()).map(weighted).collect(), out, height, width);
}

/// The mean amplitude spectrum of all maps.
pub(super) fn mean_amplitude(images: &[f32], height: usize, width: usize) -> Vec<f64> {
    let mut mean = vec![0.0; height * width];
    let maps = images.len() / mean.len().max(1);
    for map in images.chunks(height * width) {
        let mut values: Spectrum = map.iter().map(|&x| Complex::new(x.into(), 0.0)).collect();
        transform(&mut values, height, width, false);
        mean.iter_mut().zip(values).for_each(|(mean, value)| *mean += value.norm() / maps as f64);
    }
    mean
}

/// Noise with this amplitude spectrum.
pub(super) fn random_phase(
    out: &mut [f64],
    height: usize,
    width: usize,
    amplitude: &[f64],
    image: usize,
    draws: &mut dyn Draws,
) {
    let mut turn = vec![0.0; out.len()];
    draws.uniform(image, &mut turn);
    let values = amplitude.iter().zip(turn).map(|(&a, u)| Complex::from_polar(a, std::f64::consts::TAU * u));
    back(values.collect(), out, height, width);
}
