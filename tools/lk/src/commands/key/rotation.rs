//! A further key of a signer that is known, and what becomes of those before it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use jiff::{SignedDuration, Timestamp};
use laniakea_daemon::Age;
use laniakea_event::{
    KeyId, SignerId,
    keys::{KeyFile, Validity},
};

use super::{
    file_stem,
    trusted::{TrustedKeys, mark, write_trusted},
};
use crate::{
    failure::{hinted, usage},
    output::Facts,
};

/// How long the keys before it stay valid, unless somebody says otherwise.
pub(super) const OVERLAP: &str = "7d";

/// A further key of a signer.
pub(super) struct Rotation<'a> {
    pub(super) trusted: &'a TrustedKeys,
    pub(super) key: &'a KeyFile,
    pub(super) validity: Validity,
    pub(super) overlap: Age,
    pub(super) now: Timestamp,
}

/// What was done.
pub(super) struct Rotated {
    pub(super) path: PathBuf,
    /// The keys before it that were still valid, and until when they are now.
    older: Vec<(KeyId, Option<Timestamp>)>,
}

impl Rotation<'_> {
    /// Marks the older keys first: after a crash in between the same command mends it.
    pub(super) fn run(&self) -> anyhow::Result<Rotated> {
        let key = self.key;
        let path = self.trusted.new_path(&file_stem_of(&key.signer, &key.key_id)?)?;
        let until = self.older_until()?;
        let mut older = Vec::new();
        for (path, file) in self.trusted.of(&key.signer) {
            let validity = file.key.validity;
            if !validity.covers(self.now) {
                continue;
            }
            let new_until = match (validity.until, until) {
                (Some(old), Some(new)) => Some(old.min(new)),
                (old, new) => old.or(new),
            };
            if new_until != validity.until {
                mark(path, &Validity { until: new_until, ..Validity::ALWAYS })?;
            }
            older.push((file.key_id.clone(), new_until));
        }
        write_trusted(&path, key, &self.validity)?;
        Ok(Rotated { path, older })
    }

    /// Refuses what is no rotation. Nothing is changed yet.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let key = self.key;
        let known = self.trusted.of(&key.signer);
        if known.is_empty() {
            let error = anyhow!("{} is not known here, so this is no rotation", key.signer);
            return Err(usage(hinted(error, "leave out --rotate to trust a new signer")));
        }
        if let Some((_, same)) = known.iter().find(|(_, file)| file.key_id == key.key_id) {
            if same.key.key == key.verify_key {
                let error = anyhow!("key {} of {} is trusted already", key.key_id, key.signer);
                return Err(usage(error));
            }
            let error = anyhow!("{} has another key with the id {}", key.signer, key.key_id);
            let hint = "make the new key with another --key-id. Where modules in Python must verify \
                it, which know key 0 only, replace it in a planned switch: stop the module, \
                `lk key trust --rotate --replace`, install the new secret, start the module";
            return Err(usage(hinted(error, hint)));
        }
        let until = self.older_until()?;
        if let (Some(from), Some(until)) = (self.validity.from, until)
            && from > until
        {
            let error = anyhow!(
                "the keys before it would end at {until}, and this one begins at {from}: in between \
                 {} could not sign",
                key.signer
            );
            return Err(usage(hinted(error, "give a longer --overlap")));
        }
        Ok(())
    }

    fn older_until(&self) -> anyhow::Result<Option<Timestamp>> {
        let Some(overlap) = self.overlap.limit() else { return Ok(None) };
        let until = SignedDuration::try_from(overlap)
            .ok()
            .and_then(|overlap| self.now.checked_add(overlap).ok());
        until.map(Some).context("the overlap is too long").map_err(usage)
    }
}

impl Rotated {
    /// Says what became of the older keys.
    pub(super) fn tell(&self, mut facts: Facts) -> Facts {
        for (key_id, until) in &self.older {
            let name = format!("older key {key_id}");
            match until {
                Some(until) => facts.push(&name, format_args!("valid until {until}")),
                None => facts.push(&name, "stays valid"),
            }
        }
        facts
    }
}

/// Puts a key in place of that with the same id: from then on only the new one is known.
pub(super) fn replace_key(
    trusted: &TrustedKeys,
    key: &KeyFile,
    validity: &Validity,
) -> anyhow::Result<PathBuf> {
    let known = trusted.of(&key.signer);
    let Some((path, same)) = known.iter().find(|(_, file)| file.key_id == key.key_id) else {
        let error = anyhow!("{} has no key {} to be replaced", key.signer, key.key_id);
        return Err(usage(hinted(error, "leave out --replace to add a further key")));
    };
    if same.key.key == key.verify_key {
        return Err(usage(anyhow!("key {} of {} is trusted already", key.key_id, key.signer)));
    }
    write_trusted(path, key, validity)?;
    Ok(Path::to_path_buf(path))
}

/// The name of a signer's further key as the beginning of a file's name.
pub(super) fn file_stem_of(signer: &SignerId, key_id: &KeyId) -> anyhow::Result<String> {
    let stem = file_stem(signer)?;
    if key_id.as_str().contains('/') {
        return Err(usage(anyhow!(
            "key id {key_id:?} cannot be part of a file's name: it has a `/`"
        )));
    }
    Ok(format!("{stem}-{key_id}"))
}
