//! The published qualitative findings on recurrence, at a scale that two cores can do: a laboratory with the models that they
//! compare. A sweep trains and probes them, and its report says finding by finding what is seen of it:
//!
//! ```sh
//! cargo run --release --example reproduction -- \
//!     sweep run dynvision/lab/workflow/reproduction/sweep.toml --jobs 2 --runs runs/reproduction
//! cargo run --release --example reproduction -- \
//!     sweep report dynvision/lab/workflow/reproduction/sweep.toml --runs runs/reproduction
//! ```
//!
//! It goes on where it was stopped. What came of it stands in `docs/reproduction/`.

use dynvision::prelude::*;
use dynvision_lab::Lab;
use std::process::ExitCode;

/// Two areas of two convolutions each, so that a recurrence can land between them or after them.
#[dyn_model(input = [1, 28, 28], operations = [layer, tstep, nonlin, record, delay, pool])]
pub struct TwoAreas<R: Recurrence = Full, T: dynvision::nn::RecurrenceTarget = ToOutput> {
    #[area(pool = MaxPool2d<3, 2, 1>)]
    v1: RConv2dx2<1, 16, 16, 3, 3, 1, 1, R, T>,
    #[area]
    v2: RConv2dx2<16, 32, 32, 3, 3, 1, 1, R, T>,
    #[readout]
    classifier: Classifier<32, 10>,
}

/// [`TwoAreas`] with feedback from the second area into the first.
#[dyn_model(input = [1, 28, 28], operations = [layer, feedback, tstep, nonlin, record, delay, pool])]
pub struct WithFeedback {
    #[area(pool = MaxPool2d<3, 2, 1>, feedback(from = v2))]
    v1: RConv2dx2<1, 16, 16>,
    #[area]
    v2: RConv2dx2<16, 32, 32>,
    #[readout]
    classifier: Classifier<32, 10>,
}

fn main() -> ExitCode {
    Lab::new()
        .model::<TwoAreas>("full")
        .model::<TwoAreas<Full, ToMiddle>>("full-middle")
        .model::<TwoAreas<SelfRecurrence>>("self")
        .model::<TwoAreas<NoRecurrence>>("none")
        .model::<WithFeedback>("full-feedback")
        .main()
}
