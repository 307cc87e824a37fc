"""Plans: which payments will be refunded, cancelled or captured."""
