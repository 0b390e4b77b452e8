"""Setting the scene over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.simulator import DEFAULT_KEY, Fault, Simulator
from tests.support.simulator import http_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

EMPTY_LOG = {"counts": {}, "read_units": 0, "calls": []}


@pytest.fixture
def http(simulator_url: str) -> Iterator[httpx.Client]:
    with http_client(simulator_url) as client:
        yield client


def backups(http: httpx.Client) -> list[dict[str, Any]]:
    """What the project's listing shows."""
    rows: list[dict[str, Any]] = http.get("/backups").json()["data"]
    return rows


class TestClock:
    def test_the_clock_can_be_read(self, http: httpx.Client) -> None:
        assert http.get("/_simulator/clock").json() == {
            "now": "2026-11-22T12:00:00Z",
            "frozen": True,
        }

    def test_the_clock_can_be_set_and_advanced(self, http: httpx.Client) -> None:
        answer = http.post(
            "/_simulator/clock", json={"now": "2027-01-01T00:00:00Z", "advance_seconds": 60}
        )

        assert answer.json()["now"] == "2027-01-01T00:01:00Z"

    def test_the_clock_can_be_resumed_and_frozen(
        self, http: httpx.Client, simulator: Simulator
    ) -> None:
        http.post("/_simulator/clock", json={"frozen": False})
        assert not simulator.clock.frozen
        http.post("/_simulator/clock", json={"frozen": True})
        assert simulator.clock.frozen

    @pytest.mark.parametrize("order", [{"now": "2027-01-01T00:00:00"}, {"jump": 3}])
    def test_a_senseless_order_is_refused(self, http: httpx.Client, order: dict[str, Any]) -> None:
        assert http.post("/_simulator/clock", json=order).status_code == 422


class TestSeeding:
    def test_an_index_with_a_past(self, http: httpx.Client, simulator: Simulator) -> None:
        answer = http.post(
            "/_simulator/indexes",
            json={
                "name": "docs",
                "created_at": "2025-01-01T00:00:00Z",
                "records": 10,
                "dimension": 8,
                "tags": {"backup-policy": "gold"},
                "deletion_protection": True,
            },
        )

        assert answer.status_code == 201
        index = simulator.project.describe_index("docs")
        assert answer.json()["index_id"] == index.index_id
        assert index.fields["_values"]["dimension"] == 8
        assert (index.tags, index.deletion_protection) == ({"backup-policy": "gold"}, True)
        assert index.records(simulator.clock.now()) == {"__default__": 10}

    @pytest.mark.parametrize(
        ("order", "field"),
        [
            ({"dimension": None}, "_sparse_values"),
            ({"embed_model": "e5"}, "text"),
            ({"full_text": True}, "body"),
            ({"fields": {"own": {"type": "string"}}}, "own"),
        ],
    )
    def test_an_index_of_a_kind(
        self, http: httpx.Client, simulator: Simulator, order: dict[str, Any], field: str
    ) -> None:
        http.post("/_simulator/indexes", json={"name": "docs"} | order)

        assert field in simulator.project.describe_index("docs").fields

    def test_a_backup_with_a_past(self, http: httpx.Client, simulator: Simulator) -> None:
        simulator.project.seed_index("docs")

        answer = http.post(
            "/_simulator/backups",
            json={
                "index_name": "docs",
                "name": "Any_Name",
                "description": "any text",
                "created_at": "2024-02-29T01:02:03Z",
                "status": "Ready",
                "record_count": 5,
            },
        )

        assert answer.status_code == 201
        (backup,) = backups(http)
        assert backup["backup_id"] == answer.json()["backup_id"]
        assert (backup["name"], backup["description"]) == ("Any_Name", "any text")
        assert (backup["created_at"], backup["record_count"]) == ("2024-02-29T01:02:03.000000Z", 5)

    def test_a_backup_without_counts(self, http: httpx.Client, simulator: Simulator) -> None:
        simulator.project.seed_index("docs")

        http.post("/_simulator/backups", json={"index_name": "docs", "record_count": None})

        assert "record_count" not in backups(http)[0]

    def test_a_backup_whose_status_follows_from_the_time(
        self, http: httpx.Client, simulator: Simulator
    ) -> None:
        simulator.project.seed_index("docs")

        http.post("/_simulator/backups", json={"index_name": "docs", "status": None})

        assert backups(http)[0]["status"] == "Initializing"
        http.post("/_simulator/clock", json={"advance_seconds": 600})
        assert backups(http)[0]["status"] == "Ready"

    def test_a_backup_needs_an_index(self, http: httpx.Client) -> None:
        answer = http.post("/_simulator/backups", json={"index_name": "nope"})

        assert (answer.status_code, answer.json()) == (404, {"detail": "Index nope not found."})

    def test_records_can_be_written(self, http: httpx.Client, simulator: Simulator) -> None:
        simulator.project.seed_index("docs")

        http.post("/_simulator/indexes/docs/records", json={"records": 4, "namespace": "b"})

        assert simulator.project.describe_index("docs").records(simulator.clock.now()) == {"b": 4}

    def test_an_index_can_be_recreated(self, http: httpx.Client, simulator: Simulator) -> None:
        old = simulator.project.seed_index("docs")

        answer = http.post("/_simulator/indexes/docs/recreate?records=3")

        assert answer.json()["index_id"] != old.index_id

    def test_the_next_backups_can_be_decided(
        self, http: httpx.Client, simulator: Simulator
    ) -> None:
        simulator.project.seed_index("docs", records=8)

        order = {"result": "shrink", "share": 0.25, "seconds": 5}
        http.post("/_simulator/indexes/docs/outcomes", json=order)
        http.post("/indexes/docs/backups", json={})
        simulator.clock.advance(seconds=5)

        assert backups(http)[0]["record_count"] == 2

    def test_the_next_restores_can_be_decided(
        self, http: httpx.Client, simulator: Simulator
    ) -> None:
        simulator.project.seed_index("docs")
        backup = simulator.project.seed_backup("docs")

        http.post("/_simulator/restore-outcomes", json={"result": "fail", "seconds": 0})
        http.post(f"/backups/{backup.backup_id}/create-index", json={"name": "copy"})

        assert http.get("/restore-jobs").json()["data"][0]["status"] == "Failed"

    def test_the_next_restores_can_be_damaged(
        self, http: httpx.Client, simulator: Simulator
    ) -> None:
        simulator.project.seed_index("docs")
        backup = simulator.project.seed_backup("docs", record_count=100)
        harms = [{"damage": "records_lost", "share": 0.5}, {"damage": "job_unknown"}]

        http.post("/_simulator/restore-outcomes", json={"result": "ready", "damages": harms})
        http.post(f"/backups/{backup.backup_id}/create-index", json={"name": "copy"})
        simulator.clock.advance(minutes=5)

        (copy,) = http.get("/_simulator/state").json()["projects"]["default"]["indexes"][1:]
        assert 30 < copy["namespaces"]["__default__"] < 70
        assert http.get("/restore-jobs").json()["data"] == []

    @pytest.mark.parametrize(
        "harm", [{"damage": "set_on_fire"}, {"damage": "records_lost", "share": 2}]
    )
    def test_a_damage_that_there_is_not_is_refused(
        self, http: httpx.Client, harm: dict[str, Any]
    ) -> None:
        order = {"result": "ready", "damages": [harm]}

        assert http.post("/_simulator/restore-outcomes", json=order).status_code == 422

    def test_the_next_conversions_can_be_decided(
        self, http: httpx.Client, simulator: Simulator
    ) -> None:
        simulator.project.seed_index("docs")
        field = {"type": "dense_vector", "dimension": 2, "metric": "cosine"}
        order = {"name": "new", "schema": {"fields": {"own": field}}}

        http.post("/_simulator/conversion-outcomes", json={"result": "fail", "seconds": 0})
        http.post("/indexes/docs/convert", json=order)

        assert http.get("/conversion-jobs").json()["data"][0]["status"] == "Failed"
        assert http.get("/indexes/new").json()["status"]["state"] == "InitializationFailed"


class TestProjects:
    def test_a_project_can_be_added(self, http: httpx.Client) -> None:
        http.put("/_simulator/projects/two", json={"keys": {"key-2": "ProjectEditor"}})
        http.post("/_simulator/indexes?project=two", json={"name": "docs"})

        answer = http.get("/indexes", headers={"Api-Key": "key-2"})
        assert [index["name"] for index in answer.json()["indexes"]] == ["docs"]
        assert http.get("/indexes").json() == {"indexes": []}

    def test_a_key_can_be_replaced(self, http: httpx.Client) -> None:
        http.put("/_simulator/projects/default", json={"keys": {"new": "ProjectEditor"}})

        assert http.get("/backups").status_code == 401
        assert http.get("/backups", headers={"Api-Key": "new"}).status_code == 200

    def test_plan_and_quota_can_be_changed(self, http: httpx.Client, simulator: Simulator) -> None:
        order = {"plan": "enterprise", "backup_quota": 3, "past_due": True}
        http.put("/_simulator/projects/default", json=order)

        project = simulator.project
        assert (project.plan, project.backup_quota, project.past_due) == ("enterprise", 3, True)
        http.put("/_simulator/projects/default", json={"backup_quota": None})
        assert (project.plan, project.backup_quota) == ("enterprise", None)

    @pytest.mark.parametrize("order", [{"plan": "gold"}, {"keys": {"k": "King"}}, {"colour": 1}])
    def test_a_senseless_project_is_refused(
        self, http: httpx.Client, simulator: Simulator, order: dict[str, Any]
    ) -> None:
        assert http.put("/_simulator/projects/two", json=order).status_code == 422
        assert "two" not in simulator.projects

    def test_an_unknown_project_is_not_found(self, http: httpx.Client) -> None:
        answer = http.post("/_simulator/indexes?project=two", json={"name": "docs"})

        assert answer.status_code == 404


class TestBehaviour:
    def test_a_switch_can_be_thrown(self, http: httpx.Client, simulator: Simulator) -> None:
        answer = http.patch(
            "/_simulator/behaviour", json={"backup_seconds": 1, "legacy_shape": True}
        )

        assert answer.json()["backup_seconds"] == 1
        assert simulator.behaviour.legacy_shape
        assert simulator.project.behaviour.backup_seconds == 1

    @pytest.mark.parametrize("change", [{"colour": 1}, {"backup_seconds": "long"}])
    def test_a_senseless_change_is_refused(
        self, http: httpx.Client, simulator: Simulator, change: dict[str, Any]
    ) -> None:
        assert http.patch("/_simulator/behaviour", json=change).status_code == 422
        assert simulator.behaviour.backup_seconds == 600


class TestFaults:
    def test_faults_can_be_added_listed_and_cleared(self, http: httpx.Client) -> None:
        added = http.post("/_simulator/faults", json={"kind": "status", "times": 2}).json()

        assert http.get("/_simulator/faults").json() == [added]
        assert http.get("/backups").status_code == 503
        http.delete("/_simulator/faults", params={"fault_id": added["fault_id"]})
        assert http.get("/backups").status_code == 200

    def test_control_routes_are_never_hit(self, http: httpx.Client, simulator: Simulator) -> None:
        simulator.faults.add(Fault(kind="status", times=None))

        assert http.get("/_simulator/clock").status_code == 200


class TestRequests:
    def test_requests_are_counted_by_operation(self, http: httpx.Client) -> None:
        for _ in range(2):
            http.get("/backups?limit=3")
        http.get("/indexes")

        answer = http.get("/_simulator/requests").json()

        assert answer["counts"] == {"list_project_backups": 2, "list_indexes": 1}
        assert answer["calls"][0] == {
            "operation": "list_project_backups",
            "method": "GET",
            "path": "/backups",
            "query": "limit=3",
            "project": "default",
            "api_version": "2026-07",
            "offset": 0,
            "status": 200,
            "read_units": 0,
            "faults": [],
            "at": "2026-11-22T12:00:00+00:00",
        }

    def test_the_log_can_be_cleared(self, http: httpx.Client) -> None:
        http.get("/indexes")

        http.delete("/_simulator/requests")

        assert http.get("/_simulator/requests").json() == EMPTY_LOG

    def test_requests_can_be_distinguished_by_project(self, http: httpx.Client) -> None:
        http.get("/indexes", headers={"Api-Key": "nobody's"})

        answer = http.get("/_simulator/requests", params={"project": "default"}).json()

        assert answer == EMPTY_LOG


def test_the_state_shows_everything_but_keys(http: httpx.Client, simulator: Simulator) -> None:
    simulator.project.seed_index("docs")
    simulator.project.seed_backup("docs")
    simulator.project.create_schedule("docs", name="n", frequency="daily", retention_days=1)

    answer = http.get("/_simulator/state")

    project = answer.json()["projects"]["default"]
    assert [index["state"] for index in project["indexes"]] == ["Ready"]
    assert sorted(b["status"] for b in project["backups"]) == ["Initializing", "Ready"]
    assert len(project["schedules"]) == 1
    assert DEFAULT_KEY not in answer.text


def test_a_reset_forgets_everything_but_the_time(http: httpx.Client, simulator: Simulator) -> None:
    simulator.project.seed_index("docs")
    simulator.behaviour.backup_seconds = 1
    simulator.faults.add(Fault(kind="drop", times=None))
    now = simulator.clock.advance(days=1)

    http.post("/_simulator/reset")

    assert http.get("/indexes").json() == {"indexes": []}
    assert simulator.behaviour.backup_seconds == 600
    assert simulator.project.behaviour is simulator.behaviour
    assert simulator.clock.now() == now
