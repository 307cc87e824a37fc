-- Version 4: ledger entries as the Report API gave them, so that none is requested twice. No money
-- moves by this. BYTEA is PostgreSQL's type for bytes; SQLite stores bytes in a column of any type.

-- One row per closed ledger date and topic: the Report API stated that no more entries follow.
-- `entries` is a Parquet file of them in their order, empty where there are none.
CREATE TABLE ledger_dates (
    environment TEXT NOT NULL,
    ledger_id   TEXT NOT NULL,
    topic       TEXT NOT NULL CHECK (topic IN ('funds', 'fees')),
    ledger_date TEXT NOT NULL,
    entry_count BIGINT NOT NULL,
    entries     BYTEA NOT NULL,
    sha256      TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    PRIMARY KEY (environment, ledger_id, topic, ledger_date)
);

-- One row per page of a feed: the request with `cursor` gave these entries, and the next request has
-- `next_cursor`. Each reader of the feed knows how far it is itself.
CREATE TABLE ledger_feed_pages (
    environment TEXT NOT NULL,
    ledger_id   TEXT NOT NULL,
    topic       TEXT NOT NULL CHECK (topic IN ('funds', 'fees')),
    cursor      TEXT NOT NULL,
    next_cursor TEXT NOT NULL,
    entry_count BIGINT NOT NULL,
    entries     BYTEA NOT NULL,
    sha256      TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    PRIMARY KEY (environment, ledger_id, topic, cursor)
);
