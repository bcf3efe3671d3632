//! What is shown at each step, and which label counts: protocols, noise, masks, occlusion, and experiments as data.
//!
//! ```
//! use dynvision::protocol::{Duration, Protocol};
//! let flash = Protocol::duration(Duration::Steps(6), Duration::Steps(1), Duration::Ms(4.0))?;
//! let timeline = flash.timeline(2.0)?; // dt = 2 ms
//! assert_eq!(timeline.labels(-1, |_| 7), [-1, 7, 7, -1, -1, -1]);
//! # Ok::<(), dynvision::protocol::ProtocolError>(())
//! ```

mod distractors;
mod duration;
mod error;
mod event;
pub mod experiment;
mod frames;
mod masks;
pub mod noise;
mod occlusion;
mod preset;
mod row;
mod source;
mod stimulus;
mod strip;
mod timeline;

pub use distractors::{Distractors, Placed};
pub use duration::Duration;
pub use error::ProtocolError;
pub use event::{Event, Mask, Picture, Shown};
pub use frames::{Chance, Frames, Showing};
pub use masks::{MaskPattern, Masks};
pub use noise::{Noise, NoiseKind, Power, Ssnr, Temporal};
pub use occlusion::Occlusion;
pub use preset::Preset;
pub use row::Protocol;
pub use source::{ImageSource, Set};
pub use stimulus::stimulus;
pub use timeline::{EventSpan, Moment, Timeline};
