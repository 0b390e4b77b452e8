"""What people read: every control's words, whole, as ``controls.txt`` has them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinecone_backup.differences import Difference, DifferenceKind
from pinecone_backup.model import IndexKind, Status
from pinecone_backup.reasons import Reason, ReasonKind
from pinecone_backup.records import (
    CleanUp,
    ItemKind,
    RestoreKind,
    RestoreResult,
    RestoreStep,
    UnreadableItem,
    Verdict,
)
from pinecone_backup.rules.controls import evaluate
from pinecone_backup.rules.findings import Control
from pinecone_backup.rules.forecast import Forecast
from pinecone_backup.rules.policy import AssignedBy, Orphans
from pinecone_backup.rules.policy_warnings import PolicyWarning, WarningCode
from pinecone_backup.rules.restore_tests import TestDecision, TestState
from tests.support.audits import (
    EMPTY,
    EMPTY_AS_INDEX,
    NATIVE_POLICY,
    NOW,
    POLICY,
    accepted,
    ago,
    backup,
    hold,
    index_facts,
    inventory,
    project_facts,
    record_of,
    schedule,
)
from tests.support.restores import restore_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinecone_backup.model import Backup
    from pinecone_backup.records import BackupRecord
    from pinecone_backup.rules.audit_facts import ProjectFacts
    from pinecone_backup.rules.findings import Observation

TEXTS = Path(__file__).with_name("controls.txt")


def of(
    *rows: Backup,
    records: list[BackupRecord] | None = None,
    project: dict[str, Any] | None = None,
    **index: Any,
) -> ProjectFacts:
    held = inventory(rows, records=records)
    return project_facts(held, index_facts(held, **index), **(project or {}))


def suspects(count: int, records: int, reason: Reason) -> ProjectFacts:
    good = backup("good", at=ago(hours=20))
    rows = [backup(f"s-{n}", at=ago(hours=n), records=records) for n in range(1, count + 1)]
    known = [record_of(row, verdict=Verdict.SUSPECT, reason=reason) for row in rows]
    return of(good, *rows, records=[record_of(good), *known])


def scenarios() -> Iterator[ProjectFacts]:
    """Facts that make every control speak, alone where that is possible."""
    good = backup("good", at=ago(hours=20))
    failures = [backup(f"f-{n}", at=ago(hours=n), status=Status.FAILED) for n in range(1, 7)]
    running = [backup(f"r-{n}", at=ago(hours=n), status=Status.UNDER_WAY) for n in (13, 15)]
    old: dict[str, Any] = {"index": "old", "index_id": "id-old", "deleted_at": ago(days=3)}
    yield of(policy=None)
    yield of(policy=None, by=AssignedBy.OPT_OUT)
    yield of(policy=None, by=AssignedBy.UNKNOWN_TAG, tags={"backup-policy": "gold"})
    yield of(first_seen=NOW, paused_until=date(2026, 12, 1))
    yield of(backup(at=ago(hours=31)), tags={"backup-paused-until": "2026-12-01"})
    yield of(first_seen=NOW, tags={"backup-paused-until": "next week"})
    yield of(kind=IndexKind.POD)
    yield of(own_key=True)
    yield of(backup(at=ago(hours=31)))
    yield of(
        backup(at=ago(hours=31)),
        failures[0],
        failures[1],
        backup("u", at=ago(hours=1), status=Status.UNDER_WAY),
    )
    yield of()
    yield of(good, *failures[:1])
    yield of(good, *failures[:5])
    yield of(good, *failures)
    yield of(good, *running[:1])
    yield of(good, *running)
    yield suspects(1, 0, EMPTY)
    yield suspects(2, 0, EMPTY_AS_INDEX)
    yield suspects(2, 9, Reason.of(ReasonKind.SHRUNK, records=9, reference=1000))
    yield of(backup(index_id="id-0"), previous_ids=("id-x", "id-0"), first_seen=NOW)
    yield of(policy=NATIVE_POLICY, first_seen=NOW)
    yield of(policy=NATIVE_POLICY, first_seen=NOW, schedules=[schedule(enabled=False)])
    yield of(policy=NATIVE_POLICY, first_seen=NOW, schedules=[schedule()])
    yield of(first_seen=NOW, schedules=[schedule(created=NOW)])
    yield of(policy=NATIVE_POLICY, first_seen=NOW, schedules=[schedule(days=7, created=NOW)])
    yield project_facts(inventory([good]), quota=1, coming=Forecast([(NOW, 1)], NOW, pruning=True))
    yield project_facts(coming=Forecast([(NOW, 1)], ago(days=-9), pruning=False))
    yield project_facts(inventory([backup(**old)]))
    yield project_facts(
        inventory([backup("o-1", **old), backup("o-2", **old, status=Status.FAILED)]),
        orphans=Orphans(after=30),
    )
    yield of(
        good,
        backup("going", at=ago(days=9)),
        records=[
            record_of(good),
            record_of(backup("going", at=ago(days=9)), deletion=accepted(ago(hours=30))),
        ],
    )
    yield of(good, backup("b", owner="stack-b"))
    yield project_facts(
        inventory([backup(f"b-{n}", index=f"i-{n}", owner="stack-b") for n in range(6)])
    )
    yield project_facts(inventory([backup(), backup(index="notes", index_id="id-notes")]))
    yield of(good, backup("u", at=None, owner=None))
    yield of(good, backup("ahead", at=ago(hours=2), slot=ago(days=-300)))
    yield of(good, project={"holds": [hold("good", expires_at=ago(days=1))]})
    yield of(good, problem="Pinecone answered 500", unread_audits=2)
    yield of(backup(at=ago(days=3)), problem="Pinecone answered 500", unread_audits=72)
    yield of(problem="ledger item INDEX#docs cannot be read", index_id=None, unread_audits=2)
    yield project_facts(unreadable=unreadable_items())
    yield project_facts(warnings=[policy_warning(0)])
    yield project_facts(warnings=[policy_warning(number) for number in range(7)])
    yield from of_restores()


def of_restores() -> Iterator[ProjectFacts]:
    """Facts that make the controls of restores speak."""
    waits = TestDecision(
        "docs", "id-1", POLICY, TestState.WAITS, "at_once is 1, and as many tests are under way"
    )
    failed = restore_record(
        "test-1",
        kind=RestoreKind.TEST,
        step=RestoreStep.DONE,
        started_at=ago(days=8),
        result=RestoreResult.FAILED,
        result_at=ago(days=8),
        differences=(Difference.of(DifferenceKind.TOTAL_LOWER, found=9, expected=10),),
    )
    passed = replace(failed, result=RestoreResult.SUCCEEDED, differences=())
    late = replace(
        failed,
        result=RestoreResult.TIMED_OUT,
        reason="it was not over within 1 day",
        differences=(),
    )
    due = replace(waits, due_at=ago(hours=3))
    yield about_restores(test=due)
    yield about_restores(test=replace(due, last=passed, passed=passed))
    yield about_restores(test=replace(waits, last=failed))
    yield about_restores(test=replace(waits, last=late, passed=passed))
    yield about_restores(state="InitializationFailed", source_backup_id="b-9")
    yield about_restores(state="Initializing", source_backup_id=None)
    yield about_restores(tags={"backup-policy": "none", "backup-restore": "restore-1"})
    cleaning = replace(passed, step=RestoreStep.CLEANING, clean_up=CleanUp.FAILED)
    refused = replace(cleaning, clean_up_error="Pinecone forbids it", target_index_name="temp")
    temporary = [index_facts(name=name).index for name in ("temp", "unexplained")]
    yield project_facts(restores=[refused], temporary=temporary)


def about_restores(
    *, state: str = "", test: TestDecision | None = None, **index: Any
) -> ProjectFacts:
    """One index with a good backup; one that has not come up has none."""
    facts = of(*([] if state else [backup("good", at=ago(hours=20))]))
    (known,) = facts.indexes
    if state:
        index = {"state": state, "ready": False, **index}
    opted = replace(known.assigned, policy=None, by=AssignedBy.OPT_OUT)
    changed = replace(
        known,
        index=replace(known.index, **index),
        test=test,
        assigned=opted if "tags" in index else known.assigned,
        restore=restore_record(step=RestoreStep.DONE, finished_at=ago(days=2))
        if "tags" in index
        else None,
    )
    return replace(facts, indexes=[changed])


def policy_warning(number: int) -> PolicyWarning:
    return PolicyWarning(
        WarningCode.MAX_AGE_BELOW_GAP,
        f"policies.{number}.max_age",
        {"policy": "gold"},
        "The index will be overdue every time.",
        "Give more.",
    )


def unreadable_items() -> list[UnreadableItem]:
    """One of every kind, and a hold and a restore that do not say what they are about."""
    concerns = {
        ItemKind.BACKUP: ("b-1", ""),
        ItemKind.INDEX: ("", "docs"),
        ItemKind.CLAIM: ("", "docs"),
        ItemKind.HOLD: ("docs", "docs"),
        ItemKind.RESTORE: ("b-1", ""),
    }
    reason = "created_at: Field required"
    items = [
        UnreadableItem(f"{kind}#1", kind, reason, *concerns.get(kind, ("", "")))
        for kind in ItemKind
    ]
    lost = [UnreadableItem(f"{kind}#2", kind, reason) for kind in (ItemKind.HOLD, ItemKind.RESTORE)]
    return [*items, *lost]


def rendered(observation: Observation) -> str:
    """An observation as a person reads it, and what programs get with it."""
    data = json.dumps(dict(observation.data), sort_keys=True)
    return (
        f"{observation.control} ({observation.severity}) {observation.subject}\n"
        f"    {observation.title}\n"
        f"    {observation.diagnosis}\n"
        f"    {observation.action}\n"
        f"    {data}\n"
    )


def all_told() -> str:
    return "\n".join(
        rendered(observation) for facts in scenarios() for observation in evaluate(facts)
    )


def test_every_control_says_what_it_saw_and_what_to_do() -> None:
    """The file is what people read: change it with the words, and read it as they would."""
    assert all_told() == TEXTS.read_text(encoding="utf-8")


def test_the_file_has_a_word_from_every_control_of_the_audit() -> None:
    elsewhere = {
        Control.CREATION_FAILING,
        Control.CREATION_REFUSED,
        Control.EVIDENCE_WAITING,
        Control.QUOTA_REACHED,
        Control.PROJECT_UNKNOWN,
        Control.PROJECT_REMOVED,
        Control.POLICY_MISSING,
        Control.POLICY_INVALID,
        Control.PRUNE_STOPPED,
        Control.PLAN_WAITING,
        Control.RUN_BROKEN,
        Control.RUN_REFUSED,
    }
    spoken = {seen.control for facts in scenarios() for seen in evaluate(facts)}
    assert spoken == set(Control) - elsewhere
