//! Parts alone, as the original ran its own.

use crate::loader::Golden;
use crate::report::Report;
use crate::weights;
use dfdx::nn::BuildModule;
use dfdx::prelude::*;
use dynvision::cx::Cx;
use dynvision::error::Result;
use dynvision::nn::{MapOf, Recurrence, Solver};
use dynvision::time::Plan;

type Recording = Cx<OwnedTape<f32, Cpu>>;
type Map<const C: usize> = MapOf<usize, Const<C>, usize, usize, f32, Cpu>;

/// A recurrence from `I` to `O` channels with kernel `K`. `names` are its tensors here and there.
pub(crate) fn recurrence<R: Recurrence, const I: usize, const O: usize, const K: usize>(
    golden: &Golden,
    names: &[(&str, &str)],
) -> Report
where
    R::Built<Const<I>, Const<O>, Const<K>, f32, Cpu>: BuildModule<Cpu, f32>,
{
    let built = R::Built::<Const<I>, Const<O>, Const<K>, f32, Cpu>::build(&Cpu::default());
    compare(golden, built, names, |built, x: Map<I>, cx| -> Result<Map<O>> {
        R::drive::<Const<I>, Const<O>, Const<K>, _, _, _, _, _, _>(built, &x, cx)
    })
}

/// Compares what `run` makes of the input, and all gradients that the recorded gradient of the output causes.
pub(crate) fn compare<M, X, Y>(
    golden: &Golden,
    mut part: M,
    names: &[(&str, &str)],
    run: impl FnOnce(&M, Tensor<X, f32, Cpu>, &mut Recording) -> Result<Tensor<Y, f32, Cpu>>,
) -> Report
where
    M: TensorCollection<f32, Cpu>,
    X: Shape,
    Y: Shape,
{
    weights::set(&mut part, golden, names);
    let (x, tape) = tensor::<X>(golden, "input").leaky_trace().split_tape();
    let mut cx = Cx::new(tape, Plan::default());
    let y = run(&part, x.clone(), &mut cx).unwrap();
    let mut report = Report::default();
    report.forward("output", &y.as_vec(), &golden.values("output"));
    if golden.get("grad_output").is_none() {
        return report;
    }
    let gradients = (y.put_tape(cx.tape) * tensor::<Y>(golden, "grad_output")).sum::<Rank0, _>().backward();
    report.gradient("input", &gradients.get(&x).as_vec(), &golden.values("grad_input"));
    for (name, gradient) in weights::gradients(&part, &gradients) {
        let theirs = names.iter().find(|(ours, _)| *ours == name).map(|(_, theirs)| theirs).unwrap();
        report.gradient(&name, &gradient, &golden.values(&format!("grad/{theirs}")));
    }
    report
}

/// A solver over six steps with a trained time constant: from the states that the golden gives, or from its own.
pub(crate) fn solver<S: Solver>(golden: &Golden) -> Report
where
    S::Built<f32, Cpu>: HasTau + BuildModule<Cpu, f32>,
{
    let dev = Cpu::default();
    let built = S::Built::<f32, Cpu>::build(&dev);
    let number = |key: &str| golden.json[key].as_f64().unwrap();
    assert_eq!((number("dt"), number("tau")), (Plan::default().area(0).dt, Plan::default().area(0).tau));
    let (shape, values) = golden.get("input").unwrap();
    let frame = (shape[1], shape[2], shape[3], 1);
    let units = shape[1..].iter().product::<usize>();
    let leaf = |values: &[f32]| dev.tensor_from_vec(values.to_vec(), frame);
    let inputs: Vec<_> = values.chunks(units).map(leaf).collect();
    let given: Option<Vec<_>> = golden.get("h").map(|(_, h)| h.chunks(units).map(leaf).collect());

    let (zero, tape) = dev.zeros::<Rank0>().leaky_trace().split_tape();
    let (mut cx, mut total) = (Cx::new(tape, Plan::default()), zero);
    let (mut outputs, mut state) = (Vec::new(), None);
    for (t, x) in inputs.iter().enumerate() {
        let h = match &given {
            Some(given) => given.get(t).filter(|_| t > 0).cloned(),
            None => state,
        };
        let y = S::solve(&built, x.clone(), h.as_ref(), &mut cx).unwrap();
        outputs.extend(y.as_vec());
        let weigh = leaf(&golden.values("grad_output")[t * units..][..units]);
        let part: Tensor<Rank0, f32, Cpu> = cx.run(y.clone(), |y| y.try_mul(weigh)?.try_sum()).unwrap();
        total = cx.run(total, |total| total.try_add(part)).unwrap();
        state = Some(y);
    }
    let gradients = total.put_tape(cx.tape).backward();
    let mut report = Report::default();
    report.forward("output", &outputs, &golden.values("output"));
    let of = |all: &[Tensor<(usize, usize, usize, usize), f32, Cpu>]| -> Vec<f32> {
        all.iter().flat_map(|x| gradients.get(x).as_vec()).collect()
    };
    report.gradient("input", &of(&inputs), &golden.values("grad_input"));
    if let Some(given) = given {
        // the first state was not used
        report.gradient("h", &of(&given[1..]), &golden.values("grad_h")[units..]);
    }
    report.gradient("tau", &gradients.get(built.tau()).as_vec(), &golden.values("grad_tau"));
    report
}

/// What has a trained time constant.
pub(crate) trait HasTau {
    fn tau(&self) -> &Tensor<Rank0, f32, Cpu>;
}
impl HasTau for dynvision::nn::built::Tau<f32, Cpu> {
    fn tau(&self) -> &Tensor<Rank0, f32, Cpu> {
        &self.tau
    }
}

fn tensor<S: Shape>(golden: &Golden, name: &str) -> Tensor<S, f32, Cpu> {
    let (sizes, values) = golden.get(name).unwrap_or_else(|| panic!("{}: no {name}", golden.name));
    let mut concrete = S::Concrete::default();
    sizes.iter().enumerate().for_each(|(i, &size)| concrete[i] = size);
    Cpu::default().tensor_from_vec(values, S::from_concrete(&concrete).unwrap())
}
