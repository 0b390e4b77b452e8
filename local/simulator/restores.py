"""How a restore goes: how long it takes, what arrives, and what is wrong with it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from local.simulator.contents import Held, Snapshot
from local.simulator.damages import Damage, Harm, Restoring
from local.simulator.records import Seeded
from local.simulator.state import Backup, Behaviour, Index, Outcome, Result

if TYPE_CHECKING:
    from datetime import datetime


def duration(size_bytes: int, behaviour: Behaviour) -> timedelta:
    """The simulator's law: ``restore_seconds``, and the time to move the bytes, in whole seconds.

    ``restore_seconds + floor(size_bytes / restore_bytes_per_second)``
    """
    moving = size_bytes // behaviour.restore_bytes_per_second
    return timedelta(seconds=behaviour.restore_seconds + moving)


def planned(
    backup: Backup, source: Index, outcome: Outcome, behaviour: Behaviour, now: datetime
) -> Restoring:
    """A restore of a backup that starts now, with all the damage that its outcome says."""
    takes = duration(backup.size_bytes or 0, behaviour)
    if outcome.seconds is not None:
        takes = timedelta(seconds=outcome.seconds)
    restoring = Restoring(dict(_kept(backup, source)), backup.fields, now + takes, now + takes)
    for harm in (*_harms(outcome), *outcome.damages):
        restoring.suffer(harm)
    if restoring.failed:
        restoring.snapshot = {}
    return restoring


def _kept(backup: Backup, source: Index) -> Snapshot:
    """What the backup holds; one of the past holds the seeded records of its index."""
    if backup.contents is not None:
        return backup.contents
    return {
        name: Held(Seeded(source.contents.seed, name, 0, count), count)
        for name, count in (backup.namespaces or {}).items()
    }


def _harms(outcome: Outcome) -> list[Harm]:
    """The result of an outcome, spelt as damage."""
    return {
        Result.READY: [],
        Result.FAIL: [Harm(Damage.JOB_FAILED)],
        Result.STICK: [Harm(Damage.JOB_PENDING)],
        Result.EMPTY: [Harm(Damage.ALL_RECORDS_LOST)],
        Result.SHRINK: [Harm(Damage.RECORDS_LOST, share=1 - outcome.share)],
    }[outcome.result]
