//! A case, and how much of it was compared.

use crate::golden::Golden;
use std::ops::Deref;

pub(crate) struct Case {
    golden: Golden,
    compared: usize,
}

impl Deref for Case {
    type Target = Golden;

    fn deref(&self) -> &Golden {
        &self.golden
    }
}

impl Case {
    pub(crate) fn load(name: &str) -> Self {
        Case { golden: Golden::load("goldens", name), compared: 0 }
    }

    /// Says that so many numbers were compared.
    pub(crate) fn count(&mut self, numbers: usize) {
        self.compared += numbers;
    }

    pub(crate) fn tolerance(&self) -> f64 {
        self.json["tolerance"].as_f64().unwrap()
    }

    /// Compares at the case's own tolerance; what is missing must be NaN.
    pub(crate) fn compare(&mut self, tensor: &str, found: &[Option<f64>]) {
        self.compare_at(tensor, found, self.tolerance());
    }

    pub(crate) fn compare_all(&mut self, tensor: &str, found: &[f64]) {
        self.compare(tensor, &found.iter().copied().map(Some).collect::<Vec<_>>());
    }

    /// Compares at a tolerance relative to the tensor's largest value.
    pub(crate) fn compare_at(&mut self, tensor: &str, found: &[Option<f64>], tolerance: f64) {
        let expected = self.numbers(tensor);
        assert!(!expected.is_empty(), "{tensor} is empty");
        assert_eq!(found.len(), expected.len(), "{tensor}: length");
        let scale = expected.iter().filter(|x| x.is_finite()).fold(0., |m: f64, x| m.max(x.abs()));
        for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
            match found {
                None => assert!(expected.is_nan(), "{tensor}[{i}] is missing, not {expected}"),
                Some(x) => {
                    let off = (x - expected).abs();
                    assert!(off <= tolerance * scale, "{tensor}[{i}] is {x}, not {expected} (largest {scale})");
                }
            }
        }
        self.compared += expected.len();
    }

    pub(crate) fn compared(&self) -> usize {
        self.compared
    }
}
