//! Checkpoints, early stopping, accumulation and clipping.

use crate::Case;

/// The cases of kind `policy`.
pub(crate) fn case(name: &str) -> Option<Case> {
    name.starts_with("policy_").then_some(Case::LeaveOut("not compared yet: policies come with the training policies"))
}
