//! The input of a convolution, written so that every kernel sees stride 1 and no border.

use super::padded::Padded;
use super::shape::ConvShape;
use crate::geometry::Border;
use crate::isa::{Isa, compiled_for};
use crate::{rows, scratch};

/// Numbers behind a source that a vector may read past the last value.
pub(super) const SLACK: usize = 16;

/// How one channel is laid out for reading: with zeros (or its mirror image) around it, and split into `stride²` planes
/// of the rows and columns that one tap meets. Plane `(r, c)` holds rows `r`, `r + stride`, ... and columns alike.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Rows and columns of a channel as it comes.
    input: [usize; 2],
    /// Rows and columns of zeros before the first.
    lead: usize,
    stride: usize,
    /// Set if a border is mirrored before all else.
    mirror: Option<Padded>,
    /// Rows and columns of one plane.
    pub plane: [usize; 2],
    /// Values of one channel, all planes together.
    pub channel: usize,
    /// Whether a channel as it comes is laid out like this already.
    pub as_it_is: bool,
}

impl Source {
    /// The input of `shape`, for its forward pass and the gradient of its weight.
    pub(super) fn of_input(shape: &ConvShape) -> Self {
        let window = shape.window;
        let needed = shape.output.map(|places| (places - 1) * window.stride + window.extent());
        Source::strided(shape, window.stride, needed)
    }

    /// The input of `shape` with its border, for taps that are `stride` apart.
    pub(super) fn strided(shape: &ConvShape, stride: usize, needed: [usize; 2]) -> Self {
        let padding = shape.window.padding;
        if shape.border == Border::Reflect && padding > 0 {
            let mirror = Padded::new(shape);
            return Source { mirror: Some(mirror), as_it_is: false, ..Source::new(mirror.dims, 0, stride, needed) };
        }
        Source::new(shape.input, padding, stride, needed)
    }

    /// Channels of `input` rows and columns with `lead` zeros before and enough behind to make `needed`.
    pub(super) fn new(input: [usize; 2], lead: usize, stride: usize, needed: [usize; 2]) -> Self {
        let plane = needed.map(|dim| dim.div_ceil(stride));
        let as_it_is = lead == 0 && stride == 1 && plane == input;
        Source { input, lead, stride, mirror: None, plane, channel: plane[0] * plane[1] * stride * stride, as_it_is }
    }

    /// Values of one channel as it comes.
    pub(super) fn plain(&self) -> usize {
        self.mirror.map_or(self.input[0] * self.input[1], |padded| padded.plain_len())
    }

    /// Index, within a channel, of the value at `row`, `column` counted from the first zero.
    pub(super) fn index(&self, row: usize, column: usize) -> usize {
        let phase = row % self.stride * self.stride + column % self.stride;
        (phase * self.plane[0] + row / self.stride) * self.plane[1] + column / self.stride
    }

    /// Writes channels as they come from `x` into `into`, one after the other.
    pub(super) fn write(&self, isa: Isa, x: &[f32], into: &mut [f32]) {
        compiled_for(
            isa,
            #[inline(always)]
            || match self.mirror {
                Some(padded) => scratch::with(padded.len(), |mirrored: &mut [f32]| {
                    for (x, into) in x.chunks_exact(self.plain()).zip(into.chunks_exact_mut(self.channel)) {
                        padded.write(x, mirrored);
                        self.write_channel(isa, mirrored, into);
                    }
                }),
                None => {
                    for (x, into) in x.chunks_exact(self.plain()).zip(into.chunks_exact_mut(self.channel)) {
                        self.write_channel(isa, x, into);
                    }
                }
            },
        )
    }

    #[inline(always)]
    fn write_channel(&self, isa: Isa, x: &[f32], into: &mut [f32]) {
        into.fill(0.0);
        self.write_values(isa, x, into);
    }

    #[inline(always)]
    fn write_values(&self, isa: Isa, x: &[f32], into: &mut [f32]) {
        if self.stride > 1 {
            return self.split_channel(isa, x, into);
        }
        let ([_, w], [rows, pitch], lead) = (self.input, self.plane, self.lead);
        let len = w.min(pitch.saturating_sub(lead));
        let at = lead * pitch + lead;
        let kept = rows.saturating_sub(lead);
        match (len, len == w) {
            (_, false) => copy_rows(x, w, into, at, pitch, kept, len),
            (4, _) => copy_rows(x, 4, into, at, pitch, kept, 4),
            (8, _) => copy_rows(x, 8, into, at, pitch, kept, 8),
            (16, _) => copy_rows(x, 16, into, at, pitch, kept, 16),
            (32, _) => copy_rows(x, 32, into, at, pitch, kept, 32),
            _ => copy_rows(x, w, into, at, pitch, kept, len),
        }
    }

    #[inline(always)]
    fn split_channel(&self, isa: Isa, x: &[f32], into: &mut [f32]) {
        let ([h, w], [height, pitch], s) = (self.input, self.plane, self.stride);
        for row in 0..h.min((height * s).saturating_sub(self.lead)) {
            let x = &x[row * w..][..w];
            // The planes of this row's columns stand one after the other.
            let planes = &mut into[(row + self.lead) % s * s * height * pitch..][..s * height * pitch];
            let start = (row + self.lead) / s * pitch;
            if s == 2 {
                let (even, odd) = planes.split_at_mut(height * pitch);
                let (even, odd) = (&mut even[start..][..pitch], &mut odd[start..][..pitch]);
                // The first column of the input is an even one of the padded if `lead` is even.
                let (first, second) = if self.lead.is_multiple_of(2) { (even, odd) } else { (odd, even) };
                let (first, second) = (first.get_mut(self.lead / 2..), second.get_mut(self.lead.div_ceil(2)..));
                rows::deal(isa, x, first.unwrap_or_default(), second.unwrap_or_default());
                continue;
            }
            for (phase, plane) in planes.chunks_exact_mut(height * pitch).enumerate() {
                // The first column of this phase that is no zero, in the plane and in the input.
                let skipped = self.lead.saturating_sub(phase).div_ceil(s);
                let Some(into) = plane[start..][..pitch].get_mut(skipped..) else { continue };
                let x = &x[(skipped * s + phase - self.lead).min(w)..];
                into.iter_mut().zip(x.iter().step_by(s)).for_each(|(into, &x)| *into = x);
            }
        }
    }
}

/// Copies `len` values of each row; inlined, so that a constant `len` needs no call.
#[inline(always)]
fn copy_rows(x: &[f32], w: usize, into: &mut [f32], at: usize, pitch: usize, rows: usize, len: usize) {
    if len == 0 {
        return;
    }
    for (row, x) in x.chunks_exact(w).take(rows).enumerate() {
        into[at + row * pitch..][..len].copy_from_slice(&x[..len]);
    }
}
