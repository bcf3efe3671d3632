//! Counts as TOML can hold them: those above 2^63 - 1, which stand for never or for all, are written as that number.

use serde::ser::{SerializeSeq, Serializer};

/// A count.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde lends what it writes")]
pub(crate) fn serialize<N: Copy + TryInto<i64>, S: Serializer>(count: &N, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(held(*count))
}

/// A count that there may be.
#[cfg(feature = "train")]
pub(crate) fn serialize_some<S: Serializer>(count: &Option<usize>, serializer: S) -> Result<S::Ok, S::Error> {
    match count {
        Some(count) => serializer.serialize_some(&held(*count)),
        None => serializer.serialize_none(),
    }
}

/// Counts in a row.
pub(crate) fn serialize_each<S: Serializer>(counts: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
    let mut row = serializer.serialize_seq(Some(counts.len()))?;
    counts.iter().try_for_each(|&count| row.serialize_element(&held(count)))?;
    row.end()
}

fn held<N: TryInto<i64>>(count: N) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    #[derive(serde::Serialize)]
    struct Of {
        #[serde(serialize_with = "super::serialize")]
        count: u64,
        #[serde(serialize_with = "super::serialize_each")]
        each: Vec<u64>,
    }

    #[test]
    fn never_and_all_can_be_written() {
        let written = toml::to_string(&Of { count: u64::MAX, each: vec![7, u64::MAX] }).unwrap();
        assert_eq!(written, "count = 9223372036854775807\neach = [7, 9223372036854775807]\n");
    }
}
