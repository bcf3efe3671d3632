//! Ridge regression on one-hot targets, cross-validated.

use crate::measure::guess;

/// Returns for each sample whether the probe of the other folds guesses its label; none of samples without a label, of those
/// whose fold has no others to learn from, and where the features are not finite.
///
/// Folds are dealt class by class in the order of the samples, so that each has its share of every class: sample `k` of a class
/// is in fold `k mod folds`.
///
/// # Shapes
///
/// `features` are (samples, `width`), row-major; a label each, negative for none.
///
/// ```
/// use dynvision_lab::decode::cross_validated;
///
/// // One feature tells the classes apart, the other does not vary.
/// let features = [0., 1., 5., 1., 0.2, 1., 5.1, 1., 0.1, 1., 4.9, 1.];
/// let right = cross_validated(&features, 2, &[0, 1, 0, 1, 0, 1], 3, 0.01);
/// assert_eq!(right, [Some(true); 6]);
/// ```
pub fn cross_validated(features: &[f32], width: usize, labels: &[i64], folds: usize, ridge: f64) -> Vec<Option<bool>> {
    let mut right = vec![None; labels.len()];
    if width == 0 || folds < 2 || features.len() != labels.len().saturating_mul(width) {
        return right;
    }
    let rows: Vec<&[f32]> = features.chunks_exact(width).collect();
    let classes = classes(labels);
    let fold_of = deal(labels, &classes, folds);
    for fold in 0..folds {
        let learnt: Vec<usize> = (0..labels.len()).filter(|&i| fold_of.get(i) != Some(&Some(fold))).collect();
        let learnt: Vec<usize> = learnt.into_iter().filter(|&i| labels.get(i).is_some_and(|&l| l >= 0)).collect();
        let held: Vec<usize> = (0..labels.len()).filter(|&i| fold_of.get(i) == Some(&Some(fold))).collect();
        if held.is_empty() || learnt.len() < 2 {
            continue;
        }
        let Some(probe) = Probe::learn(&rows, labels, &learnt, &classes, ridge) else { continue };
        for i in held {
            let (Some(row), Some(&label)) = (rows.get(i), labels.get(i)) else { continue };
            let guessed = guess(&probe.outputs(row)).and_then(|class| classes.get(class).copied());
            if let Some(place) = right.get_mut(i) {
                *place = guessed.map(|class| class == label);
            }
        }
    }
    right
}

/// The labels that there are, ascending.
fn classes(labels: &[i64]) -> Vec<i64> {
    let mut classes: Vec<i64> = labels.iter().copied().filter(|&label| label >= 0).collect();
    classes.sort_unstable();
    classes.dedup();
    classes
}

/// The fold of each sample that has a label.
fn deal(labels: &[i64], classes: &[i64], folds: usize) -> Vec<Option<usize>> {
    let mut seen = vec![0_usize; classes.len()];
    let mut of = |label: &i64| {
        let class = classes.binary_search(label).ok()?;
        let count = seen.get_mut(class)?;
        *count += 1;
        Some((*count - 1) % folds)
    };
    labels.iter().map(&mut of).collect()
}

/// A linear probe.
struct Probe {
    mean: Vec<f64>,
    /// 1 over the standard deviation; 0 of a feature that does not vary.
    scale: Vec<f64>,
    /// (features, classes), row-major.
    weights: Vec<f64>,
    /// The mean of each target.
    bias: Vec<f64>,
}

impl Probe {
    fn learn(rows: &[&[f32]], labels: &[i64], learnt: &[usize], classes: &[i64], ridge: f64) -> Option<Self> {
        let (width, n) = (rows.first()?.len(), learnt.len() as f64);
        let mut mean = vec![0.; width];
        for row in learnt.iter().filter_map(|&i| rows.get(i)) {
            mean.iter_mut().zip(*row).for_each(|(m, &x)| *m += f64::from(x) / n);
        }
        let mut variance = vec![0.; width];
        for row in learnt.iter().filter_map(|&i| rows.get(i)) {
            let centred = row.iter().zip(&mean).map(|(&x, m)| f64::from(x) - m);
            variance.iter_mut().zip(centred).for_each(|(v, x)| *v += x * x / n);
        }
        if variance.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let flat = |(v, m): (&f64, &f64)| if *v > 1e-14 * m * m && *v > 0. { 1. / v.sqrt() } else { 0. };
        let scale: Vec<f64> = variance.iter().zip(&mean).map(flat).collect();
        let bias: Vec<f64> = classes
            .iter()
            .map(|class| learnt.iter().filter(|&&i| labels.get(i) == Some(class)).count() as f64 / n)
            .collect();
        let mut gram = vec![0.; width * width];
        let mut weights = vec![0.; width * classes.len()];
        for &i in learnt {
            let (row, label) = (rows.get(i)?, labels.get(i)?);
            let x: Vec<f64> = row.iter().zip(&mean).zip(&scale).map(|((&x, m), s)| (f64::from(x) - m) * s).collect();
            // the lower triangle is enough
            for (a, (line, xa)) in gram.chunks_exact_mut(width).zip(&x).enumerate() {
                line.iter_mut().take(a + 1).zip(&x).for_each(|(sum, xb)| *sum += xa * xb);
            }
            for (line, xa) in weights.chunks_exact_mut(classes.len()).zip(&x) {
                for ((w, class), b) in line.iter_mut().zip(classes).zip(&bias) {
                    *w += xa * (f64::from(class == label) - b);
                }
            }
        }
        for a in 0..width {
            *gram.get_mut(a * width + a)? += ridge * n;
        }
        solve(&mut gram, width, &mut weights, classes.len())?;
        Some(Probe { mean, scale, weights, bias })
    }

    fn outputs(&self, row: &[f32]) -> Vec<f32> {
        let classes = self.bias.len();
        let mut out = self.bias.clone();
        for (((&x, m), s), line) in row.iter().zip(&self.mean).zip(&self.scale).zip(self.weights.chunks_exact(classes))
        {
            let x = (f64::from(x) - m) * s;
            out.iter_mut().zip(line).for_each(|(out, w)| *out += x * w);
        }
        out.into_iter().map(|x| x as f32).collect()
    }
}

/// Solves `A X = B` for a symmetric positive definite `A` of which the lower triangle is given, by Cholesky's factors in place;
/// `B` becomes `X`. None where it is not positive definite.
fn solve(a: &mut [f64], n: usize, b: &mut [f64], columns: usize) -> Option<()> {
    for i in 0..n {
        for j in 0..=i {
            let (upper, lower) = (a.get(j * n..j * n + j)?, a.get(i * n..i * n + j)?);
            let sum: f64 = lower.iter().zip(upper).map(|(x, y)| x * y).sum();
            let rest = a.get(i * n + j)? - sum;
            let value = if i == j {
                // NaN is not positive either
                Some(rest).filter(|rest| *rest > 0.)?.sqrt()
            } else {
                rest / a.get(j * n + j)?
            };
            *a.get_mut(i * n + j)? = value;
        }
    }
    // forward with the factor, back with its transpose
    for i in (0..n).map(|i| (i, true)).chain((0..n).rev().map(|i| (i, false))) {
        let (i, forward) = i;
        let others = if forward { 0..i } else { i + 1..n };
        for k in others {
            let factor = if forward { *a.get(i * n + k)? } else { *a.get(k * n + i)? };
            for column in 0..columns {
                let taken = factor * b.get(k * columns + column)?;
                *b.get_mut(i * columns + column)? -= taken;
            }
        }
        let diagonal = *a.get(i * n + i)?;
        b.get_mut(i * columns..(i + 1) * columns)?.iter_mut().for_each(|x| *x /= diagonal);
    }
    Some(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn a_system_is_solved() {
        // A = L Lᵀ with L = [[2, 0], [1, 3]]
        let mut a = [4., f64::NAN, 2., 10.];
        let mut b = [8., 4., 22., 2.];
        solve(&mut a, 2, &mut b, 2).unwrap();
        // A x = b by hand: x = (1, 2) and (1, 0)
        for (found, expected) in b.iter().zip([1., 1., 2., 0.]) {
            assert!((found - expected).abs() < 1e-12, "{b:?}");
        }
        assert_eq!(solve(&mut [-1.], 1, &mut [1.], 1), None);
    }

    /// The probe against gradient descent on the same loss.
    #[test]
    fn the_closed_form_minimises_the_penalised_error() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let (n, width) = (40, 3);
        let features: Vec<f32> = (0..n * width).map(|_| rng.r#gen::<f32>() - 0.5).collect();
        let labels: Vec<i64> =
            (0..n).map(|i| i64::from(features[i * width] + 0.3 * features[i * width + 1] > 0.)).collect();
        let rows: Vec<&[f32]> = features.chunks_exact(width).collect();
        let learnt: Vec<usize> = (0..n).collect();
        let ridge = 0.1;
        let probe = Probe::learn(&rows, &labels, &learnt, &[0, 1], ridge).unwrap();
        let x = |i: usize, a: usize| (f64::from(rows[i][a]) - probe.mean[a]) * probe.scale[a];
        let mut w = [0.; 3];
        for _ in 0..20_000 {
            let mut gradient = w.map(|w| 2. * ridge * w);
            for (i, &label) in labels.iter().enumerate() {
                let error: f64 = (0..3).map(|a| w[a] * x(i, a)).sum::<f64>() + probe.bias[1] - label as f64;
                (0..3).for_each(|a| gradient[a] += 2. * error * x(i, a) / n as f64);
            }
            (0..3).for_each(|a| w[a] -= 0.05 * gradient[a]);
        }
        for a in 0..3 {
            assert!((w[a] - probe.weights[a * 2 + 1]).abs() < 1e-9, "{w:?} {:?}", probe.weights);
        }
    }

    #[test]
    fn labels_that_follow_from_nothing_are_guessed_at_chance() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let (n, width) = (2000, 5);
        let features: Vec<f32> = (0..n * width).map(|_| rng.r#gen()).collect();
        let labels: Vec<i64> = (0..n).map(|_| rng.gen_range(0..4)).collect();
        let right = cross_validated(&features, width, &labels, 5, 0.01);
        let share = right.iter().filter(|r| **r == Some(true)).count() as f64 / n as f64;
        // four standard errors of a share of 1/4
        assert!((share - 0.25).abs() < 4. * (0.25 * 0.75 / n as f64).sqrt(), "{share}");
        // the same features that say the class are read without fail
        let telling: Vec<f32> = labels.iter().flat_map(|&l| (0..4).map(move |c| f32::from(c == l))).collect();
        assert!(cross_validated(&telling, 4, &labels, 5, 0.01).iter().all(|r| *r == Some(true)));
    }

    #[test]
    fn folds_have_their_share_of_each_class() {
        let labels = [0, 0, 0, 1, 1, 1, 1, -1, 0];
        let folds = deal(&labels, &classes(&labels), 2);
        assert_eq!(folds, [Some(0), Some(1), Some(0), Some(0), Some(1), Some(0), Some(1), None, Some(1)]);
    }

    #[test]
    fn what_cannot_be_decoded_is_missing() {
        assert_eq!(cross_validated(&[1., 2.], 1, &[-1, -1], 2, 0.1), [None, None]);
        // the first sample has no guess, and the second fold has nothing sound to learn from
        let right = cross_validated(&[f32::NAN, 2., 3., 4.], 1, &[0, 1, 0, 1], 2, 0.1);
        assert_eq!(right, [None, Some(false), None, None]);
        assert_eq!(cross_validated(&[1.], 2, &[0], 2, 0.1), [None]);
    }
}
