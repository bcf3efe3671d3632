//! The keys of all our attributes: one entry for each, from which its grammar, its suggestions, the checks that what is
//! given runs, and the table in the documentation come.

/// A key that an attribute takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// How it is written.
    pub(crate) example: &'static str,
    /// Whether it may be given more than once.
    pub(crate) repeats: bool,
    /// The operation that runs what it gives, if one does.
    pub(crate) operation: Option<&'static str>,
    /// Whether its value is a type that is the operation of the key's name, on maps of any shape.
    pub(crate) applied: bool,
    /// Whether that operation may run more than once in a step.
    pub(crate) again: bool,
    /// What it means, for the documentation.
    pub(crate) meaning: &'static str,
}

impl Key {
    const fn once(name: &'static str, example: &'static str, meaning: &'static str) -> Self {
        Key { name, example, repeats: false, operation: None, applied: false, again: false, meaning }
    }
    const fn many(self) -> Self {
        Key { repeats: true, ..self }
    }
    const fn run_by(self, operation: &'static str) -> Self {
        Key { operation: Some(operation), ..self }
    }
    /// An operation of its own, which keeps the shape of a map: this entry is all that it takes.
    const fn applied(self) -> Self {
        Key { operation: Some(self.name), applied: true, ..self }
    }
    const fn again(self) -> Self {
        Key { again: true, ..self }
    }
}

/// The keys of one attribute.
pub(crate) struct Keys {
    /// As it is named in messages.
    pub(crate) owner: &'static str,
    pub(crate) known: &'static [Key],
}

/// In `#[dyn_model(..)]`.
pub(crate) const MODEL: Keys = Keys {
    owner: "`#[dyn_model]`",
    known: &[
        Key::once(
            "input",
            "input = [3, 32, 32]",
            "channels, height, width of a frame; each a const expression. Required",
        ),
        Key::once(
            "inputs",
            "inputs(left = [1, 32, 32], right = [1, 32, 32])",
            "several frames at each step, in place of `input`: the first is the frame, the others stand beside it in the stimulus",
        ),
        Key::once(
            "operations",
            "operations = [layer, tstep, nonlin, record, delay]",
            "the order in which each area runs its operations. Required",
        ),
        Key::once(
            "solver",
            "solver = Euler",
            "what `tstep` runs, unless an area has its own; `Euler` by default, `none` for nothing",
        ),
        Key::once(
            "nonlin",
            "nonlin = Relu",
            "what `nonlin` runs, unless an area has its own; `Relu` by default, `none` for nothing",
        ),
        Key::once(
            "dynamics",
            "dynamics(dt = 2.0, tau = 5.0)",
            "time constants in ms: `dt`, `tau`, `t_feedforward`, `t_recurrence`, `t_skip`, `t_feedback`",
        ),
        Key::once("retina", "retina = Retina<3, 16>", "a layer that a frame goes through before the first area"),
        Key::once(
            "adaption",
            "adaption = InputAdaption",
            "a solver through which frames go first, with the frame as its state; the responses have it as `input`",
        ),
        Key::once("crate", "crate = ::dynvision", "the path of the library, where it is reached through another crate"),
    ],
};

/// In `dynamics(..)`.
pub(crate) const DYNAMICS: Keys = Keys {
    owner: "`dynamics`",
    known: &[
        Key::once("dt", "dt = 2.0", "the time step"),
        Key::once("tau", "tau = 5.0", "the time constant of every area that has none of its own"),
        Key::once("t_feedforward", "t_feedforward = 0.0", "the delay from an area to the next"),
        Key::once("t_recurrence", "t_recurrence = 6.0", "the delay of a recurrence, at least one step"),
        Key::once("t_skip", "t_skip = 0.0", "the delay of skip connections"),
        Key::once("t_feedback", "t_feedback = 30.0", "the delay of feedback connections, at least one step"),
    ],
};

const SKIP_KEY: Key = Key::once("skip", "skip(from = v1)", "a connection from an earlier area; once for each source")
    .many()
    .run_by("skip");

/// In `#[area(..)]`.
pub(crate) const AREA: Keys = Keys {
    owner: "`#[area]`",
    known: &[
        Key::once(
            "from",
            "from = v1",
            "what it gets: an earlier area's output, `input`, a later area's past by `feedback(v2)`, or several of these as \
             `[v1, feedback(v2)]`, one beside the other; the area before it by default",
        ),
        SKIP_KEY,
        Key::once("feedback", "feedback(from = it)", "a connection from a later area; once for each source")
            .many()
            .run_by("feedback"),
        Key::once("pool", "pool = MaxPool2d<3, 2, 1>", "pooling").run_by("pool"),
        Key::once("norm", "norm = GroupNorm<32, 64>", "a normalisation").applied(),
        Key::once("nonlin", "nonlin = Relu", "in place of the model's; `none` switches the operation off here")
            .run_by("nonlin"),
        Key::once("supralin", "supralin = SupraLinearity", "a power law").applied().again(),
        Key::once("solver", "solver = Euler", "in place of the model's; `none` switches the operation off here")
            .run_by("tstep"),
        Key::once(
            "addext",
            "addext",
            "the area takes currents that a stimulus injects; `addext = Type` for another such operation",
        )
        .run_by("addext"),
        Key::once("apply", "apply(gain = Gain<36>)", "an operation of your own, run where `gain` stands in the order")
            .many(),
        Key::once("operations", "operations = [layer, tstep, nonlin, record, delay]", "an order of its own"),
        Key::once("tau", "tau = 5.0", "a time constant of its own, in ms"),
        Key::once("t_feedforward", "t_feedforward = 0.0", "a delay to the next area of its own, in ms"),
        Key::once("t_recurrence", "t_recurrence = 6.0", "a delay of its recurrence, in ms"),
    ],
};

const LINK: &[Key] = &[
    Key::once("from", "from = v1", "the source. Required"),
    Key::once("delay", "delay = 2.0", "a delay in place of the model's, in ms"),
    Key::once("kernel", "kernel = 3", "the kernel of its convolution; 1 by default"),
    Key::once("stride", "stride = 2", "the stride of its convolution; 1 by default"),
    Key::once("integration", "integration = Multiplicative", "how it meets the signal; by a sum by default"),
    Key::once("options", "options = NoBias<ConnectionNormal>", "the options of its convolution"),
    Key::once(
        "via",
        "via = ConvTranspose2d<64, 32>",
        "what stands on the connection, in place of its convolution and resizing",
    ),
    Key::once("force_conv", "force_conv", "a convolution even where the channels agree"),
];
/// In `skip(..)`.
pub(crate) const SKIP: Keys = Keys { owner: "`skip`", known: LINK };
/// In `feedback(..)`.
pub(crate) const FEEDBACK: Keys = Keys { owner: "`feedback`", known: LINK };
/// In `#[readout(..)]`.
pub(crate) const READOUT: Keys = Keys {
    owner: "`#[readout]`",
    known: &[Key::once("from", "from = v1", "the area whose output it reads; the last one by default"), SKIP_KEY],
};

/// The key of this name, and where it stands: for a key that is given in the wrong place.
pub(crate) fn home(name: &str) -> Option<(&'static Key, &'static str)> {
    const PLACES: [(&Keys, &str); 4] = [
        (&AREA, "`#[area(..)]`"),
        (&MODEL, "`#[dyn_model(..)]`"),
        (&DYNAMICS, "`dynamics(..)` of `#[dyn_model(..)]`"),
        (&SKIP, "`skip(..)` or `feedback(..)`"),
    ];
    PLACES.iter().find_map(|(keys, place)| Some((keys.known.iter().find(|key| key.name == name)?, *place)))
}
