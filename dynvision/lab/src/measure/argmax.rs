/// Index of the largest value, the first of equals; none where nothing can be the largest.
pub(crate) fn argmax<T: PartialOrd + Copy>(values: &[T]) -> Option<usize> {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        match value.partial_cmp(values.get(best)?) {
            Some(std::cmp::Ordering::Greater) => best = i,
            Some(_) => (),
            None => return None,
        }
    }
    (!values.is_empty()).then_some(best)
}
