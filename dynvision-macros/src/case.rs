//! A field's name in the case of what is generated for it.

/// The name of an area's constant: `v1_pool` gives `V1_POOL`.
pub(crate) fn constant(name: &str) -> String {
    name.to_uppercase()
}

/// The name of an area's type: `v1_pool` gives `V1Pool`.
pub(crate) fn camel(name: &str) -> String {
    name.split('_').map(capitalised).collect()
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
