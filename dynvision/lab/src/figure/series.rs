use super::{FigureError, Table};
use crate::statistics::{mean, t_interval};
use std::collections::BTreeMap;

/// A measure along x, once for each seed.
///
/// ```
/// use dynvision_lab::figure::Table;
///
/// // Two seeds; the first has two samples at x = 0, which are averaged within the seed.
/// let table = Table::read_csv("seed,time_ms,area,value\n0,0,v1,1\n0,0,v1,3\n1,0,v1,4\n0,2,v1,\n".as_bytes())?;
/// let series = &table.series("time_ms", &["area"])?[0];
/// assert_eq!((series.key("area"), series.x.as_slice()), ("v1", [0., 2.].as_slice()));
/// assert_eq!(series.seeds[0].values, [Some(2.), None]);
/// let points = series.points(0.95);
/// assert_eq!((points[0].mean, points[0].seeds), (Some(3.), 2));
/// assert_eq!((points[1].mean, points[1].interval), (None, None));
/// # Ok::<(), dynvision_lab::figure::FigureError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Which series it is: the columns it was grouped by, with its labels.
    pub keys: Vec<(String, String)>,
    /// Where it was measured, in rising order.
    pub x: Vec<f64>,
    /// Each seed's values.
    pub seeds: Vec<Seed>,
}

/// One seed's values of a [`Series`], which has an example.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seed {
    /// The seed's label.
    pub name: String,
    /// The mean over the seed's samples at each x; none where it is missing.
    pub values: Vec<Option<f64>>,
    /// The largest number of samples at any x that are defined.
    pub samples: u64,
}

/// The mean over seeds at one x, as [`Series::points`] gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Where.
    pub x: f64,
    /// Mean over the seeds; none where all are missing.
    pub mean: Option<f64>,
    /// Ends of Student's interval over seeds; none for fewer than two.
    pub interval: Option<(f64, f64)>,
    /// Number of seeds that are not missing.
    pub seeds: usize,
}

/// What is shown from when to when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shown {
    /// When it is first shown, in ms from the onset of the first stimulus.
    pub from: f64,
    /// When it is no longer shown, in ms from the onset of the first stimulus.
    pub to: f64,
    /// Its strength, such as the contrast, from 0 to 1; it shades the band.
    pub level: f64,
}

impl Series {
    /// A series without keys, of one unnamed seed: a curve that is known, such as a fit.
    pub fn curve(points: impl IntoIterator<Item = (f64, Option<f64>)>) -> Self {
        let (x, values) = points.into_iter().unzip();
        Series { keys: Vec::new(), x, seeds: vec![Seed { name: String::new(), values, samples: 1 }] }
    }

    /// The label of a column that the series was grouped by; empty where it is missing or no such column was.
    pub fn key(&self, name: &str) -> &str {
        self.keys.iter().find(|(key, _)| key == name).map_or("", |(_, label)| label)
    }

    /// Returns the mean over seeds and Student's interval at each x.
    pub fn points(&self, level: f64) -> Vec<Point> {
        let at = |i: usize, x: f64| {
            let values: Vec<f64> = self.seeds.iter().filter_map(|seed| seed.values.get(i).copied().flatten()).collect();
            let interval = t_interval(&values, level).map(|interval| (interval.low, interval.high));
            Point { x, mean: mean(&values), interval, seeds: values.len() }
        };
        self.x.iter().enumerate().map(|(i, &x)| at(i, x)).collect()
    }

    /// Returns one number for each seed, by a function of its x and values.
    pub fn each_seed(&self, measure: impl Fn(&[f64], &[Option<f64>]) -> Option<f64>) -> Vec<(String, Option<f64>)> {
        let of = |seed: &Seed| measure(&self.x, &seed.values).filter(|x| x.is_finite());
        self.seeds.iter().map(|seed| (seed.name.clone(), of(seed))).collect()
    }

    /// Returns the series with every x shifted by as much.
    pub fn shifted(mut self, by: f64) -> Self {
        self.x.iter_mut().for_each(|x| *x += by);
        self
    }
}

#[derive(Default)]
struct Cell {
    sum: f64,
    weight: f64,
}

impl Table {
    /// Returns the numbers of the column `value` along `x`, as a series for each combination of labels of the columns `by`.
    ///
    /// Rows of the same series, seed (column `seed`) and x are samples and are averaged, weighted by the column `samples` where
    /// there is one. A column of `by` that the table does not have is left out. Rows without an x are left out.
    ///
    /// # Errors
    ///
    /// Where `x` or `value` are missing or hold text.
    pub fn series(&self, x: &str, by: &[&str]) -> Result<Vec<Series>, FigureError> {
        self.need(&[x, "value"])?;
        [x, "value", "samples"].iter().try_for_each(|name| self.need_numbers(name))?;
        let by: Vec<&str> = by.iter().copied().filter(|name| self.has(name)).collect();
        let coded: Vec<_> = by.iter().map(|name| self.coded(name)).collect();
        let places = self.coded(x);
        let seeds = self.coded("seed");
        let (values, weights) = (self.column_of_numbers("value"), self.column_of_numbers("samples"));
        let number = |column: Option<&[f64]>, row: usize| column?.get(row).copied().filter(|x| x.is_finite());
        let weighted = self.has("samples");
        type Seeds = BTreeMap<Option<usize>, BTreeMap<usize, Cell>>;
        let mut groups: BTreeMap<Vec<Option<usize>>, Seeds> = BTreeMap::new();
        for row in 0..self.rows() {
            let code = |codes: &[Option<usize>]| codes.get(row).copied().flatten();
            let Some(place) = code(&places.codes) else { continue };
            let key = coded.iter().map(|column| code(&column.codes)).collect();
            let cells = groups.entry(key).or_default().entry(code(&seeds.codes)).or_default();
            let cell = cells.entry(place).or_default();
            let weight = if weighted { number(weights, row).unwrap_or(0.) } else { 1. };
            if let Some(value) = number(values, row).filter(|_| weight > 0.) {
                cell.sum += weight * value;
                cell.weight += weight;
            }
        }
        let at: Vec<f64> = places.levels.iter().map(|level| level.parse().unwrap_or(f64::NAN)).collect();
        let label =
            |levels: &[String], code: Option<usize>| code.and_then(|c| levels.get(c).cloned()).unwrap_or_default();
        let series = |(key, of): (Vec<Option<usize>>, Seeds)| {
            let mut used: Vec<usize> = of.values().flat_map(|cells| cells.keys().copied()).collect();
            used.sort_unstable();
            used.dedup();
            let keys = by
                .iter()
                .zip(&coded)
                .zip(key)
                .map(|((name, column), code)| ((*name).to_owned(), label(&column.levels, code)));
            let seed = |(code, cells): (Option<usize>, BTreeMap<usize, Cell>)| {
                let value = |place| {
                    let cell = cells.get(place).filter(|cell| cell.weight > 0.)?;
                    Some(cell.sum / cell.weight).filter(|mean| mean.is_finite())
                };
                Seed {
                    name: label(&seeds.levels, code),
                    values: used.iter().map(value).collect(),
                    samples: cells.values().fold(0., |most: f64, cell| most.max(cell.weight)) as u64,
                }
            };
            Series {
                keys: keys.collect(),
                x: used.iter().filter_map(|&place| at.get(place).copied()).collect(),
                seeds: of.into_iter().map(seed).collect(),
            }
        };
        Ok(groups.into_iter().map(series).collect())
    }

    /// Returns when the stimulus is shown, from the column `stimulus`, its strength at each `time_ms`: the image of a step is
    /// shown until the next step's time. Times are from the onset of the first stimulus, which is returned second, in the
    /// table's times; 0 where nothing is shown or there is no such column.
    ///
    /// ```
    /// use dynvision_lab::figure::{Shown, Table};
    ///
    /// let table = Table::read_csv("time_ms,stimulus\n0,0\n2,0.5\n4,0.5\n6,0\n".as_bytes())?;
    /// assert_eq!(table.stimulus()?, (vec![Shown { from: 0., to: 4., level: 0.5 }], 2.));
    /// # Ok::<(), dynvision_lab::figure::FigureError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where either column holds text.
    pub fn stimulus(&self) -> Result<(Vec<Shown>, f64), FigureError> {
        if !self.has("stimulus") || !self.has("time_ms") {
            return Ok((Vec::new(), 0.));
        }
        ["stimulus", "time_ms"].iter().try_for_each(|name| self.need_numbers(name))?;
        let places = self.coded("time_ms");
        let times: Vec<f64> = places.levels.iter().filter_map(|level| level.parse().ok()).collect();
        let mut levels = vec![0f64; times.len()];
        for row in 0..self.rows() {
            let place = places.codes.get(row).copied().flatten().and_then(|place| levels.get_mut(place));
            if let (Some(level), Some(found)) = (place, self.number("stimulus", row)) {
                *level = level.max(found);
            }
        }
        let width =
            times.windows(2).map(|pair| pair.iter().rev().fold(0., |d, t| t - d).abs()).fold(f64::INFINITY, f64::min);
        let width = if width.is_finite() { width } else { 1. };
        let mut shown: Vec<Shown> = Vec::new();
        for (i, (&from, &level)) in times.iter().zip(&levels).enumerate() {
            let to = times.get(i + 1).copied().unwrap_or(from + width);
            if level > 0. {
                match shown.last_mut().filter(|last| last.to == from && last.level == level) {
                    Some(last) => last.to = to,
                    None => shown.push(Shown { from, to, level }),
                }
            }
        }
        let onset = shown.first().map_or(0., |first| first.from);
        for s in &mut shown {
            s.from -= onset;
            s.to -= onset;
        }
        Ok((shown, onset))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn samples_are_averaged_within_a_seed_by_their_number() {
        let table = Table::read_csv("seed,x,value,samples\na,0,1,3\na,0,5,1\nb,0,8,2\nb,0,,2\n".as_bytes()).unwrap();
        let series = table.series("x", &["category"]).unwrap();
        assert_eq!((series.len(), series[0].keys.len()), (1, 0));
        let seeds: Vec<_> = series[0].seeds.iter().map(|s| (s.name.as_str(), s.values[0], s.samples)).collect();
        assert_eq!(seeds, [("a", Some(2.), 4), ("b", Some(8.), 2)]);
        assert_eq!(series[0].points(0.95)[0].mean, Some(5.));
    }

    #[test]
    fn a_seed_lacks_what_another_has() {
        let table = Table::read_csv("seed,x,value\na,0,1\nb,1,2\n".as_bytes()).unwrap();
        let series = &table.series("x", &[]).unwrap()[0];
        assert_eq!(series.seeds[0].values, [Some(1.), None]);
        assert_eq!(series.seeds[1].values, [None, Some(2.)]);
        assert!(series.points(0.95).iter().all(|point| point.interval.is_none() && point.seeds == 1));
    }

    #[test]
    fn a_band_ends_where_the_stimulus_does() {
        let read = |csv: &str| Table::read_csv(csv.as_bytes()).unwrap().stimulus().unwrap();
        // two pulses, the second weaker, and the last step is as wide as the others
        let (shown, onset) = read("time_ms,stimulus\n0,1\n5,0\n10,0.5\n15,0.5\n");
        assert_eq!(onset, 0.);
        assert_eq!(shown, [Shown { from: 0., to: 5., level: 1. }, Shown { from: 10., to: 20., level: 0.5 }]);
        assert_eq!(read("time_ms,stimulus\n0,0\n"), (vec![], 0.));
        assert_eq!(read("time_ms,stimulus\n7,1\n"), (vec![Shown { from: 0., to: 1., level: 1. }], 7.));
        assert_eq!(read("time_ms,value\n7,1\n"), (vec![], 0.));
    }
}
