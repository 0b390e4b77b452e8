from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pinecone_backup.model import IndexKind
from pinecone_backup.records import Hold, HoldScope
from pinecone_backup.rules.plan_facts import Facts
from pinecone_backup.rules.policy import Policy, PolicyDocument, validate_policy
from pinecone_backup.rules.preview import PastBackup, Preview, imagined, preview
from pinecone_backup.rules.slots import slots_between
from pinecone_backup.rules.steady import steady_count
from tests.support.backups import texts

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CATALOGUE: Mapping[str, Mapping[str, str]] = {"catalogue": {}}


def document(*policies: dict[str, Any], **parts: Any) -> PolicyDocument:
    return validate_policy(
        {
            "projects": [{"name": "main"}],
            "policies": list(policies) or [policy()],
            "assignments": [{"policy": "gold"}],
            **parts,
        }
    )


def policy(**changes: Any) -> dict[str, Any]:
    return {
        "name": "gold",
        "cron": "0 2 * * *",
        "retention": {"keep_last": 3},
        "floor": 1,
        "max_age": "26h",
        **changes,
    }


def daily(days: int, size: int = 100) -> list[PastBackup]:
    """One backup each night up to the one before ``NOW``."""
    last = NOW.replace(hour=2)
    return [
        PastBackup(f"{last - number * DAY:%m-%d}", "catalogue", last - number * DAY, size)
        for number in range(days)
    ]


def facts(
    history: list[PastBackup],
    read: PolicyDocument | None = None,
    indexes: Mapping[str, Mapping[str, str]] = CATALOGUE,
) -> Facts:
    return imagined(read or document(), "main", history, indexes=indexes, now=NOW)


def kept(found: Preview, day: int) -> list[str]:
    return [item.backup_id for item in found.days[day].kept]


def deleted(found: Preview, day: int) -> list[str]:
    return [item.backup_id for item in found.days[day].deleted]


def test_today_shows_what_a_prune_would_do_now() -> None:
    found = preview(facts(daily(5)), days=0)
    assert len(found.days) == 1
    assert found.days[0].at == NOW
    assert kept(found, 0) == ["11-22", "11-21", "11-20"]
    assert deleted(found, 0) == ["11-19", "11-18"]


def test_each_backup_has_its_reasons() -> None:
    (today,) = preview(facts(daily(4)), days=0).days
    assert [texts(item.reasons) for item in today.kept] == [
        ("last snapshot", "newest good"),
        ("last snapshot",),
        ("last snapshot",),
    ]
    assert [texts(item.reasons) for item in today.deleted] == [("no rule of policy gold keeps it",)]


def test_each_next_day_goes_on_from_what_the_day_before_left() -> None:
    found = preview(facts(daily(3)), days=3)
    assert [day.at for day in found.days] == [NOW + number * DAY for number in range(4)]
    assert [day.created for day in found.days] == [0, 1, 1, 1]
    assert [deleted(found, number) for number in range(4)] == [[], ["11-20"], ["11-21"], ["11-22"]]
    assert [day.count for day in found.days] == [3, 3, 3, 3]
    assert kept(found, 3)[0] == "catalogue-20261125t0200z"


def test_a_new_backup_is_as_large_as_the_newest_one() -> None:
    history = [PastBackup("old", "catalogue", NOW - 9 * DAY, 5), *daily(1, size=700)]
    found = preview(facts(history), days=1)
    assert found.days[0].size_bytes == 705
    assert found.days[1].size_bytes == 1405


def test_an_index_without_backups_gets_its_first_ones() -> None:
    found = preview(facts([]), days=5)
    assert [day.count for day in found.days] == [0, 1, 2, 3, 3, 3]
    assert found.days[5].size_bytes == 0


def test_an_index_that_pinecone_cannot_back_up_gets_no_backups() -> None:
    given = facts([])
    pods = tuple(replace(index, kind=IndexKind.POD) for index in given.indexes)
    found = preview(replace(given, indexes=pods), days=2)
    assert (kept(found, 2), found.steady) == ([], ())


def test_slots_are_those_of_the_policys_zone() -> None:
    read = document(policy(timezone="America/New_York", retention={"keep_last": -1}))
    found = preview(facts([], read), days=1)
    assert kept(found, 1) == ["catalogue-20261123t0700z"]


def test_what_no_policy_decides_about_stays_and_counts() -> None:
    indexes = {"catalogue": {}, "scratch": {"backup-policy": "none"}}
    history = [
        *daily(3),
        *(PastBackup(f"s{number}", "scratch", NOW - number * DAY) for number in range(9)),
    ]
    found = preview(facts(history, indexes=indexes), days=2)
    assert [day.count for day in found.days] == [12, 12, 12]
    assert [each.index_name for each in found.steady] == ["catalogue"]


def test_an_orphans_backups_stay_as_the_document_says() -> None:
    """D7: the history of an index that is not active any more."""
    found = preview(facts(daily(6), indexes={}), days=1)
    assert (found.days[1].count, found.days[1].deleted, found.steady) == (6, (), ())


def test_the_floor_holds_in_the_preview_too() -> None:
    read = document(policy(retention={"keep_last": 1}, floor=3))
    found = preview(facts(daily(5), read), days=2)
    assert [day.count for day in found.days] == [3, 3, 3]
    assert texts(found.days[0].kept[1].reasons) == ("floor of 3",)


def test_a_limit_is_said_and_the_preview_goes_on_as_if_it_was_approved() -> None:
    """D2: a tripped plan waits for approval."""
    found = preview(facts(daily(40)), days=1)
    assert "37 deletions in one index, where the limits allow 20" in texts(found.days[0].waits)
    assert len(found.days[0].deleted) == 37
    assert found.days[1].count == 3
    assert found.days[1].waits == ()


def test_a_hold_keeps_its_backup_until_it_expires() -> None:
    """D1, T2: on each day by that day's clock."""
    hold = Hold(
        hold_id="h",
        scope=HoldScope.BACKUP,
        target="11-20",
        reason="migration",
        placed_by="ana",
        created_at=NOW,
        expires_at=NOW + 2 * DAY,
    )
    held = replace(facts(daily(3)), holds=[hold])
    found = preview(held, days=3)
    assert [day.count for day in found.days] == [3, 4, 3, 3]
    assert "11-20" in kept(found, 1)
    assert "11-20" in deleted(found, 2)


def test_the_same_preview_is_given_in_whatever_order_the_history_comes() -> None:
    assert preview(facts(daily(9)), days=5) == preview(facts(daily(9)[::-1]), days=5)


# The long run


@pytest.mark.parametrize(
    ("cron", "retention", "count"),
    [
        ("0 2 * * *", {"keep_last": 5}, 5),
        ("0 2 * * *", {"keep_daily": 7}, 7),
        ("0 */6 * * *", {"keep_daily": 7}, 7),
        ("0 * * * *", {"keep_hourly": 24, "keep_daily": 7}, 29),
        ("0 2 * * *", {"keep_daily": 7, "keep_weekly": 4, "keep_monthly": 12}, 21),
        ("0 2 * * *", {"keep_yearly": 30}, 30),
        ("0 2 1 1 *", {"keep_daily": 10}, 10),
        ("0 2 * * *", {"keep_within": "14d"}, 14),
        ("0 */12 * * *", {"keep_within_daily": "14d", "keep_within_monthly": "1y"}, 26),
        ("0 */12 * * *", {"expire_after_days": 10}, 21),
        ("0 2 * * *", {"expire_after_days": 10, "max_count": 4}, 4),
        ("0 2 1 * *", {"expire_after_days": 10, "min_count": 3}, 3),
        ("0 2 * * *", {"max_count": 6}, 6),
        ("0 2 * * *", {"keep_last": -1}, None),
        ("0 2 * * *", {"keep_daily": 3, "keep_yearly": -1}, None),
        ("0 2 * * *", {"keep_within": "33y"}, None),
        ("0 2 * * *", {"keep_within_yearly": "32y"}, 33),
        ("0 2 * * *", {"keep_within_yearly": "33y"}, None),
        ("* * * * *", {"keep_last": 10_000}, 10_000),
        ("* * * * *", {"keep_within": "8d"}, 8 * 1440),
        ("* * * * *", {"keep_within": "9d"}, None),
        ("* * * * *", {"expire_after_days": 8}, 8 * 1440 + 1),
        ("* * * * *", {"expire_after_days": 9}, None),
        ("* * * * *", {"expire_after_days": 36_525, "max_count": 7}, 7),
        ("0 2 29 2 *", {"keep_last": 10_000}, None),
        ("0 2 * * *", {"keep_yearly": 10_000}, None),
        ("0 2 * * *", {"keep_monthly": 376}, 376),
        ("0 2 * * *", {"keep_monthly": 377}, None),
        ("0 2 * * *", {"keep_daily": 3, "keep_yearly": 1000}, None),
    ],
)
def test_in_the_long_run_a_policy_holds_so_many(
    cron: str, retention: dict[str, Any], count: int | None
) -> None:
    read = Policy.model_validate(policy(cron=cron, retention=retention))
    assert steady_count(read, NOW) == count


def test_the_floor_counts_in_the_long_run() -> None:
    read = Policy.model_validate(policy(retention={"keep_monthly": 2}, floor=4))
    # The newest four, and the newest of October.
    assert steady_count(read, NOW) == 5


def test_a_native_schedule_holds_what_its_expiry_allows() -> None:
    read = validate_policy(
        {
            "projects": [{"name": "main"}],
            "policies": [
                {
                    "name": "gold",
                    "native_schedule": {"frequency": "weekly", "expire_after_days": 30},
                    "retention": {"keep_last": 1},
                    "max_age": "8d",
                }
            ],
            "assignments": [{"policy": "gold"}],
        }
    )
    found = preview(facts([], read), days=2)
    assert found.steady_count == 5
    assert [day.count for day in found.days] == [0, 0, 0]


def test_the_long_run_is_what_playing_on_arrives_at() -> None:
    """The shortcut agrees with a year of prunes."""
    read = document(
        policy(
            cron="0 */12 * * *", retention={"keep_daily": 5, "keep_weekly": 3, "keep_monthly": 4}
        )
    )
    found = preview(facts([], read), days=200)
    last = found.days[-1]
    assert last.count == steady_count(read.policies[0], last.at)


def test_sizes_and_counts_of_all_indexes_add_up() -> None:
    indexes: Mapping[str, Mapping[str, str]] = {"catalogue": {}, "users": {}}
    history = [*daily(2, size=100), PastBackup("u", "users", NOW - DAY, 40)]
    found = preview(facts(history, indexes=indexes), days=0)
    assert (found.steady_count, found.steady_bytes) == (6, 3 * 100 + 3 * 40)


def test_where_one_index_grows_for_ever_the_project_does() -> None:
    endless = policy(name="endless", retention={"keep_last": -1})
    indexes = {"catalogue": {}, "users": {"backup-policy": "endless"}}
    found = preview(facts([], document(policy(), endless), indexes), days=0)
    assert [each.count for each in found.steady] == [3, None]
    assert (found.steady_count, found.steady_bytes) == (None, None)


def test_a_history_without_an_end_is_not_needed_to_say_so() -> None:
    """Ten thousand backups under an hourly policy are previewed without delay."""
    read = document(policy(cron="0 * * * *", retention={"keep_hourly": 48, "keep_daily": 30}))
    slots = slots_between("0 * * * *", read.policies[0].zone, NOW - 400 * DAY, NOW)
    history = [PastBackup(f"{slot:%Y%m%d%H}", "catalogue", slot) for slot in slots]
    assert preview(facts(history, read), days=30).days[30].count == 75
