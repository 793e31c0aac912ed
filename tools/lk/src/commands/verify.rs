//! `lk verify`: verify the event on stdin.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use laniakea_daemon::load_directory;
use laniakea_event::{Keyring, Limits, Reason, Rejection, SignerId, SubmittedEvent, VerifiedEvent};
use serde_json::{Value as Json, json};

use crate::{
    commands::read_event,
    output::{Facts, print_json},
    session::Session,
};

/// Arguments of `lk verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The trusted public keys.
    #[arg(long, value_name = "DIR", env = "LK_KEYS", hide_env_values = true)]
    keys: PathBuf,
    /// Who must be among those that signed.
    #[arg(long, value_name = "ID")]
    signer: Option<SignerId>,
    /// Print the verdict as JSON.
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let keyring = load_directory(&self.keys)?.keyring();
        let verdict = self.verify(&read_event()?, &keyring, session.clock.now());
        match &verdict {
            Ok(event) if self.json => print_json(&describe(event))?,
            Ok(event) => print(event)?,
            Err(rejection) if self.json => print_json(&json!({
                "valid": false,
                "reason": rejection.reason().as_str(),
                "detail": rejection.detail(),
            }))?,
            Err(_) => {}
        }
        verdict.map(|_| ()).context("the event is not valid")
    }

    /// A relay may have added to the event, so that more is allowed than in a submission.
    fn verify(
        &self,
        event: &[u8],
        keyring: &Keyring,
        now: Timestamp,
    ) -> Result<VerifiedEvent, Rejection> {
        let event = SubmittedEvent::parse(event, &Limits::FROM_RELAY)?.verify(keyring, now)?;
        match &self.signer {
            Some(wanted) if !event.signatures().signers().any(|signer| signer == wanted) => {
                let detail = format!("{wanted} did not sign it, or is not trusted here");
                Err(Rejection::new(Reason::UnknownSigner, detail))
            }
            _ => Ok(event),
        }
    }
}

fn describe(event: &VerifiedEvent) -> Json {
    let signatures = event.signatures().iter();
    let signatures: Vec<Json> = signatures
        .map(|(signer, key_id, _)| json!({"signer": signer.as_str(), "key_id": key_id.as_str()}))
        .collect();
    json!({
        "valid": true,
        "id": event.id().as_str(),
        "digest": event.digest().to_string(),
        "signatures": signatures,
    })
}

fn print(event: &VerifiedEvent) -> std::io::Result<()> {
    let mut facts = Facts::default().and("id", event.id()).and("digest", event.digest());
    for (signer, key_id, _) in event.signatures().iter() {
        facts.push("signed by", format_args!("{signer}, key {key_id}"));
    }
    facts.print(0)
}
