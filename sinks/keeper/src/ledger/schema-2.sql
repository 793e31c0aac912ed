-- From version 1 to 2: what is to follow, and what was missed.

-- Every rule that was in force last, and what it waited for: another pattern begins anew.
CREATE TABLE rule (
    name TEXT PRIMARY KEY,
    pattern TEXT,                   -- NULL: it runs on each event
    since INTEGER NOT NULL          -- when it was seen first
) STRICT, WITHOUT ROWID;

-- Events that are kept for a rule that waits for others. Without an event, the time alone counts.
CREATE TABLE watched (
    rule TEXT NOT NULL,
    key TEXT NOT NULL,
    chain INTEGER NOT NULL,
    place INTEGER NOT NULL,         -- 1, 2, 3, …: their order
    event INTEGER REFERENCES event,
    since INTEGER NOT NULL,         -- when the time of the chain began
    PRIMARY KEY (rule, key, chain, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX watched_event ON watched (event);

-- What did not come. Its run has the events that waited for it, if any.
CREATE TABLE absence (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rule TEXT NOT NULL,
    key TEXT NOT NULL,
    since INTEGER NOT NULL,
    noticed INTEGER NOT NULL,
    run INTEGER REFERENCES run,     -- NULL: it has not begun
    reported INTEGER                -- when _lk.keeper.run-absent was emitted
) STRICT;
CREATE INDEX absence_by_run ON absence (run);
