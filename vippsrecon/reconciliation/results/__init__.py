"""Build the result frames of a comparison: discrepancies, buckets, summary, bridge and groups."""
