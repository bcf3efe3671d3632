//! A model at a glance: a table of its areas.

use crate::parameters::Parameter;
use crate::time::{Plan, Wiring};
use std::fmt;

/// The areas of a model with shapes, operations, parameters and cost; shown as a table.
#[derive(Clone, Debug)]
pub struct Summary {
    wiring: Wiring,
    parameters: Vec<Parameter>,
    plan: Option<Plan>,
}

impl Summary {
    /// Of a model with this wiring, these parameters, and, if its times are valid, this plan.
    pub fn new(wiring: Wiring, parameters: Vec<Parameter>, plan: Option<Plan>) -> Self {
        Summary { wiring, parameters, plan }
    }

    /// Number of elements of all tensors, and of those that are trained.
    pub fn parameters(&self) -> (usize, usize) {
        let all = self.parameters.iter().map(Parameter::len).sum();
        let trained = self.parameters.iter().filter(|p| p.trained).map(Parameter::len).sum();
        (all, trained)
    }

    /// Elements of the tensors that belong to a field: its own, and those of its connections, solver and operations.
    fn of_field(&self, field: &str) -> usize {
        let own = |name: &str| {
            let head = name.split('.').next().unwrap_or(name);
            head == field || head.strip_prefix(field).is_some_and(|rest| rest.starts_with('_') && !self.is_field(head))
        };
        self.parameters.iter().filter(|p| own(&p.name)).map(Parameter::len).sum()
    }

    fn is_field(&self, head: &str) -> bool {
        self.wiring.areas.iter().any(|area| area.name == head)
    }

    /// Multiplications of one step of one image in the convolutions of area number `area`, each weight at each place of
    /// the area's answer. An estimate: a two-stage layer's first stage may be larger.
    pub fn multiplications(&self, area: usize) -> usize {
        let Some(area) = self.wiring.areas.get(area) else { return 0 };
        let places = area.response.h * area.response.w;
        let prefix = format!("{}.", area.name);
        let weights = self.parameters.iter().filter(|p| p.name.starts_with(&prefix) && p.shape.len() == 4);
        weights.map(|p| p.len() * places).sum()
    }

    fn rows(&self) -> Vec<[String; 7]> {
        let mut rows =
            vec![["area", "layer", "input", "response", "output", "parameters", "M mult/step"].map(String::from)];
        let mut counted = 0;
        for (i, area) in self.wiring.areas.iter().enumerate() {
            let parameters = self.of_field(area.name);
            counted += parameters;
            rows.push([
                area.name.into(),
                short(area.layer),
                area.input.to_string(),
                area.response.to_string(),
                area.output.to_string(),
                grouped(parameters),
                format!("{:.1}", self.multiplications(i) as f64 / 1e6),
            ]);
        }
        let rest = self.parameters().0 - counted;
        rows.push(["readout", "", "", "", "", &grouped(rest), ""].map(String::from));
        rows
    }
}

/// A type without the paths of its names and the braces of its constants: `a::Conv<{ 3 }>` as `Conv<3>`.
fn short(layer: &str) -> String {
    let mut out = String::new();
    for c in layer.chars().filter(|c| !matches!(c, '{' | '}')) {
        out.push(c);
        if out.ends_with("::") {
            let name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | ':');
            out.truncate(out.trim_end_matches(name).len());
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ").replace("< ", "<").replace(" ,", ",").replace(" >", ">")
}

/// `1164950` as `1,164,950`.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        writeln!(f, "{} on {}", self.wiring.name, self.wiring.input)?;
        for row in &rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = width(column);
                line += &if column < 5 { format!("{cell:<width$}  ") } else { format!("{cell:>width$}  ") };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        for area in self.wiring.areas {
            writeln!(f, "{}: {}", area.name, area.operations.join(", "))?;
        }
        if let Some(plan) = &self.plan {
            for (link, updates) in self.wiring.links.iter().zip(&plan.links) {
                writeln!(f, "{}: reads its source's update {updates} (1 is the newest)", link.name(&self.wiring))?;
            }
        }
        let (all, trained) = self.parameters();
        write!(f, "{} parameters, {} trained", grouped(all), grouped(trained))
    }
}

#[cfg(test)]
mod tests {
    use super::{grouped, short};

    #[test]
    fn layers_are_shown_as_a_reader_would_write_them() {
        assert_eq!(short("$crate::nn::RConv2d<{ 3 }, 36, 3, 1, R>"), "RConv2d<3, 36, 3, 1, R>");
        assert_eq!(
            short("RConv2d<36, 64, 3, 1, nn::Full<nn::OwnKernel<5>>>"),
            "RConv2d<36, 64, 3, 1, Full<OwnKernel<5>>>"
        );
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([0, 999, 1000, 1164950].map(grouped), ["0", "999", "1,000", "1,164,950"]);
    }
}
