//! Whether any of the relays is there.

use laniakea_event::Seq;
use laniakea_wire::subscription::{SubscriptionConfig, Update};

use super::contact::Contact;
use crate::{failure::Unreachable, output::Notices};

/// What is known of the connections to each relay. One that never shows is an error only where
/// there is no other.
pub(super) struct Contacts {
    notices: Notices,
    relays: Vec<Relay>,
}

struct Relay {
    contact: Contact,
    is_given_up: bool,
}

impl Contacts {
    pub(super) fn new(configs: &[SubscriptionConfig], notices: Notices) -> Self {
        let relay = |config: &SubscriptionConfig| Relay {
            contact: Contact::new(config.publish.clone(), config.replay.clone(), notices),
            is_given_up: false,
        };
        Self { notices, relays: configs.iter().map(relay).collect() }
    }

    pub(super) fn is_of_one(&self) -> bool {
        self.relays.len() == 1
    }

    /// Ends when it is time for [`Self::check`].
    pub(super) async fn patience(&self) {
        let deadline = self.relays.iter().filter_map(|relay| relay.contact.deadline()).min();
        match deadline {
            Some(at) => tokio::time::sleep_until(at.into()).await,
            None => std::future::pending().await,
        }
    }

    /// Mentions the relays that do not show.
    pub(super) fn check(&mut self) -> Result<(), Unreachable> {
        let now = std::time::Instant::now();
        for number in 0..self.relays.len() {
            let is_due = |relay: &&mut Relay| relay.contact.deadline().is_some_and(|at| at <= now);
            if let Some(relay) = self.relays.get_mut(number).filter(is_due) {
                let outcome = relay.contact.check();
                self.settle(number, outcome)?;
            }
        }
        Ok(())
    }

    pub(super) fn on_change(&mut self, number: usize, change: &Update) -> Result<(), Unreachable> {
        let Some(relay) = self.relays.get_mut(number) else { return Ok(()) };
        let outcome = relay.contact.on_change(change);
        self.settle(number, outcome)
    }

    /// It is tried for ever as long as another one may be there.
    fn settle(
        &mut self,
        number: usize,
        outcome: Result<(), Unreachable>,
    ) -> Result<(), Unreachable> {
        let Err(unreachable) = outcome else { return Ok(()) };
        if let Some(relay) = self.relays.get_mut(number) {
            relay.is_given_up = true;
        }
        if self.relays.iter().all(|relay| relay.is_given_up) {
            return Err(unreachable);
        }
        self.notices.warning(&format!("{unreachable}: trying again; the others go on"));
        Ok(())
    }

    pub(super) fn heard(&mut self, number: usize) {
        if let Some(relay) = self.relays.get_mut(number) {
            relay.contact.heard();
            relay.is_given_up = false;
        }
    }

    pub(super) fn caught_up(&mut self, number: usize, at: Seq) {
        if let Some(relay) = self.relays.get_mut(number) {
            relay.contact.caught_up(at);
            relay.is_given_up = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contacts(relays: usize) -> Contacts {
        let config = |number| SubscriptionConfig::new(format!("tcp://{number}:5572"), None);
        Contacts::new(&(0..relays).map(config).collect::<Vec<_>>(), Notices::Warnings)
    }

    fn is_silent(contacts: &mut Contacts, number: usize) -> bool {
        contacts.on_change(number, &Update::ReplaySilent).is_err()
    }

    #[test]
    fn relays_are_given_up_only_when_none_of_them_shows() {
        assert!(is_silent(&mut contacts(1), 0));
        let mut two = contacts(2);
        assert!(!is_silent(&mut two, 0));
        assert!(is_silent(&mut two, 1));
        let mut one_is_there = contacts(2);
        one_is_there.heard(1);
        assert!(!is_silent(&mut one_is_there, 0) && !is_silent(&mut one_is_there, 1));
    }
}
