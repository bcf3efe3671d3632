//! A laboratory: models of one's own, and the command line that does everything with them.

use dynvision_lab::prelude::*;

/// Two areas that look at handwritten digits of 28x28 pixels.
#[dyn_model(
    input = [1, 28, 28],
    operations = [layer, tstep, nonlin, record, delay, pool],
    dynamics(dt = 2.0, tau = 5.0, t_recurrence = 6.0),
)]
pub struct MyNet<R: Recurrence = Full> {
    #[area(pool = MaxPool2d<2>)]
    v1: RConv2d<1, 16, 3, 2, R>,
    v2: RConv2d<16, 32, 3, 1, R>,
    #[readout]
    classifier: Classifier<32, 10>,
}

fn main() -> ExitCode {
    Lab::new()
        .model::<MyNet>("my-net")
        .model::<MyNet<NoRecurrence>>("my-net/none")
        .main()
}
