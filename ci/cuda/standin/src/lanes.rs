//! What an instruction makes of the numbers of one lane.

use crate::ir::*;

/// Subnormal numbers as 0, where the instruction asks for that.
pub(crate) fn flushed32(x: f32, flush: bool) -> f32 {
    if flush && x.is_subnormal() { 0f32.copysign(x) } else { x }
}

fn finished32(x: f32, finish: Finish) -> f32 {
    let x = flushed32(x, finish.flush);
    match finish.saturate {
        true if x.is_nan() => 0.0,
        true => x.clamp(0.0, 1.0),
        false => x,
    }
}

/// The sum of two numbers and what rounding it leaves out.
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

/// `high + low`, where `low` is what is missing from `high`, rounded once.
fn rounded32(high: f64, low: f64, round: Round) -> f32 {
    let near = high as f32;
    if !near.is_finite() && high.is_finite() && round == Round::Near || !high.is_finite() {
        return near;
    }
    let wide = f64::from(near);
    let (below, above) = (wide < high || wide == high && low > 0.0, wide > high || wide == high && low < 0.0);
    match round {
        // `high` lies between two floats, and `low` decides where it lies exactly half way
        Round::Near => {
            let other = match (below, above) {
                (true, _) => near.next_up(),
                (_, true) => near.next_down(),
                _ => return near,
            };
            let half = f64::midpoint(wide, f64::from(other));
            let is_beyond = if below { high == half && low > 0.0 } else { high == half && low < 0.0 };
            if is_beyond { other } else { near }
        }
        Round::Down if above => near.next_down(),
        Round::Up if below => near.next_up(),
        Round::Zero if above && wide > 0.0 => near.next_down(),
        Round::Zero if below && wide < 0.0 => near.next_up(),
        _ => near,
    }
}

fn less<F: PartialOrd + Copy>(a: F, b: F, negative: impl Fn(F) -> bool) -> F {
    if a < b || a == b && negative(a) { a } else { b }
}

pub(crate) fn float2_32(op: Float2, finish: Finish, a: f32, b: f32) -> f32 {
    let (a, b) = (flushed32(a, finish.flush), flushed32(b, finish.flush));
    let (x, y) = (f64::from(a), f64::from(b));
    let directed = finish.round != Round::Near;
    let result = match op {
        Float2::Add if directed => {
            let (high, low) = two_sum(x, y);
            rounded32(high, low, finish.round)
        }
        Float2::Sub if directed => {
            let (high, low) = two_sum(x, -y);
            rounded32(high, low, finish.round)
        }
        Float2::Mul if directed => rounded32(x * y, 0.0, finish.round),
        Float2::Add => a + b,
        Float2::Sub => a - b,
        Float2::Mul => a * b,
        Float2::Div => a / b,
        Float2::Min { nan } | Float2::Max { nan } if a.is_nan() || b.is_nan() => match nan {
            true => f32::NAN,
            false if a.is_nan() => b,
            false => a,
        },
        Float2::Min { .. } => less(a, b, f32::is_sign_negative),
        Float2::Max { .. } => {
            if a > b || a == b && a.is_sign_positive() {
                a
            } else {
                b
            }
        }
        Float2::CopySign => a.copysign(b),
    };
    if op == Float2::CopySign { result } else { finished32(result, finish) }
}

pub(crate) fn float2_64(op: Float2, a: f64, b: f64) -> f64 {
    match op {
        Float2::Add => a + b,
        Float2::Sub => a - b,
        Float2::Mul => a * b,
        Float2::Div => a / b,
        Float2::Min { nan } | Float2::Max { nan } if a.is_nan() || b.is_nan() => match nan {
            true => f64::NAN,
            false if a.is_nan() => b,
            false => a,
        },
        Float2::Min { .. } => less(a, b, f64::is_sign_negative),
        Float2::Max { .. } => {
            if a > b || a == b && a.is_sign_positive() {
                a
            } else {
                b
            }
        }
        Float2::CopySign => a.copysign(b),
    }
}

pub(crate) fn float1_32(op: Float1, finish: Finish, a: f32) -> f32 {
    let a = flushed32(a, finish.flush);
    let x = f64::from(a);
    let result = match op {
        Float1::Neg => return -a,
        Float1::Abs => return a.abs(),
        Float1::Sqrt => a.sqrt(),
        Float1::Rsqrt => (1.0 / x.sqrt()) as f32,
        Float1::Rcp | Float1::RcpCoarse => 1.0 / a,
        Float1::Ex2 => x.exp2() as f32,
        Float1::Lg2 => x.log2() as f32,
        Float1::Sin => x.sin() as f32,
        Float1::Cos => x.cos() as f32,
        Float1::Tanh => x.tanh() as f32,
    };
    finished32(result, finish)
}

pub(crate) fn float1_64(op: Float1, a: f64) -> f64 {
    match op {
        Float1::Neg => -a,
        Float1::Abs => a.abs(),
        Float1::Sqrt => a.sqrt(),
        Float1::Rsqrt => 1.0 / a.sqrt(),
        Float1::Rcp => 1.0 / a,
        Float1::RcpCoarse => {
            let a = if a.is_subnormal() { 0f64.copysign(a) } else { a };
            let x = f64::from_bits((1.0 / a).to_bits() >> 32 << 32);
            if x.is_subnormal() { 0f64.copysign(x) } else { x }
        }
        Float1::Ex2 => a.exp2(),
        Float1::Lg2 => a.log2(),
        Float1::Sin => a.sin(),
        Float1::Cos => a.cos(),
        Float1::Tanh => a.tanh(),
    }
}

pub(crate) fn fma32(finish: Finish, a: f32, b: f32, c: f32) -> f32 {
    let flush = finish.flush;
    let (a, b, c) = (flushed32(a, flush), flushed32(b, flush), flushed32(c, flush));
    let result = if finish.round == Round::Near {
        a.mul_add(b, c)
    } else {
        let (high, low) = two_sum(f64::from(a) * f64::from(b), f64::from(c));
        rounded32(high, low, finish.round)
    };
    finished32(result, finish)
}

pub(crate) fn compared<T: PartialOrd>(compare: Compare, unordered: bool, a: T, b: T) -> bool {
    use std::cmp::Ordering;
    let Some(order) = a.partial_cmp(&b) else { return unordered };
    match compare {
        Compare::Eq => order == Ordering::Equal,
        Compare::Ne => order != Ordering::Equal,
        Compare::Lt => order == Ordering::Less,
        Compare::Le => order != Ordering::Greater,
        Compare::Gt => order == Ordering::Greater,
        Compare::Ge => order != Ordering::Less,
        Compare::Num => true,
        Compare::Nan => false,
    }
}

pub(crate) fn bit_insert(a: u64, b: u64, start: u32, len: u32, bits: u32) -> u64 {
    let (start, len) = ((start & 0xff).min(bits), (len & 0xff).min(bits));
    let len = len.min(bits - start);
    if len == 0 {
        return b;
    }
    let mask = (u64::MAX >> (64 - len)) << start;
    b & !mask | (a << start) & mask
}

pub(crate) fn bit_extract(a: u64, start: u32, len: u32, bits: u32, signed: bool) -> u64 {
    let (start, len) = (start & 0xff, len & 0xff);
    let sign_at = start.saturating_add(len).saturating_sub(1).min(bits - 1);
    let sign = signed && len > 0 && a >> sign_at & 1 == 1;
    let taken = len.min(bits.saturating_sub(start));
    let low = if taken == 0 { 0 } else { a >> start & (u64::MAX >> (64 - taken)) };
    let filled = if sign && taken < 64 { low | u64::MAX << taken } else { low };
    if bits == 32 { filled & 0xffff_ffff } else { filled }
}

pub(crate) fn permuted(a: u32, b: u32, selector: u32) -> u32 {
    let bytes = u64::from(b) << 32 | u64::from(a);
    (0..4).fold(0, |result, i| {
        let choice = selector >> (4 * i) & 0xf;
        let byte = (bytes >> (8 * (choice & 7))) as u8;
        let byte = if choice & 8 != 0 { if byte & 0x80 != 0 { 0xff } else { 0 } } else { byte };
        result | u32::from(byte) << (8 * i)
    })
}

/// One number in two types.
#[derive(Clone, Copy)]
enum Value {
    Integer(i128),
    F32(f32),
    F64(f64),
}

/// The bits of a number as another type, in as many bits as a wider register has: signed integers fill it with their sign.
pub(crate) fn converted(bits: u64, from: Ty, to: Ty, integral: bool, finish: Finish) -> u64 {
    let value = match from {
        Ty::U8 => Value::Integer(i128::from(bits as u8)),
        Ty::S8 => Value::Integer(i128::from(bits as i8)),
        Ty::U16 => Value::Integer(i128::from(bits as u16)),
        Ty::S16 => Value::Integer(i128::from(bits as i16)),
        Ty::U32 | Ty::Pred => Value::Integer(i128::from(bits as u32)),
        Ty::S32 => Value::Integer(i128::from(bits as i32)),
        Ty::U64 => Value::Integer(i128::from(bits)),
        Ty::S64 => Value::Integer(i128::from(bits as i64)),
        Ty::F32 => Value::F32(flushed32(f32::from_bits(bits as u32), finish.flush)),
        Ty::F64 => Value::F64(f64::from_bits(bits)),
    };
    let whole = |x: f64| match finish.round {
        Round::Near => x.round_ties_even(),
        Round::Zero => x.trunc(),
        Round::Down => x.floor(),
        Round::Up => x.ceil(),
    };
    match to {
        Ty::F32 => {
            let x = match value {
                Value::Integer(n) => match finish.round {
                    Round::Near => n as f32,
                    round => {
                        let high = n as f64;
                        rounded32(high, (n - high as i128) as f64, round)
                    }
                },
                Value::F32(x) if integral => whole(f64::from(x)) as f32,
                Value::F32(x) => x,
                Value::F64(x) if integral => whole(x) as f32,
                Value::F64(x) => rounded32(x, 0.0, finish.round),
            };
            u64::from(finished32(x, finish).to_bits())
        }
        Ty::F64 => {
            let x = match value {
                Value::Integer(n) => n as f64,
                Value::F32(x) => f64::from(x),
                Value::F64(x) => x,
            };
            let x = if integral { whole(x) } else { x };
            (if finish.saturate { if x.is_nan() { 0.0 } else { x.clamp(0.0, 1.0) } } else { x }).to_bits()
        }
        _ => {
            let width = 8 * to.bytes() as u32;
            let (low, high) = if to.is_signed() {
                (-(1i128 << (width - 1)), (1i128 << (width - 1)) - 1)
            } else {
                (0, (1i128 << width) - 1)
            };
            let float = |x: f64, is_narrow: bool| {
                if x.is_nan() {
                    // as the PTX manual has it
                    return if is_narrow && width < 64 { 0 } else { 1i128 << (width - 1) };
                }
                (whole(x) as i128).clamp(low, high)
            };
            let n = match value {
                Value::Integer(n) if finish.saturate => n.clamp(low, high),
                Value::Integer(n) => n,
                Value::F32(x) => float(f64::from(x), true),
                Value::F64(x) => float(x, false),
            };
            // cut to the type, then extended by it
            let shift = 128 - width;
            if to.is_signed() { (n << shift >> shift) as u64 } else { ((n as u128) << shift >> shift) as u64 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Finish = Finish { round: Round::Near, flush: false, saturate: false };

    #[test]
    fn directed_rounding_brackets_the_exact_result() {
        let (down, up) = (Finish { round: Round::Down, ..PLAIN }, Finish { round: Round::Up, ..PLAIN });
        let zero = Finish { round: Round::Zero, ..PLAIN };
        let mut x = 1.0f32;
        for i in 0..2000 {
            x = (x * 1.731 + 0.377) % 97.0;
            let (a, b, c) = (x, -x * 0.317, if i % 3 == 0 { x * 1e-9 } else { 12_582_913.0 });
            let [d, u, z] = [down, up, zero].map(|f| fma32(f, a, b, c));
            let near = a.mul_add(b, c);
            assert!(d <= near && near <= u && (d == u || d.next_up() == u), "{a} {b} {c}: {d} {near} {u}");
            assert_eq!(z, if near > 0.0 { d } else { u });
        }
        // what expf does: the integer part by the bits of a large number
        assert_eq!(fma32(down, 0.5, 252.0, 12_582_913.0), 12_583_039.0);
        assert_eq!(fma32(down, 0.51, 252.0, 12_582_913.0), 12_583_041.0);
    }

    #[test]
    fn minimum_and_maximum_take_numbers_and_signs_of_zero() {
        let (min, max) = (Float2::Min { nan: false }, Float2::Max { nan: false });
        for (a, b) in [(1.0, 2.0), (2.0, 1.0), (-0.0, 0.0), (0.0, -0.0), (f64::NEG_INFINITY, 3.0)] {
            let (low, high) = (float2_64(min, a, b), float2_64(max, a, b));
            assert_eq!((low.to_bits(), high.to_bits()), (low.min(high).to_bits(), high.to_bits()), "{a} {b}");
            assert!(low < high || low.is_sign_negative() && high.is_sign_positive());
            let (a, b) = (a as f32, b as f32);
            assert_eq!(float2_32(min, PLAIN, a, b).to_bits(), (low as f32).to_bits(), "{a} {b}");
            assert_eq!(float2_32(max, PLAIN, a, b).to_bits(), (high as f32).to_bits(), "{a} {b}");
        }
        assert_eq!((float2_32(min, PLAIN, f32::NAN, 1.0), float2_64(max, 1.0, f64::NAN)), (1.0, 1.0));
        assert!(float2_32(Float2::Max { nan: true }, PLAIN, f32::NAN, 1.0).is_nan());
    }

    #[test]
    fn conversions_clamp_round_and_extend() {
        let zero = Finish { round: Round::Zero, ..PLAIN };
        let f32_bits = |x: f32| u64::from(x.to_bits());
        let to_int = |x: f32, to| converted(f32_bits(x), Ty::F32, to, true, zero);
        assert_eq!(to_int(-1.9, Ty::S32) as i32, -1);
        assert_eq!(to_int(3e9, Ty::S32) as i32, i32::MAX);
        assert_eq!((to_int(-5.0, Ty::U32), to_int(f32::NAN, Ty::S32)), (0, 0));
        assert_eq!(converted(f32_bits(2.5), Ty::F32, Ty::S32, true, PLAIN), 2);
        assert_eq!(
            converted(f32_bits(-2.5), Ty::F32, Ty::F32, true, Finish { round: Round::Down, ..PLAIN }),
            f32_bits(-3.0)
        );
        assert_eq!(converted(0xff, Ty::S8, Ty::S32, false, PLAIN) as u32, u32::MAX);
        assert_eq!(converted(0xff, Ty::U8, Ty::U32, false, PLAIN), 255);
        assert_eq!(converted(u64::MAX, Ty::U64, Ty::F64, false, PLAIN), (u64::MAX as f64).to_bits());
        assert_eq!(converted(0x1_2345, Ty::U32, Ty::U16, false, PLAIN), 0x2345);
        let saturate = Finish { saturate: true, ..PLAIN };
        assert_eq!(converted(f32_bits(1.5), Ty::F32, Ty::F32, false, saturate), f32_bits(1.0));
    }

    #[test]
    fn bits_move_as_the_manual_has_them() {
        assert_eq!(bit_insert(0xff, 0, 4, 4, 32), 0xf0);
        assert_eq!(bit_insert(u64::MAX, 0, 52, 11, 64), 0x7ff0_0000_0000_0000);
        assert_eq!((bit_insert(7, 5, 0, 0, 32), bit_insert(7, 5, 40, 3, 32)), (5, 5));
        assert_eq!(bit_extract(0xf0, 4, 4, 32, false), 0xf);
        assert_eq!(bit_extract(0xf0, 4, 4, 32, true), 0xffff_ffff);
        assert_eq!(permuted(0x4433_2211, 0x8877_6655, 0x7510), 0x8866_2211);
    }
}
