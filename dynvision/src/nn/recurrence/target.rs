//! Where a recurrence lands.

use crate::nn::Feedforward;
use dfdx::prelude::ConstDim;
use std::fmt::Debug;

/// The places of a layer at which a recurrence can be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before the first stage.
    Input,
    /// Between the stages.
    Middle,
    /// After the last stage.
    Output,
}

/// Where a recurrence is added, and so how many channels it must have. What it contributes has the size of the area's
/// state, and is resized (nearest) to the size of its target.
pub trait RecurrenceTarget: Clone + Debug + 'static {
    /// The place.
    const STAGE: Stage;
    /// Channels there.
    type Channels<F: Feedforward>: ConstDim;
}

/// The recurrence is added to the layer's input.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToInput;
/// The recurrence is added between the layer's stages.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToMiddle;
/// The recurrence is added to the layer's output.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToOutput;

impl RecurrenceTarget for ToInput {
    const STAGE: Stage = Stage::Input;
    type Channels<F: Feedforward> = F::In;
}
impl RecurrenceTarget for ToMiddle {
    const STAGE: Stage = Stage::Middle;
    type Channels<F: Feedforward> = F::Middle;
}
impl RecurrenceTarget for ToOutput {
    const STAGE: Stage = Stage::Output;
    type Channels<F: Feedforward> = F::Out;
}
