"""Build Spark frames for tests, where Spark and Java are installed."""

from __future__ import annotations

import importlib.util
import os
import shutil


def spark_is_missing() -> str:
    """Return the reason why Spark cannot be tested here, or an empty text."""
    if importlib.util.find_spec("pyspark") is None:
        return "pyspark is not installed (extra `spark`)"
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        return "there is no Java on this machine"
    return ""


def build_spark_frame(spark, table, schema):
    """Build a Spark frame from rows, with the types of the schema."""
    from pyspark.sql import types as t

    kinds = {
        "text": t.StringType(),
        "count": t.LongType(),
        "minor": t.LongType(),
        "boolean": t.BooleanType(),
        "moment": t.TimestampType(),
        "day": t.LongType(),
        "date": t.DateType(),
    }
    fields = [t.StructField(c.name, kinds[c.kind], c.nullable) for c in schema.columns]
    rows = [tuple(row[c.name] for c in schema.columns) for row in table.to_pylist()]
    return spark.createDataFrame(rows, schema=t.StructType(fields))
