//! How much there is in a value of a template.

use minijinja::{Value, value::ValueKind};

/// Whether a value, with all that is in it, has so many items at most. A template can make a list
/// that is longer than any memory, since its items are made only while somebody reads them, and
/// writing it would take as long.
pub fn has_at_most(value: &Value, items: usize) -> bool {
    spend(value, &mut items.clone())
}

fn spend(value: &Value, left: &mut usize) -> bool {
    let is_nested = [ValueKind::Seq, ValueKind::Iterable, ValueKind::Map].contains(&value.kind());
    if !is_nested {
        return true;
    }
    // What cannot be iterated has no items.
    let Ok(items) = value.try_iter() else { return true };
    let is_map = value.kind() == ValueKind::Map;
    for item in items {
        let Some(rest) = left.checked_sub(1) else { return false };
        *left = rest;
        let inner = if is_map { value.get_item(&item).unwrap_or_default() } else { item };
        if !spend(&inner, left) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use minijinja::Environment;

    use super::*;

    #[test]
    fn all_items_count_and_no_more_are_looked_at_than_may_be() {
        let value = |text: &str| {
            let environment = Environment::new();
            environment.compile_expression(text).unwrap().eval(()).unwrap()
        };
        for (text, items) in [
            ("1", 0),
            ("'text'", 0),
            ("[]", 0),
            ("[1, 2, 3]", 3),
            ("[[1, 2], [3]]", 5),
            ("{'a': [1, 2], 'b': 3}", 4),
            ("[1] * 1000", 1000),
        ] {
            let value = value(text);
            assert!(has_at_most(&value, items), "{text}");
            assert!(items == 0 || !has_at_most(&value, items - 1), "{text}");
        }
        assert!(!has_at_most(&value("([1] * 10**4) * 10**4"), 1000));
        assert!(!has_at_most(&value("[[1] * 10**8] * 10**4"), 1000));
    }
}
