//! Batches of any data set, prepared by threads ahead of their use.
//!
//! Batch `b` is made by thread `b % threads` and waits in that thread's queue, so memory is bounded by `threads * (queue + 1)`
//! batches, batches come in their order, and no bit depends on the number of threads.

use super::{Batch, DataError, Dataset, Draw, Normalisation, Order, Sample, Seed, Transforms, Values};
use crate::geometry::Map;
use crate::kernels::Upload;
use dfdx::prelude::{ConstDim, Dtype, Tensor};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Reads a data set in batches: in which order, transformed and normalised how, by how many threads.
///
/// ```
/// use dynvision::data::{Loader, Order, Seed, digits};
/// use dfdx::prelude::*;
///
/// let dev = Cpu::default();
/// let loader = Loader::new(digits::train()?).batch_size(100).order(Order::Shuffled).seed(Seed(1)).threads(2);
/// let mut images = 0;
/// for batch in loader.epoch::<Const<1>, Const<8>, Const<8>, f32, _>(&dev, 0)? {
///     images += batch?.still().labels.len(); // the batch's images: Tensor<(usize, Const<1>, Const<8>, Const<8>), f32, _>
/// }
/// assert_eq!(images, 1437);
/// # Ok::<(), dynvision::data::DataError>(())
/// ```
#[derive(Clone)]
pub struct Loader {
    set: Arc<dyn Dataset>,
    transforms: Transforms,
    normalisation: Option<Normalisation>,
    order: Order,
    seed: Seed,
    batch_size: usize,
    drop_last: bool,
    threads: usize,
    queue: usize,
}

impl Loader {
    /// A loader of a set as it is: batches of 32 in the set's order, two threads with two batches each in waiting, no transform, pixels
    /// from 0 to 1.
    pub fn new(set: impl Dataset + 'static) -> Self {
        Loader {
            set: Arc::new(set),
            transforms: Transforms::none(),
            normalisation: None,
            order: Order::Sequential,
            seed: Seed::default(),
            batch_size: 32,
            drop_last: false,
            threads: 2,
            queue: 2,
        }
    }

    /// What is done to each sample.
    #[must_use]
    pub fn transforms(self, transforms: Transforms) -> Self {
        Loader { transforms, ..self }
    }

    /// How values become numbers after the transforms: `(value - mean) / std` per channel, where bytes are divided by 255 before.
    #[must_use]
    pub fn normalisation(self, normalisation: Normalisation) -> Self {
        Loader { normalisation: Some(normalisation), ..self }
    }

    /// The order of an epoch.
    #[must_use]
    pub fn order(self, order: Order) -> Self {
        Loader { order, ..self }
    }

    /// What chance is drawn from.
    #[must_use]
    pub fn seed(self, seed: Seed) -> Self {
        Loader { seed, ..self }
    }

    /// Samples in a batch.
    #[must_use]
    pub fn batch_size(self, batch_size: usize) -> Self {
        Loader { batch_size, ..self }
    }

    /// Whether a last batch that is not full is left out.
    #[must_use]
    pub fn drop_last(self, drop_last: bool) -> Self {
        Loader { drop_last, ..self }
    }

    /// How many threads prepare batches.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Loader { threads, ..self }
    }

    /// How many batches wait in each thread's queue.
    #[must_use]
    pub fn queue(self, queue: usize) -> Self {
        Loader { queue, ..self }
    }

    /// The data set.
    pub fn set(&self) -> &dyn Dataset {
        &*self.set
    }

    /// Number of batches of an epoch.
    pub fn len(&self) -> usize {
        let (samples, size) = (self.set.len(), self.batch_size.max(1));
        if self.drop_last { samples / size } else { samples.div_ceil(size) }
    }

    /// Whether an epoch has no batch.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The batches of an epoch.
    ///
    /// # Shapes
    /// Frames of `(batch, C, H, W)`; `(C, H, W)` is the shape of the samples after their transforms.
    ///
    /// # Errors
    /// A set without samples, or with fewer than one batch if the last is left out; a batch size, number of threads or queue
    /// of 0; a normalisation of other channels; a label beyond the classes. What is wrong with a sample comes with its batch.
    pub fn epoch<C: ConstDim, H: ConstDim, W: ConstDim, E, D>(
        &self,
        device: &D,
        epoch: u64,
    ) -> Result<LoadedBatches<C, H, W, E, D>, DataError>
    where
        E: Dtype,
        D: Upload<E>,
    {
        self.epoch_from(device, epoch, 0)
    }

    /// The batches of an epoch without its first ones, which are not read: what is left of an epoch that was interrupted.
    ///
    /// # Errors
    /// As [`epoch`](Self::epoch); more batches than an epoch has.
    pub fn epoch_from<C: ConstDim, H: ConstDim, W: ConstDim, E, D>(
        &self,
        device: &D,
        epoch: u64,
        first: usize,
    ) -> Result<LoadedBatches<C, H, W, E, D>, DataError>
    where
        E: Dtype,
        D: Upload<E>,
    {
        for (setting, value) in [("batch size", self.batch_size), ("threads", self.threads), ("queue", self.queue)] {
            if value == 0 {
                let (expected, found) = ("at least 1".to_string(), "0".to_string());
                return Err(DataError::Setting { setting, expected, found });
            }
        }
        if self.set.is_empty() {
            return Err(DataError::Empty { file: self.set.name().to_string() });
        }
        if self.is_empty() {
            return Err(DataError::Setting {
                setting: "batch size",
                expected: format!(
                    "at most the {} samples, since a last batch that is not full is left out",
                    self.set.len()
                ),
                found: self.batch_size.to_string(),
            });
        }
        let (labels, classes) = (self.set.labels(), self.set.classes().len());
        if let Some(index) = labels.iter().position(|&label| usize::from(label) >= classes) {
            let (file, label) = (self.set.source(index), usize::from(labels[index]));
            return Err(DataError::LabelRange { file, index, label, classes });
        }
        if first > self.len() {
            return Err(DataError::Setting {
                setting: "first batch",
                expected: format!("at most the {} batches of an epoch", self.len()),
                found: first.to_string(),
            });
        }
        let shape = Map::new(C::SIZE, H::SIZE, W::SIZE);
        let normalisation = self.normalisation.clone().unwrap_or_else(|| Normalisation::unit(shape.c));
        normalisation.check(shape.c)?;
        let work = Arc::new(Work {
            loader: self.clone(),
            order: self.order.indices(self.set.labels(), self.seed, epoch),
            epoch,
            shape,
            normalisation,
        });
        let count = self.len();
        // no more of either than there are batches
        let threads = self.threads.min(count.saturating_sub(first)).max(1);
        let mut queues = Vec::with_capacity(threads);
        let mut handles = Vec::with_capacity(threads);
        for thread in 0..threads {
            let (sender, receiver) = sync_channel(self.queue.min(count));
            let work = work.clone();
            let run = move || work.run((first + thread..count).step_by(threads), &sender);
            let handle = std::thread::Builder::new().name(format!("loader {thread}")).spawn(run);
            handles.push(handle.map_err(|source| DataError::Io { file: "thread of the loader".to_string(), source })?);
            queues.push(receiver);
        }
        let device = device.clone();
        Ok(LoadedBatches {
            device,
            queues,
            handles,
            first,
            next: first,
            count,
            waited: Duration::ZERO,
            shape: PhantomData,
        })
    }
}

/// A batch before it is a tensor.
struct Prepared<E> {
    /// One for each frame.
    frames: Vec<Vec<E>>,
    labels: Vec<usize>,
    indices: Vec<usize>,
}

/// What the threads share.
struct Work {
    loader: Loader,
    order: Vec<usize>,
    epoch: u64,
    shape: Map,
    normalisation: Normalisation,
}

impl Work {
    fn run<E: Dtype>(&self, batches: impl Iterator<Item = usize>, queue: &SyncSender<Result<Prepared<E>, DataError>>) {
        let tables = self.tables();
        for batch in batches {
            let prepared = self.prepare(batch, &tables);
            let failed = prepared.is_err();
            // nobody waits any more once the iterator is dropped
            if queue.send(prepared).is_err() || failed {
                return;
            }
        }
    }

    /// The value of each byte, per channel.
    fn tables<E: Dtype>(&self) -> Vec<[E; 256]> {
        let value = |channel, pixel| E::from_f64(self.normalisation.apply(channel, pixel)).unwrap_or_default();
        (0..self.shape.c).map(|channel| std::array::from_fn(|pixel| value(channel, pixel as u8))).collect()
    }

    fn prepare<E: Dtype>(&self, batch: usize, tables: &[[E; 256]]) -> Result<Prepared<E>, DataError> {
        let size = self.loader.batch_size;
        let indices: Vec<usize> = self.order.iter().skip(batch * size).take(size).copied().collect();
        let set = &self.loader.set;
        let mut frames: Vec<Vec<E>> = Vec::new();
        for &index in &indices {
            let draw = Draw::new(self.loader.seed, self.epoch, index);
            let sample = self.loader.transforms.apply(set.sample(index)?, draw)?;
            let file = || set.source(index);
            if sample.shape() != self.shape {
                return Err(DataError::SampleShape { file: file(), index, found: sample.shape(), model: self.shape });
            }
            if frames.is_empty() {
                frames.resize_with(sample.frames(), || Vec::with_capacity(indices.len() * self.shape.units()));
            }
            if frames.len() != sample.frames() {
                let (found, expected) = (sample.frames(), frames.len());
                return Err(DataError::MixedFrames { file: file(), index, found, expected });
            }
            self.append(&sample, tables, &mut frames);
        }
        let label = |&index: &usize| usize::from(set.labels()[index]);
        Ok(Prepared { frames, labels: indices.iter().map(label).collect(), indices })
    }

    fn append<E: Dtype>(&self, sample: &Sample, tables: &[[E; 256]], frames: &mut [Vec<E>]) {
        let (units, plane) = (self.shape.units(), self.shape.h * self.shape.w);
        match sample.values() {
            Values::Bytes(values) => {
                for (to, from) in frames.iter_mut().zip(values.chunks_exact(units)) {
                    for (plane, table) in from.chunks_exact(plane).zip(tables) {
                        to.extend(plane.iter().map(|&pixel| table[usize::from(pixel)]));
                    }
                }
            }
            Values::Floats(values) => {
                let norm = self.normalisation.mean.iter().zip(self.normalisation.std.iter());
                for (to, from) in frames.iter_mut().zip(values.chunks_exact(units)) {
                    for (plane, (mean, std)) in from.chunks_exact(plane).zip(norm.clone()) {
                        let value = |&value: &f32| E::from_f64((f64::from(value) - mean) / std).unwrap_or_default();
                        to.extend(plane.iter().map(value));
                    }
                }
            }
        }
    }
}

/// A batch of still images or films.
#[derive(Clone, Debug)]
pub struct LoadedBatch<C: ConstDim, H: ConstDim, W: ConstDim, E: Dtype, D: Upload<E>> {
    /// Its frames, one for still images: `(batch, C, H, W)` each.
    pub frames: Vec<Tensor<(usize, C, H, W), E, D>>,
    /// The class of each sample.
    pub labels: Vec<usize>,
    /// The index of each in the data set.
    pub indices: Vec<usize>,
    first: Tensor<(usize, C, H, W), E, D>,
}

impl<C: ConstDim, H: ConstDim, W: ConstDim, E: Dtype, D: Upload<E>> LoadedBatch<C, H, W, E, D> {
    /// The first frame of each sample, which is all there is of still images.
    pub fn still(self) -> Batch<C, H, W, E, D> {
        Batch { images: self.first, labels: self.labels, indices: self.indices }
    }
}

/// The batches of an epoch in their order; see [`Loader::epoch`]. Ends after the first error.
pub struct LoadedBatches<C, H, W, E, D> {
    device: D,
    queues: Vec<Receiver<Result<Prepared<E>, DataError>>>,
    handles: Vec<JoinHandle<()>>,
    first: usize,
    next: usize,
    count: usize,
    waited: Duration,
    shape: PhantomData<(C, H, W)>,
}

impl<C, H, W, E, D> LoadedBatches<C, H, W, E, D> {
    /// How long the caller has waited for batches so far.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// The number of the next batch in its epoch: where to go on by [`Loader::epoch_from`].
    pub fn position(&self) -> usize {
        self.next
    }
}

impl<C: ConstDim, H: ConstDim, W: ConstDim, E, D> LoadedBatches<C, H, W, E, D>
where
    E: Dtype,
    D: Upload<E>,
{
    fn tensors(&self, prepared: Prepared<E>) -> Result<LoadedBatch<C, H, W, E, D>, DataError> {
        let images = prepared.indices.len();
        let tensor = |values: &Vec<E>| {
            let shape = (images, C::default(), H::default(), W::default());
            let refused = |error: D::Err| DataError::Device { images, message: error.to_string() };
            self.device.upload(shape, values).map_err(refused)
        };
        let frames = prepared.frames.iter().map(tensor).collect::<Result<Vec<_>, DataError>>()?;
        let Some(first) = frames.first().cloned() else {
            return Err(DataError::Empty { file: "batch".to_string() });
        };
        Ok(LoadedBatch { frames, first, labels: prepared.labels, indices: prepared.indices })
    }
}

impl<C: ConstDim, H: ConstDim, W: ConstDim, E, D> Iterator for LoadedBatches<C, H, W, E, D>
where
    E: Dtype,
    D: Upload<E>,
{
    type Item = Result<LoadedBatch<C, H, W, E, D>, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.count {
            return None;
        }
        let (batch, start) = (self.next, Instant::now());
        let received = self.queues[(batch - self.first) % self.queues.len()].recv();
        self.waited += start.elapsed();
        self.next += 1;
        let loaded = match received {
            Ok(prepared) => prepared.and_then(|prepared| self.tensors(prepared)),
            Err(_) => Err(DataError::Thread { batch }),
        };
        if loaded.is_err() {
            self.count = self.next;
        }
        Some(loaded)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let rest = self.count.saturating_sub(self.next);
        (0, Some(rest))
    }
}

impl<C, H, W, E, D> Drop for LoadedBatches<C, H, W, E, D> {
    fn drop(&mut self) {
        // without receivers, threads that wait for room in their queue end
        self.queues.clear();
        for handle in self.handles.drain(..) {
            // a panic has been reported with its batch, or nobody asked for that batch
            let _ = handle.join();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::data::{Images, digits};
    use dfdx::prelude::{Const, Cpu, HasShape};

    type One = Const<1>;
    type Eight = Const<8>;

    /// Indices, labels and values of all batches.
    fn all(loader: &Loader, epoch: u64, first: usize) -> (Vec<usize>, Vec<usize>, Vec<f32>) {
        let mut result = (Vec::new(), Vec::new(), Vec::new());
        let batches = loader.epoch_from::<One, Eight, Eight, f32, _>(&Cpu::default(), epoch, first).unwrap();
        for batch in batches {
            let batch = batch.unwrap().still();
            result.0.extend(batch.indices);
            result.1.extend(batch.labels);
            result.2.extend(batch.images.as_vec());
        }
        result
    }

    #[test]
    fn threads_queues_and_batches_change_no_bit() {
        let set = Arc::new(digits::test().unwrap());
        let loader = Loader::new(set.clone())
            .transforms(Transforms::train("digits"))
            .normalisation(set.normalisation().clone())
            .order(Order::Shuffled)
            .seed(Seed(4));
        let expected = all(&loader.clone().threads(1).batch_size(360), 3, 0);
        for (threads, queue, size) in [(1, 1, 7), (3, 1, 7), (5, 4, 64), (2, 2, 1)] {
            let loader = loader.clone().threads(threads).queue(queue).batch_size(size);
            assert_eq!(all(&loader, 3, 0), expected);
            // what is left of an epoch is the same as its end
            let rest = all(&loader, 3, 4);
            assert_eq!((&rest.0[..], &rest.2[..]), (&expected.0[4 * size..], &expected.2[4 * size * 64..]));
        }
        assert_ne!(all(&loader, 4, 0), expected);
    }

    #[test]
    fn without_transforms_batches_are_those_of_the_images() {
        let images = digits::test().unwrap();
        let order: Vec<usize> = (0..360).collect();
        let batch = images.batches::<1, 8, 8, f32, _>(&Cpu::default(), &order, 360).unwrap().next().unwrap().unwrap();
        let loader = Loader::new(images.clone()).normalisation(images.normalisation().clone());
        let (indices, labels, values) = all(&loader, 0, 0);
        assert_eq!((indices, labels, values), (order, batch.labels, batch.images.as_vec()));
    }

    #[test]
    fn the_last_batch_is_kept_or_left_out() {
        let loader = Loader::new(digits::test().unwrap()).batch_size(100);
        assert_eq!((loader.len(), all(&loader, 0, 0).0.len()), (4, 360));
        let loader = loader.drop_last(true);
        assert_eq!((loader.len(), all(&loader, 0, 0).0.len()), (3, 300));
        let loader = loader.batch_size(361);
        assert!(loader.epoch::<One, Eight, Eight, f32, _>(&Cpu::default(), 0).is_err());
    }

    #[test]
    fn wrong_use_is_refused_with_the_sample() {
        let dev = Cpu::default();
        let loader = Loader::new(digits::test().unwrap());
        for wrong in [loader.clone().batch_size(0), loader.clone().threads(0), loader.clone().queue(0)] {
            assert!(wrong.epoch::<One, Eight, Eight, f32, _>(&dev, 0).is_err());
        }
        assert!(
            loader.clone().normalisation(Normalisation::CIFAR10).epoch::<One, Eight, Eight, f32, _>(&dev, 0).is_err()
        );
        let mut batches = loader.epoch::<Const<3>, Eight, Eight, f32, _>(&dev, 0).unwrap();
        let error = batches.next().unwrap().unwrap_err().to_string();
        assert!(error.contains("sample 0 is 1x8x8") && error.contains("3x8x8"), "{error}");
        assert!(batches.next().is_none());
        let none = Images::new("none", vec![], Map::new(1, 8, 8), vec![], vec![]).unwrap();
        assert!(Loader::new(none).epoch::<One, Eight, Eight, f32, _>(&dev, 0).is_err());
    }

    /// A set of one's own whose labels are not checked by a constructor.
    struct Beyond;

    impl Dataset for Beyond {
        fn name(&self) -> &str {
            "beyond"
        }
        fn labels(&self) -> &[u16] {
            &[0, 7]
        }
        fn classes(&self) -> &[String] {
            const { &[String::new()] }
        }
        fn shape(&self) -> Option<Map> {
            None
        }
        fn sample(&self, _: usize) -> Result<Sample, DataError> {
            Sample::new("beyond", Values::Bytes(vec![0; 64]), 1, Map::new(1, 8, 8))
        }
        fn source(&self, index: usize) -> String {
            format!("file {index}")
        }
    }

    #[test]
    fn numbers_that_cannot_be_are_refused_before_a_thread_is_made() {
        let dev = Cpu::default();
        let error = Loader::new(Beyond).epoch::<One, Eight, Eight, f32, _>(&dev, 0).err().unwrap().to_string();
        assert!(error.contains("file 1") && error.contains("label 7"), "{error}");
        let loader = Loader::new(digits::test().unwrap()).batch_size(100);
        assert!(loader.epoch_from::<One, Eight, Eight, f32, _>(&dev, 0, 5).is_err());
        assert_eq!(all(&loader, 0, 4).0.len(), 0);
        // as many as there are batches
        assert_eq!(all(&loader.threads(usize::MAX).queue(usize::MAX), 0, 0).0.len(), 360);
    }

    struct Panics(String);

    impl Dataset for Panics {
        fn name(&self) -> &str {
            "panics"
        }
        fn labels(&self) -> &[u16] {
            &[0; 10]
        }
        fn classes(&self) -> &[String] {
            std::slice::from_ref(&self.0)
        }
        fn shape(&self) -> Option<Map> {
            None
        }
        fn sample(&self, index: usize) -> Result<Sample, DataError> {
            assert!(index < 5, "a decoder's mistake");
            Sample::new("panics", Values::Floats(vec![index as f32; 2 * 64]), 2, Map::new(1, 8, 8))
        }
    }

    #[test]
    fn films_keep_their_frames_and_a_panic_is_an_error() {
        let dev = Cpu::default();
        let mut batches =
            Loader::new(Panics("only".to_string())).batch_size(3).epoch::<One, Eight, Eight, f32, _>(&dev, 0).unwrap();
        let film = batches.next().unwrap().unwrap();
        assert_eq!((film.frames.len(), film.frames[1].shape().0), (2, 3));
        assert_eq!(film.frames[1][[2, 0, 0, 0]], 2.0);
        assert!(matches!(batches.next().unwrap(), Err(DataError::Thread { batch: 1 })));
        assert!(batches.next().is_none());
    }
}
