-- Version 2: what reconciliations found, so that the next one knows it. No money moves by this.

-- One row per reconciliation. Running the same comparison again changes nothing.
CREATE TABLE runs (
    run_id      TEXT NOT NULL PRIMARY KEY,
    environment TEXT NOT NULL,
    first_day   TEXT,
    last_day    TEXT,
    as_of       TEXT NOT NULL,
    verdict     TEXT NOT NULL,
    recorded_at TEXT NOT NULL
);

-- The day of the first run that showed a discrepancy.
CREATE TABLE seen_discrepancies (
    environment     TEXT NOT NULL,
    discrepancy_id  TEXT NOT NULL,
    first_seen_date TEXT NOT NULL,
    run_id          TEXT NOT NULL,
    PRIMARY KEY (environment, discrepancy_id)
);

-- Orders that a run compared: a payment of a later month may belong to one of them. `order_rows` are
-- its rows as its own export had them; `settled` is 0 while it was a discrepancy or timing.
CREATE TABLE compared_orders (
    environment   TEXT NOT NULL,
    msn           TEXT NOT NULL,
    reference     TEXT NOT NULL,
    psp_reference TEXT,
    ordered_day   BIGINT,
    bucket        TEXT NOT NULL,
    settled       INTEGER NOT NULL,
    as_of         TEXT NOT NULL,
    run_id        TEXT NOT NULL,
    order_rows    TEXT NOT NULL,
    PRIMARY KEY (reference, msn, environment)
);

CREATE INDEX compared_orders_unsettled ON compared_orders (environment, msn) WHERE settled = 0;
