//! The templates of summaries and plurals, and how values are written into them.
//!
//! Each is one template, in HTML with nothing but `<b>`, `<em>` and `<code>`. From it two
//! are made: itself, which escapes what it writes, and the same without the tags, which does not.

use minijinja::value::{Value, ValueKind};
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, escape_formatter,
};

/// What stands where the event should have had a value.
const MISSING: &str = "?";

/// The markup that a template may have.
const TAGS: [&str; 6] = ["<b>", "</b>", "<em>", "</em>", "<code>", "</code>"];

/// The templates of every event type, compiled.
///
/// The environment is an empty one: no filters, functions or tests, `safe` least of all.
#[derive(Debug)]
pub(crate) struct Templates(Environment<'static>);

impl Templates {
    pub(crate) fn new() -> Self {
        let mut environment = Environment::empty();
        environment.set_auto_escape_callback(|name| match name.strip_suffix(HTML) {
            Some(_) => AutoEscape::Html,
            None => AutoEscape::None,
        });
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_formatter(write_value);
        Self(environment)
    }

    /// Adds a template under a name; returns the names that it takes from its context.
    pub(crate) fn add(&mut self, name: &str, source: &str) -> Result<Vec<String>, Error> {
        let text = without_tags(source)?;
        self.0.add_template_owned(text_name(name), text)?;
        self.0.add_template_owned(html_name(name), source.to_owned())?;
        let names = self.0.get_template(&html_name(name))?.undeclared_variables(true);
        Ok(names.into_iter().collect())
    }

    /// Renders the template called `name`: the text and the HTML.
    pub(crate) fn render(&self, name: &str, context: &Value) -> Result<(String, String), Error> {
        let text = self.0.get_template(&text_name(name))?.render(context)?;
        let html = self.0.get_template(&html_name(name))?.render(context)?;
        Ok((text, html))
    }
}

/// By this ending of a template's name the environment knows to escape.
const HTML: &str = ".html";

fn html_name(name: &str) -> String {
    format!("{name}{HTML}")
}

fn text_name(name: &str) -> String {
    format!("{name}.text")
}

/// The template of the text: that of the HTML without its tags. Other markup is refused, character
/// references too, because they would come out wrong in the text.
fn without_tags(source: &str) -> Result<String, Error> {
    let text = TAGS.iter().fold(source.to_owned(), |text, tag| text.replace(tag, ""));
    if text.contains(['<', '>', '&']) {
        let detail = "there is no markup but <b>, <em> and <code>";
        return Err(Error::new(ErrorKind::SyntaxError, detail));
    }
    Ok(text)
}

/// Writes a value as `{{ … }}` shows it: lists with commas, `?` for what is not there.
fn write_value(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    let shown = match value.kind() {
        ValueKind::Undefined | ValueKind::None => Value::from(MISSING),
        ValueKind::Seq => {
            let items: Vec<String> = value.try_iter()?.map(|item| item.to_string()).collect();
            Value::from(items.join(", "))
        }
        _ => value.clone(),
    };
    escape_formatter(out, state, &shown)
}
