//! Events on stdout: readable lines, or JSON.

use std::io::{self, BufWriter, IsTerminal as _, Write};

use laniakea_wire::subscription::Delivery;
use rustix::termios::tcgetwinsize;

use crate::output::{
    Zone,
    event_line::{EventLines, Room},
};

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A line for people.
    Lines,
    /// The event as the relay sent it, in canonical form.
    Json,
}

/// Writes events to stdout.
pub(crate) struct EventWriter {
    out: BufWriter<Box<dyn Write>>,
    lines: Option<EventLines>,
}

impl EventWriter {
    /// A writer to stdout.
    pub(crate) fn stdout(format: Format) -> Self {
        match format {
            Format::Json => Self { out: BufWriter::new(Box::new(io::stdout())), lines: None },
            Format::Lines => {
                let out: Box<dyn Write> = Box::new(anstream::stdout());
                let lines = Some(EventLines::new(Zone::local()));
                Self { out: BufWriter::new(out), lines }
            }
        }
    }

    /// Writes an event; it may stay in a buffer until [`Self::flush`].
    pub(crate) fn write(&mut self, delivery: &Delivery) -> io::Result<()> {
        if let Some(lines) = &mut self.lines {
            return writeln!(self.out, "{}", lines.show(delivery, room()));
        }
        self.out.write_all(delivery.frame())?;
        self.out.write_all(b"\n")
    }

    /// Writes what is still in the buffer.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Asked for each line, since people resize their windows.
fn room() -> Room {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return Room::Unlimited;
    }
    let columns = tcgetwinsize(stdout).map(|size| usize::from(size.ws_col));
    Room::Terminal(columns.ok().filter(|columns| *columns > 0).unwrap_or(80))
}
