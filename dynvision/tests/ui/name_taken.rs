//! Types of the user's own have the names of what the macro writes.
//! The later class replaces the earlier.
use dynvision::prelude::*;

struct NetModel;
struct NetState;
struct NetV1;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    #[readout]
    head: Classifier<4, 5>,
}

fn main() {
    let _ = (NetModel, NetState, NetV1);
    let _ = Cpu::default().build_module::<Net, f32>();
}
