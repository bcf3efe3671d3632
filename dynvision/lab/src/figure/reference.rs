use super::{FigureError, Table};

/// Returns measures of human visual cortex that [`Dynamics`](super::Dynamics) shows beside the model's.
///
/// Iris I. A. Groen et al. (2022), Temporal dynamics of neural responses in human visual cortex, Journal of Neuroscience
/// 42(40):7562–7580, electrocorticography of V1. Columns: `experiment`, `condition` (gap or duration in ms, contrast), `value`
/// (ratio of the second to the first peak, summed response relative to that of the longest duration, time of the peak in ms),
/// `error`, to which the values were read off the published picture, and `source`. The ends of the curves are known this way,
/// and nothing between them.
///
/// ```
/// use dynvision_lab::figure::human_reference;
///
/// let gaps = human_reference()?.having("experiment", &["interval"]);
/// assert_eq!((gaps.number("condition", 0), gaps.number("value", 0)), (Some(17.), Some(0.48)));
/// # Ok::<(), dynvision_lab::figure::FigureError>(())
/// ```
///
/// # Errors
///
/// None in practice: the table is part of the library.
pub fn human_reference() -> Result<Table, FigureError> {
    Table::read_csv(include_bytes!("reference.csv").as_slice())
}
