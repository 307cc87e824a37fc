"""One life of a carrier: a process that carries a plan out until the plan is done or it is killed.

A fork server imports everything once, before a life begins. A kill therefore stops the work on
the plan, and not the start of Python.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine, event

from vippsrecon.api.client import Client
from vippsrecon.bulk.execution.carry_out import carry_out
from vippsrecon.bulk.execution.context import Timeouts
from vippsrecon.bulk.plan.file import read_plan
from vippsrecon.config.load import load_settings
from vippsrecon.errors import VippsReconError

PATIENCE = Timeouts(
    settle_for=20.0,
    wait_for=20.0,
    first_wait=0.02,
    longest_wait=0.5,
    recheck_interval=0.2,
)
"""The waits of a test: everything it waits for is on this machine."""


class Death(NamedTuple):
    """At which commit of the journal a life is ended by SIGKILL.

    Attributes:
        when: "before" the database receives the commit, "inside" the commit (`seconds` after
            it began), or "after" it, before the carrier knows that it was done.
        nth: The number of the commit, counted from 1.
        seconds: Used if `when` is "inside".
    """

    when: str
    nth: int
    seconds: float = 0.0


class Life(NamedTuple):
    """The settings of one life.

    Attributes:
        folder: The working folder, with `vippsrecon.toml`.
        base_url: The simulator's URL.
        database_url: The URL of the workspace database.
        plan: The plan's file.
        in_flight: Number of rows carried out at the same time.
        patience: The longest waits.
        death: Where the process kills itself, if it does.
        largest_file: Largest size in bytes of a file it writes. This simulates a full disk.
    """

    folder: Path
    base_url: str
    database_url: str
    plan: Path
    in_flight: int = 4
    patience: Timeouts = PATIENCE
    death: Death | None = None
    largest_file: int | None = None


class LifeEnd(NamedTuple):
    """The last message of a life that was not killed.

    Attributes:
        exit_code: The exit code, as on the command line.
        message: Why it stopped, or the error, or "".
        counts: The number of rows for each outcome.
    """

    exit_code: int
    message: str
    counts: dict[str, int]


def live(life: Life, line: Connection) -> None:
    """Carry the plan out. Send one message before it begins and one with the result at the end."""
    # This process must not use the signal handler of the test runner.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    random.seed()
    if life.death is not None:
        _end_in_commit(life.death)
    if life.largest_file is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        sys.dont_write_bytecode = True  # it would be cut off too
        resource.setrlimit(resource.RLIMIT_FSIZE, (life.largest_file, life.largest_file))
    settings = load_settings(
        folder=life.folder,
        environment="simulator",
        base_url=life.base_url,
        msn="123456",
        client_id="11111111-1111-4111-8111-111111111111",
        client_secret="scenario-secret-123456",
        subscription_key="0123456789abcdef0123456789abcdef",
        database_url=life.database_url,
    )
    plan = read_plan(life.plan)
    line.send(time.monotonic())
    try:
        with Client(settings) as client:
            carried = carry_out(
                plan,
                client,
                live=True,
                confirm=plan.totals,
                in_flight=life.in_flight,
                carrier=f"test {os.getpid()}",
                patience=life.patience,
            )
        ended = LifeEnd(carried.exit_code, carried.stopped, carried.counts)
    except VippsReconError as error:
        ended = LifeEnd(2, f"{type(error).__name__}: {error}", {})
    except BaseException:
        ended = LifeEnd(99, traceback.format_exc(), {})
        sys.stderr.write(ended.message)
    line.send(ended)
    line.close()


def _end_in_commit(death: Death) -> None:
    commits = 0

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def soon() -> None:
        until = time.perf_counter() + death.seconds
        while time.perf_counter() < until:
            time.sleep(0)
        die()

    def committing(connection: Any) -> None:
        nonlocal commits
        commits += 1
        if commits == death.nth and death.when == "before":
            die()
        if commits == death.nth and death.when == "inside":
            threading.Thread(target=soon, daemon=True).start()

    def given_back(connection: Any, record: Any) -> None:
        if commits >= death.nth and death.when == "after":
            die()

    event.listen(Engine, "commit", committing)
    event.listen(Engine, "checkin", given_back)
