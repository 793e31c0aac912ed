//! Samples what is logged too often: each place in the code has an allowance of lines for each
//! `reason` that it names. What was left out is counted on the next line that is not.
//!
//! A stranger's text is no part of what is counted by: with ever new texts it could be got round.

use std::{
    cell::Cell,
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tracing::{Event, Level, Metadata, Subscriber, field::Field};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    layer::{Context, Filter},
    registry::LookupSpan,
};

/// So many lines may come at once.
const BURST: u32 = 20;
/// And then one each so often.
const INTERVAL: Duration = Duration::from_secs(10);
/// Reasons are ours, and few; should they not be, the rest shares an allowance.
const MAX_REASONS: usize = 1_000;

thread_local! {
    /// Lines that were left out before the one that is being written.
    static SUPPRESSED: Cell<u64> = const { Cell::new(0) };
}

/// Lets lines through for as long as there is an allowance.
#[derive(Debug, Default)]
pub(super) struct Sampling(Mutex<BTreeMap<(usize, String), Allowance>>);

#[derive(Debug)]
struct Allowance {
    lines: u32,
    filled_at: Instant,
    suppressed: u64,
}

impl Allowance {
    fn new(now: Instant) -> Self {
        Self { lines: BURST, filled_at: now, suppressed: 0 }
    }

    /// Takes a line; says how many were left out before it.
    fn take(&mut self, now: Instant) -> Option<u64> {
        let earned = now.saturating_duration_since(self.filled_at).as_secs() / INTERVAL.as_secs();
        if let Ok(earned) = u32::try_from(earned)
            && earned > 0
        {
            self.lines = self.lines.saturating_add(earned).min(BURST);
            self.filled_at += INTERVAL * earned;
        }
        if self.lines == 0 {
            self.suppressed += 1;
            return None;
        }
        self.lines -= 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

impl Sampling {
    fn admit(&self, place: usize, reason: String, now: Instant) -> Option<u64> {
        let mut allowances = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = allowances.contains_key(&(place, reason.clone()));
        let reason =
            if is_known || allowances.len() < MAX_REASONS { reason } else { String::new() };
        allowances.entry((place, reason)).or_insert_with(|| Allowance::new(now)).take(now)
    }
}

impl<S: Subscriber> Filter<S> for Sampling {
    fn enabled(&self, _metadata: &Metadata<'_>, _context: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _context: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::INFO {
            return true;
        }
        let mut reason = Reason(String::new());
        event.record(&mut reason);
        let place = std::ptr::from_ref(metadata).addr();
        let admitted = self.admit(place, reason.0, Instant::now());
        SUPPRESSED.set(admitted.unwrap_or_default());
        admitted.is_some()
    }
}

/// The field of that name.
struct Reason(String);

impl tracing::field::Visit for Reason {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "reason" {
            self.0 = format!("{value:?}");
        }
    }
}

/// Writes a line, and behind it how many were left out.
pub(super) struct WithSuppressed<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for WithSuppressed<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let suppressed = SUPPRESSED.take();
        if suppressed == 0 {
            return self.0.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        writeln!(writer, "{} ({suppressed} more like this were not logged)", line.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing_subscriber::{Layer as _, fmt::MakeWriter, layer::SubscriberExt as _};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Lines {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn each_reason_of_a_place_has_its_own_allowance() {
        let lines = Lines::default();
        let format =
            WithSuppressed(tracing_subscriber::fmt::format().without_time().with_ansi(false));
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(lines.clone())
            .with_ansi(false)
            .event_format(format)
            .with_filter(Sampling::default());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            for number in 0..1_000 {
                for reason in ["bad_json", "stale"] {
                    tracing::info!(reason, number, "rejected");
                }
                tracing::debug!(number, "in detail");
            }
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let count = |part: &str| text.lines().filter(|line| line.contains(part)).count();
        assert_eq!((count("bad_json"), count("stale"), count("in detail")), (20, 20, 1_000));
    }

    #[test]
    fn what_was_left_out_is_counted_and_the_allowance_comes_back() {
        let sampling = Sampling::default();
        let start = Instant::now();
        let admit =
            |seconds| sampling.admit(1, String::new(), start + Duration::from_secs(seconds));
        assert!((0..20).all(|_| admit(0) == Some(0)));
        assert!((0..500).all(|_| admit(5).is_none()));
        assert_eq!((admit(10), admit(11), admit(20)), (Some(500), None, Some(1)));
        assert!((0..20).all(|_| admit(100_000) == Some(0)));
        assert_eq!(admit(100_000), None);
    }

    #[test]
    fn places_and_reasons_are_bounded() {
        let sampling = Sampling::default();
        let now = Instant::now();
        for number in 0..5_000 {
            sampling.admit(1, format!("{number}"), now);
        }
        assert!(sampling.0.lock().unwrap().len() <= MAX_REASONS + 1);
    }

    #[test]
    fn the_line_says_how_many_were_left_out() {
        let lines = Lines::default();
        let format =
            WithSuppressed(tracing_subscriber::fmt::format().without_time().with_ansi(false));
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(lines.clone())
            .with_ansi(false)
            .event_format(format);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            SUPPRESSED.set(7);
            tracing::info!("rejected");
            tracing::info!("rejected");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().map(|line| line.split_once(": ").unwrap().1).collect();
        assert_eq!(lines, ["rejected (7 more like this were not logged)", "rejected"]);
    }
}
