//! The laboratory with the models that come with it.

use dynvision_lab::Lab;
use std::process::ExitCode;

fn main() -> ExitCode {
    Lab::new().zoo().main()
}
