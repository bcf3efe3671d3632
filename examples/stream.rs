//! Frame by frame: a model that watches a bar move, one frame at a time, and keeps its state between frames.
//!
//! Run: `cargo run --release --example stream`

use dynvision::prelude::*;
use dynvision::stream::Stream;
use dynvision_examples::{ended, say};
use std::process::ExitCode;

/// Two areas on a small field of view.
#[dyn_model(
    input = [1, 16, 16],
    operations = [layer, skip, tstep, nonlin, record, delay, pool],
    dynamics(dt = 2.0, tau = 10.0, t_recurrence = 2.0),
)]
pub struct Watcher {
    #[area(pool = MaxPool2d<2>)]
    v1: RConv2d<1, 8, 5>,
    #[area(skip(from = v1))]
    v2: RConv2d<8, 16>,
    #[readout]
    classifier: Classifier<16, 4>,
}

/// A frame with a vertical bar at column `at`, or none.
fn frame(dev: &Cpu, at: Option<usize>) -> Tensor<(usize, Const<1>, Const<16>, Const<16>), f32, Cpu> {
    let pixels = (0..16 * 16).map(|i| if at == Some(i % 16) { 1.0 } else { 0.0 }).collect();
    dev.tensor_from_vec(pixels, (1, Const, Const, Const))
}

/// Mean of the newest response of an area.
fn mean(newest: Option<Tensor<impl Shape, f32, Cpu>>) -> f32 {
    newest.map_or(0.0, |x| x.as_vec().iter().sum::<f32>() / x.shape().num_elements() as f32)
}

fn main() -> ExitCode {
    ended(run())
}

fn run() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let net = dev.build_module::<Watcher, f32>();
    let mut stream = Stream::new(&net, net.reset())?;
    say!("  ms  bar      v1      v2  logits");
    for step in 0..24 {
        // the bar enters at step 4, moves one column per step, and leaves
        let at = (4..20).contains(&step).then(|| step - 4);
        let logits = stream.try_step(frame(&dev, at))?;
        let state = stream.state();
        let bar = at.map_or("-".to_string(), |at| at.to_string());
        let (v1, v2) = (mean(state.v1.response(1)), mean(state.v2.response(1)));
        say!("{:4}  {bar:>3}  {v1:.4}  {v2:.4}  {:+.4?}", 2 * step, logits.as_vec());
    }
    Ok(())
}
