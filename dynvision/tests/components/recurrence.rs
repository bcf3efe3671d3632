//! The recurrences on their own.

use crate::golden::Golden;
use dfdx::prelude::*;
use dynvision::nn::{
    ConvOptions, DepthPointwise, Full, Local, LocalDepthwise, NoBias, PointDepthwise, Recurrence, SelfRecurrence,
    Uniform, built,
};

type Weights<R, const I: usize, const O: usize, const K: usize> =
    <R as Recurrence>::Built<Const<I>, Const<O>, Const<K>, f32, Cpu>;

fn build<R: Recurrence, const I: usize, const O: usize, const K: usize>() -> Weights<R, I, O, K>
where
    Weights<R, I, O, K>: BuildModule<Cpu, f32>,
{
    BuildModule::<Cpu, f32>::try_build(&Cpu::default()).unwrap()
}

fn drive<R: Recurrence, const I: usize, const O: usize, const K: usize>(
    golden: &Golden,
    weights: &Weights<R, I, O, K>,
) -> Gradients<f32, Cpu> {
    golden.run::<I, O>(|h, cx| R::drive::<Const<I>, Const<O>, Const<K>, _, _, _, _, _, _>(weights, h, cx))
}

type Conv<I, O, K, C> = built::Conv2d<I, O, K, 1, C, f32, Cpu>;

fn set<I: ConstDim, O: ConstDim, K: ConstDim, C: ConvOptions>(
    golden: &Golden,
    conv: &mut Conv<I, O, K, C>,
    name: &str,
) {
    golden.set(&mut conv.weight, &format!("{name}.weight"));
    if let Some(bias) = &mut conv.bias {
        golden.set(bias, &format!("{name}.bias"));
    }
}

fn gradients<I: ConstDim, O: ConstDim, K: ConstDim, C: ConvOptions>(
    golden: &Golden,
    grads: &Gradients<f32, Cpu>,
    conv: &Conv<I, O, K, C>,
    name: &str,
) {
    golden.gradient(grads, &conv.weight, &format!("{name}.weight"));
    if let Some(bias) = &conv.bias {
        golden.gradient(grads, bias, &format!("{name}.bias"));
    }
}

#[test]
fn full() {
    type R = Full<dynvision::nn::LayerKernel, NoBias<Uniform>>;
    let golden = Golden::read("comp_conn_full");
    let mut weights = build::<R, 4, 4, 3>();
    set(&golden, &mut weights, "conv");
    let grads = drive::<R, 4, 4, 3>(&golden, &weights);
    gradients(&golden, &grads, &weights, "conv");
}

#[test]
fn full_to_other_channels() {
    let golden = Golden::read("comp_conn_full_4to6_bias");
    let mut weights = build::<Full, 4, 6, 3>();
    set(&golden, &mut weights, "conv");
    let grads = drive::<Full, 4, 6, 3>(&golden, &weights);
    gradients(&golden, &grads, &weights, "conv");
}

#[test]
fn self_connection() {
    let golden = Golden::read("comp_conn_self");
    let mut weights = build::<SelfRecurrence, 3, 3, 3>();
    golden.set(&mut weights.weight, "weight");
    golden.set(weights.bias.as_mut().unwrap(), "bias");
    let grads = drive::<SelfRecurrence, 3, 3, 3>(&golden, &weights);
    golden.gradient(&grads, &weights.weight, "weight");
    golden.gradient(&grads, weights.bias.as_ref().unwrap(), "bias");
}

#[test]
fn point_depthwise() {
    let golden = Golden::read("comp_conn_pointdepthwise_4to6");
    let mut weights = build::<PointDepthwise, 4, 6, 3>();
    set(&golden, &mut weights.pointwise, "pointwise_conv");
    set(&golden, &mut weights.depthwise, "depthwise_conv");
    let grads = drive::<PointDepthwise, 4, 6, 3>(&golden, &weights);
    gradients(&golden, &grads, &weights.pointwise, "pointwise_conv");
    gradients(&golden, &grads, &weights.depthwise, "depthwise_conv");
}

#[test]
fn local() {
    fn of<const C: usize>(name: &'static str) {
        let golden = Golden::read(name);
        let mut weights = build::<Local, C, C, 5>();
        set(&golden, &mut weights, "conv");
        let grads = drive::<Local, C, C, 5>(&golden, &weights);
        gradients(&golden, &grads, &weights, "conv");
    }
    of::<4>("comp_conn_local_4");
    of::<64>("comp_conn_local_64_k3");
}

#[test]
fn local_depthwise() {
    let golden = Golden::read("comp_conn_localdepthwise_4");
    let mut weights = build::<LocalDepthwise, 4, 4, 3>();
    set(&golden, &mut weights.local, "local_conv.conv");
    set(&golden, &mut weights.depthwise, "patchy_conv");
    let grads = drive::<LocalDepthwise, 4, 4, 3>(&golden, &weights);
    gradients(&golden, &grads, &weights.local, "local_conv.conv");
    gradients(&golden, &grads, &weights.depthwise, "patchy_conv");
}

/// There is no recording of this one alone: it is the two convolutions one after the other, by hand.
#[test]
fn depth_pointwise() {
    use dynvision::{cx::Cx, geometry, nn::MapOf, ops, time::Plan};
    let dev = Cpu::seed_from_u64(4);
    let mut weights: <DepthPointwise as Recurrence>::Built<Const<4>, Const<6>, Const<3>, f64, Cpu> =
        BuildModule::<Cpu, f64>::try_build(&dev).unwrap();
    weights.depthwise.bias.as_mut().unwrap().fill_with_distr(rand_distr::StandardNormal);
    weights.pointwise.bias.as_mut().unwrap().fill_with_distr(rand_distr::StandardNormal);
    let h: MapOf<usize, Const<4>, usize, usize, f64, Cpu> = dev.sample_normal_like(&(2, Const, 5, 6));
    let mut cx = Cx::new(NoneTape, Plan::default());
    let y = DepthPointwise::<dynvision::nn::LayerKernel>::drive::<Const<4>, Const<6>, Const<3>, _, _, _, _, _, _>(
        &weights, &h, &mut cx,
    );
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
    let mixed: MapOf<usize, Const<4>, usize, usize, f64, Cpu> = dev.tensor_from_vec(mixed, (2, Const, 5, 6));
    let conv = geometry::Conv::new(geometry::Window::POINT);
    let want: MapOf<usize, Const<6>, usize, usize, f64, Cpu> =
        ops::conv2d(&conv, &mixed, &weights.pointwise.weight, weights.pointwise.bias.as_ref(), &mut cx).unwrap();
    assert_eq!(window.places(5), 5);
    for (y, want) in y.unwrap().as_vec().iter().zip(want.as_vec()) {
        assert!((y - want).abs() < 1e-12);
    }
}

#[test]
fn local_on_channels_that_are_no_square() {
    use crate::differences::{drawn, gradients_are_differences};
    let mut weights: <Local as Recurrence>::Built<Const<6>, Const<6>, Const<3>, f64, Cpu> =
        BuildModule::<Cpu, f64>::try_build(&Cpu::seed_from_u64(7)).unwrap();
    weights.weight.fill_with_distr(rand_distr::StandardNormal);
    let x = drawn::<6>(2, 3, 2);
    gradients_are_differences(&mut weights, &x, |weights, x, cx| {
        <Local>::drive::<Const<6>, Const<6>, Const<3>, _, _, _, _, _, _>(weights, &x, cx)
    });
}
