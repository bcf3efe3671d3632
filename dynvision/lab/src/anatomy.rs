//! What a model is made of: its areas, links and parameters, by name.

use serde::Serialize;

/// The parts of a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Anatomy {
    /// The name of the model.
    pub name: String,
    /// Channels, rows and columns of a frame.
    pub frame: [usize; 3],
    /// Classes of the readout.
    pub classes: usize,
    /// The areas in the order in which they answer; an adaption of the input comes first, as `input`.
    pub areas: Vec<AreaInfo>,
    /// Skips and feedback.
    pub links: Vec<LinkInfo>,
    /// The parameters in the order of the model.
    pub parameters: Vec<Parameter>,
}

/// An area.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AreaInfo {
    /// Its name.
    pub name: String,
    /// Channels, rows and columns of its answer.
    pub shape: [usize; 3],
    /// Its operations, in their order.
    pub operations: Vec<String>,
}

impl AreaInfo {
    /// Number of units.
    pub fn units(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A skip or a feedback connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkInfo {
    /// Its name, such as `v4_skip_v1`.
    pub name: String,
    /// Whether it is a skip or feedback.
    pub kind: Connection,
    /// The area that it comes from.
    pub from: String,
    /// The area that it goes into; none for the readout.
    pub into: Option<String>,
}

/// A type of connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Connection {
    /// From the area before, or the frame.
    Feedforward,
    /// From the area itself, of an earlier step.
    Recurrence,
    /// From an earlier area, past those between.
    Skip,
    /// From a later area, of an earlier step.
    Feedback,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Its path, such as `v1.conv.weight`.
    pub name: String,
    /// Its sizes.
    pub sizes: Vec<usize>,
    /// What it belongs to.
    pub role: Role,
}

/// What a parameter belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The feedforward part of an area.
    Feedforward {
        /// The area.
        into: String,
    },
    /// The recurrence of an area.
    Recurrence {
        /// The area.
        area: String,
    },
    /// A skip or feedback connection.
    Link {
        /// Its name.
        link: String,
    },
    /// Another operation of an area, such as a norm.
    Operation {
        /// The area.
        area: String,
    },
    /// The readout.
    Readout,
}

impl Parameter {
    /// Whether it multiplies what comes in: a weight, not a bias.
    pub fn is_weight(&self) -> bool {
        self.name.rsplit('.').next().is_some_and(|last| last.starts_with("weight"))
    }

    /// Whether it only turns the weight, whose length another parameter says (weight normalisation): to scale it changes
    /// nothing.
    pub fn is_direction(&self) -> bool {
        self.name.ends_with(".weight_v")
    }

    /// The map that it belongs to: its path without the last part.
    pub fn map(&self) -> &str {
        self.name.rsplit_once('.').map_or("", |(map, _)| map)
    }
}

impl Anatomy {
    /// An area by name, with its number.
    pub fn area(&self, name: &str) -> Option<(usize, &AreaInfo)> {
        self.areas.iter().enumerate().find(|(_, area)| area.name == name)
    }

    /// The area after this one in the feedforward order; none after the last, which the readout reads.
    pub fn next(&self, name: &str) -> Option<&AreaInfo> {
        let (number, _) = self.area(name)?;
        self.areas.get(number + 1)
    }

    /// The role of a parameter by its path.
    pub(crate) fn role(areas: &[AreaInfo], links: &[LinkInfo], path: &str) -> Role {
        let mut parts = path.split('.');
        let (field, part) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let names = |link: &&LinkInfo| {
            link.name == field || (link.into.is_none() && field.ends_with(&format!("_skip_{}", link.from)))
        };
        if let Some(link) = links.iter().find(names) {
            return Role::Link { link: link.name.clone() };
        }
        match areas.iter().find(|area| area.name == field) {
            Some(area) if part == "recurrence" => return Role::Recurrence { area: area.name.clone() },
            Some(area) if area.operations.is_empty() => return Role::Operation { area: area.name.clone() },
            Some(area) => return Role::Feedforward { into: area.name.clone() },
            None => {}
        }
        let of = |area: &&AreaInfo| field.strip_prefix(area.name.as_str()).is_some_and(|rest| rest.starts_with('_'));
        match areas.iter().filter(of).max_by_key(|area| area.name.len()) {
            Some(area) => Role::Operation { area: area.name.clone() },
            None => Role::Readout,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_what_a_parameter_belongs_to() {
        let area = |name: &str| AreaInfo { name: name.into(), shape: [1; 3], operations: vec!["layer".into()] };
        let areas = [area("v1"), area("v1_deep")];
        let link =
            LinkInfo { name: "v1_feedback_v2".into(), kind: Connection::Feedback, from: "v2".into(), into: None };
        let role = |path: &str| Anatomy::role(&areas, std::slice::from_ref(&link), path);
        assert_eq!(role("v1.conv.weight"), Role::Feedforward { into: "v1".into() });
        assert_eq!(role("v1.recurrence.pointwise.bias"), Role::Recurrence { area: "v1".into() });
        assert_eq!(role("v1_feedback_v2.conv.weight"), Role::Link { link: "v1_feedback_v2".into() });
        assert_eq!(role("v1_norm.weight"), Role::Operation { area: "v1".into() });
        assert_eq!(role("v1_deep_norm.weight"), Role::Operation { area: "v1_deep".into() });
        assert_eq!(role("classifier.weight"), Role::Readout);
    }
}
