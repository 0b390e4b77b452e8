"""Projects in which all happens that protects a backup, and what must protect each, by hand.

What stands before a deletion is said here from how the project was made, and not by the code that
decides it; only what a retention keeps is asked of ``rules.fates``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from pinecone_backup.model import Backup, PruneMode, RunTime, Status
from pinecone_backup.records import (
    BackupRecord,
    DeletionMark,
    DeletionRecord,
    DeletionState,
    Hold,
    HoldScope,
    ItemKind,
    UnreadableItem,
    Verdict,
)
from pinecone_backup.rules.fates import orphan_fates, policy_fates
from pinecone_backup.rules.inventory import take_inventory
from pinecone_backup.rules.marker import Marker
from pinecone_backup.rules.plan_facts import Baseline, Facts
from pinecone_backup.rules.protection import Safeguard
from tests.support.backups import NOW, OWNER, backup, index, record, signed
from tests.support.pruning import document

if TYPE_CHECKING:
    from pinecone_backup.model import Index
    from pinecone_backup.rules.policy import PolicyDocument

FLOOR = 2
ORPHANS_AFTER = 30
OURS = ("policy", "on demand", "expired")
READY = ("good", "tested", "doubtful", "suspect", "unjudged")
ORIGINS = ["policy"] * 6 + ["on demand", "expired", "foreign", "misfit", "other", "native"]
WORTHS = ["good"] * 8 + ["tested", "doubtful", "suspect", "suspect", "failed", "failed"]
WORTHS += ["under way", "unknown", "undated", "future", "unjudged", "spent"]
SITUATIONS = {
    "assigned": None,
    "opted out": Safeguard.NO_POLICY,
    "unknown tag": Safeguard.NO_POLICY,
    "paused": Safeguard.PAUSED,
    "not listed": Safeguard.DOUBTFUL,
    "replaced": Safeguard.DOUBTFUL,
    "ambiguous": Safeguard.DOUBTFUL,
    "of unknown incarnation": Safeguard.DOUBTFUL,
    "contradictory": Safeguard.CONTRADICTORY,
    "deleted": None,
    "deleted lately": None,
    "deleted and active": Safeguard.DOUBTFUL,
    "needed": Safeguard.ORPHAN_NEEDED,
    "needed, its source no longer listed": Safeguard.ORPHAN_NEEDED,
    "needed no more": None,
}
"""What may be said of an index, and what that puts before a deletion of its backups."""
TAGS = {
    "opted out": {"backup-policy": "none"},
    "unknown tag": {"backup-policy": "nobody-knows"},
    "paused": {"backup-paused-until": "2026-12-01"},
}
STOPS: dict[str, dict[str, Any]] = {
    "holds": {"holds": None},
    "restores": {"restoring": None},
    "project": {"project": "unnamed"},
}


@dataclass(frozen=True)
class Made:
    """One backup as it was made."""

    index_id: str
    origin: str
    worth: str
    age: float


@dataclass
class Project:
    """A project while it is made; ``made`` by backup id, ``situations`` by index id."""

    document: PolicyDocument
    rows: list[Backup] = field(default_factory=list)
    records: dict[str, BackupRecord] = field(default_factory=dict)
    made: dict[str, Made] = field(default_factory=dict)
    situations: dict[str, str] = field(default_factory=dict)
    indexes: list[Index] = field(default_factory=list)
    active: dict[str, str | None] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    contradictory: set[str] = field(default_factory=set)
    named: dict[str, set[Safeguard]] = field(default_factory=dict)
    holds: list[Hold] = field(default_factory=list)
    restoring: dict[str, str] = field(default_factory=dict)
    unreadable: list[UnreadableItem] = field(default_factory=list)
    recent: list[DeletionRecord] = field(default_factory=list)
    baseline: Baseline | None = None
    stop: str | None = None

    @property
    def facts(self) -> Facts:
        known = Facts(
            project="main",
            inventory=take_inventory(self.rows, records=self.records, owner=OWNER, now=NOW),
            indexes=self.indexes,
            document=self.document,
            policy_version="v1",
            time=RunTime(scheduled_at=NOW, actual=NOW),
            holds=self.holds,
            restoring=self.restoring,
            active=self.active,
            sources=self.sources,
            baseline=self.baseline,
            unreadable=self.unreadable,
        )
        return replace(known, **STOPS[self.stop]) if self.stop else known

    @property
    def accepted(self) -> list[DeletionRecord]:
        """The deletions that Pinecone accepted of what is still listed."""
        return [
            DeletionRecord(
                each.backup_id, each.index_name, each.index_id, mark.state, mark.at, "run-0", "bob"
            )
            for each in self.records.values()
            if (mark := each.deletion) is not None and mark.state.accepted
        ]

    def expected(self, backup_id: str, mode: PruneMode) -> set[Safeguard]:
        """All that must stand before a person's deletion, but for what a plan's limits add."""
        made = self.made[backup_id]
        found = set(self.named.get(backup_id, ()))
        if self.stop == "holds":
            found -= {Safeguard.HELD}
        if self.stop == "restores":
            found -= {Safeguard.RESTORING}
        if self.stop:
            found.add(Safeguard.UNREADABLE)
        if mode is PruneMode.DRY_RUN:
            found.add(Safeguard.MODE)
        if self._too_many_by_people(backup_id):
            found.add(Safeguard.LIMITS)
        frozen = SITUATIONS[self.situations[made.index_id]]
        if backup_id in self.contradictory:
            return found | {Safeguard.CONTRADICTORY}
        concerned = ("policy",) if frozen is Safeguard.NO_POLICY else OURS
        if frozen is not None and made.origin in concerned:
            found.add(frozen)
        return found | _by_itself(made) | self._of_its_place(backup_id) | self._wanted(backup_id)

    def _of_its_place(self, backup_id: str) -> set[Safeguard]:
        """What the index cannot do without."""
        index_id = self.made[backup_id].index_id
        row = [key for key in self._newest_first(index_id) if self._relied_on(key)]
        tested = [key for key in row if self.made[key].worth == "tested"]
        found: set[Safeguard] = set()
        if backup_id in tested[:1]:
            found.add(Safeguard.NEWEST_TESTED)
        if self._deleted_at(index_id) is None:
            if backup_id in row[:1]:
                found.add(Safeguard.NEWEST_GOOD)
            if backup_id in row[:FLOOR]:
                found.add(Safeguard.FLOOR)
        else:
            ready = [
                key
                for key in self._newest_first(index_id)
                if self.made[key].origin == "policy" and self.made[key].worth in READY
            ]
            good = [k for k in ready if self.made[k].worth in ("good", "tested", "doubtful")]
            if backup_id == next(iter([*good, *ready]), None):
                found.add(Safeguard.ORPHAN_NEEDED)
        return found

    def _wanted(self, backup_id: str) -> set[Safeguard]:
        """What the retention keeps, or the rule for orphans."""
        made = self.made[backup_id]
        situation = self.situations[made.index_id]
        incarnation = self.facts.inventory.incarnations[made.index_id]
        ours = [entry for entry in incarnation.entries if entry.by_policy]
        deleted_at = self._deleted_at(made.index_id)
        if deleted_at is not None:
            fates = orphan_fates(ours, deleted_at, ORPHANS_AFTER, NOW)
        elif situation in ("opted out", "unknown tag", "not listed"):
            return set()
        else:
            time = RunTime(scheduled_at=NOW, actual=NOW)
            fates = policy_fates(ours, self.document.policies[0], time)
        stays = backup_id in fates and fates[backup_id].stays
        return {Safeguard.KEPT_BY_POLICY} if stays else set()

    def _too_many_by_people(self, backup_id: str) -> bool:
        index_id = self.made[backup_id].index_id
        counted = [
            each
            for each in self.recent
            if each.by_person
            and each.state not in (DeletionState.FAILED, DeletionState.SKIPPED)
            and NOW - each.at < timedelta(hours=24)
        ]
        here = sum(each.index_id == index_id for each in counted)
        limits = self.document.limits
        return any(
            done + 1 > max(min(limit.count, (ready + done) * limit.percent // 100), 1)
            for done, ready, limit in (
                (here, self._ready(index_id), limits.per_index),
                (len(counted), sum(map(self._ready, self.situations)), limits.per_run),
            )
        )

    def _ready(self, index_id: str) -> int:
        return sum(
            made.index_id == index_id and made.origin in OURS and made.worth in READY
            for key, made in self.made.items()
            if key not in self.contradictory
        )

    def _relied_on(self, backup_id: str) -> bool:
        made = self.made[backup_id]
        return (
            made.origin in OURS
            and made.worth in ("good", "tested")
            and backup_id not in self.contradictory
        )

    def _newest_first(self, index_id: str) -> list[str]:
        members = [key for key, made in self.made.items() if made.index_id == index_id]
        return sorted(members, key=lambda key: (self.made[key].age, key))

    def _deleted_at(self, index_id: str) -> Any:
        rows = [row.index_deleted_at for row in self.rows if row.index_id == index_id]
        return rows[0] if rows else None


def _by_itself(made: Made) -> set[Safeguard]:
    """What a backup's maker and its worth put before its deletion."""
    found: set[Safeguard] = set()
    if made.origin in ("foreign", "misfit", "other"):
        found.add(Safeguard.NOT_OURS)
    if made.origin == "native":
        found.add(Safeguard.NATIVE)
    if made.origin == "on demand":
        found.add(Safeguard.ON_DEMAND)
    if made.worth in ("under way", "unknown"):
        found.add(Safeguard.UNFINISHED)
    if made.worth == "unjudged" and made.origin in OURS:
        found.add(Safeguard.UNFINISHED)
    if made.worth in ("undated", "future"):
        found.add(Safeguard.UNDATED)
    return found


_STATUS = {"failed": Status.FAILED, "under way": Status.UNDER_WAY, "unknown": Status.UNKNOWN}
_RECORDS: dict[str, dict[str, Any]] = {
    "suspect": {"verdict": Verdict.SUSPECT},
    "unjudged": {"verdict": None},
    "tested": {"restore_tested": True},
    "doubtful": {"deletion": DeletionMark(DeletionState.UNKNOWN, NOW)},
    "spent": {"deletion": DeletionMark(DeletionState.ACCEPTED, NOW - timedelta(days=2))},
}


def _row(backup_id: str, name: str, made: Made) -> Backup:
    age = {"undated": None, "future": -2.0}.get(made.worth, made.age)
    row = backup(
        backup_id,
        days_ago=age,
        index=name,
        index_id=made.index_id,
        status=_STATUS.get(made.worth, Status.READY),
        policy="standard" if made.origin in ("policy", "misfit", "other") else None,
        owner={"foreign": None, "native": None, "other": "stack-b"}.get(made.origin, OWNER),
    )
    at = row.created_at or NOW
    if made.origin == "misfit":
        return replace(row, name="renamed")
    if made.origin == "expired":
        marker = Marker(OWNER, None, at, "run-0", 1, NOW - timedelta(hours=1))
        return replace(row, **signed(marker, name))
    if made.origin == "native":
        time = "20269999T999999Z" if made.worth == "undated" else f"{at:%Y%m%dT%H%M%SZ}"
        return replace(row, name=f"nightly-{time}")
    return row


class Maker:
    """Makes a project of what was drawn."""

    def __init__(self, policy: PolicyDocument) -> None:
        self.project = Project(policy)

    def add(self, name: str, situation: str, members: list[tuple[str, str, float]]) -> None:
        """An index of that name in that situation, with backups of (origin, worth, age in days)."""
        project, index_id = self.project, f"id-of-{name}"
        deleted = situation.startswith(("deleted", "needed"))
        days = 10 if situation == "deleted lately" else 60
        self._incarnation(name, index_id, situation, members, days if deleted else None)
        if situation != "not listed" and not deleted:
            project.indexes.append(index(name, tags=TAGS.get(situation, {})))
        if situation in ("replaced", "ambiguous", "of unknown incarnation"):
            other = "assigned" if situation == "replaced" else situation
            self._incarnation(name, f"new-{name}", other, [("policy", "good", 1)] * 3)
            asked = {"replaced": f"new-{name}", "of unknown incarnation": None}
            project.active |= {name: asked[situation]} if situation in asked else {}
        if situation == "deleted and active":
            project.indexes.append(index(name))
            project.active[name] = index_id
        if situation.startswith("needed"):
            self._restored(name, situation)
        if situation == "contradictory":
            row = project.rows[-1]
            earlier = (row.created_at or NOW) - timedelta(days=1)
            project.rows.append(replace(row, created_at=earlier))
            project.contradictory.add(row.backup_id)

    def _incarnation(
        self,
        name: str,
        index_id: str,
        situation: str,
        members: list[tuple[str, str, float]],
        deleted: int | None = None,
    ) -> None:
        project = self.project
        project.situations[index_id] = situation
        if situation in ("contradictory", "ambiguous"):
            members = [*members, ("policy", "good", 3)]
        for number, (origin, worth, age) in enumerate(members):
            key, made = f"{index_id}-{number:02}", Made(index_id, origin, worth, age)
            row = _row(key, name, made)
            if deleted is not None:
                row = replace(row, index_deleted_at=NOW - timedelta(days=deleted))
            project.made[key] = made
            project.rows.append(row)
            project.records[key] = record(row, **_RECORDS.get(worth, {}))

    def _restored(self, name: str, situation: str) -> None:
        """An index that was restored from the deleted one, and has enough of its own or not."""
        project, lost = self.project, f"lost-{name}"
        source = f"id-of-{name}-00"
        if situation != "needed" or source not in project.made:
            source, project.sources[lost] = lost, f"id-of-{name}"
        enough = situation == "needed no more"
        good = FLOOR if enough else FLOOR - 1
        restored = f"restored-{name}"
        project.indexes.append(index(restored, source_backup_id=source))
        members = [("policy", "good", float(day)) for day in range(good)]
        self._incarnation(restored, f"id-of-{restored}", "assigned", members)

    def hold(self, backup_id: str, how: str) -> None:
        """A hold on a backup or on its index: in force, ended or released."""
        project = self.project
        row = next(row for row in project.rows if row.backup_id == backup_id)
        held = Hold(f"hold-{backup_id}", HoldScope.BACKUP, backup_id, "audit", "alice", NOW)
        held = replace(
            held,
            expires_at={"ended": NOW, "ends later": NOW + timedelta(seconds=1)}.get(how),
            released_at=NOW if how == "released" else None,
        )
        targets = [backup_id]
        if how == "index":
            held = replace(held, scope=HoldScope.INDEX, target=row.index_name)
            targets = [each.backup_id for each in project.rows if each.index_name == row.index_name]
        project.holds.append(held)
        if how not in ("ended", "released"):
            self._protect(targets, Safeguard.HELD)

    def restore(self, backup_id: str) -> None:
        """An unfinished restore of a backup."""
        self.project.restoring[backup_id] = "job-1"
        self._protect([backup_id], Safeguard.RESTORING)

    def damage(self, backup_id: str, about: str) -> None:
        """An item about a backup, its index or the whole project that cannot be read."""
        project = self.project
        row = next(row for row in project.rows if row.backup_id == backup_id)
        items = {
            "backup": (ItemKind.BACKUP, backup_id, ""),
            "index": (ItemKind.INDEX, "", row.index_name),
            "project": (ItemKind.HOLD, "", ""),
            "claim": (ItemKind.CLAIM, "", row.index_name),
        }
        kind, key, name = items[about]
        project.unreadable.append(
            UnreadableItem(f"{kind}#x", kind, "damaged", backup_id=key, index_name=name)
        )
        targets = {
            "backup": {backup_id},
            "index": {each.backup_id for each in project.rows if each.index_name == row.index_name},
            "project": {each.backup_id for each in project.rows},
            "claim": set(),
        }
        self._protect(sorted(targets[about]), Safeguard.UNREADABLE)

    def _protect(self, targets: list[str], safeguard: Safeguard) -> None:
        for target in targets:
            self.project.named.setdefault(target, set()).add(safeguard)


LOOSE = {"count": 10_000, "percent": 100}
LIMITS = st.one_of(
    st.just({"per_run": LOOSE, "per_index": LOOSE}),
    st.builds(
        lambda run, each: {
            "per_run": {"count": run, "percent": 100},
            "per_index": {"count": each, "percent": 50},
        },
        st.integers(1, 5),
        st.integers(1, 3),
    ),
)
MEMBERS = st.lists(
    st.tuples(st.sampled_from(ORIGINS), st.sampled_from(WORTHS), st.integers(0, 90).map(float)),
    max_size=7,
)


@st.composite
def projects(draw: st.DrawFn) -> Project:
    """A project of up to three indexes, in any situations."""
    policy = document(
        retention={"keep_last": draw(st.integers(1, 4))},
        floor=FLOOR,
        limits=draw(LIMITS),
        orphans={"after": ORPHANS_AFTER},
    )
    maker = Maker(policy)
    maker.add(
        "i0", draw(st.sampled_from(sorted(SITUATIONS))), [("policy", "good", 5), *draw(MEMBERS)]
    )
    for number in range(1, draw(st.integers(1, 3))):
        maker.add(f"i{number}", draw(st.sampled_from(sorted(SITUATIONS))), draw(MEMBERS))
    project = maker.project
    _disturb(draw, maker, st.sampled_from(sorted(project.made)))
    project.stop = draw(st.sampled_from([None] * 9 + sorted(STOPS)))
    if draw(st.booleans()):
        before = document(retention={"keep_last": 100}, floor=FLOOR)
        assigned: dict[str, str | None] = {each.name: "standard" for each in project.indexes}
        project.baseline = Baseline(before, "v0", assigned)
    return project


def _disturb(draw: st.DrawFn, maker: Maker, one: st.SearchStrategy[str]) -> None:
    """Holds, restores, unreadable items, and what people deleted lately."""
    some = st.booleans()
    if draw(some):
        maker.hold(
            draw(one), draw(st.sampled_from(["", "ends later", "index", "ended", "released"]))
        )
    if draw(some):
        maker.restore(draw(one))
    if draw(st.sampled_from([True, False, False])):
        about = st.sampled_from(["backup", "backup", "index", "claim", "project"])
        maker.damage(draw(one), draw(about))
    project = maker.project
    made = st.tuples(
        one, st.sampled_from(DeletionState), st.sampled_from([1, 23, 24, 30]), st.booleans()
    )
    for number, (backup_id, state, hours, by_person) in enumerate(draw(st.lists(made, max_size=4))):
        row = next(row for row in project.rows if row.backup_id == backup_id)
        project.recent.append(
            DeletionRecord(
                f"earlier-{number}",
                row.index_name,
                row.index_id,
                state,
                NOW - timedelta(hours=hours),
                f"run-{number}",
                "bob",
                by_person=by_person,
            )
        )
