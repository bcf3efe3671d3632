use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};
use std::fmt;

/// How an interval was made.
///
/// ```
/// use dynvision_lab::statistics::Method;
///
/// assert_eq!(Method::StudentT.to_string(), "Student's t");
/// assert_eq!(Method::Bootstrap { resamples: 1000, seed: 7 }.to_string(), "percentile bootstrap, 1000 resamples, seed 7");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// Student's t distribution, [`t_interval`].
    StudentT,
    /// The percentile bootstrap, [`bootstrap`](super::bootstrap).
    Bootstrap {
        /// Number of resamples.
        resamples: usize,
        /// Seed of the draws.
        seed: u64,
    },
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Method::StudentT => f.write_str("Student's t"),
            Method::Bootstrap { resamples, seed } => {
                write!(f, "percentile bootstrap, {resamples} resamples, seed {seed}")
            }
        }
    }
}

/// A mean with its confidence interval.
///
/// ```
/// use dynvision_lab::statistics::t_interval;
///
/// let interval = t_interval(&[1., 2., 3.], 0.95).expect("three values");
/// assert_eq!(interval.to_string(), "2 [-0.484, 4.48] (95 % by Student's t, n = 3)");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The mean.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Confidence level, between 0 and 1.
    pub level: f64,
    /// Number of values.
    pub n: usize,
    /// How the ends were found.
    pub method: Method,
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Interval { estimate, low, high, level, n, method } = *self;
        let [estimate, low, high, percent] = [estimate, low, high, 100. * level].map(three_digits);
        write!(f, "{estimate} [{low}, {high}] ({percent} % by {method}, n = {n})")
    }
}

/// A number to three significant digits.
fn three_digits(x: f64) -> f64 {
    format!("{x:.2e}").parse().unwrap_or(x)
}

/// Returns the mean with Student's interval at a confidence level, `x̄ ± t_{(1+level)/2, n−1} · s/√n`.
///
/// For values that are about normal, such as means over the samples of each seed. None for fewer than two values (one seed
/// has no interval), a level that is not between 0 and 1, or values that are not finite.
///
/// ```
/// use dynvision_lab::statistics::t_interval;
///
/// // With two values there is one degree of freedom, where the quantile is tan(π/2 · level).
/// let interval = t_interval(&[1., 3.], 0.5).expect("two values");
/// assert!((interval.high - (2. + 1.)).abs() < 1e-6);
/// assert_eq!(t_interval(&[1.], 0.95), None);
/// ```
pub fn t_interval(values: &[f64], level: f64) -> Option<Interval> {
    let estimate = super::mean(values)?;
    let half = t_quantile(level, values.len())? * super::sem(values)?;
    let method = Method::StudentT;
    Some(Interval { estimate, low: estimate - half, high: estimate + half, level, n: values.len(), method })
}

/// Student's distribution of n values' mean.
pub(crate) fn student(n: usize) -> Option<StudentsT> {
    StudentsT::new(0., 1., n.checked_sub(1)? as f64).ok()
}

/// The quantile t that a mean of n values stays within, at the level.
fn t_quantile(level: f64, n: usize) -> Option<f64> {
    if !(level > 0. && level < 1.) {
        return None;
    }
    Some(student(n)?.inverse_cdf((1. + level) / 2.))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_closed_forms() {
        // Closed forms exist at 1, 2 and 4 degrees of freedom.
        for level in [0.1f64, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999] {
            let one = (std::f64::consts::FRAC_PI_2 * level).tan();
            let two = level * (2. / (1. - level * level)).sqrt();
            let alpha = 1. - level * level;
            let four = 2. * ((alpha.sqrt().acos() / 3.).cos() / alpha.sqrt());
            let four = {
                // t₄ = 2 √(cos(arccos(√α)/3)/√α − 1), Shaw (2006).
                let q = four / 2.;
                2. * (q - 1.).sqrt()
            };
            for (n, expected) in [(2, one), (3, two), (5, four)] {
                let found = t_quantile(level, n).unwrap_or(f64::NAN);
                assert!((found / expected - 1.).abs() < 1e-6, "n {n}, level {level}: {found} is not {expected}");
            }
        }
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (n, expected) in [(4, 3.182446), (10, 2.262157), (30, 2.045230), (121, 1.979930)] {
            let found = t_quantile(0.95, n).unwrap_or(f64::NAN);
            assert!((found - expected).abs() < 2e-6, "n {n}: {found} is not {expected}");
        }
    }

    #[test]
    fn what_has_no_interval() {
        for level in [0., 1., -1., 2., f64::NAN] {
            assert_eq!(t_interval(&[1., 2.], level), None);
        }
        assert_eq!(t_interval(&[], 0.95), None);
        assert_eq!(t_interval(&[1., f64::NAN], 0.95), None);
        let alike = t_interval(&[2.; 3], 0.95).map(|i| (i.low, i.high));
        assert_eq!(alike, Some((2., 2.)));
    }
}
