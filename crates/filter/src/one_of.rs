//! Alternatives in a rule: one, or a list of which one has to fit.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, IntoDeserializer, MapAccess, SeqAccess, Visitor},
};

/// How many alternatives there may be: each one is held against each value.
const MAX: usize = 100;

/// One or more alternatives; in TOML a value, or a list of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OneOf<T>(Vec<T>);

impl<T> OneOf<T> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    pub(crate) fn any(&self, is_it: impl FnMut(&T) -> bool) -> bool {
        self.0.iter().any(is_it)
    }
}

impl<T: Serialize> Serialize for OneOf<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOf<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrList(PhantomData))
    }
}

/// Hands a single value on to `T`. (An untagged enum would do the same, with errors that do not
/// say what is wrong.)
struct OneOrList<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrList<T> {
    type Value = OneOf<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a pattern or a list of patterns")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut alternatives = Vec::new();
        while let Some(item) = items.next_element()? {
            if alternatives.len() == MAX {
                return Err(de::Error::custom(format_args!("more than {MAX} patterns in a list")));
            }
            alternatives.push(item);
        }
        if alternatives.is_empty() {
            return Err(de::Error::custom("an empty list of patterns would match nothing"));
        }
        Ok(OneOf(alternatives))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(de::Error::custom(
            "a table is no pattern: write a path in quotes, as in \"changes.new\" = 1",
        ))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        one(text)
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Self::Value, E> {
        one(truth)
    }

    fn visit_i64<E: de::Error>(self, integer: i64) -> Result<Self::Value, E> {
        one(integer)
    }

    fn visit_u64<E: de::Error>(self, integer: u64) -> Result<Self::Value, E> {
        one(integer)
    }

    fn visit_f64<E: de::Error>(self, double: f64) -> Result<Self::Value, E> {
        one(double)
    }
}

fn one<'de, T, E>(value: impl IntoDeserializer<'de, E>) -> Result<OneOf<T>, E>
where
    T: Deserialize<'de>,
    E: de::Error,
{
    Ok(OneOf(vec![T::deserialize(value.into_deserializer())?]))
}
