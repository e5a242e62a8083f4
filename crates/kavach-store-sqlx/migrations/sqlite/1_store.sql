CREATE TABLE {state} (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    store INTEGER NOT NULL,
    version INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    tag INTEGER NOT NULL
) STRICT;

CREATE TABLE {record} (
    space TEXT NOT NULL,
    key BLOB NOT NULL,
    version INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    id TEXT,
    name TEXT,
    owner TEXT,
    giver TEXT,
    receiver TEXT,
    PRIMARY KEY (space, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX {:record_by_id} ON {record} (id) WHERE id IS NOT NULL;
CREATE INDEX {:record_by_name} ON {record} (name) WHERE name IS NOT NULL;
CREATE INDEX {:record_by_owner} ON {record} (owner) WHERE owner IS NOT NULL;
CREATE INDEX {:record_by_giver} ON {record} (giver) WHERE giver IS NOT NULL;
CREATE INDEX {:record_by_receiver} ON {record} (receiver) WHERE receiver IS NOT NULL;

CREATE TABLE {revision} (
    number INTEGER PRIMARY KEY,
    tag INTEGER NOT NULL,
    changes INTEGER NOT NULL
) STRICT;

CREATE TABLE {change} (
    revision INTEGER NOT NULL,
    space TEXT NOT NULL,
    key BLOB NOT NULL,
    PRIMARY KEY (revision, space, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE {log} (
    log BLOB PRIMARY KEY,
    events INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE {event} (
    number INTEGER PRIMARY KEY,
    log BLOB NOT NULL,
    idx INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    agent TEXT,
    owner TEXT,
    action TEXT,
    resource TEXT,
    place TEXT,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    kind TEXT NOT NULL,
    bytes BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX {:event_place_in_log} ON {event} (log, idx);
CREATE INDEX {:event_by_time} ON {event} (tenant, time_ns, log, idx);
CREATE INDEX {:event_by_agent} ON {event} (agent, time_ns, log, idx) WHERE agent IS NOT NULL;
CREATE INDEX {:event_by_owner} ON {event} (owner, time_ns, log, idx) WHERE owner IS NOT NULL;
CREATE INDEX {:event_by_place} ON {event} (tenant, place, time_ns, log, idx) WHERE place IS NOT NULL;
CREATE INDEX {:event_by_outcome} ON {event} (tenant, outcome, time_ns, log, idx);

CREATE TABLE {line} (
    agent TEXT NOT NULL,
    time_ns INTEGER NOT NULL,
    log BLOB NOT NULL,
    idx INTEGER NOT NULL,
    PRIMARY KEY (agent, time_ns, log, idx)
) STRICT, WITHOUT ROWID;
