//! What a misspelt name was meant to be.

/// What people who know other toolboxes may write.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("addskip", "skip"),
    ("addfeedback", "feedback"),
    ("activation", "nonlin"),
    ("relu", "nonlin"),
    ("supralinearity", "supralin"),
    ("euler", "tstep"),
    ("step", "tstep"),
    ("conv", "layer"),
    ("source", "from"),
    ("input_dims", "input"),
    ("layer_operations", "operations"),
];

/// The known name nearest to `name`, where one is near enough to be meant.
pub(crate) fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let meant = OTHER_NAMES.iter().find(|(other, _)| *other == name).map(|(_, ours)| *ours);
    known
        .into_iter()
        .map(|k| {
            let distance =
                if meant == Some(k) || name.eq_ignore_ascii_case(k) { 0 } else { strsim::damerau_levenshtein(name, k) };
            (distance, k)
        })
        .filter(|(distance, k)| *distance <= 1.max(k.chars().count() / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

/// `; did you mean ..?`, or nothing.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    closest(name, known).map(|k| format!("; did you mean `{k}`?")).unwrap_or_default()
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn listed<I: IntoIterator<Item = S>, S: AsRef<str>>(names: I) -> String {
    let names: Vec<String> = names.into_iter().map(|n| format!("`{}`", n.as_ref())).collect();
    match names.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["layer", "skip", "feedback", "v1", "v11"];
        assert_eq!(closest("skp", known), Some("skip"));
        assert_eq!(closest("addskip", known), Some("skip"));
        assert_eq!(closest("V1", known), Some("v1"));
        assert_eq!(closest("fedback", known), Some("feedback"));
        assert_eq!(closest("pool", known), None);
    }

    #[test]
    fn lists_read_as_prose() {
        assert_eq!(listed(["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(listed(["a"]), "`a`");
    }
}
