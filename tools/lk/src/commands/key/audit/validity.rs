//! Keys that do not count, or soon will not.

use jiff::{SignedDuration, Timestamp};
use laniakea_event::keys::{KeyDirectory, Standing, TrustedFile};

use super::findings::{Finding, Report};

/// How long before a key expires it is told.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A key that ends is a finding if its signer has no other one then; if it has, or if the key was
/// revoked by somebody, it is a note: such a file is kept so that old events verify.
pub(super) fn audit_validity(directory: &KeyDirectory, now: Timestamp, report: &mut Report) {
    for (_, file) in directory.files() {
        let TrustedFile { signer, key_id, key, .. } = file;
        let has_other = |at: Timestamp| {
            directory.files().any(|(_, other)| {
                other.signer == *signer && other.key_id != *key_id && other.key.validity.covers(at)
            })
        };
        let standing = key.validity.standing(now);
        let (kind, detail, is_finding) = match standing {
            Standing::Valid => {
                let Some(end) = end(file).filter(|end| end.duration_since(now) <= SOON) else {
                    continue;
                };
                let detail = format!("key {key_id} of {signer} ends at {end}");
                ("ends soon", detail, !has_other(end))
            }
            Standing::Expired(_) => {
                ("expired", format!("key {key_id} of {signer} {standing}"), !has_other(now))
            }
            Standing::Revoked(_) => {
                ("revoked", format!("key {key_id} of {signer} {standing}"), false)
            }
            Standing::NotYet(_) => {
                ("not yet valid", format!("key {key_id} of {signer} {standing}"), false)
            }
        };
        let list = if is_finding { &mut report.findings } else { &mut report.notes };
        list.push(Finding::new(kind, detail));
    }
}

fn end(file: &TrustedFile) -> Option<Timestamp> {
    let validity = file.key.validity;
    validity.until.into_iter().chain(validity.revoked).min()
}
