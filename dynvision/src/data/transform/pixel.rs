//! What a transform needs to know of a pixel.

/// A value of a sample: a byte, rounded and held within its range, or a float as it is.
pub(crate) trait Pixel: Copy + Default {
    /// The value as a number.
    fn number(self) -> f64;
    /// The nearest value, for weighted sums of pixels.
    fn nearest(number: f64) -> Self;
    /// The value rounded towards 0, as PIL blends images.
    fn truncated(number: f64) -> Self;
}

impl Pixel for u8 {
    fn number(self) -> f64 {
        f64::from(self)
    }
    // a cast holds the number within the range
    fn nearest(number: f64) -> Self {
        (number + 0.5).floor() as u8
    }
    fn truncated(number: f64) -> Self {
        number as u8
    }
}

impl Pixel for f32 {
    fn number(self) -> f64 {
        f64::from(self)
    }
    fn nearest(number: f64) -> Self {
        number as f32
    }
    fn truncated(number: f64) -> Self {
        number as f32
    }
}
