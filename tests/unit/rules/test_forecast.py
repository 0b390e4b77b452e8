"""When the quota will be reached, worked examples."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pinecone_backup.model import IndexKind, PruneMode
from pinecone_backup.records import HoldScope, ItemKind, UnreadableItem
from pinecone_backup.rules.forecast import HORIZON, STEP, Forecast, forecast
from pinecone_backup.rules.plan_facts import Baseline
from pinecone_backup.rules.policy import (
    ExpiryRetention,
    Frequency,
    KeepRetention,
    Limit,
    NativeScheduleRequest,
    Orphans,
)
from pinecone_backup.rules.preview import PastBackup, imagined, listed, preview
from tests.support.audits import NATIVE_POLICY, NOW, OWNER, POLICY, ago, backup, hold, record_of
from tests.support.previews import document_of, project_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pinecone_backup.model import Backup
    from pinecone_backup.rules.plan_facts import Facts
    from pinecone_backup.rules.policy import Policy, PolicyDocument


def policy(retention: KeepRetention | ExpiryRetention, **changes: Any) -> Policy:
    return POLICY.model_copy(update={"retention": retention, **changes})


def held(policy: Policy, times: Sequence[datetime] = ()) -> tuple[Policy, Sequence[datetime]]:
    """An index of that policy, with its backups."""
    return policy, times


def played(
    *tenants: tuple[Policy, Sequence[datetime]],
    others: int = 0,
    quota: int = 500,
    mode: PruneMode = PruneMode.ENFORCE,
    limited: bool = False,
) -> Forecast:
    facts = project_of(*tenants, others=others, limited=limited)
    return forecast(facts, quota=quota, mode=mode)


TODAY = [NOW.replace(hour=3)]
"""The backup of the latest slot."""


def test_a_daily_policy_that_keeps_seven_comes_to_rest_at_seven() -> None:
    """K3: keep_daily 7."""
    forecasted = played(held(policy(KeepRetention(keep_daily=7)), []))
    assert [count for _, count in forecasted.points[:3]] == [0, 7, 7]
    assert forecasted.steady == 7
    assert forecasted.reached_at is None


def test_the_points_are_weeks_from_now_to_the_horizon() -> None:
    forecasted = played()
    assert [at for at, _ in forecasted.points] == [NOW + n * STEP for n in range(HORIZON + 1)]


def test_it_ends_with_the_week_in_which_the_quota_is_reached() -> None:
    """C4: nothing is created beyond it."""
    endless = held(policy(KeepRetention(keep_last=-1)), TODAY)
    assert [count for _, count in played(endless, quota=15).points] == [1, 8, 15]
    assert [count for _, count in played(endless, quota=16).points] == [1, 8, 15, 22]
    assert played(endless, quota=15).reached_at == NOW + 2 * STEP


def test_where_nothing_is_pruned_every_slot_stays() -> None:
    forecasted = played(held(policy(KeepRetention(keep_daily=7)), TODAY), mode=PruneMode.DRY_RUN)
    assert forecasted.steady == 1 + HORIZON * 7
    assert (forecasted.pruning, forecasted.waiting) == (False, 0)
    assert forecasted.explained() == (
        "At the pace of the policies, with nothing pruned, as is the case today, "
        "the quota is not reached within 26 weeks (183 backups then)"
    )


def test_the_floor_is_kept_beyond_the_retention() -> None:
    """The floor holds whatever the retention says."""
    forecasted = played(held(policy(KeepRetention(keep_last=1), floor=3), []))
    assert forecasted.steady == 3


def test_what_no_policy_governs_stays_as_it_is() -> None:
    forecasted = played(held(policy(KeepRetention(keep_last=2)), [ago(days=1)]), others=10)
    assert forecasted.points[0][1] == 11
    assert forecasted.steady == 10 + 2


def test_the_day_lies_on_the_line_between_two_weeks() -> None:
    """Fourteen more backups in two weeks: the tenth of all comes in the second week."""
    forecasted = played(held(policy(KeepRetention(keep_last=-1)), TODAY), quota=10)
    assert forecasted.reached_at == NOW + timedelta(days=9)
    assert forecasted.pruning
    assert forecasted.explained() == (
        "At the pace of the policies, with the retention of each policy applied, "
        "the quota is reached about 2026-12-01"
    )


def test_what_waits_for_approval_is_counted_as_staying() -> None:
    """D2: a hundred backups go beyond what the limits allow, and nobody approves."""
    times = [ago(days=n, hours=9) for n in range(100)]
    forecasted = played((policy(KeepRetention(keep_last=2)), times), limited=True)
    assert forecasted.steady >= 98
    assert forecasted.waiting >= 98
    assert forecasted.explained() == (
        "At the pace of the policies, with the retention of each policy applied, the quota is not "
        f"reached within 26 weeks ({forecasted.steady} backups then); what waits for approval "
        f"({forecasted.waiting} backups) is taken to stay"
    )


def test_what_waits_because_the_policy_changed_is_counted_as_staying() -> None:
    """D3: the former document kept all of it, and what is made from now on as well."""
    tidy = policy(KeepRetention(keep_last=4), cron="0 * * * *")
    facts = project_of((tidy, [ago(hours=n) for n in range(6)]))
    changed = replace(facts, baseline=Baseline(facts.document, "former", {"i0": None}))

    forecasted = forecast(changed, quota=500, mode=PruneMode.ENFORCE)

    previewed = preview(changed, days=7).days[7].count  # which knows the jitter of the last slot
    assert forecasted.points[1][1] - previewed in (0, 1)
    assert previewed > 168
    assert forecast(facts, quota=500, mode=PruneMode.ENFORCE).steady == 4


def test_of_more_backups_than_can_be_played_only_the_number_counts() -> None:
    """Of fifty indexes with a backup an hour nothing goes: the quota is reached in ten hours."""
    hourly = policy(KeepRetention(keep_last=-1), cron="0 * * * *")
    forecasted = played(*[held(hourly, [NOW])] * 50, quota=550)
    assert forecasted.points[1][1] == 50 + 50 * 168
    assert forecasted.reached_at == NOW + timedelta(hours=10)


def test_of_frequent_backups_only_those_count_that_the_retention_keeps() -> None:
    """Two indexes, every quarter of an hour, beyond the quota if nothing was pruned."""
    often = policy(KeepRetention(keep_hourly=24, keep_daily=7), cron="*/15 * * * *")
    forecasted = played(*[held(often, [NOW])] * 2, quota=500)
    assert forecasted.reached_at is None
    assert forecasted.steady == 2 * 29


@pytest.mark.parametrize("limited", [False, True])
def test_alike_indexes_go_alike(limited: bool) -> None:
    """Of a hundred of one kind one is played; another kind has its own way."""
    document = document_of_one(
        {"cron": "*/15 * * * *", "retention": {"keep_hourly": 24, "keep_daily": 7}}, limited=limited
    )
    daily = [ago(days=day) for day in range(7)]
    one, many, mixed = (
        forecast(of_one(document, histories), quota=9_000, mode=PruneMode.ENFORCE).points
        for histories in ([daily], [daily] * 100, [daily, daily, []])
    )
    assert [count for _, count in many] == [100 * count for _, count in one]
    assert [count for _, count in mixed][:1] == [14]
    assert mixed[-1][1] == 3 * one[-1][1]


def test_a_held_backup_stays_in_its_own_index_alone() -> None:
    """D1."""
    document = document_of_one({"cron": "0 2 * * *", "retention": {"keep_last": 2}}, limited=False)
    facts = of_one(document, [[ago(days=day, hours=9) for day in range(5)]] * 10)
    held = replace(facts, holds=[hold(facts.inventory.entries["i3-4"].backup.backup_id)])
    assert forecast(held, quota=9_000, mode=PruneMode.ENFORCE).steady == 10 * 2 + 1


def test_the_limit_of_a_run_is_that_of_all_of_a_kind_together() -> None:
    """D2: 3 of 30 go beyond churn in each of 100 indexes; a run may delete 100 of 3,000."""
    body = {"cron": "0 2 * * *", "retention": {"keep_last": 27}}
    document = document_of_one(body, limited=True)
    times = [ago(days=day, hours=10) for day in range(30)]
    few = forecast(of_one(document, [times] * 10), quota=9_000, mode=PruneMode.ENFORCE)
    many = forecast(of_one(document, [times] * 100), quota=9_000, mode=PruneMode.ENFORCE)
    assert (few.waiting, few.steady) == (0, 10 * 27)
    assert (many.waiting, many.steady) == (100 * 3, 100 * 30)


def document_of_one(body: dict[str, Any], *, limited: bool) -> PolicyDocument:
    """A document with one policy for every index."""
    document = document_of([{"max_age": "26h", **body}], limited=limited)
    assignment = document.assignments[0].model_copy(update={"index": None})
    return document.model_copy(update={"assignments": [assignment]})


def of_one(document: PolicyDocument, histories: Sequence[Sequence[datetime]]) -> Facts:
    """A project whose n-th index has good backups of the n-th times."""
    past = [
        PastBackup(f"i{number}-{n}", f"i{number}", at)
        for number, times in enumerate(histories)
        for n, at in enumerate(times)
    ]
    indexes: dict[str, dict[str, str]] = {f"i{number}": {} for number in range(len(histories))}
    return imagined(document, "main", past, indexes=indexes, now=NOW)


WEST: dict[str, Any] = {"timezone": "America/Los_Angeles", "floor": 1}


def test_slots_are_those_of_the_policys_zone() -> None:
    """C1: five in the morning of today is past in UTC and to come in Los Angeles."""
    once = policy(KeepRetention(keep_last=-1), cron="0 5 22 11 *", **WEST)
    found = played(held(once, [ago(minutes=1)]))
    assert [count for _, count in found.points[:2]] == [1, 2]


def test_periods_are_those_of_the_policys_zone() -> None:
    """K2: 23:00 and 01:00 are two days in Los Angeles and one in UTC."""
    retention = KeepRetention.model_validate({"keep_within_daily": "2d"})
    twice = policy(retention, cron="0 1,23 * * *", **WEST)
    assert played(held(twice, [])).points[1][1] == 3


def test_a_quota_that_is_used_up_was_reached_now() -> None:
    full = played(others=500)
    assert full.reached_at == NOW
    assert full.explained() == "The quota is used up"
    assert played(others=499).reached_at is None


def test_a_quota_that_the_last_week_just_reaches_is_reached_then() -> None:
    endless = held(policy(KeepRetention(keep_last=-1)), TODAY)
    forecasted = played(endless, quota=HORIZON * 7 + 1)
    assert forecasted.reached_at == NOW + HORIZON * STEP
    above = played(endless, quota=HORIZON * 7 + 2)
    assert above.reached_at is None
    assert "not reached within 26 weeks (183 backups then)" in above.explained()


def test_age_limits_are_played_too() -> None:
    """K7."""
    forecasted = played(held(policy(ExpiryRetention(expire_after_days=5)), []))
    assert forecasted.steady == 5


@pytest.mark.parametrize(
    ("frequency", "days", "steady"),
    [("daily", 14, 14), ("weekly", 28, 4), ("monthly", 60, 2), ("monthly", 10, 0)],
)
def test_native_schedules_make_backups_and_let_them_expire(
    frequency: str, days: int, steady: int
) -> None:
    request = NativeScheduleRequest(frequency=Frequency(frequency), expire_after_days=days)
    forecasted = played(held(NATIVE_POLICY.model_copy(update={"native_schedule": request}), []))
    assert forecasted.steady == steady


def test_native_backups_expire_even_where_nothing_is_pruned() -> None:
    forecasted = played(held(NATIVE_POLICY), mode=PruneMode.DRY_RUN)
    assert [count for _, count in forecasted.points[:4]] == [0, 7, 14, 14]


@pytest.mark.parametrize(
    ("weeks", "count", "within", "waits"),
    [(1, 1, "1 week (1 backup then)", "1 backup"), (2, 3, "2 weeks (3 backups then)", "3 backups")],
)
def test_a_forecast_says_how_far_it_looks(weeks: int, count: int, within: str, waits: str) -> None:
    points = [(NOW + number * STEP, count) for number in range(weeks + 1)]
    assert Forecast(points, None, pruning=True, waiting=count).explained() == (
        "At the pace of the policies, with the retention of each policy applied, the quota is not "
        f"reached within {within}; what waits for approval ({waits}) is taken to stay"
    )


@pytest.mark.parametrize(("most", "weeks"), [(31, 1), (32, 2)])
def test_a_forecast_that_would_take_too_long_ends_with_an_earlier_week(
    most: int, weeks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first week is work of 13 backups (1, 7 to come, and 5 for the index), the next of 19."""
    monkeypatch.setattr("pinecone_backup.rules.forecast.MOST_WORK", most)
    forecasted = played(held(policy(KeepRetention(keep_last=7)), TODAY))
    assert [count for _, count in forecasted.points] == [1, 7, 7][: weeks + 1]


# One is played for all of a kind


def test_what_is_left_of_a_deleted_index_counts_and_its_last_one_waits() -> None:
    """D7."""
    rows = [
        backup(f"b{day}", at=ago(days=day), index="lost", index_id="lost", deleted_at=ago(days=40))
        for day in (50, 51, 52)
    ]
    facts = of_rows(rows, ["i0"])
    orphans = facts.document.model_copy(update={"orphans": Orphans(after=30)})
    forecasted = forecast(replace(facts, document=orphans), quota=9_000, mode=PruneMode.ENFORCE)
    assert (forecasted.waiting, forecasted.steady) == (1, 1 + 10)


def of_rows(rows: Sequence[Backup], names: Sequence[str], **known: Any) -> Facts:
    """Active indexes with what is listed of them, all of it good; they keep ten days."""
    body = {"cron": "0 2 * * *", "retention": {"keep_within": "10d"}}
    document = document_of_one(body, limited=False)
    found = listed(
        document,
        "main",
        rows,
        {row.backup_id: record_of(row) for row in rows},
        owner=OWNER,
        indexes={name: {} for name in names},
        now=NOW,
    )
    return replace(found, **known)


def five(name: str, **row: Any) -> list[Backup]:
    """Good backups of the last five nights, ``{name}-0`` the newest."""
    return [
        backup(
            f"{name}-{n}",
            **{"at": ago(days=n, hours=9), "index": name, "index_id": name, **row},
        )
        for n in range(5)
    ]


def together(rows: Sequence[Backup], **known: Any) -> list[int]:
    """How many backups all indexes hold, week by week."""
    names = sorted({row.index_name for row in rows})
    facts = of_rows(rows, names, **known)
    return [count for _, count in forecast(facts, quota=9_000, mode=PruneMode.ENFORCE).points]


def apart(rows: Sequence[Backup], **known: Any) -> list[int]:
    """The same of each index as if it was the only one, added up."""
    names = sorted({row.index_name for row in rows})
    each = (together([row for row in rows if row.index_name == name], **known) for name in names)
    return [sum(week) for week in zip(*each, strict=True)]


def unreadable(**about: str) -> UnreadableItem:
    return UnreadableItem("key", ItemKind.INDEX, "is not JSON", **about)


@pytest.mark.parametrize(
    "known",
    [
        {"holds": [hold("i1-3")]},
        {"holds": [hold("i1", scope=HoldScope.INDEX)]},
        {"holds": [hold("i1", scope=HoldScope.INDEX), hold("i2-3")]},
        {"restoring": {"i1-3": "job-1"}},
        {"unreadable": [unreadable(index_name="i1")]},
        {"unreadable": [unreadable(backup_id="i1-3")]},
        {"unlisted": {"i1": 1}},
    ],
    ids=[
        "a hold on a backup",
        "a hold on an index",
        "holds on two indexes",
        "a restore",
        "an unreadable item of an index",
        "an unreadable item of a backup",
        "a listing that lacks backups",
    ],
)
def test_what_is_known_of_one_index_is_played_in_that_one_alone(known: dict[str, Any]) -> None:
    """D1, D2, U2: of four that are alike otherwise."""
    rows = [row for name in ("i0", "i1", "i2", "i3") for row in five(name)]
    weeks = together(rows, **known)
    assert weeks == apart(rows, **known)
    assert weeks[-1] > 4 * 10


@pytest.mark.parametrize(
    ("rows", "known"),
    [
        (
            [
                backup(f"{name}-{days}", at=ago(days=days), index=name, index_id=name)
                for name, times in {"i0": (1, 2, 3), "i1": (9, 10, 11)}.items()
                for days in times
            ],
            {},
        ),
        (
            [
                *five("i0", policy=None, expires_at=NOW + timedelta(days=9)),
                *five("i1", policy=None),
            ],
            {},
        ),
        ([*five("i0"), *five("i1", owner=None)], {}),
        ([*five("i0"), *five("i1", at=None)], {}),
        (
            [
                *(five("i0", index_id="i0-a") + five("i1", index_id="i1-a")),
                backup("i0-5", at=ago(days=9), index="i0", index_id="i0-b"),
                backup("i1-5", at=ago(days=9), index="i1", index_id="i1-b"),
            ],
            {"active": {"i0": "i0-a", "i1": "i1-b"}},
        ),
    ],
    ids=["days", "expiry", "origin", "undated", "active incarnation"],
)
def test_indexes_with_different_backups_are_played_each(
    rows: Sequence[Backup], known: dict[str, Any]
) -> None:
    assert together(rows, **known) == apart(rows, **known)


def test_an_index_that_cannot_be_backed_up_is_not_alike() -> None:
    facts = of_rows([], ["i0", "i1"])
    pod, index = facts.indexes
    mixed = replace(facts, indexes=[replace(pod, kind=IndexKind.POD), index])
    assert forecast(mixed, quota=9_000, mode=PruneMode.ENFORCE).steady == 10


def test_each_policy_has_its_own_way() -> None:
    """K3: though their indexes have backups of the same days."""
    few, many = policy(KeepRetention(keep_last=3)), policy(KeepRetention(keep_last=5))
    assert played(held(few, TODAY), held(many, TODAY)).steady == 3 + 5


@pytest.mark.parametrize("apart", [0, 1], ids=["of one kind", "of two kinds"])
@pytest.mark.parametrize(
    ("limit", "waiting"),
    [
        ({"count": 6, "percent": 100}, 0),
        ({"count": 5, "percent": 100}, 6),
        ({"count": 100, "percent": 34}, 0),
        ({"count": 100, "percent": 15}, 6),
    ],
    ids=str,
)
def test_the_limit_of_a_run_is_shared_by_all_indexes(
    apart: int, limit: dict[str, int], waiting: int
) -> None:
    """D2: each of three wants to delete 2 of its 6 backups."""
    body = {"cron": "0 2 * * *", "retention": {"keep_last": 4}}
    document = document_of_one(body, limited=False)
    limits = document.limits.model_copy(update={"per_run": Limit.model_validate(limit)})
    times = [ago(days=day, hours=10) for day in range(6)]
    last = [times[0], *(time - timedelta(days=apart) for time in times[1:])]
    facts = of_one(document.model_copy(update={"limits": limits}), [times, times, last])
    assert forecast(facts, quota=9_000, mode=PruneMode.ENFORCE).waiting == waiting
