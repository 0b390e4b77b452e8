"""The ledger in DynamoDB: one table, one partition per project.

======================  =====================================  ==========================
sort key                item                                   lives
======================  =====================================  ==========================
``LEASE#<name>``        who works on the project now           until overwritten
``RUN#<run id>``        a run; ids begin with their start      400 days
``LAST#<kind>``         the last completed run of a kind       for ever
``CLAIM#<index>#<slot>``a guard on one backup to create        14 days past its slot
``BACKUP#<id>``         what we know of a backup               until confirmed gone
``GONE#<id>``           the same, once confirmed gone          400 days
``INDEX#<name>``        an index as we have seen it            for ever
``HOLD#<id>``           a hold, released ones too              for ever
``FINDING#<id>``        a finding                              90 days past resolving
``PLAN#<digest>``       a prune plan, small                    90 days
``RESTORE#<job id>``    a restore started through us           400 days
``SCHEDULE#<id>``       a native schedule that we have seen    for ever
``OUTBOX#<time>#<id>``  an event not announced yet             until announced
``EVENT#<id>``          an event that was recorded             30 days
======================  =====================================  ==========================

An item is its keys, ``expires_at`` where it expires, and the record as one map ``record``.
Reads are strongly consistent and complete, or raise. Times are ISO 8601 in UTC, so that sort
keys order by time. Expiry is DynamoDB's TTL on ``expires_at``.
"""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import TypeAdapter

from pinecone_backup.errors import LeaseHeld, LedgerConflict, LedgerUnavailable
from pinecone_backup.model import DomainEvent, RunKind
from pinecone_backup.records import (
    BackupRecord,
    Claim,
    Finding,
    Hold,
    IndexRecord,
    PlanRecord,
    RestoreRecord,
    Run,
    RunState,
    ScheduleRecord,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from _typeshed import DataclassInstance
    from mypy_boto3_dynamodb import DynamoDBClient

_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}
_PROJECT = "PROJECT#"
_CONDITION_FAILED = "ConditionalCheckFailedException"


class DynamoLedger:
    """The ``Ledger`` of one project in a DynamoDB table.

    Raises:
        LedgerUnavailable: From every method, when DynamoDB does not answer or refuses.
    """

    def __init__(self, client: DynamoDBClient, table_name: str, project: str) -> None:
        self.project = project
        self._partition = _Partition(client, table_name, f"{_PROJECT}{project}")

    # Leases

    def acquire_lease(self, name: str, *, holder: str, now: datetime, ttl: timedelta) -> None:
        """Take or renew the lease ``name``."""
        try:
            self._partition.put(
                f"LEASE#{name}",
                {"holder": holder, "until": _text(now + ttl)},
                condition="attribute_not_exists(pk) OR #holder = :holder OR #until <= :clock",
                names={"#holder": "holder", "#until": "until"},
                values={":holder": holder, ":clock": _text(now)},
            )
        except LedgerConflict:
            raise LeaseHeld(
                f"Another run is working on project {self.project!r}",
                next_step="Nothing to do: the next tick tries again.",
            ) from None

    def release_lease(self, name: str, *, holder: str) -> None:
        """Give the lease back."""
        try:
            self._partition.call(
                "delete_item",
                Key=self._partition.key(f"LEASE#{name}"),
                ConditionExpression="#holder = :holder",
                ExpressionAttributeNames={"#holder": "holder"},
                ExpressionAttributeValues=_item({":holder": holder}),
            )
        except LedgerConflict:
            return

    # Runs

    def put_run(self, run: Run) -> None:
        """Write a run; a completed one also moves the pointer to the last of its kind."""
        self._partition.put(
            f"RUN#{run.run_id}", _plain(run), expires_at=run.started_at + timedelta(days=400)
        )
        if run.state not in (RunState.SUCCEEDED, RunState.PARTIAL):
            return
        try:
            self._partition.put(
                f"LAST#{run.kind}",
                _plain(run),
                condition="attribute_not_exists(pk) OR #record.#time <= :time",
                names={"#record": "record", "#time": "time"},
                values={":time": _text(run.time)},
            )
        except LedgerConflict:
            return

    def run(self, run_id: str) -> Run | None:
        """The run of that id."""
        return self._partition.get(Run, f"RUN#{run_id}")

    def runs(self, *, kind: RunKind | None = None, limit: int = 50) -> Sequence[Run]:
        """The newest runs first."""
        found: list[Run] = []
        for run in self._partition.all(Run, "RUN#", newest_first=True, page=max(limit, 20)):
            if kind in (None, run.kind):
                found.append(run)
                if len(found) == limit:
                    break
        return found

    def last_completed(self, kind: RunKind) -> Run | None:
        """The completed run of this kind with the latest time."""
        return self._partition.get(Run, f"LAST#{kind}")

    # Claims

    def claim(self, index_name: str, slot: datetime) -> Claim | None:
        """The claim on one slot of one index."""
        return self._partition.get(Claim, f"CLAIM#{index_name}#{_text(slot)}")

    def save_claim(self, claim: Claim) -> Claim:
        """Write iff the stored version is ``claim.version``.

        Raises:
            LedgerConflict: Another run wrote this claim since it was read.
        """
        written = replace(claim, version=claim.version + 1)
        fresh = claim.version == 0
        self._partition.put(
            f"CLAIM#{claim.index_name}#{_text(claim.slot)}",
            _plain(written),
            expires_at=claim.claimed_at + timedelta(days=14),
            condition="attribute_not_exists(pk)" if fresh else "#record.#version = :version",
            names=None if fresh else {"#record": "record", "#version": "version"},
            values=None if fresh else {":version": claim.version},
        )
        return written

    # Backups and indexes

    def backups(self) -> Mapping[str, BackupRecord]:
        """Every backup we know of that is not confirmed gone, by id."""
        return {record.backup_id: record for record in self._partition.all(BackupRecord, "BACKUP#")}

    def put_backup(self, record: BackupRecord) -> None:
        """Write what we know; a record that is confirmed gone moves to the archive."""
        deletion = record.deletion
        if deletion is None or deletion.confirmed_at is None:
            self._partition.put(f"BACKUP#{record.backup_id}", _plain(record))
            return
        self._partition.put(
            f"GONE#{record.backup_id}",
            _plain(record),
            expires_at=deletion.confirmed_at + timedelta(days=400),
        )
        self._partition.call("delete_item", Key=self._partition.key(f"BACKUP#{record.backup_id}"))

    def indexes(self) -> Mapping[str, IndexRecord]:
        """Every index name that we have seen."""
        return {record.name: record for record in self._partition.all(IndexRecord, "INDEX#")}

    def put_index(self, record: IndexRecord) -> None:
        """Write what we know of an index."""
        self._partition.put(f"INDEX#{record.name}", _plain(record))

    # Holds, findings, plans, restores, schedules

    def holds(self) -> Sequence[Hold]:
        """All holds, the released ones included, by id."""
        return list(self._partition.all(Hold, "HOLD#"))

    def put_hold(self, hold: Hold) -> None:
        """Write a hold."""
        self._partition.put(f"HOLD#{hold.hold_id}", _plain(hold))

    def findings(self) -> Sequence[Finding]:
        """All findings, the recently resolved ones included."""
        return list(self._partition.all(Finding, "FINDING#"))

    def put_finding(self, finding: Finding) -> None:
        """Write a finding."""
        deleted = finding.resolved_at and finding.resolved_at + timedelta(days=90)
        self._partition.put(f"FINDING#{finding.finding_id}", _plain(finding), expires_at=deleted)

    def put_plan(self, plan: PlanRecord) -> None:
        """Write a plan's record."""
        deleted = plan.created_at + timedelta(days=90)
        self._partition.put(f"PLAN#{plan.digest}", _plain(plan), expires_at=deleted)

    def plan(self, digest: str) -> PlanRecord | None:
        """The plan of that digest."""
        return self._partition.get(PlanRecord, f"PLAN#{digest}")

    def plans(self, *, limit: int = 50) -> Sequence[PlanRecord]:
        """The newest plans first."""
        plans = sorted(self._partition.all(PlanRecord, "PLAN#"), key=lambda plan: plan.created_at)
        return plans[::-1][:limit]

    def put_restore(self, record: RestoreRecord) -> None:
        """Write a restore."""
        deleted = record.started_at + timedelta(days=400)
        self._partition.put(f"RESTORE#{record.job_id}", _plain(record), expires_at=deleted)

    def restores(self) -> Sequence[RestoreRecord]:
        """The restores started through us."""
        return list(self._partition.all(RestoreRecord, "RESTORE#"))

    def put_schedule(self, record: ScheduleRecord) -> None:
        """Write a native schedule that we have seen."""
        self._partition.put(f"SCHEDULE#{record.schedule_id}", _plain(record))

    def schedules(self) -> Sequence[ScheduleRecord]:
        """The native schedules that we have seen."""
        return list(self._partition.all(ScheduleRecord, "SCHEDULE#"))

    # The outbox

    def record_event(self, event: DomainEvent) -> None:
        """Remember an event to announce; an id that was recorded before changes nothing."""
        outbox = {
            "type": event.type,
            "event_id": event.event_id,
            "occurred_at": _text(event.occurred_at),
            "data": json.dumps(dict(event.data)),
        }
        seen = {"expires_at": int((event.occurred_at + timedelta(days=30)).timestamp())}
        try:
            self._partition.call(
                "transact_write_items",
                TransactItems=[
                    {
                        "Put": {
                            "TableName": self._partition.table_name,
                            "Item": _item(self._partition.raw(f"EVENT#{event.event_id}") | seen),
                            "ConditionExpression": "attribute_not_exists(pk)",
                        }
                    },
                    {
                        "Put": {
                            "TableName": self._partition.table_name,
                            "Item": _item(self._partition.raw(_outbox_key(event)) | outbox),
                        }
                    },
                ],
            )
        except LedgerConflict:
            return

    def unannounced(self) -> Sequence[DomainEvent]:
        """Events not announced yet, oldest first."""
        return [
            DomainEvent(
                event_id=item["event_id"],
                type=item["type"],
                project=self.project,
                occurred_at=datetime.fromisoformat(item["occurred_at"]),
                data=json.loads(item["data"]),
            )
            for item in self._partition.items("OUTBOX#")
        ]

    def mark_announced(self, event_ids: Iterable[str]) -> None:
        """Take events off the outbox."""
        announced = set(event_ids)
        for event in self.unannounced():
            if event.event_id in announced:
                self._partition.call("delete_item", Key=self._partition.key(_outbox_key(event)))


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

    def __init__(self, client: DynamoDBClient, table_name: str, pk: str) -> None:
        self.table_name = table_name
        self._client = client
        self._pk = pk

    def raw(self, sk: str) -> dict[str, Any]:
        return {"pk": self._pk, "sk": sk}

    def key(self, sk: str) -> dict[str, Any]:
        return _item(self.raw(sk))

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
        item = self.raw(sk) | dict(attributes)
        if expires_at is not None:
            item["expires_at"] = int(expires_at.timestamp())
        conditions: dict[str, Any] = {}
        if condition is not None:
            conditions["ConditionExpression"] = condition
        if names:
            conditions["ExpressionAttributeNames"] = dict(names)
        if values:
            conditions["ExpressionAttributeValues"] = _item(values)
        self.call("put_item", Item=_item(item), **conditions)

    def get[T](self, kind: type[T], sk: str) -> T | None:
        answer = self.call("get_item", Key=self.key(sk), ConsistentRead=True)
        return _record(kind, _values(answer["Item"])) if "Item" in answer else None

    def all[T](
        self, kind: type[T], prefix: str, *, newest_first: bool = False, page: int | None = None
    ) -> Iterator[T]:
        for values in self.items(prefix, newest_first=newest_first, page=page):
            yield _record(kind, values)

    def items(
        self, prefix: str, *, newest_first: bool = False, page: int | None = None
    ) -> Iterator[dict[str, Any]]:
        # DynamoDB refuses an empty text for a key: without a prefix, none is asked for.
        within = {":prefix": prefix} if prefix else {}
        query: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk" + " AND begins_with(sk, :prefix)" * bool(within),
            "ExpressionAttributeValues": _item({":pk": self._pk} | within),
            "ConsistentRead": True,
            "ScanIndexForward": not newest_first,
        }
        if page is not None:
            query["Limit"] = page
        while True:
            answer = self.call("query", **query)
            for item in answer["Items"]:
                yield _values(item)
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def call(self, operation: str, **arguments: Any) -> Any:
        if operation != "transact_write_items":
            arguments["TableName"] = self.table_name
        try:
            return getattr(self._client, operation)(**arguments)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            if code == _CONDITION_FAILED or _cancelled_by_condition(error):
                raise LedgerConflict("Another writer changed this ledger item first") from None
            raise self._unavailable(code) from error
        except BotoCoreError as error:
            raise self._unavailable(type(error).__name__) from error

    def _unavailable(self, reason: str) -> LedgerUnavailable:
        return LedgerUnavailable(
            f"The ledger (table {self.table_name!r}) did not do what was asked: {reason}",
            next_step="Check the table, the function's role and DynamoDB's service health.",
        )


def _cancelled_by_condition(error: ClientError) -> bool:
    reasons: Any = error.response.get("CancellationReasons", [])
    return any(reason.get("Code") == "ConditionalCheckFailed" for reason in reasons)


def _outbox_key(event: DomainEvent) -> str:
    return f"OUTBOX#{_text(event.occurred_at)}#{event.event_id}"


def _text(time: datetime) -> str:
    """A time as sort keys and conditions compare it: fixed width, UTC."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def _plain(record: DataclassInstance) -> dict[str, Any]:
    """A record as one map attribute; None and empty texts are left out."""
    plain = _adapter(type(record)).dump_python(record, mode="json")
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, datetime):
            plain[field.name] = _text(value)
    kept = {name: value for name, value in plain.items() if value not in (None, "", [])}
    exact: dict[str, Any] = json.loads(json.dumps(kept), parse_float=Decimal)
    return {"record": exact}


def _record[T](kind: type[T], values: dict[str, Any]) -> T:
    record: T = _adapter(kind).validate_python(values["record"])
    return record


def _item(values: Mapping[str, Any]) -> dict[str, Any]:
    serialize = TypeSerializer().serialize
    return {name: serialize(value) for name, value in values.items()}


def _values(item: Mapping[str, Any]) -> dict[str, Any]:
    deserialize = TypeDeserializer().deserialize
    return {name: _number(deserialize(value)) for name, value in item.items()}


def _number(value: Any) -> Any:
    """DynamoDB's decimals as the int or float that went in."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list):
        return [_number(part) for part in value]
    if isinstance(value, dict):
        return {name: _number(part) for name, part in value.items()}
    return value
