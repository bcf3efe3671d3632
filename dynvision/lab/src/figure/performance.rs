use super::compose::{Categories, accuracy, along, evenly, picked, samples, settled, since_onset, some_rows};
use super::dynamics::said;
use super::panel::{Axis, Line, Page, Panel, Row, Rule};
use super::{Drawing, Figure, FigureError, Ink, Options, Over, Series, Shown, Table, fit};

/// Most panels with traces.
const TRACES: usize = 4;
/// Decibels that are labelled on the second axis.
const DECIBELS: [f64; 7] = [-20., -10., -5., 0., 5., 10., 20.];

/// Accuracy under noise: over time for some strengths, and settled against the strength of the signal.
///
/// A: accuracy over time, with a dash at the level without recurrence, where the table has rows whose `intervention` is
/// `silenced`. B, from the left: mean accuracy over the last quarter of the stimulus, or from the onset on ([`Over`]), against `condition`, the share of the
/// signal (SSNR, also in dB, `10·log₁₀(SSNR/(1 − SSNR))`), with a logistic curve and its threshold at half height; what
/// recurrence adds, the difference of full and silenced for each seed; time until accuracy above chance has reached 90 % of
/// where it settles.
///
/// ```
/// use dynvision_lab::figure::{Figure, Options, Performance, Table};
///
/// let mut csv = String::from("condition,time_ms,stimulus,category,seed,measure,value\n");
/// for ssnr in [0.1, 0.5, 0.9] {
///     for step in 0..8 {
///         csv += &format!("{ssnr},{},1,full,0,accuracy,{ssnr}\n", 2 * step);
///     }
/// }
/// let drawing = Performance.draw(&Table::read_csv(csv.as_bytes())?, &Options::default())?;
/// assert!(drawing.csv.contains("settled accuracy,full,mean,,0.5,0.5,"));
/// # Ok::<(), dynvision_lab::figure::FigureError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Performance;

impl Figure for Performance {
    fn name(&self) -> &str {
        "performance"
    }

    fn about(&self) -> &str {
        "accuracy under noise over time and against the share of the signal, with and without recurrence"
    }

    fn columns(&self) -> &[(&str, &str)] {
        &[
            ("condition", "share of the signal (SSNR), from 0 to 1"),
            ("time_ms", "time in ms"),
            ("measure", "`accuracy` or `first_label_accuracy`"),
            ("value", "the accuracy"),
        ]
    }

    fn draw(&self, table: &Table, options: &Options) -> Result<Drawing, FigureError> {
        table.need(&["condition", "time_ms", "measure", "value"])?;
        table.need_numbers("condition")?;
        let table = accuracy(table);
        some_rows(&table, "`accuracy` or `first_label_accuracy` in the column `measure`")?;
        let categories = Categories::of(&table, options);
        let silenced = table.having("intervention", &["silenced"]);
        let full = table.filtered(|&row| table.label("intervention", row).is_none_or(|label| label != "silenced"));
        let conditions = full.levels("condition");
        let parameter = if options.parameter == "condition" { "SSNR" } else { &options.parameter };
        let full_points = Along::of(&full, options)?;
        let silenced_points = Along::of(&silenced, options)?;
        let shown = evenly(&conditions, TRACES);
        let mut traces = Vec::new();
        for (i, condition) in shown.iter().enumerate() {
            let panel = traces_panel(&full, condition, &categories, i + 1 == shown.len(), &silenced_points, options)?;
            traces.push(Panel { title: format!("{parameter} = {condition}"), ..panel });
        }
        let x = ssnr_axis(parameter, &conditions);
        let settled = settled_panel(&x, &full_points, &silenced_points, &categories, options);
        let time = full_points.0.iter().map(|at| at.line(&at.time, &categories)).collect();
        let mut second = vec![settled];
        if !silenced_points.0.is_empty() {
            second.push(gain_panel(&x, &full_points, &silenced_points, &categories));
        }
        // what is shown briefly does not settle
        if options.accuracy_over == Over::Settled {
            let y = Axis::new("time to 90 % (ms)").including(&[0.]);
            second.push(Panel { x: x.clone(), y, lines: time, ..Panel::new("time to 90 %") });
        }
        if let Some(last) = second.last_mut() {
            last.lines = last.lines.drain(..).map(|line| line.labelled(categories.named())).collect();
        }
        let letter = |letter: &str, row: Row| Row { letter: letter.into(), ..row };
        let rows =
            vec![letter("A", Row { shared_y: true, ..Row::new(120., traces) }), letter("B", Row::new(150., second))];
        let mut notes: Vec<String> = picked(parameter, shown.len(), conditions.len()).into_iter().collect();
        if !silenced_points.0.is_empty() {
            notes.push("Dashed in the colour of a category: recurrence silenced.".into());
        }
        let over = match options.accuracy_over {
            Over::Settled => "the last quarter of the stimulus; thin curves: logistic fit to the mean",
            Over::SinceOnset => "all steps from the onset on",
        };
        notes.push(format!("B: mean over {over}."));
        let title = match x.second {
            Some(_) => "Accuracy under noise".to_string(),
            None => format!("Accuracy by {}", parameter.split(" (").next().unwrap_or(parameter)),
        };
        Page { legend: categories.legend(), notes, ..Page::new(&title, rows) }.draw(options)
    }
}

fn ssnr_axis(parameter: &str, conditions: &[String]) -> Axis {
    let numbers: Vec<f64> = conditions.iter().filter_map(|c| c.parse().ok()).collect();
    let share = numbers.iter().all(|x| (0. ..=1.).contains(x)) && parameter == "SSNR";
    let ticks = DECIBELS.map(|db| (1. / (1. + 10f64.powf(-db / 10.)), super::scale::short(db)));
    Axis { second: share.then(|| ("dB".to_owned(), ticks.to_vec())), ..Axis::new(parameter) }
}

/// A category's numbers along the conditions.
struct Of {
    category: String,
    settled: Series,
    time: Series,
}

impl Of {
    fn line(&self, series: &Series, categories: &Categories) -> Line {
        let name = if self.category.is_empty() { "all" } else { &self.category };
        let ink = categories.ink(&self.category);
        Line { each_seed: categories.each_seed(), ..Line::new(name, ink, series.clone()) }.dotted()
    }
}

struct Along(Vec<Of>);

impl Along {
    fn of(table: &Table, options: &Options) -> Result<Self, FigureError> {
        type Conditions = Vec<(f64, Vec<(String, Option<f64>)>)>;
        let mut found: Vec<(String, Conditions, Conditions, u64)> = Vec::new();
        for condition in table.levels("condition") {
            let own = table.having("condition", &[&condition]);
            let (shown, onset) = own.stimulus()?;
            let at = condition.parse().unwrap_or(f64::NAN);
            for series in own.series("time_ms", &["category"])? {
                let series = series.shifted(-onset);
                let last = series.each_seed(|x, values| match options.accuracy_over {
                    Over::Settled => settled(x, values, &shown),
                    Over::SinceOnset => since_onset(x, values, &shown),
                });
                let time =
                    series.each_seed(|x, values| time_to_settle(x, values, &shown, options.chance.unwrap_or(0.)));
                let (category, n) = (series.key("category"), samples(&series));
                match found.iter_mut().find(|(other, ..)| other == category) {
                    Some((_, settled, times, most)) => {
                        settled.push((at, last));
                        times.push((at, time));
                        *most = (*most).max(n);
                    }
                    None => found.push((category.into(), vec![(at, last)], vec![(at, time)], n)),
                }
            }
        }
        let of = |(category, settled, time, n): (String, Conditions, Conditions, u64)| Of {
            category,
            settled: along(&settled, n),
            time: along(&time, n),
        };
        Ok(Along(found.into_iter().map(of).collect()))
    }

    fn settled(&self, category: &str) -> Option<&Series> {
        self.0.iter().find(|of| of.category == category).map(|of| &of.settled)
    }
}

/// When accuracy above chance first reaches 90 % of where it settles, in ms from the onset; none where it settles at chance.
fn time_to_settle(x: &[f64], values: &[Option<f64>], shown: &[Shown], chance: f64) -> Option<f64> {
    let last = settled(x, values, shown).filter(|last| *last > chance)?;
    let reached = |y: &Option<f64>| y.is_some_and(|y| y - chance >= 0.9 * (last - chance));
    x.iter().zip(values).find(|(x, y)| **x >= 0. && reached(y)).map(|(x, _)| *x)
}

fn traces_panel(
    full: &Table,
    condition: &str,
    categories: &Categories,
    last: bool,
    silenced: &Along,
    options: &Options,
) -> Result<Panel, FigureError> {
    let own = full.having("condition", &[condition]);
    let (shown, onset) = own.stimulus()?;
    let line = |series: Series| categories.line(series.shifted(-onset)).labelled(last && categories.named());
    let lines = own.series("time_ms", &["category"])?.into_iter().map(line).collect();
    let mut rules: Vec<Rule> =
        options.chance.map(|chance| Rule::horizontal(chance, "chance", Ink::grey().dotted())).into_iter().collect();
    let at: f64 = condition.parse().unwrap_or(f64::NAN);
    for of in &silenced.0 {
        let point = of.settled.points(options.level).into_iter().find(|point| point.x == at);
        let level = point.and_then(|point| point.mean);
        rules.extend(level.map(|level| Rule::horizontal(level, "", categories.ink(&of.category).dashed())));
    }
    let x = Axis::new("time from onset (ms)");
    let y = Axis::new("accuracy").including(&[0., 1.]);
    Ok(Panel { x, y, lines, rules, shown, ..Panel::new(format!("accuracy at {condition}")) })
}

fn settled_panel(x: &Axis, full: &Along, silenced: &Along, categories: &Categories, options: &Options) -> Panel {
    let name = match options.accuracy_over {
        Over::Settled => "settled accuracy",
        Over::SinceOnset => "mean accuracy",
    };
    let y = Axis::new(name).including(&[0., 1.]);
    let mut panel = Panel { x: x.clone(), y, ..Panel::new(name) };
    panel.rules.extend(options.chance.map(|chance| Rule::horizontal(chance, "chance", Ink::grey().dotted())));
    for of in &silenced.0 {
        let line = of.line(&of.settled, categories);
        panel.lines.push(Line {
            name: format!("{} silenced", line.name),
            ink: line.ink.clone().dashed(),
            each_seed: false,
            ..line
        });
    }
    for of in &full.0 {
        let line = of.line(&of.settled, categories);
        if options.accuracy_over == Over::SinceOnset {
            panel.lines.push(line);
            continue;
        }
        let thresholds: Vec<f64> = of
            .settled
            .seeds
            .iter()
            .filter_map(|seed| fit::logistic(&of.settled.x, &seed.values))
            .map(|fit| fit.centre)
            .collect();
        if categories.names.len() <= 6 {
            panel.notes.push(said(&line.name, "threshold", "", &thresholds, of.settled.seeds.len(), options.level));
        }
        let means: Vec<Option<f64>> = of.settled.points(options.level).iter().map(|point| point.mean).collect();
        if let (Some(fitted), Some(&from), Some(&to)) =
            (fit::logistic(&of.settled.x, &means), of.settled.x.first(), of.settled.x.last())
        {
            let at = |i: u32| from + (to - from) * f64::from(i) / 60.;
            let curve = Series::curve((0..=60).map(|i| (at(i), Some(fitted.at(at(i))))));
            panel.lines.push(Line::known(format!("{} fit", line.name), line.ink.clone(), curve));
        }
        panel.lines.push(Line { joined: false, ..line });
    }
    panel
}

fn gain_panel(x: &Axis, full: &Along, silenced: &Along, categories: &Categories) -> Panel {
    let mut panel = Panel { x: x.clone(), y: Axis::new("gain by recurrence").including(&[0.]), ..Panel::new("gain") };
    panel.rules.push(Rule::horizontal(0., "", Ink::grey().dashed()));
    for of in &full.0 {
        let Some(without) = silenced.settled(&of.category) else { continue };
        let gain = difference(&of.settled, without);
        panel.lines.push(of.line(&gain, categories));
    }
    panel
}

/// The difference of two series at each x of the first, for each seed that both have.
pub(super) fn difference(first: &Series, second: &Series) -> Series {
    let mut gain = first.clone();
    for seed in &mut gain.seeds {
        let other = second.seeds.iter().find(|other| other.name == seed.name);
        for (x, value) in first.x.iter().zip(&mut seed.values) {
            let place = second.x.iter().position(|other| other == x);
            let without = other.zip(place).and_then(|(other, place)| other.values.get(place).copied().flatten());
            *value = value.zip(without).map(|(a, b)| a - b);
        }
    }
    gain
}
