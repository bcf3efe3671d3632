//! Protocols that have a name.

use super::error::within;
use super::{Distractors, Duration, Event, Mask, Noise, Picture, Protocol, ProtocolError, Shown};
use serde::{Deserialize, Serialize};

/// A protocol by name and settings, or as a row of events. Unknown settings are refused.
///
/// ```
/// use dynvision::protocol::Preset;
/// #[derive(serde::Deserialize)]
/// struct File { protocol: Preset }
/// let file: File = toml::from_str("protocol.interval = { total = 40, intro = 1, stim = 5, gap = 4 }").unwrap();
/// assert_eq!(file.protocol.build().unwrap().timeline(2.0).unwrap().spans().len(), 2);
/// assert!(toml::from_str::<File>("protocol.duration = { total = 4, intro = 1, stim = 2, stimm = 3 }").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[allow(missing_docs, reason = "the settings are the arguments of the constructor of the same name")]
pub enum Preset {
    /// A row of events.
    Events(Protocol),
    /// [`Protocol::repetition`].
    Repetition { total: Duration },
    /// [`Protocol::duration`].
    Duration { total: Duration, intro: Duration, stim: Duration },
    /// [`Protocol::interval`].
    Interval { total: Duration, intro: Duration, stim: Duration, gap: Duration },
    /// [`Protocol::contrast`].
    Contrast { total: Duration, intro: Duration, stim: Duration, contrast: f64 },
    /// [`Protocol::noise`].
    Noise { total: Duration, intro: Duration, stim: Duration, noise: Noise },
    /// [`Protocol::backward_masking`].
    Masking { total: Duration, intro: Duration, stim: Duration, asynchrony: Duration, mask_for: Duration, mask: Mask },
    /// [`Protocol::rsvp`].
    Rsvp { each: Duration, items: usize, target: usize },
    /// [`Protocol::flicker`].
    Flicker { on: Duration, off: Duration, cycles: usize },
    /// [`Protocol::crowding`].
    Crowding { total: Duration, intro: Duration, stim: Duration, distractors: Distractors },
    /// [`Protocol::picture`]: an image that is occluded, moves, or both.
    Picture { total: Duration, intro: Duration, stim: Duration, picture: Picture },
}

impl Preset {
    /// Returns the protocol.
    ///
    /// # Errors
    /// As [`Protocol::new`].
    pub fn build(&self) -> Result<Protocol, ProtocolError> {
        match self.clone() {
            Preset::Events(protocol) => Ok(protocol),
            Preset::Repetition { total } => Protocol::repetition(total),
            Preset::Duration { total, intro, stim } => Protocol::duration(total, intro, stim),
            Preset::Interval { total, intro, stim, gap } => Protocol::interval(total, intro, stim, gap),
            Preset::Contrast { total, intro, stim, contrast } => Protocol::contrast(total, intro, stim, contrast),
            Preset::Noise { total, intro, stim, noise } => Protocol::noise(total, intro, stim, noise),
            Preset::Masking { total, intro, stim, asynchrony, mask_for, mask } => {
                Protocol::backward_masking(total, intro, stim, asynchrony, mask_for, mask)
            }
            Preset::Rsvp { each, items, target } => Protocol::rsvp(each, items, target),
            Preset::Flicker { on, off, cycles } => Protocol::flicker(on, off, cycles),
            Preset::Crowding { total, intro, stim, distractors } => Protocol::crowding(total, intro, stim, distractors),
            Preset::Picture { total, intro, stim, picture } => Protocol::picture(total, intro, stim, picture),
        }
    }
}

/// Rows of more events than this are refused: their number is only stated.
const MOST: f64 = 100_000.0;

/// Each refuses as [`Protocol::new`] does.
#[allow(clippy::missing_errors_doc, reason = "said once for all")]
impl Protocol {
    /// Returns the image at every step.
    pub fn repetition(total: Duration) -> Result<Self, ProtocolError> {
        Protocol::new(vec![Event::image(Picture::default(), total)], None)
    }

    /// Returns the image for one step.
    pub fn standard() -> Result<Self, ProtocolError> {
        Protocol::repetition(Duration::Steps(1))
    }

    /// Returns blank for `intro`, the image for `stim`, blank for the rest.
    pub fn duration(total: Duration, intro: Duration, stim: Duration) -> Result<Self, ProtocolError> {
        Protocol::picture(total, intro, stim, Picture::default())
    }

    /// Returns blank, the image, blank for `gap`, the image again, blank for the rest.
    pub fn interval(total: Duration, intro: Duration, stim: Duration, gap: Duration) -> Result<Self, ProtocolError> {
        let image = || Event::image(Picture::default(), stim);
        Protocol::new(vec![Event::blank(intro), image(), Event::blank(gap), image()], Some(total))
    }

    /// Returns [`duration`](Protocol::duration) with the image scaled about the mean of the data set.
    pub fn contrast(total: Duration, intro: Duration, stim: Duration, contrast: f64) -> Result<Self, ProtocolError> {
        Protocol::picture(total, intro, stim, Picture { contrast, ..Picture::default() })
    }

    /// Returns [`duration`](Protocol::duration) with noise on the image.
    pub fn noise(total: Duration, intro: Duration, stim: Duration, noise: Noise) -> Result<Self, ProtocolError> {
        Protocol::picture(total, intro, stim, Picture { noise: Some(noise), ..Picture::default() })
    }

    /// Returns [`duration`](Protocol::duration) with other images beside the one whose label counts.
    pub fn crowding(
        total: Duration,
        intro: Duration,
        stim: Duration,
        distractors: Distractors,
    ) -> Result<Self, ProtocolError> {
        Protocol::picture(total, intro, stim, Picture { distractors: Some(distractors), ..Picture::default() })
    }

    /// Returns [`duration`](Protocol::duration) with what is done to the picture.
    pub fn picture(total: Duration, intro: Duration, stim: Duration, picture: Picture) -> Result<Self, ProtocolError> {
        Protocol::new(vec![Event::blank(intro), Event::image(picture, stim)], Some(total))
    }

    /// Returns the image for `stim`, and a mask whose onset is `asynchrony` after the image's. The two have one unit.
    pub fn backward_masking(
        total: Duration,
        intro: Duration,
        stim: Duration,
        asynchrony: Duration,
        mask_for: Duration,
        mask: Mask,
    ) -> Result<Self, ProtocolError> {
        let gap = match (asynchrony, stim) {
            (Duration::Steps(a), Duration::Steps(s)) => a.checked_sub(s).map(Duration::Steps),
            (Duration::Ms(a), Duration::Ms(s)) => (a >= s).then_some(Duration::Ms(a - s)),
            _ => None,
        };
        let gap = gap.ok_or_else(|| {
            ProtocolError::Conflict(format!(
                "the mask's onset asynchrony, {asynchrony}, must have the unit of the image's duration, {stim}, and not be below it"
            ))
        })?;
        let mask = Event { show: Shown::Mask(mask), duration: mask_for, counts: false };
        let image = Event::image(Picture::default(), stim);
        Protocol::new(vec![Event::blank(intro), image, Event::blank(gap), mask], Some(total))
    }

    /// Returns a stream of `items` images of the set, the presented one at place `target`, whose label alone counts.
    pub fn rsvp(each: Duration, items: usize, target: usize) -> Result<Self, ProtocolError> {
        within("items", items as f64, 1.0, MOST, "between 1 and 100000")?;
        within("target", target as f64, 0.0, items as f64 - 1.0, "the place of one of the items")?;
        let item = |place: usize| {
            // the target is 0 ahead, the others follow it in the order of the set
            let ahead = (place + items - target) % items;
            let image = Event::image(Picture { ahead, ..Picture::default() }, each);
            Event { counts: place == target, ..image }
        };
        Protocol::new((0..items).map(item).collect(), None)
    }

    /// Returns the image on and off, `cycles` times.
    pub fn flicker(on: Duration, off: Duration, cycles: usize) -> Result<Self, ProtocolError> {
        within("cycles", cycles as f64, 1.0, MOST, "between 1 and 100000")?;
        let cycle = || [Event::image(Picture::default(), on), Event::blank(off)];
        Protocol::new((0..cycles).flat_map(|_| cycle()).collect(), None)
    }
}
