//! The frames of a batch.

use super::noise::{Draws, Generator};
use super::{ImageSource, Mask, Masks, Noise, Picture, Power, Protocol, ProtocolError, Shown, Temporal, Timeline};

/// Where the draws for images at a step come from.
pub type Chance<'a> = dyn Fn(&[usize], usize) -> Box<dyn Draws> + 'a;

/// What frames are made with besides the images.
#[derive(Clone, Copy, Default)]
pub struct Showing<'a> {
    /// The value of a blank, in normalised units.
    pub blank: f32,
    /// Determines all that is drawn.
    pub seed: u64,
    /// Masks of one's own; none unless it is said.
    pub masks: Option<&'a Masks>,
    /// The noise is drawn from here instead. What hides pictures or stands beside them still follows from the seed.
    pub draws: Option<&'a Chance<'a>>,
}

impl std::fmt::Debug for Showing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Showing { blank, seed, masks, .. } = self;
        f.debug_struct("Showing")
            .field("blank", blank)
            .field("seed", seed)
            .field("masks", masks)
            .finish_non_exhaustive()
    }
}

/// The frames of a batch: each distinct one once, and which of them each step shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Frames {
    /// Each `[batch, channels, rows, columns]`.
    pub frames: Vec<Vec<f32>>,
    /// The frame of each step.
    pub shown: Vec<usize>,
    /// The shape of a frame.
    pub shape: [usize; 4],
}

impl Protocol {
    /// Returns the frames of the images with these numbers. A frame that several steps share is made once.
    ///
    /// # Errors
    /// [`ProtocolError::Image`] for a number that the set does not have.
    pub fn frames(
        &self,
        timeline: &Timeline,
        set: impl ImageSource,
        images: &[usize],
        blank: f32,
        seed: u64,
    ) -> Result<Frames, ProtocolError> {
        self.show(timeline, &set, images, &Showing { blank, seed, ..Showing::default() })
    }

    /// Returns the frames of the images with these numbers, as [`frames`](Protocol::frames) does, with more said about how.
    ///
    /// # Errors
    /// As [`frames`](Protocol::frames); a mask that is not among those of [`Showing`].
    pub fn show(
        &self,
        timeline: &Timeline,
        set: &dyn ImageSource,
        images: &[usize],
        showing: &Showing<'_>,
    ) -> Result<Frames, ProtocolError> {
        let Showing { blank, seed, masks, draws } = *showing;
        let own = |images: &[usize], step: usize| -> Box<dyn Draws> { Box::new(Generator::new(seed, images, step)) };
        let draws = draws.unwrap_or(&own);
        let none = Masks::default();
        let masks = masks.unwrap_or(&none);
        let [channels, height, width] = set.shape();
        let shape = [images.len(), channels, height, width];
        let mut made: Vec<((Option<usize>, usize), usize)> = Vec::new();
        let mut out = Frames { frames: Vec::new(), shown: Vec::with_capacity(timeline.steps()), shape };
        let mut noise_before: Vec<f64> = Vec::new();
        for (step, moment) in timeline.moments().iter().enumerate() {
            let event = moment.event.and_then(|event| self.events().get(event)).map(|event| &event.show);
            // frames are told apart by event and, where they change within it, by step
            let key = match event {
                None | Some(Shown::Blank) => (None, self.void_noise().map_or(0, |_| step)),
                Some(Shown::Image(picture)) if changes(picture) => (moment.event, moment.since),
                Some(Shown::Mask(Mask::Noise(_))) => (moment.event, moment.since),
                Some(Shown::Mask(Mask::Own(name))) if masks.get(name)?.changes() => (moment.event, moment.since),
                Some(_) => (moment.event, 0),
            };
            if let Some(&(_, frame)) = made.iter().rev().find(|(known, _)| *known == key) {
                out.shown.push(frame);
                continue;
            }
            let onset = step - moment.since;
            let targets = batch(set, images, 0)?;
            let frame = match event {
                None | Some(Shown::Blank) => {
                    let mut frame = vec![blank; targets.len()];
                    if let Some(noise) = self.void_noise() {
                        let noisy = noisy(noise, &targets, shape, images, draws, step)?;
                        // at ssnr 0 the image is dropped, and what is left is the noise alone
                        let alone = noise.ssnr.snr() == 0.0;
                        let added = |(n, x): (&f32, &f32)| if alone { *n } else { n - x };
                        frame.iter_mut().zip(noisy.iter().zip(&targets).map(added)).for_each(|(f, n)| *f += n);
                    }
                    frame
                }
                Some(Shown::Mask(mask)) => masked(mask, &targets, shape, images, draws, masks, step)?,
                Some(Shown::Image(picture)) => {
                    let mut frame = batch(set, images, picture.ahead)?;
                    if let Some(distractors) = &picture.distractors {
                        frame = distractors.beside(&frame, set, images, picture.ahead, blank, seed)?;
                    }
                    changed(picture, &mut frame, shape, images, seed, onset, moment.since, blank);
                    match &picture.noise {
                        None => frame,
                        Some(noise) => {
                            if let Temporal::Correlated { tau_ms } = noise.temporal {
                                let decay = (-timeline.dt() / tau_ms).exp();
                                let fresh = additions(noise, &frame, shape, images, draws, step);
                                if moment.since == 0 {
                                    noise_before = fresh;
                                } else {
                                    let rest = (1.0 - decay * decay).sqrt();
                                    noise_before.iter_mut().zip(fresh).for_each(|(n, w)| *n = decay * *n + rest * w);
                                }
                                let alone = noise.ssnr.snr() == 0.0;
                                let sum =
                                    |(x, n): (&f32, &f64)| if alone { *n as f32 } else { (f64::from(*x) + n) as f32 };
                                frame.iter().zip(&noise_before).map(sum).collect()
                            } else {
                                let at = if noise.temporal == Temporal::Static { onset } else { step };
                                noisy(noise, &frame, shape, images, draws, at)?
                            }
                        }
                    }
                }
            };
            made.push((key, out.frames.len()));
            out.shown.push(out.frames.len());
            out.frames.push(frame);
        }
        Ok(out)
    }

    /// The noise that blanks carry too: the first that says so.
    fn void_noise(&self) -> Option<&Noise> {
        self.events().iter().find_map(|event| match &event.show {
            Shown::Image(Picture { noise: Some(noise), .. }) if noise.noise_void => Some(noise),
            _ => None,
        })
    }
}

fn changes(picture: &Picture) -> bool {
    picture.speed != [0.0; 2] || picture.noise.as_ref().is_some_and(|noise| noise.temporal != Temporal::Static)
}

fn batch(set: &dyn ImageSource, images: &[usize], ahead: usize) -> Result<Vec<f32>, ProtocolError> {
    let mut frame = Vec::new();
    for &index in images {
        frame.extend_from_slice(&super::source::image(set, index, ahead)?);
    }
    Ok(frame)
}

/// The parts of a slab whose power is taken together, with the numbers of their images.
fn slabs(per: Power, each: usize, images: &[usize]) -> impl Iterator<Item = (std::ops::Range<usize>, &[usize])> {
    let size = if per == Power::Batch { images.len().max(1) } else { 1 };
    images.chunks(size).enumerate().map(move |(i, part)| (i * size * each..(i * size + part.len()) * each, part))
}

fn noisy(
    noise: &Noise,
    frame: &[f32],
    [_, c, h, w]: [usize; 4],
    images: &[usize],
    draws: &Chance<'_>,
    step: usize,
) -> Result<Vec<f32>, ProtocolError> {
    let mut out = Vec::with_capacity(frame.len());
    for (range, part) in slabs(noise.per, c * h * w, images) {
        let mut draws = draws(part, step);
        out.extend(noise.kind.apply(noise.ssnr, &frame[range], [part.len(), c, h, w], draws.as_mut())?);
    }
    Ok(out)
}

fn additions(
    noise: &Noise,
    frame: &[f32],
    [_, c, h, w]: [usize; 4],
    images: &[usize],
    draws: &Chance<'_>,
    step: usize,
) -> Vec<f64> {
    let mut out = Vec::with_capacity(frame.len());
    for (range, part) in slabs(noise.per, c * h * w, images) {
        let x = &frame[range];
        let power = if noise.ssnr.adds_nothing() { 0.0 } else { noise.power(x) };
        let mut draws = draws(part, step);
        out.extend(noise.kind.addition(x, [part.len(), c, h, w], power, draws.as_mut()));
    }
    out
}

#[allow(clippy::too_many_arguments, reason = "what a mask depends on")]
fn masked(
    mask: &Mask,
    targets: &[f32],
    [n, c, h, w]: [usize; 4],
    images: &[usize],
    draws: &Chance<'_>,
    masks: &Masks,
    step: usize,
) -> Result<Vec<f32>, ProtocolError> {
    match *mask {
        Mask::Own(ref name) => {
            let pattern = masks.get(name)?;
            let mut out = Vec::with_capacity(targets.len());
            for (target, &image) in targets.chunks(c * h * w).zip(images) {
                let frame = pattern.frame(target, [c, h, w], draws(&[image], step).as_mut());
                if frame.len() != target.len() {
                    let found = frame.len();
                    return Err(ProtocolError::Size { found, count: 1, channels: c, height: h, width: w });
                }
                out.extend(frame);
            }
            Ok(out)
        }
        Mask::Noise(kind) => {
            let noise = Noise::new(kind, super::Ssnr::new(0.0)?);
            noisy(&noise, targets, [n, c, h, w], images, draws, step)
        }
        Mask::Checkerboard(field) => {
            let field = field.max(1);
            let mut out = Vec::with_capacity(targets.len());
            for image in targets.chunks(c * h * w) {
                let height = super::noise::deviation(image) as f32;
                let sign =
                    |p: usize| if ((p / w % h) / field + (p % w) / field).is_multiple_of(2) { height } else { -height };
                out.extend((0..image.len()).map(sign));
            }
            Ok(out)
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "what a frame depends on")]
fn changed(
    picture: &Picture,
    frame: &mut [f32],
    [_, c, h, w]: [usize; 4],
    images: &[usize],
    seed: u64,
    onset: usize,
    since: usize,
    blank: f32,
) {
    for (image, &index) in frame.chunks_mut(c * h * w).zip(images) {
        // first, so that what hides or follows the picture is as bright as a blank
        if picture.contrast != 1.0 {
            image.iter_mut().for_each(|x| *x *= picture.contrast as f32);
        }
        if let Some(occlusion) = &picture.occlusion {
            // another key than that of the noise
            let mut draws = Generator::new(!seed, &[index], onset);
            let hidden = occlusion.hidden(h, w, &mut draws);
            for map in image.chunks_mut(h * w) {
                map.iter_mut().zip(&hidden).filter(|(_, hidden)| **hidden).for_each(|(x, _)| *x = blank);
            }
        }
        let moved = picture.speed.map(|speed| (speed * since as f64).round() as i64);
        if moved != [0, 0] {
            let from = |p: usize| {
                let row = usize::try_from((p / w % h) as i64 - moved[0]).ok().filter(|&r| r < h)?;
                let column = usize::try_from((p % w) as i64 - moved[1]).ok().filter(|&q| q < w)?;
                Some(p / (h * w) * h * w + row * w + column)
            };
            let shifted: Vec<f32> = (0..image.len()).map(|p| from(p).map_or(blank, |q| image[q])).collect();
            image.copy_from_slice(&shifted);
        }
    }
}
