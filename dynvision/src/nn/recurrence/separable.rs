//! The weights of the recurrences that keep places and channels apart.

use crate::nn::optional::modules;

modules! {
    /// The weights of a [`DepthPointwise`](crate::nn::DepthPointwise) or [`PointDepthwise`](crate::nn::PointDepthwise)
    /// recurrence.
    pub struct Separable {
        /// One kernel for each channel: `(C, 1, K, K)`.
        pub depthwise: P = "depthwise",
        /// From the channels of the state to those of the target: `(O, I, 1, 1)`.
        pub pointwise: M = "pointwise",
    }
}

modules! {
    /// The weights of a [`LocalDepthwise`](crate::nn::LocalDepthwise) recurrence.
    pub struct LocalSeparable {
        /// On the cortical plane: `(1, 1, K, K)`.
        pub local: L = "local",
        /// One kernel for each channel: `(C, 1, K, K)`.
        pub depthwise: P = "depthwise",
    }
}
