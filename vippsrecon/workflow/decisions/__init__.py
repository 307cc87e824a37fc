"""What people decided: decisions in a report, and payments to ignore."""
