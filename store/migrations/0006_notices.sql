-- migrate:up

-- The read model of notices: one row for each, folded with its incident's row of the board and
-- dropped with it. `opened` is when the incident's first report was received, `composed` when the
-- message was made that carries the notice now, `next` when the next one to its body is due.
CREATE TABLE notice (
    incident text NOT NULL REFERENCES board (incident) ON DELETE CASCADE,
    notice text NOT NULL,
    body text NOT NULL,
    subject text NOT NULL,
    clause text NOT NULL,
    statutory boolean NOT NULL,
    status text NOT NULL,
    opened timestamptz NOT NULL,
    queued timestamptz NOT NULL,
    composed timestamptz,
    accepted timestamptz,
    delivered timestamptz,
    acknowledged timestamptz,
    refused boolean NOT NULL,
    ended text,
    climbed integer NOT NULL,
    unanswered boolean NOT NULL,
    next timestamptz,
    PRIMARY KEY (incident, notice)
);

CREATE INDEX notice_body ON notice (body, opened);
CREATE INDEX notice_waiting ON notice (coalesce(composed, queued))
    WHERE status = 'queued' OR composed IS NOT NULL;
CREATE INDEX notice_next ON notice (next) WHERE next IS NOT NULL;

ALTER TABLE board ADD COLUMN statutory_dues timestamptz[] NOT NULL DEFAULT '{}';

-- What the board shows already: until now no notice was pursued, and none travelled in a message.
INSERT INTO notice
SELECT board.incident, one.key, said ->> 'recipient', said ->> 'subject', said ->> 'clause',
    (said ->> 'statutory')::boolean, said ->> 'status', board.received_at,
    (said ->> 'queued_at')::timestamptz, NULL, (said ->> 'accepted_at')::timestamptz,
    (said ->> 'delivered_at')::timestamptz, (said ->> 'acknowledged_at')::timestamptz,
    coalesce((said ->> 'refused')::boolean, false), NULL, 0, false, NULL
FROM board, json_each(board.state -> 'notices') AS one, LATERAL (SELECT one.value AS said) AS it;

UPDATE board SET statutory_dues = ARRAY(
    SELECT (one.value ->> 'due')::timestamptz FROM json_each(board.state -> 'clocks') AS one
    WHERE one.value ->> 'status' = 'open' AND one.value ->> 'kind' = 'statutory'
    ORDER BY 1
);

-- What the watchdog found when it last looked, for whoever scrapes the API: counts by kind.
CREATE TABLE watchdog (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    at timestamptz NOT NULL,
    findings json NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON notice TO yaoan_app;
GRANT SELECT, INSERT, UPDATE ON watchdog TO yaoan_app;

-- migrate:down

DROP TABLE watchdog, notice;
ALTER TABLE board DROP COLUMN statutory_dues;
