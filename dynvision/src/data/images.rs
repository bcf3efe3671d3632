//! Images in memory, with labels, and batches of them as tensors.

use super::{DataError, Seed};
use crate::geometry::Map;
use crate::kernels::Upload;
use dfdx::prelude::{Const, ConstDim, Dim, Dtype, Tensor};
use std::marker::PhantomData;
use std::sync::Arc;

/// Per channel, what is taken off a pixel and what it is divided by: `(pixel / 255 - mean) / std`.
///
/// ```
/// use dynvision::data::Normalisation;
/// let mnist = Normalisation::MNIST;
/// assert!((mnist.apply(0, 255) - (1.0 - 0.1307) / 0.3081).abs() < 1e-12);
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Normalisation {
    /// What is taken off, per channel, of pixels scaled to 0 to 1.
    pub mean: std::borrow::Cow<'static, [f64]>,
    /// What the difference is divided by, per channel.
    pub std: std::borrow::Cow<'static, [f64]>,
}

impl Normalisation {
    /// The usual one of MNIST.
    pub const MNIST: Normalisation = Normalisation::fixed(&[0.1307], &[0.3081]);
    /// The usual one of CIFAR-10.
    pub const CIFAR10: Normalisation = Normalisation::fixed(&[0.4914, 0.4822, 0.4465], &[0.2470, 0.2435, 0.2616]);
    /// The usual one of ImageNet and its parts.
    pub const IMAGENET: Normalisation = Normalisation::fixed(&[0.485, 0.456, 0.406], &[0.229, 0.224, 0.225]);
    /// The usual one of CIFAR-100.
    pub const CIFAR100: Normalisation = Normalisation::fixed(&[0.5071, 0.4867, 0.4408], &[0.2675, 0.2565, 0.2761]);

    const fn fixed(mean: &'static [f64], std: &'static [f64]) -> Self {
        use std::borrow::Cow::Borrowed;
        Normalisation { mean: Borrowed(mean), std: Borrowed(std) }
    }

    /// The one that the original uses for a data set, by its name; CIFAR-10 has the one of CIFAR-100 there.
    pub fn of_set(name: &str) -> Option<Self> {
        match name {
            "mnist" => Some(Normalisation::MNIST),
            "cifar10" | "cifar100" => Some(Normalisation::CIFAR100),
            "tinyimagenet" | "imagenet" | "imagenette" => Some(Normalisation::IMAGENET),
            _ => None,
        }
    }

    /// The one that leaves pixels between 0 and 1.
    pub fn unit(channels: usize) -> Self {
        Normalisation { mean: vec![0.0; channels].into(), std: vec![1.0; channels].into() }
    }

    /// The normalised value of a pixel; NaN for a channel that there is not.
    pub fn apply(&self, channel: usize, pixel: u8) -> f64 {
        match (self.mean.get(channel), self.std.get(channel)) {
            (Some(mean), Some(std)) => (f64::from(pixel) / 255.0 - mean) / std,
            _ => f64::NAN,
        }
    }

    pub(super) fn check(&self, channels: usize) -> Result<(), DataError> {
        let sound = |values: &[f64]| values.len() == channels && values.iter().all(|value| value.is_finite());
        if sound(&self.mean) && sound(&self.std) && self.std.iter().all(|&std| std > 0.0) {
            return Ok(());
        }
        Err(DataError::Setting {
            setting: "normalisation",
            expected: format!("one finite mean and one positive std for each of {channels} channels"),
            found: format!("mean {:?}, std {:?}", self.mean, self.std),
        })
    }
}

/// A data set of images in memory: bytes, channels before rows before columns, each image with the number of its class.
#[derive(Clone, Debug)]
pub struct Images {
    pixels: Vec<u8>,
    shape: Map,
    labels: Vec<u16>,
    classes: Arc<[String]>,
    normalisation: Normalisation,
}

impl Images {
    /// Images with their labels; `file` names their source in errors. Their normalisation is
    /// [`Normalisation::unit`].
    ///
    /// ```
    /// use dynvision::{data::Images, geometry::Map};
    /// let images = Images::new("stripes", vec![0, 255, 255, 0], Map::new(1, 1, 2), vec![0, 1], vec!["on".into(), "off".into()])?;
    /// assert_eq!(images.image(1), Some(&[255, 0][..]));
    /// # Ok::<(), dynvision::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// Pixels that are no whole number of images, not one label per image, a label that names no class.
    pub fn new(
        file: &str,
        pixels: Vec<u8>,
        shape: Map,
        labels: Vec<u16>,
        classes: Vec<String>,
    ) -> Result<Self, DataError> {
        let file = || file.to_string();
        if shape.is_empty() || !pixels.len().is_multiple_of(shape.units()) {
            return Err(DataError::PixelCount { file: file(), pixels: pixels.len(), shape });
        }
        let images = pixels.len() / shape.units();
        if images != labels.len() {
            return Err(DataError::LabelCount { file: file(), images, labels: labels.len() });
        }
        if let Some(index) = labels.iter().position(|&label| usize::from(label) >= classes.len()) {
            let label = usize::from(labels[index]);
            return Err(DataError::LabelRange { file: file(), index, label, classes: classes.len() });
        }
        Ok(Images { pixels, shape, labels, classes: classes.into(), normalisation: Normalisation::unit(shape.c) })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Shape of each image.
    pub fn shape(&self) -> Map {
        self.shape
    }

    /// The class of each image.
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// The names of the classes, by label.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// What the images are, in a line: how many, of which shape, and a checksum (CRC-32) of pixels, labels and normalisation.
    pub fn describe(&self) -> String {
        let mut sum = flate2::Crc::new();
        sum.update(&self.pixels);
        self.labels.iter().for_each(|label| sum.update(&label.to_le_bytes()));
        let Normalisation { mean, std } = &self.normalisation;
        mean.iter().chain(std.iter()).for_each(|number| sum.update(&number.to_le_bytes()));
        let Map { c, h, w, .. } = self.shape;
        format!("{} images of {c}x{h}x{w}, checksum {:08x}", self.len(), sum.sum())
    }

    /// The pixels of one image.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        let units = self.shape.units();
        self.pixels.get(index.checked_mul(units)?..)?.get(..units)
    }

    /// How pixels become numbers.
    pub fn normalisation(&self) -> &Normalisation {
        &self.normalisation
    }

    /// Returns the images under another normalisation.
    ///
    /// # Errors
    /// Not one mean and one positive std per channel.
    pub fn normalised(self, normalisation: Normalisation) -> Result<Self, DataError> {
        normalisation.check(self.shape.c)?;
        Ok(Images { normalisation, ..self })
    }

    /// The normalisation after which each channel of these images has mean 0 and standard deviation 1. A channel that is
    /// the same everywhere keeps its scale.
    pub fn measure(&self) -> Normalisation {
        let plane = self.shape.h * self.shape.w;
        // Sums of bytes are exact in 64 bits up to 10^14 pixels.
        let mut sums = vec![(0u64, 0u64); self.shape.c];
        for (index, pixels) in self.pixels.chunks_exact(plane).enumerate() {
            let (sum, squares) = &mut sums[index % self.shape.c];
            for &pixel in pixels {
                *sum += u64::from(pixel);
                *squares += u64::from(pixel).pow(2);
            }
        }
        let count = (self.len() * plane).max(1) as f64;
        let mean_std = sums.iter().map(|&(sum, squares)| {
            let mean = sum as f64 / count;
            let std = (squares as f64 / count - mean * mean).max(0.0).sqrt() / 255.0;
            (mean / 255.0, if std > 0.0 { std } else { 1.0 })
        });
        let (mean, std): (Vec<f64>, Vec<f64>) = mean_std.unzip();
        Normalisation { mean: mean.into(), std: std.into() }
    }

    /// The images of the given indices, in that order.
    ///
    /// # Errors
    /// An index beyond the end.
    pub fn subset(&self, indices: &[usize]) -> Result<Images, DataError> {
        self.check_indices(indices)?;
        let units = self.shape.units();
        let pixels = indices.iter().flat_map(|&i| &self.pixels[i * units..(i + 1) * units]).copied().collect();
        let labels = indices.iter().map(|&i| self.labels[i]).collect();
        Ok(Images {
            pixels,
            labels,
            shape: self.shape,
            classes: self.classes.clone(),
            normalisation: self.normalisation.clone(),
        })
    }

    /// Divides the images at random into a first part of `fraction` of them (rounded down, as in the original) and the rest, the same for the
    /// same seed. Both keep the order of the images.
    ///
    /// # Errors
    /// A fraction that is not between 0 and 1.
    pub fn split(&self, fraction: f64, seed: Seed) -> Result<(Images, Images), DataError> {
        let (first, rest) = super::subset::split_indices(self.len(), fraction, seed)?;
        Ok((self.subset(&first)?, self.subset(&rest)?))
    }

    /// Batches of `size` of the images of the given indices, in that order, normalised; the last may be smaller.
    ///
    /// # Shapes
    /// `(batch, C, H, W)`, where `(C, H, W)` must be the [`shape`](Self::shape) of the images.
    ///
    /// # Errors
    /// Another shape, a size of 0, or an index beyond the end.
    pub fn batches<'a, const C: usize, const H: usize, const W: usize, E, D>(
        &'a self,
        device: &D,
        indices: &'a [usize],
        size: usize,
    ) -> Result<Batches<'a, Const<C>, Const<H>, Const<W>, E, D>, DataError>
    where
        E: Dtype,
        D: Upload<E>,
    {
        self.batches_of(device, indices, size)
    }

    /// Returns batches with the shape as types, such as those of a model's frames.
    ///
    /// # Errors
    /// As [`batches`](Self::batches).
    pub fn batches_of<'a, C: ConstDim, H: ConstDim, W: ConstDim, E, D>(
        &'a self,
        device: &D,
        indices: &'a [usize],
        size: usize,
    ) -> Result<Batches<'a, C, H, W, E, D>, DataError>
    where
        E: Dtype,
        D: Upload<E>,
    {
        let model = Map::new(C::SIZE, H::SIZE, W::SIZE);
        if self.shape != model {
            return Err(DataError::Shape { data: self.shape, model });
        }
        if size == 0 {
            let (expected, found) = ("at least 1".to_string(), "0".to_string());
            return Err(DataError::Setting { setting: "batch size", expected, found });
        }
        self.check_indices(indices)?;
        let table = |channel| {
            let value = |pixel| E::from_f64(self.normalisation.apply(channel, pixel)).unwrap_or_default();
            std::array::from_fn(|pixel| value(pixel as u8))
        };
        let tables = (0..C::SIZE).map(table).collect();
        let (device, shape) = (device.clone(), PhantomData);
        Ok(Batches { images: self, device, rest: indices, size, tables, values: Vec::new(), shape })
    }

    fn check_indices(&self, indices: &[usize]) -> Result<(), DataError> {
        match indices.iter().find(|&&index| index >= self.len()) {
            Some(&index) => Err(DataError::Index { index, len: self.len() }),
            None => Ok(()),
        }
    }
}

/// Some images as a tensor, with their labels and their indices in the data set.
#[derive(Clone, Debug)]
pub struct Batch<C: Dim, H: Dim, W: Dim, E: Dtype, D: Upload<E>> {
    /// The images, normalised: `(batch, C, H, W)`.
    pub images: Tensor<(usize, C, H, W), E, D>,
    /// The class of each.
    pub labels: Vec<usize>,
    /// The index of each in the data set.
    pub indices: Vec<usize>,
}

/// An iterator over batches; see [`Images::batches`].
#[derive(Clone, Debug)]
pub struct Batches<'a, C, H, W, E, D> {
    images: &'a Images,
    device: D,
    rest: &'a [usize],
    size: usize,
    /// The value of each byte, per channel.
    tables: Vec<[E; 256]>,
    /// Values of the last batch; the next one reuses their memory.
    values: Vec<E>,
    shape: PhantomData<(C, H, W)>,
}

impl<C: ConstDim, H: ConstDim, W: ConstDim, E, D> Batches<'_, C, H, W, E, D>
where
    E: Dtype,
    D: Upload<E>,
{
    fn batch(&mut self, indices: &[usize]) -> Result<Batch<C, H, W, E, D>, DataError> {
        self.values.clear();
        for image in indices.iter().filter_map(|&index| self.images.image(index)) {
            for (plane, table) in image.chunks_exact(H::SIZE * W::SIZE).zip(&self.tables) {
                self.values.extend(plane.iter().map(|&pixel| table[usize::from(pixel)]));
            }
        }
        let shape = (indices.len(), C::default(), H::default(), W::default());
        let refused = |error: D::Err| DataError::Device { images: indices.len(), message: error.to_string() };
        let images = self.device.upload(shape, &self.values).map_err(refused)?;
        let labels = indices.iter().map(|&index| usize::from(self.images.labels[index])).collect();
        Ok(Batch { images, labels, indices: indices.to_vec() })
    }
}

impl<C: ConstDim, H: ConstDim, W: ConstDim, E, D> Iterator for Batches<'_, C, H, W, E, D>
where
    E: Dtype,
    D: Upload<E>,
{
    type Item = Result<Batch<C, H, W, E, D>, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (indices, rest) = self.rest.split_at(self.size.min(self.rest.len()));
        self.rest = rest;
        if indices.is_empty() { None } else { Some(self.batch(indices)) }
    }

    /// Skips batches without making them.
    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        self.rest = self.rest.get(n.saturating_mul(self.size)..).unwrap_or(&[]);
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.rest.len().div_ceil(self.size);
        (count, Some(count))
    }
}

impl<C: ConstDim, H: ConstDim, W: ConstDim, E, D> ExactSizeIterator for Batches<'_, C, H, W, E, D>
where
    E: Dtype,
    D: Upload<E>,
{
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use dfdx::prelude::*;
    use proptest::prelude::*;

    /// `count` images of 2x3x4 whose pixels follow a simple rule, with labels 0 to 4.
    fn sample(count: usize) -> Images {
        let pixels = (0..count * 24).map(|i| (i * 37 % 251) as u8).collect();
        let labels = (0..count).map(|i| (i * 3 % 5) as u16).collect();
        let classes = (0..5).map(|c| format!("class {c}")).collect();
        Images::new("sample", pixels, Map::new(2, 3, 4), labels, classes).unwrap()
    }

    #[test]
    fn a_batch_holds_the_normalised_pixels_of_its_images() {
        let normalisation = Normalisation { mean: vec![0.25, 0.5].into(), std: vec![0.5, 2.0].into() };
        let images = sample(10).normalised(normalisation).unwrap();
        let order = [7, 0, 3, 9, 3];
        let batches: Vec<_> =
            images.batches::<2, 3, 4, f64, _>(&Cpu::default(), &order, 2).unwrap().map(Result::unwrap).collect();
        assert_eq!(batches.iter().map(|batch| batch.labels.len()).collect::<Vec<_>>(), [2, 2, 1]);
        for (at, &index) in order.iter().enumerate() {
            let batch = &batches[at / 2];
            assert_eq!((batch.indices[at % 2], batch.labels[at % 2]), (index, index * 3 % 5));
            for (c, (mean, std)) in [(0.25, 0.5), (0.5, 2.0)].into_iter().enumerate() {
                for (y, x) in (0..3).flat_map(|y| (0..4).map(move |x| (y, x))) {
                    let pixel = ((index * 24 + c * 12 + y * 4 + x) * 37 % 251) as f64;
                    assert_eq!(batch.images[[at % 2, c, y, x]], (pixel / 255.0 - mean) / std);
                }
            }
        }
    }

    #[test]
    fn measured_normalisation_gives_mean_0_and_deviation_1() {
        let images = sample(50);
        let images = images.clone().normalised(images.measure()).unwrap();
        let order: Vec<usize> = (0..50).collect();
        let batch = images.batches::<2, 3, 4, f64, _>(&Cpu::default(), &order, 50).unwrap().next().unwrap().unwrap();
        let values = batch.images.as_vec();
        for c in 0..2 {
            let channel: Vec<f64> = values.chunks(12).skip(c).step_by(2).flatten().copied().collect();
            let mean = channel.iter().sum::<f64>() / channel.len() as f64;
            let variance = channel.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / channel.len() as f64;
            assert!(mean.abs() < 1e-12 && (variance - 1.0).abs() < 1e-12, "{mean} {variance}");
        }
    }

    #[test]
    fn a_constant_channel_can_be_measured() {
        let images = Images::new("grey", vec![9; 4], Map::new(1, 2, 2), vec![0], vec!["grey".into()]).unwrap();
        assert_eq!(images.measure().std[..], [1.0]);
        images.clone().normalised(images.measure()).unwrap();
    }

    #[test]
    fn the_shape_must_be_that_of_the_model() {
        let images = sample(2);
        let error = images.batches::<3, 3, 4, f32, _>(&Cpu::default(), &[0], 1).unwrap_err().to_string();
        assert!(error.contains("2x3x4") && error.contains("3x3x4") && error.contains("input = [2, 3, 4]"), "{error}");
    }

    #[test]
    fn wrong_settings_are_refused() {
        let (dev, images) = (Cpu::default(), sample(3));
        assert!(images.batches::<2, 3, 4, f32, _>(&dev, &[0], 0).is_err());
        assert!(images.batches::<2, 3, 4, f32, _>(&dev, &[0, 3], 2).is_err());
        assert!(images.subset(&[3]).is_err());
        assert!([-0.1, 1.1, f64::NAN].iter().all(|&fraction| images.split(fraction, Seed(0)).is_err()));
        let bad = |mean: &[f64], std: &[f64]| Normalisation { mean: mean.to_vec().into(), std: std.to_vec().into() };
        for normalisation in [
            bad(&[0.0], &[1.0]),
            bad(&[0.0; 2], &[1.0, 0.0]),
            bad(&[f64::NAN, 0.0], &[1.0; 2]),
            bad(&[0.0; 2], &[-1.0; 2]),
        ] {
            assert!(images.clone().normalised(normalisation).is_err());
        }
        assert!(Images::new("f", vec![0; 5], Map::new(1, 2, 2), vec![0], vec!["a".into()]).is_err());
        assert!(Images::new("f", vec![], Map::new(0, 2, 2), vec![], vec![]).is_err());
    }

    #[test]
    fn batches_can_be_skipped() {
        let (images, dev) = (sample(10), Cpu::default());
        let order: Vec<usize> = (0..10).collect();
        let batches = || images.batches::<2, 3, 4, f32, _>(&dev, &order, 3).unwrap();
        assert_eq!(batches().len(), 4);
        assert_eq!(batches().nth(2).unwrap().unwrap().indices, [6, 7, 8]);
        assert_eq!(batches().nth(3).unwrap().unwrap().indices, [9]);
        assert!(batches().nth(4).is_none() && batches().nth(usize::MAX).is_none());
    }

    proptest! {
        #[test]
        fn a_split_divides_the_images(count in 0usize..40, fraction in 0.0..=1.0, seed in any::<u64>()) {
            let images = sample(count);
            let size = (count as f64 * fraction) as usize;
            let split = images.split(fraction, Seed(seed));
            if size == 0 || size == count {
                prop_assert!(split.is_err(), "a side of {} images would be empty", count);
                return Ok(());
            }
            let (first, rest) = split.unwrap();
            prop_assert_eq!(first.len(), size);
            let all = |images: &Images| -> Vec<Vec<u8>> {
                (0..images.len()).map(|i| [images.image(i).unwrap(), &images.labels()[i].to_le_bytes()].concat()).collect()
            };
            let mut joined = [all(&first), all(&rest)].concat();
            let mut expected = all(&images);
            joined.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(joined, expected);
            prop_assert_eq!(all(&images.split(fraction, Seed(seed)).unwrap().0), all(&first));
        }
    }
}
