//! Tensors one after the other.

use crate::check::*;
use dfdx::prelude::*;
use dynvision::ops;
use proptest::prelude::*;

type Three = Tensor<(usize, usize, usize), f64, Dev>;

proptest! {
    #![proptest_config(config(64))]

    /// Parts of any length, the first of them twice, squared so that gradients depend on values.
    #[test]
    fn along_any_axis(sizes in [1usize..4, 1usize..4, 1usize..4], lengths in prop::collection::vec(1usize..4, 1..4), axis in 0usize..3, seed: u64) {
        let shape = |length: usize| {
            let mut shape = sizes;
            shape[axis] = length;
            shape
        };
        let inputs: Vec<Vec<f64>> = lengths.iter().enumerate().map(|(i, &length)| {
            values(shape(length).iter().product(), seed.wrapping_add(i as u64))
        }).collect();
        let found = check!(&inputs, |x, cx| {
            let mut parts: Vec<Three> = x.iter().zip(&lengths).map(|(x, &length)| {
                let [a, b, c] = shape(length);
                x.clone().reshape_like(&(a, b, c))
            }).collect();
            parts.push(parts[0].clone());
            let all: Three = ops::concat(axis, &parts, cx)?;
            cx.run(all, |all| all.try_square())
        });
        // by the definition: element by element, from the part that its place lies in
        let mut parts: Vec<(usize, &Vec<f64>)> = lengths.iter().copied().zip(&inputs).collect();
        parts.push(parts[0]);
        let all = shape(parts.iter().map(|(length, _)| length).sum());
        let mut want = Vec::new();
        for at in 0..all.iter().product::<usize>() {
            let mut place = [at / (all[1] * all[2]), at / all[2] % all[1], at % all[2]];
            let mut part = 0;
            while place[axis] >= parts[part].0 {
                place[axis] -= parts[part].0;
                part += 1;
            }
            let [_, b, c] = shape(parts[part].0);
            want.push(parts[part].1[(place[0] * b + place[1]) * c + place[2]].powi(2));
        }
        assert_near(&found, &want, 1e-14);
    }
}

#[test]
fn a_view_beside_a_tensor() {
    check!(&[values(12, 5), values(4, 6)], |x, cx| {
        let view = x[0].clone().reshape_like(&(3, 4)).permute::<_, Axes2<1, 0>>();
        let same: Tensor<(usize, usize), f64, Dev> = x[1].clone().reshape_like(&(4, 1));
        let all: Tensor<(usize, usize), f64, Dev> = ops::concat(1, &[same.clone(), view, same], cx)?;
        cx.run(all, |all| all.try_square())
    });
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    type Two = Tensor<(usize, usize), f64, Dev>;
    let x: Two = flat(&values(6, 1)).reshape_like(&(2, 3));
    let y: Two = flat(&values(6, 1)).reshape_like(&(3, 2));
    let refused = |axis, parts: &[Two]| {
        ops::concat::<_, (usize, usize), _, _, _>(axis, parts, &mut cx::<NoneTape>())
            .map(|y| y.as_vec())
            .unwrap_err()
            .to_string()
    };
    assert!(refused(0, &[]).contains("nothing"));
    assert!(refused(2, std::slice::from_ref(&x)).contains("axis 2"));
    let differ = refused(0, &[x.clone(), y]);
    assert!(differ.contains("expected shape [2, 3], found [3, 2]"), "{differ}");
    let none: Two = device().zeros_like(&(0, 3));
    assert!(refused(0, &[none.clone(), none.clone()]).contains("no elements"));
    let all = ops::concat::<_, (usize, usize), _, _, _>(0, &[none, x.clone()], &mut cx::<NoneTape>()).unwrap();
    assert_eq!(all.as_vec(), x.as_vec(), "an empty part adds nothing");
    let typed =
        ops::concat::<_, (usize, Const<5>), _, _, _>(1, &[x.clone(), x], &mut cx::<NoneTape>()).map(|y| y.as_vec());
    assert!(typed.unwrap_err().to_string().contains("one after the other"));
}
