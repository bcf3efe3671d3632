//! The kinds of measure: what each is given, and how often.

use super::Window;
use crate::Error;
use dynvision_kernels::absolute_moments;
use std::cell::OnceCell;
use std::sync::Arc;

/// The units of one sample and step of an area, `(channels, positions)` row-major.
///
/// ```
/// use dynvision_lab::measure::Units;
///
/// let units = Units::new(&[1., -3., 2., 0.], 2)?;
/// assert_eq!((units.channels(), units.positions()), (2, 2));
/// assert_eq!(units.moments().mean(), Some(1.5));
/// # Ok::<(), dynvision_lab::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Units<'a> {
    values: &'a [f32],
    channels: usize,
    moments: OnceCell<Moments>,
}

impl<'a> Units<'a> {
    /// The units of an area with so many channels.
    ///
    /// # Errors
    ///
    /// [`Error::NotAMultiple`] where the values are no multiple of the channels.
    pub fn new(values: &'a [f32], channels: usize) -> Result<Self, Error> {
        if channels == 0 || !values.len().is_multiple_of(channels) {
            let (what, found) = ("the units of an area", values.len());
            return Err(Error::NotAMultiple { what, found, sample: channels, each: "position" });
        }
        Ok(Units { values, channels, moments: OnceCell::new() })
    }

    /// The activity, signed.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Positions of a channel.
    pub fn positions(&self) -> usize {
        self.values.len() / self.channels
    }

    /// The moments of the absolute activity, computed once for all measures that need them.
    pub fn moments(&self) -> Moments {
        *self.moments.get_or_init(|| Moments::of(self.values))
    }
}

/// Number, sum and sum of squares of absolute activity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    n: usize,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn of(values: &[f32]) -> Self {
        let (sum, squares) = absolute_moments(values);
        Moments { n: values.len(), sum, squares }
    }

    /// Number of units.
    pub fn len(self) -> usize {
        self.n
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.n == 0
    }

    /// `Σ |r_i|`; none where it is not finite.
    pub fn sum(self) -> Option<f64> {
        Some(self.sum).filter(|x| x.is_finite())
    }

    /// Mean of `|r_i|`; none without units.
    pub fn mean(self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64).filter(|x| x.is_finite())
    }

    /// Mean of `r_i²`; none without units.
    pub fn mean_square(self) -> Option<f64> {
        (self.n > 0).then(|| self.squares / self.n as f64).filter(|x| x.is_finite())
    }
}

/// The labels that go with one step of a sample; negative for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepLabels {
    /// That of the step.
    pub now: i64,
    /// That of the first step that has one.
    pub first: i64,
}

/// When what is shown, for measures of a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// A window for each picture or mask that is shown, in order.
    pub windows: Vec<Window>,
    /// The value of the trace just before its first step: that of the last idle step, 0 where the model does not idle.
    pub rest: f64,
    /// Width of a step, in ms.
    pub dt_ms: f64,
}

impl Schedule {
    /// The activity without a stimulus: the mean of the steps before the first onset, or what was before the first step where
    /// the stimulus begins at once.
    ///
    /// None where nothing is shown, or the trace ends before.
    pub fn baseline(&self, trace: &[f64]) -> Option<f64> {
        let first = *self.windows.first()?;
        if first.onset() == 0 { Some(self.rest) } else { super::baseline(trace, first) }
    }
}

/// A measure of the units of an area, one number for each sample and step.
///
/// Any function of [`Units`] is one.
pub trait UnitMeasure: Send + Sync {
    /// Returns the number; none where it is undefined.
    fn measure(&self, units: &Units<'_>) -> Option<f64>;
}

impl<F: Fn(&Units<'_>) -> Option<f64> + Send + Sync> UnitMeasure for F {
    fn measure(&self, units: &Units<'_>) -> Option<f64> {
        self(units)
    }
}

/// A measure of the readout, one number for each sample and step.
///
/// Any function of logits and [`StepLabels`] is one.
pub trait ReadoutMeasure: Send + Sync {
    /// Returns the number; none where it is undefined.
    fn measure(&self, logits: &[f32], labels: StepLabels) -> Option<f64>;

    /// How many classes there are at least: with fewer it is nowhere defined, and an experiment with it is refused.
    fn classes(&self) -> usize {
        1
    }
}

impl<F: Fn(&[f32], StepLabels) -> Option<f64> + Send + Sync> ReadoutMeasure for F {
    fn measure(&self, logits: &[f32], labels: StepLabels) -> Option<f64> {
        self(logits, labels)
    }
}

/// A measure of a trace, the mean absolute activity of an area in time: one number for each sample.
///
/// Any function of a trace and its [`Schedule`] is one.
pub trait TraceMeasure: Send + Sync {
    /// Returns the number; none where it is undefined.
    fn measure(&self, trace: &[f64], schedule: &Schedule) -> Option<f64>;
}

impl<F: Fn(&[f64], &Schedule) -> Option<f64> + Send + Sync> TraceMeasure for F {
    fn measure(&self, trace: &[f64], schedule: &Schedule) -> Option<f64> {
        self(trace, schedule)
    }
}

/// A measure of the readout in time: one number for each sample.
///
/// Any function of logits `(steps, classes)`, the number of classes, the first label (negative for none) and the
/// [`Schedule`] is one.
pub trait DecisionMeasure: Send + Sync {
    /// Returns the number; none where it is undefined.
    fn measure(&self, logits: &[f32], classes: usize, label: i64, schedule: &Schedule) -> Option<f64>;
}

impl<F: Fn(&[f32], usize, i64, &Schedule) -> Option<f64> + Send + Sync> DecisionMeasure for F {
    fn measure(&self, logits: &[f32], classes: usize, label: i64, schedule: &Schedule) -> Option<f64> {
        self(logits, classes, label, schedule)
    }
}

/// What a batch of samples answered in one area at one step.
#[derive(Debug, Clone, Copy)]
pub struct Patterns<'a> {
    /// The area's number, in the order of the model.
    pub area: usize,
    /// The step, from the first after the idle ones.
    pub step: usize,
    /// The activity, `(samples, channels, positions)` row-major.
    pub values: &'a [f32],
    /// Channels of the area.
    pub channels: usize,
    /// The first label of each sample; negative for none.
    pub labels: &'a [i64],
    /// The image of each sample.
    pub images: &'a [usize],
}

impl<'a> Patterns<'a> {
    /// The units of each sample.
    pub fn samples(&self) -> impl Iterator<Item = &'a [f32]> {
        self.values.chunks_exact((self.values.len() / self.labels.len().max(1)).max(1))
    }

    /// The mean over positions of each channel of each sample, `(samples, channels)`.
    pub fn channel_means(&self) -> Vec<f32> {
        let positions = self.values.len() / (self.labels.len() * self.channels).max(1);
        let mean = |map: &[f32]| (map.iter().map(|&x| f64::from(x)).sum::<f64>() / map.len() as f64) as f32;
        self.values.chunks_exact(positions.max(1)).map(mean).collect()
    }
}

/// How large a set measure's task is, and what it may keep.
#[derive(Debug, Clone)]
pub struct Extent {
    /// Channels and units of each area.
    pub areas: Vec<[usize; 2]>,
    /// Steps of a run.
    pub steps: usize,
    /// Images.
    pub images: usize,
    /// Classes of the readout.
    pub classes: usize,
}

/// One number of a set measure.
#[derive(Debug, Clone, PartialEq)]
pub struct SetValue {
    /// The area's number; none where it is of no area.
    pub area: Option<usize>,
    /// The step; none where it is of no step.
    pub step: Option<usize>,
    /// What it is of besides, such as the two classes of a dissimilarity.
    pub of: [Option<i64>; 2],
    /// The number; none where it is undefined.
    pub value: Option<f64>,
    /// How many samples it is of.
    pub n: usize,
}

/// A measure over all samples of a condition, such as a dissimilarity matrix. It sees batch after batch and step after step,
/// and keeps what it needs, not the responses.
pub trait SetMeasure: Send {
    /// Sees a batch in one area at one step. Batches come in the order of the images, areas that have no signal not at all.
    fn see(&mut self, patterns: &Patterns<'_>);

    /// Returns the numbers.
    fn finish(self: Box<Self>) -> Vec<SetValue>;
}

/// Makes a set measure anew for each condition.
pub trait SetMeasures: Send + Sync {
    /// Returns one that has seen nothing.
    ///
    /// # Errors
    ///
    /// A task that it cannot do.
    fn start(&self, extent: &Extent) -> Result<Box<dyn SetMeasure>, Error>;

    /// Returns how many bytes it keeps for a task.
    fn bytes(&self, extent: &Extent) -> u128;
}

/// A measure of any kind.
#[derive(Clone)]
#[non_exhaustive]
pub enum Measure {
    /// Of units, for each sample and step: a column for each area.
    Units(Arc<dyn UnitMeasure>),
    /// Of the readout, for each sample and step: a column.
    Readout(Arc<dyn ReadoutMeasure>),
    /// Of an area's trace, for each sample: a column for each area.
    Trace(Arc<dyn TraceMeasure>),
    /// Of the readout in time, for each sample: a column.
    Decision(Arc<dyn DecisionMeasure>),
    /// Of all samples.
    Set(Arc<dyn SetMeasures>),
}

impl Measure {
    /// A measure of units.
    pub fn units(measure: impl UnitMeasure + 'static) -> Self {
        Measure::Units(Arc::new(measure))
    }

    /// A measure of the readout.
    pub fn readout(measure: impl ReadoutMeasure + 'static) -> Self {
        Measure::Readout(Arc::new(measure))
    }

    /// A measure of an area's trace.
    pub fn trace(measure: impl TraceMeasure + 'static) -> Self {
        Measure::Trace(Arc::new(measure))
    }

    /// A measure of the readout in time.
    pub fn decision(measure: impl DecisionMeasure + 'static) -> Self {
        Measure::Decision(Arc::new(measure))
    }

    /// A measure of all samples.
    pub fn set(measure: impl SetMeasures + 'static) -> Self {
        Measure::Set(Arc::new(measure))
    }
}

impl std::fmt::Debug for Measure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Measure::Units(_) => "Units",
            Measure::Readout(_) => "Readout",
            Measure::Trace(_) => "Trace",
            Measure::Decision(_) => "Decision",
            Measure::Set(_) => "Set",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activity_at_the_ends_of_f32_is_not_lost() {
        for scale in [1e-25_f32, 1e25] {
            let values = vec![scale; 64];
            let moments = Moments::of(&values);
            let square = f64::from(scale).powi(2);
            assert!(moments.mean_square().is_some_and(|x| (x / square - 1.).abs() < 1e-9), "{moments:?}");
        }
        assert_eq!(Moments::of(&[f32::NAN; 20]).mean(), None);
        assert_eq!(Moments::of(&[f32::INFINITY; 20]).mean(), None);
        assert_eq!(Moments::of(&[]).mean(), None);
    }
}
