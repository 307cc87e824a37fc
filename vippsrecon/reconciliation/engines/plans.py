"""Build a step's plan once per process, and run it again on other frames.

For few rows, nearly all time of a comparison goes into translating the expressions to Polars; for
a million rows it is still a tenth. A planned step is a function from frames to frames that looks
at no row. On Polars its plan is built once per settings and columns, with a place for each input
frame; later calls put their frames in these places.

On DuckDB and Spark a planned step is an ordinary function.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, is_dataclass, replace
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

import narwhals.stable.v2 as nw

SMALL_ROWS = 50_000
"""Up to this many rows of input, shortcuts for frames without rows save less than plans do."""

_PLANS_KEPT = 256

LazyFrame = nw.LazyFrame[Any]

_P = ParamSpec("_P")
_R = TypeVar("_R")

_rows: ContextVar[int | None] = ContextVar("rows", default=None)
_building: ContextVar[_Plan | None] = ContextVar("building", default=None)


@contextmanager
def reuse_plans(rows: int | None) -> Iterator[None]:
    """Reuse the plans of planned steps.

    Args:
        rows: The rows of all inputs together; None if they are not on Polars.
    """
    token = _rows.set(rows)
    try:
        yield
    finally:
        _rows.reset(token)


def is_building() -> bool:
    """Return whether a plan is being built: there are no rows to compute or to look at."""
    return _building.get() is not None


def add_to_plan(data: LazyFrame, *, large: bool) -> LazyFrame:
    """Let the plan that is being built compute a frame once; return a frame that reads the rows."""
    plan = _building.get()
    if plan is None:
        raise RuntimeError("no plan is being built")
    return plan.add(data, large=large)


def planned(step: Callable[_P, _R]) -> Callable[_P, _R]:
    """Make a function from lazy frames to lazy frames a planned step.

    Args:
        step: A function that looks at no row. Its arguments are frames, dataclasses of frames,
            None, and settings, which are hashable. It returns a frame or a dataclass of frames.
    """
    return _plan(step, up_to=None)


def planned_if_small(step: Callable[_P, _R]) -> Callable[_P, _R]:
    """Make a function a planned step that takes its shortcuts where there are many rows.

    A plan takes no shortcut, because whether a frame has rows is not known while it is built.
    """
    return _plan(step, up_to=SMALL_ROWS)


def _plan(step: Callable[_P, _R], up_to: int | None) -> Callable[_P, _R]:
    plans = _PlanCache(step)

    @wraps(step)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        rows = _rows.get()
        if is_building() or rows is None or (up_to is not None and rows > up_to):
            return step(*args, **kwargs)
        inputs: list[Any] = []
        key = _take_frames((args, tuple(kwargs.items())), inputs)
        plan = plans.get(key, inputs, args, kwargs)
        result: _R = plan.run(inputs, large=rows > SMALL_ROWS)
        return result

    return run


class _PlanCache:
    """The plans of one step; the least recently used are dropped."""

    def __init__(self, step: Callable[..., Any]) -> None:
        self._step = step
        self._plans: OrderedDict[Any, _Plan] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any, inputs: list[Any], args: Any, kwargs: Any) -> _Plan:
        with self._lock:
            plan = self._plans.get(key)
            if plan is None:
                plan = _Plan(self._step, inputs, args, kwargs)
                self._plans[key] = plan
                if len(self._plans) > _PLANS_KEPT:
                    self._plans.popitem(last=False)
            self._plans.move_to_end(key)
            return plan


class _Plan:
    """One step as a series of Polars plans, with a place for each frame that is in memory.

    The first places are the step's inputs. Each plan reads some places, and its result fills the
    next one. The last plans are the step's results, which are computed at once.
    """

    def __init__(self, step: Callable[..., Any], inputs: list[Any], args: Any, kwargs: Any) -> None:
        self._places: list[Any] = []
        self._plans: list[Any] = []
        self._results: list[Any] = []
        self._lock = threading.Lock()
        leaves = iter([self._add_place(data.schema) for data in inputs])
        token = _building.set(self)
        try:
            result = step(
                *_map_frames(args, lambda _: next(leaves)),
                **{
                    name: _map_frames(value, lambda _: next(leaves))
                    for name, value in kwargs.items()
                },
            )
            _map_frames(result, lambda frame: self._results.append(nw.to_native(frame)))
        finally:
            _building.reset(token)
        self._shape = result

    def add(self, data: LazyFrame, *, large: bool) -> LazyFrame:
        """Add the computation of a frame to the series; return a frame that reads its result."""
        native = nw.to_native(data)
        self._plans.append((native, large))
        return self._add_place(native.collect_schema())

    def _add_place(self, schema: Any) -> LazyFrame:
        from polars.io.plugins import register_io_source

        place = len(self._places)
        self._places.append(None)

        def read(
            names: list[str] | None, predicate: Any, n_rows: int | None, _batch_size: int | None
        ) -> Iterator[Any]:
            frame = self._places[place]
            if names is not None:
                frame = frame.select(names)
            if predicate is not None:
                frame = frame.filter(predicate)
            yield frame if n_rows is None else frame.head(n_rows)

        leaf: LazyFrame = nw.from_native(register_io_source(read, schema=schema))
        return leaf

    def run(self, inputs: list[Any], *, large: bool) -> Any:
        """Compute the step on these frames, and return its result with frames in memory.

        Args:
            inputs: The input frames, in order.
            large: Whether they have many rows, so that Polars' streaming engine and its
                optimizations are worth starting.
        """
        import polars as pl

        options: Any = {} if large else {"optimizations": _choose_optimizations()}
        with self._lock:  # the places are the plan's own
            self._places[: len(inputs)] = inputs
            try:
                for place, (plan, reads_much) in enumerate(self._plans, start=len(inputs)):
                    engine: Any = "streaming" if large and reads_much else "in-memory"
                    self._places[place] = plan.collect(engine=engine, **options)
                computed = iter(pl.collect_all(self._results, engine="in-memory", **options))
            finally:
                self._places[:] = [None] * len(self._places)
        return _map_frames(self._shape, lambda _: nw.from_native(next(computed).lazy()))


@cache
def _choose_optimizations() -> Any:
    """Return Polars' optimizations without those that only save work on many rows."""
    import polars as pl

    return pl.QueryOptFlags(
        predicate_pushdown=False,
        projection_pushdown=False,
        slice_pushdown=False,
        comm_subplan_elim=False,
        comm_subexpr_elim=False,
    )


def _take_frames(value: Any, taken: list[Any]) -> Any:
    """Compute the frames in a value, append them to `taken`, and put their columns in their places."""

    def take(frame: Any) -> Any:
        data = nw.to_native(frame).collect(engine="in-memory")
        taken.append(data)
        return tuple(data.schema.items())

    return _map_frames(value, take, as_key=True)


def _map_frames(value: Any, change: Callable[[Any], Any], *, as_key: bool = False) -> Any:
    """Return a value with each lazy frame in it changed; as a key, dataclasses become tuples."""
    if isinstance(value, nw.LazyFrame):
        return change(value)
    if not _has_frames(value):
        return value
    if isinstance(value, tuple):
        parts = [_map_frames(part, change, as_key=as_key) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    changed = {
        field.name: _map_frames(getattr(value, field.name), change, as_key=as_key)
        for field in fields(value)
    }
    return tuple(changed.items()) if as_key else replace(value, **changed)


def _has_frames(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(map(_has_frames, value))
    if is_dataclass(value):
        return any(_has_frames(getattr(value, field.name)) for field in fields(value))
    return isinstance(value, nw.LazyFrame)
