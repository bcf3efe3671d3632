use super::{Window, argmax::argmax, peak_height};

/// Returns the response to a second stimulus relative to that to a first, `(max₂ − b)/(max₁ − b)`, without unit; below 1 is
/// adaptation, above 1 facilitation.
///
/// Each maximum is that of its window's `onset..end`. None where the first is not above the baseline, where the trace is too
/// short, and where the second has no peak: its largest response is the last step of the trace, after the stimulus has gone, as in
/// a network whose activity grows by itself. The original looks for local maxima instead and takes ripples and resting activity
/// for peaks; [`legacy::peak_ratio`](super::legacy::peak_ratio).
///
/// ```
/// use dynvision_lab::measure::{Window, peak_ratio};
///
/// let windows = Window::of_schedule(&[false, true, false, true, false]);
/// assert_eq!(peak_ratio(&[0.5, 2.5, 1., 1.5, 1.], windows[0], windows[1], 0.5), Some(0.5));
/// assert_eq!(peak_ratio(&[0.5, 0.5, 0.5, 1.5, 1.], windows[0], windows[1], 0.5), None);
/// // what still grows when nothing is shown is no response to the second stimulus
/// assert_eq!(peak_ratio(&[0.5, 2.5, 1., 1.5, 9.], windows[0], windows[1], 0.5), None);
/// ```
pub fn peak_ratio(trace: &[f64], first: Window, second: Window, baseline: f64) -> Option<f64> {
    let reference = peak_height(trace, first, baseline).filter(|&height| height > 0.)?;
    let last = second.onset() + argmax(second.response(trace)?)? + 1;
    if last == trace.len() && second.offset() < last {
        return None;
    }
    Some(peak_height(trace, second, baseline)? / reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two pulses of three steps, on a trace of `steps`; activity decays or grows by a factor at each step, and the input adds 1.
    fn driven(factor: f64, steps: usize) -> (Vec<f64>, Vec<Window>) {
        let shown: Vec<bool> = (0..steps).map(|step| (2..5).contains(&step) || (7..10).contains(&step)).collect();
        let mut x = 0.;
        let trace = shown.iter().map(|&on| {
            x = factor * x + f64::from(u8::from(on));
            x
        });
        (trace.collect(), Window::of_schedule(&shown))
    }

    #[test]
    fn a_response_that_decays_has_a_ratio_and_one_that_runs_away_has_none() {
        let (trace, windows) = driven(0.5, 40);
        // the first peak is 1 + 1/2 + 1/4; of it 1/32 is left five steps later
        let expected = 1. + 1. / 32.;
        let ratio = peak_ratio(&trace, windows[0], windows[1], 0.);
        assert!(ratio.is_some_and(|ratio| (ratio - expected).abs() < 1e-12), "{ratio:?}");
        let (trace, windows) = driven(1.1, 40);
        assert!(trace[39] > 10. * trace[9], "{trace:?}");
        assert_eq!(peak_ratio(&trace, windows[0], windows[1], 0.), None);
    }

    #[test]
    fn a_stimulus_that_is_shown_to_the_end_has_its_peak_there() {
        let (trace, windows) = driven(0.5, 10);
        assert_eq!((windows[1].offset(), windows[1].end()), (10, 10));
        assert!(peak_ratio(&trace, windows[0], windows[1], 0.).is_some());
    }
}
