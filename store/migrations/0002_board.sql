-- migrate:up

-- The read model: each incident as it stands, folded from its events by the domain. It is no
-- record: `yaoan rebuild` drops its rows and folds them anew. `state` is json and not jsonb,
-- because jsonb would not give back the text that was put in.
CREATE TABLE board (
    incident text PRIMARY KEY,
    seq integer NOT NULL,
    head text NOT NULL,
    plan text NOT NULL REFERENCES plan (digest),
    phase text NOT NULL,
    ended boolean NOT NULL,
    level text,
    response_level text,
    kind text,
    title text,
    drug text,
    place text,
    received_at timestamptz,
    updated timestamptz NOT NULL,
    due timestamptz,
    statutory_due timestamptz,
    dues timestamptz[] NOT NULL,
    unrecorded integer NOT NULL,
    waiting text[] NOT NULL,
    state json NOT NULL
);

-- The lists: what is due next comes first, so what is overdue comes before everything.
CREATE INDEX board_urgency ON board (ended, (coalesce(due, 'infinity'::timestamptz)), incident);
CREATE INDEX board_newest ON board (received_at DESC, incident DESC);
CREATE INDEX board_waiting ON board USING gin (waiting);

GRANT SELECT, INSERT, UPDATE, DELETE ON board TO yaoan_app;

-- migrate:down

DROP TABLE board;
