//! Runs a kernel's grid of blocks.

use crate::ir::Kernel;
use crate::memory::Memory;
use crate::shared::Shared;
use crate::warp::{Context, Fault, FaultKind, LANES, Warp};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Threads from which on a launch is worth more than one of the host's.
const WORTH_SHARING: u64 = 1 << 15;
/// Shared memory that a block may have without asking for more.
pub(crate) const SHARED_LIMIT: usize = 48 * 1024;

/// Why a launch fails.
#[derive(Debug)]
pub(crate) struct Failure {
    /// `None` where the launch itself is refused.
    pub(crate) kind: Option<FaultKind>,
    pub(crate) cause: String,
}

/// Runs a kernel to its end.
pub(crate) fn launch(
    kernel: &Kernel,
    memory: &Memory,
    grid: [u32; 3],
    block: [u32; 3],
    dynamic_shared: usize,
    params: &[u8],
    helpers: usize,
) -> Result<(), Failure> {
    let name = &kernel.name;
    let refused = |cause: String| Failure { kind: None, cause: format!("kernel `{name}`: {cause}") };
    let threads = block.iter().map(|&n| u64::from(n)).product::<u64>();
    if threads == 0 || grid.contains(&0) {
        return Err(refused(format!("a grid of {grid:?} blocks of {block:?} threads is empty")));
    }
    if threads > u64::from(kernel.max_threads.min(1024)) || block[2] > 64 {
        return Err(refused(format!(
            "blocks of {block:?} threads are too large: it may have {}",
            kernel.max_threads.min(1024)
        )));
    }
    if grid[0] > i32::MAX as u32 || grid[1] > 65535 || grid[2] > 65535 {
        return Err(refused(format!("a grid of {grid:?} blocks is too large")));
    }
    let shared_bytes = kernel.shared_bytes.saturating_add(dynamic_shared);
    if shared_bytes > SHARED_LIMIT {
        return Err(refused(format!(
            "{shared_bytes} bytes of shared memory are too many: a block may have {SHARED_LIMIT}"
        )));
    }
    let blocks = grid.iter().map(|&n| u64::from(n)).product::<u64>();
    let (next, stop, failure) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::new(None));
    let work = || {
        let warps = if kernel.has_barrier { threads.div_ceil(LANES as u64) } else { 1 };
        let mut warps: Vec<Warp> = (0..warps).map(|_| Warp::new(kernel)).collect();
        let mut shared = Shared::new(shared_bytes);
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= blocks {
                break;
            }
            let (x, y) = (u64::from(grid[0]), u64::from(grid[1]));
            let at = [(number % x) as u32, (number / x % y) as u32, (number / x / y) as u32];
            let context = Context { kernel, memory, params, grid, block, at };
            if let Err((warp, fault)) = run_block(&context, &mut warps, &mut shared, threads as u32) {
                stop.store(true, Ordering::Relaxed);
                if let Ok(mut failure) = failure.lock() {
                    failure.get_or_insert_with(|| told(&context, warp, fault));
                }
            }
        }
    };
    let helpers = if blocks > 1 && blocks * threads >= WORTH_SHARING { helpers } else { 0 };
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(work);
        }
        work();
    });
    match failure.into_inner() {
        Ok(Some(failure)) => Err(failure),
        _ => Ok(()),
    }
}

/// Says which thread of which kernel did what.
fn told(context: &Context<'_>, warp: u32, fault: Fault) -> Failure {
    let [x, y, _] = context.block;
    let who = match fault.lane {
        Some(lane) => {
            let thread = warp * LANES as u32 + lane as u32;
            format!("thread ({}, {}, {})", thread % x, thread / x % y, thread / x / y)
        }
        None => format!("warp {warp}"),
    };
    let (kernel, at, line) = (&context.kernel.name, context.at, fault.line);
    let cause = format!("kernel `{kernel}`, block {at:?}, {who} {} (line {line} of its PTX)", fault.cause);
    Failure { kind: Some(fault.kind), cause }
}

fn run_block(context: &Context<'_>, warps: &mut [Warp], shared: &mut Shared, threads: u32) -> Result<(), (u32, Fault)> {
    shared.begin();
    let count = threads.div_ceil(LANES as u32);
    if !context.kernel.has_barrier {
        for number in 0..count {
            warps[0].begin(context, number);
            warps[0].run(context, shared).map_err(|fault| (number, fault))?;
        }
        return Ok(());
    }
    for (number, warp) in (0..).zip(warps.iter_mut()) {
        warp.begin(context, number);
    }
    loop {
        let mut met: Option<usize> = None;
        for (number, warp) in (0..).zip(warps.iter_mut()) {
            warp.run(context, shared).map_err(|fault| (number, fault))?;
            if let Some(at) = warp.waits_at() {
                let line = |at: usize| context.kernel.code[at].line;
                if met.is_some_and(|other| other != at) {
                    let cause = format!(
                        "waits at a barrier while others of the block wait at that of line {}",
                        met.map_or(0, line)
                    );
                    return Err((number, Fault { kind: FaultKind::Other, lane: None, line: line(at), cause }));
                }
                met = Some(at);
            }
        }
        if met.is_none() {
            return Ok(());
        }
        shared.barrier();
        warps.iter_mut().for_each(Warp::release);
    }
}
