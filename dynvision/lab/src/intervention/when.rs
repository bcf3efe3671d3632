//! When an intervention acts.

use dynvision::protocol::{Duration, ProtocolError};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// From when to when an intervention acts, from the first step after the idle ones.
///
/// ```
/// use dynvision_lab::intervention::When;
/// use dynvision::protocol::Duration;
///
/// let when = When { start: Some(Duration::Ms(10.)), end: None };
/// assert_eq!(when.steps(2., 20)?, 5..20);
/// assert!(!when.idles());
/// # Ok::<(), dynvision::protocol::ProtocolError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Its first step; none for the beginning of all, the idle steps included.
    #[serde(default)]
    pub start: Option<Duration>,
    /// The step after its last; none for the end.
    #[serde(default)]
    pub end: Option<Duration>,
}

impl When {
    /// From the first idle step to the end.
    pub const ALWAYS: When = When { start: None, end: None };

    /// The steps, of a run that is so long.
    ///
    /// # Errors
    ///
    /// A time that is no multiple of dt; an end before the start.
    pub fn steps(&self, dt: f64, total: usize) -> Result<Range<usize>, ProtocolError> {
        let start = self.start.map_or(Ok(0), |start| start.steps(dt))?;
        let end = self.end.map_or(Ok(total.max(start)), |end| end.steps(dt))?;
        if end < start {
            return Err(ProtocolError::Conflict(format!(
                "an intervention ends at step {end}, before it starts at step {start}; leave `end` out, or let it be later"
            )));
        }
        Ok(start.min(total)..end.min(total))
    }

    /// Whether it acts while the model idles.
    pub fn idles(&self) -> bool {
        self.start.is_none()
    }
}
