//! The model is a unit struct.
//! It does not arise in Python.
use dynvision::prelude::*;

#[dyn_model(input = [3, 16, 16], operations = [layer, record, delay])]
struct Net;

fn main() {}
