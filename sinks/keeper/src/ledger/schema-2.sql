-- From version 1 to 2: what is to follow, what was missed, and what keeper has to say itself.

-- Every rule that was in force last, and what it waited for: another pattern begins anew.
CREATE TABLE rule (
    name TEXT PRIMARY KEY,
    pattern TEXT,                   -- NULL: it runs on each event
    missing TEXT,                   -- what did not come, if nothing comes
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
    run INTEGER REFERENCES run      -- NULL: it has not begun
) STRICT;
CREATE INDEX absence_by_run ON absence (run);

-- JSON: what the events of a run are about, and which rules led to them.
ALTER TABLE run ADD COLUMN about TEXT NOT NULL DEFAULT '';

-- Events of keeper's own that the relay does not have yet, signed.
CREATE TABLE outbox (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL,
    id TEXT NOT NULL,
    event BLOB NOT NULL,
    added INTEGER NOT NULL
) STRICT;
