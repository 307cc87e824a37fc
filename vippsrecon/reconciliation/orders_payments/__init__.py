"""Leg 1: orders compared with payments."""
