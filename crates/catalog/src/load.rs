//! From catalogue files to the catalogue, with the checks that make it trustworthy: what is wrong
//! is found here, at load, rather than in a summary later.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::value::{Serde, Value};

use crate::catalog::{Catalog, Module};
use crate::entry::Entry;
use crate::error::CatalogError;
use crate::field::Field;
use crate::file::{EventDefinition, LinkDefinition, ModuleFile};
use crate::link::LinkTemplate;
use crate::plural::plural_name;
use crate::templates::Templates;

/// Loads files into one catalogue.
pub(crate) fn load<'t>(
    files: impl IntoIterator<Item = (&'t str, &'t str)>,
) -> Result<Catalog, CatalogError> {
    let mut catalog = Catalog {
        modules: Vec::new(),
        entries: Vec::new(),
        places: BTreeMap::new(),
        templates: Templates::new(),
    };
    for (name, text) in files {
        let file: ModuleFile = toml::from_str(text).map_err(|source| CatalogError::Parse {
            file: name.to_owned(),
            source: Box::new(source),
        })?;
        check_words(name, &file)?;
        for event in &file.event {
            add_entry(&mut catalog, entry(&file, event)?)?;
        }
        catalog.modules.push(Module { name: file.module, doc: file.doc });
    }
    Ok(catalog)
}

/// Every word that is defined or sorted into a facet must be used: a typing error would go unseen.
fn check_words(name: &str, file: &ModuleFile) -> Result<(), CatalogError> {
    let used: BTreeSet<&String> =
        file.event.iter().flat_map(|event| event.fields.iter().chain(&event.optional)).collect();
    let mut words = file.field.keys().chain(file.facets.values().flatten());
    match words.find(|word| !used.contains(word)) {
        Some(word) => Err(CatalogError::UnusedField { file: name.to_owned(), field: word.clone() }),
        None => Ok(()),
    }
}

fn add_entry(catalog: &mut Catalog, entry: Entry) -> Result<(), CatalogError> {
    add_template(catalog, &entry, "its summary", &entry.id, &entry.summary)?;
    add_template(catalog, &entry, "its plural", &plural_name(&entry.id), &entry.plural)?;
    let place = catalog.entries.len();
    if catalog.places.insert(entry.id.clone(), place).is_some() {
        return Err(CatalogError::Twice { id: entry.id });
    }
    catalog.entries.push(entry);
    Ok(())
}

/// Adds one template of an event type, after trying it on the examples.
fn add_template(
    catalog: &mut Catalog,
    entry: &Entry,
    place: &str,
    name: &str,
    source: &str,
) -> Result<(), CatalogError> {
    let failed = |source| CatalogError::Template {
        id: entry.id.clone(),
        place: place.to_owned(),
        source: Box::new(source),
    };
    let names = catalog.templates.add(name, source).map_err(failed)?;
    if let Some(name) = names.iter().find(|name| !entry.declares(name)) {
        return Err(unknown_field(&entry.id, place, name));
    }
    for example in [entry.example(), entry.bare_example()] {
        let data = Value::from(Serde(&example));
        catalog.render(name, entry, &data).map_err(failed)?;
    }
    Ok(())
}

fn unknown_field(id: &str, place: &str, field: &str) -> CatalogError {
    CatalogError::UnknownField {
        id: id.to_owned(),
        place: place.to_owned(),
        field: field.to_owned(),
    }
}

fn entry(file: &ModuleFile, event: &EventDefinition) -> Result<Entry, CatalogError> {
    let fields = fields(file, event)?;
    let has = |name: &String| fields.iter().any(|field| field.name == *name);
    let facets = file.facets.iter().filter_map(|(facet, names)| {
        let names: Vec<String> = names.iter().filter(|name| has(name)).cloned().collect();
        (!names.is_empty()).then_some((*facet, names))
    });
    let entry = Entry {
        facets: facets.collect(),
        id: event.id.clone(),
        module: file.module.clone(),
        doc: event.doc.clone(),
        severity: event.severity,
        severity_when: event.severity_when.clone(),
        summary: event.summary.clone(),
        plural: event.plural.clone(),
        lifecycle: event.lifecycle.clone(),
        links: links(event)?,
        example: event.example.clone(),
        fields,
    };
    check_names(&entry)?;
    let lifecycle = entry.lifecycle.as_ref();
    if let Some(problem) = lifecycle.and_then(|lifecycle| lifecycle.problem(&entry)) {
        return Err(CatalogError::Lifecycle { id: entry.id, problem });
    }
    match entry.example_problem() {
        Some(problem) => Err(CatalogError::Example { id: entry.id, problem }),
        None => Ok(entry),
    }
}

/// The fields of an event: those it must have, then those it may have.
fn fields(file: &ModuleFile, event: &EventDefinition) -> Result<Vec<Field>, CatalogError> {
    let required = event.fields.iter().map(|name| (name, false));
    let optional = event.optional.iter().map(|name| (name, true));
    required
        .chain(optional)
        .map(|(name, optional)| {
            let definition = event.field.get(name).or_else(|| file.field.get(name));
            definition
                .map(|definition| definition.named(name, optional))
                .ok_or_else(|| unknown_field(&event.id, "its list of fields", name))
        })
        .collect()
}

fn links(event: &EventDefinition) -> Result<Vec<LinkTemplate>, CatalogError> {
    let link = |link: &LinkDefinition| {
        LinkTemplate::parse(link.label.clone(), link.base.clone(), &link.path)
            .ok_or_else(|| CatalogError::LinkPath { id: event.id.clone(), path: link.path.clone() })
    };
    event.links.iter().map(link).collect()
}

/// Severity rules, links and lifecycles must name fields that the event has.
fn check_names(entry: &Entry) -> Result<(), CatalogError> {
    let rules = entry.severity_when.iter();
    let rules = rules.map(|rule| ("a severity rule", rule.field.as_str()));
    let links = entry.links.iter().flat_map(LinkTemplate::fields);
    let links = links.map(|name| ("a link", name));
    let keys = entry.lifecycle.iter().flat_map(|lifecycle| &lifecycle.key);
    let keys = keys.map(|name| ("its lifecycle", name.as_str()));
    match rules.chain(links).chain(keys).find(|(_, name)| entry.field(name).is_none()) {
        Some((place, name)) => Err(unknown_field(&entry.id, place, name)),
        None => Ok(()),
    }
}
