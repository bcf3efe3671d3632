//! Curves that are fitted to a measure along a condition, by least squares.

/// Recovery `1 − a·exp(−t/τ)` with `a > 0`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Recovery {
    pub(super) a: f64,
    pub(super) tau: f64,
}

/// A logistic curve `low + (high − low)/(1 + exp(−slope·(x − centre)))` with a positive slope.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Logistic {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) centre: f64,
    pub(super) slope: f64,
}

impl Recovery {
    pub(super) fn at(&self, t: f64) -> f64 {
        1. - self.a * (-t / self.tau).exp()
    }
}

impl Logistic {
    pub(super) fn at(&self, x: f64) -> f64 {
        self.low + (self.high - self.low) / (1. + (-self.slope * (x - self.centre)).exp())
    }
}

/// Pairs of which both are known.
fn pairs(x: &[f64], y: &[Option<f64>]) -> Vec<(f64, f64)> {
    x.iter().zip(y).filter_map(|(x, y)| Some((*x, (*y)?))).filter(|(x, y)| x.is_finite() && y.is_finite()).collect()
}

/// The slope of the straight line; none for fewer than two different x.
pub(super) fn slope(x: &[f64], y: &[Option<f64>]) -> Option<f64> {
    let pairs = pairs(x, y);
    let n = pairs.len() as f64;
    let (mean_x, mean_y) = (pairs.iter().map(|p| p.0).sum::<f64>() / n, pairs.iter().map(|p| p.1).sum::<f64>() / n);
    let xx: f64 = pairs.iter().map(|p| (p.0 - mean_x).powi(2)).sum();
    let xy: f64 = pairs.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)).sum();
    (xx > 0.).then(|| xy / xx).filter(|slope| slope.is_finite())
}

/// The exponent of a power law: the slope of the logarithms; none for fewer than two different positive x.
pub(super) fn exponent(x: &[f64], y: &[Option<f64>]) -> Option<f64> {
    let positive = |y: &Option<f64>| y.filter(|y| *y > 0.).map(f64::ln);
    let (x, y): (Vec<f64>, Vec<Option<f64>>) =
        x.iter().zip(y).filter(|(x, _)| **x > 0.).map(|(x, y)| (x.ln(), positive(y))).unzip();
    slope(&x, &y)
}

/// The recovery that fits best; none for fewer than three points, or where no time constant within a tenth of the shortest and
/// ten times the longest time fits best, or nothing recovers.
pub(super) fn recovery(t: &[f64], ratio: &[Option<f64>]) -> Option<Recovery> {
    let pairs = pairs(t, ratio);
    let positive = || pairs.iter().map(|p| p.0).filter(|t| *t > 0.);
    let (low, high) = (positive().fold(f64::INFINITY, f64::min), positive().fold(0., f64::max));
    if pairs.len() < 3 || low >= high {
        return None;
    }
    let of = |tau: f64| {
        let shape: Vec<f64> = pairs.iter().map(|p| (-p.0 / tau).exp()).collect();
        let (top, bottom) = (
            pairs.iter().zip(&shape).map(|(p, e)| (1. - p.1) * e).sum::<f64>(),
            shape.iter().map(|e| e * e).sum::<f64>(),
        );
        let found = Recovery { a: top / bottom, tau };
        let error: f64 = pairs.iter().map(|p| (p.1 - found.at(p.0)).powi(2)).sum();
        (error, found)
    };
    let (from, to) = ((low / 10.).ln(), (high * 10.).ln());
    let best = minimum(from, to, |log| of(log.exp()).0)?;
    Some(of(best.exp()).1).filter(|found| found.a > 0. && found.a.is_finite())
}

/// The logistic curve that fits best; none for fewer than four different x, or where the best centre lies at the end of the
/// tested ones, or the curve does not rise.
pub(super) fn logistic(x: &[f64], y: &[Option<f64>]) -> Option<Logistic> {
    let pairs = pairs(x, y);
    let mut distinct: Vec<f64> = pairs.iter().map(|p| p.0).collect();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    let (low, high) = (*distinct.first()?, *distinct.last()?);
    if distinct.len() < 4 {
        return None;
    }
    // For a given centre and slope the other two are linear: y = low + rise·s(x).
    let n = pairs.len() as f64;
    let mean_y = pairs.iter().map(|p| p.1).sum::<f64>() / n;
    let of = |centre: f64, slope: f64| {
        let s: Vec<f64> = pairs.iter().map(|p| 1. / (1. + (-slope * (p.0 - centre)).exp())).collect();
        let mean_s = s.iter().sum::<f64>() / n;
        let (mut ss, mut sy, mut yy) = (0., 0., 0.);
        for (p, s) in pairs.iter().zip(&s) {
            let (s, y) = (s - mean_s, p.1 - mean_y);
            ss += s * s;
            sy += s * y;
            yy += y * y;
        }
        let rise = if ss > 0. { sy / ss } else { 0. };
        let found = Logistic { low: mean_y - rise * mean_s, high: mean_y + rise * (1. - mean_s), centre, slope };
        (yy - rise * sy, found)
    };
    let width = high - low;
    let steepest = |centre: f64| {
        let error = |log: f64| of(centre, log.exp()).0;
        minimum((1. / width).ln(), (100. / width).ln(), error).map(f64::exp)
    };
    let error = |centre: f64| {
        let edge = |log: f64| of(centre, log.exp()).0;
        let inner = steepest(centre).map_or(f64::INFINITY, |slope| of(centre, slope).0);
        inner.min(edge((1. / width).ln())).min(edge((100. / width).ln()))
    };
    let centre = minimum(low, high, error)?;
    let slope = steepest(centre).unwrap_or_else(|| {
        let (gentle, steep) = (1. / width, 100. / width);
        if of(centre, gentle).0 < of(centre, steep).0 { gentle } else { steep }
    });
    Some(of(centre, slope).1).filter(|found| found.high > found.low)
}

/// Where a function is smallest between two ends, by a grid whose best cell is divided again; none where that is at an end.
fn minimum(from: f64, to: f64, of: impl Fn(f64) -> f64) -> Option<f64> {
    const CELLS: usize = 16;
    let (mut low, mut high) = (from, to);
    let mut best = f64::NAN;
    // each time the cell is an eighth of the last
    for _ in 0..6 {
        let at = |i: usize| low + (high - low) * i as f64 / CELLS as f64;
        let found = (0..=CELLS).map(|i| (of(at(i)), at(i))).filter(|(error, _)| error.is_finite());
        (_, best) = found.min_by(|a, b| a.0.total_cmp(&b.0))?;
        let cell = (high - low) / CELLS as f64;
        (low, high) = ((best - cell).max(from), (best + cell).min(to));
    }
    let slack = (to - from) * 1e-6;
    (best > from + slack && best < to - slack).then_some(best)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn of(x: &[f64], f: impl Fn(f64) -> f64) -> Vec<Option<f64>> {
        x.iter().map(|&x| Some(f(x))).collect()
    }

    #[test]
    fn a_recovery_is_found_again() {
        let t = [2., 4., 8., 16., 32.];
        let true_one = Recovery { a: 0.6, tau: 9. };
        let mut ratios = of(&t, |t| true_one.at(t));
        let found = recovery(&t, &ratios).unwrap();
        assert!((found.a - 0.6).abs() < 1e-4 && (found.tau - 9.).abs() < 1e-3, "{found:?}");
        ratios[2] = None;
        assert!((recovery(&t, &ratios).unwrap().tau - 9.).abs() < 1e-3);
        assert!(recovery(&t, &of(&t, |_| 1.)).is_none() && recovery(&t[..2], &ratios[..2]).is_none());
        // facilitation that fades is no recovery
        assert!(recovery(&t, &of(&t, |t| 1. + (-t / 5.).exp())).is_none());
    }

    #[test]
    fn a_logistic_curve_is_found_again() {
        let x: Vec<f64> = (0..11).map(|i| f64::from(i) / 10.).collect();
        let true_one = Logistic { low: 0.1, high: 0.9, centre: 0.42, slope: 12. };
        let found = logistic(&x, &of(&x, |x| true_one.at(x))).unwrap();
        for (found, expected) in [(found.low, 0.1), (found.high, 0.9), (found.centre, 0.42), (found.slope / 12., 1.)] {
            assert!((found - expected).abs() < 1e-3, "{found} is not {expected}");
        }
        assert!(logistic(&x, &of(&x, |x| -x)).is_none() && logistic(&x[..3], &of(&x[..3], |x| x)).is_none());
        assert!(logistic(&x, &of(&x, |_| 0.5)).is_none() && logistic(&[], &[]).is_none());
    }

    #[test]
    fn a_power_law_has_its_exponent() {
        let x = [0., 1., 2., 4.];
        let mut y = of(&x, |x: f64| 3. * x.powf(0.7));
        assert!((exponent(&x, &y).unwrap() - 0.7).abs() < 1e-12);
        y[1] = Some(-1.);
        assert!((exponent(&x, &y).unwrap() - 0.7).abs() < 1e-12);
        assert_eq!(exponent(&x[..2], &y[..2]), None);
        assert_eq!(slope(&[1., 1.], &[Some(1.), Some(2.)]), None);
    }
}
