"""The simulator's HTTP server and its control endpoints."""
