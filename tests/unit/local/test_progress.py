"""What people see of what is going on, on a terminal and in a pipe."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from local.progress import hours, step


def console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=80, force_terminal=terminal), file


def test_a_step_in_a_pipe_is_printed_when_it_begins_and_when_it_has_ended() -> None:
    piped, file = console(terminal=False)
    with step(piped, "Deploying"):
        assert file.getvalue() == "  ...   Deploying\n"
    assert re.fullmatch(r"  \.\.\.   Deploying\n  done  Deploying \(\d\.\d s\)\n", file.getvalue())


@pytest.mark.parametrize("terminal", [True, False])
def test_a_step_that_failed_is_not_called_done(terminal: bool) -> None:
    any_console, file = console(terminal=terminal)
    with pytest.raises(ValueError, match="no"), step(any_console, "Deploying"):
        raise ValueError("no")
    assert "done" not in file.getvalue()


def test_the_hours_in_a_pipe_are_lines_that_come_as_they_begin() -> None:
    piped, file = console(terminal=False)
    with hours(piped, 2) as begin:
        begin("00:00", "audit")
        assert file.getvalue() == "  00:00  audit\n"
        begin("01:00", "create")
    assert file.getvalue().rstrip("\n") == "  00:00  audit\n  01:00  create"
    assert "\x1b" not in file.getvalue()


def test_the_bar_names_the_hour_at_which_something_happens() -> None:
    terminal, file = console(terminal=True)
    with hours(terminal, 24) as begin:
        begin("01:00", "create")
        begin("02:00", "prune")
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue()).replace("\r", "\n")
    shown = [line for line in last.split("\n") if "prune" in line]
    assert shown
    assert all(line.startswith("  02:00 ") for line in shown)
