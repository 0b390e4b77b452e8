"""The policy document: the one in force, and what another one would do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter, validators

from pinecone_backup_cli.api import (
    ChangedBackup,
    PolicyError,
    PolicyVersion,
    PolicyWarning,
    PreviewedBackup,
    PreviewedDay,
    PreviewPolicy,
    PruneMode,
    PutPolicy,
    SteadyState,
    ValidatePolicy,
)
from pinecone_backup_cli.documents import read_document
from pinecone_backup_cli.errors import Exit
from pinecone_backup_cli.figures import ago, count, plural, size, when
from pinecone_backup_cli.options import Reason
from pinecone_backup_cli.paging import pages
from pinecone_backup_cli.session import Session
from pinecone_backup_cli.view import Answer, Column, because, facts, heading, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

    from pinecone_backup_cli.api import PolicyDifference, PolicyValidity, PreviewedBackup


def show(*, session: Session) -> Answer:
    """Show the policy document in force.

    Example: `pinecone-backup policy show`
    """
    current = session.api.describe_policy()
    text = msgspec.json.format(msgspec.json.encode(current.document), indent=2).decode()
    return Answer(current, [facts(("version", current.policy_version)), text])


def validate(
    file: Path, /, *, print_: Annotated[bool, Parameter(name="--print")] = False, session: Session
) -> Answer:
    """Look a policy document over: every error at once. Nothing is stored.

    Exit code 1 where it is not valid.

    Example: `pinecone-backup policy validate policy.yaml --print > policy.json`

    Args:
        file: JSON, JSON with comments (.jsonc) or YAML (.yaml).
        print_: Print the document as it is to be stored, where it is valid.
    """
    document = read_document(file)
    validity = session.api.validate_policy(ValidatePolicy(document=document))
    if not validity.valid:
        return Answer(validity, [_errors(validity)], Exit.WRONG)
    if print_:
        text = msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
        return Answer(document, [text])
    warnings = table(
        validity.warnings,
        Column[PolicyWarning]("Where", lambda row: row.path or "document"),
        Column[PolicyWarning]("Probably not meant", lambda row: row.detail),
        Column[PolicyWarning]("Next", lambda row: row.next_step),
        empty="",
    )
    said = f"{file} is valid{', but:' if validity.warnings else '.'}"
    return Answer(validity, [said, warnings] if validity.warnings else [said])


def put(file: Path, /, *, reason: Reason, dry_run: bool = False, session: Session) -> Answer:
    """Put a policy document in force, on top of the one that is in force now.

    What only the change would delete waits for an approval.

    Example: `pinecone-backup policy put policy.jsonc --reason "Reviews need a year" --dry-run`

    Args:
        file: JSON, JSON with comments (.jsonc) or YAML (.yaml).
        dry_run: Only say what it would change.
    """
    versions = session.api.list_policy_versions(limit=1).data
    current = next((each.policy_version for each in versions if each.current), None)
    said = session.api.put_policy(
        PutPolicy(document=read_document(file), reason=reason),
        dry_run=dry_run,
        if_match=None if current is None else f'"{current}"',
        if_none_match="*" if current is None else None,
    )
    warnings = table(
        said.warnings,
        Column[PolicyWarning]("Where", lambda row: row.path or "document"),
        Column[PolicyWarning]("Probably not meant", lambda row: row.detail),
        Column[PolicyWarning]("Next", lambda row: row.next_step),
        empty="",
    )
    screen: list[RenderableType] = [
        facts(
            ("in force" if said.stored else "would replace", said.policy_version),
            ("former", said.former_version if said.stored else ""),
        )
    ]
    if said.warnings:
        screen.append(warnings)
    for project in said.projects:
        made = f"{count(project.created_before)} -> {count(project.created_after)}"
        screen.append(
            facts(
                ("project", project.project),
                ("backups made in a week", made),
                ("not known", project.problem),
            )
        )
        screen += _changes(project.changes) if project.changes else ()
    return Answer(said, screen)


def history(*, session: Session) -> Answer:
    """List who changed the policy, when and why, the newest first.

    Example: `pinecone-backup policy history`
    """
    rows = pages(session.api.list_policy_versions)
    screen = table(
        rows,
        Column[PolicyVersion]("Version", lambda row: row.policy_version, whole=True),
        Column[PolicyVersion]("Stored", lambda row: ago(row.stored_at), whole=True),
        Column[PolicyVersion]("By", _author),
        Column[PolicyVersion]("Reason", lambda row: row.reason),
        empty="There is no policy yet.",
    )
    return Answer(rows, [screen])


def _author(version: PolicyVersion) -> str:
    return version.changed_by or ("the bucket, directly" if version.outside else "-")


def preview(
    file: Path | None = None,
    /,
    *,
    days: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=90))] = 7,
    session: Session,
) -> Answer:
    """Show what a policy document would keep and delete of the project, day by day.

    Nothing is stored and nothing is deleted.

    Example: `pinecone-backup policy preview policy.jsonc --days 30`

    Args:
        file: JSON, JSON with comments (.jsonc) or YAML (.yaml); the document in force unless given.
        days: How many days after today, 90 at most; 7 unless given.
    """
    document = None if file is None else read_document(file)
    seen = session.api.preview_policy(session.project, PreviewPolicy(document=document, days=days))
    existing = [
        backup
        for day in seen.days
        for backup in day.deleted
        if backup.created_at and backup.created_at <= seen.days[0].at
    ]
    screen: list[RenderableType] = [
        table(
            seen.days,
            Column[PreviewedDay]("Day", lambda row: f"{row.at:%a %d %b %H:%M}", whole=True),
            Column[PreviewedDay]("Made", lambda row: count(row.created), right=True),
            Column[PreviewedDay]("Deleted", lambda row: count(row.deleted_count), right=True),
            Column[PreviewedDay]("Waiting", lambda row: count(row.waiting_count), right=True),
            Column[PreviewedDay]("Left", lambda row: count(row.left), right=True),
            Column[PreviewedDay]("Size", lambda row: size(row.size_bytes), right=True, whole=True),
            Column[PreviewedDay]("Waits because", lambda row: because(row.waits)),
            empty="",
        ),
        heading(f"Of what exists, {plural(len(existing), 'backup')} would be deleted"),
        table(
            existing,
            Column[PreviewedBackup]("Backup", lambda row: row.backup_id, whole=True),
            Column[PreviewedBackup]("Index", lambda row: row.index_name),
            Column[PreviewedBackup]("Because", lambda row: because(row.reasons)),
            empty="All of it stays.",
        ),
        *(_changes(seen.changes) if seen.changes else ()),
        heading("In the long run"),
        table(
            seen.steady,
            Column[SteadyState]("Index", lambda row: row.index_name),
            Column[SteadyState](
                "Policy", lambda row: f"{row.policy} (native)" if row.native else row.policy
            ),
            Column[SteadyState](
                "Next slot", lambda row: when(next(iter(row.next_slots), None)), whole=True
            ),
            Column[SteadyState]("Backups", lambda row: count(row.count), right=True),
            Column[SteadyState]("Size", lambda row: size(row.size_bytes), right=True),
            empty="No policy looks after any index.",
        ),
        *([seen.ended] if seen.ended else ()),
        seen.quota.detail,
    ]
    return Answer(seen, screen)


def diff(
    file: Path,
    /,
    *,
    days: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=90))] = 30,
    fail_on_delete: bool = False,
    session: Session,
) -> Answer:
    """Show what a policy document changes against the one in force: what goes, stays and fits.

    Every project is compared, unless one is named. Nothing is stored and nothing is deleted. Exit
    code 1 where the document is not valid, and with --fail-on-delete where it deletes anything
    that the one in force keeps: a check for pull requests.

    Example: `pinecone-backup policy diff policy.yaml --fail-on-delete`

    Args:
        file: JSON, JSON with comments (.jsonc) or YAML (.yaml).
        days: How many days are looked ahead, 90 at most; 30 unless given.
        fail_on_delete: End with exit code 1 where it deletes what the one in force keeps.
    """
    document = read_document(file)
    validity = session.api.validate_policy(ValidatePolicy(document=document))
    if not validity.valid:
        return Answer(validity, [_errors(validity)], Exit.WRONG)
    found: dict[str, PolicyDifference] = {}
    screen: list[RenderableType] = []
    for project in session.projects:
        if project not in _projects(document):
            screen += [heading(project), "Not named any more: nothing is created or deleted."]
            continue
        preview = session.api.preview_policy(
            project, PreviewPolicy(document=document, days=days, mode=PruneMode.ENFORCE)
        )
        if changes := preview.changes:
            found[project] = changes
            screen += [heading(project), *_changes(changes)]
    going = sum(changes.goes_count for changes in found.values())
    said = f"Within {plural(days, 'day')}, {plural(going, 'backup')} of today would be deleted"
    screen.append(f"\n{said} that the document in force keeps.")
    return Answer(found, screen, Exit.WRONG if going and fail_on_delete else Exit.FINE)


def _projects(document: Mapping[str, Any]) -> set[str]:
    """The projects that a valid document names."""
    return {project["name"] for project in document["projects"]}


def _errors(validity: PolicyValidity) -> RenderableType:
    return table(
        validity.errors,
        Column[PolicyError]("Where", lambda row: row.path or "document"),
        Column[PolicyError]("What is wrong", lambda row: row.detail),
        empty="",
    )


def _changes(changes: PolicyDifference) -> Iterator[RenderableType]:
    """What the given document changes against the one in force."""
    for what, number, rows in (
        ("deleted", changes.goes_count, changes.goes),
        ("kept", changes.stays_count, changes.stays),
    ):
        yield heading(f"Of what exists, only {what} because of the change: {count(number)}")
        yield table(
            rows,
            Column[ChangedBackup]("Backup", lambda row: row.backup_id, whole=True),
            Column[ChangedBackup]("Index", lambda row: row.index_name),
            Column[ChangedBackup]("From", lambda row: f"{row.at:%a %d %b %H:%M}", whole=True),
            Column[ChangedBackup]("Waits", lambda row: "yes" if row.waits else "no"),
            empty="None.",
        )
    yield facts(
        ("quota before", changes.quota_before.detail), ("quota after", changes.quota_after.detail)
    )
