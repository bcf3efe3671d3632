//! A model of your own: two areas with recurrence, each a differential equation in time. This is the first model of the
//! guide to custom models (`docs/custom-models.md`).
//!
//! Run: `cargo run --release --example custom_model`

use dynvision::prelude::*;
use dynvision_examples::{ended, say};
use std::process::ExitCode;

// The order in which each area runs its operations in every time step. An operation that no area has, and a part that no
// operation runs, are compile errors; so is every shape that does not fit.
/// Two areas of 32 and 64 channels.
#[dyn_model(
    input = [3, 32, 32],
    operations = [
        layer,  // the recurrent convolution
        tstep,  // one step of the differential equation
        nonlin, // rectification
        record, // lets a recorder see the area's response
        delay,  // stores it for later steps, and sends on what is due
        pool,   // pooling
    ],
    dynamics(dt = 2.0, tau = 8.0), // in ms
)]
pub struct SimpleRCNN<R: Recurrence = SelfRecurrence> {
    #[area(pool = MaxPool2d<2>)]
    layer1: RConv2d<3, 32, 3, 1, R>,
    layer2: RConv2d<32, 64, 3, 1, R>,
    #[readout]
    classifier: Classifier<64, 10>,
}

fn main() -> ExitCode {
    ended(run())
}

fn run() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    // `R` may be any recurrence: the shapes are the same
    let mut net = dev.build_module::<SimpleRCNN<Full>, f32>();
    say!("{}\n", net.summary());

    // a batch of four images, shown for 20 steps
    let images = dev.sample_normal_like(&(4, Const, Const, Const));
    let (logits, responses) = net.try_record(Stimulus::constant(images.clone(), 20))?;
    say!("logits {:?}, layer2 {:?}", logits.shape().concrete(), responses.layer2.values.shape().concrete());

    // times are settings: in ms, and multiples of dt
    net.dynamics.t_feedforward = 4.0;
    let (_, delayed) = net.try_record(Stimulus::constant(images.clone(), 20))?;
    if let Some(onset) = delayed.layer2.onset() {
        say!("with 4 ms between areas, layer2 answers from step {onset}");
    }
    net.dynamics.t_feedforward = 5.0;
    if let Err(error) = net.try_run(Stimulus::constant(images, 20)) {
        say!("and 5 ms is refused: {error}");
    }
    Ok(())
}
