//! What the journal holds, for those who ask. Nothing here delays submit or publish.

use std::{sync::Arc, time::Instant};

use jiff::Timestamp;
use laniakea_daemon::Clock;
use laniakea_event::{Digest, Seq, SignerId, parse_moment};
use laniakea_journal::{Journal, JournalError, Page, Query};
use laniakea_wire::replay::{
    AnswerSender, Failure, FailureReason, From, Header, Read, ReplayRequest, ReplayServer, Request,
    SinkReport,
};

use super::{DamagedEvents, Sinks};
use crate::counters::{Counters, SocketCounters};

const MAX_PAGE_BYTES: usize = 4 << 20;
/// Damaged events that one page passes over.
const MAX_PASSED_OVER: usize = 1_000;

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
        while let Some(requests) = self.server.next() {
            for request in requests {
                self.serve(&request);
            }
        }
    }

    fn serve(&self, request: &ReplayRequest) {
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
        let after = match from {
            From::After(seq) => *seq,
            From::Since(time) => {
                let time = parse_moment(time).map_err(|error| {
                    Failure::new(FailureReason::BadRequest, format!("`since`: {error}"))
                })?;
                self.position_at(time)?
            }
        };
        let query =
            Query { after, prefixes: prefixes.clone(), limit: *limit, max_bytes: MAX_PAGE_BYTES };
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

    /// Reads a page. Where it would begin with a damaged event, that one is passed over and named:
    /// one bad row must not keep a consumer from all that comes behind it.
    fn page(&self, mut query: Query) -> Result<(Page, Vec<Seq>), Failure> {
        let mut damaged = Vec::new();
        loop {
            if damaged.len() >= MAX_PASSED_OVER {
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
    fn position_at(&self, time: Timestamp) -> Result<Seq, Failure> {
        match self.journal.position_at(time) {
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
