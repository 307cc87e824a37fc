"""Test the fetch folder: it survives a stop, a run can continue, and it states its contents."""

from __future__ import annotations

import asyncio
import csv
import itertools
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import orjson
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fetching.conftest import (
    CLOCK,
    MSN,
    count_payment_requests,
    make_payment_line,
    read_files,
    references,
)
from tests.fetching.recording_transport import RecordingTransport
from tests.hypothesis_sizes import draw_examples
from tests.waiting import wait_until
from vippsrecon.api import Client
from vippsrecon.api.bulk_decode import RawReading
from vippsrecon.errors import InputError, OutputError, SourceError, UnauthorizedError
from vippsrecon.fetching import (
    fetch,
    fetch_into,
    frames,
    part_files,
    read_fetched,
    run_folder,
    workers,
)
from vippsrecon.fetching.decode import decode_readings
from vippsrecon.fetching.frames import Failure
from vippsrecon.fetching.workers import FetchPart
from vippsrecon.simulator import Simulator
from vippsrecon.simulator.http.server import serve_app

RESULTS = ("payments.parquet", "events.parquet", "failures.csv")
SHOT = """
import signal
import sys
from pathlib import Path

# A job begun in the background by a shell ignores Ctrl-C, and so would all its children.
signal.signal(signal.SIGINT, signal.default_int_handler)

from vippsrecon.api import Client
from vippsrecon.config import SalesUnit, load_settings
from vippsrecon.fetching import fetch_into, workers

url, out, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
workers.PART_SECONDS = 0.1
settings = load_settings(
    folder=out.parent, environment="simulator", base_url=url, client_id="client-id",
    client_secret="client-secret", subscription_key="subscription-key", msn="123456",
    units=(SalesUnit("123456", market="NO"),), in_flight=4,
)
with Client(settings) as client:
    fetch_into(out, [f"order-{n:06d}" for n in range(count)], client)
"""


def info_of(out):
    """Return the contents of fetch.json."""
    return json.loads((out / "fetch.json").read_text())


def on_disk(out):
    """Return how many payments the parts hold."""
    return sum(len(part.payments) for _, part in part_files.read_parts(out / "parts"))


def hold_after(simulator, most):
    """Return an app that answers this many requests about payments, and holds all later ones.

    A process that reads from it cannot finish before it is stopped, however slow the machine is.
    """
    numbers = itertools.count(1)

    async def app(scope, receive, send):
        if scope.get("path", "").startswith("/epayment/") and next(numbers) == most:
            simulator.set_faults(
                [{"operations": ["getPayment", "getPaymentEventLog"], "latency_ms": 600_000}]
            )
        await simulator.app(scope, receive, send)

    return app


def shot_midway(url, out, count, how):
    """Start a fetch in another process, stop it when a third is on disk; return its exit code."""
    run = subprocess.Popen(
        [sys.executable, "-c", SHOT, url, str(out), str(count)], stderr=subprocess.PIPE
    )

    def a_third_is_on_disk():
        assert run.poll() is None, run.stderr.read().decode()
        return on_disk(out) >= count // 3

    wait_until(a_third_is_on_disk, 120)
    run.send_signal(how)
    run.communicate(timeout=120)
    return run.returncode


def test_fetch_in_memory_equals_fetch_to_a_folder(opened, tmp_path):
    """A fetch into memory and a fetch into a folder must give the same rows."""
    lines = [make_payment_line(name) for name in references(30)]
    worklist = [*references(30), "order-unknown", "=malformed"]

    in_memory = fetch(worklist, opened(*lines)[0])
    on_disk_result = fetch(worklist, opened(*lines)[0], out=tmp_path / "out")

    for mine, other_frame in zip(in_memory, on_disk_result, strict=True):
        of_the_call = [name for name in ("fetched_at", "trace_id") if name in mine.columns]
        pd.testing.assert_frame_equal(
            mine.drop(columns=of_the_call), other_frame.drop(columns=of_the_call)
        )


def test_fetch_json_describes_the_folder(opened, tmp_path):
    """An auditor asks first: which data is it, from where, from when, and is it complete?"""
    client, _ = opened(*(make_payment_line(name) for name in references(5)))

    info = fetch_into(tmp_path, [*references(5), "order-unknown", "x", "x"], client)

    assert info == info_of(tmp_path)
    assert info["complete"] is True
    assert info["environment"] == "simulator"
    assert info["sales_units"] == [MSN]
    assert len(info["references_sha256"]) == 64
    assert info["started_at"][:13] == info["fetched_at"][:13] == CLOCK[:13]
    assert info["counts"] == {
        "references": 7,
        "duplicates": 1,
        "payments": 5,
        "events": 15,
        "failures": 2,
        "not_found": 1,
        "not_sent": 1,
        "missing": 0,
        "read_again": 0,
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*RESULTS, "fetch.json"])


@pytest.mark.ci
@pytest.mark.parametrize(
    ("how", "count", "lost"),
    [
        pytest.param(signal.SIGKILL, 240, 240 // 6, id="kill -9"),
        pytest.param(signal.SIGINT, 240, 0, id="Ctrl-C"),
        pytest.param(
            signal.SIGKILL, 20_000, 20_000 // 6, id="kill -9 of 20,000", marks=pytest.mark.nightly
        ),
    ],
)
def test_continued_run_requests_only_what_is_not_on_disk(settings, tmp_path, how, count, lost):
    """A kill loses the answers since the last part; Ctrl-C loses only the open requests."""
    lines = [make_payment_line(name) for name in references(count)]
    simulator = Simulator([{"clock": CLOCK}, *lines])
    out, in_flight = tmp_path / "out", 4
    # Each payment takes two requests, so half of the payments can be read before the stop.
    with serve_app(hold_after(simulator, count), 0) as url:
        code = shot_midway(url, out, count, how)
        simulator.set_faults([])

        # Once this is answered, the server has begun all that the stopped process had sent.
        answer = httpx.get(f"{url}/_simulator/requests", trust_env=False).json()
        stored, before = on_disk(out), answer["requests"]["getPayment"]
        assert code != 0
        assert 0 < stored < count
        assert before - stored <= lost + in_flight
        assert info_of(out)["complete"] is False
        with Client(settings(base_url=url)) as client:
            result = fetch(references(count), client, out=out)
    assert count_payment_requests(simulator) - before == count - stored
    assert result.payments["reference"].to_list() == references(count)
    assert len(result.events) == 3 * count
    assert info_of(out)["complete"] is True


@pytest.fixture
def half_down(settings, tmp_path, no_waiting):
    """Fetch 40 payments into tmp_path / "out" while half of them fail; then end the fault.

    Yield the client, and a function that counts the payments requested since then.
    """
    down = [True]
    simulator = Simulator([{"clock": CLOCK}, *(make_payment_line(name) for name in references(50))])
    transport = RecordingTransport(
        simulator.app,
        lambda path, _: (
            httpx.Response(500, json={})
            if down[0] and path >= "/epayment/v1/payments/order-000020"
            else None
        ),
    )
    with Client(settings(in_flight=4), transport=transport) as client:
        fetch_into(tmp_path / "out", references(40), client)
        down[0] = False
        transport.request_counts.clear()
        yield client, lambda: sum(path.endswith("/events") for path in transport.request_counts)


def aged(out, hours):
    """Change the run in `out` so that it looks this many hours older."""
    info = info_of(out)
    began = datetime.fromisoformat(info["started_at"]) - timedelta(hours=hours)
    info["started_at"] = f"{began:%Y-%m-%dT%H:%M:%SZ}"
    (out / "fetch.json").write_text(json.dumps(info))


def test_unanswered_references_are_requested_by_the_next_run(half_down, tmp_path):
    """The next run requests only what failed, and the incomplete result can be read before that."""
    client, count_new_requests = half_down
    first, info = read_fetched(tmp_path / "out")

    second = fetch(references(40), client, out=tmp_path / "out")

    assert (len(first.payments), first.missing, info["complete"]) == (20, 20, False)
    assert count_new_requests() == 20
    assert (len(second.payments), second.missing, len(second.failures)) == (40, 0, 0)
    assert not (tmp_path / "out" / "parts").exists()


@pytest.mark.ci
@pytest.mark.parametrize(
    ("change", "expected_requests"),
    [
        pytest.param({}, 20, id="the same continues"),
        pytest.param({"hours": 23}, 20, id="23 hours old continues"),
        pytest.param({"hours": 25}, 40, id="25 hours old starts again"),
        pytest.param({"hours": -1}, 40, id="from the future starts again"),
        pytest.param({"hours": 25, "resume": True}, 20, id="25 hours old continues with --resume"),
        pytest.param({"count": 41}, 41, id="other references start again"),
        pytest.param({"events": False}, 0, id="without events starts again"),
    ],
)
def test_only_a_recent_run_of_the_same_references_continues(
    half_down, tmp_path, change, expected_requests
):
    """Rows of different days must not be mixed. Together they show a state that never existed."""
    client, count_new_requests = half_down
    aged(tmp_path / "out", change.get("hours", 0))

    result = fetch(
        references(change.get("count", 40)),
        client,
        change.get("events", True),
        out=tmp_path / "out",
        resume=change.get("resume", False),
    )

    assert count_new_requests() == expected_requests
    assert len(result.payments) == change.get("count", 40)
    assert result.missing == 0


def test_continued_run_reports_the_age_of_its_oldest_row(half_down, tmp_path, caplog):
    """A user who continues an old run must know how old its rows are."""
    client, _ = half_down
    aged(tmp_path / "out", 30)

    with caplog.at_level(logging.WARNING, "vippsrecon.fetch"):
        fetch_into(tmp_path / "out", references(40), client, resume=True)

    (record,) = caplog.records
    assert "Its oldest row is less than a minute old" in record.getMessage()
    assert "2026-01-30T06" in record.getMessage()


def test_finished_run_is_fetched_again(opened, tmp_path):
    """A new fetch must show the payments as they are now."""
    client, simulator = opened(make_payment_line("order-000001"))
    fetch_into(tmp_path, ["order-000001"], client)

    fetch_into(tmp_path, ["order-000001"], client)

    assert count_payment_requests(simulator) == 2


def test_a_finished_run_has_nothing_to_resume(opened, tmp_path):
    """For a complete run, `--resume` returns the rows on disk without a call."""
    client, simulator = opened(make_payment_line("order-000001"))
    fetch_into(tmp_path, ["order-000001"], client)

    result = fetch(["order-000001"], client, out=tmp_path, resume=True)

    assert count_payment_requests(simulator) == 1
    assert len(result.payments) == 1


def test_resume_refuses_other_references(opened, tmp_path):
    """To resume a run with other references can only be a mistake."""
    client, _ = opened(make_payment_line("order-000001"))
    fetch_into(tmp_path, ["order-000001"], client)

    with pytest.raises(InputError, match="Omit --resume"):
        fetch_into(tmp_path, ["order-000002"], client, resume=True)


def test_wrong_keys_do_not_change_an_earlier_run(opened, settings, tmp_path):
    """A mistyped secret must not destroy the fetch of last month."""
    client, _ = opened(make_payment_line("order-000001"))
    fetch_into(tmp_path, ["order-000001"], client)
    before = read_files(tmp_path, *RESULTS, "fetch.json")
    refusing = httpx.MockTransport(lambda _: httpx.Response(401, json={}))

    with Client(settings(), transport=refusing) as locked_out, pytest.raises(UnauthorizedError):
        fetch_into(tmp_path, ["order-000001"], locked_out)

    assert read_files(tmp_path, *RESULTS, "fetch.json") == before


def test_damaged_part_file_is_fetched_again(half_down, tmp_path):
    """A part that cannot be read counts as missing."""
    client, count_new_requests = half_down
    for path, part in list(part_files.read_parts(tmp_path / "out" / "parts")):
        if len(part.payments):
            path.write_bytes(path.read_bytes()[:-100])

    result = fetch(references(40), client, out=tmp_path / "out")

    assert count_new_requests() == 40
    assert len(result.payments) == 40


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_part_that_is_a_pipe_is_refused(half_down, tmp_path):
    """With a pipe, the program would wait forever."""
    client, _ = half_down
    os.mkfifo(tmp_path / "out" / "parts" / "000099.arrow")

    with pytest.raises(SourceError, match=r"^000099\.arrow: this is not an ordinary file"):
        fetch(references(40), client, out=tmp_path / "out")


def test_foreign_files_are_not_overwritten(opened, tmp_path):
    """A payments.parquet without a fetch.json beside it belongs to somebody else."""
    client, _ = opened()
    (tmp_path / "payments.parquet").write_bytes(b"mine")

    with pytest.raises(OutputError, match="are not from a fetch"):
        fetch_into(tmp_path, [], client)

    assert (tmp_path / "payments.parquet").read_bytes() == b"mine"


def test_second_fetch_into_one_folder_is_refused(opened, tmp_path):
    """A scheduled run may start before the previous one has ended; their files must not mix."""
    client, _ = opened()

    with (
        run_folder.lock_fetch_folder(tmp_path),
        pytest.raises(OutputError, match="another fetch is writing"),
    ):
        fetch_into(tmp_path, [], client)


def test_unusable_fetch_folder_is_refused(opened, tmp_path):
    """The message names the path and states what to do."""
    client, _ = opened()
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match=r"is a file\. Name a folder"):
        fetch_into(tmp_path / "file" / "out", [], client)


def made_up(request):
    """Return an answer for any reference, so that no list of payments is needed."""
    if "accesstoken" in request.url.path:
        return httpx.Response(200, json={"access_token": "token", "expires_in": "3600"})
    name = request.url.path.split("/")[4]
    line = make_payment_line(name)
    return httpx.Response(200, json=line["events" if "events" in request.url.path else "payment"])


@pytest.mark.ci
def test_memory_does_not_grow_with_the_references(settings, tmp_path, monkeypatch):
    """The peak memory for a million references must be about the same as for a thousand."""
    monkeypatch.setattr(workers, "PART_ROWS", 100)
    monkeypatch.setattr(workers, "_MAX_LANDED", 200)
    monkeypatch.setattr(part_files, "BLOCK_ROWS", 200)
    peaks = {}
    with Client(settings(), transport=httpx.MockTransport(made_up)) as client:
        for count in (50, 300, 1200):
            tracemalloc.start()
            fetch_into(tmp_path / str(count), references(count), client)
            peaks[count] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()

    assert peaks[1200] - peaks[300] < 500_000


def bodies_of(count):
    """Return the answers about this many payments."""
    answers = []
    for name in references(count):
        line = make_payment_line(name)
        body, log = orjson.dumps(line["payment"]), orjson.dumps(line["events"])
        answers.append(RawReading(MSN, name, body, log, datetime(2026, 1, 31, tzinfo=UTC)))
    return answers


def part_of(bodies, settings, failures=()):
    """Return these answers as a part."""
    ways = {(MSN, body.reference): "orders" for body in bodies}
    return FetchPart(decode_readings(bodies, settings, ways).tables, list(failures))


def combined(folder, count, batches, settings, failures=()):
    """Write these batches as parts, combine them, and return the bytes of the results."""
    (folder / "parts").mkdir(parents=True)
    for batch in batches:
        part_files.write_part(folder / "parts", part_of(batch, settings))
    part_files.write_part(
        folder / "parts", FetchPart(frames.concatenate_tables([]), list(failures))
    )
    rows = pl.DataFrame({"msn": [MSN] * count, "reference": references(count)})
    part_files.combine_parts(folder / "parts", rows, folder)
    return read_files(folder, *RESULTS)


@pytest.mark.ci
@pytest.mark.parametrize("block", [20_000, 7], ids=["one block", "many blocks"])
def test_the_same_answers_give_the_same_bytes(settings, tmp_path, monkeypatch, block):
    """The order and the parts do not matter: the same answers give the same bytes."""
    monkeypatch.setattr(part_files, "BLOCK_ROWS", block)
    bodies = bodies_of(40)
    shuffled = random.Random(1).sample(bodies, len(bodies))
    ways = {
        "whole": [bodies],
        "shuffled": [shuffled],
        "pieces": [shuffled[start : start + 3] for start in range(0, 40, 3)],
    }

    results = {
        name: combined(tmp_path / name, 40, batches, settings()) for name, batches in ways.items()
    }

    assert results["whole"] == results["shuffled"] == results["pieces"]
    assert len(pd.read_parquet(tmp_path / "whole" / "payments.parquet")) == 40


def test_last_answer_for_a_reference_counts(settings, tmp_path):
    """A later success replaces a failure; of two failures, the later one counts."""
    bodies = bodies_of(2)
    early = [Failure(MSN, name, "getPayment", 500, "early") for name in references(3)]
    late = [Failure(MSN, name, "getPayment", 502, "late") for name in references(3)[2:]]
    where = tmp_path / "parts"
    where.mkdir()
    part_files.write_part(where, part_of(bodies[:1], settings(), early))
    part_files.write_part(where, part_of(bodies[1:], settings(), late))
    rows = pl.DataFrame({"msn": [MSN] * 3, "reference": references(3)})

    counts = part_files.combine_parts(where, rows, tmp_path)

    assert (counts["payments"], counts["events"], counts["failures"]) == (2, 6, 1)
    assert [failure.title for failure in part_files.read_failures(tmp_path / "failures.csv")] == [
        "late"
    ]


@given(
    st.lists(
        st.builds(
            Failure,
            st.just(MSN),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
            st.just("not_sent"),
            st.none() | st.integers(100, 599),
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8),
            st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8),
            st.none(),
        ),
        max_size=5,
        unique_by=lambda failure: failure.reference,
    )
)
@draw_examples(10)
def test_failures_csv_round_trip_has_no_formulas(rows):
    """A reference may contain any text from an export, and people open this file in Excel."""
    with tempfile.TemporaryDirectory() as name:
        where = Path(name)
        (where / "parts").mkdir()
        part_files.write_part(where / "parts", FetchPart(frames.concatenate_tables([]), rows))
        keys = sorted((failure.msn, failure.reference) for failure in rows)
        schema = {"msn": pl.String, "reference": pl.String}
        part_files.combine_parts(where / "parts", pl.DataFrame(keys, schema, orient="row"), where)
        with (where / "failures.csv").open(encoding="utf-8", newline="") as file:
            cells = [cell for line in csv.reader(file) for cell in line]

        assert list(part_files.read_failures(where / "failures.csv")) == sorted(
            rows, key=lambda failure: failure.reference
        )
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_slow_answers_are_written_within_seconds(settings, tmp_path, monkeypatch):
    """If answers are slow, a kill loses the answers of the last seconds, not the last thousand."""
    monkeypatch.setattr(workers, "PART_SECONDS", 0.1)
    simulator = Simulator([{"clock": CLOCK}, *map(make_payment_line, references(40))])
    part_counts = []

    class SlowTransport(RecordingTransport):
        """Answer nothing after the eighth payment until the first part is on disk."""

        async def handle_async_request(self, request):
            if request.url.path >= "/epayment/v1/payments/order-000008":
                async with asyncio.timeout(60):
                    while not list((tmp_path / "parts").glob("*.arrow")):
                        await asyncio.sleep(0.01)
                part_counts.append(on_disk(tmp_path))
            return await super().handle_async_request(request)

    with Client(settings(in_flight=4), transport=SlowTransport(simulator.app)) as client:
        info = fetch_into(tmp_path, references(40), client)

    assert 0 < part_counts[0] <= 8
    assert info["counts"]["payments"] == 40


def test_full_disk_error_has_no_library_text(tmp_path):
    """The message of Arrow names C++ functions, which do not help the user."""
    with (
        pytest.raises(OutputError, match="the disk is full; free some space") as caught,
        run_folder.translate_os_errors(tmp_path),
    ):
        raise OSError(28, "Error writing bytes to file. Detail: [errno 28]", "parts/1.arrow")

    assert "Detail" not in str(caught.value)
