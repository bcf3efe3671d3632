//! Data: images with labels, the formats they come in, the order in which they are seen and how they are presented in
//! time.
//!
//! ```
//! use dynvision::data::{Order, Seed, digits};
//! use dfdx::prelude::*;
//!
//! let dev = Cpu::default();
//! let train = digits::train()?;
//! let order = Order::Shuffled.indices(train.labels(), Seed(0), 0);
//! for batch in train.batches::<1, 8, 8, f32, _>(&dev, &order, 64)? {
//!     let batch = batch?; // batch.images: Tensor<(usize, Const<1>, Const<8>, Const<8>), f32, _>, batch.labels
//!     assert_eq!(batch.images.shape().0, batch.labels.len());
//! }
//! # Ok::<(), dynvision::data::DataError>(())
//! ```

mod arrays;
mod bundled;
mod cache;
pub mod cifar;
mod dataset;
pub mod digits;
mod error;
#[cfg(feature = "fetch")]
pub mod fetch;
mod file;
#[cfg(feature = "images")]
mod folder;
mod groups;
pub mod idx;
mod images;
#[cfg(feature = "images")]
mod jpeg;
mod loader;
pub mod mnist5k;
mod order;
mod presentation;
mod sample;
mod seed;
mod subset;
mod transform;

pub use arrays::Arrays;
pub use cache::Cache;
pub use dataset::Dataset;
pub use error::DataError;
#[cfg(feature = "fetch")]
pub use fetch::fetch;
#[cfg(feature = "images")]
pub use folder::{ImageFolder, LeftOut};
pub use groups::{group_names, group_numbers};
pub use images::{Batch, Batches, Images, Normalisation};
pub use loader::{LoadedBatch, LoadedBatches, Loader};
pub use order::Order;
pub use presentation::{Pattern, Presentation, StepMasks};
pub use sample::{Sample, Values};
pub use seed::{Purpose, Seed};
pub use subset::{Joined, Named, Subset, split, split_classes, split_size};
pub use transform::{Draw, Filter, Transform, Transforms};

/// A part of a data set that its authors divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// The images to train on.
    Train,
    /// The images held out.
    Test,
}
