//! Where the panels of a page lie: everything about places, nothing about what is drawn in them.

use super::panel::{Page, Panel, Row};
use super::scale::{Range, Scale};
use super::svg::{width, wrapped};
use super::{Options, Point};

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
        let ends = points.iter().flatten().filter_map(|point| point.interval);
        let ends = ends.flat_map(|(a, b)| [a, b]).map(|end| end.clamp(low - room, high + room));
        measured = measured.map(|measured| measured.with(Range::of(ends, y_scale)));
    }
    let filled = measured.is_some() || panel.matrix.as_ref().is_some_and(|matrix| finite(&matrix.values));
    let others = panel.rules.iter().filter(|rule| !rule.vertical).map(|rule| rule.at);
    let others = Range::of(others.chain(panel.y.include.iter().copied()), y_scale);
    Ranges { x: Range::of(x, x_scale), y: measured.map_or(others, |measured| Some(measured.with(others))), filled }
}

fn union(ranges: impl Iterator<Item = Option<Range>>) -> Option<Range> {
    ranges.fold(None, |all, range| all.map_or(range, |all| Some(all.with(range))))
}

/// Places every panel of a page below `top`; returns the rows, and where the last one ends.
pub(super) fn placed<'a>(page: &'a Page, options: &Options, top: f64) -> (Vec<PlacedRow<'a>>, f64) {
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
                    let x = if page.joined { all_x } else { found.x };
                    let y = if row.shared_y { row_y } else { found.y };
                    let (label_x, label_y) = (!page.joined || last, !row.shared_y || j == 0);
                    placed_panel(panel, points, (x, y, found.filled), label_x, label_y, row.height)
                })
                .collect()
        })
        .collect();
    across(page, options, rows, top)
}

fn placed_panel(
    panel: &Panel,
    points: Vec<Vec<Point>>,
    (x, y, filled): (Option<Range>, Option<Range>, bool),
    label_x: bool,
    label_y: bool,
    height: f64,
) -> Placed<'_> {
    let unit = |scale| match scale {
        Scale::Linear => Range { low: 0., high: 1., scale },
        Scale::Log => Range { low: 1., high: 10., scale },
    };
    let categories = !panel.x.ticks.is_empty();
    let dots = panel.lines.iter().any(|line| line.dots);
    let x_room = if categories {
        0.
    } else if dots {
        0.05
    } else {
        0.01
    };
    let x = x.map_or(unit(panel.x.scale), |x| if categories { x } else { x.padded(x_room) });
    let y = y.map_or(unit(panel.y.scale), |y| y.padded(0.06));
    let mut y_ticks =
        if panel.y.ticks.is_empty() { y.ticks((height / 26.).clamp(3., 6.) as usize) } else { panel.y.ticks.clone() };
    if let Some(matrix) = &panel.matrix {
        let each = (matrix.rows.len() as f64 * (TICK + 1.) / height).ceil().max(1.) as usize;
        let rows = matrix.rows.iter().enumerate().step_by(each);
        y_ticks = rows.map(|(i, name)| (i as f64, name.clone())).collect();
    }
    let widest = panel.lines.iter().filter(|line| line.labelled).map(|line| width(&line.name, TICK, false));
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
        label_x,
        label_y,
        title: Vec::new(),
        notes: Vec::new(),
        right,
    }
}

/// Width of what stands at the left of the axes.
fn gutter(panel: &Placed<'_>, letter: bool, first: bool) -> f64 {
    let letter = if letter && first { 16. } else { 0. };
    if !panel.label_y {
        return 8.;
    }
    let widest = panel.y_ticks.iter().map(|(_, label)| width(label, TICK, false)).fold(0., f64::max).min(NAME);
    let label = if panel.panel.y.label.is_empty() { 0. } else { 16. };
    (widest + label + 8.).max(letter)
}

fn across<'a>(
    page: &'a Page,
    options: &Options,
    mut rows: Vec<Vec<Placed<'a>>>,
    mut top: f64,
) -> (Vec<PlacedRow<'a>>, f64) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let letters = page.rows.iter().any(|row| !row.letter.is_empty());
    // the widest of a column, where columns are joined
    let most = |of: &dyn Fn(&Placed<'_>, bool) -> f64, rows: &[Vec<Placed<'a>>]| -> Vec<f64> {
        (0..columns)
            .map(|j| rows.iter().filter_map(|row| row.get(j)).map(|p| of(p, j == 0)).fold(0., f64::max))
            .collect()
    };
    let left_of = |panel: &Placed<'_>, first: bool| gutter(panel, letters, first);
    let right_of = |panel: &Placed<'_>, _: bool| panel.right;
    let common = page.joined.then(|| (most(&left_of, &rows), most(&right_of, &rows)));
    let mut placed = Vec::new();
    for (row, mut panels) in page.rows.iter().zip(rows.drain(..)) {
        let (lefts, rights) = common.clone().unwrap_or_else(|| {
            let lefts = panels.iter().enumerate().map(|(j, panel)| left_of(panel, j == 0)).collect();
            (lefts, panels.iter().map(|panel| panel.right).collect())
        });
        let n = if page.joined { columns } else { panels.len() };
        let colours = if panels.iter().any(|panel| panel.panel.matrix.is_some()) { COLOURS } else { 0. };
        let taken: f64 = lefts.iter().chain(&rights).take(2 * columns.max(1)).sum::<f64>() + 2. * MARGIN + colours;
        let each = ((options.width - taken) / n.max(1) as f64).max(12.);
        let mut x = MARGIN;
        for ((panel, left), right) in panels.iter_mut().zip(&lefts).zip(&rights) {
            panel.left = x + left;
            panel.width = each;
            panel.right = *right;
            x += left + each + right;
        }
        place_row(row, &mut panels, options, &mut top, common.is_some());
        let row_top = panels.iter().map(|panel| panel.top).fold(f64::INFINITY, f64::min);
        let foot = panels.iter().map(|panel| panel.bottom() + panel.foot()).fold(top, f64::max);
        placed.push(PlacedRow { row, top: if row_top.is_finite() { row_top } else { top }, panels });
        top = foot + if page.joined { 8. } else { 16. };
    }
    (placed, top)
}

fn place_row(row: &Row, panels: &mut [Placed<'_>], options: &Options, top: &mut f64, joined: bool) {
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
        }
        let span = panel.width + panel.right.min(30.);
        panel.title = wrapped(&panel.panel.title, span, TITLE, true);
        panel.title.truncate(3);
        panel.notes = panel.panel.notes.iter().flat_map(|note| wrapped(note, span, NOTE, false)).collect();
        panel.x_ticks = if panel.label_x { ticks(panel) } else { Ticks::default() };
    }
    let second = panels.iter().any(|panel| panel.panel.x.second.is_some());
    let titles = panels.iter().map(|panel| panel.title.len()).max().unwrap_or(0);
    let mut head = 13. * titles as f64 + if titles > 0 { 4. } else { 0. } + if second { 30. } else { 0. };
    if !row.letter.is_empty() && !joined {
        head = head.max(14.);
    }
    for panel in panels.iter_mut() {
        panel.top = *top + head;
    }
    let _ = options;
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
