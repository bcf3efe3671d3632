//! A duration with its unit.

use super::ProtocolError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How long something lasts: a number of steps, or milliseconds that the time step must divide.
///
/// In TOML a whole number counts steps; text has a unit: `5`, `"5 steps"`, `"10 ms"`.
///
/// ```
/// use dynvision::protocol::Duration;
/// assert_eq!("10 ms".parse::<Duration>()?.steps(2.0)?, 5);
/// assert!(Duration::Ms(3.0).steps(2.0).is_err()); // no multiple of dt
/// assert!("-1 steps".parse::<Duration>().is_err());
/// # Ok::<(), dynvision::protocol::ProtocolError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Text", into = "Text")]
pub enum Duration {
    /// A number of steps.
    Steps(usize),
    /// Milliseconds.
    Ms(f64),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Text {
    Steps(i64),
    Unit(String),
}

impl Duration {
    /// Returns the number of steps of `dt` ms.
    ///
    /// # Errors
    /// [`ProtocolError::Time`] if the duration is negative, not finite or no multiple of `dt` within 1e-6.
    pub fn steps(self, dt: f64) -> Result<usize, ProtocolError> {
        match self {
            Duration::Steps(steps) => Ok(steps),
            Duration::Ms(ms) => {
                super::error::within("dt", dt, f64::MIN_POSITIVE, f64::MAX, "positive, in ms")?;
                Ok(crate::time::steps("duration", ms, dt)?)
            }
        }
    }

    pub(super) fn check(self) -> Result<(), ProtocolError> {
        match self {
            Duration::Ms(ms) => super::error::within("duration", ms, 0.0, f64::MAX, "zero or positive, in ms"),
            Duration::Steps(_) => Ok(()),
        }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Duration::Steps(steps) => write!(f, "{steps} steps"),
            Duration::Ms(ms) => write!(f, "{ms} ms"),
        }
    }
}

impl FromStr for Duration {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        let wrong = || {
            ProtocolError::Text(format!("duration {text:?} is neither \"N steps\" nor \"X ms\", N and X not negative"))
        };
        let parsed = match text.trim().strip_suffix("ms") {
            Some(ms) => Duration::Ms(ms.trim().parse().map_err(|_| wrong())?),
            None => {
                let steps = text.trim().strip_suffix("steps").ok_or_else(wrong)?;
                Duration::Steps(steps.trim().parse().map_err(|_| wrong())?)
            }
        };
        parsed.check()?;
        Ok(parsed)
    }
}

impl TryFrom<Text> for Duration {
    type Error = ProtocolError;

    fn try_from(text: Text) -> Result<Self, ProtocolError> {
        match text {
            Text::Steps(steps) => usize::try_from(steps).map(Duration::Steps).map_err(|_| ProtocolError::Range {
                name: "duration",
                value: steps as f64,
                must: "zero or more steps",
            }),
            Text::Unit(text) => text.parse(),
        }
    }
}

impl From<Duration> for Text {
    fn from(duration: Duration) -> Text {
        Text::Unit(duration.to_string())
    }
}
