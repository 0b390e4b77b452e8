"""What goes over the wire: versions, statuses, bodies, and the shape of every answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import jsonschema
import pytest

from local.simulator import DEFAULT_KEY, Fault, Kind, Simulator, vector_fields
from tests.support.simulator import http_client

if TYPE_CHECKING:
    from collections.abc import Iterator

OLD, NEW = ("2025-04", "2025-10", "2026-04"), ("2026-07", "unstable")
TEXT, COUNT = {"type": "string"}, {"type": "integer", "minimum": 0}
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$"}
TAGS = {"type": ["object", "null"], "additionalProperties": TEXT}
OLD_TAGS = {"type": "object", "additionalProperties": TEXT}
SCHEMA = {
    "type": "object",
    "required": ["fields"],
    "properties": {"fields": {"type": "object", "additionalProperties": {"type": "object"}}},
}


def record(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """A JSON schema of an object with exactly these fields."""
    return {
        "type": "object",
        "required": list(required),
        "properties": required | (optional or {}),
        "additionalProperties": False,
    }


def listing(row: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema of one page."""
    following = {"anyOf": [{"type": "null"}, record({"next": TEXT})]}
    return record({"data": {"type": "array", "items": row}, "pagination": following})


def old_listing(row: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema of one page before 2026-07, when the last one had no ``pagination``."""
    return record({"data": {"type": "array", "items": row}}, {"pagination": record({"next": TEXT})})


BACKUP = record(
    {
        "backup_id": TEXT,
        "source_index_name": TEXT,
        "source_index_id": TEXT,
        "status": {"enum": ["Initializing", "Ready", "InitializationFailed"]},
        "cloud": TEXT,
        "region": TEXT,
        "schema": SCHEMA,
        "tags": TAGS,
        "created_at": TIME,
    },
    {
        "name": TEXT,
        "description": TEXT,
        "record_count": COUNT,
        "namespace_count": COUNT,
        "size_bytes": COUNT,
        "source_index_deleted_at": TIME,
    },
)
OLD_BACKUP = record(
    {
        "backup_id": TEXT,
        "source_index_name": TEXT,
        "source_index_id": TEXT,
        "status": {"enum": ["Initializing", "Ready", "Failed"]},
        "cloud": TEXT,
        "region": TEXT,
        "metric": {"enum": ["cosine", "euclidean", "dotproduct"]},
        "created_at": TIME,
    },
    {
        "tags": OLD_TAGS,
        "dimension": {"type": "integer", "minimum": 1, "maximum": 20000},
        "schema": SCHEMA,
        "name": TEXT,
        "description": TEXT,
        "record_count": COUNT,
        "namespace_count": COUNT,
        "size_bytes": COUNT,
        "source_index_deleted_at": TIME,
    },
)
INDEX = record(
    {
        "name": TEXT,
        "host": TEXT,
        "status": record({"ready": {"type": "boolean"}, "state": TEXT}),
        "deployment": {"type": "object", "required": ["deployment_type"]},
        "schema": SCHEMA,
        "deletion_protection": {"enum": ["enabled", "disabled"]},
        "tags": TAGS,
    },
    {"read_capacity": {"type": "object"}, "source_backup_id": TEXT, "cmek_id": TEXT},
)
OLD_INDEX = record(
    {
        "name": TEXT,
        "host": TEXT,
        "status": record({"ready": {"type": "boolean"}, "state": TEXT}),
        "metric": TEXT,
        "vector_type": {"enum": ["dense", "sparse"]},
        "spec": {"type": "object", "minProperties": 1, "maxProperties": 1},
        "deletion_protection": {"enum": ["enabled", "disabled"]},
    },
    {
        "tags": OLD_TAGS,
        "dimension": COUNT,
        "embed": {"type": "object"},
        "source_backup_id": TEXT,
        "cmek_id": TEXT,
    },
)
SCHEDULE = record(
    {
        "schedule_id": TEXT,
        "name": TEXT,
        "index_id": TEXT,
        "project_id": TEXT,
        "schedule_type": {"const": "time-based"},
        "frequency": {"enum": ["daily", "weekly", "monthly"]},
        "retention_expire_after_days": {"type": "integer", "minimum": 1},
        "enabled": {"type": "boolean"},
        "next_scheduled_run": {"anyOf": [TIME, {"type": "null"}]},
        "created_at": TIME,
    }
)
MAYBE_COUNT = {"anyOf": [COUNT, {"type": "null"}]}
HISTORY = record(
    {
        "backup_id": TEXT,
        "source_index_id": TEXT,
        "source_index_name": TEXT,
        "name": TEXT,
        "status": {"enum": ["Scheduled", "Initializing", "Ready", "InitializationFailed"]},
        "cloud": TEXT,
        "region": TEXT,
        "created_at": TIME,
        "record_count": MAYBE_COUNT,
        "namespace_count": MAYBE_COUNT,
        "size_bytes": MAYBE_COUNT,
    },
    {
        "description": {"type": ["string", "null"]},
        "schema": SCHEMA,
        "tags": TAGS,
        "scheduled_execution_at": TIME,
    },
)
JOB = record(
    {
        "restore_job_id": TEXT,
        "backup_id": TEXT,
        "target_index_name": TEXT,
        "target_index_id": TEXT,
        "status": {"enum": ["Pending", "Completed", "Failed"]},
        "created_at": TIME,
        "completed_at": {"anyOf": [TIME, {"type": "null"}]},
    },
    {"percent_complete": {"const": 100}},
)
OLD_JOB = record(
    {name: part for name, part in JOB["properties"].items() if name in JOB["required"][:-1]},
    {"completed_at": TIME, "percent_complete": {"const": 100}},
)
STATS = record(
    {
        "namespaces": {"type": "object", "additionalProperties": record({"vectorCount": COUNT})},
        "indexFullness": {"type": "number"},
        "totalVectorCount": COUNT,
        "metric": TEXT,
        "vectorType": TEXT,
        "memoryFullness": {"type": "number"},
        "storageFullness": {"type": "number"},
    },
    {"dimension": COUNT},
)
ERROR = record(
    {"error": record({"code": TEXT, "message": TEXT}), "status": {"type": "integer"}},
)


@pytest.fixture
def http(simulator_url: str) -> Iterator[httpx.Client]:
    """A client of the newest version; a request may name another."""
    with http_client(simulator_url) as client:
        yield client


def as_of(version: str) -> dict[str, str]:
    """The header that asks for a version."""
    return {"x-pinecone-api-version": version}


def populate(simulator: Simulator) -> None:
    """Every kind of index, backups in every state, a schedule and restores."""
    project = simulator.project
    project.seed_index("docs", records=50, tags={"a": "b"}, metadata_fields=["genre"])
    project.seed_index("terms", fields=vector_fields(dimension=None))
    project.seed_index("texts", fields=vector_fields(embed_model="e5"))
    project.seed_index("papers", fields=vector_fields(full_text=True))
    project.seed_index("pods", kind=Kind.POD)
    project.seed_index("mine", kind=Kind.BYOC, cmek_id="key-1")
    for status in ("Ready", "Initializing", "InitializationFailed"):
        project.seed_backup("docs", status=status, description="seeded")
    project.seed_backup("terms", record_count=None)
    project.seed_index("gone")
    ready = project.seed_backup("gone", name="last")
    project.delete_index("gone")
    project.create_index_from_backup(ready.backup_id, "copy")
    project.create_schedule("docs", name="nightly", frequency="daily", retention_days=9)
    simulator.clock.advance(days=2)
    project.create_index_from_backup(ready.backup_id, "copy-2")


class TestShapes:
    @pytest.mark.parametrize(
        ("path", "schema"),
        [
            ("/backups", listing(BACKUP)),
            ("/indexes/docs/backups?include_deleted=true", listing(BACKUP)),
            ("/restore-jobs", listing(JOB)),
            ("/indexes/docs/backup-schedules", listing(SCHEDULE)),
            ("/indexes", record({"indexes": {"type": "array", "items": INDEX}})),
            ("/indexes/copy", INDEX),
        ],
    )
    @pytest.mark.parametrize("version", NEW)
    def test_an_answer_of_a_new_version_has_its_shape(
        self,
        http: httpx.Client,
        simulator: Simulator,
        version: str,
        path: str,
        schema: dict[str, Any],
    ) -> None:
        populate(simulator)

        answer = http.get(path, headers=as_of(version))

        assert answer.status_code == 200
        jsonschema.validate(answer.json(), schema)
        assert answer.json().get("data", True)

    @pytest.mark.parametrize(
        ("path", "schema"),
        [
            ("/backups", old_listing(OLD_BACKUP)),
            ("/indexes/docs/backups", old_listing(OLD_BACKUP)),
            ("/restore-jobs", old_listing(OLD_JOB)),
            ("/indexes", record({"indexes": {"type": "array", "items": OLD_INDEX}})),
            ("/indexes/copy", OLD_INDEX),
        ],
    )
    @pytest.mark.parametrize("version", OLD)
    def test_an_answer_of_an_old_version_has_its_shape(
        self,
        http: httpx.Client,
        simulator: Simulator,
        version: str,
        path: str,
        schema: dict[str, Any],
    ) -> None:
        populate(simulator)

        answer = http.get(path, headers=as_of(version))

        assert answer.status_code == 200
        jsonschema.validate(answer.json(), schema)
        assert answer.json().get("data", True)

    @pytest.mark.parametrize("planned_status", ["Initializing", "Scheduled"])
    def test_a_history_has_its_shape(
        self, http: httpx.Client, simulator: Simulator, planned_status: str
    ) -> None:
        populate(simulator)
        http.patch("/_simulator/behaviour", json={"planned_status": planned_status})
        (schedule,) = simulator.project.list_schedules("docs")

        answer = http.get(f"/backup-schedules/{schedule.schedule_id}/history").json()

        jsonschema.validate(answer, listing(HISTORY))
        assert [row["status"] for row in answer["data"]] == [planned_status, "Ready", "Ready"]
        assert ("scheduled_execution_at" in answer["data"][0]) == (planned_status == "Scheduled")

    def test_statistics_have_their_shape(self, http: httpx.Client, simulator: Simulator) -> None:
        populate(simulator)

        for index in http.get("/indexes").json()["indexes"]:
            answer = http.post(f"{index['host']}/describe_index_stats", json={})
            jsonschema.validate(answer.json(), STATS)

    def test_a_failure_is_spelt_as_its_version_does(
        self, http: httpx.Client, simulator: Simulator
    ) -> None:
        simulator.project.seed_index("docs")
        simulator.project.seed_backup("docs", status="InitializationFailed")

        spelt = {
            version: http.get("/backups", headers=as_of(version)).json()["data"][0]["status"]
            for version in ("2026-04", "2026-07")
        }

        assert spelt == {"2026-04": "Failed", "2026-07": "InitializationFailed"}

    def test_an_index_without_tags_says_null(
        self, http: httpx.Client, simulator: Simulator
    ) -> None:
        simulator.project.seed_index("docs")

        made = http.post("/indexes/docs/backups", json={}).json()

        assert made["tags"] is None
        assert "name" not in made
        assert "record_count" not in made


class TestVersions:
    @pytest.mark.parametrize(
        ("version", "status"),
        [("2025-04", 201), ("2025-10", 201), ("2026-04", 201), ("2026-07", 200), ("unstable", 200)],
    )
    def test_the_status_of_a_create_depends_on_the_version(
        self, http: httpx.Client, simulator: Simulator, version: str, status: int
    ) -> None:
        simulator.project.seed_index("docs")

        answer = http.post("/indexes/docs/backups", json={}, headers=as_of(version))

        assert answer.status_code == status

    @pytest.mark.parametrize(("version", "rows"), [("2026-04", 10), ("2026-07", 100)])
    def test_the_default_limit_depends_on_the_version(
        self, http: httpx.Client, simulator: Simulator, version: str, rows: int
    ) -> None:
        simulator.project.seed_index("docs")
        for _ in range(101):
            simulator.project.seed_backup("docs")

        assert len(http.get("/backups", headers=as_of(version)).json()["data"]) == rows

    def test_a_request_without_a_version_gets_the_oldest(
        self, simulator: Simulator, simulator_url: str
    ) -> None:
        simulator.project.seed_index("docs")

        answer = httpx.post(
            f"{simulator_url}/indexes/docs/backups", json={}, headers={"Api-Key": DEFAULT_KEY}
        )

        assert answer.status_code == 201
        jsonschema.validate(answer.json(), OLD_BACKUP)

    def test_an_unknown_version_is_refused(self, http: httpx.Client) -> None:
        answer = http.get("/backups", headers=as_of("2031-01"))

        assert answer.status_code == 400
        assert "2031-01" in answer.json()["error"]["message"]

    @pytest.mark.parametrize(
        ("version", "since", "status"),
        [
            ("2025-10", "2026-04", 404),
            ("2026-04", "2026-04", 200),
            ("2026-07", "2026-04", 200),
            ("2026-07", "unstable", 404),
            ("unstable", "unstable", 200),
        ],
    )
    def test_schedules_exist_since_a_version(
        self, http: httpx.Client, simulator: Simulator, version: str, since: str, status: int
    ) -> None:
        simulator.behaviour.schedules_since = since
        simulator.project.seed_index("docs")

        answer = http.get("/indexes/docs/backup-schedules", headers=as_of(version))

        assert answer.status_code == status

    @pytest.mark.parametrize("version", OLD)
    def test_an_old_401_is_json(self, http: httpx.Client, version: str) -> None:
        answer = http.get("/backups", headers={"Api-Key": "wrong"} | as_of(version))

        assert answer.status_code == 401
        jsonschema.validate(answer.json(), ERROR)

    @pytest.mark.parametrize("version", NEW)
    def test_a_new_401_is_plain_text(self, http: httpx.Client, version: str) -> None:
        answer = http.get("/backups", headers={"Api-Key": "wrong"} | as_of(version))

        assert (answer.status_code, answer.text) == (401, "Invalid API key")
        assert answer.headers["content-type"].startswith("text/plain")

    def test_configuring_is_accepted_by_old_and_done_by_new_versions(
        self, http: httpx.Client, simulator: Simulator
    ) -> None:
        simulator.project.seed_index("docs")

        old = http.patch("/indexes/docs", json={}, headers=as_of("2026-04"))
        new = http.patch("/indexes/docs", json={})

        assert (old.status_code, new.status_code) == (202, 200)


class TestBodies:
    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/indexes/docs/backups", b"{not json"),
            ("/indexes/docs/backups", b""),
            ("/indexes/docs/backups", b"[]"),
            ("/indexes/docs/backups", b'{"name": 7}'),
            ("/indexes/docs/backup-schedules", b'{"name": "n"}'),
            ("/backups/some-id/create-index", b"{}"),
            ("/indexes", b'{"name": "new"}'),
            ("/indexes", b'{"name": "new", "schema": {}}'),
        ],
    )
    def test_a_body_that_cannot_be_read_is_unprocessable(
        self, http: httpx.Client, simulator: Simulator, path: str, body: bytes
    ) -> None:
        simulator.project.seed_index("docs")

        answer = http.post(path, content=body, headers={"Content-Type": "application/json"})

        assert answer.status_code == 422
        assert answer.json()["error"]["code"] == "UNPROCESSABLE_ENTITY"
        assert answer.json()["error"]["message"].startswith(
            "Failed to deserialize the JSON body into the target type: "
        )

    def test_a_missing_field_is_named(self, http: httpx.Client) -> None:
        answer = http.post("/backups/some-id/create-index", json={})

        assert "missing field `name`" in answer.json()["error"]["message"]

    def test_a_wrong_key_is_noticed_before_a_wrong_body(self, http: httpx.Client) -> None:
        answer = http.post("/indexes/docs/backups", content=b"{", headers={"Api-Key": "wrong"})

        assert answer.status_code == 401

    def test_unknown_fields_are_ignored(self, http: httpx.Client, simulator: Simulator) -> None:
        simulator.project.seed_index("docs")

        answer = http.post("/indexes/docs/backups", json={"name": "a", "retention": 3})

        assert answer.status_code == 200

    @pytest.mark.parametrize("query", ["limit=0", "limit=x", "include_deleted=maybe"])
    def test_a_bad_query_is_a_bad_request(
        self, http: httpx.Client, simulator: Simulator, query: str
    ) -> None:
        simulator.project.seed_index("docs")

        answer = http.get(f"/indexes/docs/backups?{query}")

        assert answer.status_code == 400
        jsonschema.validate(answer.json(), ERROR)

    def test_only_time_based_schedules_exist(
        self, http: httpx.Client, simulator: Simulator
    ) -> None:
        simulator.project.seed_index("docs")

        answer = http.post(
            "/indexes/docs/backup-schedules",
            json={
                "name": "n",
                "schedule": {"type": "lunar", "frequency": "daily"},
                "retention": {"expire_after_days": 1},
            },
        )

        assert answer.status_code == 400

    @pytest.mark.parametrize("version", OLD)
    def test_an_index_can_be_created_in_the_old_form(
        self, http: httpx.Client, simulator: Simulator, version: str
    ) -> None:
        body = {
            "name": "new",
            "dimension": 4,
            "metric": "dotproduct",
            "spec": {"serverless": {"cloud": "aws", "region": "eu-west-1"}},
            "deletion_protection": "enabled",
        }

        answer = http.post("/indexes", json=body, headers=as_of(version))

        assert answer.status_code == 201
        index = simulator.project.describe_index("new")
        assert (index.region, index.deletion_protection) == ("eu-west-1", True)
        assert index.fields["_values"]["dimension"] == 4

    def test_an_unknown_kind_of_index_is_refused(self, http: httpx.Client) -> None:
        body = {"name": "new", "spec": {"steam": {}}}

        answer = http.post("/indexes", json=body, headers=as_of("2026-04"))

        assert answer.status_code == 400


def test_latency_and_another_fault_add_up(http: httpx.Client, simulator: Simulator) -> None:
    simulator.faults.add(Fault(kind="latency", seconds=0.001))
    simulator.faults.add(Fault(kind="status", status=503))

    assert http.get("/backups").status_code == 503
    assert simulator.requests.calls[0].faults == ["latency", "status"]


@pytest.mark.parametrize("kind", ["empty_listing", "repeat_token", "lost_write"])
def test_a_fault_of_listings_and_writes_leaves_other_answers_alone(
    http: httpx.Client, simulator: Simulator, kind: str
) -> None:
    simulator.project.seed_index("docs")
    plain = http.get("/indexes/docs").json()
    simulator.faults.add(Fault.model_validate({"kind": kind, "times": None}))

    assert http.get("/indexes/docs").json() == plain
    assert http.get("/indexes/nope").status_code == 404
    assert http.delete("/indexes/docs").status_code == 202


@pytest.mark.parametrize(
    ("status", "code"), [(403, "FORBIDDEN"), (500, "UNKNOWN"), (503, "SERVICE_UNAVAILABLE")]
)
def test_a_refusal_by_fault_looks_like_any_other(
    http: httpx.Client, simulator: Simulator, status: int, code: str
) -> None:
    simulator.faults.add(Fault(kind="status", status=status, message="so there"))

    answer = http.get("/backups")

    assert answer.status_code == status
    assert answer.json()["error"] == {"code": code, "message": "so there"}


def test_a_401_by_fault_is_plain_text_too(http: httpx.Client, simulator: Simulator) -> None:
    simulator.faults.add(Fault(kind="status", status=401))

    assert http.get("/backups").text == "Invalid API key"


def test_every_answer_has_a_request_id(http: httpx.Client) -> None:
    first, second = http.get("/backups"), http.get("/backups")

    assert first.headers["x-pinecone-request-id"] != second.headers["x-pinecone-request-id"]


def test_the_statistics_of_a_deleted_index_are_not_found(
    http: httpx.Client, simulator: Simulator
) -> None:
    index = simulator.project.seed_index("docs")
    simulator.project.delete_index("docs")

    answer = http.post(f"/data/{index.index_id}/describe_index_stats", json={})

    assert answer.status_code == 404


def test_the_openapi_document_separates_pinecone_from_the_simulator(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()

    tags = {
        path.startswith("/_simulator"): {tag for call in calls.values() for tag in call["tags"]}
        for path, calls in document["paths"].items()
    }
    assert tags[True] == {"Simulator"}
    assert all(tag.startswith("Pinecone: ") for tag in tags[False])
    assert document["paths"]["/backups"]["get"]["operationId"] == "list_project_backups"
