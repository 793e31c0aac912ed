//! Events as they come, on stdout.

use std::collections::BTreeMap;

use super::{Follow, Happening, Place};
use crate::output::{EventWriter, Format};

/// Prints events, and counts as handled what has left the buffer.
pub(crate) struct Printer {
    writer: EventWriter,
    /// How many more events are wanted.
    left: Option<u64>,
    /// What will be handled once the buffer is written, by relay.
    places: BTreeMap<usize, Place>,
}

impl Printer {
    /// Prints so many events, or all.
    pub(crate) fn new(format: Format, count: Option<u64>) -> Self {
        Self { writer: EventWriter::stdout(format), left: count, places: BTreeMap::new() }
    }

    /// Prints until there were enough events, or the user has had enough.
    ///
    /// # Errors
    ///
    /// The subscription cannot go on, or stdout is closed.
    pub(crate) async fn print(&mut self, follow: &mut Follow) -> anyhow::Result<()> {
        loop {
            match follow.next().await {
                Ok(Happening::Event(relay, delivery)) => {
                    follow.aside(|| self.writer.write(&delivery))?;
                    self.places.extend(Place::of(relay, &delivery).map(by_relay));
                    self.left = self.left.map(|left| left - 1);
                    if self.left == Some(0) {
                        return self.settle(follow);
                    }
                }
                Ok(Happening::Passed(place)) => self.places.extend([by_relay(place)]),
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
        for place in std::mem::take(&mut self.places).into_values() {
            follow.handled(place)?;
        }
        Ok(())
    }
}

fn by_relay(place: Place) -> (usize, Place) {
    (place.relay, place)
}
