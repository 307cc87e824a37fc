"""List the references to read: each once, in order, and whether it can be sent."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import narwhals.stable.v2 as nw
import polars as pl
import pyarrow as pa

from vippsrecon.errors import InputError
from vippsrecon.fetching.frames import Failure
from vippsrecon.schemas import PAYMENTS
from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.schemas.user_frames import is_missing, wrap_frame, wrap_series
from vippsrecon.vipps_rules import (
    MAX_REFERENCE_LENGTH,
    MIN_REFERENCE_LENGTH,
    MSN_PATTERN,
    NEW_REFERENCE_PATTERN,
)

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame

DISCOVERED_BY_VALUES = next(
    column.one_of for column in PAYMENTS.columns if column.name == "discovered_by"
)

_SLICE_ROWS = 10_000

Reference = str | tuple[str, str]
"""A reference (if one sales unit is configured), or (msn, reference)."""


class WorklistRow(NamedTuple):
    """One reference to read, and where it came from."""

    msn: str
    reference: str
    discovered_by: str


class Worklist:
    """The references of one fetch: sorted, each once. A million take some 100 MB.

    Attributes:
        rows: msn, reference, discovered_by, sendable; sorted by msn and reference.
        duplicates: How many input rows repeat a reference.
        sha256: Hash of the sorted (msn, reference) pairs of the input. `add` does not change
            it.
    """

    def __init__(
        self,
        references: Iterable[Reference] | IntoFrame,
        default_msn: str | None,
    ) -> None:
        rows = _build_rows(references, default_msn)
        named = len(rows)
        # Sorted first, so that a duplicate follows its original: half the memory of unique().
        rows = rows.sort(PAYMENT_KEY, maintain_order=True)
        rows = rows.filter(
            pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift()) for name in PAYMENT_KEY)
        )
        self.rows = rows.with_columns(sendable=_sendable_expression())
        self.duplicates = named - len(rows)
        self.sha256 = _hash_references(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def msns(self) -> list[str]:
        """The sales units whose references are sent, sorted."""
        return self.rows.filter("sendable")["msn"].unique().sort().to_list()

    def add(self, further: pl.DataFrame) -> pl.DataFrame:
        """Add further references; return the rows that are new and can be sent, in order.

        Args:
            further: msn, reference; their `discovered_by` is "orders".
        """
        worklist_rows = further.select(
            *PAYMENT_KEY, discovered_by=pl.lit("orders"), sendable=_sendable_expression()
        )
        new = (
            worklist_rows.filter("sendable")
            .unique(PAYMENT_KEY)
            .join(self.rows.select(PAYMENT_KEY), on=PAYMENT_KEY, how="anti")
            .sort(PAYMENT_KEY)
        )
        if len(new):
            self.rows = pl.concat([self.rows, new]).sort(PAYMENT_KEY)
        return new

    def select_remaining(self, done: pl.DataFrame) -> pl.DataFrame:
        """Return the rows that can be sent and are not in `done` (msn, reference), in order."""
        return self.rows.filter("sendable").join(
            done.select(PAYMENT_KEY),
            on=PAYMENT_KEY,
            how="anti",
            maintain_order="left",
        )

    @staticmethod
    def iterate_rows(left: pl.DataFrame) -> Iterator[WorklistRow]:
        """Yield the rows of `left` one by one, never all at once."""
        for part in left.select(WorklistRow._fields).iter_slices(_SLICE_ROWS):
            yield from map(WorklistRow._make, part.iter_rows())

    def build_not_sent_failures(self) -> list[Failure]:
        """Return a failure for each reference that cannot be a payment reference."""
        return [
            Failure(
                msn,
                reference,
                "not_sent",
                None,
                "malformed reference",
                _explain_malformed(msn, reference),
            )
            for msn, reference in self.rows.filter(~pl.col("sendable"))
            .select(PAYMENT_KEY)
            .iter_rows()
        ]


def _sendable_expression() -> pl.Expr:
    return pl.col("reference").str.contains(NEW_REFERENCE_PATTERN) & pl.col("msn").str.contains(
        f"^{MSN_PATTERN}$"
    )


def _build_rows(
    references: Iterable[Reference] | IntoFrame, default_msn: str | None
) -> pl.DataFrame:
    if isinstance(references, str):
        raise InputError("references must be a list; one text was given.")
    frame = wrap_frame(references)
    if frame is not None:
        return _convert_frame(frame, default_msn)
    series = wrap_series(references)
    if series is not None:
        column = {"reference": _to_text_array(series.to_native(), "reference")}
        return _complete_rows(column, len(series), default_msn)
    if not isinstance(references, Iterable):
        raise InputError(
            f"references: a {type(references).__name__} is neither a list, a series nor a frame"
        )
    items = iter(references)
    parts = [_complete_rows({}, 0, default_msn)]
    # In slices: a million Python texts take ten times the memory of the columns.
    while batch := list(islice(items, _SLICE_ROWS)):
        pairs = [_split_reference(item) for item in batch]
        columns = {
            name: _to_text_array(values, name)
            for name, values in zip(PAYMENT_KEY, zip(*pairs, strict=True), strict=True)
        }
        parts.append(_complete_rows(columns, len(batch), default_msn))
    return pl.concat(parts)


def _split_reference(item: object) -> tuple[Any, Any]:
    if isinstance(item, str):
        return None, item
    if isinstance(item, tuple) and len(item) == len(PAYMENT_KEY):
        return item
    raise InputError(f"references: {item!r:.80} is neither text nor (msn, reference)")


def _convert_frame(frame: nw.DataFrame[Any], default_msn: str | None) -> pl.DataFrame:
    if "reference" not in frame.columns:
        raise InputError("references: the frame has no column 'reference'")
    columns = {
        name: _to_text_array(frame[name].to_native(), name)
        for name in WorklistRow._fields
        if name in frame.columns
    }
    return _complete_rows(columns, len(frame), default_msn)


def _complete_rows(
    columns: Mapping[str, pa.Array], count: int, default_msn: str | None
) -> pl.DataFrame:
    nothing = pa.nulls(count, pa.large_string())
    frame = pl.DataFrame(
        {
            name: pl.Series(columns.get(name, nothing), dtype=pl.String)
            for name in WorklistRow._fields
        }
    ).with_columns(
        pl.col("msn").fill_null(pl.lit(default_msn, pl.String)),
        pl.col("reference").fill_null(""),
        pl.col("discovered_by").fill_null("references"),
    )
    nowhere = frame.filter(pl.col("msn").is_null())
    if len(nowhere):
        raise InputError(
            f"reference {nowhere['reference'][0][:80]!r} has no sales unit, and the settings do "
            "not name exactly one. Give (msn, reference) pairs or set VIPPS_MSN."
        )
    unknown = frame.filter(~pl.col("discovered_by").is_in(DISCOVERED_BY_VALUES))
    if len(unknown):
        raise InputError(
            f"discovered_by {unknown['discovered_by'][0][:80]!r} is not one of {', '.join(DISCOVERED_BY_VALUES)}"
        )
    return frame


def _to_text_array(values: Any, name: str) -> pa.Array:
    if isinstance(values, pl.Series):
        values = values.to_arrow()
    if name == "msn":
        values = _format_msns(values)
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    try:
        array = pa.array(values, from_pandas=True)
        # Arrow would silently make text of numbers.
        if pa.types.is_primitive(array.type):
            raise pa.ArrowTypeError(str(array.type))
        array = array.cast(pa.large_string())
    except (pa.ArrowException, UnicodeError):
        raise InputError(
            f"references: {name} must be text (a number has already lost its leading zeros)"
        ) from None
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _format_msns(values: Any) -> Any:
    """Format sales units that are whole numbers as text; they have no leading zeros to lose."""
    listed = values.to_pylist() if hasattr(values, "to_pylist") else list(values)
    if all(value is None or isinstance(value, str) for value in listed):
        return values
    return [
        f"{float(value):.0f}" if isinstance(value, Real) and float(value).is_integer() else value
        for value in (None if is_missing(value) else value for value in listed)
    ]


def _hash_references(rows: pl.DataFrame) -> str:
    digest = hashlib.sha256()
    for part in rows.select(PAYMENT_KEY).iter_slices(_SLICE_ROWS):
        digest.update("".join(f"{msn}\t{name}\n" for msn, name in part.iter_rows()).encode())
    return digest.hexdigest()


def _explain_malformed(msn: str, reference: str) -> str:
    if not re.fullmatch(MSN_PATTERN, msn):
        return "the merchant serial number must have 4 to 10 digits"
    if not reference:
        return "the reference is empty"
    if not MIN_REFERENCE_LENGTH <= len(reference) <= MAX_REFERENCE_LENGTH:
        return (
            f"a reference has {MIN_REFERENCE_LENGTH} to {MAX_REFERENCE_LENGTH} characters, "
            f"this one has {len(reference)}"
        )
    return "a reference has only letters A to Z, digits and hyphens"
