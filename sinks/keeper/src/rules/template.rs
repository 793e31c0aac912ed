//! Templates that make one value of a batch: a key, an argument.

use std::{
    sync::{Arc, LazyLock},
    thread,
};

use laniakea_catalog::has_at_most;
use minijinja::{
    Environment, Error, ErrorKind, UndefinedBehavior, escape_formatter,
    value::{Serde, Value},
};
use serde_json::Value as Json;

use crate::bounded::Bounded;

/// A minijinja template. What it asks for must be there.
#[derive(Debug, Clone)]
pub struct Template {
    source: Arc<str>,
}

/// The text is no template, or what it asks for is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the template {template:?} {what}")]
pub struct InvalidTemplate {
    template: String,
    what: String,
}

/// The longest value that a template may make: Linux takes no longer argument.
const MAX_BYTES: usize = 128 << 10;
/// Steps that a template may take: one that loops over a batch needs some for each event. 64 bytes
/// of text, and two items of a list, are a step too, and are paid before they are made: so no template
/// ever holds more than 64 MiB, or twice as much while a text is copied.
const FUEL: u64 = 1_000_000;
/// The longest list that is written, with all lists in it. Its items may be made while it is
/// written, so that fuel does not tell.
const MAX_ITEMS: usize = 100_000;
/// Only what is used of it takes memory.
const STACK: usize = 256 << 20;
/// The same for a key, which is made for every event.
const KEY_FUEL: u64 = 5_000;

impl Template {
    /// Checks the syntax.
    ///
    /// # Errors
    ///
    /// See [`InvalidTemplate`].
    pub fn parse(source: &str) -> Result<Self, InvalidTemplate> {
        let this = Self { source: source.into() };
        ENVIRONMENT
            .template_from_str(&this.source)
            .map_err(|error| this.problem(format!("is wrong: {error}")))?;
        Ok(this)
    }

    /// As it stands in the rule.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Fills it in.
    ///
    /// # Errors
    ///
    /// Something is not there, the result is too long, or it holds a NUL.
    pub fn fill(&self, values: &Json) -> Result<String, InvalidTemplate> {
        let filled = self.long_text(values)?;
        if filled.contains('\0') {
            return Err(self.problem("makes a NUL, which no program can be given".to_owned()));
        }
        Ok(filled)
    }

    /// Fills it in for a single event, as what the event is grouped by.
    ///
    /// # Errors
    ///
    /// Something is not there, or it takes more than a word or two should.
    pub fn key(&self, values: &Json) -> Result<String, InvalidTemplate> {
        self.text(&KEY_ENVIRONMENT, values)
    }

    /// Fills it in for JSON: a template that is one expression and nothing else keeps the type of
    /// its value, any other makes a string.
    ///
    /// # Errors
    ///
    /// Something is not there, or the result is too long.
    pub fn value(&self, values: &Json) -> Result<Json, InvalidTemplate> {
        let inner = self.source.trim().strip_prefix("{{").and_then(|text| text.strip_suffix("}}"));
        let Some(expression) = inner.filter(|text| !text.contains("{{") && !text.contains("}}"))
        else {
            return self.long_text(values).map(Json::String);
        };
        let wrong = |problem| self.problem(format!("cannot be filled in: {problem}"));
        // With the signs that trim white space around them.
        let expression = expression.trim_start_matches(['-', '+']).trim_end_matches(['-', '+']);
        deep(|| self.evaluate(expression, values)).map_err(wrong)?
    }

    fn evaluate(&self, expression: &str, values: &Json) -> Result<Json, InvalidTemplate> {
        let wrong = |problem| self.problem(format!("cannot be filled in: {problem}"));
        let value = ENVIRONMENT
            .compile_expression(expression)
            .and_then(|expression| expression.eval(Value::from(Serde(values))))
            .map_err(|error| wrong(error.to_string()))?;
        if value.is_undefined() {
            return Err(wrong("undefined value".to_owned()));
        }
        // Lists are made while they are read, of whatever length.
        let mut json = Bounded::new(MAX_BYTES);
        let written = serde_json::to_writer(&mut json, &value);
        if json.is_exceeded() {
            return Err(self.too_long());
        }
        written
            .and_then(|()| serde_json::from_slice(json.bytes()))
            .map_err(|error| wrong(error.to_string()))
    }

    fn long_text(&self, values: &Json) -> Result<String, InvalidTemplate> {
        let text = deep(|| self.text(&ENVIRONMENT, values));
        text.map_err(|problem| self.problem(format!("cannot be filled in: {problem}")))?
    }

    fn text(
        &self,
        environment: &Environment<'_>,
        values: &Json,
    ) -> Result<String, InvalidTemplate> {
        let mut text = Bounded::new(MAX_BYTES - 1);
        let filled = environment.template_from_str(&self.source).and_then(|template| {
            template.render_captured_to(Value::from(Serde(values)), &mut text).map(drop)
        });
        if text.is_exceeded() {
            return Err(self.too_long());
        }
        filled.map_err(|error| self.problem(format!("cannot be filled in: {error}")))?;
        Ok(String::from_utf8_lossy(text.bytes()).into_owned())
    }

    fn too_long(&self) -> InvalidTemplate {
        self.problem(format!("makes more than {MAX_BYTES} bytes"))
    }

    fn problem(&self, what: String) -> InvalidTemplate {
        InvalidTemplate { template: self.source.to_string(), what }
    }
}

/// Shared, since making one costs more than filling in a template.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(environment);
static KEY_ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = environment();
    environment.set_fuel(Some(KEY_FUEL));
    environment
});

/// What templates are filled in with: what they ask for must be there, and they end.
pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    // A list that is chained to itself so often has more items than anybody can count, fuel or not.
    environment.remove_filter("chain");
    environment.set_formatter(|out, state, value| {
        if !has_at_most(value, MAX_ITEMS) {
            return Err(Error::new(ErrorKind::WriteFailure, "a list is too long"));
        }
        escape_formatter(out, state, value)
    });
    environment
}

/// Runs on a thread with a stack for values that are nested as deep as fuel goes: an overflow would
/// be the end of the process.
pub(crate) fn deep<T: Send>(fill: impl FnOnce() -> T + Send) -> Result<T, String> {
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("template".to_owned()).stack_size(STACK);
        let thread = builder.spawn_scoped(scope, fill).map_err(|error| error.to_string())?;
        thread.join().map_err(|_| "it failed".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_template_makes_one_value_whatever_stands_in_it() {
        let template = Template::parse("{{ data.repo }}/{{ count }}").unwrap();
        for repo in ["master", "$(reboot)", "a b\n;c", "<b>", "{{ 7*7 }}", "é\u{202e}"] {
            let filled = template.fill(&json!({"data": {"repo": repo}, "count": 3}));
            assert_eq!(filled.unwrap(), format!("{repo}/3"));
        }
    }

    #[test]
    fn what_is_missing_too_long_or_no_argument_is_an_error() {
        let fill = |source: &str, values: Json| Template::parse(source).unwrap().fill(&values);
        let error = fill("{{ data.repo }}", json!({"data": {}})).unwrap_err().to_string();
        assert!(error.contains("undefined"), "{error}");
        let error = fill("{{ x }}", json!({"x": "a\u{0}b"})).unwrap_err().to_string();
        assert!(error.contains("NUL"), "{error}");
        let error = fill("{{ x }}", json!({"x": "y".repeat(MAX_BYTES)})).unwrap_err().to_string();
        assert!(error.contains("131072 bytes"), "{error}");
        let error = fill(
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
            json!({}),
        );
        assert!(error.unwrap_err().to_string().contains("fuel"));
        assert!(Template::parse("{{ x").is_err());
    }

    /// Templates that ask for more than any machine has, or for far more than is meant.
    const BOMBS: [&str; 13] = [
        "{{ 'x' * 10**10 }}",
        "{{ ('x' * 10**8) | length }}",
        "{{ (('x' * 10**6) * 10**6) | length }}",
        "{{ ([1] * 10**8) }}",
        "{{ ('x' * 10**6) | indent(10**9) }}",
        "{{ ('ab' * 10**6) | replace('a', 'b' * 10**6) | length }}",
        "{{ (['x' * 10**4] * 10**4) | join | length }}",
        "{{ '%1000000000d' | format(1) }}",
        "{% set ns = namespace(t = 'x') %}{% for i in range(99) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}{{ ns.t | length }}",
        "{% set ns = namespace(t = [1]) %}{% for i in range(99) %}{% set ns.t = (ns.t + ns.t) | list %}{% endfor %}{{ ns.t | length }}",
        "{% set t %}{% for a in range(9999) %}{{ 'x' * 9999 }}{% endfor %}{% endset %}{{ t | length }}",
        "{% for a in range(9999) %}{% for b in range(9999) %}{{ 'x' * 9999 }}{% endfor %}{% endfor %}",
        "{% macro m(t) %}{{ m(t ~ t) }}{% endmacro %}{{ m('x') }}",
    ];

    /// The most memory that this process ever had, in MiB.
    fn most_memory() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }

    #[test]
    fn no_template_takes_more_memory_than_it_may() {
        for bomb in BOMBS {
            let template = Template::parse(bomb).unwrap();
            for filled in [
                template.fill(&json!({})).map(drop),
                template.value(&json!({})).map(drop),
                template.key(&json!({})).map(drop),
            ] {
                let error = filled.unwrap_err().to_string();
                assert!(
                    ["fuel", "131072 bytes", "recursion", "too long", "cannot"]
                        .iter()
                        .any(|why| error.contains(why)),
                    "{bomb}: {error}"
                );
            }
            assert!(most_memory() < 400, "{bomb}: {} MiB", most_memory());
        }
    }

    #[test]
    fn a_value_nested_as_deep_as_fuel_goes_ends_as_an_error() {
        let deep = "{% set ns = namespace(t = 1) %}{% for a in range(9999) %}{% for b in range(99) %}\
                    {% set ns.t = [ns.t] %}{% endfor %}{% endfor %}{{ ns.t | length }}";
        drop(Template::parse(deep).unwrap().fill(&json!({})));
    }
}
