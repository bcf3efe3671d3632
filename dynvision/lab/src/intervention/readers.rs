//! Who hears an area: the next one, the area itself, skips, feedback, the readout.

use crate::anatomy::{Anatomy, LinkInfo, Parameter, Role};
use dynvision::time::Dynamics;

/// Operations that may stand between an area's answer and those who hear it: they scale with the answer.
const HOMOGENEOUS: [&str; 3] = ["record", "delay", "pool"];

/// Refuses an area that the model does not have, or whose answer is changed by more than scaling before it is heard.
pub(super) fn check(model: &Anatomy, name: &str) -> Result<(), String> {
    let Some((_, area)) = model.area(name).filter(|(_, area)| !area.operations.is_empty()) else {
        let areas: Vec<&str> = model.areas.iter().map(|area| area.name.as_str()).collect();
        return Err(format!("the model has no area `{name}`; its areas are {}", areas.join(", ")));
    };
    let after = area.operations.iter().skip_while(|operation| *operation != "record");
    match after.map(String::as_str).find(|operation| !HOMOGENEOUS.contains(operation)) {
        Some(operation) => Err(format!(
            "between the answer of `{name}` and those who hear it stands `{operation}`, so that to scale what they hear does \
             not scale the answer; put it before `record` in the order of operations"
        )),
        None => Ok(()),
    }
}

/// Whether this parameter is a weight that multiplies what `area` answered.
pub(super) fn hears(model: &Anatomy, area: &str, parameter: &Parameter) -> bool {
    if !parameter.is_weight() {
        return false;
    }
    let first_of = |path: &str| {
        // of several maps in a row the first in the model's order is the one that hears
        let maps = model.parameters.iter().filter(|p| p.is_weight() && p.role == parameter.role);
        maps.map(Parameter::map).next() == Some(path)
    };
    match &parameter.role {
        Role::Feedforward { into } => {
            model.next(area).is_some_and(|next| next.name == *into) && first_of(parameter.map())
        }
        // in which order two maps of a recurrence run is not known; what comes in scales with either
        Role::Recurrence { area: own } => own == area && first_of(parameter.map()),
        Role::Link { link } => {
            model.links.iter().any(|l| l.name == *link && l.from == area) && first_of(parameter.map())
        }
        Role::Readout => model.next(area).is_none() && first_of(parameter.map()),
        Role::Operation { .. } => false,
    }
}

/// The links from an area that have no weights of their own.
pub(super) fn bare<'a>(model: &'a Anatomy, area: &'a str) -> impl Iterator<Item = &'a LinkInfo> {
    let has = |link: &LinkInfo| model.parameters.iter().any(|p| p.role == Role::Link { link: link.name.clone() });
    model.links.iter().filter(move |link| link.from == area && !has(link))
}

/// Silences a link without weights: its delay becomes longer than any run that is laid out.
pub(super) fn sever(link: &LinkInfo, dynamics: &mut Dynamics) {
    dynamics.links.insert(link.name.clone(), LONGEST * dynamics.dt);
}

/// The longest delay that a plan takes, in steps.
const LONGEST: f64 = 1_048_576.0;
