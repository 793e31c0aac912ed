//! Which events a query means, as a set: a thousand prefixes cost little more than one.

use std::collections::BTreeSet;

use laniakea_event::{EventId, Prefix};

/// The prefixes of a [`crate::Query`], prepared for looking at many events.
#[derive(Debug)]
pub struct Selection<'q> {
    /// Empty: everything.
    prefixes: BTreeSet<&'q str>,
}

impl<'q> Selection<'q> {
    /// Prepares the prefixes; without any, all events are meant.
    pub fn new(prefixes: &'q [Prefix]) -> Self {
        let mut prefixes: BTreeSet<&str> = prefixes.iter().map(Prefix::as_str).collect();
        if prefixes.contains("") {
            prefixes.clear();
        }
        Self { prefixes }
    }

    /// Whether all events are meant.
    pub fn is_everything(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// Whether events of this id are meant.
    pub fn selects(&self, id: &EventId) -> bool {
        self.is_everything() || id.prefixes().any(|prefix| self.prefixes.contains(prefix))
    }

    /// The prefixes in ascending order; none where everything is meant.
    pub fn prefixes(&self) -> impl Iterator<Item = &'q str> {
        self.prefixes.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_selects_what_one_of_its_prefixes_matches() {
        let parse = |texts: &[&str]| -> Vec<Prefix> {
            texts.iter().map(|text| Prefix::parse(text).unwrap()).collect()
        };
        let sets: [&[&str]; 6] = [
            &[],
            &["", "no.such."],
            &["a.b."],
            &["a.b.c"],
            &["a.", "a.b.c", "a.b.c"],
            &["a.b.c.", "a.b.cd", "b."],
        ];
        for set in sets {
            let prefixes = parse(set);
            let selection = Selection::new(&prefixes);
            for id in ["a.b.c", "a.b.cd", "a.b.c.d", "a.bc.d", "b.c.d", "z.z.z"] {
                let id = EventId::parse(id).unwrap();
                let expected =
                    prefixes.is_empty() || prefixes.iter().any(|prefix| prefix.matches(&id));
                assert_eq!(selection.selects(&id), expected, "{set:?} {id:?}");
            }
        }
    }
}
