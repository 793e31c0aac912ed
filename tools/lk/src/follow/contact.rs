//! Whether the relay is there, and what to say when it is not.

use std::time::{Duration, Instant};

use laniakea_event::Seq;
use laniakea_wire::{HandshakeFailure, subscription::Update};
use uuid::Uuid;

use crate::{failure::Unreachable, output::Notices};

/// After this long without a sign of the relay its absence is mentioned.
const MENTION: Duration = Duration::from_secs(1);
/// How much longer it may take to show that it is there. Once it has, it is waited for.
const FIRST_CONTACT: Duration = Duration::from_secs(9);

/// What is known of the connections.
pub(super) struct Contact {
    notices: Notices,
    publish: String,
    replay: Option<String>,
    /// Something came that only a relay can have sent.
    has_heard: bool,
    is_connected: bool,
    /// Why there is no connection, if that is known.
    handshake: Option<HandshakeFailure>,
    patience: Patience,
    /// Whether to say so when everything was read.
    announces: bool,
}

/// How long a relay that has not shown itself is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// Then its absence is mentioned.
    Mention(Instant),
    /// Then it is given up.
    GiveUp(Instant),
    /// As long as it takes.
    Endless,
}

impl Contact {
    pub(super) fn new(publish: String, replay: Option<String>, notices: Notices) -> Self {
        if replay.is_none() {
            notices.warning(&format!(
                "following {publish} alone: past events cannot be read and gaps cannot be filled \
                 unless --replay names the relay's replay endpoint"
            ));
        }
        Self {
            notices,
            publish,
            replay,
            has_heard: false,
            is_connected: false,
            handshake: None,
            patience: Patience::Mention(Instant::now() + MENTION),
            announces: true,
        }
    }

    /// When it is time for [`Self::check`].
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.patience {
            Patience::Mention(at) | Patience::GiveUp(at) => Some(at),
            Patience::Endless => None,
        }
    }

    /// Mentions that the relay does not show; the second time it is given up.
    pub(super) fn check(&mut self) -> Result<(), Unreachable> {
        if let Patience::Mention(at) = self.patience {
            self.patience = Patience::GiveUp(at + FIRST_CONTACT);
            self.notices.note(&format!("waiting for {}", self.publish));
            return Ok(());
        }
        self.patience = Patience::Endless;
        if !self.has_heard {
            return Err(self.unreachable(&self.publish));
        }
        self.notices.warning(&format!("no answer from {}: trying again", self.publish));
        Ok(())
    }

    /// Something happened to the connection or to the journal.
    pub(super) fn on_change(&mut self, change: &Update) -> Result<(), Unreachable> {
        match change {
            Update::Connected => self.connected(),
            Update::Disconnected => self.disconnected(),
            Update::HandshakeFailed(failure) => self.handshake_failed(*failure),
            Update::ReplaySilent => self.replay_silent()?,
            Update::Lost { after, before } => self.lost(*after, *before),
            Update::Contradiction { endpoint, said } => self
                .notices
                .warning(&format!("{endpoint} contradicts itself: {said}. Asking it again")),
            Update::JournalChanged { from, to } => self.journal_changed(*from, *to),
            Update::Event(_)
            | Update::Progress { .. }
            | Update::CaughtUp(_)
            | Update::Complete { .. }
            | Update::Refused { .. } => {}
        }
        Ok(())
    }

    pub(super) fn heard(&mut self) {
        self.has_heard = true;
    }

    pub(super) fn caught_up(&mut self, at: Seq) {
        self.has_heard = true;
        if std::mem::take(&mut self.announces) {
            self.notices.note(&format!("up to date at event {at}; waiting for more"));
        }
    }

    fn connected(&mut self) {
        let is_first = self.patience != Patience::Endless;
        self.handshake = None;
        self.patience = Patience::Endless;
        if !std::mem::replace(&mut self.is_connected, true) && !is_first {
            self.notices.note(&format!("connected to {}", self.publish));
        }
    }

    fn disconnected(&mut self) {
        if std::mem::take(&mut self.is_connected) {
            self.announces = true;
            self.notices.warning(&format!("disconnected from {}: trying again", self.publish));
        }
    }

    fn handshake_failed(&mut self, failure: HandshakeFailure) {
        self.handshake = Some(failure);
        if self.has_heard {
            self.notices.warning(&format!("{}: {failure}: trying again", self.publish));
        }
    }

    fn unreachable(&self, endpoint: &str) -> Unreachable {
        Unreachable { endpoint: endpoint.to_owned(), handshake: self.handshake }
    }

    fn replay_silent(&mut self) -> Result<(), Unreachable> {
        let replay = self.replay.clone().unwrap_or_default();
        if !self.has_heard {
            return Err(self.unreachable(&replay));
        }
        self.notices.warning(&format!("no answer from {replay}: trying again"));
        Ok(())
    }

    fn lost(&self, after: Seq, before: Seq) {
        let (first, last) = (after.0.saturating_add(1), before.0.saturating_sub(1));
        let events = if first >= last {
            format!("event {last} is")
        } else {
            format!("the events {first} to {last} are")
        };
        self.notices.warning(&format!("{events} lost: the relay does not have them any more"));
    }

    fn journal_changed(&mut self, from: Uuid, to: Uuid) {
        self.announces = true;
        self.notices.warning(&format!(
            "the relay has another journal, {to} instead of {from}: it was rebuilt, or this is \
             another relay. Reading on in it"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact() -> Contact {
        Contact::new("tcp://x:5572".to_owned(), Some("tcp://x:5573".to_owned()), Notices::All)
    }

    #[test]
    fn a_relay_that_never_showed_is_given_up() {
        let mut silent = contact();
        assert!(silent.check().is_ok() && silent.patience != Patience::Endless);
        assert_eq!(silent.check().unwrap_err().to_string(), "no answer from tcp://x:5572");
        assert_eq!(
            contact().replay_silent().unwrap_err().to_string(),
            "no answer from tcp://x:5573"
        );
    }

    #[test]
    fn a_relay_that_was_there_is_waited_for() {
        let mut connected = contact();
        connected.connected();
        connected.disconnected();
        assert_eq!(connected.patience, Patience::Endless);
        let mut heard = contact();
        heard.heard();
        assert!(heard.check().is_ok() && heard.check().is_ok() && heard.replay_silent().is_ok());
    }
}
