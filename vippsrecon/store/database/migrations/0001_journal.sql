-- The workspace database, version 1. The same tables on SQLite and PostgreSQL.
-- Statements are separated by an empty line; one that begins with "-- sqlite" or
-- "-- postgresql" is for that database only. Times are text in UTC, YYYY-MM-DDTHH:MM:SS.mmmZ.
-- Amounts are whole minor units. A migration that has been released is never edited.

-- What has been applied.
CREATE TABLE migrations (
    version    INTEGER NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    applied_at TEXT NOT NULL
);

-- One hash chain per plan, append-only. vippsrecon/store/journal/entry.py describes each column.
CREATE TABLE journal (
    plan_id         TEXT NOT NULL,
    seq             BIGINT NOT NULL CHECK (seq >= 1),
    at              TEXT NOT NULL,
    kind            TEXT NOT NULL,
    epoch           BIGINT NOT NULL,
    row             BIGINT,
    environment     TEXT NOT NULL,
    verb            TEXT NOT NULL,
    msn             TEXT,
    reference       TEXT,
    currency        TEXT,
    amount_minor    BIGINT,
    idempotency_key TEXT,
    detail          TEXT NOT NULL,
    previous_hash   TEXT NOT NULL,
    hash            TEXT NOT NULL,
    PRIMARY KEY (plan_id, seq)
);

-- The plans known here: the first entry of each chain.
CREATE UNIQUE INDEX journal_plans ON journal (environment, at, plan_id) WHERE seq = 1;

-- What was done with a payment, over all plans. Here and below the column that tells most comes
-- first: many values of it are looked for at once.
CREATE INDEX journal_payments ON journal (reference, msn, environment);

-- A row of a plan ends once. The database itself refuses a second end.
CREATE UNIQUE INDEX journal_one_end ON journal (plan_id, row)
    WHERE kind IN ('done', 'already_done', 'refused');

-- Who carries a plan out: one row per plan, made when the plan is first seen, epoch 0.
-- Every append to a plan's chain first changes this row.
CREATE TABLE carriers (
    plan_id      TEXT NOT NULL PRIMARY KEY,
    epoch        BIGINT NOT NULL,
    holder       TEXT,
    host         TEXT,
    pid          BIGINT,
    started      TEXT,
    taken_at     TEXT,
    heartbeat_at TEXT
);

-- Payments with an operation under way, or whose outcome is unknown.
CREATE TABLE in_flight (
    environment TEXT NOT NULL,
    msn         TEXT NOT NULL,
    reference   TEXT NOT NULL,
    plan_id     TEXT NOT NULL,
    row         BIGINT NOT NULL,
    since       TEXT NOT NULL,
    PRIMARY KEY (reference, msn, environment)
);

CREATE UNIQUE INDEX in_flight_rows ON in_flight (row, plan_id);

-- How much of each cap is used, over all plans. Always the sum of `reserved`.
CREATE TABLE caps (
    environment  TEXT NOT NULL,
    scope        TEXT NOT NULL,
    currency     TEXT NOT NULL,
    amount_minor BIGINT NOT NULL CHECK (amount_minor >= 0),
    PRIMARY KEY (environment, scope, currency)
);

-- Which row of which plan uses how much of which cap.
CREATE TABLE reserved (
    plan_id      TEXT NOT NULL,
    row          BIGINT NOT NULL,
    environment  TEXT NOT NULL,
    scope        TEXT NOT NULL,
    currency     TEXT NOT NULL,
    amount_minor BIGINT NOT NULL CHECK (amount_minor >= 0),
    PRIMARY KEY (row, plan_id, scope, currency)
);

-- What follows keeps accidents from the journal: a slip in a database tool, a careless script.
-- It does not keep out the database's owner, who can drop a trigger. Against that there is the
-- chain, and a head kept elsewhere.

-- sqlite
CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only: no entry is ever changed');
END;

-- sqlite
CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only: no entry is ever deleted');
END;

-- postgresql
CREATE FUNCTION journal_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only: no entry is ever changed or deleted';
END;
$$;

-- postgresql
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION journal_append_only();
