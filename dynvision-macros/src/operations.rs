//! The operations that an order can name.

use crate::keys::{AREA, Key};

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
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
const FIRST: [(&str, Kind); 6] = [
    ("layer", Kind::Layer),
    ("addext", Kind::Addext),
    ("skip", Kind::Skip),
    ("feedback", Kind::Feedback),
    ("tstep", Kind::Tstep),
    ("nonlin", Kind::Nonlin),
];
const LAST: [(&str, Kind); 3] = [("record", Kind::Record), ("delay", Kind::Delay), ("pool", Kind::Pool)];

/// The operations of the library, by their names.
pub(crate) fn built_in() -> impl Iterator<Item = (&'static str, Kind)> {
    let applied = AREA.known.iter().filter(|key| key.applied).map(|key| (key.name, Kind::Applied(key)));
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

impl Kind {
    /// What an area must have for it.
    pub(crate) fn needs(self) -> Needs {
        match self {
            Kind::Layer | Kind::Record | Kind::Delay => Needs::Nothing,
            Kind::Skip => Needs::Given("skip", "skip(from = ..)".into()),
            Kind::Feedback => Needs::Given("feedback", "feedback(from = ..)".into()),
            Kind::Pool => Needs::Given("pool", "pool = ..".into()),
            Kind::Applied(key) => Needs::Given(key.name, format!("{} = ..", key.name)),
            Kind::Addext => Needs::Given("addext", "addext".into()),
            Kind::Tstep | Kind::Nonlin => Needs::Choice,
            Kind::Own => Needs::Own,
        }
    }
}
