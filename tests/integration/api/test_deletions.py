"""What was deleted in March, why, by whom, approved by whom, and was a good backup left?"""

from __future__ import annotations

import csv
import io
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.reasons import Reason, ReasonKind
from pinecone_backup.records import BackupRecord, DeletionRecord, DeletionState

if TYPE_CHECKING:
    from tests.support.api import World

YEAR = datetime(2026, 1, 1, tzinfo=UTC)
COUNT = int(os.environ.get("DELETIONS", "400"))
"""2,000 take two seconds to write."""
MARCH = "from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z"


def deletion(number: int) -> DeletionRecord:
    at = YEAR + timedelta(days=365) * number / COUNT
    return DeletionRecord(
        backup_id=f"b-{number:04}",
        index_name=("products", "reviews")[number % 2],
        index_id="id-1",
        state=DeletionState.DELETED,
        at=at,
        run_id=f"run-{number}",
        actor="schedule",
        created_at=at - timedelta(days=30),
        size_bytes=1000 + number,
        reasons=(Reason.of(ReasonKind.ASKED_FOR, actor="ada", reason="old; and, quoted"),),
        comment=("", "=1+1")[number % 2],
        override=("floor", "limits") if number % 5 == 0 else (),
        digest="d" * 64,
        approved_by="ada, bob",
        approved_reason="read it",
        good_left=f"good-{number}",
        good_left_at=at,
        confirmed_at=at,
    )


@pytest.fixture
def year(world: World) -> World:
    for number in range(COUNT):
        each = deletion(number)
        backup = BackupRecord(each.backup_id, each.index_name, "id-1", None, None, YEAR)
        world.ledger.put_deletion(backup, each)
    return world


def as_csv(world: World, query: str) -> list[dict[str, Any]]:
    answer = world.ask("GET", f"/deletions?{query}", headers={"Accept": "text/csv"})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_one_call_answers_for_a_month_to_the_row(year: World) -> None:
    answer = year.get(f"/deletions?{MARCH}&index=products")

    march = [deletion(number) for number in range(COUNT)]
    expected = [each for each in march if each.at.month == 3 and each.index_name == "products"]
    assert answer["pagination"] is None
    assert [row["backup_id"] for row in answer["data"]] == [
        each.backup_id for each in reversed(expected)
    ]
    row = answer["data"][0]
    assert (row["actor"], row["approved_by"], row["digest"]) == ("schedule", "ada, bob", "d" * 64)
    assert row["good_left"] == f"good-{int(row['backup_id'][2:])}"


def test_the_table_has_the_same_rows_and_columns(year: World) -> None:
    rows, table = year.get(f"/deletions?{MARCH}")["data"], as_csv(year, MARCH)

    assert list(table[0]) == list(rows[0])
    for row, line in zip(rows, table, strict=True):
        assert line["reasons"] == "; ".join(each["text"] for each in row["reasons"])
        assert line["override"] == "; ".join(row["override"])
        assert line["comment"] == row["comment"].replace("=1+1", "'=1+1")
        plain = row.keys() - {"reasons", "override", "comment"}
        assert {key: line[key] for key in plain} == {
            key: "" if row[key] is None else str(row[key]) for key in plain
        }


def test_a_table_links_to_its_next_page_until_the_last(year: World) -> None:
    seen, path = [], f"/deletions?{MARCH}&limit=15"
    while path:
        answer = year.ask("GET", path, headers={"Accept": "text/csv"})
        seen += [row["backup_id"] for row in csv.DictReader(io.StringIO(answer.text))]
        link = answer.headers.get("Link", "")
        path = f"/deletions{link.partition('>')[0][1:]}" if link else ""
    assert seen == [row["backup_id"] for row in year.get(f"/deletions?{MARCH}")["data"]]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/csv, application/json;q=0.5", "text/csv; charset=utf-8"),
        ("application/json, text/csv;q=0.5", "application/json"),
        ("*/*", "application/json"),
        ("text/csv;q=0", "application/json"),
        ("text/csv;q=0.5, */*;q=0.8", "application/json"),
        ("text/csv;q=0.8, */*;q=0.5", "text/csv; charset=utf-8"),
        ("text/*", "text/csv; charset=utf-8"),
        ("text/csv, */*", "text/csv; charset=utf-8"),
        ("text/csv, application/json", "application/json"),
        ("", "application/json"),
    ],
)
def test_the_accept_header_decides(world: World, accept: str, kind: str) -> None:
    answer = world.ask("GET", "/deletions", headers={"Accept": accept})
    assert (answer.status, answer.headers["Content-Type"]) == (200, kind)


@pytest.mark.parametrize("listing", ["/deletions", "/runs", "/backups"])
def test_nothing_is_within_a_time_that_ends_before_it_begins(year: World, listing: str) -> None:
    assert year.get(f"{listing}?from=2026-04-01T00:00:00Z&to=2026-03-01T00:00:00Z")["data"] == []


def test_the_plus_of_an_offset_may_be_sent_as_it_stands(year: World) -> None:
    month = "from=2026-03-01T02:00:00+02:00&to=2026-04-01T00:00:00Z"
    assert year.get(f"/deletions?{month}") == year.get(f"/deletions?{MARCH}")
