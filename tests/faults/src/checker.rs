//! The judge: it is told of everything that was sent, answered and delivered, and of the journal in
//! the end, and says what was lost, doubled, out of order or altered.

use std::collections::{BTreeMap, BTreeSet};

use laniakea_event::{Digest, Seq};

/// What a source was told about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is on disk.
    Accepted(Seq),
    /// It was on disk before.
    Duplicate(Seq),
    /// It was refused, for this reason.
    Rejected(String),
}

/// What a consumer claims to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It misses nothing, and handles some events again after a crash.
    AtLeastOnce,
    /// It misses nothing and handles nothing twice.
    ExactlyOnce,
}

/// One consumer among those that the checker knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consumer(usize);

/// One event as a consumer got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// Where it stands.
    pub seq: Seq,
    /// Its digest.
    pub digest: Digest,
    /// SHA-256 of the bytes that came.
    pub bytes: Digest,
}

/// Collects what happened.
#[derive(Debug, Default)]
pub struct Checker {
    /// What was sent, by whom, and as the how manieth.
    sent: BTreeMap<Digest, (String, usize)>,
    /// In the order in which they came.
    answers: Vec<(Digest, Answer)>,
    consumers: Vec<Deliveries>,
    journal: Vec<Journaled>,
}

#[derive(Debug)]
struct Deliveries {
    name: String,
    claim: Claim,
    /// Between two starts of the consumer each.
    sessions: Vec<Vec<Delivered>>,
    /// It was told that these are lost, by their neighbours.
    holes: Vec<(Seq, Seq)>,
}

#[derive(Debug)]
struct Journaled {
    seq: Seq,
    bytes: Digest,
    /// The digest of what verifies, or why it does not.
    event: Result<Digest, String>,
}

/// What came of it. Each text names one case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Events that were sent.
    pub sent: u64,
    /// Of those, how many were answered as accepted or as a duplicate.
    pub acknowledged: u64,
    /// Of those that were sent, how many were never acknowledged.
    pub unacknowledged: u64,
    /// Refusals.
    pub rejections: u64,
    /// Deliveries that consumers without the claim to exactly once got again.
    pub redelivered: u64,
    /// Acknowledged and not in the journal, or not delivered to a consumer that was not told so.
    pub lost: Vec<String>,
    /// In the journal twice, or twice with a consumer that claims exactly once.
    pub duplicated: Vec<String>,
    /// Not in ascending order.
    pub reordered: Vec<String>,
    /// Not what was sent, or not where it was said to be.
    pub altered: Vec<String>,
}

impl Findings {
    /// The four kinds of findings with their names.
    pub fn kinds(&self) -> [(&'static str, &[String]); 4] {
        [
            ("lost", &self.lost),
            ("duplicated", &self.duplicated),
            ("reordered", &self.reordered),
            ("altered", &self.altered),
        ]
    }

    /// Adds what another run of the same trial came to.
    pub fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.unacknowledged += other.unacknowledged;
        self.rejections += other.rejections;
        self.redelivered += other.redelivered;
        self.lost.extend(other.lost);
        self.duplicated.extend(other.duplicated);
        self.reordered.extend(other.reordered);
        self.altered.extend(other.altered);
    }
}

impl Checker {
    /// A consumer that wants every event.
    pub fn consumer(&mut self, name: &str, claim: Claim) -> Consumer {
        let (name, sessions) = (name.to_owned(), vec![Vec::new()]);
        self.consumers.push(Deliveries { name, claim, sessions, holes: Vec::new() });
        Consumer(self.consumers.len() - 1)
    }

    /// An event was handed to its source.
    pub fn sent(&mut self, digest: Digest, signer: &str) {
        let number = self.sent.len();
        self.sent.entry(digest).or_insert_with(|| (signer.to_owned(), number));
    }

    /// The source had an answer.
    pub fn answered(&mut self, digest: Digest, answer: Answer) {
        self.answers.push((digest, answer));
    }

    /// A consumer handled an event.
    pub fn delivered(&mut self, consumer: Consumer, delivered: Delivered) {
        if let Some(session) = self.of(consumer).and_then(|it| it.sessions.last_mut()) {
            session.push(delivered);
        }
    }

    /// A consumer started again.
    pub fn restarted(&mut self, consumer: Consumer) {
        if let Some(deliveries) = self.of(consumer) {
            deliveries.sessions.push(Vec::new());
        }
    }

    /// A consumer was told that what is between these is lost.
    pub fn told(&mut self, consumer: Consumer, after: Seq, before: Seq) {
        if let Some(deliveries) = self.of(consumer) {
            deliveries.holes.push((after, before));
        }
    }

    /// An event of the journal, in its order: its frame, and the digest if it verifies.
    pub fn journaled(&mut self, seq: Seq, frame: &[u8], event: Result<Digest, String>) {
        self.journal.push(Journaled { seq, bytes: Digest::of(frame), event });
    }

    fn of(&mut self, consumer: Consumer) -> Option<&mut Deliveries> {
        self.consumers.get_mut(consumer.0)
    }

    /// Says what came of it.
    pub fn findings(&self) -> Findings {
        let mut findings = Findings { sent: self.sent.len() as u64, ..Findings::default() };
        let journal = self.check_journal(&mut findings);
        let acknowledged = self.check_answers(&journal, &mut findings);
        self.check_order(&mut findings);
        findings.acknowledged = acknowledged.len() as u64;
        findings.unacknowledged = findings.sent.saturating_sub(findings.acknowledged);
        for consumer in &self.consumers {
            consumer.check(&journal, &acknowledged, &mut findings);
        }
        findings
    }

    /// Each event of the journal by its digest.
    fn check_journal(&self, findings: &mut Findings) -> BTreeMap<Digest, &Journaled> {
        let mut journal = BTreeMap::new();
        let mut before = Seq::START;
        for entry in &self.journal {
            let seq = entry.seq;
            if seq <= before {
                findings.reordered.push(format!("seq {seq} stands behind {before}"));
            } else if seq != before.next() {
                findings.lost.push(format!("between seq {before} and {seq} is a hole"));
            }
            before = seq;
            match &entry.event {
                Err(why) => findings.altered.push(format!("seq {seq} in the journal: {why}")),
                Ok(digest) if !self.sent.contains_key(digest) => {
                    findings.altered.push(format!("nobody sent seq {seq}, {digest}"));
                }
                Ok(digest) => {
                    if let Some(first) = journal.insert(*digest, entry) {
                        let first = first.seq;
                        findings.duplicated.push(format!("{digest} stands at {first} and {seq}"));
                    }
                }
            }
        }
        journal
    }

    /// Which events were acknowledged.
    fn check_answers(
        &self,
        journal: &BTreeMap<Digest, &Journaled>,
        findings: &mut Findings,
    ) -> BTreeSet<Digest> {
        let mut acknowledged = BTreeSet::new();
        for (digest, answer) in &self.answers {
            let (Answer::Accepted(seq) | Answer::Duplicate(seq)) = answer else {
                findings.rejections += 1;
                continue;
            };
            if acknowledged.insert(*digest) {
                match journal.get(digest) {
                    None => findings.lost.push(format!("{digest}, acknowledged at {seq}")),
                    Some(entry) if entry.seq != *seq => {
                        let text = format!("{digest}, acknowledged at {seq}, is at {}", entry.seq);
                        findings.altered.push(text);
                    }
                    Some(_) => {}
                }
            }
        }
        acknowledged
    }

    /// A signer's events are taken in the order in which they were sent, unless some were refused.
    fn check_order(&self, findings: &mut Findings) {
        let refused = self.answers.iter().filter(|(_, it)| matches!(it, Answer::Rejected(_)));
        let refused: BTreeSet<&str> =
            refused.filter_map(|(digest, _)| self.signer(digest)).collect();
        let mut latest: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in &self.journal {
            let Ok(digest) = &entry.event else { continue };
            let Some((signer, number)) = self.sent.get(digest) else { continue };
            if refused.contains(signer.as_str()) {
                continue;
            }
            let before = latest.entry(signer).or_insert(*number);
            if *number < *before {
                let text = format!("{signer}'s event {number} is behind {before} at {}", entry.seq);
                findings.reordered.push(text);
            }
            *before = (*number).max(*before);
        }
    }

    fn signer(&self, digest: &Digest) -> Option<&str> {
        self.sent.get(digest).map(|(signer, _)| signer.as_str())
    }
}

impl Deliveries {
    fn check(
        &self,
        journal: &BTreeMap<Digest, &Journaled>,
        acknowledged: &BTreeSet<Digest>,
        findings: &mut Findings,
    ) {
        let name = &self.name;
        let mut seen = BTreeSet::new();
        for session in &self.sessions {
            let mut before = Seq::START;
            for Delivered { seq, digest, bytes } in session {
                if *seq <= before {
                    findings.reordered.push(format!("{name} got {seq} after {before}"));
                }
                before = *seq;
                match journal.get(digest) {
                    None => findings.altered.push(format!("{name} got {seq}, {digest}: unknown")),
                    Some(entry) if entry.bytes != *bytes || entry.seq != *seq => {
                        findings.altered.push(format!("{name} got {seq} with other bytes"));
                    }
                    Some(_) => {}
                }
                if !seen.insert(*digest) {
                    match self.claim {
                        Claim::AtLeastOnce => findings.redelivered += 1,
                        Claim::ExactlyOnce => {
                            findings.duplicated.push(format!("{name} got {seq} twice"));
                        }
                    }
                }
            }
        }
        let was_told = |seq: Seq| self.holes.iter().any(|(from, to)| *from < seq && seq < *to);
        for (digest, entry) in journal {
            if !seen.contains(digest) && !was_told(entry.seq) {
                findings.lost.push(format!("{name} did not get {}", entry.seq));
            }
        }
        let elsewhere =
            acknowledged.difference(&seen).filter(|digest| !journal.contains_key(digest));
        for digest in elsewhere {
            findings.lost.push(format!("{name} did not get {digest}"));
        }
    }
}

#[cfg(test)]
mod tests;
