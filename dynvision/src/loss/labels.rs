//! Labels in time.

use crate::error::{Error, Result};

/// The class of each image of a batch at each step, `None` where the step does not count.
///
/// ```
/// use dynvision::loss::Labels;
/// // two images over three steps, the first of which does not count
/// let labels = Labels::counted(&[7, 2], &[false, true, true]);
/// assert_eq!((labels.batch(), labels.time(), labels.valid()), (2, 3, 4));
/// assert_eq!(labels.get(1, 0), None);
/// assert_eq!(labels.get(1, 2), Some(2));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    batch: usize,
    time: usize,
    /// By image, then by step.
    classes: Vec<Option<usize>>,
}

impl Labels {
    /// Labels by image, then by step.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are `batch * time`.
    pub fn new(batch: usize, time: usize, classes: Vec<Option<usize>>) -> Result<Self> {
        if Some(classes.len()) != batch.checked_mul(time) {
            return Err(Error::shape("labels", &[batch, time], &[classes.len()]));
        }
        Ok(Labels { batch, time, classes })
    }

    /// One label for all steps of an image.
    pub fn constant(images: &[usize], steps: usize) -> Self {
        Labels::counted(images, &vec![true; steps])
    }

    /// One label for an image, at those steps that count: what [`StepMasks::counted`](crate::data::StepMasks::counted) gives.
    pub fn counted(images: &[usize], steps: &[bool]) -> Self {
        let classes = images.iter().flat_map(|&class| steps.iter().map(move |&counts| counts.then_some(class)));
        Labels { batch: images.len(), time: steps.len(), classes: classes.collect() }
    }

    /// Class numbers by image, then by step, as other programs keep them: `ignored` stands for no label.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are `batch * time`; [`Error::Setting`] for another negative number.
    pub fn from_numbers(batch: usize, time: usize, numbers: &[i64], ignored: i64) -> Result<Self> {
        let class = |(i, &number): (usize, &i64)| match usize::try_from(number) {
            _ if number == ignored => Ok(None),
            Ok(class) => Ok(Some(class)),
            Err(_) => Err(Error::Setting(format!(
                "label {number} at position {i} is no class and is not the number {ignored} for no label"
            ))),
        };
        Labels::new(batch, time, numbers.iter().enumerate().map(class).collect::<Result<_>>()?)
    }

    /// Number of images.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Number of steps.
    pub fn time(&self) -> usize {
        self.time
    }

    /// The label of an image at a step.
    pub fn get(&self, image: usize, step: usize) -> Option<usize> {
        self.of(image).get(step).copied().flatten()
    }

    /// The labels of an image, by step.
    pub fn of(&self, image: usize) -> &[Option<usize>] {
        let of = |image: usize| image.checked_mul(self.time);
        let range = of(image).zip(image.checked_add(1).and_then(of));
        range.and_then(|(start, end)| self.classes.get(start..end)).unwrap_or(&[])
    }

    /// All labels, by image, then by step.
    pub fn as_slice(&self) -> &[Option<usize>] {
        &self.classes
    }

    /// How many count.
    pub fn valid(&self) -> usize {
        self.classes.iter().flatten().count()
    }

    /// Checks that the labels are those of `sizes` (batch, time, classes).
    pub(crate) fn check(&self, sizes: [usize; 3]) -> Result<()> {
        let [batch, time, classes] = sizes;
        if (self.batch, self.time) != (batch, time) {
            return Err(Error::shape(
                "labels (batch and steps of the logits; steps include residual ones)",
                &[batch, time],
                &[self.batch, self.time],
            ));
        }
        let wrong = |(_, class): &(usize, &Option<usize>)| class.is_some_and(|class| class >= classes);
        match self.classes.iter().enumerate().find(wrong) {
            Some((at, class)) => Err(Error::Setting(format!(
                "label {} of image {} at step {} is out of range: the model has {classes} classes, numbered from 0",
                class.unwrap_or_default(),
                at / time,
                at % time
            ))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_other_programs_are_read() {
        let labels = Labels::from_numbers(1, 4, &[3, -1, 0, -1], -1).unwrap();
        assert_eq!(labels.of(0), [Some(3), None, Some(0), None]);
        let labels = Labels::from_numbers(2, 1, &[100, 4], 100).unwrap();
        assert_eq!(labels.as_slice(), [None, Some(4)]);
        assert!(Labels::from_numbers(1, 1, &[-2], -1).unwrap_err().to_string().contains("-2"));
        assert!(Labels::from_numbers(2, 2, &[0; 3], -1).is_err());
        assert!(Labels::new(usize::MAX, 2, vec![]).is_err());
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        let labels = Labels::counted(&[1, 5], &[false, true]);
        labels.check([2, 2, 6]).unwrap();
        let says = labels.check([2, 2, 5]).unwrap_err().to_string();
        assert!(says.contains("label 5 of image 1 at step 1") && says.contains("5 classes"), "{says}");
        assert!(labels.check([2, 3, 6]).is_err());
        assert_eq!((labels.get(0, 9), labels.get(9, 0), labels.of(9)), (None, None, &[][..]));
        assert_eq!((labels.get(usize::MAX, 1), labels.of(usize::MAX)), (None, &[][..]));
    }
}
