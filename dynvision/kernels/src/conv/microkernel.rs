//! The innermost loops: a tile of the output stays in registers while the sum over channels and taps runs.
#![allow(unsafe_code)]
#![allow(clippy::needless_range_loop, reason = "indices are those of registers")]

use crate::isa::{Isa, Plain, Vector, prefetch};

/// Numbers that all instruction sets count in: places of the output are handled in units of this many.
pub(super) const UNIT: usize = 16;

/// Most units in a tile.
pub(super) const MOST_UNITS: usize = 4;

/// Most rows (channels of the output) in a tile.
pub(super) const MOST_ROWS: usize = 12;

/// Terms by which the weights are asked for ahead: they come from afar, and each is read once for many values.
const AHEAD: usize = 64;

/// One tile to compute: `out[m][v] = onto[m][v] + bias[m] + Σ_k weights[k][m] values[k][v]` over rows `m` and units `v`.
pub(super) struct OutputTile {
    /// Terms of the sum.
    pub depth: usize,
    /// Packed weights, `rows` numbers for every term.
    pub weights: *const f32,
    /// Where the values of each unit start. Term `k` stands `offsets[k]` further; if the values are packed, only the
    /// first pointer counts, and term `k` stands `k * units * UNIT` further.
    pub values: [*const f32; MOST_UNITS],
    /// Where the values of each term stand.
    pub offsets: *const u32,
    /// Where each unit of the first row goes.
    pub outputs: [*mut f32; MOST_UNITS],
    /// Numbers from one row of the output to the next.
    pub row: usize,
    /// What the tile is added to: it stands as the outputs do, and may be the outputs.
    pub onto: Option<[*const f32; MOST_UNITS]>,
    /// One number for each row.
    pub bias: *const f32,
}

/// A function that computes a tile of fixed size.
///
/// # Safety
/// The processor has the instruction set. Every number that [`OutputTile`] describes may be read or written, and no output is
/// read or written by anyone else meanwhile.
pub(super) type Kernel = unsafe fn(&OutputTile);

/// The kernel for tiles of `rows` and `units`, whose values are read from where they stand (`direct`) or packed.
pub(super) fn kernel(isa: Isa, rows: usize, units: usize, direct: bool) -> Kernel {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => x86::avx512(rows, units, direct),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => x86::avx2(rows, units, direct),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => neon::select(rows, units, direct),
        _ => select_plain(rows, units, direct),
    }
}

/// The best tile for `channels` of output, as (rows, units): the fewest cycles where two products are issued in a cycle,
/// a product takes four, and an operand costs half of one; plus a little for starting a tile.
pub(super) fn best_tile(isa: Isa, channels: usize) -> (usize, usize) {
    let candidates: &[(usize, usize)] = match isa {
        Isa::Avx512 => &[(6, 4), (8, 3), (11, 2), (12, 2)],
        Isa::Avx2 | Isa::Neon => &[(6, 1), (5, 1), (4, 1)],
        Isa::Plain => &[(4, 1), (3, 1), (2, 1)],
    };
    // a unit is four registers of NEON
    let products = if isa == Isa::Neon { 8 } else { 2 };
    let cost = |&(rows, units): &(usize, usize)| {
        let panel = |rows: usize| (rows * units * products).max(rows + units).max(16) + 1;
        let rest = channels % rows;
        (channels / rows * panel(rows) + if rest > 0 { panel(rest) } else { 0 }) * 12 / units
    };
    candidates.iter().copied().min_by_key(cost).unwrap_or((1, 1))
}

/// `V::LANES * REGISTERS` numbers to a row; a unit is `UNIT / V::LANES` registers.
#[inline(always)]
unsafe fn compute<V: Vector, const ROWS: usize, const REGISTERS: usize, const DIRECT: bool>(tile: &OutputTile) {
    let per_unit = UNIT / V::LANES;
    // SAFETY (of the whole body): the caller vouches for the instruction set and for all that `OutputTile` describes; register
    // `r` is part `r % per_unit` of unit `r / per_unit`, so no access leaves a unit.
    unsafe {
        let mut sums = [[V::splat(0.0); REGISTERS]; ROWS];
        let mut weights = tile.weights;
        let mut packed = tile.values[0];
        for k in 0..tile.depth {
            let mut values = [V::splat(0.0); REGISTERS];
            if DIRECT {
                let offset = *tile.offsets.add(k) as usize;
                for r in 0..REGISTERS {
                    values[r] = V::load(tile.values[r / per_unit].add(offset + r % per_unit * V::LANES));
                }
            } else {
                for (r, value) in values.iter_mut().enumerate() {
                    *value = V::load(packed.add(r * V::LANES));
                }
                packed = packed.add(REGISTERS * V::LANES);
            }
            prefetch(weights.wrapping_add(ROWS * AHEAD));
            for (m, sums) in sums.iter_mut().enumerate() {
                let weight = V::splat(*weights.add(m));
                for r in 0..REGISTERS {
                    sums[r] = sums[r].add_product(weight, values[r]);
                }
            }
            weights = weights.add(ROWS);
        }
        for (m, sums) in sums.iter().enumerate() {
            let bias = V::splat(*tile.bias.add(m));
            for (r, &sum) in sums.iter().enumerate() {
                let (unit, at) = (r / per_unit, m * tile.row + r % per_unit * V::LANES);
                let (to, sum) = (tile.outputs[unit].add(at), sum.add(bias));
                match &tile.onto {
                    Some(onto) => V::load(onto[unit].add(at)).add(sum).store(to),
                    None => sum.store(to),
                }
            }
        }
    }
}

/// Chooses an instance of `$kernel<ROWS, REGISTERS, DIRECT>` at run time.
macro_rules! select {
    ($kernel:ident, $rows:ident, $units:ident, $direct:ident, $(($r:literal, $u:literal, $registers:literal)),*) => {
        match ($rows, $units, $direct) {
            $(($r, $u, true) => $kernel::<$r, $registers, true>, ($r, $u, false) => $kernel::<$r, $registers, false>,)*
            _ => unreachable!("no tile of {} rows and {} units", $rows, $units),
        }
    };
}

unsafe fn plain<const ROWS: usize, const REGISTERS: usize, const DIRECT: bool>(tile: &OutputTile) {
    // SAFETY: the caller's.
    unsafe { compute::<Plain, ROWS, REGISTERS, DIRECT>(tile) }
}

fn select_plain(rows: usize, units: usize, direct: bool) -> Kernel {
    select!(plain, rows, units, direct, (1, 1, 1), (2, 1, 1), (3, 1, 1), (4, 1, 1))
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use super::{Kernel, OutputTile, compute};
    use crate::isa::neon::float32x4_t;

    unsafe fn tile<const ROWS: usize, const REGISTERS: usize, const DIRECT: bool>(tile: &OutputTile) {
        // SAFETY: the caller's.
        unsafe { compute::<float32x4_t, ROWS, REGISTERS, DIRECT>(tile) }
    }

    #[rustfmt::skip]
    pub(super) fn select(rows: usize, units: usize, direct: bool) -> Kernel {
        select!(
            tile, rows, units, direct, (1, 1, 4), (2, 1, 4), (3, 1, 4), (4, 1, 4), (5, 1, 4), (6, 1, 4)
        )
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Kernel, OutputTile, compute};
    use crate::isa::x86::{__m256, __m512};

    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
    unsafe fn tile512<const ROWS: usize, const REGISTERS: usize, const DIRECT: bool>(tile: &OutputTile) {
        // SAFETY: the caller's.
        unsafe { compute::<__m512, ROWS, REGISTERS, DIRECT>(tile) }
    }

    #[target_feature(enable = "avx2,fma")]
    unsafe fn tile256<const ROWS: usize, const REGISTERS: usize, const DIRECT: bool>(tile: &OutputTile) {
        // SAFETY: the caller's.
        unsafe { compute::<__m256, ROWS, REGISTERS, DIRECT>(tile) }
    }

    #[rustfmt::skip]
    pub(super) fn avx512(rows: usize, units: usize, direct: bool) -> Kernel {
        select!(
            tile512, rows, units, direct,
            (1, 4, 4), (2, 4, 4), (3, 4, 4), (4, 4, 4), (5, 4, 4), (6, 4, 4),
            (1, 3, 3), (2, 3, 3), (3, 3, 3), (4, 3, 3), (5, 3, 3), (6, 3, 3), (7, 3, 3), (8, 3, 3),
            (1, 2, 2), (2, 2, 2), (3, 2, 2), (4, 2, 2), (5, 2, 2), (6, 2, 2), (7, 2, 2), (8, 2, 2), (9, 2, 2),
            (10, 2, 2), (11, 2, 2), (12, 2, 2),
            (1, 1, 1), (2, 1, 1), (3, 1, 1), (4, 1, 1), (5, 1, 1), (6, 1, 1), (7, 1, 1), (8, 1, 1), (9, 1, 1),
            (10, 1, 1), (11, 1, 1), (12, 1, 1)
        )
    }

    #[rustfmt::skip]
    pub(super) fn avx2(rows: usize, units: usize, direct: bool) -> Kernel {
        select!(
            tile256, rows, units, direct, (1, 1, 2), (2, 1, 2), (3, 1, 2), (4, 1, 2), (5, 1, 2), (6, 1, 2)
        )
    }
}
