import logging
import time

from ofa.cli import progress
from ofa.cli.progress import hushed, working


def test_where_there_is_no_terminal_a_line_tells_pace_and_time_left_now_and_then(
    capsys, monkeypatch
):
    monkeypatch.setattr(progress, "_LINE_EVERY_S", 0.02)

    with working("ofa sample") as track:
        for _ in track(range(8), "subnets"):
            time.sleep(0.01)

    lines = capsys.readouterr().err.splitlines()
    assert 1 <= len(lines) <= 8
    assert all(line.startswith("subnets: ") and "/8" in line for line in lines)
    assert "/s, 0:00 left" in lines[-1]


def test_what_is_soon_done_says_nothing(capsys):
    with working("ofa sample") as track:
        assert list(track(iter("abc"), "letters")) == ["a", "b", "c"]

    assert capsys.readouterr() == ("", "")


def test_a_quiet_command_tells_errors_only(caplog):
    log = logging.getLogger("ofa.train")

    with hushed():
        log.warning("a step was left out")
        log.error("the disk is full")
    log.warning("a step was left out after all")

    assert caplog.messages == ["the disk is full", "a step was left out after all"]
