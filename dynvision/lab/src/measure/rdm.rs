use crate::{
    Error,
    statistics::{pearson, spearman},
};
use serde::{Deserialize, Serialize};

/// A representational dissimilarity matrix: how differently each two stimuli are represented (Kriegeskorte et al. 2008).
///
/// The matrix is symmetric with a diagonal of 0; its upper triangle is kept, row by row. A dissimilarity that is undefined,
/// since a response is the same in all units, is none.
///
/// ```
/// use dynvision_lab::measure::Rdm;
///
/// // Three stimuli, four units: the second is the first doubled, the third its opposite.
/// let rdm = Rdm::of_responses(&[1., 2., 3., 4., 2., 4., 6., 8., 4., 3., 2., 1.], 4)?;
/// let value = |a, b| (rdm.dissimilarity(a, b).expect("responses vary") * 1e9).round() / 1e9;
/// assert_eq!((value(0, 1), value(0, 2), value(2, 1)), (0., 2., 2.));
/// # Ok::<(), dynvision_lab::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Option<f64>>", into = "Vec<Option<f64>>")]
pub struct Rdm {
    upper: Vec<Option<f64>>,
}

impl Rdm {
    /// The dissimilarities `1 − r` of the responses of one area at one step, with Pearson's correlation `r` over units: 0 for
    /// patterns that agree, 1 for unrelated ones, 2 for opposite ones.
    ///
    /// # Shapes
    ///
    /// `responses` are (stimuli, units), row-major.
    ///
    /// # Errors
    ///
    /// Where the responses are no multiple of the units.
    pub fn of_responses(responses: &[f32], units: usize) -> Result<Self, Error> {
        let rows = stimuli(responses.len(), units)?;
        Ok(Self::of_rows((0..rows).map(|s| responses.get(s * units..(s + 1) * units).unwrap_or_default())))
    }

    /// One matrix for each step, of the responses of one area in time.
    ///
    /// # Shapes
    ///
    /// `responses` are (stimuli, steps, units), row-major.
    ///
    /// # Errors
    ///
    /// Where the responses are no multiple of steps × units.
    ///
    /// ```
    /// use dynvision_lab::measure::Rdm;
    ///
    /// let in_time = Rdm::in_time(&[1., 2., 0., 0., 2., 1., 0., 0.], 2, 2)?;
    /// assert_eq!(in_time[0].dissimilarity(0, 1), Some(2.));
    /// assert_eq!(in_time[1].dissimilarity(0, 1), None);
    /// # Ok::<(), dynvision_lab::Error>(())
    /// ```
    pub fn in_time(responses: &[f32], steps: usize, units: usize) -> Result<Vec<Self>, Error> {
        let sample = steps.saturating_mul(units);
        let rows = stimuli(responses.len(), sample)?;
        let row = |s: usize, t: usize| {
            let from = s * sample + t * units;
            responses.get(from..from + units).unwrap_or_default()
        };
        // Without responses there is nothing at any step, whatever number of steps is stated.
        let steps = if rows == 0 { 0 } else { steps };
        Ok((0..steps).map(|t| Self::of_rows((0..rows).map(|s| row(s, t)))).collect())
    }

    fn of_rows<'a>(rows: impl Iterator<Item = &'a [f32]>) -> Self {
        let rows: Vec<Vec<f64>> = rows.map(|row| row.iter().map(|&r| r.into()).collect()).collect();
        let mut upper = Vec::new();
        for (i, a) in rows.iter().enumerate() {
            upper.extend(rows.iter().skip(i + 1).map(|b| pearson(a, b).map(|r| 1. - r)));
        }
        Rdm { upper }
    }

    /// A matrix that was measured elsewhere, in neurons for example, from its upper triangle without the diagonal, row by row.
    ///
    /// # Errors
    ///
    /// Where the values are not n(n − 1)/2 for any number n of stimuli.
    ///
    /// ```
    /// use dynvision_lab::measure::Rdm;
    ///
    /// let neural = Rdm::from_upper(vec![Some(0.1), Some(0.9), None])?;
    /// assert_eq!((neural.stimuli(), neural.dissimilarity(2, 0)), (3, Some(0.9)));
    /// assert!(Rdm::from_upper(vec![Some(0.1); 2]).is_err());
    /// # Ok::<(), dynvision_lab::Error>(())
    /// ```
    pub fn from_upper(upper: Vec<Option<f64>>) -> Result<Self, Error> {
        let found = upper.len();
        let rdm = Rdm { upper };
        let n = rdm.stimuli();
        let expected = n * n.saturating_sub(1) / 2;
        if expected == found {
            Ok(rdm)
        } else {
            Err(Error::Length { what: "the upper triangle of the RDM", expected, found, each: "pair of stimuli" })
        }
    }

    /// Number of stimuli. A matrix without pairs is said to have none.
    pub fn stimuli(&self) -> usize {
        if self.upper.is_empty() { 0 } else { (1 + 8 * self.upper.len()).isqrt().div_ceil(2) }
    }

    /// The upper triangle without the diagonal, row by row.
    pub fn upper(&self) -> &[Option<f64>] {
        &self.upper
    }

    /// Returns the dissimilarity of two stimuli; none where it is undefined or there is no such stimulus.
    pub fn dissimilarity(&self, a: usize, b: usize) -> Option<f64> {
        let n = self.stimuli();
        let (low, high) = (a.min(b), a.max(b));
        if high >= n {
            return None;
        }
        if low == high {
            return Some(0.);
        }
        let before = low * n - low * (low + 1) / 2;
        *self.upper.get(before + high - low - 1)?
    }

    /// Returns Spearman's rank correlation of two matrices over the pairs that both define, and the number of these pairs.
    ///
    /// Compares areas, steps, models, or a model with neurons. The correlation is none for fewer than two pairs, or where one
    /// matrix is the same in all of them.
    ///
    /// # Errors
    ///
    /// Where the matrices have different numbers of stimuli.
    ///
    /// ```
    /// use dynvision_lab::measure::Rdm;
    ///
    /// let a = Rdm::from_upper(vec![Some(0.1), Some(0.5), Some(0.9)])?;
    /// let b = Rdm::from_upper(vec![Some(3.), Some(2.), Some(1.)])?;
    /// assert_eq!(a.spearman(&b)?, (Some(-1.), 3));
    /// # Ok::<(), dynvision_lab::Error>(())
    /// ```
    pub fn spearman(&self, other: &Rdm) -> Result<(Option<f64>, usize), Error> {
        if self.upper.len() != other.upper.len() {
            return Err(Error::Length {
                what: "the other RDM's upper triangle",
                expected: self.upper.len(),
                found: other.upper.len(),
                each: "pair of stimuli",
            });
        }
        let pairs = self.upper.iter().zip(&other.upper).filter_map(|(&a, &b)| Some((a?, b?)));
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.unzip();
        Ok((spearman(&a, &b), a.len()))
    }
}

impl TryFrom<Vec<Option<f64>>> for Rdm {
    type Error = Error;

    fn try_from(upper: Vec<Option<f64>>) -> Result<Self, Error> {
        Rdm::from_upper(upper)
    }
}

impl From<Rdm> for Vec<Option<f64>> {
    fn from(rdm: Rdm) -> Self {
        rdm.upper
    }
}

/// Number of stimuli among so many values, of which each has `sample`.
fn stimuli(found: usize, sample: usize) -> Result<usize, Error> {
    match found.checked_rem(sample) {
        Some(0) => Ok(found / sample),
        _ => Err(Error::NotAMultiple { what: "the responses", found, sample, each: "stimulus" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_has_its_place() -> Result<(), Error> {
        for n in 2..7 {
            let pairs: Vec<(usize, usize)> = (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))).collect();
            let rdm = Rdm::from_upper(pairs.iter().map(|&(a, b)| Some((10 * a + b) as f64)).collect())?;
            assert_eq!(rdm.stimuli(), n);
            for (a, b) in pairs {
                assert_eq!(rdm.dissimilarity(b, a), Some((10 * a + b) as f64));
            }
            assert_eq!((rdm.dissimilarity(1, 1), rdm.dissimilarity(0, n)), (Some(0.), None));
        }
        Ok(())
    }

    #[test]
    fn undefined_pairs_are_left_out_and_counted() -> Result<(), Error> {
        let a = Rdm::from_upper(vec![Some(1.), None, Some(2.)])?;
        let b = Rdm::from_upper(vec![Some(1.), Some(7.), Some(4.)])?;
        assert_eq!(a.spearman(&b)?, (Some(1.), 2));
        assert!(a.spearman(&Rdm::from_upper(vec![Some(1.)])?).is_err());
        Ok(())
    }

    #[test]
    fn a_matrix_in_a_file_is_checked() {
        let read = |text| serde_json::from_str::<Rdm>(text);
        assert!(read("[1, null, 2]").is_ok_and(|rdm| rdm.stimuli() == 3));
        assert!(read("[1, 2]").is_err_and(|e| e.to_string().contains("pair of stimuli")));
    }

    #[test]
    fn responses_of_a_wrong_length_are_refused() {
        let refused = Rdm::of_responses(&[1., 2., 3.], 2).map_err(|e| e.to_string());
        assert!(refused.is_err_and(|e| e.contains("3 values") && e.contains("2 for each stimulus")));
        assert!(Rdm::of_responses(&[1.], 0).is_err());
        assert!(Rdm::in_time(&[1., 2.], usize::MAX, 2).is_err());
        assert_eq!(Rdm::in_time(&[], usize::MAX / 2, 2), Ok(vec![]));
    }
}
