//! Learning rates over epochs and steps.

use crate::Case;

/// The cases of kind `schedule`.
pub(crate) fn case(name: &str) -> Option<Case> {
    name.starts_with("lr_").then_some(Case::LeaveOut("not compared yet: schedules come with the training policies"))
}
