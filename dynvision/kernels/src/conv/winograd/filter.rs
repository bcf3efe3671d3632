//! Minimal filters F(m, 3) of Winograd, in one dimension: `m` values of a convolution with three taps by `m + 2` products,
//! where the definition has `3 m`. In two dimensions F(m x m, 3x3) is `Y = Aᵀ [(G g Gᵀ) ∘ (Bᵀ d B)] A`, where `d` is
//! (m + 2)² values of the input, `g` the 3x3 weights and `Y` m² values of the output (Lavin and Gray, 2016).
#![allow(unsafe_code)]

use crate::isa::Vector;

/// A minimal filter that makes `M` values with `S = M + 2` products.
///
/// # Safety
/// The methods with vectors may be called where those of [`Vector`] may.
pub(super) trait Minimal<const M: usize, const S: usize> {
    /// `G` of the taps.
    fn taps(g: [f32; 3]) -> [f32; S];
    /// `Bᵀ` of the input.
    unsafe fn input<V: Vector>(d: [V; S]) -> [V; S];
    /// `Aᵀ` of the products.
    unsafe fn output<V: Vector>(m: [V; S]) -> [V; M];
    /// The lanes of all registers, taken one after the other, dealt out in turn.
    unsafe fn deal<V: Vector>(registers: [V; M]) -> [V; M];
    /// The lanes of all registers in turn: undoes [`deal`](Minimal::deal).
    unsafe fn interleave<V: Vector>(lanes: [V; M]) -> [V; M];
}

/// F(2, 3): 4 products where the definition has 6.
pub(super) struct Two;

/// F(4, 3): 6 products where the definition has 12. Its constants cost about a digit of precision.
pub(super) struct Four;

// SAFETY (of all bodies below): the caller's instruction set.

impl Minimal<2, 4> for Two {
    #[inline]
    fn taps([a, b, c]: [f32; 3]) -> [f32; 4] {
        [a, 0.5 * (a + b + c), 0.5 * (a - b + c), c]
    }

    #[inline(always)]
    unsafe fn input<V: Vector>(d: [V; 4]) -> [V; 4] {
        unsafe { [d[0].sub(d[2]), d[1].add(d[2]), d[2].sub(d[1]), d[1].sub(d[3])] }
    }

    #[inline(always)]
    unsafe fn output<V: Vector>(m: [V; 4]) -> [V; 2] {
        unsafe { [m[0].add(m[1]).add(m[2]), m[1].sub(m[2]).sub(m[3])] }
    }

    #[inline(always)]
    unsafe fn deal<V: Vector>([a, b]: [V; 2]) -> [V; 2] {
        unsafe { a.deal(b) }
    }

    #[inline(always)]
    unsafe fn interleave<V: Vector>([a, b]: [V; 2]) -> [V; 2] {
        unsafe { a.interleave(b) }
    }
}

impl Minimal<4, 6> for Four {
    #[inline]
    fn taps([a, b, c]: [f32; 3]) -> [f32; 6] {
        let (ends, outer) = (a + c, a / 24.0 + c / 6.0);
        [a / 4.0, -(ends + b) / 6.0, (b - ends) / 6.0, outer + b / 12.0, outer - b / 12.0, c]
    }

    #[inline(always)]
    unsafe fn input<V: Vector>(d: [V; 6]) -> [V; 6] {
        unsafe {
            let (minus_five, minus_four, four) = (V::splat(-5.0), V::splat(-4.0), V::splat(4.0));
            let (even, odd) = (d[4].add_product(minus_four, d[2]), d[3].add_product(minus_four, d[1]));
            let (outer, inner) = (d[4].sub(d[2]), d[3].sub(d[1]));
            let inner = inner.add(inner);
            [
                d[4].add_product(four, d[0]).add_product(minus_five, d[2]),
                even.add(odd),
                even.sub(odd),
                outer.add(inner),
                outer.sub(inner),
                d[5].add_product(four, d[1]).add_product(minus_five, d[3]),
            ]
        }
    }

    #[inline(always)]
    unsafe fn output<V: Vector>(m: [V; 6]) -> [V; 4] {
        unsafe {
            let (sum, difference) = (m[1].add(m[2]), m[1].sub(m[2]));
            let (outer_sum, outer_difference) = (m[3].add(m[4]), m[3].sub(m[4]));
            [
                m[0].add(sum).add(outer_sum),
                difference.add_product(V::splat(2.0), outer_difference),
                sum.add_product(V::splat(4.0), outer_sum),
                difference.add_product(V::splat(8.0), outer_difference).add(m[5]),
            ]
        }
    }

    #[inline(always)]
    unsafe fn deal<V: Vector>([a, b, c, d]: [V; 4]) -> [V; 4] {
        unsafe {
            let ([even, odd], [more_even, more_odd]) = (a.deal(b), c.deal(d));
            let ([first, third], [second, fourth]) = (even.deal(more_even), odd.deal(more_odd));
            [first, second, third, fourth]
        }
    }

    #[inline(always)]
    unsafe fn interleave<V: Vector>([a, b, c, d]: [V; 4]) -> [V; 4] {
        unsafe {
            let ([even, more_even], [odd, more_odd]) = (a.interleave(c), b.interleave(d));
            let ([first, second], [third, fourth]) = (even.interleave(odd), more_even.interleave(more_odd));
            [first, second, third, fourth]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Plain;

    /// `Aᵀ [(G g) ∘ (Bᵀ d)]` of the same numbers in all lanes.
    fn filtered<F: Minimal<M, S>, const M: usize, const S: usize>(g: [f32; 3], d: [f32; S]) -> [f32; M] {
        // SAFETY: plain Rust needs no instruction set, and the arrays hold a whole register.
        unsafe {
            let (taps, input) = (F::taps(g), F::input(d.map(|d| Plain::splat(d))));
            let products = std::array::from_fn(|i| Plain::splat(0.0).add_product(Plain::splat(taps[i]), input[i]));
            F::output::<Plain>(products).map(|made| {
                let mut lanes = [0.0; 16];
                made.store(lanes.as_mut_ptr());
                lanes[0]
            })
        }
    }

    #[test]
    fn filters_are_correlations() {
        let (g, d) = ([0.5, -2.0, 3.0], [1.0, -4.0, 2.5, 0.75, -1.5, 6.0]);
        let want = |i: usize| g[0] * d[i] + g[1] * d[i + 1] + g[2] * d[i + 2];
        let two: [f32; 2] = filtered::<Two, 2, 4>(g, [d[0], d[1], d[2], d[3]]);
        let four: [f32; 4] = filtered::<Four, 4, 6>(g, d);
        assert_eq!(two, [want(0), want(1)]);
        for (i, made) in four.into_iter().enumerate() {
            assert!((made - want(i)).abs() < 1e-4, "{made} for {}", want(i));
        }
    }

    #[test]
    fn lanes_are_dealt_out_and_put_back() {
        // SAFETY: plain Rust needs no instruction set, and the arrays hold whole registers.
        unsafe {
            let numbers: [f32; 64] = std::array::from_fn(|i| i as f32);
            let registers: [Plain; 4] = std::array::from_fn(|i| Plain::load(numbers[16 * i..].as_ptr()));
            let dealt = Four::deal(registers);
            let mut lanes = [0.0; 64];
            for (i, back) in Four::interleave(dealt).into_iter().enumerate() {
                back.store(lanes[16 * i..].as_mut_ptr());
            }
            assert_eq!(lanes, numbers);
            for (i, dealt) in dealt.into_iter().enumerate() {
                dealt.store(lanes[16 * i..].as_mut_ptr());
            }
            assert_eq!(lanes, std::array::from_fn(|i| (i % 16 * 4 + i / 16) as f32));
        }
    }
}
