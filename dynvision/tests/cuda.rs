//! CUDA against the CPU. Compiled with the feature `cuda`, and fails where there is no GPU to run on.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used, missing_docs)] // a failing test may panic

use dfdx::prelude::*;
use dynvision::autograd::Graph;
use dynvision::device;
use dynvision::geometry::{Border, Conv, Units, Window};
use dynvision::kernels::{Element, Maps, VisionDevice};
use dynvision::model::DynModel as _;
use dynvision::ops::{self, Rate};
use dynvision::unroll::Stimulus;
use dynvision::zoo::DyRCNNx4Feedback;
use rand::{Rng, SeedableRng, rngs::StdRng};

fn tensor<S: Shape, E: Element, D: Device<E>>(dev: &D, shape: S, seed: u64) -> Tensor<S, E, D> {
    let mut rng = StdRng::seed_from_u64(seed);
    dev.tensor_from_vec((0..shape.num_elements()).map(|_| E::narrow(rng.gen_range(-1.0..1.0))).collect(), shape)
}

#[track_caller]
fn agree<E: Element>(what: &str, cpu: Vec<E>, cuda: Vec<E>, tolerance: f64) {
    assert_eq!(cpu.len(), cuda.len(), "{what}");
    for (i, (a, b)) in cpu.iter().zip(&cuda).enumerate() {
        let off = (a.wide() - b.wide()).abs();
        assert!(off <= tolerance * (1.0 + a.wide().abs()), "{what}, element {i}: {a:?} on the CPU, {b:?} on CUDA");
    }
}

/// What operation `number` makes of fixed inputs, and the gradients of these; `None` behind the last.
fn answers<E: Element, D: VisionDevice<E>>(number: usize, dev: &D) -> Option<[Vec<E>; 4]> {
    type Flat<E, D> = Tensor<(usize,), E, D>;
    let (a, b): (Maps<E, D>, Maps<E, D>) = (tensor(dev, (2, 4, 7, 6), 1), tensor(dev, (2, 4, 7, 6), 2));
    let (w, bias): (Maps<E, D>, Flat<E, D>) = (tensor(dev, (6, 2, 3, 3), 3), tensor(dev, (6,), 4));
    let mut cx = Graph::new(OwnedTape::<E, D>::default());
    let (conv, window) = (Conv::new(Window::new(3, 2, 1)).grouped(2), Window::new(3, 2, 1));
    let tau: Tensor<(), E, D> = tensor(dev, (), 5);
    let trained = Rate { value: 0.3, trained: Some((tau, -0.2)) };
    let y: Maps<E, D> = match number {
        0 => ops::conv2d(&conv, &a, &w, Some(&bias), None, &mut cx),
        1 => ops::conv2d(&conv.bordered(Border::Reflect), &a, &w, Some(&bias), None, &mut cx),
        2 => ops::conv2d(&conv, &a, &w, None, Some(tensor(dev, (2, 6, 4, 3), 6)), &mut cx),
        3 => ops::max_pool2d(window, &a, &mut cx),
        4 => ops::avg_pool2d(window, &a, &mut cx),
        5 => ops::resize(&a, [5, 13], None, &mut cx),
        6 => ops::resize(&a, [14, 12], Some(tensor(dev, (2, 4, 14, 12), 6)), &mut cx),
        7 => ops::leaky(&Rate::fixed(0.3), a.clone(), Some(&b), true, &mut cx),
        8 => ops::leaky(&trained, a.clone(), Some(&b), false, &mut cx),
        9 => ops::add(a.clone(), &b, &mut cx),
        10 => ops::gain(&a, &b, &mut cx),
        11 => ops::relu(a.clone(), &mut cx),
        12 => ops::supralinear(0.8, 1.5, &a, &mut cx),
        13 => ops::gather(&a, &Units::new([3, 167, 3], 168).unwrap(), (2, 1, 3, 1), &mut cx),
        14 => ops::weight_norm(&w, &bias, &mut cx),
        15 => ops::global_avg_pool(&a, &mut cx).and_then(|y: Tensor<(usize, usize), E, D>| {
            let y: Tensor<(usize, usize, usize), E, D> = ops::stack_time(1, &[y.clone(), y], &mut cx)?;
            ops::reshaped(y, &(2, 3, 4, 1))
        }),
        _ => return None,
    }
    .unwrap();
    let grads = (y.clone().put_tape(cx.tape) * tensor(dev, *y.shape(), 9)).sum::<Rank0, _>().backward();
    let of = |x: &Maps<E, D>| {
        let mut all = grads.clone();
        all.get_or_alloc_mut(x).unwrap(); // zeros where the operation does not read it
        all.get(x).as_vec()
    };
    Some([y.as_vec(), of(&a), of(&b), of(&w)])
}

fn every_operation<E: Element>(tolerance: f64)
where
    Cpu: VisionDevice<E>,
    device::Cuda: VisionDevice<E>,
{
    let (cpu, cuda) = (Cpu::default(), device::cuda(0, 1).unwrap());
    for number in 0.. {
        let (Some(a), Some(b)) = (answers::<E, _>(number, &cpu), answers::<E, _>(number, &cuda)) else { break };
        let parts = ["result", "gradient of a", "gradient of b", "gradient of w"];
        for (part, (a, b)) in parts.into_iter().zip(a.into_iter().zip(b)) {
            agree(&format!("operation {number}, {part}"), a, b, tolerance);
        }
    }
}

#[test]
fn operations_in_f32() {
    every_operation::<f32>(1e-4);
}

#[test]
fn operations_in_f64() {
    every_operation::<f64>(1e-10);
}

#[test]
fn a_model_answers_and_learns_alike() {
    let (cpu, cuda) = (Cpu::seed_from_u64(1), device::cuda(0, 1).unwrap());
    let net = cpu.build_module::<DyRCNNx4Feedback, f32>();
    let images: Tensor<(usize, Const<3>, Const<32>, Const<32>), f32, _> = tensor(&cpu, (2, Const, Const, Const), 3);
    macro_rules! run {
        ($net:expr, $images:expr) => {{
            let (net, images) = (&$net, $images);
            let y = net.try_run(Stimulus::constant(images.leaky_trace(), 12)).unwrap();
            let values = y.as_vec();
            let grads = y.square().sum::<Rank0, _>().backward();
            [values, grads.get(&images).as_vec(), grads.get(&net.v1.recurrence.weight).as_vec()]
        }};
    }
    let there = run!(net.to_device(&cuda), images.to_device(&cuda));
    let here = run!(net, images);
    assert!(here[0].iter().any(|&y| y != 0.0));
    for (what, (a, b)) in
        ["logits", "gradient of images", "gradient of a weight"].iter().zip(here.into_iter().zip(there))
    {
        agree(what, a, b, 1e-3);
    }
}
