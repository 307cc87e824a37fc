-- Version 5: closed periods, what they consisted of, and vouchers that were written. No money moves by
-- this. Version 4 keeps ledger entries.

-- Each closing and reopening of a month, never changed: the latest one of a month is its state. `sides`
-- names the inputs that were closed, separated by one space.
CREATE TABLE period_changes (
    environment TEXT NOT NULL,
    period      TEXT NOT NULL,
    seq         BIGINT NOT NULL,
    action      TEXT NOT NULL CHECK (action IN ('closed', 'reopened')),
    person      TEXT NOT NULL,
    reason      TEXT NOT NULL,
    sides       TEXT NOT NULL,
    changed_at  TEXT NOT NULL,
    PRIMARY KEY (environment, period, seq)
);

-- The facts of each closed month as its latest closing found them.
CREATE TABLE period_facts (
    environment  TEXT NOT NULL,
    period       TEXT NOT NULL,
    side         TEXT NOT NULL,
    fact_key     TEXT NOT NULL,
    msn          TEXT,
    reference    TEXT,
    currency     TEXT NOT NULL,
    day          BIGINT NOT NULL,
    amount_minor BIGINT NOT NULL,
    detail       TEXT NOT NULL,
    PRIMARY KEY (environment, period, side, fact_key)
);

-- The lines of each voucher that was written into a file, never changed.
CREATE TABLE written_vouchers (
    environment    TEXT NOT NULL,
    voucher_number TEXT NOT NULL,
    line           BIGINT NOT NULL,
    voucher_date   TEXT NOT NULL,
    kind           TEXT NOT NULL,
    ledger_id      TEXT NOT NULL,
    msn            TEXT NOT NULL,
    currency       TEXT NOT NULL,
    role           TEXT NOT NULL,
    account        TEXT NOT NULL,
    amount_minor   BIGINT NOT NULL,
    vat_code       TEXT,
    text           TEXT NOT NULL,
    payout_number  TEXT,
    reverses       TEXT,
    entries        BIGINT NOT NULL,
    facts          TEXT NOT NULL,
    written_at     TEXT NOT NULL,
    PRIMARY KEY (environment, voucher_number, line)
);
