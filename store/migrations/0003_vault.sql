-- migrate:up

-- Personal data and files, encrypted by the application. Each has a random key of its own, kept
-- wrapped by a master key that PostgreSQL never sees. What is sealed is a nonce of 12 bytes and
-- AES-256-GCM's ciphertext, bound to incident and reference. Destroying the key is the purge: the row
-- stays as a tombstone, so that a reader learns that the data were destroyed and not mislaid.
CREATE TABLE vault_key (
    incident text NOT NULL,
    reference text NOT NULL,
    master text NOT NULL,
    wrapped bytea,
    purged timestamptz,
    PRIMARY KEY (incident, reference),
    CHECK ((wrapped IS NULL) = (purged IS NOT NULL))
);

CREATE INDEX vault_key_master ON vault_key (master) WHERE wrapped IS NOT NULL;

-- A key that was destroyed stays destroyed, whoever asks.
CREATE FUNCTION refuse_revival() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.purged IS NOT NULL THEN
        RAISE EXCEPTION 'the key of % was destroyed at % and stays so', OLD.reference, OLD.purged
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER vault_key_stays_purged BEFORE UPDATE ON vault_key
    FOR EACH ROW EXECUTE FUNCTION refuse_revival();
CREATE TRIGGER vault_key_is_kept BEFORE DELETE OR TRUNCATE ON vault_key
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE vault_person (
    incident text NOT NULL,
    reference text NOT NULL,
    kind text NOT NULL,
    digest text NOT NULL,
    sealed bytea NOT NULL,
    created timestamptz NOT NULL,
    PRIMARY KEY (incident, reference),
    FOREIGN KEY (incident, reference) REFERENCES vault_key (incident, reference)
);

-- Content-addressed: `sha256` is that of the plaintext, as the events name it. The title is sealed
-- as well: file names tell names.
CREATE TABLE attachment (
    incident text NOT NULL,
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    reference text NOT NULL,
    media_type text NOT NULL,
    size integer NOT NULL CHECK (size > 0),
    title bytea NOT NULL,
    sealed bytea NOT NULL,
    created timestamptz NOT NULL,
    PRIMARY KEY (incident, sha256),
    FOREIGN KEY (incident, reference) REFERENCES vault_key (incident, reference)
);

-- Ciphertext does not compress.
ALTER TABLE attachment ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- Who read what, and why.
CREATE TABLE access_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    incident text NOT NULL,
    reference text NOT NULL,
    seat text NOT NULL,
    person text,
    reason text NOT NULL CHECK (reason <> '')
);

CREATE INDEX access_log_incident ON access_log (incident, id);

-- Which keys were destroyed, when, by whom and why.
CREATE TABLE purge_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    incident text NOT NULL,
    refs text[] NOT NULL,
    seat text NOT NULL,
    person text,
    reason text NOT NULL CHECK (reason <> '')
);

CREATE TRIGGER access_log_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON access_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER purge_log_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON purge_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE vault_key ENABLE ALWAYS TRIGGER vault_key_stays_purged;
ALTER TABLE vault_key ENABLE ALWAYS TRIGGER vault_key_is_kept;
ALTER TABLE access_log ENABLE ALWAYS TRIGGER access_log_only_grows;
ALTER TABLE purge_log ENABLE ALWAYS TRIGGER purge_log_only_grows;

GRANT SELECT, INSERT, UPDATE (master, wrapped, purged) ON vault_key TO yaoan_app;
GRANT SELECT, INSERT, DELETE ON vault_person, attachment TO yaoan_app;
GRANT SELECT, INSERT ON access_log, purge_log TO yaoan_app;

-- migrate:down

DROP TABLE attachment, vault_person, vault_key, access_log, purge_log;
DROP FUNCTION refuse_revival();
