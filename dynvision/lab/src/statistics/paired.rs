use super::{Interval, interval::student, mean, std, t_interval};
use crate::Error;
use serde::{Deserialize, Serialize};
use statrs::distribution::ContinuousCDF;

/// A comparison of two categories seed by seed, as [`paired`] gives it.
///
/// ```
/// use dynvision_lab::statistics::{Paired, paired};
///
/// let Paired { n, missing, .. } = paired(&[Some(1.), None], &[Some(2.), Some(2.)], 0.95)?;
/// assert_eq!((n, missing), (1, 1));
/// # Ok::<(), dynvision_lab::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// Number of pairs of which both are defined.
    pub n: usize,
    /// Number of pairs of which one is missing.
    pub missing: usize,
    /// Mean of the differences, second minus first; none where there are no pairs.
    pub difference: Option<f64>,
    /// The difference with Student's interval; none for fewer than two pairs.
    pub interval: Option<Interval>,
    /// Effect size, Cohen's `d_z = d̄/s_d` with the standard deviation of the differences; none where that is 0 or undefined.
    pub cohen_dz: Option<f64>,
    /// Student's paired statistic, `t = d_z √n`, with n − 1 degrees of freedom.
    pub t: Option<f64>,
    /// Probability, if the categories did not differ, of a statistic at least as far from 0, two-sided.
    pub p: Option<f64>,
}

/// Returns Student's paired comparison of a measure in two categories, with effect size and n.
///
/// # Shapes
///
/// The first category's seeds, and the second's in the same order.
///
/// # Errors
///
/// Where the categories have different numbers of seeds.
///
/// ```
/// use dynvision_lab::statistics::paired;
///
/// let full = [Some(3.), Some(5.), Some(4.)];
/// let none = [Some(1.), Some(2.), Some(3.)];
/// let compared = paired(&none, &full, 0.95)?;
/// // The differences are 2, 3 and 1: mean 2, deviation 1.
/// assert_eq!((compared.n, compared.difference, compared.cohen_dz), (3, Some(2.), Some(2.)));
/// assert!(paired(&full, &none[..2], 0.95).is_err());
/// # Ok::<(), dynvision_lab::Error>(())
/// ```
pub fn paired(first: &[Option<f64>], second: &[Option<f64>], level: f64) -> Result<Paired, Error> {
    if first.len() != second.len() {
        return Err(Error::Length {
            what: "the second category",
            expected: first.len(),
            found: second.len(),
            each: "seed of the first, in its order",
        });
    }
    let both = first.iter().zip(second).filter_map(|(&a, &b)| Some(b? - a?).filter(|d| d.is_finite()));
    let differences: Vec<f64> = both.collect();
    let n = differences.len();
    let difference = mean(&differences);
    let deviation = std(&differences).filter(|&s| s > 0.);
    let cohen_dz = difference.zip(deviation).map(|(d, s)| d / s);
    let t = cohen_dz.map(|dz| dz * (n as f64).sqrt());
    let p = t.zip(student(n)).map(|(t, student)| (2. * student.cdf(-t.abs())).min(1.));
    let interval = t_interval(&differences, level);
    Ok(Paired { n, missing: first.len() - n, difference, interval, cohen_dz, t, p })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probability_is_that_of_the_closed_form() -> Result<(), Error> {
        // Two degrees of freedom: P(|T| > t) = 1 − t/√(t² + 2), here with t = 2√3.
        let compared = paired(&[Some(1.), Some(2.), Some(3.)], &[Some(3.), Some(5.), Some(4.)], 0.95)?;
        let t = 2. * 3f64.sqrt();
        assert!(compared.t.is_some_and(|x| (x - t).abs() < 1e-12));
        let p = 1. - t / (t * t + 2.).sqrt();
        assert!(compared.p.is_some_and(|x| (x - p).abs() < 1e-9), "{:?} is not {p}", compared.p);
        // The interval excludes 0 exactly where p is below 1 − level.
        let excludes = |level| {
            let interval = paired(&[Some(1.), Some(2.), Some(3.)], &[Some(3.), Some(5.), Some(4.)], level);
            interval.map(|c| c.interval.is_some_and(|i| i.low > 0.))
        };
        assert_eq!((excludes(1. - p - 1e-3)?, excludes(1. - p + 1e-3)?), (true, false));
        Ok(())
    }

    #[test]
    fn equal_differences_have_no_effect_size() -> Result<(), Error> {
        let compared = paired(&[Some(1.), Some(2.)], &[Some(2.), Some(3.)], 0.95)?;
        assert_eq!((compared.difference, compared.cohen_dz, compared.t, compared.p), (Some(1.), None, None, None));
        let nothing = paired(&[None], &[Some(1.)], 0.95)?;
        assert_eq!((nothing.n, nothing.missing, nothing.difference, nothing.interval), (0, 1, None, None));
        Ok(())
    }
}
