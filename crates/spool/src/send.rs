//! Sends what a spool holds, strictly in order.

use laniakea_event::EventId;
use laniakea_wire::submit::{Publisher, Receipt, SubmitError};

use crate::{
    Name, Reason, Spool, SpoolError,
    spool::{Damaged, Found, Turn},
};

/// Takes events to a relay: a [`Publisher`], or a test's.
pub trait Submit {
    /// Submits an event and waits until the relay has it on disk. Submitting it again must be
    /// safe.
    fn submit(&self, event: Vec<u8>) -> impl Future<Output = Result<Receipt, SubmitError>>;
}

impl Submit for Publisher {
    fn submit(&self, event: Vec<u8>) -> impl Future<Output = Result<Receipt, SubmitError>> {
        Publisher::submit(self, event)
    }
}

/// What became of one event.
#[derive(Debug)]
pub enum Step {
    /// The relay has it.
    Sent(Name, Receipt),
    /// The relay will never take it as it is; it was set aside.
    Rejected(Name, EventId, Reason),
    /// The file was passed over.
    Damaged(Damaged),
}

/// Sending stopped; what is left waits.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The relay does not take events now.
    #[error(transparent)]
    Submit(SubmitError),
    /// The spool cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

/// Sends what waits, up to and with the number `last`, one after the other: the next one leaves
/// when the relay has answered for this one, since of several under way a later one could be taken
/// where an earlier one was refused for a moment. What the relay has is removed, what it will never
/// take is set aside.
///
/// # Errors
///
/// At the first event that the relay did not take for now, and where the spool cannot be used.
pub async fn send(
    spool: &Spool,
    _turn: &Turn,
    relay: &impl Submit,
    last: u64,
    mut report: impl FnMut(Step),
) -> Result<(), SendError> {
    for name in spool.waiting()?.into_iter().take_while(|name| name.number <= last) {
        let (bytes, event) = match spool.read(name)? {
            Found::Event(bytes, event) => (bytes, event),
            Found::Damaged(damaged) => {
                report(Step::Damaged(damaged));
                continue;
            }
            Found::Gone => continue,
        };
        match relay.submit(bytes.clone()).await {
            Ok(receipt) => {
                // A crash before this sends it again, and the relay answers "duplicate".
                spool.acknowledged(name)?;
                report(Step::Sent(name, receipt));
            }
            Err(error) if error.is_temporary() => return Err(SendError::Submit(error)),
            Err(SubmitError::Rejected { reason, detail }) => {
                let reason = Reason::new(&reason, &detail);
                spool.reject(name, &bytes, &reason)?;
                report(Step::Rejected(name, event.id().clone(), reason));
            }
            Err(error) => return Err(SendError::Submit(error)),
        }
    }
    Ok(())
}
