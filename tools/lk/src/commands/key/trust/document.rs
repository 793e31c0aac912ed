//! The `[trust]` section of a configuration, edited so that everything else stays as it was
//! written, comments included.

use anyhow::{Context as _, bail};
use laniakea_event::{EmitRule, SignerId};
use toml_edit::{Array, DocumentMut, Item, Table, Value, value};

/// A configuration with a `[trust]` section.
pub(super) struct TrustDocument(DocumentMut);

impl TrustDocument {
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        Ok(Self(text.parse()?))
    }

    pub(super) fn text(&self) -> String {
        self.0.to_string()
    }

    /// Lists the signer as a relay.
    ///
    /// # Errors
    ///
    /// It has rights of its own: a relay is never a source.
    pub(super) fn add_relay(&mut self, signer: &SignerId) -> anyhow::Result<()> {
        if !self.allowed(signer).is_empty() {
            bail!("{signer} may emit events by [trust.emit]; a relay is never a source");
        }
        let relays = self.trust()?.entry("relays").or_insert_with(|| value(Array::new()));
        add(relays.as_array_mut().context("`relays` in [trust] is no list")?, signer.as_str());
        Ok(())
    }

    /// Adds to what the signer may emit.
    ///
    /// # Errors
    ///
    /// It is a relay.
    pub(super) fn allow(&mut self, signer: &SignerId, rules: &[EmitRule]) -> anyhow::Result<()> {
        let relays = self.0.get("trust").and_then(|trust| trust.get("relays"));
        if texts(relays).iter().any(|relay| relay == signer.as_str()) {
            bail!("{signer} is listed in `relays` of [trust]; trust it with --relay");
        }
        if rules.is_empty() {
            return Ok(());
        }
        let emit = self.trust()?.entry("emit").or_insert_with(|| Item::Table(Table::new()));
        let emit = emit.as_table_like_mut().context("[trust.emit] is no table")?;
        let allowed = emit.entry(signer.as_str()).or_insert_with(|| value(Array::new()));
        let allowed = allowed
            .as_array_mut()
            .with_context(|| format!("[trust.emit] of {signer} is no list"))?;
        for rule in rules {
            add(allowed, rule.as_str());
        }
        Ok(())
    }

    /// What the signer may emit.
    pub(super) fn allowed(&self, signer: &SignerId) -> Vec<String> {
        let emit = self.0.get("trust").and_then(|trust| trust.get("emit"));
        texts(emit.and_then(|emit| emit.get(signer.as_str())))
    }

    fn trust(&mut self) -> anyhow::Result<&mut dyn toml_edit::TableLike> {
        let trust = self.0.get_mut("trust").and_then(Item::as_table_like_mut);
        trust.context("there is no [trust] section")
    }
}

fn add(list: &mut Array, text: &str) {
    if !list.iter().any(|item| item.as_str() == Some(text)) {
        list.push(text);
    }
}

fn texts(list: Option<&Item>) -> Vec<String> {
    let items = list.and_then(Item::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "# The relay.\n\
        data_dir = \"/var/lib/x\"  # here\n\n\
        [trust]\n\
        keys_dir = \"keys\"\n\
        relays = [\"internal\"] # never sources\n\n\
        # Rights.\n\
        [trust.emit]\n\
        \"archive-01\" = [\"_lk.archive.\"]  # the archive\n\n\
        [journal]\n\
        retain = \"unlimited\"\n";

    fn edit(text: &str, action: impl Fn(&mut TrustDocument) -> anyhow::Result<()>) -> String {
        let mut document = TrustDocument::parse(text).unwrap();
        action(&mut document).unwrap();
        document.text()
    }

    fn signer(text: &str) -> SignerId {
        SignerId::parse(text).unwrap()
    }

    fn rules(texts: &[&str]) -> Vec<EmitRule> {
        texts.iter().map(|text| EmitRule::parse(text).unwrap()).collect()
    }

    #[test]
    fn a_new_signer_is_added_and_everything_else_stays_as_it_was() {
        let edited = edit(CONFIG, |document| {
            document.allow(&signer("x.y z"), &rules(&["_lk.spears.", "org.example.a.b"]))
        });
        let line = "\"x.y z\" = [\"_lk.spears.\", \"org.example.a.b\"]\n";
        assert_eq!(edited, CONFIG.replace("# the archive\n", &format!("# the archive\n{line}")));
    }

    #[test]
    fn rights_are_added_to_those_that_are_there() {
        let edited = edit(CONFIG, |document| {
            document.allow(&signer("archive-01"), &rules(&["_lk.archive.", "_lk.rubicon."]))
        });
        let line = "\"archive-01\" = [\"_lk.archive.\", \"_lk.rubicon.\"]  # the archive";
        assert!(edited.contains(line), "{edited}");
        assert_eq!(edit(CONFIG, |document| document.allow(&signer("other"), &[])), CONFIG);
    }

    #[test]
    fn a_relay_is_added_to_the_relays() {
        let edited = edit(CONFIG, |document| document.add_relay(&signer("public")));
        let relays = "relays = [\"internal\", \"public\"] # never sources";
        assert_eq!(edited, CONFIG.replace("relays = [\"internal\"] # never sources", relays));
        assert_eq!(edit(CONFIG, |document| document.add_relay(&signer("internal"))), CONFIG);
    }

    #[test]
    fn a_section_that_is_missing_is_made() {
        let edited = edit("[trust]\nkeys_dir = \"keys\"\n", |document| {
            document.add_relay(&signer("public"))?;
            document.allow(&signer("archive-01"), &rules(&["_lk.archive."]))
        });
        let expected = "[trust]\nkeys_dir = \"keys\"\nrelays = [\"public\"]\n\n\
            [trust.emit]\narchive-01 = [\"_lk.archive.\"]\n";
        assert_eq!(edited, expected);
    }

    #[test]
    fn nobody_is_a_relay_and_a_source() {
        let mut document = TrustDocument::parse(CONFIG).unwrap();
        assert!(document.add_relay(&signer("archive-01")).is_err());
        assert!(document.allow(&signer("internal"), &rules(&["_lk."])).is_err());
        assert!(document.allow(&signer("internal"), &[]).is_err());
        assert_eq!(document.text(), CONFIG);
    }

    #[test]
    fn a_configuration_without_trust_is_refused() {
        for text in ["", "trust = 5\n", "[trust]\nemit = 5\n"] {
            let mut document = TrustDocument::parse(text).unwrap();
            assert!(document.allow(&signer("x"), &rules(&["_lk."])).is_err(), "{text}");
        }
    }
}
