"""Read the funds ledger through the Report API."""
