//! A kernel as it is interpreted: registers are numbers, calls are written out, addresses of variables are known.
//!
//! There are three kinds of registers: 32 bits (narrower types as well, 16-bit ones with their upper half 0), 64 bits, and
//! predicates. Immediate operands are registers whose value never changes.

pub(crate) type Reg = u16;

/// The instruction, what guards it, and its line in the PTX.
#[derive(Debug)]
pub(crate) struct Inst {
    /// The predicate, and whether it is negated.
    pub(crate) guard: Option<(Reg, bool)>,
    pub(crate) op: Op,
    pub(crate) line: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ty {
    U8,
    S8,
    U16,
    S16,
    U32,
    S32,
    U64,
    S64,
    F32,
    F64,
    Pred,
}

impl Ty {
    pub(crate) fn named(name: &str) -> Option<Ty> {
        Some(match name {
            "u8" | "b8" => Ty::U8,
            "s8" => Ty::S8,
            "u16" | "b16" => Ty::U16,
            "s16" => Ty::S16,
            "u32" | "b32" => Ty::U32,
            "s32" => Ty::S32,
            "u64" | "b64" => Ty::U64,
            "s64" => Ty::S64,
            "f32" => Ty::F32,
            "f64" => Ty::F64,
            "pred" => Ty::Pred,
            _ => return None,
        })
    }

    pub(crate) fn bytes(self) -> usize {
        match self {
            Ty::U8 | Ty::S8 | Ty::Pred => 1,
            Ty::U16 | Ty::S16 => 2,
            Ty::U32 | Ty::S32 | Ty::F32 => 4,
            Ty::U64 | Ty::S64 | Ty::F64 => 8,
        }
    }

    pub(crate) fn is_wide(self) -> bool {
        self.bytes() == 8
    }

    pub(crate) fn is_signed(self) -> bool {
        matches!(self, Ty::S8 | Ty::S16 | Ty::S32 | Ty::S64)
    }

    pub(crate) fn is_float(self) -> bool {
        matches!(self, Ty::F32 | Ty::F64)
    }
}

/// Integer operations of two operands. `Shl` and `Shr` take the number of bits from a 32-bit register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Int2 {
    Add,
    Sub,
    Mul,
    MulHi { signed: bool },
    Div { signed: bool },
    Rem { signed: bool },
    Min { signed: bool },
    Max { signed: bool },
    And,
    Or,
    Xor,
    Shl,
    Shr { signed: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Int1 {
    Not,
    Neg,
    Abs,
    Clz,
    Popc,
    Brev,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Float2 {
    Add,
    Sub,
    Mul,
    Div,
    Min { nan: bool },
    Max { nan: bool },
    CopySign,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Float1 {
    Neg,
    Abs,
    Sqrt,
    Rsqrt,
    Rcp,
    /// The reciprocal of an `f64` with the lower half of its bits 0.
    RcpCoarse,
    Ex2,
    Lg2,
    Sin,
    Cos,
    Tanh,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Round {
    Near,
    Zero,
    Down,
    Up,
}

/// How a floating-point result is finished, and whether subnormal numbers count as 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finish {
    pub(crate) round: Round,
    pub(crate) flush: bool,
    pub(crate) saturate: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    /// Both are numbers.
    Num,
    /// One is none.
    Nan,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bool2 {
    And,
    Or,
    Xor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Atomic {
    Add,
    Min,
    Max,
    And,
    Or,
    Xor,
    Exchange,
    CompareExchange,
    Increment,
    Decrement,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shuffle {
    Up,
    Down,
    Butterfly,
    Index,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vote {
    All,
    Any,
    Uniform,
    Ballot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    Tid(usize),
    Ntid(usize),
    Ctaid(usize),
    Nctaid(usize),
    Lane,
    Warp,
}

/// An address: a register, 64 or 32 bits, and an offset.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address {
    pub(crate) base: Reg,
    pub(crate) is_wide: bool,
    pub(crate) offset: i64,
}

#[derive(Debug)]
#[allow(clippy::struct_field_names, reason = "d is the destination, a, b and c are operands, as in the PTX manual")]
pub(crate) enum Op {
    Mov {
        wide: bool,
        d: Reg,
        a: Reg,
    },
    MovPred {
        d: Reg,
        a: Reg,
    },
    NotPred {
        d: Reg,
        a: Reg,
    },
    Pred2 {
        op: Bool2,
        d: Reg,
        a: Reg,
        b: Reg,
    },
    Int2 {
        op: Int2,
        wide: bool,
        d: Reg,
        a: Reg,
        b: Reg,
    },
    Int1 {
        op: Int1,
        wide: bool,
        d: Reg,
        a: Reg,
    },
    /// `a b + c`; `high` takes the upper half of the product.
    Mad {
        wide: bool,
        high: Option<bool>,
        d: Reg,
        a: Reg,
        b: Reg,
        c: Reg,
    },
    /// The product of two 32-bit numbers in 64 bits, and `c` added where there is one.
    MulWide {
        signed: bool,
        d: Reg,
        a: Reg,
        b: Reg,
        c: Option<Reg>,
    },
    /// 32-bit `a + b`, or `a - b`, with carry in and out.
    Carry {
        subtract: bool,
        take: bool,
        give: bool,
        d: Reg,
        a: Reg,
        b: Reg,
    },
    BitInsert {
        wide: bool,
        d: Reg,
        a: Reg,
        b: Reg,
        c: Reg,
        e: Reg,
    },
    BitExtract {
        wide: bool,
        signed: bool,
        d: Reg,
        a: Reg,
        b: Reg,
        c: Reg,
    },
    /// A 64-bit window of `b:a` shifted.
    Funnel {
        left: bool,
        clamp: bool,
        d: Reg,
        a: Reg,
        b: Reg,
        c: Reg,
    },
    Lop3 {
        table: u8,
        d: Reg,
        a: Reg,
        b: Reg,
        c: Reg,
    },
    Permute {
        d: Reg,
        a: Reg,
        b: Reg,
        c: Reg,
    },
    Float2 {
        op: Float2,
        wide: bool,
        finish: Finish,
        d: Reg,
        a: Reg,
        b: Reg,
    },
    Float1 {
        op: Float1,
        wide: bool,
        finish: Finish,
        d: Reg,
        a: Reg,
    },
    Fma {
        wide: bool,
        finish: Finish,
        d: Reg,
        a: Reg,
        b: Reg,
        c: Reg,
    },
    Set {
        ty: Ty,
        compare: Compare,
        unordered: bool,
        flush: bool,
        d: Option<Reg>,
        other: Option<Reg>,
        a: Reg,
        b: Reg,
        with: Option<(Bool2, Reg, bool)>,
    },
    Select {
        wide: bool,
        d: Reg,
        a: Reg,
        b: Reg,
        p: Reg,
    },
    /// Integers of 32 and 64 bits.
    Extend {
        signed: bool,
        d: Reg,
        a: Reg,
    },
    Truncate {
        d: Reg,
        a: Reg,
    },
    Convert {
        to: Ty,
        from: Ty,
        integral: bool,
        finish: Finish,
        d: Reg,
        d_wide: bool,
        a: Reg,
    },
    Join {
        d: Reg,
        low: Reg,
        high: Reg,
    },
    Split {
        low: Option<Reg>,
        high: Option<Reg>,
        a: Reg,
    },
    /// Two 16-bit registers in one of 32 bits.
    JoinHalves {
        d: Reg,
        low: Reg,
        high: Reg,
    },
    SplitHalves {
        low: Option<Reg>,
        high: Option<Reg>,
        a: Reg,
    },
    LoadParam {
        ty: Ty,
        wide: bool,
        d: Reg,
        offset: usize,
    },
    Load {
        ty: Ty,
        wide: bool,
        d: Vec<Option<Reg>>,
        at: Address,
    },
    Store {
        ty: Ty,
        wide: bool,
        a: Vec<Reg>,
        at: Address,
    },
    Atomic {
        op: Atomic,
        ty: Ty,
        d: Option<Reg>,
        at: Address,
        b: Reg,
        c: Reg,
    },
    Shuffle {
        mode: Shuffle,
        d: Reg,
        p: Option<Reg>,
        a: Reg,
        b: Reg,
        c: Reg,
        members: Reg,
    },
    Vote {
        mode: Vote,
        d: Reg,
        a: Reg,
        negated: bool,
        members: Reg,
    },
    ActiveMask {
        d: Reg,
    },
    WarpBarrier {
        members: Reg,
    },
    Branch {
        to: usize,
    },
    Barrier,
    Exit,
    /// Ends the kernel with an error.
    Trap {
        cause: String,
    },
}

/// Where shared memory begins. These addresses fit in 32 bits, as PTX allows, and no allocation has them.
pub(crate) const SHARED: u64 = 0x0100_0000;
/// Where a kernel's parameters begin.
pub(crate) const PARAM: u64 = 0x0200_0000;
/// Where a thread's own memory begins.
pub(crate) const LOCAL: u64 = 0x4000_0000;
/// Where none of the three is any more.
pub(crate) const WINDOWS_END: u64 = 0x8000_0000;

/// A kernel, ready to run.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) name: String,
    pub(crate) code: Vec<Inst>,
    pub(crate) narrow: usize,
    pub(crate) wide: usize,
    pub(crate) predicates: usize,
    pub(crate) narrow_constants: Vec<(Reg, u32)>,
    pub(crate) wide_constants: Vec<(Reg, u64)>,
    pub(crate) specials: Vec<(Reg, Special)>,
    /// Offset and size of each parameter.
    pub(crate) params: Vec<(usize, usize)>,
    pub(crate) param_bytes: usize,
    pub(crate) shared_bytes: usize,
    pub(crate) local_bytes: usize,
    pub(crate) max_threads: u32,
    pub(crate) has_barrier: bool,
}
