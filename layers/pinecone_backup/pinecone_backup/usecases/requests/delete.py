"""Delete one backup because somebody asks for it, within the safeguards of prune (rule D1).

What protects a backup is asked of ``rules.protection``, as a prune does. A safeguard that a person
may overrule needs to be named; all of it is recorded. Holds, restores, contradictions, unreadable
items and the deployment's mode are never overruled.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pinecone_backup.errors import ItemUnreadable, RuleForbids, SubjectUnknown
from pinecone_backup.model import PruneMode
from pinecone_backup.reasons import Reason, ReasonKind
from pinecone_backup.records import Run, RunState
from pinecone_backup.rules.plan import Action, make_plan
from pinecone_backup.rules.protection import (
    PEOPLE_COUNT_FOR,
    Safeguard,
    asked_by_people,
    in_order,
    of_request,
    safeguards_of,
)
from pinecone_backup.usecases.approvals import ONE_PERSON
from pinecone_backup.usecases.deletion import anchor_problem, carry_out, intended
from pinecone_backup.usecases.runs import ended_event

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from pinecone_backup.model import RunContext
    from pinecone_backup.ports import ControlPlane, Ledger
    from pinecone_backup.records import BackupRecord, DeletionRecord
    from pinecone_backup.rules.approval import ApprovalRule
    from pinecone_backup.rules.inventory import Entry
    from pinecone_backup.rules.plan import Plan, PlanItem
    from pinecone_backup.rules.plan_facts import Facts

LEASE = timedelta(minutes=1)
"""Longer than the API function can live."""


def delete_backup(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    facts: Facts,
    backup_id: str,
    *,
    mode: PruneMode,
    reason: str,
    override: Set[Safeguard] = frozenset(),
    rule: ApprovalRule = ONE_PERSON,
) -> DeletionRecord:
    """Ask Pinecone to delete one backup.

    Args:
        context: Who asks, and when; its kind is ``delete``.
        control_plane: The project, through its API key.
        ledger: The project's ledger.
        facts: How the project stands (``project_state.plan_facts``), read under the lease "write".
        backup_id: Which backup.
        mode: What the deployment allows; in a dry run nobody deletes anything through it.
        reason: Why, in the caller's words.
        override: The safeguards to overrule.
        rule: How many people the deployment demands behind a plan.

    Returns:
        The deletion: accepted or confirmed. Where one was accepted before, that one, unchanged.

    Raises:
        SubjectUnknown: There is no such backup.
        RuleForbids: A safeguard keeps it; ``rule`` names every safeguard in its way.
        PreconditionFailed: Pinecone does not delete it for now; that is recorded.
        OutcomeUnknown: It may have been deleted; that is recorded.
        PineconeError: Pinecone refused; that is recorded.
        LedgerError: The ledger could not be read or written.
    """
    earlier = final_deletion(ledger, backup_id)
    if earlier is not None:
        return earlier
    entry = facts.inventory.entries.get(backup_id)
    if entry is None:
        raise SubjectUnknown(
            f"Project {context.project} has no backup {backup_id!r}",
            next_step="It may be deleted already; list the project's backups.",
        )
    if not reason.strip():
        raise RuleForbids("Deleting a backup needs a reason", rule="reason", next_step="Say why.")
    plan = make_plan(facts)
    recent = ledger.deletions(since=facts.time.actual - PEOPLE_COUNT_FOR)
    item = next(item for item in plan.items if item.backup_id == backup_id)
    reasons = [
        *([plan.stopped] if plan.stopped else []),
        *of_request(facts, entry, mode=mode, recent=recent),
        *item.reasons,
    ]
    in_the_way = in_order({*item.safeguards, *safeguards_of(reasons)})
    _refuse_unless_overruled(entry, in_the_way, override, reasons)
    if item.action is not Action.DELETE or mode is not PruneMode.ENFORCE or in_the_way:
        people = 1 + len(asked_by_people(facts.time.actual, recent, besides=backup_id))
        _refuse_alone(rule, plan, item, in_the_way, people)
    _refuse_without_anchor(control_plane, plan, entry)
    asked_for = [Reason.of(ReasonKind.ASKED_FOR, actor=context.actor, reason=reason.strip())]
    if in_the_way:
        asked_for.append(Reason.of(ReasonKind.OVERRULED, safeguards=", ".join(in_the_way)))
    deletion = replace(
        intended(context, facts.inventory, entry, asked_for),
        comment=reason.strip(),
        override=tuple(map(str, in_the_way)),
        by_person=True,
    )
    record = entry.known(context.time.actual)
    return _run(
        context,
        control_plane,
        ledger,
        record,
        deletion,
        policy_version=facts.policy_version,
    )


_NEXT_STEPS = {
    Safeguard.MODE: "Deploy with PruneMode approve or enforce, if something is to be deleted.",
    Safeguard.CONTRADICTORY: "Delete it in the Pinecone console, once it is clear what it is.",
    Safeguard.HELD: "Release {holds} first, if that is right.",
    Safeguard.RESTORING: "Wait for the restore to end.",
    Safeguard.UNREADABLE: "See the findings about what cannot be read.",
}


def final_deletion(ledger: Ledger, backup_id: str) -> DeletionRecord | None:
    """The deletion of a backup that Pinecone accepted before; None where there is none to read."""
    with suppress(ItemUnreadable):
        deletion = ledger.deletion(backup_id)
        return deletion if deletion is not None and deletion.final else None
    return None


def _refuse_unless_overruled(
    entry: Entry,
    in_the_way: Sequence[Safeguard],
    override: Set[Safeguard],
    reasons: Sequence[Reason],
) -> None:
    standing = [
        safeguard
        for safeguard in in_the_way
        if safeguard not in override or not safeguard.overrulable
    ]
    if not standing:
        return
    absolute = [safeguard for safeguard in standing if not safeguard.overrulable]
    holds = [each.parameters["hold_id"] for each in reasons if each.kind is ReasonKind.HELD]
    next_step = (
        _NEXT_STEPS[absolute[0]].format(holds=" and ".join(map(str, holds)))
        if absolute
        else f"To delete it all the same, send override={','.join(in_the_way)} and a reason."
    )
    found = [str(reason) for reason in reasons if set(safeguards_of([reason])) & set(standing)]
    raise RuleForbids(
        f"Backup {entry.backup.backup_id} is protected by {', '.join(standing)}"
        + (f": {'; '.join(found)}" if found else ""),
        rule=", ".join(standing),
        next_step=next_step,
    )


def _refuse_alone(
    rule: ApprovalRule,
    plan: Plan,
    item: PlanItem,
    in_the_way: Sequence[Safeguard],
    people: int,
) -> None:
    """Rule D9: nobody deletes one by one, alone, what would else need two people.

    ``people`` is how many deletions people have asked for lately, with this one.
    """
    planned = item.action in (Action.WAIT, Action.DELETE)
    if (
        rule.by_another
        or rule.needed(len(plan.to_go) if planned else 0) > 1
        or rule.needed(people) > 1
        or (rule.demands_two and Safeguard.LIMITS in in_the_way)
    ):
        raise RuleForbids(
            f"Backup {item.backup_id} needs two people: this deployment demands them for what no "
            "prune deletes without an approval",
            rule="two-people",
            next_step="Approve the plan that names it, and let somebody else execute it."
            if planned
            else "No plan names it: let the policy keep it no longer, and approve that plan; what "
            "no policy is for can be deleted in the Pinecone console.",
        )


def _refuse_without_anchor(control_plane: ControlPlane, plan: Plan, entry: Entry) -> None:
    """Rule D5: what stays as the index's newest good backup must be there, and Ready."""
    index = next(index for index in plan.indexes if index.index_id == entry.backup.index_id)
    if index.anchor == entry.backup.backup_id:
        return
    problem = anchor_problem(control_plane, index.anchor, index.index_id)
    if problem:
        raise RuleForbids(
            f"Nothing of index {index.index_name} is deleted: {problem}",
            rule="newest-good-not-ready",
            next_step="Run an audit, and read what it reports of the index's backups.",
        )


def _run(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    record: BackupRecord,
    deletion: DeletionRecord,
    *,
    policy_version: str,
) -> DeletionRecord:
    """Carry the deletion out as a run of its own, which ``/runs`` shows."""
    run = Run(
        run_id=context.run_id,
        kind=context.kind,
        trigger=context.trigger,
        actor=context.actor,
        state=RunState.RUNNING,
        time=context.time.scheduled_at,
        started_at=context.time.actual,
        policy_version=policy_version,
        summary={"backup_id": deletion.backup_id, "index": deletion.index_name},
    )
    ledger.put_run(run)
    outcome, error = carry_out(context, control_plane, ledger, record, deletion)
    ended = RunState.SUCCEEDED if outcome.final else RunState.FAILED
    run = replace(run, state=ended, finished_at=context.time.actual, error=outcome.error)
    ledger.record_evidence(ended_event(ledger.project, run, context.time.actual))
    ledger.put_run(run)
    if error is not None:
        raise error
    return outcome
