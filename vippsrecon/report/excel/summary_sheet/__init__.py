"""The parts of the sheet *Summary*, from the top down."""
