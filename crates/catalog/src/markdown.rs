//! The catalogue as a page of documentation.

use std::fmt::{self, Write};

use crate::catalog::{Catalog, Module};
use crate::entry::Entry;
use crate::field::{Field, Kind};
use crate::lifecycle::Lifecycle;

const HEADING: &str = "\
<!-- Generated from catalog/*.toml. Do not edit: change those, then run
     UPDATE=1 cargo test -p laniakea-catalog -->

# Event catalogue

Every event type that is known, with the members of its `data`. Consumers ignore members that they
do not know. The quoted lines are what people read of one such event and of several. *Nullable*
members may be `null`, *optional* ones may be absent.
";

impl Catalog {
    /// Renders the catalogue as a page in Markdown.
    pub fn to_markdown(&self) -> String {
        Page(self).to_string()
    }
}

struct Page<'c>(&'c Catalog);

impl fmt::Display for Page<'_> {
    fn fmt(&self, page: &mut fmt::Formatter<'_>) -> fmt::Result {
        page.write_str(HEADING)?;
        for Module { name, doc } in &self.0.modules {
            write!(page, "\n## {name}\n\n{doc}\n")?;
            for entry in self.0.entries.iter().filter(|entry| entry.module == *name) {
                self.write_entry(page, entry)?;
            }
        }
        Ok(())
    }
}

impl Page<'_> {
    fn write_entry(&self, page: &mut impl Write, entry: &Entry) -> fmt::Result {
        let example = entry.example();
        let summary = self.0.summary(&entry.id, &example);
        write!(page, "\n### `{}`\n\n{}\n\n", entry.id, entry.doc)?;
        let plural = self.0.plural(&entry.id, &example);
        let (one, several) = (escaped(&summary.text), escaped(&plural.text));
        writeln!(page, "> {one}\n>\n> 3 {several}\n")?;
        write_notes(page, entry)?;
        writeln!(page, "| member | type | meaning | facet |\n|---|---|---|---|")?;
        for field in &entry.fields {
            write_row(page, field, &field.name, &facet_of(entry, field))?;
            if let Kind::Object(members) = &field.kind {
                for member in members {
                    write_row(page, member, &format!("{}.{}", field.name, member.name), "")?;
                }
            }
        }
        writeln!(page, "\n```json\n{example:#}\n```")
    }
}

fn write_row(page: &mut impl Write, field: &Field, path: &str, facet: &str) -> fmt::Result {
    let kind = type_of(field);
    let doc = escaped(&field.doc);
    writeln!(page, "| `{path}` | {kind} | {doc} | {facet} |")
}

fn type_of(field: &Field) -> String {
    let kind = match &field.kind {
        Kind::String => "string".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Bool => "boolean".to_owned(),
        Kind::Int => "integer".to_owned(),
        Kind::List => "list of strings".to_owned(),
        Kind::Choice(values) => {
            values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ")
        }
        Kind::Object(_) => "object".to_owned(),
    };
    let empty = field.empty.as_ref();
    let parts = [
        Some(kind),
        empty.map(|empty| format!("`{empty}` for none")),
        field.nullable.then(|| "*nullable*".to_owned()),
        field.optional.then(|| "*optional*".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn facet_of(entry: &Entry, field: &Field) -> String {
    let facets = entry.facets.iter();
    let mut facets = facets.filter(|(_, names)| names.contains(&field.name));
    facets.next().map_or_else(String::new, |(facet, _)| facet.to_string())
}

fn write_notes(page: &mut impl Write, entry: &Entry) -> fmt::Result {
    write!(page, "Severity: {}", entry.severity)?;
    for rule in &entry.severity_when {
        let (severity, field, value) = (rule.severity, &rule.field, &rule.equals);
        write!(page, "; {severity} if `{field}` is `{value}`")?;
    }
    for (number, (label, base)) in entry.links().enumerate() {
        let start = if number == 0 { ". Links:" } else { "," };
        write!(page, "{start} {label} (base `{base}`)")?;
    }
    writeln!(page, ".\n")?;
    write_lifecycle(page, entry)
}

fn write_lifecycle(page: &mut impl Write, entry: &Entry) -> fmt::Result {
    let Some(Lifecycle { name, key, last }) = &entry.lifecycle else {
        return Ok(());
    };
    let stage = if *last { "Last stage" } else { "Stage" };
    let fields: Vec<String> = key.iter().map(|field| format!("`{field}`")).collect();
    writeln!(page, "{stage} of the lifecycle `{name}`, told apart by {}.\n", fields.join(", "))
}

/// Text that means nothing but itself in Markdown, inside a table too.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}
