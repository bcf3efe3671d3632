//! Which case is compared how, and which is left out why.

use crate::loader::Golden;
use crate::report::Report;

/// What becomes of a case.
pub(crate) enum Case {
    /// It is compared.
    Compare(Box<dyn Fn(&Golden) -> Report>),
    /// It is left out for this reason.
    LeaveOut(&'static str),
}

#[allow(unused_imports)]
use crate::unroll::{Differently, model};

/// What becomes of the case of this name; `None` if nobody said.
pub(crate) fn case(name: &str) -> Option<Case> {
    Some(match name {
        "rec_full" | "trec2" | "trec6" | "tff2" | "tff4" | "idle3" | "idle3_value" | "tbptt2" | "tbptt2_idle3" => {
            Case::Compare(Box::new(|g| model::<crate::byhand::Net>(g, &Differently::default())))
        }
        _ => return None,
    })
}
