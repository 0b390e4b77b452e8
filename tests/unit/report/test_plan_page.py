"""The page that a plan is approved on: complete, safe, and with the command that approves it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pinecone_backup.reasons import Reason, ReasonKind
from pinecone_backup.records import PlanApproval, PlanRecord, PlanState
from pinecone_backup.report.html import Deployment
from pinecone_backup.report.plan_page import PlanContext, render_plan_page
from tests.support.backups import NOW, backup, plan_of
from tests.support.pages import HOSTILE, read, words_of
from tests.support.pruning import document

if TYPE_CHECKING:
    from pinecone_backup.rules.plan import Plan

LAST_TWO = document(retention={"keep_last": 2}, floor=1)
WAITS = (
    Reason.of(
        ReasonKind.LIMIT_PER_RUN,
        count=3,
        allowed=1,
        setting="limits.per_run",
        count_needed=3,
        percent_needed=60,
    ),
)


def days(count: int, **properties: Any) -> list[Any]:
    """A backup a day, today's first: b0, b1 ..."""
    return [backup(f"b{day}", days_ago=day, **properties) for day in range(count)]


def record_of(plan: Plan, **changes: Any) -> PlanRecord:
    record = PlanRecord(
        digest=plan.digest,
        state=PlanState.AWAITING_APPROVAL,
        policy_version=plan.policy_version,
        created_at=NOW,
        run_id="prune-7",
        key=f"plans/main/{plan.digest}.json",
        delete_count=len(plan.to_go),
        keep_count=0,
        bytes_freed=plan.bytes_freed,
        waits_because=WAITS,
    )
    return replace(record, **changes)


def page_of(
    plan: Plan,
    record: PlanRecord | None = None,
    *,
    previous: Plan | None = None,
    newest: PlanRecord | None = None,
) -> str:
    record = record or record_of(plan)
    return render_plan_page(
        record,
        plan,
        PlanContext(
            deployment=Deployment("backups-prod", "eu-central-1"),
            previous=previous,
            newest=newest or record,
            now=NOW + timedelta(hours=1),
        ),
    )


def commands(page: str) -> list[str]:
    return re.findall(r"<pre[^>]*>([^<]*)</pre>", page)


def test_the_page_is_well_formed_and_needs_nothing_from_outside() -> None:
    page = page_of(plan_of(days(5), LAST_TWO))
    reader = read(page)
    assert len(reader.ids) == len(set(reader.ids))
    assert not re.search(r"https?:|@import|url\(", page)


def test_every_backup_that_goes_is_on_the_page_with_its_reason() -> None:
    plan = plan_of(days(5), LAST_TWO)
    rows = re.findall(r"<tr><td class=\"mono id\">(b\d).*?</tr>", page_of(plan), re.DOTALL)
    assert rows == ["b2", "b3", "b4"]
    assert words_of(page_of(plan)).count("no rule of policy standard keeps it") == len(rows)


def test_what_stays_is_counted_by_reason_with_the_newest_good_one_named() -> None:
    words = words_of(page_of(plan_of(days(5), LAST_TWO)))
    assert "newest good one left: b0" in words
    assert "last snapshot (2), newest good (1)" in words


def test_what_stays_is_as_old_as_it_was_taken_whatever_its_slot() -> None:
    """K2: undated and late ones stand elsewhere in the plan's order."""
    rows = [*days(2), backup("undated", days_ago=None), backup("made-by-hand", owner=None)]
    row = re.search(r'<td data-label="stay">.*?</tr>', page_of(plan_of(rows, LAST_TWO)))
    assert row is not None
    assert re.findall(r'"(newest|oldest)">([^<]*)<', row[0]) == [
        ("newest", "1 hour"),
        ("oldest", "25 hours"),
    ]


def test_the_quota_is_shown_before_and_after() -> None:
    assert "Quota 5 → 2 of 500 backups" in words_of(page_of(plan_of(days(5), LAST_TWO)))


def test_a_waiting_plan_has_the_exact_command_that_approves_it() -> None:
    plan = plan_of(days(5), LAST_TWO)
    (command,) = commands(page_of(plan))
    assert command == (
        f"pinecone-backup plan approve {plan.digest} --stack backups-prod --region eu-central-1 "
        "--project main --reason &#34;...&#34;"
    )


def test_the_page_says_why_a_plan_waits_and_which_setting_would_let_it_pass() -> None:
    words = words_of(page_of(plan_of(days(5), LAST_TWO)))
    assert "3 deletions in one run, where the limits allow 1" in words
    assert "limits.per_run with count 3 and percent 60 would let it pass" in words


def test_an_approved_plan_says_by_whom_and_has_the_command_that_carries_it_out() -> None:
    plan = plan_of(days(5), LAST_TWO)
    record = record_of(
        plan,
        state=PlanState.APPROVED,
        approvals=(PlanApproval("alice", "only last year's", NOW, NOW + timedelta(days=1)),),
    )
    page = page_of(plan, record)
    (command,) = commands(page)
    assert command.startswith(f"pinecone-backup plan execute {plan.digest} --wait --stack")
    assert re.search(r"Approved by alice on .*, until .*: only last year's", words_of(page))


def test_a_plan_that_was_carried_out_has_no_command() -> None:
    plan = plan_of(days(5), LAST_TWO)
    assert commands(page_of(plan, record_of(plan, state=PlanState.EXECUTED))) == []


def test_a_plan_that_was_replaced_sends_to_the_newest_and_offers_no_approval() -> None:
    plan = plan_of(days(5), LAST_TWO)
    newest = record_of(plan_of(days(6), LAST_TWO), created_at=NOW + timedelta(minutes=30))
    page = page_of(plan, newest=newest)
    assert "A newer plan replaces this one" in words_of(page)
    (command,) = commands(page)
    assert command.startswith("pinecone-backup plan --stack")


def test_what_is_new_since_the_plan_before_is_marked() -> None:
    previous = plan_of(days(5), LAST_TWO)  # b2, b3, b4
    plan = plan_of(days(7)[1:4] + days(7)[6:], LAST_TWO)  # b3 and b6; b2 stays, b4 is deleted
    page = page_of(plan, previous=previous)
    assert "New since the last plan 1 1 deleted since, 1 stay after all" in words_of(page)
    assert re.findall(r"(b\d)(?:(?!<tr>).)*<strong>new</strong>", page) == ["b6"]


def test_without_a_plan_before_nothing_is_called_new() -> None:
    page = page_of(plan_of(days(5), LAST_TWO))
    assert "there is no plan before it" in words_of(page)
    assert "<strong>new</strong>" not in page


def test_a_plan_that_deletes_nothing_says_so_and_asks_for_nothing() -> None:
    plan = plan_of(days(2), LAST_TWO)
    page = page_of(plan, record_of(plan, state=PlanState.PLANNED, waits_because=()))
    assert "Nothing is to be deleted: every backup stays." in words_of(page)
    assert commands(page) == []


def test_a_plan_that_was_stopped_says_why() -> None:
    """D2."""
    plan = plan_of(days(5), LAST_TWO, holds=None)
    page = page_of(plan, record_of(plan, state=PlanState.PLANNED, waits_because=()))
    assert "Nothing is deleted: the holds could not be read." in words_of(page)
    assert commands(page) == []


def test_names_from_outside_are_shown_and_never_run() -> None:
    plan = plan_of(days(5), LAST_TWO)
    hostile = replace(
        plan, items=tuple(replace(item, name=HOSTILE) for item in plan.items), project="main"
    )
    reader = read(page_of(hostile))
    assert reader.tags.count("script") == 1
    assert "img" not in reader.tags
    assert HOSTILE in "".join(reader.text)


def test_a_command_can_be_pasted_whatever_the_names_hold() -> None:
    command = Deployment("it's; rm", "").command("plan", "main")
    assert command == "pinecone-backup plan --stack 'it'\"'\"'s; rm' --project main"
