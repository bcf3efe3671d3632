use super::{Interval, Method, mean};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Returns the mean with its percentile-bootstrap interval at a confidence level (Efron 1979): the values are drawn anew with
/// replacement `resamples` times, and the ends are quantiles, interpolated linearly, of the means of the draws.
///
/// A pure function of its arguments: the draws come from ChaCha8 with the seed, on every machine the same. For few values,
/// as over seeds, the interval is too narrow, and [`t_interval`](super::t_interval) is better.
///
/// None for fewer than two values, no resamples, a level that is not between 0 and 1, or values that are not finite.
///
/// ```
/// use dynvision_lab::statistics::bootstrap;
///
/// let values: Vec<f64> = (0..50).map(|i| f64::from(i % 10)).collect();
/// let interval = bootstrap(&values, 0.95, 1000, 1).expect("many values");
/// assert!(interval.low < 4.5 && 4.5 < interval.high);
/// assert_eq!(bootstrap(&values, 0.95, 1000, 1), Some(interval));
/// ```
pub fn bootstrap(values: &[f64], level: f64, resamples: usize, seed: u64) -> Option<Interval> {
    let estimate = mean(values)?;
    let n = values.len();
    if n < 2 || !(level > 0. && level < 1.) {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = || values.get(usize::try_from(rng.gen_range(0..n as u64)).ok()?).copied();
    let mut means = Vec::new();
    for _ in 0..resamples {
        let mut sum = 0.;
        for _ in 0..n {
            sum += draw()?;
        }
        means.push(sum / n as f64);
    }
    means.sort_by(f64::total_cmp);
    let (low, high) = (quantile(&means, (1. - level) / 2.)?, quantile(&means, (1. + level) / 2.)?);
    Some(Interval { estimate, low, high, level, n, method: Method::Bootstrap { resamples, seed } })
}

/// The quantile of sorted values, linear between the two nearest.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let low = sorted.get(place.floor() as usize)?;
    let high = sorted.get(place.ceil() as usize)?;
    Some(low + (high - low) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_linear_between_values() {
        assert_eq!(quantile(&[1., 2., 4.], 0.5), Some(2.));
        assert_eq!(quantile(&[1., 2., 4.], 0.75), Some(3.));
        assert_eq!((quantile(&[1., 2.], 0.), quantile(&[1., 2.], 1.)), (Some(1.), Some(2.)));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn two_values_have_three_means() {
        // Of 0 and 1 the mean is 0, 1/2 or 1 with chances 1/4, 1/2, 1/4: the central 40 % are 1/2, the central 60 % are all.
        let ends = |level| bootstrap(&[0., 1.], level, 4000, 3).map(|i| (i.low, i.high));
        assert_eq!(ends(0.4), Some((0.5, 0.5)));
        assert_eq!(ends(0.6), Some((0., 1.)));
    }

    #[test]
    fn many_values_agree_with_the_normal_interval() {
        let values: Vec<f64> = (0..400).map(|i| f64::from(i * 37 % 400)).collect();
        let half = 1.959964 * super::super::sem(&values).unwrap_or(f64::NAN);
        let found = bootstrap(&values, 0.95, 4000, 5).map(|i| (i.high - i.low) / 2.).unwrap_or(f64::NAN);
        assert!((found / half - 1.).abs() < 0.06, "{found} is far from {half}");
    }

    #[test]
    fn the_seed_decides() {
        let values = [1., 2., 4., 8., 16., 32.];
        let ends = |seed| bootstrap(&values, 0.95, 99, seed).map(|i| (i.low, i.high));
        assert!((1..9).any(|seed| ends(seed) != ends(0)));
    }

    #[test]
    fn what_has_no_interval() {
        assert_eq!(bootstrap(&[1.], 0.95, 10, 0), None);
        assert_eq!(bootstrap(&[1., 2.], 0.95, 0, 0), None);
        assert_eq!(bootstrap(&[1., 2.], 1., 10, 0), None);
        assert_eq!(bootstrap(&[1., f64::NAN], 0.95, 10, 0), None);
    }
}
