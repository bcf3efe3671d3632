//! Parts alone, as the original ran its own.

use crate::device::{Dev, device};
use crate::golden::Golden;
use crate::report::Report;
use crate::weights;
use dfdx::nn::BuildModule;
use dfdx::prelude::*;
use dynvision::error::Result;
use dynvision::geometry::Map;
use dynvision::kernels::{Maps, ParameterKernel};
use dynvision::nn::{Connection, Layer, Operation, Recurrence, Retina, Solver, Spec, built};
use dynvision::time::Plan;
use dynvision::unroll::{Context, Past};

type Recording = Context<f32, Dev, OwnedTape<f32, Dev>>;
type Maps32 = Maps<f32, Dev>;
type Of<R, const I: usize, const O: usize, const K: usize> =
    <R as Recurrence>::Connection<Const<I>, Const<O>, Const<K>>;

/// A recurrence from `I` to `O` channels with kernel `K`. `names` are its tensors here and there.
pub(crate) fn recurrence<R: Recurrence, const I: usize, const O: usize, const K: usize>(
    golden: &Golden,
    names: &[(&str, &str)],
) -> Report
where
    <Of<R, I, O, K> as Spec>::Built<f32, Dev>: BuildModule<Dev, f32>,
{
    let built = <Of<R, I, O, K> as Spec>::Built::<f32, Dev>::build(&device());
    compare(golden, built, names, |built, x, cx| Of::<R, I, O, K>::forward(built, &x, None, cx))
}

/// An operation with these tensors here and there.
pub(crate) fn operation<O: Operation, const C: usize>(golden: &Golden, names: &[(&str, &str)]) -> Report
where
    O::Built<f32, Dev>: BuildModule<Dev, f32>,
{
    let built = O::Built::<f32, Dev>::build(&device());
    compare(golden, built, names, O::forward)
}

/// A bias, which without a signal is one itself, here of the whole batch.
pub(crate) fn bias<O: Operation, const C: usize>(golden: &Golden) -> Report
where
    O::Built<f32, Dev>: BuildModule<Dev, f32>,
{
    let mut report = operation::<O, C>(golden, &[("bias", "bias")]);
    let Some((_, theirs)) = golden.get("output_none_batch1") else { return report };
    let mut built = O::Built::<f32, Dev>::build(&device());
    weights::set(&mut built, golden, &[("bias", "bias")]);
    let (sizes, input) = golden.get("input").unwrap();
    let mut cx = Context::new(NoneTape, Plan::default());
    cx.set_batch(sizes[0]);
    cx.set_input(Map::new(C, sizes[2], sizes[3]));
    let alone = O::absent(&built, &mut cx).unwrap().unwrap();
    // theirs is of batch 1, and of one unit for each of which it is the bias
    let repeated = |i: usize| theirs[i % (input.len() / sizes[0]) * theirs.len() / (input.len() / sizes[0])];
    let theirs: Vec<f32> = (0..input.len()).map(repeated).collect();
    report.forward("bias alone", &alone.as_vec(), &theirs);
    report
}

/// A retina of `I` to `M` to `O` channels.
pub(crate) fn retina(golden: &Golden) -> Report {
    type Eye = Retina<3, 4, 5, 9>;
    let names = [
        ("stages.conv.weight", "conv1.weight"),
        ("stages.conv.bias", "conv1.bias"),
        ("stages.conv2.weight", "conv2.weight"),
        ("stages.conv2.bias", "conv2.bias"),
    ];
    let eye = <Eye as Spec>::Built::<f32, Dev>::build(&device());
    compare(golden, eye, &names, |eye, x, cx| {
        cx.set_input(Map::new(3, 10, 12));
        Ok(Eye::forward(eye, Some(x), &Past::default(), cx)?.unwrap())
    })
}

/// Compares what `run` makes of the input, and all gradients that the recorded gradient of the output causes.
fn compare<M: TensorCollection<f32, Dev>>(
    golden: &Golden,
    mut part: M,
    names: &[(&str, &str)],
    run: impl FnOnce(&M, Maps32, &mut Recording) -> Result<Maps32>,
) -> Report {
    weights::set(&mut part, golden, names);
    let (x, tape) = maps(golden, "input").leaky_trace().split_tape();
    let mut cx = Context::new(tape, Plan::default());
    let y = run(&part, x.clone(), &mut cx).unwrap();
    let mut report = Report::default();
    report.forward("output", &y.as_vec(), &golden.values("output"));
    if golden.get("grad_output").is_none() {
        return report;
    }
    let mut gradients = (y.put_tape(cx.into_tape()) * maps(golden, "grad_output")).sum::<Rank0, _>().backward();
    report.gradient("input", &gradients.get(&x).as_vec(), &golden.values("grad_input"));
    for (name, gradient) in weights::gradients(&part, &mut gradients) {
        let theirs = names.iter().find(|(ours, _)| *ours == name).map(|(_, theirs)| theirs).unwrap();
        report.gradient(&name, &gradient, &golden.values(&format!("grad/{theirs}")));
    }
    report
}

/// A stored tensor as maps; one axis is that of channels.
fn maps(golden: &Golden, name: &str) -> Maps32 {
    let (sizes, values) = golden.get(name).unwrap_or_else(|| panic!("{}: no {name}", golden.name));
    let sizes = match sizes[..] {
        [b, c, h, w] => (b, c, h, w),
        [c] => (1, c, 1, 1),
        _ => panic!("{}: {name} is {sizes:?}", golden.name),
    };
    device().tensor_from_vec(values, sizes)
}

/// A solver over some steps with one trained number, from the states that the golden gives or from its own.
pub(crate) fn solver<S: Solver>(golden: &Golden, stored_gradient: &str) -> Report
where
    S::Built<f32, Dev>: HasNumber + BuildModule<Dev, f32>,
{
    let dev = device();
    let built = S::Built::<f32, Dev>::build(&dev);
    let (shape, values) = golden.get("input").unwrap();
    let frame = (shape[1], shape[2], shape[3], 1);
    let units = shape[1..].iter().product::<usize>();
    let leaf = |values: &[f32]| dev.tensor_from_vec(values.to_vec(), frame);
    let inputs: Vec<_> = values.chunks(units).map(leaf).collect();
    let given: Option<Vec<_>> = golden.get("h").map(|(_, h)| h.chunks(units).map(leaf).collect());

    let (zero, tape) = dev.zeros::<Rank0>().leaky_trace().split_tape();
    let (mut cx, mut total) = (Context::new(tape, Plan::default()), zero);
    let (mut outputs, mut state) = (Vec::new(), None);
    for (t, x) in inputs.iter().enumerate() {
        let h = match &given {
            Some(given) => given.get(t).filter(|_| t > 0).cloned(),
            None => state,
        };
        let y = S::solve(&built, x.clone(), h.as_ref(), &mut cx).unwrap();
        outputs.extend(y.as_vec());
        let weigh = leaf(&golden.values("grad_output")[t * units..][..units]);
        let part: Tensor<Rank0, f32, Dev> = cx.run(y.clone(), |y| y.try_mul(weigh)?.try_sum()).unwrap();
        total = cx.run(total, |total| total.try_add(part)).unwrap();
        state = Some(y);
    }
    let mut gradients = total.put_tape(cx.into_tape()).backward();
    let mut report = Report::default();
    report.forward("number", &built.number().as_vec(), &[built.recorded(golden)]);
    report.forward("output", &outputs, &golden.values("output"));
    let mut of = |all: &[Tensor<(usize, usize, usize, usize), f32, Dev>]| -> Vec<f32> {
        all.iter()
            .flat_map(|x| ParameterKernel::<f32>::read(&device(), gradients.get_or_alloc_mut(x).unwrap()).unwrap())
            .collect()
    };
    report.gradient("input", &of(&inputs), &golden.values("grad_input"));
    if let Some(given) = given {
        // the first state was not used
        report.gradient("h", &of(&given[1..]), &golden.values("grad_h")[units..]);
    }
    report.gradient("number", &gradients.get(built.number()).as_vec(), &golden.values(stored_gradient));
    report
}

/// What has one trained number.
pub(crate) trait HasNumber {
    fn number(&self) -> &Tensor<Rank0, f32, Dev>;
    /// What the original had.
    fn recorded(&self, golden: &Golden) -> f32;
}
impl HasNumber for built::Tau<f32, Dev> {
    fn number(&self) -> &Tensor<Rank0, f32, Dev> {
        &self.tau
    }
    fn recorded(&self, golden: &Golden) -> f32 {
        assert_eq!(golden.json["dt"].as_f64(), Some(Plan::default().area(0).dt));
        golden.json["tau"].as_f64().unwrap() as f32
    }
}
impl<S> HasNumber for built::SelfRecurrence<S, f32, Dev> {
    fn number(&self) -> &Tensor<Rank0, f32, Dev> {
        &self.weight
    }
    fn recorded(&self, golden: &Golden) -> f32 {
        golden.values("param/recurrence.weight")[0]
    }
}
