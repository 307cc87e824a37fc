"""What earlier runs and plans recorded, and how this run uses it."""
