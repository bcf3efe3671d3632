//! A ridge plot: one row for each area, time from left to right.

use super::PlotError;
use crate::file::atomic;
use plotters::prelude::*;
use std::io::Write;
use std::path::Path;

/// Rows of lines over one time axis, each row with its own scale, as responses of areas are usually shown.
///
/// ```
/// use dynvision::plot::{Ridge, Row};
/// let svg = Ridge::new("Responses", 2.0)
///     .shade(1, 3)
///     .row(Row::new("v1", vec![0.0, 0.4, 0.6, 0.3]))
///     .to_svg()?;
/// assert!(svg.contains("v1") && svg.starts_with("<svg"));
/// # Ok::<(), dynvision::plot::PlotError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ridge {
    title: String,
    dt: f64,
    axis: &'static str,
    shaded: Vec<(usize, usize)>,
    rows: Vec<Row>,
}

/// One row of a [`Ridge`]: a line over time, in any unit.
#[derive(Clone, Debug)]
pub struct Row {
    name: String,
    values: Vec<f64>,
}

impl Row {
    /// A row with one value for each step.
    pub fn new(name: impl Into<String>, values: Vec<f64>) -> Self {
        Row { name: name.into(), values }
    }
}

impl Ridge {
    /// An empty plot whose steps are `dt` ms apart.
    pub fn new(title: impl Into<String>, dt: f64) -> Self {
        Ridge { title: title.into(), dt, axis: "time (ms)", shaded: Vec::new(), rows: Vec::new() }
    }

    /// An empty plot over steps, of a model whose steps have no duration.
    ///
    /// ```
    /// use dynvision::plot::{Ridge, Row};
    /// let svg = Ridge::in_steps("Responses").row(Row::new("v1", vec![0.0, 0.4])).to_svg()?;
    /// assert!(svg.contains("step") && !svg.contains("ms"));
    /// # Ok::<(), dynvision::plot::PlotError>(())
    /// ```
    pub fn in_steps(title: impl Into<String>) -> Self {
        Ridge { axis: "step", ..Ridge::new(title, 1.0) }
    }

    /// Shades the steps from `from` up to, not including, `to`: when the stimulus was on.
    pub fn shade(mut self, from: usize, to: usize) -> Self {
        self.shaded.push((from, to));
        self
    }

    /// Adds a row below the others.
    pub fn row(mut self, row: Row) -> Self {
        self.rows.push(row);
        self
    }

    /// The plot as SVG.
    ///
    /// # Errors
    /// [`PlotError::Data`] without rows, for an empty row, or for a value that is not finite; [`PlotError::Drawing`].
    pub fn to_svg(&self) -> Result<String, PlotError> {
        self.check()?;
        let mut svg = String::new();
        let height = 60 + 110 * self.rows.len() as u32;
        self.draw(SVGBackend::with_string(&mut svg, (820, height)))
            .map_err(|error| PlotError::Drawing(error.to_string()))?;
        Ok(svg)
    }

    /// Writes the plot to a file, whole or not at all.
    ///
    /// # Errors
    /// Those of [`to_svg`](Ridge::to_svg), and of the file system.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), PlotError> {
        let svg = self.to_svg()?;
        atomic::write(path, |file| file.write_all(svg.as_bytes()).map_err(PlotError::File))
    }

    fn check(&self) -> Result<(), PlotError> {
        if self.rows.is_empty() || self.rows.iter().any(|row| row.values.is_empty()) {
            return Err(PlotError::Data("a ridge plot needs at least one row, and each row a value".into()));
        }
        match self.rows.iter().find(|row| row.values.iter().any(|v| !v.is_finite())) {
            Some(row) => Err(PlotError::Data(format!("row `{}` holds a value that is not finite", row.name))),
            None => Ok(()),
        }
    }

    fn draw<B: DrawingBackend>(&self, backend: B) -> Result<(), Box<dyn std::error::Error>>
    where
        B::ErrorType: 'static,
    {
        let root = backend.into_drawing_area();
        root.fill(&WHITE)?;
        let root = root.titled(&self.title, ("sans-serif", 20))?;
        let panels = root.split_evenly((self.rows.len(), 1));
        for (i, (row, panel)) in self.rows.iter().zip(&panels).enumerate() {
            self.draw_row(row, panel, Palette99::pick(i).to_rgba(), i + 1 == self.rows.len())?;
        }
        root.present()?;
        Ok(())
    }

    fn draw_row<B: DrawingBackend>(
        &self,
        row: &Row,
        panel: &DrawingArea<B, plotters::coord::Shift>,
        colour: RGBAColor,
        last: bool,
    ) -> Result<(), Box<dyn std::error::Error>>
    where
        B::ErrorType: 'static,
    {
        let at = |step: usize| step as f64 * self.dt;
        let (low, high) = row.values.iter().fold((0.0f64, 0.0f64), |(l, h), &v| (l.min(v), h.max(v)));
        let high = if high > low { high } else { low + 1.0 };
        let end = at(row.values.len().saturating_sub(1)).max(self.dt);
        let mut chart = ChartBuilder::on(panel)
            .margin(6)
            .set_label_area_size(LabelAreaPosition::Left, 90)
            .set_label_area_size(LabelAreaPosition::Bottom, if last { 34 } else { 4 })
            .build_cartesian_2d(0.0..end, low..high)?;
        let mut mesh = chart.configure_mesh();
        mesh.disable_mesh().y_desc(&row.name).y_labels(3).axis_desc_style(("sans-serif", 15));
        if last {
            mesh.x_desc(self.axis);
        } else {
            mesh.x_labels(0);
        }
        mesh.draw()?;
        for &(from, to) in &self.shaded {
            let corners = [(at(from).min(end), low), (at(to).min(end), high)];
            chart.draw_series([Rectangle::new(corners, BLACK.mix(0.08).filled())])?;
        }
        let points = row.values.iter().enumerate().map(|(step, &value)| (at(step), value));
        chart.draw_series(
            AreaSeries::new(points, low.max(0.0), colour.mix(0.25)).border_style(colour.stroke_width(2)),
        )?;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_drawn() {
        let plot =
            Ridge::new("Title", 2.0).row(Row::new("first", vec![0.0, 1.0])).row(Row::new("second", vec![0.0; 3]));
        let svg = plot.to_svg().unwrap();
        assert!(["Title", "first", "second", "time (ms)"].iter().all(|text| svg.contains(text)), "{svg}");
    }

    #[test]
    fn what_cannot_be_drawn_is_named() {
        let says = |plot: Ridge| plot.to_svg().unwrap_err().to_string();
        assert!(says(Ridge::new("", 1.0)).contains("at least one row"));
        assert!(says(Ridge::new("", 1.0).row(Row::new("v4", vec![f64::NAN]))).contains("`v4`"));
    }
}
