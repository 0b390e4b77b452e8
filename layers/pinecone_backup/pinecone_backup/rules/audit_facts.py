"""What an audit knows of a project when it judges it, and what follows from that directly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from pinecone_backup.reasons import ReasonKind
from pinecone_backup.rules.inventory import Origin, Worth
from pinecone_backup.rules.policy import AssignedBy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pinecone_backup.model import Index, NativeSchedule
    from pinecone_backup.records import Hold, IndexRecord, RestoreRecord, UnreadableItem
    from pinecone_backup.rules.forecast import Forecast
    from pinecone_backup.rules.inventory import Entry, Incarnation, Inventory
    from pinecone_backup.rules.policy import Assigned, Orphans, Policy
    from pinecone_backup.rules.policy_warnings import PolicyWarning
    from pinecone_backup.rules.restore_tests import TestDecision

STUCK_AFTER = timedelta(hours=12)
"""For indexes without a policy; a policy says its own ``stuck_after``."""


INITIALIZATION_FAILED = "InitializationFailed"
NOT_READY = ("Initializing", INITIALIZATION_FAILED)
"""The states of an index that has not come up: it can be neither used nor backed up."""


class Protection(StrEnum):
    """How an index stands."""

    PROTECTED = "protected"
    WAITING = "waiting"
    """New: no good backup yet, and ``max_age`` has not passed since it was first seen."""
    OVERDUE = "overdue"
    UNPROTECTED = "no_policy"
    OPTED_OUT = "opted_out"
    UNSUPPORTED = "unsupported"
    NOT_READY = "not_ready"
    """It failed to come up, or takes too long to: its state is what is wrong."""
    UNKNOWN = "unknown"
    """Its backups could not be listed: unknown is not healthy (rule U1)."""


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """One active index and all that bears on its protection.

    Attributes:
        record: The ledger's memory of it; ``first_seen_at`` is that of this incarnation (I1),
            ``record_count`` the index's own, where this audit asked for it.
        incarnation: Its backups; None when it has none, or when ``problem`` hides them.
        namesakes: Earlier incarnations of the name that still have backups; they count for
            nothing (rule I1).
        schedules: Pinecone's own schedules on it; None when they could not be listed.
        problem: Why its backups are not known (rule U1); empty when they are.
        test: What is decided about its next restore test; None where its policy has none.
        restore: The restore that made it, where one of ours did.
        restore_seconds: How long a restore of its newest good backup takes; None: unknown.
    """

    index: Index
    assigned: Assigned
    record: IndexRecord
    incarnation: Incarnation | None = None
    namesakes: Sequence[Incarnation] = ()
    schedules: Sequence[NativeSchedule] | None = ()
    problem: str = ""
    test: TestDecision | None = None
    restore: RestoreRecord | None = None
    restore_seconds: int | None = None

    @property
    def name(self) -> str:
        """The index's name."""
        return self.index.name

    @property
    def policy(self) -> Policy | None:
        """The policy that applies: an index that cannot be backed up has none."""
        return None if self.index.unsupported else self.assigned.policy

    @property
    def entries(self) -> Sequence[Entry]:
        """Its backups, newest first."""
        return self.incarnation.entries if self.incarnation else ()

    def protects(self, entry: Entry) -> bool:
        """Whether the backup counts as protection: good, and made by us or relied upon.

        A native schedule's backup counts where the policy asks for that schedule, or says that
        it satisfies our slots (rule G5).
        """
        return protects(entry, self.policy)

    @property
    def newest_good(self) -> Entry | None:
        """What to restore from: the newest backup that protects the index."""
        return next((entry for entry in self.entries if self.protects(entry)), None)

    @property
    def newest_of_empty(self) -> Entry | None:
        """The newest backup of an index that holds nothing: as good as it gets (rule G2)."""
        return next((entry for entry in self.entries if self.rightly_empty(entry)), None)

    def rightly_empty(self, entry: Entry) -> bool:
        """Whether the backup is empty because the index itself is (rule G2)."""
        reason = entry.record.verdict_reason if entry.record else None
        known = reason is not None and reason.kind is ReasonKind.EMPTY_AS_INDEX
        return is_empty(entry) and (known or self.record.record_count == 0)

    def since_good(self) -> Sequence[Entry]:
        """What came after the newest good backup, newest first; all, where there is none."""
        good = self.newest_good
        edge = good.at if good else None
        return [
            entry
            for entry in self.entries
            if entry.at is not None and (edge is None or entry.at > edge)
        ]

    def age(self, now: datetime) -> timedelta:
        """How old the protection is: since the newest good backup, else since first seen."""
        entry = self.newest_good or self.newest_of_empty
        return now - (entry.at if entry and entry.at else self.record.first_seen_at)

    @property
    def newest_known_at(self) -> datetime | None:
        """The time of the newest good backup that is known of, whether or not that is all (U1).

        While the active incarnation is not known, that of any index of the name: the best that
        there can be.
        """
        known = [self.incarnation] if self.incarnation else []
        if self.record.index_id is None:
            known += self.namesakes
        times = [
            entry.at
            for incarnation in known
            for entry in incarnation.entries
            if entry.at is not None and (self.protects(entry) or self.rightly_empty(entry))
        ]
        return max(times, default=None)

    @property
    def never_ready(self) -> bool:
        """Whether it has not come up, so that there is nothing to back up."""
        index = self.index
        return not index.ready and index.state in NOT_READY and self.newest_good is None

    def protection(self, now: datetime) -> Protection:
        """How well the index is protected at ``now``."""
        if self.assigned.by is AssignedBy.OPT_OUT:
            return Protection.OPTED_OUT
        if self.index.unsupported:
            return Protection.UNSUPPORTED
        if self.policy is None:
            return Protection.UNPROTECTED
        if self.problem:
            return Protection.UNKNOWN
        return self._under_policy(late=self.age(now) > self.policy.max_age)

    def _under_policy(self, *, late: bool) -> Protection:
        if self.never_ready and (late or self.index.state == INITIALIZATION_FAILED):
            return Protection.NOT_READY
        if late:
            return Protection.OVERDUE
        good = self.newest_good or self.newest_of_empty
        return Protection.PROTECTED if good else Protection.WAITING


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """One project as an audit found it.

    Attributes:
        indexes: The active indexes, by name.
        holds: All holds, the released ones included.
        unreadable: Items of the ledger that cannot be read (rule U2).
        warnings: What the policy document says that is probably not meant.
        now: The actual time, UTC: ages and expiries go by it (rule T2).
        quota: Backups the project may hold.
        forecast: When that will be used up.
        restores: The restores of the ledger.
        temporary: The indexes of restore tests that are there (rule R4).
        orphans: What the policy document says of backups whose index was deleted (rule D7).
    """

    name: str
    quota: int
    now: datetime
    inventory: Inventory
    indexes: Sequence[IndexFacts]
    forecast: Forecast
    orphans: Orphans
    holds: Sequence[Hold] = ()
    unreadable: Sequence[UnreadableItem] = ()
    warnings: Sequence[PolicyWarning] = ()
    restores: Sequence[RestoreRecord] = ()
    temporary: Sequence[Index] = ()

    @property
    def used(self) -> int:
        """Backups that count against the quota: all that are listed and not merely planned."""
        return used(self.inventory)


def protects(entry: Entry, policy: Policy | None) -> bool:
    """Whether a backup counts as protection of an index that has this policy (rule G5)."""
    relied_on = policy is not None and (
        policy.native_schedule is not None or policy.native_satisfies
    )
    return entry.worth is Worth.GOOD and (
        entry.origin is Origin.OURS or (relied_on and entry.origin is Origin.NATIVE)
    )


def used(inventory: Inventory) -> int:
    """Backups that count against the quota; a planned run takes none of it yet (rule G5)."""
    return sum(entry.worth is not Worth.PLANNED for entry in inventory.entries.values())


def is_empty(entry: Entry) -> bool:
    """Whether the backup is Ready, suspect and without a single record."""
    return entry.worth is Worth.SUSPECT and entry.backup.record_count == 0
