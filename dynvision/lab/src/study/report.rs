//! The report of a study.

use super::activity::player;
use super::{Judged, Study};
use crate::diagram;
use crate::experiment::{ResultTable, Results};
use crate::lab_error::LabError;
use crate::report::{Exhibit, Grid, Report, Run as Facts, Setting};
use crate::run::{Named, Provenance, Run, read_json};
use crate::statistics::t_interval;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

/// The figure that shows several experiments beside each other.
const COMPARES: &str = "dynamics";

/// Rows of a table of numbers; the rest is behind the figure's link and in the files.
const ROWS: usize = 60;

/// A layer without the paths of its names and the braces of its constants.
fn plain(layer: &str) -> String {
    let text = layer.replace("$crate::nn::", "").replace("{ ", "").replace(" }", "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn number(value: f64) -> String {
    format!("{value:.4}")
}

fn megabytes(bytes: Option<u64>) -> String {
    bytes.map_or("unknown".into(), |bytes| format!("{:.0} MB", bytes as f64 / 1e6))
}

impl Study<'_> {
    /// Makes the report; trains, tests and runs what is missing before.
    ///
    /// # Errors
    ///
    /// Those of training and experiments. A figure that cannot be drawn is a warning in the report.
    pub fn report(&self, title: Option<&str>, stop: &AtomicBool) -> Result<Report, LabError> {
        let Some(first) = self.runs.first() else {
            return Err(LabError::Usage("a report needs at least one run".into()));
        };
        let experiments = self.experiments()?;
        for run in &self.runs {
            run.train()?;
            run.test()?;
        }
        let settings = &first.config.settings;
        let title = title.map_or_else(|| format!("{} on {}", settings.model, settings.data.name), String::from);
        let mut report = Report::new(title);
        let names: Vec<&str> = experiments.iter().map(|named| named.name.as_str()).collect();
        report.summary = format!("{} run(s); experiments: {}.", self.runs.len(), names.join(", "));
        for run in &self.runs {
            report.runs.push(facts(run)?);
        }
        let subject = first.subject()?;
        report.wiring = Some(diagram::svg(subject.anatomy()));
        report.model = self.models()?;
        report.configuration = self.configuration();
        match self.training() {
            Ok(drawing) => report.training.push(Exhibit {
                name: "training".into(),
                title: "Training".into(),
                caption: "Accuracy at the last step whose label counts, loss and learning rate over epochs.".into(),
                drawing,
            }),
            Err(error) => report.warnings.push(format!("The curves of training are not drawn: {error}.")),
        }
        report.numbers.push(self.accuracies(&mut report.warnings)?);
        // what compares experiments is drawn of all that name it
        let (mut compared, mut names): (Results, Vec<&str>) = (Results::default(), Vec::new());
        for named in &experiments {
            let results = self.results(named, stop)?;
            for figure in &named.experiment.figures {
                if figure == COMPARES {
                    compared = compared.and(results.clone());
                    names.push(&named.name);
                    continue;
                }
                match self.figure(named, &results, figure) {
                    Ok(drawing) => report.experiments.push(Exhibit {
                        name: format!("{}-{figure}", named.name),
                        title: format!("{}: {figure}", named.name),
                        caption: named.experiment.about.clone(),
                        drawing,
                    }),
                    Err(error) => {
                        report
                            .warnings
                            .push(format!("The figure `{figure}` of `{}` is not drawn: {error}.", named.name));
                    }
                }
            }
            report.numbers.extend(numbers(named, &results)?);
            let grown = super::growth::runaways(&results.long()?);
            if !grown.is_empty() {
                report.warnings.push(format!(
                    "In `{}` activity still grows at the last step, when nothing is shown: {}. What is measured late in such a trace is no \
                     response to a stimulus.",
                    named.name,
                    grown.join("; ")
                ));
            }
        }
        if let Some(named) = experiments.iter().find(|named| named.experiment.figures.iter().any(|f| f == COMPARES)) {
            match self.figure(named, &compared, COMPARES) {
                Ok(drawing) => report.experiments.push(Exhibit {
                    name: COMPARES.into(),
                    title: format!("{}: {COMPARES}", names.join(", ")),
                    caption: "Latency, adaptation and summation by what is varied.".into(),
                    drawing,
                }),
                Err(error) => report.warnings.push(format!("The figure `{COMPARES}` is not drawn: {error}.")),
            }
        }
        if !self.findings.is_empty() {
            let mut grid = Judged::grid(&self.judge(&self.findings, stop)?);
            grid.note = "Seen where the 95 % interval of the difference over seeds lies on the side that is claimed, \
                         opposite where it lies on the other, else undecided. Missing: the share of images for which the measure is not defined."
                .into();
            report.findings.push(grid);
        }
        report.methods = Some(self.methods(&experiments)?);
        report.player = Some(player(first, 3)?);
        Ok(report)
    }

    /// A table of areas for each model.
    fn models(&self) -> Result<Vec<Grid>, LabError> {
        let mut grids: Vec<Grid> = Vec::new();
        for run in &self.runs {
            let name = &run.config.settings.model;
            if grids.iter().any(|grid| grid.title == *name) {
                continue;
            }
            let entry = run.entry()?;
            let (wiring, summary) = (entry.wiring(), entry.summary(&run.config.settings.dynamics)?);
            let mut grid =
                Grid::new(name.clone(), &["area", "layer", "response", "operations", "million multiplications a step"]);
            for (i, area) in wiring.areas.iter().enumerate() {
                grid = grid.row([
                    area.name.to_string(),
                    plain(area.layer),
                    area.response.to_string(),
                    area.operations.join(", "),
                    format!("{:.2}", summary.multiplications(i) as f64 / 1e6),
                ]);
            }
            let (all, trained) = summary.parameters();
            grid.note = format!("{all} parameters, of which {trained} are trained: {:.1} MB.", all as f64 * 4. / 1e6);
            grids.push(grid);
        }
        Ok(grids)
    }

    /// The settings; those in which the runs differ have all their values.
    fn configuration(&self) -> Vec<Setting> {
        let mut all: BTreeMap<String, (Vec<String>, Vec<String>)> = BTreeMap::new();
        for run in &self.runs {
            for (path, value, source) in run.config.values() {
                let (values, sources) = all.entry(path.into()).or_default();
                for (list, text) in [(values, value.to_string()), (sources, source.to_string())] {
                    if !list.contains(&text) {
                        list.push(text);
                    }
                }
            }
        }
        let setting = |(key, (values, sources)): (String, (Vec<String>, Vec<String>))| Setting {
            key,
            value: values.join(" | "),
            source: sources.join(" | "),
        };
        all.into_iter().map(setting).collect()
    }

    /// Accuracy on the test images, of each run and of each category over its seeds.
    fn accuracies(&self, warnings: &mut Vec<String>) -> Result<Grid, LabError> {
        let mut grid =
            Grid::new("Accuracy on the test images, at the last step", &["category", "seed", "accuracy", "loss", "n"]);
        let mut by: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for run in &self.runs {
            let metrics = run.test()?.metrics;
            let accuracy = metrics.last_accuracy;
            by.entry(run.category()).or_default().extend(accuracy);
            grid = grid.row([
                run.category().to_string(),
                run.config.settings.seed.0.to_string(),
                accuracy.map_or("none".into(), number),
                number(metrics.loss),
                metrics.images.to_string(),
            ]);
            let chance = 1. / run.entry()?.classes().max(1) as f64;
            if accuracy.is_some_and(|accuracy| accuracy < 2. * chance) {
                warnings.push(format!(
                    "{} has an accuracy of less than twice chance: what is measured on it says little.",
                    run.name()
                ));
            }
        }
        for (category, values) in by {
            let text = match t_interval(&values, 0.95) {
                Some(interval) => {
                    format!("{} [{}, {}]", number(interval.estimate), number(interval.low), number(interval.high))
                }
                None => {
                    warnings.push(format!("{category} has one seed: there is no interval over seeds."));
                    continue;
                }
            };
            grid =
                grid.row([category.to_string(), "mean [95 %]".into(), text, String::new(), values.len().to_string()]);
        }
        Ok(grid)
    }
}

fn facts(run: &Run<'_>) -> Result<Facts, LabError> {
    let trained = run.train()?;
    let mut facts: Vec<(String, String)> = vec![
        ("model".into(), run.config.settings.model.clone()),
        ("seed".into(), run.config.settings.seed.0.to_string()),
        ("epochs".into(), trained.epochs.to_string()),
        ("time to train".into(), format!("{:.1} s", trained.seconds)),
        ("peak memory".into(), megabytes(trained.peak_memory)),
        ("settings".into(), run.hash().into()),
    ];
    if let Some(provenance) = read_json::<Provenance>(&run.folder().join("provenance.json"))? {
        let machine = &provenance.machine;
        facts.extend([
            ("version".into(), provenance.version.clone()),
            ("commit".into(), provenance.commit.clone().unwrap_or("none".into())),
            ("toolchain".into(), provenance.toolchain.clone()),
            ("machine".into(), format!("{}, {} threads, {}", machine.processor, machine.threads, machine.system)),
            ("command".into(), provenance.command.join(" ")),
            ("wiring".into(), provenance.wiring.clone()),
            ("data".into(), provenance.data.clone()),
        ]);
    }
    Ok(Facts { name: run.name(), facts })
}

/// The numbers of an experiment: the summary over samples and seeds.
fn numbers(named: &Named, results: &Results) -> Result<Option<Grid>, LabError> {
    let table = results.summary(ResultTable::Samples, 0.95)?;
    if table.rows() == 0 {
        return Ok(None);
    }
    let names: Vec<String> = table.names().map(String::from).collect();
    let head: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut grid = Grid::new(format!("{}: by image, means with intervals over seeds", named.name), &head);
    for row in 0..table.rows().min(ROWS) {
        let cell = |name: &str| {
            let column = table.column(name)?;
            let text = column.cell(row);
            Some(match text.parse::<f64>() {
                Ok(x) if text.contains('.') => format!("{x:.4}"),
                _ => text,
            })
        };
        grid = grid.row(head.iter().map(|name| cell(name).unwrap_or_default()));
    }
    if table.rows() > ROWS {
        grid.note = format!("The first {ROWS} of {} rows; all are in `samples.csv` of the run.", table.rows());
    }
    Ok(Some(grid))
}
