//! A user's layer says two things of its channels.
//! It does not arise: layers do not state their shapes.
use dynvision::prelude::*;

use dynvision::cx::Cx;
use dynvision::error::Result;
use dynvision::geometry::{Geometry, Window};
use dynvision::kernels::{Element, VisionDevice};
use dynvision::nn::{Empty, Layer, Signal};
use dynvision::unroll::History;
use dfdx::prelude::{ConstDim, Dim, Tape};

/// Says that it makes 6 channels of 4, but its types say 4 of 4.
struct Echo;
dynvision::spec!(impl Echo => Empty);
impl Layer for Echo {
    const GEOMETRY: Geometry = Geometry::conv(4, 6, Window::POINT);
    type In = Const<4>;
    type Out = Const<4>;

    fn step<B: Dim, H: ConstDim, W: ConstDim, Ho: ConstDim, Wo: ConstDim, E, D, T>(
        _: &Empty,
        _: Signal<(B, Const<4>, H, W), E, D>,
        _: &History<(B, Const<4>, Ho, Wo), E, D>,
        _: &mut Cx<T>,
    ) -> Result<Signal<(B, Const<4>, Ho, Wo), E, D>>
    where
        E: Element,
        D: VisionDevice<E>,
        T: Tape<E, D>,
    {
        Ok(None)
    }
}

#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    v1: RConv2d<3, 4>,
    v2: Echo,
    #[readout]
    head: Classifier<6, 5>,
}

fn main() {
    let _ = Cpu::default().build_module::<Net, f32>();
}
