//! What the methods paragraph of a study states: what its runs were, from their settings, images and wiring.

use super::Study;
use crate::anatomy::{Anatomy, Connection, Role};
use crate::lab_error::LabError;
use crate::models::{Entry, WeightSource};
use crate::report::{DataFacts, Methods, ModelFacts, Software, TrainingFacts};
use crate::run::{Named, Provenance, Run, read_json};
use dynvision::data::{ImageFolder, Presentation};
use dynvision::protocol::{Event, Picture, Protocol, Shown};
use dynvision::time::Dynamics;
use serde::Serialize;
use serde_json::Value;

/// The version of dfdx that computes: that of the manifest, which names one alone.
const DFDX: &str = "0.13.0";

/// A value in words: `{ kind = "cosine", steps = 6 }` is `cosine (steps = 6)`.
fn words(value: &impl Serialize) -> String {
    fn of(value: &Value) -> String {
        match value {
            Value::Null => "none".into(),
            Value::String(text) => text.clone(),
            Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |x| x.to_string()),
            Value::Array(list) => list.iter().map(of).collect::<Vec<_>>().join(", "),
            Value::Object(table) => {
                let tag = ["kind", "method"].iter().find_map(|key| table.get_key_value(*key));
                let rest =
                    table.iter().filter(|(key, value)| !value.is_null() && tag.is_none_or(|(tag, _)| tag != *key));
                let each = rest.map(|(key, value)| match value {
                    Value::Object(_) | Value::Array(_) => format!("{} ({})", plain(key), of(value)),
                    value => format!("{} = {}", plain(key), of(value)),
                });
                let each = each.collect::<Vec<_>>().join(", ");
                match (tag, each.is_empty()) {
                    (Some((_, tag)), true) => of(tag),
                    (Some((_, tag)), false) => format!("{} ({each})", of(tag)),
                    (None, _) => each,
                }
            }
            value => value.to_string(),
        }
    }
    of(&serde_json::to_value(value).unwrap_or_default())
}

/// A key as words.
fn plain(key: &str) -> String {
    key.replace(['_', '-'], " ")
}

/// A list with `and` before its last.
fn and(list: &[String]) -> String {
    match list {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

fn steps(count: usize, dt: f64) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} step{s} ({} ms)", count as f64 * dt)
}

/// What is done to a picture, as words that follow it.
fn picture(picture: &Picture) -> String {
    let mut said: Vec<String> = Vec::new();
    if picture.contrast != 1. {
        said.push(format!("at a contrast of {}", picture.contrast));
    }
    if let Some(noise) = &picture.noise {
        let blanks = if noise.noise_void { ", blanks too" } else { "" };
        said.push(format!(
            "with {} noise at a signal share (SSNR) of {} ({} in time, its power relative to the variance of the {}{blanks})",
            words(&noise.kind),
            words(&noise.ssnr),
            words(&noise.temporal),
            words(&noise.per),
        ));
    }
    if let Some(occlusion) = &picture.occlusion {
        said.push(format!("occluded by {}", words(occlusion)));
    }
    if let Some(distractors) = &picture.distractors {
        said.push(format!("with other images beside it ({})", words(distractors)));
    }
    if picture.speed != [0.; 2] {
        said.push(format!(
            "moving {} pixels down and {} to the right at each step",
            picture.speed[0], picture.speed[1]
        ));
    }
    said.join(", ")
}

/// What a protocol shows, in the order of time.
fn shown(protocol: &Protocol, dt: f64) -> Result<String, LabError> {
    let timeline = protocol.timeline(dt)?;
    let mut rows: Vec<(Option<usize>, usize)> = Vec::new();
    for moment in timeline.moments() {
        match rows.last_mut() {
            Some((event, count)) if *event == moment.event => *count += 1,
            _ => rows.push((moment.event, 1)),
        }
    }
    let event = |number: Option<usize>| number.and_then(|number| protocol.events().get(number));
    let said = rows.into_iter().map(|(number, count)| {
        let what = match event(number) {
            None | Some(Event { show: Shown::Blank, .. }) => "blank".into(),
            Some(Event { show: Shown::Mask(mask), .. }) => format!("a mask ({})", words(mask)),
            Some(Event { show: Shown::Image(of), counts, .. }) => {
                let which = match of.ahead {
                    0 => "the image".to_string(),
                    ahead => format!("the image that is {ahead} further on in the set"),
                };
                let done = picture(of);
                let done = if done.is_empty() { String::new() } else { format!(" {done}") };
                format!("{which}{done}{}", if *counts { "" } else { ", whose label does not count" })
            }
        };
        format!("{what} for {}", steps(count, dt))
    });
    Ok(said.collect::<Vec<_>>().join(", then "))
}

/// What the steps of a training without a protocol show.
fn presented(presentation: &Presentation, count: usize, dt: f64) -> String {
    let mut said = format!("each image was presented for {}", steps(count, dt));
    let pattern = presentation.pattern.to_string();
    if pattern.contains('0') {
        let shuffled = if presentation.shuffle { ", shuffled for each batch" } else { "" };
        said += &format!(", shown and blank in the pattern {pattern}{shuffled}");
    }
    if presentation.reaction_steps > 0 {
        said += &format!(", its label counting from {} after an onset", steps(presentation.reaction_steps, dt));
    }
    said
}

fn model(name: &str, entry: &dyn Entry, dynamics: &Dynamics) -> Result<(ModelFacts, Anatomy), LabError> {
    let wiring = entry.wiring();
    let anatomy = entry.subject(dynamics, WeightSource::Seed(0))?.anatomy().clone();
    let link = |link: &crate::LinkInfo| {
        let kind = if link.kind == Connection::Skip { "skip" } else { "feedback" };
        format!("{kind} from {} into {}", link.from, link.into.as_deref().unwrap_or("the readout"))
    };
    let facts = ModelFacts {
        model: format!("{name} ({})", wiring.name),
        areas: wiring.areas.iter().map(|area| area.name.to_string()).collect(),
        links: anatomy.links.iter().map(link).collect(),
        parameters: Some(entry.summary(dynamics)?.parameters().1 as u64),
    };
    Ok((facts, anatomy))
}

/// The connections that any of the models has.
struct Connections {
    recurrence: bool,
    skip: bool,
    feedback: bool,
    /// Whether a time constant is trained.
    trained_tau: bool,
    /// The operations of areas, each row once.
    operations: Vec<Vec<String>>,
}

impl Connections {
    fn of(models: &[Anatomy]) -> Self {
        let links = |kind: Connection| models.iter().any(|model| model.links.iter().any(|link| link.kind == kind));
        let recurrent = |model: &Anatomy| model.parameters.iter().any(|p| matches!(p.role, Role::Recurrence { .. }));
        let mut operations: Vec<Vec<String>> = Vec::new();
        for area in models.iter().flat_map(|model| &model.areas) {
            if !area.operations.is_empty() && !operations.contains(&area.operations) {
                operations.push(area.operations.clone());
            }
        }
        let trained = |model: &Anatomy| model.parameters.iter().any(|p| p.name.ends_with("tstep.tau"));
        Connections {
            trained_tau: models.iter().any(trained),
            operations,
            recurrence: models.iter().any(recurrent),
            skip: links(Connection::Skip),
            feedback: links(Connection::Feedback),
        }
    }

    /// What a step computes, by the order of the operations: the state that is stored is what the last of them leaves.
    fn equation(&self) -> String {
        let mut input = vec!["feedforward"];
        let each = [(self.recurrence, "recurrent"), (self.skip, "skip"), (self.feedback, "feedback")];
        input.extend(each.iter().filter(|(there, _)| *there).map(|(_, name)| *name));
        let operations = self.operations.first().map(Vec::as_slice).unwrap_or_default();
        let at = |name: &str| operations.iter().position(|operation| operation == name);
        let rule = match (at("tstep"), at("nonlin")) {
            (Some(step), Some(nonlin)) if step < nonlin => "r(t + dt) = φ(r(t) + dt/τ · (I − r(t)))",
            (Some(_), Some(_)) => "r(t + dt) = r(t) + dt/τ · (φ(I) − r(t))",
            (Some(_), None) => "r(t + dt) = r(t) + dt/τ · (I − r(t))",
            (None, Some(_)) => "r(t + dt) = φ(I)",
            (None, None) => "r(t + dt) = I",
        };
        let solver = match at("tstep") {
            Some(_) => " (a step of Euler's method unless the model's declaration names another solver)",
            None => "",
        };
        let order: Vec<String> = self.operations.iter().map(|list| list.join(", ")).collect();
        let order = if order.is_empty() {
            String::new()
        } else {
            format!("; the operations of a step were {} in that order", order.join(", or "))
        };
        format!("{rule}{solver}, where I is the {} input and φ the nonlinearity{order}", input.join(" + "))
    }

    /// The times that act in the models.
    fn times(&self, dynamics: &Dynamics) -> Vec<(String, String)> {
        let ms = |x: f64| format!("{x} ms");
        let tau = if self.trained_tau { "τ, trained from" } else { "τ" };
        let mut times = vec![("dt".to_string(), ms(dynamics.dt)), (tau.into(), ms(dynamics.tau))];
        times.push(("feedforward delay".into(), ms(dynamics.t_feedforward)));
        for (there, name, time) in [
            (self.recurrence, "recurrent delay", dynamics.t_recurrence),
            (self.skip, "skip delay", dynamics.t_skip),
            (self.feedback, "feedback delay", dynamics.t_feedback),
        ] {
            if there {
                times.push((name.into(), ms(time)));
            }
        }
        for (area, own) in &dynamics.areas {
            let own = [("τ", own.tau), ("feedforward delay", own.t_feedforward), ("recurrent delay", own.t_recurrence)];
            times.extend(own.iter().filter_map(|(name, time)| Some((format!("{name} of {area}"), ms((*time)?)))));
        }
        times.extend(dynamics.links.iter().map(|(link, time)| (format!("delay of {link}"), ms(*time))));
        if dynamics.idle_steps > 0 {
            times.push(("time without input before each stimulus".into(), steps(dynamics.idle_steps, dynamics.dt)));
        }
        if dynamics.non_input != 0. {
            times.push(("value of frames without input".into(), dynamics.non_input.to_string()));
        }
        if dynamics.truncate_steps > 0 {
            times.push(("gradients cut after".into(), steps(dynamics.truncate_steps, dynamics.dt)));
        }
        if dynamics.feedforward_only {
            times.push(("recurrence, skip and feedback".into(), "switched off".into()));
        }
        times
    }
}

impl Study<'_> {
    /// What differs between runs is said of each way.
    fn each(&self, of: impl Fn(&Run<'_>) -> Result<String, LabError>) -> Result<String, LabError> {
        let mut all: Vec<String> = Vec::new();
        for run in &self.runs {
            let text = of(run)?;
            if !all.contains(&text) {
                all.push(text);
            }
        }
        Ok(all.join(", or "))
    }

    pub(super) fn methods(&self, experiments: &[Named]) -> Result<Methods, LabError> {
        let Some(run) = self.runs.first() else { return Ok(Methods::default()) };
        let (mut models, mut anatomies): (Vec<ModelFacts>, Vec<Anatomy>) = Default::default();
        for run in &self.runs {
            let settings = &run.config.settings;
            let (facts, anatomy) = model(&settings.model, run.entry()?, &settings.dynamics)?;
            if !models.contains(&facts) {
                models.push(facts);
                anatomies.push(anatomy);
            }
        }
        let first = if models.is_empty() { ModelFacts::default() } else { models.remove(0) };
        let connections = Connections::of(&anatomies);
        let mut dynamics: Vec<(String, String)> = Vec::new();
        for run in &self.runs {
            for (name, value) in connections.times(&run.config.settings.dynamics) {
                match dynamics.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, values)) if !values.split(" or ").any(|known| known == value) => {
                        *values += &format!(" or {value}");
                    }
                    Some(_) => {}
                    None => dynamics.push((name, value)),
                }
            }
        }
        let one_seed = |seeds: &[u64]| seeds.len() < 2;
        let training = self.trained_how()?;
        let statistics = if one_seed(&training.seeds) {
            "Numbers are means over images; there is one seed, and no interval over seeds".to_string()
        } else {
            "Numbers are means over images, then over seeds, with Student's 95 % intervals over seeds".into()
        };
        let judged = match self.findings.is_empty() {
            true => "",
            false => {
                ". Claims were judged by the 95 % interval of Student's t of the differences, paired by seed, with Cohen's d of the differences"
            }
        };
        let statistics =
            format!("{statistics}{judged}. A measure that is not defined for an image was left out and counted");
        let clauses = experiments.iter().map(|named| self.shown_how(named, run)).collect::<Result<_, _>>()?;
        Ok(Methods {
            model: first.model,
            areas: first.areas,
            links: first.links,
            parameters: first.parameters,
            other_models: models,
            equation: connections.equation(),
            dynamics,
            data: Some(self.data_of(run)?),
            training: Some(training),
            experiments: clauses,
            statistics,
            software: self.software()?,
        })
    }

    fn data_of(&self, run: &Run<'_>) -> Result<DataFacts, LabError> {
        let input = run.entry()?.wiring().input;
        let name = self.each(|run| {
            let data = &run.config.settings.data;
            Ok(match &data.folder {
                Some(folder) if run.is_adapted() => {
                    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
                    format!("the folder `{}` of image files", name.unwrap_or_else(|| folder.display().to_string()))
                }
                _ => data.name.clone(),
            })
        })?;
        let preparation = self.each(|run| {
            let data = &run.config.settings.data;
            let mut said: Vec<String> = Vec::new();
            if run.is_adapted() {
                let input = run.entry()?.wiring().input;
                let colours = match input.c {
                    1 => ", as grey levels",
                    3 => ", in colour",
                    _ => "",
                };
                said.push(format!(
                    "their shorter side was resized to {} pixels (bilinear), and the middle of {} × {} cropped{colours}",
                    input.h.max(input.w),
                    input.h,
                    input.w
                ));
                let folder = data.folder.as_deref().unwrap_or(std::path::Path::new(""));
                if !ImageFolder::is_divided(folder) {
                    said.push(format!("a fifth of each class, drawn by seed {}, was kept for testing", data.seed.0));
                }
                if data.skip_corrupt {
                    said.push("files that could not be decoded were left out".into());
                }
            }
            for (most, what) in [(data.train, "training"), (data.test, "testing")] {
                if most > 0 {
                    said.push(format!("at most {most} images were used for {what}, of each class alike"));
                }
            }
            let normalisation = run.test_images()?.normalisation();
            let numbers = |list: &[f64]| list.iter().map(|x| format!("{x:.4}")).collect::<Vec<_>>().join(", ");
            said.push(format!(
                "pixels from 0 to 1 were normalised by a mean of {} and a standard deviation of {}{}",
                numbers(&normalisation.mean),
                numbers(&normalisation.std),
                if normalisation.mean.len() > 1 { " of the channels" } else { "" }
            ));
            Ok(said.join("; "))
        })?;
        let (train, held_out) = run.counts()?;
        Ok(DataFacts {
            name,
            training: Some(train as u64),
            held_out: (held_out > 0).then_some(held_out as u64),
            test: Some(run.test_images()?.len() as u64),
            size: format!("{} × {}", input.h, input.w),
            preparation,
        })
    }

    fn trained_how(&self) -> Result<TrainingFacts, LabError> {
        let mut seeds: Vec<u64> = self.runs.iter().map(|run| run.config.settings.seed.0).collect();
        seeds.sort_unstable();
        seeds.dedup();
        let details = self.each(|run| {
            let train = &run.config.settings.train;
            let mut said = vec![format!("the order of images was {}", words(&train.order))];
            said.push(format!("gradients were limited by {}", words(&train.clip)));
            if train.accumulate > 1 {
                said.push(format!("the gradients of {} batches were averaged for an update", train.accumulate));
            }
            if words(&train.lr_scaling) != "none" {
                said.push(format!("the learning rate was scaled with the batch ({})", words(&train.lr_scaling)));
            }
            let groups = words(&train.groups);
            if !groups.is_empty() {
                said.push(format!("groups of parameters differed ({groups})"));
            }
            if !train.frozen_statistics.is_empty() {
                said.push(format!("the batch norms of {} kept their running moments", and(&train.frozen_statistics)));
            }
            if let Some(average) = &train.average {
                said.push(format!("an average of the weights was kept ({})", words(average)));
            }
            if let Some(stopping) = &train.early_stopping {
                said.push(format!("training ended early where there was no progress ({})", words(stopping)));
            }
            said.push("images were not augmented".into());
            said.push("the weights after the last epoch were used".into());
            Ok(said.join("; "))
        })?;
        let shown = self.each(|run| {
            let (settings, dt) = (&run.config.settings, run.config.settings.dynamics.dt);
            match settings.shown()? {
                Some(protocol) => Ok(format!("each image was presented under a protocol: {}", shown(&protocol, dt)?)),
                None => Ok(presented(&settings.train.presentation, settings.train.steps, dt)),
            }
        })?;
        let schedule = |run: &Run<'_>| {
            let train = &run.config.settings.train;
            match words(&train.schedule).as_str() {
                "constant" => "constant".to_string(),
                schedule => format!("{schedule}, by {}", words(&train.schedule_by)),
            }
        };
        let same = |of: &dyn Fn(&Run<'_>) -> usize| -> Option<u64> {
            let first = of(self.runs.first()?);
            self.runs.iter().all(|run| of(run) == first).then_some(first as u64)
        };
        Ok(TrainingFacts {
            optimizer: self.each(|run| Ok(words(&run.config.settings.train.optimizer)))?,
            learning_rate: self.each(|run| Ok(schedule(run)))?,
            loss: self.each(|run| Ok(run.config.settings.losses.to_string()))?,
            epochs: same(&|run| {
                run.trained().ok().flatten().map_or(run.config.settings.train.epochs, |done| done.epochs)
            }),
            batch: same(&|run| run.config.settings.train.batch_size),
            seeds,
            shown,
            details,
        })
    }

    /// What an experiment showed, measured and did to the model.
    fn shown_how(&self, named: &Named, run: &Run<'_>) -> Result<String, LabError> {
        let (settings, experiment) = (&run.config.settings, &named.experiment);
        let conditions = experiment.conditions().map_err(crate::RunError::from)?;
        let Some(condition) = conditions.first() else { return Ok(named.name.clone()) };
        let own: toml::Table =
            condition.model.iter().filter(|(key, _)| *key != "status").map(|(k, v)| (k.clone(), v.clone())).collect();
        let dt = own.get("dt").and_then(|dt| dt.as_float()).unwrap_or(settings.dynamics.dt);
        let mut said = vec![format!("{} ({}): {}", named.name, experiment.about, shown(&condition.protocol, dt)?)];
        if !experiment.vary.is_empty() {
            // whole numbers of times are steps
            const TIMES: [&str; 9] = ["total", "intro", "stim", "gap", "asynchrony", "mask_for", "each", "on", "off"];
            let one = |(path, values): (&String, &Vec<toml::Value>)| {
                let is_time =
                    path.starts_with("protocol.") && path.rsplit('.').next().is_some_and(|key| TIMES.contains(&key));
                let unit = if is_time && values.iter().all(toml::Value::is_integer) { " steps" } else { "" };
                let values: Vec<String> = values.iter().map(words).collect();
                format!("{path} = {}{unit}", values.join(", "))
            };
            let varied: Vec<String> = experiment.vary.iter().map(one).collect();
            said.push(format!(
                "in {} conditions, of which that is the first, with {}",
                conditions.len(),
                varied.join(", crossed with ")
            ));
        }
        if !own.is_empty() {
            said.push(format!("with the model's {}", words(&own)));
        }
        for (name, table) in &condition.interventions {
            said.push(format!("with the intervention {name}: {}", words(table)));
        }
        let images = self.each(|run| {
            let settings = &run.config.settings.experiments;
            let count = settings.images.min(run.test_images()?.len());
            Ok(format!("on {count} test images, of each class alike, with seed {} for what is drawn", settings.seed.0))
        })?;
        said.push(images);
        let measures = experiment.measures.iter().map(|measure| match experiment.measure.get(measure) {
            Some(own) => format!("{} ({})", plain(measure), words(own)),
            None => plain(measure),
        });
        said.push(format!("measuring {}", and(&measures.collect::<Vec<_>>())));
        Ok(said.join(", "))
    }

    fn software(&self) -> Result<Vec<Software>, LabError> {
        let mut all: Vec<Software> = Vec::new();
        let mut add = |name: &str, version: String, citation: String| {
            let new = Software { name: name.into(), version, citation };
            if !all.contains(&new) {
                all.push(new);
            }
        };
        for run in &self.runs {
            match read_json::<Provenance>(&run.folder().join("provenance.json"))? {
                Some(made) => {
                    let commit = made
                        .commit
                        .map_or(String::new(), |commit| format!("commit {}", commit.get(..10).unwrap_or(&commit)));
                    add("dynvision", made.version, commit);
                    add("Rust", made.toolchain.trim_start_matches("rustc ").into(), String::new());
                }
                None => add("dynvision", env!("CARGO_PKG_VERSION").into(), String::new()),
            }
        }
        add("dfdx", DFDX.into(), "https://github.com/coreylowman/dfdx".into());
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_of_dfdx_is_that_of_the_manifest() {
        let manifest = include_str!("../../../../Cargo.toml");
        let line = manifest.lines().find(|line| line.starts_with("dfdx ="));
        let pinned = format!("version = \"={}\"", super::DFDX);
        assert!(line.is_some_and(|line| line.contains(&pinned)), "{line:?}");
    }
}
