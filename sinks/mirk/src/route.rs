//! Second stage, second half: which rooms an event is for, and by which rule.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use laniakea_catalog::Summary;
use laniakea_filter::Rule;

use crate::{
    config::{Config, RoomConfig, Untrusted},
    source::StreamEvent,
    store::{Subscription, Wanted},
};

/// The rules of all rooms.
#[derive(Debug, Default)]
pub struct Router {
    rooms: Vec<RoomRules>,
}

#[derive(Debug)]
struct RoomRules {
    room: String,
    untrusted: Untrusted,
    /// Named as `mirk why` shows them. `None`: everything.
    include: Option<Vec<(String, Rule)>>,
    exclude: Vec<Rule>,
    /// How many events of each of these rules were told of as too costly.
    told: Mutex<BTreeMap<String, u64>>,
}

/// Whether a room gets an event, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It does, by this rule.
    Posted(String),
    /// It does not, for this reason.
    Passed(String),
}

impl Router {
    /// The rules of the configuration, and those that were made by command.
    pub fn new(config: &Config, subscriptions: &[Subscription]) -> Self {
        let mut rooms: Vec<RoomRules> = config.rooms.iter().map(RoomRules::new).collect();
        for subscription in subscriptions {
            let known = rooms.iter().position(|room| room.room == subscription.room);
            let at = known.or_else(|| {
                rooms.push(RoomRules::new(&RoomConfig::unconfigured(&subscription.room)?));
                Some(rooms.len() - 1)
            });
            if let Some(room) = at.and_then(|at| rooms.get_mut(at)) {
                room.add(subscription);
            }
        }
        Self { rooms }
    }

    /// The rooms that have rules.
    pub fn rooms(&self) -> impl Iterator<Item = &str> {
        self.rooms.iter().map(|room| room.room.as_str())
    }

    /// The rooms that get the event.
    pub fn route(&self, event: &StreamEvent, summary: &Summary) -> Vec<Wanted> {
        let rooms = self.rooms.iter();
        rooms
            .filter_map(|room| match room.judge(event, summary) {
                Verdict::Posted(rule) => Some(Wanted { room: room.room.clone(), rule }),
                Verdict::Passed(_) => None,
            })
            .collect()
    }

    /// The rules that have cost too much for an event since this was asked last, and for how many in
    /// all.
    pub fn costly(&self) -> Vec<(String, u64)> {
        self.rooms.iter().flat_map(RoomRules::costly).collect()
    }

    /// What each room does with the event.
    pub fn explain(&self, event: &StreamEvent, summary: &Summary) -> Vec<(&str, Verdict)> {
        let rooms = self.rooms.iter();
        rooms.map(|room| (room.room.as_str(), room.judge(event, summary))).collect()
    }
}

/// Rules as people are told of them.
fn named(rules: &[Rule]) -> Vec<(String, Rule)> {
    let numbers = 1_usize..;
    let rules = numbers.zip(rules);
    rules.map(|(number, rule)| (format!("include rule {number}, {rule}"), rule.clone())).collect()
}

impl RoomRules {
    fn new(config: &RoomConfig) -> Self {
        Self {
            room: config.room.to_string(),
            untrusted: config.untrusted,
            include: config.include.as_deref().map(named),
            exclude: config.exclude.clone(),
            told: Mutex::default(),
        }
    }

    fn add(&mut self, Subscription { id, rule, user, .. }: &Subscription) {
        if let Some(include) = &mut self.include {
            include.push((format!("subscription {id} by {user}, {rule}"), rule.clone()));
        }
    }

    fn costly(&self) -> Vec<(String, u64)> {
        let included = self.include.iter().flatten();
        let included = included.map(|(name, rule)| (format!("{}: {name}", self.room), rule));
        let excluded = self.exclude.iter();
        let excluded = excluded.map(|rule| (format!("{}: exclude {rule}", self.room), rule));
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let costly = included.chain(excluded).filter(|(_, rule)| rule.overruns() > 0);
        let new = costly.filter_map(|(name, rule)| {
            let before = told.insert(name.clone(), rule.overruns());
            (before != Some(rule.overruns())).then(|| {
                if before.is_none() {
                    tracing::error!(
                        rule = name,
                        "a rule's expression costs too much for an event, which then does not match"
                    );
                }
                (name, rule.overruns())
            })
        });
        new.collect()
    }

    fn judge(&self, event: &StreamEvent, summary: &Summary) -> Verdict {
        if let (Some(problem), Untrusted::Drop) = (&event.problem, self.untrusted) {
            return Verdict::Passed(format!("it is not believed: {problem}"));
        }
        let subject = event.subject();
        let rule = match &self.include {
            None => "the room gets everything".to_owned(),
            Some(rules) => match rules.iter().find(|(_, rule)| rule.matches(&subject, summary)) {
                Some((name, _)) => name.clone(),
                None => return Verdict::Passed(Self::explain_no_match(rules, event, summary)),
            },
        };
        match self.exclude.iter().find(|rule| rule.matches(&subject, summary)) {
            Some(rule) => Verdict::Passed(format!("an exclude rule matches, {rule}")),
            None => Verdict::Posted(rule),
        }
    }

    fn explain_no_match(
        rules: &[(String, Rule)],
        event: &StreamEvent,
        summary: &Summary,
    ) -> String {
        let subject = event.subject();
        let reasons: Vec<String> = rules
            .iter()
            .filter_map(|(name, rule)| {
                Some(format!("{name}: {}", rule.mismatch(&subject, summary)?))
            })
            .collect();
        match reasons[..] {
            [] => "the room has no rules".to_owned(),
            _ => format!("no rule matches ({})", reasons.join("; ")),
        }
    }
}
