use super::{Interval, t_interval};
use serde::{Deserialize, Serialize};

/// A mean over measures of which some may be missing, with the numbers of both.
///
/// ```
/// use dynvision_lab::statistics::Aggregate;
///
/// let aggregate: Aggregate = [Some(1.), None, Some(3.)].into_iter().collect();
/// assert_eq!(aggregate, Aggregate { mean: Some(2.), n: 2, missing: 1 });
/// let nothing: Aggregate = [None, None].into_iter().collect();
/// assert_eq!(nothing, Aggregate { mean: None, n: 0, missing: 2 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// Mean of the measures that are defined; none where none is.
    pub mean: Option<f64>,
    /// Number of measures that are defined.
    pub n: usize,
    /// Number of measures that are missing.
    pub missing: usize,
}

impl FromIterator<Option<f64>> for Aggregate {
    /// A value that is not finite counts as missing.
    fn from_iter<I: IntoIterator<Item = Option<f64>>>(values: I) -> Self {
        let (mut n, mut missing) = (0, 0);
        let defined = values.into_iter().filter_map(|value| {
            let value = value.filter(|x| x.is_finite());
            if value.is_some() {
                n += 1
            } else {
                missing += 1
            }
            value
        });
        let mean = super::mean_of(defined);
        Aggregate { mean, n, missing }
    }
}

/// A measure over seeds, as [`over_seeds`] gives it.
///
/// ```
/// use dynvision_lab::statistics::{OverSeeds, over_seeds};
///
/// let OverSeeds { seeds, samples, .. } = over_seeds(&[[Some(1.), Some(2.)]], 0.95);
/// assert_eq!((seeds, samples), (1, 2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OverSeeds {
    /// Mean of the seeds' means; none where no seed has one.
    pub mean: Option<f64>,
    /// The mean with its interval over seeds; none for fewer than two seeds.
    pub interval: Option<Interval>,
    /// Number of seeds that have a mean.
    pub seeds: usize,
    /// Number of samples that are defined, in all seeds.
    pub samples: usize,
    /// Number of samples that are missing, in all seeds.
    pub missing: usize,
    /// Number of seeds without any sample that is defined.
    pub missing_seeds: usize,
}

/// Returns a measure's mean and Student's interval over seeds: samples are averaged within each seed first, and each seed counts once.
///
/// # Shapes
///
/// `values` are the samples of each seed, of which there may be different numbers.
///
/// ```
/// use dynvision_lab::statistics::over_seeds;
///
/// let over = over_seeds(&[vec![Some(1.), None, Some(3.)], vec![Some(4.)], vec![None]], 0.95);
/// assert_eq!((over.mean, over.seeds, over.missing_seeds), (Some(3.), 2, 1));
/// assert_eq!((over.samples, over.missing), (3, 2));
/// assert_eq!(over.interval.map(|i| i.n), Some(2));
/// ```
pub fn over_seeds<S: AsRef<[Option<f64>]>>(values: &[S], level: f64) -> OverSeeds {
    let each: Vec<Aggregate> = values.iter().map(|seed| seed.as_ref().iter().copied().collect()).collect();
    let means: Vec<f64> = each.iter().filter_map(|a| a.mean).collect();
    OverSeeds {
        mean: super::mean(&means),
        interval: t_interval(&means, level),
        seeds: means.len(),
        samples: each.iter().map(|a| a.n).sum(),
        missing: each.iter().map(|a| a.missing).sum(),
        missing_seeds: each.len() - means.len(),
    }
}
