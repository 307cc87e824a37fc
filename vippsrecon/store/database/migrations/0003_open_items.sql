-- Version 3: what became of each discrepancy over several runs. No money moves by this.

-- One row per discrepancy that a run reported: its status as the run with the latest cut-off time,
-- `as_of`, left it. `status_at` is the cut-off time of the run since which it has this status.
CREATE TABLE open_items (
    environment     TEXT NOT NULL,
    discrepancy_id  TEXT NOT NULL,
    status          TEXT NOT NULL
        CHECK (status IN ('open', 'in_progress', 'waived', 'closed_by_evidence', 'reopened')),
    kind            TEXT NOT NULL,
    msn             TEXT NOT NULL,
    reference       TEXT,
    order_number    TEXT,
    currency        TEXT NOT NULL,
    at_risk_minor   BIGINT,
    first_seen_date TEXT NOT NULL,
    last_seen_date  TEXT NOT NULL,
    status_at       TEXT NOT NULL,
    who             TEXT,
    why             TEXT,
    until_date      TEXT,
    closed_by       TEXT,
    as_of           TEXT NOT NULL,
    PRIMARY KEY (environment, discrepancy_id)
);

-- Who works on a discrepancy, as `vippsrecon resolve` read it in a report with this cut-off time.
CREATE TABLE item_decisions (
    environment    TEXT NOT NULL,
    discrepancy_id TEXT NOT NULL,
    in_progress    INTEGER NOT NULL,
    owner          TEXT NOT NULL,
    note           TEXT NOT NULL,
    as_of          TEXT NOT NULL,
    PRIMARY KEY (environment, discrepancy_id)
);
