"""Lists of refunds, cancels and captures that people write."""
