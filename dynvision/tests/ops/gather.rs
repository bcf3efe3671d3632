//! Units picked from a map, and weights that are made of others.

use crate::check::*;
use dfdx::prelude::*;
use dynvision::geometry::Units;
use dynvision::ops;
use proptest::prelude::*;

proptest! {
    #![proptest_config(config(128))]

    #[test]
    fn any_units(
        b in 1usize..4, picks in prop::collection::vec(0u32..24, 1..40), seed: u64,
    ) {
        let all = [values(b * 24, seed)];
        let units = Units::new(&picks[..], 24).unwrap();
        let found = check!(&all, |x, cx| ops::gather(&maps(&x[0], [b, 2, 3, 4]), &units, (b, 1, picks.len(), 1), cx));
        let want: Vec<f64> = all[0].chunks(24).flat_map(|x| picks.iter().map(|&unit| x[unit as usize])).collect();
        assert_near(&found, &want, 0.0);
    }

    #[test]
    fn normalised_weights(outs in 1usize..4, ins in 1usize..3, k in 1usize..4, seed: u64) {
        let all = [apart(outs * ins * k * k, seed), values(outs, seed ^ 1)];
        let found = check!(&all, |x, cx| ops::weight_norm(&maps(&x[0], [outs, ins, k, k]), &x[1], cx));
        let want: Vec<f64> = all[0].chunks(ins * k * k).zip(&all[1]).flat_map(|(v, g)| {
            let norm = v.iter().map(|v| v * v).sum::<f64>().sqrt();
            v.iter().map(move |v| g * v / norm)
        }).collect();
        assert_near(&found, &want, 1e-13);
    }
}

#[test]
fn norms_may_be_a_view() {
    check!(&[values(36, 1), vec![0.4]], |x, cx| {
        let norms: Flat = x[1].clone().reshape_like(&()).broadcast_like::<_, Axis<0>>(&(2,));
        ops::weight_norm(&maps(&x[0], [2, 2, 3, 3]), &norms, cx)
    });
}

#[test]
fn units_that_are_not_there_are_refused() {
    assert!(Units::new([0, 24], 24).unwrap_err().to_string().contains("unit 24"));
    let (x, units): (Maps, _) = (device().zeros_like(&(2, 2, 3, 4)), Units::new([0, 1], 24).unwrap());
    for to in [(1, 1, 2, 1), (2, 1, 3, 1)] {
        assert!(ops::gather(&x, &units, to, &mut cx::<NoneTape>()).is_err());
    }
    let fewer: Maps = device().zeros_like(&(2, 2, 3, 3));
    assert!(ops::gather(&fewer, &units, (2, 1, 2, 1), &mut cx::<NoneTape>()).is_err());
}
