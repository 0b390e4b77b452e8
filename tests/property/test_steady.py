"""The long run is what a retention keeps of a past that is long enough, for any retention."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from pinecone_backup.rules.policy import Policy
from pinecone_backup.rules.retention import keep
from pinecone_backup.rules.slots import slots_between
from pinecone_backup.rules.steady import steady_count

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LONG_ENOUGH = timedelta(days=6 * 366)
CRONS = st.sampled_from(
    ["0 2 * * *", "*/30 8-10 * * *", "0 2 * 1 *", "0 22 1-7 */2 *", "15 */12 * * MON-FRI"]
)
ZONES = st.sampled_from(["UTC", "America/New_York", "Pacific/Auckland"])
MOST = {"last": 9, "hourly": 30, "daily": 9, "weekly": 7, "monthly": 5, "yearly": 4}
COUNTS = st.fixed_dictionaries(
    {}, optional={f"keep_{what}": st.integers(1, most) for what, most in MOST.items()}
).filter(bool)


@settings(max_examples=20)
@given(CRONS, ZONES, COUNTS, st.integers(1, 5))
def test_the_long_run_is_what_is_kept_of_a_past_that_is_long_enough(
    cron: str, zone: str, counts: Mapping[str, int], floor: int
) -> None:
    """K3: however rarely there are slots, and however many in an hour."""
    read = {"name": "gold", "cron": cron, "retention": counts, "max_age": "3d", "floor": floor}
    policy = Policy.model_validate(read | {"timezone": zone})
    past = list(slots_between(cron, policy.zone, NOW - LONG_ENOUGH, NOW))
    rows = [(slot.isoformat(), slot) for slot in reversed(past)]
    kept = keep(rows, policy.retention, policy.zone, NOW).keys() | {key for key, _ in rows[:floor]}
    assert steady_count(policy, NOW) == len(kept)
