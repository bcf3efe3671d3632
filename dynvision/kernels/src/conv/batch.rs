//! How a batch is split into tasks: by its size alone.
#![allow(unsafe_code)]

use super::Accumulate;
use super::source::{SLACK, Source};
use crate::isa::Isa;
use crate::leaky::{self, Step};
use crate::{parallel, scratch};
use std::ops::Range;
use std::slice;

/// Places for which one task prepares its part of the input.
const PLACES: usize = 256;

/// Tasks that a small batch is split into.
const TASKS: usize = 8;

/// Products below which a second thread costs more than it brings.
pub(super) const SERIAL: usize = 1 << 20;

/// Calls `each(images, tasks)` for parts of the images, in parallel if these are many enough; else once for all of them,
/// to be split further into so many `tasks`. An image has `places` to compute, and costs `products`.
pub(super) fn split_images(images: usize, places: usize, products: usize, each: impl Fn(Range<usize>, usize) + Sync) {
    let threads = images * products > SERIAL;
    let share = PLACES.div_ceil(places) * if places < PLACES / 4 { 2 } else { 1 };
    let tasks = images.div_ceil(share);
    if tasks < TASKS / 2 {
        each(0..images, if threads { TASKS } else { 1 });
    } else {
        parallel::tasks(tasks, threads, |task| each(task * share..images.min((task + 1) * share), 1));
    }
}

/// What is cut first where work is split.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Cut {
    /// Places, so that every task reads all weights of its channels.
    Places,
    /// Channels, so that every task reads all values of its places.
    Channels,
}

/// All blocks (of places) and panels (of channels), cut into rectangles.
#[derive(Clone, Copy)]
pub(super) struct Split {
    blocks: usize,
    panels: usize,
    across: usize,
    down: usize,
}

impl Split {
    /// Into at most so many `tasks`.
    pub(super) fn new(tasks: usize, blocks: usize, panels: usize, cut: Cut) -> Self {
        let (across, down) = if cut == Cut::Places {
            let across = tasks.min(blocks);
            (across, (tasks / across).min(panels))
        } else {
            let down = tasks.min(panels);
            ((tasks / down).min(blocks), down)
        };
        Split { blocks, panels, across, down }
    }

    /// Whether several tasks read the values of the same places.
    pub(super) fn shares_places(&self) -> bool {
        self.down > 1
    }

    /// Calls `each(blocks, panels)` for every rectangle.
    pub(super) fn each(&self, each: impl Fn(Range<usize>, Range<usize>) + Sync) {
        let Split { blocks, panels, across, down } = *self;
        parallel::tasks(across * down, true, |task| {
            let (a, d) = (task % across, task / across);
            each(blocks * a / across..blocks * (a + 1) / across, panels * d / down..panels * (d + 1) / down);
        });
    }
}

/// Which of the channels of an image are meant.
#[derive(Clone, Copy)]
pub(super) struct Channels {
    pub of: usize,
    pub first: usize,
    pub count: usize,
}

/// Calls `user` with the given channels of all images of `x`, written as `source` says, image after image; behind them
/// are `SLACK` zeros.
pub(super) fn with_source(
    source: &Source,
    isa: Isa,
    x: &[f32],
    images: usize,
    channels: Channels,
    threads: bool,
    user: impl FnOnce(&[f32]),
) {
    let plain = source.plain();
    let len = images * channels.count * source.channel;
    scratch::with(len + SLACK, |written: &mut [f32]| {
        let (values, slack) = written.split_at_mut(len);
        slack.fill(0.0);
        if threads {
            let some = channels.count.min(8);
            parallel::parts(values, some * source.channel, true, |part, values| {
                for (i, channel) in (part * some..).zip(values.chunks_exact_mut(source.channel)) {
                    let (image, c) = (i / channels.count, channels.first + i % channels.count);
                    source.write(isa, &x[(image * channels.of + c) * plain..][..plain], channel);
                }
            });
        } else {
            for (image, values) in values.chunks_exact_mut(channels.count * source.channel).enumerate() {
                let x = &x[(image * channels.of + channels.first) * plain..][..channels.count * plain];
                source.write(isa, x, values);
            }
        }
        user(written);
    });
}

/// Where values stand: the first value of the first image, and how far it is to the next image and channel.
#[derive(Clone, Copy)]
pub(super) struct Strided<P> {
    pub at: P,
    pub image: usize,
    pub channel: usize,
}

/// Where values go. Tasks write through copies of one `Output`; each of them writes places of its own.
pub(super) type Output = Strided<*mut f32>;

/// What is added to the values of an output, in the same places.
pub(super) type Addend = Strided<*const f32>;

// SAFETY: a `Strided` is only an address; whoever reads or writes through it answers for that.
unsafe impl<P> Send for Strided<P> {}
// SAFETY: as above.
unsafe impl<P> Sync for Strided<P> {}

impl Output {
    /// What an output of `len` values is added to: it stands as they do.
    pub(super) fn onto(self, onto: Accumulate<'_, f32>, len: usize) -> Option<Addend> {
        match onto {
            Accumulate::Nothing => None,
            Accumulate::Output => Some(self.itself()),
            Accumulate::Values(values) => {
                assert_eq!(values.len(), len, "convolution: length of what it is added to");
                Some(Addend { at: values.as_ptr(), image: self.image, channel: self.channel })
            }
        }
    }

    /// The output as what is added to it.
    pub(super) fn itself(self) -> Addend {
        Addend { at: self.at, image: self.image, channel: self.channel }
    }

    /// Takes a step with what was written of some images, which stand one after the other: in the calling thread if there is one
    /// task, as if there were many else.
    ///
    /// # Safety
    /// This is the whole of an output, whose images these are some of, and nobody else reads or writes them meanwhile.
    pub(super) unsafe fn step(self, step: Step<'_, f32>, images: Range<usize>, tasks: usize) {
        let (start, len) = (images.start * self.image, images.len() * self.image);
        // SAFETY: the numbers of an image are as many as lie between the first ones of two images, so these are those of the
        // images; the rest is the caller's.
        let written = unsafe { slice::from_raw_parts_mut(self.at.add(start), len) };
        if tasks == 1 {
            return step.part(start, written);
        }
        leaky::forward(Step { h: step.h.map(|h| &h[start..][..len]), ..step }, written);
    }

    /// The output from another image and channel on.
    ///
    /// # Safety
    /// The image and channel are in the same tensor.
    pub(super) unsafe fn at(self, image: usize, channel: usize) -> Output {
        // SAFETY: the caller's.
        Output { at: unsafe { self.at.add(image * self.image + channel * self.channel) }, ..self }
    }
}

impl Addend {
    /// The addend from another image and channel on.
    ///
    /// # Safety
    /// The image and channel are in the same tensor.
    pub(super) unsafe fn at(self, image: usize, channel: usize) -> Addend {
        // SAFETY: the caller's.
        Addend { at: unsafe { self.at.add(image * self.image + channel * self.channel) }, ..self }
    }
}
