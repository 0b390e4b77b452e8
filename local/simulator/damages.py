"""What can be wrong with a restore: each damage by name, and what it does.

A damage that concerns records hits a ``share`` of every namespace, one record at least, chosen by
their ids: the same backup is damaged in the same way each time.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil
from typing import TYPE_CHECKING
from zlib import crc32

from local.simulator.contents import Held, Snapshot, counts
from local.simulator.records import EMPTY, Altered, Overlaid, Record, Records, Without
from local.simulator.schema import METRICS, Fields

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    type Alteration = Callable[[Record], Record]


class Damage(StrEnum):
    """Everything that a restore can get wrong; the members' texts are the switches' names."""

    NAMESPACE_LOST = "namespace_lost"
    """One namespace is missing: the one named, or the last by name."""
    NAMESPACE_RENAMED = "namespace_renamed"
    """The records of that namespace come back under another name."""
    RECORDS_LOST = "records_lost"
    """A share of the records is missing."""
    ALL_RECORDS_LOST = "all_records_lost"
    """Not one record came back; the namespaces are there."""
    RECORDS_ADDED = "records_added"
    """Records that the backup never held stand beside its own."""
    METADATA_SWAPPED = "metadata_swapped"
    """A share of the records has the metadata of its neighbour."""
    METADATA_LOST = "metadata_lost"
    """A share of the records has no metadata."""
    VALUES_SWAPPED = "values_swapped"
    """A share of the records has the values, dense and sparse, of its neighbour."""
    VALUES_TRUNCATED = "values_truncated"
    """In a share of the records the second half of the dense values is zero."""
    SPARSE_LOST = "sparse_lost"
    """A share of the records has no sparse values."""
    WRONG_METRIC = "wrong_metric"
    """The index has another metric than the one that was backed up."""
    WRONG_DIMENSION = "wrong_dimension"
    """The index has one dense dimension less, and so have all its records."""
    COUNTS_LIE = "counts_lie"
    """A share of the records is missing, and the statistics count them all the same."""
    JOB_PENDING = "job_pending"
    """The job stays ``Pending`` and the index ``Initializing``, for ever."""
    JOB_FAILED = "job_failed"
    """The job fails, and leaves the index ``InitializationFailed``."""
    JOB_CANCELLED = "job_cancelled"
    """The job is cancelled, and leaves the index ``InitializationFailed``."""
    JOB_UNKNOWN = "job_unknown"
    """All goes well, but the job is not listed and describing it is a 404."""
    INDEX_FAILED = "index_failed"
    """The job completes, and leaves the index ``InitializationFailed``."""
    INDEX_NEVER_READY = "index_never_ready"
    """The job completes, and the index stays ``Initializing`` for ever."""


@dataclass(frozen=True, slots=True)
class Harm:
    """One damage done.

    Attributes:
        damage: What is wrong.
        share: Of which part of the records, from 0 to 1.
        namespace: Of which namespace, where the damage concerns one.
    """

    damage: Damage
    share: float = 0.01
    namespace: str | None = None


@dataclass(slots=True)
class Restoring:
    """A restore as it will turn out, for damages to spoil.

    Attributes:
        snapshot: What arrives in the index.
        fields: The schema of the index.
        ready_at: When the index is ready or failed; None: never.
        ends_at: When the job ends; None: never.
        ends_as: The status in which the job ends.
        known: Whether the job is listed and described.
        failed: Whether the index ends as ``InitializationFailed``.
        reported: What the statistics say instead of counting; None: they count.
    """

    snapshot: Snapshot
    fields: Fields
    ready_at: datetime | None
    ends_at: datetime | None
    ends_as: str = "Completed"
    known: bool = True
    failed: bool = False
    reported: dict[str, int] | None = None

    def suffer(self, harm: Harm) -> None:
        """Let one damage happen."""
        _EFFECTS[harm.damage](self, harm)

    def alter(self, change: Callable[[Records], Records]) -> None:
        """Replace the records of every namespace that has any."""
        for name, held in self.snapshot.items():
            if held.records.count():
                self.snapshot[name] = replace(held, records=change(held.records))

    def fail(self, ends_as: str) -> None:
        """End the job in a way that leaves a useless index."""
        self.ends_as, self.failed = ends_as, True


def victims(records: Records, harm: Harm) -> Callable[[str], bool]:
    """Which ids a share means: the first one, and what their checksums choose.

    Each damage chooses others, so that several do not all hit the same records.
    """
    first = next(records.ids(), "")
    salt, below = crc32(harm.damage.encode()), harm.share * 2**32
    return lambda record_id: record_id == first or crc32(record_id.encode(), salt) < below


def _altered(restoring: Restoring, harm: Harm, alteration: Callable[[Records], Alteration]) -> None:
    def change(records: Records) -> Records:
        hit, alter = victims(records, harm), alteration(records)
        return Altered(records, lambda record: alter(record) if hit(record.record_id) else record)

    restoring.alter(change)


def _neighbour(records: Records, record: Record) -> Record:
    """The record that follows by id, the first one after the last."""
    following = next(records.ids(after=record.record_id), None) or next(records.ids())
    return records.get(following) or record


def _swap_metadata(records: Records) -> Alteration:
    return lambda record: replace(record, metadata=_neighbour(records, record).metadata)


def _swap_values(records: Records) -> Alteration:
    def alter(record: Record) -> Record:
        other = _neighbour(records, record)
        return replace(record, values=other.values, sparse=other.sparse)

    return alter


def _truncate(record: Record) -> Record:
    half = ceil(len(record.values) / 2)
    return replace(record, values=record.values[:half] + (0.0,) * (len(record.values) - half))


def _lose(restoring: Restoring, harm: Harm) -> None:
    restoring.alter(lambda records: Without(records, victims(records, harm)))


def _empty(restoring: Restoring, _harm: Harm) -> None:
    restoring.alter(lambda _records: EMPTY)


def _add(restoring: Restoring, harm: Harm) -> None:
    def change(records: Records) -> Records:
        hit = victims(records, harm)
        copies = (f"{record_id}-copy" for record_id in records.ids() if hit(record_id))
        twins = {name: records.get(name.removesuffix("-copy")) for name in copies}
        return Overlaid(
            records,
            {name: replace(twin, record_id=name) for name, twin in twins.items() if twin},
        )

    restoring.alter(change)


def _lie(restoring: Restoring, harm: Harm) -> None:
    restoring.reported = counts(restoring.snapshot)
    _lose(restoring, harm)


def _chosen_namespace(restoring: Restoring, harm: Harm) -> str | None:
    return harm.namespace or max(restoring.snapshot, default=None)


def _lose_namespace(restoring: Restoring, harm: Harm) -> None:
    restoring.snapshot.pop(_chosen_namespace(restoring, harm) or "", None)


def _rename_namespace(restoring: Restoring, harm: Harm) -> None:
    name = _chosen_namespace(restoring, harm) or ""
    held = restoring.snapshot.pop(name, None)
    if held is not None:
        restoring.snapshot[f"{name}-restored"] = Held(held.records, held.next_number)


def _change_metric(restoring: Restoring, _harm: Harm) -> None:
    restoring.fields = copy.deepcopy(restoring.fields)
    for spec in restoring.fields.values():
        if "metric" in spec:
            spec["metric"] = METRICS[(METRICS.index(spec["metric"]) + 1) % len(METRICS)]


def _change_dimension(restoring: Restoring, _harm: Harm) -> None:
    restoring.fields = copy.deepcopy(restoring.fields)
    for spec in restoring.fields.values():
        if "dimension" in spec:
            spec["dimension"] -= 1
    restoring.alter(
        lambda records: Altered(records, lambda one: replace(one, values=one.values[:-1]))
    )


def _never_end(restoring: Restoring, _harm: Harm) -> None:
    restoring.ready_at = restoring.ends_at = None


def _hide_job(restoring: Restoring, _harm: Harm) -> None:
    restoring.known = False


def _fail_index(restoring: Restoring, _harm: Harm) -> None:
    restoring.failed = True


def _never_ready(restoring: Restoring, _harm: Harm) -> None:
    restoring.ready_at = None


_EFFECTS: dict[Damage, Callable[[Restoring, Harm], None]] = {
    Damage.NAMESPACE_LOST: _lose_namespace,
    Damage.NAMESPACE_RENAMED: _rename_namespace,
    Damage.RECORDS_LOST: _lose,
    Damage.ALL_RECORDS_LOST: _empty,
    Damage.RECORDS_ADDED: _add,
    Damage.METADATA_SWAPPED: lambda r, harm: _altered(r, harm, _swap_metadata),
    Damage.METADATA_LOST: lambda r, harm: _altered(
        r, harm, lambda _records: lambda record: replace(record, metadata=None)
    ),
    Damage.VALUES_SWAPPED: lambda r, harm: _altered(r, harm, _swap_values),
    Damage.VALUES_TRUNCATED: lambda r, harm: _altered(r, harm, lambda _records: _truncate),
    Damage.SPARSE_LOST: lambda r, harm: _altered(
        r, harm, lambda _records: lambda record: replace(record, sparse=None)
    ),
    Damage.WRONG_METRIC: _change_metric,
    Damage.WRONG_DIMENSION: _change_dimension,
    Damage.COUNTS_LIE: _lie,
    Damage.JOB_PENDING: _never_end,
    Damage.JOB_FAILED: lambda r, _harm: r.fail("Failed"),
    Damage.JOB_CANCELLED: lambda r, _harm: r.fail("Cancelled"),
    Damage.JOB_UNKNOWN: _hide_job,
    Damage.INDEX_FAILED: _fail_index,
    Damage.INDEX_NEVER_READY: _never_ready,
}
