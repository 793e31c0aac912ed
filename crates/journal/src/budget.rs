//! What a read may cost. Strangers ask for reads, so nobody's may take as long as the journal is.

use std::time::Instant;

/// How much a read may cost. Every read gets on by one step at least, whatever its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// At most so many rows of the store are looked at: events, and entries of an index.
    pub rows: usize,
    /// Nothing is looked at after this moment.
    pub until: Option<Instant>,
}

impl Budget {
    /// For reads on behalf of nobody but ourselves.
    pub const UNLIMITED: Self = Self { rows: usize::MAX, until: None };

    /// So many rows, however long they take.
    pub fn of_rows(rows: usize) -> Self {
        Self { rows, until: None }
    }

    /// Whether its time has passed.
    pub fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Begins to spend it.
    pub fn spend(self) -> Spending {
        Spending { budget: self, spent: 0, next_look: LOOK_EVERY, is_over: false }
    }
}

/// Rows between two looks at the time: a few dozen events are read in any case, however busy the
/// machine is.
const LOOK_EVERY: usize = 128;

/// A budget while it is spent. For implementers of [`crate::Journal`].
#[derive(Debug)]
pub struct Spending {
    budget: Budget,
    spent: usize,
    next_look: usize,
    is_over: bool,
}

impl Spending {
    /// So many rows were looked at.
    pub fn add(&mut self, rows: usize) {
        self.spent = self.spent.saturating_add(rows);
        if self.spent >= self.next_look {
            self.next_look = self.spent.saturating_add(LOOK_EVERY);
            self.is_over = self.budget.is_over();
        }
    }

    /// Whether to end here.
    pub fn is_spent(&self) -> bool {
        self.is_over || self.spent >= self.budget.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_and_the_time_is_looked_at_now_and_then() {
        let mut rows = Budget::of_rows(3).spend();
        rows.add(2);
        assert!(!rows.is_spent());
        rows.add(1);
        assert!(rows.is_spent());

        let mut late = Budget { until: Some(Instant::now()), ..Budget::UNLIMITED }.spend();
        (1..LOOK_EVERY).for_each(|_| late.add(1));
        assert!(!late.is_spent());
        late.add(1);
        assert!(late.is_spent());

        let mut unlimited = Budget::UNLIMITED.spend();
        unlimited.add(usize::MAX - 1);
        assert!(!unlimited.is_spent());
    }
}
