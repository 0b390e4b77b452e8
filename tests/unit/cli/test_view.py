"""Rendering: on a terminal, in a pipe, for programs."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pinecone_backup_cli.errors import Exit
from pinecone_backup_cli.figures import ago, size, span, when
from pinecone_backup_cli.view import Answer, Column, Screens, facts, table, word

ID = "670e8400-e29b-41d4-a716-446655440000"
ROWS = [("Ready", ID, "products"), ("InitializationFailed", ID, "a-very-long-name-of-an-index" * 2)]
SCREEN = [
    table(
        ROWS,
        Column[tuple[str, str, str]]("Backup", lambda row: row[1], whole=True),
        Column[tuple[str, str, str]]("State", lambda row: word(row[0])),
        Column[tuple[str, str, str]]("Index", lambda row: row[2]),
        empty="Nothing.",
    ),
    facts(("reason", "[bold]Case[/bold] :warning: 4711"), ("left out", ""), ("too", "-")),
]


def terminal(*, colour: bool) -> Console:
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        width=80,
        markup=False,
        emoji=False,
        highlight=False,
        color_system="standard" if colour else None,
        no_color=not colour,
    )


def shown(console: Console) -> str:
    assert Screens(console, console).show(Answer(ROWS, SCREEN)) is Exit.FINE
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_colour_only_repeats_what_the_words_say() -> None:
    coloured = shown(terminal(colour=True))
    assert "\x1b[32m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == re.sub(
        r"\x1b\[[0-9;]*m", "", shown(terminal(colour=False))
    )


def test_80_columns_are_enough_and_an_id_is_never_broken() -> None:
    lines = shown(terminal(colour=False)).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(ID in line for line in lines) == 2


def test_a_pipe_gets_one_plain_line_for_each_row(capsys: pytest.CaptureFixture[str]) -> None:
    Screens.standard().show(Answer(ROWS, SCREEN))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == [
        f"{ID}  Ready                  products",
        f"{ID}  Initialization failed  {ROWS[1][2]}",
    ]
    assert "\x1b" not in "".join(lines)


def test_what_people_wrote_is_shown_as_they_wrote_it(capsys: pytest.CaptureFixture[str]) -> None:
    Screens.standard().show(Answer(ROWS, SCREEN))
    assert capsys.readouterr().out.endswith("reason  [bold]Case[/bold] :warning: 4711\n")


def test_a_table_without_rows_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    nothing: list[str] = []
    column = Column[str]("Name", lambda row: row)
    Screens.standard().show(Answer(nothing, [table(nothing, column, empty="Nothing is held.")]))
    assert capsys.readouterr().out == "Nothing is held.\n"


@given(st.timedeltas(timedelta(), timedelta(days=4000)))
def test_a_span_is_at_most_what_passed_and_more_than_half_of_it(passed: timedelta) -> None:
    number, unit = span(passed).split()
    lengths = {"s": 1, "min": 60, "h": 3600, "d": 86400}
    told = int(number) * lengths[unit]
    assert told <= passed.total_seconds() < told + lengths[unit]


def test_moments_are_in_utc_and_say_how_far_away_they_are() -> None:
    past = datetime.now(UTC) - timedelta(hours=5, minutes=1)
    future = datetime.now(UTC) + timedelta(days=3, minutes=1)
    assert when(past) == f"{past:%Y-%m-%d %H:%M} UTC (5 h ago)"
    assert ago(future) == "in 3 d"


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, "-"), (0, "0 B"), (999, "999 B"), (74_900_000, "74.9 MB"), (5 * 10**15, "5,000 TB")],
)
def test_sizes_have_three_digits(number: int | None, text: str) -> None:
    assert size(number) == text
