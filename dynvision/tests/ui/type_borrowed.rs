//! A part is borrowed.
//! It does not arise in Python.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net<'a> {
    v1: &'a RConv2d<3, 4>,
    #[readout]
    head: Classifier<4, 5>,
}

fn main() {}
