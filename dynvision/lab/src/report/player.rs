use super::ReportError;
use base64::Engine;
use serde::Serialize;

/// Activity of a few images in every area, channel and step, to be looked at in a [`Report`](super::Report).
///
/// Maps are stored in 255 levels between the smallest and the largest value of their area, over all images, channels and
/// steps; what is not finite is missing. Where they would take more than their share of the report, every second step, fourth
/// and so on is left out, then channels, and the report says so.
///
/// ```
/// use dynvision_lab::report::{Example, Picture, Player, PlayerArea};
///
/// let example = Example {
///     name: "seven".into(),
///     label: Some(0),
///     picture: Picture { channels: 1, height: 1, width: 2, pixels: vec![0, 255] },
///     maps: vec![vec![0., 0.5, 1., 0.]], // one area: 2 steps × 1 channel × 1 × 2
///     logits: vec![0., 0., 2., -1.],     // 2 steps × 2 classes
/// };
/// let player = Player {
///     dt_ms: 2.,
///     onset_ms: 0.,
///     classes: vec!["7".into(), "1".into()],
///     areas: vec![PlayerArea { name: "v1".into(), channels: 1, height: 1, width: 2 }],
///     examples: vec![example],
/// };
/// assert_eq!(player.steps()?, 2);
/// # Ok::<(), dynvision_lab::report::ReportError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Player {
    /// Length of a step in ms.
    pub dt_ms: f64,
    /// When the stimulus comes on, in ms from the first step.
    pub onset_ms: f64,
    /// Names of the classes, one for each logit.
    pub classes: Vec<String>,
    /// The areas.
    pub areas: Vec<PlayerArea>,
    /// The images.
    pub examples: Vec<Example>,
}

/// An area of a [`Player`], which has an example.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlayerArea {
    /// Its name.
    pub name: String,
    /// Number of channels.
    pub channels: usize,
    /// Height of a map.
    pub height: usize,
    /// Width of a map.
    pub width: usize,
}

/// An image of a [`Player`], which has an example.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Example {
    /// What it is called.
    pub name: String,
    /// Its class, by its place among the classes.
    pub label: Option<usize>,
    /// What it looks like.
    pub picture: Picture,
    /// Activity of each area: steps × channels × height × width, row-major.
    pub maps: Vec<Vec<f32>>,
    /// Steps × classes, row-major.
    pub logits: Vec<f32>,
}

/// Pixels of an [`Example`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Picture {
    /// 1 for grey, 3 for red, green and blue.
    pub channels: usize,
    /// Its height.
    pub height: usize,
    /// Its width.
    pub width: usize,
    /// Channels × height × width, row-major, from 0 to 255.
    pub pixels: Vec<u8>,
}

/// What the page gets.
#[derive(Serialize)]
pub(super) struct Embedded {
    dt: f64,
    onset: f64,
    stride: usize,
    steps: usize,
    classes: Vec<String>,
    areas: Vec<EmbeddedArea>,
    examples: Vec<EmbeddedExample>,
    /// What was left out, in words.
    #[serde(skip)]
    pub(super) notes: Vec<String>,
}

#[derive(Serialize)]
struct EmbeddedArea {
    name: String,
    /// Which channels are there.
    channels: Vec<usize>,
    height: usize,
    width: usize,
    low: f64,
    high: f64,
}

#[derive(Serialize)]
struct EmbeddedExample {
    name: String,
    label: Option<usize>,
    channels: usize,
    height: usize,
    width: usize,
    pixels: String,
    maps: Vec<String>,
    logits: Vec<Vec<Option<f32>>>,
}

/// The level that stands for what is missing.
const MISSING: u8 = 255;

impl Player {
    /// Returns the number of steps, once every length has been checked.
    ///
    /// # Errors
    ///
    /// Where a picture, a map or the logits have another length than they must.
    pub fn steps(&self) -> Result<usize, ReportError> {
        let steps =
            self.examples.first().and_then(|example| example.logits.len().checked_div(self.classes.len())).unwrap_or(0);
        for example in &self.examples {
            let right = |what: &str, found: usize, sizes: &[usize], each: &str| {
                let expected = sizes.iter().fold(1usize, |all, size| all.saturating_mul(*size));
                if found == expected {
                    return Ok(());
                }
                Err(ReportError::Player {
                    example: example.name.clone(),
                    what: what.into(),
                    expected,
                    found,
                    each: each.into(),
                })
            };
            let Picture { channels, height, width, pixels } = &example.picture;
            let known = if *channels == 3 { 3 } else { 1 };
            right("the picture", pixels.len(), &[known, *height, *width], "1 or 3 channels × height × width")?;
            right("the logits", example.logits.len(), &[steps, self.classes.len()], "steps × classes")?;
            right("the list of maps", example.maps.len(), &[self.areas.len()], "one for each area")?;
            for (area, maps) in self.areas.iter().zip(&example.maps) {
                let what = format!("the activity of `{}`", area.name);
                let sizes = [steps, area.channels, area.height, area.width];
                right(&what, maps.len(), &sizes, "steps × channels × height × width")?;
            }
        }
        Ok(steps)
    }

    /// Returns what the page gets, in at most about `budget` bytes of maps: the smallest stride of steps with the most channels.
    pub(super) fn embedded(&self, budget: usize) -> Result<Embedded, ReportError> {
        let steps = self.steps()?;
        let bytes = |stride: usize, most: usize| -> usize {
            let maps =
                |area: &PlayerArea| area.channels.min(most) * area.height * area.width * steps.div_ceil(stride.max(1));
            self.examples.len() * self.areas.iter().map(maps).sum::<usize>() / 3 * 4
        };
        let channels = self.areas.iter().map(|area| area.channels).max().unwrap_or(0);
        let halves = |from: usize| std::iter::successors(Some(from), |n| (*n > 1).then(|| n.div_ceil(2)));
        // up to every fourth step, then fewer channels, then fewer steps yet
        let strides = [1, 2, 4].map(|stride| (stride, channels));
        let fewer = halves(channels).map(|most| (4, most));
        let rarer = (3..12).map(|power| (1usize << power, 1));
        let fits = |(stride, most): &(usize, usize)| bytes(*stride, *most) <= budget;
        let found = strides.into_iter().chain(fewer).chain(rarer).find(fits);
        let (stride, most) = found.ok_or_else(|| ReportError::Large {
            bytes: bytes(1 << 11, 1),
            limit: budget,
            parts: "the maps of the activity player".into(),
        })?;
        let kept: Vec<Vec<usize>> = self.areas.iter().map(|area| spread(area.channels, most)).collect();
        let mut notes = Vec::new();
        if stride > 1 {
            notes.push(format!("One of every {stride} steps is embedded."));
        }
        if self.areas.iter().any(|area| area.channels > most) {
            notes.push(format!("At most {most} channels of an area are embedded, evenly far apart."));
        }
        let ranges: Vec<(f32, f32)> = (0..self.areas.len()).map(|i| self.range(i)).collect();
        let areas = self.areas.iter().zip(&kept).zip(&ranges).map(|((area, channels), &(low, high))| EmbeddedArea {
            name: area.name.clone(),
            channels: channels.clone(),
            height: area.height,
            width: area.width,
            low: low.into(),
            high: high.into(),
        });
        let example = |example: &Example| {
            let maps = self.areas.iter().zip(&kept).zip(&ranges).zip(&example.maps);
            let maps =
                maps.map(|(((area, channels), range), maps)| encoded(&levels(maps, area, channels, stride, *range)));
            let rounded = |x: &f32| x.is_finite().then(|| (x * 1000.).round() / 1000.);
            let logits = example.logits.chunks(self.classes.len().max(1)).step_by(stride);
            EmbeddedExample {
                name: example.name.clone(),
                label: example.label,
                channels: example.picture.channels,
                height: example.picture.height,
                width: example.picture.width,
                pixels: encoded(&example.picture.pixels),
                maps: maps.collect(),
                logits: logits.map(|step| step.iter().map(rounded).collect()).collect(),
            }
        };
        Ok(Embedded {
            dt: self.dt_ms,
            onset: self.onset_ms,
            stride,
            steps: steps.div_ceil(stride),
            classes: self.classes.clone(),
            areas: areas.collect(),
            examples: self.examples.iter().map(example).collect(),
            notes,
        })
    }

    /// The smallest and largest finite value of an area; 0 and 0 where there is none.
    fn range(&self, area: usize) -> (f32, f32) {
        let values = self
            .examples
            .iter()
            .filter_map(|example| example.maps.get(area))
            .flatten()
            .copied()
            .filter(|x| x.is_finite());
        let range = values.fold(None, |range: Option<(f32, f32)>, x| {
            let (low, high) = range.unwrap_or((x, x));
            Some((low.min(x), high.max(x)))
        });
        range.unwrap_or((0., 0.))
    }
}

/// At most so many of the first `all` numbers, evenly far apart.
fn spread(all: usize, most: usize) -> Vec<usize> {
    if all <= most { (0..all).collect() } else { (0..most).map(|i| i * all / most).collect() }
}

/// The levels of the steps and channels that are kept.
fn levels(maps: &[f32], area: &PlayerArea, channels: &[usize], stride: usize, (low, high): (f32, f32)) -> Vec<u8> {
    let map = area.height * area.width;
    let level = |x: &f32| {
        if !x.is_finite() {
            MISSING
        } else if high > low {
            // in f64, since the difference of two f32 may not be one
            let share = (f64::from(*x) - f64::from(low)) / (f64::from(high) - f64::from(low));
            (share * 254.).round().clamp(0., 254.) as u8
        } else {
            0
        }
    };
    let steps = maps.chunks(area.channels * map).step_by(stride);
    let of_step = |step: &[f32]| -> Vec<u8> {
        let channel = |channel: &usize| step.get(channel * map..(channel + 1) * map).unwrap_or_default();
        channels.iter().flat_map(channel).map(level).collect()
    };
    if map == 0 || area.channels == 0 { Vec::new() } else { steps.flat_map(of_step).collect() }
}

fn encoded(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn player(steps: usize, channels: usize, side: usize) -> Player {
        let map = channels * side * side;
        let maps = vec![(0..steps * map).map(|i| i as f32).collect()];
        let picture = Picture { channels: 3, height: 2, width: 2, pixels: vec![9; 12] };
        let example = Example { name: "a".into(), label: None, picture, maps, logits: vec![0.; steps * 2] };
        Player {
            dt_ms: 2.,
            onset_ms: 4.,
            classes: vec!["x".into(), "y".into()],
            areas: vec![PlayerArea { name: "v1".into(), channels, height: side, width: side }],
            examples: vec![example],
        }
    }

    fn decoded(embedded: &Embedded) -> Vec<u8> {
        base64::engine::general_purpose::STANDARD.decode(&embedded.examples[0].maps[0]).unwrap()
    }

    #[test]
    fn levels_span_the_area() {
        let mut player = player(2, 2, 2);
        player.examples[0].maps[0][3] = f32::NAN;
        let embedded = player.embedded(1000).unwrap();
        let expected: Vec<u8> =
            (0..16).map(|i| if i == 3 { MISSING } else { (254. * i as f64 / 15.).round() as u8 }).collect();
        assert_eq!(decoded(&embedded), expected);
        assert!(embedded.notes.is_empty());
        player.examples[0].maps[0].fill(7.);
        assert_eq!(decoded(&player.embedded(1000).unwrap()), [0; 16]);
        // the largest difference there is
        player.examples[0].maps[0][..2].copy_from_slice(&[f32::MIN, f32::MAX]);
        assert_eq!(decoded(&player.embedded(1000).unwrap())[..2], [0, 254]);
    }

    #[test]
    fn what_does_not_fit_is_thinned_and_said() {
        let player = player(64, 8, 4);
        let embedded = player.embedded(3000).unwrap();
        assert_eq!((embedded.stride, embedded.steps, embedded.examples[0].logits.len()), (4, 16, 16));
        assert_eq!(embedded.notes, ["One of every 4 steps is embedded."]);
        let fewer = player.embedded(1500).unwrap();
        assert_eq!((fewer.stride, fewer.areas[0].channels.as_slice()), (4, [0, 2, 4, 6].as_slice()));
        assert!(fewer.notes[1].contains("4 channels"));
        // step 4 and channel 2 of it, in levels of all 8192 numbers
        let first = 4 * 8 * 16 + 2 * 16;
        assert_eq!(decoded(&fewer)[4 * 16 + 16], (254. * f64::from(first) / 8191.).round() as u8);
        assert!(matches!(player.embedded(10), Err(ReportError::Large { .. })));
    }

    #[test]
    fn lengths_are_checked() {
        let wrong = |spoil: &dyn Fn(&mut Player)| {
            let mut player = player(2, 1, 2);
            spoil(&mut player);
            player.steps().unwrap_err().to_string()
        };
        assert!(wrong(&|p| p.examples[0].maps[0].truncate(3)).contains("`v1` has 3 numbers, but 8"));
        assert!(wrong(&|p| p.examples[0].maps.clear()).contains("one for each area"));
        assert!(wrong(&|p| p.examples[0].picture.channels = 2).contains("1 or 3 channels"));
        assert!(wrong(&|p| p.examples[0].logits.truncate(3)).contains("logits"));
        assert_eq!(Player::default().steps().unwrap(), 0);
    }
}
