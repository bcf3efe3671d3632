//! The transformed input of some tiles.
#![allow(unsafe_code)]

use super::super::microkernel::UNIT;
use super::grid::Grid;
use super::transform::{Transformed, Transforms, Values};
use crate::isa::Isa;
use std::ops::Range;

/// Images, and the tiles that they are read as.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    pub isa: Isa,
    pub grid: &'a Grid,
    pub transforms: Transforms,
    pub x: &'a [f32],
    pub images: usize,
    /// Channels of an image.
    pub channels: usize,
    /// Values of one channel.
    pub plane: usize,
}

impl Input<'_> {
    /// Transforms some units of tiles in some channels: `[position][channel][tile]`, positions `position` numbers apart.
    ///
    /// # Safety
    /// The processor has the instruction set; as many numbers from `into` on as these channels take of every position may be
    /// written, and nobody else uses them.
    pub(super) unsafe fn transform(self, units: Range<usize>, channels: Range<usize>, into: *mut f32, position: usize) {
        let Input { isa, grid, transforms, x, images, plane, .. } = self;
        assert!(
            x.len() >= images * self.channels * plane && channels.end <= self.channels,
            "tiles: length of the input"
        );
        let width = units.len() * UNIT;
        for (i, unit) in units.enumerate() {
            let spots = &grid.read(unit, images, self.channels * plane);
            let first = x[channels.start * plane..].as_ptr();
            let values = Values { first, channel: plane, channels: channels.len(), spots };
            // SAFETY: the grid's masks have bits where `x` has values; each unit has its own part of the rows of `width`
            // numbers that the caller vouches for.
            unsafe {
                let into = Transformed { first: into.add(i * UNIT), position, channel: width };
                (transforms.input)(isa, &values, into);
            }
        }
    }
}
