-- migrate:up

-- Whom to reach in each body. No part of the record of an incident: it changes as people change.
-- A contact that was retired stays as a row, so that what names it can still be read.
CREATE TABLE contact (
    id text PRIMARY KEY,
    body text NOT NULL,
    role text NOT NULL,
    position integer NOT NULL,
    name text,
    addresses jsonb NOT NULL CHECK (jsonb_typeof(addresses) = 'array'),
    quiet_from time,
    quiet_to time,
    retired timestamptz
);

CREATE INDEX contact_body ON contact (body) WHERE retired IS NULL;

CREATE TABLE shift (
    body text NOT NULL,
    contact text NOT NULL REFERENCES contact (id),
    starts timestamptz NOT NULL,
    ends timestamptz NOT NULL CHECK (ends > starts),
    PRIMARY KEY (body, contact, starts)
);

CREATE TABLE substitution (
    contact text NOT NULL REFERENCES contact (id),
    substitute text NOT NULL REFERENCES contact (id) CHECK (substitute <> contact),
    starts timestamptz NOT NULL,
    ends timestamptz NOT NULL CHECK (ends > starts),
    reason text,
    PRIMARY KEY (contact, starts)
);

-- The last trial of each address; a changed address loses it.
CREATE TABLE channel_trial (
    contact text NOT NULL REFERENCES contact (id),
    channel text NOT NULL,
    at timestamptz NOT NULL,
    ok boolean NOT NULL,
    PRIMARY KEY (contact, channel)
);

-- Who changed what and when. It can never be cleared, so it holds no address and no number.
CREATE TABLE directory_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    seat text NOT NULL,
    person text,
    what text NOT NULL,
    body text NOT NULL,
    subject text NOT NULL,
    detail jsonb NOT NULL,
    note text
);

CREATE INDEX directory_change_body ON directory_change (body, id);

CREATE TRIGGER directory_change_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON directory_change
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE directory_change ENABLE ALWAYS TRIGGER directory_change_only_grows;

GRANT SELECT, INSERT, UPDATE ON contact TO yaoan_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON shift, substitution, channel_trial TO yaoan_app;
GRANT SELECT, INSERT ON directory_change TO yaoan_app;

-- migrate:down

DROP TABLE directory_change, channel_trial, substitution, shift, contact;
