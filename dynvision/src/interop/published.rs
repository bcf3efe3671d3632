//! Published weights by the names that their authors gave them.

use super::{StateDict, StateError};

/// Renames the tensors of CORnet-S as its authors' code saves them (`module.V2.norm1_0.weight`, with or without `module.`) to
/// those of a member of [`cornet_s!`](crate::cornet_s): `v2.norm1.0.weight`. The counts of batches, which nothing here reads,
/// are left out; a name that is none of CORnet-S stays as it is, and [`Weights::set_weights`](super::Weights::set_weights)
/// will refuse it.
///
/// ```
/// use dynvision::interop::{StateDict, published};
/// let mut saved = StateDict::default();
/// saved.insert("module.V4.norm3_2.running_mean", &[1], &[0.5f32]);
/// saved.insert("module.V1.norm1.num_batches_tracked", &[], &[7.0f32]);
/// let ours = published::cornet_s(&saved)?;
/// assert_eq!(ours.names().collect::<Vec<_>>(), ["v4.norm3.2.running_mean"]);
/// # Ok::<(), dynvision::interop::StateError>(())
/// ```
///
/// # Errors
/// [`StateError`] of a tensor that is no float32 or would lose digits as one.
pub fn cornet_s(saved: &StateDict) -> Result<StateDict, StateError> {
    let mut ours = StateDict::default();
    for theirs in saved.names().filter(|name| !name.ends_with("num_batches_tracked")) {
        let (sizes, _) = saved.numbers(theirs)?;
        ours.insert(cornet_s_name(theirs), &sizes, &saved.get::<f32>(theirs, &sizes)?);
    }
    Ok(ours)
}

/// What a tensor of CORnet-S is called here.
fn cornet_s_name(theirs: &str) -> String {
    let name = theirs.strip_prefix("module.").unwrap_or(theirs);
    let mut parts = name.splitn(3, '.');
    let (area, part, rest) = (parts.next().unwrap_or(name), parts.next(), parts.next());
    match (area, part, rest) {
        ("V1", Some("conv1"), Some(rest)) => format!("stem.conv.{rest}"),
        ("V1", Some("norm1"), Some(rest)) => format!("stem_norm.{rest}"),
        ("V1", Some("conv2"), Some(rest)) => format!("v1.conv.{rest}"),
        ("V1", Some("norm2"), Some(rest)) => format!("v1_norm.{rest}"),
        ("decoder", Some("linear"), Some(rest)) => format!("classifier.{rest}"),
        ("V2" | "V4" | "IT", Some(part), Some(rest)) => {
            let area = area.to_lowercase();
            // norm1_0 is the norm after the first convolution at the first time
            match part.rsplit_once('_') {
                Some((norm, time)) if time.parse::<usize>().is_ok() => format!("{area}.{norm}.{time}.{rest}"),
                _ => format!("{area}.{part}.{rest}"),
            }
        }
        _ => name.to_string(),
    }
}
