//! What is answered.

use laniakea_filter::Rule;

use super::{
    Chat, Said,
    command::{Command, Which},
    show::{event_line, lines, rule_toml, times},
    why::why,
};
use crate::{
    compose::{Body, plain_body},
    config::human_span,
    store::{Happened, StoreError, Subscribed},
};

/// So many events are listed.
const LISTED: usize = 5;

/// Answers one command.
pub(super) struct Answerer<'a> {
    pub(super) chat: &'a Chat,
    pub(super) room: &'a str,
    pub(super) said: &'a Said,
}

const HELP: &str = "\
!mirk help: this list
!mirk status: how far the stream is, and what this room gets
!mirk why (as a reply): why this message is here, and who signed the event
!mirk last [ID]: the latest events, for example !mirk last _lk.archive.*
!mirk find PACKAGE: the latest events about a package
!mirk mute [2h], !mirk unmute: no messages for a while; what happened is summed up afterwards
!mirk subscribe ID [suite=… package=… data.MEMBER=… severity=…]: post these events here, too
!mirk unsubscribe NUMBER, ID… or all: no longer";

impl Answerer<'_> {
    pub(super) async fn answer(&self, command: Command) -> Result<Body, StoreError> {
        match command {
            Command::Why => match &self.said.reply_to {
                Some(message) => why(self.chat, message).await,
                None => Ok(Body::plain("Say it as a reply to a message of mine.")),
            },
            Command::Last(ids) => {
                let store = self.chat.control.store();
                let found = store.with(move |store| store.latest(&ids, LISTED)).await?;
                Ok(self.list(&found, "None of the events that I remember is of such a type."))
            }
            Command::Find(package) => {
                let store = self.chat.control.store();
                let found = store.with(move |store| store.about(&package, LISTED)).await?;
                Ok(self.list(&found, "None of the events that I remember is about that package."))
            }
            other => Ok(plain_body(&self.do_it(other).await?)),
        }
    }

    /// The commands that are answered in plain words.
    async fn do_it(&self, command: Command) -> Result<String, StoreError> {
        match command {
            Command::Status => self.status().await,
            Command::Mute(span) => {
                let until = self.chat.clock.now().saturating_add(span).ok();
                self.mute(until).await?;
                Ok(format!("Muted for {}. What happens is summed up afterwards.", human_span(span)))
            }
            Command::Unmute => {
                self.mute(None).await?;
                Ok("No longer muted.".to_owned())
            }
            Command::Subscribe(rule) => self.subscribe(*rule).await,
            Command::Unsubscribe(which) => self.unsubscribe(which).await,
            Command::Help | Command::Why | Command::Last(_) | Command::Find(_) => {
                Ok(HELP.to_owned())
            }
        }
    }

    async fn status(&self) -> Result<String, StoreError> {
        let chat = self.chat;
        let room = self.room.to_owned();
        let (position, state, subscriptions) = chat
            .control
            .store()
            .with(move |store| Ok((store.position()?, store.room(&room)?, store.subscriptions()?)))
            .await?;
        let now = chat.clock.now();
        let mut lines = vec![chat.stream.describe(position).await];
        lines.push(format!(
            "This room: {} waiting, {} not sent yet{}{}.",
            times(state.waiting, "event"),
            times(state.unsent, "message"),
            match state.set_aside {
                0 => String::new(),
                count => format!(", {} refused by the homeserver", times(count, "message")),
            },
            state
                .last_sent
                .map(|at| format!(", last message {} ago", human_span(now.duration_since(at))))
                .unwrap_or_default(),
        ));
        if let Some(until) = state.muted_until.filter(|until| *until > now) {
            lines.push(format!("Muted for {} more.", human_span(until.duration_since(now))));
        }
        let settings = chat.control.settings();
        lines.push(match settings.config.room(self.room) {
            None => "It is not in the configuration.".to_owned(),
            Some(room) => match &room.include {
                None => "The configuration gives it every event.".to_owned(),
                Some(rules) => {
                    format!("The configuration gives it {}.", times(rules.len(), "rule"))
                }
            },
        });
        for subscription in subscriptions.iter().filter(|it| it.room == self.room) {
            let (id, rule, user) = (subscription.id, &subscription.rule, &subscription.user);
            lines.push(format!("{id}: {rule} (by {user})"));
        }
        Ok(lines.join("\n"))
    }

    async fn mute(&self, until: Option<jiff::Timestamp>) -> Result<(), StoreError> {
        let room = self.room.to_owned();
        self.chat.control.store().with(move |store| store.mute(&room, until)).await?;
        self.chat.control.wake();
        Ok(())
    }

    async fn subscribe(&self, rule: Rule) -> Result<String, StoreError> {
        let configured = self.chat.control.settings().config.room(self.room).cloned();
        if configured.is_some_and(|room| room.include.is_none()) {
            return Ok("This room gets every event already; the configuration says so.".to_owned());
        }
        let (room, user) = (self.room.to_owned(), self.said.sender.clone());
        let now = self.chat.clock.now();
        let toml = rule_toml(self.room, &rule);
        let store = self.chat.control.store();
        let made = store.with(move |store| store.subscribe(&room, &rule, &user, now)).await?;
        Ok(match made {
            Subscribed::Added(id) => {
                self.chat.control.refresh().await?;
                format!("Subscribed, as number {id}. In the configuration it would be:\n{toml}")
            }
            Subscribed::Known => "This room has that rule already.".to_owned(),
            Subscribed::TooMany => "This room has as many rules as it may.".to_owned(),
        })
    }

    async fn unsubscribe(&self, which: Which) -> Result<String, StoreError> {
        let room = self.room.to_owned();
        let store = self.chat.control.store();
        let removed = store
            .with(move |store| match which {
                Which::All => store.unsubscribe(&room, None),
                Which::Number(id) => store.unsubscribe(&room, Some(id)),
                Which::Rule(rule) => store.unsubscribe_rule(&room, &rule),
            })
            .await?;
        if removed == 0 {
            return Ok("There is no such rule here. What the configuration says stays.".to_owned());
        }
        self.chat.control.refresh().await?;
        Ok(format!("Removed {}.", times(removed, "rule")))
    }

    fn list(&self, found: &[Happened], nothing: &str) -> Body {
        if found.is_empty() {
            return Body::plain(nothing);
        }
        let events_url = self.chat.control.settings().config.messages.events_url.clone();
        lines(found.iter().map(|event| event_line(event, events_url.as_deref())))
    }
}
