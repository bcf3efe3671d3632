//! What dfdx 0.13's own operations do on the CPU: each once by differences, of a tensor that is read twice more, as a tensor in one
//! piece, as a permuted and as a broadcast view; with NaN; and with the tensor and its own clone as operands. What they
//! do wrong is a table here, and in `docs/custom-models.md` for those who write parts and losses. A row that is no longer
//! true fails.
#![allow(clippy::unwrap_used, missing_docs)] // a failing test may panic

use dfdx::prelude::*;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

type Matrix<T = NoneTape> = Tensor<(usize, usize), f64, Cpu, T>;
type Traced = Matrix<OwnedTape<f64, Cpu>>;
type Row = Tensor<(usize,), f64, Cpu, OwnedTape<f64, Cpu>>;

/// An operation of one tensor of three rows and four columns, as a row of numbers.
type Unary = fn(Traced) -> Row;
/// An operation of two.
type Binary = fn(Traced, Traced) -> Row;

const SIZES: (usize, usize) = (3, 4);

fn dev() -> Cpu {
    Cpu::default()
}

fn matrix(values: &[f64]) -> Matrix {
    dev().tensor_from_vec(values.to_vec(), SIZES)
}

fn row<S: Shape>(x: Tensor<S, f64, Cpu, OwnedTape<f64, Cpu>>) -> Row {
    let len = x.shape().num_elements();
    x.reshape_like(&(len,))
}

/// A fixed matrix that has nothing to do with the operand.
fn other() -> Matrix {
    matrix(&(0..12).map(|i| 0.35 + 0.05 * f64::from(i * 7 % 12)).collect::<Vec<_>>())
}

fn indices(values: &[usize]) -> Tensor<(usize,), usize, Cpu> {
    dev().tensor_from_vec(values.to_vec(), (values.len(),))
}

fn maps(x: Traced) -> Tensor<(usize, usize, usize, usize), f64, Cpu, OwnedTape<f64, Cpu>> {
    x.reshape_like(&(1, 3, 2, 2))
}

fn batches<T: Tape<f64, Cpu>>(x: Matrix<T>) -> Tensor<(usize, usize, usize), f64, Cpu, T> {
    x.reshape_like(&(3, 2, 2))
}

fn fixed_batches() -> Tensor<(usize, usize, usize), f64, Cpu> {
    batches(other())
}

/// The operations, with the values for which they are tried: positive ones where they ask for them.
fn unary() -> Vec<(&'static str, Unary)> {
    vec![
        ("abs", |x| row(x.abs())),
        ("accurate_gelu", |x| row(x.accurate_gelu())),
        ("fast_gelu", |x| row(x.fast_gelu())),
        ("add a number", |x| row(x + 0.7)),
        ("sub a number", |x| row(x - 0.7)),
        ("mul by a number", |x| row(x * 0.7)),
        ("div by a number", |x| row(x / 0.7)),
        ("clamp", |x| row(x.clamp(-0.3, 0.4))),
        ("cos", |x| row(x.cos())),
        ("sin", |x| row(x.sin())),
        ("exp", |x| row(x.exp())),
        ("ln", |x| row((x + 2.0).ln())),
        ("sqrt", |x| row((x + 2.0).sqrt())),
        ("recip", |x| row((x + 2.0).recip())),
        ("square", |x| row(x.square())),
        ("sigmoid", |x| row(x.sigmoid())),
        ("tanh", |x| row(x.tanh())),
        ("relu", |x| row(x.relu())),
        ("negate", |x| row(x.negate())),
        ("powf", |x| row((x + 2.0).powf(1.7))),
        ("powi", |x| row(x.powi(3))),
        ("prelu", |x| row(x.prelu(0.2))),
        ("leakyrelu", |x| row(dfdx::tensor_ops::leakyrelu(x, 0.2))),
        ("nans_to", |x| row(x.nans_to(0.5))),
        ("softmax", |x| row(x.softmax::<Axis<1>>())),
        ("log_softmax", |x| row(x.log_softmax::<Axis<1>>())),
        ("logsumexp", |x| row(x.logsumexp::<(usize,), Axis<1>>())),
        ("normalize", |x| row(x.normalize::<Axis<1>>(1e-5))),
        ("max", |x| row(x.max::<(usize,), Axis<1>>())),
        ("max of all", |x| row(x.max::<Rank0, _>())),
        ("min", |x| row(x.min::<(usize,), Axis<1>>())),
        ("min of all", |x| row(x.min::<Rank0, _>())),
        ("sum", |x| row(x.sum::<(usize,), Axis<1>>())),
        ("sum of columns", |x| row(x.sum::<(usize,), Axis<0>>())),
        ("sum of all", |x| row(x.sum::<Rank0, _>())),
        ("mean", |x| row(x.mean::<(usize,), Axis<1>>())),
        ("var", |x| row(x.var::<(usize,), Axis<1>>())),
        ("stddev", |x| row(x.stddev::<(usize,), Axis<1>>(1e-5))),
        ("permute", |x| row(x.permute::<_, Axes2<1, 0>>())),
        ("contiguous", |x| row(x.contiguous())),
        ("reshape", |x| row(x.reshape_like(&(2, 6)))),
        ("broadcast", |x| row(x.broadcast_like::<(usize, usize, usize), Axis<1>>(&(3, 2, 4)))),
        ("realize", |x| row(x.realize::<(Const<3>, Const<4>)>())),
        ("roll", |x| row(x.roll::<Axis<1>>(3))),
        ("select", |x| row(x.select::<(usize,), ()>(dev().tensor(1)))),
        ("gather", |x| row(x.gather::<(usize, usize), (usize,)>(indices(&[2, 0, 2])))),
        ("slice", |x| row(x.slice((1..3, 0..2)))),
        ("upscale2d, nearest", |x| row(maps(x).upscale2d_like(NearestNeighbor, 3, 5))),
        ("upscale2d, bilinear", |x| row(maps(x).upscale2d_like(Bilinear, 3, 5))),
        ("matmul from the left", |x| row(x.matmul(other().permute::<_, Axes2<1, 0>>()))),
        ("matmul from the right", |x| {
            row(other().retaped::<OwnedTape<f64, Cpu>>().permute::<_, Axes2<1, 0>>().matmul(x))
        }),
        ("matmul in batches", |x| row(batches(x).matmul(fixed_batches()))),
        ("matmul in batches, from the right", |x| {
            row(fixed_batches().retaped::<OwnedTape<f64, Cpu>>().matmul(batches(x)))
        }),
        ("matmul of batches and one matrix", |x| row(batches(x).matmul(dev().tensor_from_vec(numbers(4, 2), (2, 2))))),
        ("choose", |x| {
            let cond = other().gt(0.6);
            row(cond.choose(x, other()))
        }),
        ("dropout without a rate", |x| row(x.dropout(0.0))),
    ]
}

fn binary() -> Vec<(&'static str, Binary)> {
    vec![
        ("add", |x, y| row(x + y)),
        ("sub", |x, y| row(x - y)),
        ("mul", |x, y| row(x * y)),
        ("div", |x, y| row(x / (y + 2.0))),
        ("maximum", |x, y| row(x.maximum(y))),
        ("minimum", |x, y| row(x.minimum(y))),
        ("huber_error", |x, y| row(x.huber_error(y, 0.4))),
        ("bce_with_logits", |x, y| row(x.bce_with_logits(y))),
        ("prelu of two", |x, y| row(x.prelu(y))),
        ("matmul", |x, y| row(x.matmul(y.permute::<_, Axes2<1, 0>>()))),
        ("concat_along", |x, y| row((x, y).concat_along(Axis::<1>))),
        ("stack", |x, y| row(vec![x, y].stack())),
        ("choose of two", |x, y| row(other().gt(0.6).choose(x, y))),
    ]
}

/// How the operand lies in memory, made of `n` numbers on a tape.
#[derive(Clone, Copy, PartialEq)]
enum Lies {
    InOnePiece,
    Permuted,
    Broadcast,
}

impl Lies {
    const ALL: [(Lies, &'static str); 3] =
        [(Lies::InOnePiece, "in one piece"), (Lies::Permuted, "permuted"), (Lies::Broadcast, "broadcast")];

    fn numbers(self) -> usize {
        if self == Lies::Broadcast { 4 } else { 12 }
    }

    fn of(self, p: Row) -> Traced {
        match self {
            Lies::InOnePiece => p.reshape_like(&SIZES),
            Lies::Permuted => p.reshape_like(&(4, 3)).permute::<_, Axes2<1, 0>>(),
            Lies::Broadcast => p.broadcast_like::<(usize, usize), Axis<0>>(&SIZES),
        }
    }
}

/// Numbers of both signs, none near another one, 0, or a bound of the operations above.
fn numbers(len: usize, seed: usize) -> Vec<f64> {
    (0..len).map(|i| ((i * 5 + seed * 3) % len) as f64 / len as f64 * 1.6 - 0.83 + 0.013 * seed as f64).collect()
}

fn dot(x: Row, seed: f64) -> Tensor<Rank0, f64, Cpu, OwnedTape<f64, Cpu>> {
    let len = x.shape().0;
    let weights = (0..len).map(|i| (seed + 1.7 * i as f64).sin()).collect();
    (x * dev().tensor_from_vec(weights, (len,))).sum()
}

/// The objective, which reads the operand before the operation and after it as well, and its gradient to the numbers.
fn objective(lies: Lies, p: &[f64], f: impl Fn(Traced) -> Row) -> (f64, Vec<f64>) {
    let p: Tensor<(usize,), f64, Cpu> = dev().tensor_from_vec(p.to_vec(), (p.len(),));
    let (x, tape) = lies.of(p.leaky_trace()).split_tape();
    let before = dot(row(x.retaped().contiguous()), 0.3);
    let y = dot(f(x.clone().put_tape(tape)), 0.9);
    let after = dot(row(x.retaped().contiguous()), 1.3);
    let all = before + y + after;
    let value = all.array();
    (value, all.backward().get(&p).as_vec())
}

/// Whether the gradient is that of differences.
fn agrees(lies: Lies, f: impl Fn(Traced) -> Row) -> bool {
    let at = numbers(lies.numbers(), 1);
    let outcome = catch_unwind(AssertUnwindSafe(|| objective(lies, &at, &f).1));
    let Ok(gradient) = outcome else { return false };
    (0..at.len()).all(|i| {
        let side = |by: f64| {
            let mut moved = at.clone();
            moved[i] += by;
            objective(lies, &moved, &f).0
        };
        let want = (side(1e-6) - side(-1e-6)) / 2e-6;
        (gradient[i] - want).abs() < 1e-6 * (1.0 + want.abs())
    })
}

/// Whether a result that depends on an element is a number where the element is none.
fn swallows(f: impl Fn(Traced) -> Row) -> bool {
    let read = |value: f64| {
        let mut values = numbers(12, 1);
        values[5] = value;
        f(matrix(&values).leaky_trace()).as_vec()
    };
    let (plain, low, high) = (read(numbers(12, 1)[5]), read(-1.9), read(1.9));
    let depends = |i: usize| plain[i] != low[i] || plain[i] != high[i];
    read(f64::NAN).iter().enumerate().any(|(i, y)| depends(i) && !y.is_nan())
}

/// What is wrong with the operations, a line each.
fn found() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut say = |name: &str, what: &str| _ = found.insert(format!("{name}: {what}"));
    for (name, f) in unary() {
        for (lies, how) in Lies::ALL {
            if !agrees(lies, f) {
                say(name, &format!("gradient, {how}"));
            }
        }
        if swallows(f) {
            say(name, "NaN becomes a number");
        }
    }
    for (name, f) in binary() {
        for (lies, how) in Lies::ALL {
            let fixed = || other().leaky_trace();
            if !agrees(lies, |x| f(x, fixed())) || !agrees(lies, |x| f(fixed(), x)) {
                say(name, &format!("gradient, {how}"));
            }
        }
        let with_itself = |x: Traced| {
            let (x, tape) = x.split_tape();
            f(x.clone().put_tape(tape), x.retaped())
        };
        if !agrees(Lies::InOnePiece, with_itself) {
            say(name, "of a tensor and its clone");
        }
        if swallows(|x| f(x, other().leaky_trace())) || swallows(|x| f(other().leaky_trace(), x)) {
            say(name, "NaN becomes a number");
        }
    }
    found
}

/// The table in `docs/custom-models.md`.
const KNOWN: &[&str] = &[
    "accurate_gelu: gradient, broadcast",
    "accurate_gelu: gradient, in one piece",
    "accurate_gelu: gradient, permuted",
    "add: of a tensor and its clone",
    "bce_with_logits: of a tensor and its clone",
    "choose of two: of a tensor and its clone",
    "concat_along: of a tensor and its clone",
    "huber_error: of a tensor and its clone",
    "log_softmax: gradient, broadcast",
    "log_softmax: gradient, permuted",
    "logsumexp: gradient, broadcast",
    "logsumexp: gradient, permuted",
    "matmul: of a tensor and its clone",
    "max of all: NaN becomes a number",
    "max of all: gradient, broadcast",
    "max: NaN becomes a number",
    "maximum: NaN becomes a number",
    "maximum: of a tensor and its clone",
    "min of all: NaN becomes a number",
    "min of all: gradient, broadcast",
    "min: NaN becomes a number",
    "minimum: NaN becomes a number",
    "minimum: of a tensor and its clone",
    "mul: of a tensor and its clone",
    "nans_to: NaN becomes a number",
    "prelu of two: of a tensor and its clone",
    "relu: NaN becomes a number",
    "slice: gradient, broadcast",
    "slice: gradient, in one piece",
    "slice: gradient, permuted",
    "softmax: gradient, broadcast",
    "softmax: gradient, permuted",
    "stack: gradient, broadcast",
    "stack: gradient, permuted",
    "stack: of a tensor and its clone",
    "sub: of a tensor and its clone",
];

#[test]
fn what_is_wrong_is_known() {
    std::panic::set_hook(Box::new(|_| ())); // dfdx's own panics are what is looked for
    let found = found();
    drop(std::panic::take_hook());
    let known: BTreeSet<String> = KNOWN.iter().map(|&line| line.to_owned()).collect();
    let (new, gone): (Vec<_>, Vec<_>) = (found.difference(&known).collect(), known.difference(&found).collect());
    assert!(new.is_empty() && gone.is_empty(), "not in the table: {new:#?}; no longer so: {gone:#?}");
}
