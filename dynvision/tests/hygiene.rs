//! Generated code in places where names are scarce or taken, and under every lint: that this compiles is the test.
#![deny(warnings, unused, missing_docs, clippy::all, clippy::pedantic)]

/// A crate under another name.
mod vision {
    pub(crate) use dynvision::*;
}

/// Without the prelude, and with own types under the usual names.
#[no_implicit_prelude]
pub mod bare {
    use ::dynvision::nn::{Classifier, Full, MaxPool2d, RConv2d, Recurrence};

    /// Not the usual one.
    pub struct Result;
    /// Not the usual one.
    pub struct Option;
    /// Not the usual one.
    pub struct Tensor;
    /// Not the usual one.
    pub struct Some;
    /// Not the usual one.
    pub struct Ok;
    /// Not the usual one.
    pub trait Default {}
    /// Not the usual one.
    pub trait Clone {}

    /// A model.
    #[::dynvision::dyn_model(
        input = [1, 8, 8],
        operations = [layer, skip, feedback, tstep, nonlin, record, delay, pool],
        adaption = ::dynvision::nn::InputAdaption,
    )]
    pub struct Net<R: Recurrence = Full> {
        #[area(pool = MaxPool2d<2>, feedback(from = v2))]
        v1: RConv2d<1, 2, 3, 1, R>,
        #[area(skip(from = v1))]
        v2: RConv2d<2, 3>,
        #[readout]
        head: Classifier<3, 2>,
    }
}

/// With type parameters, types and areas under the names that generated code likes.
pub mod taken {
    use dynvision::nn::{Classifier, Conv2d, Euler, Full, RConv2d, Recurrence, Relu};

    /// A device? No, a nonlinearity.
    pub type D = Relu;
    /// A batch? No, a solver.
    pub type B = Euler;
    /// A module of the same name as an alias of generated code.
    pub mod dv {}

    /// A model.
    #[dynvision::dyn_model(
        crate = crate::vision,
        input = [1, 8, 8],
        operations = [layer, tstep, nonlin, record, delay],
        solver = B,
        nonlin = D,
    )]
    pub struct Net<E: Recurrence = Full, T: Recurrence = Full, const K: usize = 2> {
        frame: RConv2d<1, 2, 3, 1, E>,
        x: RConv2d<2, 3, 3, 1, T>,
        cx: dynvision::nn::Recurrent<Conv2d<3, 3>>,
        batch: RConv2d<3, 3>,
        record: RConv2d<3, 3>,
        r#type: RConv2d<3, 3>,
        #[readout]
        head: Classifier<3, K>,
    }
}

/// Types may compute with constants of the module.
pub mod computed {
    use dynvision::nn::{Classifier, RConv2d};

    const WIDTH: usize = 2;

    /// A model.
    #[dynvision::dyn_model(input = [1, 8, 8], operations = [layer, tstep, nonlin, record, delay])]
    pub struct Net<const C: usize = { WIDTH + 1 }> {
        v1: RConv2d<1, WIDTH>,
        v2: RConv2d<WIDTH, { WIDTH * 2 }>,
        v3: RConv2d<{ 2 * WIDTH }, { C }>,
        #[readout]
        head: Classifier<{ C }, 2>,
    }
}

/// A private model stays private.
mod private {
    use dynvision::nn::{Classifier, RConv2d};

    #[dynvision::dyn_model(input = [1, 8, 8], operations = [layer, record, delay])]
    pub(super) struct Net {
        v1: RConv2d<1, 2>,
        #[readout]
        head: Classifier<2, 2>,
    }
}

/// Two models of one name in two functions.
#[test]
fn models_in_function_bodies() {
    use dynvision::prelude::*;
    fn other() -> usize {
        #[dyn_model(input = [1, 8, 8], operations = [layer, tstep, nonlin, record, delay])]
        struct Net {
            v1: RConv2d<1, 3>,
            #[readout]
            head: Classifier<3, 2>,
        }
        Cpu::default().build_module::<Net, f32>().num_trainable_params()
    }
    #[dyn_model(input = [1, 8, 8], operations = [layer, tstep, nonlin, record, delay])]
    struct Net {
        v1: RConv2d<1, 2>,
        #[readout]
        head: Classifier<2, 2>,
    }
    let here = Cpu::default().build_module::<Net, f32>().num_trainable_params();
    assert_eq!((here, other()), (9 * 2 + 2 + 9 * 4 + 2 + 6, 9 * 3 + 3 + 9 * 9 + 3 + 8));
}

/// Every model above is built and stepped.
#[test]
fn models_run() {
    use dynvision::prelude::*;
    let dev = Cpu::default();
    let frame: Tensor<(usize, Const<1>, Const<8>, Const<8>), f32, _> = dev.zeros_like(&(1, Const, Const, Const));
    let bare = dev.build_module::<bare::Net<SelfRecurrence>, f32>();
    assert!(bare.try_step(frame.clone(), &mut bare.reset()).is_ok());
    let taken = dev.build_module::<taken::Net, f32>();
    assert!(taken.try_step(frame.clone(), &mut taken.reset()).is_ok());
    let computed = dev.build_module::<computed::Net, f32>();
    assert!(computed.try_step(frame.clone(), &mut computed.reset()).is_ok());
    assert_eq!((computed::Net::V2.c, computed::Net::V3.c), (4, 3));
    let private = dev.build_module::<private::Net, f32>();
    assert!(private.try_step(frame, &mut private.reset()).is_ok());
    assert_eq!(taken::Net::TYPE, dynvision::geometry::Map::new(3, 8, 8));
}
