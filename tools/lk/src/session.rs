//! What every command gets: the time, and somewhere to say things.

use laniakea_daemon::Clock;

use crate::output::Notices;

/// One run of the program.
#[derive(Clone, Copy)]
pub(crate) struct Session<'a> {
    /// Tells the time.
    pub(crate) clock: &'a dyn Clock,
    /// Says things to the person at the terminal.
    pub(crate) notices: Notices,
}

impl<'a> Session<'a> {
    /// A session by this clock.
    pub(crate) fn new(clock: &'a dyn Clock, notices: Notices) -> Self {
        Self { clock, notices }
    }
}
