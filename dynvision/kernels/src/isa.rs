//! Instruction sets, and the vectors that kernels are written with.
#![allow(unsafe_code)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

/// The instruction set that the `f32` kernels use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Isa {
    /// Plain Rust, which the compiler vectorises for the target's baseline.
    Plain = 1,
    /// AVX2 and FMA.
    Avx2 = 2,
    /// AVX-512 (F, VL, DQ, BW) and FMA.
    Avx512 = 3,
    /// NEON, which every processor of AArch64 has.
    Neon = 4,
}

/// What [`limit`] allows: 0 for everything.
static LIMIT: AtomicU8 = AtomicU8::new(0);

/// The best instruction set of this processor, within [`limit`].
pub fn current() -> Isa {
    within(
        LIMIT.load(Ordering::Relaxed),
        *BEST.get_or_init(|| chosen(std::env::var(VARIABLE).ok().as_deref(), detected())),
    )
}

/// The environment variable that keeps a process from the better instruction sets: `portable`, `avx2`, `avx512` or `neon`. What
/// the processor does not have is not used. It is read once.
pub const VARIABLE: &str = "DYNVISION_ISA";

/// What the processor has and [`VARIABLE`] allows.
static BEST: OnceLock<Isa> = OnceLock::new();

fn chosen(variable: Option<&str>, detected: Isa) -> Isa {
    match variable.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "avx512" | "neon") => detected,
        Some("avx2") => within(Isa::Avx2 as u8, detected),
        Some("portable") => Isa::Plain,
        Some(other) => {
            eprintln!("{VARIABLE}={other} is none of `portable`, `avx2`, `avx512`, `neon` and changes nothing");
            detected
        }
    }
}

fn within(limit: u8, best: Isa) -> Isa {
    match limit {
        limit if limit == Isa::Plain as u8 => Isa::Plain,
        limit if limit == Isa::Avx2 as u8 && best == Isa::Avx512 => Isa::Avx2,
        _ => best,
    }
}

/// Lets no kernel use a better instruction set than `isa`, in the whole process; `None` lifts the limit.
///
/// For comparisons and tests: the best one is chosen by itself.
pub fn limit(isa: Option<Isa>) {
    LIMIT.store(isa.map_or(0, |isa| isa as u8), Ordering::Relaxed);
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
fn detected() -> Isa {
    use std::arch::is_x86_feature_detected as has;
    let avx2 = has!("avx2") && has!("fma");
    if avx2 && has!("avx512f") && has!("avx512vl") && has!("avx512dq") && has!("avx512bw") {
        Isa::Avx512
    } else if avx2 {
        Isa::Avx2
    } else {
        Isa::Plain
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn detected() -> Isa {
    if cfg!(all(target_arch = "aarch64", not(miri))) { Isa::Neon } else { Isa::Plain }
}

/// Measures how many products with sums all threads of rayon's current pool reach together with the instruction set of
/// [`current`], in GFLOP/s, two for each: the ceiling of every kernel. Takes about a tenth of a second.
///
/// ```
/// assert!(dynvision_kernels::isa::fma_peak() > 0.0);
/// ```
pub fn fma_peak() -> f64 {
    const ROUNDS: usize = 1 << 18;
    let (isa, threads) = (current(), rayon::current_num_threads());
    let lanes = match isa {
        Isa::Neon => 4,
        Isa::Avx2 => 8,
        Isa::Avx512 | Isa::Plain => 16,
    };
    let products = (threads * ROUNDS * CHAINS * lanes) as f64;
    let seconds = (0..20).map(|_| {
        let start = std::time::Instant::now();
        crate::parallel::tasks(threads, true, |_| {
            let mut sum = 0.0;
            // SAFETY: the instruction set was detected; `sum` is a number that may be written.
            unsafe { chains(isa, ROUNDS, &mut sum) };
            std::hint::black_box(sum);
        });
        start.elapsed().as_secs_f64()
    });
    2e-9 * products / seconds.fold(f64::INFINITY, f64::min)
}

/// Sums that do not wait for each other: as many as registers hold beside the factors.
const CHAINS: usize = 12;

dispatch! { chains, chains_by, (rounds: usize, into: &mut f32) }

#[inline(always)]
unsafe fn chains_by<V: Vector>(rounds: usize, into: &mut f32) {
    // SAFETY (of the whole body): the caller's instruction set; the widest vector has 16 lanes.
    unsafe {
        let (a, b) = (V::splat(std::hint::black_box(0.5)), V::splat(std::hint::black_box(0.25)));
        let mut sums = [a; CHAINS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = sum.add_product(a, b);
            }
        }
        let mut lanes = [0.0; 16];
        for sum in sums {
            sum.store(lanes.as_mut_ptr());
            *into += lanes[0];
        }
    }
}

/// Asks for the numbers at `from` ahead of time; they need not be there.
#[inline(always)]
pub(crate) fn prefetch(from: *const f32) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a hint, which every x86-64 processor has and which never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(from.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = from;
}

/// Instruction sets that this processor has: for tests.
#[doc(hidden)]
pub fn available() -> Vec<Isa> {
    let all = [Isa::Plain, Isa::Avx2, Isa::Avx512, Isa::Neon];
    all.into_iter().filter(|&isa| within(isa as u8, detected()) == isa).collect()
}

/// Runs `work` compiled for `isa`, so that the loops that are inlined into it are vectorised with it. The closure and what
/// it calls have to be `#[inline(always)]`: what is compiled by itself is compiled for the baseline.
#[inline(always)]
pub(super) fn compiled_for<R>(isa: Isa, work: impl FnOnce() -> R) -> R {
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `isa` was detected on this processor.
        Isa::Avx512 => unsafe { for_avx512(work) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx2 => unsafe { for_avx2(work) },
        _ => work(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
fn for_avx512<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn for_avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// Defines a function that runs a generic one with the vectors of an instruction set, compiled for it.
macro_rules! dispatch {
    ($(#[$doc:meta])* $vis:vis $name:ident, $generic:ident, ($($arg:ident: $type:ty),*)) => {
        $(#[$doc])*
        $vis unsafe fn $name(isa: crate::isa::Isa, $($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
            unsafe fn avx512($($arg: $type),*) {
                // SAFETY: the caller's.
                unsafe { $generic::<crate::isa::x86::__m512>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2($($arg: $type),*) {
                // SAFETY: the caller's.
                unsafe { $generic::<crate::isa::x86::__m256>($($arg),*) }
            }
            // SAFETY: the caller's; the instruction set was detected.
            unsafe {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    crate::isa::Isa::Avx512 => avx512($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    crate::isa::Isa::Avx2 => avx2($($arg),*),
                    #[cfg(target_arch = "aarch64")]
                    crate::isa::Isa::Neon => $generic::<crate::isa::neon::float32x4_t>($($arg),*),
                    _ => $generic::<crate::isa::Plain>($($arg),*),
                }
            }
        }
    };
}

pub(super) use dispatch;

/// `f32` numbers that one register holds.
///
/// # Safety
/// The methods may be called only on a processor that has the type's instruction set, from a function that is compiled
/// for it; pointers have to be valid for `LANES` numbers and need no alignment.
pub(super) trait Vector: Copy {
    /// Numbers in a register.
    const LANES: usize;

    /// One number in every lane.
    unsafe fn splat(value: f32) -> Self;
    /// The numbers at `from`.
    unsafe fn load(from: *const f32) -> Self;
    /// Writes the numbers to `to`.
    unsafe fn store(self, to: *mut f32);
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// `self - other`.
    unsafe fn sub(self, other: Self) -> Self;
    /// `self + a * b`.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
    /// The lanes of both in turn: the first half of them, then the second.
    unsafe fn interleave(self, other: Self) -> [Self; 2];
    /// The even lanes of both, then the odd ones.
    unsafe fn deal(self, other: Self) -> [Self; 2];
    /// In each lane, `[self, tag]` if `self` is larger than `other` or NaN, else `[other, other_tag]`.
    unsafe fn larger(self, other: Self, tag: Self, other_tag: Self) -> [Self; 2];
    /// In each lane, `self` if the tags are of the same bits, else zero.
    unsafe fn where_same(self, tag: Self, other_tag: Self) -> Self;
}

/// A register that is read and written in parts: the columns of a few short rows side by side.
///
/// # Safety
/// As for [`Vector`], where a pointer has to be valid only for the lanes whose bit is set in its mask.
pub(super) trait Parts: Vector {
    /// `P` parts of equally many lanes, part `p` from `from[p]`; zero where its mask has no bit.
    unsafe fn load_parts<const P: usize>(from: [*const f32; P], masks: [u16; P]) -> Self;
    /// Writes part `p` to `to[p]` where its mask has a bit.
    unsafe fn store_parts<const P: usize>(self, to: [*mut f32; P], masks: [u16; P]);
    /// The even lanes of both, then the odd ones, each in an order of the instruction set's own, which [`join`](Parts::join)
    /// undoes: what costs least. By default the order of [`deal`](Vector::deal).
    #[inline(always)]
    unsafe fn split(self, other: Self) -> [Self; 2] {
        // SAFETY: the caller's.
        unsafe { self.deal(other) }
    }
    /// Undoes [`split`](Parts::split).
    #[inline(always)]
    unsafe fn join(self, other: Self) -> [Self; 2] {
        // SAFETY: the caller's.
        unsafe { self.interleave(other) }
    }
    /// [`split`](Parts::split) of pairs, which leaves them in the order in which two splits leave groups of four.
    #[inline(always)]
    unsafe fn split_pairs(self, other: Self) -> [Self; 2] {
        // SAFETY: the caller's.
        unsafe { self.split(other) }
    }
    /// Undoes [`split_pairs`](Parts::split_pairs).
    #[inline(always)]
    unsafe fn join_pairs(self, other: Self) -> [Self; 2] {
        // SAFETY: the caller's.
        unsafe { self.join(other) }
    }
}

/// The numbers of `N` lanes in parts, as [`Parts::load_parts`] reads them.
#[inline(always)]
unsafe fn read_parts<const N: usize, const P: usize>(from: [*const f32; P], masks: [u16; P]) -> [f32; N] {
    let mut lanes = [0.0; N];
    for ((lanes, from), mask) in lanes.chunks_exact_mut(N / P).zip(from).zip(masks) {
        for (i, lane) in lanes.iter_mut().enumerate().filter(|(i, _)| mask >> i & 1 == 1) {
            // SAFETY: the caller's: the bit is set.
            *lane = unsafe { *from.wrapping_add(i) };
        }
    }
    lanes
}

/// Writes them, as [`Parts::store_parts`] does.
#[inline(always)]
unsafe fn write_parts<const N: usize, const P: usize>(lanes: [f32; N], to: [*mut f32; P], masks: [u16; P]) {
    for ((lanes, to), mask) in lanes.chunks_exact(N / P).zip(to).zip(masks) {
        for (i, &lane) in lanes.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1) {
            // SAFETY: the caller's: the bit is set.
            unsafe { *to.add(i) = lane };
        }
    }
}

/// Sixteen numbers in plain Rust.
#[derive(Clone, Copy)]
pub(super) struct Plain([f32; 16]);

impl Vector for Plain {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Plain([value; 16])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for 16 numbers.
        Plain(unsafe { from.cast::<[f32; 16]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for 16 numbers.
        unsafe { to.cast::<[f32; 16]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn add(mut self, other: Self) -> Self {
        for (lane, other) in self.0.iter_mut().zip(other.0) {
            *lane += other;
        }
        self
    }

    #[inline(always)]
    unsafe fn sub(mut self, other: Self) -> Self {
        for (lane, other) in self.0.iter_mut().zip(other.0) {
            *lane -= other;
        }
        self
    }

    #[inline(always)]
    unsafe fn interleave(self, other: Self) -> [Self; 2] {
        let lane = |i: usize| if i.is_multiple_of(2) { self.0[i / 2] } else { other.0[i / 2] };
        [Plain(std::array::from_fn(lane)), Plain(std::array::from_fn(|i| lane(16 + i)))]
    }

    #[inline(always)]
    unsafe fn deal(self, other: Self) -> [Self; 2] {
        let lane = |i: usize| if i < 16 { self.0[i] } else { other.0[i - 16] };
        [Plain(std::array::from_fn(|i| lane(2 * i))), Plain(std::array::from_fn(|i| lane(2 * i + 1)))]
    }

    #[inline(always)]
    unsafe fn larger(self, mut other: Self, tag: Self, mut other_tag: Self) -> [Self; 2] {
        for i in 0..16 {
            if self.0[i] > other.0[i] || self.0[i].is_nan() {
                (other.0[i], other_tag.0[i]) = (self.0[i], tag.0[i]);
            }
        }
        [other, other_tag]
    }

    #[inline(always)]
    unsafe fn where_same(mut self, tag: Self, other_tag: Self) -> Self {
        for (i, lane) in self.0.iter_mut().enumerate() {
            if tag.0[i].to_bits() != other_tag.0[i].to_bits() {
                *lane = 0.0;
            }
        }
        self
    }

    #[inline(always)]
    unsafe fn add_product(mut self, a: Self, b: Self) -> Self {
        for ((lane, a), b) in self.0.iter_mut().zip(a.0).zip(b.0) {
            *lane += a * b;
        }
        self
    }
}

impl Parts for Plain {
    #[inline(always)]
    unsafe fn load_parts<const P: usize>(from: [*const f32; P], masks: [u16; P]) -> Self {
        // SAFETY: the caller's.
        Plain(unsafe { read_parts(from, masks) })
    }

    #[inline(always)]
    unsafe fn store_parts<const P: usize>(self, to: [*mut f32; P], masks: [u16; P]) {
        // SAFETY: the caller's.
        unsafe { write_parts(self.0, to, masks) }
    }
}

/// A [`Vector`] by the intrinsics of an instruction set.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! vector {
    ($type:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident, $add:ident, $sub:ident, $fma:ident,
     $interleave:ident, $deal:ident,
     $larger:ident, $where_same:ident) => {
        // SAFETY (of every body): the caller of these methods vouches for the instruction set and the pointers.
        impl Vector for $type {
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn splat(value: f32) -> Self {
                unsafe { $splat(value) }
            }

            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                unsafe { $load(from) }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                unsafe { $store(to, self) }
            }

            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                unsafe { $add(self, other) }
            }

            #[inline(always)]
            unsafe fn sub(self, other: Self) -> Self {
                unsafe { $sub(self, other) }
            }

            #[inline(always)]
            unsafe fn add_product(self, a: Self, b: Self) -> Self {
                unsafe { $fma(a, b, self) }
            }

            #[inline(always)]
            unsafe fn interleave(self, other: Self) -> [Self; 2] {
                unsafe { $interleave(self, other) }
            }

            #[inline(always)]
            unsafe fn deal(self, other: Self) -> [Self; 2] {
                unsafe { $deal(self, other) }
            }

            #[inline(always)]
            unsafe fn larger(self, other: Self, tag: Self, other_tag: Self) -> [Self; 2] {
                unsafe { $larger(self, other, tag, other_tag) }
            }

            #[inline(always)]
            unsafe fn where_same(self, tag: Self, other_tag: Self) -> Self {
                unsafe { $where_same(self, tag, other_tag) }
            }
        }
    };
}

/// Four numbers in a register, with what every processor of AArch64 has.
#[cfg(target_arch = "aarch64")]
pub(super) mod neon {
    use super::{Parts, Vector, read_parts, write_parts};
    pub(crate) use std::arch::aarch64::float32x4_t;
    use std::arch::aarch64::*;

    #[rustfmt::skip]
    vector!(
        float32x4_t, 4, vdupq_n_f32, vld1q_f32, vst1q_f32, vaddq_f32, vsubq_f32, product_added,
        interleave, deal, larger, where_same
    );

    #[inline]
    #[target_feature(enable = "neon")]
    fn product_added(a: float32x4_t, b: float32x4_t, sum: float32x4_t) -> float32x4_t {
        vfmaq_f32(sum, a, b)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn interleave(a: float32x4_t, b: float32x4_t) -> [float32x4_t; 2] {
        [vzip1q_f32(a, b), vzip2q_f32(a, b)]
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn deal(a: float32x4_t, b: float32x4_t) -> [float32x4_t; 2] {
        [vuzp1q_f32(a, b), vuzp2q_f32(a, b)]
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn larger(a: float32x4_t, b: float32x4_t, tag: float32x4_t, other: float32x4_t) -> [float32x4_t; 2] {
        let is_number = vceqq_f32(a, a);
        let mask = vornq_u32(vcgtq_f32(a, b), is_number);
        [vbslq_f32(mask, a, b), vbslq_f32(mask, tag, other)]
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn where_same(a: float32x4_t, tag: float32x4_t, other: float32x4_t) -> float32x4_t {
        let mask = vceqq_u32(vreinterpretq_u32_f32(tag), vreinterpretq_u32_f32(other));
        vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), mask))
    }

    // SAFETY (of both bodies): the caller's; an array is as long as a register. There are no masked accesses.
    impl Parts for float32x4_t {
        #[inline(always)]
        unsafe fn load_parts<const P: usize>(from: [*const f32; P], masks: [u16; P]) -> Self {
            unsafe {
                if P == 1 && masks[0] & 15 == 15 {
                    return vld1q_f32(from[0]);
                }
                vld1q_f32(read_parts::<4, P>(from, masks).as_ptr())
            }
        }

        #[inline(always)]
        unsafe fn store_parts<const P: usize>(self, to: [*mut f32; P], masks: [u16; P]) {
            let mut lanes = [0.0; 4];
            unsafe {
                if P == 1 && masks[0] & 15 == 15 {
                    return vst1q_f32(to[0], self);
                }
                vst1q_f32(lanes.as_mut_ptr(), self);
                write_parts(lanes, to, masks);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use super::{Parts, Vector};
    use std::arch::x86_64::*;
    pub(crate) use std::arch::x86_64::{__m128, __m256, __m512};

    #[rustfmt::skip]
    vector!(
        __m512, 16, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_add_ps, _mm512_sub_ps, _mm512_fmadd_ps,
        interleave512, deal512, larger512, where_same512
    );
    #[rustfmt::skip]
    vector!(
        __m256, 8, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_add_ps, _mm256_sub_ps, _mm256_fmadd_ps,
        interleave256, deal256, larger256, where_same256
    );
    #[rustfmt::skip]
    vector!(
        __m128, 4, _mm_set1_ps, _mm_loadu_ps, _mm_storeu_ps, _mm_add_ps, _mm_sub_ps, _mm_fmadd_ps,
        interleave128, deal128, larger128, where_same128
    );

    // SAFETY (of every body): the caller of these methods vouches for the instruction set and, where bits are set, for the
    // pointers: a masked access touches nothing else.
    impl Parts for __m512 {
        #[inline(always)]
        unsafe fn load_parts<const P: usize>(from: [*const f32; P], masks: [u16; P]) -> Self {
            unsafe {
                match P {
                    1 => _mm512_maskz_loadu_ps(masks[0], from[0]),
                    2 => halves512([0, 1].map(|i| (masks[i] as u8, from[i]))),
                    4 => quarters512([0, 1, 2, 3].map(|i| (masks[i] as u8, from[i]))),
                    _ => unreachable!("{P} parts"),
                }
            }
        }

        #[inline(always)]
        unsafe fn store_parts<const P: usize>(self, to: [*mut f32; P], masks: [u16; P]) {
            unsafe {
                match P {
                    1 if masks[0] == u16::MAX => _mm512_storeu_ps(to[0], self),
                    1 => _mm512_mask_storeu_ps(to[0], masks[0], self),
                    2 => {
                        let halves = [_mm512_castps512_ps256(self), _mm512_extractf32x8_ps::<1>(self)];
                        for i in 0..2 {
                            match masks[i] as u8 {
                                u8::MAX => _mm256_storeu_ps(to[i], halves[i]),
                                mask => _mm256_mask_storeu_ps(to[i], mask, halves[i]),
                            }
                        }
                    }
                    4 => {
                        let quarters = [
                            _mm512_castps512_ps128(self),
                            _mm512_extractf32x4_ps::<1>(self),
                            _mm512_extractf32x4_ps::<2>(self),
                            _mm512_extractf32x4_ps::<3>(self),
                        ];
                        for i in 0..4 {
                            match masks[i] & 15 {
                                15 => _mm_storeu_ps(to[i], quarters[i]),
                                mask => _mm_mask_storeu_ps(to[i], mask as u8, quarters[i]),
                            }
                        }
                    }
                    _ => unreachable!("{P} parts"),
                }
            }
        }

        #[inline(always)]
        unsafe fn split(self, other: Self) -> [Self; 2] {
            unsafe { [_mm512_shuffle_ps::<0x88>(self, other), _mm512_shuffle_ps::<0xdd>(self, other)] }
        }

        #[inline(always)]
        unsafe fn join(self, other: Self) -> [Self; 2] {
            unsafe { [_mm512_unpacklo_ps(self, other), _mm512_unpackhi_ps(self, other)] }
        }

        #[inline(always)]
        unsafe fn split_pairs(self, other: Self) -> [Self; 2] {
            unsafe {
                let order = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
                let (a, b) = (_mm512_castps_pd(self), _mm512_castps_pd(other));
                let (a, b) = (_mm512_permutexvar_pd(order, a), _mm512_permutexvar_pd(order, b));
                _mm512_castpd_ps(a).split(_mm512_castpd_ps(b))
            }
        }

        #[inline(always)]
        unsafe fn join_pairs(self, other: Self) -> [Self; 2] {
            unsafe {
                let order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
                let [a, b] = self.join(other);
                let (a, b) = (_mm512_castps_pd(a), _mm512_castps_pd(b));
                let (a, b) = (_mm512_permutexvar_pd(order, a), _mm512_permutexvar_pd(order, b));
                [_mm512_castpd_ps(a), _mm512_castpd_ps(b)]
            }
        }
    }

    // SAFETY (of every body): as above.
    impl Parts for __m256 {
        #[inline(always)]
        unsafe fn load_parts<const P: usize>(from: [*const f32; P], masks: [u16; P]) -> Self {
            unsafe {
                match P {
                    1 if masks[0] & 255 == 255 => _mm256_loadu_ps(from[0]),
                    1 => _mm256_maskload_ps(from[0], mask256(masks[0])),
                    2 if masks[0] & masks[1] & 15 == 15 => {
                        _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(_mm_loadu_ps(from[0])), _mm_loadu_ps(from[1]))
                    }
                    2 => {
                        let low = _mm_maskload_ps(from[0], _mm256_castsi256_si128(mask256(masks[0])));
                        let high = _mm_maskload_ps(from[1], _mm256_castsi256_si128(mask256(masks[1])));
                        _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(low), high)
                    }
                    _ => unreachable!("{P} parts"),
                }
            }
        }

        #[inline(always)]
        unsafe fn store_parts<const P: usize>(self, to: [*mut f32; P], masks: [u16; P]) {
            unsafe {
                match P {
                    1 if masks[0] & 255 == 255 => _mm256_storeu_ps(to[0], self),
                    1 => _mm256_maskstore_ps(to[0], mask256(masks[0]), self),
                    2 => {
                        let halves = [_mm256_castps256_ps128(self), _mm256_extractf128_ps::<1>(self)];
                        for i in 0..2 {
                            match masks[i] & 15 {
                                15 => _mm_storeu_ps(to[i], halves[i]),
                                mask => _mm_maskstore_ps(to[i], _mm256_castsi256_si128(mask256(mask)), halves[i]),
                            }
                        }
                    }
                    _ => unreachable!("{P} parts"),
                }
            }
        }

        #[inline(always)]
        unsafe fn split(self, other: Self) -> [Self; 2] {
            unsafe { [_mm256_shuffle_ps::<0x88>(self, other), _mm256_shuffle_ps::<0xdd>(self, other)] }
        }

        #[inline(always)]
        unsafe fn join(self, other: Self) -> [Self; 2] {
            unsafe { [_mm256_unpacklo_ps(self, other), _mm256_unpackhi_ps(self, other)] }
        }

        #[inline(always)]
        unsafe fn split_pairs(self, other: Self) -> [Self; 2] {
            unsafe {
                let (a, b) = (_mm256_castps_pd(self), _mm256_castps_pd(other));
                let (a, b) = (_mm256_permute4x64_pd::<0xd8>(a), _mm256_permute4x64_pd::<0xd8>(b));
                _mm256_castpd_ps(a).split(_mm256_castpd_ps(b))
            }
        }

        #[inline(always)]
        unsafe fn join_pairs(self, other: Self) -> [Self; 2] {
            unsafe {
                let [a, b] = self.join(other);
                let (a, b) = (_mm256_castps_pd(a), _mm256_castps_pd(b));
                let (a, b) = (_mm256_permute4x64_pd::<0xd8>(a), _mm256_permute4x64_pd::<0xd8>(b));
                [_mm256_castpd_ps(a), _mm256_castpd_ps(b)]
            }
        }
    }

    /// # Safety
    /// Where bits are set, the pointers are valid.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl,avx512dq")]
    unsafe fn halves512([(low, a), (high, b)]: [(u8, *const f32); 2]) -> __m512 {
        // SAFETY: the caller's.
        unsafe {
            let low = _mm512_castps256_ps512(_mm256_maskz_loadu_ps(low, a));
            _mm512_insertf32x8::<1>(low, _mm256_maskz_loadu_ps(high, b))
        }
    }

    /// # Safety
    /// Where bits are set, the pointers are valid.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    unsafe fn quarters512([a, b, c, d]: [(u8, *const f32); 4]) -> __m512 {
        // SAFETY: the caller's.
        unsafe {
            let all = _mm512_castps128_ps512(_mm_maskz_loadu_ps(a.0, a.1));
            let all = _mm512_insertf32x4::<1>(all, _mm_maskz_loadu_ps(b.0, b.1));
            let all = _mm512_insertf32x4::<2>(all, _mm_maskz_loadu_ps(c.0, c.1));
            _mm512_insertf32x4::<3>(all, _mm_maskz_loadu_ps(d.0, d.1))
        }
    }

    /// The lanes whose bit is set, as AVX's masked accesses want them.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn mask256(mask: u16) -> __m256i {
        let bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
        _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(mask.into()), bits), bits)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn interleave512(a: __m512, b: __m512) -> [__m512; 2] {
        let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        let high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        [_mm512_permutex2var_ps(a, low, b), _mm512_permutex2var_ps(a, high, b)]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn interleave256(a: __m256, b: __m256) -> [__m256; 2] {
        let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
        [_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high)]
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn larger512(a: __m512, b: __m512, tag: __m512, other: __m512) -> [__m512; 2] {
        let mask = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a);
        [_mm512_mask_mov_ps(b, mask, a), _mm512_mask_mov_ps(other, mask, tag)]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn larger256(a: __m256, b: __m256, tag: __m256, other: __m256) -> [__m256; 2] {
        let mask = _mm256_or_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, b), _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a));
        [_mm256_blendv_ps(b, a, mask), _mm256_blendv_ps(other, tag, mask)]
    }

    #[inline]
    #[target_feature(enable = "avx")]
    fn larger128(a: __m128, b: __m128, tag: __m128, other: __m128) -> [__m128; 2] {
        let mask = _mm_or_ps(_mm_cmp_ps::<_CMP_GT_OQ>(a, b), _mm_cmp_ps::<_CMP_UNORD_Q>(a, a));
        [_mm_blendv_ps(b, a, mask), _mm_blendv_ps(other, tag, mask)]
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn where_same512(a: __m512, tag: __m512, other: __m512) -> __m512 {
        let mask = _mm512_cmpeq_epi32_mask(_mm512_castps_si512(tag), _mm512_castps_si512(other));
        _mm512_maskz_mov_ps(mask, a)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn where_same256(a: __m256, tag: __m256, other: __m256) -> __m256 {
        let mask = _mm256_cmpeq_epi32(_mm256_castps_si256(tag), _mm256_castps_si256(other));
        _mm256_and_ps(a, _mm256_castsi256_ps(mask))
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn where_same128(a: __m128, tag: __m128, other: __m128) -> __m128 {
        let mask = _mm_cmpeq_epi32(_mm_castps_si128(tag), _mm_castps_si128(other));
        _mm_and_ps(a, _mm_castsi128_ps(mask))
    }

    #[inline]
    #[target_feature(enable = "sse")]
    fn interleave128(a: __m128, b: __m128) -> [__m128; 2] {
        [_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b)]
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn deal512(a: __m512, b: __m512) -> [__m512; 2] {
        let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        let odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
        [_mm512_permutex2var_ps(a, even, b), _mm512_permutex2var_ps(a, odd, b)]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn deal256(a: __m256, b: __m256) -> [__m256; 2] {
        let halves = [_mm256_shuffle_ps::<0x88>(a, b), _mm256_shuffle_ps::<0xdd>(a, b)];
        let [even, odd] = halves;
        [
            _mm256_castpd_ps(_mm256_permute4x64_pd::<0xd8>(_mm256_castps_pd(even))),
            _mm256_castpd_ps(_mm256_permute4x64_pd::<0xd8>(_mm256_castps_pd(odd))),
        ]
    }

    #[inline]
    #[target_feature(enable = "sse")]
    fn deal128(a: __m128, b: __m128) -> [__m128; 2] {
        [_mm_shuffle_ps::<0x88>(a, b), _mm_shuffle_ps::<0xdd>(a, b)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The limit itself is not set here: other tests compare bits meanwhile.
    #[test]
    fn the_variable_takes_away_and_never_adds() {
        for best in [Isa::Plain, Isa::Avx2, Isa::Avx512, Isa::Neon] {
            assert_eq!(chosen(None, best), best);
            assert_eq!(chosen(Some("avx512"), best), best);
            assert_eq!(chosen(Some("neon"), best), best);
            assert_eq!(chosen(Some("nonsense"), best), best);
            assert_eq!(chosen(Some("Portable"), best), Isa::Plain);
            let limited = if best == Isa::Avx512 { Isa::Avx2 } else { best };
            assert_eq!(chosen(Some("avx2"), best), limited);
        }
    }

    #[test]
    fn a_limit_only_lowers() {
        let all = [Isa::Plain, Isa::Avx2, Isa::Avx512];
        for best in all {
            assert_eq!(within(0, best), best, "no limit");
            for limit in all {
                let lower = if (limit as u8) < best as u8 { limit } else { best };
                assert_eq!(within(limit as u8, best), lower);
            }
        }
        // sets of other processors limit nothing
        for isa in all {
            assert_eq!(within(Isa::Neon as u8, isa), isa);
            assert_eq!(within(isa as u8, Isa::Neon), if isa == Isa::Plain { isa } else { Isa::Neon });
        }
        assert_eq!(available().last(), Some(&detected()));
    }
}
