"""A preview says what the same number of simulated days do, for any policy and history."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinecone_backup.model import Backup, PruneMode, RunTime, Status
from pinecone_backup.records import BackupRecord, IndexRecord
from pinecone_backup.rules.creation import Kind, due, in_order, marker_of, view_of
from pinecone_backup.rules.inventory import take_inventory
from pinecone_backup.rules.memory import mark_seen
from pinecone_backup.rules.plan import Action, make_plan
from pinecone_backup.rules.plan_facts import Baseline, Facts
from pinecone_backup.rules.preview import preview
from pinecone_backup.rules.projection import Assumptions
from pinecone_backup.rules.slots import jitter, slots_between
from tests.support.backups import NOW, OWNER, index, record, signed
from tests.support.histories import AGES, EXPIRIES, FLOORS, KEEPS, ZONES, History, history
from tests.support.laws import simulations
from tests.support.pruning import document

if TYPE_CHECKING:
    from pinecone_backup.rules.creation import View
    from pinecone_backup.rules.policy import PolicyDocument

DAY = timedelta(days=1)
KINDS = st.sampled_from(
    ["good"] * 8
    + ["suspect", "failed", "unknown", "undated", "foreign", "other", "on demand", "spent"]
    + ["doubtful", "tested", "unjudged"]
)
PASTS = st.lists(st.tuples(KINDS, AGES), max_size=30).map(history)
CRONS = st.sampled_from(
    ["0 3 * * *", "30 */6 * * *", "45 23 * * *", "0 0 L * *", "0 * * * *", "0 12 * * 1-5"]
)
DOCUMENTS = st.builds(
    lambda keep, cron, floor, zone, extra, quota, limits: with_quota(
        document(retention=keep, cron=cron, floor=floor, timezone=zone, limits=limits, **extra),
        quota,
    ),
    KEEPS | EXPIRIES,
    CRONS,
    FLOORS,
    ZONES,
    st.sampled_from([{}, {}, {"paused_until": "2026-12-05"}, {"paused_until": "2026-11-20"}]),
    st.sampled_from([500, 500, 500, 40]),
    st.sampled_from([None, {"per_index": {"count": 2, "percent": 20}}]),
)
FORMER = st.sampled_from(["", "0 3 * * * UTC", "0 * * * * UTC", "0 5 * * SUN Pacific/Auckland"])
"""What the ledger remembers of the schedule: the cron and the zone; nothing yet, or another one."""
ASSUMPTIONS = st.builds(
    Assumptions,
    mode=st.sampled_from([PruneMode.ENFORCE] * 4 + [PruneMode.APPROVE, PruneMode.DRY_RUN]),
    every=st.sampled_from([timedelta(hours=6), timedelta(hours=6), timedelta(hours=12), DAY]),
    first=st.booleans(),
    approved=st.sampled_from([False, False, True]),
)


def with_quota(document: PolicyDocument, quota: int) -> PolicyDocument:
    (project,) = document.projects
    return document.model_copy(update={"projects": (project.model_copy(update={"quota": quota}),)})


@dataclass
class Simulation:
    """A project day by day as create and prune see it: by rows of a listing alone.

    Create looks whenever the turn of a slot comes, and after each prune.
    """

    document: PolicyDocument
    assumptions: Assumptions
    rows: dict[str, Backup]
    records: dict[str, BackupRecord]
    now: datetime = NOW
    baseline: Baseline | None = None
    pruned: bool = False
    deleted: list[str] = field(default_factory=list)
    names: tuple[str, ...] = ("docs", "notes")
    memory: dict[str, IndexRecord] = field(default_factory=dict)

    def create(self, now: datetime) -> None:
        """Each index whose latest slot is open gets its backup, while the quota lasts."""
        held = take_inventory(self.rows.values(), records=self.records, owner=OWNER, now=now)
        opened = []
        for name in self.names:
            assigned = self.document.assigned("main", name, {})
            known = mark_seen(self.memory[name], name, policy=assigned.policy, now=now)
            self.memory[name] = known
            mine = [e for e in held.entries.values() if e.backup.index_name == name]
            view: View = view_of("main", index(name), assigned, known, mine, active=f"id-of-{name}")
            decision = due(view, RunTime(now, now))
            if decision.kind is Kind.OPEN:
                opened.append((view, decision))
        for view, decision in in_order(opened):
            if len(self.rows) >= self.document.projects[0].quota:
                return
            marker = marker_of(replace(decision, attempt=1), owner=OWNER, run_id="run-1")
            row = Backup(
                backup_id=f"{view.name}-{marker.slot:%Y%m%dt%H%M}z",
                index_name=view.name,
                index_id=f"id-of-{view.name}",
                status=Status.READY,
                status_text="Ready",
                created_at=now,
                size_bytes=0,
                **signed(marker, view.name),
            )
            self.rows[row.backup_id] = row
            self.records[row.backup_id] = record(row)

    def prune(self) -> None:
        """Delete what the mode allows; what was accepted for deletion is not listed any more."""
        facts = self.facts()
        plan = make_plan(facts)
        nothing = self.assumptions.mode is not PruneMode.ENFORCE and not (
            self.assumptions.mode is PruneMode.APPROVE and self.assumptions.approved
        )
        allowed: set[Action] = {Action.DELETE}
        if self.assumptions.approved:
            allowed.add(Action.WAIT)
        if nothing or (self.assumptions.first and not self.pruned):
            allowed = set()
        going = [item.backup_id for item in plan.items if item.action in allowed]
        over = [i.backup_id for i in plan.items if i.action is Action.DELETION_PENDING]
        first = self.assumptions.first and not self.pruned
        whole = {item.backup_id for item in plan.to_go} <= set(going)
        in_full = not first and (self.assumptions.mode is PruneMode.ENFORCE or whole)
        before = self.baseline
        began = min([*(row.created_at or self.now for row in self.rows.values()), self.now])
        since = (before.carried_out_at if before else None) or began
        counted = Counter(before.deleted if before else {})
        if not self.assumptions.approved:
            counted.update(
                item.index_id
                for item in plan.to_go
                if item.backup_id in going and item.created_at and item.created_at <= since
            )
        self.baseline = Baseline(
            self.document,
            "v1",
            plan.assignments,
            self.now if in_full else since,
            {} if in_full else counted,
        )
        self.pruned = True
        self.deleted += going
        for backup_id in (*going, *over):
            del self.rows[backup_id]

    def facts(self) -> Facts:
        return Facts(
            project="main",
            inventory=take_inventory(
                self.rows.values(), records=self.records, owner=OWNER, now=self.now
            ),
            indexes=[index(name) for name in self.names],
            document=self.document,
            policy_version="v1",
            time=RunTime(self.now, self.now),
            active={name: f"id-of-{name}" for name in self.names},
            baseline=self.baseline,
            memory=dict(self.memory),
        )

    def day(self) -> tuple[set[str], set[str]]:
        """Move on for a day; what there is then, and what was deleted meanwhile."""
        self.deleted.clear()
        end = self.now + DAY
        while self.now < end:
            until = self.now + self.assumptions.every
            self.create(self.now)
            for at in self.turns(until):
                self.create(at)
            self.now = until
            self.prune()
        return set(self.rows), set(self.deleted)

    def turns(self, until: datetime) -> list[datetime]:
        """When the turn of an index comes: its slots, and the end of its pause."""
        (policy,) = self.document.policies
        made = {row.created_at for row in self.rows.values() if row.created_at}
        unknown = [row for row in self.rows.values() if row.status is Status.UNKNOWN]
        found = {row.created_at + policy.stuck_after for row in unknown if row.created_at}
        found |= {at + policy.max_age + timedelta(seconds=1) for at in made}
        for name in self.names:
            delay = jitter(f"main/{name}", policy.cron or "")
            slots = slots_between(policy.cron or "", policy.zone, self.now - delay, until - delay)
            found |= {slot + delay for slot in slots}
            if policy.paused_until is not None:
                day = policy.paused_until
                ended = datetime(day.year, day.month, day.day, tzinfo=policy.zone)
                found.add(ended.astimezone(UTC) + delay)
        return sorted(at for at in found if self.now < at <= until)


def simulated(
    past: History, read: PolicyDocument, assumptions: Assumptions, former: str = ""
) -> Simulation:
    found = Simulation(
        read,
        assumptions,
        {row.backup_id: row for row in past.rows},
        {known.backup_id: known for known in past.records},
    )
    for name in found.names:
        known = IndexRecord(name, NOW - 9 * DAY, NOW, f"id-of-{name}", schedule=former)
        found.memory[name] = known
    return found


@settings(max_examples=simulations(5))
@given(PASTS, DOCUMENTS, ASSUMPTIONS, FORMER)
def test_a_preview_of_thirty_days_is_what_thirty_days_do(
    past: History, read: PolicyDocument, assumptions: Assumptions, former: str
) -> None:
    """C2 included: the schedule may have changed just now."""
    simulation = simulated(past, read, assumptions, former)
    found = preview(simulation.facts(), days=30, assumptions=assumptions)

    simulation.prune()
    today = found.days[0]
    assert {item.backup_id for item in today.deleted} == set(simulation.deleted)
    for shown in found.days[1:]:
        there, deleted = simulation.day()
        assert {item.backup_id for item in shown.left} == there, shown.at
        assert {item.backup_id for item in shown.deleted} == deleted, shown.at
    assert len(found.days) == 31


@pytest.mark.parametrize("approved", [False, True])
@settings(max_examples=4)
@given(PASTS, DOCUMENTS)
def test_whatever_is_assumed_no_preview_deletes_what_a_rule_protects(
    approved: bool, past: History, read: PolicyDocument
) -> None:
    assumptions: dict[str, Any] = {"approved": approved}
    facts = simulated(past, read, Assumptions()).facts()
    found = preview(facts, days=3, assumptions=Assumptions(**assumptions))
    gone = {item.backup_id for day in found.days for item in day.deleted}
    others = {key for key, kind in past.kinds.items() if kind in ("foreign", "other", "on demand")}
    assert not gone & others
