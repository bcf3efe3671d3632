//! The responses of an area over time.

use super::{Memory, Timed};
use crate::error::{Error, Result};
use dfdx::prelude::*;

/// The responses of one area over time.
///
/// ```
/// use dynvision::{prelude::*, zoo::SimpleRCNN};
/// let dev = Cpu::default();
/// let net = dev.build_module::<SimpleRCNN, f32>();
/// let images = dev.sample_normal_like(&(2, Const, Const, Const));
/// let (_, responses) = net.try_record(Stimulus::constant(images, 3))?;
/// let course = responses.layer2.mean_over_units();
/// assert_eq!((course.axes(), course.sizes()), (&["batch", "time"][..], &[2, 3][..]));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Response<S: Timed, E: Dtype, D: Device<E>> {
    /// `(batch, time, channels, rows, columns)`, time as in the run; zero where the area had no signal.
    pub values: Tensor<S::InTime, E, D>,
    /// For each step, whether the area had a signal.
    pub present: Vec<bool>,
    /// What the area's parts kept besides, by their names: see [`Context::remember`](super::Context::remember).
    pub memories: Vec<(&'static str, Memory<E, D>)>,
}

/// The axes of [`Response::values`].
pub(super) const AXES: [&str; 5] = ["batch", "time", "channel", "row", "column"];

impl<S: Timed, E: Dtype, D: Device<E>> Response<S, E, D> {
    /// Returns the first step at which the area had a signal.
    pub fn onset(&self) -> Option<usize> {
        self.present.iter().position(|&p| p)
    }

    /// Returns a memory of the area over time, if a part of it keeps one of this name.
    ///
    /// ```
    /// use dynvision::{prelude::*, nn::ConvLstm};
    /// #[dyn_model(input = [1, 4, 4], operations = [layer, record, delay])]
    /// struct Net {
    ///     v1: ConvLstm<1, 2>,
    ///     #[readout]
    ///     classifier: Classifier<2, 2>,
    /// }
    /// let dev = Cpu::default();
    /// let net = dev.build_module::<Net, f32>();
    /// let (_, responses) = net.try_record(Stimulus::constant(dev.sample_normal_like(&(2, Const, Const, Const)), 3))?;
    /// let cell = responses.v1.memory("cell").map(|cell| cell.to_array());
    /// assert_eq!(cell.map(|cell| cell.sizes().to_vec()), Some(vec![2, 3, 2, 4, 4]));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn memory(&self, name: &str) -> Option<&Memory<E, D>> {
        self.memories.iter().find(|(known, _)| *known == name).map(|(_, memory)| memory)
    }

    /// Returns all responses as an array with named axes.
    pub fn to_array(&self) -> NamedArray {
        let values = self.values.as_vec().iter().map(|v| v.to_f64().unwrap_or(f64::NAN)).collect();
        NamedArray { axes: AXES.to_vec(), sizes: self.values.shape().concrete().to_vec(), values }
    }

    /// Returns the responses at one step: axes `batch, channel, row, column`.
    ///
    /// # Errors
    /// [`Error::Setting`] where the run has no such step.
    pub fn step(&self, step: usize) -> Result<NamedArray> {
        self.to_array().at("time", step)
    }

    /// Returns the responses of one channel: axes `batch, time, row, column`.
    ///
    /// # Errors
    /// [`Error::Setting`] where the area has no such channel.
    pub fn channel(&self, channel: usize) -> Result<NamedArray> {
        self.to_array().at("channel", channel)
    }

    /// Returns the responses of one unit: axes `batch, time`.
    ///
    /// # Errors
    /// [`Error::Setting`] where the area has no such unit.
    pub fn unit(&self, channel: usize, row: usize, column: usize) -> Result<NamedArray> {
        self.to_array().at("channel", channel)?.at("row", row)?.at("column", column)
    }

    /// Returns the mean over all units: axes `batch, time`. Missing (NaN) for an area without units.
    pub fn mean_over_units(&self) -> NamedArray {
        self.to_array().mean("channel").mean("row").mean("column")
    }

    /// Returns the mean over the steps at which the area had a signal: axes `batch, channel, row, column`. Missing (NaN)
    /// where it never had one.
    pub fn mean_over_time(&self) -> NamedArray {
        let all = self.to_array();
        let present = self.present.iter().enumerate().filter(|(_, present)| **present).map(|(step, _)| step).collect();
        all.pick("time", present).mean("time")
    }
}

/// Numbers with named axes, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedArray {
    axes: Vec<&'static str>,
    sizes: Vec<usize>,
    values: Vec<f64>,
}

impl NamedArray {
    pub(super) fn new(axes: Vec<&'static str>, sizes: Vec<usize>, values: Vec<f64>) -> Self {
        NamedArray { axes, sizes, values }
    }

    /// The names of the axes.
    pub fn axes(&self) -> &[&'static str] {
        &self.axes
    }

    /// The size along each axis.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// The numbers, the last axis running fastest.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Returns the numbers at one place of an axis, which is gone then.
    ///
    /// # Errors
    /// [`Error::Setting`] where there is no such axis or place.
    ///
    /// ```
    /// # use dynvision::{prelude::*, zoo::SimpleRCNN};
    /// # let dev = Cpu::default();
    /// # let net = dev.build_module::<SimpleRCNN, f32>();
    /// let (_, responses) = net.try_record(Stimulus::constant(dev.sample_normal_like(&(2, Const, Const, Const)), 3))?;
    /// let last = responses.layer1.to_array().at("time", 2)?;
    /// assert_eq!(last.axes(), ["batch", "channel", "row", "column"]);
    /// assert!(last.at("time", 0).unwrap_err().to_string().contains("no axis `time`"));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn at(&self, axis: &str, place: usize) -> Result<NamedArray> {
        let Some(number) = self.axes.iter().position(|name| *name == axis) else {
            return Err(Error::Setting(format!("there is no axis `{axis}`; the axes are {}", self.axes.join(", "))));
        };
        if place >= self.sizes[number] {
            let size = self.sizes[number];
            return Err(Error::Setting(format!("there is no {axis} {place}: axis `{axis}` has {size}")));
        }
        let mut picked = self.pick(axis, vec![place]);
        picked.axes.remove(number);
        picked.sizes.remove(number);
        Ok(picked)
    }

    /// The numbers at some places of an axis, which exist.
    fn pick(&self, axis: &str, places: Vec<usize>) -> NamedArray {
        let Some((number, outer, along, inner)) = self.around(axis) else { return self.clone() };
        let mut values = Vec::with_capacity(outer * places.len() * inner);
        for o in 0..outer {
            for place in &places {
                let start = (o * along + place) * inner;
                values.extend_from_slice(&self.values[start..start + inner]);
            }
        }
        let mut sizes = self.sizes.clone();
        sizes[number] = places.len();
        NamedArray { axes: self.axes.clone(), sizes, values }
    }

    /// Returns the mean along an axis, which is gone then; NaN where the axis has no places. An array without that axis is
    /// returned as it is.
    pub fn mean(&self, axis: &str) -> NamedArray {
        let Some((number, outer, along, inner)) = self.around(axis) else { return self.clone() };
        let mean = |at: usize| {
            let (o, i) = (at / inner, at % inner);
            let sum: f64 = (0..along).map(|place| self.values[(o * along + place) * inner + i]).sum();
            sum / along as f64 // 0 / 0 is missing
        };
        let values = (0..outer * inner).map(mean).collect();
        let (mut axes, mut sizes) = (self.axes.clone(), self.sizes.clone());
        axes.remove(number);
        sizes.remove(number);
        NamedArray { axes, sizes, values }
    }

    /// The number of an axis, and how many numbers lie before, along and within it.
    fn around(&self, axis: &str) -> Option<(usize, usize, usize, usize)> {
        let number = self.axes.iter().position(|name| *name == axis)?;
        let (outer, inner) = (self.sizes[..number].iter().product(), self.sizes[number + 1..].iter().product());
        Some((number, outer, self.sizes[number], inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted() -> NamedArray {
        NamedArray { axes: vec!["time", "row"], sizes: vec![2, 3], values: (0..6).map(f64::from).collect() }
    }

    #[test]
    fn places_and_means_are_those_of_the_axis() {
        assert_eq!(counted().at("row", 1).map(|x| x.values), Ok(vec![1.0, 4.0]));
        assert_eq!(counted().mean("time").values, [1.5, 2.5, 3.5]);
        assert_eq!(counted().mean("row").values, [1.0, 4.0]);
        assert_eq!(counted().pick("row", vec![2, 0]).values, [2.0, 0.0, 5.0, 3.0]);
    }

    #[test]
    fn a_mean_over_nothing_is_missing() {
        assert!(counted().pick("time", vec![]).mean("time").values.iter().all(|v| v.is_nan()));
    }
}
