//! Minimal filters F(m, 3) of Winograd, in one dimension: `m` values of a convolution with three taps by `m + 2` products,
//! where the definition has `3 m`. In two dimensions F(m x n, 3x3) is `Y = Aᵀ [(G g G'ᵀ) ∘ (Bᵀ d B')] A'`, where `d` is
//! (m + 2) (n + 2) values of the input, `g` the 3x3 weights and `Y` m n values of the output (Lavin and Gray, 2016); the
//! matrices with a prime are those of F(n, 3).
#![allow(unsafe_code)]

use crate::isa::{Parts, Vector};

/// A minimal filter that makes `M` values of `I` with `S` products.
///
/// # Safety
/// The methods with vectors may be called where those of [`Vector`] may.
pub(super) trait Minimal<const M: usize, const S: usize, const I: usize> {
    /// Values of the input from one tile to the next.
    const STEP: usize;
    /// `G` of the taps.
    fn taps(g: [f64; 3]) -> [f64; S];
    /// `Bᵀ` of the input.
    unsafe fn input<V: Vector>(d: [V; I]) -> [V; S];
    /// `Aᵀ` of the products.
    unsafe fn output<V: Vector>(m: [V; S]) -> [V; M];
    /// The first values of all tiles, their second values, and so on, from `STEP` registers that hold tile after tile. After
    /// `STEP` of them they begin anew. The tiles are in an order of the instruction set's own.
    unsafe fn split<V: Parts>(registers: [V; I]) -> [V; I];
    /// Registers that hold what the tiles have made, tile after tile, from the first values of all tiles, their second values, and
    /// so on, where tiles are in the order of [`split`](Minimal::split).
    unsafe fn join<V: Parts>(lanes: [V; M]) -> [V; M];
}

/// A filter by which gradients of weights are gathered.
///
/// # Safety
/// As for [`Minimal`].
pub(super) trait Adjoint<const M: usize, const S: usize> {
    /// `Gᵀ`: what of the gradient of [`taps`](Minimal::taps) passes back.
    fn taps_adjoint(u: [f32; S]) -> [f32; 3];
    /// `A`: what of the gradient of [`output`](Minimal::output) passes back.
    unsafe fn output_adjoint<V: Vector>(e: [V; M]) -> [V; S];
}

/// F(2, 3): 4 products where the definition has 6.
pub(super) struct Two;

/// F(4, 3): 6 products where the definition has 12.
///
/// It interpolates at 0, ±3/4, ±3/2 and infinity, whose matrices `A` and `B` are exact in `f32`. What rounding adds depends on the
/// points: in two dimensions these make half of the error of 0, ±1, ±2 and infinity (Barabasz et al., 2020, search for such points).
pub(super) struct Four;

// SAFETY (of all bodies below): the caller's instruction set.

impl Minimal<2, 4, 4> for Two {
    const STEP: usize = 2;

    #[inline(always)]
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
    unsafe fn split<V: Parts>([a, b, ..]: [V; 4]) -> [V; 4] {
        unsafe {
            let [first, second] = a.split(b);
            [first, second, first, second]
        }
    }

    #[inline(always)]
    unsafe fn join<V: Parts>([a, b]: [V; 2]) -> [V; 2] {
        unsafe { a.join(b) }
    }
}

/// The inner and the outer point of [`Four`], their squares and third powers.
const INNER: [f32; 3] = [0.75, 0.5625, 0.421875];
const OUTER: [f32; 3] = [1.5, 2.25, 3.375];

/// The product of the distances of 0, of an inner and of an outer point from all other points.
const APART: [f64; 3] = [1.265625, -1.8984375, 7.59375];

impl Minimal<4, 6, 6> for Four {
    const STEP: usize = 4;

    #[inline(always)]
    fn taps([a, b, c]: [f64; 3]) -> [f64; 6] {
        let [inner, outer] = [INNER, OUTER].map(|powers| powers.map(f64::from));
        let at = |[point, square, _]: [f64; 3], scale: f64| {
            [(a + square * c + point * b) * scale, (a + square * c - point * b) * scale]
        };
        let scale = APART.map(|apart| 1.0 / apart);
        let ([p, q], [r, s]) = (at(inner, scale[1]), at(outer, scale[2]));
        [scale[0] * a, p, q, r, s, c]
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
    unsafe fn split<V: Parts>([a, b, c, d, ..]: [V; 6]) -> [V; 6] {
        unsafe {
            let [first, second, third, fourth] = split_four([a, b, c, d]);
            [first, second, third, fourth, first, second]
        }
    }

    #[inline(always)]
    unsafe fn join<V: Parts>(lanes: [V; 4]) -> [V; 4] {
        unsafe { join_four(lanes) }
    }
}

impl Adjoint<2, 4> for Two {
    #[inline(always)]
    fn taps_adjoint([a, b, c, d]: [f32; 4]) -> [f32; 3] {
        let (sum, difference) = (0.5 * (b + c), 0.5 * (b - c));
        [a + sum, difference, sum + d]
    }

    #[inline(always)]
    unsafe fn output_adjoint<V: Vector>([a, b]: [V; 2]) -> [V; 4] {
        unsafe { [a, a.add(b), a.sub(b), V::splat(0.0).sub(b)] }
    }
}

impl Adjoint<4, 6> for Four {
    #[inline(always)]
    fn taps_adjoint(u: [f32; 6]) -> [f32; 3] {
        let [origin, inner, outer] = APART.map(|apart| (1.0 / apart) as f32);
        let (even, odd) = (inner * (u[1] + u[2]), inner * (u[1] - u[2]));
        let (far_even, far_odd) = (outer * (u[3] + u[4]), outer * (u[3] - u[4]));
        [
            origin * u[0] + even + far_even,
            INNER[0] * odd + OUTER[0] * far_odd,
            INNER[1] * even + OUTER[1] * far_even + u[5],
        ]
    }

    #[inline(always)]
    unsafe fn output_adjoint<V: Vector>([a, b, c, d]: [V; 4]) -> [V; 6] {
        unsafe {
            let zero = V::splat(0.0);
            let even = a.add_product(V::splat(INNER[1]), c);
            let odd = zero.add_product(V::splat(INNER[0]), b).add_product(V::splat(INNER[2]), d);
            let far_even = a.add_product(V::splat(OUTER[1]), c);
            let far_odd = zero.add_product(V::splat(OUTER[0]), b).add_product(V::splat(OUTER[2]), d);
            [a, even.add(odd), even.sub(odd), far_even.add(far_odd), far_even.sub(far_odd), d]
        }
    }
}

/// Two values at stride 2, of five, by 5 products where the definition has 6: those that stand at even places are a filter F(2, 2)
/// with the outer taps, by 3 products, those at odd places one with the middle tap.
pub(super) struct Halving;

impl Minimal<2, 5, 5> for Halving {
    const STEP: usize = 4;

    #[inline(always)]
    fn taps([a, b, c]: [f64; 3]) -> [f64; 5] {
        [a, a + c, c, b, b]
    }

    #[inline(always)]
    unsafe fn input<V: Vector>(d: [V; 5]) -> [V; 5] {
        unsafe { [d[0].sub(d[2]), d[2], d[4].sub(d[2]), d[1], d[3]] }
    }

    #[inline(always)]
    unsafe fn output<V: Vector>(m: [V; 5]) -> [V; 2] {
        unsafe { [m[0].add(m[1]).add(m[3]), m[1].add(m[2]).add(m[4])] }
    }

    #[inline(always)]
    unsafe fn split<V: Parts>([a, b, c, d, _]: [V; 5]) -> [V; 5] {
        unsafe {
            let [first, second, third, fourth] = split_four([a, b, c, d]);
            [first, second, third, fourth, first]
        }
    }

    #[inline(always)]
    unsafe fn join<V: Parts>([a, b]: [V; 2]) -> [V; 2] {
        unsafe { a.join_pairs(b) }
    }
}

impl Adjoint<2, 5> for Halving {
    #[inline(always)]
    fn taps_adjoint([a, b, c, d, e]: [f32; 5]) -> [f32; 3] {
        [a + b, d + e, b + c]
    }

    #[inline(always)]
    unsafe fn output_adjoint<V: Vector>([a, b]: [V; 2]) -> [V; 5] {
        unsafe { [a, a.add(b), b, a, b] }
    }
}

/// The adjoint of [`Halving`]'s convolution, of which each of three values stands before two that it makes: four values by 5
/// products. The taps come in reverse order, as those of all adjoints.
pub(super) struct Doubling;

impl Minimal<4, 5, 3> for Doubling {
    const STEP: usize = 2;

    #[inline(always)]
    fn taps(g: [f64; 3]) -> [f64; 5] {
        <Halving as Minimal<2, 5, 5>>::taps(g)
    }

    #[inline(always)]
    unsafe fn input<V: Vector>(d: [V; 3]) -> [V; 5] {
        unsafe { [d[0].sub(d[1]), d[1], d[2].sub(d[1]), d[0], d[1]] }
    }

    #[inline(always)]
    unsafe fn output<V: Vector>(m: [V; 5]) -> [V; 4] {
        unsafe { [m[3], m[0].add(m[1]), m[4], m[1].add(m[2])] }
    }

    #[inline(always)]
    unsafe fn split<V: Parts>([a, b, _]: [V; 3]) -> [V; 3] {
        unsafe {
            let [first, second] = a.split_pairs(b);
            [first, second, first]
        }
    }

    #[inline(always)]
    unsafe fn join<V: Parts>(lanes: [V; 4]) -> [V; 4] {
        unsafe { join_four(lanes) }
    }
}

/// The first of each four numbers, the second ones, and so on.
#[inline(always)]
unsafe fn split_four<V: Parts>([a, b, c, d]: [V; 4]) -> [V; 4] {
    unsafe {
        let ([even, odd], [more_even, more_odd]) = (a.split(b), c.split(d));
        let ([first, third], [second, fourth]) = (even.split(more_even), odd.split(more_odd));
        [first, second, third, fourth]
    }
}

/// Undoes [`split_four`].
#[inline(always)]
unsafe fn join_four<V: Parts>([a, b, c, d]: [V; 4]) -> [V; 4] {
    unsafe {
        let ([even, more_even], [odd, more_odd]) = (a.join(c), b.join(d));
        let ([first, second], [third, fourth]) = (even.join(odd), more_even.join(more_odd));
        [first, second, third, fourth]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Plain;

    /// The first lane.
    fn lane(vector: Plain) -> f32 {
        let mut lanes = [0.0; 16];
        // SAFETY: plain Rust needs no instruction set, and the array holds a whole register.
        unsafe { vector.store(lanes.as_mut_ptr()) };
        lanes[0]
    }

    /// `Aᵀ [(G g) ∘ (Bᵀ d)]` of the same numbers in all lanes.
    fn filtered<F: Minimal<M, S, I>, const M: usize, const S: usize, const I: usize>(
        g: [f32; 3],
        d: [f32; I],
    ) -> [f32; M] {
        let taps = F::taps(g.map(f64::from)).map(|tap| tap as f32);
        // SAFETY: plain Rust needs no instruction set.
        unsafe {
            let input = F::input(d.map(|d| Plain::splat(d)));
            let products = std::array::from_fn(|i| Plain::splat(0.0).add_product(Plain::splat(taps[i]), input[i]));
            F::output::<Plain>(products).map(lane)
        }
    }

    #[test]
    fn filters_are_correlations() {
        let (g, d) = ([0.5, -2.0, 3.0], [1.0, -4.0, 2.5, 0.75, -1.5, 6.0]);
        let want = |i: usize| g[0] * d[i] + g[1] * d[i + 1] + g[2] * d[i + 2];
        let two: [f32; 2] = filtered::<Two, 2, 4, 4>(g, [d[0], d[1], d[2], d[3]]);
        let four: [f32; 4] = filtered::<Four, 4, 6, 6>(g, d);
        let halving: [f32; 2] = filtered::<Halving, 2, 5, 5>(g, [d[0], d[1], d[2], d[3], d[4]]);
        assert_eq!((two, halving), ([want(0), want(1)], [want(0), want(2)]));
        for (i, made) in four.into_iter().enumerate() {
            assert!((made - want(i)).abs() < 1e-5, "{made} for {}", want(i));
        }
        // every value stands for the middle tap, and between two of them the outer ones meet
        let [a, b, c] = [d[0], d[1], d[2]];
        let want = [g[1] * a, g[0] * a + g[2] * b, g[1] * b, g[0] * b + g[2] * c];
        assert_eq!(filtered::<Doubling, 4, 5, 3>(g, [a, b, c]), want);
    }

    /// `(Gᵀ u) · g = u · (G g)`, and the same of the output.
    fn adjoint<F, const M: usize, const S: usize, const I: usize>()
    where
        F: Minimal<M, S, I> + Adjoint<M, S>,
    {
        let (g, u): ([f32; 3], [f32; S]) = ([0.5, -2.0, 3.0], std::array::from_fn(|i| i as f32 - 1.5));
        let e: [f32; M] = std::array::from_fn(|i| 2.0 - i as f32 * 0.75);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let taps = F::taps(g.map(f64::from)).map(|tap| tap as f32);
        assert!((dot(&F::taps_adjoint(u), &g) - dot(&u, &taps)).abs() < 1e-5);
        // SAFETY: plain Rust needs no instruction set.
        let (made, back) = unsafe {
            (F::output::<Plain>(u.map(|v| Plain::splat(v))), F::output_adjoint::<Plain>(e.map(|v| Plain::splat(v))))
        };
        let (made, back) = (made.map(lane), back.map(lane));
        assert!((dot(&made, &e) - dot(&u, &back)).abs() < 1e-4, "{made:?} {back:?}");
    }

    #[test]
    fn adjoints_pass_back_what_filters_take() {
        adjoint::<Two, 2, 4, 4>();
        adjoint::<Four, 4, 6, 6>();
        adjoint::<Halving, 2, 5, 5>();
        let [inner, outer] = [f64::from(INNER[1]), f64::from(OUTER[1])];
        assert_eq!(APART, [inner * outer, 2.0 * inner * (inner - outer), 2.0 * outer * (outer - inner)]);
    }

    /// Registers of numbers in their order, dealt out: those of a tile in one lane, tiles in an order that `join` undoes.
    unsafe fn dealt<F: Minimal<M, S, I>, V: Parts, const M: usize, const S: usize, const I: usize>() {
        // SAFETY: the caller's instruction set; the arrays hold whole registers.
        unsafe {
            let numbers: [f32; 128] = std::array::from_fn(|i| i as f32);
            let registers = std::array::from_fn(|i| V::load(numbers[i % F::STEP * V::LANES..].as_ptr()));
            let mut lanes = [[0.0; 16]; I];
            F::split(registers).iter().zip(&mut lanes).for_each(|(dealt, lanes)| dealt.store(lanes.as_mut_ptr()));
            let tile = |lane: usize| lanes[0][lane] as usize / F::STEP;
            for (lane, i) in (0..V::LANES).flat_map(|lane| (0..I).map(move |i| (lane, i))) {
                assert_eq!(lanes[i][lane] as usize, tile(lane) * F::STEP + i % F::STEP);
            }
            // value `m` of tile `t` is number `t M + m`
            let mut made = [V::splat(0.0); M];
            for (m, made) in made.iter_mut().enumerate() {
                let numbers: [f32; 16] =
                    std::array::from_fn(|lane| if lane < V::LANES { (tile(lane) * M + m) as f32 } else { 0.0 });
                *made = V::load(numbers.as_ptr());
            }
            for (register, made) in F::join(made).into_iter().enumerate() {
                let mut lanes = [0.0; 16];
                made.store(lanes.as_mut_ptr());
                let want = |lane: usize| (register * V::LANES + lane) as f32;
                assert!((0..V::LANES).all(|lane| lanes[lane] == want(lane)), "{lanes:?}");
            }
        }
    }

    #[inline(always)]
    unsafe fn all_dealt<V: Parts>(_: ()) {
        // SAFETY: the caller's.
        unsafe {
            dealt::<Two, V, 2, 4, 4>();
            dealt::<Four, V, 4, 6, 6>();
            dealt::<Halving, V, 2, 5, 5>();
            dealt::<Doubling, V, 4, 5, 3>();
        }
    }

    crate::isa::dispatch! { every_filter, all_dealt, (nothing: ()) }

    #[test]
    fn lanes_are_dealt_out_and_put_back() {
        for isa in crate::isa::available() {
            // SAFETY: the processor has the instruction set.
            unsafe { every_filter(isa, ()) };
        }
    }
}
