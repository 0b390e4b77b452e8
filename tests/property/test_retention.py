from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from pinecone_backup.reasons import Reason
from pinecone_backup.rules.policy import ExpiryRetention, KeepRetention
from pinecone_backup.rules.retention import keep

type Row = tuple[str, datetime]
type Retention = KeepRetention | ExpiryRetention

PERIODS = ("hourly", "daily", "weekly", "monthly", "yearly")
BASE = datetime(2024, 10, 1, tzinfo=UTC)
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]
).map(ZoneInfo)
# Dense and sparse histories: minutes apart, or spread over years.
MOMENTS = st.builds(
    lambda unit, count: BASE + count * unit,
    st.sampled_from([timedelta(minutes=7), timedelta(hours=5), timedelta(days=3)]),
    st.integers(0, 400),
)
NOWS = st.integers(-10, 1300).map(lambda days: BASE + timedelta(days=days))
COUNTS = st.sampled_from([-1, 0, 0, 0, 1, 2, 3, 7])
DURATIONS = st.sampled_from(["3h", "1d", "2d5h", "14d", "1m", "3m2d", "1y", "1y2m3d4h", "100y"])


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    moments = draw(st.lists(MOMENTS, max_size=25))
    return [(f"b{number:02}", moment) for number, moment in enumerate(moments)]


@dataclass(frozen=True)
class Case:
    rows: list[Row]
    zone: ZoneInfo
    now: datetime

    def keep(self, retention: Retention | Mapping[str, object]) -> dict[str, tuple[str, ...]]:
        if isinstance(retention, Mapping):
            retention = KeepRetention.model_validate(retention)
        found = keep(self.rows, retention, self.zone, self.now)
        return {key: tuple(map(str, reasons)) for key, reasons in found.items()}


CASES = st.builds(Case, histories(), ZONES, NOWS)


@st.composite
def keep_rules(draw: st.DrawFn) -> dict[str, int | str]:
    rules: dict[str, int | str] = {
        f"keep_{name}": draw(COUNTS) for name in draw(st.sets(st.sampled_from(("last", *PERIODS))))
    }
    windows = ("keep_within", *(f"keep_within_{period}" for period in PERIODS))
    rules |= {name: draw(DURATIONS) for name in draw(st.sets(st.sampled_from(windows), max_size=2))}
    return rules if any(rules.values()) else {"keep_last": 1}


expiry_rules = st.builds(
    lambda days, least, more: {
        "expire_after_days": days,
        "min_count": least,
        "max_count": None if more is None and days is not None else least + (more or 0),
    },
    st.none() | st.integers(1, 900),
    st.integers(1, 6),
    st.none() | st.integers(0, 10),
)
retentions = st.one_of(
    keep_rules().map(KeepRetention.model_validate),
    expiry_rules.map(ExpiryRetention.model_validate),
)


@given(CASES, retentions)
def test_every_candidate_either_stays_with_a_reason_or_goes(
    case: Case, retention: Retention
) -> None:
    """K6: what stays is a part of the candidates, and each has its reasons, each once."""
    found = case.keep(retention)
    assert set(found) <= {backup_id for backup_id, _ in case.rows}
    assert all(reasons and len(set(reasons)) == len(reasons) for reasons in found.values())


@given(CASES, retentions)
def test_the_newest_always_stays(case: Case, retention: Retention) -> None:
    """K6, K7: no valid retention empties an index, however old its backups are."""
    newest = sorted(case.rows, key=lambda row: (-row[1].timestamp(), row[0]))[:1]
    assert [backup_id for backup_id, _ in newest] == list(case.keep(retention))[:1]


@given(CASES, retentions, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_of_rows_matters(
    case: Case, retention: Retention, random: Random
) -> None:
    """K2: pages may come in any order and repeat rows."""
    again = case.rows + case.rows[::3]
    random.shuffle(again)
    shuffled = replace(case, rows=again).keep(retention)
    assert list(shuffled.items()) == list(case.keep(retention).items())


@given(CASES, retentions)
def test_applied_to_its_survivors_a_retention_deletes_nothing_more(
    case: Case, retention: Retention
) -> None:
    """K3, K4, K5, K7: idempotent at one moment."""
    first = case.keep(retention)
    survivors = replace(case, rows=[row for row in case.rows if row[0] in first])
    assert survivors.keep(retention).keys() == first.keys()


@given(CASES, retentions, st.integers(0, 60 * 24 * 40))
def test_a_newer_backup_never_brings_back_what_was_to_be_deleted(
    case: Case, retention: Retention, minutes: int
) -> None:
    """K2: a backup that a plan deleted is not kept because another one was added."""
    newest = max((moment for _, moment in case.rows), default=BASE)
    newer = ("newer", newest + timedelta(minutes=minutes, microseconds=1))
    more = replace(case, rows=[*case.rows, newer]).keep(retention)
    assert more.keys() - {"newer"} <= case.keep(retention).keys()


@given(CASES, keep_rules(), st.sampled_from(["last", *PERIODS]), st.integers(0, 5))
def test_raising_a_count_never_deletes_more(
    case: Case, rules: dict[str, int | str], rule: str, more: int
) -> None:
    """K3: a higher count, or -1, keeps at least the same."""
    count = int(rules.get(f"keep_{rule}", 0))
    higher = -1 if count == -1 or not more else count + more
    assert case.keep(rules).keys() <= case.keep(rules | {f"keep_{rule}": higher}).keys()


@given(CASES, st.sampled_from(["", *PERIODS]), st.integers(1, 800), st.integers(0, 200))
def test_a_longer_window_never_deletes_more(case: Case, rule: str, days: int, more: int) -> None:
    """K4: a longer D keeps at least the same."""
    name = f"keep_within_{rule}".rstrip("_")
    assert case.keep({name: f"{days}d"}).keys() <= case.keep({name: f"{days + more}d"}).keys()


@given(CASES, expiry_rules, st.integers(0, 5), st.integers(0, 5))
def test_wider_expiry_limits_never_delete_more(
    case: Case, limits: dict[str, int | None], days: int, count: int
) -> None:
    """K7: more days, or a higher max_count, keep at least the same."""
    wider = limits | {
        name: value + more
        for name, more in (("expire_after_days", days), ("max_count", count))
        if (value := limits[name]) is not None
    }
    narrow = case.keep(ExpiryRetention.model_validate(limits))
    assert narrow.keys() <= case.keep(ExpiryRetention.model_validate(wider)).keys()


@given(CASES, expiry_rules)
def test_the_count_limits_hold_whatever_the_age(case: Case, limits: dict[str, int | None]) -> None:
    """K7: at most max_count; never below min_count."""
    found = len(case.keep(ExpiryRetention.model_validate(limits)))
    least, most = limits["min_count"] or 1, limits["max_count"]
    assert min(least, len(case.rows)) <= found
    assert most is None or found <= most


@given(CASES, st.sampled_from(PERIODS), st.integers(1, 9))
def test_a_period_rule_keeps_one_for_each_period_until_its_count_is_used(
    case: Case, rule: str, count: int
) -> None:
    """K2, K3, K5: as many as there are periods, the oldest on top where there are places left."""
    periods = distinct_periods(case.rows, rule, case.zone)
    found = case.keep({f"keep_{rule}": count})
    oldest = sum(reasons == (f"oldest {rule} snapshot",) for reasons in found.values())
    assert len(found) - oldest == min(count, periods)
    assert oldest <= (periods < count)


def distinct_periods(rows: Sequence[Row], rule: str, zone: ZoneInfo) -> int:
    formats = {
        "hourly": "%Y-%m-%d %H",
        "daily": "%Y-%m-%d",
        "weekly": "%G-%V",
        "monthly": "%Y-%m",
        "yearly": "%Y",
    }
    return len({moment.astimezone(zone).strftime(formats[rule]) for _, moment in rows})


@given(
    CASES,
    st.dictionaries(
        st.sampled_from(["keep_last", "keep_hourly", "keep_daily", "keep_weekly"]),
        st.integers(1, 6),
        min_size=1,
    ),
    st.sampled_from(["5h", "2d", "30d", "2d5h"]),
    st.integers(-300, 300),
)
def test_shifted_by_whole_weeks_the_same_backups_stay_for_the_same_reasons(
    case: Case, counts: dict[str, int], window: str, weeks: int
) -> None:
    """K2, K4: hours, days and weeks look the same at any time of the year."""
    rules = {**counts, "keep_within_daily": window}
    shift = timedelta(weeks=weeks)
    here = replace(case, zone=ZoneInfo("UTC"))
    there = replace(
        here, rows=[(name, moment + shift) for name, moment in case.rows], now=case.now + shift
    )
    assert here.keep(rules) == there.keep(rules)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(8, 20)), max_size=20),
    st.integers(1, 10),
    st.integers(1, 30),
    st.integers(0, 400),
)
def test_by_daylight_a_zone_with_summer_time_is_cut_like_any_other(
    hours: list[tuple[int, int]], count: int, window: int, shift: int
) -> None:
    """K2, K4: days and windows of days follow the wall clock over every change of clocks."""
    berlin = ZoneInfo("Europe/Berlin")
    retention = KeepRetention.model_validate(
        {"keep_daily": count, "keep_within_hourly": f"{window}d"}
    )

    def kept_from(first: datetime) -> dict[str, tuple[Reason, ...]]:
        rows = [
            (f"b{number:02}", (first + timedelta(days=day)).replace(hour=hour, tzinfo=berlin))
            for number, (day, hour) in enumerate(hours)
        ]
        return keep(rows, retention, berlin, datetime(2100, 1, 1, tzinfo=UTC))

    start = datetime(2026, 3, 1)  # noqa: DTZ001 - a wall clock, given its zone above
    assert kept_from(start) == kept_from(start + timedelta(days=shift))
