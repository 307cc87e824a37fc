"""The APIs the simulator serves."""
