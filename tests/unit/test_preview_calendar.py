"""``make preview``: what a person reads in the terminal."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local.preview import main
from pinecone_backup.rules.marker import Marker
from tests.support.backups import signed

DOCUMENT: dict[str, Any] = {
    "projects": [{"name": "main"}],
    "policies": [
        {
            "name": "gold",
            "cron": "0 */12 * * *",
            "retention": {"keep_last": 2, "keep_daily": 3, "keep_monthly": 3},
            "max_age": "13h",
        },
        {
            "name": "bronze",
            "cron": "0 2 * * *",
            "retention": {"expire_after_days": 4, "min_count": 2},
            "max_age": "26h",
        },
    ],
    "assignments": [{"policy": "gold", "index": "catalogue"}],
}
ROWS = [
    {
        "backup_id": f"b{day}",
        "source_index_name": "catalogue",
        "created_at": f"2026-11-{day:02}T09:00:00.123456789Z",
        "status": "Ready",
        "size_bytes": 3_000_000,
        "tags": None,
        **signed(
            Marker("stack-a", "gold", datetime(2026, 11, day, 9, tzinfo=UTC), "r", 1), "catalogue"
        ),
    }
    for day in range(10, 23)
]


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(DOCUMENT))
    return path


def printed(*arguments: object, code: int = 0) -> str:
    """What the command prints without any colour, on 22 November 2026."""
    console = Console(file=io.StringIO(), width=110, color_system=None)
    given = [*map(str, arguments), "--now", "2026-11-22T12:00"]
    assert main(given, console) == code
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def line_of(text: str, start: str) -> str:
    return next(line for line in text.splitlines() if line.strip().startswith(start))


def test_each_policy_is_shown_with_an_index_of_its_own(policy: Path) -> None:
    text = printed("--policy", policy, "--days", 3)
    assert "gold: policy gold · 0 */12 * * * in UTC · keep_last 2, keep_daily 3" in text
    assert "bronze: policy bronze · 0 2 * * * in UTC · expire_after_days 4, min_count 2" in text
    assert text.count("Today, 22 Nov 2026") == text.count("In 3 days, 25 Nov 2026") == 2


def test_one_policy_can_be_chosen(policy: Path) -> None:
    text = printed("--policy", policy, "--days", 3, "--policy-name", "bronze")
    assert "bronze" in text
    assert "gold" not in text


def test_letters_say_without_colour_why_a_day_stays(policy: Path) -> None:
    text = printed("--policy", policy, "--days", 0, "--policy-name", "gold")
    week = line_of(text, "16")
    assert week.split() == ["16", "17", "18", "19", "20D", "21D", "22M2"]
    assert line_of(text, "Oct").split()[:4] == ["Oct", "28", "29", "30M"]
    assert "Nothing older" in text
    assert "D daily" in text
    assert "Y yearly" not in text


def test_what_goes_is_crossed_out_in_the_calendar_to_come(policy: Path) -> None:
    text = printed("--policy", policy, "--days", 2, "--policy-name", "bronze")
    # The calendar to come, on the right, ends two days and so one week row later.
    today, later = line_of(text, "16").split()[:7], line_of(text, "9 ").split()[7:]
    assert today == ["16", "17", "18", "19A", "20A", "21A", "22A"]
    assert later == ["16", "17", "18", "19x", "20x", "21A", "22A"]


def test_every_day_is_listed_with_what_it_makes_and_deletes(policy: Path) -> None:
    text = printed("--policy", policy, "--days", 2, "--policy-name", "bronze")
    assert line_of(text, "Sun 22 Nov").split()[:4] == ["Sun", "22", "Nov", "4"]
    assert line_of(text, "Mon 23 Nov").split()[3:6] == ["+1", "-1", "4"]


def test_the_long_run_is_shown_for_each_index_and_together(policy: Path) -> None:
    text = printed("--policy", policy, "--days", 2)
    rows = text[text.index("In the long run") :]
    assert line_of(rows, "bronze").split() == ["bronze", "4", "4", "4", "4", "GB"]
    assert line_of(rows, "together").split()[1:4] == ["10", "9", "10"]


def test_a_history_as_pinecone_lists_it_is_read(policy: Path, tmp_path: Path) -> None:
    history = tmp_path / "history.json"
    history.write_text(json.dumps({"data": ROWS}))
    text = printed("--policy", policy, "--days", 0, "--history", history)
    assert line_of(text, "16").split() == ["16?", "17?", "18?", "19?", "20D", "21D", "22M"]
    assert "4 kept (12 MB), 9 wait (27 MB), 0 deleted" in text
    assert "waits: 9 deletions in one index, where the limits allow 6" in " ".join(text.split())


def test_what_waits_can_be_taken_to_be_approved(policy: Path, tmp_path: Path) -> None:
    history = tmp_path / "history.json"
    history.write_text(json.dumps(ROWS))
    text = printed("--policy", policy, "--days", 0, "--history", history, "--approved")
    assert line_of(text, "16").split() == ["16x", "17x", "18x", "19x", "20D", "21D", "22M"]
    assert "4 kept (12 MB), 9 deleted" in text
    assert "whatever waits is approved at once" in text


def test_what_was_made_by_hand_is_left_alone(policy: Path, tmp_path: Path) -> None:
    """I2: and so is what another deployment made."""
    history = tmp_path / "history.json"
    by_hand = [{**row, "name": None, "description": None} for row in ROWS[:5]]
    history.write_text(json.dumps([*by_hand, *ROWS[10:]]))
    text = printed("--policy", policy, "--days", 0, "--history", history, "--approved")
    assert "8 kept (24 MB), 0 deleted" in text
    other = printed("--policy", policy, "--days", 0, "--history", history, "--owner", "stack-b")
    assert "P protected or not ours" in other


def test_a_deployment_in_a_dry_run_deletes_nothing(policy: Path) -> None:
    text = printed("--policy", policy, "--days", 2, "--policy-name", "bronze", "--mode", "dry_run")
    assert line_of(text, "Tue 24 Nov").split()[3:6] == ["+1", "2", "6"]
    assert "4 prunes a day, mode dry_run; nobody approves of what waits" in text


def test_the_next_slots_are_given_in_the_policys_zone(policy: Path) -> None:
    gold, bronze = DOCUMENT["policies"]
    local = {**bronze, "timezone": "America/New_York"}
    policy.write_text(json.dumps({**DOCUMENT, "policies": [gold, local]}))
    text = printed("--policy", policy, "--days", 0, "--policy-name", "bronze")
    assert "Next slots: Mon 23 Nov 02:00, Tue 24 Nov 02:00, Wed 25 Nov 02:00" in text


def test_a_native_policy_is_named_as_such(policy: Path) -> None:
    native = {
        "name": "gold",
        "native_schedule": {"frequency": "daily", "expire_after_days": 14},
        "retention": {"keep_last": 1},
        "max_age": "26h",
    }
    policy.write_text(json.dumps({**DOCUMENT, "policies": [native, DOCUMENT["policies"][1]]}))
    text = printed("--policy", policy, "--days", 1)
    assert "gold: policy gold · native schedule: Pinecone backs up daily, kept 14 days" in text


def test_how_the_quota_ends_is_said(policy: Path) -> None:
    small = {**DOCUMENT, "projects": [{"name": "main", "quota": 9}]}
    policy.write_text(json.dumps(small))
    text = " ".join(printed("--policy", policy, "--days", 0).split())
    assert (
        "In the long run 10 backups of the quota of 9: 1 index of policy gold needs 6; 1 index of "
        "policy bronze needs 4." in text
    )


def test_a_changed_document_is_compared_with_the_one_in_force(policy: Path, tmp_path: Path) -> None:
    gold, bronze = DOCUMENT["policies"]
    changed = tmp_path / "changed.json"
    fewer = {**bronze, "retention": {"expire_after_days": 3, "min_count": 2}}
    changed.write_text(json.dumps({**DOCUMENT, "policies": [gold, fewer]}))
    text = printed("--policy", changed, "--against", policy, "--days", 0)
    after = text[text.index("Against the document in force") :]
    assert "Only the new one deletes: 1" in after
    assert "bronze: bronze-20261119t0200z, made 2026-11-19 02:00" in after
    assert "Only the former one deletes: nothing" in after
    flat = " ".join(after.split())
    assert "Quota before: In the long run 10 backups" in flat
    assert "Quota after: In the long run 9 backups" in flat


def test_a_changed_cron_makes_no_backup_at_once(policy: Path, tmp_path: Path) -> None:
    """C2: the former cron's backup of 02:00 satisfies 08:00 of the same day."""
    gold, bronze = ({**each, "max_age": "3d"} for each in DOCUMENT["policies"])
    policy.write_text(json.dumps({**DOCUMENT, "policies": [gold, bronze]}))
    changed = tmp_path / "changed.json"
    later = {**bronze, "cron": "0 8 * * *"}
    changed.write_text(json.dumps({**DOCUMENT, "policies": [gold, later]}))
    as_it_is = printed("--policy", policy, "--days", 1)
    text = printed("--policy", changed, "--against", policy, "--days", 1)
    made = [line_of(each, "Mon 23 Nov").split()[3] for each in (as_it_is, text)]
    assert made[0] == made[1]


def test_the_document_in_force_has_to_be_valid_too(policy: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    text = printed("--policy", policy, "--against", wrong, code=1)
    assert "wrong.json is not a valid policy document" in " ".join(text.split())


def test_a_listing_may_be_given_without_its_envelope(policy: Path, tmp_path: Path) -> None:
    history = tmp_path / "history.json"
    history.write_text(json.dumps(ROWS))
    assert "4 kept" in printed("--policy", policy, "--days", 0, "--history", history)


def test_an_index_without_a_policy_is_named_as_such(policy: Path, tmp_path: Path) -> None:
    history = tmp_path / "history.json"
    history.write_text(json.dumps([{**row, "source_index_name": "users"} for row in ROWS]))
    text = printed("--policy", policy, "--days", 0, "--history", history)
    assert "users: no policy, nothing is deleted" in text
    assert "13 kept" in text


def test_what_is_probably_not_meant_is_said_after_the_picture(policy: Path) -> None:
    gold, bronze = DOCUMENT["policies"]
    policy.write_text(json.dumps({**DOCUMENT, "policies": [{**gold, "max_age": "1h"}, bronze]}))
    text = printed("--policy", policy, "--days", 0)
    assert line_of(text, "policies.0.max_age: Two backups are up to 12 hours apart")
    assert line_of(text, "policies.1: No assignment leads to policy bronze")
    assert text.index("In the long run") < text.index("policies.0.max_age")


def test_a_preview_that_ends_early_says_so(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pinecone_backup.rules.preview.MOST_WORK", 50)
    assert line_of(printed("--policy", policy, "--days", 9), "The preview ends after ")


def test_an_invalid_document_is_refused_with_all_its_errors(policy: Path) -> None:
    policy.write_text(json.dumps({**DOCUMENT, "projects": [], "color": "blue"}))
    text = " ".join(printed("--policy", policy, code=1).split())
    assert "is not a valid policy document" in text
    assert "projects: must have at least 1 entry" in text
    assert "color: is not known here" in text


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--policy-name", "silver"], "has no policy 'silver'; it has gold, bronze"),
        (["--project", "search"], "has no project 'search'"),
        (["--history", "nowhere.json"], "No such file"),
    ],
)
def test_a_wrong_request_is_answered_in_one_line(
    policy: Path, arguments: list[str], problem: str
) -> None:
    text = printed("--policy", policy, *arguments, code=1)
    assert problem in " ".join(text.split())
    assert len(text.splitlines()) <= 2


def test_a_history_that_is_not_understood_says_which_backup(policy: Path, tmp_path: Path) -> None:
    history = tmp_path / "h.json"
    history.write_text(json.dumps([ROWS[0], {"backup_id": "b2"}]))
    text = printed("--policy", policy, "--history", history, code=1)
    assert "backup 1 is not understood" in " ".join(text.split())


@pytest.mark.parametrize("days", ["-1", "367", "soon"])
def test_a_preview_looks_at_most_a_year_ahead(policy: Path, days: str) -> None:
    with pytest.raises(SystemExit):
        printed("--policy", policy, "--days", days)
