"""Carriers that are killed and started again until their plans are carried out."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess

from tests.crash.carrier import Death, Life, LifeEnd, live
from tests.crash.simulator_process import ROOT

START_SECONDS = 60.0
LONGEST_LIFE_SECONDS = 120.0
LONGEST_LOOK_AWAY = 1.0
"""Seconds after which lives are looked at again, whether or not one of them reported its end."""

LIVES_LEFT_TO_END = 60
"""Lives that may end by themselves, undone, before a test says that this leads nowhere."""


@contextlib.contextmanager
def fork_server() -> Iterator[Callable[[Life], Running]]:
    """Return a function that starts a life in tens of milliseconds.

    The imports are done only once.
    """
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.crash.carrier"])

    def begin(life: Life) -> Running:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=live, args=(life, sender), daemon=True)
        process.start()
        sender.close()
        return Running(process, receiver)

    try:
        yield begin
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


class Running:
    """A life that was started: a carrier in its own process."""

    def __init__(self, process: ForkServerProcess, line: Connection) -> None:
        self.process = process
        self.line = line
        self.began_at: float | None = None
        self.ended: LifeEnd | None = None

    def wait_until_begun(self) -> None:
        """Wait until the carrier is ready to carry the plan out. It may already be dead then."""
        deadline = time.monotonic() + START_SECONDS
        while self.began_at is None and self.ended is None and self.process.is_alive():
            assert time.monotonic() < deadline, "a life did not begin"
            self.listen(0.05)

    def listen(self, seconds: float = 0.0) -> None:
        """Receive the carrier's messages, waiting at most this long for the first one."""
        with contextlib.suppress(EOFError, OSError):
            while self.line.poll(seconds):
                message = self.line.recv()
                if isinstance(message, LifeEnd):
                    self.ended = message
                else:
                    self.began_at = message
                seconds = 0.0

    def signal(self, number: int) -> None:
        """Send a signal to the process."""
        assert self.process.pid is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    def wait(self, seconds: float = LONGEST_LIFE_SECONDS) -> LifeEnd | None:
        """Wait for the end of the process. Return its last message, or None if it was killed."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.listen(0.02)
            self.process.join(0.02)
            if not self.process.is_alive():
                self.close()
                return self.ended
        self.signal(signal.SIGKILL)
        raise AssertionError(f"a carrier did not end within {seconds:.0f} s")

    def close(self) -> None:
        """Close the connection to a process that has ended."""
        self.process.join()
        self.listen()
        self.line.close()


@dataclass
class Tally:
    """Counts of what happened while carriers were killed.

    Attributes:
        lives: How many lives were started.
        kills: Kills of each kind: from outside at a random instant, or by itself at a commit.
        ends: How many lives ended by themselves with each exit code.
        open_rows: States of the plan's open rows at each kill: see `Workspace.count_open_rows`.
    """

    lives: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    ends: Counter[int] = field(default_factory=Counter)
    open_rows: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Add the counts of another tally."""
        self.lives += other.lives
        self.kills += other.kills
        self.ends += other.ends
        self.open_rows += other.open_rows


@dataclass
class Keeper:
    """Carries several plans out at the same time, each with its own carrier, and kills carriers.

    Args:
        begin: The function from `fork_server`.
        dice: Draws the instants of the kills.
        window: A life is killed at a random time, at most this many seconds after it began.
        in_commit: Share of lives that kill themselves at a commit instead.
        most_kills: After this number of kills, lives are no longer killed.
        after_kill: Called with a plan's position in the list, after its carrier was killed.
    """

    begin: Callable[[Life], Running]
    dice: random.Random
    window: float = 0.5
    in_commit: float = 0.4
    most_kills: int = 1_000
    after_kill: Callable[[int], dict[str, int]] | None = None
    tally: Tally = field(default_factory=Tally)

    def carry(self, lives: list[Life], *, until: tuple[int, ...] = (0,)) -> list[LifeEnd]:
        """Start and kill carriers until each plan ends with an exit code in `until`."""
        running: dict[int, tuple[Running, float, str]] = {}
        last: dict[int, LifeEnd] = {}
        waiting = list(range(len(lives)))
        try:
            while waiting or running:
                for place in waiting:
                    running[place] = self._begun(lives[place])
                waiting = []
                self._watch(running)
                for place, (life, _, how) in list(running.items()):
                    if life.process.is_alive():
                        continue
                    del running[place]
                    life.close()
                    if life.ended is None:
                        code = life.process.exitcode
                        assert code == -signal.SIGKILL, f"it died of something else: {code}"
                        self._killed(place, how)
                    else:
                        assert life.ended.exit_code != 99, life.ended.message
                        self.tally.ends[life.ended.exit_code] += 1
                        assert self.tally.ends.total() < LIVES_LEFT_TO_END, life.ended
                        last[place] = life.ended
                    if life.ended is None or life.ended.exit_code not in until:
                        waiting.append(place)
        finally:
            for life, _, _ in running.values():
                life.signal(signal.SIGKILL)
        return [last[place] for place in range(len(lives))]

    def _begun(self, life: Life) -> tuple[Running, float, str]:
        self.tally.lives += 1
        if self.tally.kills.total() >= self.most_kills:
            return self.begin(life), LONGEST_LIFE_SECONDS, ""
        if self.dice.random() < self.in_commit:
            when = self.dice.choice(("before", "inside", "inside", "after"))
            death = Death(when, self.dice.randint(1, 14), self.dice.uniform(0, 0.003))
            return self.begin(life._replace(death=death)), LONGEST_LIFE_SECONDS, f"{when} a commit"
        return self.begin(life), self.dice.uniform(0, self.window), "at any instant"

    def _watch(self, running: dict[int, tuple[Running, float, str]]) -> None:
        """Wait until a life ends, and kill the lives whose time is over."""
        now = time.monotonic()
        for life, seconds, _ in running.values():
            life.listen()
            if life.began_at is not None and now >= life.began_at + seconds:
                assert seconds < LONGEST_LIFE_SECONDS, "a carrier did not end"
                life.signal(signal.SIGKILL)
        due = [
            life.began_at + seconds - now if life.began_at is not None else 0.005
            for life, seconds, _ in running.values()
        ]
        seconds = max(0.001, min(LONGEST_LOOK_AWAY, *due))
        wait([life.process.sentinel for life, _, _ in running.values()], seconds)

    def _killed(self, place: int, how: str) -> None:
        self.tally.kills[how] += 1
        if self.after_kill is not None:
            self.tally.open_rows.update(self.after_kill(place))
