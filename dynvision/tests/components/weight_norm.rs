//! Weight normalisation as a parametrization of convolutions.

use crate::differences::{drawn, gradients_are_differences};
use dfdx::prelude::*;
use dynvision::autograd::Graph;
use dynvision::nn::{Conv2d, DefaultOptions, HeNormal, NoBias, Spec, WeightNorm, built};

type Normed = built::Conv2d<Const<2>, Const<3>, Const<3>, 1, WeightNorm<DefaultOptions>, f64, Cpu>;

fn normed() -> Normed {
    BuildModule::<Cpu, f64>::try_build(&Cpu::seed_from_u64(3)).unwrap()
}

#[test]
fn gradients() {
    gradients_are_differences(&mut normed(), &drawn::<2>(2, 4, 5), |net, x, cx| {
        // twice, as in two steps of an unroll: the weight is made once, and its gradient gathers both
        let y = net.forward(&x, None, cx)?;
        net.forward(&x, Some(y), cx)
    });
}

#[test]
fn the_weight_is_made_once_in_an_unroll() {
    let net = normed();
    let mut cx = Graph::new(NoneTape);
    let first = net.effective_weight(&mut cx).unwrap();
    let again = net.effective_weight(&mut cx).unwrap();
    assert!(std::ptr::eq(dynvision::kernels::view(&first).unwrap(), dynvision::kernels::view(&again).unwrap()));
    let norms: Vec<f64> = first.as_vec().chunks(18).map(|w| w.iter().map(|w| w * w).sum::<f64>().sqrt()).collect();
    for (norm, g) in norms.iter().zip(net.norm.as_ref().unwrap().as_vec()) {
        assert!((norm - g).abs() < 1e-12);
    }
}

#[test]
fn the_weight_begins_by_the_scheme() {
    type Wide = Conv2d<64, 64, 3, 1, WeightNorm<NoBias<HeNormal>>>;
    let net: <Wide as Spec>::Built<f64, Cpu> = BuildModule::<Cpu, f64>::try_build(&Cpu::seed_from_u64(5)).unwrap();
    let weights = net.effective_weight(&mut Graph::new(NoneTape)).unwrap().as_vec();
    let variance = weights.iter().map(|w| w * w).sum::<f64>() / weights.len() as f64;
    assert!((variance * 576.0 / 2.0 - 1.0).abs() < 0.05, "variance {variance}");
}

#[test]
fn names() {
    let names: Vec<_> = dynvision::parameters::parameters(&normed()).into_iter().map(|p| p.name).collect();
    assert_eq!(names, ["weight_v", "weight_g", "bias"]);
}
