/// How numbers are laid out along an axis.
///
/// ```
/// use dynvision_lab::figure::Scale;
///
/// assert_eq!(Scale::default(), Scale::Linear);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Equal differences are equally far apart.
    #[default]
    Linear,
    /// Equal ratios are equally far apart; numbers that are not positive are missing.
    Log,
}

/// A range of numbers, and where they lie between two ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) scale: Scale,
}

impl Range {
    /// The smallest range that holds all numbers, none where there are none.
    pub(super) fn of(numbers: impl IntoIterator<Item = f64>, scale: Scale) -> Option<Self> {
        let usable = |x: &f64| x.is_finite() && (scale == Scale::Linear || *x > 0.);
        numbers.into_iter().filter(usable).fold(None, |range: Option<Range>, x| {
            let Range { low, high, .. } = range.unwrap_or(Range { low: x, high: x, scale });
            Some(Range { low: low.min(x), high: high.max(x), scale })
        })
    }

    pub(super) fn with(self, other: Option<Range>) -> Self {
        other.map_or(self, |other| Range { low: self.low.min(other.low), high: self.high.max(other.high), ..self })
    }

    /// The range with some room at both ends, and a width where it has none. A range that begins or ends at 0 still does.
    pub(super) fn padded(self, share: f64) -> Self {
        let Range { low, high, scale } = self;
        if scale == Scale::Log {
            let ratio = (high / low).powf(share).max(if high > low { 1. } else { 2. });
            return Range { low: low / ratio, high: high * ratio, scale };
        }
        if high - low <= f64::EPSILON * high.abs().max(low.abs()) {
            let room = if low == 0. { 0.5 } else { low.abs() * 0.5 };
            let (low, high) = (low - room, high + room);
            return Range { low, high, scale };
        }
        let room = (high - low) * share;
        Range { low: if low == 0. { 0. } else { low - room }, high: if high == 0. { 0. } else { high + room }, scale }
    }

    /// Where a number lies, from 0 at the low end to 1 at the high one; none where it cannot lie anywhere.
    pub(super) fn place(&self, x: f64) -> Option<f64> {
        let place = match self.scale {
            Scale::Linear => (x - self.low) / (self.high - self.low),
            Scale::Log => (x / self.low).ln() / (self.high / self.low).ln(),
        };
        Some(place).filter(|place| place.is_finite())
    }

    /// Round numbers within the range, about as many as wanted, with their labels.
    pub(super) fn ticks(&self, wanted: usize) -> Vec<(f64, String)> {
        let tried = (wanted..wanted + 3).map(|wanted| self.about(wanted.max(2) as f64));
        tried.reduce(|best, next| if best.len() < wanted.min(3) { next } else { best }).unwrap_or_default()
    }

    fn about(&self, wanted: f64) -> Vec<(f64, String)> {
        if self.scale == Scale::Log {
            let ticks = self.log_ticks(wanted);
            if ticks.len() >= 2 {
                return ticks.into_iter().map(|x| (x, short(x))).collect();
            }
        }
        let span = self.high - self.low;
        if !(span.is_finite() && span > 0.) {
            return vec![(self.low, short(self.low))];
        }
        let rough = span / wanted;
        let decade = 10f64.powf(rough.log10().floor());
        let step = [1., 2., 2.5, 5., 10.]
            .map(|s| s * decade)
            .into_iter()
            .find(|step| *step >= rough * 0.999)
            .unwrap_or(10. * decade);
        let mut numbers = Vec::new();
        let first = (self.low / step - 1e-9).ceil();
        let mut i = 0.;
        while (first + i) * step <= self.high + 1e-9 * step && i < 100. {
            numbers.push((first + i) * step);
            i += 1.;
        }
        let exponent = numbers.iter().fold(0f64, |most, x| most.max(x.abs())).log10().floor();
        if exponent >= 5. || exponent <= -4. {
            return numbers.into_iter().map(|x| (x, short(if x.abs() < step * 1e-6 { 0. } else { x }))).collect();
        }
        let digits = (0..8).find(|&digits| {
            (step * 10f64.powi(digits)).fract().abs() < 1e-6 || (step * 10f64.powi(digits)).fract() > 1. - 1e-6
        });
        let digits = digits.unwrap_or(8) as usize;
        let label = |x: f64| {
            let text = format!("{x:.digits$}");
            if text.trim_matches(['-', '0', '.']).is_empty() { format!("{:.digits$}", 0.) } else { text }
        };
        numbers.into_iter().map(|x| (x, label(x).replace('-', "−"))).collect()
    }

    fn log_ticks(&self, wanted: f64) -> Vec<f64> {
        let decades = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let all = |leads: &[f64]| -> Vec<f64> {
            let of = |decade: i32| leads.iter().map(move |lead| lead * 10f64.powi(decade)).collect::<Vec<_>>();
            let within = |x: &f64| (self.low * 0.999..=self.high * 1.001).contains(x);
            (decades.0..=decades.1).flat_map(of).filter(within).collect()
        };
        let tens = all(&[1.]);
        if tens.len() as f64 >= wanted * 0.7 {
            let each = (tens.len() as f64 / wanted).ceil().max(1.) as usize;
            return tens.into_iter().step_by(each).collect();
        }
        let more = all(&[1., 2., 5.]);
        if tens.len() >= 2 && more.len() as f64 > wanted * 1.6 { tens } else { more }
    }
}

/// A number to at most three significant digits, as short as it gets.
pub(crate) fn short(x: f64) -> String {
    if !x.is_finite() {
        return "–".into();
    }
    let rounded: f64 = format!("{x:.2e}").parse().unwrap_or(x);
    let size = rounded.abs();
    let text = if size != 0. && !(1e-3..1e5).contains(&size) { format!("{rounded:e}") } else { rounded.to_string() };
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(low: f64, high: f64, scale: Scale, wanted: usize) -> Vec<String> {
        Range { low, high, scale }.ticks(wanted).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_at_round_numbers() {
        assert_eq!(labels(0., 1., Scale::Linear, 4), ["0.00", "0.25", "0.50", "0.75", "1.00"]);
        assert_eq!(labels(-20., 83., Scale::Linear, 5), ["0", "25", "50", "75"]);
        assert_eq!(labels(10., 1000., Scale::Log, 3), ["10", "100", "1000"]);
        assert_eq!(labels(15., 60., Scale::Log, 4), ["20", "50"]);
        assert_eq!(labels(1e-7, 3e-7, Scale::Linear, 3).last().map(String::as_str), Some("3e−7"));
    }

    #[test]
    fn a_single_number_has_room() {
        for x in [0., 3., -2., 1e-9] {
            let range = Range::of([x], Scale::Linear).map(|range| range.padded(0.05));
            assert!(
                range.is_some_and(|r| r.low < x && x < r.high && r.place(x).is_some_and(|p| (p - 0.5).abs() < 1e-9)),
                "{range:?}"
            );
        }
        let range = Range::of([4.], Scale::Log).map(|range| range.padded(0.05));
        assert!(range.is_some_and(|r| r.low < 4. && 4. < r.high));
        assert_eq!(Range::of([f64::NAN], Scale::Linear), None);
        assert_eq!(Range::of([0., -1.], Scale::Log), None);
    }

    proptest! {
        #[test]
        fn ticks_lie_within_and_rise(low in -1e6f64..1e6, width in 1e-3f64..1e6, wanted in 2usize..9) {
            let range = Range { low, high: low + width, scale: Scale::Linear };
            let ticks = range.ticks(wanted);
            prop_assert!(!ticks.is_empty() && ticks.len() <= wanted + 2, "{ticks:?}");
            prop_assert!(ticks.windows(2).all(|pair| pair[0].0 < pair[1].0));
            let slack = width * 1e-6;
            prop_assert!(ticks.iter().all(|(x, _)| low - slack <= *x && *x <= low + width + slack));
        }
    }
}
