"""What a fetch costs: CPU seconds per 1,000 payments and peak memory, end to end on disk.

    python -m tests.benchmarks.fetch_cost [--smoke] [--sizes 10000 100000 1000000]

Each size runs in a process of its own against the server of `bulk_read` (another process, 50 ms
an answer). A payment is two answers: the payment and its event log of four events. The CPU time
is the whole process's: HTTP, decoding, validating, parts on disk, combining them. Memory is the
process's peak, and what of it came on top of the imports.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.bulk_read import MODULE
from tests.benchmarks.server_process import HOST, start_server

SIZES = (10_000, 100_000)


def main() -> None:
    """Print one line per size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="500 payments")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--in-flight", type=int, default=128)
    parser.add_argument("--run", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(measured(*options.run, in_flight=options.in_flight)))
        return
    sizes = (500,) if options.smoke else options.sizes
    print(f"{options.in_flight} in flight, 50 ms an answer, payment and event log")
    print(
        f"{'payments':>10}{'seconds':>10}{'a second':>10}{'CPU s/1,000':>13}{'peak MB':>9}{'+ MB':>7}"
    )
    with start_server(MODULE) as port:
        for size in sizes:
            command = [sys.executable, "-m", "tests.benchmarks.fetch_cost", "--run", str(port)]
            command += [str(size), "--in-flight", str(options.in_flight)]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            result = json.loads(done.stdout)
            print(
                f"{size:>10,}{result['seconds']:>10.1f}{size / result['seconds']:>10,.0f}"
                f"{1000 * result['cpu'] / size:>13.3f}{result['peak']:>9,.0f}"
                f"{result['peak'] - result['before']:>7,.0f}"
            )


def measured(port: int, size: int, *, in_flight: int) -> dict[str, float]:
    """Fetch `size` payments into a separate folder; return the time and memory used."""
    from tests.simulator_settings import load_simulator_settings
    from vippsrecon.api import Client
    from vippsrecon.fetching import fetch_into

    with tempfile.TemporaryDirectory() as name:
        settings = load_simulator_settings(
            Path(name), base_url=f"http://{HOST}:{port}", in_flight=in_flight
        )
        with Client(settings) as client:
            # Costs that every run has once: token, late imports, Polars' threads.
            fetch_into(Path(name) / "warm", ["order-warm"], client)
            before = _now()
            references = (f"order-{number:08d}" for number in range(size))
            began = time.perf_counter()
            info = fetch_into(Path(name) / "out", references, client)
            seconds = time.perf_counter() - began
            after = _now()
        assert info["counts"]["payments"] == size
        assert info["counts"]["read_again"] == 0
    return {
        "seconds": seconds,
        "cpu": after["cpu"] - before["cpu"],
        "peak": after["peak"],
        "before": before["peak"],
    }


def _now() -> dict[str, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return {"cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss / unit}


if __name__ == "__main__":
    main()
