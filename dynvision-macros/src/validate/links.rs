//! Connections between areas.

use super::{
    fields::{Areas, Readout},
    names,
};
use crate::{
    errors::Errors,
    model::Direction,
    parse::LinkKeys,
    suggest::{did_you_mean, listed},
};
use syn::{Ident, ext::IdentExt};

/// The connections that hold.
pub(crate) struct Links {
    pub(crate) areas: Vec<OfArea>,
    pub(crate) readouts: Vec<Vec<LinkKeys>>,
}

/// Those into one area.
pub(crate) struct OfArea {
    pub(crate) skips: Vec<LinkKeys>,
    pub(crate) feedbacks: Vec<LinkKeys>,
}

/// Where a connection ends.
struct LinkEnd<'a> {
    name: &'a Ident,
    /// Its place among the areas; the readout stands after all.
    at: usize,
    direction: Direction,
}

/// Reports every connection that breaks a rule; gives those that keep all.
pub(crate) fn check_links(areas: &Areas, readouts: &[Readout], errors: &mut Errors) -> Links {
    let names = names(areas);
    let mut check = |links: &[LinkKeys], name, at, direction| {
        let end = LinkEnd { name, at, direction };
        let holds = |(i, link): &(usize, &LinkKeys)| end.check(link, &links[..*i], &names, errors);
        links.iter().enumerate().filter(holds).map(|(_, link)| resolved(link, areas)).collect::<Vec<_>>()
    };
    Links {
        areas: (areas.iter().enumerate())
            .map(|(at, area)| OfArea {
                skips: check(&area.keys.skips, &area.name, at, Direction::Skip),
                feedbacks: check(&area.keys.feedbacks, &area.name, at, Direction::Feedback),
            })
            .collect(),
        readouts: readouts.iter().map(|r| check(&r.skips, &r.name, areas.len(), Direction::Skip)).collect(),
    }
}

/// The connection with its source named as the field is: `in` and `r#in` are one area.
fn resolved(link: &LinkKeys, areas: &Areas) -> LinkKeys {
    let field = areas.iter().find(|area| area.name.unraw() == link.from.unraw());
    let from = field.map(|area| {
        let mut from = area.name.clone();
        from.set_span(link.from.span());
        from
    });
    LinkKeys { from: from.unwrap_or_else(|| link.from.clone()), ..link.clone() }
}

impl LinkEnd<'_> {
    fn check(&self, link: &LinkKeys, earlier: &[LinkKeys], names: &[String], errors: &mut Errors) -> bool {
        let Some(from) = self.check_known(link, names, errors) else { return false };
        self.check_via(link, errors);
        self.check_direction(link, from, errors) && self.check_once(link, earlier, errors)
    }

    /// What stands on a connection stands there in place of the usual convolution, so that nothing is said of that.
    fn check_via(&self, link: &LinkKeys, errors: &mut Errors) {
        let Some((key, _)) = &link.via else { return };
        let of_convolution = [
            ("kernel", link.kernel.is_some()),
            ("stride", link.stride.is_some()),
            ("options", link.options.is_some()),
            ("force_conv", link.force_conv),
        ];
        if let Some((other, _)) = of_convolution.into_iter().find(|(_, given)| *given) {
            let (kind, into) = (self.direction.word(), self.name.unraw());
            errors.at(
                key.span(),
                format!(
                    "the {kind} into `{into}` goes `via` a part of its own, which has no use for `{other}`; remove one of the two"
                ),
            );
        }
    }

    /// A connection comes from an area of this model.
    fn check_known(&self, link: &LinkKeys, names: &[String], errors: &mut Errors) -> Option<usize> {
        let (from, into, kind) = (link.from.unraw().to_string(), self.name.unraw(), self.direction.word());
        let at = names.iter().position(|name| *name == from);
        if at.is_none() {
            let fitting = match self.direction {
                Direction::Skip => &names[..self.at],
                Direction::Feedback => &names[(self.at + 1).min(names.len())..],
            };
            let near = did_you_mean(&from, fitting.iter().map(String::as_str));
            let hint = match near.is_empty() {
                false => near,
                true if fitting.is_empty() => String::new(),
                true => format!("; it can come from {}", listed(fitting)),
            };
            errors.at(
                link.from.span(),
                format!("{kind} into `{into}` from `{from}`, which is no area of this model{hint}"),
            );
        }
        at
    }

    /// A skip comes from an earlier area, a feedback from a later one.
    fn check_direction(&self, link: &LinkKeys, from: usize, errors: &mut Errors) -> bool {
        let (name, into) = (link.from.unraw(), self.name.unraw());
        let message = match (self.direction, from.cmp(&self.at)) {
            (Direction::Skip, std::cmp::Ordering::Less) | (Direction::Feedback, std::cmp::Ordering::Greater) => {
                return true;
            }
            (direction, std::cmp::Ordering::Equal) => {
                let kind = direction.word();
                format!(
                    "{kind} into `{into}` from itself; what an area sends to itself is the recurrence of its layer, as in `RConv2d<.., Full>`"
                )
            }
            (Direction::Skip, _) => format!(
                "skip into `{into}` must come from an earlier area, but `{name}` comes after it; did you mean `feedback(from = {name})`?"
            ),
            (Direction::Feedback, _) => format!(
                "feedback into `{into}` must come from a later area, but `{name}` comes before it; did you mean `skip(from = {name})`?"
            ),
        };
        errors.at(link.from.span(), message);
        false
    }

    /// Two areas have one connection of a kind.
    fn check_once(&self, link: &LinkKeys, earlier: &[LinkKeys], errors: &mut Errors) -> bool {
        let twice = earlier.iter().any(|other| other.from.unraw() == link.from.unraw());
        if twice {
            let (kind, from, into) = (self.direction.word(), link.from.unraw(), self.name.unraw());
            errors.at(link.from.span(), format!("`{into}` has a {kind} from `{from}` already; each is given once"));
        }
        !twice
    }
}
