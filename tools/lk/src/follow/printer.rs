//! Events as they come, on stdout.

use laniakea_wire::subscription::Position;

use super::{Follow, Happening};
use crate::output::{EventWriter, Format};

/// Prints events, and counts as handled what has left the buffer.
pub(crate) struct Printer {
    writer: EventWriter,
    /// How many more events are wanted.
    left: Option<u64>,
    /// What will be handled once the buffer is written.
    position: Option<Position>,
}

impl Printer {
    /// Prints so many events, or all.
    pub(crate) fn new(format: Format, count: Option<u64>) -> Self {
        Self { writer: EventWriter::stdout(format), left: count, position: None }
    }

    /// Prints until there were enough events, or the user has had enough.
    ///
    /// # Errors
    ///
    /// The subscription cannot go on, or stdout is closed.
    pub(crate) async fn print(&mut self, follow: &mut Follow) -> anyhow::Result<()> {
        loop {
            match follow.next().await {
                Ok(Happening::Event(delivery)) => {
                    follow.aside(|| self.writer.write(&delivery))?;
                    self.position = delivery.position().or(self.position);
                    self.left = self.left.map(|left| left - 1);
                    if self.left == Some(0) {
                        return self.settle(follow);
                    }
                }
                Ok(Happening::Passed(position)) => self.position = Some(position),
                Ok(Happening::Idle) => self.settle(follow)?,
                Ok(Happening::Stop) => return self.settle(follow),
                Err(error) => {
                    self.settle(follow)?;
                    return Err(error);
                }
            }
        }
    }

    fn settle(&mut self, follow: &Follow) -> anyhow::Result<()> {
        follow.aside(|| self.writer.flush())?;
        if let Some(position) = self.position.take() {
            follow.handled(position)?;
        }
        Ok(())
    }
}
