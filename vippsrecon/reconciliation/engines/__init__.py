"""Run the same comparison on Polars, DuckDB and Spark: what differs between the engines."""
