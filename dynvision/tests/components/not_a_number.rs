//! What is no number stays none: a part that made a number of it would hide what went wrong before it.

use dfdx::prelude::*;
use dynvision::autograd::Graph;
use dynvision::kernels::Maps;
use dynvision::nn::{
    AdaptiveAvgPool, AvgPool2d, Classifier, Empty, Flatten, GlobalAvgPool, GlobalMaxPool, Linear, MaxPool2d, Mlp,
    Operation, Pool, Readout, Relu, Spec, SupraLinearity,
};
use dynvision::ops;
use dynvision::time::Plan;
use dynvision::unroll::Context;

type Built64<S> = <S as Spec>::Built<f64, Cpu>;

/// Two samples of three channels of 4x4; one unit of the second sample is no number.
fn damaged() -> Maps<f64, Cpu> {
    let mut values: Vec<f64> = (0..96).map(|i| f64::from(i % 7) - 3.0).collect();
    values[48 + 16 + 5] = f64::NAN;
    Cpu::default().tensor_from_vec(values, (2, 3, 4, 4))
}

fn context() -> Context<f64, Cpu> {
    Context::new(NoneTape, Plan::default())
}

fn readout<R: Readout>()
where
    Built64<R>: BuildModule<Cpu, f64>,
{
    let built: Built64<R> = BuildModule::try_build(&Cpu::default()).unwrap();
    let logits = R::forward(&built, damaged(), &mut context()).unwrap();
    let (values, classes) = (logits.as_vec(), logits.shape().1);
    let name = std::any::type_name::<R>();
    assert!(values[..classes].iter().all(|y| y.is_finite()), "{name}: the sample that is whole");
    assert!(values[classes..].iter().any(|y| y.is_nan()), "{name} makes numbers of NaN: {values:?}");
}

#[test]
fn readouts_keep_it() {
    readout::<Classifier<3, 2>>();
    readout::<GlobalAvgPool<Linear<3, 2>>>();
    readout::<GlobalMaxPool<Linear<3, 2>>>();
    readout::<GlobalAvgPool<Mlp<3, 5, Linear<5, 2>>>>();
    readout::<Flatten<Mlp<48, 5, Linear<5, 2>>>>();
    readout::<AdaptiveAvgPool<3, 2, 2, Linear<12, 2>>>();
}

#[test]
fn poolings_and_powers_keep_it() {
    let some = |y: Maps<f64, Cpu>| y.as_vec().iter().any(|y| y.is_nan());
    assert!(some(<MaxPool2d<2> as Pool>::forward(&damaged(), &mut context()).unwrap()));
    assert!(some(<AvgPool2d<2> as Pool>::forward(&damaged(), &mut context()).unwrap()));
    let mut cx = context();
    assert!(some(<SupraLinearity<1500> as Operation>::forward(&Empty, damaged(), &mut cx).unwrap()));
    assert!(some(<Relu as Operation>::forward(&Empty, damaged(), &mut cx).unwrap()));
    let mut graph = Graph::new(NoneTape);
    for at_threshold in [false, true] {
        let surrogate = ops::Surrogate::Arctangent(2.0);
        let spikes = ops::spike(&damaged(), at_threshold, surrogate, &mut graph).unwrap().as_vec();
        assert_eq!(spikes.iter().filter(|spike| spike.is_nan()).count(), 1);
        assert!(spikes.iter().all(|spike| spike.is_nan() || *spike == 0.0 || *spike == 1.0));
    }
    assert!(some(ops::local_response_norm(1, [1.0, 0.5, 0.75], &damaged(), &mut graph).unwrap()));
    assert!(some(ops::resize(&damaged(), [4, 3], None, &mut graph).unwrap()));
    assert!(some(ops::sigmoid(&damaged(), &mut graph).unwrap()));
    assert!(some(ops::clamp(&damaged(), -1.0, 1.0, &mut graph).unwrap()));
    assert!(some(ops::relu(damaged(), &mut graph).unwrap()));
}
