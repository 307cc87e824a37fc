"""The workspace database: where it is, how it is opened, its tables and transactions."""
