-- Version 6: what a later month must know of money in earlier ones. No money moves by this.

-- The bank account that a payout of this ledger date went to: a change from one month to the next.
CREATE TABLE payout_accounts (
    environment TEXT NOT NULL,
    ledger_id   TEXT NOT NULL,
    ledger_date TEXT NOT NULL,
    account     TEXT NOT NULL,
    PRIMARY KEY (environment, ledger_id, ledger_date)
);

-- Each ledger entry of a disputed capture, never changed: a payment of which money is still retained is
-- not refunded in a later month. `entry_number` counts the entries with the same key.
CREATE TABLE dispute_entries (
    environment   TEXT NOT NULL,
    ledger_id     TEXT NOT NULL,
    psp_reference TEXT NOT NULL,
    entry_type    TEXT NOT NULL,
    ledger_date   TEXT NOT NULL,
    amount_minor  BIGINT NOT NULL,
    entry_number  BIGINT NOT NULL,
    msn           TEXT NOT NULL,
    reference     TEXT,
    currency      TEXT NOT NULL,
    entry_at      TEXT,
    PRIMARY KEY (environment, ledger_id, psp_reference, entry_type, ledger_date, amount_minor, entry_number)
);
