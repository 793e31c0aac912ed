-- Version 1. Times are milliseconds since 1970 in UTC; STRICT keeps each column to its type.

-- The position in the stream; at most one row.
CREATE TABLE cursor (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    journal TEXT NOT NULL,
    seq INTEGER NOT NULL
) STRICT;

-- Events that a rule wanted.
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    frame BLOB NOT NULL,            -- as the relay published it
    taken INTEGER NOT NULL
) STRICT;

-- Events that wait for a run of a rule and key.
CREATE TABLE pending (
    rule TEXT NOT NULL,
    key TEXT NOT NULL,
    event INTEGER NOT NULL REFERENCES event,
    added INTEGER NOT NULL,
    PRIMARY KEY (rule, key, event)
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rule TEXT NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('started', 'waiting', 'succeeded', 'failed', 'unknown')),
    attempts INTEGER NOT NULL,
    began INTEGER NOT NULL,         -- the first attempt
    ended INTEGER,                  -- the last one
    again INTEGER,                  -- when the next attempt is due, while it waits
    problem TEXT                    -- why it did not succeed
) STRICT;
CREATE INDEX run_by_rule ON run (rule, id);
CREATE INDEX run_open ON run (state) WHERE state IN ('started', 'waiting');

CREATE TABLE run_event (
    run INTEGER NOT NULL REFERENCES run,
    event INTEGER NOT NULL REFERENCES event,
    PRIMARY KEY (run, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_of_event ON run_event (event);

-- Each time that a run was tried. Without `ended` nobody knows how it went.
CREATE TABLE attempt (
    run INTEGER NOT NULL REFERENCES run,
    number INTEGER NOT NULL,
    began INTEGER NOT NULL,
    ended INTEGER,
    problem TEXT,
    output BLOB,
    PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;
