-- Version 1. Numbers named `seq` are positions in the journal; times are microseconds since 1970
-- in UTC; texts are UTF-8; STRICT keeps each column to its type.

-- One row.
CREATE TABLE journal (
    id BLOB NOT NULL                -- the journal's uuid, 16 bytes
) STRICT;

-- The events that retention left. The seqs have no hole.
CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    received INTEGER NOT NULL,      -- when the relay took it
    latest INTEGER NOT NULL,        -- the greatest `received` of this event and those left before
    id TEXT NOT NULL,               -- the event's type
    digest BLOB NOT NULL,           -- SHA-256 of its signed bytes
    checksum INTEGER NOT NULL,      -- CRC-32 of seq, received, id, digest and frame
    frame BLOB NOT NULL             -- what was published; last, so that a scan need not read it
) STRICT;

-- Every digest that was ever taken; retention does not touch it. The event's own time comes
-- first: the same signed bytes have the same time, and so new rows stand together at the end of
-- the tree, while digests alone would touch a page of it each.
CREATE TABLE taken_digest (
    time INTEGER NOT NULL,
    digest BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (time, digest)
) STRICT, WITHOUT ROWID;

-- Every (source signer, uuid) that was ever taken; retention does not touch it.
CREATE TABLE taken_uuid (
    signer TEXT NOT NULL,
    uuid BLOB NOT NULL,             -- its 16 bytes with the time's high part first, for locality
    PRIMARY KEY (signer, uuid)
) STRICT, WITHOUT ROWID;

-- The last event that matched each prefix of an event id; the one of '' is the journal's last.
CREATE TABLE prefix_last (
    prefix TEXT PRIMARY KEY,
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Blocks are 4,096 seqs: block 0 is 1 to 4096. The transaction that completes a block indexes it
-- as a whole; the events behind the last complete block are found by scanning.

-- Which events of a block have an id.
CREATE TABLE id_block (
    block INTEGER NOT NULL,
    id TEXT NOT NULL,
    offsets BLOB NOT NULL,          -- seqs less the block's first, ascending, 2 bytes each (LE)
    checksum INTEGER NOT NULL,      -- CRC-32 of block, id and offsets
    PRIMARY KEY (block, id)
) STRICT, WITHOUT ROWID;

-- Which events of a block have a digest that begins with the byte `bucket`.
CREATE TABLE digest_block (
    block INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    entries BLOB NOT NULL,          -- the digest's next 6 bytes, then the offset, as above
    checksum INTEGER NOT NULL,      -- CRC-32 of block, bucket and entries
    PRIMARY KEY (block, bucket)
) STRICT, WITHOUT ROWID;
