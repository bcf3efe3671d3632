//! The gradient of max pooling in `f32`. Values are dealt out by the stride, so that what neighbouring windows read are
//! neighbours. Each window finds its maximum again, and each value gathers from the windows that may have chosen it.
#![allow(unsafe_code)]

use super::inside;
use crate::geometry::Window;
use crate::isa::{Isa, Parts, dispatch};
use crate::{parallel, scratch};

/// Numbers behind those of a plane that a vector may touch.
const SLACK: usize = 16;

/// Adds every `gy` to the gradient of the maximum of its window.
pub(super) fn max_backward(isa: Isa, plan: &Plan, x: &[f32], gy: &[f32], gx: &mut [f32]) {
    let ([h, w], [oh, ow]) = (plan.input, plan.output);
    assert!(x.len() == gx.len() && gy.len() * h * w == gx.len() * oh * ow, "max pooling: sizes");
    // half of a vector would be idle
    let isa = if isa == Isa::Avx512 && ow <= 8 { Isa::Avx2 } else { isa };
    let [values, windows] = [plan.stride.pow(2) * plan.places, plan.places].map(|len| len + SLACK);
    parallel::planes(gx, h * w, |first, planes| {
        scratch::with(values + 2 * windows, |buffer: &mut [f32]| {
            let (values, buffer) = buffer.split_at_mut(values);
            let (gradients, chosen) = buffer.split_at_mut(windows);
            values.fill(f32::NEG_INFINITY);
            gradients.fill(0.0);
            for (i, gx) in planes.chunks_exact_mut(h * w).enumerate() {
                let given = [&x[(first + i) * h * w..][..h * w], &gy[(first + i) * oh * ow..][..oh * ow]];
                // SAFETY: the instruction set was detected, planes and buffers are as large as the plan says, and each plane
                // is written over the one before.
                unsafe { pass_back(isa, plan, given, [values, gradients, chosen], gx) };
            }
        });
    });
}

/// How blocks of `stride²` values and windows go together: along each dimension, window `o` reads under its tap `t` value
/// `(t + skipped) % stride` of block `o + (t + skipped) / stride - before`.
pub(super) struct Plan {
    input: [usize; 2],
    output: [usize; 2],
    kernel: usize,
    stride: usize,
    /// Values of the first block of the first window that it does not read.
    skipped: usize,
    /// Blocks that the first window reads before the first of the map.
    before: usize,
    /// Blocks of a window.
    blocks: usize,
    /// Numbers of a row of blocks or of windows, with those around the map.
    pitch: usize,
    /// Numbers of all rows.
    places: usize,
}

impl Plan {
    /// Plans the gradient of a pooling with a stride of 1 or 2, unless taps are apart or windows so large that many more blocks
    /// would be looked at than there are windows.
    pub(super) fn new(window: Window, input: [usize; 2], output: [usize; 2]) -> Option<Self> {
        let Window { kernel, stride, padding, dilation } = window;
        if stride > 2 || dilation > 1 || padding >= kernel {
            return None;
        }
        let before = padding.div_ceil(stride);
        let skipped = before * stride - padding;
        let blocks = (kernel + skipped).div_ceil(stride);
        let [rows, pitch] = [0, 1].map(|i| input[i].div_ceil(stride).max(output[i]) + blocks - 1);
        let places = rows * pitch;
        let worthwhile = places <= 4 * output[0] * output[1];
        worthwhile.then_some(Plan { input, output, kernel, stride, skipped, before, blocks, pitch, places })
    }
}

/// The number of a tap as it stands beside a value in a register.
fn tag_of(tap: usize) -> f32 {
    f32::from_bits(tap as u32)
}

dispatch! {
    /// Adds to `gx` what the gradients of one plane pass back: `given` are its values and these gradients, and in `buffers`
    /// are blocks, minus infinity where there is no value, gradients of windows, zero where there is none, and their choices.
    ///
    /// # Safety
    /// Planes and buffers are as large as the plan says, the latter with `SLACK` numbers behind.
    pass_back, pass_back_by, (plan: &Plan, given: [&[f32]; 2], buffers: [&mut [f32]; 3], gx: &mut [f32])
}

#[inline(always)]
unsafe fn pass_back_by<V: Parts>(plan: &Plan, given: [&[f32]; 2], buffers: [&mut [f32]; 3], gx: &mut [f32]) {
    let (given, buffers, gx) = (given.map(<[f32]>::as_ptr), buffers.map(<[f32]>::as_mut_ptr), gx.as_mut_ptr());
    // SAFETY: the caller's.
    unsafe {
        match (plan.kernel, plan.stride, plan.skipped) {
            // numbers that the compiler knows
            (2, 2, 0) => pass_back_of::<V, 2>(plan, 2, 0, given, buffers, gx),
            (3, 2, 1) => pass_back_of::<V, 2>(plan, 3, 1, given, buffers, gx),
            (3, 1, _) => pass_back_of::<V, 1>(plan, 3, 0, given, buffers, gx),
            (kernel, 1, _) => pass_back_of::<V, 1>(plan, kernel, 0, given, buffers, gx),
            (kernel, _, skipped) => pass_back_of::<V, 2>(plan, kernel, skipped, given, buffers, gx),
        }
    }
}

#[inline(always)]
unsafe fn pass_back_of<V: Parts, const S: usize>(
    plan: &Plan,
    kernel: usize,
    skipped: usize,
    [x, gy]: [*const f32; 2],
    [values, gradients, chosen]: [*mut f32; 3],
    gx: *mut f32,
) {
    // SAFETY: the caller's.
    unsafe {
        deal::<V, S>(plan, x, values);
        choose::<V, S>(plan, kernel, skipped, values, gy, gradients, chosen);
        gather::<V, S>(plan, kernel, skipped, gradients, chosen, gx);
    }
}

/// Writes values to their blocks.
#[inline(always)]
unsafe fn deal<V: Parts, const S: usize>(plan: &Plan, x: *const f32, values: *mut f32) {
    let [rows, columns] = plan.input;
    for row in 0..rows {
        let into = row % S * S * plan.places + (row / S + plan.before) * plan.pitch + plan.before;
        for column in (0..columns).step_by(S * V::LANES) {
            // SAFETY: the caller's; lanes behind the end of a row are masked.
            unsafe {
                let (from, to) = (x.add(row * columns + column), values.add(into + column / S));
                // masks that the compiler knows
                match columns - column {
                    left if left < S * V::LANES => deal_vectors::<V, S>(plan, from, to, left),
                    _ => deal_vectors::<V, S>(plan, from, to, S * V::LANES),
                }
            }
        }
    }
}

/// Writes values of a row to their blocks, as far as `left` reaches.
#[inline(always)]
unsafe fn deal_vectors<V: Parts, const S: usize>(plan: &Plan, from: *const f32, to: *mut f32, left: usize) {
    // SAFETY: the caller's.
    unsafe {
        let first = V::load_parts([from], [inside(left)]);
        if S == 1 {
            return first.store_parts([to], [inside(left)]);
        }
        let second = V::load_parts([from.wrapping_add(V::LANES)], [inside(left.saturating_sub(V::LANES))]);
        let [even, odd] = first.deal(second);
        even.store_parts([to], [inside(left.div_ceil(2))]);
        odd.store_parts([to.add(plan.places)], [inside(left / 2)]);
    }
}

/// Writes the gradient of each window and the tap that it has chosen.
#[inline(always)]
unsafe fn choose<V: Parts, const S: usize>(
    plan: &Plan,
    kernel: usize,
    skipped: usize,
    values: *const f32,
    gy: *const f32,
    gradients: *mut f32,
    chosen: *mut f32,
) {
    let [rows, columns] = plan.output;
    let behind = plan.blocks - 1 - plan.before;
    for row in 0..rows {
        for column in (0..columns).step_by(V::LANES) {
            // SAFETY: the caller's. What is written behind a row is zero, or the choice of a window that there is not.
            unsafe {
                let mut best = V::splat(f32::NEG_INFINITY);
                let mut tags = V::splat(tag_of(kernel * kernel));
                let first = values.add(row * plan.pitch + column);
                for ky in 0..kernel {
                    for kx in 0..kernel {
                        let (down, right) = (ky + skipped, kx + skipped);
                        let plane = down % S * S + right % S;
                        let value = V::load(first.add(plane * plan.places + down / S * plan.pitch + right / S));
                        [best, tags] = value.larger(best, V::splat(tag_of(ky * kernel + kx)), tags);
                    }
                }
                let at = (row + behind) * plan.pitch + behind + column;
                tags.store(chosen.add(at));
                V::load_parts([gy.add(row * columns + column)], [inside(columns - column)]).store(gradients.add(at));
            }
        }
    }
}

/// Adds to the gradient of each value those of the windows that have chosen it.
#[inline(always)]
unsafe fn gather<V: Parts, const S: usize>(
    plan: &Plan,
    kernel: usize,
    skipped: usize,
    gradients: *const f32,
    chosen: *const f32,
    gx: *mut f32,
) {
    let [rows, columns] = plan.input;
    let blocks = (kernel + skipped).div_ceil(S);
    // the tap that a window has over a value of its blocks
    let tap = |value: usize| value.checked_sub(skipped).filter(|&tap| tap < kernel);
    for row in (0..rows).step_by(S) {
        for column in (0..columns).step_by(S * V::LANES) {
            // SAFETY: the caller's; lanes behind the end of a row are masked.
            unsafe {
                let last = (row / S + blocks - 1) * plan.pitch + column / S + blocks - 1;
                let mut sums = [[V::splat(0.0); S]; S];
                for down in 0..blocks {
                    for right in 0..blocks {
                        let at = last - down * plan.pitch - right;
                        let (gradient, tags) = (V::load(gradients.add(at)), V::load(chosen.add(at)));
                        for (i, sums) in sums.iter_mut().enumerate() {
                            for (j, sum) in sums.iter_mut().enumerate() {
                                if let (Some(ky), Some(kx)) = (tap(down * S + i), tap(right * S + j)) {
                                    let tag = V::splat(tag_of(ky * kernel + kx));
                                    *sum = sum.add(gradient.where_same(tags, tag));
                                }
                            }
                        }
                    }
                }
                for (i, sums) in sums.into_iter().enumerate().take(rows - row) {
                    let to = gx.add((row + i) * columns + column);
                    match columns - column {
                        left if left < S * V::LANES => add::<V, S>(sums, to, left),
                        _ => add::<V, S>(sums, to, S * V::LANES),
                    }
                }
            }
        }
    }
}

/// Adds what values of a block gather to the numbers at `to`, as far as `left` reaches.
#[inline(always)]
unsafe fn add<V: Parts, const S: usize>(sums: [V; S], to: *mut f32, left: usize) {
    // SAFETY: the caller's.
    unsafe {
        let add = |sum: V, to: *mut f32, mask: u16| V::load_parts([to], [mask]).add(sum).store_parts([to], [mask]);
        if S == 1 {
            return add(sums[0], to, inside(left));
        }
        let [first, second] = sums[0].interleave(sums[S - 1]);
        add(first, to, inside(left));
        add(second, to.wrapping_add(V::LANES), inside(left.saturating_sub(V::LANES)));
    }
}
