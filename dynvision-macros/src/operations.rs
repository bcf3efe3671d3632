//! The operations that an order can name.

use crate::keys::{AREA, Key};

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OperationKind {
    Layer,
    Skip,
    Feedback,
    Tstep,
    Nonlin,
    Record,
    Delay,
    Pool,
    Addext,
    /// What an area gives by a key of the operation's name.
    Applied(&'static Key),
    /// A user's own, by its name.
    Own,
}

/// The operations that have rules of their own, by their names; those that keys apply stand between these two.
const FIRST: [(&str, OperationKind); 6] = [
    ("layer", OperationKind::Layer),
    ("addext", OperationKind::Addext),
    ("skip", OperationKind::Skip),
    ("feedback", OperationKind::Feedback),
    ("tstep", OperationKind::Tstep),
    ("nonlin", OperationKind::Nonlin),
];
const LAST: [(&str, OperationKind); 3] =
    [("record", OperationKind::Record), ("delay", OperationKind::Delay), ("pool", OperationKind::Pool)];

/// The operations of the library, by their names.
pub(crate) fn built_in() -> impl Iterator<Item = (&'static str, OperationKind)> {
    let applied = AREA.known.iter().filter(|key| key.applied).map(|key| (key.name, OperationKind::Applied(key)));
    FIRST.into_iter().chain(applied).chain(LAST)
}

/// Whether there is a built-in operation of this name.
pub(crate) fn is_operation(name: &(impl PartialEq<str> + ?Sized)) -> bool {
    built_in().any(|(known, _)| *name == *known)
}

/// What an area has for an operation that needs something.
pub(crate) enum Needs {
    Nothing,
    Given(&'static str, String),
    Choice,
    Own,
}

impl OperationKind {
    /// What an area must have for it.
    pub(crate) fn needs(self) -> Needs {
        match self {
            OperationKind::Layer | OperationKind::Record | OperationKind::Delay => Needs::Nothing,
            OperationKind::Skip => Needs::Given("skip", "skip(from = ..)".into()),
            OperationKind::Feedback => Needs::Given("feedback", "feedback(from = ..)".into()),
            OperationKind::Pool => Needs::Given("pool", "pool = ..".into()),
            OperationKind::Applied(key) => Needs::Given(key.name, format!("{} = ..", key.name)),
            OperationKind::Addext => Needs::Given("addext", "addext".into()),
            OperationKind::Tstep | OperationKind::Nonlin => Needs::Choice,
            OperationKind::Own => Needs::Own,
        }
    }
}
