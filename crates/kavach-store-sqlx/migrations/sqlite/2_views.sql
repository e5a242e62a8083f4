CREATE VIEW {agents} AS
SELECT
    d.doc ->> '$.record.tenant' AS tenant,
    d.id AS id,
    d.name AS name,
    d.owner AS owner,
    d.doc ->> '$.record.kind' AS kind,
    d.doc ->> '$.record.status' AS status,
    d.doc ->> '$.record.created_at' AS created_at,
    d.doc ->> '$.record.expires_at' AS expires_at,
    d.doc ->> '$.record.generation' AS generation
FROM (SELECT id, name, owner, CAST(bytes AS TEXT) AS doc FROM {record} WHERE space = 'agent' AND id IS NOT NULL) AS d;

CREATE VIEW {delegations} AS
SELECT
    d.doc ->> '$.record.tenant' AS tenant,
    d.id AS id,
    d.giver AS from_agent,
    d.receiver AS to_agent,
    d.doc ->> '$.record.parent' AS parent,
    d.doc ->> '$.record.depth' AS depth,
    d.doc ->> '$.record.max_depth' AS max_depth,
    coalesce(d.doc ->> '$.record.revoked', 0) AS revoked,
    d.doc ->> '$.record.expires_at' AS expires_at,
    d.doc ->> '$.record.generation' AS generation
FROM (SELECT id, giver, receiver, CAST(bytes AS TEXT) AS doc FROM {record} WHERE space = 'delegation' AND id IS NOT NULL) AS d;

CREATE VIEW {permissions} AS
SELECT
    d.doc ->> '$.record.tenant' AS tenant,
    d.id AS agent,
    NULL AS delegation,
    g.value ->> '$.id' AS grant_number,
    g.value ->> '$.permission' AS permission
FROM (SELECT id, CAST(bytes AS TEXT) AS doc FROM {record} WHERE space = 'agent' AND id IS NOT NULL) AS d,
    json_each(d.doc, '$.record.grants.list') AS g
UNION ALL
SELECT
    d.doc ->> '$.record.tenant',
    d.receiver,
    d.id,
    g.value ->> '$.id',
    g.value ->> '$.permission'
FROM (SELECT id, receiver, CAST(bytes AS TEXT) AS doc FROM {record} WHERE space = 'delegation' AND id IS NOT NULL) AS d,
    json_each(d.doc, '$.record.grants.list') AS g
WHERE coalesce(d.doc ->> '$.record.revoked', 0) = 0;

CREATE VIEW {audit} AS
SELECT
    tenant,
    time_ns,
    strftime('%Y-%m-%dT%H:%M:%fZ', time_ns / 1000000000.0, 'unixepoch') AS time,
    id,
    kind,
    agent,
    owner,
    action,
    resource,
    outcome,
    reason,
    lower(hex(log)) AS log,
    idx AS log_index,
    CAST(bytes AS TEXT) AS event
FROM {event};
