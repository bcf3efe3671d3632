//! A type of connection, scaled or silenced.

use super::{Intervention, When};
use crate::anatomy::{Anatomy, Connection, LinkInfo, Parameter, Role};
use dynvision::protocol::Duration;
use dynvision::time::Dynamics;
use serde::Deserialize;
use std::collections::BTreeSet;

/// Scales what connections of a type contribute, before it is integrated: bias and all, so that 0 silences it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScaleConnection {
    /// The type.
    of: Connection,
    /// The factor.
    pub(super) scale: f64,
    /// Only those from this area.
    #[serde(default)]
    from: Option<String>,
    /// Only those into this area.
    #[serde(default)]
    into: Option<String>,
    #[serde(default)]
    start: Option<Duration>,
    #[serde(default)]
    end: Option<Duration>,
}

impl ScaleConnection {
    fn is_of(&self, from: Option<&str>, into: Option<&str>) -> bool {
        self.from.as_deref().is_none_or(|name| from == Some(name))
            && self.into.as_deref().is_none_or(|name| into == Some(name))
    }

    fn links<'a>(&'a self, model: &'a Anatomy) -> impl Iterator<Item = &'a LinkInfo> {
        let chosen = |link: &&LinkInfo| link.kind == self.of && self.is_of(Some(&link.from), link.into.as_deref());
        model.links.iter().filter(chosen)
    }

    fn chosen(&self, model: &Anatomy, parameter: &Parameter) -> bool {
        match &parameter.role {
            Role::Recurrence { area } => self.of == Connection::Recurrence && self.is_of(Some(area), Some(area)),
            Role::Link { link } => self.links(model).any(|chosen| chosen.name == *link),
            Role::Feedforward { into } if self.of == Connection::Feedforward => {
                let number = model.area(into).map(|(number, _)| number);
                let before = number.and_then(|n| model.areas.get(n.checked_sub(1)?)).map(|area| area.name.as_str());
                self.is_of(before, Some(into))
            }
            _ => false,
        }
    }

    /// Links that have no weights: they are silenced by a delay that is longer than the run.
    fn bare<'a>(&'a self, model: &'a Anatomy) -> impl Iterator<Item = &'a LinkInfo> {
        let has = |link: &LinkInfo| model.parameters.iter().any(|p| p.role == Role::Link { link: link.name.clone() });
        self.links(model).filter(move |link| !has(link))
    }
}

impl Intervention for ScaleConnection {
    fn when(&self) -> When {
        When { start: self.start, end: self.end }
    }

    fn check(&self, model: &Anatomy) -> Result<(), String> {
        for name in self.from.iter().chain(&self.into) {
            if model.area(name).is_none() {
                let areas: Vec<&str> = model.areas.iter().map(|area| area.name.as_str()).collect();
                return Err(format!("the model has no area `{name}`; its areas are {}", areas.join(", ")));
            }
        }
        let chosen: Vec<&Parameter> = model.parameters.iter().filter(|p| self.chosen(model, p)).collect();
        if chosen.is_empty() && self.links(model).next().is_none() {
            let ways: Vec<&str> = model.links.iter().map(|link| link.name.as_str()).collect();
            return Err(format!(
                "the model has no such connection (of = {:?}, from {:?}, into {:?}); its links are {}",
                self.of,
                self.from.as_deref().unwrap_or("anywhere"),
                self.into.as_deref().unwrap_or("anywhere"),
                if ways.is_empty() { "none".into() } else { ways.join(", ") }
            ));
        }
        if self.scale == 0. || self.scale == 1. {
            return Ok(());
        }
        if let Some(link) = self.bare(model).next() {
            return Err(format!(
                "link `{}` has no weights that could be scaled by {}; it can be silenced (scale = 0)",
                link.name, self.scale
            ));
        }
        // of two maps in a row, which is the last is not known
        let owner = |p: &Parameter| p.name.split('.').next().unwrap_or_default().to_string();
        let maps: BTreeSet<(String, &str)> = chosen.iter().map(|p| (owner(p), p.map())).collect();
        let owners: BTreeSet<&String> = maps.iter().map(|(owner, _)| owner).collect();
        if maps.len() != owners.len() {
            return Err(format!(
                "a {:?} connection of several maps in a row cannot be scaled by {}; it can be silenced (scale = 0)",
                self.of, self.scale
            ));
        }
        Ok(())
    }

    fn dynamics(&self, model: &Anatomy, dynamics: &mut Dynamics) {
        if self.scale == 0. {
            for link in self.bare(model) {
                super::readers::sever(link, dynamics);
            }
        }
    }

    fn changes(&self, model: &Anatomy, parameter: &Parameter) -> bool {
        self.scale != 1. && self.chosen(model, parameter) && (self.scale == 0. || !parameter.is_direction())
    }

    fn change(&self, _: &Anatomy, parameter: &Parameter, values: &mut [f32]) {
        // a direction of length 0 has no norm to be divided by; its length is set to 0 instead
        if !parameter.is_direction() {
            values.iter_mut().for_each(|x| *x *= self.scale as f32);
        }
    }
}
