//! Small kernels against closed forms, and what each mistake is answered with.
#![allow(clippy::unwrap_used, missing_docs, reason = "a failed test may panic")]

use cuda_standin::*;
use std::ffi::{CStr, CString, c_void};
use std::ptr;

fn check(status: Status) {
    assert_eq!(status, 0, "{}", last(status));
}

fn last(status: Status) -> String {
    let mut text = ptr::null();
    unsafe {
        assert_eq!(cuGetErrorString(status, &raw mut text), 0);
        CStr::from_ptr(text).to_str().unwrap().to_string()
    }
}

fn begin() {
    check(cuInit(0));
    let mut context = ptr::null_mut();
    check(unsafe { cuDevicePrimaryCtxRetain(&raw mut context, 0) });
    check(cuCtxSetCurrent(context));
}

/// Memory of the device.
struct Buffer(u64);

impl Buffer {
    fn empty(bytes: usize) -> Buffer {
        begin();
        let mut address = 0;
        check(unsafe { cuMemAlloc_v2(&raw mut address, bytes) });
        Buffer(address)
    }

    fn of<T: Copy>(values: &[T]) -> Buffer {
        let buffer = Buffer::empty(size_of_val(values));
        check(unsafe { cuMemcpyHtoD_v2(buffer.0, values.as_ptr().cast(), size_of_val(values)) });
        buffer
    }

    fn read<T: Copy + Default>(&self, count: usize) -> Vec<T> {
        let mut values = vec![T::default(); count];
        check(unsafe { cuMemcpyDtoH_v2(values.as_mut_ptr().cast(), self.0, count * size_of::<T>()) });
        values
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        cuMemFree_v2(self.0);
    }
}

const HEAD: &str = ".version 9.0\n.target sm_90\n.address_size 64\n";

/// Launches the kernel `k` of a module. Parameters are 64 bits each.
fn launch_of(module: &str, grid: [u32; 3], block: [u32; 3], shared: u32, params: &[u64]) -> Status {
    begin();
    let text = CString::new(module).unwrap();
    let (mut loaded, mut function) = (ptr::null_mut(), ptr::null_mut());
    unsafe {
        let status = cuModuleLoadData(&raw mut loaded, text.as_ptr().cast());
        if status != 0 {
            return status;
        }
        let status = cuModuleGetFunction(&raw mut function, loaded, c"k".as_ptr());
        if status != 0 {
            return status;
        }
        let mut pointers: Vec<*mut c_void> = params.iter().map(|p| ptr::from_ref(p).cast_mut().cast()).collect();
        let status = cuLaunchKernel(
            function,
            grid[0],
            grid[1],
            grid[2],
            block[0],
            block[1],
            block[2],
            shared,
            ptr::null_mut(),
            pointers.as_mut_ptr(),
            ptr::null_mut(),
        );
        check(cuModuleUnload(loaded));
        status
    }
}

/// A kernel with so many 64-bit parameters `p0`, `p1`, .. and the given body, in which `%r0` is the thread's number.
fn kernel(params: usize, body: &str) -> String {
    let params: Vec<String> = (0..params).map(|i| format!(".param .u64 p{i}")).collect();
    format!(
        "{HEAD}.visible .entry k({}) {{\n.reg .pred %p<9>; .reg .b16 %h<9>; .reg .b32 %r<40>; .reg .f32 %f<20>;\n\
         .reg .b64 %d<40>; .reg .f64 %g<20>;\nmov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x;\n\
         mad.lo.s32 %r0, %r1, %r2, %r3;\n{body}\nret;\n}}\n",
        params.join(", ")
    )
}

/// `%d0` and on: the parameters, and `%dN + size` times the thread's number.
fn at(params: usize, size: usize) -> String {
    (0..params)
        .map(|i| format!("ld.param.u64 %d{i}, [p{i}]; mad.wide.u32 %d{}, %r0, {size}, %d{i};\n", 10 + i))
        .collect()
}

/// Runs a body for each of the inputs, which `%dI`.. point to behind the output's `%d10`.
fn map<A: Copy, B: Copy + Default>(inputs: &[&[A]], body: &str) -> Vec<B> {
    let n = inputs[0].len();
    let buffers: Vec<Buffer> = inputs.iter().map(|x| Buffer::of(x)).collect();
    let out = Buffer::empty(n * size_of::<B>());
    assert_eq!((size_of::<A>(), n % 32), (size_of::<B>(), 0));
    let params: Vec<u64> = std::iter::once(out.0).chain(buffers.iter().map(|b| b.0)).collect();
    let text = kernel(params.len(), &format!("{}{body}", at(params.len(), size_of::<A>())));
    check(launch_of(&text, [n as u32 / 32, 1, 1], [32, 1, 1], 0, &params));
    out.read(n)
}

fn noise(n: usize, seed: u64) -> Vec<u64> {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..n)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x
        })
        .collect()
}

const LOAD32: &str = "ld.global.u32 %r4, [%d11]; ld.global.u32 %r5, [%d12];";
const LOAD64: &str = "ld.global.u64 %d20, [%d11]; ld.global.u64 %d21, [%d12];";

#[test]
fn integers_of_32_bits() {
    let (mut a, mut b): (Vec<u32>, Vec<u32>) = (vec![], vec![]);
    for (i, x) in noise(256, 3).into_iter().enumerate() {
        a.push(if i % 5 == 0 { x as u32 >> 20 } else { x as u32 });
        b.push(if i % 3 == 0 { (x >> 32) as u32 % 40 } else { (x >> 32) as u32 | 1 });
    }
    b[7] = 0;
    let signed = |x: u32| x as i32;
    type Case<'a> = (&'a str, &'a dyn Fn(u32, u32) -> u32);
    let cases: [Case<'_>; 23] = [
        ("add.s32 %r6, %r4, %r5;", &|a, b| a.wrapping_add(b)),
        ("sub.s32 %r6, %r4, %r5;", &|a, b| a.wrapping_sub(b)),
        ("mul.lo.s32 %r6, %r4, %r5;", &|a, b| a.wrapping_mul(b)),
        ("mul.hi.u32 %r6, %r4, %r5;", &|a, b| ((u64::from(a) * u64::from(b)) >> 32) as u32),
        ("mul.hi.s32 %r6, %r4, %r5;", &|a, b| ((i64::from(signed(a)) * i64::from(signed(b))) >> 32) as u32),
        ("div.u32 %r6, %r4, %r5;", &|a, b| a.checked_div(b).unwrap_or(u32::MAX)),
        ("div.s32 %r6, %r4, %r5;", &|a, b| if b == 0 { u32::MAX } else { signed(a).wrapping_div(signed(b)) as u32 }),
        ("rem.u32 %r6, %r4, %r5;", &|a, b| a.checked_rem(b).unwrap_or(a)),
        ("rem.s32 %r6, %r4, %r5;", &|a, b| if b == 0 { a } else { signed(a).wrapping_rem(signed(b)) as u32 }),
        ("min.s32 %r6, %r4, %r5;", &|a, b| signed(a).min(signed(b)) as u32),
        ("max.u32 %r6, %r4, %r5;", &|a, b| a.max(b)),
        ("shl.b32 %r6, %r4, %r5;", &|a, b| a.checked_shl(b).unwrap_or(0)),
        ("shr.u32 %r6, %r4, %r5;", &|a, b| a.checked_shr(b).unwrap_or(0)),
        ("shr.s32 %r6, %r4, %r5;", &|a, b| (signed(a) >> b.min(31)) as u32),
        ("xor.b32 %r6, %r4, %r5; not.b32 %r6, %r6;", &|a, b| !(a ^ b)),
        ("lop3.b32 %r6, %r4, %r5, 255, 0xCA;", &|a, b| a & b | !a & 255),
        ("shf.l.wrap.b32 %r6, %r4, %r5, 9;", &|a, b| b << 9 | a >> 23),
        ("clz.b32 %r6, %r4; popc.b32 %r7, %r5; add.s32 %r6, %r6, %r7;", &|a, b| a.leading_zeros() + b.count_ones()),
        ("setp.lt.s32 %p1, %r4, %r5; selp.b32 %r6, %r4, %r5, %p1;", &|a, b| signed(a).min(signed(b)) as u32),
        ("setp.gt.u32 %p1|%p2, %r4, %r5; selp.b32 %r6, 1, 2, %p2;", &|a, b| if a > b { 2 } else { 1 }),
        ("cvt.u16.u32 %h1, %r4; cvt.s32.s16 %r6, %h1;", &|a, _| i32::from(a as i16) as u32),
        ("cvt.u16.u32 %h1, %r4; cvt.u16.u32 %h2, %r5; mul.lo.s16 %h3, %h1, %h2; cvt.u32.u16 %r6, %h3;", &|a, b| {
            u32::from((a as u16).wrapping_mul(b as u16))
        }),
        ("mov.b64 %d5, {%r4, %r5}; shr.u64 %d5, %d5, 8; mov.b64 {%r6, %r7}, %d5;", &|a, b| a >> 8 | b << 24),
    ];
    for (text, want) in cases {
        let found: Vec<u32> = map(&[&a, &b], &format!("{LOAD32} {text} st.global.u32 [%d10], %r6;"));
        let want: Vec<u32> = a.iter().zip(&b).map(|(&a, &b)| want(a, b)).collect();
        assert_eq!(found, want, "{text}");
    }
}

#[test]
fn integers_of_64_bits() {
    let (a, b) = (noise(128, 5), noise(128, 6).into_iter().map(|x| x >> (x % 50)).collect::<Vec<_>>());
    type Case<'a> = (&'a str, &'a dyn Fn(u64, u64) -> u64);
    let cases: [Case<'_>; 10] = [
        ("add.s64 %d5, %d20, %d21;", &|a, b| a.wrapping_add(b)),
        ("mul.lo.s64 %d5, %d20, %d21;", &|a, b| a.wrapping_mul(b)),
        ("mul.hi.u64 %d5, %d20, %d21;", &|a, b| ((u128::from(a) * u128::from(b)) >> 64) as u64),
        ("div.u64 %d5, %d20, %d21;", &|a, b| a.checked_div(b).unwrap_or(u64::MAX)),
        ("rem.u64 %d5, %d20, %d21;", &|a, b| a.checked_rem(b).unwrap_or(a)),
        ("cvt.u32.u64 %r4, %d21; shl.b64 %d5, %d20, %r4;", &|a, b| a.checked_shl(b as u32).unwrap_or(0)),
        ("max.s64 %d5, %d20, %d21;", &|a, b| (a as i64).max(b as i64) as u64),
        ("cvt.u32.u64 %r4, %d20; cvt.s64.s32 %d5, %r4;", &|a, _| i64::from(a as i32) as u64),
        ("bfi.b64 %d5, %d20, %d21, 52, 11;", &|a, b| b & !(0x7ff << 52) | (a & 0x7ff) << 52),
        // a sum by halves, with the carry between them
        (
            "mov.b64 {%r4, %r5}, %d20; mov.b64 {%r6, %r7}, %d21; add.cc.u32 %r8, %r4, %r6; addc.u32 %r9, %r5, %r7; \
             mov.b64 %d5, {%r8, %r9};",
            &|a, b| a.wrapping_add(b),
        ),
    ];
    for (text, want) in cases {
        let found: Vec<u64> = map(&[&a, &b], &format!("{LOAD64} {text} st.global.u64 [%d10], %d5;"));
        let want: Vec<u64> = a.iter().zip(&b).map(|(&a, &b)| want(a, b)).collect();
        assert_eq!(found, want, "{text}");
    }
}

#[test]
fn floating_point_numbers() {
    let x: Vec<f32> = noise(256, 8).into_iter().map(|x| (x % 20001) as f32 / 1000.0 - 10.0).collect();
    let y: Vec<f32> = noise(256, 9).into_iter().map(|x| (x % 3001) as f32 / 1000.0 + 0.25).collect();
    type Case<'a> = (&'a str, &'a dyn Fn(f64, f64) -> f64);
    let cases: [Case<'_>; 14] = [
        ("add.f32 %f3, %f1, %f2;", &|x, y| x + y),
        ("sub.f32 %f3, %f1, %f2;", &|x, y| x - y),
        ("mul.f32 %f3, %f1, %f2;", &|x, y| x * y),
        ("div.rn.f32 %f3, %f1, %f2;", &|x, y| x / y),
        ("fma.rn.f32 %f3, %f1, %f2, 0f3F000000;", &|x, y| x * y + 0.5),
        ("ex2.approx.ftz.f32 %f3, %f1;", &|x, _| x.exp2()),
        ("lg2.approx.f32 %f3, %f2;", &|_, y| y.log2()),
        ("sin.approx.f32 %f3, %f1;", &|x, _| x.sin()),
        ("cos.approx.f32 %f3, %f1;", &|x, _| x.cos()),
        ("sqrt.rn.f32 %f3, %f2;", &|_, y| y.sqrt()),
        ("rsqrt.approx.f32 %f3, %f2;", &|_, y| 1.0 / y.sqrt()),
        ("cvt.rni.s32.f32 %r6, %f1; cvt.rn.f32.s32 %f3, %r6;", &|x, _| x.round_ties_even()),
        ("setp.lt.f32 %p1, %f1, 0f00000000; neg.f32 %f3, %f1; selp.f32 %f3, %f3, %f1, %p1;", &|x, _| x.abs()),
        ("cvt.f64.f32 %g1, %f1; cvt.f64.f32 %g2, %f2; div.rn.f64 %g3, %g1, %g2; cvt.rn.f32.f64 %f3, %g3;", &|x, y| {
            x / y
        }),
    ];
    for (text, want) in cases {
        let body = format!("ld.global.f32 %f1, [%d11]; ld.global.f32 %f2, [%d12]; {text} st.global.f32 [%d10], %f3;");
        let found: Vec<f32> = map(&[&x, &y], &body);
        for ((&x, &y), found) in x.iter().zip(&y).zip(found) {
            let want = want(f64::from(x), f64::from(y));
            assert!(
                (f64::from(found) - want).abs() <= 1.2e-7 * want.abs().max(1e-6),
                "{text} of {x}, {y}: {found}, not {want}"
            );
        }
    }
    // a number and what is none
    let (one, nan) = (vec![1f32; 32], vec![f32::NAN; 32]);
    for (compare, want) in [("lt", 0), ("ltu", 1), ("ne", 0), ("neu", 1), ("num", 0), ("nan", 1), ("equ", 1)] {
        let body = format!(
            "ld.global.f32 %f1, [%d11]; ld.global.f32 %f2, [%d12]; setp.{compare}.f32 %p1, %f1, %f2; \
             selp.u32 %r5, 1, 0, %p1; st.global.u32 [%d10], %r5;"
        );
        let (one, nan): (Vec<u32>, Vec<u32>) =
            (one.iter().map(|x| x.to_bits()).collect(), nan.iter().map(|x| x.to_bits()).collect());
        assert_eq!(map::<u32, u32>(&[&one, &nan], &body), vec![want; 32], "{compare}");
    }
}

/// The number of steps that 3 n + 1 takes to 1: each thread loops another number of times, and branches within.
#[test]
fn threads_go_different_ways_and_meet_again() {
    let n: Vec<u32> = (1..=640).collect();
    let body = "ld.global.u32 %r4, [%d11]; mov.u32 %r5, 0;
        LOOP: setp.eq.s32 %p1, %r4, 1; @%p1 bra END;
        and.b32 %r6, %r4, 1; setp.eq.s32 %p2, %r6, 0; @%p2 bra EVEN;
        mad.lo.s32 %r4, %r4, 3, 1; bra.uni NEXT;
        EVEN: shr.u32 %r4, %r4, 1;
        NEXT: add.s32 %r5, %r5, 1; bra LOOP;
        END: st.global.u32 [%d10], %r5;";
    let want: Vec<u32> = n
        .iter()
        .map(|&n| {
            let (mut n, mut steps) = (n, 0);
            while n != 1 {
                n = if n % 2 == 0 { n / 2 } else { 3 * n + 1 };
                steps += 1;
            }
            steps
        })
        .collect();
    assert_eq!(map::<u32, u32>(&[&n], body), want);
}

/// A sum by halves in shared memory, blocks added up by an atomic operation.
fn sum_in_shared(barrier: &str) -> String {
    format!(
        "{HEAD}.extern .shared .align 4 .b8 pool[];
        .visible .entry k(.param .u64 x, .param .u64 y, .param .u64 n) {{
        .reg .pred %p<4>; .reg .b32 %r<12>; .reg .f32 %f<4>; .reg .b64 %d<8>;
        mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x; mad.lo.s32 %r4, %r1, %r2, %r3;
        ld.param.u64 %d1, [x]; ld.param.u64 %d2, [y]; ld.param.u64 %d3, [n];
        cvta.to.global.u64 %d1, %d1; cvt.u64.u32 %d4, %r4; mov.f32 %f1, 0f00000000;
        setp.ge.u64 %p1, %d4, %d3; @%p1 bra FILL;
        shl.b64 %d5, %d4, 2; add.s64 %d5, %d1, %d5; ld.global.f32 %f1, [%d5];
        FILL: mov.u32 %r5, pool; shl.b32 %r6, %r3, 2; add.s32 %r6, %r5, %r6; st.shared.f32 [%r6], %f1;
        mov.u32 %r7, %r2; bar.sync 0;
        HALF: shr.u32 %r7, %r7, 1; {barrier}
        setp.eq.s32 %p2, %r7, 0; @%p2 bra DONE;
        setp.ge.u32 %p3, %r3, %r7; @%p3 bra HALF;
        shl.b32 %r8, %r7, 2; add.s32 %r8, %r6, %r8; ld.shared.f32 %f2, [%r8]; ld.shared.f32 %f3, [%r6];
        add.f32 %f3, %f3, %f2; st.shared.f32 [%r6], %f3; bra HALF;
        DONE: setp.ne.s32 %p1, %r3, 0; @%p1 bra END;
        ld.shared.f32 %f1, [pool]; red.global.add.f32 [%d2], %f1;
        END: ret; }}"
    )
}

#[test]
fn blocks_share_memory_and_meet_at_barriers() {
    let x: Vec<f32> = (0..1000).map(|i| i as f32).collect();
    let (from, to) = (Buffer::of(&x), Buffer::of(&[0f32]));
    let run = |barrier: &str| launch_of(&sum_in_shared(barrier), [4, 1, 1], [256, 1, 1], 1024, &[from.0, to.0, 1000]);
    check(run("bar.sync 0;"));
    assert_eq!(to.read::<f32>(1), [499_500.0]);
    let status = run("");
    assert_eq!(status, 719);
    assert!(last(status).contains("no barrier between"), "{}", last(status));
    let few = launch_of(&sum_in_shared("bar.sync 0;"), [4, 1, 1], [256, 1, 1], 1000, &[from.0, to.0, 1000]);
    assert!(few == 719 && last(few).contains("of which the block has 1000"), "{}", last(few));
}

#[test]
fn grids_of_three_dimensions_number_their_threads() {
    let (grid, block) = ([3, 2, 2], [4, 3, 5]);
    let body =
        "mov.u32 %r4, %tid.y; mov.u32 %r5, %tid.z; mov.u32 %r6, %ntid.y; mov.u32 %r7, %ctaid.y; mov.u32 %r8, %ctaid.z;
        mov.u32 %r9, %nctaid.x; mov.u32 %r10, %nctaid.y; mov.u32 %r20, %ntid.z;
        mad.lo.s32 %r11, %r8, %r10, %r7; mad.lo.s32 %r11, %r11, %r9, %r1;
        mul.lo.s32 %r12, %r2, %r6; mul.lo.s32 %r12, %r12, %r20;
        mad.lo.s32 %r13, %r5, %r6, %r4; mad.lo.s32 %r13, %r13, %r2, %r3; mad.lo.s32 %r14, %r11, %r12, %r13;
        ld.param.u64 %d1, [p0]; mad.wide.u32 %d2, %r14, 4, %d1; st.global.u32 [%d2], %r14;";
    let out = Buffer::empty(720 * 4);
    check(launch_of(&kernel(1, body), grid, block, 0, &[out.0]));
    assert_eq!(out.read::<u32>(720), (0..720).collect::<Vec<_>>());
}

#[test]
fn vectors_bytes_and_signs() {
    let from = Buffer::of(&[1i32, -2, 3, -4, 5, 6, 7, 8]);
    let to = Buffer::empty(32);
    let body = "ld.param.u64 %d1, [p0]; ld.param.u64 %d2, [p1];
        ld.global.v4.u32 {%r4, %r5, %r6, %r7}, [%d1]; ld.global.v2.u64 {%d3, %d4}, [%d1+16];
        st.global.v2.u32 [%d2], {%r7, %r4}; st.global.u64 [%d2+8], %d4;
        ld.global.s8 %r8, [%d1+4]; st.global.u32 [%d2+16], %r8; ld.global.u8 %h1, [%d1+4]; cvt.u32.u16 %r9, %h1;
        st.global.u32 [%d2+20], %r9; ld.global.s32 %d5, [%d1+4]; st.global.u64 [%d2+24], %d5;";
    check(launch_of(&kernel(2, body), [1; 3], [1, 1, 1], 0, &[from.0, to.0]));
    assert_eq!(to.read::<i32>(8), [-4, 1, 7, 8, -2, 254, -2, -1]);
}

/// Each thread has its own copy of an array, which it indexes as it likes, and a function that is called from two places.
#[test]
fn local_memory_and_functions() {
    let module = format!(
        "{HEAD}.func (.param .b64 back) twice(.param .b64 x) {{
        .reg .b64 %d<3>; .reg .pred %p<2>;
        ld.param.u64 %d1, [x]; setp.gt.u64 %p1, %d1, 100; @%p1 bra LARGE; add.s64 %d1, %d1, %d1; bra END;
        LARGE: mul.lo.s64 %d1, %d1, 3; END: st.param.b64 [back], %d1; ret; }}
        .visible .entry k(.param .u64 out) {{
        .local .align 8 .b8 depot[64]; .reg .b32 %r<9>; .reg .b64 %d<12>; .reg .pred %p<3>;
        mov.u32 %r1, %tid.x; ld.param.u64 %d1, [out]; mad.wide.u32 %d2, %r1, 8, %d1; mov.u64 %d3, depot; mov.u32 %r2, 0;
        FILL: mad.wide.u32 %d4, %r2, 8, %d3; mad.lo.s32 %r3, %r1, 10, %r2; cvt.u64.u32 %d5, %r3; st.local.u64 [%d4], %d5;
        add.s32 %r2, %r2, 1; setp.lt.u32 %p1, %r2, 8; @%p1 bra FILL;
        and.b32 %r4, %r1, 7; mad.wide.u32 %d4, %r4, 8, %d3; cvta.local.u64 %d4, %d4; ld.u64 %d6, [%d4];
        setp.lt.u32 %p2, %r1, 5; @%p2 bra ONCE;
        {{ .param .b64 a; .param .b64 b; st.param.b64 [a+0], %d6; call.uni (b), twice, (a); ld.param.b64 %d6, [b+0]; }}
        ONCE: {{ .param .b64 a; .param .b64 b; st.param.b64 [a+0], %d6; call.uni (b), twice, (a); ld.param.b64 %d6, [b+0]; }}
        st.global.u64 [%d2], %d6; ret; }}"
    );
    let out = Buffer::empty(64 * 8);
    check(launch_of(&module, [1; 3], [64, 1, 1], 0, &[out.0]));
    let twice = |x: u64| if x > 100 { 3 * x } else { 2 * x };
    let want: Vec<u64> = (0..64u64)
        .map(|i| {
            let x = 10 * i + i % 8;
            twice(if i < 5 { x } else { twice(x) })
        })
        .collect();
    assert_eq!(out.read::<u64>(64), want);
    let recursive = format!("{HEAD}.func f() {{ call f; ret; }} .visible .entry k() {{ call f; ret; }}");
    let status = launch_of(&recursive, [1; 3], [1; 3], 0, &[]);
    assert!(status == 218 && last(status).contains("recursion"), "{}", last(status));
}

#[test]
fn lanes_exchange_and_vote() {
    let x: Vec<u32> = (0..64).map(|i| i * i % 37).collect();
    let sum = "ld.global.u32 %r4, [%d11]; mov.u32 %r5, 16;
        LOOP: shfl.sync.bfly.b32 %r6, %r4, %r5, 31, -1; add.s32 %r4, %r4, %r6; shr.u32 %r5, %r5, 1;
        setp.ne.s32 %p1, %r5, 0; @%p1 bra LOOP; st.global.u32 [%d10], %r4;";
    let want: Vec<u32> = x.chunks(32).flat_map(|warp| [warp.iter().sum::<u32>(); 32]).collect();
    assert_eq!(map::<u32, u32>(&[&x], sum), want);
    let down = "ld.global.u32 %r4, [%d11]; shfl.sync.down.b32 %r5|%p1, %r4, 3, 31, -1; @!%p1 mov.u32 %r5, 99; st.global.u32 [%d10], %r5;";
    let want: Vec<u32> = x.chunks(32).flat_map(|w| (0..32).map(|i| w.get(i + 3).copied().unwrap_or(99))).collect();
    assert_eq!(map::<u32, u32>(&[&x], down), want);
    let odd = "ld.global.u32 %r4, [%d11]; and.b32 %r4, %r4, 1; setp.eq.s32 %p1, %r4, 1; vote.sync.ballot.b32 %r5, %p1, -1; st.global.u32 [%d10], %r5;";
    let votes = |warp: &[u32]| warp.iter().enumerate().map(|(i, x)| (x & 1) << i).sum::<u32>();
    let want: Vec<u32> = x.chunks(32).flat_map(|warp| [votes(warp); 32]).collect();
    assert_eq!(map::<u32, u32>(&[&x], odd), want);
}

#[test]
fn atomic_operations() {
    // sum, largest as signed, smallest as unsigned, a count by exchange of what was compared
    let to = Buffer::of(&[0u32, 0x8000_0000, u32::MAX, 0]);
    let body = "ld.param.u64 %d1, [p0]; sub.s32 %r4, %r0, 500;
        red.global.add.u32 [%d1], %r0; red.global.max.s32 [%d1+4], %r4; atom.global.min.u32 %r5, [%d1+8], %r4;
        TRY: ld.global.u32 %r6, [%d1+12]; add.s32 %r7, %r6, 2; atom.global.cas.b32 %r8, [%d1+12], %r6, %r7;
        setp.ne.s32 %p1, %r8, %r6; @%p1 bra TRY;";
    check(launch_of(&kernel(1, body), [32, 1, 1], [32, 1, 1], 0, &[to.0]));
    assert_eq!(to.read::<u32>(4), [1024 * 1023 / 2, 523, 0, 2048]);
    let to = Buffer::of(&[0f64]);
    check(launch_of(
        &kernel(1, "ld.param.u64 %d1, [p0]; atom.global.add.f64 %g1, [%d1], 0d3FE0000000000000;"),
        [4, 1, 1],
        [32, 1, 1],
        0,
        &[to.0],
    ));
    assert_eq!(to.read::<f64>(1), [64.0]);
}

/// What is said of a launch that must fail.
#[track_caller]
fn refusal(status: Status, text: &str, grid: [u32; 3], block: [u32; 3], shared: u32, params: &[u64]) -> String {
    let found = launch_of(text, grid, block, shared, params);
    assert_eq!(found, status, "{}", last(found));
    let said = last(found);
    assert!(said.contains("`k`"), "{said}");
    said
}

#[test]
fn every_mistake_is_named() {
    let write = kernel(1, &format!("{} st.global.u32 [%d10], %r0;", at(1, 4)));
    let read = kernel(1, &format!("{} ld.global.u32 %r4, [%d10]; st.global.u32 [%d10], %r4;", at(1, 4)));
    let to = Buffer::empty(40 * 4);
    let said = refusal(700, &write, [1; 3], [64, 1, 1], 0, &[to.0]);
    assert!(said.contains("thread (40, 0, 0)") && said.contains("has 160 bytes, and this is byte 160"), "{said}");
    let fresh = Buffer::empty(40 * 4);
    let said = refusal(719, &read, [1; 3], [32, 1, 1], 0, &[fresh.0]);
    assert!(said.contains("nothing has written"), "{said}");
    let host = [0u32; 32];
    assert!(refusal(700, &read, [1; 3], [32, 1, 1], 0, &[host.as_ptr() as u64]).contains("host pointer"));
    assert!(refusal(700, &read, [1; 3], [32, 1, 1], 0, &[0]).contains("null pointer"));
    assert!(refusal(716, &write, [1; 3], [32, 1, 1], 0, &[to.0 + 2]).contains("not aligned"));
    let gone = to.0;
    drop(to);
    assert!(refusal(700, &write, [1; 3], [32, 1, 1], 0, &[gone]).contains("freed"));

    // launches
    for (grid, block) in [([0, 1, 1], [32, 1, 1]), ([1; 3], [32, 0, 1])] {
        assert!(refusal(1, &write, grid, block, 0, &[fresh.0]).contains("empty"));
    }
    assert!(refusal(1, &write, [1; 3], [1025, 1, 1], 0, &[fresh.0]).contains("too large"));
    assert!(refusal(1, &write, [1, 70_000, 1], [1; 3], 0, &[fresh.0]).contains("too large"));
    assert!(refusal(1, &write, [1; 3], [32, 1, 1], 50_000, &[fresh.0]).contains("shared memory"));
    let limited = write.replace(") {", ") .maxntid 16, 1, 1 {");
    assert!(refusal(1, &limited, [1; 3], [32, 1, 1], 0, &[fresh.0]).contains("it may have 16"));

    // barriers that only some reach
    let some = kernel(0, "setp.lt.u32 %p1, %r3, 7; @%p1 bra A; bar.sync 0; bra B; A: bar.sync 0; B:");
    assert!(refusal(719, &some, [1; 3], [64, 1, 1], 0, &[]).contains("waits at a barrier while"));
    let trap = kernel(0, "setp.eq.u32 %p1, %r3, 7; @%p1 trap;");
    assert!(refusal(710, &trap, [1; 3], [64, 1, 1], 0, &[]).contains("thread (7, 0, 0) it ran into a `trap`"));

    // what is not PTX, or not supported
    let odd = kernel(0, "wgmma.fence.sync.aligned;");
    assert!(refusal(218, &odd, [1; 3], [32, 1, 1], 0, &[]).contains("not supported"));
    let status = launch_of("nonsense", [1; 3], [1; 3], 0, &[]);
    assert!(status == 218 && last(status).contains("`nonsense`"));
}

#[test]
fn copies_and_threads_are_checked() {
    let (a, b) = (Buffer::of(&[1u32, 2, 3, 4]), Buffer::empty(16));
    let mut host = [0u32; 4];
    unsafe {
        assert_eq!(cuMemcpyDtoH_v2(host.as_mut_ptr().cast(), b.0, 16), 1);
        assert!(last(1).contains("nothing has written"));
        check(cuMemcpyDtoD_v2(b.0, a.0, 8));
        assert_eq!(b.read::<u32>(2), [1, 2]);
        assert_eq!(cuMemcpyDtoH_v2(host.as_mut_ptr().cast(), b.0, 16), 1);
        assert_eq!(cuMemcpyHtoD_v2(a.0, host.as_ptr().cast(), 20), 700);
        check(cuMemsetD8_v2(b.0, 0xff, 16));
        assert_eq!(b.read::<u32>(4), [u32::MAX; 4]);
        assert_eq!(cuMemFree_v2(a.0 + 4), 1);
        let mut address = 0;
        assert_eq!(cuMemAlloc_v2(&raw mut address, usize::MAX / 2), 2);
    }
    let unbound = std::thread::spawn(|| cuMemsetD8_v2(0, 0, 1)).join().unwrap();
    assert_eq!(unbound, 201);
}

/// Against loops, for each way to lay out the three matrices.
#[test]
fn products_of_matrices() {
    begin();
    let mut handle = ptr::null_mut();
    assert_eq!(unsafe { cublasCreate_v2(&raw mut handle) }, 0);
    let (m, n, k) = (5usize, 4usize, 3usize);
    let (alpha, beta) = (2.0f64, 0.5f64);
    for (ta, tb) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let (lda, ldb, ldc) = (7usize, 6usize, 5usize);
        let (a, b): (Vec<f64>, Vec<f64>) =
            ((0..60).map(|i| f64::from(i % 7)).collect(), (0..60).map(|i| f64::from(i % 5)).collect());
        let c: Vec<f64> = (0..40).map(f64::from).collect();
        let (da, db, dc) = (Buffer::of(&a), Buffer::of(&b), Buffer::of(&c));
        let sizes = (m as i32, n as i32, k as i32);
        let status = unsafe {
            cublasDgemmStridedBatched(
                handle,
                ta,
                tb,
                sizes.0,
                sizes.1,
                sizes.2,
                &raw const alpha,
                da.0,
                lda as i32,
                4,
                db.0,
                ldb as i32,
                0,
                &raw const beta,
                dc.0,
                ldc as i32,
                20,
                2,
            )
        };
        assert_eq!(status, 0);
        let mut want = c.clone();
        for batch in 0..2 {
            for row in 0..m {
                for column in 0..n {
                    let of = |i: usize| {
                        let x = if ta == 0 { a[4 * batch + i * lda + row] } else { a[4 * batch + row * lda + i] };
                        x * if tb == 0 { b[column * ldb + i] } else { b[i * ldb + column] }
                    };
                    let to = &mut want[20 * batch + column * ldc + row];
                    *to = alpha * (0..k).map(of).sum::<f64>() + beta * *to;
                }
            }
        }
        assert_eq!(dc.read::<f64>(40), want);
    }
    let (one, zero) = (1f32, 0f32);
    let (a, c) = (Buffer::of(&[1f32; 6]), Buffer::empty(4 * 4));
    let gemm = |lda: i32, a: u64, beta: &f32| unsafe {
        cublasSgemm_v2(handle, 0, 0, 2, 2, 3, &raw const one, a, lda, a, 3, ptr::from_ref(beta), c.0, 2)
    };
    assert_eq!(gemm(1, a.0, &zero), 7, "columns that overlap");
    assert_eq!(gemm(3, a.0, &zero), 13, "more than there is");
    assert_eq!(gemm(2, a.0, &one), 13, "a result that is read and was never written");
    assert_eq!(gemm(2, a.0, &zero), 0);
    assert_eq!(c.read::<f32>(4), [3.0; 4]);
    assert_eq!(cublasDestroy_v2(handle), 0);
}
