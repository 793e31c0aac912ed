//! Which events are meant, by `--where`.

use std::cell::Cell;

use laniakea_filter::Expression;
use laniakea_wire::subscription::Delivery;

use crate::{output::Notices, subject::subject};

/// An expression, if there is one, and a word where it costs too much for an event.
pub(crate) struct Filter {
    expression: Option<Expression>,
    notices: Notices,
    is_told: Cell<bool>,
}

impl Filter {
    pub(crate) fn new(expression: Option<Expression>, notices: Notices) -> Self {
        Self { expression, notices, is_told: Cell::new(false) }
    }

    /// Whether the event is meant. Without an expression each one is.
    pub(crate) fn matches(&self, delivery: &Delivery) -> bool {
        let Some(expression) = &self.expression else { return true };
        let is_meant = expression.matches(&subject(delivery));
        if expression.overruns() > 0 && !self.is_told.replace(true) {
            self.notices.warning(
                "--where costs too much for an event, which then does not match: it has loops within \
                 loops, or the event is very long",
            );
        }
        is_meant
    }
}
