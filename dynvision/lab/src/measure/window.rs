use crate::Error;
use serde::{Deserialize, Serialize};

/// The steps in which one stimulus is shown, and those up to the next one.
///
/// The stimulus is on in `onset..offset`; the response to it is looked for in `onset..end`, where `end` is the onset of the
/// next stimulus or the length of the trace.
///
/// ```
/// use dynvision_lab::measure::Window;
///
/// let window = Window::new(1, 3, 6)?;
/// assert_eq!((window.onset(), window.offset(), window.end()), (1, 3, 6));
/// # Ok::<(), dynvision_lab::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "[usize; 3]", into = "[usize; 3]")]
pub struct Window {
    onset: usize,
    offset: usize,
    end: usize,
}

impl Window {
    /// A window of the given steps.
    ///
    /// # Errors
    ///
    /// Where not `onset < offset <= end`.
    ///
    /// ```
    /// use dynvision_lab::measure::Window;
    ///
    /// assert!(Window::new(0, 2, 2).is_ok());
    /// assert!(Window::new(2, 2, 4).is_err());
    /// ```
    pub fn new(onset: usize, offset: usize, end: usize) -> Result<Self, Error> {
        if onset < offset && offset <= end {
            Ok(Window { onset, offset, end })
        } else {
            Err(Error::Window { onset, offset, end })
        }
    }

    /// Returns a window for each run of steps in which the stimulus is shown, in order of time.
    ///
    /// ```
    /// use dynvision_lab::measure::Window;
    ///
    /// let windows = Window::of_schedule(&[false, true, true, false, true, false]);
    /// assert_eq!(windows, [Window::new(1, 3, 4)?, Window::new(4, 5, 6)?]);
    /// # Ok::<(), dynvision_lab::Error>(())
    /// ```
    pub fn of_schedule(shown: &[bool]) -> Vec<Self> {
        let mut windows: Vec<Window> = Vec::new();
        for (step, _) in shown.iter().enumerate().filter(|&(_, &on)| on) {
            match windows.last_mut() {
                Some(last) if last.offset == step => last.offset += 1,
                last => {
                    if let Some(last) = last {
                        last.end = step;
                    }
                    windows.push(Window { onset: step, offset: step + 1, end: shown.len() });
                }
            }
        }
        windows
    }

    /// First step in which the stimulus is shown.
    pub fn onset(self) -> usize {
        self.onset
    }

    /// First step after the onset in which the stimulus is not shown.
    pub fn offset(self) -> usize {
        self.offset
    }

    /// First step that does not belong to the response.
    pub fn end(self) -> usize {
        self.end
    }

    /// The part of a trace that is the response, `onset..end`; none where the trace is too short.
    pub(crate) fn response(self, trace: &[f64]) -> Option<&[f64]> {
        trace.get(self.onset..self.end)
    }

    /// The part of a trace in which the stimulus is on, `onset..offset`; none where the trace is too short.
    pub(crate) fn stimulus(self, trace: &[f64]) -> Option<&[f64]> {
        trace.get(self.onset..self.offset)
    }
}

impl TryFrom<[usize; 3]> for Window {
    type Error = Error;

    fn try_from([onset, offset, end]: [usize; 3]) -> Result<Self, Error> {
        Window::new(onset, offset, end)
    }
}

impl From<Window> for [usize; 3] {
    fn from(window: Window) -> Self {
        [window.onset, window.offset, window.end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_shown_has_no_window() {
        assert_eq!(Window::of_schedule(&[]), []);
        assert_eq!(Window::of_schedule(&[false; 3]), []);
    }

    #[test]
    fn a_window_in_a_file_is_checked() {
        let read = |text| serde_json::from_str::<Window>(text);
        assert_eq!(read("[1, 2, 3]").ok(), Window::new(1, 2, 3).ok());
        assert!(read("[2, 2, 3]").is_err_and(|e| e.to_string().contains("onset 2")));
    }

    proptest! {
        #[test]
        fn windows_show_what_the_schedule_shows(shown in prop::collection::vec(any::<bool>(), 0..40)) {
            let windows = Window::of_schedule(&shown);
            for (step, &on) in shown.iter().enumerate() {
                prop_assert_eq!(on, windows.iter().any(|w| (w.onset..w.offset).contains(&step)));
            }
            for pair in windows.windows(2) {
                prop_assert!(pair[0].end == pair[1].onset && pair[0].offset < pair[1].onset);
            }
            prop_assert!(windows.last().is_none_or(|w| w.end == shown.len()));
        }
    }
}
