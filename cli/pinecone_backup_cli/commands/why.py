"""Why a backup is kept, until when, and what would let it go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinecone_backup_cli.api import BackupDetails, PreviewPolicy, ReasonKind
from pinecone_backup_cli.commands import backups, deletions
from pinecone_backup_cli.errors import ApiProblem, Exit
from pinecone_backup_cli.figures import when
from pinecone_backup_cli.session import Session
from pinecone_backup_cli.view import Answer, because, facts, heading, hint, word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import RenderableType

    from pinecone_backup_cli.api import Deletion, PolicyPreview, RuleReason

DAYS = 90
"""How far ahead to look: as far as the API does."""

_BY_PEOPLE = "a person's decision: pinecone-backup delete BACKUP --reason WHY --override "
_LETS_GO = {
    **dict.fromkeys(
        (
            ReasonKind.WITHIN,
            ReasonKind.LAST,
            ReasonKind.PERIOD,
            ReasonKind.WITHIN_PERIOD,
            ReasonKind.AMONG_NEWEST,
            ReasonKind.NOT_OLDER,
            ReasonKind.FAILED_KEPT,
        ),
        "time, by its policy",
    ),
    ReasonKind.FLOOR: "more good backups of its index",
    ReasonKind.NEWEST_GOOD: "a newer good backup of its index",
    ReasonKind.FAILED_NEEDED: "a newer good backup of its index",
    ReasonKind.NEWEST_TESTED: "a newer one that passed a restore test",
    ReasonKind.HELD: "the end of its hold",
    ReasonKind.RESTORING: "the end of the restore that reads it",
    ReasonKind.UNDER_WAY: "its end, and an audit's verdict",
    ReasonKind.UNJUDGED: "an audit's verdict",
    ReasonKind.SUSPECT_KEPT: "newer suspects",
    ReasonKind.NO_POLICY: "a policy for its index",
    ReasonKind.OPTED_OUT: "a policy for its index",
    ReasonKind.UNKNOWN_TAG: "a policy for its index",
    ReasonKind.PAUSED: "the end of the pause",
    ReasonKind.MANUAL: _BY_PEOPLE + "not-ours",
    ReasonKind.MISFIT: _BY_PEOPLE + "not-ours",
    ReasonKind.OTHER_OWNER: _BY_PEOPLE + "not-ours",
    ReasonKind.NATIVE: "the retention of its native schedule",
    ReasonKind.ON_DEMAND: "its expiry, or " + _BY_PEOPLE + "on-demand",
    ReasonKind.ORPHAN_KEPT: "orphans.after in the policy document",
    ReasonKind.ORPHAN_KEPT_DAYS: "time, by its policy",
    ReasonKind.ORPHAN_LAST: "an approval",
}
"""What ends a reason. Every reason has to end before a backup goes."""


def why(backup: str, /, *, session: Session) -> Answer:
    """Say why a backup is kept, until when, and what would let it go; or why it was deleted.

    Example: `pinecone-backup why 670e8400-e29b-41d4-a716-446655440000`

    Args:
        backup: The id of the backup.
    """
    try:
        seen = session.api.describe_backup(session.project, backup)
    except ApiProblem as error:
        if error.exit is Exit.NOT_FOUND and (deletion := _deletion(session, backup)):
            return Answer({"deletion": deletion}, [deletions.card(deletion)])
        raise
    if seen.deletion:
        return Answer(
            {"backup": seen},
            [backups.card(seen), heading("Deleted"), deletions.card(seen.deletion)],
        )
    return _kept(seen, _preview(session))


def _kept(seen: BackupDetails, preview: PolicyPreview | None) -> Answer:
    reasons = [
        reason
        for each in (preview.kept_today if preview else ())
        if each.backup_id == seen.backup_id
        for reason in each.reasons
    ]
    until = next(
        (
            day.at
            for day in (preview.days if preview else ())
            if any(each.backup_id == seen.backup_id for each in day.deleted)
        ),
        None,
    )
    longer = "not before 90 days are over, as the policy is" if preview else ""
    screen: list[RenderableType] = [
        backups.card(seen, *_judged(seen)),
        heading(
            "Kept" if preview else "Its fate is not known: it takes the managed policy operate"
        ),
        facts(
            ("because", because(reasons)),
            ("until", when(until) if until else longer),
            ("goes after", "\n".join(_lets_go(reasons))),
        ),
    ]
    for hold in seen.holds:
        screen += [
            heading(f"Held by {hold.placed_by}"),
            facts(("hold", hold.hold_id), ("reason", hold.reason), ("ends", when(hold.expires_at))),
            hint(f"End it: pinecone-backup release {hold.hold_id} --reason WHY"),
        ]
    return Answer({"backup": seen, "kept_because": reasons, "until": until}, screen)


def _preview(session: Session) -> PolicyPreview | None:
    """What the policy in force does in the next days; None where the caller may not ask that."""
    try:
        return session.api.preview_policy(session.project, PreviewPolicy(days=DAYS))
    except ApiProblem as error:
        if error.exit is Exit.UNREACHABLE:
            return None
        raise


def _deletion(session: Session, backup: str) -> Deletion | None:
    try:
        return session.api.describe_deletion(session.project, backup)
    except ApiProblem as error:
        if error.exit is Exit.NOT_FOUND:
            return None
        raise


def _judged(backup: BackupDetails) -> Iterator[tuple[str, RenderableType]]:
    accepted = f"by {backup.accepted_by}: {backup.accepted_reason}" if backup.accepted_by else ""
    yield "counts as", word(backup.worth)
    yield "verdict", f"{backup.verdict}: {backup.verdict_reason}" if backup.verdict else "none yet"
    yield "accepted", accepted


def _lets_go(reasons: Iterable[RuleReason]) -> list[str]:
    """What has to happen first, each thing once."""
    ends = (_LETS_GO.get(reason.kind, "") for reason in reasons)
    return list(dict.fromkeys(filter(None, ends)))
