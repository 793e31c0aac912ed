//! `emit`: another event, under keeper's key.
//!
//! Nothing is sent here: the event goes into the outbox in the transaction that ends the run, so a
//! crash loses none and doubles none.

use laniakea_event::{EventId, Limits, Object, Value};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use toml::Table;

use super::{Ended, Outcome};
use crate::{
    chain::{Chain, LONGEST},
    rules::{InvalidTemplate, Template},
};

/// `emit = { … }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmitConfig {
    id: String,
    #[serde(default)]
    data: Table,
}

/// An event whose data is made of templates.
#[derive(Debug, Clone)]
pub struct Emit {
    id: EventId,
    data: Vec<(String, Part)>,
}

/// A part of the data.
#[derive(Debug, Clone)]
enum Part {
    Fixed(Json),
    Template(Template),
    List(Vec<Part>),
    Table(Vec<(String, Part)>),
}

/// An event that is to be signed and sent once its run is at its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Emission {
    /// Its type.
    pub id: EventId,
    /// What it says.
    pub data: Object,
    /// The rules that led to it, without the one that emits it.
    pub chain: Chain,
}

impl Eq for Emission {}

/// `emit` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEmit {
    /// The id is none, or not for rules.
    #[error("emit.id: {0}")]
    Id(String),
    /// A value that JSON does not have.
    #[error("emit.data: {0}")]
    Data(String),
    /// A text is no template.
    #[error(transparent)]
    Template(#[from] InvalidTemplate),
}

impl Emit {
    pub(super) fn new(config: &EmitConfig) -> Result<Self, InvalidEmit> {
        let id = EventId::parse(&config.id).map_err(|error| InvalidEmit::Id(error.to_string()))?;
        if id.as_str().starts_with("_lk.keeper.") {
            let what = format!("{id} is what keeper says of itself");
            return Err(InvalidEmit::Id(what));
        }
        Ok(Self { id, data: table(&config.data)? })
    }

    /// The event for these values.
    ///
    /// # Errors
    ///
    /// Something is not there, or too many rules led here.
    pub fn emission(&self, values: &Json) -> Result<Emission, String> {
        let links = values.get("chain").and_then(Json::as_array).into_iter().flatten();
        let chain: Chain = links.filter_map(Json::as_str).collect();
        if chain.is_full() {
            return Err(format!(
                "{LONGEST} rules led here already, and no more may: {}",
                chain.links().join(", ")
            ));
        }
        let data = fill_table(&self.data, values).map_err(|error| error.to_string())?;
        let text = serde_json::to_vec(&data).map_err(|error| error.to_string())?;
        match Value::parse(&text, &Limits::SUBMISSION) {
            Ok(Value::Object(data)) => Ok(Emission { id: self.id.clone(), data, chain }),
            Ok(_) => Err("its data is no object".to_owned()),
            Err(rejection) => Err(format!("its data would be rejected: {rejection}")),
        }
    }

    pub(super) fn run(&self, values: &Json) -> Ended {
        match self.emission(values) {
            Ok(emission) => {
                let output = describe(&emission).into_bytes();
                Ended { outcome: Outcome::Emits(Box::new(emission)), output }
            }
            Err(reason) => Ended { outcome: Outcome::Refused(reason), output: Vec::new() },
        }
    }
}

/// The event in a line.
pub(super) fn describe(emission: &Emission) -> String {
    format!("{} {}", emission.id, Value::from(emission.data.clone()).to_canonical())
}

fn table(table: &Table) -> Result<Vec<(String, Part)>, InvalidEmit> {
    table.iter().map(|(name, value)| Ok((name.clone(), part(value)?))).collect()
}

fn part(value: &toml::Value) -> Result<Part, InvalidEmit> {
    Ok(match value {
        toml::Value::String(text) => Part::Template(Template::parse(text)?),
        toml::Value::Integer(number) => Part::Fixed((*number).into()),
        toml::Value::Boolean(truth) => Part::Fixed((*truth).into()),
        toml::Value::Float(number) => Part::Fixed(
            serde_json::Number::from_f64(*number)
                .map(Json::Number)
                .ok_or_else(|| InvalidEmit::Data(format!("no event has the number {number}")))?,
        ),
        toml::Value::Datetime(time) => Part::Fixed(time.to_string().into()),
        toml::Value::Array(items) => Part::List(items.iter().map(part).collect::<Result<_, _>>()?),
        toml::Value::Table(members) => Part::Table(table(members)?),
    })
}

fn fill_table(table: &[(String, Part)], values: &Json) -> Result<Json, InvalidTemplate> {
    let members = table.iter().map(|(name, part)| Ok((name.clone(), fill(part, values)?)));
    Ok(Json::Object(members.collect::<Result<Map<_, _>, _>>()?))
}

fn fill(part: &Part, values: &Json) -> Result<Json, InvalidTemplate> {
    match part {
        Part::Fixed(value) => Ok(value.clone()),
        Part::Template(template) => template.value(values),
        Part::List(items) => {
            let items = items.iter().map(|item| fill(item, values));
            Ok(Json::Array(items.collect::<Result<_, _>>()?))
        }
        Part::Table(members) => fill_table(members, values),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn emit(text: &str) -> Result<Emit, String> {
        let config: EmitConfig = toml::from_str(text).map_err(|error| error.to_string())?;
        Emit::new(&config).map_err(|error| error.to_string())
    }

    const GOOD: &str = r#"
        id = "org.example.site.published"
        [data]
        repo = "{{ data.repo }}"
        title = "{{ count }} events of {{ data.repo }}"
        count = "{{ count }}"
        suites = "{{ facets.suite }}"
        fixed = [1, true, 0.5, "{{ key }}"]
        more = { a = "x" }
    "#;

    #[test]
    fn an_event_is_made_of_templates_and_a_template_alone_keeps_its_type() {
        let emit = emit(GOOD).unwrap();
        for repo in ["master", "$(reboot)", "\",\"x\":\"", "{{ 7*7 }}", "a\u{0}b\n\u{202e}"] {
            let values = json!({
                "data": {"repo": repo}, "count": 3, "key": "k", "facets": {"suite": ["a", "b"]},
                "chain": ["k/a"],
            });
            let emission = emit.emission(&values).unwrap();
            let data: Json =
                serde_json::from_str(&Value::from(emission.data).to_canonical()).unwrap();
            assert_eq!(
                data,
                json!({
                    "repo": repo, "title": format!("3 events of {repo}"), "count": 3,
                    "suites": ["a", "b"], "fixed": [1, true, 0.5, "k"], "more": {"a": "x"},
                })
            );
            assert_eq!(emission.chain.links(), ["k/a"]);
        }
    }

    #[test]
    fn what_cannot_be_emitted_is_refused() {
        let emit = emit(GOOD).unwrap();
        assert!(emit.emission(&json!({})).unwrap_err().contains("undefined"));
        let chain: Vec<String> = (0..8).map(|number| format!("k/{number}")).collect();
        let values = json!({"chain": chain});
        assert!(emit.emission(&values).unwrap_err().contains("8 rules led here"));
        assert!(matches!(emit.run(&values).outcome, Outcome::Refused(_)));
        for text in [
            "id = \"x\"",
            "id = \"_lk.keeper.run-failed\"",
            "id = \"a.b.c\"\ndata = { x = \"{{\" }",
            "id = \"a.b.c\"\ndata = { x = \"{{ a b }}\" }",
            "id = \"a.b.c\"\ndata = { x = nan }",
            "id = \"a.b.c\"\nother = 1",
        ] {
            assert!(self::emit(text).is_err(), "{text}");
        }
    }
}
