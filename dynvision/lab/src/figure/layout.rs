//! Where the panels of a page lie: everything about places, nothing about what is drawn in them.

use super::panel::{Page, Panel, Row, Spread};
use super::scale::{Range, Scale};
use super::svg::{width, wrapped};
use super::{Line, Options, Point};
use std::collections::BTreeMap;

/// Distance of everything from the page's edge.
pub(super) const MARGIN: f64 = 10.;
/// Size of titles, labels and ticks.
pub(super) const TITLE: f64 = 11.;
pub(super) const LABEL: f64 = 11.;
pub(super) const TICK: f64 = 10.;
pub(super) const NOTE: f64 = 9.5;
/// Widest that a name at the end of a line, or a tick that is a name, may be.
pub(super) const NAME: f64 = 96.;
/// Width of a scale of colours with its labels.
pub(super) const COLOURS: f64 = 62.;

/// A panel with its place and its ranges.
pub(super) struct Placed<'a> {
    pub(super) panel: &'a Panel,
    /// The mean and interval of each line.
    pub(super) points: Vec<Vec<Point>>,
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) x: Range,
    pub(super) y: Range,
    /// Whether there is a number to draw.
    pub(super) filled: bool,
    pub(super) x_ticks: Ticks,
    pub(super) y_ticks: Vec<(f64, String)>,
    pub(super) label_x: bool,
    pub(super) label_y: bool,
    pub(super) title: Vec<String>,
    pub(super) y_label: Vec<String>,
    /// What stands above the right corner: the panel's own n, and whether intervals are cut.
    pub(super) corner: Vec<String>,
    pub(super) notes: Vec<String>,
    /// Room at the right, for names at the ends of lines or a scale of colours.
    pub(super) right: f64,
}

/// Ticks of a horizontal axis.
#[derive(Clone, Default)]
pub(super) struct Ticks {
    pub(super) at: Vec<(f64, String)>,
    /// Whether labels are turned, and how wide they may be.
    pub(super) turned: bool,
    pub(super) most: f64,
}

impl Ticks {
    /// Height of the labels.
    fn height(&self) -> f64 {
        if self.at.is_empty() {
            return 4.;
        }
        if !self.turned {
            return 16.;
        }
        let widest = self.at.iter().map(|(_, label)| width(label, TICK, false)).fold(0., f64::max);
        12. + widest.min(self.most) * TURN.to_radians().sin()
    }
}

/// How far labels are turned that are too wide, in degrees.
pub(super) const TURN: f64 = 35.;

/// A row of panels with its place.
pub(super) struct PlacedRow<'a> {
    pub(super) row: &'a Row,
    pub(super) top: f64,
    pub(super) panels: Vec<Placed<'a>>,
}

impl Placed<'_> {
    /// Where a number lies across the page; none where it lies nowhere.
    pub(super) fn x_of(&self, x: f64) -> Option<f64> {
        Some(self.left + self.width * self.x.place(x)?)
    }

    /// Where a number lies down the page; none where it lies nowhere.
    pub(super) fn y_of(&self, y: f64) -> Option<f64> {
        Some(self.top + self.height * (1. - self.y.place(y)?))
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// Height of what stands below the axes.
    fn foot(&self) -> f64 {
        let axis = if self.label_x {
            self.x_ticks.height() + if self.panel.x.label.is_empty() { 0. } else { 15. }
        } else {
            4.
        };
        axis + 12. * self.notes.len() as f64
    }
}

/// Ranges of a panel's numbers, before they get room: x and y, none where there are no numbers.
struct Ranges {
    x: Option<Range>,
    y: Option<Range>,
    filled: bool,
}

fn ranges(panel: &Panel, points: &[Vec<Point>]) -> Ranges {
    let (x_scale, y_scale) = (panel.x.scale, panel.y.scale);
    let finite = |values: &[Option<f64>]| values.iter().any(|value| value.is_some_and(f64::is_finite));
    let lines = || panel.lines.iter().filter(|line| line.series.seeds.iter().any(|seed| finite(&seed.values)));
    let x = lines().flat_map(|line| line.series.x.iter().copied());
    let x = x.chain(panel.shown.iter().flat_map(|shown| [shown.from, shown.to]));
    let x = x.chain(panel.rules.iter().filter(|rule| rule.vertical).map(|rule| rule.at));
    let x = x.chain(panel.marks.iter().map(|mark| mark.x)).chain(panel.x.include.iter().copied());
    let x = x.chain(panel.violins.iter().flat_map(|violin| [violin.at - violin.half, violin.at + violin.half]));
    let data = lines().flat_map(|line| line.series.seeds.iter()).flat_map(|seed| seed.values.iter().flatten().copied());
    let data = data.chain(panel.violins.iter().flat_map(|v| [v.distribution.min, v.distribution.max]));
    let mut measured = Range::of(data.chain(panel.marks.iter().map(|mark| mark.y)), y_scale);
    // An interval of few seeds may be far wider than the data: it widens the range to at most three times, and is cut there.
    if let Some(Range { low, high, scale: Scale::Linear }) = measured {
        let room = (high - low).max(1e-12);
        let ends = intervals(panel, points).flat_map(|(a, b)| [a, b]).map(|end| end.clamp(low - room, high + room));
        measured = measured.map(|measured| measured.with(Range::of(ends, y_scale)));
    }
    let filled = measured.is_some() || panel.matrix.as_ref().is_some_and(|matrix| finite(&matrix.values));
    let others = panel.rules.iter().filter(|rule| !rule.vertical).map(|rule| rule.at);
    let others = Range::of(others.chain(panel.y.include.iter().copied()), y_scale);
    Ranges { x: Range::of(x, x_scale), y: measured.map_or(others, |measured| Some(measured.with(others))), filled }
}

/// The intervals that are drawn.
fn intervals(panel: &Panel, points: &[Vec<Point>]) -> impl Iterator<Item = (f64, f64)> {
    let drawn = panel.lines.iter().zip(points).filter(|(line, _)| line.spread != Spread::None);
    drawn.flat_map(|(_, points)| points).filter_map(|point| point.interval)
}

fn union(ranges: impl Iterator<Item = Option<Range>>) -> Option<Range> {
    ranges.fold(None, |all, range| all.map_or(range, |all| Some(all.with(range))))
}

/// Places every panel of a page below `top`; returns the rows, and where the last one ends.
///
/// A panel whose number of seeds and samples differs from the `common` one says its own.
pub(super) fn placed<'a>(
    page: &'a Page,
    options: &Options,
    common: Option<&str>,
    top: f64,
) -> (Vec<PlacedRow<'a>>, f64) {
    let points_of = |panel: &Panel| panel.lines.iter().map(|line| line.series.points(options.level)).collect();
    let points: Vec<Vec<Vec<Vec<Point>>>> =
        page.rows.iter().map(|row| row.panels.iter().map(points_of).collect()).collect();
    let found: Vec<Vec<Ranges>> = page
        .rows
        .iter()
        .zip(&points)
        .map(|(row, points)| row.panels.iter().zip(points).map(|(panel, points)| ranges(panel, points)).collect())
        .collect();
    let all_x = union(found.iter().flatten().map(|ranges| ranges.x));
    let all_room = page.rows.iter().flat_map(|row| &row.panels).map(room).fold(0., f64::max);
    let rows: Vec<Vec<Placed<'a>>> = page
        .rows
        .iter()
        .zip(points)
        .zip(found)
        .enumerate()
        .map(|(i, ((row, points), found))| {
            let row_y = union(found.iter().map(|ranges| ranges.y));
            let last = i + 1 == page.rows.len();
            let panels = row.panels.iter().zip(points).zip(found).enumerate();
            panels
                .map(|(j, ((panel, points), found))| {
                    let (x, room) = if page.joined { (all_x, all_room) } else { (found.x, room(panel)) };
                    let x = x.map(|x| if room > 0. { x.padded(room) } else { x });
                    let y = if row.shared_y { row_y } else { found.y };
                    let (label_x, label_y) = (!page.joined || last, !row.shared_y || j == 0);
                    let mut placed = placed_panel(panel, points, (x, y, found.filled), row.height);
                    (placed.label_x, placed.label_y) = (label_x, label_y);
                    placed.corner.extend(n_of(&panel.lines).filter(|n| Some(n.as_str()) != common));
                    placed
                })
                .collect()
        })
        .collect();
    across(page, options, rows, top)
}

/// Share of its range that an axis goes on at each end.
fn room(panel: &Panel) -> f64 {
    match panel {
        panel if !panel.x.ticks.is_empty() => 0.,
        panel if panel.lines.iter().any(|line| line.dots) => 0.05,
        _ => 0.01,
    }
}

/// How many seeds and samples lines have; none where there is no line that has been measured.
pub(super) fn n_of(lines: &[Line]) -> Option<String> {
    let measured: Vec<&Line> = lines.iter().filter(|line| !line.known).collect();
    let counts = |count: &dyn Fn(&Line) -> u64| -> Option<(u64, u64)> {
        let all = measured.iter().map(|line| count(line));
        all.fold(None, |range, n| range.map_or(Some((n, n)), |(low, high)| Some((low.min(n), high.max(n)))))
    };
    let known =
        |line: &Line| line.series.seeds.iter().filter(|seed| seed.values.iter().any(Option::is_some)).count() as u64;
    let (low, high) = counts(&known)?;
    let of = counts(&|line| line.series.seeds.len() as u64).filter(|(_, of)| *of > low);
    let range = |low: u64, high: u64| if low == high { low.to_string() } else { format!("{low}–{high}") };
    let missing = of.map_or(String::new(), |(_, of)| format!(" of {of}"));
    let plural = |n: u64| if n == 1 { "" } else { "s" };
    let mut text = format!("n = {}{missing} seed{}", range(low, high), plural(of.map_or(high, |(_, of)| of)));
    let seeds = || measured.iter().flat_map(|line| &line.series.seeds).map(|seed| seed.samples).filter(|n| *n > 0);
    if let (Some(low), Some(high)) = (seeds().min(), seeds().max())
        && high > 1
    {
        text += &format!(" × {} sample{}", range(low, high), plural(high));
    }
    Some(text)
}

fn placed_panel(
    panel: &Panel,
    points: Vec<Vec<Point>>,
    (x, y, filled): (Option<Range>, Option<Range>, bool),
    height: f64,
) -> Placed<'_> {
    let unit = |scale| match scale {
        Scale::Linear => Range { low: 0., high: 1., scale },
        Scale::Log => Range { low: 1., high: 10., scale },
    };
    let x = x.unwrap_or(unit(panel.x.scale));
    let y = y.map_or(unit(panel.y.scale), |y| y.padded(0.06));
    let mut y_ticks =
        if panel.y.ticks.is_empty() { y.ticks((height / 26.).clamp(3., 6.) as usize) } else { panel.y.ticks.clone() };
    if let Some(matrix) = &panel.matrix {
        y_ticks = matrix.rows.iter().enumerate().map(|(i, name)| (i as f64, name.clone())).collect();
    }
    let beyond = |(low, high): (f64, f64)| {
        let slack = (y.high - y.low) * 1e-9;
        low < y.low - slack || high > y.high + slack
    };
    let cut = intervals(panel, &points).any(beyond);
    let widest = panel.lines.iter().map(|line| width(&line.label, TICK, false));
    let widest = widest.fold(0., f64::max).min(NAME);
    let right = if panel.matrix.is_some() {
        0.
    } else if widest > 0. {
        widest + 14.
    } else {
        6.
    };
    Placed {
        panel,
        points,
        left: 0.,
        top: 0.,
        width: 0.,
        height,
        x,
        y,
        filled,
        x_ticks: Ticks::default(),
        y_ticks,
        label_x: true,
        label_y: true,
        title: Vec::new(),
        y_label: wrapped(&panel.y.label, height + 8., LABEL, false).into_iter().take(2).collect(),
        corner: cut.then(|| "intervals are cut".to_owned()).into_iter().collect(),
        notes: Vec::new(),
        right,
    }
}

/// Width of what stands at the left of the axes.
fn gutter(panel: &Placed<'_>, letter: bool, first: bool) -> f64 {
    let letter = if letter && first { 16. } else { 0. };
    if !panel.label_y {
        return 14.;
    }
    let widest = panel.y_ticks.iter().map(|(_, label)| width(label, TICK, false)).fold(0., f64::max).min(NAME);
    let label = match panel.y_label.len() {
        0 => 0.,
        lines => 3. + 13. * lines as f64,
    };
    (widest + label + 8.).max(letter)
}

fn across<'a>(
    page: &'a Page,
    options: &Options,
    mut rows: Vec<Vec<Placed<'a>>>,
    mut top: f64,
) -> (Vec<PlacedRow<'a>>, f64) {
    let letters = page.rows.iter().any(|row| !row.letter.is_empty());
    // Rows of as many panels have their columns below each other.
    let mut gutters: BTreeMap<usize, Vec<(f64, f64)>> = BTreeMap::new();
    for row in &rows {
        let widest = gutters.entry(row.len()).or_insert_with(|| vec![(0., 0.); row.len()]);
        for (j, (panel, (left, right))) in row.iter().zip(widest).enumerate() {
            *left = left.max(gutter(panel, letters, j == 0));
            *right = right.max(panel.right);
        }
    }
    let mut placed = Vec::new();
    for (row, mut panels) in page.rows.iter().zip(rows.drain(..)) {
        let gutters = gutters.get(&panels.len()).cloned().unwrap_or_default();
        let colours = if panels.iter().any(|panel| panel.panel.matrix.is_some()) { COLOURS } else { 0. };
        let taken: f64 = gutters.iter().map(|(left, right)| left + right).sum::<f64>() + 2. * MARGIN + colours;
        let each = ((options.width - taken) / panels.len().max(1) as f64).max(12.);
        let mut x = MARGIN;
        for (panel, (left, right)) in panels.iter_mut().zip(&gutters) {
            panel.left = x + left;
            panel.width = each;
            panel.right = *right;
            x += left + each + right;
        }
        place_row(row, &mut panels, top, page.joined);
        let row_top = panels.iter().map(|panel| panel.top).fold(f64::INFINITY, f64::min);
        let foot = panels.iter().map(|panel| panel.bottom() + panel.foot()).fold(top, f64::max);
        placed.push(PlacedRow { row, top: if row_top.is_finite() { row_top } else { top }, panels });
        top = foot + if page.joined { 8. } else { 16. };
    }
    (placed, top)
}

fn place_row(row: &Row, panels: &mut [Placed<'_>], top: f64, joined: bool) {
    for panel in panels.iter_mut() {
        if let Some(matrix) = &panel.panel.matrix {
            let ratio = matrix.rows.len().max(1) as f64 / matrix.columns.len().max(1) as f64;
            if (0.5..=2.).contains(&ratio) {
                // square cells, in the middle of the panel's place
                let cell = (panel.width / matrix.columns.len().max(1) as f64)
                    .min(row.height / matrix.rows.len().max(1) as f64);
                panel.width = cell * matrix.columns.len().max(1) as f64;
                panel.height = cell * matrix.rows.len().max(1) as f64;
            }
            let each = (matrix.rows.len() as f64 * (TICK + 1.) / panel.height).ceil().max(1.) as usize;
            panel.y_ticks = panel.y_ticks.drain(..).step_by(each).collect();
            panel.y_label = wrapped(&panel.panel.y.label, panel.height + 8., LABEL, false)
                .into_iter()
                .take(panel.y_label.len())
                .collect();
        }
        let span = panel.width + panel.right.min(30.);
        panel.title = wrapped(&panel.panel.title, span, TITLE, true);
        panel.title.truncate(3);
        panel.notes = panel.panel.notes.iter().flat_map(|note| wrapped(note, span, NOTE, false)).collect();
        panel.x_ticks = if panel.label_x { ticks(panel) } else { Ticks::default() };
    }
    let second = panels.iter().any(|panel| panel.panel.x.second.is_some());
    let titles = panels.iter().map(|panel| panel.title.len()).max().unwrap_or(0);
    let corner = panels.iter().map(|panel| panel.corner.len()).max().unwrap_or(0);
    let mut head =
        10.5 * corner as f64 + 13. * titles as f64 + if titles > 0 { 4. } else { 0. } + if second { 30. } else { 0. };
    if !row.letter.is_empty() && !joined {
        head = head.max(14.);
    }
    for panel in panels.iter_mut() {
        panel.top = top + head;
    }
}

/// Ticks that have room for their labels.
fn ticks(panel: &Placed<'_>) -> Ticks {
    let named = match &panel.panel.matrix {
        Some(matrix) => matrix.columns.iter().enumerate().map(|(i, name)| (i as f64, name.clone())).collect(),
        None => panel.panel.x.ticks.clone(),
    };
    let widest = |at: &[(f64, String)]| at.iter().map(|(_, label)| width(label, TICK, false)).fold(0., f64::max);
    if named.is_empty() {
        let most = (panel.width / 42.).clamp(2., 8.) as usize;
        for wanted in (2..=most).rev() {
            let at = panel.x.ticks(wanted);
            let places: Vec<f64> = at.iter().filter_map(|(x, _)| panel.x_of(*x)).collect();
            let nearest = places
                .windows(2)
                .map(|pair| pair.iter().rev().fold(0., |d, x| x - d).abs())
                .fold(f64::INFINITY, f64::min);
            if nearest >= widest(&at) + 5. {
                return Ticks { at, turned: false, most: panel.width };
            }
        }
        let mut at = panel.x.ticks(2);
        // only the ends have room
        if let (Some(first), Some(last), true) = (at.first().cloned(), at.last().cloned(), at.len() > 1) {
            at = if widest(&[first.clone(), last.clone()]) * 1.2 < panel.width {
                vec![first, last]
            } else {
                vec![first]
            };
        }
        return Ticks { at, turned: false, most: panel.width };
    }
    let spacing = panel.width / named.len() as f64;
    if widest(&named) + 4. <= spacing {
        return Ticks { at: named, turned: false, most: spacing };
    }
    // short labels are thinned, long ones turned
    let each = ((widest(&named) + 4.) / spacing).ceil().max(1.) as usize;
    if widest(&named) <= 22. {
        return Ticks { at: named.into_iter().step_by(each).collect(), turned: false, most: spacing * each as f64 };
    }
    let each = (15. / spacing).ceil().max(1.) as usize;
    Ticks { at: named.into_iter().step_by(each).collect(), turned: true, most: NAME }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::super::{Ink, Row, Seed, Series};
    use super::*;
    use proptest::prelude::*;

    fn page(rows: &[Vec<Option<f64>>], shared_y: bool, joined: bool) -> Page {
        let panel = |values: &Vec<Option<f64>>| {
            let seeds = values.chunks(3).enumerate().map(|(i, values)| Seed {
                name: i.to_string(),
                values: values.to_vec(),
                samples: 1,
            });
            let series = Series { keys: Vec::new(), x: vec![-4., 0., 7.], seeds: seeds.collect() };
            Panel { lines: vec![Line::new("a", Ink::grey(), series).labelled(true)], ..Panel::new("panel") }
        };
        let rows = rows.chunks(2).map(|values| Row { shared_y, ..Row::new(60., values.iter().map(panel).collect()) });
        Page { joined, ..Page::new("", rows.collect()) }
    }

    proptest! {
        #[test]
        fn every_value_of_every_seed_lies_within_its_panel(
            values in prop::collection::vec(prop::collection::vec(prop::option::of(-1e5f64..1e5), 6), 4),
            shared in any::<bool>(),
            joined in any::<bool>(),
        ) {
            let page = page(&values, shared, joined);
            let (rows, foot) = placed(&page, &Options::default(), None, 10.);
            for at in rows.iter().flat_map(|row| &row.panels) {
                let inside = |x: f64, low: f64, high: f64| low - 1e-6 <= x && x <= high + 1e-6;
                prop_assert!(at.left >= MARGIN && at.left + at.width + at.right <= 720. - MARGIN + 1e-6 && at.bottom() < foot);
                for line in &at.panel.lines {
                    for seed in &line.series.seeds {
                        for (&x, y) in line.series.x.iter().zip(&seed.values).filter_map(|(x, y)| Some((x, (*y)?))) {
                            prop_assert!(inside(at.x_of(x).unwrap(), at.left, at.left + at.width));
                            prop_assert!(inside(at.y_of(y).unwrap(), at.top, at.bottom()));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn an_interval_that_dwarfs_the_data_is_cut_and_said() {
        // of two seeds the interval is 12.7 standard errors to each side
        let page = page(&[vec![Some(0.), Some(1.), Some(0.), Some(0.), Some(3.), Some(0.)]], false, false);
        let (rows, _) = placed(&page, &Options::default(), None, 10.);
        let at = &rows[0].panels[0];
        assert!(at.y.high - at.y.low < 3. * 3. * 1.2 && at.y.low <= 0. && at.y.high >= 3.);
        assert_eq!(at.corner, ["intervals are cut", "n = 2 seeds"]);
    }
}
