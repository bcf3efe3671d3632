//! The original's definitions, where the laboratory's own differ: to compare with its files and figures.
//!
//! They know nothing of the schedule: times count from the first recorded frame, and ripples, rests and blanks count as
//! responses.

use super::argmax::argmax;
use crate::statistics::mean;

/// Returns the step of the largest value, the first of equals, from the first recorded frame.
///
/// The original's figures multiply it by dt and do not subtract the onset. None for an empty trace or one that holds a NaN.
///
/// ```
/// use dynvision_lab::measure::legacy::peak_time;
///
/// assert_eq!(peak_time(&[0., 0.7, 0.7]), Some(1));
/// ```
pub fn peak_time(trace: &[f64]) -> Option<usize> {
    argmax(trace)
}

/// Returns the largest value, above no baseline.
///
/// ```
/// use dynvision_lab::measure::legacy::peak_height;
///
/// assert_eq!(peak_height(&[-2., -0.5]), Some(-0.5));
/// ```
pub fn peak_height(trace: &[f64]) -> Option<f64> {
    trace.get(argmax(trace)?).copied()
}

/// Returns the mean over all steps.
///
/// ```
/// use dynvision_lab::measure::legacy::time_average;
///
/// assert_eq!(time_average(&[1., 2., 6.]), Some(3.));
/// ```
pub fn time_average(trace: &[f64]) -> Option<f64> {
    mean(trace)
}

/// Returns the ratio of the later to the earlier of the two highest local maxima above 0; 0 for fewer than two.
///
/// A step counts as a maximum if it is not below its neighbours, so that each step of a plateau and of a resting trace does.
/// The second is the highest that is at least `min_delay` steps (the original's 5) from the first, or else the highest other.
///
/// ```
/// use dynvision_lab::measure::legacy::peak_ratio;
///
/// assert_eq!(peak_ratio(&[0., 0.8, 0., 0., 0., 0., 0.4, 0.], 5), 0.5);
/// // One bump on a rest is taken for two peaks.
/// assert_eq!(peak_ratio(&[0.25, 0.25, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25], 5), 0.5);
/// ```
pub fn peak_ratio(trace: &[f64], min_delay: usize) -> f64 {
    let at = |i: usize| trace.get(i).copied();
    let mut peaks: Vec<(usize, f64)> = trace
        .iter()
        .copied()
        .enumerate()
        .filter(|&(i, x)| {
            let before = i.checked_sub(1).and_then(at);
            x > 0. && before.is_none_or(|b| x >= b) && at(i + 1).is_none_or(|b| x >= b)
        })
        .collect();
    // The sort is stable: the first of equals stays first.
    peaks.sort_by(|a, b| b.1.total_cmp(&a.1));
    let Some((&first, rest)) = peaks.split_first() else { return 0. };
    let Some(&second) = rest.iter().find(|peak| peak.0.abs_diff(first.0) >= min_delay).or(rest.first()) else {
        return 0.;
    };
    if second.0 > first.0 { second.1 / first.1 } else { first.1 / second.1 }
}

/// Returns the sum over all steps, `Σ_t x_t`.
///
/// ```
/// use dynvision_lab::measure::legacy::summed_response;
///
/// assert_eq!(summed_response(&[1., 2., 0.5]), 3.5);
/// ```
pub fn summed_response(trace: &[f64]) -> f64 {
    trace.iter().sum()
}

/// Returns the summed responses of one sample at several parameter values, divided by the largest; all zero stay zero.
///
/// ```
/// use dynvision_lab::measure::legacy::normalised_by_largest;
///
/// assert_eq!(normalised_by_largest(&[1., 4., 2.]), [0.25, 1., 0.5]);
/// assert_eq!(normalised_by_largest(&[0., 0.]), [0., 0.]);
/// ```
pub fn normalised_by_largest(summed: &[f64]) -> Vec<f64> {
    temporal_summation(summed, false).unwrap_or_else(|| vec![0.; summed.len()])
}

/// Returns the summed responses of one sample at several parameter values, divided by the largest, with the smallest
/// subtracted from all before if asked for.
///
/// None where the largest is 0: the original divides by zero there and stops.
///
/// ```
/// use dynvision_lab::measure::legacy::temporal_summation;
///
/// assert_eq!(temporal_summation(&[1., 5., 3.], true), Some(vec![0., 1., 0.5]));
/// assert_eq!(temporal_summation(&[0., 0.], false), None);
/// ```
pub fn temporal_summation(summed: &[f64], subtract_smallest: bool) -> Option<Vec<f64>> {
    let smallest = if subtract_smallest { summed.iter().copied().reduce(f64::min)? } else { 0. };
    let largest = summed.get(argmax(summed)?)? - smallest;
    (largest != 0.).then(|| summed.iter().map(|x| (x - smallest) / largest).collect())
}

/// Returns the accuracy over the steps with a label; 0 where there are none.
///
/// ```
/// use dynvision_lab::measure::legacy::accuracy;
///
/// assert_eq!(accuracy(&[Some(0)], &[-1]), 0.);
/// ```
pub fn accuracy(guesses: &[Option<usize>], labels: &[i64]) -> f64 {
    super::accuracy(guesses, labels).unwrap_or(0.)
}

/// Returns the softmax probability of a class; 0 where there is no such class.
///
/// ```
/// use dynvision_lab::measure::legacy::confidence;
///
/// assert_eq!(confidence(&[1., 1.], 1), 0.5);
/// assert_eq!(confidence(&[1., 1.], -1), 0.);
/// ```
pub fn confidence(logits: &[f32], class: i64) -> f64 {
    super::confidence(logits, class).unwrap_or(0.)
}
