//! What areas and readouts get.

use super::{
    fields::{Areas, Readout},
    links::Links,
    names,
};
use crate::{
    errors::Errors,
    parse::{Args, From},
    suggest::{did_you_mean, listed},
};
use proc_macro2::Span;
use syn::{Ident, ext::IdentExt};

/// What an area gets, with the names resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Frame,
    /// By its number among what stands beside the frame.
    Beside(usize),
    Area(usize),
    /// The past of an area, and how the area is named.
    Past(usize, Ident),
}

/// The sources that hold.
pub(crate) struct Sources {
    /// Of each area; none where that is what comes before it.
    pub(crate) areas: Vec<Vec<Source>>,
    pub(crate) readouts: Vec<Vec<Source>>,
    /// The areas and readouts, one after the other, of whose sources something is wrong: what they get is not known.
    unknown: Vec<bool>,
}

impl Sources {
    /// Whether it is not known what the area gets.
    pub(crate) fn unknown_of_area(&self, at: usize) -> bool {
        self.unknown.get(at).copied().unwrap_or_default()
    }

    /// Whether it is not known what the readout gets.
    pub(crate) fn unknown_of_readout(&self, at: usize) -> bool {
        self.unknown_of_area(self.areas.len() + at)
    }
}

/// Reports every source that breaks a rule; gives those that hold, where they are not simply what comes before.
pub(crate) fn check_sources(
    args: &Args,
    areas: &Areas,
    readouts: &[Readout],
    links: &Links,
    errors: &mut Errors,
) -> Sources {
    let known = Known { areas: names(areas), inputs: inputs(args) };
    let of_area = |(at, area): (usize, &super::fields::AreaField), errors: &mut Errors| {
        let sources = known.check(at, &area.name, &area.keys.from, errors);
        let fed_back = |source: &Source| matches!(source, Source::Past(_, name) if links.areas[at].feedbacks.iter().any(|link| link.from.unraw() == name.unraw()));
        if let Some(Source::Past(_, from)) = sources.iter().find(|source| fed_back(source)) {
            let message =
                format!("`{}` has a feedback from `{}` already; each is given once", area.name.unraw(), from.unraw());
            errors.at(from.span(), message);
        }
        sources
    };
    let mut all = Sources { areas: Vec::new(), readouts: Vec::new(), unknown: Vec::new() };
    for area in areas.iter().enumerate() {
        let before = errors.len();
        all.areas.push(of_area(area, errors));
        all.unknown.push(errors.len() > before);
    }
    for readout in readouts {
        let before = errors.len();
        all.readouts.push(known.check(areas.len(), &readout.name, &readout.from, errors));
        all.unknown.push(errors.len() > before);
    }
    let before = errors.len();
    check_sizes(areas, &mut all, errors);
    if errors.len() == before {
        check_all_seen(args, areas, readouts, links, &all, &known, errors);
    }
    all
}

/// The names of the inputs, if they have some; the first is the frame.
fn inputs(args: &Args) -> Vec<String> {
    args.inputs.iter().flat_map(|(_, inputs)| inputs).map(|input| input.name.unraw().to_string()).collect()
}

/// What can be named.
struct Known {
    areas: Vec<String>,
    inputs: Vec<String>,
}

impl Known {
    fn check(&self, at: usize, name: &Ident, from: &[From], errors: &mut Errors) -> Vec<Source> {
        let mut sources = Vec::new();
        for from in from {
            let Some(source) = self.check_source(at, name, from, errors) else { continue };
            if sources.contains(&source) {
                let (name, twice) = (name.unraw(), from.name.unraw());
                errors.at(from.name.span(), format!("`{name}` gets `{twice}` twice; each source is given once"));
            } else {
                sources.push(source);
            }
        }
        let usual = match at {
            0 => Source::Frame,
            at => Source::Area(at - 1),
        };
        if sources == [usual] { Vec::new() } else { sources }
    }

    /// A source is an input, an earlier area, or the past of a later one.
    fn check_source(&self, at: usize, name: &Ident, from: &From, errors: &mut Errors) -> Option<Source> {
        let (name, text) = (name.unraw(), from.name.unraw().to_string());
        let input = match self.inputs.is_empty() {
            true => (text == "input").then_some(0),
            false => self.inputs.iter().position(|known| *known == text),
        };
        let area = self.areas.iter().position(|known| *known == text);
        let message = match (input, area, from.is_past) {
            (Some(_), _, true) => format!("`{text}` has no past; write `from = {text}`"),
            (Some(0), _, false) => return Some(Source::Frame),
            (Some(input), _, false) => return Some(Source::Beside(input - 1)),
            (_, Some(source), true) if source > at => return Some(Source::Past(source, from.name.clone())),
            (_, Some(source), false) if source < at => return Some(Source::Area(source)),
            (_, Some(source), _) if source == at => format!(
                "`{name}` cannot get its input from itself; what an area sends to itself is the recurrence of its layer"
            ),
            (_, Some(_), true) => format!(
                "`{name}` gets the past of `{text}`, which comes before it and has its answer of this step; write `from = {text}`"
            ),
            (_, Some(_), false) => format!(
                "`{name}` cannot get its input from `{text}`, which comes after it; declare `{name}` after `{text}`, or get its past, by \
                 `from = feedback({text})`"
            ),
            (None, None, is_past) => {
                let fitting: Vec<String> = match is_past {
                    true => self.areas[(at + 1).min(self.areas.len())..].to_vec(),
                    false => self.areas[..at].iter().chain(&self.inputs).cloned().collect(),
                };
                let near = did_you_mean(&text, fitting.iter().map(String::as_str));
                let hint = match near.is_empty() {
                    false => near,
                    true if fitting.is_empty() => "; the first area gets the frame".into(),
                    true => format!("; it can be {}", listed(&fitting)),
                };
                let what = if self.inputs.is_empty() { "no area" } else { "no area and no input" };
                format!("`{name}` gets its input from `{text}`, which is {what} of this model{hint}")
            }
        };
        errors.at(from.name.span(), message);
        None
    }
}

/// The size of an area's map is that of its first source, which must not come from the area itself again.
fn check_sizes(areas: &Areas, all: &mut Sources, errors: &mut Errors) {
    let mut circles = Vec::new();
    let sized_by = |at: usize| match (all.areas[at].first(), at.checked_sub(1)) {
        (Some(Source::Area(from) | Source::Past(from, _)), _) => Some(*from),
        (None, before) => before,
        (Some(Source::Frame | Source::Beside(_)), _) => None,
    };
    for at in 0..areas.len() {
        let mut way = vec![at];
        while let Some(from) = sized_by(way[way.len() - 1]).filter(|from| !way.contains(from)) {
            way.push(from);
        }
        // said once, at the first area of the circle
        if sized_by(way[way.len() - 1]) == Some(at) && way.iter().all(|&other| other >= at) {
            let circle: Vec<String> = way.iter().map(|&at| areas[at].name.unraw().to_string()).collect();
            let span = areas[at].keys.from.first().map_or_else(Span::call_site, |from| from.name.span());
            let message = format!(
                "the sizes of {} come from each other: an area has the size of its first source; put another one first",
                listed(&circle)
            );
            errors.at(span, message);
            circles.push(at);
        }
    }
    for at in circles {
        // the rest of the model has sizes all the same
        all.areas[at].clear();
        all.unknown[at] = true;
    }
}

/// What is shown or sent is seen: by the next area or a readout, by what names it, or by a connection.
fn check_all_seen(
    args: &Args,
    areas: &Areas,
    readouts: &[Readout],
    links: &Links,
    all: &Sources,
    known: &Known,
    errors: &mut Errors,
) {
    let named = |wanted: &dyn Fn(&Source) -> bool| all.areas.iter().chain(&all.readouts).flatten().any(wanted);
    let links = || {
        links
            .areas
            .iter()
            .flat_map(|area| area.skips.iter().chain(&area.feedbacks))
            .chain(links.readouts.iter().flatten())
    };
    for at in 0..areas.len() {
        let mut readers = readouts.iter().zip(&all.readouts);
        let (next, goes_on, key) = match areas.get(at + 1) {
            Some(next) => (next.name.unraw().to_string(), all.areas[at + 1].is_empty(), next.keys.from.first()),
            None => match readers.find(|(_, sources)| !sources.is_empty()) {
                Some((reader, _)) => {
                    (reader.name.unraw().to_string(), all.readouts.iter().any(Vec::is_empty), reader.from.first())
                }
                None => continue,
            },
        };
        let is_named = named(&|source| matches!(source, Source::Area(from) | Source::Past(from, _) if *from == at));
        let unseen = &known.areas[at];
        if goes_on || is_named || links().any(|link| link.from.unraw() == unseen) {
            continue;
        }
        errors.at(
            key.map_or_else(Span::call_site, |from| from.name.span()),
            format!(
                "nothing sees what `{unseen}` sends, since `{next}` gets its input elsewhere; let it be the source of an area or of a \
                 connection, as in `#[readout(skip(from = {unseen}))]`"
            ),
        );
    }
    let first_gets_it = all.areas.first().is_none_or(Vec::is_empty);
    if !first_gets_it && !named(&|source| *source == Source::Frame) && !areas.is_empty() {
        let (first, frame) = (&areas[0], known.inputs.first().map_or("input", String::as_str));
        let span = first.keys.from.first().map_or_else(Span::call_site, |from| from.name.span());
        let message = format!(
            "nothing sees the frame, since `{}` gets its input elsewhere; let an area get it, as in `#[area(from = {frame})]`",
            first.name.unraw()
        );
        errors.at(span, message);
    }
    for (number, input) in args.inputs.iter().flat_map(|(_, inputs)| inputs.iter().skip(1)).enumerate() {
        let is_second = known.inputs[..=number].iter().any(|earlier| input.name.unraw() == earlier);
        if !is_second && !named(&|source| *source == Source::Beside(number)) {
            let name = input.name.unraw();
            errors.at(
                input.name.span(),
                format!("nothing sees the input `{name}`; let an area get it, as in `#[area(from = {name})]`"),
            );
        }
    }
}
