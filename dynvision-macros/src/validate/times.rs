//! Time constants, as far as they are literals. (Other const expressions are checked when the model is built.)

use super::fields::{AreaField, Areas, Readout};
use crate::{
    errors::Errors,
    parse::{Args, LinkKeys, Time},
    rule::{self, is_multiple},
};

const DELAYS: [(&str, f64); 4] = [
    ("t_feedforward", rule::T_FEEDFORWARD),
    ("t_recurrence", rule::T_RECURRENCE),
    ("t_skip", rule::T_SKIP),
    ("t_feedback", rule::T_FEEDBACK),
];

/// Where a delay stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Feedback,
    Other,
}

/// Times are positive, delays not negative and multiples of dt.
pub(crate) fn check_times(args: &Args, areas: &Areas, readouts: &[Readout], errors: &mut Errors) {
    let dt = dt(args);
    let delays = |links: &[LinkKeys], whose| {
        links.iter().filter_map(|link| link.delay.clone()).map(|time| (time, whose)).collect::<Vec<_>>()
    };
    let of_links = areas
        .iter()
        .flat_map(|area| [delays(&area.keys.skips, Whose::Other), delays(&area.keys.feedbacks, Whose::Feedback)]);
    let of_links = of_links.chain(readouts.iter().map(|readout| delays(&readout.skips, Whose::Other))).flatten();
    let of_areas = areas.iter().flat_map(|area| &area.keys.times);
    let others = args.dynamics.iter().chain(of_areas).map(|time| (time.clone(), Whose::Other));
    for (time, whose) in others.chain(of_links) {
        if check_sign(&time, whose, errors) && time.name != "dt" && time.name != "tau" {
            check_multiple(&time, dt, errors);
        }
    }
    check_defaults(args, areas, errors);
}

/// A time as people write it: not with hundreds of zeros.
fn shown(ms: f64) -> String {
    if ms != 0.0 && !(1e-6..1e15).contains(&ms.abs()) { format!("{ms:e}") } else { ms.to_string() }
}

/// The time step, where it is known.
fn dt(args: &Args) -> Option<f64> {
    match args.dynamics.iter().find(|time| time.name == "dt") {
        Some(time) => time.literal,
        None => Some(rule::DT),
    }
    .filter(|dt| *dt > 0.0)
}

/// `dt` and `tau` are positive; a delay is not negative, and that of a recurrence or feedback not 0.
fn check_sign(time: &Time, whose: Whose, errors: &mut Errors) -> bool {
    let (name, Some(ms)) = (&time.name, time.literal) else { return true };
    let constant = name == "dt" || name == "tau";
    let message = match ms {
        _ if constant && ms <= 0.0 => format!("`{name}` must be positive, but it is {} ms", shown(ms)),
        _ if ms < 0.0 => format!("`{name}` cannot be negative, but it is {} ms", shown(ms)),
        _ if ms == 0.0 && (whose == Whose::Feedback || name == "t_recurrence" || name == "t_feedback") => format!(
            "`{name}` must be at least one step of dt, but it is 0 ms: what reads the state of a later area or its own sees an earlier step"
        ),
        _ => return true,
    };
    errors.over(&time.expr, message);
    false
}

/// A delay is a whole number of steps.
fn check_multiple(time: &Time, dt: Option<f64>, errors: &mut Errors) {
    let (name, Some(ms), Some(dt)) = (&time.name, time.literal, dt) else { return };
    if ms / dt > rule::MOST_STEPS {
        let (most, ms, dt) = (rule::MOST_STEPS, shown(ms), shown(dt));
        errors.over(&time.expr, format!("`{name}` = {ms} ms is more than {most} steps of dt = {dt} ms, and a model keeps no more; give a shorter one"));
    } else if !is_multiple(ms, dt) {
        let steps = (ms / dt).floor();
        let [below, above, ms, dt] = [steps * dt, (steps + 1.0) * dt, ms, dt].map(shown);
        errors.over(
            &time.expr,
            format!("`{name}` = {ms} ms is no multiple of dt = {dt} ms; the nearest are {below} ms and {above} ms"),
        );
    }
}

/// A `dt` of one's own divides the delays that are in use and left at their defaults.
fn check_defaults(args: &Args, areas: &Areas, errors: &mut Errors) {
    let Some(dt) = args.dynamics.iter().find(|time| time.name == "dt") else { return };
    let Some(ms) = dt.literal.filter(|ms| *ms > 0.0) else { return };
    let left = DELAYS.iter().filter(|(name, default)| {
        let given = args.dynamics.iter().any(|time| time.name == name);
        !given && !is_multiple(*default, ms) && areas.iter().any(|area| area.uses(name))
    });
    let left: Vec<String> = left.map(|(name, default)| format!("`{name} = {default}`")).collect();
    if !left.is_empty() {
        let (left, ms) = (left.join(" and "), shown(ms));
        errors.over(&dt.expr, format!("dt = {ms} ms does not divide the default {left}; give a multiple of dt"));
    }
}

impl AreaField {
    /// Whether a delay of the model matters to this area.
    fn uses(&self, delay: &str) -> bool {
        let link = |links: &[LinkKeys]| links.iter().any(|link| link.delay.is_none());
        match delay {
            "t_skip" => link(&self.keys.skips),
            "t_feedback" => link(&self.keys.feedbacks) || self.keys.from.iter().any(|from| from.is_past),
            own => !self.keys.times.iter().any(|time| time.name == own),
        }
    }
}
