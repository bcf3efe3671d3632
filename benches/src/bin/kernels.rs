//! Our side of `kernels.py`: for every line `IMAGES INS OUTS SIDE KERNEL STRIDE GROUPS OPERATION` that it reads, the least
//! milliseconds of a convolution among those that a fifth of a second has room for; for `peak` that of the processor in GFLOP/s.

use dynvision_kernels::Kernels;
use dynvision_kernels::conv::{Accumulate, WeightCache};
use dynvision_kernels::geometry::{Conv, Window};
use dynvision_kernels::isa::{current, fma_peak};
use std::error::Error;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

const TURN: Duration = Duration::from_millis(200);

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["peak"] => writeln!(out, "{}", fma_peak())?,
            ["isa"] => writeln!(out, "{:?}", current())?,
            [ref numbers @ .., operation] if numbers.len() == 7 => {
                let numbers: Vec<usize> = numbers.iter().map(|word| word.parse()).collect::<Result<_, _>>()?;
                let [images, ins, outs, side, kernel, stride, groups] = numbers[..] else {
                    return Err("seven numbers".into());
                };
                let conv = Conv::new(Window::same(kernel, stride)).grouped(groups);
                writeln!(out, "{}", least(&conv, images, [ins, outs], side, operation)?)?;
            }
            _ => return Err(format!("kernels is run by kernels.py: not a question: {line}").into()),
        }
        out.flush()?;
    }
    Ok(())
}

/// Numbers between -1 and 1 without a pattern.
fn values(dims: [usize; 4]) -> Vec<f32> {
    let hash = |i: usize| (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    (0..dims.iter().product()).map(|i| hash(i) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// The least milliseconds of an operation, after one that fills the caches. Gradients of weights are gathered, as in an unroll.
fn least(
    conv: &Conv,
    images: usize,
    [ins, outs]: [usize; 2],
    side: usize,
    operation: &str,
) -> Result<f64, Box<dyn Error>> {
    let (kernel, places) = (conv.window.kernel, conv.window.output_len(side));
    let (xd, wd) = ([images, ins, side, side], [outs, ins / conv.groups, kernel, kernel]);
    let yd = [images, outs, places, places];
    let (x, w, gy) = (values(xd), values(wd), values(yd));
    let (mut y, mut gx, mut gw) = (values(yd), values(xd), values(wd));
    let cache = WeightCache::default();
    let mut run = || -> dynvision_kernels::Result {
        let (gx, gw) = match operation {
            "forward" => {
                return f32::conv2d(conv, &x, xd, &w, wd, None, &cache, &mut y, yd, Accumulate::Nothing);
            }
            "input" => (Some(&mut gx[..]), None),
            _ => (None, Some(&mut gw[..])),
        };
        f32::conv2d_backward(conv, &x, xd, &w, wd, &cache, &gy, yd, gx, gw, None, true)
    };
    if !["forward", "input", "weight"].contains(&operation) {
        return Err(format!("no operation {operation}: forward, input, weight").into());
    }
    run()?;
    let (begin, mut least) = (Instant::now(), f64::INFINITY);
    while begin.elapsed() < TURN {
        let start = Instant::now();
        run()?;
        least = least.min(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(least)
}
