"""The ledger in DynamoDB: one table, one partition per project.

======================  =====================================  ==============================
sort key                item                                   lives
======================  =====================================  ==============================
``LEASE#<name>``        who works on the project now           until it has expired
``RUN#<run id>``        a run; ids begin with their start      as history; idle creates 30 days
``LAST#<kind>``         the last completed run of a kind       for ever
``CLAIM#<index>#<slot>``a guard on one backup to create        14 days past its slot
``BACKUP#<id>``         what we know of a backup               until confirmed deleted
``DELETED#<id>``        the same, once confirmed deleted       as long as history
``DELETION#<time>#<id>``one deletion, by when it was decided   as long as history
``BASELINE#prune``      by what the last accepted prune went   for ever
``INDEX#<name>``        an index as we have seen it            as history, once deleted
``HOLD#<id>``           a hold, released ones too              as history, once it ended
``FINDING#<id>``        a finding                              ``FindingDays`` past resolving
``PLAN#<digest>``       a prune plan, small, with approvals    as long as history
``POLICY#<time>#<id>``  a change of the policy (deployment's)  for ever
``RESTORE#<id>``        a restore, by a test or on request     as long as history
``SCHEDULE#<id>``       a native schedule that we have seen    as history, once last seen
``LOOK#<index>``        the first look at an index             a day
``FINGERPRINT#<id>``    what is sure of a backup's contents    until confirmed deleted
``OUTBOX#<time>#<id>``  an event not announced yet             until announced
``EVENT#<id>``          an event that was recorded             30 days
``EVIDENCE#<time>#<id>``an event not in the evidence yet       until it is
``HEAD#evidence``       where the evidence ends (deployment's) for ever
======================  =====================================  ==============================

An item is its keys, ``expires_at`` where it expires, and a record (``codec``). Reads are strongly
consistent and complete, or raise. Times are ISO 8601 in UTC, so that sort keys order by time.
Expiry is DynamoDB's TTL on ``expires_at``. History is kept for ``HistoryDays`` of the deployment,
400 unless it says otherwise; a change of it counts for what is written from then on.

A record that two functions write is written on condition that it is stored as it was read. Where
another function was quicker it is read again, and what this one changed is put on top
(``rules.merging``); what it announces goes into the outbox in the same transaction.

An item that cannot be read is set aside (rule U2): listings pass it over and remember it, asking
for it alone raises, and what this object knows to be unreadable it does not write over.
"""

from __future__ import annotations

import logging
import random
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import batched, islice
from math import ceil
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from pinecone_backup.adapters.codec import (
    Unreadable,
    decode,
    deserialize,
    encode,
    serialize,
    text_of,
)
from pinecone_backup.errors import (
    ItemUnreadable,
    LeaseHeld,
    LedgerConflict,
    LedgerUnavailable,
)
from pinecone_backup.model import DomainEvent, RunKind
from pinecone_backup.records import (
    BackupRecord,
    BaselineRecord,
    Claim,
    DeletionMark,
    DeletionRecord,
    DeletionState,
    EvidenceHead,
    EvidenceRecord,
    Finding,
    FingerprintRecord,
    Hold,
    HoldScope,
    IndexRecord,
    ItemKind,
    LeaseRecord,
    LookRecord,
    OutboxRecord,
    PlanRecord,
    PolicyChange,
    RestoreRecord,
    Run,
    RunState,
    ScheduleRecord,
    UnreadableItem,
)
from pinecone_backup.rules.merging import merged

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from _typeshed import DataclassInstance
    from mypy_boto3_dynamodb import DynamoDBClient

HISTORY = timedelta(days=400)
"""How long runs, deletions, plans and restores are kept, where no setting says otherwise."""
FINDINGS = timedelta(days=90)
"""How long resolved findings are kept, likewise."""
IDLE_HISTORY = timedelta(days=30)
"""How long creates are kept that had nothing to do."""
CLOCK_TOLERANCE = timedelta(hours=2)
"""A run that is further ahead of a later one was recorded by a clock that was wrong (rule T1)."""
_PROJECT = "PROJECT#"
_BASELINE = f"{ItemKind.BASELINE}#prune"
_HEAD = f"{ItemKind.EVIDENCE_HEAD}#evidence"
_CONDITION_FAILED = "ConditionalCheckFailedException"
_CONFLICT = "TransactionConflictException"
_WRITES = 8
"""So often is a record written over what another function has just written."""
_COLLISIONS = 6
"""So often is a write tried that collides with somebody else's transaction."""
_FIRST_PAUSE = 0.05
"""Seconds, at most, before a write that collided is tried again; then twice that, and so on."""
_COLLIDED = frozenset({"None", "TransactionConflict", "ThrottlingError"})
_EVENTS = timedelta(days=30)
"""So long an event that is recorded again changes nothing."""
_LEASES_LAST = timedelta(hours=1)
"""Every lease ends within this time by far."""
_RUNS_SEARCHED = 2_000
"""So many of the newest runs are searched for the last completed one, where its mark is lost."""
_BATCH, _BATCH_TRIES, _BATCH_WAIT = 100, 6, 0.05
"""Keys that one BatchGetItem takes; how often what it left is asked for, and after what seconds."""
_LOG = logging.getLogger(__name__)

_RECORDS: dict[ItemKind, type[DataclassInstance]] = {
    ItemKind.LEASE: LeaseRecord,
    ItemKind.RUN: Run,
    ItemKind.LAST_RUN: Run,
    ItemKind.CLAIM: Claim,
    ItemKind.BACKUP: BackupRecord,
    ItemKind.DELETED: BackupRecord,
    ItemKind.DELETION: DeletionRecord,
    ItemKind.BASELINE: BaselineRecord,
    ItemKind.INDEX: IndexRecord,
    ItemKind.HOLD: Hold,
    ItemKind.FINDING: Finding,
    ItemKind.PLAN: PlanRecord,
    ItemKind.POLICY: PolicyChange,
    ItemKind.RESTORE: RestoreRecord,
    ItemKind.SCHEDULE: ScheduleRecord,
    ItemKind.OUTBOX: OutboxRecord,
    ItemKind.EVIDENCE: EvidenceRecord,
    ItemKind.EVIDENCE_HEAD: EvidenceHead,
    ItemKind.LOOK: LookRecord,
    ItemKind.FINGERPRINT: FingerprintRecord,
}

_INSPECTED = {
    ItemKind.RUN: 200,
    ItemKind.DELETION: 200,
    ItemKind.DELETED: 200,
    ItemKind.LOOK: 10,
    ItemKind.FINGERPRINT: 10,
}
"""So many items, the newest ones where keys go by time, of kinds that grow for ever or are large:
a look takes tens of kilobytes."""


class DynamoLedger:
    """The ``Ledger`` of one project in a DynamoDB table.

    Args:
        client: DynamoDB.
        table_name: The table.
        project: Whose ledger it is.
        concurrency: So many writes at a time are meant for it (``ports.Ledger``).
        history: How long history is kept.
        pause: Waits so many seconds, before a write that collided is tried again.

    Raises:
        LedgerUnavailable: From every method, when DynamoDB does not answer or refuses.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        project: str,
        *,
        concurrency: int = 1,
        history: timedelta = HISTORY,
        findings: timedelta = FINDINGS,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.project = project
        self.concurrency = concurrency
        self._history, self._findings = history, findings
        self._partition = _Partition(client, table_name, f"{_PROJECT}{project}", pause)
        self._aside: dict[str, UnreadableItem] = {}

    # Leases

    def acquire_lease(self, name: str, *, holder: str, now: datetime, ttl: timedelta) -> None:
        """Take or renew the lease ``name``.

        Its end is written twice, so that it still ends when one of the two is damaged. One
        that ends over an hour later than this one was taken by a wrong clock, and excludes nobody.
        """
        until = now + ttl
        key = f"{ItemKind.LEASE}#{name}"
        try:
            self._partition.put(
                key,
                encode(LeaseRecord(holder, until)),
                expires_at=until,
                condition="attribute_not_exists(pk) OR #record.#holder = :holder "
                "OR #record.#until BETWEEN :zero AND :now OR #expires_at <= :seconds "
                "OR #record.#until BETWEEN :beyond AND :ever",
                names={
                    "#record": "record",
                    "#holder": "holder",
                    "#until": "until",
                    "#expires_at": "expires_at",
                },
                values={
                    ":holder": holder,
                    ":zero": "0",
                    ":now": text_of(now),
                    ":seconds": int(now.timestamp()),
                    ":beyond": text_of(until + _LEASES_LAST),
                    ":ever": "9",
                },
            )
        except LedgerConflict:
            self._read(LeaseRecord, key)
            aside = self._aside.get(key)
            raise LeaseHeld(
                f"Another run is working on project {self.project!r}"
                if aside is None
                else f"Nobody knows whether another run is working on project {self.project!r}: "
                f"ledger item {key} cannot be read: {aside.reason}",
                next_step="Nothing to do: the next tick tries again."
                if aside is None
                else "Delete the item when no run is working.",
            ) from None

    def release_lease(self, name: str, *, holder: str) -> None:
        """Give the lease back."""
        try:
            self._partition.call(
                "delete_item",
                Key=self._partition.key(f"{ItemKind.LEASE}#{name}"),
                ConditionExpression="#record.#holder = :holder",
                ExpressionAttributeNames={"#record": "record", "#holder": "holder"},
                ExpressionAttributeValues=serialize({":holder": holder}),
            )
        except LedgerConflict:
            return

    # Runs

    def put_run(self, run: Run) -> None:
        """Write a run; a completed one also moves the mark of the last of its kind."""
        self._replace(run)
        if run.state not in (RunState.SUCCEEDED, RunState.PARTIAL):
            return
        key = f"{ItemKind.LAST_RUN}#{run.kind}"
        self._read(Run, key)
        if self._is_aside(key):
            return
        ahead = text_of((run.started_at or run.time) + CLOCK_TOLERANCE)
        try:
            self._partition.put(
                key,
                encode(run),
                condition="attribute_not_exists(pk) OR #record.#time <= :time "
                "OR #record.#time BETWEEN :ahead AND :end",  # a clock that ran ahead wrote it
                names={"#record": "record", "#time": "time"},
                values={":time": text_of(run.time), ":ahead": ahead, ":end": "~"},
            )
        except LedgerConflict:
            return

    def run(self, run_id: str) -> Run | None:
        """The run of that id; None where there is none (any more)."""
        return self._get(Run, f"{ItemKind.RUN}#{run_id}")

    def runs(self, *, kind: RunKind | None = None, limit: int = 50) -> Sequence[Run]:
        """The newest runs first."""
        found: list[Run] = []
        for run in self._all(Run, ItemKind.RUN, newest_first=True, page=max(limit, 20)):
            if kind in (None, run.kind):
                found.append(run)
                if len(found) == limit:
                    break
        return found

    def runs_before(self, bound: str, *, down_to: str = "") -> Iterator[Run]:
        """Runs by falling id, read as they are taken."""
        if bound <= down_to:  # DynamoDB refuses a range whose end comes before its beginning
            return
        first, last = f"{ItemKind.RUN}#{down_to}", f"{ItemKind.RUN}#{bound}"
        for attributes in self._partition.items_between(first, last):
            run = self._decoded(Run, ItemKind.RUN, attributes)
            if run is not None and run.run_id < bound:
                yield run

    def last_completed(self, kind: RunKind) -> Run | None:
        """The completed run of this kind with the latest time.

        Where its mark cannot be read, the newest completed one among the runs.
        """
        key = f"{ItemKind.LAST_RUN}#{kind}"
        last = self._read(Run, key)
        if last is not None or key not in self._aside:
            return last
        runs = self._all(Run, ItemKind.RUN, newest_first=True, page=100)
        completed = (
            run
            for run in islice(runs, _RUNS_SEARCHED)
            if run.kind is kind and run.state in (RunState.SUCCEEDED, RunState.PARTIAL)
        )
        return next(completed, None)

    # Claims

    def claim(self, index_name: str, slot: datetime) -> Claim | None:
        """The claim on one slot of one index."""
        return self._get(Claim, f"{ItemKind.CLAIM}#{index_name}#{text_of(slot)}")

    def claims(
        self, wanted: Collection[tuple[str, datetime]]
    ) -> Mapping[tuple[str, datetime], Claim | None]:
        """The claims on slots of indexes, a hundred in a request; None where there is none.

        Left out is a claim that cannot be read; ``claim`` says why.
        """
        keys = {each: f"{ItemKind.CLAIM}#{each[0]}#{text_of(each[1])}" for each in wanted}
        items = self._partition.get_many(keys.values())
        found: dict[tuple[str, datetime], Claim | None] = {}
        for each, key in keys.items():
            self._aside.pop(key, None)
            claim = self._decoded(Claim, ItemKind.CLAIM, items[key]) if key in items else None
            if claim is not None or key not in items:
                found[each] = claim
        return found

    def save_claim(self, claim: Claim) -> Claim:
        """Write iff the stored version is ``claim.version``.

        Raises:
            LedgerConflict: Another run wrote this claim since it was read.
        """
        return self._save(claim)

    # Backups and indexes

    def backups(self) -> Mapping[str, BackupRecord]:
        """Every backup we know of that is not confirmed deleted, by id."""
        return {record.backup_id: record for record in self._all(BackupRecord, ItemKind.BACKUP)}

    def backup(self, backup_id: str) -> BackupRecord | None:
        """What we know of a backup, confirmed deleted or not."""
        kinds = (ItemKind.BACKUP, ItemKind.DELETED)
        found = (self._get(BackupRecord, f"{kind}#{backup_id}") for kind in kinds)
        return next((record for record in found if record is not None), None)

    def put_backup(
        self,
        record: BackupRecord,
        *,
        over: BackupRecord | None = None,
        event: DomainEvent | None = None,
    ) -> BackupRecord:
        """Write what we know of a backup."""
        return self._write(record, over=over, event=event)

    def deletion(self, backup_id: str) -> DeletionRecord | None:
        """The newest deletion of a backup, confirmed or not."""
        record = self.backup(backup_id)
        return None if record is None else self.deletion_of(record)

    def deletion_of(self, record: BackupRecord) -> DeletionRecord | None:
        """The deletion that a backup's record marks; None without one."""
        if record.deletion is None:
            return None
        key = f"{ItemKind.DELETION}#{text_of(record.deletion.at)}#{record.backup_id}"
        return self._get(DeletionRecord, key)

    def deletions(
        self, *, since: datetime, until: datetime | None = None
    ) -> Sequence[DeletionRecord]:
        """The deletions decided from ``since`` up to before ``until``, the newest first."""
        if until is not None and until <= since:
            return []  # DynamoDB refuses such a range
        first = f"{ItemKind.DELETION}#{text_of(since)}"
        last = f"{ItemKind.DELETION}#" + (text_of(until) if until else "~")
        found = self._partition.items_between(first, last)
        records = (
            self._decoded(DeletionRecord, ItemKind.DELETION, attributes) for attributes in found
        )
        return [record for record in records if record is not None]

    def put_deletion(
        self,
        backup: BackupRecord,
        deletion: DeletionRecord,
        *,
        over: BackupRecord | None = None,
        event: DomainEvent | None = None,
    ) -> BackupRecord:
        """Write a deletion, its mark in the backup's record and its event, at once.

        A confirmed one moves the backup's record to the archive, and removes its fingerprint.

        Raises:
            LedgerConflict: The backup's record is not stored as it was read, or another run's
                deletion of that moment stands there.
            ItemUnreadable: The backup's record cannot be read (rule U2).
        """
        marked = replace(backup, deletion=DeletionMark(deletion.state, deletion.at))
        expires_at = self._expiry(ItemKind.DELETION, deletion)
        key = _key_of(ItemKind.BACKUP, backup)
        if self._is_aside(key):
            raise self._unreadable_error(key)
        record = self._partition.put_request(
            _key_of(ItemKind.DELETION, deletion), encode(deletion), expires_at=expires_at
        ) | {
            "ConditionExpression": "attribute_not_exists(pk) OR #record.#run = :run "
            "OR #record.#state = :failed OR #record.#state = :skipped",
            "ExpressionAttributeNames": {"#record": "record", "#run": "run_id", "#state": "state"},
            "ExpressionAttributeValues": serialize(
                {
                    ":run": deletion.run_id,
                    ":failed": DeletionState.FAILED.value,
                    ":skipped": DeletionState.SKIPPED.value,
                }
            ),
        }
        archived = deletion.confirmed_at is not None
        archive = self._partition.put_request(
            f"{ItemKind.DELETED}#{backup.backup_id}", encode(marked), expires_at=expires_at
        )

        def writes(checksum: str | None) -> list[dict[str, Any]]:
            if not archived:
                put = self._partition.put_request(key, encode(marked), expires_at=None)
                return [{"Put": record}, {"Put": put | _if_stored(checksum)}]
            delete, fingerprint = (
                {"TableName": self._partition.table_name, "Key": self._partition.key(each)}
                for each in (key, f"{ItemKind.FINGERPRINT}#{backup.backup_id}")
            )
            return [
                {"Put": record},
                {"Put": archive},
                {"Delete": delete | _if_stored(checksum)},
                {"Delete": fingerprint},
            ]

        try:
            self._commit(writes(_checksum_of(over)), event)
        except LedgerConflict:
            stored = self._partition.get(key)
            if over is None or stored is None or self._read(BackupRecord, key) != over:
                raise
            self._commit(writes(stored.get("checksum", "")), event)  # it has another checksum
        return marked

    def baseline(self) -> BaselineRecord | None:
        """By what the last accepted prune went; None before the first (rule D3)."""
        return self._read(BaselineRecord, _BASELINE)

    def put_baseline(self, record: BaselineRecord) -> None:
        """Write by what an accepted prune went."""
        if not self._is_aside(_BASELINE):
            self._partition.put(_BASELINE, encode(record))

    def indexes(self) -> Mapping[str, IndexRecord]:
        """Every index name that we have seen."""
        return {record.name: record for record in self._all(IndexRecord, ItemKind.INDEX)}

    def put_index(self, record: IndexRecord, *, over: IndexRecord | None = None) -> IndexRecord:
        """Write what we know of an index."""
        return self._write(record, over=over)

    # Holds, findings, plans, restores, schedules

    def holds(self) -> Sequence[Hold]:
        """All holds, the released ones included, by id."""
        return list(self._all(Hold, ItemKind.HOLD))

    def put_hold(
        self, hold: Hold, *, over: Hold | None = None, event: DomainEvent | None = None
    ) -> Hold:
        """Write a hold."""
        return self._write(hold, over=over, event=event)

    def findings(self) -> Sequence[Finding]:
        """All findings, the recently resolved ones included."""
        return list(self._all(Finding, ItemKind.FINDING))

    def put_finding(
        self, finding: Finding, *, over: Finding | None = None, event: DomainEvent | None = None
    ) -> Finding:
        """Write a finding."""
        return self._write(finding, over=over, event=event)

    def put_plan(
        self, plan: PlanRecord, *, over: PlanRecord | None = None, event: DomainEvent | None = None
    ) -> PlanRecord:
        """Write a plan's record."""
        return self._write(plan, over=over, event=event)

    def plan(self, digest: str) -> PlanRecord | None:
        """The plan of that digest; None where there is none (any more)."""
        return self._get(PlanRecord, f"{ItemKind.PLAN}#{digest}")

    def plans(self, *, limit: int = 50) -> Sequence[PlanRecord]:
        """The newest plans first."""
        plans = sorted(self._all(PlanRecord, ItemKind.PLAN), key=lambda plan: plan.created_at)
        return plans[::-1][:limit]

    def save_restore(self, record: RestoreRecord) -> RestoreRecord:
        """Write iff the stored version is ``record.version``.

        Raises:
            LedgerConflict: Another writer changed this restore since it was read.
        """
        return self._save(record)

    def restore(self, restore_id: str) -> RestoreRecord | None:
        """One restore started through us; None where there is none (any more)."""
        return self._get(RestoreRecord, f"{ItemKind.RESTORE}#{restore_id}")

    def put_policy_change(self, change: PolicyChange) -> None:
        """Write a change of the policy."""
        self._replace(change)

    def drop_policy_change(self, change: PolicyChange) -> None:
        """Delete a change that was not made."""
        key = self._partition.key(_key_of(ItemKind.POLICY, change))
        self._partition.call("delete_item", Key=key)

    def policy_changes(self, *, limit: int = 50) -> Sequence[PolicyChange]:
        """The newest changes of the policy first."""
        found = self._all(PolicyChange, ItemKind.POLICY, newest_first=True, page=limit)
        return list(islice(found, limit))

    def restores(self) -> Sequence[RestoreRecord]:
        """The restores started through us, the oldest first."""
        found = self._all(RestoreRecord, ItemKind.RESTORE)
        return sorted(found, key=lambda each: (each.started_at, each.restore_id))

    def put_schedule(
        self, record: ScheduleRecord, *, over: ScheduleRecord | None = None
    ) -> ScheduleRecord:
        """Write a native schedule that we have seen."""
        return self._write(record, over=over)

    def schedules(self) -> Sequence[ScheduleRecord]:
        """The native schedules that we have seen."""
        return list(self._all(ScheduleRecord, ItemKind.SCHEDULE))

    # Looks at indexes

    def looks(self) -> Mapping[str, LookRecord]:
        """The first looks that wait for a second one, by index name."""
        return {record.index_name: record for record in self._all(LookRecord, ItemKind.LOOK)}

    def put_look(self, record: LookRecord) -> None:
        """Write a first look, in place of an earlier one."""
        self._replace(record)

    def put_fingerprints(self, index_name: str, records: Iterable[FingerprintRecord]) -> None:
        """Write what an index's first look came to, and remove the look."""
        for record in records:
            self._replace(record)
        key = self._partition.key(f"{ItemKind.LOOK}#{index_name}")
        self._partition.call("delete_item", Key=key)

    def fingerprint(self, backup_id: str) -> FingerprintRecord | None:
        """What is sure of a backup's contents; None where nobody looked, or it is unreadable."""
        return self._read(FingerprintRecord, f"{ItemKind.FINGERPRINT}#{backup_id}")

    # The outbox

    def record_event(self, event: DomainEvent) -> None:
        """Remember an event to announce; an id that was recorded before changes nothing."""
        self._commit([], event)

    def unannounced(self) -> Sequence[DomainEvent]:
        """Events not announced yet, oldest first."""
        return [self._event(each) for each in self._all(OutboxRecord, ItemKind.OUTBOX)]

    def mark_announced(self, event_ids: Iterable[str]) -> None:
        """Take events off the outbox."""
        announced = set(event_ids)
        for waiting in self._all(OutboxRecord, ItemKind.OUTBOX):
            if waiting.event_id in announced:
                key = self._partition.key(_key_of(ItemKind.OUTBOX, waiting))
                self._partition.call("delete_item", Key=key)

    # Evidence

    def record_evidence(self, event: DomainEvent) -> None:
        """Let something wait that is not announced; the same again changes nothing."""
        record = EvidenceRecord(event.event_id, event.type, event.occurred_at, event.data)
        seen = self._partition.put_request(
            f"{_event_key(event)}#evidence", {}, expires_at=event.occurred_at + _EVENTS
        )
        kept = self._partition.put_request(
            _key_of(ItemKind.EVIDENCE, record), encode(record), expires_at=None
        )
        with suppress(LedgerConflict):  # it waits already, or waited
            self._partition.transact([{"Put": seen | _if_stored(None)}, {"Put": kept}])

    def waiting_evidence(self, *, limit: int) -> Sequence[DomainEvent]:
        """What is not in the chain yet, oldest first."""
        found = self._all(EvidenceRecord, ItemKind.EVIDENCE, page=limit)
        return [self._event(each) for each in islice(found, limit)]

    def drop_evidence(self, events: Iterable[DomainEvent]) -> None:
        """Let events wait no more."""
        for event in events:
            key = self._partition.key(_key_of(ItemKind.EVIDENCE, event))
            self._partition.call("delete_item", Key=key)

    def evidence_head(self) -> EvidenceHead | None:
        """Where the chain ends; None before its first record."""
        return self._get(EvidenceHead, _HEAD)

    def save_evidence_head(self, head: EvidenceHead) -> EvidenceHead:
        """Write iff the stored version is ``head.version``.

        Raises:
            LedgerConflict: Another run moved the head since it was read.
        """
        return self._save(head)

    # What cannot be read

    def unreadable(self) -> Sequence[UnreadableItem]:
        """The items that this object has found unreadable so far, by key."""
        aside = dict(self._aside)  # several threads of a prune read through one object
        return [aside[key] for key in sorted(aside)]

    def inspect(
        self, kinds: Iterable[ItemKind], *, keys: Iterable[str] = ()
    ) -> Sequence[UnreadableItem]:
        """Read through the items of some kinds, of history the newest 200, and those of some keys.

        Returns:
            Those of them that cannot be read, by key.
        """
        found: set[str] = set()
        for kind in kinds:
            limit = _INSPECTED.get(kind)
            items = self._partition.items(f"{kind}#", newest_first=limit is not None, page=limit)
            for attributes in islice(items, limit):
                if self._decoded(_RECORDS[kind], kind, attributes) is None:
                    found.add(attributes["sk"])
        for key in keys:
            prefix = key.partition("#")[0]
            if prefix in ItemKind:
                self._read(_RECORDS[ItemKind(prefix)], key)
                if key in self._aside:
                    found.add(key)
        return [self._aside[key] for key in sorted(found)]

    # Reading and writing records

    def _get[T: DataclassInstance](self, record: type[T], key: str) -> T | None:
        """One item's record, None without one; raises ``ItemUnreadable``."""
        found = self._read(record, key)
        if key in self._aside:
            raise self._unreadable_error(key)
        return found

    def _unreadable_error(self, key: str) -> ItemUnreadable:
        return ItemUnreadable(
            f"Ledger item {key} of project {self.project!r} cannot be read: "
            f"{self._aside[key].reason}",
            next_step="Correct the item in the table and remove its checksum, or delete it.",
        )

    def _read[T: DataclassInstance](self, record: type[T], key: str) -> T | None:
        """One item's record, None without one or when it is set aside."""
        self._aside.pop(key, None)
        attributes = self._partition.get(key)
        if attributes is None:
            return None
        return self._decoded(record, ItemKind(key.partition("#")[0]), attributes)

    def _all[T: DataclassInstance](
        self,
        record: type[T],
        kind: ItemKind,
        *,
        newest_first: bool = False,
        page: int | None = None,
    ) -> Iterator[T]:
        """The readable records of a kind, in the order of their keys."""
        prefix = f"{kind}#"
        vanished = {key for key in dict(self._aside) if key.startswith(prefix)}
        for attributes in self._partition.items(prefix, newest_first=newest_first, page=page):
            vanished.discard(attributes["sk"])
            found = self._decoded(record, kind, attributes)
            if found is not None:
                yield found
        for key in vanished:
            self._aside.pop(key, None)

    def _decoded[T: DataclassInstance](
        self, record: type[T], kind: ItemKind, attributes: Mapping[str, Any]
    ) -> T | None:
        key = str(attributes["sk"])
        try:
            found = decode(record, attributes)
            fits = kind not in _KEYS or _key_of(kind, found) == key
        except (Unreadable, OverflowError) as error:
            self._set_aside(kind, attributes, str(error))
            return None
        if not fits:
            self._set_aside(kind, attributes, "its fields say that it is another item")
            return None
        self._aside.pop(key, None)
        return found

    def _set_aside(self, kind: ItemKind, attributes: Mapping[str, Any], reason: str) -> None:
        key = str(attributes["sk"])
        if key not in self._aside:
            _LOG.warning("ledger item set aside", extra={"key": key, "reason": reason})
        self._aside[key] = _unreadable(kind, attributes, reason)

    def _replace(self, record: DataclassInstance) -> None:
        """Write a record that only one function writes at a time."""
        kind = _KINDS[type(record)]
        key = _key_of(kind, record)
        if not self._is_aside(key):
            self._partition.put(key, encode(record), expires_at=self._expiry(kind, record))

    def _write[T: DataclassInstance](
        self, record: T, *, over: T | None, event: DomainEvent | None = None
    ) -> T:
        """Write a record over what was read, with its event, or put its changes on top.

        Returns:
            The record as it is stored now.
        """
        kind = _KINDS[type(record)]
        key = _key_of(kind, record)
        if self._is_aside(key):
            return record
        wanted, checksum = record, _checksum_of(over)
        for _ in range(_WRITES):
            expires_at = self._expiry(kind, wanted)
            put = self._partition.put_request(key, encode(wanted), expires_at=expires_at)
            try:
                self._commit([{"Put": put | _if_stored(checksum)}], event)
            except LedgerConflict:
                attributes = self._partition.get(key)
                if attributes is None:  # deleted meanwhile: that stands
                    return record
                stored = self._decoded(type(record), kind, attributes)
                if stored is None:
                    return record
                wanted, checksum = merged(over, record, stored), attributes.get("checksum", "")
                if wanted == stored:  # nothing to add; or it was this write, sent twice
                    return stored
            else:
                return wanted
        raise LedgerConflict(
            f"Ledger item {key} of project {self.project!r} was changed by others all the time",
            next_step="Ask again.",
        )

    def _commit(self, writes: list[dict[str, Any]], event: DomainEvent | None) -> None:
        """Write all of it or nothing; an event that was recorded before is left out."""
        if event is None:
            self._partition.transact(writes)
            return
        try:
            self._partition.transact([*writes, *self._event_writes(event)])
        except LedgerConflict:
            if not self._is_recorded(event):
                raise
            self._partition.transact(writes)

    def _event(self, waiting: OutboxRecord) -> DomainEvent:
        return DomainEvent(
            waiting.event_id, waiting.type, self.project, waiting.occurred_at, waiting.data
        )

    def _event_writes(self, event: DomainEvent) -> list[dict[str, Any]]:
        seen = self._partition.put_request(
            _event_key(event), {}, expires_at=event.occurred_at + _EVENTS
        )
        writes = [{"Put": seen | _if_stored(None)}]
        for kind in (OutboxRecord, EvidenceRecord):
            record = kind(event.event_id, event.type, event.occurred_at, event.data)
            key = _key_of(_KINDS[kind], record)
            writes.append(
                {"Put": self._partition.put_request(key, encode(record), expires_at=None)}
            )
        return writes

    def _is_recorded(self, event: DomainEvent) -> bool:
        return self._partition.get(_event_key(event)) is not None

    def _expiry(self, kind: ItemKind, record: Any) -> datetime | None:
        """When DynamoDB deletes the item; None keeps it."""
        if kind is ItemKind.FINDING:
            return _after(record.resolved_at, self._findings)
        ends = _ENDS.get(kind)
        return None if ends is None else ends(record, self._history)

    def _save[T: (Claim, EvidenceHead, RestoreRecord)](self, record: T) -> T:
        """Write a record that counts its writes, iff nobody wrote it since it was read."""
        kind = _KINDS[type(record)]
        written = replace(record, version=record.version + 1)
        fresh = record.version == 0
        self._partition.put(
            _key_of(kind, record),
            encode(written),
            expires_at=self._expiry(kind, record),
            condition="attribute_not_exists(pk)" if fresh else "#record.#version = :version",
            names=None if fresh else {"#record": "record", "#version": "version"},
            values=None if fresh else {":version": record.version},
        )
        return written

    def _is_aside(self, key: str) -> bool:
        """Whether a write to the key is left out; what is left out is logged."""
        if key in self._aside:
            _LOG.warning("unreadable ledger item not written over", extra={"key": key})
        return key in self._aside


class DynamoProjects:
    """The projects that the ledger knows: one item each in a partition of their own."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._partition = _Partition(client, table_name, "PROJECTS")

    def known(self) -> Sequence[str]:
        """Their names, sorted."""
        items = self._partition.items(_PROJECT)
        return [item["sk"].removeprefix(_PROJECT) for item in items]

    def remember(self, names: Iterable[str]) -> None:
        """Remember names; known ones are not written again."""
        known = set(self.known())
        for name in names:
            if name not in known:
                self._partition.put(f"{_PROJECT}{name}", {})


class _Partition:
    """One partition of the table: records and raw items in, errors of ours out."""

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        pk: str,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.table_name = table_name
        self._client = client
        self._pk = pk
        self._pause = pause

    def raw(self, sk: str) -> dict[str, Any]:
        return {"pk": self._pk, "sk": sk}

    def key(self, sk: str) -> dict[str, Any]:
        return serialize(self.raw(sk))

    def put(
        self,
        sk: str,
        attributes: Mapping[str, Any],
        *,
        expires_at: datetime | None = None,
        condition: str | None = None,
        names: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        conditions: dict[str, Any] = {}
        if condition is not None:
            conditions["ConditionExpression"] = condition
        if names:
            conditions["ExpressionAttributeNames"] = dict(names)
        if values:
            conditions["ExpressionAttributeValues"] = serialize(values)
        request = self.put_request(sk, attributes, expires_at=expires_at)
        self.put_item(request["Item"], conditions)

    def put_item(self, item: dict[str, Any], conditions: Mapping[str, Any]) -> None:
        """Write one item.

        The client repeats a request whose answer was lost, and a repeated write does not find its
        condition any more: the token tells whether it meets itself.
        """
        token = {"S": uuid4().hex} if conditions else None
        if token is not None:
            item = item | {"written_by": token}
        try:
            self.call("put_item", Item=item, **conditions)
        except LedgerConflict:
            key = {name: item[name] for name in ("pk", "sk")}
            found = self.call("get_item", Key=key, ConsistentRead=True).get("Item", {})
            if found.get("written_by") != token:
                raise

    def transact(self, writes: list[dict[str, Any]]) -> None:
        """Write all of it or nothing."""
        if len(writes) == 1 and "Put" in writes[0]:
            put = dict(writes[0]["Put"])
            del put["TableName"]
            self.put_item(put.pop("Item"), put)
        elif writes:
            self.call("transact_write_items", TransactItems=writes, ClientRequestToken=str(uuid4()))

    def put_request(
        self, sk: str, attributes: Mapping[str, Any], *, expires_at: datetime | None
    ) -> dict[str, Any]:
        """A write of one item, as a transaction takes it."""
        item = self.raw(sk) | dict(attributes)
        if expires_at is not None:
            item["expires_at"] = ceil(expires_at.timestamp())
        return {"TableName": self.table_name, "Item": serialize(item)}

    def get(self, sk: str) -> dict[str, Any] | None:
        answer = self.call("get_item", Key=self.key(sk), ConsistentRead=True)
        return deserialize(answer["Item"]) if "Item" in answer else None

    def get_many(self, sort_keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Items by sort key; what is not there is left out."""
        found: dict[str, dict[str, Any]] = {}
        waiting = [self.key(sk) for sk in sort_keys]
        for tries in range(_BATCH_TRIES):
            unread: list[dict[str, Any]] = []
            for batch in batched(waiting, _BATCH, strict=False):
                request = {"Keys": list(batch), "ConsistentRead": True}
                answer = self.call("batch_get_item", RequestItems={self.table_name: request})
                for item in map(deserialize, answer["Responses"].get(self.table_name, ())):
                    found[item["sk"]] = item
                unread += answer.get("UnprocessedKeys", {}).get(self.table_name, {"Keys": []})[
                    "Keys"
                ]
            if not unread:
                return found
            waiting = unread
            self._pause(_BATCH_WAIT * 2**tries)
        raise self._unavailable("it left a part of a batch unread")

    def items(
        self, prefix: str, *, newest_first: bool = False, page: int | None = None
    ) -> Iterator[dict[str, Any]]:
        # DynamoDB refuses an empty text for a key: without a prefix, none is asked for.
        within = {":prefix": prefix} if prefix else {}
        query: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk" + " AND begins_with(sk, :prefix)" * bool(within),
            "ExpressionAttributeValues": serialize({":pk": self._pk} | within),
            "ConsistentRead": True,
            "ScanIndexForward": not newest_first,
        }
        if page is not None:
            query["Limit"] = page
        yield from self._pages(query)

    def items_between(self, first: str, last: str) -> Iterator[dict[str, Any]]:
        """The items from one sort key to another, the last ones first."""
        values = {":pk": self._pk, ":first": first, ":last": last}
        yield from self._pages(
            {
                "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
                "ExpressionAttributeValues": serialize(values),
                "ConsistentRead": True,
                "ScanIndexForward": False,
            }
        )

    def _pages(self, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        while True:
            answer = self.call("query", **query)
            for item in answer["Items"]:
                yield deserialize(item)
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def call(self, operation: str, **arguments: Any) -> Any:
        """One call; one that collides with a transaction is tried again after a short pause."""
        if operation not in ("transact_write_items", "batch_get_item"):
            arguments["TableName"] = self.table_name
        for collisions in range(1, 1 + _COLLISIONS):
            try:
                return getattr(self._client, operation)(**arguments)
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code", "unknown")
                reasons = _cancellations(error)
                if code == _CONDITION_FAILED or "ConditionalCheckFailed" in reasons:
                    raise LedgerConflict("Another writer changed this ledger item first") from None
                collided = code == _CONFLICT or (reasons and reasons <= _COLLIDED)
                if not collided or collisions == _COLLISIONS:
                    raise self._unavailable(" ".join([code, *sorted(reasons)])) from error
            except BotoCoreError as error:
                raise self._unavailable(type(error).__name__) from error
            self._pause(_FIRST_PAUSE * 2 ** (collisions - 1) * random.random())  # noqa: S311
        return None

    def _unavailable(self, reason: str) -> LedgerUnavailable:
        return LedgerUnavailable(
            f"The ledger (table {self.table_name!r}) did not do what was asked: {reason}",
            next_step="Check the table, the function's role and DynamoDB's service health.",
        )


def _cancellations(error: ClientError) -> frozenset[str]:
    """Why DynamoDB cancelled a transaction; empty for every other error."""
    reasons: Any = error.response.get("CancellationReasons", [])
    return frozenset(reason.get("Code", "None") for reason in reasons)


def _checksum_of(record: DataclassInstance | None) -> str | None:
    return None if record is None else encode(record)["checksum"]


def _if_stored(checksum: str | None) -> dict[str, Any]:
    """The condition that an item has this checksum; None: there is no item; empty: it has none."""
    if checksum is None:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    if not checksum:
        return {
            "ConditionExpression": "attribute_not_exists(#checksum)",
            "ExpressionAttributeNames": {"#checksum": "checksum"},
        }
    return {
        "ConditionExpression": "#checksum = :checksum",
        "ExpressionAttributeNames": {"#checksum": "checksum"},
        "ExpressionAttributeValues": serialize({":checksum": checksum}),
    }


def _event_key(event: DomainEvent) -> str:
    return f"EVENT#{event.event_id}"


def _after(time: datetime | None, span: timedelta) -> datetime | None:
    return None if time is None else time + span


def _key_of(kind: ItemKind, record: Any) -> str:
    """The sort key of a record."""
    return f"{kind}#{_KEYS[kind](record)}"


_KEYS: dict[ItemKind, Callable[[Any], str]] = {
    ItemKind.RUN: lambda record: record.run_id,
    ItemKind.CLAIM: lambda record: f"{record.index_name}#{text_of(record.slot)}",
    ItemKind.BACKUP: lambda record: record.backup_id,
    ItemKind.DELETION: lambda record: f"{text_of(record.at)}#{record.backup_id}",
    ItemKind.INDEX: lambda record: record.name,
    ItemKind.HOLD: lambda record: record.hold_id,
    ItemKind.FINDING: lambda record: record.finding_id,
    ItemKind.PLAN: lambda record: record.digest,
    ItemKind.POLICY: lambda record: f"{text_of(record.at)}#{record.change_id}",
    ItemKind.RESTORE: lambda record: record.restore_id,
    ItemKind.SCHEDULE: lambda record: record.schedule_id,
    ItemKind.OUTBOX: lambda record: f"{text_of(record.occurred_at)}#{record.event_id}",
    ItemKind.EVIDENCE: lambda record: f"{text_of(record.occurred_at)}#{record.event_id}",
    ItemKind.EVIDENCE_HEAD: lambda _: "evidence",
    ItemKind.LOOK: lambda record: record.index_name,
    ItemKind.FINGERPRINT: lambda record: record.backup_id,
}
_DAYS = timedelta(days=1)
_ENDS: dict[ItemKind, Callable[[Any, timedelta], datetime | None]] = {
    ItemKind.RUN: lambda run, history: (
        (run.started_at or run.time) + (min(history, IDLE_HISTORY) if run.idle else history)
    ),
    ItemKind.CLAIM: lambda claim, _: claim.claimed_at + 14 * _DAYS,
    ItemKind.DELETION: lambda deletion, history: deletion.at + history,
    ItemKind.INDEX: lambda index, history: _after(index.missing_since, history),
    ItemKind.HOLD: lambda hold, history: _after(hold.released_at or hold.expires_at, history),
    ItemKind.PLAN: lambda plan, history: plan.created_at + history,
    ItemKind.RESTORE: lambda restore, history: restore.started_at + history,
    ItemKind.SCHEDULE: lambda schedule, history: schedule.last_seen_at + history,
    ItemKind.LOOK: lambda look, _: look.at + _DAYS,
}
"""When DynamoDB deletes an item, by the record and the length of the history; None keeps it."""
_KINDS = {_RECORDS[kind]: kind for kind in _KEYS}
"""The kind of item that a record is written as; leases and marks have keys of their own."""


def _unreadable(kind: ItemKind, attributes: Mapping[str, Any], reason: str) -> UnreadableItem:
    """What can still be said of an item that cannot be read: by its key, else by its fields."""
    key = str(attributes["sk"])
    name = key.partition("#")[2]
    backup_id = index_name = ""
    if kind in (ItemKind.BACKUP, ItemKind.FINGERPRINT):
        backup_id = name
    elif kind is ItemKind.DELETION:
        backup_id = name.partition("#")[2]
    elif kind in (ItemKind.INDEX, ItemKind.LOOK):
        index_name = name
    elif kind is ItemKind.CLAIM:
        index_name = name.rpartition("#")[0]
    elif kind is ItemKind.RESTORE:
        backup_id = _salvaged(attributes, "backup_id")
    elif kind is ItemKind.HOLD:
        target, scope = _salvaged(attributes, "target"), _salvaged(attributes, "scope")
        backup_id = "" if scope == HoldScope.INDEX else target
        index_name = "" if scope == HoldScope.BACKUP else target
    return UnreadableItem(key, kind, reason, backup_id, index_name)


def _salvaged(attributes: Mapping[str, Any], name: str) -> str:
    """A field of a damaged record, where it is a text."""
    record = attributes.get("record")
    value = record.get(name) if isinstance(record, dict) else None
    return value if isinstance(value, str) else ""
