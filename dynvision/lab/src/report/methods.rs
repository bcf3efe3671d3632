use serde::{Deserialize, Serialize};

/// What a methods paragraph states. What is not known is left out, and no sentence is written about it.
///
/// ```
/// use dynvision_lab::report::{DataFacts, Methods, Software, TrainingFacts};
///
/// let methods = Methods {
///     model: "CordsNet with full recurrence".into(),
///     areas: vec!["V1".into(), "V2".into()],
///     parameters: Some(1234),
///     dynamics: vec![("dt".into(), "2 ms".into()), ("τ".into(), "5 ms".into())],
///     data: Some(DataFacts { name: "mnist5k".into(), training: Some(4000), test: Some(1000), size: "28 × 28".into(), ..DataFacts::default() }),
///     training: Some(TrainingFacts { optimizer: "Adam".into(), epochs: Some(10), seeds: vec![0, 1, 2], ..TrainingFacts::default() }),
///     software: vec![Software { name: "dynvision".into(), version: "0.1.0".into(), citation: String::new() }],
///     ..Methods::default()
/// };
/// let text = methods.paragraph();
/// assert!(text.starts_with("The model was CordsNet with full recurrence, with 2 areas (V1, V2) and 1,234 trainable parameters."));
/// assert!(text.contains("dt = 2 ms, τ = 5 ms") && text.contains("for 10 epochs from 3 seeds (0, 1, 2)") && text.contains("dynvision 0.1.0"));
/// assert!(!text.contains("learning rate"));
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Methods {
    /// The model, as a noun.
    pub model: String,
    /// Its areas in order.
    pub areas: Vec<String>,
    /// Its skips and feedback, such as `skip from v1 into v4`.
    pub links: Vec<String>,
    /// Number of trainable parameters.
    pub parameters: Option<u64>,
    /// The models that were compared with it.
    pub other_models: Vec<ModelFacts>,
    /// What each area computes, as text.
    pub equation: String,
    /// Times and other constants of the dynamics, each with its value and unit.
    pub dynamics: Vec<(String, String)>,
    /// What it was trained on.
    pub data: Option<DataFacts>,
    /// How it was trained.
    pub training: Option<TrainingFacts>,
    /// What was shown, a clause for each experiment.
    pub experiments: Vec<String>,
    /// How numbers are given, such as the kind of interval.
    pub statistics: String,
    /// With what it was done.
    pub software: Vec<Software>,
}

/// A model beside the first of [`Methods`], which has an example.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelFacts {
    /// The model, as a noun.
    pub model: String,
    /// Its areas in order.
    pub areas: Vec<String>,
    /// Its skips and feedback.
    pub links: Vec<String>,
    /// Number of trainable parameters.
    pub parameters: Option<u64>,
}

/// The data set of [`Methods`], which has an example.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataFacts {
    /// Its name.
    pub name: String,
    /// Number of images for training.
    pub training: Option<u64>,
    /// Number of images that were held out of the training, to follow it.
    pub held_out: Option<u64>,
    /// Number of images for testing.
    pub test: Option<u64>,
    /// Size of an image, such as `28 × 28`.
    pub size: String,
    /// What was done to the images before, as clauses.
    pub preparation: String,
}

/// The training of [`Methods`], which has an example.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingFacts {
    /// The optimizer.
    pub optimizer: String,
    /// The schedule of the learning rate.
    pub learning_rate: String,
    /// The losses with their weights.
    pub loss: String,
    /// Number of epochs.
    pub epochs: Option<u64>,
    /// Images of a batch.
    pub batch: Option<u64>,
    /// The seeds, each a network of its own.
    pub seeds: Vec<u64>,
    /// What was shown when, as clauses.
    pub shown: String,
    /// What else a reader needs to do the same, as clauses.
    pub details: String,
}

/// A program of [`Methods`], which has an example.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Software {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How it is cited, such as `Smith et al. 2020`; empty for not.
    pub citation: String,
}

impl ModelFacts {
    fn described(&self) -> String {
        let areas = match self.areas.len() {
            0 => None,
            1 => Some(format!("one area ({})", self.areas.concat())),
            n => Some(format!("{n} areas ({})", self.areas.join(", "))),
        };
        let links = (!self.links.is_empty()).then(|| format!("connections besides ({})", self.links.join(", ")));
        let parameters = self.parameters.map(|n| format!("{} trainable parameters", counted(n)));
        let with: Vec<String> = areas.into_iter().chain(links).chain(parameters).collect();
        match with.as_slice() {
            [] => self.model.clone(),
            [before @ .., last] if !before.is_empty() => {
                format!("{}, with {} and {last}", self.model, before.join(", "))
            }
            with => format!("{}, with {}", self.model, with.concat()),
        }
    }
}

/// A text as a sentence of its own after others; nothing for an empty one.
fn sentence(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!(" {}{}.", first.to_uppercase(), letters.as_str()))
}

impl Methods {
    /// Returns the facts as a paragraph that can stand in a paper.
    pub fn paragraph(&self) -> String {
        let sentences = [
            self.of_model(),
            self.of_dynamics(),
            self.of_data(),
            self.of_training(),
            self.of_experiments(),
            self.statistics(),
            self.of_software(),
        ];
        sentences.into_iter().filter(|sentence| !sentence.is_empty()).collect::<Vec<_>>().join(" ")
    }

    fn of_model(&self) -> String {
        if self.model.is_empty() {
            return String::new();
        }
        let Methods { model, areas, links, parameters, .. } = self.clone();
        let first = ModelFacts { model, areas, links, parameters }.described();
        if self.other_models.is_empty() {
            return format!("The model was {first}.");
        }
        let all: Vec<String> =
            std::iter::once(first).chain(self.other_models.iter().map(ModelFacts::described)).collect();
        format!("The models were {}.", all.join("; "))
    }

    fn of_dynamics(&self) -> String {
        let constants: Vec<String> = self.dynamics.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        match (self.equation.is_empty(), constants.is_empty()) {
            (true, true) => String::new(),
            (false, true) => format!("Activity of an area followed {}.", self.equation),
            (true, false) => format!("The dynamics had {}.", constants.join(", ")),
            (false, false) => format!("Activity of an area followed {}, with {}.", self.equation, constants.join(", ")),
        }
    }

    fn of_data(&self) -> String {
        let Some(data) = &self.data else { return String::new() };
        let size = if data.size.is_empty() { String::new() } else { format!(" at {}", data.size) };
        let parts = [
            (data.training, "for training"),
            (data.held_out, "held out of it to follow the training"),
            (data.test, "for testing"),
        ];
        let counts: Vec<String> =
            parts.iter().filter_map(|(n, what)| Some(format!("{} images {what}", counted((*n)?)))).collect();
        let counts = if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) };
        format!("Images were those of {}{size}{counts}.{}", data.name, sentence(&data.preparation))
    }

    fn of_training(&self) -> String {
        let Some(training) = &self.training else { return String::new() };
        let mut text = String::from("Networks were trained");
        let mut add = |known: bool, clause: String| {
            if known {
                text += &clause;
            }
        };
        add(!training.optimizer.is_empty(), format!(" with {}", training.optimizer));
        add(!training.learning_rate.is_empty(), format!(", the learning rate {}", training.learning_rate));
        add(training.batch.is_some(), format!(", in batches of {} images", training.batch.unwrap_or(0)));
        add(!training.loss.is_empty(), format!(", to minimise {}", training.loss));
        let epochs = training.epochs.unwrap_or(0);
        add(training.epochs.is_some(), format!(" for {epochs} epoch{}", if epochs == 1 { "" } else { "s" }));
        let seeds: Vec<String> = training.seeds.iter().map(u64::to_string).collect();
        let s = if seeds.len() == 1 { "" } else { "s" };
        add(!seeds.is_empty(), format!(" from {} seed{s} ({})", seeds.len(), seeds.join(", ")));
        text + "." + &sentence(&training.shown) + &sentence(&training.details)
    }

    fn of_experiments(&self) -> String {
        if self.experiments.is_empty() {
            String::new()
        } else {
            format!("Experiments: {}.", self.experiments.join("; "))
        }
    }

    fn statistics(&self) -> String {
        let text = self.statistics.trim().trim_end_matches('.');
        if text.is_empty() { String::new() } else { format!("{text}.") }
    }

    fn of_software(&self) -> String {
        let each = self.software.iter().map(|program| {
            let version = format!("{} {}", program.name, program.version);
            let citation = if program.citation.is_empty() { String::new() } else { format!(" ({})", program.citation) };
            version.trim_end().to_owned() + &citation
        });
        let all: Vec<String> = each.collect();
        if all.is_empty() { String::new() } else { format!("Software: {}.", all.join(", ")) }
    }
}

/// A number with commas between thousands.
fn counted(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_of_what_is_not_known() {
        assert_eq!(Methods::default().paragraph(), "");
        let methods =
            Methods { training: Some(TrainingFacts { epochs: Some(3), ..Default::default() }), ..Default::default() };
        assert_eq!(methods.paragraph(), "Networks were trained for 3 epochs.");
        let methods = Methods { statistics: "Means over seeds.".into(), ..Default::default() };
        assert_eq!(methods.paragraph(), "Means over seeds.");
    }

    #[test]
    fn models_are_told_apart_and_what_was_shown_is_a_sentence() {
        let model = |name: &str, links: &[&str]| ModelFacts {
            model: name.into(),
            areas: vec!["v1".into()],
            links: links.iter().map(|link| link.to_string()).collect(),
            parameters: Some(1500),
        };
        let first = model("a", &[]);
        let methods = Methods {
            model: first.model,
            areas: first.areas,
            parameters: first.parameters,
            other_models: vec![model("b", &["feedback from v2 into v1"])],
            training: Some(TrainingFacts { shown: "each image for 3 steps".into(), ..Default::default() }),
            ..Default::default()
        };
        assert_eq!(
            methods.paragraph(),
            "The models were a, with one area (v1) and 1,500 trainable parameters; b, with one area (v1), connections besides \
             (feedback from v2 into v1) and 1,500 trainable parameters. Networks were trained. Each image for 3 steps."
        );
    }

    #[test]
    fn thousands_are_marked() {
        assert_eq!([0, 999, 1000, 1_234_567].map(counted), ["0", "999", "1,000", "1,234,567"]);
    }
}
