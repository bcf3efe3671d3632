//! More channels excite than there are.
//! It has no signs.
use dynvision::nn::{FirstExcite, LayerKernel, Signed};
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4, 3, 1, Full<LayerKernel, Signed<FirstExcite<5>>>>,
    #[readout]
    head: Classifier<4, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
