"""The looks of a create run: two at each index whose restores are tested by more than counts.

Level-triggered, from the ledger's first looks and the backups as listed. Whatever becomes of a
look, no backup is late or fails because of it: looks come last, and end with the run's time.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

from pinecone_backup.errors import (
    Forbidden,
    KeyRejected,
    LedgerError,
    PineconeError,
    RateLimited,
    Unavailable,
)
from pinecone_backup.model import Depth
from pinecone_backup.records import FingerprintRecord, LookRecord
from pinecone_backup.rules.fingerprint import evidence
from pinecone_backup.rules.looks import enclosed, first_look_due, wants_looks
from pinecone_backup.usecases.findings import log_unexpected
from pinecone_backup.usecases.fingerprint import first_look, look_again
from pinecone_backup.usecases.parallel import in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from pinecone_backup.model import Backup, RunContext
    from pinecone_backup.ports import ControlPlane, DataPlane, Ledger
    from pinecone_backup.records import Look
    from pinecone_backup.rules.creation import Decision, View

MOST_SECONDS = 240.0
"""Of one run; no look is begun after that."""
_PASSING = (RateLimited, Unavailable)
"""What the next tick may find mended."""
_DENIED = (Forbidden, KeyRejected)
"""What concerns every index of the project: the key's role has no access to records."""
_LISTED_AT_MOST = 20
_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class LooksOutcome:
    """What the looks of one create run came to.

    Attributes:
        first: How many first looks were taken.
        fingerprints: Of how many backups something is sure now.
        problems: Why nothing is, by index.
        calls: What all of it cost, as is ``read_units``.
    """

    first: int = 0
    fingerprints: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    calls: int = 0
    read_units: int = 0

    def add(self, other: LooksOutcome) -> None:
        """Count what other looks of the run came to."""
        self.first += other.first
        self.fingerprints += other.fingerprints
        self.problems |= other.problems
        self.calls += other.calls
        self.read_units += other.read_units

    @property
    def summary(self) -> Mapping[str, Any]:
        """JSON-ready figures, small enough for the run's record."""
        problems = dict(sorted(self.problems.items())[:_LISTED_AT_MOST])
        return {
            "first": self.first,
            "fingerprints": self.fingerprints,
            "problems": problems,
            "calls": self.calls,
            "read_units": self.read_units,
        }


def take_looks(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    indexes: Iterable[tuple[View, Decision]],
    *,
    time_left: Callable[[], float],
    stop_before: float,
) -> LooksOutcome:
    """Take the looks that are due: the second ones, then the first ones (rule F1).

    Args:
        context: The run.
        control_plane: The project.
        ledger: The project's ledger.
        indexes: The indexes with their backups as listed, and what was decided about them.
        time_left: Seconds until the function must have ended.
        stop_before: Seconds before that at which no look is begun.
    """
    wanted = [(view, decision) for view, decision in indexes if wants_looks(view)]
    outcome = LooksOutcome()
    if not wanted:
        return outcome
    began = time_left()

    def clock() -> datetime:
        return context.time.actual + timedelta(seconds=began - time_left())

    denied: list[str] = []

    def run() -> _Taking:
        return _Taking(control_plane, ledger, clock, denied)

    try:
        known = ledger.looks()
        second: list[tuple[View, LookRecord, Sequence[Backup]]] = []
        first: list[View] = []
        for view, decision in wanted:
            pending = known.get(view.name)
            backups = enclosed(view, pending, clock()) if pending is not None else []
            if pending is not None and backups:
                second.append((view, pending, backups))
            elif first_look_due(view, decision, pending, context.time):
                first.append(view)
        takings = [partial(run().second, *each) for each in second]
        takings += [partial(run().first, view) for view in first]

        def take(taking: Callable[[], LooksOutcome]) -> LooksOutcome:
            enough = time_left() >= max(stop_before, began - MOST_SECONDS)
            return taking() if enough else LooksOutcome()

        for taken in in_parallel(take, takings, at_most=control_plane.concurrency):
            outcome.add(taken)
    except LedgerError as error:
        outcome.problems["ledger"] = error.problem
    return outcome


@dataclass(slots=True)
class _Taking:
    """One look at one index, beside those that others take at the same time.

    Attributes:
        denied: Why the project's key may not read records, once that is known to any of them.
    """

    control_plane: ControlPlane
    ledger: Ledger
    clock: Callable[[], datetime]
    denied: list[str]
    outcome: LooksOutcome = field(default_factory=LooksOutcome)

    def first(self, view: View) -> LooksOutcome:
        """Take an index's first look, and remember it or why there is none."""
        policy = view.assigned.policy
        depth = policy.restore_test.depth if policy and policy.restore_test else Depth.SAMPLE
        taken, problem = self._look(
            view,
            lambda plane: first_look(plane, depth=depth, secret=token_bytes(16), clock=self.clock),
        )
        if taken is not None or problem:
            known = view.record.index_id
            self.ledger.put_look(LookRecord(view.name, known, self.clock(), taken, problem))
            self.outcome.first += taken is not None
        return self.outcome

    def second(self, view: View, pending: LookRecord, backups: Sequence[Backup]) -> LooksOutcome:
        """Take the second look, and write down what is sure of the backups between the two."""
        problem, sure = pending.problem, None
        if (before := pending.look) is not None:
            taken, problem = self._look(
                view,
                lambda plane: look_again(plane, before, depth=before.depth, clock=self.clock),
            )
            if taken is None and not problem:
                return self.outcome
            sure = evidence(before, taken) if taken is not None else None
        now = self.clock()
        records = [
            FingerprintRecord(each.backup_id, each.index_name, each.index_id, now, sure, problem)
            for each in backups
        ]
        self.ledger.put_fingerprints(view.name, records)
        self.outcome.fingerprints += len(records) if sure is not None else 0
        return self.outcome

    def _look(self, view: View, take: Callable[[DataPlane], Look]) -> tuple[Look | None, str]:
        """A look or, where no later tick will get one, why not; neither when one may."""
        plane: DataPlane | None = None
        try:
            if self.denied:
                return None, self.denied[0]
            plane = self.control_plane.data_plane(view.index)
            return take(plane), ""
        except _PASSING as error:
            self.outcome.problems[view.name] = error.problem
            return None, ""
        except PineconeError as error:
            problem = error.problem
            if isinstance(error, _DENIED):
                problem = f"the API key may not read records ({problem})"
                self.denied.append(problem)
        except LedgerError:
            raise
        except Exception as error:
            problem = log_unexpected(_LOG, error, index=view.name)
        finally:
            if plane is not None:
                self.outcome.calls += plane.usage.calls
                self.outcome.read_units += plane.usage.read_units
        self.outcome.problems[view.name] = problem
        return None, problem
