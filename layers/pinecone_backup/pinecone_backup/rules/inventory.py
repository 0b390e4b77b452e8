"""What a project holds: every listed backup once, by incarnation, with its origin and worth.

``take_inventory`` is where rows of a listing become knowledge: duplicates are merged (rule I4),
each backup is found to be ours, another deployment's, native or foreign (I2, G5), and what it
counts for is decided (G1 to G4, T2). Everything is grouped by incarnation, the index's id; names
decide nothing (I1).
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pinecone_backup.model import Status
from pinecone_backup.records import BackupRecord, DeletionState, Verdict
from pinecone_backup.rules.marker import Marker, ours

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pinecone_backup.model import Backup, NativeRun
    from pinecone_backup.records import ScheduleRecord

CLOCK_SKEW = timedelta(minutes=5)
"""A backup dated further ahead of the clock than this counts for nothing (rule T2); a slot further
ahead of its backup's creation is not believed (rule C2)."""
SAME_MOMENT = timedelta(seconds=1)
"""Two rows of one backup may differ in ``created_at`` by this much (rule I4)."""

_NATIVE_NAME = re.compile(r"(.+)-(\d{8}T\d{6}Z)")


class Origin(StrEnum):
    """Who made a backup (rules I2 and G5)."""

    OURS = "ours"
    OTHER_OWNER = "other_owner"
    """A marker of another deployment of this product: a finding."""
    NATIVE = "native"
    """One of Pinecone's own schedules."""
    FOREIGN = "foreign"


class Worth(StrEnum):
    """What a backup counts for."""

    GOOD = "good"
    """Ready, dated, not suspect (rule G1); unverified and accepted ones included."""
    SUSPECT = "suspect"
    """Satisfies its slot, but no bucket and no floor (rule G2)."""
    UNJUDGED = "unjudged"
    """Ready, without a verdict: ``rules.verdict`` gives one to ours and native ones."""
    UNDER_WAY = "under_way"
    PLANNED = "planned"
    """A native run whose time has not come (rule G5)."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNDATED = "undated"
    """Ready or failed, nobody knows when (rule T2)."""
    FUTURE = "future"
    """Ready or failed, dated over five minutes ahead of the clock (rule T2)."""
    DELETION_ACCEPTED = "deletion_accepted"
    """Its deletion was accepted: it counts for nothing, listed or not (rule G4)."""
    CONTRADICTORY = "contradictory"
    """Rows of one id disagree about its index or its time (rule I4)."""

    @property
    def ready(self) -> bool:
        """Whether it is Ready and dated, suspect or not: what satisfies a slot (rule C2)."""
        return self in (Worth.GOOD, Worth.SUSPECT, Worth.UNJUDGED)


@dataclass(frozen=True, slots=True)
class Entry:
    """One backup, merged from all its rows.

    Attributes:
        backup: As listed; merged values are the less advanced ones (rule I4).
        at: What its age counts from, UTC: ``created_at``, for a native one the time of its run
            (G5). Restore points, the floor and age limits go by it.
        marker: What its description says when it is ours or another deployment's.
        schedule: The native schedule's name, for a native one.
        record: What the ledger knows of it.
    """

    backup: Backup
    origin: Origin
    worth: Worth
    at: datetime | None
    marker: Marker | None = None
    schedule: str = ""
    record: BackupRecord | None = None

    @property
    def by_policy(self) -> bool:
        """Whether a policy of this deployment made it."""
        return (
            self.origin is Origin.OURS
            and self.marker is not None
            and self.marker.policy is not None
        )

    @property
    def on_demand(self) -> bool:
        """Whether somebody asked this deployment for it: no policy prunes it (rule I2)."""
        return self.origin is Origin.OURS and not self.by_policy

    @property
    def expires_at(self) -> datetime | None:
        """From when on a backup on demand may go, UTC; None: never, or not on demand (rule D8)."""
        return self.marker.expires_at if self.marker and self.on_demand else None

    def expired(self, now: datetime) -> bool:
        """Whether a backup on demand may go at ``now``, the actual time (rules T2 and D8)."""
        return self.expires_at is not None and now >= self.expires_at

    @property
    def slot_ahead(self) -> bool:
        """Whether its marker names a slot that its creation contradicts: not believed (C2)."""
        return (
            self.by_policy
            and self.marker is not None
            and self.at is not None
            and self.marker.slot - self.at > CLOCK_SKEW
        )

    @property
    def slot(self) -> datetime | None:
        """The policy's slot that it was made for, UTC; None where there is none to believe (C2)."""
        return self.marker.slot if self.marker and self.by_policy and not self.slot_ahead else None

    @property
    def retention_at(self) -> datetime | None:
        """The time that periods and windows of a retention go by, UTC (rule K2).

        Its slot, where it has one; else ``at``. None when it has no creation time: then it is
        no candidate either.
        """
        return (self.slot or self.at) if self.at else None

    @property
    def good_and_ours(self) -> bool:
        """Whether it counts for buckets and the floor (rules K1 and G2)."""
        return self.origin is Origin.OURS and self.worth is Worth.GOOD

    def known(self, now: datetime) -> BackupRecord:
        """The ledger's record of it; a new one when there is none."""
        return self.record or new_record(self.backup, now)


def new_record(backup: Backup, now: datetime, **known: Any) -> BackupRecord:
    """The ledger's first record of a backup, first seen at ``now``, with fields already known."""
    return BackupRecord(
        backup_id=backup.backup_id,
        index_name=backup.index_name,
        index_id=backup.index_id,
        name=backup.name,
        created_at=backup.created_at,
        first_seen_at=now,
        **known,
    )


@dataclass(frozen=True, slots=True)
class Incarnation:
    """One index id and all its backups.

    Attributes:
        entries: Newest first by ``at``, ties by ascending id; undated ones last.
        deleted_at: When the index was deleted, by every one of its rows: orphans (rule D7).
        frozen: Why nothing of it may be deleted (rule I4), or empty.
    """

    index_id: str
    index_name: str
    entries: Sequence[Entry]
    deleted_at: datetime | None = None
    frozen: str = ""

    @property
    def newest_good(self) -> Entry | None:
        """The newest good one of ours, on demand or by policy."""
        return next((entry for entry in self.entries if entry.good_and_ours), None)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Rows that cannot all be true, and the incarnations they freeze (rule I4)."""

    backup_id: str
    index_ids: tuple[str, ...]
    index_names: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """All backups of a project, each exactly once.

    Attributes:
        entries: By backup id, ascending.
        incarnations: By index id, ascending.
    """

    entries: Mapping[str, Entry]
    incarnations: Mapping[str, Incarnation]
    contradictions: Sequence[Contradiction] = ()


@dataclass(frozen=True, slots=True)
class NativeMark:
    """That a native schedule's history lists a backup, and when its run was due (rule G5)."""

    schedule: str
    scheduled_at: datetime | None = None


def take_inventory(
    rows: Iterable[Backup],
    *,
    records: Mapping[str, BackupRecord],
    owner: str,
    now: datetime,
    native: Mapping[str, NativeMark] | None = None,
) -> Inventory:
    """Merge, classify and group the rows of one complete listing.

    The result does not depend on the rows' order, nor on how often equal rows stand there.

    Args:
        rows: A trusted listing of the project (``usecases.listing``).
        records: The ledger's knowledge by backup id.
        owner: Our deployment id (rule I2).
        now: The actual time, UTC (rule T2).
        native: What native schedules' histories list, by backup id (``native_marks``); without
            it a name like ``{schedule}-YYYYMMDDTHHMMSSZ`` hints at a native one.
    """
    first: dict[str, Backup] = {}
    repeats: dict[str, list[Backup]] = {}
    for row in rows:
        if first.setdefault(row.backup_id, row) is not row:
            repeats.setdefault(row.backup_id, [first[row.backup_id]]).append(row)
    contradictions: list[Contradiction] = []
    entries: dict[str, Entry] = {}
    for backup_id in sorted(first):
        backup, contradiction = first[backup_id], None
        if backup_id in repeats:
            backup, contradiction = _merged(repeats[backup_id])
        if contradiction:
            contradictions.append(contradiction)
        entries[backup_id] = _entry(
            backup,
            contradictory=contradiction is not None,
            record=records.get(backup_id),
            owner=owner,
            now=now,
            mark=native.get(backup_id) if native else None,
        )
    return Inventory(entries, _grouped(entries.values(), contradictions), tuple(contradictions))


def native_marks(
    schedules: Iterable[ScheduleRecord], histories: Mapping[str, Sequence[NativeRun]]
) -> dict[str, NativeMark]:
    """What is known of native runs: the ledger's memory, and histories by schedule name."""
    marks = {
        backup_id: NativeMark(schedule.name)
        for schedule in schedules
        for backup_id in schedule.backup_ids
    }
    for name, runs in histories.items():
        marks.update({run.backup_id: NativeMark(name, run.scheduled_at) for run in runs})
    return marks


def missing(inventory: Inventory, records: Mapping[str, BackupRecord]) -> Sequence[BackupRecord]:
    """Backups that the ledger knows and the listing misses (rule N2).

    Each is to be described before it counts as deleted.
    """
    return [
        record
        for backup_id, record in sorted(records.items())
        if backup_id not in inventory.entries
        and (record.deletion is None or record.deletion.state is not DeletionState.DELETED)
    ]


def newest_first(entry: Entry) -> tuple[float, str]:
    """Sorts newest first by ``at``, ties by ascending id, undated ones last."""
    return (-entry.at.timestamp() if entry.at else float("inf"), entry.backup.backup_id)


def oldest_first(entry: Entry) -> tuple[float, str]:
    """Sorts oldest first by ``at``, ties by ascending id, undated ones last."""
    return (entry.at.timestamp() if entry.at else float("inf"), entry.backup.backup_id)


def retention_order(entry: Entry) -> tuple[float, str]:
    """Sorts newest first by ``retention_at``, ties by ascending id, undated ones last (rule K2)."""
    at = entry.retention_at
    return (-at.timestamp() if at else float("inf"), entry.backup.backup_id)


def _merged(rows: Sequence[Backup]) -> tuple[Backup, Contradiction | None]:
    """One backup of all its rows, and what they contradict each other in (rule I4)."""
    names = tuple(sorted({row.index_name for row in rows}))
    ids = tuple(sorted({row.index_id for row in rows}))
    times = [row.created_at for row in rows]
    dated = [time for time in times if time is not None]
    status, text = _less_advanced(rows)
    merged = replace(
        min(rows, key=lambda row: (row.index_id, row.index_name)),
        status=status,
        status_text=text,
        created_at=min(dated) if len(dated) == len(times) else None,
        name=_agreed([row.name for row in rows]),
        description=_agreed([row.description for row in rows]),
        record_count=_least([row.record_count for row in rows]),
        namespace_count=_least([row.namespace_count for row in rows]),
        size_bytes=_least([row.size_bytes for row in rows]),
        index_deleted_at=_all_say([row.index_deleted_at for row in rows]),
        cloud=_agreed([row.cloud for row in rows]) or "",
        region=_agreed([row.region for row in rows]) or "",
        tags=rows[0].tags if all(row.tags == rows[0].tags for row in rows) else None,
    )
    reason = ""
    if len(names) > 1 or len(ids) > 1:
        reason = f"backup {merged.backup_id} is listed under {' and '.join(names)}"
        if len(names) == 1:
            reason = f"backup {merged.backup_id} is listed under {len(ids)} ids of {names[0]}"
    elif dated and max(dated) - min(dated) > SAME_MOMENT:
        reason = f"backup {merged.backup_id} is listed with two creation times"
    return merged, Contradiction(merged.backup_id, ids, names, reason) if reason else None


_ADVANCE = (Status.PLANNED, Status.UNDER_WAY, Status.UNKNOWN)


def _less_advanced(rows: Sequence[Backup]) -> tuple[Status, str]:
    texts = {row.status: row.status_text for row in sorted(rows, key=lambda row: row.status_text)}
    for status in _ADVANCE:
        if status in texts:
            return status, texts[status]
    if len(texts) > 1:  # Ready and Failed: both are ends, so neither is the less advanced
        return Status.UNKNOWN, "/".join(sorted(texts.values()))
    return next(iter(texts.items()))


def _agreed(values: Sequence[str | None]) -> str | None:
    return values[0] if len(set(values)) == 1 else None


def _least(values: Sequence[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)


def _all_say(values: Sequence[datetime | None]) -> datetime | None:
    """The latest, when all give one: the index is deleted only when every row says so."""
    times = [value for value in values if value is not None]
    return max(times) if times and len(times) == len(values) else None


def _entry(
    backup: Backup,
    *,
    contradictory: bool,
    record: BackupRecord | None,
    owner: str,
    now: datetime,
    mark: NativeMark | None,
) -> Entry:
    origin, marker = _origin(backup, owner)
    at, schedule = backup.created_at, ""
    if origin is Origin.FOREIGN:
        mark = mark or _hinted(backup.name)
        if mark:
            origin, schedule = Origin.NATIVE, mark.schedule
            at = mark.scheduled_at or _time_in_name(backup.name) or backup.created_at
    worth = Worth.CONTRADICTORY if contradictory else _worth(backup, origin, at, record, now)
    return Entry(backup, origin, worth, at, marker, schedule, record)


def _origin(backup: Backup, owner: str) -> tuple[Origin, Marker | None]:
    marker = ours(backup.name, backup.description, backup.index_name, owner)
    if marker is not None:
        return Origin.OURS, marker
    marker = Marker.parse(backup.description)
    if marker is not None and marker.owner != owner:
        return Origin.OTHER_OWNER, marker
    return Origin.FOREIGN, None


def _hinted(name: str | None) -> NativeMark | None:
    """A native schedule's name pattern: the API itself gives no name with capitals (rule G5)."""
    match = _NATIVE_NAME.fullmatch(name or "")
    return NativeMark(match[1]) if match else None


def _time_in_name(name: str | None) -> datetime | None:
    match = _NATIVE_NAME.fullmatch(name or "")
    try:
        return datetime.strptime(match[2], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


def _worth(
    backup: Backup,
    origin: Origin,
    at: datetime | None,
    record: BackupRecord | None,
    now: datetime,
) -> Worth:
    if record and record.deletion and record.deletion.state.accepted:
        return Worth.DELETION_ACCEPTED
    ahead = at is not None and at > now
    if backup.status is Status.UNDER_WAY and origin is Origin.NATIVE and ahead:
        return Worth.PLANNED
    if backup.status in _PLAIN:
        return _PLAIN[backup.status]
    if at is None:
        return Worth.UNDATED
    if at > now + CLOCK_SKEW:
        return Worth.FUTURE
    return Worth.FAILED if backup.status is Status.FAILED else _ready_worth(record)


_PLAIN = {
    Status.PLANNED: Worth.PLANNED,
    Status.UNDER_WAY: Worth.UNDER_WAY,
    Status.UNKNOWN: Worth.UNKNOWN,
}


def _ready_worth(record: BackupRecord | None) -> Worth:
    if record is None or record.verdict is None:
        return Worth.UNJUDGED
    return Worth.GOOD if counts_as_good(record) else Worth.SUSPECT


def counts_as_good(record: BackupRecord) -> bool:
    """Whether the stored verdict and restore test make a Ready backup good (rules G1 and G3).

    A failed restore test makes it suspect, unless a person accepted it after that test.
    """
    if record.verdict is None:
        return False
    if record.restore_tested is False:
        return (
            record.verdict is Verdict.ACCEPTED
            and record.accepted_at is not None
            and record.restore_tested_at is not None
            and record.accepted_at > record.restore_tested_at
        )
    return record.verdict.counts


def _grouped(
    entries: Iterable[Entry], contradictions: Iterable[Contradiction]
) -> dict[str, Incarnation]:
    frozen: dict[str, list[str]] = defaultdict(list)
    for contradiction in contradictions:
        for index_id in contradiction.index_ids:
            frozen[index_id].append(contradiction.reason)
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.backup.index_id].append(entry)
    return {
        index_id: _incarnation(index_id, groups[index_id], frozen.get(index_id, []))
        for index_id in sorted(groups)
    }


def _incarnation(index_id: str, entries: list[Entry], frozen: list[str]) -> Incarnation:
    names = sorted({entry.backup.index_name for entry in entries})
    if not index_id:
        frozen = ["these backups name no index id", *frozen]
    elif len(names) > 1:  # an index cannot be renamed
        frozen = [f"one index id is listed under {' and '.join(names)}", *frozen]
    return Incarnation(
        index_id,
        names[0],
        sorted(entries, key=newest_first),
        _all_say([entry.backup.index_deleted_at for entry in entries]),
        "; ".join(frozen),
    )
