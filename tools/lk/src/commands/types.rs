//! `lk types`: the event catalogue.

use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};
use anyhow::anyhow;
use clap::Args;
use laniakea_catalog::{Catalog, Entry, Field, Kind};
use serde_json::{Value as Json, json};

use crate::{
    failure::{hinted, usage},
    output::{Facts, print_json},
};

/// Arguments of `lk types`.
#[derive(Debug, Args)]
pub(crate) struct Types {
    /// One type, or a prefix that ends in a dot.
    id: Option<String>,
    /// Print the types as JSON.
    #[arg(long)]
    json: bool,
    /// Print the JSON Schema of the type's data.
    #[arg(long, requires = "id", conflicts_with = "json")]
    schema: bool,
}

const ID: Style = AnsiColor::Cyan.on_default();
const HEADING: Style = Style::new().bold();

impl Types {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let catalog = Catalog::builtin();
        let prefix = self.id.unwrap_or_default();
        if let Some(entry) = catalog.entry(&prefix) {
            return match (self.schema, self.json) {
                (true, _) => print_json(&entry.schema()),
                (_, true) => print_json(&describe(entry)),
                _ => Ok(print_entry(catalog, entry)?),
            };
        }
        let entries: Vec<&Entry> =
            catalog.entries().filter(|entry| entry.id().starts_with(&prefix)).collect();
        let is_prefix = prefix.is_empty() || prefix.ends_with('.');
        if !is_prefix || entries.is_empty() {
            let error = anyhow!("the catalogue has no type {prefix:?}");
            return Err(hinted(error, "`lk types` lists all of them"));
        }
        if self.schema {
            return Err(usage(anyhow!("--schema is for one type, not for {prefix}")));
        }
        if self.json {
            return print_json(&entries.into_iter().map(describe).collect::<Vec<_>>());
        }
        Ok(print_list(catalog, &entries)?)
    }
}

fn print_list(catalog: &Catalog, entries: &[&Entry]) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    let widest = entries.iter().map(|entry| entry.id().len()).max().unwrap_or(0);
    for module in catalog.modules() {
        let mut of_module = entries.iter().filter(|entry| entry.module() == module.name).peekable();
        if of_module.peek().is_some() {
            writeln!(out, "{HEADING}{}{HEADING:#}: {}", module.name, module.doc)?;
        }
        for entry in of_module {
            writeln!(out, "  {ID}{:widest$}{ID:#}  {}", entry.id(), entry.doc())?;
        }
    }
    out.flush()
}

fn print_entry(catalog: &Catalog, entry: &Entry) -> io::Result<()> {
    let example = catalog.summary(entry.id(), &entry.example()).text;
    let mut out = anstream::stdout();
    writeln!(out, "{ID}{}{ID:#}\n{}\n", entry.id(), entry.doc())?;
    Facts::default()
        .and("module", entry.module())
        .and("severity", entry.severity())
        .and("example", example)
        .print(0)?;
    let mut fields = Facts::default();
    add_fields(&mut fields, "", entry.fields());
    fields.print_under("data")
}

fn add_fields(facts: &mut Facts, parent: &str, fields: &[Field]) {
    for field in fields {
        let name = format!("{parent}{}", field.name());
        facts.push(&name, format_args!("{}: {}", kind_of(field), field.doc()));
        if let Kind::Object(members) = field.kind() {
            add_fields(facts, &format!("{name}."), members);
        }
    }
}

fn kind_of(field: &Field) -> String {
    let mut kind = match field.kind() {
        Kind::String => "string".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Bool => "boolean".to_owned(),
        Kind::Int => "integer".to_owned(),
        Kind::List => "list of strings".to_owned(),
        Kind::Choice(values) => values.join(" | "),
        Kind::Object(_) => "object".to_owned(),
    };
    if let Some(empty) = field.empty() {
        kind.extend([", ", empty, " for none"]);
    }
    if field.is_nullable() {
        kind.push_str(", nullable");
    }
    if field.is_optional() {
        kind.push_str(", optional");
    }
    kind
}

fn describe(entry: &Entry) -> Json {
    json!({
        "id": entry.id(),
        "module": entry.module(),
        "doc": entry.doc(),
        "severity": entry.severity(),
        "schema": entry.schema(),
        "example": entry.example(),
    })
}
