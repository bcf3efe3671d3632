use crate::statistics::{mean, std};

/// What is known of many numbers: how many, their summary and their density.
///
/// ```
/// use dynvision_lab::figure::Distribution;
///
/// let of = Distribution::of(&[1., 2., 3., 4., 5.]).expect("there are numbers");
/// assert_eq!((of.n, of.median, of.min, of.max, of.quartiles), (5, 3., 1., 5., (2., 4.)));
/// assert_eq!(Distribution::of(&[f64::NAN]), None);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Number of values that are finite.
    pub n: usize,
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation; none for one value.
    pub std: Option<f64>,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Median.
    pub median: f64,
    /// First and third quartile, linear between the two nearest values.
    pub quartiles: (f64, f64),
    /// Values from the smallest to the largest, each with the density there in proportion to the largest.
    pub density: Vec<(f64, f64)>,
}

/// Number of values at which a density is known.
const GRID: usize = 96;

impl Distribution {
    /// Returns the distribution of the values that are finite; none where there are none.
    ///
    /// The density is a kernel estimate with a Gaussian of Silverman's (1986) width, `0.9 · min(s, IQR/1.34) · n^(−1/5)`, over
    /// values that are first counted in bins of a 96th of their range.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let quantile = |share: f64| {
            let place = share * (sorted.len() - 1) as f64;
            let at = |i: f64| sorted.get(i as usize).copied().unwrap_or(max);
            at(place.floor()) + (at(place.ceil()) - at(place.floor())) * place.fract()
        };
        let (low, high) = (quantile(0.25), quantile(0.75));
        Some(Distribution {
            n: sorted.len(),
            mean: mean(&sorted)?,
            std: std(&sorted),
            min,
            max,
            median: quantile(0.5),
            quartiles: (low, high),
            density: density(&sorted, min, max, high - low),
        })
    }
}

fn density(sorted: &[f64], min: f64, max: f64, between_quartiles: f64) -> Vec<(f64, f64)> {
    let step = (max - min) / GRID as f64;
    let spread = [std(sorted).unwrap_or(0.), between_quartiles / 1.34];
    let spread = spread.into_iter().filter(|s| *s > 0.).fold(f64::INFINITY, f64::min);
    if !(step > 0. && spread.is_finite()) {
        return vec![(min, 1.)];
    }
    let width = (0.9 * spread * (sorted.len() as f64).powf(-0.2)).max(step);
    let mut counts = vec![0f64; GRID];
    for x in sorted {
        if let Some(count) = counts.get_mut((((x - min) / step) as usize).min(GRID - 1)) {
            *count += 1.;
        }
    }
    let at = |i: usize| min + (i as f64 + 0.5) * step;
    let kernel = |from: usize, to: usize| (-0.5 * ((at(from) - at(to)) / width).powi(2)).exp();
    let estimate = |i: usize| counts.iter().enumerate().map(|(j, count)| count * kernel(i, j)).sum::<f64>();
    let estimates: Vec<f64> = (0..GRID).map(estimate).collect();
    let most = estimates.iter().copied().fold(0., f64::max);
    estimates.into_iter().enumerate().map(|(i, e)| (at(i), e / most)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn the_density_of_a_normal_sample_is_normal() {
        // quantiles of the logistic distribution, whose density is known: sech²(x/2)/4
        let values: Vec<f64> = (1..4000).map(|i| f64::from(i) / 4000.).map(|p| (p / (1. - p)).ln()).collect();
        let of = Distribution::of(&values).unwrap();
        for (x, density) in of.density.iter().filter(|(x, _)| x.abs() < 4.) {
            let expected = 1. / (x / 2.).cosh().powi(2);
            assert!((density - expected).abs() < 0.03, "{x}: {density} is not {expected}");
        }
        assert!(of.mean.abs() < 1e-9 && (of.std.unwrap() - 1.8138).abs() < 0.02);
    }

    #[test]
    fn values_that_are_alike_have_no_width() {
        assert_eq!(Distribution::of(&[2.; 4]).unwrap().density, [(2., 1.)]);
        assert_eq!(Distribution::of(&[2.]).unwrap().std, None);
        assert!(Distribution::of(&[]).is_none());
        // most alike, some not: the quartiles have no distance
        assert_eq!(Distribution::of(&[0., 0., 0., 0., 0., 9.]).unwrap().density.len(), GRID);
    }
}
