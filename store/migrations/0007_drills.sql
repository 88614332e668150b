-- migrate:up

-- Drills, whole as they were last; their workflows have the word while they run. `play` tells what
-- players must not know before the end: whoever reads it decides who sees what.
CREATE TABLE drill (
    id text PRIMARY KEY,
    version integer NOT NULL,
    mode text NOT NULL,
    scenario text NOT NULL,
    opened timestamptz NOT NULL,
    started timestamptz,
    ended timestamptz,
    play json NOT NULL
);

CREATE INDEX drill_opened ON drill (opened);

GRANT SELECT, INSERT, UPDATE ON drill TO yaoan_app;

-- migrate:down

DROP TABLE drill;
