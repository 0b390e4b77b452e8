"""Reports for tests, made as an audit makes them, without a Pinecone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pinecone_backup.model import RunContext, RunKind, RunTime, TriggerKind
from pinecone_backup.report.build import Material, build_report
from pinecone_backup.rules.controls import evaluate, looked_at
from pinecone_backup.rules.findings import reconcile
from pinecone_backup.rules.plan import make_plan
from pinecone_backup.rules.plan_facts import Facts
from pinecone_backup.rules.policy import Assignment, PolicyDocument, Project
from tests.support.audits import NOW, OWNER, POLICY

if TYPE_CHECKING:
    from pinecone_backup.report.model import Report
    from pinecone_backup.rules.audit_facts import ProjectFacts
    from pinecone_backup.rules.plan import Plan

CONTEXT = RunContext(
    run_id="audit-0007",
    kind=RunKind.AUDIT,
    project="main",
    owner=OWNER,
    time=RunTime(scheduled_at=NOW, actual=NOW),
    trigger=TriggerKind.SCHEDULE,
    actor="schedule",
)


def material(**changes: Any) -> Material:
    """What a report is made of, besides the facts: nothing, unless given."""
    return replace(Material(context=CONTEXT, stack="backups", policy_version="v1"), **changes)


def plan_of(facts: ProjectFacts) -> Plan:
    """What a prune would do, with the policy ``standard`` on every index."""
    document = PolicyDocument(
        projects=[Project(name=facts.name)],
        policies=[POLICY],
        assignments=[Assignment(policy=POLICY.name)],
    )
    return make_plan(
        Facts(
            project=facts.name,
            inventory=facts.inventory,
            indexes=[index.index for index in facts.indexes],
            document=document,
            policy_version="v1",
            time=CONTEXT.time,
            holds=facts.holds,
        )
    )


def report_of(facts: ProjectFacts, **changes: Any) -> Report:
    """The report of an audit that found what its controls find."""
    known = changes.pop("findings", None)
    if known is None:
        known = reconcile(
            [], evaluate(facts), project=facts.name, evidence=looked_at(facts), at=NOW
        ).opened
    return build_report(facts, plan_of(facts), material(findings=known, **changes))
