"""Whatever protects a backup protects it from every way of deleting (rule D1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hypothesis import given
from hypothesis import strategies as st

from pinecone_backup.errors import RuleForbids
from pinecone_backup.model import PruneMode, RunContext, RunKind, RunTime, TriggerKind
from pinecone_backup.records import BackupRecord, DeletionRecord
from pinecone_backup.rules.plan import Action, make_plan
from pinecone_backup.rules.protection import Safeguard
from pinecone_backup.usecases.requests.delete import delete_backup
from tests.support.backups import NOW, OWNER, MemoryControlPlane
from tests.support.ledger import MemoryLedger
from tests.support.projects import Project, projects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pinecone_backup.ports import ControlPlane

ABSOLUTE = {
    Safeguard.MODE,
    Safeguard.CONTRADICTORY,
    Safeguard.HELD,
    Safeguard.RESTORING,
    Safeguard.UNREADABLE,
}
"""What nobody overrules."""
MODES = st.sampled_from([PruneMode.ENFORCE, PruneMode.ENFORCE, *PruneMode])
PROJECTS_AND_ONE = projects().flatmap(
    lambda project: st.tuples(
        st.just(project),
        st.sampled_from(sorted(key for key, made in project.made.items() if made.worth != "spent")),
    )
)
"""A project, and one of its backups that is not deleted."""


class Asked:
    """One DELETE in a copy of the project: what it was refused for, or its record."""

    def __init__(
        self,
        project: Project,
        backup_id: str,
        mode: PruneMode,
        override: Iterable[Safeguard] = (),
    ) -> None:
        self.control_plane = MemoryControlPlane(project.rows, project.indexes)
        self.refused: set[Safeguard] = set()
        self.deletion: DeletionRecord | None = None
        ledger = MemoryLedger()
        for earlier in [*project.recent, *project.accepted]:
            ledger.put_deletion(_record(earlier), earlier)
        context = RunContext(
            "run-1",
            RunKind.DELETE,
            "main",
            OWNER,
            RunTime(scheduled_at=NOW, actual=NOW),
            TriggerKind.API,
            "alice",
        )
        try:
            self.deletion = delete_backup(
                context,
                cast("ControlPlane", self.control_plane),
                ledger,
                project.facts,
                backup_id,
                mode=mode,
                reason="it is not needed",
                override=frozenset(override),
            )
        except RuleForbids as error:
            self.refused = {Safeguard(name) for name in error.rule.split(", ")}

    @property
    def accepted(self) -> bool:
        return self.deletion is not None and self.control_plane.deletes != []


def _record(deletion: DeletionRecord) -> BackupRecord:
    return BackupRecord(deletion.backup_id, deletion.index_name, deletion.index_id, None, None, NOW)


def in_the_way(project: Project, mode: PruneMode) -> dict[str, set[Safeguard]]:
    """What a DELETE without any override is refused for, by the id of what is there."""
    return {
        backup_id: Asked(project, backup_id, mode).refused
        for backup_id, made in project.made.items()
        if made.worth != "spent"
    }


@given(projects(), MODES)
def test_what_a_prune_would_not_delete_now_a_delete_refuses(
    project: Project, mode: PruneMode
) -> None:
    plan = make_plan(project.facts)
    found = in_the_way(project, mode)

    for item in plan.items:
        if item.action is Action.DELETION_PENDING:
            continue
        by_prune = item.action is Action.DELETE and mode is not PruneMode.DRY_RUN
        if not by_prune:
            assert found[item.backup_id]
        elif not project.recent:
            assert not found[item.backup_id]


@given(projects(), MODES)
def test_a_delete_is_refused_for_every_safeguard_in_its_way_and_no_other(
    project: Project, mode: PruneMode
) -> None:
    """Said by how the project was made; what a plan's limits add is the plan's own word."""
    waiting = {
        item.backup_id: set(item.safeguards) & {Safeguard.LIMITS, Safeguard.POLICY_CHANGED}
        for item in make_plan(project.facts).items
    }

    for backup_id, refused in in_the_way(project, mode).items():
        assert refused == project.expected(backup_id, mode) | waiting[backup_id]


@given(PROJECTS_AND_ONE, MODES)
def test_a_delete_with_all_that_may_be_overruled_named_goes_through_unless_one_is_absolute(
    subject: tuple[Project, str], mode: PruneMode
) -> None:
    safeguards = Asked(*subject, mode).refused

    asked = Asked(*subject, mode, safeguards - ABSOLUTE)

    assert asked.refused == safeguards & ABSOLUTE
    assert asked.accepted is not bool(safeguards & ABSOLUTE)
    if asked.deletion is not None:
        assert set(asked.deletion.override) == safeguards


@given(PROJECTS_AND_ONE, MODES)
def test_naming_what_is_absolute_overrules_nothing(
    subject: tuple[Project, str], mode: PruneMode
) -> None:
    safeguards = Asked(*subject, mode).refused

    assert Asked(*subject, mode, set(Safeguard)).refused == safeguards & ABSOLUTE


@given(PROJECTS_AND_ONE, MODES)
def test_a_delete_that_leaves_one_safeguard_unnamed_is_refused_for_that_one(
    subject: tuple[Project, str], mode: PruneMode
) -> None:
    safeguards = Asked(*subject, mode).refused

    for left_out in safeguards:
        asked = Asked(*subject, mode, set(Safeguard) - {left_out})

        assert asked.refused == {left_out} | (safeguards & ABSOLUTE)
        assert asked.control_plane.deletes == []
