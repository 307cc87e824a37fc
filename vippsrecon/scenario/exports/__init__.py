"""The invented month as order exports."""
