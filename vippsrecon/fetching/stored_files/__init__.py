"""The files that a fetch and a run store, read within bounds and only if they are unchanged."""
