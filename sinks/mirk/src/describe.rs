//! Second stage, first half: how an event is told to people.
//!
//! The catalogue has a line for each event type, the configuration may have a template of its own
//! for some. Event data is hostile in both: it is bounded, escaped and never part of a template,
//! and what clients would make links of by themselves is made code, so that the only links are
//! those from the configuration.

mod data;
mod templates;
mod time;
mod unlink;

use std::collections::BTreeMap;

use laniakea_catalog::{Catalog, Facet, Link, LinkBases, Phrase, Severity, Stage, Summary};
use laniakea_event::{Digest, Seq};

pub(crate) use self::unlink::unlink;
pub use self::{
    data::visible,
    templates::{InvalidTemplate, Templates},
    time::short_time,
};
use crate::{compose::Body, source::StreamEvent};

/// An event as it is told.
#[derive(Debug, Clone)]
pub struct Described {
    /// The event's digest.
    pub digest: Digest,
    /// Its place in the relay's journal.
    pub seq: Option<Seq>,
    /// Its type.
    pub id: String,
    /// When the source emitted it, as the source wrote it.
    pub time: String,
    /// Who signed, verified.
    pub signers: String,
    /// Why it is not believed.
    pub problem: Option<String>,
    /// The package that it is about.
    pub package: Option<String>,
    /// The plain text.
    pub text: String,
    /// The HTML.
    pub html: String,
    /// Where to read on.
    pub links: Vec<Link>,
    /// What several of its kind are called.
    pub plural: Phrase,
    /// What a digest calls it.
    pub subject: Option<String>,
    /// Whose state it changes.
    pub stage: Option<Stage>,
}

/// Tells events as the configuration wants it.
#[derive(Debug)]
pub struct Describer {
    templates: Templates,
    links: LinkBases,
    has_marks: bool,
}

impl Describer {
    /// Checks the templates against the catalogue's examples.
    ///
    /// # Errors
    ///
    /// The first template that cannot be used.
    pub fn new(
        templates: &BTreeMap<String, String>,
        links: LinkBases,
        has_marks: bool,
    ) -> Result<Self, InvalidTemplate> {
        Ok(Self { templates: Templates::new(templates)?, links, has_marks })
    }

    /// The event as it is told, and what filters want to know of it.
    pub fn describe(&self, event: &StreamEvent) -> (Described, Summary) {
        let catalog = Catalog::builtin();
        let (id, data) = (event.id(), event.data());
        let summary = catalog.summary(id, data);
        let line = self.line(event, &summary);
        let plural = catalog.plural(id, data);
        let first = |facet| summary.facets.first(facet).map(str::to_owned);
        let described = Described {
            digest: event.digest,
            seq: event.seq,
            id: id.to_owned(),
            time: visible(event.time(), MAX_TIME),
            signers: event.signers.join(", "),
            problem: event.problem.clone(),
            package: first(Facet::Package),
            text: line.text,
            html: line.html,
            links: catalog.links(id, data, &self.links),
            plural: Phrase { html: links_to_code(&plural.html), text: plural.text },
            subject: first(Facet::Package).or_else(|| first(Facet::Job)),
            // A forged step would change a message that people believe.
            stage: catalog.lifecycle(id, data).filter(|_| event.problem.is_none()),
        };
        (described, summary)
    }

    fn line(&self, event: &StreamEvent, summary: &Summary) -> Body {
        let own = self.templates.render(event);
        let told =
            own.unwrap_or_else(|| Body { text: summary.text.clone(), html: summary.html.clone() });
        let mark = if self.has_marks { mark(summary.severity) } else { Body::default() };
        Body {
            text: format!("{}{}", mark.text, told.text),
            html: format!("{}{}", mark.html, links_to_code(&told.html)),
        }
    }
}

/// The template engine escapes slashes, which nothing here needs and addresses are hidden by.
fn links_to_code(html: &str) -> String {
    unlink(&html.replace("&#x2f;", "/"))
}

/// Longer than any time that is one.
const MAX_TIME: usize = 40;

fn mark(severity: Severity) -> Body {
    let (sign, colour) = match severity {
        Severity::Info => return Body::default(),
        Severity::Success => ('✓', "#27ae60"),
        Severity::Warning => ('!', "#f39c1f"),
        Severity::Error => ('✗', "#da4453"),
    };
    Body {
        text: format!("{sign} "),
        html: format!("<font data-mx-color=\"{colour}\" color=\"{colour}\">{sign}</font> "),
    }
}

#[cfg(test)]
mod tests;
