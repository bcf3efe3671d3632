//! Findings: what is claimed, as data, and whether it is seen in a study, with effect size and interval.

use super::Study;
use crate::config::{ConfigError, Source};
use crate::experiment::{ResultTable, Results};
use crate::lab_error::LabError;
use crate::report::Grid;
use crate::run::Named;
use crate::statistics::paired;
use crate::table::{Column, Table};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// What is made of the conditions of an experiment: one number of each run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// The mean over conditions.
    Mean,
    /// The slope of the measure over what is varied.
    Slope,
    /// The slope of the logarithm of the measure over that of what is varied: below 1 where it grows less than in proportion.
    Exponent,
}

/// Which way the difference is claimed to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Lower.
    Lower,
    /// Higher.
    Higher,
}

/// A claim: the number of a category is lower or higher than that of another category, or than a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// What is claimed, as a sentence.
    pub claim: String,
    /// The experiment.
    pub experiment: String,
    /// The measure.
    pub measure: String,
    /// The area; none for measures of the readout.
    #[serde(default)]
    pub area: Option<String>,
    /// What is made of the conditions.
    pub statistic: Statistic,
    /// The category.
    pub category: String,
    /// What it is claimed to be.
    pub is: Direction,
    /// Than this category, of the same seeds.
    #[serde(default)]
    pub than: Option<String>,
    /// Than this number.
    #[serde(default)]
    pub than_value: Option<f64>,
}

/// Whether a claim is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The interval lies on the side that is claimed.
    Seen,
    /// The interval lies on the other side.
    Opposite,
    /// The interval holds no difference, or there is none: fewer than two seeds, or a measure that is not defined.
    Undecided,
}

/// A claim and what is seen of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// The claim.
    pub finding: Finding,
    /// Whether it is seen.
    pub verdict: Verdict,
    /// The mean difference.
    pub difference: Option<f64>,
    /// Its 95 % interval over seeds.
    pub interval: Option<(f64, f64)>,
    /// The effect size, Cohen's d of differences.
    pub effect: Option<f64>,
    /// Number of seeds.
    pub seeds: usize,
    /// The share of the numbers that are missing, since the measure is not defined there; none where there are no numbers.
    pub missing: Option<f64>,
}

impl Verdict {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Seen => "seen",
            Verdict::Opposite => "opposite",
            Verdict::Undecided => "undecided",
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Judged {
    /// A table with a row for each claim: the verdict, the mean difference with its interval over seeds, Cohen's d, the number
    /// of seeds, the share of the images for which the measure is not defined.
    pub fn grid(all: &[Judged]) -> Grid {
        let number = |x: Option<f64>| x.map_or("none".into(), |x| format!("{x:.3}"));
        let row = |grid: Grid, of: &Judged| {
            grid.row([
                of.verdict.name().into(),
                number(of.difference),
                of.interval.map_or("none".into(), |(low, high)| format!("[{low:.3}, {high:.3}]")),
                number(of.effect),
                of.seeds.to_string(),
                of.missing.map_or("none".into(), |share| format!("{:.0} %", 100. * share)),
                of.finding.claim.clone(),
            ])
        };
        all.iter().fold(Grid::new("", &["seen", "difference", "95 %", "d", "n", "missing", "claim"]), row)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    finding: Vec<Finding>,
}

impl Finding {
    /// Reads the claims of a file.
    ///
    /// # Errors
    ///
    /// A file that cannot be read; what is no claim, with the line; a claim that compares with nothing, or with two things.
    pub fn read(path: &Path) -> Result<Vec<Self>, LabError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| LabError::Usage(format!("cannot read the findings `{name}`: {error}")))?;
        let file: File = toml::from_str(&text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = 1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count();
            ConfigError::Text { at: Source::File { path: name.clone(), line }.into(), reason: error.message().into() }
        })?;
        match file.finding.iter().find(|finding| finding.than.is_some() == finding.than_value.is_some()) {
            Some(finding) => Err(LabError::Usage(format!(
                "{name}: `{}` needs one of `than`, a category, and `than_value`, a number",
                finding.claim
            ))),
            None => Ok(file.finding),
        }
    }

    /// The number of a run; how many of the images' numbers are missing, and of how many.
    fn number(&self, results: &Results) -> Result<(Option<f64>, [f64; 2]), LabError> {
        // a measure is of samples or of steps
        let mut counts = [0.; 2];
        for which in [ResultTable::Samples, ResultTable::Steps] {
            let table = results.summary(which, 0.95)?;
            let points = self.points(&table);
            let of = self.counts(&table);
            if of[1] > 0. {
                counts = of;
            }
            if !points.is_empty() {
                return Ok((self.statistic.of(&points), counts));
            }
        }
        Ok((None, counts))
    }

    fn is_of(&self, table: &Table, row: usize) -> bool {
        let cell = |name: &str| table.column(name).map(|column| column.cell(row)).unwrap_or_default();
        cell("measure") == self.measure && cell("area") == self.area.as_deref().unwrap_or_default()
    }

    /// How many numbers are missing, and how many there would be.
    fn counts(&self, table: &Table) -> [f64; 2] {
        let sum = |name: &str| -> f64 {
            let numbers = table.column(name).and_then(Column::numbers).unwrap_or_default();
            let own = numbers.iter().enumerate().filter(|(row, _)| self.is_of(table, *row));
            own.filter_map(|(_, x)| *x).sum()
        };
        let missing = sum("missing");
        [missing, missing + sum("samples")]
    }

    /// What is varied, and the measure, the mean over the rows of each condition.
    fn points(&self, table: &Table) -> Vec<(f64, f64)> {
        let varied = table.names().find(|name| name.starts_with("protocol.")).map(String::from);
        let numbers = |name: &str| table.column(name).and_then(Column::numbers).unwrap_or_default();
        let (means, x) = (numbers("mean"), varied.as_deref().map(numbers).unwrap_or_default());
        let mut by: BTreeMap<u64, (f64, Vec<f64>)> = BTreeMap::new();
        for row in 0..table.rows() {
            if !self.is_of(table, row) {
                continue;
            }
            let x = x.get(row).copied().flatten().unwrap_or_default();
            if let Some(value) = means.get(row).copied().flatten() {
                by.entry(x.to_bits()).or_insert((x, Vec::new())).1.push(value);
            }
        }
        by.into_values().map(|(x, values)| (x, values.iter().sum::<f64>() / values.len() as f64)).collect()
    }
}

impl Statistic {
    fn of(self, points: &[(f64, f64)]) -> Option<f64> {
        let slope = |points: &[(f64, f64)]| {
            let n = points.len() as f64;
            let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
            let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
            let (above, below) = (mean(&|p| (p.0 - x) * (p.1 - y)), mean(&|p| (p.0 - x).powi(2)));
            (below > 0.).then(|| above / below)
        };
        match self {
            Statistic::Mean => {
                (!points.is_empty()).then(|| points.iter().map(|p| p.1).sum::<f64>() / points.len() as f64)
            }
            Statistic::Slope => slope(points),
            Statistic::Exponent => {
                let positive = points.iter().filter(|(x, y)| *x > 0. && *y > 0.);
                slope(&positive.map(|(x, y)| (x.ln(), y.ln())).collect::<Vec<_>>())
            }
        }
    }
}

impl Study<'_> {
    /// Judges claims by the runs of the study; what is missing is made.
    ///
    /// # Errors
    ///
    /// A claim about an experiment or a category that the study does not have; those of [`Study::results`].
    pub fn judge(&self, findings: &[Finding], stop: &AtomicBool) -> Result<Vec<Judged>, LabError> {
        self.check(findings)?;
        let experiments = self.experiments()?;
        findings.iter().map(|finding| self.judged(finding, &experiments, stop)).collect()
    }

    /// Refuses claims that the study cannot judge, before anything is run.
    ///
    /// # Errors
    ///
    /// A claim about an experiment, a category, a measure or an area that the study does not have.
    pub fn check(&self, findings: &[Finding]) -> Result<(), LabError> {
        let experiments = self.experiments()?;
        let categories: Vec<&str> = self.runs.iter().map(|run| run.category()).collect();
        for finding in findings {
            let known = experiments.iter().map(|named| named.name.as_str());
            if !known.clone().any(|name| name == finding.experiment) {
                return Err(crate::Error::unknown("experiment of the study", &finding.experiment, known).into());
            }
            for name in [Some(&finding.category), finding.than.as_ref()].into_iter().flatten() {
                if !categories.contains(&name.as_str()) {
                    let mut known = categories.clone();
                    known.dedup();
                    return Err(crate::Error::unknown("category of the study", name, known.into_iter()).into());
                }
            }
            let named = experiments.iter().find(|named| named.name == finding.experiment);
            let measures = named.map_or(&[][..], |named| named.experiment.measures.as_slice());
            if !measures.contains(&finding.measure) {
                let known = measures.iter().map(String::as_str);
                return Err(crate::Error::unknown("measure of the experiment", &finding.measure, known).into());
            }
            for run in &self.runs {
                let areas = run.entry()?.wiring().areas;
                if let Some(area) =
                    finding.area.as_deref().filter(|area| !areas.iter().any(|known| known.name == *area))
                {
                    return Err(
                        crate::Error::unknown("area of the model", area, areas.iter().map(|area| area.name)).into()
                    );
                }
            }
        }
        Ok(())
    }

    fn judged(&self, finding: &Finding, experiments: &[Named], stop: &AtomicBool) -> Result<Judged, LabError> {
        let named = experiments.iter().find(|named| named.name == finding.experiment);
        let named =
            named.ok_or_else(|| LabError::Failed(format!("there is no experiment `{}`", finding.experiment)))?;
        let mut numbers: [BTreeMap<u64, Option<f64>>; 2] = Default::default();
        let mut counts = [0.; 2];
        for run in &self.runs {
            let places = [Some(&finding.category), finding.than.as_ref()];
            for (numbers, name) in numbers.iter_mut().zip(places) {
                if name.is_some_and(|name| name == run.category()) {
                    let (number, [missing, all]) = finding.number(&run.experiment(named, stop)?)?;
                    counts = [counts[0] + missing, counts[1] + all];
                    numbers.insert(run.config.settings.seed.0, number);
                }
            }
        }
        let [own, other] = numbers;
        let value = |seed: &u64| match finding.than_value {
            Some(value) => Some(value),
            None => other.get(seed).copied().flatten(),
        };
        let (first, second): (Vec<_>, Vec<_>) = own.iter().map(|(seed, own)| (value(seed), *own)).unzip();
        let compared = paired(&first, &second, 0.95)?;
        let interval = compared.interval.map(|interval| (interval.low, interval.high));
        let verdict = match (interval, finding.is) {
            (Some((_, high)), Direction::Lower) if high < 0. => Verdict::Seen,
            (Some((low, _)), Direction::Higher) if low > 0. => Verdict::Seen,
            (Some((low, high)), _) if low > 0. || high < 0. => Verdict::Opposite,
            _ => Verdict::Undecided,
        };
        Ok(Judged {
            finding: finding.clone(),
            verdict,
            difference: compared.difference,
            interval,
            effect: compared.cohen_dz,
            seeds: compared.n,
            missing: (counts[1] > 0.).then(|| counts[0] / counts[1]),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn slopes_and_exponents_are_those_of_lines_and_powers() {
        let line: Vec<(f64, f64)> = (1..5).map(|x| (f64::from(x), 3. - 2. * f64::from(x))).collect();
        assert!(Statistic::Slope.of(&line).is_some_and(|slope| (slope + 2.).abs() < 1e-12));
        let power: Vec<(f64, f64)> = (1..5).map(|x| (f64::from(x), 4. * f64::from(x).sqrt())).collect();
        assert!(Statistic::Exponent.of(&power).is_some_and(|exponent| (exponent - 0.5).abs() < 1e-12));
        assert_eq!(Statistic::Mean.of(&[(0., 1.), (0., 3.)]), Some(2.));
        assert_eq!(Statistic::Slope.of(&[(1., 1.)]), None, "one condition has no slope");
        assert_eq!(Statistic::Mean.of(&[]), None);
    }

    #[test]
    fn numbers_that_are_missing_are_counted_for_the_measure_and_area_alone() {
        let of = |measure: &str| {
            let text = format!(
                "claim = \"c\"\nexperiment = \"e\"\nmeasure = \"{measure}\"\narea = \"v1\"\nstatistic = \"mean\"\n\
                 category = \"a\"\nis = \"lower\""
            );
            toml::from_str::<Finding>(&text).unwrap()
        };
        let table = Table::new()
            .with("measure", Column::Texts(vec![Some("ratio".into()), Some("ratio".into()), Some("other".into())]))
            .unwrap()
            .with("area", Column::Texts(vec![Some("v1".into()), Some("v1".into()), Some("v1".into())]))
            .unwrap()
            .with("samples", vec![Some(3_i64), Some(0), Some(7)])
            .unwrap()
            .with("missing", vec![Some(1_i64), Some(4), Some(0)])
            .unwrap();
        assert_eq!(of("ratio").counts(&table), [5., 8.]);
        assert_eq!(of("absent").counts(&table), [0., 0.], "of nothing there is no share");
    }
}
