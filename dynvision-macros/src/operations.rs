//! The operations that an order can name.

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Layer,
    Skip,
    Feedback,
    Tstep,
    Nonlin,
    Supralin,
    Record,
    Delay,
    Pool,
    Norm,
    Addext,
    /// A user's own, by its name.
    Own,
}

/// The operations of the library, by their names.
pub(crate) const BUILT_IN: [(&str, Kind); 11] = [
    ("layer", Kind::Layer),
    ("addext", Kind::Addext),
    ("skip", Kind::Skip),
    ("feedback", Kind::Feedback),
    ("tstep", Kind::Tstep),
    ("nonlin", Kind::Nonlin),
    ("supralin", Kind::Supralin),
    ("norm", Kind::Norm),
    ("record", Kind::Record),
    ("delay", Kind::Delay),
    ("pool", Kind::Pool),
];

/// Whether there is a built-in operation of this name.
pub(crate) fn is_operation(name: &str) -> bool {
    BUILT_IN.iter().any(|(known, _)| *known == name)
}

/// What an area has for an operation that needs something.
pub(crate) enum Needs {
    Nothing,
    Given(&'static str, &'static str),
    Choice,
    Own,
}

impl Kind {
    /// What an area must have for it.
    pub(crate) fn needs(self) -> Needs {
        match self {
            Kind::Layer | Kind::Record | Kind::Delay => Needs::Nothing,
            Kind::Skip => Needs::Given("skip", "skip(from = ..)"),
            Kind::Feedback => Needs::Given("feedback", "feedback(from = ..)"),
            Kind::Supralin => Needs::Given("supralin", "supralin = .."),
            Kind::Pool => Needs::Given("pool", "pool = .."),
            Kind::Norm => Needs::Given("norm", "norm = .."),
            Kind::Addext => Needs::Given("addext", "addext"),
            Kind::Tstep | Kind::Nonlin => Needs::Choice,
            Kind::Own => Needs::Own,
        }
    }
}
