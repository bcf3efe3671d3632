//! CUDA against the CPU. Compiled with the feature `cuda`, and fails where there is no GPU to run on.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used, missing_docs)] // a failing test may panic

use dfdx::prelude::*;
use dynvision::autograd::Graph;
use dynvision::device;
use dynvision::geometry::{Border, Conv, Units, Window};
use dynvision::kernels::{Element, Maps, ParameterKernel, VisionDevice};
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

mod training {
    use super::*;
    use dynvision::data::{Images, Seed, digits};
    use dynvision::interop::Weights;
    use dynvision::nn::{BatchNorm, Dropout};
    use dynvision::optim::{AdamConfig, Clip, OptimizerConfig, RmsPropConfig, SgdConfig};
    use dynvision::prelude::*;
    use dynvision::train::{Checkpoint, TrainConfig, Trainer};

    #[dyn_model(input = [1, 8, 8], operations = [layer, feedback, tstep, norm, nonlin, dropout, record, delay, pool])]
    struct Net {
        #[area(pool = MaxPool2d<3, 2, 1>, norm = BatchNorm<4>, feedback(from = v2), apply(dropout = Dropout<20>))]
        v1: RConv2d<1, 4>,
        #[area(norm = BatchNorm<6>)]
        v2: RConv2d<4, 6>,
        #[readout]
        classifier: Classifier<6, 10>,
    }

    /// The tensors of a model by name.
    fn tensors<D: Device<f32>>(net: &impl Weights<f32, D>) -> Vec<(String, Vec<f64>)> {
        let all = net.weights();
        all.names().map(|name| (name.to_string(), all.numbers(name).unwrap().1)).collect()
    }

    #[track_caller]
    fn near(what: &str, here: &[(String, Vec<f64>)], there: &[(String, Vec<f64>)], tolerance: f64) {
        assert_eq!(here.len(), there.len());
        for ((name, a), (other, b)) in here.iter().zip(there) {
            assert_eq!(name, other);
            agree(&format!("{what}, {name}"), a.clone(), b.clone(), tolerance);
        }
    }

    fn images() -> Images {
        digits::train().unwrap().subset(&(0..24).collect::<Vec<_>>()).unwrap()
    }

    fn trainer<D>(dev: &D, optimizer: OptimizerConfig, epochs: usize) -> Trainer<NetModel<f32, D>, f32, D>
    where
        D: VisionDevice<f32> + dynvision::kernels::ParameterKernel<f32> + dfdx::nn::DeviceBuildExt,
        Net: BuildOnDevice<D, f32, Built = NetModel<f32, D>>,
        NetModel<f32, D>: DynModel<f32, D>,
    {
        let config = TrainConfig {
            epochs,
            batch_size: 8,
            seed: Seed(7),
            steps: 4,
            optimizer,
            clip: Clip::Norm(0.5),
            progress: false,
            ..Default::default()
        };
        Trainer::new(dev, dev.build_module::<Net, f32>(), config).unwrap()
    }

    /// The same seed makes the same first weights, and updates lead to the same ones but for rounding.
    #[test]
    fn a_run_is_that_of_the_cpu() {
        let methods = [
            OptimizerConfig::Adam(AdamConfig { lr: 3e-3, ..Default::default() }),
            OptimizerConfig::Sgd(SgdConfig { lr: 0.1, momentum: 0.9, ..Default::default() }),
            OptimizerConfig::RmsProp(RmsPropConfig { lr: 1e-3, centered: true, ..Default::default() }),
        ];
        for method in methods {
            let mut here = trainer(&Cpu::seed_from_u64(1), method, 1);
            let mut there = trainer(&device::cuda(0, 1).unwrap(), method, 1);
            let start = tensors(here.net());
            assert_eq!(start, tensors(there.net()));
            here.fit(&images(), None).unwrap();
            there.fit(&images(), None).unwrap();
            assert_ne!(tensors(here.net()), start);
            near(&format!("{method:?}"), &tensors(here.net()), &tensors(there.net()), 2e-3);
        }
    }

    fn resumed<D>(dev: &D, checkpoint: &Checkpoint) -> Vec<(String, Vec<f64>)>
    where
        D: VisionDevice<f32> + dynvision::kernels::ParameterKernel<f32> + dfdx::nn::DeviceBuildExt,
        Net: BuildOnDevice<D, f32, Built = NetModel<f32, D>>,
        NetModel<f32, D>: DynModel<f32, D>,
    {
        let mut resumed = trainer(dev, adam(), 2);
        resumed.restore(checkpoint).unwrap();
        resumed.fit(&images(), None).unwrap();
        tensors(resumed.net())
    }

    fn adam() -> OptimizerConfig {
        OptimizerConfig::Adam(AdamConfig { lr: 3e-3, ..Default::default() })
    }

    #[test]
    fn a_run_resumes_on_either_device() {
        // first weights follow from a device's seed: each begins with one of its own
        let fresh = |epochs| trainer(&device::cuda(0, 1).unwrap(), adam(), epochs);
        let (mut whole, mut half) = (fresh(2), fresh(1));
        whole.fit(&images(), None).unwrap();
        half.fit(&images(), None).unwrap();
        let (whole, checkpoint) = (tensors(whole.net()), half.checkpoint().unwrap());
        assert_ne!(whole, tensors(half.net()));
        near("CUDA", &whole, &resumed(&device::cuda(0, 9).unwrap(), &checkpoint), 2e-3);
        near("the CPU", &whole, &resumed(&Cpu::seed_from_u64(9), &checkpoint), 2e-3);
    }
}

#[test]
fn gradients_are_clipped_alike() {
    fn clipped<D: ParameterKernel<f32>>(dev: &D) -> (f64, Vec<f32>) {
        let values: Vec<f32> = (0..3000).map(|i| 3.0 * (0.37 * i as f32).sin()).chain([f32::NAN]).collect();
        let mut all = dev.buffer(&values).unwrap();
        let norm = dev.sum_of_squares(&dev.buffer(&values[..3000]).unwrap()).unwrap();
        dev.clamp(&mut all, 1.5).unwrap();
        dev.scale(&mut all, -0.3).unwrap();
        (norm, dev.read(&all).unwrap())
    }
    let (here, there) = (clipped(&Cpu::default()), clipped(&device::cuda(0, 1).unwrap()));
    assert!((here.0 - there.0).abs() < 1e-9 * here.0, "{} and {}", here.0, there.0);
    assert!(there.1[3000].is_nan());
    agree("clipped", here.1[..3000].to_vec(), there.1[..3000].to_vec(), 0.0);
}

#[test]
fn devices_that_are_not_there_are_named() {
    assert!(device::named("cuda:77", 1).unwrap_err().to_string().contains("no GPU number 77"));
    assert!(device::best(1).no_gpu.is_none());
}

/// The driver hides its GPUs from a process that says so before it starts.
#[test]
fn without_a_gpu_the_cpu_is_taken() {
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_best_of_no_gpu", "--ignored"])
        .env("CUDA_VISIBLE_DEVICES", "")
        .status();
    assert!(status.unwrap().success());
}

#[test]
#[ignore = "started by another test, in a process that sees no GPU"]
fn the_best_of_no_gpu() {
    let found = device::best(1);
    assert!(matches!(found.device, device::AnyDevice::Cpu(_)));
    assert!(found.no_gpu.unwrap().to_string().contains("CUDA cannot start (CUDA_ERROR_NO_DEVICE"));
}
