//! What the journal holds, for those who ask. Nothing here delays submit or publish.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use laniakea_daemon::Clock;
use laniakea_event::{Digest, Seq, SignerId, parse_moment};
use laniakea_journal::{Budget, Journal, JournalError, Page, Query};
use laniakea_wire::replay::{
    AnswerSender, Failure, FailureReason, From, Header, Read, ReplayRequest, ReplayServer, Request,
    SinkReport,
};

use super::{DamagedEvents, Sinks};
use crate::counters::{Counters, SocketCounters};

const MAX_PAGE_BYTES: usize = 4 << 20;
/// Damaged events that one page passes over.
const MAX_PASSED_OVER: usize = 1_000;
/// What one read may cost: so many rows, and so much time. Where many wait, they share the time of
/// one, so that a newcomer's turn comes soon.
const MAX_ROWS: usize = 1 << 20;
const MAX_READING: Duration = Duration::from_millis(20);
const MIN_READING: Duration = Duration::from_millis(1);

/// Serves replay requests; several threads may run one each.
#[derive(Clone)]
pub(crate) struct Replayer {
    pub(crate) server: Arc<ReplayServer>,
    pub(crate) answers: AnswerSender,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) relay: SignerId,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) socket_counters: SocketCounters,
    pub(crate) sinks: Sinks,
    pub(crate) damaged: DamagedEvents,
}

type Answer = (Header, Vec<Vec<u8>>);

impl Replayer {
    /// Serves until the server is closed.
    pub(crate) fn run(&self) {
        while let Some(request) = self.server.next() {
            self.serve(request);
        }
    }

    fn serve(&self, request: ReplayRequest) {
        let answer = match &request.request {
            Request::Status(report) => self.status(report.as_ref()),
            Request::Read(read) => self.read(read),
            Request::Get(digest) => self.get(digest),
        };
        self.counters.replayed.add(1);
        match answer {
            Ok((header, events)) => self.answers.answer(request, &header, events),
            Err(failure) => self.answers.fail(request, &failure),
        }
    }

    fn status(&self, report: Option<&SinkReport>) -> Result<Answer, Failure> {
        let (now, instant) = (self.clock.now(), Instant::now());
        let header = self.header()?;
        if let Some(report) = report {
            self.sinks.note(report, (header.journal, header.last), (now, instant))?;
        }
        let mut counters = self.counters.snapshot();
        counters.extend(self.socket_counters.snapshot());
        let sinks = self.sinks.snapshot(instant);
        for standing in sinks.iter().filter_map(|sink| sink.standing) {
            *counters.entry(format!("sinks_{standing}")).or_default() += 1;
        }
        let header = Header {
            relay: Some(self.relay.to_string()),
            time: Some(now.to_string()),
            counters: Some(counters),
            sinks: Some(sinks),
            ..header
        };
        Ok((header, Vec::new()))
    }

    fn read(&self, Read { from, prefixes, limit }: &Read) -> Result<Answer, Failure> {
        let budget = self.budget();
        let after = match from {
            From::After(seq) => *seq,
            From::Since(time) => {
                let time = parse_moment(time).map_err(|error| {
                    Failure::new(FailureReason::BadRequest, format!("`since`: {error}"))
                })?;
                self.position_at(time, budget)?
            }
        };
        let (prefixes, limit, max_bytes) = (prefixes.clone(), *limit, MAX_PAGE_BYTES);
        let query = Query { after, prefixes, limit, max_bytes, budget };
        let (page, damaged) = self.page(query)?;
        let header = Header {
            first: page.first,
            last: page.last,
            count: Some(page.events.len()),
            next: Some(page.next),
            damaged,
            ..self.header()?
        };
        Ok((header, page.events.into_iter().map(|event| event.frame).collect()))
    }

    fn budget(&self) -> Budget {
        let waiting = u32::try_from(self.server.waiting()).unwrap_or(u32::MAX);
        let time = (MAX_READING / waiting.saturating_add(1)).max(MIN_READING);
        Budget { rows: MAX_ROWS, until: Some(Instant::now() + time) }
    }

    /// Reads a page. Where it would begin with a damaged event, that one is passed over and named:
    /// one bad row must not keep a consumer from all that comes behind it.
    fn page(&self, mut query: Query) -> Result<(Page, Vec<Seq>), Failure> {
        let mut damaged = Vec::new();
        loop {
            let is_enough = damaged.len() >= MAX_PASSED_OVER || query.budget.is_over();
            if is_enough && !damaged.is_empty() {
                let bounds = self.journal.bounds().map_err(unavailable)?;
                let (first, last) = (bounds.first, bounds.last);
                return Ok((Page { events: Vec::new(), next: query.after, first, last }, damaged));
            }
            match self.journal.read(&query) {
                Ok(page) => return Ok((page, damaged)),
                Err(JournalError::DamagedEvent { seq, source, .. }) if seq > query.after => {
                    self.damaged.note(seq, source.as_ref(), &self.counters);
                    damaged.push(seq);
                    query.after = seq;
                }
                Err(error) => return Err(unavailable(error)),
            }
        }
    }

    /// Where reading since a time begins. Where damage hides the place it is the beginning: too
    /// much can be thrown away, and too little would be missed.
    fn position_at(&self, time: Timestamp, budget: Budget) -> Result<Seq, Failure> {
        match self.journal.position_at(time, budget) {
            Err(JournalError::DamagedEvent { seq, source, .. }) => {
                self.damaged.note(seq, source.as_ref(), &self.counters);
                let bounds = self.journal.bounds().map_err(unavailable)?;
                Ok(Seq(bounds.first.0.saturating_sub(1)))
            }
            position => position.map_err(unavailable),
        }
    }

    fn get(&self, digest: &Digest) -> Result<Answer, Failure> {
        let event = self.journal.find(digest).map_err(unavailable)?;
        let event = event.ok_or_else(|| {
            Failure::new(FailureReason::NotFound, format!("there is no event {digest}"))
        })?;
        Ok((Header { count: Some(1), ..self.header()? }, vec![event.frame]))
    }

    fn header(&self) -> Result<Header, Failure> {
        let bounds = self.journal.bounds().map_err(unavailable)?;
        Ok(Header::new(self.journal.id(), bounds.first, bounds.last))
    }
}

fn unavailable(error: JournalError) -> Failure {
    tracing::error!(
        error = format!("{:#}", anyhow::Error::from(error)),
        "the journal could not be read"
    );
    Failure::new(FailureReason::Unavailable, "the journal cannot be read at present")
}
