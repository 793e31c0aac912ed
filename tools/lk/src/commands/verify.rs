//! `lk verify`: verify the event on stdin.

use anyhow::{Context as _, anyhow};
use clap::Args;
use jiff::Timestamp;
use laniakea_event::{Limits, Reason, Rejection, SignerId, SubmittedEvent, VerifiedEvent};
use laniakea_wire::subscription::Believe;
use serde_json::{Value as Json, json};

use crate::{
    commands::read_event,
    failure::usage,
    output::{Facts, print_json},
    session::Session,
    trusting::Trusting,
};

/// Arguments of `lk verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    trusting: Trusting,
    /// Who must be among those that signed.
    #[arg(long, value_name = "ID")]
    signer: Option<SignerId>,
    /// Print the verdict as JSON.
    #[arg(long)]
    json: bool,
}

/// An event whose signatures hold, and the sources that may emit it, if that was asked.
struct Verdict {
    event: VerifiedEvent,
    sources: Option<Vec<SignerId>>,
}

impl Verify {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let believe = self.trusting.believe(session.notices)?;
        if matches!(believe, Believe::Everything) {
            return Err(usage(anyhow!("whom to believe? Give --keys DIR or --config FILE")));
        }
        let verdict = self.verify(&read_event()?, &believe, session.clock.now());
        match &verdict {
            Ok(verdict) if self.json => print_json(&describe(verdict))?,
            Ok(verdict) => print(verdict)?,
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
        bytes: &[u8],
        believe: &Believe,
        now: Timestamp,
    ) -> Result<Verdict, Rejection> {
        let event = SubmittedEvent::parse(bytes, &Limits::FROM_RELAY)?;
        let verdict = match believe {
            Believe::Everything => {
                return Err(Rejection::new(Reason::UnknownSigner, "nobody is trusted"));
            }
            Believe::Keys(keyring) => Verdict { event: event.verify(keyring, now)?, sources: None },
            Believe::Sources(trust) => {
                let event = event.verify_received(trust, now)?;
                let sources = Some(event.authorise(trust)?);
                Verdict { event, sources }
            }
            Believe::Judged(judge) => {
                let (event, sources) = judge.judge(bytes, now)?;
                Verdict { event, sources: Some(sources) }
            }
        };
        match &self.signer {
            Some(wanted)
                if !verdict.event.signatures().signers().any(|signer| signer == wanted) =>
            {
                let detail = format!("{wanted} did not sign it, or is not trusted here");
                Err(Rejection::new(Reason::UnknownSigner, detail))
            }
            _ => Ok(verdict),
        }
    }
}

fn describe(Verdict { event, sources }: &Verdict) -> Json {
    let signatures = event.signatures().iter();
    let signatures: Vec<Json> = signatures
        .map(|(signer, key_id, _)| json!({"signer": signer.as_str(), "key_id": key_id.as_str()}))
        .collect();
    let mut facts = json!({
        "valid": true,
        "id": event.id().as_str(),
        "digest": event.digest().to_string(),
        "signatures": signatures,
    });
    if let (Some(sources), Some(facts)) = (sources, facts.as_object_mut()) {
        let sources = sources.iter().map(|source| source.as_str().into()).collect();
        facts.insert("sources".to_owned(), Json::Array(sources));
    }
    facts
}

fn print(Verdict { event, sources }: &Verdict) -> std::io::Result<()> {
    let mut facts = Facts::default().and("id", event.id()).and("digest", event.digest());
    for (signer, key_id, _) in event.signatures().iter() {
        facts.push("signed by", format_args!("{signer}, key {key_id}"));
    }
    for source in sources.iter().flatten() {
        facts.push("may emit it", source);
    }
    facts.print(0)
}
