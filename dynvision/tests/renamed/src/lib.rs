//! A model in a crate that knows dynvision by another name: `#[dyn_model]` finds the name by itself.

use vision::prelude::*;

/// A model.
#[dyn_model(input = [1, 8, 8], operations = [layer, skip, tstep, nonlin, record, delay])]
pub struct Net<R: Recurrence = Full> {
    v1: RConv2d<1, 2, 3, 1, R>,
    #[area(skip(from = v1))]
    v2: RConv2d<2, 3>,
    #[readout]
    head: Classifier<3, 2>,
}

#[test]
fn the_model_runs() -> Result<(), Error> {
    let dev = Cpu::default();
    let net = dev.build_module::<Net, f32>();
    let images = dev.zeros_like(&(1, Const, Const, Const));
    assert_eq!(net.try_run(Stimulus::constant(images, 2))?.shape().concrete(), [1, 2, 2]);
    Ok(())
}
