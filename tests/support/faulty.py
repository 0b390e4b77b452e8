"""A whole deployment in memory, of which any call that leaves the process can go wrong.

The ledger is the real one over a table in memory, and runs go through ``run_projects``. Pinecone,
the bucket and the bus are in memory. One ``Line`` leads to all of them and breaks where it should.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import httpx
from botocore.exceptions import ClientError, ReadTimeoutError

from pinecone_backup.adapters.ledger import DynamoLedger, DynamoProjects
from pinecone_backup.adapters.pinecone import payloads
from pinecone_backup.adapters.pinecone.transport import Call, Caller
from pinecone_backup.errors import (
    AnswerMalformed,
    BackupError,
    ListingIncomplete,
    NotFound,
    OutcomeUnknown,
    QuotaReached,
    RateLimited,
    StoreUnavailable,
    Unavailable,
)
from pinecone_backup.model import (
    Backup,
    Index,
    IndexKind,
    PruneMode,
    RunContext,
    RunKind,
    RunTime,
    Status,
    TriggerKind,
)
from pinecone_backup.ports import Page
from pinecone_backup.rules.inventory import CLOCK_SKEW
from pinecone_backup.rules.marker import Marker
from pinecone_backup.triggers import RunRequest
from pinecone_backup.usecases.audit import audit_project
from pinecone_backup.usecases.create import create_backups
from pinecone_backup.usecases.deletion import PruneServices
from pinecone_backup.usecases.prune import prune
from pinecone_backup.usecases.runs import Job, RunServices, run_projects
from tests.support.container import (
    MemoryBus,
    MemoryEvidence,
    MemoryMetrics,
    MemoryObjects,
    MemoryPolicies,
)
from tests.support.fuse import Killed
from tests.support.pinecone_transport import BASE_URL, Key, Time
from tests.support.table import MemoryTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from random import Random

    from mypy_boto3_dynamodb import DynamoDBClient

    from pinecone_backup.ports import (
        ControlPlane,
        EventBus,
        EvidenceStore,
        ObjectStore,
        PolicyStore,
    )
    from pinecone_backup.rules.policy import PolicyDocument
    from pinecone_backup.usecases.runs import Result

OWNER = "stack-a"
START = datetime(2026, 3, 1, tzinfo=UTC)
EVERY = timedelta(hours=6)
"""Between two slots of the policies that tests of faults use."""
TAKES = timedelta(minutes=10)
"""How long a backup is under way."""
BREAKS = (BackupError, Killed)
"""How a run may end that was disturbed."""


class MemoryPinecone:
    """One project: its indexes and backups. Deletions take effect at once."""

    def __init__(self, clock: Callable[[], datetime], *, quota: int = 500) -> None:
        self.clock = clock
        self.quota = quota
        self.indexes: dict[str, str] = {}
        self.rows: dict[str, Backup] = {}
        self.ever: dict[str, Backup] = {}
        self.concurrency = 1

    def add_index(self, name: str) -> None:
        self.indexes[name] = f"id-{name}"

    def list_indexes(self) -> list[Index]:
        return [Index(name, IndexKind.SERVERLESS, "Ready", ready=True) for name in self.indexes]

    def project_backups(self) -> list[Backup]:
        return [self.describe_backup(backup_id) for backup_id in sorted(self.rows)]

    def index_backups(self, name: str, *, include_deleted: bool = False) -> list[Backup]:
        del include_deleted  # no index is ever deleted
        if name not in self.indexes:
            raise NotFound(f"There is no index {name}")
        return [row for row in self.project_backups() if row.index_name == name]

    def index_backups_page(
        self, name: str, *, limit: int, token: str | None, include_deleted: bool = False
    ) -> Page[Backup]:
        del token
        return Page(self.index_backups(name, include_deleted=include_deleted)[:limit], None)

    def describe_backup(self, backup_id: str) -> Backup:
        if backup_id not in self.rows:
            raise NotFound(f"There is no backup {backup_id}")
        row = self.rows[backup_id]
        if row.created_at is not None and self.clock() - row.created_at < TAKES:
            return row
        return replace(row, status=Status.READY, status_text="Ready", record_count=1_000)

    def create_backup(self, index_name: str, *, name: str, description: str) -> Backup:
        if index_name not in self.indexes:
            raise NotFound(f"There is no index {index_name}")
        if len(self.rows) >= self.quota:
            raise QuotaReached("The quota is used up")
        row = Backup(
            backup_id=f"backup-{len(self.ever):06}",
            index_name=index_name,
            index_id=self.indexes[index_name],
            status=Status.UNDER_WAY,
            status_text="Initializing",
            created_at=self.clock(),
            name=name,
            description=description,
        )
        self.rows[row.backup_id] = self.ever[row.backup_id] = row
        return row

    def delete_backup(self, backup_id: str) -> None:
        self.describe_backup(backup_id)
        del self.rows[backup_id]

    def restore_jobs(self) -> list[Any]:
        return []

    def native_schedules(self, _name: str) -> list[Any]:
        return []

    def index_record_count(self, _index: Index) -> int | None:
        return None


type Effect = Callable[[], Any]


@dataclass(frozen=True)
class Chances:
    """How often calls go wrong by themselves.

    Attributes:
        failing: The share of requests that fail on the wire, where the clients try again.
        wrong: The share of Pinecone's answers that are not true.
        killing: The share of calls at which the process is killed.
    """

    random: Random
    failing: float
    wrong: float
    killing: float

    def killed(self) -> str:
        return self._one_of(self.killing, _KILLED)

    def failure(self, system: str, name: str) -> str:
        return self._one_of(self.failing, _failures(system, name))

    def untruth(self, system: str, name: str) -> str:
        return self._one_of(self.wrong, _untruths(system, name))

    def _one_of(self, share: float, kinds: Sequence[str]) -> str:
        return self.random.choice(kinds) if kinds and self.random.random() < share else ""


@dataclass
class Line:
    """Every call that leaves the process; the one with the number ``at`` goes wrong.

    Attributes:
        fault: How, as a key of the faults of the system that is called.
        chances: How often calls go wrong by themselves, instead of the one at ``at``.
        dead: Whether the process was killed: nothing is called any more.
        meanwhile: What somebody else does right before the call with the number ``at``.
    """

    at: int | None = None
    fault: str = ""
    chances: Chances | None = None
    calls: list[str] = field(default_factory=list)
    dead: bool = False
    meanwhile: Callable[[], object] | None = None

    def call(self, system: str, name: str, effect: Effect) -> Any:
        if self.dead:
            raise Killed
        number = len(self.calls)
        self.calls.append(f"{system}.{name}")
        fault = self.fault if number == self.at else ""
        if number == self.at and self.meanwhile is not None:
            self.meanwhile()
        if self.chances is not None:
            fault = self.chances.killed()
        if not fault and self.chances is not None:
            return _tried(self.chances, system, name, effect)
        if not fault:
            return effect()
        if fault.startswith("killed"):
            self.dead = True
            if fault == "killed after":
                effect()
            raise Killed
        return _FAULTS[system](fault, name, effect)


_ONE_AT_A_TIME = threading.RLock()


class Through:
    """An outside system, called through a line; what it does at a time is one thing."""

    def __init__(self, system: str, inner: Any, line: Callable[[], Line]) -> None:
        self._system, self._inner, self._line = system, inner, line

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if not callable(attribute):
            return attribute

        def call(*arguments: Any, **named: Any) -> Any:
            def effect() -> Any:
                with _ONE_AT_A_TIME:
                    return attribute(*arguments, **named)

            return self._line().call(self._system, name, effect)

        return call


_WRITES = frozenset({"create_backup", "delete_backup"})
_LISTS = frozenset({"list_indexes", "project_backups", "index_backups"})


_KILLED = ("killed before", "killed after")


def faults_of(call: str) -> tuple[str, ...]:
    """How a call can go wrong, for whoever made it."""
    system, _, name = call.partition(".")
    special: tuple[str, ...] = ()
    if system == "pinecone" and name in _LISTS:
        special = ("half a page",)
    if system == "dynamodb" and name in ("put_item", "transact_write_items", "delete_item"):
        special = ("collides", "repeated")
    return (*_failures(system, name), *special, *_untruths(system, name), *_KILLED)


def _failures(system: str, name: str) -> tuple[str, ...]:
    """How a request can fail on the wire."""
    if system == "pinecone" and name in _WRITES:
        return ("unavailable", "throttled", "lost before", "lost after")
    if system == "pinecone":
        return ("unavailable", "throttled", "malformed")
    if system == "dynamodb":
        return ("refused", "lost after", "throttled")
    return ("refused", "lost after")


def _untruths(system: str, name: str) -> tuple[str, ...]:
    """How an answer of 200 or 404 can be wrong."""
    if system == "pinecone" and name == "delete_backup":
        return ("lying 404",)
    return ("short", "empty") if system == "pinecone" and name in _LISTS else ()


def _tried(chances: Chances, system: str, name: str, effect: Effect) -> Any:
    """A call as the client of a system makes it: with its own repetitions."""
    fault = chances.untruth(system, name)
    if fault:
        return _FAULTS[system](fault, name, effect)
    if system == "pinecone":
        return _PineconeClient(chances, name, effect).ask()
    for tries_left in reversed(range(SDK_TRIES)):
        fault = chances.failure(system, name)
        if not fault:
            break
        try:
            answer = _FAULTS[system](fault, name, effect)
        except (ClientError, ReadTimeoutError, StoreUnavailable):
            if not tries_left:
                raise
        else:  # the bus, which answers what it took
            if not tries_left:
                return answer
    return effect()


@dataclass
class _PineconeClient:
    """One call through the product's own code for calls, over a wire that fails."""

    chances: Chances
    name: str
    effect: Effect
    answers: list[Any] = field(default_factory=list)

    def ask(self) -> Any:
        time = Time()
        caller = Caller(
            Key(),
            httpx.Client(transport=httpx.MockTransport(self._answer)),
            clock=time.clock,
            sleep=time.sleep,
        )
        changes, repeatable = self.name in _WRITES, self.name != "create_backup"
        call = Call(
            self.name, "", "GET", BASE_URL, "2026-07", changes=changes, repeatable=repeatable
        )
        return caller.ask(call, self._understood)

    def _answer(self, _: httpx.Request) -> httpx.Response:
        match self.chances.failure("pinecone", self.name):
            case "unavailable":
                return httpx.Response(503)
            case "throttled":
                return httpx.Response(429)
            case "lost before":
                raise httpx.ReadError("The connection was lost")
            case "malformed":
                return httpx.Response(200, text="<html>")
            case "lost after":
                self.effect()
                raise httpx.ReadTimeout("The connection was lost")
        self.answers.append(self.effect())
        return httpx.Response(200)

    def _understood(self, body: bytes) -> Any:
        if body:
            raise payloads.Malformed
        return self.answers[-1]


def _pinecone(fault: str, name: str, effect: Effect) -> Any:
    match fault:
        case "unavailable":
            raise Unavailable("Pinecone answers 503")
        case "throttled":
            raise RateLimited("Pinecone answers 429")
        case "malformed":
            effect()
            raise AnswerMalformed("Pinecone's answer is no JSON")
        case "lost before":
            raise OutcomeUnknown("The connection was lost")
        case "lost after":
            effect()
            raise OutcomeUnknown("The connection was lost")
        case "lying 404":
            raise NotFound("There is no such backup")
        case "half a page":
            raise ListingIncomplete(f"Page 1 of {name} broke off")
        case "short":
            rows = effect()
            return rows[: len(rows) // 2]
        case "empty":
            return []
    raise AssertionError(fault)


def _dynamodb(fault: str, name: str, effect: Effect) -> Any:
    match fault:
        case "refused":
            raise ClientError({"Error": {"Code": "InternalServerError"}}, name)
        case "throttled":
            raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, name)
        case "lost after":
            with suppress(ClientError):
                effect()
            raise ReadTimeoutError(endpoint_url="https://dynamodb")
        case "collides" if name == "transact_write_items":
            with_reasons: Any = {
                "Error": {"Code": "TransactionCanceledException"},
                "CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}],
            }
            raise ClientError(with_reasons, name)
        case "collides":
            raise ClientError({"Error": {"Code": "TransactionConflictException"}}, name)
        case "repeated":
            effect()
            return effect()
    raise AssertionError(fault)


def _store(fault: str, name: str, effect: Effect) -> Any:
    if name == "sign":  # the record goes unsigned then
        return ""
    if fault == "lost after":
        effect()
    raise StoreUnavailable(f"S3 does not answer {name}")


def _bus(fault: str, name: str, effect: Effect) -> Any:
    assert name == "publish"
    if fault == "lost after":
        effect()
    return []


SDK_TRIES = 4
"""Of boto3's clients, as ``adapters.aws`` builds them."""
_FAULTS: Mapping[str, Callable[[str, str, Effect], Any]] = {
    "pinecone": _pinecone,
    "dynamodb": _dynamodb,
    "s3": _store,
    "bus": _bus,
}


class Deployment:
    """One deployment of ours with one project, and its three kinds of runs.

    Attributes:
        now: The time, by which Pinecone goes.
        ahead: How much later it is by our own clock.
    """

    def __init__(
        self,
        document: PolicyDocument,
        *,
        mode: PruneMode = PruneMode.ENFORCE,
        quota: int = 500,
        now: datetime = START,
    ) -> None:
        self.documents = {"v1": document}
        self.mode = mode
        self.now = now
        self.ahead = timedelta(0)
        self.tables: dict[str, MemoryTable] = {}
        self.pinecone = MemoryPinecone(lambda: self.now, quota=quota)
        self.objects = MemoryObjects()
        self.evidence = MemoryEvidence()
        self.bus = MemoryBus()
        self.metrics = MemoryMetrics()
        self._lines = threading.local()

    def copy(self) -> Deployment:
        """The same deployment, to go on differently."""
        other = Deployment(
            self.documents["v1"], mode=self.mode, quota=self.pinecone.quota, now=self.now
        )
        other.documents = dict(self.documents)
        other.tables = {name: table.copy() for name, table in self.tables.items()}
        other.pinecone.indexes = dict(self.pinecone.indexes)
        other.pinecone.rows = dict(self.pinecone.rows)
        other.pinecone.ever = dict(self.pinecone.ever)
        other.objects.objects = dict(self.objects.objects)
        other.evidence.objects = dict(self.evidence.objects)
        other.bus.published = list(self.bus.published)
        return other

    @property
    def line(self) -> Line:
        """What the calls of this thread go through."""
        if not hasattr(self._lines, "line"):
            self._lines.line = Line()
        found: Line = self._lines.line
        return found

    @property
    def control_plane(self) -> ControlPlane:
        return cast("ControlPlane", Through("pinecone", self.pinecone, lambda: self.line))

    @property
    def store(self) -> ObjectStore:
        return cast("ObjectStore", Through("s3", self.objects, lambda: self.line))

    def ledger(self, project: str = "main") -> DynamoLedger:
        return DynamoLedger(self._table(project), "ledger", project, pause=lambda _: None)

    def _table(self, name: str) -> DynamoDBClient:
        table = self.tables.setdefault(name, MemoryTable())
        return cast("DynamoDBClient", Through("dynamodb", table, lambda: self.line))

    def context(self, kind: RunKind, *, actor: str = "schedule") -> RunContext:
        """What a person's request works with."""
        time = RunTime(self.now, self.now)
        run_id = f"request-{self.now:%Y%m%dt%H%M%S}-{len(self.line.calls)}"
        return RunContext(run_id, kind, "main", OWNER, time, TriggerKind.API, actor)

    def run(self, kind: RunKind, line: Line | None = None, **request: Any) -> None:
        """One run; ends as the line lets it."""
        with self.through(line or Line()):
            self._run(kind, **request)

    @contextmanager
    def through(self, line: Line) -> Iterator[None]:
        """Let every call go through a line, until the process ends as the line lets it."""
        before, self._lines.line = self.line, line
        try:
            with suppress(*BREAKS):
                yield
        finally:
            self._lines.line = before

    def _run(self, kind: RunKind, **request: Any) -> None:
        version, document = list(self.documents.items())[-1]
        policies = MemoryPolicies(lambda: (document, version), self.documents)
        services = RunServices(
            owner=OWNER,
            clock=lambda: self.now + self.ahead,
            ledger_of=self.ledger,
            projects=DynamoProjects(self._table("PROJECTS"), "ledger"),
            policies=cast("PolicyStore", policies),
            bus=cast("EventBus", Through("bus", self.bus, lambda: self.line)),
            metrics=self.metrics,
            evidence=cast("EvidenceStore", Through("s3", self.evidence, lambda: self.line)),
        )
        given: dict[str, Any] = {"trigger": TriggerKind.SCHEDULE, "actor": "schedule"}
        asked = RunRequest.model_validate(given | {"time": self.now} | request)
        self.metrics.gauges.clear()
        run_projects(services, kind, asked, self._work(kind))

    def _work(self, kind: RunKind) -> Callable[[Job], Result]:
        def work(job: Job) -> Result:
            def time_left() -> float:
                return 900.0

            if kind is RunKind.CREATE:
                return create_backups(
                    job.context,
                    self.control_plane,
                    job.ledger,
                    job.document,
                    job.policy_version,
                    time_left=time_left,
                )
            if kind is RunKind.AUDIT:
                return audit_project(
                    job.context,
                    self.control_plane,
                    job.ledger,
                    self.store,
                    self.metrics,
                    document=job.document,
                    policy_version=job.policy_version,
                    time_left=time_left,
                    stack="backups",
                )
            services = PruneServices(
                control_plane=self.control_plane,
                ledger=job.ledger,
                store=self.store,
                policy_version=self.documents.__getitem__,
                time_left=time_left,
            )
            return prune(
                job.context,
                services,
                document=job.document,
                policy_version=job.policy_version,
                mode=self.mode,
            )

        return work

    def change(self, document: PolicyDocument) -> None:
        """Put another policy document in force."""
        self.documents[f"v{len(self.documents) + 1}"] = document

    def pass_(self, *, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    def rounds(self, count: int) -> None:
        """So many undisturbed rounds: two creates, so that a failed attempt is repeated, a prune.

        An audit ends the last one. A round is one slot of ``EVERY``.
        """
        for _ in range(count):
            self.now = START + EVERY * ((self.now - START) // EVERY + 1)
            for kind in (RunKind.CREATE, RunKind.CREATE, RunKind.PRUNE):
                self.run(kind)
                self.pass_(minutes=40)
        self.run(RunKind.AUDIT)

    def expire(self) -> None:
        """What DynamoDB's TTL does."""
        now = self.now.timestamp()
        for table in self.tables.values():
            for key, item in list(table.items.items()):
                if float(item.get("expires_at", {}).get("N", "inf")) < now:
                    del table.items[key]

    def size(self) -> int:
        """How many items the ledger has."""
        return len(self.tables["main"].items)

    # What came of it

    def traces(self) -> dict[str, Any]:
        """Everything that a fault must leave as it would have been."""
        made = sorted(self.pinecone.ever)
        slots = self.slots()
        return {
            "kept": self.kept(),
            "slots made twice": sorted({slot for slot in slots if slots.count(slot) > 1}),
            "creations not announced": sorted(set(made) ^ set(self.announced("backup.created"))),
            "deletions not announced": sorted(
                set(made) - set(self.pinecone.rows) ^ set(self.announced("backup.deleted"))
            ),
            "unexplained": self.unexplained(),
            "findings": sorted(self.open_findings()),
            "evidence": self.evidence_wrong(),
            "leftovers": self.leftovers(),
            "alarms": self.alarms(),
            "people": self.people(),
            "acknowledged": [
                (finding.subject, finding.acknowledged_by)
                for finding in self.ledger().findings()
                if finding.acknowledged_by
            ],
        }

    def slots(self) -> list[tuple[str, str]]:
        """Index and slot of each backup that a policy ever made, if it is to be believed (C2)."""
        found = []
        for row in self.pinecone.ever.values():
            marker = Marker.parse(row.description)
            if marker is None or marker.policy is None or row.created_at is None:
                continue
            if marker.slot - row.created_at <= CLOCK_SKEW:
                found.append((row.index_name, marker.slot.isoformat()))
        return found

    def kept(self) -> dict[str, list[str]]:
        """The slots of which each index has a backup, oldest first."""
        kept: dict[str, list[str]] = {name: [] for name in self.pinecone.indexes}
        for row in self.pinecone.rows.values():
            marker = Marker.parse(row.description)
            assert marker is not None
            kept[row.index_name].append(marker.slot.isoformat())
        return {name: sorted(slots) for name, slots in kept.items()}

    def open_findings(self) -> set[tuple[str, str]]:
        return {
            (finding.control, finding.subject)
            for finding in self.ledger().findings()
            if finding.open
        }

    def announced(self, type_: str) -> list[str]:
        """The backups that events of a type are about; a repeated event id counts once."""
        events = {event.event_id: event for event in self.bus.published if event.type == type_}
        return sorted(str(event.data["backup_id"]) for event in events.values())

    def unexplained(self) -> list[str]:
        """Deleted backups of which no record says who deleted them, and why."""
        return [
            deletion.backup_id
            for deletion in self.ledger().deletions(since=START)
            if not deletion.actor or not deletion.reasons
        ]

    def evidence_wrong(self) -> dict[str, list[str]]:
        """Events that the chain does not record once; walking it verifies it.

        The last run announces something after it has appended, which waits for the next one.
        """
        recorded = self.evidence.event_ids()
        waiting = self.ledger("*").waiting_evidence(limit=10)
        announced = {event.event_id for event in self.bus.published}
        announced -= {event.event_id for event in waiting}
        return {
            "twice": sorted({each for each in recorded if recorded.count(each) > 1}),
            "missing": sorted(announced - set(recorded)),
        }

    def leftovers(self) -> dict[str, int]:
        """How many items are left of kinds that come and go."""
        keys = self.tables["main"].items
        kinds = ("LEASE#", "OUTBOX#", "EVIDENCE#", "BACKUP#", "HOLD#", "INDEX#")
        return {kind: sum(key.startswith(kind) for key in keys) for kind in kinds}

    def alarms(self) -> list[tuple[str, str]]:
        """What was announced as wrong or as right again, but for the fault itself."""
        itself = (
            "project-unknown",
            "run-broken",
            "prune-stopped",
            "run-refused",
            "evidence-waiting",
        )
        found = {
            (event.type, str(event.data.get("control", "")))
            for event in self.bus.published
            if event.type.startswith(("finding.", "plan.awaiting", "backup.suspect"))
        }
        return sorted(each for each in found if each[1] not in itself)

    def people(self) -> list[tuple[str, str]]:
        """What people did, as the events tell it: type and actor."""
        events = {event.event_id: event for event in self.bus.published}
        return sorted(
            (event.type, str(event.data["actor"]))
            for event in events.values()
            if event.data.get("actor") not in (None, "schedule")
        )
