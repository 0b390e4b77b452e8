from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pinecone_backup.model import Backup, Index, IndexKind, PruneMode, Status
from pinecone_backup.records import Hold, HoldScope, IndexRecord
from pinecone_backup.rules.plan_facts import Baseline, Facts
from pinecone_backup.rules.policy import Policy, PolicyDocument, validate_policy
from pinecone_backup.rules.preview import (
    NEXT_SLOTS,
    Difference,
    PastBackup,
    PolicyNeed,
    Preview,
    QuotaVerdict,
    difference,
    imagined,
    listed,
    preview,
)
from pinecone_backup.rules.projection import Assumptions
from pinecone_backup.rules.slots import slots_between
from pinecone_backup.rules.steady import steady_count
from tests.support.backups import OWNER, backup, record, texts

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
APPROVED = Assumptions(approved=True)
DRY_RUN = Assumptions(PruneMode.DRY_RUN)
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


def test_an_imagined_project_has_active_indexes_and_no_former_policies() -> None:
    given = facts([], indexes={"users": {"team": "web"}, "catalogue": {}})
    assert given.indexes == [
        Index("catalogue", IndexKind.SERVERLESS, "Ready", ready=True),
        Index("users", IndexKind.SERVERLESS, "Ready", ready=True, tags={"team": "web"}),
    ]
    assert (given.policy_version, given.baseline) == ("", None)


def test_today_shows_what_a_prune_would_do_now() -> None:
    found = preview(facts(daily(5)), days=0, assumptions=APPROVED)
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


def test_an_index_without_backups_gets_the_one_that_is_due_and_then_the_next_ones() -> None:
    """C1: the latest slot is open, the ones before it are over."""
    found = preview(facts([]), days=5)
    assert [day.created for day in found.days] == [0, 2, 1, 1, 1, 1]
    assert [day.count for day in found.days] == [0, 2, 3, 3, 3, 3]
    assert found.days[5].size_bytes == 0


def test_an_index_that_pinecone_cannot_back_up_gets_no_backups() -> None:
    given = facts([])
    pods = tuple(replace(index, kind=IndexKind.POD) for index in given.indexes)
    found = preview(replace(given, indexes=pods), days=2)
    assert (kept(found, 2), found.steady) == ([], ())


def test_slots_are_those_of_the_policys_zone() -> None:
    read = document(policy(timezone="America/New_York", retention={"keep_last": -1}))
    found = preview(facts([], read), days=1)
    assert kept(found, 1) == ["catalogue-20261123t0700z", "catalogue-20261122t0700z"]


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
    found = preview(facts(daily(5), read), days=2, assumptions=APPROVED)
    assert [day.count for day in found.days] == [3, 3, 3]
    assert texts(found.days[0].kept[1].reasons) == ("floor of 3",)


def test_what_waits_for_approval_stays() -> None:
    """D2: nobody approves by itself."""
    found = preview(facts(daily(40)), days=1)
    today, tomorrow = found.days
    assert "37 deletions in one index, where the limits allow 20" in texts(today.waits)
    assert (len(today.kept), len(today.waiting), today.deleted) == (3, 37, ())
    assert today.count == 40
    assert today.size_bytes == 4000
    assert tomorrow.count >= 40


def test_where_nothing_may_be_deleted_it_says_why() -> None:
    """D2."""
    found = preview(replace(facts(daily(5)), holds=None), days=0)
    (today,) = found.days
    assert texts(today.waits) == ("the holds could not be read",)
    assert (today.deleted, today.count) == ((), 5)


def test_what_waits_goes_where_somebody_is_said_to_approve() -> None:
    found = preview(facts(daily(40)), days=1, assumptions=APPROVED)
    today, tomorrow = found.days
    assert (len(today.deleted), today.waiting) == (37, ())
    assert tomorrow.count == 3
    assert tomorrow.waits == ()


@pytest.mark.parametrize("mode", [PruneMode.DRY_RUN, PruneMode.APPROVE])
def test_a_mode_that_deletes_nothing_by_itself_lets_everything_stay(mode: PruneMode) -> None:
    found = preview(facts(daily(3)), days=3, assumptions=Assumptions(mode))
    assert [day.deleted for day in found.days] == [()] * 4
    assert [len(day.waiting) for day in found.days] == [0, 1, 2, 3]
    assert [day.count for day in found.days] == [3, 4, 5, 6]


def test_in_a_dry_run_not_even_an_approval_deletes() -> None:
    found = preview(
        facts(daily(3)), days=2, assumptions=Assumptions(PruneMode.DRY_RUN, approved=True)
    )
    assert [day.count for day in found.days] == [3, 4, 5]


def test_where_a_person_decides_what_is_approved_goes() -> None:
    found = preview(
        facts(daily(3)), days=2, assumptions=Assumptions(PruneMode.APPROVE, approved=True)
    )
    assert [day.count for day in found.days] == [3, 3, 3]


def test_the_first_prune_of_a_deployment_only_plans() -> None:
    found = preview(facts(daily(4)), days=1, assumptions=Assumptions(first=True))
    assert (deleted(found, 0), len(found.days[0].waiting)) == ([], 1)
    assert "11-19" in deleted(found, 1)


def test_as_many_prunes_are_played_as_the_schedule_has() -> None:
    """A backup every six hours, the newest of which stays: each prune but today's deletes one."""
    read = document(policy(cron="30 */6 * * *", retention={"keep_last": 1}))
    history = [PastBackup("b", "catalogue", NOW.replace(hour=6, minute=30))]
    often = preview(facts(history, read), days=1)
    assert [len(day.deleted) for day in often.days] == [0, 4]
    assert [day.count for day in often.days] == [1, 1]


@pytest.mark.parametrize(
    ("days", "ended"),
    [
        (2, ""),
        (
            3,
            (
                "The preview ends after 2 of 3 days: what is made on the next one would make it "
                "plan about more than 20 backups"
            ),
        ),
    ],
)
def test_a_preview_that_would_take_too_long_ends_early_and_says_so(
    days: int, ended: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each day is nine backups' work: three there, one that is made, and five for the index."""
    monkeypatch.setattr("pinecone_backup.rules.preview.MOST_WORK", 20)
    once_a_day = Assumptions(every=DAY)
    found = preview(facts(daily(3)), days=days, assumptions=once_a_day)
    assert [day.at for day in found.days] == [NOW, NOW + DAY, NOW + 2 * DAY]
    assert found.ended == ended
    assert found.assumptions == once_a_day


def test_a_slot_starts_when_its_indexs_jitter_has_passed() -> None:
    """C1: at the moment of the slot there is no backup yet."""
    read = document(policy(cron="0 12 * * *", retention={"keep_last": -1}))
    found = preview(facts([], read), days=1)
    (first, *_) = found.days[1].kept
    assert first.created_at is not None
    assert first.backup_id == "catalogue-20261122t1200z"
    assert NOW < first.created_at < NOW + timedelta(minutes=30)


def test_what_is_under_way_becomes_a_backup() -> None:
    given = real([backup("b1", days_ago=1 / 24, index="catalogue", status=Status.UNDER_WAY)])
    found = preview(given, days=1)
    assert [len(day.kept) for day in found.days] == [1, 2]
    assert "newest good" not in texts(found.days[0].kept[0].reasons)
    assert kept(found, 1)[1] == "b1"
    assert texts(found.days[1].kept[1].reasons) == ("last snapshot",)


def real(rows: list[Backup], read: PolicyDocument | None = None) -> Facts:
    """The facts of a listing in which every Ready backup is good."""
    return listed(
        read or document(),
        "main",
        rows,
        {row.backup_id: record(row) for row in rows},
        owner=OWNER,
        indexes=CATALOGUE,
        now=NOW,
    )


def test_backups_by_hand_stay_and_protect_nothing() -> None:
    """I2: as a prune treats them."""
    rows = [backup(f"hand{n}", days_ago=n, index="catalogue", owner=None) for n in range(5)]
    found = preview(real(rows), days=3)
    assert [day.count for day in found.days] == [5, 7, 8, 8]
    assert all(f"hand{n}" in kept(found, 3) for n in range(5))
    assert found.quota.others == 5


def test_a_pause_makes_and_deletes_nothing_and_then_one_backup_catches_up() -> None:
    """C6: until the beginning of the 25th in the policy's zone."""
    paused = policy(cron="0 3 * * *", paused_until="2026-11-25", retention={"keep_last": 9})
    found = preview(facts(daily(3), document(paused)), days=3)
    assert [day.created for day in found.days] == [0, 0, 0, 2]
    assert [day.count for day in found.days] == [3, 3, 3, 5]
    assert kept(found, 3)[:2] == ["catalogue-20261125t0300z", "catalogue-20261124t0300z"]


# The quota


def hourly(quota: int, **changes: Any) -> PolicyDocument:
    """Twenty-nine backups of each index."""
    return document(
        policy(cron="0 * * * *", retention={"keep_hourly": 24, "keep_daily": 7}, **changes),
        projects=[{"name": "main", "quota": quota}],
        limits={
            "per_run": {"count": 10_000, "percent": 100},
            "per_index": {"count": 10_000, "percent": 100},
        },
    )


def test_the_quotas_verdict_is_about_all_policies_together() -> None:
    indexes: Mapping[str, Mapping[str, str]] = {f"docs-{n}": {} for n in range(20)}
    found = preview(facts([], hourly(500), indexes), days=2)
    assert found.quota.needed == 20 * 29
    assert not found.quota.fits
    assert found.quota.reached_at is not None
    assert found.quota.reached_at.date().isoformat() == "2026-11-23"
    assert str(found.quota) == (
        "In the long run 580 backups of the quota of 500: 20 indexes of policy gold need 580. "
        f"{found.quota.refused} slots find it used up from 2026-11-23 on."
    )


def test_while_the_quota_is_used_up_nothing_is_made() -> None:
    """C4: and when a prune made room, the latest slot catches up, not those before it."""
    found = preview(facts([], hourly(10)), days=2, assumptions=DRY_RUN)
    assert [day.count for day in found.days] == [0, 10, 10]
    assert found.days[2].refused == 24
    assert found.quota.refused == found.days[1].refused + 24
    assert str(found.quota).endswith(" used up from 2026-11-23 on, with nothing pruned.")
    room = hourly(10, floor=1)
    read = room.model_copy(
        update={"policies": document(policy(cron="0 * * * *", retention={"keep_last": 3})).policies}
    )
    steady = preview(facts(daily(0), read), days=2)
    assert max(day.count for day in steady.days) == 3
    assert steady.quota.refused == 0


def test_a_verdict_that_fits_says_so() -> None:
    found = preview(facts(daily(3)), days=1)
    assert found.quota.fits
    assert str(found.quota) == (
        "In the long run 3 backups of the quota of 500: 1 index of policy gold needs 3."
    )


def test_what_no_policy_decides_about_counts_against_the_quota() -> None:
    indexes = {"catalogue": {}, "scratch": {"backup-policy": "none"}}
    history = [*daily(3), PastBackup("s", "scratch", NOW)]
    found = preview(facts(history, indexes=indexes), days=0)
    assert (found.quota.used, found.quota.others, found.quota.needed) == (4, 1, 4)
    assert str(found.quota).endswith("1 index of policy gold needs 3; 1 is no policy's.")


@pytest.mark.parametrize(("by_schedule", "others"), [(False, 2), (True, 1)])
def test_what_a_native_schedule_made_is_no_policys_once_a_cron_has_its_place(
    by_schedule: bool, others: int
) -> None:
    """I2, G5: what was made by hand is no policy's in any case."""
    name = f"nightly-{NOW - DAY:%Y%m%dT%H%M%SZ}"
    rows = [
        backup("hand", days_ago=1, index="catalogue", owner=None),
        backup("nightly", days_ago=1, index="catalogue", owner=None, name=name),
        backup("ours", days_ago=1, index="catalogue"),
    ]
    found = preview(real(rows, native() if by_schedule else document()), days=0)
    assert found.quota.others == others


# Native schedules


def native(**changes: Any) -> PolicyDocument:
    made = policy(**changes)
    del made["cron"]
    schedule = {"frequency": "daily", "expire_after_days": 3}
    return document({**made, "native_schedule": schedule, "retention": {"keep_last": 1}})


def test_a_native_policy_is_named_as_such() -> None:
    (each,) = preview(facts([], native()), days=0).steady
    assert (each.native, each.next_slots) == (True, ())
    assert "1 index of policy gold (native schedule) needs" in str(
        preview(facts([], native()), days=0).quota
    )


def test_native_backups_are_made_and_expire_without_any_prune() -> None:
    """G5: Pinecone does both."""
    found = preview(facts([], native()), days=6, assumptions=DRY_RUN)
    assert [day.created for day in found.days] == [0, 1, 1, 1, 1, 1, 1]
    assert [day.expired for day in found.days] == [0, 0, 0, 0, 1, 1, 1]
    assert [day.count for day in found.days] == [0, 1, 2, 3, 3, 3, 3]
    assert texts(found.days[6].kept[0].reasons) == ("made by native schedule gold",)


# The next slots


def test_the_next_slots_of_each_index_are_given() -> None:
    (each,) = preview(facts([]), days=0).steady
    assert each.next_slots == tuple(NOW.replace(hour=2) + n * DAY for n in (1, 2, 3))
    assert len(each.next_slots) == NEXT_SLOTS


def test_a_slot_is_the_next_one_until_its_turn_comes() -> None:
    """C1: with the index's jitter."""
    (each,) = preview(facts([], document(policy(cron="0 12 * * *"))), days=0).steady
    assert each.next_slots == (NOW, NOW + DAY, NOW + 2 * DAY)


# What a changed document changes


def changed(history: list[PastBackup], new: PolicyDocument, *, days: int = 0) -> Difference:
    former = replace(
        facts(history), policy_version="v1", baseline=Baseline(document(), "v1", ASSIGNED)
    )
    proposed = replace(former, document=new, policy_version="v2")
    return difference(preview(former, days=days), preview(proposed, days=days))


ASSIGNED = {"catalogue": "gold"}


def test_what_only_the_new_document_deletes_is_told() -> None:
    found = changed(daily(3), document(policy(retention={"keep_last": 2})))
    assert [each.item.backup_id for each in found.goes] == ["11-20"]
    assert found.stays == ()
    assert found.goes[0].at == NOW


def test_what_only_the_former_document_deletes_is_told() -> None:
    found = changed(daily(4), document(policy(retention={"keep_last": 4})))
    assert [each.item.backup_id for each in found.stays] == ["11-19"]
    assert found.goes == ()


def test_an_unchanged_document_changes_nothing() -> None:
    found = changed(daily(6), document(), days=5)
    assert (found.goes, found.stays) == ((), ())
    assert found.quota_before == found.quota_after


def test_what_differs_on_a_later_day_is_told_with_the_day() -> None:
    found = changed(daily(3), document(policy(retention={"keep_last": 4})), days=1)
    (stays,) = found.stays
    assert (stays.item.backup_id, stays.at, stays.waits) == ("11-20", NOW + DAY, False)
    assert found.goes == ()


def test_what_waits_from_the_first_day_on_is_told_with_that_day() -> None:
    """D3: it waits to the end of the preview."""
    found = changed(daily(3), document(policy(retention={"keep_last": 1})), days=1)
    assert [(each.item.backup_id, each.at, each.waits) for each in found.goes] == [
        ("11-21", NOW, True),
        ("11-22", NOW + DAY, True),
    ]


def test_two_previews_are_compared_as_long_as_both_last() -> None:
    given = facts(daily(3))
    found = difference(preview(given, days=0), preview(given, days=2))
    assert (found.goes, found.stays) == ((), ())


def test_how_the_quota_ends_is_told_before_and_after() -> None:
    found = changed(daily(3), document(policy(retention={"keep_last": 9})))
    assert (found.quota_before.needed, found.quota_after.needed) == (3, 9)


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


def rescheduled(cron: str, *, max_age: str = "26h", hours_ago: float = 10) -> Facts:
    """An index under ``cron``, whose schedule was ``0 2 * * *`` until now; one good backup."""
    made = PastBackup("b1", "catalogue", NOW - timedelta(hours=hours_ago), 100)
    known = IndexRecord("catalogue", NOW - 9 * DAY, NOW, "catalogue", schedule="0 2 * * * UTC")
    read = document(policy(cron=cron, max_age=max_age, retention={"keep_last": 9}))
    return replace(facts([made], read), memory={"catalogue": known})


@pytest.mark.parametrize(
    ("hours_ago", "max_age", "made"),
    [
        (10, "3d", 1),
        (10, "26h", 2),
        (10, "9h", 2),
        (10, "12h", 2),
        (34, "5d", 2),
    ],
    ids=[
        "satisfied",
        "overdue tomorrow",
        "overdue",
        "overdue in two hours",
        "without the former slot's backup",
    ],
)
def test_a_changed_cron_makes_nothing_at_once_that_create_would_not_make(
    hours_ago: float, max_age: str, made: int
) -> None:
    """C2: of 08:00 today the former 02:00 took care, unless the index is overdue."""
    found = preview(rescheduled("0 8 * * *", hours_ago=hours_ago, max_age=max_age), days=1)
    assert found.days[1].created == made


def test_the_long_run_of_a_policy_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many indexes have it."""
    asked: list[str] = []

    def counted(policy: Policy, now: datetime) -> int | None:
        asked.append(policy.name)
        return steady_count(policy, now)

    monkeypatch.setattr("pinecone_backup.rules.preview.steady_count", counted)
    indexes: Mapping[str, Mapping[str, str]] = {f"docs-{number}": {} for number in range(5)}
    found = preview(facts([], indexes=indexes), days=0)
    assert [each.count for each in found.steady] == [3] * 5
    assert asked == ["gold"]


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
        ("0 2 * * *", {"keep_monthly": 385}, 385),
        ("0 2 * * *", {"keep_monthly": 386}, None),
        ("*/15 * * * *", {"keep_hourly": 24, "keep_daily": 7}, 29),
        ("* 8-18 * * *", {"keep_hourly": 10_000}, 10_000),
        ("0 2 * * *", {"keep_weekly": 60}, 60),
        ("0 2 * 1 *", {"keep_weekly": 10}, 10),
        ("0 2 * 1 *", {"keep_monthly": 12}, 12),
        ("0 2 1 * *", {"keep_weekly": 4, "keep_yearly": 3}, 6),
        ("0 * * * *", {"keep_within": "487d22h"}, 11_710),
        ("0 * * * *", {"keep_within": "487d23h"}, None),
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
    schedule = {"frequency": "weekly", "expire_after_days": 30}
    read = native().policies[0].model_dump(mode="json", exclude_none=True)
    found = preview(facts([], document({**read, "native_schedule": schedule})), days=2)
    assert found.steady_count == 5


@pytest.mark.parametrize(
    ("cron", "retention", "days"),
    [
        ("0 */12 * * *", {"keep_daily": 5, "keep_weekly": 3, "keep_monthly": 4}, 200),
        ("*/15 8-18 * * *", {"keep_hourly": 24, "keep_daily": 5}, 9),
        ("0 2 1-7 */2 *", {"keep_weekly": 5, "keep_monthly": 3}, 300),
    ],
)
def test_the_long_run_is_what_playing_on_arrives_at(
    cron: str, retention: dict[str, Any], days: int
) -> None:
    """The shortcut agrees with as many days of prunes."""
    read = document(policy(cron=cron, retention=retention))
    found = preview(facts([], read), days=days)
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
    found = preview(facts(history, read), days=30, assumptions=APPROVED)
    assert found.days[30].count == 75


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        pytest.param(
            QuotaVerdict(500, 3, 0, (), None, 0),
            "In the long run 0 backups of the quota of 500.",
            id="nothing",
        ),
        pytest.param(
            QuotaVerdict(
                1500,
                3,
                1,
                (PolicyNeed("gold", False, 1, 1200), PolicyNeed("aside", True, 2, 60)),
                None,
                0,
            ),
            "In the long run 1,261 backups of the quota of 1,500: 1 index of policy gold needs "
            "1,200; 2 indexes of policy aside (native schedule) need 60; 1 is no policy's.",
            id="what each policy needs",
        ),
        pytest.param(
            QuotaVerdict(
                500,
                3,
                2,
                (PolicyNeed("all", False, 1, None), PolicyNeed("also", False, 2, None)),
                NOW,
                1234,
            ),
            "In the long run more and more backups of the quota of 500: 1 index of policy all "
            "grows for ever; 2 indexes of policy also grow for ever; 2 are no policy's. 1,234 "
            f"slots find it used up from {NOW:%Y-%m-%d} on.",
            id="for ever",
        ),
        pytest.param(
            QuotaVerdict(500, 3, 0, (), NOW, 1, pruning=False),
            "In the long run 0 backups of the quota of 500. 1 slot finds it used up from "
            f"{NOW:%Y-%m-%d} on, with nothing pruned.",
            id="for one slot",
        ),
        pytest.param(
            QuotaVerdict(500, 3, 0, (), None, 2),
            "In the long run 0 backups of the quota of 500. 2 slots find it used up.",
            id="at a time that is not known",
        ),
        pytest.param(
            QuotaVerdict(None, 3, 0, (PolicyNeed("gold", False, 1, 9),), None, 0),
            "In the long run 9 backups of no quota: 1 index of policy gold needs 9.",
            id="without a quota",
        ),
    ],
)
def test_the_verdict_on_the_quota_in_words(verdict: QuotaVerdict, text: str) -> None:
    assert str(verdict) == text


def test_the_policy_that_needs_most_of_the_quota_comes_first() -> None:
    """One that grows for ever comes before all others."""
    plain = {"cron": "0 3 * * *", "max_age": "2d"}
    keeps = {"few": 3, "all": -1, "many": 9}
    document = validate_policy(
        {
            "projects": [{"name": "main"}],
            "policies": [
                {"name": name, **plain, "retention": {"keep_last": count}}
                for name, count in keeps.items()
            ],
            "assignments": [{"policy": name, "index": name} for name in keeps],
        }
    )
    facts = imagined(document, "main", [], indexes={name: {} for name in keeps}, now=NOW)
    needs = preview(facts, days=1, assumptions=Assumptions()).quota.needs
    assert [need.policy for need in needs] == ["all", "many", "few"]
