//! What the examples share: the network that `train_digits` trains and `record_responses` probes, and how a program
//! speaks and ends.

use dynvision::prelude::*;
use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

/// Prints a line; a reader that has gone (`| head -1`), or a full disk behind it, does not end the program.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => {{
        use ::std::io::Write as _;
        let _ = ::std::writeln!(::std::io::stdout(), $($text)*);
    }};
}

/// The end of a program: an error is a sentence on standard error and exit code 1.
pub fn ended(outcome: Result<(), impl Display>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // where nobody reads it, the exit code says it
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// Two areas that look at handwritten digits: V1 and V2 with full recurrence, a skip past V2's layer and feedback from V2.
#[dyn_model(
    input = [1, 8, 8],
    operations = [layer, skip, feedback, tstep, nonlin, record, delay, pool],
    dynamics(dt = 2.0, tau = 5.0, t_recurrence = 4.0, t_feedback = 6.0),
)]
pub struct Digits<R: Recurrence = Full> {
    #[area(pool = MaxPool2d<3, 2, 1>, feedback(from = v2))]
    v1: RConv2d<1, 32, 3, 1, R>,
    #[area(skip(from = v1))]
    v2: RConv2d<32, 64, 3, 1, R>,
    #[readout]
    classifier: Classifier<64, 10>,
}
