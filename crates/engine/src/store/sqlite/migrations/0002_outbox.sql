-- Events of the feed that tell of a change in this database. A row is written by the transaction that makes the change, moves to the
-- commit log, and is deleted then: the table is empty most of the time.
CREATE TABLE outbox (
    -- AUTOINCREMENT: a place is never given twice, also when its row is gone. What tells in the commit log that an event has arrived
    -- is made from it.
    place        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    environment  BLOB    NOT NULL CHECK (length(environment) = 16),
    -- No reference: the event of a deletion outlives the organization.
    organization BLOB    CHECK (length(organization) = 16),
    name         TEXT    NOT NULL,
    -- JSON objects.
    data         TEXT    NOT NULL,
    context      TEXT
) STRICT;
