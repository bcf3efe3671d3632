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

    fn trainer<D>(dev: &D, optimizer: OptimizerConfig, epochs: usize, clip: Clip) -> Trainer<NetModel<f32, D>, f32, D>
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
            clip,
            progress: false,
            ..Default::default()
        };
        Trainer::new(dev, dev.build_module::<Net, f32>(), config).unwrap()
    }

    /// The same seed makes the same first weights, and updates lead to the same ones but for rounding.
    #[test]
    fn a_run_is_that_of_the_cpu() {
        let sgd = SgdConfig { lr: 0.1, momentum: 0.9, ..Default::default() };
        let rms_prop = RmsPropConfig { lr: 1e-3, centered: true, ..Default::default() };
        let methods = [
            (adam(), NORM),
            (OptimizerConfig::Sgd(sgd), Clip::Value(0.02)),
            (OptimizerConfig::RmsProp(rms_prop), Clip::Value(1e3)),
        ];
        for (method, clip) in methods {
            let mut here = trainer(&Cpu::seed_from_u64(1), method, 1, clip);
            let mut there = trainer(&device::cuda(0, 1).unwrap(), method, 1, clip);
            let start = tensors(here.net());
            assert_eq!(start, tensors(there.net()));
            here.fit(&images(), None).unwrap();
            there.fit(&images(), None).unwrap();
            assert_ne!(tensors(here.net()), start);
            near(&format!("{method:?}"), &tensors(here.net()), &tensors(there.net()), 2e-3);
            let clipped = [here.history(), there.history()].map(|log| log.last().unwrap().clipped);
            assert_eq!(clipped, [if clip == Clip::Value(1e3) { 0.0 } else { 1.0 }; 2], "{clip:?}");
        }
    }

    /// Weights are updated where they are, but never those of a copy.
    #[test]
    fn a_run_changes_no_copy_of_its_weights() {
        let mut trainer = trainer(&device::cuda(0, 1).unwrap(), adam(), 2, NORM);
        let (copy, before) = (trainer.net().clone(), tensors(trainer.net()));
        trainer.fit(&images(), None).unwrap();
        assert_eq!(tensors(&copy), before);
        assert_ne!(tensors(trainer.net()), before);
    }

    fn resumed<D>(dev: &D, checkpoint: &Checkpoint) -> Vec<(String, Vec<f64>)>
    where
        D: VisionDevice<f32> + dynvision::kernels::ParameterKernel<f32> + dfdx::nn::DeviceBuildExt,
        Net: BuildOnDevice<D, f32, Built = NetModel<f32, D>>,
        NetModel<f32, D>: DynModel<f32, D>,
    {
        let mut resumed = trainer(dev, adam(), 2, NORM);
        resumed.restore(checkpoint).unwrap();
        resumed.fit(&images(), None).unwrap();
        tensors(resumed.net())
    }

    #[test]
    #[ignore = "started by another test, which counts what it asks of the driver"]
    fn some_epochs() {
        let epochs = std::env::var("CUDA_TEST_TIMES").unwrap().parse().unwrap();
        trainer(&device::cuda(0, 1).unwrap(), adam(), epochs, NORM).fit(&images(), None).unwrap();
    }

    #[test]
    #[ignore = "started by another test, which counts what it asks of the driver"]
    fn some_answers() {
        let dev = device::cuda(0, 1).unwrap();
        let net = dev.build_module::<Net, f32>();
        let image: Tensor<(usize, Const<1>, Const<8>, Const<8>), f32, _> = tensor(&dev, (3, Const, Const, Const), 3);
        let times = std::env::var("CUDA_TEST_TIMES").unwrap().parse().unwrap();
        for _ in 0..times {
            net.try_run(Stimulus::constant(image.clone(), 5)).unwrap();
        }
    }

    const NORM: Clip = Clip::Norm(0.02);

    fn adam() -> OptimizerConfig {
        OptimizerConfig::Adam(AdamConfig { lr: 3e-3, ..Default::default() })
    }

    #[test]
    fn a_run_resumes_on_either_device() {
        // first weights follow from a device's seed: each begins with one of its own
        let fresh = |epochs| trainer(&device::cuda(0, 1).unwrap(), adam(), epochs, NORM);
        let (mut whole, mut half) = (fresh(2), fresh(1));
        whole.fit(&images(), None).unwrap();
        half.fit(&images(), None).unwrap();
        let (whole, checkpoint) = (tensors(whole.net()), half.checkpoint().unwrap());
        assert_ne!(whole, tensors(half.net()));
        near("CUDA", &whole, &resumed(&device::cuda(0, 9).unwrap(), &checkpoint), 2e-3);
        near("the CPU", &whole, &resumed(&Cpu::seed_from_u64(9), &checkpoint), 2e-3);
        let mut begun_here = trainer(&Cpu::seed_from_u64(1), adam(), 1, NORM);
        begun_here.fit(&images(), None).unwrap();
        let checkpoint = begun_here.checkpoint().unwrap();
        near("begun on the CPU", &whole, &resumed(&device::cuda(0, 9).unwrap(), &checkpoint), 2e-3);
    }
}

mod losses {
    use super::*;
    use dynvision::kernels::{LossKernel, Measure, RowTarget};

    type Rows<E, D, T> = Tensor<(usize, usize), E, D, T>;
    type Runs<E, D, T> = Tensor<(usize, usize, usize), E, D, T>;

    /// The numbers of a row or of one loss, and the gradient of its input where each number weighs differently.
    fn answers<X: Shape, E: Element, D: VisionDevice<E>>(
        x: &Tensor<X, E, D>,
        loss: impl Fn(Tensor<X, E, D, OwnedTape<E, D>>) -> Tensor<(usize,), E, D, OwnedTape<E, D>>,
    ) -> [Vec<E>; 2] {
        let y = loss(x.leaky_trace());
        let values = y.as_vec();
        let weights = tensor(x.device(), *y.shape(), 31);
        let mut grads = (y * weights).sum::<Rank0, _>().backward();
        grads.get_or_alloc_mut(x).unwrap();
        [values, grads.get(x).as_vec()]
    }

    fn single<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(y: Tensor<Rank0, E, D, T>) -> Tensor<(usize,), E, D, T> {
        y.try_reshape_like(&(1,)).unwrap()
    }

    /// All losses of inputs of those sizes.
    fn all<E: Element, D: VisionDevice<E>>(dev: &D, [batch, time, units]: [usize; 3]) -> Vec<[Vec<E>; 2]> {
        type Whole<E, D> = Tensor<(usize, usize, usize), E, D>;
        let runs: Whole<E, D> = tensor(dev, (batch, time, units), 21);
        let rows: Tensor<(usize, usize), E, D> = tensor(dev, (batch * time, units), 22);
        let targets: Vec<RowTarget<E>> = (0..batch * time)
            .map(|i| (i % 3 != 1).then(|| (i * 7 % units.max(1), E::narrow(0.5 + i as f64 / 4.0))))
            .map(|target| target.filter(|_| units > 0))
            .collect();
        let mut found = vec![answers(&rows, |x: Rows<E, D, _>| dev.cross_entropy(x, targets.clone()).unwrap())];
        for measure in [Measure::Absolute(1.0), Measure::Absolute(2.0), Measure::Absolute(2.5), Measure::Signed] {
            found.push(answers(&rows, |x: Rows<E, D, _>| dev.activity(x, measure).unwrap()));
            // a silent row
            let silent = rows.clone() * E::zero();
            found.push(answers(&silent, |x: Rows<E, D, _>| dev.activity(x, measure).unwrap()));
        }
        let pairs: Vec<bool> = (1..time).map(|t| t % 3 != 2).collect();
        found.push(answers(&runs, |x: Runs<E, D, _>| dev.change(x, pairs.clone()).unwrap()));
        let (expected, weights): (Whole<E, D>, Whole<E, D>) =
            (tensor(dev, (batch, time, units), 23).abs(), tensor(dev, (batch, time, units), 24).abs());
        for weights in [None, Some(weights)] {
            let given = || (expected.clone(), weights.clone());
            let error = |x: Runs<E, D, _>| single(dev.squared_error(x, given().0, given().1).unwrap());
            found.push(answers(&runs, error));
            let entropy = |x: Runs<E, D, _>| single(dev.binary_cross_entropy(x, given().0, given().1).unwrap());
            found.push(answers(&(runs.clone() * E::narrow(20.0)), entropy));
        }
        let row: Tensor<(usize,), E, D> = tensor(dev, (batch * time * units,), 25);
        found.push(answers(&row, |x| single(dev.total(x, E::narrow(0.3)).unwrap())));
        found
    }

    fn alike<E: Element>(sizes: [usize; 3], tolerance: f64)
    where
        Cpu: VisionDevice<E>,
        device::Cuda: VisionDevice<E>,
    {
        let (here, there) = (all(&Cpu::default(), sizes), all(&device::cuda(0, 1).unwrap(), sizes));
        for (number, (here, there)) in here.into_iter().zip(there).enumerate() {
            for (part, (a, b)) in ["result", "gradient"].into_iter().zip(here.into_iter().zip(there)) {
                agree::<E>(&format!("loss {number} of {sizes:?}, {part}"), a, b, tolerance);
            }
        }
    }

    #[test]
    fn are_those_of_the_cpu() {
        for sizes in [[2, 5, 7], [1, 1, 1], [3, 2, 600]] {
            alike::<f32>(sizes, 2e-5);
            alike::<f64>(sizes, 1e-12);
        }
        // more than the first sums of a launch
        alike::<f64>([4, 3, 30_000], 1e-10);
    }

    #[test]
    fn of_views_and_of_nothing_are_too() {
        /// Of a view, or of its elements in their order.
        fn of_view<D: VisionDevice<f64>>(dev: &D, is_view: bool) -> Vec<[Vec<f64>; 2]> {
            let x: Tensor<(usize, usize), f64, D> = tensor(dev, (5, 4), 3);
            let x = x.permute::<(usize, usize), Axes2<1, 0>>();
            let x = if is_view { x } else { dev.tensor_from_vec(x.as_vec(), (4, 5)) };
            let targets: Vec<RowTarget<f64>> = (0..4).map(|i| (i != 2).then_some((i, 0.5))).collect();
            vec![
                answers(&x, |x: Rows<f64, D, _>| dev.cross_entropy(x, targets.clone()).unwrap()),
                answers(&x, |x: Rows<f64, D, _>| dev.activity(x, Measure::Absolute(2.0)).unwrap()),
            ]
        }
        let (here, there) = (of_view(&Cpu::default(), false), of_view(&device::cuda(0, 1).unwrap(), true));
        for ([y, gx], [their_y, their_gx]) in here.into_iter().zip(there) {
            agree("of a view", y, their_y, 1e-12);
            agree("gradient of a view", gx, their_gx, 1e-12);
        }
        let dev = device::cuda(0, 1).unwrap();
        let x: Tensor<(usize, usize), f32, _> = dev.zeros_like(&(0, 4));
        // dfdx cannot read an empty tensor
        assert_eq!(dev.cross_entropy(x.leaky_trace(), vec![]).unwrap().shape(), &(0,));
        assert_eq!(dev.activity(x.leaky_trace(), Measure::Signed).unwrap().shape(), &(0,));
        let none: Tensor<(usize, usize, usize), f32, _> = dev.zeros_like(&(0, 2, 3));
        assert_eq!(dev.change(none.leaky_trace(), vec![true]).unwrap().shape(), &(0,));
        assert_eq!(dev.squared_error(none.leaky_trace(), none.clone(), None).unwrap().as_vec(), [0.0]);
        let row: Tensor<(usize,), f32, _> = dev.zeros_like(&(0,));
        assert_eq!(dev.total(row.leaky_trace(), 2.0).unwrap().as_vec(), [0.0]);
        // targets that are no classes, and too few of them
        let x: Tensor<(usize, usize), f32, _> = dev.zeros_like(&(1, 4));
        assert!(dev.cross_entropy(x.leaky_trace(), vec![Some((4, 1.0))]).is_err());
        assert!(dev.cross_entropy(x.leaky_trace(), vec![]).is_err());
    }
}

mod updates {
    use super::*;
    use dfdx::nn::modules::Linear;
    use dynvision::optim::{
        AdamConfig, Clip, Group, Groups, OptimError, Optimizer, OptimizerConfig, RmsPropConfig, SgdConfig, WeightDecay,
    };
    use rand::distributions::uniform::SampleUniform;

    /// What dfdx's layers are made of.
    trait Number: Element + SampleUniform {}
    impl<E: Element + SampleUniform> Number for E {}

    /// So many layers that several launches are needed, one of them larger than what a block works on.
    type Net<E, D> = (Linear<70, 65, E, D>, Repeated<Linear<3, 2, E, D>, 40>);

    fn net<E: Number, D: Device<E>>(dev: &D) -> Net<E, D> {
        let layer =
            |seed: u64| Linear { weight: tensor(dev, (Const, Const), seed), bias: tensor(dev, (Const,), seed + 1) };
        let first = Linear { weight: tensor(dev, (Const, Const), 1), bias: tensor(dev, (Const,), 2) };
        (first, Repeated { modules: (0..40).map(|i| layer(10 + 2 * i)).collect() })
    }

    /// The parameters of a net, in order.
    fn numbers<E: Number, D: Device<E>>(net: &Net<E, D>) -> Vec<E> {
        let mut found = Vec::new();
        dynvision::parameters::each(net, |_, _, tensor| found.extend(tensor.values()));
        found
    }

    /// Gradients that differ from step to step.
    fn gradients<E: Number, D: Device<E> + ParameterKernel<E>>(net: &Net<E, D>, step: usize) -> Gradients<E, D> {
        let (mut grads, mut at) = (Gradients::leaky(), 0);
        dynvision::parameters::each(net, |_, _, tensor| {
            let len: usize = tensor.sizes().iter().product();
            let number = |i: usize| E::narrow(((i * 7 + step * 13 + 1) as f64 * 0.37).sin() * (0.2 + (i % 5) as f64));
            let values: Vec<E> = (at..at + len).map(number).collect();
            at += len;
            *tensor.gradient(&mut grads).unwrap() = tensor.place().buffer(&values).unwrap();
        });
        grads
    }

    fn rules() -> Vec<OptimizerConfig> {
        let (l2, decoupled) = (Some(WeightDecay::L2(0.03)), Some(WeightDecay::Decoupled(0.02)));
        let mut rules = Vec::new();
        for weight_decay in [None, l2, decoupled] {
            rules.push(OptimizerConfig::Adam(AdamConfig { lr: 0.01, weight_decay, ..Default::default() }));
            for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
                rules.push(OptimizerConfig::Sgd(SgdConfig { lr: 0.05, momentum, nesterov, weight_decay }));
            }
            for (centered, momentum) in [(false, 0.0), (true, 0.0), (false, 0.9), (true, 0.9)] {
                let rule = RmsPropConfig { centered, momentum, weight_decay, ..Default::default() };
                rules.push(OptimizerConfig::RmsProp(rule));
            }
        }
        rules
    }

    fn updated<E: Number, D: Device<E> + ParameterKernel<E>>(dev: &D, rule: OptimizerConfig) -> Vec<E> {
        let mut net = net::<E, D>(dev);
        let groups = Groups::new([
            Group::named("bias").weight_decay(0.0).lr(0.5),
            Group::named("1.7").frozen(),
            Group::named("1.9").weight_decay(2.0),
        ]);
        let mut optim = Optimizer::new(&net, rule).unwrap().with_groups(groups).unwrap();
        for step in 0..4 {
            let mut grads = gradients(&net, step);
            optim.step(&mut net, &mut grads).unwrap();
        }
        numbers(&net)
    }

    /// The same rounding everywhere: updated numbers are the same bits.
    #[test]
    fn are_those_of_the_cpu_bit_by_bit() {
        fn alike<E: Number>(rule: OptimizerConfig)
        where
            Cpu: Device<E> + ParameterKernel<E>,
            device::Cuda: Device<E> + ParameterKernel<E>,
        {
            let (here, there) = (updated::<E, _>(&Cpu::default(), rule), updated(&device::cuda(0, 1).unwrap(), rule));
            assert_ne!(here, numbers(&net::<E, _>(&Cpu::default())), "{rule:?}");
            agree(&format!("{rule:?}"), here, there, 0.0);
        }
        for rule in rules() {
            alike::<f32>(rule);
            alike::<f64>(rule);
        }
    }

    /// A copy of a model shares the memory of its weights until one of them is changed.
    #[test]
    fn leave_copies_as_they_are() {
        let dev = device::cuda(0, 1).unwrap();
        for rule in rules() {
            let mut net = net::<f32, _>(&dev);
            let mut optim = Optimizer::new(&net, rule).unwrap();
            for step in 0..3 {
                let (copy, before) = (net.clone(), numbers(&net));
                let mut grads = gradients(&net, step);
                optim.step(&mut net, &mut grads).unwrap();
                assert_eq!(numbers(&copy), before, "{rule:?}");
                assert_ne!(numbers(&net), before, "{rule:?}");
            }
        }
    }

    #[test]
    fn follow_gradients_that_are_clipped_alike() {
        fn clipped<E: Number, D: Device<E> + ParameterKernel<E>>(dev: &D, clip: Clip) -> (f64, Vec<E>) {
            let net = net::<E, D>(dev);
            let mut grads = gradients(&net, 3);
            let norm = clip.apply(&net, &mut grads, &Groups::default()).unwrap();
            let mut found = Vec::new();
            dynvision::parameters::each(&net, |_, _, tensor| {
                found.extend(dev.read(tensor.gradient(&mut grads).unwrap()).unwrap());
            });
            (norm, found)
        }
        for clip in [Clip::Norm(0.5), Clip::Norm(1e9), Clip::Value(0.3)] {
            let (here, there) =
                (clipped::<f32, _>(&Cpu::default(), clip), clipped::<f32, _>(&device::cuda(0, 1).unwrap(), clip));
            assert!((here.0 - there.0).abs() < 1e-9 * here.0, "{clip:?}: {} and {}", here.0, there.0);
            agree(&format!("{clip:?}"), here.1, there.1, 1e-6);
        }
        // the first gradient that is not finite is named
        let dev = device::cuda(0, 1).unwrap();
        let net = net::<f32, _>(&dev);
        let mut grads = gradients(&net, 3);
        *grads.get_or_alloc_mut(&net.1.modules[20].bias).unwrap() = dev.buffer(&[1.0f32, f32::NAN]).unwrap();
        match Clip::Norm(1.0).apply(&net, &mut grads, &Groups::default()) {
            Err(OptimError::NotFinite { name, count: 1, of: 2 }) => assert_eq!(name, "1.20.bias"),
            other => panic!("{other:?}"),
        }
        // numbers whose squares are beyond the range of f32 are not beyond that of their sum
        *grads.get_or_alloc_mut(&net.1.modules[20].bias).unwrap() = dev.buffer(&[1e30f32, 0.0]).unwrap();
        let norm = Clip::Norm(1.0).apply(&net, &mut grads, &Groups::default()).unwrap();
        assert!((norm / 1e30 - 1.0).abs() < 1e-6, "{norm}");
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

/// How often each thing was asked of the driver, by its name.
type Asked = std::collections::BTreeMap<String, i64>;

/// What the stand-in for the driver says of a child that does something so many times. `None` on a GPU, whose driver tells nothing.
fn asked(child: &str, times: usize) -> Option<Asked> {
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", child, "--ignored"])
        .env("CUDA_STANDIN_TIMES", "1")
        .env("CUDA_TEST_TIMES", times.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr).into_owned();
    assert!(child.status.success(), "{said}");
    let line = |line: &str| {
        let (times, name) = line.split_once(" times ")?;
        Some((name.to_string(), times.split_whitespace().last()?.parse().ok()?))
    };
    Some(said.lines().filter_map(line).collect()).filter(|all: &Asked| !all.is_empty())
}

/// What more was asked, by its name.
fn more<'a>(few: &'a Asked, many: &'a Asked) -> impl Fn(&str) -> i64 + 'a {
    |name| many.get(name).unwrap_or(&0) - few.get(name).unwrap_or(&0)
}

/// However many steps, areas, batch norms and parameters there are, an update waits for the device once, and copies to the host
/// once: the loss, the logits, the norms of the gradients and the running moments together. All parameters are updated in one launch.
#[test]
fn an_update_waits_for_the_device_once() {
    let [few, many] = [1, 3].map(|epochs| asked("training::some_epochs", epochs));
    let (Some(few), Some(many)) = (few, many) else { return };
    let by = more(&few, &many);
    for name in [
        "cuMemcpyDtoH",
        "cuStreamSynchronize",
        "squares_of_f32",
        "total_of_f32",
        "move_all_f32",
        "adam_f32",
        "cross_entropy_f32",
        "cross_entropy_backward_f32",
    ] {
        assert_eq!(by(name), 6, "{name}, in six updates more; in all {many:?}");
    }
    // the first update of a run too
    assert_eq!((many["adam_f32"], many["cuMemcpyDtoH"]), (9, 9), "{many:?}");
    for of_dfdx in ["adam_update_f32", "sgd_update_f32"] {
        assert_eq!(many.get(of_dfdx), None, "{many:?}");
    }
}

#[test]
fn a_run_of_a_model_waits_for_nothing() {
    let [few, many] = [1, 3].map(|runs| asked("training::some_answers", runs));
    let (Some(few), Some(many)) = (few, many) else { return };
    let by = more(&few, &many);
    assert_eq!((by("cuMemcpyDtoH"), by("cuStreamSynchronize")), (0, 0), "{many:?}");
    // five steps of two areas
    assert_eq!(by("leaky_f32"), 2 * 5 * 2, "{many:?}");
}

/// More steps than a table holds, and moments that differ in everything.
#[test]
fn running_moments_are_those_of_the_cpu_bit_by_bit() {
    use dynvision::kernels::Running;
    fn moved<E: Element, D: VisionDevice<E>>(dev: &D) -> Vec<Vec<E>> {
        let running = |(n, steps, momentum): (usize, u64, f64)| {
            let observed = (0..steps).map(|step| (tensor(dev, (n,), 40 + step), 1.0 + step as f64 / 7.0)).collect();
            Running { value: tensor(dev, (n,), 39), momentum, observed }
        };
        let all = [(5, 40, 0.1), (4099, 3, 0.01), (1, 0, 0.5)].map(running);
        dev.moved(&all).unwrap().iter().map(|row| row.as_vec()).collect()
    }
    fn alike<E: Element>()
    where
        Cpu: VisionDevice<E>,
        device::Cuda: VisionDevice<E>,
    {
        let (here, there) = (moved::<E, _>(&Cpu::default()), moved(&device::cuda(0, 1).unwrap()));
        here.into_iter().zip(there).for_each(|(a, b)| agree("running moments", a, b, 0.0));
    }
    alike::<f32>();
    alike::<f64>();
}

#[test]
fn devices_that_are_not_there_are_named() {
    assert!(device::named("cuda:77", 1).unwrap_err().to_string().contains("no GPU number 77"));
    assert!(device::best(1).no_gpu.is_none());
}

/// The driver hides its GPUs from a process that says so before it starts, and refuses kernels as one that is too old does.
#[test]
fn without_a_gpu_that_works_the_cpu_is_taken() {
    for (child, key, value) in [
        ("the_best_of_no_gpu", "CUDA_VISIBLE_DEVICES", ""),
        ("the_best_of_a_driver_that_refuses_kernels", "CUDA_DISABLE_PTX_JIT", "1"),
    ] {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", child, "--ignored"])
            .env(key, value)
            .status();
        assert!(status.unwrap().success(), "{child}");
    }
}

#[test]
#[ignore = "started by another test, in a process whose driver compiles nothing"]
fn the_best_of_a_driver_that_refuses_kernels() {
    let found = device::best(1);
    assert!(matches!(found.device, device::AnyDevice::Cpu(_)));
    let why = found.no_gpu.unwrap().to_string();
    assert!(why.contains("GPU 0 does not take the kernels") && why.contains("older than the CUDA toolkit"), "{why}");
}

#[test]
#[ignore = "started by another test, in a process that sees no GPU"]
fn the_best_of_no_gpu() {
    let found = device::best(1);
    assert!(matches!(found.device, device::AnyDevice::Cpu(_)));
    assert!(found.no_gpu.unwrap().to_string().contains("CUDA cannot start (CUDA_ERROR_NO_DEVICE"));
}

#[cfg(feature = "cudnn")]
mod cudnn {
    use super::*;

    /// The result of a convolution, and the gradients of its operands.
    fn convolved<E: Element, D: VisionDevice<E>>(dev: &D, conv: Conv, [outs, inner]: [usize; 2]) -> [Vec<E>; 3] {
        let kernel = conv.window.kernel;
        let x: Maps<E, D> = tensor(dev, (2, inner * conv.groups, 9, 8), 1);
        let w: Maps<E, D> = tensor(dev, (outs, inner, kernel, kernel), 2);
        let mut cx = Graph::new(OwnedTape::<E, D>::default());
        // twice, so that gradients are added to others
        let first = ops::conv2d(&conv, &x, &w, None, None, &mut cx).unwrap();
        let y = ops::conv2d(&conv, &x, &w, None, Some(first), &mut cx).unwrap();
        let grads = (y.clone().put_tape(cx.tape) * tensor(dev, *y.shape(), 9)).sum::<Rank0, _>().backward();
        [y.as_vec(), grads.get(&x).as_vec(), grads.get(&w).as_vec()]
    }

    fn alike<E: Element>(conv: Conv, sizes: [usize; 2], tolerance: f64)
    where
        Cpu: VisionDevice<E>,
        device::Cuda: VisionDevice<E>,
    {
        let (here, there) = (
            convolved::<E, _>(&Cpu::default(), conv, sizes),
            convolved::<E, _>(&device::cuda(0, 1).unwrap(), conv, sizes),
        );
        for (part, (a, b)) in ["result", "gradient of x", "gradient of w"].iter().zip(here.into_iter().zip(there)) {
            agree(&format!("{conv:?}, {part}"), a, b, tolerance);
        }
    }

    #[test]
    fn computes_what_the_cpu_does() {
        assert!(device::cudnn().unwrap() >= 8000);
        for (window, groups, sizes) in [
            (Window::new(3, 1, 1), 1, [5, 3]),
            (Window::new(3, 2, 1), 1, [4, 2]),
            (Window::new(5, 1, 2), 2, [6, 2]),
            (Window::new(3, 1, 1), 4, [4, 1]),
            (Window::new(3, 1, 2).dilated(2), 1, [3, 2]),
            (Window::new(1, 1, 0), 1, [7, 3]),
            (Window::new(3, 3, 0), 3, [6, 2]),
            // as wide as the window: the stand-in has no algorithm for it
            (Window::new(3, 1, 3), 1, [3, 2]),
        ] {
            let conv = Conv::new(window).grouped(groups);
            alike::<f32>(conv, sizes, 2e-5);
            alike::<f64>(conv, sizes, 1e-12);
            alike::<f32>(conv.bordered(Border::Reflect), sizes, 2e-5);
        }
    }

    /// In a process of its own, since the setting is the whole process's.
    #[test]
    fn takes_tf32_only_when_it_is_told() {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "cudnn::tf32_is_coarser", "--ignored"])
            .status();
        assert!(child.unwrap().success());
    }

    #[test]
    #[ignore = "started by another test, in a process of its own"]
    fn tf32_is_coarser() {
        let conv = Conv::new(Window::new(3, 1, 1));
        let run = || convolved::<f32, _>(&device::cuda(0, 1).unwrap(), conv, [5, 3]);
        let before = run();
        device::allow_tf32(true);
        let coarse = run();
        for (a, b) in before.iter().zip(&coarse) {
            let off = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 0.05, "{off}");
        }
        device::allow_tf32(false);
        assert_eq!(run(), before, "the same bits again");
    }
}
