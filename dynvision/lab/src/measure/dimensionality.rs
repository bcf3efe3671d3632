/// Returns the participation ratio of the activity over stimuli, `(Σ λ_i)² / Σ λ_i²` with the eigenvalues `λ` of the
/// covariance of the units, without unit: the number of dimensions that the activity fills, from 1 up to the smaller of
/// units and stimuli − 1 (Gao et al. 2017).
///
/// The eigenvalues are not computed: their sum is the covariance's trace and the sum of their squares its squared norm. This
/// takes `n·m·min(n, m)` multiplications for n stimuli and m units.
///
/// None where nothing varies, the activity is not finite, or the responses are no multiple of the units.
///
/// # Shapes
///
/// `responses` are (stimuli, units), row-major, of one step.
///
/// ```
/// use dynvision_lab::measure::dimensionality;
///
/// // A cross fills both dimensions, a line fills one.
/// assert_eq!(dimensionality(&[1., 0., -1., 0., 0., 1., 0., -1.], 2), Some(2.));
/// assert_eq!(dimensionality(&[1., 2., 2., 4., 3., 6.], 2), Some(1.));
/// assert_eq!(dimensionality(&[1., 2.], 2), None);
/// ```
pub fn dimensionality(responses: &[f32], units: usize) -> Option<f64> {
    if responses.len().checked_rem(units)? != 0 || responses.is_empty() {
        return None;
    }
    let stimuli = responses.len() / units;
    let mut centred: Vec<f64> = responses.iter().map(|&r| r.into()).collect();
    for unit in 0..units {
        let mean = centred.iter().skip(unit).step_by(units).sum::<f64>() / stimuli as f64;
        centred.iter_mut().skip(unit).step_by(units).for_each(|r| *r -= mean);
    }
    // The covariance of the units and the products of the stimuli have the same eigenvalues; the smaller one is taken.
    let vectors: Vec<Vec<f64>> = if stimuli <= units {
        centred.chunks_exact(units).map(<[f64]>::to_vec).collect()
    } else {
        (0..units).map(|unit| centred.iter().skip(unit).step_by(units).copied().collect()).collect()
    };
    let (mut trace, mut squares) = (0., 0.);
    for (i, a) in vectors.iter().enumerate() {
        for (j, b) in vectors.iter().enumerate().skip(i) {
            let product: f64 = a.iter().zip(b).map(|(x, y)| x * y).sum();
            if i == j {
                trace += product;
                squares += product * product;
            } else {
                squares += 2. * product * product;
            }
        }
    }
    Some(trace * trace / squares).filter(|d| d.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_eigenvalues_either_way_round() {
        // Covariance diag(8, 2): (8 + 2)² / (64 + 4); with three idle units there are fewer stimuli than units.
        let expected = 100. / 68.;
        let flat = dimensionality(&[2., 0., -2., 0., 0., 1., 0., -1.], 2);
        assert!(flat.is_some_and(|d| (d - expected).abs() < 1e-12), "{flat:?}");
        let wide: Vec<f32> = [[2., 0.], [-2., 0.], [0., 1.], [0., -1.]]
            .iter()
            .flat_map(|row| row.iter().copied().chain([5.; 3]))
            .collect();
        let wide = dimensionality(&wide, 5);
        assert!(wide.is_some_and(|d| (d - expected).abs() < 1e-12), "{wide:?}");
    }

    #[test]
    fn what_does_not_vary_has_no_dimension() {
        assert_eq!(dimensionality(&[3.; 8], 2), None);
        assert_eq!(dimensionality(&[], 2), None);
        assert_eq!(dimensionality(&[1., 2., 3.], 2), None);
        assert_eq!(dimensionality(&[1.], 0), None);
        assert_eq!(dimensionality(&[1., f32::NAN, 2., 3.], 2), None);
    }
}
