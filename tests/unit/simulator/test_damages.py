"""Every damage to a restore does what its name says, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from math import sqrt
from typing import TYPE_CHECKING

import pytest

from local.simulator import Damage, Harm, Outcome, Result, Simulator, vector_fields
from local.simulator.data_plane import DataPlane
from local.simulator.errors import ApiError
from tests.support.simulator import START

if TYPE_CHECKING:
    from local.simulator.records import Record, Records
    from local.simulator.state import Backup, Index, RestoreJob

FIELDS = vector_fields(dimension=4, metric="dotproduct")
RECORDS = 1000
IN_RECORDS = {
    Damage.RECORDS_LOST,
    Damage.RECORDS_ADDED,
    Damage.METADATA_SWAPPED,
    Damage.METADATA_LOST,
    Damage.VALUES_SWAPPED,
    Damage.VALUES_TRUNCATED,
    Damage.SPARSE_LOST,
    Damage.COUNTS_LIE,
}
"""The damages that hit a share of the records."""
USELESS = {Damage.JOB_FAILED, Damage.JOB_CANCELLED, Damage.INDEX_FAILED}
UNFINISHED = {Damage.JOB_PENDING, Damage.INDEX_NEVER_READY}


@pytest.fixture
def backup(simulator: Simulator) -> Backup:
    """A ready backup of two namespaces with a thousand records each."""
    simulator.project.seed_index("docs", fields=FIELDS, records=RECORDS)
    simulator.project.write_records("docs", RECORDS, namespace="tenant")
    simulator.clock.advance(minutes=20)
    backup = simulator.project.create_backup("docs")
    simulator.clock.advance(minutes=10)
    return backup


def restored(simulator: Simulator, backup: Backup, *harms: Harm) -> tuple[RestoreJob, Index]:
    """The job and the index of a restore, after the time that it takes."""
    project = simulator.project
    project.restore_outcomes.append(Outcome(damages=harms))
    job = project.create_index_from_backup(backup.backup_id, "copy")
    simulator.clock.advance(hours=1)
    return job, project.describe_index("copy")


def namespaces(simulator: Simulator, index: Index) -> dict[str, Records]:
    contents = index.contents.at(simulator.clock.now())
    return {name: held.records for name, held in contents.items()}


def different(one: Records, other: Records) -> list[tuple[Record, Record | None]]:
    """The records of one that the other has otherwise, or not at all."""
    pairs = [(record, other.get(record.record_id)) for record in one]
    return [(mine, theirs) for mine, theirs in pairs if mine != theirs]


@pytest.fixture
def source(simulator: Simulator, backup: Backup) -> dict[str, Records]:
    """What the backup holds."""
    assert backup.contents is not None
    return {name: held.records for name, held in backup.contents.items()}


def test_a_sound_restore_brings_everything_back(
    simulator: Simulator, backup: Backup, source: dict[str, Records]
) -> None:
    job, index = restored(simulator, backup)

    found = namespaces(simulator, index)
    assert (job.status(simulator.clock.now()), index.state(simulator.clock.now())) == (
        "Completed",
        "Ready",
    )
    assert found.keys() == source.keys()
    assert all(list(found[name]) == list(source[name]) for name in source)


@pytest.mark.parametrize("damage", Damage)
def test_the_index_and_its_job_end_as_the_damage_says(
    simulator: Simulator, backup: Backup, damage: Damage
) -> None:
    job, index = restored(simulator, backup, Harm(damage))

    now = simulator.clock.now()
    job_states = {
        Damage.JOB_PENDING: "Pending",
        Damage.JOB_FAILED: "Failed",
        Damage.JOB_CANCELLED: "Cancelled",
    }
    expected = "Initializing" if damage in UNFINISHED else "Ready"
    assert job.status(now) == job_states.get(damage, "Completed")
    assert index.state(now) == ("InitializationFailed" if damage in USELESS else expected)


@pytest.mark.parametrize("damage", sorted(USELESS | UNFINISHED))
def test_an_index_that_is_not_ready_holds_nothing(
    simulator: Simulator, backup: Backup, damage: Damage
) -> None:
    _, index = restored(simulator, backup, Harm(damage))

    assert index.records(simulator.clock.now()) == {}


@pytest.mark.parametrize("damage", sorted(IN_RECORDS))
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_a_share_of_the_records_of_each_namespace_is_hit(
    simulator: Simulator,
    backup: Backup,
    source: dict[str, Records],
    damage: Damage,
    share: float,
) -> None:
    _, index = restored(simulator, backup, Harm(damage, share=share))

    for name, records in namespaces(simulator, index).items():
        missing_or_changed = different(source[name], records)
        added = [record for record in records if source[name].get(record.record_id) is None]
        hit = len(missing_or_changed) + len(added)
        assert hit >= 1
        assert abs(hit - RECORDS * share) <= 4 * sqrt(RECORDS * share * (1 - share)) + 1


def test_the_same_records_are_hit_each_time(
    simulator: Simulator, backup: Backup, source: dict[str, Records]
) -> None:
    _, first = restored(simulator, backup, Harm(Damage.RECORDS_LOST))
    lost = different(source["tenant"], namespaces(simulator, first)["tenant"])
    simulator.project.delete_index("copy")

    _, second = restored(simulator, backup, Harm(Damage.RECORDS_LOST))

    assert different(source["tenant"], namespaces(simulator, second)["tenant"]) == lost


@pytest.mark.parametrize(
    ("damage", "same", "changed"),
    [
        (Damage.METADATA_SWAPPED, {"values", "sparse"}, {"metadata"}),
        (Damage.METADATA_LOST, {"values", "sparse"}, {"metadata"}),
        (Damage.VALUES_SWAPPED, {"metadata"}, {"values", "sparse"}),
        (Damage.VALUES_TRUNCATED, {"sparse", "metadata"}, {"values"}),
        (Damage.SPARSE_LOST, {"values", "metadata"}, {"sparse"}),
    ],
)
def test_a_damaged_record_differs_in_what_the_damage_names(
    simulator: Simulator,
    backup: Backup,
    source: dict[str, Records],
    *,
    damage: Damage,
    same: set[str],
    changed: set[str],
) -> None:
    _, index = restored(simulator, backup, Harm(damage))

    for was, became in different(source["tenant"], namespaces(simulator, index)["tenant"]):
        assert all(getattr(was, part) == getattr(became, part) for part in same)
        assert all(getattr(was, part) != getattr(became, part) for part in changed)


def test_swapped_metadata_are_those_of_another_record(
    simulator: Simulator, backup: Backup, source: dict[str, Records]
) -> None:
    _, index = restored(simulator, backup, Harm(Damage.METADATA_SWAPPED, share=1))

    records = list(namespaces(simulator, index)["tenant"])
    originals = list(source["tenant"])
    assert [one.metadata for one in records] == [
        one.metadata for one in [*originals[1:], originals[0]]
    ]


@pytest.mark.parametrize("named", [None, "__default__"])
def test_a_namespace_is_lost(simulator: Simulator, backup: Backup, named: str | None) -> None:
    _, index = restored(simulator, backup, Harm(Damage.NAMESPACE_LOST, namespace=named))

    left = {"__default__", "tenant"} - {named or "tenant"}
    assert index.records(simulator.clock.now()) == dict.fromkeys(left, RECORDS)


def test_a_namespace_is_renamed(
    simulator: Simulator, backup: Backup, source: dict[str, Records]
) -> None:
    _, index = restored(simulator, backup, Harm(Damage.NAMESPACE_RENAMED))

    found = namespaces(simulator, index)
    assert found.keys() == {"__default__", "tenant-restored"}
    assert list(found["tenant-restored"]) == list(source["tenant"])


def test_all_records_are_lost(simulator: Simulator, backup: Backup) -> None:
    _, index = restored(simulator, backup, Harm(Damage.ALL_RECORDS_LOST))

    assert index.records(simulator.clock.now()) == {}
    assert namespaces(simulator, index).keys() == {"__default__", "tenant"}


def test_the_metric_is_another(simulator: Simulator, backup: Backup) -> None:
    _, index = restored(simulator, backup, Harm(Damage.WRONG_METRIC))

    assert index.fields["_values"] == {**backup.fields["_values"], "metric": "euclidean"}


def test_the_dimension_is_another_and_so_is_that_of_the_records(
    simulator: Simulator, backup: Backup
) -> None:
    _, index = restored(simulator, backup, Harm(Damage.WRONG_DIMENSION))

    assert index.fields["_values"] == {**backup.fields["_values"], "dimension": 3}
    assert {len(one.values) for one in namespaces(simulator, index)["tenant"]} == {3}
    assert backup.fields["_values"]["dimension"] == 4


def test_false_counts_show_what_the_backup_held(simulator: Simulator, backup: Backup) -> None:
    _, index = restored(simulator, backup, Harm(Damage.COUNTS_LIE, share=0.5))

    plane = DataPlane(index, simulator.behaviour, simulator.clock.now())
    assert plane.counts() == backup.namespaces == dict.fromkeys(("__default__", "tenant"), RECORDS)
    assert plane.describe_namespace("tenant").records == RECORDS
    assert index.records(simulator.clock.now())["tenant"] < RECORDS


def test_an_unknown_job_is_neither_listed_nor_described(
    simulator: Simulator, backup: Backup
) -> None:
    job, _ = restored(simulator, backup, Harm(Damage.JOB_UNKNOWN))

    assert simulator.project.restore_jobs() == []
    with pytest.raises(ApiError, match=f"Restore job {job.job_id} not found."):
        simulator.project.describe_restore_job(job.job_id)


def test_damages_add_up(simulator: Simulator, backup: Backup) -> None:
    harms = Harm(Damage.NAMESPACE_LOST), Harm(Damage.METADATA_LOST, share=1)

    _, index = restored(simulator, backup, *harms)

    (records,) = namespaces(simulator, index).values()
    assert all(record.metadata is None for record in records)


def test_two_damages_hit_records_of_their_own(
    simulator: Simulator, backup: Backup, source: dict[str, Records]
) -> None:
    harms = Harm(Damage.RECORDS_LOST), Harm(Damage.METADATA_LOST)

    _, index = restored(simulator, backup, *harms)

    hit = different(source["tenant"], namespaces(simulator, index)["tenant"])
    assert len([was for was, became in hit if became is None]) > 4
    assert len([was for was, became in hit if became is not None]) > 4


def test_a_damaged_index_is_backed_up_as_it_is(simulator: Simulator, backup: Backup) -> None:
    _, index = restored(simulator, backup, Harm(Damage.RECORDS_LOST, share=0.5))
    damaged = index.records(simulator.clock.now())

    again = simulator.project.create_backup("copy")

    assert again.namespaces == damaged


@pytest.mark.parametrize(
    ("result", "left"),
    [(Result.EMPTY, 0), (Result.SHRINK, RECORDS * 0.25), (Result.READY, RECORDS)],
)
def test_a_result_says_how_much_comes_back(
    simulator: Simulator, backup: Backup, result: Result, left: float
) -> None:
    simulator.project.restore_outcomes.append(Outcome(result, share=0.25))

    simulator.project.create_index_from_backup(backup.backup_id, "copy")

    later = START + timedelta(hours=3)
    found = simulator.project.describe_index("copy").records(later).get("tenant", 0)
    assert found == pytest.approx(left, rel=0.2)
