"""How long retention and slots take: ``python -m benchmarks.retention``.

100,000 candidates must be decided in well under half a second, and twice as many candidates must
cost about twice the time. Exits non-zero when that is not so.
"""

from __future__ import annotations

import random
import sys
import tracemalloc
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pinecone_backup.rules.policy import ExpiryRetention, KeepRetention
from pinecone_backup.rules.retention import keep
from pinecone_backup.rules.slots import latest_slot

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
PERIODS = ("hourly", "daily", "weekly", "monthly", "yearly")
SIZES = (1_000, 10_000, 100_000)
LIMIT = 0.5
RETENTIONS: dict[str, KeepRetention | ExpiryRetention] = {
    "typical": KeepRetention(
        keep_last=10, keep_daily=30, keep_weekly=8, keep_monthly=24, keep_yearly=7
    ),
    "windows": KeepRetention.model_validate(
        {"keep_within": "30d", "keep_within_daily": "6m", "keep_within_monthly": "5y"}
    ),
    "by age": ExpiryRetention(expire_after_days=365, min_count=3, max_count=10_000),
}
ALL_RULES = KeepRetention.model_validate(
    {"keep_last": -1, "keep_within": "99y"}
    | {f"keep_{period}": -1 for period in PERIODS}
    | {f"keep_within_{period}": "99y" for period in PERIODS}
)
CRONS = ("0 */6 * * *", "30 2 * * *", "0 0 1 * *", "0 0 29 2 *")


def history(size: int) -> list[tuple[str, datetime]]:
    """So many backups, 15 minutes apart, in no order."""
    rows = [(f"b{number:07}", NOW - number * timedelta(minutes=15)) for number in range(size)]
    random.Random(7).shuffle(rows)  # noqa: S311 - a reproducible order, not a secret
    return rows


def best_of(times: int, action: Callable[[], object]) -> float:
    """Seconds of the fastest of several runs."""
    found = []
    for _ in range(times):
        start = perf_counter()
        action()
        found.append(perf_counter() - start)
    return min(found)


def main() -> int:
    slow = []
    print(f"{'retention':<12}" + "".join(f"{size:>12,}" for size in SIZES) + "   per candidate")
    for name, retention in {**RETENTIONS, "every rule": ALL_RULES}.items():
        seconds = []
        for size in SIZES:
            rows = history(size)
            seconds.append(best_of(3, lambda: keep(rows, retention, BERLIN, NOW)))  # noqa: B023
        print(
            f"{name:<12}"
            + "".join(f"{each * 1000:>9.1f} ms" for each in seconds)
            + f"{seconds[-1] / SIZES[-1] * 1e6:>12.2f} us"
        )
        if retention is not ALL_RULES and seconds[-1] > LIMIT:
            slow.append(name)
    rows = history(SIZES[-1])
    tracemalloc.start()
    keep(rows, RETENTIONS["typical"], BERLIN, NOW)
    print(f"\nmemory of 100,000 typical: {tracemalloc.get_traced_memory()[1] / 2**20:.0f} MiB")
    tracemalloc.stop()
    print()
    for cron in CRONS:
        each = best_of(3, lambda: [latest_slot(cron, BERLIN, f"i{n}", NOW) for n in range(100)])  # noqa: B023
        print(f"latest slot of {cron:<14} {each / 100 * 1e6:>8.1f} us per index")
    if slow:
        print(f"\ntoo slow: {', '.join(slow)} took over {LIMIT} s for {SIZES[-1]:,}")
    return bool(slow)


if __name__ == "__main__":
    sys.exit(main())
