"""Plans: what will be refunded, cancelled or captured."""
