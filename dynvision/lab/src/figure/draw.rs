//! Drawing of a page.

use super::layout::{COLOURS, LABEL, MARGIN, NAME, NOTE, Placed, PlacedRow, TICK, TITLE, TURN, n_of, placed};
use super::palette::{viridis, viridis_rgb};
use super::panel::{Line, Matrix, Page, Spread};
use super::scale::short;
use super::svg::{Anchor, Stroke, Svg, Type, cut, width, wrapped};
use super::{Drawing, FigureError, Ink, Options, numbers};
use base64::Engine;

/// Most names that a legend lists.
const LEGEND: usize = 24;
const AXIS: &str = "#555555";
const GRID: &str = "#e8e8e8";
const PALE: &str = "#666666";

impl Page {
    /// Draws the page.
    ///
    /// # Errors
    ///
    /// Where an option cannot be drawn with.
    pub fn draw(&self, options: &Options) -> Result<Drawing, FigureError> {
        options.check()?;
        let mut svg = Svg::default();
        let title = options.title.as_deref().unwrap_or(&self.title);
        let across = options.width - 2. * MARGIN;
        let n = self.common_n();
        let mut top = MARGIN;
        let beside = n.as_ref().map_or(0., |n| width(n, NOTE, false) + 12.);
        for line in wrapped(title, across - beside, 14., true) {
            top += 16.;
            svg.text((MARGIN, top - 3.), &line, across - beside, Type { size: 14., bold: true, ..Type::default() });
        }
        if let Some(n) = &n {
            let look = Type { size: NOTE, anchor: Anchor::End, colour: PALE, ..Type::default() };
            svg.text((options.width - MARGIN, MARGIN + 12.), n, across, look);
            top = top.max(MARGIN + 16.);
        }
        top = legend(&mut svg, &self.legend, options, top + 4.);
        let (rows, mut foot) = placed(self, options, n.as_deref(), top + 6.);
        if self.joined {
            joined_bands(&mut svg, &rows);
        }
        for row in &rows {
            for panel in &row.panels {
                draw_panel(&mut svg, panel, self.joined)?;
            }
            colours(&mut svg, row, options);
            if !row.row.letter.is_empty() {
                let at = row.panels.first().map_or(row.top, |panel| panel.top - 13. * panel.title.len().max(1) as f64);
                let at = if self.joined { at.max(row.top - 3.) } else { at };
                svg.text((MARGIN, at + 9.), &row.row.letter, 30., Type { size: 13., bold: true, ..Type::default() });
            }
        }
        let spread = self.spread(options);
        for note in spread.iter().chain(&self.notes).chain([&options.caption]) {
            for line in wrapped(note, across, NOTE, false) {
                foot += 12.5;
                svg.text((MARGIN, foot - 8.), &line, across, Type { size: NOTE, colour: PALE, ..Type::default() });
            }
        }
        Ok(Drawing { svg: svg.finish(options.width, foot + 2., title), csv: numbers::table(self, options)? })
    }

    /// The number of seeds and samples that most panels have.
    fn common_n(&self) -> Option<String> {
        let mut found: Vec<(String, usize)> = Vec::new();
        for n in self.rows.iter().flat_map(|row| &row.panels).filter_map(|panel| n_of(&panel.lines)) {
            match found.iter_mut().find(|(other, _)| *other == n) {
                Some((_, times)) => *times += 1,
                None => found.push((n, 1)),
            }
        }
        // of those that are equally frequent, the first
        found.into_iter().rev().max_by_key(|(_, times)| *times).map(|(n, _)| n)
    }

    /// What the bands and thin lines are.
    fn spread(&self, options: &Options) -> Option<String> {
        let lines =
            || self.rows.iter().flat_map(|row| &row.panels).flat_map(|panel| &panel.lines).filter(|line| !line.known);
        let several = |line: &Line| line.series.seeds.len() > 1;
        if !lines().any(several) {
            return lines().next().map(|_| "One seed: no interval can be given.".into());
        }
        let mut what: Vec<String> = Vec::new();
        if lines().any(|line| several(line) && line.spread == Spread::Band) {
            what.push("band".into());
        }
        if lines().any(|line| several(line) && line.spread == Spread::Bars) {
            what.push("bars".into());
        }
        let thin = |joined: bool| lines().any(|line| line.each_seed && several(line) && line.joined == joined);
        let seeds = match (thin(true), thin(false)) {
            (true, true) => "; thin lines and small dots: each seed",
            (true, false) => "; thin lines: each seed",
            (false, true) => "; small dots: each seed",
            (false, false) => "",
        };
        let percent = short(100. * options.level);
        Some(format!(
            "Lines: mean over seeds; {}: {percent} % interval over seeds (Student's t){seeds}.",
            what.join(" and ")
        ))
    }
}

fn legend(svg: &mut Svg, entries: &[(String, Ink)], options: &Options, top: f64) -> f64 {
    if entries.is_empty() {
        return top;
    }
    // of more than can be listed, some that are evenly far apart
    let shown = entries.len().min(LEGEND);
    let picked =
        (0..shown).filter_map(|i| entries.get(if shown < 2 { 0 } else { i * (entries.len() - 1) / (shown - 1) }));
    let (mut x, mut y) = (MARGIN, top + 11.);
    for (name, ink) in picked {
        let name = cut(name, 180., TICK, false);
        let needed = 26. + width(&name, TICK, false) + 14.;
        if x > MARGIN && x + needed > options.width - MARGIN {
            (x, y) = (MARGIN, y + 15.);
        }
        svg.line((x, y - 3.5), (x + 22., y - 3.5), &ink.colour, 2.2, ink.dash);
        svg.text((x + 26., y), &name, 190., Type { size: TICK, ..Type::default() });
        x += needed;
    }
    if shown < entries.len() {
        let text = format!("({shown} of {} are named)", entries.len());
        if x + width(&text, TICK, false) > options.width - MARGIN {
            (x, y) = (MARGIN, y + 15.);
        }
        svg.text((x, y), &text, 240., Type { size: TICK, colour: PALE, ..Type::default() });
    }
    y + 4.
}

/// A band's grey, darker for a stronger stimulus.
fn band(level: f64) -> f64 {
    0.04 + 0.08 * level.clamp(0., 1.)
}

fn joined_bands(svg: &mut Svg, rows: &[PlacedRow<'_>]) {
    let columns = rows.iter().map(|row| row.panels.len()).max().unwrap_or(0);
    for column in 0..columns {
        let panels = || rows.iter().filter_map(|row| row.panels.get(column));
        let (Some(first), Some(last)) = (panels().next(), panels().next_back()) else { continue };
        let Some(shown) = panels().map(|panel| &panel.panel.shown).find(|shown| !shown.is_empty()) else { continue };
        for shown in shown {
            if let (Some(from), Some(to)) = (first.x_of(shown.from), first.x_of(shown.to)) {
                svg.rect(from, first.top, to - from, last.bottom() - first.top, "#000000", band(shown.level));
            }
        }
    }
}

fn draw_panel(svg: &mut Svg, at: &Placed<'_>, joined: bool) -> Result<(), FigureError> {
    let panel = at.panel;
    for (i, line) in at.title.iter().enumerate() {
        let second = if panel.x.second.is_some() { 30. } else { 0. };
        let y = at.top - 5. - second - 10.5 * at.corner.len() as f64 - 13. * (at.title.len() - 1 - i) as f64;
        let look = Type { size: TITLE, bold: true, anchor: Anchor::Middle, ..Type::default() };
        svg.text((at.left + at.width / 2., y), line, at.width + 2. * at.right.min(12.), look);
    }
    if !joined {
        for shown in &panel.shown {
            if let (Some(from), Some(to)) = (at.x_of(shown.from), at.x_of(shown.to)) {
                svg.rect(from, at.top, to - from, at.height, "#000000", band(shown.level));
            }
        }
    }
    match &panel.matrix {
        Some(matrix) => draw_matrix(svg, at, matrix)?,
        None => draw_axes(svg, at),
    }
    for violin in &panel.violins {
        draw_violin(svg, at, violin);
    }
    for rule in &panel.rules {
        draw_rule(svg, at, rule);
    }
    draw_lines(svg, at);
    for mark in &panel.marks {
        if let (Some(x), Some(y)) = (at.x_of(mark.x), at.y_of(mark.y)) {
            svg.line((x, y - 5.), (x, y + 5.), &mark.ink.colour, 1.6, "");
        }
    }
    if !at.filled {
        let look = Type { anchor: Anchor::Middle, colour: PALE, ..Type::default() };
        svg.text((at.left + at.width / 2., at.top + at.height / 2. + 4.), "no data", at.width, look);
    }
    for (i, text) in at.corner.iter().rev().enumerate() {
        let second = if panel.x.second.is_some() { 30. } else { 0. };
        let look = Type { size: 8.5, anchor: Anchor::End, colour: PALE, ..Type::default() };
        svg.text((at.left + at.width, at.top - 3. - second - 10.5 * i as f64), text, at.width, look);
    }
    for (i, note) in at.notes.iter().enumerate() {
        let below = if at.label_x { tick_height(at) + if panel.x.label.is_empty() { 0. } else { 15. } } else { 4. };
        let y = at.bottom() + below + 10. + 12. * i as f64;
        let room = at.width + at.right.min(30.);
        svg.text((at.left, y), note, room, Type { size: NOTE, colour: "#444444", ..Type::default() });
    }
    Ok(())
}

/// Height of the labels below an axis.
fn tick_height(at: &Placed<'_>) -> f64 {
    if at.x_ticks.at.is_empty() {
        return 4.;
    }
    if !at.x_ticks.turned {
        return 16.;
    }
    let widest = at.x_ticks.at.iter().map(|(_, label)| width(label, TICK, false)).fold(0., f64::max);
    12. + widest.min(at.x_ticks.most) * TURN.to_radians().sin()
}

fn tick_label(svg: &mut Svg, at: &Placed<'_>, x: f64, label: &str) {
    let y = at.bottom();
    if at.x_ticks.turned {
        // no further to the left than the page goes
        let most = at.x_ticks.most.min((x - 2.) / TURN.to_radians().cos());
        let look = Type { size: TICK, anchor: Anchor::End, turn: -TURN, ..Type::default() };
        svg.text((x + 3., y + 12.), label, most, look);
    } else {
        let look = Type { size: TICK, anchor: Anchor::Middle, ..Type::default() };
        svg.text((x, y + 14.), label, at.x_ticks.most.max(30.), look);
    }
}

fn x_label(svg: &mut Svg, at: &Placed<'_>) {
    if at.label_x {
        let look = Type { size: LABEL, anchor: Anchor::Middle, ..Type::default() };
        let room = at.width + 2. * at.right.min(12.);
        svg.text((at.left + at.width / 2., at.bottom() + tick_height(at) + 10.), &at.panel.x.label, room, look);
    }
}

fn y_label(svg: &mut Svg, at: &Placed<'_>) {
    if !at.label_y {
        return;
    }
    let widest = at.y_ticks.iter().map(|(_, label)| width(label, TICK, false)).fold(0., f64::max).min(NAME);
    let look = Type { size: LABEL, anchor: Anchor::Middle, turn: -90., ..Type::default() };
    for (i, line) in at.y_label.iter().rev().enumerate() {
        let place = (at.left - widest - 12. - 13. * i as f64, at.top + at.height / 2.);
        svg.text(place, line, at.height + 8., look);
    }
}

fn draw_axes(svg: &mut Svg, at: &Placed<'_>) {
    let (bottom, right) = (at.bottom(), at.left + at.width);
    for (tick, label) in &at.y_ticks {
        let Some(y) = at.y_of(*tick) else { continue };
        svg.line((at.left, y), (right, y), GRID, 0.7, "");
        if at.label_y {
            let look = Type { size: TICK, anchor: Anchor::End, ..Type::default() };
            svg.text((at.left - 5., y + 3.5), label, NAME, look);
        }
    }
    svg.line((at.left, at.top), (at.left, bottom), AXIS, 0.8, "");
    svg.line((at.left, bottom), (right, bottom), AXIS, 0.8, "");
    for (tick, label) in &at.x_ticks.at {
        let Some(x) = at.x_of(*tick) else { continue };
        svg.line((x, bottom), (x, bottom + 3.), AXIS, 0.8, "");
        tick_label(svg, at, x, label);
    }
    x_label(svg, at);
    y_label(svg, at);
    if let Some((label, ticks)) = &at.panel.x.second {
        svg.line((at.left, at.top), (right, at.top), AXIS, 0.8, "");
        let look = Type { size: TICK, anchor: Anchor::Middle, ..Type::default() };
        let mut free = f64::NEG_INFINITY;
        for (tick, text) in ticks {
            let Some(x) = at.x_of(*tick).filter(|x| *x >= at.left - 0.5 && *x <= right + 0.5) else { continue };
            svg.line((x, at.top - 3.), (x, at.top), AXIS, 0.8, "");
            let half = width(text, TICK, false) / 2.;
            if x - half > free {
                svg.text((x, at.top - 6.), text, 60., look);
                free = x + half + 4.;
            }
        }
        svg.text((at.left + at.width / 2., at.top - 19.), label, at.width + 20., look);
    }
}

fn draw_rule(svg: &mut Svg, at: &Placed<'_>, rule: &super::Rule) {
    let (bottom, right) = (at.bottom(), at.left + at.width);
    if rule.vertical {
        let Some(x) = at.x_of(rule.at) else { return };
        svg.line((x, at.top), (x, bottom), &rule.ink.colour, 0.9, rule.ink.dash);
        let colour = rule.ink.of_text();
        let look = Type { size: 8.5, turn: -90., colour: &colour, ..Type::default() };
        svg.text((x - 3., bottom - 3.), &rule.label, at.height - 4., look);
    } else if let Some(y) = at.y_of(rule.at) {
        svg.line((at.left, y), (right, y), &rule.ink.colour, 0.9, rule.ink.dash);
        let colour = rule.ink.of_text();
        // above the line, or below where there is no room
        let y = if y - at.top < 12. { y + 9. } else { y - 3. };
        svg.text((at.left + 3., y), &rule.label, at.width - 6., Type { size: 8.5, colour: &colour, ..Type::default() });
    }
}

/// Draws lines with their intervals.
fn draw_lines(svg: &mut Svg, at: &Placed<'_>) {
    let lines = || at.panel.lines.iter().zip(&at.points);
    let (low, high) = (at.y.low, at.y.high);
    let clip = lines().any(|(line, _)| line.spread == Spread::Band && line.series.seeds.len() > 1);
    let clip = clip.then(|| svg.clip(at.left, at.top, at.width, at.height));
    for (line, points) in lines() {
        match line.spread {
            Spread::Band => {
                for run in points.split(|point| point.interval.is_none()) {
                    let upper = run.iter().filter_map(|p| Some((at.x_of(p.x)?, at.y_of(p.interval?.1.min(high))?)));
                    let lower =
                        run.iter().rev().filter_map(|p| Some((at.x_of(p.x)?, at.y_of(p.interval?.0.max(low))?)));
                    let outline: Vec<(f64, f64)> = upper.chain(lower).collect();
                    if outline.len() == 2 {
                        bar(svg, &outline, &line.ink);
                    } else if outline.len() > 2 {
                        svg.polygon(&outline, &line.ink.colour, 0.17, clip);
                    }
                }
            }
            Spread::None => {}
            Spread::Bars => {
                for point in points {
                    let ends = point.interval.and_then(|(a, b)| {
                        let x = at.x_of(point.x)?;
                        Some([(x, at.y_of(a.max(low))?), (x, at.y_of(b.min(high))?)])
                    });
                    if let Some(ends) = ends {
                        bar(svg, &ends, &line.ink);
                    }
                }
            }
        }
    }
    // beside the mean, where the axis has no numbers
    let aside = if at.panel.x.ticks.is_empty() { 0. } else { 5. };
    for (line, _) in lines().filter(|(line, _)| line.each_seed && line.series.seeds.len() > 1) {
        for seed in &line.series.seeds {
            let points: Vec<_> =
                line.series.x.iter().zip(&seed.values).map(|(&x, y)| Some((at.x_of(x)?, at.y_of((*y)?)?))).collect();
            if line.joined {
                let look = Stroke {
                    colour: &line.ink.colour,
                    width: 0.6,
                    opacity: 0.5,
                    dash: line.ink.dash,
                    about: &seed.name,
                };
                svg.path(&points, look);
            } else {
                points.iter().flatten().for_each(|&(x, y)| svg.dot((x + aside, y), 1.5, &line.ink.colour, 0.6));
            }
        }
    }
    for (line, points) in lines() {
        let places: Vec<_> = points.iter().map(|p| Some((at.x_of(p.x)?, at.y_of(p.mean?)?))).collect();
        if line.joined {
            let width = if line.known { 1.2 } else { 1.9 };
            svg.path(
                &places,
                Stroke { colour: &line.ink.colour, width, opacity: 1., dash: line.ink.dash, about: &line.name },
            );
        }
        if line.dots {
            places.iter().flatten().for_each(|&place| svg.dot(place, 2.6, &line.ink.colour, 1.));
        }
    }
    names(svg, at);
}

fn bar(svg: &mut Svg, ends: &[(f64, f64)], ink: &Ink) {
    if let [from, to] = *ends {
        svg.line(from, to, &ink.colour, 1.1, "");
        for (x, y) in [from, to] {
            svg.line((x - 2.5, y), (x + 2.5, y), &ink.colour, 1.1, "");
        }
    }
}

/// Names at the ends of lines, moved apart where they would overlap.
fn names(svg: &mut Svg, at: &Placed<'_>) {
    const APART: f64 = 11.;
    let end = |(line, points): (&Line, &Vec<super::Point>)| -> Option<(f64, f64)> {
        let _ = line;
        points.iter().rev().find_map(|p| Some((at.x_of(p.x)?, at.y_of(p.mean?)?)))
    };
    let labelled = at.panel.lines.iter().zip(&at.points).filter(|(line, _)| !line.label.is_empty());
    let mut ends: Vec<(&Line, (f64, f64), f64)> =
        labelled.filter_map(|(line, points)| end((line, points)).map(|place| (line, place, place.1))).collect();
    ends.sort_by(|a, b| a.1.1.total_cmp(&b.1.1));
    // from above each goes below the last, then from below back into the panel
    let mut free = at.top;
    for (_, _, y) in &mut ends {
        *y = y.max(free);
        free = *y + APART;
    }
    let mut free = at.bottom().max(at.top + APART * ends.len() as f64);
    for (_, _, y) in ends.iter_mut().rev() {
        *y = y.min(free);
        free = *y - APART;
    }
    let right = at.left + at.width;
    for (line, (x, from), y) in ends {
        if (from - y).abs() > 3. || right - x > 6. {
            svg.line((x + 2., from), (right + 8., y), &line.ink.colour, 0.5, "");
        }
        let colour = line.ink.of_text();
        svg.text((right + 10., y + 3.5), &line.label, NAME, Type { size: TICK, colour: &colour, ..Type::default() });
    }
}

fn draw_violin(svg: &mut Svg, at: &Placed<'_>, violin: &super::Violin) {
    let of = &violin.distribution;
    let side = |sign: f64| {
        move |&(value, density): &(f64, f64)| {
            Some((at.x_of(violin.at + sign * violin.half * density)?, at.y_of(value)?))
        }
    };
    let outline: Vec<(f64, f64)> =
        of.density.iter().filter_map(side(-1.)).chain(of.density.iter().rev().filter_map(side(1.))).collect();
    let ends = |value: f64, half: f64| Some((at.x_of(violin.at - half)?, at.x_of(violin.at + half)?, at.y_of(value)?));
    if of.density.len() > 1 {
        svg.polygon(&outline, &violin.ink.colour, 0.45, None);
    } else if let Some((from, to, y)) = ends(of.median, violin.half) {
        svg.line((from, y), (to, y), &violin.ink.colour, 1.5, "");
    }
    if let (Some(x), Some(low), Some(high)) = (at.x_of(violin.at), at.y_of(of.min), at.y_of(of.max)) {
        svg.line((x, low), (x, high), &violin.ink.colour, 0.8, "");
    }
    if let (Some(x), Some(low), Some(high)) = (at.x_of(violin.at), at.y_of(of.quartiles.0), at.y_of(of.quartiles.1)) {
        svg.rect(x - 2., high, 4., low - high, &violin.ink.colour, 1.);
    }
    if let (Some(x), Some(y)) = (at.x_of(violin.at), at.y_of(of.median)) {
        svg.dot((x, y), 1.7, "#ffffff", 1.);
    }
}

fn draw_matrix(svg: &mut Svg, at: &Placed<'_>, matrix: &Matrix) -> Result<(), FigureError> {
    let (rows, columns) = (matrix.rows.len(), matrix.columns.len());
    if rows > 0 && columns > 0 {
        svg.image(at.left, at.top, at.width, at.height, &picture(matrix)?);
    }
    let (bottom, right) = (at.bottom(), at.left + at.width);
    for (from, to) in [
        ((at.left, at.top), (right, at.top)),
        ((right, at.top), (right, bottom)),
        ((right, bottom), (at.left, bottom)),
        ((at.left, bottom), (at.left, at.top)),
    ] {
        svg.line(from, to, AXIS, 0.8, "");
    }
    if at.label_y {
        for (i, label) in &at.y_ticks {
            let y = at.top + at.height * (i + 0.5) / rows.max(1) as f64;
            let look = Type { size: TICK, anchor: Anchor::End, ..Type::default() };
            svg.text((at.left - 4., y + 3.5), label, NAME, look);
        }
    }
    for (i, label) in &at.x_ticks.at {
        tick_label(svg, at, at.left + at.width * (i + 0.5) / columns.max(1) as f64, label);
    }
    x_label(svg, at);
    y_label(svg, at);
    Ok(())
}

/// Pixels along a side of a matrix that has fewer cells: viewers that smooth pictures smooth no more than a pixel of them.
const PIXELS: usize = 240;

/// A matrix as a picture, as the address of its PNG. A cell has as many pixels as fit.
fn picture(matrix: &Matrix) -> Result<String, FigureError> {
    let failed = |error: png::EncodingError| FigureError::Picture(error.to_string());
    let (low, high) = matrix.range;
    let index = |value: Option<f64>| match value.filter(|x| x.is_finite()) {
        None => 0,
        Some(_) if high <= low => 128,
        Some(x) => 1 + (254. * ((x - low) / (high - low)).clamp(0., 1.)).round() as u8,
    };
    let (rows, columns) = (matrix.rows.len(), matrix.columns.len());
    let each = (PIXELS / rows.max(columns).max(1)).max(1);
    let mut pixels: Vec<u8> = Vec::new();
    for row in 0..rows {
        let cell = |column| index(matrix.values.get(row * columns + column).copied().flatten());
        let line: Vec<u8> = (0..columns).flat_map(|column| std::iter::repeat_n(cell(column), each)).collect();
        (0..each).for_each(|_| pixels.extend(&line));
    }
    let mut palette = vec![221, 221, 221];
    palette.extend((0..255).flat_map(|i| viridis_rgb(f64::from(i) / 254.).map(|x| x.round() as u8)));
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, (columns * each) as u32, (rows * each) as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes)))
}

/// The scale of colours at the right of a row with matrices.
fn colours(svg: &mut Svg, row: &PlacedRow<'_>, options: &Options) {
    let Some((at, matrix)) = row.panels.iter().rev().find_map(|at| Some((at, at.panel.matrix.as_ref()?))) else {
        return;
    };
    let x = options.width - MARGIN - COLOURS + 20.;
    let (top, height) = (at.top, at.height);
    let parts = 48;
    for i in 0..parts {
        let share = f64::from(i) / f64::from(parts - 1);
        let each = height / f64::from(parts);
        svg.rect(x, top + height - each * f64::from(i + 1), 8., each + 0.3, &viridis(share), 1.);
    }
    let look = Type { size: 9., ..Type::default() };
    svg.text((x + 11., top + 7.), &short(matrix.range.1), 32., look);
    svg.text((x + 11., top + height), &short(matrix.range.0), 32., look);
    let look = Type { size: 9., anchor: Anchor::Middle, turn: -90., ..Type::default() };
    svg.text((x - 4., top + height / 2.), &matrix.label, height, look);
}
