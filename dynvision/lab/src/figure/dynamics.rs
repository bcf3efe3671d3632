use super::compose::{Categories, Landmarks, activity, along, evenly, samples, some_rows};
use super::panel::{Axis, Line, Page, Panel, Row, Rule, Spread};
use super::{Drawing, Figure, FigureError, Ink, Options, Scale, Series, Shown, Table, fit, human_reference};
use crate::measure::{peak_ratio, peak_time, temporal_summation};
use crate::statistics::t_interval;

/// Multiples of τ on the second axis.
const MULTIPLES: [f64; 10] = [0.1, 0.2, 0.5, 1., 2., 5., 10., 20., 50., 100.];
/// Most traces of a panel.
const TRACES: usize = 8;
/// Most traces in a panel that have bands; more would hide each other.
const BANDS: usize = 3;

/// Adaptation, temporal summation and contrast latency, beside those of human visual cortex.
///
/// Three columns: two pulses with a gap between them, one pulse of some duration, one of some contrast; those that the table
/// has are drawn. Row A has the human reference ([`human_reference`]), row B an area's activity for the conditions of one
/// category, row C the measure for each category: the ratio of the second to the first peak, the summed response relative to
/// that of the longest duration, the time of the peak from the onset. Baselines are subtracted. Below stand, as means over seeds with
/// intervals, the time constant of recovery in `1 − a·exp(−t/τ)`, the exponent of summation (the slope of the logarithms), and
/// by how much the peak is later when contrast is halved.
///
/// ```
/// use dynvision_lab::figure::{Dynamics, Figure, Options, Table};
///
/// let mut csv = String::from("experiment,condition,time_ms,stimulus,area,category,seed,value\n");
/// for contrast in [0.25, 0.5, 1.] {
///     // Stronger stimuli peak earlier: at 6, 4 and 2 ms from the onset.
///     let peak = if contrast < 0.3 { 4 } else if contrast < 0.6 { 3 } else { 2 };
///     for step in 0..8 {
///         let (shown, value) = (if step > 0 { contrast } else { 0. }, if step == peak { 1. } else { 0. });
///         csv += &format!("contrast,{contrast},{},{shown},v1,full,0,{value}\n", 2 * step);
///     }
/// }
/// let drawing = Dynamics.draw(&Table::read_csv(csv.as_bytes())?, &Options::default())?;
/// assert!(drawing.csv.contains("contrast measure,full,mean,,0.25,6,"));
/// # Ok::<(), dynvision_lab::figure::FigureError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Dynamics;

/// The three experiments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Paradigm {
    Interval,
    Duration,
    Contrast,
}

impl Paradigm {
    const ALL: [Paradigm; 3] = [Paradigm::Interval, Paradigm::Duration, Paradigm::Contrast];

    fn name(self) -> &'static str {
        match self {
            Paradigm::Interval => "interval",
            Paradigm::Duration => "duration",
            Paradigm::Contrast => "contrast",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Paradigm::Interval => "Adaptation",
            Paradigm::Duration => "Temporal summation",
            Paradigm::Contrast => "Contrast latency",
        }
    }

    fn x(self) -> Axis {
        let label = match self {
            Paradigm::Interval => "gap (ms)",
            Paradigm::Duration => "duration (ms)",
            Paradigm::Contrast => "contrast",
        };
        Axis { scale: Scale::Log, ..Axis::new(label) }
    }

    fn y(self) -> Axis {
        match self {
            Paradigm::Interval => Axis::new("second / first peak").including(&[0.4, 1.]),
            Paradigm::Duration => Axis::new("summed response").including(&[0., 1.]),
            Paradigm::Contrast => Axis::new("peak time (ms)").including(&[0.]),
        }
    }

    /// The measure of a trace; that of durations is relative to the longest later.
    fn measure(self, x: &[f64], values: &[Option<f64>], shown: &[Shown]) -> Option<f64> {
        let at = Landmarks::of(x, values, shown)?;
        match self {
            Paradigm::Interval => peak_ratio(&at.trace, at.first()?, *at.windows.get(1)?, at.baseline),
            Paradigm::Duration => temporal_summation(&at.trace, at.first()?, at.baseline, at.dt),
            Paradigm::Contrast => peak_time(&at.trace, at.first()?, at.dt),
        }
    }

    /// What is said of a measure along the conditions; one number for each seed.
    fn summary(self, series: &Series) -> Vec<f64> {
        let of = |values: &[Option<f64>]| match self {
            Paradigm::Interval => fit::recovery(&series.x, values).map(|fit| fit.tau),
            Paradigm::Duration => fit::exponent(&series.x, values),
            Paradigm::Contrast => {
                let log: Vec<f64> = series.x.iter().map(|x| -x.log2()).collect();
                fit::slope(&log, values)
            }
        };
        series.seeds.iter().filter_map(|seed| of(&seed.values)).collect()
    }

    fn said(self) -> (&'static str, &'static str) {
        match self {
            Paradigm::Interval => ("τ of recovery", " ms"),
            Paradigm::Duration => ("exponent", ""),
            Paradigm::Contrast => ("later per halving", " ms"),
        }
    }
}

impl Figure for Dynamics {
    fn name(&self) -> &str {
        "dynamics"
    }

    fn about(&self) -> &str {
        "adaptation, temporal summation and contrast latency beside human data"
    }

    fn columns(&self) -> &[(&str, &str)] {
        &[
            ("experiment", "`interval`, `duration` or `contrast`"),
            ("condition", "gap or duration in ms, or contrast"),
            ("time_ms", "time in ms"),
            ("stimulus", "strength of what is shown, 0 for a blank"),
            ("value", "activity"),
        ]
    }

    fn draw(&self, table: &Table, options: &Options) -> Result<Drawing, FigureError> {
        table.need(&["experiment", "condition", "time_ms", "stimulus", "value"])?;
        table.need_numbers("condition")?;
        some_rows(table, "responses to gaps, durations or contrasts")?;
        let table = activity(table);
        let areas = options.ordered_areas(&table);
        let area = options.area.clone().or_else(|| areas.first().cloned()).unwrap_or_default();
        let table = if area.is_empty() { table } else { table.having("area", &[&area]) };
        let categories = Categories::of(&table, options);
        let chosen = options.default_category.clone().or_else(|| categories.names.last().cloned()).unwrap_or_default();
        let kinds: Vec<Paradigm> = Paradigm::ALL
            .into_iter()
            .filter(|kind| table.levels("experiment").iter().any(|e| e == kind.name()))
            .collect();
        if kinds.is_empty() {
            let found = table.levels("experiment").join(", ");
            return Err(FigureError::Nothing(format!(
                "no row of area `{area}` has `interval`, `duration` or `contrast` in the column `experiment`; it has {found}"
            )));
        }
        let reference = human_reference()?;
        let (mut humans, mut traces, mut measures) = (Vec::new(), Vec::new(), Vec::new());
        for (i, &kind) in kinds.iter().enumerate() {
            let own = table.having("experiment", &[kind.name()]);
            let human = human_panel(kind, &reference)?;
            let measured = Measured::of(kind, &own)?;
            let last = i + 1 == kinds.len();
            traces.push(Panel {
                title: if options.reference { String::new() } else { kind.title().into() },
                ..traces_panel(kind, &own, &chosen, &area)?
            });
            measures.push(measures_panel(kind, measured, &categories, options, last, &human));
            humans.push(human);
        }
        let mut rows = Vec::new();
        let mut letters = ["A", "B", "C"].into_iter();
        let mut row = |height: f64, panels: Vec<Panel>| Row {
            letter: letters.next().unwrap_or_default().into(),
            ..Row::new(height, panels)
        };
        let mut notes = Vec::new();
        if options.reference {
            rows.push(row(86., humans));
            notes.push("A: human V1 (Groen et al. 2022), ends of the curves read off the published picture; compare shapes, not times.".to_owned());
        }
        rows.push(row(110., traces));
        rows.push(row(140., measures));
        let of = if chosen.is_empty() { String::new() } else { format!(" of {chosen}") };
        notes.push(format!(
            "Activity{of}, relative to its largest; peaks and sums above the baseline before the onset."
        ));
        let title = if area.is_empty() { "Dynamics".into() } else { format!("Dynamics of {area}") };
        Page { legend: categories.legend(), notes, ..Page::new(title, rows) }.draw(options)
    }
}

fn human_panel(kind: Paradigm, reference: &Table) -> Result<Panel, FigureError> {
    let series = reference.having("experiment", &[kind.name()]).series("condition", &[])?;
    let line = |series| Line { dots: true, ..Line::known("human V1", Ink::new("#444444").dashed(), series) };
    let lines = series.into_iter().map(line).collect();
    let name = format!("{} human", kind.name());
    Ok(Panel { title: kind.title().into(), x: kind.x(), y: kind.y(), lines, ..Panel::new(name) })
}

fn traces_panel(kind: Paradigm, own: &Table, chosen: &str, area: &str) -> Result<Panel, FigureError> {
    let own = if chosen.is_empty() { own.clone() } else { own.having("category", &[chosen]) };
    let conditions = own.levels("condition");
    let shown = evenly(&conditions, TRACES);
    let mut found = Vec::new();
    for condition in &shown {
        let own = own.having("condition", &[condition]);
        let (_, onset) = own.stimulus()?;
        found.extend(own.series("time_ms", &[])?.into_iter().map(|series| (condition.clone(), series.shifted(-onset))));
    }
    let largest = found.iter().flat_map(|(_, series)| series.points(0.95)).filter_map(|p| p.mean).fold(0., f64::max);
    let inks = super::Palette::OkabeIto.inks(&shown);
    let line = |(condition, mut series): (String, Series)| {
        let values = series.seeds.iter_mut().flat_map(|seed| &mut seed.values).flatten();
        values.for_each(|value| *value = if largest > 0. { *value / largest } else { *value });
        let ink = shown.iter().position(|other| *other == condition).and_then(|i| inks.get(i).cloned());
        let name = format!("{condition}{}", if kind == Paradigm::Contrast { "" } else { " ms" });
        let line = Line { each_seed: false, ..Line::new(name, ink.unwrap_or_else(Ink::grey), series) }.labelled(true);
        if shown.len() > BANDS { Line { spread: Spread::None, ..line } } else { line }
    };
    let y =
        Axis::new(if area.is_empty() { "activity".into() } else { format!("{area} activity") }).including(&[0., 1.]);
    let lines = found.into_iter().map(line).collect();
    let note = super::compose::picked(kind.name(), shown.len(), conditions.len());
    let onset = Rule::vertical(0., "", Ink::grey());
    Ok(Panel {
        x: Axis::new("time from onset (ms)"),
        y,
        lines,
        rules: vec![onset],
        notes: note.into_iter().collect(),
        ..Panel::new(format!("{} activity", kind.name()))
    })
}

/// The measure along the conditions, for each category.
struct Measured(Vec<(String, Series)>);

impl Measured {
    fn of(kind: Paradigm, own: &Table) -> Result<Self, FigureError> {
        type Conditions = Vec<(f64, Vec<(String, Option<f64>)>)>;
        let mut found: Vec<(String, Conditions, u64)> = Vec::new();
        for condition in own.levels("condition") {
            let own = own.having("condition", &[&condition]);
            let (shown, onset) = own.stimulus()?;
            let at = condition.parse().unwrap_or(f64::NAN);
            for series in own.series("time_ms", &["category"])? {
                let series = series.shifted(-onset);
                let seeds = series.each_seed(|x, values| kind.measure(x, values, &shown));
                let category = series.key("category");
                match found.iter_mut().find(|(other, ..)| other == category) {
                    Some((_, conditions, n)) => {
                        conditions.push((at, seeds));
                        *n = (*n).max(samples(&series));
                    }
                    None => found.push((category.into(), vec![(at, seeds)], samples(&series))),
                }
            }
        }
        let relative = |mut series: Series| {
            for seed in &mut series.seeds {
                let longest = seed.values.last().copied().flatten().filter(|longest| *longest > 0.);
                seed.values
                    .iter_mut()
                    .for_each(|value| *value = value.zip(longest).map(|(value, longest)| value / longest));
            }
            series
        };
        let series = |conditions: &Conditions, n| {
            let series = along(conditions, n);
            if kind == Paradigm::Duration { relative(series) } else { series }
        };
        Ok(Measured(found.into_iter().map(|(category, conditions, n)| (category, series(&conditions, n))).collect()))
    }
}

fn measures_panel(
    kind: Paradigm,
    measured: Measured,
    categories: &Categories,
    options: &Options,
    last: bool,
    human: &Panel,
) -> Panel {
    let mut panel = Panel { x: kind.x(), y: kind.y(), ..Panel::new(format!("{} measure", kind.name())) };
    if let Some(tau) = options.tau_ms.filter(|_| kind != Paradigm::Contrast) {
        let ticks = MULTIPLES.iter().map(|multiple| (multiple * tau, super::scale::short(*multiple))).collect();
        panel.x.second = Some(("multiples of τ".into(), ticks));
    }
    if options.reference && kind != Paradigm::Contrast {
        // the same range as the reference, which has no unit
        let values = human.lines.iter().flat_map(|line| &line.series.seeds).flat_map(|seed| &seed.values).flatten();
        panel.y.include.extend(values);
    }
    let (what, unit) = kind.said();
    let longest = measured.0.iter().flat_map(|(_, series)| &series.x).copied().fold(0., f64::max);
    let mut straight: Vec<f64> = measured.0.iter().flat_map(|(_, series)| series.x.iter().copied()).collect();
    straight.sort_by(f64::total_cmp);
    straight.dedup();
    match kind {
        Paradigm::Interval => panel.rules.push(Rule::horizontal(1., "", Ink::grey().dashed())),
        Paradigm::Duration if longest > 0. => {
            let linear = Series::curve(straight.into_iter().map(|x| (x, Some(x / longest))));
            panel.lines.push(Line::known("linear", Ink::grey().dashed(), linear));
        }
        _ => {}
    }
    for (category, series) in measured.0 {
        let numbers = kind.summary(&series);
        let name = if category.is_empty() { "all" } else { &category };
        if categories.named() || category.is_empty() {
            panel.notes.push(said(name, what, unit, &numbers, series.seeds.len(), options.level));
        }
        let line = Line { each_seed: categories.each_seed(), ..Line::new(name, categories.ink(&category), series) };
        panel.lines.push(line.dotted().labelled(last && categories.named()));
    }
    panel
}

/// A mean over seeds with its interval, in words.
pub(super) fn said(name: &str, what: &str, unit: &str, numbers: &[f64], seeds: usize, level: f64) -> String {
    use super::scale::short;
    let n = numbers.len();
    let of = if n < seeds { format!(", {n} of {seeds} seeds") } else { String::new() };
    match (crate::statistics::mean(numbers), t_interval(numbers, level)) {
        (Some(mean), Some(i)) => {
            format!("{name}: {what} {}{unit} [{},\u{a0}{}]{of}", short(mean), short(i.low), short(i.high))
        }
        (Some(mean), None) => format!("{name}: {what} {}{unit}{of}", short(mean)),
        (None, _) => format!("{name}: {what} not found"),
    }
}
