//! What a relay asks of an event that comes from a relay which it follows (`docs/protocol.md`,
//! section 5).

use jiff::Timestamp;

use crate::{EmitRule, Reason, Rejection, SignerId, SubmittedEvent, Trust, VerifiedEvent};

/// A relay that another one follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its name as a signer.
    pub signer: SignerId,
    /// The ids for which its signature alone stands.
    pub emit: Vec<EmitRule>,
}

impl SubmittedEvent {
    /// Verifies an event that an upstream relay passes on, and names the signers on whose word it
    /// is taken.
    ///
    /// The upstream signed it with a key that is valid `now`, and a source signed it that may emit
    /// it, by the rules of [`Self::verify_received`]; for the ids that the upstream may emit its
    /// signature is enough. As always, one bad signature of a trusted signer spoils the event.
    ///
    /// # Errors
    ///
    /// Those of [`Self::verify`], and `not_authorised`.
    pub fn verify_from_upstream(
        self,
        trust: &Trust,
        upstream: &Upstream,
        now: Timestamp,
    ) -> Result<(VerifiedEvent, Vec<SignerId>), Rejection> {
        let Upstream { signer, emit } = upstream;
        // Whoever else noted something there: only of the upstream is it known that it took it.
        let by_upstream = |relay: &SignerId| relay == signer;
        let (event, passed_over) = self.verify_as_of(trust, now, by_upstream)?;
        if !event.signatures().signers().any(by_upstream) {
            let detail = format!("{signer} passed it on and did not sign it");
            return Err(Rejection::new(Reason::NotAuthorised, detail).with_details(&passed_over));
        }
        match event.authorise(trust) {
            Ok(sources) => Ok((event, sources)),
            Err(_) if emit.iter().any(|rule| rule.allows(event.id())) => {
                Ok((event, vec![signer.clone()]))
            }
            Err(rejection) => Err(rejection.with_details(&passed_over)),
        }
    }
}
