//! A protocol laid out in steps.

/// One step of a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Which event; none in the blank after the last.
    pub event: Option<usize>,
    /// Steps since the event began.
    pub since: usize,
    /// Whose label counts: how far along the set that image lies. None where no label counts.
    pub label: Option<usize>,
}

/// When an event other than a blank is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventSpan {
    /// Which event.
    pub event: usize,
    /// Its first step.
    pub onset: usize,
    /// The step after its last.
    pub offset: usize,
}

/// What happens at each step.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    dt: f64,
    moments: Vec<Moment>,
    spans: Vec<EventSpan>,
}

impl Timeline {
    pub(super) fn new(dt: f64, moments: Vec<Moment>, spans: Vec<EventSpan>) -> Self {
        Timeline { dt, moments, spans }
    }

    /// Returns the time step in ms.
    pub fn dt(&self) -> f64 {
        self.dt
    }

    /// Returns the number of steps.
    pub fn steps(&self) -> usize {
        self.moments.len()
    }

    /// Returns each step.
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// Returns when images and masks are shown, in order.
    pub fn spans(&self) -> &[EventSpan] {
        &self.spans
    }

    /// Returns the timeline with so many steps of blank after its end: time for what was shown to reach a model's readout.
    #[must_use]
    pub fn extended(mut self, steps: usize) -> Self {
        let since = self.moments.iter().rev().take_while(|moment| moment.event.is_none()).count();
        self.moments.extend((since..since + steps).map(|since| Moment { event: None, since, label: None }));
        self
    }

    /// Returns the label of each step: `void` where none counts, otherwise that of the image that lies so far along.
    pub fn labels(&self, void: i64, label: impl Fn(usize) -> i64) -> Vec<i64> {
        self.moments.iter().map(|moment| moment.label.map_or(void, &label)).collect()
    }
}
