//! Learning rates that grow with the batch.

/// How the learning rate grows with the number of images `n` of one update, relative to that of 64 images.
///
/// ```
/// use dynvision::optim::LrScaling;
/// assert_eq!(LrScaling::default().factor(256), 1.0);
/// assert_eq!((LrScaling::Linear.factor(256), LrScaling::Sqrt.factor(256)), (4.0, 2.0));
/// // the original's falls from 2 to 1.42 between 128 and 129 images
/// assert!(LrScaling::Legacy.factor(128) > LrScaling::Legacy.factor(129));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LrScaling {
    /// Not at all.
    #[default]
    None,
    /// By `n / 64` ([Goyal et al. 2017](https://arxiv.org/abs/1706.02677)).
    Linear,
    /// By `sqrt(n / 64)` ([Krizhevsky 2014](https://arxiv.org/abs/1404.5997)).
    Sqrt,
    /// As the original: linear up to 128 images, by the square root above.
    Legacy,
}

impl LrScaling {
    /// The number of images whose rate is not changed.
    pub const REFERENCE: usize = 64;

    /// By what the learning rate of updates of so many images is multiplied.
    pub fn factor(self, images: usize) -> f64 {
        let ratio = images as f64 / Self::REFERENCE as f64;
        match self {
            LrScaling::None => 1.0,
            LrScaling::Linear => ratio,
            LrScaling::Legacy if images <= 128 => ratio,
            LrScaling::Sqrt | LrScaling::Legacy => ratio.sqrt(),
        }
    }
}
