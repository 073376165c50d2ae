//! Every order of a few things.

pub(super) fn orders<T: Copy>(parts: &[T]) -> Vec<Vec<T>> {
    if parts.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (at, first) in parts.iter().enumerate() {
        let rest = [&parts[..at], &parts[at + 1..]].concat();
        for mut order in orders(&rest) {
            order.insert(0, *first);
            all.push(order);
        }
    }
    all
}
