//! The recurrences on their own; what the original computes is compared in the tests of recorded cases.

use crate::differences::{drawn, gradients_are_differences};
use dfdx::prelude::*;
use dynvision::nn::{
    Connection, DepthPointwise, Full, Layer, Local, LocalDepthwise, OwnKernel, PointDepthwise, RConv2d, Recurrence,
    Spec,
};

type Of<R, const I: usize, const O: usize> = <R as Recurrence>::Connection<Const<I>, Const<O>, Const<3>>;

/// An even kernel makes another size of the state.
#[test]
fn even_kernels_are_misfits() {
    fn misfit<L: Layer>() -> bool {
        L::MISFIT.is_some_and(|why| why.contains("even kernel"))
    }
    type V1<R> = RConv2d<3, 4, 3, 1, R>;
    assert!(misfit::<RConv2d<3, 4, 4>>() && misfit::<RConv2d<3, 4, 4, 2>>() && misfit::<V1<Full<OwnKernel<2>>>>());
    assert!(misfit::<V1<DepthPointwise<OwnKernel<2>>>>() && misfit::<V1<PointDepthwise<OwnKernel<2>>>>());
    assert!(misfit::<V1<LocalDepthwise<OwnKernel<2>>>>() && misfit::<RConv2d<3, 4, 4, 1, DepthPointwise>>());
    assert!(!misfit::<RConv2d<3, 4, 3, 2>>() && !misfit::<V1<DepthPointwise>>() && !misfit::<V1<Full<OwnKernel<1>>>>());
}

/// The two convolutions one after the other, by hand.
#[test]
fn depth_pointwise() {
    use dynvision::{geometry, kernels::Maps, ops, time::Plan, unroll::Context};
    let dev = Cpu::seed_from_u64(4);
    let mut weights: <Of<DepthPointwise, 4, 6> as Spec>::Built<f64, Cpu> =
        BuildModule::<Cpu, f64>::try_build(&dev).unwrap();
    weights.depthwise.bias.as_mut().unwrap().fill_with_distr(rand_distr::StandardNormal);
    weights.pointwise.bias.as_mut().unwrap().fill_with_distr(rand_distr::StandardNormal);
    let h: Maps<f64, Cpu> = dev.sample_normal_like(&(2, 4, 5, 6));
    let mut cx = Context::new(NoneTape, Plan::default());
    let y = Of::<DepthPointwise, 4, 6>::forward(&weights, &h, None, &mut cx);
    let window = geometry::Window::same(3, 1);
    let (x, w, b) = (h.as_vec(), weights.depthwise.weight.as_vec(), weights.depthwise.bias.as_ref().unwrap().as_vec());
    let mut mixed = vec![0.0; x.len()];
    for (plane, (x, y)) in x.chunks(30).zip(mixed.chunks_mut(30)).enumerate() {
        let c = plane % 4;
        for (i, j) in (0..5i32).flat_map(|i| (0..6i32).map(move |j| (i, j))) {
            let taps = (0..3).flat_map(|k| (0..3).map(move |l| (k, l)));
            let inside = taps.filter(|&(k, l)| (0..5).contains(&(i + k - 1)) && (0..6).contains(&(j + l - 1)));
            let sum: f64 =
                inside.map(|(k, l)| w[c * 9 + (k * 3 + l) as usize] * x[((i + k - 1) * 6 + j + l - 1) as usize]).sum();
            y[(i * 6 + j) as usize] = b[c] + sum;
        }
    }
    let mixed: Maps<f64, Cpu> = dev.tensor_from_vec(mixed, (2, 4, 5, 6));
    let conv = geometry::Conv::new(geometry::Window::POINT);
    let pointwise = ops::erase(weights.pointwise.weight.clone()).unwrap();
    let bias = weights.pointwise.bias.clone().map(|bias| bias.realize());
    let want = ops::conv2d(&conv, &mixed, &pointwise, bias.as_ref(), None, &mut cx).unwrap();
    assert_eq!(window.output_len(5), 5);
    for (y, want) in y.unwrap().as_vec().iter().zip(want.as_vec()) {
        assert!((y - want).abs() < 1e-12);
    }
}

#[test]
fn local_on_channels_that_are_no_square() {
    let mut weights: <Of<Local, 6, 6> as Spec>::Built<f64, Cpu> =
        BuildModule::<Cpu, f64>::try_build(&Cpu::seed_from_u64(7)).unwrap();
    weights.weight.fill_with_distr(rand_distr::StandardNormal);
    let x = drawn::<6>(2, 3, 2);
    gradients_are_differences(&mut weights, &x, |weights, x, cx| Of::<Local, 6, 6>::forward(weights, &x, None, cx));
}
