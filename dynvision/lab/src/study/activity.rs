//! Activity for the player of a report.

use crate::gallery::Gallery;
use crate::lab_error::LabError;
use crate::report::{Example, Picture, Player, PlayerArea};
use crate::run::Run;
use crate::run_error::RunError;
use crate::subject::{Answer, Observer, Setting};
use dynvision::data::{Order, Seed};
use dynvision::protocol::Showing;
use dynvision::protocol::experiment::Experiment;

/// What is shown in the player: blank, the image, blank.
const SHOWN: &str =
    "about = \"\"\nmeasures = []\nprotocol = { contrast = { total = 30, intro = 2, stim = 14, contrast = 1.0 } }";

/// Keeps all that a batch answers.
struct Keep {
    /// Of each area and sample.
    maps: Vec<Vec<Vec<f32>>>,
    logits: Vec<Vec<f32>>,
    units: Vec<usize>,
    samples: usize,
}

impl Observer for Keep {
    fn area(&mut self, step: Option<usize>, area: usize, answer: Option<Answer<'_>>) -> Result<(), RunError> {
        let (Some(_), Some(maps), Some(&units)) = (step, self.maps.get_mut(area), self.units.get(area)) else {
            return Ok(());
        };
        for (sample, map) in maps.iter_mut().enumerate() {
            match answer.and_then(|answer| answer.values.get(sample * units..(sample + 1) * units)) {
                Some(values) => map.extend_from_slice(values),
                None => map.extend(std::iter::repeat_n(0., units)),
            }
        }
        Ok(())
    }

    fn logits(&mut self, _: usize, logits: &[f32]) -> Result<(), RunError> {
        let classes = logits.len() / self.samples.max(1);
        for (own, values) in self.logits.iter_mut().zip(logits.chunks(classes.max(1))) {
            own.extend_from_slice(values);
        }
        Ok(())
    }
}

/// The activity of a run while it sees a few of the test images.
pub(super) fn player(run: &Run<'_>, count: usize) -> Result<Player, LabError> {
    let images = run.test_images()?;
    let gallery = Gallery::of(images)?;
    let subject = run.subject()?;
    let model = subject.anatomy();
    let experiment = Experiment::parse(SHOWN).map_err(RunError::from)?;
    let condition = experiment.conditions().map_err(RunError::from)?.into_iter().next();
    let protocol = condition.ok_or_else(|| LabError::Failed("the player shows nothing".into()))?.protocol;
    let dynamics = run.config.settings.dynamics.clone();
    let timeline = protocol.timeline(dynamics.dt).map_err(RunError::from)?;
    let setting = Setting::default();
    let mut ready = subject.prepare(&setting, timeline.steps())?;
    let onset = timeline.spans().first().map_or(0, |span| span.onset);
    let count = count.min(images.len());
    let mut shown = Order::RoundRobin.indices(images.labels(), Seed(0), 0);
    shown.truncate(count);
    let showing = Showing { blank: 0., seed: 0, masks: None, draws: None };
    let frames = protocol.show(&timeline, &gallery, &shown, &showing).map_err(RunError::from)?;
    let mut keep = Keep {
        maps: vec![vec![Vec::new(); count]; model.areas.len()],
        logits: vec![Vec::new(); count],
        units: model.areas.iter().map(|area| area.units()).collect(),
        samples: count,
    };
    ready.run(&frames, &shown, 0, &mut keep)?;
    let area = |area: &crate::AreaInfo| PlayerArea {
        name: area.name.clone(),
        channels: area.shape[0],
        height: area.shape[1],
        width: area.shape[2],
    };
    let shape = images.shape();
    let examples = shown.iter().enumerate().map(|(sample, &index)| {
        let label = images.labels().get(index).map(|&label| usize::from(label));
        let class = label.and_then(|label| images.classes().get(label)).cloned().unwrap_or_default();
        Example {
            name: format!("image {index} ({class})"),
            label,
            picture: Picture {
                channels: shape.c,
                height: shape.h,
                width: shape.w,
                pixels: images.image(index).unwrap_or_default().to_vec(),
            },
            maps: keep.maps.iter().filter_map(|maps| maps.get(sample).cloned()).collect(),
            logits: keep.logits.get(sample).cloned().unwrap_or_default(),
        }
    });
    // a model may answer with more classes than the set has
    let class = |number: usize| images.classes().get(number).cloned().unwrap_or_else(|| format!("class {number}"));
    Ok(Player {
        dt_ms: dynamics.dt,
        onset_ms: onset as f64 * dynamics.dt,
        classes: (0..model.classes).map(class).collect(),
        areas: model.areas.iter().map(area).collect(),
        examples: examples.collect(),
    })
}
