//! The innermost loop of the gradient of the weight.
#![allow(unsafe_code)]

use super::microkernel::UNIT;
use crate::isa::{Isa, Plain, Vector, prefetch};

/// Most rows in a tile.
pub(super) const MOST_ROWS: usize = 12;

/// One tile: `sums[row][lane] = Σ values[row][place] gradients[place][lane]` over the places of some images.
pub(super) struct WeightTile {
    pub images: usize,
    /// Numbers from the values of one image to those of the next.
    pub image: usize,
    /// Rows and columns of places.
    pub output: [usize; 2],
    /// Numbers from the values of one row of places to the next.
    pub pitch: usize,
    /// Where the value of the first place stands, for each row of the tile.
    pub values: [*const f32; MOST_ROWS],
    /// The lanes of the first place; those of the others follow.
    pub gradients: *const f32,
    pub sums: *mut f32,
    /// Numbers from one row of the sums to the next.
    pub row: usize,
    /// Whether to add to what stands there.
    pub accumulate: bool,
}

/// A function that computes a tile of fixed size.
///
/// # Safety
/// The processor has the instruction set. Every number that [`WeightTile`] describes may be read or written, and no sum is
/// read or written by anyone else meanwhile.
pub(super) type Kernel = unsafe fn(&WeightTile);

/// Units of lanes in a tile for so many output channels.
pub(super) fn tile_units(isa: Isa, channels: usize) -> usize {
    let units = channels.div_ceil(UNIT);
    match isa {
        Isa::Avx512 if units <= 4 => units,
        Isa::Avx512 if units.is_multiple_of(4) => 4,
        Isa::Avx512 if units.is_multiple_of(3) => 3,
        Isa::Avx512 => 2,
        _ => 1,
    }
}

/// Rows in a tile of so many units.
pub(super) fn tile_rows(isa: Isa, units: usize) -> usize {
    match (isa, units) {
        (Isa::Avx512, 4) => 6,
        (Isa::Avx512, 3) => 9,
        (Isa::Avx512, _) => 12,
        (Isa::Avx2 | Isa::Neon, _) => 6,
        (Isa::Plain, _) => 4,
    }
}

/// The kernel for tiles of `rows` and `units`.
pub(super) fn kernel(isa: Isa, rows: usize, units: usize) -> Kernel {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => x86::avx512(rows, units),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => x86::avx2(rows, units),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => neon::select(rows, units),
        _ => select_plain(rows, units),
    }
}

#[inline(always)]
unsafe fn compute<V: Vector, const ROWS: usize, const REGISTERS: usize>(tile: &WeightTile) {
    // SAFETY (of the whole body): the caller vouches for the instruction set and for all that `WeightTile` describes.
    unsafe {
        let mut sums = [[V::splat(0.0); REGISTERS]; ROWS];
        // What is added to in the end is far away by now: it comes while the products are made.
        for m in 0..ROWS {
            for first in (0..REGISTERS * V::LANES).step_by(UNIT) {
                prefetch(tile.sums.wrapping_add(m * tile.row + first));
            }
        }
        let mut gradients = tile.gradients;
        for image in 0..tile.images {
            for row in 0..tile.output[0] {
                let start = image * tile.image + row * tile.pitch;
                for place in start..start + tile.output[1] {
                    let mut lanes = [V::splat(0.0); REGISTERS];
                    for (r, lanes) in lanes.iter_mut().enumerate() {
                        *lanes = V::load(gradients.add(r * V::LANES));
                    }
                    gradients = gradients.add(REGISTERS * V::LANES);
                    for (m, sums) in sums.iter_mut().enumerate() {
                        let value = V::splat(*tile.values[m].add(place));
                        for r in 0..REGISTERS {
                            sums[r] = sums[r].add_product(value, lanes[r]);
                        }
                    }
                }
            }
        }
        for (m, sums) in sums.iter().enumerate() {
            for (r, &sum) in sums.iter().enumerate() {
                let to = tile.sums.add(m * tile.row + r * V::LANES);
                if tile.accumulate { V::load(to).add(sum).store(to) } else { sum.store(to) }
            }
        }
    }
}

/// Chooses an instance of `$kernel<ROWS, REGISTERS>` at run time.
macro_rules! select {
    ($kernel:ident, $rows:ident, $units:ident, $(($u:literal, $registers:literal): $($r:literal)*),*) => {
        match ($rows, $units) {
            $($(($r, $u) => $kernel::<$r, $registers>,)*)*
            _ => unreachable!("no tile of {} rows and {} units", $rows, $units),
        }
    };
}

unsafe fn plain<const ROWS: usize, const REGISTERS: usize>(tile: &WeightTile) {
    // SAFETY: the caller's.
    unsafe { compute::<Plain, ROWS, REGISTERS>(tile) }
}

fn select_plain(rows: usize, units: usize) -> Kernel {
    select!(plain, rows, units, (1, 1): 1 2 3 4)
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use super::{Kernel, WeightTile, compute};
    use crate::isa::neon::float32x4_t;

    unsafe fn tile<const ROWS: usize, const REGISTERS: usize>(tile: &WeightTile) {
        // SAFETY: the caller's.
        unsafe { compute::<float32x4_t, ROWS, REGISTERS>(tile) }
    }

    pub(super) fn select(rows: usize, units: usize) -> Kernel {
        select!(tile, rows, units, (1, 4): 1 2 3 4 5 6)
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Kernel, WeightTile, compute};
    use crate::isa::x86::{__m256, __m512};

    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
    unsafe fn tile512<const ROWS: usize, const REGISTERS: usize>(tile: &WeightTile) {
        // SAFETY: the caller's.
        unsafe { compute::<__m512, ROWS, REGISTERS>(tile) }
    }

    #[target_feature(enable = "avx2,fma")]
    unsafe fn tile256<const ROWS: usize, const REGISTERS: usize>(tile: &WeightTile) {
        // SAFETY: the caller's.
        unsafe { compute::<__m256, ROWS, REGISTERS>(tile) }
    }

    pub(super) fn avx512(rows: usize, units: usize) -> Kernel {
        select!(
            tile512, rows, units,
            (4, 4): 1 2 3 4 5 6,
            (3, 3): 1 2 3 4 5 6 7 8 9,
            (2, 2): 1 2 3 4 5 6 7 8 9 10 11 12,
            (1, 1): 1 2 3 4 5 6 7 8 9 10 11 12
        )
    }

    pub(super) fn avx2(rows: usize, units: usize) -> Kernel {
        select!(tile256, rows, units, (1, 2): 1 2 3 4 5 6)
    }
}
