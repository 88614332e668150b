-- migrate:up

-- The record. Names carry no schema: this file runs once for every space, and the schema comes
-- from the search_path. The owner is the migrator's role; the application works as yaoan_app.

DO $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO yaoan_app', current_schema());
END
$$;

CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: rows of this table are added, never changed',
        TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;

-- One row for each thing that happened. `body` holds the exact bytes that were hashed; the other
-- columns repeat what it says, so that SQL can read them, and `yaoan verify` compares the two.
CREATE TABLE event (
    incident text NOT NULL,
    seq integer NOT NULL CHECK (seq > 0),
    type text NOT NULL,
    v integer NOT NULL,
    occurred timestamptz NOT NULL,
    received timestamptz NOT NULL,
    recorded timestamptz NOT NULL,
    clause text NOT NULL,
    prev text NOT NULL CHECK (prev ~ '^[0-9a-f]{64}$'),
    hash text NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (incident, seq),
    CONSTRAINT event_hash CHECK (hash = encode(sha256(body), 'hex'))
);

-- The plans that incidents were started under, complete: a changed file changes no incident.
CREATE TABLE plan (
    digest text PRIMARY KEY,
    id text NOT NULL,
    version integer NOT NULL,
    body bytea NOT NULL,
    CONSTRAINT plan_digest CHECK (digest = encode(sha256(body), 'hex'))
);

-- What an operator must see: the workflow and the record disagree, or a batch did not fit.
CREATE TABLE alarm (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    incident text NOT NULL,
    seq integer NOT NULL,
    detail text NOT NULL,
    UNIQUE (kind, incident, seq, detail)
);

-- Commands that were refused: who wanted what, and which clause forbade it.
CREATE TABLE audit_refusal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    incident text,
    command text NOT NULL,
    request_id text,
    seat text,
    person text,
    decider text,
    code text NOT NULL,
    clause text NOT NULL,
    message_zh text NOT NULL,
    message_en text NOT NULL
);

CREATE INDEX audit_refusal_incident ON audit_refusal (incident, id);

-- Fired ALWAYS, so that not even a session that replays a replica's log slips past.
CREATE TRIGGER event_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER plan_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON plan
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER alarm_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON alarm
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_refusal_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_refusal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE event ENABLE ALWAYS TRIGGER event_only_grows;
ALTER TABLE plan ENABLE ALWAYS TRIGGER plan_only_grows;
ALTER TABLE alarm ENABLE ALWAYS TRIGGER alarm_only_grows;
ALTER TABLE audit_refusal ENABLE ALWAYS TRIGGER audit_refusal_only_grows;

GRANT SELECT, INSERT ON event, plan, alarm, audit_refusal TO yaoan_app;

-- migrate:down

-- The record is never taken down by a migration.
DO $$ BEGIN RAISE EXCEPTION 'the record is never taken down by a migration'; END $$;
