"""Changing the policy document, and its versions: who changed it, when and for which reason."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from pinecone_backup.api.backups import read_facts
from pinecone_backup.api.cursors import page_for
from pinecone_backup.api.models import Input, Listing, Nothing, Output, PageQuery, Reason
from pinecone_backup.api.policy import (
    PROPOSED,
    Listed,
    PolicyDifference,
    PolicyWarning,
    difference_view,
    given_document,
    policy_warnings,
)
from pinecone_backup.api.problems import ProblemError
from pinecone_backup.api.routes import Access, Call, Routes
from pinecone_backup.errors import (
    BackupError,
    PolicyConflict,
    PolicyInvalid,
    PolicyMissing,
    SubjectUnknown,
)
from pinecone_backup.model import RunKind
from pinecone_backup.rules.policy import PolicyDocument
from pinecone_backup.usecases.policy_changes import change_policy, notice_changes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinecone_backup.ports import PolicyVersion as StoredVersion
    from pinecone_backup.rules.preview import Preview

route = Routes("Policy")
_ENTITY_TAG = re.compile(r'(W/)?"([^"]*)"|([^\s",]+)')
_ANY = "*"
_COMPARED_DAYS = 7
_TIME_TO_COMPARE = timedelta(seconds=12)
"""Projects that are not reached by then are not compared: API Gateway does not wait."""
_REACH = 10_000
"""So many of the newest changes are read."""


class PutPolicy(Input):
    """The policy document to put in force."""

    document: dict[str, Any]
    reason: Reason
    """Recorded with the version."""


class PutPolicyQuery(Input):
    """Whether it is only to be looked over."""

    dry_run: bool = False
    """Answer the same, and store nothing."""


class ProjectChange(Output):
    """What a policy document changes for one project."""

    project: str
    created_before: int | None
    """Backups that the document in force makes within a week; null where it does not name the
    project, or where they are too many to be played."""
    created_after: int | None
    """The same by the new one."""
    changes: PolicyDifference | None
    """Which backups a prune of today deletes, or lets wait, by one of the two documents only, and
    what becomes of the quota; null where there is nothing to compare."""
    problem: str
    """Why it is not known; empty where it is."""


class PolicyPut(Output):
    """A policy document that was put in force, or looked over, and what it changes."""

    stored: bool
    policy_version: str
    """The version in force now; empty where there is none."""
    former_version: str
    """The version that it takes the place of; empty where there is none."""
    warnings: list[PolicyWarning]
    projects: list[ProjectChange]
    """Of the document in force and of the new one."""


class PolicyVersion(Output):
    """One version of the policy document."""

    policy_version: str
    current: bool
    """Whether it is in force."""
    stored_at: datetime
    former_version: str
    """The version before; empty where it is not known."""
    changed_by: str
    """Who put it; empty where nobody did through this API."""
    reason: str
    outside: bool
    """Whether it was noticed that it was stored in the bucket directly."""


class PolicyVersionList(Listing[PolicyVersion]):
    """A page of versions, the newest first."""


class PolicyVersionDetails(PolicyVersion):
    """One version of the policy document, with the document."""

    document: PolicyDocument | None
    """Null where it does not validate."""


@route(
    "PUT",
    "/v1/policy",
    access=Access.CONFIGURE,
    takes=PutPolicy,
    gives=PolicyPut,
    query=PutPolicyQuery,
    takes_headers=(
        ("If-Match", "The ETag of the policy in force, as `GET /v1/policy` gives it."),
        ("If-None-Match", "`*`: there is no policy yet."),
    ),
    problems=("policy-changed", "precondition-required"),
)
def put_policy(call: Call, request: PutPolicy) -> PolicyPut:
    """Put a policy document in force, on top of the version that was read.

    `If-Match` names that version; only for the first document it may be left out. The answer
    says what the document changes. A prune deletes nothing that only the change would delete
    until somebody approves of it.
    """
    dry_run = cast("PutPolicyQuery", call.query).dry_run
    services = call.container.services
    document = given_document(request.document)
    versions = services.policies.versions()
    current = next((each.policy_version for each in versions if each.current), "")
    former = _former(call, current, dry_run=dry_run)
    warnings = policy_warnings(document, call.now)
    version, projects = current, _projects(call, document)
    if dry_run:
        if former != (current or None):
            raise PolicyConflict("The policy in force is not the version that was read")
    else:
        change = change_policy(
            call.ledger(),
            services.policies,
            request.document,
            former=former,
            who=call.actor,
            reason=request.reason,
            now=call.now,
        )
        version = change.policy_version
    if version:
        call.headers["ETag"] = f'"{version}"'
    return PolicyPut(
        stored=not dry_run,
        policy_version=version,
        former_version=former or "",
        warnings=warnings,
        projects=projects,
    )


@route(
    "GET",
    "/v1/policy/versions",
    access=Access.READ,
    takes=PageQuery,
    gives=PolicyVersionList,
)
def list_policy_versions(call: Call, query: PageQuery) -> PolicyVersionList:
    """List the versions of the policy document, the newest first: who, when and why."""
    return page_for(query, PolicyVersionList, _versions(call), call.listing)


@route(
    "GET",
    "/v1/policy/versions/{policy_version}",
    access=Access.READ,
    gives=PolicyVersionDetails,
)
def describe_policy_version(call: Call, _: Nothing) -> PolicyVersionDetails:
    """Describe one version of the policy document: who put it, when, why, and what it says."""
    wanted = call.path["policy_version"]
    for each in _versions(call):
        if each.policy_version == wanted:
            try:
                document = call.container.services.policies.load_version(wanted)
            except PolicyInvalid:
                document = None
            return PolicyVersionDetails(**dict(each), document=document)
    raise SubjectUnknown(f"There is no version {wanted!r} of the policy")


def _projects(call: Call, document: PolicyDocument) -> list[ProjectChange]:
    """What a document changes for each project, as far as there is time to find out."""
    try:
        former, former_version = call.policy()
    except (PolicyMissing, PolicyInvalid):
        former, former_version = None, ""
    named = [*document.projects, *(former.projects if former else ())]
    found: list[ProjectChange] = []
    listed = Listed()
    for name in dict.fromkeys(project.name for project in named):
        if call.container.services.clock() - call.now > _TIME_TO_COMPARE:
            found.append(_unknown(name, "there was no time left: preview the project by itself"))
            continue
        try:
            found.append(_project(call, name, document, former, former_version, listed=listed))
        except BackupError as error:  # a broken project must not keep a policy from being mended
            found.append(_unknown(name, str(error)))
    return found


def _unknown(project: str, problem: str) -> ProjectChange:
    return ProjectChange(
        project=project, created_before=None, created_after=None, changes=None, problem=problem
    )


def _project(
    call: Call,
    name: str,
    document: PolicyDocument,
    former: PolicyDocument | None,
    former_version: str,
    *,
    listed: Listed,
) -> ProjectChange:
    from pinecone_backup.rules.preview import difference, preview  # noqa: PLC0415 - only here
    from pinecone_backup.rules.projection import Assumptions  # noqa: PLC0415 - only here

    known = former is not None and former.project(name) is not None
    goes_on = document.project(name) is not None
    by = former if former is not None and known else document
    context = call.context(RunKind.AUDIT, project=name)
    facts = read_facts(call, context, by, former_version if known else "")
    assumptions = Assumptions(call.container.settings.prune_mode, first=facts.baseline is None)
    proposed = replace(facts, document=document, policy_version=PROPOSED)
    before = preview(facts, days=_COMPARED_DAYS, assumptions=assumptions) if known else None
    after = preview(proposed, days=_COMPARED_DAYS, assumptions=assumptions) if goes_on else None
    both = None
    if before and after:  # what goes is that of today; within a week most would go by either
        today = (replace(each, days=each.days[:1]) for each in (before, after))
        both = difference_view(difference(*today), listed)
    return ProjectChange(
        project=name,
        created_before=_made_in_a_week(before),
        created_after=_made_in_a_week(after),
        changes=both,
        problem="" if goes_on else "the document does not name it: it is backed up no more",
    )


def _made_in_a_week(seen: Preview | None) -> int | None:
    return None if seen is None or seen.ended else sum(day.created for day in seen.days)


def _versions(call: Call) -> Sequence[PolicyVersion]:
    """Every stored version, with the newest change that led to it."""
    policies, ledger = call.container.services.policies, call.ledger()
    notice_changes(ledger, policies, call.now)
    changes = {
        change.policy_version: change
        for change in reversed(ledger.policy_changes(limit=_REACH))
        if change.policy_version
    }

    def row(stored: StoredVersion) -> PolicyVersion:
        change = changes.get(stored.policy_version)
        return PolicyVersion.of(
            stored,
            former_version=change.former_version if change else "",
            changed_by=change.actor if change else "",
            reason=change.reason if change else "",
            outside=change is not None and not change.actor,
        )

    return [row(each) for each in policies.versions()]


def _former(call: Call, current: str, *, dry_run: bool) -> str | None:
    """The version that the caller read; None: that there is none.

    Raises:
        ProblemError: The caller does not say, and there is one.
        PolicyConflict: The caller says that there is none, and there is one.
    """
    if call.asked.get("if-none-match", "").strip() == _ANY:
        if current:
            raise PolicyConflict(f"There is a policy already: version {current}")
        return None
    given = call.asked.get("if-match", "").strip()
    if given and given != _ANY:
        strong = [quoted or bare for weak, quoted, bare in _ENTITY_TAG.findall(given) if not weak]
        return current if current in strong else next(iter(strong), "none")
    if current and not dry_run:
        raise ProblemError(
            "precondition-required",
            f"Version {current} of the policy is in force, and the request does not say whether "
            "it was read",
            headers={"ETag": f'"{current}"'},
        )
    return current or None
