"""Bad input gives one clear sentence and exit code 2.

No data is lost, and no traceback is shown.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.assertions import assert_one_sentence_error

PLAIN = "msn,reference,order_number,currency,total,refunded,status,ordered_at,fulfilled_at\n"
ROW = "123456,order-1001,1001,NOK,{amount},0,fulfilled,2026-10-02T10:00:00Z,2026-10-03T10:00:00Z\n"


def reconcile(run, file="orders.csv", *more):
    """Run `reconcile`, the command in which most of these mistakes happen."""
    return run("reconcile", "--orders", file, "--out", "report.xlsx", *more)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", ["orders.csv", "empty"], id="empty file"),
        pytest.param(PLAIN.encode(), ["orders.csv"], id="header only"),
        pytest.param(b"\x00\xff\xfe\x01" * 50, ["orders.csv"], id="no text at all"),
        pytest.param(
            ",".join(f"column{n}" for n in range(10_000)).encode() + b"\n",
            ["orders.csv", "columns"],
            id="ten thousand columns",
        ),
        pytest.param(b"name,price\nmug,10\n", ["orders.csv"], id="not an order export"),
    ],
)
def test_unusable_file_is_named(run, keys, folder, content, words):
    """The error names the file and what is wrong with it, before any call is made."""
    (folder / "orders.csv").write_bytes(content)

    assert_one_sentence_error(reconcile(run), *words)


def test_missing_file_is_named(run, keys, folder):
    """This is the most common mistake."""
    assert_one_sentence_error(reconcile(run, "nowhere.csv"), "nowhere.csv")


def test_folder_instead_of_a_file_is_refused(run, keys, folder):
    """A folder is given where an export file is expected."""
    (folder / "orders.csv").mkdir()

    assert_one_sentence_error(reconcile(run), "orders.csv")


def test_wrong_shop_is_refused(run, keys, orders):
    """A profile that the user names is used without guessing, so it must fit the file."""
    assert_one_sentence_error(reconcile(run, orders, "--shop", "shopify"), "orders.csv")


def test_unknown_shop_lists_the_known_shops(run, keys, orders):
    """After a typing error, the message lists the known shops."""
    assert_one_sentence_error(reconcile(run, orders, "--shop", "shopifi"), "shopifi")


def test_amounts_in_another_number_format_are_rejected(run, keys, folder, read_json):
    """Reading 1.234,50 as 1.2345 or 123450 would be wrong, so the row is rejected."""
    (folder / "orders.csv").write_text(PLAIN + ROW.format(amount='"1.234,50"'))
    result = run("preview", "orders.csv", "--json")

    assert result.exit_code in (1, 2)
    assert "Traceback" not in result.output
    if result.exit_code == 1:
        assert read_json(result)["files"][0]["rejects"][0]["value"] == "1.234,50"


def test_export_of_another_month_is_refused(run, keys, orders):
    """Compared with the payments of another month, every order would be missing."""
    result = reconcile(run, orders, "--from", "2026-03-01", "--to", "2026-03-31")

    assert_one_sentence_error(result, "orders.csv", "2026-03-01", "that month")


@pytest.mark.parametrize(
    "more",
    [
        pytest.param(["--from", "2026-13-01"], id="no such day"),
        pytest.param(["--from", "2026-10-31", "--to", "2026-10-01"], id="ends before it begins"),
        pytest.param(["--as-of", "yesterday"], id="no such time"),
    ],
)
def test_invalid_period_is_refused(run, keys, orders, more):
    """Users type dates by hand and make mistakes."""
    result = reconcile(run, orders, *more)

    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_wrong_keys_are_reported_before_the_fetch(run, keys, orders):
    """The error comes before thousands of references are requested."""
    keys.setenv("VIPPS_CLIENT_SECRET", "not-the-secret")
    result = reconcile(run, orders)

    assert_one_sentence_error(result)
    assert "not-the-secret" not in result.output


@pytest.mark.parametrize(
    ("changed", "setting"),
    [
        pytest.param({"VIPPS_ENVIRONMENT": ""}, "VIPPS_ENVIRONMENT", id="none"),
        pytest.param({"VIPPS_ENVIRONMENT": "prod"}, "prod", id="unknown"),
        pytest.param({"VIPPS_ENVIRONMENT": "production"}, "VIPPS_BASE_URL", id="with a base URL"),
        pytest.param({"VIPPS_BASE_URL": "http://api.vipps.no"}, "VIPPS_BASE_URL", id="plain http"),
        pytest.param(
            {"VIPPS_BASE_URL": "https://example.com"}, "VIPPS_BASE_URL", id="another host"
        ),
        pytest.param(
            {"VIPPS_BASE_URL": "http://127.0.0.1.example.com"}, "VIPPS_BASE_URL", id="in disguise"
        ),
    ],
)
def test_wrong_environment_stops_before_the_token(run, keys, orders, changed, setting):
    """The command stops before it requests a token, so that no keys go to another server."""
    for name, value in changed.items():
        keys.setenv(name, value)

    assert_one_sentence_error(reconcile(run, orders), setting)


def test_unreachable_service_is_reported(run, keys, orders):
    """The simulator was not started, or the network is down."""
    keys.setenv("VIPPS_BASE_URL", "http://127.0.0.1:9")
    (orders.parent / "vippsrecon.toml").write_text("retry_seconds = 1\n")

    assert_one_sentence_error(reconcile(run, orders))


@pytest.mark.ci
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"truncate": True}, id="truncated"),
        pytest.param({"html_body": True}, id="HTML"),
        pytest.param({"status": 503}, id="5xx for minutes"),
    ],
)
def test_unreadable_answers_are_listed_as_failures(
    run, serve_with_faults, few_orders, read_json, fault
):
    """One sentence at the end; each reference without an answer is a row, and none is lost."""
    serve_with_faults({"operations": ["getPayment"], "share": 1.0, **fault})
    (few_orders.parent / "vippsrecon.toml").write_text("retry_seconds = 1\nin_flight = 256\n")
    result = run("reconcile", "--orders", few_orders, "--out", "report.xlsx", "--json")

    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert read_json(result)["verdict"] == "incomplete"
    assert read_json(result)["failures"]


@pytest.mark.ci
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_full_disk_is_reported(keys, few_orders, folder):
    """A limit on the file size simulates a full disk: the system refuses the write."""
    import resource

    arguments = ["reconcile", "--orders", few_orders, "--out", "r.xlsx"]
    result = subprocess.run(
        [sys.executable, "-B", "-m", "vippsrecon", *arguments],  # -B: or bytecode is cut off too
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 2, result.stdout
    assert "Traceback" not in result.stderr
    assert "space" in result.stderr
    assert not (folder / "r.xlsx").exists()


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no such device here")
def test_device_path_is_refused_as_output(run, keys, orders):
    """If the finished report were moved to a device path, it would replace the device."""
    assert_one_sentence_error(
        run("reconcile", "--orders", orders, "--out", "/dev/full"), "/dev/full"
    )
    assert Path("/dev/full").is_char_device()


def test_output_path_that_is_a_folder_is_refused(run, keys, orders, folder):
    """The error comes before the fetch, not after it."""
    (folder / "report.xlsx").mkdir()

    assert_one_sentence_error(reconcile(run, orders), "report.xlsx", "folder")


def test_output_in_a_missing_folder_is_refused(run, keys, orders):
    """A folder that does not exist is usually a typing error, so it is not created."""
    result = run("reconcile", "--orders", orders, "--out", "nowhere/report.xlsx")

    assert_one_sentence_error(result, "nowhere")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder nobody may write to")
def test_output_without_permission_is_refused(run, keys, orders):
    """Even an administrator, whom file permissions do not stop, cannot write here."""
    result = run("reconcile", "--orders", orders, "--out", "/proc/report.xlsx")

    assert_one_sentence_error(result, "/proc/report.xlsx")


def test_demo_does_not_overwrite_a_real_report(run, folder):
    """A user may try the demo in the folder that holds the month's real report."""
    (folder / "report.xlsx").write_bytes(b"October")
    result = run("demo", "--payments", "50")

    assert_one_sentence_error(result, "report.xlsx")
    assert (folder / "report.xlsx").read_bytes() == b"October"


def test_invalid_simulator_state_is_refused(run, folder):
    """A file of another kind is refused; the error gives its name and the line."""
    (folder / "state.jsonl").write_text("{not json\n")

    assert_one_sentence_error(run("simulator", "--state", "state.jsonl"), "state.jsonl")


def test_report_does_not_replace_its_own_input(run, keys, orders):
    """The export may be the only copy, so a typing error must not overwrite it."""
    before = orders.read_bytes()
    result = run("reconcile", "--orders", orders, "--out", orders.name)

    assert_one_sentence_error(result, "orders.csv", "input files")
    assert orders.read_bytes() == before


def test_input_workbook_is_not_overwritten(run, keys, folder):
    """An export can be an .xlsx file too. It is an input and must not be overwritten."""
    (folder / "orders.xlsx").write_bytes(b"a workbook")
    result = run("reconcile", "--orders", "orders.xlsx", "--out", "./orders.xlsx")

    assert_one_sentence_error(result, "orders.xlsx", "input files")
    assert (folder / "orders.xlsx").read_bytes() == b"a workbook"


@pytest.mark.parametrize("name", ["report.csv", "report", "truth.pdf"])
def test_report_must_be_an_xlsx_file(run, keys, orders, folder, name):
    """Excel does not open a workbook with another suffix, and such a file may belong to someone."""
    (folder / name).write_bytes(b"mine")

    assert_one_sentence_error(run("reconcile", "--orders", orders, "--out", name), name, ".xlsx")
    assert (folder / name).read_bytes() == b"mine"


def test_one_bad_file_does_not_hide_the_others(run, orders, folder):
    """Users preview a whole folder of exports, and often one file is of another kind."""
    (folder / "empty.csv").write_bytes(b"")
    result = run("preview", "empty.csv", orders, "--json")

    assert_one_sentence_error(result, "empty.csv")
    assert [file["path"] for file in json.loads(result.stdout)["files"]] == [str(orders)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["demo", "--payments", "0"], ["--payments"], id="too few"),
        pytest.param(["demo", "--payments", "1000001"], ["--payments", "1000000"], id="too many"),
        pytest.param(
            ["scenario", "made", "--payments", "1000001"], ["--payments"], id="too many rows"
        ),
        pytest.param(["demoo"], ["demoo"], id="no such command"),
        pytest.param(
            ["simulator", "--state", "s.jsonl", "--faults", "nope.toml"],
            ["nope.toml", "no such file"],
            id="no such faults",
        ),
    ],
)
def test_usage_error_is_short(run, folder, arguments, words):
    """A long usage text would hide the one mistake."""
    (folder / "s.jsonl").write_text("")

    assert_one_sentence_error(run(*arguments), *words)


def test_invalid_as_of_shows_an_example(run, keys, orders):
    """The error shows an example of a valid time."""
    assert_one_sentence_error(
        reconcile(run, orders, "--as-of", "yesterday"), "--as-of", "yesterday"
    )


@pytest.mark.parametrize("option", ["--as-of", "--exported-at"])
def test_impossible_offset_is_refused(run, keys, orders, option):
    """Order rows with such an offset are refused; an option with it would be wrong by an hour."""
    ran = reconcile(run, orders, option, "2026-10-31T18:00:00+00:60")
    assert_one_sentence_error(ran, option, "has an offset that no place has")


def test_as_of_before_every_order_is_refused(run, keys, orders):
    """With a mistyped year no order would be due yet, and the month would look clean."""
    assert_one_sentence_error(
        reconcile(run, orders, "--as-of", "2025-10-31"), "--as-of", "earlier than every order"
    )


def test_fetch_to_a_file_is_refused(run, keys, orders, folder):
    """`--out` must be a folder, and the system's own error message does not explain this."""
    (folder / "october").write_text("")

    assert_one_sentence_error(
        run("fetch", orders, "--out", "october"), "october", "is a file", "name a folder"
    )


def test_payments_of_another_month_are_refused(run, keys, orders, folder):
    """The orders and the payments have no reference in common: the user named the wrong folder."""
    (folder / "other.csv").write_text("reference\norder-nobody-made\n")
    assert run("fetch", "other.csv", "--out", "other").exit_code == 0
    result = reconcile(run, orders, "--payments", "other")

    assert_one_sentence_error(result, "other", "fetched for other orders", "--payments")


def test_check_needs_a_sales_unit(run, keys):
    """The error for no sales unit must not be the one for several sales units."""
    keys.delenv("VIPPS_MSN")

    assert_one_sentence_error(run("check"), "no sales unit is configured", "vippsrecon init")


def test_token_error_names_the_call(run, serve_with_faults, orders):
    """Accountants forward this error, so it must say which request failed and what to do."""
    serve_with_faults({"operations": ["accessToken"], "share": 1.0, "status": 503})
    (orders.parent / "vippsrecon.toml").write_text("retry_seconds = 1\n")

    assert_one_sentence_error(
        reconcile(run, orders), "access token of sales unit 123456", "try again"
    )
