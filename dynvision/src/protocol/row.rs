//! A protocol: a row of events.

use super::{Duration, Event, EventSpan, Moment, ProtocolError, Shown, Timeline};
use serde::{Deserialize, Serialize};

/// A row of events, followed by blank up to `total`. It is checked when it is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Protocol {
    total: Option<Duration>,
    events: Vec<Event>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<Duration>,
    events: Vec<Event>,
}

impl TryFrom<Raw> for Protocol {
    type Error = ProtocolError;

    fn try_from(raw: Raw) -> Result<Self, ProtocolError> {
        Protocol::new(raw.events, raw.total)
    }
}

impl From<Protocol> for Raw {
    fn from(protocol: Protocol) -> Raw {
        Raw { total: protocol.total, events: protocol.events }
    }
}

impl Protocol {
    /// Returns the row of these events, with blank after them until `total` where it is given.
    ///
    /// # Errors
    /// [`ProtocolError`] if a value is outside its range, or if the events do not fit into `total`. Where steps and ms are
    /// mixed, the latter is found by [`timeline`](Protocol::timeline), which knows dt.
    pub fn new(events: Vec<Event>, total: Option<Duration>) -> Result<Self, ProtocolError> {
        total.map_or(Ok(()), Duration::check)?;
        events.iter().try_for_each(Event::check)?;
        let durations = || events.iter().map(|event| event.duration);
        match total {
            Some(Duration::Steps(whole)) if durations().all(|d| matches!(d, Duration::Steps(_))) => {
                let sum = durations().fold(0_usize, |sum, d| match d {
                    Duration::Steps(steps) => sum.saturating_add(steps),
                    Duration::Ms(_) => sum,
                });
                fits(&events, sum, whole)?;
            }
            Some(Duration::Ms(whole)) if durations().all(|d| matches!(d, Duration::Ms(_))) => {
                let sum: f64 = durations().map(|d| if let Duration::Ms(ms) = d { ms } else { 0.0 }).sum();
                if sum > whole * (1.0 + 1e-9) {
                    return Err(ProtocolError::TooLong { events: format!("{sum} ms"), total: format!("{whole} ms") });
                }
            }
            _ => {}
        }
        Ok(Protocol { total, events })
    }

    /// Returns the events.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Returns what is shown at each step of `dt` ms.
    ///
    /// # Errors
    /// [`ProtocolError::Time`] for a time that is no multiple of `dt`; [`ProtocolError::TooLong`].
    pub fn timeline(&self, dt: f64) -> Result<Timeline, ProtocolError> {
        let lengths: Vec<usize> = self.events.iter().map(|e| e.duration.steps(dt)).collect::<Result<_, _>>()?;
        let sum = lengths.iter().fold(0_usize, |a, &b| a.saturating_add(b));
        let whole = self.total.map_or(Ok(sum), |total| total.steps(dt))?;
        fits(&self.events, sum, whole)?;
        super::error::within("steps", whole as f64, 0.0, LONGEST as f64, "at most ten million steps")?;
        let mut moments = Vec::new();
        let mut spans = Vec::new();
        for (index, (event, &length)) in self.events.iter().zip(&lengths).enumerate() {
            let label = match &event.show {
                Shown::Image(picture) if event.counts => Some(picture.ahead),
                _ => None,
            };
            if event.show != Shown::Blank && length > 0 {
                spans.push(EventSpan { event: index, onset: moments.len(), offset: moments.len() + length });
            }
            moments.extend((0..length).map(|since| Moment { event: Some(index), since, label }));
        }
        let rest = whole - sum;
        moments.extend((0..rest).map(|since| Moment { event: None, since, label: None }));
        Ok(Timeline::new(dt, moments, spans))
    }
}

/// A step is only stated, not given: no more of them than this are laid out.
const LONGEST: usize = 10_000_000;

fn fits(events: &[Event], sum: usize, whole: usize) -> Result<(), ProtocolError> {
    if sum <= whole {
        return Ok(());
    }
    let parts: Vec<String> = events.iter().map(|event| event.duration.to_string()).collect();
    Err(ProtocolError::TooLong {
        events: format!("{} = {sum} steps", parts.join(" + ")),
        total: format!("{whole} steps"),
    })
}
