-- Times are Unix milliseconds. Rooms are named as the configuration names them: an alias or an id.

-- The position in the stream; one row.
CREATE TABLE cursor (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    journal TEXT NOT NULL,
    seq INTEGER NOT NULL
) STRICT;

-- The events of late, as they are shown. Old ones go when no room waits for them.
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    seq INTEGER,
    event_id TEXT NOT NULL,
    time TEXT NOT NULL,             -- as the source wrote it
    received INTEGER NOT NULL,
    signers TEXT NOT NULL,
    problem TEXT,                   -- why it is not believed; NULL: it is
    package TEXT,
    text TEXT NOT NULL,
    html TEXT NOT NULL,
    links TEXT NOT NULL,            -- JSON
    plural_text TEXT NOT NULL,
    plural_html TEXT NOT NULL,
    subject TEXT,                   -- what a digest calls it
    stage_name TEXT,
    stage_key TEXT
) STRICT;
CREATE INDEX event_of_package ON event (package, id);
CREATE INDEX event_of_story ON event (stage_name, stage_key) WHERE stage_key IS NOT NULL;

-- The digests of events that a room was to have. They are never forgotten.
CREATE TABLE handled (digest BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;

-- The outbox: an event that is for a room, and the message that it became.
CREATE TABLE entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room TEXT NOT NULL,
    event INTEGER NOT NULL REFERENCES event,
    rule TEXT NOT NULL,             -- why it is for the room
    added INTEGER NOT NULL,
    held INTEGER NOT NULL DEFAULT 0,    -- 1: it came while the room was muted or quiet
    message INTEGER REFERENCES message
) STRICT;
CREATE INDEX entry_waiting ON entry (room, id) WHERE message IS NULL;
CREATE INDEX entry_of_event ON entry (event);
CREATE INDEX entry_of_message ON entry (message);

-- Messages in their final form, with the transaction id that makes a second sending harmless.
CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room TEXT NOT NULL,
    kind TEXT NOT NULL,             -- single, digest, edit, thread, answer
    txn TEXT NOT NULL UNIQUE,
    content TEXT NOT NULL,          -- JSON
    created INTEGER NOT NULL,
    attempted INTEGER,              -- when it was tried first,
    device TEXT,                    -- and as which device
    sent INTEGER,
    room_id TEXT,                   -- where it was sent to
    event_id TEXT,                  -- what the homeserver calls it
    problem TEXT                    -- why it is set aside
) STRICT;
CREATE INDEX message_pending ON message (room, id) WHERE sent IS NULL AND problem IS NULL;
CREATE INDEX message_by_event ON message (event_id);

-- What a job, excuse or issue has as its message in a room.
CREATE TABLE story (
    room TEXT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    root INTEGER NOT NULL REFERENCES message,
    PRIMARY KEY (room, name, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX story_of_message ON story (root);

-- What is known of a room beside its configuration.
CREATE TABLE room (
    name TEXT PRIMARY KEY,
    room_id TEXT,
    muted_until INTEGER
) STRICT, WITHOUT ROWID;

-- Rules that were made by command.
CREATE TABLE subscription (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room TEXT NOT NULL,
    rule TEXT NOT NULL,
    user TEXT NOT NULL,
    added INTEGER NOT NULL,
    UNIQUE (room, rule)
) STRICT;

-- The device whose encryption store is beside this file; one row.
CREATE TABLE device (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL,
    machine TEXT NOT NULL,
    inode INTEGER NOT NULL,
    birth INTEGER NOT NULL,         -- of the file, in nanoseconds
    created INTEGER NOT NULL
) STRICT;
