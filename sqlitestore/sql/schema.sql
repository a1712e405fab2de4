-- The whole of a new file. A change here is a new schemaVersion in file.go.
-- Times are in µs on the file's own clock; see clock.go. Names are as they were
-- given, compared byte by byte.

-- One row: how the file's time follows from the system's, and the last number given.
CREATE TABLE clock (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    era     TEXT    NOT NULL, -- the boot, and time namespace, that the shifts are for
    leases  INTEGER NOT NULL, -- the system's monotonic time plus this is the time of leases
    records INTEGER NOT NULL, -- the same with time asleep, of records
    seen    INTEGER NOT NULL, -- a time of leases that has been
    number  INTEGER NOT NULL, -- the last fence, or version of a record, that was given
    ceiling INTEGER NOT NULL  -- more than any number given, and safely on the disk
) STRICT;
INSERT INTO clock VALUES (1, '', 0, 0, 0, 0, 0);

CREATE TABLE leases (
    name     TEXT    NOT NULL,
    client   TEXT    NOT NULL, -- of the holder
    holder   TEXT    NOT NULL,
    slots    INTEGER NOT NULL,
    capacity INTEGER NOT NULL, -- of the name: the limit
    fence    INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    until    INTEGER NOT NULL, -- the largest integer: for ever
    PRIMARY KEY (name, client, holder)
) STRICT, WITHOUT ROWID;
CREATE INDEX leases_until ON leases (until);

-- The queue of each name, in the order of place.
CREATE TABLE places (
    name     TEXT    NOT NULL,
    place    INTEGER NOT NULL,
    client   TEXT    NOT NULL,
    holder   TEXT    NOT NULL,
    slots    INTEGER NOT NULL,
    capacity INTEGER NOT NULL,
    ttl      INTEGER NOT NULL, -- of the lease to come
    PRIMARY KEY (name, place)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX places_holder ON places (name, client, holder);

-- How long a client that has places is still waited for. There is a row exactly as
-- long as there are places.
CREATE TABLE patience (
    name   TEXT    NOT NULL,
    client TEXT    NOT NULL,
    until  INTEGER NOT NULL,
    PRIMARY KEY (name, client)
) STRICT, WITHOUT ROWID;
CREATE INDEX patience_until ON patience (until);

CREATE TABLE records (
    key     TEXT    NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    value   BLOB    NOT NULL
) STRICT;
CREATE INDEX records_until ON records (until);
