CREATE SEQUENCE {version};

CREATE TABLE {state} (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    store BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    tag BIGINT NOT NULL
);

CREATE TABLE {record} (
    space BYTEA NOT NULL,
    key BYTEA NOT NULL,
    version BIGINT NOT NULL,
    bytes BYTEA NOT NULL,
    id TEXT COLLATE "C",
    name TEXT COLLATE "C",
    owner TEXT COLLATE "C",
    giver TEXT COLLATE "C",
    receiver TEXT COLLATE "C",
    PRIMARY KEY (space, key)
);

CREATE INDEX {:record_by_id} ON {record} (id) WHERE id IS NOT NULL;
CREATE INDEX {:record_by_name} ON {record} (name) WHERE name IS NOT NULL;
CREATE INDEX {:record_by_owner} ON {record} (owner) WHERE owner IS NOT NULL;
CREATE INDEX {:record_by_giver} ON {record} (giver) WHERE giver IS NOT NULL;
CREATE INDEX {:record_by_receiver} ON {record} (receiver) WHERE receiver IS NOT NULL;

CREATE TABLE {revision} (
    number BIGINT PRIMARY KEY,
    tag BIGINT NOT NULL,
    changes BIGINT NOT NULL
);

CREATE TABLE {change} (
    revision BIGINT NOT NULL,
    space BYTEA NOT NULL,
    key BYTEA NOT NULL,
    PRIMARY KEY (revision, space, key)
);

CREATE TABLE {log} (
    log BYTEA PRIMARY KEY,
    events BIGINT NOT NULL
);

CREATE TABLE {event} (
    log BYTEA NOT NULL,
    idx BIGINT NOT NULL,
    time_ns BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    agent TEXT COLLATE "C",
    owner TEXT COLLATE "C",
    action TEXT COLLATE "C",
    resource TEXT COLLATE "C",
    place TEXT COLLATE "C",
    outcome TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (log, idx)
);

CREATE INDEX {:event_by_time} ON {event} (tenant, time_ns, log, idx);
CREATE INDEX {:event_by_agent} ON {event} (agent, time_ns, log, idx) WHERE agent IS NOT NULL;
CREATE INDEX {:event_by_owner} ON {event} (owner, time_ns, log, idx) WHERE owner IS NOT NULL;
CREATE INDEX {:event_by_place} ON {event} (tenant, place, time_ns, log, idx) WHERE place IS NOT NULL;
CREATE INDEX {:event_by_outcome} ON {event} (tenant, outcome, time_ns, log, idx);

CREATE TABLE {line} (
    agent TEXT COLLATE "C" NOT NULL,
    time_ns BIGINT NOT NULL,
    log BYTEA NOT NULL,
    idx BIGINT NOT NULL,
    PRIMARY KEY (agent, time_ns, log, idx)
);
