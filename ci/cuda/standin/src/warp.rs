//! Runs one warp: 32 threads that execute an instruction together as long as they stand at the same one.
//!
//! Where threads go different ways, those at the lowest instruction run first, until they reach the next ones: compilers
//! lay out code so that the ways meet again further down.

use crate::ir::*;
use crate::lanes::{self, bit_extract, bit_insert, compared, converted, permuted};
use crate::memory::{Access, Block, Memory, Place, Refused};
use crate::shared::Shared;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

pub(crate) const LANES: usize = 32;

type Narrow = [u32; LANES];
type Wide = [u64; LANES];

/// Instructions after which a warp is taken to run forever.
const STEPS: u64 = 4_000_000_000;

/// What a thread did that it must not, or that it ended.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) lane: Option<usize>,
    pub(crate) line: u32,
    pub(crate) cause: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    Address,
    Alignment,
    Assertion,
    Other,
}

/// What a block's warps share.
pub(crate) struct Context<'a> {
    pub(crate) kernel: &'a Kernel,
    pub(crate) memory: &'a Memory,
    pub(crate) params: &'a [u8],
    pub(crate) grid: [u32; 3],
    pub(crate) block: [u32; 3],
    pub(crate) at: [u32; 3],
}

pub(crate) struct Warp {
    number: u32,
    narrow: Vec<Narrow>,
    wide: Vec<Wide>,
    predicates: Vec<u32>,
    carry: u32,
    local: Vec<u8>,
    local_known: Vec<bool>,
    /// Threads that run, by where they stand; the lowest last.
    groups: Vec<(usize, u32)>,
    /// Threads that wait at a barrier, and where.
    waiting: Option<(usize, u32)>,
    steps: u64,
}

fn lanes_of(mut mask: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (mask != 0).then(|| {
            let lane = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            lane
        })
    })
}

fn put<T: Copy>(to: &mut [T; LANES], from: &[T; LANES], mask: u32) {
    if mask == u32::MAX {
        *to = *from;
    } else {
        for lane in 0..LANES {
            to[lane] = if mask >> lane & 1 == 1 { from[lane] } else { to[lane] };
        }
    }
}

/// Where an access lands.
enum Landed {
    Global(Place),
    Shared(u64),
    Local(usize),
    Param(usize),
}

/// The allocation that the last lane reached: the next one mostly reaches the same.
type Nearby = Option<(Block, u64)>;

fn refused(access: Access, size: usize, r: &Refused) -> String {
    format!("{access} {size} bytes at {:#x}: {}", r.address, r.cause)
}

impl Warp {
    pub(crate) fn new(kernel: &Kernel) -> Warp {
        let mut warp = Warp {
            number: 0,
            narrow: vec![[0; LANES]; kernel.narrow],
            wide: vec![[0; LANES]; kernel.wide],
            predicates: vec![0; kernel.predicates],
            carry: 0,
            local: vec![0; LANES * kernel.local_bytes],
            local_known: vec![false; LANES * kernel.local_bytes],
            groups: Vec::new(),
            waiting: None,
            steps: 0,
        };
        for &(reg, value) in &kernel.narrow_constants {
            warp.narrow[usize::from(reg)] = [value; LANES];
        }
        for &(reg, value) in &kernel.wide_constants {
            warp.wide[usize::from(reg)] = [value; LANES];
        }
        warp
    }

    /// Puts the warp of this number at the kernel's begin.
    pub(crate) fn begin(&mut self, context: &Context<'_>, number: u32) {
        let [x, y, z] = context.block;
        let threads = x * y * z;
        let first = number * LANES as u32;
        let alive = (threads - first).min(LANES as u32);
        self.number = number;
        self.carry = 0;
        self.steps = 0;
        self.waiting = None;
        self.groups.clear();
        self.groups.push((0, u32::MAX >> (LANES as u32 - alive)));
        self.local_known.fill(false);
        for &(reg, special) in &context.kernel.specials {
            let values = &mut self.narrow[usize::from(reg)];
            for (lane, value) in values.iter_mut().enumerate() {
                let thread = first + lane as u32;
                *value = match special {
                    Special::Tid(0) => thread % x,
                    Special::Tid(1) => thread / x % y,
                    Special::Tid(_) => thread / x / y,
                    Special::Ntid(axis) => context.block[axis],
                    Special::Ctaid(axis) => context.at[axis],
                    Special::Nctaid(axis) => context.grid[axis],
                    Special::Lane => lane as u32,
                    Special::Warp => number,
                };
            }
        }
    }

    /// Where the warp's threads wait for the others of the block, if they do.
    pub(crate) fn waits_at(&self) -> Option<usize> {
        self.waiting.map(|w| w.0)
    }

    /// Lets the threads that wait go on.
    pub(crate) fn release(&mut self) {
        if let Some((at, mask)) = self.waiting.take() {
            self.insert(at + 1, mask);
        }
    }

    fn insert(&mut self, at: usize, mask: u32) {
        if mask == 0 {
            return;
        }
        match self.groups.iter().rposition(|g| g.0 >= at) {
            Some(i) if self.groups[i].0 == at => self.groups[i].1 |= mask,
            Some(i) => self.groups.insert(i + 1, (at, mask)),
            None => self.groups.insert(0, (at, mask)),
        }
    }

    fn n(&self, reg: Reg) -> &Narrow {
        &self.narrow[usize::from(reg)]
    }

    fn w(&self, reg: Reg) -> &Wide {
        &self.wide[usize::from(reg)]
    }

    fn p(&self, reg: Reg) -> u32 {
        self.predicates[usize::from(reg)]
    }

    fn set_p(&mut self, reg: Reg, mask: u32, value: u32) {
        let p = &mut self.predicates[usize::from(reg)];
        *p = *p & !mask | value & mask;
    }

    fn bits(&self, reg: Reg, wide: bool, lane: usize) -> u64 {
        if wide { self.w(reg)[lane] } else { u64::from(self.n(reg)[lane]) }
    }

    fn set_bits(&mut self, reg: Reg, wide: bool, lane: usize, bits: u64) {
        if wide {
            self.wide[usize::from(reg)][lane] = bits;
        } else {
            self.narrow[usize::from(reg)][lane] = bits as u32;
        }
    }

    fn address(&self, at: &Address, lane: usize) -> u64 {
        self.bits(at.base, at.is_wide, lane).wrapping_add_signed(at.offset)
    }

    fn land(
        &self,
        context: &Context<'_>,
        nearby: &mut Nearby,
        address: u64,
        size: usize,
        access: Access,
    ) -> Result<Landed, (FaultKind, String)> {
        if !address.is_multiple_of(size as u64) {
            return Err((
                FaultKind::Alignment,
                format!("{access} {size} bytes at {address:#x}, which is not aligned to them"),
            ));
        }
        if (SHARED..WINDOWS_END).contains(&address) {
            return if address < PARAM {
                Ok(Landed::Shared(address - SHARED))
            } else if address < LOCAL {
                let offset = (address - PARAM) as usize;
                if access != Access::Read || offset + size > context.params.len() {
                    return Err((FaultKind::Address, format!("{access} {size} bytes at parameter byte {offset}")));
                }
                Ok(Landed::Param(offset))
            } else {
                let offset = (address - LOCAL) as usize;
                if offset + size > context.kernel.local_bytes {
                    let bytes = context.kernel.local_bytes;
                    return Err((
                        FaultKind::Address,
                        format!("{access} byte {offset} of its own memory, which has {bytes}"),
                    ));
                }
                Ok(Landed::Local(offset))
            };
        }
        if let Some((block, start)) = nearby
            && let Some(offset) = address.checked_sub(*start)
            && let Some(place) = block.at(offset as usize, size)
        {
            return Ok(Landed::Global(place));
        }
        *nearby = context.memory.block(address);
        if let Some((block, start)) = nearby
            && let Some(place) = block.at((address - *start) as usize, size)
        {
            return Ok(Landed::Global(place));
        }
        Err((FaultKind::Address, refused(access, size, &context.memory.refused(address, size))))
    }

    /// The number of a lane's thread in its block.
    fn thread(&self, lane: usize) -> u32 {
        self.number * LANES as u32 + lane as u32
    }

    #[allow(clippy::too_many_arguments, reason = "an access, and where it happens")]
    fn read(
        &self,
        context: &Context<'_>,
        shared: &mut Shared,
        nearby: &mut Nearby,
        lane: usize,
        address: u64,
        size: usize,
        count: usize,
    ) -> Result<[u64; 4], (FaultKind, String)> {
        let mut values = [0; 4];
        match self.land(context, nearby, address, size * count, Access::Read)? {
            Landed::Global(place) => {
                // SAFETY: `land` has found all bytes inside one allocation, aligned to the size
                unsafe {
                    if !place.is_known(size * count) {
                        let cause = format!("reads {} bytes at {address:#x}, which nothing has written", size * count);
                        return Err((FaultKind::Other, cause));
                    }
                    for (i, value) in values.iter_mut().take(count).enumerate() {
                        let data = place.data.add(i * size);
                        *value = match size {
                            1 => u64::from(data.read()),
                            2 => u64::from(data.cast::<u16>().read()),
                            4 => u64::from(AtomicU32::from_ptr(data.cast()).load(Ordering::Relaxed)),
                            _ => AtomicU64::from_ptr(data.cast()).load(Ordering::Relaxed),
                        };
                    }
                }
            }
            Landed::Shared(offset) => {
                for (i, value) in values.iter_mut().take(count).enumerate() {
                    let read = shared.read(offset + (i * size) as u64, size, self.thread(lane));
                    *value = read.map_err(|e| (FaultKind::Other, format!("reads {e}")))?;
                }
            }
            Landed::Local(offset) => {
                let start = lane * context.kernel.local_bytes + offset;
                for (i, value) in values.iter_mut().take(count).enumerate() {
                    let range = start + i * size..start + (i + 1) * size;
                    if !self.local_known[range.clone()].iter().all(|&k| k) {
                        let cause = format!("reads byte {offset} of its own memory, which nothing has written");
                        return Err((FaultKind::Other, cause));
                    }
                    *value = little(&self.local[range]);
                }
            }
            Landed::Param(offset) => {
                for (i, value) in values.iter_mut().take(count).enumerate() {
                    *value = little(&context.params[offset + i * size..offset + (i + 1) * size]);
                }
            }
        }
        Ok(values)
    }

    #[allow(clippy::too_many_arguments, reason = "an access, and where it happens")]
    fn write(
        &mut self,
        context: &Context<'_>,
        shared: &mut Shared,
        nearby: &mut Nearby,
        lane: usize,
        address: u64,
        size: usize,
        values: &[u64],
    ) -> Result<(), (FaultKind, String)> {
        match self.land(context, nearby, address, size * values.len(), Access::Write)? {
            Landed::Global(place) => {
                // SAFETY: `land` has found all bytes inside one allocation, aligned to the size
                unsafe {
                    for (i, &value) in values.iter().enumerate() {
                        let data = place.data.add(i * size);
                        match size {
                            1 => data.write(value as u8),
                            2 => data.cast::<u16>().write(value as u16),
                            4 => AtomicU32::from_ptr(data.cast()).store(value as u32, Ordering::Relaxed),
                            _ => AtomicU64::from_ptr(data.cast()).store(value, Ordering::Relaxed),
                        }
                    }
                    place.set_known(size * values.len());
                }
            }
            Landed::Shared(offset) => {
                for (i, &value) in values.iter().enumerate() {
                    let written = shared.write(offset + (i * size) as u64, size, value, self.thread(lane));
                    written.map_err(|e| (FaultKind::Other, format!("writes {e}")))?;
                }
            }
            Landed::Local(offset) => {
                let start = lane * context.kernel.local_bytes + offset;
                for (i, value) in values.iter().enumerate() {
                    let range = start + i * size..start + (i + 1) * size;
                    self.local_known[range.clone()].fill(true);
                    self.local[range].copy_from_slice(&value.to_le_bytes()[..size]);
                }
            }
            Landed::Param(_) => return Err((FaultKind::Address, "writes a parameter".into())),
        }
        Ok(())
    }

    /// Runs until all threads wait at a barrier, or have ended.
    #[allow(clippy::too_many_lines, reason = "one arm for each instruction")]
    pub(crate) fn run(&mut self, context: &Context<'_>, shared: &mut Shared) -> Result<(), Fault> {
        let code = &context.kernel.code;
        // two operands to one result, for all lanes: values of lanes that do not take part are thrown away
        macro_rules! narrow {
            ($d:expr, $m:expr, ($($x:ident = $r:expr),+) => $e:expr) => {{
                let mut out = [0u32; LANES];
                $(let $x = self.n($r);)+
                for lane in 0..LANES {
                    $(let $x = $x[lane];)+
                    out[lane] = $e;
                }
                put(&mut self.narrow[usize::from($d)], &out, $m);
            }};
        }
        macro_rules! wide {
            ($d:expr, $m:expr, ($($x:ident = $r:expr),+) => $e:expr) => {{
                let mut out = [0u64; LANES];
                $(let $x = self.w($r);)+
                for lane in 0..LANES {
                    $(let $x = $x[lane];)+
                    out[lane] = $e;
                }
                put(&mut self.wide[usize::from($d)], &out, $m);
            }};
        }
        macro_rules! mask {
            (($($x:ident = $r:expr),+) => $e:expr) => {{
                let mut out = 0u32;
                $(let $x = $r;)+
                for lane in 0..LANES {
                    $(let $x = $x[lane];)+
                    out |= u32::from($e) << lane;
                }
                out
            }};
        }
        while let Some((mut at, mut mask)) = self.groups.pop() {
            let next = self.groups.last().map_or(usize::MAX, |g| g.0);
            loop {
                if at >= next {
                    self.insert(at, mask);
                    break;
                }
                let inst = &code[at];
                let m = match inst.guard {
                    None => mask,
                    Some((p, negated)) => mask & if negated { !self.p(p) } else { self.p(p) },
                };
                let fault = |kind, lane, cause| Fault { kind, lane, line: inst.line, cause };
                self.steps += 1;
                if self.steps > STEPS {
                    return Err(fault(FaultKind::Other, None, format!("does not end in {STEPS} instructions")));
                }
                if m == 0 {
                    at += 1;
                    continue;
                }
                match &inst.op {
                    &Op::Mov { wide: false, d, a } => {
                        let a = *self.n(a);
                        put(&mut self.narrow[usize::from(d)], &a, m);
                    }
                    &Op::Mov { wide: true, d, a } => {
                        let a = *self.w(a);
                        put(&mut self.wide[usize::from(d)], &a, m);
                    }
                    &Op::MovPred { d, a } => self.set_p(d, m, self.p(a)),
                    &Op::NotPred { d, a } => self.set_p(d, m, !self.p(a)),
                    &Op::Pred2 { op, d, a, b } => {
                        let (a, b) = (self.p(a), self.p(b));
                        let value = match op {
                            Bool2::And => a & b,
                            Bool2::Or => a | b,
                            Bool2::Xor => a ^ b,
                        };
                        self.set_p(d, m, value);
                    }
                    &Op::Int2 { op, wide: false, d, a, b } => match op {
                        Int2::Add => narrow!(d, m, (a = a, b = b) => a.wrapping_add(b)),
                        Int2::Sub => narrow!(d, m, (a = a, b = b) => a.wrapping_sub(b)),
                        Int2::Mul => narrow!(d, m, (a = a, b = b) => a.wrapping_mul(b)),
                        Int2::MulHi { signed: false } => {
                            narrow!(d, m, (a = a, b = b) => ((u64::from(a) * u64::from(b)) >> 32) as u32);
                        }
                        Int2::MulHi { signed: true } => {
                            narrow!(d, m, (a = a, b = b) => ((i64::from(a as i32) * i64::from(b as i32)) >> 32) as u32);
                        }
                        Int2::Div { signed: false } => {
                            narrow!(d, m, (a = a, b = b) => a.checked_div(b).unwrap_or(u32::MAX));
                        }
                        Int2::Div { signed: true } => {
                            narrow!(d, m, (a = a, b = b) => if b == 0 { u32::MAX } else { (a as i32).wrapping_div(b as i32) as u32 });
                        }
                        Int2::Rem { signed: false } => narrow!(d, m, (a = a, b = b) => a.checked_rem(b).unwrap_or(a)),
                        Int2::Rem { signed: true } => {
                            narrow!(d, m, (a = a, b = b) => if b == 0 { a } else { (a as i32).wrapping_rem(b as i32) as u32 });
                        }
                        Int2::Min { signed: false } => narrow!(d, m, (a = a, b = b) => a.min(b)),
                        Int2::Max { signed: false } => narrow!(d, m, (a = a, b = b) => a.max(b)),
                        Int2::Min { signed: true } => narrow!(d, m, (a = a, b = b) => (a as i32).min(b as i32) as u32),
                        Int2::Max { signed: true } => narrow!(d, m, (a = a, b = b) => (a as i32).max(b as i32) as u32),
                        Int2::And => narrow!(d, m, (a = a, b = b) => a & b),
                        Int2::Or => narrow!(d, m, (a = a, b = b) => a | b),
                        Int2::Xor => narrow!(d, m, (a = a, b = b) => a ^ b),
                        Int2::Shl => narrow!(d, m, (a = a, b = b) => if b > 31 { 0 } else { a << b }),
                        Int2::Shr { signed: false } => narrow!(d, m, (a = a, b = b) => if b > 31 { 0 } else { a >> b }),
                        Int2::Shr { signed: true } => narrow!(d, m, (a = a, b = b) => (a as i32 >> b.min(31)) as u32),
                    },
                    &Op::Int2 { op, wide: true, d, a, b } => match op {
                        Int2::Add => wide!(d, m, (a = a, b = b) => a.wrapping_add(b)),
                        Int2::Sub => wide!(d, m, (a = a, b = b) => a.wrapping_sub(b)),
                        Int2::Mul => wide!(d, m, (a = a, b = b) => a.wrapping_mul(b)),
                        Int2::MulHi { signed: false } => {
                            wide!(d, m, (a = a, b = b) => ((u128::from(a) * u128::from(b)) >> 64) as u64);
                        }
                        Int2::MulHi { signed: true } => {
                            wide!(d, m, (a = a, b = b) => ((i128::from(a as i64) * i128::from(b as i64)) >> 64) as u64);
                        }
                        Int2::Div { signed: false } => {
                            wide!(d, m, (a = a, b = b) => a.checked_div(b).unwrap_or(u64::MAX))
                        }
                        Int2::Div { signed: true } => {
                            wide!(d, m, (a = a, b = b) => if b == 0 { u64::MAX } else { (a as i64).wrapping_div(b as i64) as u64 });
                        }
                        Int2::Rem { signed: false } => wide!(d, m, (a = a, b = b) => a.checked_rem(b).unwrap_or(a)),
                        Int2::Rem { signed: true } => {
                            wide!(d, m, (a = a, b = b) => if b == 0 { a } else { (a as i64).wrapping_rem(b as i64) as u64 });
                        }
                        Int2::Min { signed: false } => wide!(d, m, (a = a, b = b) => a.min(b)),
                        Int2::Max { signed: false } => wide!(d, m, (a = a, b = b) => a.max(b)),
                        Int2::Min { signed: true } => wide!(d, m, (a = a, b = b) => (a as i64).min(b as i64) as u64),
                        Int2::Max { signed: true } => wide!(d, m, (a = a, b = b) => (a as i64).max(b as i64) as u64),
                        Int2::And => wide!(d, m, (a = a, b = b) => a & b),
                        Int2::Or => wide!(d, m, (a = a, b = b) => a | b),
                        Int2::Xor => wide!(d, m, (a = a, b = b) => a ^ b),
                        Int2::Shl | Int2::Shr { .. } => {
                            let by = *self.n(b);
                            let mut out = [0; LANES];
                            let a = self.w(a);
                            for lane in 0..LANES {
                                let (a, b) = (a[lane], by[lane]);
                                out[lane] = match op {
                                    Int2::Shl => {
                                        if b > 63 {
                                            0
                                        } else {
                                            a << b
                                        }
                                    }
                                    Int2::Shr { signed: true } => (a as i64 >> b.min(63)) as u64,
                                    _ => {
                                        if b > 63 {
                                            0
                                        } else {
                                            a >> b
                                        }
                                    }
                                };
                            }
                            put(&mut self.wide[usize::from(d)], &out, m);
                        }
                    },
                    &Op::Int1 { op, wide: is_wide, d, a } => match (op, is_wide) {
                        (Int1::Not, false) => narrow!(d, m, (a = a) => !a),
                        (Int1::Neg, false) => narrow!(d, m, (a = a) => a.wrapping_neg()),
                        (Int1::Abs, false) => narrow!(d, m, (a = a) => (a as i32).unsigned_abs()),
                        (Int1::Clz, false) => narrow!(d, m, (a = a) => a.leading_zeros()),
                        (Int1::Popc, false) => narrow!(d, m, (a = a) => a.count_ones()),
                        (Int1::Brev, false) => narrow!(d, m, (a = a) => a.reverse_bits()),
                        (Int1::Not, true) => wide!(d, m, (a = a) => !a),
                        (Int1::Neg, true) => wide!(d, m, (a = a) => a.wrapping_neg()),
                        (Int1::Abs, true) => wide!(d, m, (a = a) => (a as i64).unsigned_abs()),
                        (Int1::Brev, true) => wide!(d, m, (a = a) => a.reverse_bits()),
                        (Int1::Clz | Int1::Popc, true) => {
                            for lane in lanes_of(m) {
                                let a = self.w(a)[lane];
                                let count = if op == Int1::Clz { a.leading_zeros() } else { a.count_ones() };
                                self.narrow[usize::from(d)][lane] = count;
                            }
                        }
                    },
                    &Op::Mad { wide: false, high: None, d, a, b, c } => {
                        narrow!(d, m, (a = a, b = b, c = c) => a.wrapping_mul(b).wrapping_add(c));
                    }
                    &Op::Mad { wide: false, high: Some(false), d, a, b, c } => {
                        narrow!(d, m, (a = a, b = b, c = c) => (((u64::from(a) * u64::from(b)) >> 32) as u32).wrapping_add(c));
                    }
                    &Op::Mad { wide: false, high: Some(true), d, a, b, c } => {
                        narrow!(d, m, (a = a, b = b, c = c) => (((i64::from(a as i32) * i64::from(b as i32)) >> 32) as u32)
                            .wrapping_add(c));
                    }
                    &Op::Mad { wide: true, high: None, d, a, b, c } => {
                        wide!(d, m, (a = a, b = b, c = c) => a.wrapping_mul(b).wrapping_add(c));
                    }
                    &Op::Mad { wide: true, high: Some(false), d, a, b, c } => {
                        wide!(d, m, (a = a, b = b, c = c) => (((u128::from(a) * u128::from(b)) >> 64) as u64).wrapping_add(c));
                    }
                    &Op::Mad { wide: true, high: Some(true), d, a, b, c } => {
                        wide!(d, m, (a = a, b = b, c = c) => (((i128::from(a as i64) * i128::from(b as i64)) >> 64) as u64)
                            .wrapping_add(c));
                    }
                    &Op::MulWide { signed, d, a, b, c } => {
                        let (a, b) = (self.n(a), self.n(b));
                        let mut out = c.map_or([0; LANES], |c| *self.w(c));
                        for lane in 0..LANES {
                            let product = if signed {
                                (i64::from(a[lane] as i32) * i64::from(b[lane] as i32)) as u64
                            } else {
                                u64::from(a[lane]) * u64::from(b[lane])
                            };
                            out[lane] = out[lane].wrapping_add(product);
                        }
                        put(&mut self.wide[usize::from(d)], &out, m);
                    }
                    &Op::Carry { subtract, take, give, d, a, b } => {
                        for lane in lanes_of(m) {
                            let (a, b) = (u64::from(self.n(a)[lane]), u64::from(self.n(b)[lane]));
                            let carry = if take { u64::from(self.carry >> lane & 1) } else { 0 };
                            let wide = if subtract { a.wrapping_sub(b).wrapping_sub(carry) } else { a + b + carry };
                            self.narrow[usize::from(d)][lane] = wide as u32;
                            if give {
                                self.carry = self.carry & !(1 << lane) | u32::from(wide >> 32 != 0) << lane;
                            }
                        }
                    }
                    &Op::BitInsert { wide, d, a, b, c, e } => {
                        for lane in lanes_of(m) {
                            let (a, b) = (self.bits(a, wide, lane), self.bits(b, wide, lane));
                            let bits = bit_insert(a, b, self.n(c)[lane], self.n(e)[lane], if wide { 64 } else { 32 });
                            self.set_bits(d, wide, lane, bits);
                        }
                    }
                    &Op::BitExtract { wide, signed, d, a, b, c } => {
                        for lane in lanes_of(m) {
                            let (start, len) = (self.n(b)[lane], self.n(c)[lane]);
                            let width = if wide { 64 } else { 32 };
                            let bits = bit_extract(self.bits(a, wide, lane), start, len, width, signed);
                            self.set_bits(d, wide, lane, bits);
                        }
                    }
                    &Op::Funnel { left, clamp, d, a, b, c } => {
                        narrow!(d, m, (a = a, b = b, c = c) => {
                            let (both, by) = (u64::from(b) << 32 | u64::from(a), if clamp { c.min(32) } else { c & 31 });
                            if left { ((both << by) >> 32) as u32 } else { (both >> by) as u32 }
                        });
                    }
                    &Op::Lop3 { table, d, a, b, c } => {
                        narrow!(d, m, (a = a, b = b, c = c) => (0..8u32).filter(|i| table >> i & 1 == 1).fold(0, |sum, i| {
                            let take = |x: u32, bit: u32| if i >> bit & 1 == 1 { x } else { !x };
                            sum | take(a, 2) & take(b, 1) & take(c, 0)
                        }));
                    }
                    &Op::Permute { d, a, b, c } => narrow!(d, m, (a = a, b = b, c = c) => permuted(a, b, c)),
                    &Op::Float2 { op, wide: false, finish, d, a, b } => {
                        let is_plain = finish == Finish { round: Round::Near, flush: false, saturate: false };
                        macro_rules! plain {
                            ($o:tt) => {
                                narrow!(d, m, (a = a, b = b) => (f32::from_bits(a) $o f32::from_bits(b)).to_bits())
                            };
                        }
                        match op {
                            Float2::Add if is_plain => plain!(+),
                            Float2::Sub if is_plain => plain!(-),
                            Float2::Mul if is_plain => plain!(*),
                            Float2::Div if is_plain => plain!(/),
                            _ => narrow!(d, m, (a = a, b = b) => {
                                lanes::float2_32(op, finish, f32::from_bits(a), f32::from_bits(b)).to_bits()
                            }),
                        }
                    }
                    &Op::Float2 { op, wide: true, d, a, b, .. } => {
                        macro_rules! plain {
                            ($o:tt) => {
                                wide!(d, m, (a = a, b = b) => (f64::from_bits(a) $o f64::from_bits(b)).to_bits())
                            };
                        }
                        match op {
                            Float2::Add => plain!(+),
                            Float2::Sub => plain!(-),
                            Float2::Mul => plain!(*),
                            Float2::Div => plain!(/),
                            _ => wide!(d, m, (a = a, b = b) => {
                                lanes::float2_64(op, f64::from_bits(a), f64::from_bits(b)).to_bits()
                            }),
                        }
                    }
                    &Op::Float1 { op, wide: false, finish, d, a } => {
                        narrow!(d, m, (a = a) => lanes::float1_32(op, finish, f32::from_bits(a)).to_bits());
                    }
                    &Op::Float1 { op, wide: true, d, a, .. } => {
                        wide!(d, m, (a = a) => lanes::float1_64(op, f64::from_bits(a)).to_bits());
                    }
                    &Op::Fma { wide: false, finish, d, a, b, c } => {
                        if finish == (Finish { round: Round::Near, flush: false, saturate: false }) {
                            narrow!(d, m, (a = a, b = b, c = c) => {
                                f32::from_bits(a).mul_add(f32::from_bits(b), f32::from_bits(c)).to_bits()
                            });
                        } else {
                            narrow!(d, m, (a = a, b = b, c = c) => {
                                lanes::fma32(finish, f32::from_bits(a), f32::from_bits(b), f32::from_bits(c)).to_bits()
                            });
                        }
                    }
                    &Op::Fma { wide: true, d, a, b, c, .. } => {
                        wide!(d, m, (a = a, b = b, c = c) => {
                            f64::from_bits(a).mul_add(f64::from_bits(b), f64::from_bits(c)).to_bits()
                        });
                    }
                    &Op::Set { ty, compare, unordered, flush, d, other, a, b, with } => {
                        let float = |x: u32| lanes::flushed32(f32::from_bits(x), flush);
                        let value = match ty {
                            Ty::F32 => {
                                mask!((a = self.n(a), b = self.n(b)) => compared(compare, unordered, float(a), float(b)))
                            }
                            Ty::F64 => mask!((a = self.w(a), b = self.w(b)) => compared(
                                compare,
                                unordered,
                                f64::from_bits(a),
                                f64::from_bits(b)
                            )),
                            Ty::U64 => mask!((a = self.w(a), b = self.w(b)) => compared(compare, false, a, b)),
                            Ty::S64 => {
                                mask!((a = self.w(a), b = self.w(b)) => compared(compare, false, a as i64, b as i64))
                            }
                            Ty::S32 => {
                                mask!((a = self.n(a), b = self.n(b)) => compared(compare, false, a as i32, b as i32))
                            }
                            _ => mask!((a = self.n(a), b = self.n(b)) => compared(compare, false, a, b)),
                        };
                        let joined = |value: u32| match with {
                            None => value,
                            Some((op, p, negated)) => {
                                let p = if negated { !self.p(p) } else { self.p(p) };
                                match op {
                                    Bool2::And => value & p,
                                    Bool2::Or => value | p,
                                    Bool2::Xor => value ^ p,
                                }
                            }
                        };
                        let (value, opposite) = (joined(value), joined(!value));
                        if let Some(d) = d {
                            self.set_p(d, m, value);
                        }
                        if let Some(other) = other {
                            self.set_p(other, m, opposite);
                        }
                    }
                    &Op::Select { wide: false, d, a, b, p } => {
                        let p = self.p(p);
                        let (mut out, a) = (*self.n(b), self.n(a));
                        put(&mut out, a, p);
                        put(&mut self.narrow[usize::from(d)], &out, m);
                    }
                    &Op::Select { wide: true, d, a, b, p } => {
                        let p = self.p(p);
                        let (mut out, a) = (*self.w(b), self.w(a));
                        put(&mut out, a, p);
                        put(&mut self.wide[usize::from(d)], &out, m);
                    }
                    &Op::Extend { signed, d, a } => {
                        let (mut out, a) = ([0; LANES], self.n(a));
                        for lane in 0..LANES {
                            let a = a[lane];
                            out[lane] = if signed { i64::from(a as i32) as u64 } else { u64::from(a) };
                        }
                        put(&mut self.wide[usize::from(d)], &out, m);
                    }
                    &Op::Truncate { d, a } => {
                        let (mut out, a) = ([0; LANES], self.w(a));
                        for lane in 0..LANES {
                            out[lane] = a[lane] as u32;
                        }
                        put(&mut self.narrow[usize::from(d)], &out, m);
                    }
                    &Op::Convert { to, from, integral, finish, d, d_wide, a } => {
                        for lane in lanes_of(m) {
                            let bits = converted(self.bits(a, from.is_wide(), lane), from, to, integral, finish);
                            // 16-bit registers have their upper half 0
                            let bits = if to.bytes() == 2 && !d_wide { bits & 0xffff } else { bits };
                            self.set_bits(d, d_wide, lane, bits);
                        }
                    }
                    &Op::Join { d, low, high } => {
                        let (mut out, low, high) = ([0; LANES], self.n(low), self.n(high));
                        for lane in 0..LANES {
                            out[lane] = u64::from(high[lane]) << 32 | u64::from(low[lane]);
                        }
                        put(&mut self.wide[usize::from(d)], &out, m);
                    }
                    &Op::Split { low, high, a } => {
                        for lane in lanes_of(m) {
                            let a = self.w(a)[lane];
                            if let Some(low) = low {
                                self.narrow[usize::from(low)][lane] = a as u32;
                            }
                            if let Some(high) = high {
                                self.narrow[usize::from(high)][lane] = (a >> 32) as u32;
                            }
                        }
                    }
                    &Op::JoinHalves { d, low, high } => {
                        narrow!(d, m, (low = low, high = high) => high << 16 | low & 0xffff)
                    }
                    &Op::SplitHalves { low, high, a } => {
                        for lane in lanes_of(m) {
                            let a = self.n(a)[lane];
                            if let Some(low) = low {
                                self.narrow[usize::from(low)][lane] = a & 0xffff;
                            }
                            if let Some(high) = high {
                                self.narrow[usize::from(high)][lane] = a >> 16;
                            }
                        }
                    }
                    &Op::LoadParam { ty, wide, d, offset } => {
                        let value = extended(little(&context.params[offset..offset + ty.bytes()]), ty);
                        if wide {
                            put(&mut self.wide[usize::from(d)], &[value; LANES], m);
                        } else {
                            put(&mut self.narrow[usize::from(d)], &[value as u32; LANES], m);
                        }
                    }
                    Op::Load { ty, wide, d, at: from } => {
                        let mut nearby = None;
                        for lane in lanes_of(m) {
                            let address = self.address(from, lane);
                            let values = self.read(context, shared, &mut nearby, lane, address, ty.bytes(), d.len());
                            let values = values.map_err(|(kind, cause)| fault(kind, Some(lane), cause))?;
                            for (d, value) in d.iter().zip(values) {
                                if let Some(d) = *d {
                                    self.set_bits(d, *wide, lane, extended(value, *ty));
                                }
                            }
                        }
                    }
                    Op::Store { ty, wide, a, at: to } => {
                        let mut nearby = None;
                        for lane in lanes_of(m) {
                            let mut values = [0; 4];
                            for (value, a) in values.iter_mut().zip(a) {
                                *value = self.bits(*a, *wide, lane);
                            }
                            let address = self.address(to, lane);
                            self.write(
                                context,
                                shared,
                                &mut nearby,
                                lane,
                                address,
                                ty.bytes(),
                                &values[..a.len().min(4)],
                            )
                            .map_err(|(kind, cause)| fault(kind, Some(lane), cause))?;
                        }
                    }
                    Op::Atomic { op, ty, d, at: to, b, c } => {
                        let mut nearby = None;
                        for lane in lanes_of(m) {
                            let (b, c) = (self.bits(*b, ty.is_wide(), lane), self.bits(*c, ty.is_wide(), lane));
                            let (address, size) = (self.address(to, lane), ty.bytes());
                            let landed = self.land(context, &mut nearby, address, size, Access::Atomic);
                            let landed = landed.map_err(|(kind, cause)| fault(kind, Some(lane), cause))?;
                            let change = |old: u64| updated(*op, *ty, old, b, c);
                            let old = match landed {
                                // SAFETY: `land` has found all bytes inside one allocation, aligned to the size
                                Landed::Global(place) => unsafe {
                                    if !place.is_known(size) {
                                        let cause =
                                            format!("updates {size} bytes at {address:#x}, which nothing has written");
                                        return Err(fault(FaultKind::Other, Some(lane), cause));
                                    }
                                    if size == 8 {
                                        let cell = AtomicU64::from_ptr(place.data.cast());
                                        cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| Some(change(old)))
                                            .unwrap_or_default()
                                    } else {
                                        let cell = AtomicU32::from_ptr(place.data.cast());
                                        let set = |old: u32| Some(change(u64::from(old)) as u32);
                                        u64::from(
                                            cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, set)
                                                .unwrap_or_default(),
                                        )
                                    }
                                },
                                Landed::Shared(offset) => shared
                                    .update(offset, size, change)
                                    .map_err(|e| fault(FaultKind::Other, Some(lane), format!("updates {e}")))?,
                                Landed::Local(_) | Landed::Param(_) => {
                                    let cause = "updates its own memory as if it were others' as well".to_string();
                                    return Err(fault(FaultKind::Address, Some(lane), cause));
                                }
                            };
                            if let Some(d) = *d {
                                self.set_bits(d, ty.is_wide(), lane, old);
                            }
                        }
                    }
                    &Op::Shuffle { mode, d, p, a, b, c, members } => {
                        self.together(members, m).map_err(|cause| fault(FaultKind::Other, None, cause))?;
                        let (source, by, control) = (*self.n(a), *self.n(b), *self.n(c));
                        for lane in lanes_of(m) {
                            let (control, by) = (control[lane], (by[lane] & 31) as usize);
                            let (clamp, segment) = ((control & 31) as usize, (control >> 8 & 31) as usize);
                            let first = lane & segment;
                            let last = first | clamp & !segment;
                            let (from, inside) = match mode {
                                Shuffle::Up => (lane.wrapping_sub(by), lane >= by && lane - by >= last),
                                Shuffle::Down => (lane + by, lane + by <= last),
                                Shuffle::Butterfly => (lane ^ by, lane ^ by <= last),
                                Shuffle::Index => {
                                    let from = first | by & !segment;
                                    (from, from <= last)
                                }
                            };
                            let from = if inside { from } else { lane };
                            if m >> from & 1 == 0 {
                                let cause = format!("reads lane {from} of its warp, which does not take part");
                                return Err(fault(FaultKind::Other, Some(lane), cause));
                            }
                            self.narrow[usize::from(d)][lane] = source[from];
                            if let Some(p) = p {
                                self.set_p(p, 1 << lane, if inside { u32::MAX } else { 0 });
                            }
                        }
                    }
                    &Op::Vote { mode, d, a, negated, members } => {
                        self.together(members, m).map_err(|cause| fault(FaultKind::Other, None, cause))?;
                        let votes = m & if negated { !self.p(a) } else { self.p(a) };
                        let result = match mode {
                            Vote::Ballot => {
                                put(&mut self.narrow[usize::from(d)], &[votes; LANES], m);
                                at += 1;
                                continue;
                            }
                            Vote::All => votes == m,
                            Vote::Any => votes != 0,
                            Vote::Uniform => votes == m || votes == 0,
                        };
                        self.set_p(d, m, if result { u32::MAX } else { 0 });
                    }
                    &Op::ActiveMask { d } => put(&mut self.narrow[usize::from(d)], &[m; LANES], m),
                    &Op::WarpBarrier { members } => {
                        self.together(members, m).map_err(|cause| fault(FaultKind::Other, None, cause))?;
                    }
                    &Op::Branch { to } => {
                        if m == mask {
                            at = to;
                        } else {
                            self.insert(to, m);
                            self.insert(at + 1, mask & !m);
                            break;
                        }
                        continue;
                    }
                    Op::Barrier => {
                        if m != mask {
                            let cause = "reaches a barrier that only some of its warp's threads take".to_string();
                            return Err(fault(FaultKind::Other, None, cause));
                        }
                        match &mut self.waiting {
                            None => self.waiting = Some((at, m)),
                            Some((place, waiting)) if *place == at => *waiting |= m,
                            Some((place, _)) => {
                                let line = code[*place].line;
                                let cause =
                                    format!("waits at a barrier while others of its warp wait at that of line {line}");
                                return Err(fault(FaultKind::Other, None, cause));
                            }
                        }
                        break;
                    }
                    Op::Exit => {
                        mask &= !m;
                        if mask == 0 {
                            break;
                        }
                    }
                    Op::Trap { cause } => {
                        let lane = lanes_of(m).next();
                        return Err(fault(FaultKind::Assertion, lane, cause.clone()));
                    }
                }
                at += 1;
            }
        }
        Ok(())
    }

    /// Whether the threads of a mask, as each of those that are here names it, are all here, unless they have ended.
    fn together(&self, members: Reg, here: u32) -> Result<(), String> {
        let waiting = self.waiting.map_or(0, |w| w.1);
        let elsewhere = self.groups.iter().fold(waiting, |mask, group| mask | group.1) & !here;
        for lane in lanes_of(here) {
            let members = self.n(members)[lane];
            let missing = members & elsewhere;
            if missing != 0 || members >> lane & 1 == 0 {
                return Err(format!("waits for lanes {missing:#010x} of its warp, which are not there"));
            }
        }
        Ok(())
    }
}

fn little(bytes: &[u8]) -> u64 {
    let mut all = [0; 8];
    all[..bytes.len().min(8)].copy_from_slice(&bytes[..bytes.len().min(8)]);
    u64::from_le_bytes(all)
}

/// A number as it stands in a register: signed ones are extended, to 16 bits at least.
fn extended(value: u64, ty: Ty) -> u64 {
    match ty {
        Ty::S8 => i64::from(value as i8) as u64 & 0xffff_ffff,
        Ty::S32 => i64::from(value as i32) as u64,
        Ty::S16 => value & 0xffff,
        _ => value,
    }
}

/// What an atomic operation leaves behind.
fn updated(op: Atomic, ty: Ty, old: u64, b: u64, c: u64) -> u64 {
    let float32 = |x: u64| f32::from_bits(x as u32);
    let ordered = |less: bool| {
        let is_less = match ty {
            Ty::S32 => (b as i32) < old as i32,
            Ty::S64 => (b as i64) < old as i64,
            Ty::U32 => (b as u32) < old as u32,
            _ => b < old,
        };
        if is_less == less { b } else { old }
    };
    match op {
        Atomic::Add if ty == Ty::F32 => u64::from((float32(old) + float32(b)).to_bits()),
        Atomic::Add if ty == Ty::F64 => (f64::from_bits(old) + f64::from_bits(b)).to_bits(),
        Atomic::Add => old.wrapping_add(b),
        Atomic::Min => ordered(true),
        Atomic::Max => ordered(false),
        Atomic::And => old & b,
        Atomic::Or => old | b,
        Atomic::Xor => old ^ b,
        Atomic::Exchange => b,
        Atomic::CompareExchange => {
            if old == b {
                c
            } else {
                old
            }
        }
        Atomic::Increment => {
            if old >= b {
                0
            } else {
                old + 1
            }
        }
        Atomic::Decrement => {
            if old == 0 || old > b {
                b
            } else {
                old - 1
            }
        }
    }
}
