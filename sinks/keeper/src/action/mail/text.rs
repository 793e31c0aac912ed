//! What a mail says: templates with a limit, in HTML with everything escaped.

use std::{
    path::{Component, Path},
    sync::Arc,
};

use laniakea_catalog::is_hidden;
use minijinja::{
    AutoEscape, Environment,
    syntax::SyntaxConfig,
    value::{Serde, Value},
};
use serde_json::Value as Json;

use super::InvalidMail;
use crate::{
    bounded::Bounded,
    rules::{deep, environment},
};

/// The longest text that a mail may have.
const MAX_BYTES: usize = 1 << 20;
/// The longest file of a template.
const MAX_SOURCE: u64 = 256 << 10;

/// A template of a text.
#[derive(Debug, Clone)]
pub(super) struct Text {
    source: Arc<str>,
    is_html: bool,
}

/// The template that a rule names or holds.
pub(super) fn choose(
    key: &'static str,
    inline: Option<&String>,
    file: Option<&String>,
    directory: Option<&Path>,
) -> Result<Option<Text>, InvalidMail> {
    let source = match (inline, file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(InvalidMail::TwoTexts(key)),
        (Some(text), None) => text.clone(),
        (None, Some(file)) => {
            read(file, directory).map_err(|problem| InvalidMail::File { key, problem })?
        }
    };
    Text::new(&source, key == "html")
        .map(Some)
        .map_err(|problem| InvalidMail::File { key, problem })
}

/// Files of the directory alone: a rule is no way to mail other files of this machine.
fn read(name: &str, directory: Option<&Path>) -> Result<String, String> {
    let directory = directory.ok_or("a file needs mail.templates_dir in the configuration")?;
    let is_below = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if name.is_empty() || !is_below {
        return Err(format!("{name:?} is no file below {}", directory.display()));
    }
    let path = directory.join(name);
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    laniakea_files::read_text(&path, MAX_SOURCE).map_err(|error| wrong(&error))
}

impl Text {
    /// A text without markup.
    pub(super) fn plain(source: &str) -> Result<Self, InvalidMail> {
        let wrong = |problem| InvalidMail::File { key: "text", problem };
        Self::new(source, false).map_err(wrong)
    }

    fn new(source: &str, is_html: bool) -> Result<Self, String> {
        let this = Self { source: source.into(), is_html };
        this.environment()
            .template_from_str(&this.source)
            .map_err(|error| format!("the template is wrong: {error}"))?;
        Ok(this)
    }

    /// Fills it in. Line ends are single; what a terminal would obey, or would not show, is
    /// written out.
    ///
    /// # Errors
    ///
    /// Something that it asks for is not there, or it gets too long.
    pub(super) fn fill(&self, values: &Json) -> Result<String, String> {
        deep(|| self.fill_here(values))?
    }

    fn fill_here(&self, values: &Json) -> Result<String, String> {
        let environment = self.environment();
        let mut bounded = Bounded::new(MAX_BYTES);
        let filled = environment
            .template_from_str(&self.source)
            .and_then(|text| text.render_captured_to(Value::from(Serde(values)), &mut bounded));
        if bounded.is_exceeded() {
            return Err(format!("the text is longer than {MAX_BYTES} bytes"));
        }
        filled.map_err(|error| format!("the text cannot be filled in: {error}"))?;
        let text = String::from_utf8_lossy(bounded.bytes());
        let text = clean(&text.replace("\r\n", "\n"));
        Ok(format!("{}\n", text.trim_end_matches('\n')))
    }

    fn environment(&self) -> Environment<'static> {
        let mut environment = environment();
        let escape = if self.is_html { AutoEscape::Html } else { AutoEscape::None };
        environment.set_auto_escape_callback(move |_| escape.clone());
        let mut syntax = SyntaxConfig::builder();
        syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
        // The delimiters are the usual ones, so nothing can be wrong with them.
        if let Ok(syntax) = syntax.build() {
            environment.set_syntax(syntax);
        }
        environment
    }
}

fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => clean.push(character),
            '\r' => clean.push('\n'),
            _ if is_hidden(character) => clean.extend(character.escape_unicode()),
            _ => clean.push(character),
        }
    }
    clean
}
