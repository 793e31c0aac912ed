//! Templates that make one value of a batch: a key, an argument.

use std::sync::{Arc, LazyLock};

use minijinja::{
    Environment, UndefinedBehavior,
    value::{Serde, Value},
};
use serde_json::Value as Json;

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
/// Steps that a template may take: one that loops over a batch needs some for each event.
const FUEL: u64 = 10_000_000;

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
        let filled = self.text(values)?;
        if filled.contains('\0') {
            return Err(self.problem("makes a NUL, which no program can be given".to_owned()));
        }
        Ok(filled)
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
            return self.text(values).map(Json::String);
        };
        let wrong = |problem| self.problem(format!("cannot be filled in: {problem}"));
        // With the signs that trim white space around them.
        let expression = expression.trim_start_matches(['-', '+']).trim_end_matches(['-', '+']);
        let value = ENVIRONMENT
            .compile_expression(expression)
            .and_then(|expression| expression.eval(Value::from(Serde(values))))
            .map_err(|error| wrong(error.to_string()))?;
        if value.is_undefined() {
            return Err(wrong("undefined value".to_owned()));
        }
        serde_json::to_value(&value).map_err(|error| wrong(error.to_string()))
    }

    fn text(&self, values: &Json) -> Result<String, InvalidTemplate> {
        let filled = ENVIRONMENT
            .template_from_str(&self.source)
            .and_then(|template| template.render(Value::from(Serde(values))))
            .map_err(|error| self.problem(format!("cannot be filled in: {error}")))?;
        if filled.len() >= MAX_BYTES {
            return Err(self.problem(format!("makes more than {MAX_BYTES} bytes")));
        }
        Ok(filled)
    }

    fn problem(&self, what: String) -> InvalidTemplate {
        InvalidTemplate { template: self.source.to_string(), what }
    }
}

/// Shared, since making one costs more than filling in a template.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(environment);

/// What templates are filled in with: what they ask for must be there, and they end.
pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment
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
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
            json!({}),
        );
        assert!(error.unwrap_err().to_string().contains("fuel"));
        assert!(Template::parse("{{ x").is_err());
    }
}
