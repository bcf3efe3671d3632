//! Responses of all units, streamed to disk as [Zarr](https://zarr-specs.readthedocs.io/en/latest/v3/core/) version 3, which
//! xarray opens with its dimensions and coordinates.
//!
//! ```python
//! import xarray
//! responses = xarray.open_zarr("…/responses.zarr", consolidated=False)
//! responses.v1.sel(time=20.0).mean(("v1_row", "v1_column"))
//! ```

mod zarr;

pub use zarr::{Dimension, ZarrArray, ZarrGroup};

use crate::anatomy::Anatomy;
use crate::run_error::RunError;
use crate::subject::Answer;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::Path;
use zarr::FullChunk;

/// Which responses are kept.
///
/// ```
/// use dynvision_lab::response::{Reduction, Responses};
///
/// let responses = Responses { areas: Some(vec!["v1".into()]), reduction: Reduction::Channels };
/// assert_ne!(responses, Responses::default());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Responses {
    /// The areas; all unless it is said.
    pub areas: Option<Vec<String>>,
    /// What is kept of each.
    pub reduction: Reduction,
}

/// What is kept of an area's response.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reduction {
    /// Every unit.
    #[default]
    Units,
    /// The mean over space of each channel.
    Channels,
}

impl Responses {
    /// Returns the bytes of so many samples and steps, before compression.
    ///
    /// # Errors
    ///
    /// An area that the model does not have.
    pub fn bytes(&self, model: &Anatomy, samples: usize, steps: usize) -> Result<u128, RunError> {
        let each = self.chosen(model)?.into_iter().filter_map(|area| model.areas.get(area)).map(|area| {
            4 * match self.reduction {
                Reduction::Units => area.units() as u128,
                Reduction::Channels => area.shape[0] as u128,
            }
        });
        Ok((each.sum::<u128>() + 4 * model.classes as u128) * samples as u128 * steps as u128)
    }

    /// The numbers of the areas.
    fn chosen(&self, model: &Anatomy) -> Result<Vec<usize>, RunError> {
        let Some(names) = &self.areas else { return Ok((0..model.areas.len()).collect()) };
        let known = || model.areas.iter().map(|area| area.name.as_str());
        let number = |name: &String| match model.area(name) {
            Some((number, _)) => Ok(number),
            None => Err(crate::Error::unknown("area", name, known()).into()),
        };
        names.iter().map(number).collect()
    }
}

/// Writes the responses of a condition, batch after batch.
#[derive(Debug)]
pub(crate) struct ResponseWriter {
    reduction: Reduction,
    /// For each area its array, if it is kept.
    areas: Vec<Option<ZarrArray>>,
    logits: ZarrArray,
    /// Chunks that are full and not yet written.
    waiting: Vec<FullChunk>,
}

impl ResponseWriter {
    pub(crate) fn new(
        folder: &Path,
        responses: &Responses,
        model: &Anatomy,
        times_ms: &[f64],
        images: &[usize],
        labels: &[i64],
        batch: usize,
    ) -> Result<Self, RunError> {
        let group = ZarrGroup::new(folder, serde_json::json!({ "model": model.name }))?;
        let (samples, steps) = (images.len(), times_ms.len());
        let sample = |n| Dimension { name: "sample", size: n, chunk: batch };
        let time = Dimension { name: "time", size: steps, chunk: steps };
        group.coordinate(
            "time",
            times_ms,
            serde_json::json!({ "units": "ms", "long_name": "time from the first step" }),
        )?;
        group.coordinate("sample", &(0..samples as i64).collect::<Vec<_>>(), serde_json::json!({}))?;
        let indices: Vec<i64> = images.iter().map(|&image| image as i64).collect();
        group.along(
            "image",
            "sample",
            &indices,
            serde_json::json!({ "long_name": "number of the image in its set" }),
        )?;
        group.along("label", "sample", labels, serde_json::json!({ "long_name": "first label, -1 for none" }))?;
        let chosen = responses.chosen(model)?;
        let mut areas = Vec::new();
        for (number, area) in model.areas.iter().enumerate() {
            if !chosen.contains(&number) {
                areas.push(None);
                continue;
            }
            let [c, h, w] = area.shape;
            let whole = |name, size| Dimension { name, size, chunk: size };
            let mut dimensions = match responses.reduction {
                Reduction::Units => {
                    vec![sample(samples), time, whole("channel", c), whole("row", h), whole("column", w)]
                }
                Reduction::Channels => vec![sample(samples), time, whole("channel", c)],
            };
            // the sizes of the maps differ from area to area, and so must the names of their dimensions
            let names: Vec<String> =
                ["channel", "row", "column"].iter().map(|d| format!("{}_{d}", area.name)).collect();
            let units: usize = dimensions.iter().skip(2).map(|d| d.size).product();
            if let Some(time) = dimensions.get_mut(1) {
                time.chunk = (CHUNK / (4 * batch * units).max(1)).clamp(1, steps.max(1));
            }
            let attributes = serde_json::json!({ "long_name": format!("response of {}", area.name) });
            areas.push(Some(group.array(&area.name, &dimensions, Some(&names), attributes)?));
        }
        let class = Dimension { name: "class", size: model.classes, chunk: model.classes };
        let logits = group.array("logits", &[sample(samples), time, class], None, serde_json::json!({}))?;
        Ok(ResponseWriter { reduction: responses.reduction, areas, logits, waiting: Vec::new() })
    }

    pub(crate) fn area(
        &mut self,
        step: usize,
        area: usize,
        samples: usize,
        answer: Option<Answer<'_>>,
    ) -> Result<(), RunError> {
        let Some(Some(array)) = self.areas.get_mut(area) else { return Ok(()) };
        let Some(answer) = answer else { return Ok(()) };
        let full = match self.reduction {
            Reduction::Units => array.put(step, samples, answer.values)?,
            Reduction::Channels => {
                let positions = (answer.shape[1] * answer.shape[2]).max(1);
                let mean = |map: &[f32]| (map.iter().map(|&x| f64::from(x)).sum::<f64>() / positions as f64) as f32;
                let means: Vec<f32> = answer.values.chunks_exact(positions).map(mean).collect();
                array.put(step, samples, &means)?
            }
        };
        self.write_soon(full)
    }

    pub(crate) fn logits(&mut self, step: usize, samples: usize, logits: &[f32]) -> Result<(), RunError> {
        let full = self.logits.put(step, samples, logits)?;
        self.write_soon(full)
    }

    /// Ends a batch.
    pub(crate) fn next_batch(&mut self) -> Result<(), RunError> {
        let arrays = self.areas.iter_mut().flatten().chain([&mut self.logits]);
        self.waiting.extend(arrays.filter_map(ZarrArray::end_batch));
        self.write_all()
    }

    /// Keeps a full chunk until there is one for each thread, since packing takes longer than all else.
    fn write_soon(&mut self, full: Option<FullChunk>) -> Result<(), RunError> {
        self.waiting.extend(full);
        if self.waiting.len() < rayon::current_num_threads() { Ok(()) } else { self.write_all() }
    }

    fn write_all(&mut self) -> Result<(), RunError> {
        std::mem::take(&mut self.waiting).into_par_iter().try_for_each(FullChunk::write)
    }
}

/// About so many bytes are a chunk.
const CHUNK: usize = 4 << 20;
