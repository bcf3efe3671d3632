//! From frames to what a model is run on: the only place where protocols meet tensors.

use super::Frames;
use crate::error::{Error, Result};
use crate::unroll::Stimulus;
use dfdx::prelude::*;

/// Returns the stimulus of these frames; a frame that several steps share is stored once where they follow each other.
///
/// # Errors
/// [`Error::EmptyStimulus`] without a step; [`Error::Shape`] if the channels, rows or columns are not those of the type;
/// what the device refuses.
pub fn stimulus<const C: usize, const H: usize, const W: usize, D: Device<f32>>(
    frames: &Frames,
    device: &D,
) -> Result<Stimulus<(usize, Const<C>, Const<H>, Const<W>), f32, D>> {
    let [n, c, h, w] = frames.shape;
    if [c, h, w] != [C, H, W] {
        let expected = format!("[{C}, {H}, {W}]");
        return Err(Error::Shape { what: "a protocol's frame", expected, found: vec![c, h, w] });
    }
    let mut tensors = Vec::with_capacity(frames.frames.len());
    for frame in &frames.frames {
        let shape = (n, Const::<C>, Const::<H>, Const::<W>);
        tensors.push(device.try_tensor_from_vec(frame.to_vec(), shape).map_err(Error::device)?);
    }
    let mut made: Option<Stimulus<_, f32, D>> = None;
    let mut step = 0;
    while let Some(&frame) = frames.shown.get(step) {
        let length = frames.shown[step..].iter().take_while(|&&f| f == frame).count();
        let tensor = tensors[frame].clone();
        made = Some(match made {
            None => Stimulus::constant(tensor, length),
            Some(stimulus) => stimulus.then(tensor, length),
        });
        step += length;
    }
    made.ok_or(Error::EmptyStimulus)
}
