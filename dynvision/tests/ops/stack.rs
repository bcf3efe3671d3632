//! Steps to a time axis.

use crate::check::*;
use dfdx::prelude::*;
use dynvision::ops;
use proptest::prelude::*;

type Time = Tensor<(usize, usize, usize), f64, Dev>;

proptest! {
    #![proptest_config(config(128))]

    #[test]
    fn steps_stand_behind_each_other(batch in 1usize..4, width in 1usize..6, first in 0usize..3, steps in 1usize..5, seed: u64) {
        let all: Vec<_> = (0..steps as u64).map(|step| values(batch * width, seed ^ step)).collect();
        let found = check!(&all, |x, cx| {
            let steps: Vec<_> = x.iter().map(|x| x.clone().reshape_like(&(batch, width))).collect();
            let y: Time = ops::stack_time(first, &steps, cx)?;
            Ok(y)
        });
        let mut want = Vec::new();
        for b in 0..batch {
            want.extend(vec![0.0; first * width]);
            all.iter().for_each(|step| want.extend(&step[b * width..(b + 1) * width]));
        }
        assert_near(&found, &want, 0.0);
    }
}

#[test]
fn one_tensor_may_be_several_steps() {
    let found = check!(&[values(6, 1), values(6, 2)], |x, cx| {
        let steps = [&x[0], &x[1], &x[0]].map(|x| x.clone().reshape_like(&(2, 3)));
        let y: Time = ops::stack_time(0, &steps, cx)?;
        Ok(y)
    });
    assert_eq!(found[..3], found[6..9]);
}

#[test]
fn maps_become_five_dimensions() {
    let dev = seeded(1);
    let steps: Vec<Tensor<(usize, Const<2>, Const<3>, Const<1>), f32, _>> =
        (0..2).map(|_| dev.sample_normal_like(&(2, Const, Const, Const))).collect();
    let y: Tensor<(usize, Const<3>, Const<2>, Const<3>, Const<1>), f32, _> =
        ops::stack_time(1, &steps, &mut dynvision::autograd::Graph::new(NoneTape)).unwrap();
    assert_eq!(y.shape().concrete(), [2, 3, 2, 3, 1]);
    // the last channel's last unit of the second image, at the empty first step and at the last one
    assert_eq!((y.as_vec()[23], y.as_vec()[35]), (0.0, steps[1].as_vec()[11]));
}
