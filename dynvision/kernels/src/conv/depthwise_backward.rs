//! Both gradients of a convolution of each channel that keeps the size of the maps, in one pass over that of the output: what
//! each tap finds there is multiplied by the weight for the one, and by the input for the other.
#![allow(unsafe_code)]

use super::microkernel::UNIT;
use super::separable::{Depthwise, Reach};
use crate::isa::{Isa, Parts, dispatch};

/// Taps of which the gradients are summed up at a time.
const TAPS: usize = 9;

/// Numbers that the gradient of each weight is summed up in.
pub(super) const LANES: usize = UNIT;

/// All channels of some images.
struct Pass<'a> {
    reach: &'a Reach,
    images: usize,
    channels: usize,
    w: *const f32,
    x: *const f32,
    gy: *const f32,
    gx: *mut f32,
    lanes: *mut f32,
}

impl Depthwise<'_> {
    /// Adds to `gx` what `gy` passes back to the input, and to `LANES` numbers for each weight what it passes back to that.
    pub(super) fn backward(&self, isa: Isa, x: &[f32], gy: &[f32], gx: &mut [f32], lanes: &mut [f32]) {
        let Depthwise { reach, w, .. } = *self;
        let channels = w.len() / reach.offsets.len();
        let images = x.len() / (channels * reach.places);
        let fit = images * channels * reach.places == x.len() && x.len() == gy.len() && x.len() == gx.len();
        assert!(fit && lanes.len() == w.len() * LANES, "depthwise convolution: sizes");
        let (x, gy, gx, lanes) = (x.as_ptr(), gy.as_ptr(), gx.as_mut_ptr(), lanes.as_mut_ptr());
        // SAFETY: maps, weights and lanes are as many as asserted.
        unsafe { add_both(isa, &Pass { reach, images, channels, w: w.as_ptr(), x, gy, gx, lanes }) }
    }
}

dispatch! {
    /// # Safety
    /// There are weights, and `LANES` numbers for each of them, for all channels, and maps of all of these for all images.
    add_both, add_both_by, (pass: &Pass<'_>)
}

#[inline(always)]
unsafe fn add_both_by<V: Parts>(pass: &Pass<'_>) {
    let taps = pass.reach.offsets.len();
    for channel in 0..pass.channels {
        for first in (0..taps).step_by(TAPS) {
            // SAFETY: the caller's. Kernels of up to seven taps along each side leave these numbers.
            unsafe {
                match TAPS.min(taps - first) {
                    1 => some_taps::<V, 1>(pass, channel, first),
                    4 => some_taps::<V, 4>(pass, channel, first),
                    7 => some_taps::<V, 7>(pass, channel, first),
                    9 => some_taps::<V, 9>(pass, channel, first),
                    count => unreachable!("depthwise convolution: {count} taps"),
                }
            }
        }
    }
}

/// The taps of the adjoint from `first` on: its window is that of the convolution, with the weights in reverse.
#[inline(always)]
unsafe fn some_taps<V: Parts, const TAPS: usize>(pass: &Pass<'_>, channel: usize, first: usize) {
    let Reach { places, offsets, masks, .. } = pass.reach;
    let taps = offsets.len();
    // the weight of the first of them
    let weight = channel * taps + taps - 1 - first;
    // SAFETY (of the whole body): the caller's. A mask has a bit only for a place of the map, or where its tap is inside.
    unsafe {
        let (mut weights, mut sums, mut shifts) = ([V::splat(0.0); TAPS], [V::splat(0.0); TAPS], [0; TAPS]);
        for (tap, (shift, w)) in shifts.iter_mut().zip(&mut weights).enumerate() {
            *shift = offsets[first + tap];
            *w = V::splat(*pass.w.add(weight - tap));
        }
        for image in 0..pass.images {
            let map = (image * pass.channels + channel) * places;
            for (unit, masks) in masks.chunks_exact(taps + 1).enumerate() {
                let (own, masks) = (masks[taps], &masks[first..][..TAPS]);
                for lane in (0..UNIT).step_by(V::LANES) {
                    let (at, own) = (map + unit * UNIT + lane, own >> lane);
                    let (from, to) = (pass.gy.wrapping_add(at), pass.gx.wrapping_add(at));
                    let x = V::load_parts([pass.x.wrapping_add(at)], [own]);
                    let mut sum = V::load_parts([to.cast_const()], [own]);
                    for tap in 0..TAPS {
                        let g = V::load_parts([from.wrapping_offset(shifts[tap])], [masks[tap] >> lane]);
                        sum = sum.add_product(weights[tap], g);
                        sums[tap] = sums[tap].add_product(x, g);
                    }
                    sum.store_parts([to], [own]);
                }
            }
        }
        for (tap, sum) in sums.into_iter().enumerate() {
            let to = pass.lanes.add((weight - tap) * LANES);
            V::load(to).add(sum).store(to);
        }
    }
}
