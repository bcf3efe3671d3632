//! How well real-valued responses agree with what was recorded.

use serde::{Deserialize, Serialize};

/// How well the responses of one place agree with those recorded: of each unit over the samples and steps that count, then the
/// mean over its units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// The number of units.
    pub units: usize,
    /// Pearson's correlation; missing if it is of no unit: where either are all the same, there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<f64>,
    /// The explained variance, `1 - Var(r - a) / Var(r)` of recorded `r` and responses `a`; missing if it is of no unit: where
    /// the recorded ones are all the same, there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained_variance: Option<f64>,
}

/// How well the responses of one unit agree with those recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UnitAgreement {
    /// The sum of the weights of its recorded responses.
    pub weight: f64,
    /// Pearson's correlation, if there is one.
    pub correlation: Option<f64>,
    /// The explained variance, if there is one.
    pub explained_variance: Option<f64>,
}

impl Agreement {
    /// The mean over units; one that has no such number does not count.
    pub fn of(units: &[UnitAgreement]) -> Self {
        Agreement {
            units: units.len(),
            correlation: mean(units.iter().filter_map(|unit| unit.correlation)),
            explained_variance: mean(units.iter().filter_map(|unit| unit.explained_variance)),
        }
    }
}

fn mean(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = numbers.fold((0.0, 0u64), |(sum, count), number| (sum + number, count + 1));
    (count > 0).then(|| sum / count as f64)
}

/// The moments of one unit's responses and of those recorded, taken up one by one
/// ([West 1979](https://doi.org/10.1145/359146.359153)): no difference of large sums.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    weight: f64,
    /// The means.
    response: f64,
    recorded: f64,
    /// The sums of squared distances from them, and of their products.
    response_squares: f64,
    recorded_squares: f64,
    both: f64,
}

impl Moments {
    pub(super) fn add(&mut self, response: f64, recorded: f64, weight: f64) {
        if weight <= 0.0 {
            return;
        }
        self.weight += weight;
        let (a, r) = (response - self.response, recorded - self.recorded);
        // the share of the first is 1 exactly: its rounding would be multiplied by all that the means are far from 0
        let share = weight / self.weight;
        self.response += a * share;
        self.recorded += r * share;
        let r_after = recorded - self.recorded;
        self.response_squares += weight * a * (response - self.response);
        self.recorded_squares += weight * r * r_after;
        self.both += weight * a * r_after;
    }

    pub(super) fn agreement(&self) -> UnitAgreement {
        let Moments { weight, response_squares, recorded_squares, both, .. } = *self;
        let scale = (response_squares * recorded_squares).sqrt();
        UnitAgreement {
            weight,
            correlation: (scale > 0.0).then(|| (both / scale).clamp(-1.0, 1.0)),
            explained_variance: (recorded_squares > 0.0)
                .then(|| 1.0 - (response_squares + recorded_squares - 2.0 * both) / recorded_squares),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken(rows: &[(f64, f64, f64)]) -> UnitAgreement {
        let mut moments = Moments::default();
        rows.iter().for_each(|&(response, recorded, weight)| moments.add(response, recorded, weight));
        moments.agreement()
    }

    proptest! {
        /// Against the definitions, written out.
        #[test]
        fn moments_are_what_the_definitions_say(
            rows in prop::collection::vec((-3.0..3.0f64, -3.0..3.0f64, 0.1..2.0f64), 3..40), shift in -1e4..1e4f64,
        ) {
            let rows: Vec<_> = rows.iter().map(|&(a, r, w)| (a + shift, r - shift, w)).collect();
            let total: f64 = rows.iter().map(|row| row.2).sum();
            let mean = |of: &dyn Fn(&(f64, f64, f64)) -> f64| rows.iter().map(|row| row.2 * of(row)).sum::<f64>() / total;
            let (a, r) = (mean(&|row| row.0), mean(&|row| row.1));
            let cov = mean(&|row| (row.0 - a) * (row.1 - r));
            let (va, vr) = (mean(&|row| (row.0 - a).powi(2)), mean(&|row| (row.1 - r).powi(2)));
            let rest = mean(&|row| (row.1 - row.0 - (r - a)).powi(2));
            let found = taken(&rows);
            prop_assert!((found.weight - total).abs() < 1e-9);
            prop_assert!((found.correlation.unwrap() - cov / (va * vr).sqrt()).abs() < 1e-8);
            prop_assert!((found.explained_variance.unwrap() - (1.0 - rest / vr)).abs() < 1e-6 * (1.0 + rest / vr));
        }
    }

    #[test]
    fn means_far_from_0_cost_no_digits() {
        let shift = -9453.739744368879;
        let rows = [
            (0.5496239361331818, 2.5491699735965994, 1.8738641371725016),
            (-0.009788194243180429, -2.644512845744885, 1.2132644474986876),
            (0.1224048575085168, 2.468032679331503, 1.8007254427046275),
        ];
        let found = taken(&rows.map(|(a, r, w)| (a + shift, r - shift, w)));
        // in rational arithmetic
        assert!((found.correlation.unwrap() - 0.6446667383345615).abs() < 1e-10, "{found:?}");
    }

    #[test]
    fn what_does_not_vary_has_no_correlation() {
        assert_eq!(taken(&[]), UnitAgreement::default());
        let still = taken(&[(1.0, 2.0, 1.0), (1.0, 3.0, 1.0)]);
        assert_eq!((still.correlation, still.explained_variance), (None, Some(0.0)));
        let recorded_once = taken(&[(1.0, 2.0, 1.0), (3.0, 2.0, 1.0), (9.0, 9.0, 0.0)]);
        assert_eq!((recorded_once.weight, recorded_once.explained_variance), (2.0, None));
        let perfect = taken(&[(1.0, 1.0, 1.0), (3.0, 3.0, 0.5)]);
        assert_eq!((perfect.correlation, perfect.explained_variance), (Some(1.0), Some(1.0)));
        let mean = Agreement::of(&[still, recorded_once, perfect]);
        assert_eq!((mean.units, mean.correlation, mean.explained_variance), (3, Some(1.0), Some(0.5)));
        assert_eq!(Agreement::of(&[]), Agreement::default());
    }
}
