"""Each damage by a whole restore test: from the policy to what people and the retention see of it.

Create runs look at the index and back it up, ticks of ``restore_test`` restore the backup with
one thing wrong, and audits and prunes go on from the verdict.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from local.simulator import Damage, Harm, Outcome
from local.simulator.schema import vector_fields
from pinecone_backup.model import RunKind
from pinecone_backup.records import RestoreResult
from tests.support.deployment import Deployment
from tests.support.restores import with_restore_tests

if TYPE_CHECKING:
    from local.simulator import Simulator
    from pinecone_backup.adapters.pinecone.client import PineconeClient
    from pinecone_backup.records import RestoreRecord

NAMED = {
    Damage.NAMESPACE_LOST: "namespace_missing",
    Damage.NAMESPACE_RENAMED: "namespace_renamed",
    Damage.RECORDS_LOST: "records_lost",
    Damage.ALL_RECORDS_LOST: "empty",
    Damage.RECORDS_ADDED: "records_added",
    Damage.METADATA_SWAPPED: "metadata_changed",
    Damage.METADATA_LOST: "metadata_lost",
    Damage.VALUES_SWAPPED: "values_changed",
    Damage.VALUES_TRUNCATED: "values_truncated",
    Damage.SPARSE_LOST: "sparse_lost",
    Damage.WRONG_METRIC: "metric",
    Damage.WRONG_DIMENSION: "dimension",
    Damage.COUNTS_LIE: "miscounted",
    Damage.JOB_FAILED: "job_failed",
    Damage.JOB_CANCELLED: "job_failed",
    Damage.INDEX_FAILED: "index_failed",
}
"""Every damage that ends, by what the verdict calls it."""
NAMESPACES = {"tenant-a": 40, "tenant-b": 20}
INDEXES = {f"docs-{number:02}": damage for number, damage in enumerate(NAMED)}
"""In the order in which their tests begin."""
SOUND = "sound"


@dataclass
class Trial:
    """One index for each damage and a sound one, each with an older backup, all tested."""

    world: Deployment
    older: dict[str, str]

    @property
    def tests(self) -> dict[str, RestoreRecord]:
        return {record.index_name: record for record in self.world.ledger.restores()}

    @property
    def report(self) -> dict[str, dict[str, Any]]:
        found = json.loads(self.world.objects.objects["reports/main/latest.json"])
        return {index["name"]: index for index in found["indexes"]}


@pytest.fixture
def trial(simulator: Simulator, control_plane: PineconeClient) -> Trial:
    """The whole way of each newest backup: looked at, made, looked at, restored, judged."""
    project = simulator.project
    project.index_quota = 100
    long_ago = simulator.clock.now() - timedelta(days=9)
    document = with_restore_tests(
        {"depth": "sample", "at_once": 20},
        cron="0 15 * * *",
        max_age="30h",
        retention={"keep_last": 1},
        floor=1,
    )
    world = Deployment(simulator, control_plane, document=document)
    older = {}
    fields = vector_fields(dimension=8, metric="dotproduct")
    for name in [*INDEXES, SOUND]:
        project.seed_index(name, fields=fields, seed=name)
        for namespace, records in NAMESPACES.items():
            project.write_records(name, records, namespace=namespace, at=long_ago)
        older[name] = world.seed(name, hours_ago=21)
        project.backups[-1].namespaces = dict(NAMESPACES)
    project.restore_outcomes += [Outcome(damages=(Harm(each),)) for each in INDEXES.values()]
    start = simulator.clock.now()
    for hours, kinds in {
        2.6: [RunKind.CREATE],
        3.55: [RunKind.CREATE],
        4.0: [RunKind.CREATE, RunKind.AUDIT, RunKind.RESTORE_TEST],
        4.5: [RunKind.RESTORE_TEST],
        5.0: [RunKind.RESTORE_TEST],
        5.5: [RunKind.RESTORE_TEST, RunKind.AUDIT, RunKind.PRUNE],
        6.0: [RunKind.PRUNE],
    }.items():
        simulator.clock.set(start + timedelta(hours=hours))
        for kind in kinds:
            assert world.run(kind).state == "succeeded", kind
    return Trial(world, older)


def test_each_damage_is_named_found_out_and_costs_the_backup_its_worth(trial: Trial) -> None:
    """R3, F4, G3: in the verdict, the event, the finding, the report and the retention."""
    world, tests = trial.world, trial.tests

    assert {name: {str(each.kind) for each in tests[name].differences} for name in INDEXES} == {
        name: {NAMED[damage]} for name, damage in INDEXES.items()
    }
    announced = {
        event.data["source_index"]: event.data["differences"]
        for event in world.bus.published
        if event.type == "restore_test.failed"
    }
    backups, findings, kept = world.ledger.backups(), world.open_findings(), world.listed()
    for name in INDEXES:
        record = tests[name]
        assert (record.result, record.clean_up) == (RestoreResult.FAILED, "succeeded")
        assert backups[record.backup_id].restore_tested is False
        assert findings["restore-test-failed", name] == "error"
        assert announced[name] == [str(each) for each in record.differences]
        assert trial.report[name]["last_proven"] is None
        assert trial.report[name]["restore_from"]["backup_id"] == trial.older[name]
        assert trial.older[name] in kept, "the last good one is kept in its place"

    sound = tests[SOUND]
    assert (sound.result, sound.depth_reached, sound.compared) == ("succeeded", "sample", 60)
    assert trial.report[SOUND]["last_proven"]["backup_id"] == sound.backup_id
    assert trial.older[SOUND] not in kept
    left = {index.name for index in world.simulator.project.list_indexes()}
    assert left == {*INDEXES, SOUND}
