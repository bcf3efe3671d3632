//! The model is a tuple struct.
//! It does not arise in Python.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, record, delay])]
struct Net(#[area] RConv2d<3, 4>, #[readout] Classifier<4, 5>);

fn main() {}
