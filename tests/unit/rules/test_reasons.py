"""The texts of reasons."""

from __future__ import annotations

import pytest

from pinecone_backup.reasons import Reason, ReasonKind


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (
            Reason.of(ReasonKind.CHANGE_DELETES, count=1),
            "a changed policy or assignment deletes 1 backup that would have stayed",
        ),
        (
            Reason.of(ReasonKind.LIMIT_PER_RUN, count=1, allowed=0),
            "1 deletion in one run, where the limits allow 0",
        ),
        (
            Reason.of(ReasonKind.LIMIT_PER_RUN, count=1_200, allowed=1_000),
            "1,200 deletions in one run, where the limits allow 1000",
        ),
        (
            Reason.of(ReasonKind.ORPHAN_OLD, days=1),
            "its index was deleted over 1 day ago",
        ),
        (Reason.of(ReasonKind.AMONG_NEWEST, count=1), "among the newest 1"),
    ],
)
def test_a_count_is_written_with_its_noun(reason: Reason, text: str) -> None:
    assert str(reason) == text
