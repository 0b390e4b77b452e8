"""The official client performs every operation on indexes and backups against the simulator."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from pinecone.models.indexes.deployment import ByocDeployment, ManagedDeployment, PodDeployment

from local.simulator import Kind, Outcome, Result, Simulator, vector_fields
from tests.support.official_client import official_client
from tests.support.simulator import START

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinecone import Pinecone


@pytest.fixture
def pc(simulator_url: str) -> Iterator[Pinecone]:
    with official_client(simulator_url) as client:
        yield client


class TestIndexes:
    def test_list_indexes(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.project.seed_index("docs", tags={"team": "search"})
        simulator.project.seed_index("pods", kind=Kind.POD)
        simulator.project.seed_index("mine", kind=Kind.BYOC)

        listed = {index.name: index for index in pc.indexes.list()}

        assert list(listed) == ["docs", "mine", "pods"]
        assert isinstance(listed["docs"].deployment, ManagedDeployment)
        assert isinstance(listed["pods"].deployment, PodDeployment)
        assert isinstance(listed["mine"].deployment, ByocDeployment)
        assert listed["docs"].tags == {"team": "search"}
        assert listed["pods"].tags is None

    def test_describe_index(self, pc: Pinecone, simulator: Simulator, simulator_url: str) -> None:
        simulator.project.seed_index(
            "docs", fields=vector_fields(dimension=8, metric="euclidean"), deletion_protection=True
        )

        index = pc.indexes.describe("docs")

        assert (index.name, index.status.ready, index.status.state) == ("docs", True, "Ready")
        assert (index.dimension, index.metric, index.vector_type) == (8, "euclidean", "dense")
        assert index.deletion_protection == "enabled"
        assert index.host is not None
        assert index.host.startswith(f"{simulator_url}/")

    def test_a_sparse_index_has_no_dimension(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.project.seed_index("terms", fields=vector_fields(dimension=None))

        assert pc.indexes.describe("terms").vector_type == "sparse"

    def test_an_integrated_index_names_its_model(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.project.seed_index("texts", fields=vector_fields(embed_model="e5-large"))

        embed = pc.indexes.describe("texts").embed

        assert embed is not None
        assert embed.model == "e5-large"

    def test_create_index(self, pc: Pinecone, simulator: Simulator) -> None:
        schema = {
            "fields": {"_values": {"type": "dense_vector", "dimension": 4, "metric": "cosine"}}
        }

        index = pc.indexes.create(name="new", schema=schema, tags={"a": "b"}, timeout=-1)

        assert (index.name, index.dimension, index.tags) == ("new", 4, {"a": "b"})
        assert simulator.project.describe_index("new").region == "us-east-1"

    def test_create_index_elsewhere(self, pc: Pinecone, simulator: Simulator) -> None:
        schema = {
            "fields": {"_values": {"type": "dense_vector", "dimension": 4, "metric": "cosine"}}
        }
        place = {"deployment_type": "managed", "cloud": "gcp", "region": "europe-west4"}

        pc.indexes.create(name="new", schema=schema, deployment=place, timeout=-1)

        index = simulator.project.describe_index("new")
        assert (index.cloud, index.region) == ("gcp", "europe-west4")

    def test_configure_index(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.project.seed_index("docs", tags={"a": "1", "b": "2"})

        pc.indexes.configure("docs", tags={"a": ""}, deletion_protection="enabled")

        index = pc.indexes.describe("docs")
        assert (index.tags, index.deletion_protection) == ({"b": "2"}, "enabled")

    def test_delete_index(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.project.seed_index("docs")

        pc.indexes.delete("docs")

        assert list(pc.indexes.list()) == []

    def test_describe_index_stats(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.project.seed_index("docs", records=5)
        simulator.project.seed_index("other", records=77)
        simulator.project.write_records("docs", 3, namespace="b")

        with pc.index(name="docs") as index:
            stats = index.describe_index_stats()

        assert (stats.total_vector_count, stats.dimension) == (8, 1536)
        assert {name: ns.vector_count for name, ns in stats.namespaces.items()} == {
            "__default__": 5,
            "b": 3,
        }


class TestBackups:
    def test_create_backup(self, pc: Pinecone, simulator: Simulator) -> None:
        index = simulator.project.seed_index("docs", records=100)

        backup = pc.backups.create(index_name="docs", name="first", description="by hand")

        assert (backup.name, backup.description) == ("first", "by hand")
        assert (backup.status, backup.record_count) == ("Initializing", None)
        assert (backup.source_index_name, backup.source_index_id) == ("docs", index.index_id)
        assert (backup.cloud, backup.region) == ("aws", "us-east-1")
        assert backup.tags is None
        assert backup.dense_dimension == 1536

    def test_a_backup_needs_no_name(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.project.seed_index("docs")

        backup = pc.backups.create(index_name="docs")

        assert (backup.name, backup.description) == (None, None)

    def test_a_backup_becomes_ready(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.project.seed_index("docs", records=100)
        created = pc.backups.create(index_name="docs")

        simulator.clock.advance(seconds=600)

        backup = pc.backups.describe(backup_id=created.backup_id)
        assert (backup.status, backup.record_count, backup.namespace_count) == ("Ready", 100, 1)
        assert backup.size_bytes == 100 * (4 * 1536 + 100)

    def test_a_backup_can_fail(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.project.seed_index("docs", records=100)
        simulator.project.expect("docs", Outcome(Result.FAIL))
        created = pc.backups.create(index_name="docs")

        simulator.clock.advance(seconds=600)

        backup = pc.backups.describe(backup_id=created.backup_id)
        assert (backup.status, backup.record_count) == ("InitializationFailed", None)

    def test_list_index_backups(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.project.seed_index("docs")
        simulator.project.seed_index("other")
        mine = simulator.project.seed_backup("docs", name="mine")
        simulator.project.seed_backup("other")

        listed = pc.backups.list(index_name="docs")

        assert [backup.backup_id for backup in listed] == [mine.backup_id]
        assert listed.pagination is None

    def test_list_index_backups_of_deleted_indexes(
        self, pc: Pinecone, simulator: Simulator
    ) -> None:
        deleted = START - timedelta(days=3)
        simulator.project.seed_index("docs", deleted_at=deleted)
        simulator.project.seed_backup("docs")
        simulator.project.seed_index("docs", created_at=deleted)
        simulator.project.seed_backup("docs")

        listed = pc.backups.list(index_name="docs", include_deleted=True)

        dates = sorted(str(backup.source_index_deleted_at) for backup in listed)
        assert dates == ["2026-11-19T12:00:00.000000Z", "None"]
        assert [b.source_index_deleted_at for b in pc.backups.list(index_name="docs")] == [None]

    def test_the_client_walks_all_pages_of_an_index(
        self, pc: Pinecone, simulator: Simulator
    ) -> None:
        simulator.project.seed_index("docs")
        made = {simulator.project.seed_backup("docs").backup_id for _ in range(250)}

        walked = [backup.backup_id for backup in pc.indexes.list_backups("docs")]

        assert len(walked) == 250
        assert set(walked) == made
        assert simulator.requests.counts() == {"list_index_backups": 3}

    def test_the_client_walks_all_pages_of_a_project(
        self, pc: Pinecone, simulator: Simulator
    ) -> None:
        simulator.project.seed_index("docs")
        for _ in range(4):
            simulator.project.seed_backup("docs")

        page = pc.backups.list(limit=2)
        pages = [list(page)]
        while page.pagination is not None:
            page = pc.backups.list(pagination_token=page.pagination.next)
            pages.append(list(page))

        assert [len(rows) for rows in pages] == [2, 2, 0]
        assert len({backup.backup_id for rows in pages for backup in rows}) == 4

    def test_delete_backup(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.project.seed_index("docs")
        backup = simulator.project.seed_backup("docs")

        pc.backups.delete(backup_id=backup.backup_id)

        assert len(pc.backups.list()) == 1
        simulator.clock.advance(seconds=30)
        assert len(pc.backups.list()) == 0

    def test_the_older_spellings_work_too(self, pc: Pinecone, simulator: Simulator) -> None:
        simulator.project.seed_index("docs")

        made = pc.create_backup(index_name="docs", backup_name="old", description="shim")
        listed = pc.list_backups(index_name="docs")
        described = pc.describe_backup(backup_id=made.backup_id)
        pc.delete_backup(backup_id=made.backup_id)

        assert [backup.name for backup in listed] == ["old"]
        assert described.description == "shim"
        assert simulator.project.describe_backup(made.backup_id).deleted_at is not None


class TestTheSeedGuide:
    """What the documentation's own examples show, strange as it is."""

    def test_create_and_describe_date_one_backup_differently(
        self, pc: Pinecone, simulator: Simulator
    ) -> None:
        simulator.behaviour.divergent_created_at = True
        simulator.project.seed_index("docs")

        created = pc.backups.create(index_name="docs")
        described = pc.backups.describe(backup_id=created.backup_id)

        assert created.created_at == "2026-11-22T12:00:00.000000882Z"
        assert described.created_at == "2026-11-22T12:00:00.000049Z"

    def test_one_id_stands_under_two_indexes(self, pc: Pinecone, simulator: Simulator) -> None:
        for index in ("docs-example", "docs-example3"):
            simulator.project.seed_index(index)
            simulator.project.seed_backup(index, backup_id="8c85e612-ed1c-4f97-9f8c-8194e07bcf71")

        listed = [(b.backup_id[:8], b.source_index_name) for b in pc.backups.list()]

        assert listed == [("8c85e612", "docs-example"), ("8c85e612", "docs-example3")]

    def test_the_newest_version_may_send_the_old_shape(
        self, pc: Pinecone, simulator: Simulator
    ) -> None:
        simulator.behaviour.legacy_shape = True
        simulator.project.seed_index("docs", metadata_fields=["genre"])

        backup = pc.backups.create(index_name="docs")

        assert backup.schema is not None
        assert list(backup.schema.fields) == ["genre"]
        assert backup.tags is None


@pytest.mark.parametrize("version", ["2025-04", "2025-10", "2026-04", "2026-07", "unstable"])
def test_the_client_understands_the_backups_of_every_version(
    simulator: Simulator, simulator_url: str, version: str
) -> None:
    simulator.project.seed_index("docs", metadata_fields=["genre"], tags={"a": "b"})
    with official_client(simulator_url, version=version) as client:
        made = client.backups.create(index_name="docs", name="first")
        listed = client.backups.list(index_name="docs")

    assert made.tags == {"a": "b"}
    assert [backup.name for backup in listed] == ["first"]
    assert {call.api_version for call in simulator.requests.calls} == {version}
