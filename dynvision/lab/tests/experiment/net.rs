//! A small network with every kind of connection, and the images that it is shown.

use dfdx::prelude::*;
use dynvision::data::{Images, digits};
use dynvision::prelude::*;
use dynvision_lab::Trained;

#[dyn_model(
    input = [1, 8, 8],
    operations = [layer, addext, skip, feedback, tstep, nonlin, record, delay, pool],
)]
pub(crate) struct Net {
    #[area(pool = MaxPool2d<2>, addext = ExternalInput, feedback(from = v3))]
    v1: RConv2d<1, 6, 3, 1, Full>,
    #[area(addext = ExternalInput)]
    v2: RConv2d<6, 5, 3, 1, SelfRecurrence>,
    #[area(skip(from = v1))]
    v3: RConv2d<5, 4, 3, 1, DepthPointwise>,
    #[readout]
    classifier: Classifier<4, 10>,
}

pub(crate) type Built = NetModel<f32, Cpu>;

/// A network with weights from a seed, strong enough to be active, and delays that a short run reaches.
pub(crate) fn net(seed: u64) -> Built {
    let dev = Cpu::seed_from_u64(seed);
    let mut net = dev.build_module::<Net, f32>();
    dynvision::parameters::each_mut(&mut net, |name, _, tensor| {
        if name.ends_with("weight") {
            let larger: Vec<f32> = tensor.values().iter().map(|x| x * 2.).collect();
            tensor.set_values(&larger);
        }
    });
    net.dynamics_mut().t_feedback = 4.0;
    net.dynamics_mut().t_recurrence = 2.0;
    net
}

pub(crate) fn subject(seed: u64) -> Trained<Built, Cpu> {
    Trained::new(net(seed), &Cpu::default()).unwrap()
}

pub(crate) fn images() -> Images {
    digits::test().unwrap()
}
