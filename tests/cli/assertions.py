"""Check what every refusal of a command has in common."""

from __future__ import annotations


def assert_one_sentence_error(result, *texts):
    """Assert exit code 2 and one sentence that contains these texts, in any case of letters."""
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("vippsrecon: ")]
    assert len(lines) == 1, result.stderr
    for text in texts:
        assert text.lower() in lines[0].lower()
