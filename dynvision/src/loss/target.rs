//! What a run is to be answered with.

use super::{Labels, Responses};

/// What the runs of a batch are to be answered with: what a data set gives and a loss compares with. [`Labels`],
/// [`Responses`], or both as a pair; [`LabelsByReadout`](super::LabelsByReadout) of a model with several readouts; or a type of
/// one's own.
pub trait Target: Clone {
    /// Number of samples.
    fn batch(&self) -> usize;

    /// Number of steps of the run.
    fn steps(&self) -> usize;

    /// The labels, if there are some: accuracies are of them.
    fn labels(&self) -> Option<&Labels> {
        None
    }

    /// The labels of the readout of that name, where a model has several and each has its own.
    fn labels_at(&self, _readout: &str) -> Option<&Labels> {
        None
    }

    /// The readouts that [`labels_at`](Target::labels_at) has labels of, beside the first.
    fn readouts(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The real-valued responses, if there are some: correlations are with them.
    fn responses(&self) -> Option<&Responses> {
        None
    }
}

/// A target with labels.
pub trait HasLabels: Target {
    /// The labels.
    fn class_labels(&self) -> &Labels;
}

/// A target with real-valued responses.
pub trait HasResponses: Target {
    /// The responses.
    fn unit_responses(&self) -> &Responses;
}

impl Target for Labels {
    fn batch(&self) -> usize {
        self.batch()
    }

    fn steps(&self) -> usize {
        self.time()
    }

    fn labels(&self) -> Option<&Labels> {
        Some(self)
    }
}

impl HasLabels for Labels {
    fn class_labels(&self) -> &Labels {
        self
    }
}

impl Target for Responses {
    fn batch(&self) -> usize {
        self.batch()
    }

    fn steps(&self) -> usize {
        self.steps()
    }

    fn responses(&self) -> Option<&Responses> {
        Some(self)
    }
}

impl HasResponses for Responses {
    fn unit_responses(&self) -> &Responses {
        self
    }
}

impl Target for (Labels, Responses) {
    fn batch(&self) -> usize {
        self.0.batch()
    }

    fn steps(&self) -> usize {
        self.0.time()
    }

    fn labels(&self) -> Option<&Labels> {
        Some(&self.0)
    }

    fn responses(&self) -> Option<&Responses> {
        Some(&self.1)
    }
}

impl HasLabels for (Labels, Responses) {
    fn class_labels(&self) -> &Labels {
        &self.0
    }
}

impl HasResponses for (Labels, Responses) {
    fn unit_responses(&self) -> &Responses {
        &self.1
    }
}
