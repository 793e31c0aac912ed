//! Places at which tests have keeper killed.

/// Where keeper can be killed, as the tests call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// Events were judged, and nothing is committed of them.
    BeforeTake,
    /// Events are committed, and no run of them.
    AfterTake,
    /// An attempt is committed, and its action has not begun.
    BeforeAction,
    /// The action has ended, and that is not committed.
    BeforeFinish,
}

/// Kills the process if the file that the environment names has this point's name in it. Builds for
/// use do not have this.
#[cfg(debug_assertions)]
pub(crate) fn reach(point: Point) {
    use rustix::process::{Signal, getpid, kill_process};

    let Some(file) = std::env::var_os("KEEPER_DIES") else { return };
    let name = match point {
        Point::BeforeTake => "before-take",
        Point::AfterTake => "after-take",
        Point::BeforeAction => "before-action",
        Point::BeforeFinish => "before-finish",
    };
    if laniakea_files::read_text(file.as_ref(), 64).is_ok_and(|wanted| wanted == name) {
        // As from outside: nothing is tidied up.
        kill_process(getpid(), Signal::KILL).unwrap_or_default();
    }
}

#[cfg(not(debug_assertions))]
pub(crate) fn reach(_: Point) {}
