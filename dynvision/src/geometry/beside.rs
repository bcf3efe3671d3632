//! Maps that stand beside each other.

use super::Map;

/// The map of several ones whose channels stand beside each other: of the size of the first, to which the others are brought.
/// Empty where one of them is.
///
/// ```
/// use dynvision::geometry::{Map, beside};
/// assert_eq!(beside(&[Map::new(3, 8, 8), Map::new(4, 4, 4)]), Map::new(7, 8, 8));
/// ```
pub const fn beside(maps: &[Map]) -> Map {
    let mut all = Map::new(0, 0, 0);
    let mut at = 0;
    while at < maps.len() {
        if maps[at].is_empty() {
            return Map::new(0, 0, 0);
        }
        let c = all.c.saturating_add(maps[at].c);
        all = Map { c, ..if at == 0 { maps[0] } else { all } };
        at += 1;
    }
    all
}
