"""What the Report API says about the funds ledger."""
