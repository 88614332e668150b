-- migrate:up

-- Tokens: their SHA-256 alone, with the seat they speak for.
CREATE TABLE credential (
    digest text PRIMARY KEY CHECK (digest ~ '^[0-9a-f]{64}$'),
    seat text NOT NULL,
    body text NOT NULL,
    created timestamptz NOT NULL,
    revoked timestamptz
);

-- Notices as their recipients see them. The key is the same for every attempt to send.
CREATE TABLE inbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL UNIQUE,
    body text NOT NULL,
    incident text NOT NULL,
    notice text NOT NULL,
    statutory boolean NOT NULL,
    title_zh text NOT NULL,
    title_en text NOT NULL,
    text_zh text NOT NULL,
    text_en text NOT NULL,
    queued_at timestamptz NOT NULL,
    read_at timestamptz,
    read_by text
);

CREATE INDEX inbox_body ON inbox (body, id);
CREATE INDEX inbox_unread ON inbox (body, id) WHERE read_at IS NULL;
CREATE INDEX inbox_incident ON inbox (incident, id);

-- Reports taken while Temporal was down, to be started when it is back.
CREATE TABLE intake_outbox (
    workflow_id text PRIMARY KEY,
    start json NOT NULL,
    received timestamptz NOT NULL,
    failure text,
    started timestamptz
);

CREATE INDEX intake_outbox_waiting ON intake_outbox (received) WHERE started IS NULL;

GRANT SELECT, INSERT, UPDATE (revoked) ON credential TO yaoan_app;
GRANT SELECT, INSERT, UPDATE (read_at, read_by) ON inbox TO yaoan_app;
GRANT SELECT, INSERT, UPDATE (failure, started) ON intake_outbox TO yaoan_app;

-- migrate:down

DROP TABLE intake_outbox, inbox, credential;
