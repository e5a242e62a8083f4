CREATE VIEW {agents} AS
SELECT
    d.doc ->> 'tenant' AS tenant,
    d.id AS id,
    d.name AS name,
    d.owner AS owner,
    d.doc ->> 'kind' AS kind,
    d.doc ->> 'status' AS status,
    (d.doc ->> 'created_at')::timestamptz AS created_at,
    (d.doc ->> 'expires_at')::timestamptz AS expires_at,
    (d.doc ->> 'generation')::bigint AS generation
FROM (SELECT id, name, owner, replace(convert_from(bytes, 'UTF8'), '\u0000', '\ufffd')::jsonb -> 'record' AS doc FROM {record} WHERE space = 'agent'::bytea AND id IS NOT NULL) AS d;

CREATE VIEW {delegations} AS
SELECT
    d.doc ->> 'tenant' AS tenant,
    d.id AS id,
    d.giver AS from_agent,
    d.receiver AS to_agent,
    d.doc ->> 'parent' AS parent,
    (d.doc ->> 'depth')::bigint AS depth,
    (d.doc ->> 'max_depth')::bigint AS max_depth,
    coalesce((d.doc ->> 'revoked')::boolean, false) AS revoked,
    (d.doc ->> 'expires_at')::timestamptz AS expires_at,
    (d.doc ->> 'generation')::bigint AS generation
FROM (SELECT id, giver, receiver, replace(convert_from(bytes, 'UTF8'), '\u0000', '\ufffd')::jsonb -> 'record' AS doc FROM {record} WHERE space = 'delegation'::bytea AND id IS NOT NULL) AS d;

CREATE VIEW {permissions} AS
SELECT
    d.doc ->> 'tenant' AS tenant,
    d.id AS agent,
    NULL::text AS delegation,
    (g.value ->> 'id')::bigint AS grant_number,
    g.value ->> 'permission' AS permission
FROM (SELECT id, replace(convert_from(bytes, 'UTF8'), '\u0000', '\ufffd')::jsonb -> 'record' AS doc FROM {record} WHERE space = 'agent'::bytea AND id IS NOT NULL) AS d
    CROSS JOIN LATERAL jsonb_array_elements(d.doc -> 'grants' -> 'list') AS g(value)
UNION ALL
SELECT
    d.doc ->> 'tenant',
    d.receiver,
    d.id,
    (g.value ->> 'id')::bigint,
    g.value ->> 'permission'
FROM (SELECT id, receiver, replace(convert_from(bytes, 'UTF8'), '\u0000', '\ufffd')::jsonb -> 'record' AS doc FROM {record} WHERE space = 'delegation'::bytea AND id IS NOT NULL) AS d
    CROSS JOIN LATERAL jsonb_array_elements(d.doc -> 'grants' -> 'list') AS g(value)
WHERE NOT coalesce((d.doc ->> 'revoked')::boolean, false);

CREATE VIEW {audit} AS
SELECT
    tenant,
    time_ns,
    to_timestamp(time_ns / 1000000000.0) AS time,
    id,
    kind,
    agent,
    owner,
    action,
    resource,
    outcome,
    reason,
    encode(log, 'hex') AS log,
    idx AS log_index,
    convert_from(bytes, 'UTF8') AS event
FROM {event};
