//! The path of the library leads nowhere.
//! It does not arise in Python.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay], crate = ::nothere)]
struct Net {
    v1: RConv2d<3, 4>,
    #[readout]
    head: Classifier<4, 5>,
}

fn main() {}
