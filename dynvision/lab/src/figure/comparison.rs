use super::compose::{Categories, Landmarks, accuracy, activity, settled, some_rows};
use super::panel::{Axis, Line, Page, Panel, Row, Rule};
use super::performance::difference;
use super::{Drawing, Figure, FigureError, Ink, Options, Series, Shown, Spread, Table};
use crate::measure::{steady_state, time_to_half_maximum};

/// Most parameters side by side.
const PARAMETERS: usize = 5;

/// Categories side by side: a column for each parameter that is varied, a line for each of its categories, and below the effect
/// of each category against the default.
///
/// Rows, as far as the table has them: accuracy over epochs, accuracy over time, activity of each area over time, and effects:
/// settled accuracy, time to half maximum, steady activity and time to half decay, each as difference to the default of the
/// same seed with its interval over seeds. The default of a parameter is the category of its rows whose column `default` is
/// `true`, else [`Options::default_category`], else the last.
///
/// ```
/// use dynvision_lab::figure::{Comparison, Figure, Options, Table};
///
/// let table = Table::read_csv(
///     "parameter,category,seed,measure,time_ms,stimulus,value\n\
///      tau,2,0,accuracy,0,1,0.5\ntau,5,0,accuracy,0,1,0.75\ntau,2,1,accuracy,0,1,0.5\ntau,5,1,accuracy,0,1,1\n".as_bytes(),
/// )?;
/// let options = Options { default_category: Some("5".into()), ..Options::default() };
/// let drawing = Comparison.draw(&table, &options)?;
/// // Of the two seeds one is worse by a quarter, one by a half.
/// assert!(drawing.csv.contains("settled accuracy of tau,2,mean,,2,-0.375,"));
/// # Ok::<(), dynvision_lab::figure::FigureError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Comparison;

impl Figure for Comparison {
    fn name(&self) -> &str {
        "comparison"
    }

    fn about(&self) -> &str {
        "categories of several parameters side by side, with their effects against the default"
    }

    fn columns(&self) -> &[(&str, &str)] {
        &[("category", "value of the parameter"), ("measure", "`accuracy`, `response`"), ("value", "the number")]
    }

    fn draw(&self, table: &Table, options: &Options) -> Result<Drawing, FigureError> {
        table.need(&["category", "measure", "value"])?;
        some_rows(table, "categories")?;
        let mut parameters = table.levels("parameter");
        if parameters.len() > PARAMETERS {
            return Err(FigureError::Nothing(format!(
                "{} parameters do not fit beside each other; draw at most {PARAMETERS} in one figure",
                parameters.len()
            )));
        }
        if parameters.is_empty() {
            parameters.push(String::new());
        }
        let columns: Vec<Column> =
            parameters.iter().map(|parameter| Column::of(table, parameter, options)).collect::<Result<_, _>>()?;
        let mut rows = Vec::new();
        let each = |of: &dyn Fn(&Column) -> Panel| columns.iter().map(of).collect::<Vec<Panel>>();
        if columns.iter().any(|column| !column.epochs.is_empty()) {
            rows.push(Row { shared_y: true, ..Row::new(90., each(&|column| column.over_epochs())) });
        }
        if columns.iter().any(|column| !column.performance.is_empty()) {
            rows.push(Row { shared_y: true, ..Row::new(90., each(&|column| column.over_time(options))) });
        }
        for area in options.ordered_areas(&activity(table)).iter().rev() {
            rows.push(Row { shared_y: true, ..Row::new(70., each(&|column| column.responses(area))) });
        }
        for effect in Effect::ALL {
            let panels = each(&|column| column.effect(effect, options));
            let any = |panel: &Panel| {
                panel
                    .lines
                    .iter()
                    .any(|line| line.series.seeds.iter().any(|seed| seed.values.iter().any(Option::is_some)))
            };
            if panels.iter().any(any) {
                rows.push(Row { shared_y: true, ..Row::new(64., panels) });
            }
        }
        if let Some(row) = rows.first_mut() {
            for (panel, parameter) in row.panels.iter_mut().zip(&parameters) {
                panel.title = parameter.clone();
            }
        }
        for (row, letter) in rows.iter_mut().zip('A'..='Z') {
            row.letter = letter.into();
        }
        let defaults: Vec<String> = columns
            .iter()
            .filter(|c| !c.default.is_empty())
            .map(|c| format!("{} {}", c.parameter, c.default).trim().to_owned())
            .collect();
        let mut notes = Vec::new();
        if !defaults.is_empty() {
            notes.push(format!(
                "Default (*): {}. Effects (Δ) are differences to it, seed by seed.",
                defaults.join(", ")
            ));
        }
        let legend = columns.iter().flat_map(|column| column.categories.legend()).collect();
        Page { notes, legend, ..Page::new("Comparison of categories", rows) }.draw(options)
    }
}

/// What a category can differ in.
#[derive(Clone, Copy)]
enum Effect {
    Accuracy,
    Latency,
    Steady,
    Decay,
}

impl Effect {
    const ALL: [Effect; 4] = [Effect::Accuracy, Effect::Latency, Effect::Steady, Effect::Decay];

    fn name(self) -> &'static str {
        match self {
            Effect::Accuracy => "settled accuracy",
            Effect::Latency => "half rise (ms)",
            Effect::Steady => "steady level",
            Effect::Decay => "half decay (ms)",
        }
    }

    fn of(self, x: &[f64], values: &[Option<f64>], shown: &[Shown]) -> Option<f64> {
        if let Effect::Accuracy = self {
            return settled(x, values, shown);
        }
        let at = Landmarks::of(x, values, shown)?;
        let first = at.first()?;
        let quarter = (first.offset() - first.onset()).div_ceil(4);
        match self {
            Effect::Latency => time_to_half_maximum(&at.trace, first, at.baseline, at.dt),
            Effect::Steady => steady_state(&at.trace, first, at.baseline, quarter),
            _ => {
                let steady = steady_state(&at.trace, first, at.baseline, 1).filter(|steady| *steady > 0.)?;
                let after = at.trace.get(first.offset()..first.end())?;
                let steps = after.iter().position(|value| value - at.baseline <= steady / 2.)?;
                Some((steps + 1) as f64 * at.dt)
            }
        }
    }
}

struct Column {
    parameter: String,
    categories: Categories,
    default: String,
    /// The last area, whose effects are shown.
    last: Option<String>,
    shown: Vec<Shown>,
    epochs: Vec<Series>,
    performance: Vec<Series>,
    activity: Vec<Series>,
}

impl Column {
    fn of(table: &Table, parameter: &str, options: &Options) -> Result<Self, FigureError> {
        let own = if parameter.is_empty() { table.clone() } else { table.having("parameter", &[parameter]) };
        let categories = Categories::of(&own, options);
        let marked = own.having("default", &["true"]).levels("category");
        let named = options.default_category.clone().filter(|name| categories.names.contains(name));
        let default =
            marked.into_iter().next().or(named).or_else(|| categories.names.last().cloned()).unwrap_or_default();
        let (shown, onset) = own.stimulus()?;
        // over epochs there is one kind, over time there may be two
        let over = |x: &str| own.filtered(|&row| own.number(x, row).is_some());
        let along = |of: Table, x: &str, by: &[&str]| if of.has(x) { of.series(x, by) } else { Ok(Vec::new()) };
        let shifted = |all: Vec<Series>| all.into_iter().map(|series| series.shifted(-onset)).collect();
        Ok(Column {
            parameter: parameter.into(),
            default,
            last: options.ordered_areas(&activity(&own)).pop(),
            shown,
            epochs: along(accuracy(&over("epoch")), "epoch", &["category", "split"])?,
            performance: shifted(along(accuracy(&over("time_ms")), "time_ms", &["category"])?),
            activity: if own.has("area") {
                shifted(along(activity(&own), "time_ms", &["area", "category"])?)
            } else {
                Vec::new()
            },
            categories,
        })
    }

    fn named(&self, what: &str) -> String {
        if self.parameter.is_empty() { what.into() } else { format!("{what} of {}", self.parameter) }
    }

    fn star(&self, category: &str) -> String {
        if category == self.default { format!("{category}*") } else { category.into() }
    }

    /// Lines with the default last, above the others.
    fn lines<'a>(&self, all: impl Iterator<Item = &'a Series>, labelled: bool) -> Vec<Line> {
        let mut all: Vec<&Series> = all.collect();
        all.sort_by_key(|series| series.key("category") == self.default);
        let line = |series: &&Series| {
            let held_out = ["validation", "test"].contains(&series.key("split"));
            let line = self.categories.line((*series).clone());
            let ink = if held_out { line.ink.clone().dashed() } else { line.ink.clone() };
            let name = self.star(&line.name);
            Line { ink, name, each_seed: false, ..line }.labelled(labelled && !held_out && self.categories.named())
        };
        all.iter().map(line).collect()
    }

    fn over_epochs(&self) -> Panel {
        let lines = self.lines(self.epochs.iter(), true);
        let y = Axis::new("accuracy").including(&[0., 1.]);
        Panel { x: Axis::new("epoch"), y, lines, ..Panel::new(self.named("training")) }
    }

    fn over_time(&self, options: &Options) -> Panel {
        let lines = self.lines(self.performance.iter(), true);
        let y = Axis::new("accuracy").including(&[0., 1.]);
        let chance = options.chance.map(|chance| Rule::horizontal(chance, "chance", Ink::grey().dotted()));
        let (x, shown) = (Axis::new("time from onset (ms)"), self.shown.clone());
        Panel { x, y, lines, shown, rules: chance.into_iter().collect(), ..Panel::new(self.named("accuracy")) }
    }

    fn responses(&self, area: &str) -> Panel {
        let own = self.activity.iter().filter(|series| series.key("area") == area);
        let lines = self.lines(own, self.performance.is_empty());
        let y = Axis::new(area).including(&[0.]);
        Panel {
            x: Axis::new("time from onset (ms)"),
            y,
            lines,
            shown: self.shown.clone(),
            ..Panel::new(self.named(area))
        }
    }

    /// The difference of each category to the default, for each seed.
    fn effect(&self, effect: Effect, options: &Options) -> Panel {
        let area = options.area.as_deref().or(self.last.as_deref()).unwrap_or("");
        let series: Vec<&Series> = match effect {
            Effect::Accuracy => self.performance.iter().collect(),
            _ => self.activity.iter().filter(|series| series.key("area") == area).collect(),
        };
        let measured = |series: &Series| {
            let numbers = series.each_seed(|x, values| effect.of(x, values, &self.shown));
            super::compose::along(&[(0., numbers)], super::compose::samples(series))
        };
        let default =
            series.iter().find(|series| series.key("category") == self.default).map(|series| measured(series));
        let of =
            if let Effect::Accuracy = effect { effect.name().to_owned() } else { format!("{area} {}", effect.name()) };
        let names: Vec<String> = self.categories.names.iter().map(|name| self.star(name)).collect();
        let mut panel = Panel {
            x: Axis::categories("", &names),
            y: Axis::new(format!("Δ {}", effect.name())),
            rules: vec![Rule::horizontal(0., "", Ink::grey().dashed())],
            ..Panel::new(self.named(&of))
        };
        for (i, category) in self.categories.names.iter().enumerate().filter(|(_, name)| **name != self.default) {
            let found = series.iter().find(|series| series.key("category") == category);
            if let (Some(found), Some(default)) = (found, &default) {
                let change = difference(&measured(found), default).shifted(i as f64);
                let line = Line::new(self.star(category), self.categories.ink(category), change);
                panel.lines.push(Line { joined: false, dots: true, spread: Spread::Bars, ..line });
            }
        }
        panel
    }
}
