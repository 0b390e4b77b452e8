"""Keep the native schedules that policies ask for; touch nobody else's (rule G5).

A schedule is ours to keep when we created it, or when it has the name that its policy implies:
after a crash between the POST and the ledger the name is what is left. An enabled schedule of
somebody else's serves where it does what the policy says; where it does not, that is a finding
and never an overwrite. One that no policy asks for any more is paused, not deleted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pinecone_backup.errors import (
    BackupError,
    Forbidden,
    ListingIncomplete,
    NotFound,
    PaymentRequired,
    PineconeError,
    RequestInvalid,
)
from pinecone_backup.records import ScheduleRecord
from pinecone_backup.rules.creation import Kind
from pinecone_backup.rules.findings import Control, Evidence, Observation
from pinecone_backup.usecases.findings import log_unexpected
from pinecone_backup.usecases.parallel import in_parallel, rotated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pinecone_backup.model import NativeSchedule, RunContext
    from pinecone_backup.ports import ControlPlane, Ledger
    from pinecone_backup.rules.creation import Decision
    from pinecone_backup.rules.policy import NativeScheduleRequest, Policy

_LOG = logging.getLogger(__name__)
STOP_BEFORE = 130.0
"""Seconds before the function's end at which no further index is begun."""
_LONGEST_NAME = 28
"""With the run's time behind it, a backup's name of 45 characters."""


@dataclass(frozen=True, slots=True)
class NativeOutcome:
    """What was done about native schedules.

    Attributes:
        changes: What was created, corrected or paused, by index.
        problems: What could not be done, by index.
        unexpected: Those of them that nobody expected.
    """

    changes: Mapping[str, str]
    problems: Mapping[str, str]
    observations: Sequence[Observation]
    evidence: Evidence
    unexpected: Mapping[str, str] = field(default_factory=dict)


def native_name(policy: str) -> str:
    """The name of the native schedule that a policy asks for."""
    return policy[:_LONGEST_NAME].rstrip("-")


def keep_native_schedules(
    context: RunContext,
    control_plane: ControlPlane,
    ledger: Ledger,
    decisions: Iterable[Decision],
    *,
    time_left: Callable[[], float],
) -> NativeOutcome:
    """Make the native schedules of a project what its policies say.

    One schedule listing for each index whose policy relies on one, and a write where it differs.

    Args:
        context: The run.
        control_plane: The project, through its API key.
        ledger: The project's ledger.
        decisions: What was decided about every index: ``NATIVE`` ones want a schedule.
        time_left: Seconds until the function must have ended.

    Raises:
        LedgerError: The ledger could not be read or written.
    """
    keeper = _Keeper(context, control_plane, ledger)
    managed = keeper.managed
    concerned = [each for each in decisions if _wants(each) or each.index in managed]

    def attend(decision: Decision) -> None:
        if time_left() >= STOP_BEFORE:
            keeper.attend(decision)

    in_turn = rotated(concerned, context.time.scheduled_at)
    in_parallel(attend, in_turn, at_most=control_plane.concurrency)
    evidence = Evidence.of([Control.NATIVE_DRIFT], only=sorted(keeper.seen))
    return NativeOutcome(
        keeper.changes,
        keeper.problems | keeper.unexpected,
        sorted(keeper.observations, key=lambda each: (each.control, each.subject)),
        evidence,
        keeper.unexpected,
    )


def _wants(decision: Decision) -> bool:
    """Whether the index is to have a native schedule."""
    return decision.kind is Kind.NATIVE and bool(
        decision.policy and decision.policy.native_schedule
    )


@dataclass(slots=True)
class _Keeper:
    context: RunContext
    control_plane: ControlPlane
    ledger: Ledger
    changes: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    unexpected: dict[str, str] = field(default_factory=dict)
    observations: list[Observation] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    records: dict[str, ScheduleRecord] = field(init=False)

    def __post_init__(self) -> None:
        self.records = {record.schedule_id: record for record in self.ledger.schedules()}

    @property
    def managed(self) -> set[str]:
        """The indexes on which we keep a schedule."""
        return {record.index_name for record in self.records.values() if record.managed_by_policy}

    def attend(self, decision: Decision) -> None:
        """Make the schedules of one index what its policy says; a fault there stops no other."""
        policy = decision.policy
        try:
            if decision.kind is Kind.NATIVE and policy and policy.native_schedule:
                self.keep(decision.index, policy, policy.native_schedule)
                self.seen.add(decision.index)
            elif decision.kind in (Kind.OPTED_OUT, Kind.PAUSED) or (policy and policy.cron):
                self.pause(decision.index)
        except (PineconeError, ListingIncomplete) as error:
            self.problem(decision.index, error)
        except BackupError:
            raise
        except Exception as error:
            self.unexpected[decision.index] = log_unexpected(_LOG, error, index=decision.index)

    def keep(self, index: str, policy: Policy, request: NativeScheduleRequest) -> None:
        """Make the schedule of one index what its policy says."""
        schedules = list(self.control_plane.native_schedules(index))
        mine = [schedule for schedule in schedules if self._is_mine(schedule, policy)]
        theirs = [s for s in schedules if s.enabled and not self._is_mine(s, policy)]
        if theirs:
            self._leave(index, policy, request, theirs[0])
        elif mine:
            kept = min(mine, key=lambda schedule: (not schedule.enabled, schedule.schedule_id))
            self._correct(index, policy, request, kept)
        else:
            self._create(index, policy, request)

    def pause(self, index: str) -> None:
        """Pause the schedules that we keep on an index whose policy asks for none now."""
        for record in list(self.records.values()):
            if record.index_name != index or not record.managed_by_policy:
                continue
            try:
                self.control_plane.update_native_schedule(record.schedule_id, enabled=False)
            except NotFound:
                self.changes[index] = f"schedule {record.name} was deleted outside this deployment"
            else:
                self.changes[index] = f"paused schedule {record.name}: no policy asks for it now"
            self._put(replace(record, managed_by_policy=""))

    def problem(self, index: str, error: BackupError) -> None:
        """Something could not be done; a refusal is a finding, the rest the next tick repeats."""
        self.problems[index] = error.problem
        if isinstance(error, (Forbidden, PaymentRequired, RequestInvalid)):
            self.observations.append(
                Observation.of(
                    Control.CREATION_REFUSED,
                    index,
                    title=f"{index}: Pinecone refuses its native schedule",
                    diagnosis=f"Index {index}: {error.problem}.",
                    action=error.next_step or "Correct what Pinecone names, or use cron instead.",
                    index=index,
                )
            )

    def _is_mine(self, schedule: NativeSchedule, policy: Policy) -> bool:
        record = self.records.get(schedule.schedule_id)
        managed = record is not None and bool(record.managed_by_policy)
        return managed or schedule.name == native_name(policy.name)

    def _create(self, index: str, policy: Policy, request: NativeScheduleRequest) -> None:
        schedule = self.control_plane.create_native_schedule(
            index,
            name=native_name(policy.name),
            frequency=request.frequency.value,
            expire_after_days=request.expire_after_days,
        )
        self._remember(index, policy, schedule)
        self.changes[index] = f"created schedule {schedule.name} ({_requested(request)})"

    def _correct(
        self, index: str, policy: Policy, request: NativeScheduleRequest, schedule: NativeSchedule
    ) -> None:
        drifted = _differs(schedule, request) or not schedule.enabled
        known = self.records.get(schedule.schedule_id)
        if drifted:
            was = schedule
            if known is not None and known.managed_by_policy == policy.name:
                self._observe(
                    index, policy, request, was, "It was set right; find out who changed it."
                )
            schedule = self.control_plane.update_native_schedule(
                schedule.schedule_id,
                frequency=request.frequency.value if was.frequency != request.frequency else None,
                expire_after_days=(
                    request.expire_after_days
                    if was.expire_after_days != request.expire_after_days
                    else None
                ),
                enabled=None if was.enabled else True,
            )
            self.changes[index] = f"corrected schedule {schedule.name} ({_requested(request)})"
        if drifted or known is None or known.managed_by_policy != policy.name:
            self._remember(index, policy, schedule)

    def _leave(
        self, index: str, policy: Policy, request: NativeScheduleRequest, schedule: NativeSchedule
    ) -> None:
        """Somebody else's schedule is enabled, and an index can have but one (rule G5)."""
        if _differs(schedule, request):
            self._observe(
                index,
                policy,
                request,
                schedule,
                "It is somebody else's and is left alone: pause or delete it, and the next run "
                "creates the policy's own; or write its settings into the policy.",
            )

    def _observe(
        self,
        index: str,
        policy: Policy,
        request: NativeScheduleRequest,
        schedule: NativeSchedule,
        action: str,
    ) -> None:
        paused = "" if schedule.enabled else "is paused, "
        self.observations.append(
            Observation.of(
                Control.NATIVE_DRIFT,
                schedule.schedule_id,
                title=f"{index}: native schedule {schedule.name} is not as the policy says",
                diagnosis=f"Schedule {schedule.name} of index {index} {paused}runs "
                f"{schedule.frequency} and keeps for {schedule.expire_after_days} days; policy "
                f"{policy.name} says {_requested(request)}.",
                action=action,
                index=index,
                policy=policy.name,
            )
        )

    def _remember(self, index: str, policy: Policy, schedule: NativeSchedule) -> None:
        now = self.context.time.actual
        known = self.records.get(schedule.schedule_id)
        self._put(
            ScheduleRecord(
                schedule_id=schedule.schedule_id,
                name=schedule.name,
                index_name=index,
                index_id=schedule.index_id,
                first_seen_at=known.first_seen_at if known else now,
                last_seen_at=now,
                managed_by_policy=policy.name,
                backup_ids=known.backup_ids if known else (),
            )
        )

    def _put(self, record: ScheduleRecord) -> None:
        known = self.records.get(record.schedule_id)
        self.records[record.schedule_id] = self.ledger.put_schedule(record, over=known)


def _differs(schedule: NativeSchedule, request: NativeScheduleRequest) -> bool:
    return (schedule.frequency, schedule.expire_after_days) != (
        request.frequency,
        request.expire_after_days,
    )


def _requested(request: NativeScheduleRequest) -> str:
    return f"{request.frequency}, kept {request.expire_after_days} days"
