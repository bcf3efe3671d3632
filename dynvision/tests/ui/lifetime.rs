//! A model has a lifetime.
//! It does not arise in Python.
use dynvision::prelude::*;

struct Borrowed<'a>(std::marker::PhantomData<&'a ()>);

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net<'a> {
    v1: RConv2d<3, 4>,
    v2: Borrowed<'a>,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {}
