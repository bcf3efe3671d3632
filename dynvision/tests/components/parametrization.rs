//! What the options of a convolution make of its weight: normalisation, symmetry, signs, masks.

use crate::differences::{drawn, gradients_are_differences};
use dfdx::prelude::*;
use dynvision::autograd::Graph;
use dynvision::geometry::{Conv, Window};
use dynvision::nn::{
    Conv2d, ConvOptions, DefaultOptions, FirstExcite, Full, HeNormal, Layer, LayerKernel, Local, Mask, Masked, NoBias,
    PointDepthwise, RConv2d, Signed, Spec, Symmetric, WeightNorm, built,
};

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

/// No channel reaches itself.
#[derive(Clone, Debug)]
struct Others;
impl Mask for Others {
    fn connects(to: usize, from: usize, _: usize, _: usize) -> bool {
        to != from
    }
}

type Square<C> = built::Conv2d<Const<3>, Const<3>, Const<3>, 1, C, f64, Cpu>;
type Signs = Signed<FirstExcite<2>, DefaultOptions>;

fn square<C: ConvOptions>() -> Square<C> {
    BuildModule::<Cpu, f64>::try_build(&Cpu::seed_from_u64(3)).unwrap()
}

/// What acts, and what is trained, of output channel, input channel and place in the kernel.
fn acting<C: ConvOptions>() -> [impl Fn(usize, usize, usize) -> f64; 2] {
    let net = square::<C>();
    let acts = net.effective_weight(&mut Graph::new(NoneTape)).unwrap().as_vec();
    [acts, net.weight.as_vec()].map(|weight| move |o: usize, i: usize, at: usize| weight[(o * 3 + i) * 9 + at])
}

fn everywhere(holds: impl Fn(usize, usize, usize) -> bool) {
    for n in 0..81 {
        assert!(holds(n / 27, n / 9 % 3, n % 9), "at {n}");
    }
}

#[test]
fn signs_are_those_of_the_sender() {
    let [acts, raw] = acting::<Signs>();
    everywhere(|o, i, at| acts(o, i, at) == if i < 2 { raw(o, i, at).abs() } else { -raw(o, i, at).abs() });
    let [acts, _] = acting::<Signed<FirstExcite<2>, WeightNorm>>();
    everywhere(|o, i, at| if i < 2 { acts(o, i, at) > 0.0 } else { acts(o, i, at) < 0.0 });
}

#[test]
fn a_symmetric_kernel_is_the_mean_of_both_ways() {
    let [acts, raw] = acting::<Symmetric>();
    everywhere(|o, i, at| (acts(o, i, at) - (raw(o, i, at) + raw(i, o, at)) / 2.0).abs() < 1e-15);
}

#[test]
fn options_go_together() {
    let [acts, raw] = acting::<Masked<Others, Signed<FirstExcite<2>, Symmetric>>>();
    everywhere(|o, i, at| {
        let mean = ((raw(o, i, at) + raw(i, o, at)) / 2.0).abs();
        let right = if o == i { 0.0 } else { mean * if i < 2 { 1.0 } else { -1.0 } };
        (acts(o, i, at) - right).abs() < 1e-15
    });
}

#[test]
fn gradients_of_options() {
    fn check<C: ConvOptions>() {
        gradients_are_differences(&mut square::<C>(), &drawn::<3>(2, 4, 5), |net, x, cx| {
            let y = net.forward(&x, None, cx)?;
            net.forward(&x, Some(y), cx)
        });
    }
    check::<Signs>();
    check::<Symmetric>();
    check::<Masked<Others, Signed<FirstExcite<1>, Symmetric<WeightNorm<NoBias>>>>>();
}

#[test]
fn in_groups_an_input_channel_has_its_own_number() {
    let net: built::Conv2d<Const<1>, Const<4>, Const<3>, 1, Masked<Others, NoBias>, f64, Cpu> =
        BuildModule::<Cpu, f64>::try_build(&Cpu::seed_from_u64(3)).unwrap();
    let depthwise = Conv::new(Window::same(3, 1)).grouped(4);
    let y = net.convolve(&depthwise, &drawn::<4>(2, 4, 5), None, &mut Graph::new(NoneTape)).unwrap();
    assert!(y.as_vec().iter().all(|&y| y == 0.0), "each channel reaches itself alone");
}

#[test]
fn a_linear_map_has_them_too() {
    let net: built::Linear<3, 3, Signed<FirstExcite<2>, NoBias>, f64, Cpu> =
        BuildModule::<Cpu, f64>::try_build(&Cpu::seed_from_u64(3)).unwrap();
    let one_hot: Tensor<Rank2<3, 3>, f64, Cpu> =
        net.weight.device().tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
    let one_hot = dynvision::ops::reshaped(one_hot, &(3, 3)).unwrap();
    let y = net.forward(one_hot, &mut Graph::new(NoneTape)).unwrap().as_vec();
    for (n, y) in y.iter().enumerate() {
        assert!(if n / 3 < 2 { *y >= 0.0 } else { *y <= 0.0 }, "{n}: {y}");
    }
}

#[test]
fn what_does_not_fit_is_said() {
    let misfits = [
        <RConv2d<2, 3, 3, 1, Full<LayerKernel, Symmetric>>>::MISFIT,
        <RConv2d<2, 3, 3, 1, PointDepthwise<LayerKernel, Signs>>>::MISFIT,
        <RConv2d<2, 9, 3, 1, Local<Signs>>>::MISFIT,
    ];
    assert_eq!(misfits[0], None, "it is the recurrence that is square");
    assert!(misfits[1..].iter().all(|misfit| misfit.is_some_and(|why| why.contains("channel to channel"))));
    type Layered<const I: usize> = dynvision::nn::Recurrent<Conv2d<I, 3, 3, 1, Symmetric>, dynvision::nn::NoRecurrence>;
    assert!(<Layered<2>>::MISFIT.is_some_and(|why| why.contains("as many input channels")));
    assert_eq!(<Layered<3>>::MISFIT, None);
}
