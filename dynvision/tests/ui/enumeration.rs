//! The model is an enum.
//! It does not arise in Python.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, record, delay])]
enum Net {
    #[area]
    V1(RConv2d<3, 4>),
}

fn main() {}
