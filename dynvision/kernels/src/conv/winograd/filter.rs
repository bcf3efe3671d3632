//! Minimal filters F(m, 3) of Winograd, in one dimension: `m` values of a convolution with three taps by `m + 2` products,
//! where the definition has `3 m`. In two dimensions F(m x n, 3x3) is `Y = Aᵀ [(G g G'ᵀ) ∘ (Bᵀ d B')] A'`, where `d` is
//! (m + 2) (n + 2) values of the input, `g` the 3x3 weights and `Y` m n values of the output (Lavin and Gray, 2016); the
//! matrices with a prime are those of F(n, 3).
#![allow(unsafe_code)]

use crate::isa::{Parts, Vector};

/// A minimal filter that makes `M` values with `S = M + 2` products.
///
/// # Safety
/// The methods with vectors may be called where those of [`Vector`] may.
pub(super) trait Minimal<const M: usize, const S: usize> {
    /// `G` of the taps.
    fn taps(g: [f64; 3]) -> [f64; S];
    /// `Bᵀ` of the input.
    unsafe fn input<V: Vector>(d: [V; S]) -> [V; S];
    /// `Aᵀ` of the products.
    unsafe fn output<V: Vector>(m: [V; S]) -> [V; M];
    /// The first values of all tiles, their second values, and so on, from registers that hold tile after tile. The tiles are
    /// in an order of the instruction set's own.
    unsafe fn split<V: Parts>(registers: [V; M]) -> [V; M];
    /// Undoes [`split`](Minimal::split).
    unsafe fn join<V: Parts>(lanes: [V; M]) -> [V; M];
}

/// F(2, 3): 4 products where the definition has 6.
pub(super) struct Two;

/// F(4, 3): 6 products where the definition has 12.
///
/// It interpolates at 0, ±3/4, ±3/2 and infinity, whose matrices `A` and `B` are exact in `f32`. What rounding adds depends on the
/// points: in two dimensions these make half of the error of 0, ±1, ±2 and infinity (Barabasz et al., 2020, search for such points).
pub(super) struct Four;

// SAFETY (of all bodies below): the caller's instruction set.

impl Minimal<2, 4> for Two {
    #[inline]
    fn taps([a, b, c]: [f64; 3]) -> [f64; 4] {
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
    unsafe fn split<V: Parts>([a, b]: [V; 2]) -> [V; 2] {
        unsafe { a.split(b) }
    }

    #[inline(always)]
    unsafe fn join<V: Parts>([a, b]: [V; 2]) -> [V; 2] {
        unsafe { a.join(b) }
    }
}

/// The inner and the outer point of [`Four`], their squares and third powers.
const INNER: [f32; 3] = [0.75, 0.5625, 0.421875];
const OUTER: [f32; 3] = [1.5, 2.25, 3.375];

impl Minimal<4, 6> for Four {
    #[inline]
    fn taps([a, b, c]: [f64; 3]) -> [f64; 6] {
        let [inner, outer] = [INNER, OUTER].map(|[point, square, _]| (f64::from(point), f64::from(square)));
        // the product of a point's distances from the others
        let apart = |(_, own): (f64, f64), (_, other): (f64, f64)| 2.0 * own * (own - other);
        let at =
            |(point, square), scale: f64| [(a + square * c + point * b) / scale, (a + square * c - point * b) / scale];
        let ([p, q], [r, s]) = (at(inner, apart(inner, outer)), at(outer, apart(outer, inner)));
        [a / (inner.1 * outer.1), p, q, r, s, c]
    }

    #[inline(always)]
    unsafe fn input<V: Vector>(d: [V; 6]) -> [V; 6] {
        unsafe {
            let (sum, product) = (V::splat(-INNER[1] - OUTER[1]), V::splat(INNER[1] * OUTER[1]));
            let (inner, outer) = (V::splat(-INNER[1]), V::splat(-OUTER[1]));
            // what a point and its negative have in common, and where they differ
            let (even, odd) = (d[4].add_product(outer, d[2]), d[3].add_product(outer, d[1]));
            let (far_even, far_odd) = (d[4].add_product(inner, d[2]), d[3].add_product(inner, d[1]));
            [
                d[4].add_product(sum, d[2]).add_product(product, d[0]),
                even.add_product(V::splat(INNER[0]), odd),
                even.add_product(V::splat(-INNER[0]), odd),
                far_even.add_product(V::splat(OUTER[0]), far_odd),
                far_even.add_product(V::splat(-OUTER[0]), far_odd),
                d[5].add_product(sum, d[3]).add_product(product, d[1]),
            ]
        }
    }

    #[inline(always)]
    unsafe fn output<V: Vector>(m: [V; 6]) -> [V; 4] {
        unsafe {
            let (even, odd) = (m[1].add(m[2]), m[1].sub(m[2]));
            let (far_even, far_odd) = (m[3].add(m[4]), m[3].sub(m[4]));
            let zero = V::splat(0.0);
            [
                m[0].add(even).add(far_even),
                zero.add_product(V::splat(INNER[0]), odd).add_product(V::splat(OUTER[0]), far_odd),
                zero.add_product(V::splat(INNER[1]), even).add_product(V::splat(OUTER[1]), far_even),
                m[5].add_product(V::splat(INNER[2]), odd).add_product(V::splat(OUTER[2]), far_odd),
            ]
        }
    }

    #[inline(always)]
    unsafe fn split<V: Parts>([a, b, c, d]: [V; 4]) -> [V; 4] {
        unsafe {
            let ([even, odd], [more_even, more_odd]) = (a.split(b), c.split(d));
            let ([first, third], [second, fourth]) = (even.split(more_even), odd.split(more_odd));
            [first, second, third, fourth]
        }
    }

    #[inline(always)]
    unsafe fn join<V: Parts>([a, b, c, d]: [V; 4]) -> [V; 4] {
        unsafe {
            let ([even, more_even], [odd, more_odd]) = (a.join(c), b.join(d));
            let ([first, second], [third, fourth]) = (even.join(odd), more_even.join(more_odd));
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
        let taps = F::taps(g.map(f64::from)).map(|tap| tap as f32);
        // SAFETY: plain Rust needs no instruction set, and the arrays hold a whole register.
        unsafe {
            let input = F::input(d.map(|d| Plain::splat(d)));
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
            assert!((made - want(i)).abs() < 1e-5, "{made} for {}", want(i));
        }
    }

    #[test]
    fn lanes_are_dealt_out_and_put_back() {
        // SAFETY: plain Rust needs no instruction set, and the arrays hold whole registers.
        unsafe {
            let numbers: [f32; 64] = std::array::from_fn(|i| i as f32);
            let registers: [Plain; 4] = std::array::from_fn(|i| Plain::load(numbers[16 * i..].as_ptr()));
            let dealt = Four::split(registers);
            let mut lanes = [0.0; 64];
            for (i, back) in Four::join(dealt).into_iter().enumerate() {
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
