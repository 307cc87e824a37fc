"""What a comparison yields: discrepancies, buckets, summary, bridge."""
