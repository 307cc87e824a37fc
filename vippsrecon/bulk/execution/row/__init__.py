"""One row of a plan: read, check, record the intention, send, establish the outcome."""
