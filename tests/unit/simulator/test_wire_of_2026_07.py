"""What 2026-07 does over the wire that earlier versions did not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.simulator import Fault, Simulator, vector_fields
from tests.support.simulator import http_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

OLD = {"x-pinecone-api-version": "2026-04"}
DENSE = {"type": "dense_vector", "dimension": 2, "metric": "cosine"}
SCHEMA = {"fields": {"_values": DENSE}}
EMBED = {"model": "multilingual-e5-large", "field_map": {"text": "body"}}
FOR_MODEL = {"name": "texts", "cloud": "aws", "region": "us-east-1", "embed": EMBED}


@pytest.fixture
def http(simulator_url: str) -> Iterator[httpx.Client]:
    with http_client(simulator_url) as client:
        yield client


class TestCreatingIndexes:
    def test_an_index_is_created_with_201(self, http: httpx.Client) -> None:
        answer = http.post("/indexes", json={"name": "docs", "schema": SCHEMA})

        assert answer.status_code == 201
        assert set(answer.json()["schema"]["fields"]) == {"_values", "_sparse_values"}

    def test_an_index_without_a_name_is_given_one(self, http: httpx.Client) -> None:
        names = {http.post("/indexes", json={"schema": SCHEMA}).json()["name"] for _ in range(2)}

        assert len(names) == 2
        assert all(http.get(f"/indexes/{name}").status_code == 200 for name in names)

    def test_before_a_name_was_needed(self, http: httpx.Client) -> None:
        answer = http.post("/indexes", json={"spec": {"serverless": {}}}, headers=OLD)

        assert answer.status_code == 422
        assert "missing field `name`" in answer.json()["error"]["message"]

    @pytest.mark.parametrize(
        "more", [{"colour": 1}, {"dimension": 2}, {"spec": {"serverless": {}}}, {"pods": 1}]
    )
    def test_unknown_properties_are_refused(self, http: httpx.Client, more: dict[str, Any]) -> None:
        answer = http.post("/indexes", json={"name": "docs", "schema": SCHEMA, **more})

        assert answer.status_code == 422
        assert f"unknown field `{next(iter(more))}`" in answer.json()["error"]["message"]

    @pytest.mark.parametrize(
        ("deployment", "status"), [({"deployment_type": "pod"}, 422), ({}, 201)]
    )
    def test_pods_cannot_be_created(
        self, http: httpx.Client, deployment: dict[str, Any], status: int
    ) -> None:
        body = {"name": "docs", "schema": SCHEMA, "deployment": deployment}

        assert http.post("/indexes", json=body).status_code == status

    @pytest.mark.parametrize("version", ["2026-04", "2026-07"])
    def test_a_byoc_index_needs_dedicated_capacity(self, http: httpx.Client, version: str) -> None:
        old: dict[str, Any] = {"name": "mine", "dimension": 2, "spec": {"byoc": {}}}
        new = {"name": "mine", "schema": SCHEMA, "deployment": {"deployment_type": "byoc"}}

        answer = http.post(
            "/indexes",
            json=old if version == "2026-04" else new,
            headers={"x-pinecone-api-version": version},
        )

        assert answer.status_code == 400
        assert "BYOC" in answer.json()["error"]["message"]

    @pytest.mark.parametrize("tags", [{"a b": "c"}, {"a": "x" * 121}])
    def test_tags_outside_the_rules_are_refused(
        self, http: httpx.Client, tags: dict[str, str]
    ) -> None:
        answer = http.post("/indexes", json={"name": "docs", "schema": SCHEMA, "tags": tags})

        assert answer.status_code == 400

    def test_an_index_for_a_model_has_the_field_of_its_text(self, http: httpx.Client) -> None:
        answer = http.post("/indexes/create-for-model", json=FOR_MODEL)

        assert answer.status_code == 201
        assert answer.json()["schema"]["fields"] == {
            "body": {
                "type": "semantic_text",
                "model": "multilingual-e5-large",
                "metric": "cosine",
                "dimension": 1024,
            }
        }

    def test_a_model_needs_to_know_the_field_of_the_text(self, http: httpx.Client) -> None:
        embed = {"model": "e5", "field_map": {"image": "body"}}

        answer = http.post("/indexes/create-for-model", json={**FOR_MODEL, "embed": embed})

        assert answer.status_code == 400


class TestConfiguringIndexes:
    def test_read_capacity_is_merged(self, http: httpx.Client, simulator: Simulator) -> None:
        simulator.project.seed_index("docs")
        manual = {"shards": 2, "replicas": 1}
        dedicated = {"node_type": "b1", "scaling": "Manual", "manual": manual}
        for sent in (dedicated, {"node_type": "t1"}):
            body = {"read_capacity": {"mode": "Dedicated", "dedicated": sent}}
            answer = http.patch("/indexes/docs", json=body)

        assert answer.json()["read_capacity"]["dedicated"] == {**dedicated, "node_type": "t1"}

    def test_unknown_properties_are_refused(self, http: httpx.Client, simulator: Simulator) -> None:
        simulator.project.seed_index("docs")

        assert http.patch("/indexes/docs", json={"name": "other"}).status_code == 422
        assert http.patch("/indexes/docs", json={"name": "other"}, headers=OLD).status_code == 202


class TestConversions:
    def test_a_conversion_is_started_and_followed(
        self, http: httpx.Client, simulator: Simulator
    ) -> None:
        simulator.project.seed_index("docs", records=3)
        schema = {"fields": {"embedding": DENSE}}
        started = http.post("/indexes/docs/convert", json={"name": "new", "schema": schema})
        job_id = started.json()["conversion_job_id"]
        path = f"/conversion-jobs/{job_id}"
        under_way = http.get(path).json()
        simulator.clock.advance(minutes=5)

        (listed,) = http.get("/conversion-jobs").json()["data"]

        assert started.status_code == 202
        assert (under_way["status"], under_way["completed_at"]) == ("InProgress", None)
        assert listed == http.get(path).json()
        assert (listed["status"], listed["records_converted"]) == ("Completed", 3)
        assert http.get("/indexes/new").json()["status"]["ready"]

    def test_before_there_were_no_conversions(self, http: httpx.Client) -> None:
        assert http.get("/conversion-jobs", headers=OLD).status_code == 404


class TestUnknownRoutes:
    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [("GET", "/nonsense", 404), ("PUT", "/backups", 405), ("GET", "/indexes/a/b/c", 404)],
    )
    def test_they_are_answered_as_errors_are(
        self, http: httpx.Client, method: str, path: str, status: int
    ) -> None:
        answer = http.request(method, path)

        assert answer.status_code == status
        assert answer.json()["status"] == status
        assert answer.json()["error"].keys() == {"code", "message"}

    def test_on_the_host_of_an_index_as_the_data_plane_answers_errors(
        self, http: httpx.Client
    ) -> None:
        answer = http.get("/data/some-index/nonsense")

        assert answer.status_code == 404
        assert answer.json() == {"code": 5, "message": "Not found.", "details": []}

    def test_those_of_the_simulator_stay_its_own(self, http: httpx.Client) -> None:
        assert http.get("/_simulator/nonsense").json() == {"detail": "Not Found"}


class TestEmptyListings:
    @pytest.mark.parametrize("path", ["/indexes", "/backups"])
    def test_they_may_be_without_rows(
        self, http: httpx.Client, simulator: Simulator, path: str
    ) -> None:
        simulator.behaviour.bare_empty_listings = True

        assert http.get(path).json() == {}

    def test_a_page_with_rows_is_whole(self, http: httpx.Client, simulator: Simulator) -> None:
        simulator.behaviour.bare_empty_listings = True
        simulator.project.seed_index("docs")
        simulator.project.seed_backup("docs")

        assert len(http.get("/backups").json()["data"]) == 1
        assert len(http.get("/indexes").json()["indexes"]) == 1

    def test_a_listing_that_must_have_rows_has_them(
        self, http: httpx.Client, simulator: Simulator
    ) -> None:
        simulator.behaviour.bare_empty_listings = True

        assert http.get("/restore-jobs").json() == {"data": [], "pagination": None}


class TestDataPlane:
    @pytest.fixture
    def host(self, simulator: Simulator) -> str:
        index = simulator.project.seed_index("docs", fields=vector_fields(dimension=2), records=3)
        return f"/data/{index.index_id}"

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("vectors/upsert", {"vectors": [{"values": [1, 2]}]}),
            ("vectors/upsert", {}),
            ("vectors/delete", {}),
            ("vectors/delete", {"ids": ["a"], "deleteAll": True}),
            ("vectors/delete", {"filter": {}}),
            ("vectors/update", {"id": "a", "filter": {"b": 1}}),
            ("vectors/update", {"filter": {"b": 1}, "values": [1, 2]}),
            ("vectors/fetch_by_metadata", {"filter": {}}),
            ("query", {"topK": 1}),
            ("query", {"topK": 1, "id": "a", "vector": [1, 2]}),
            ("describe_index_stats", {"filter": {"a": 1}}),
        ],
    )
    def test_a_bad_request_is_answered_as_the_data_plane_answers(
        self, http: httpx.Client, host: str, path: str, body: dict[str, Any]
    ) -> None:
        answer = http.post(f"{host}/{path}", json=body)

        assert answer.status_code == 400
        assert answer.json()["code"] == 3
        assert answer.json().keys() == {"code", "message", "details"}

    @pytest.mark.parametrize("path", ["vectors/list?limit=0", "namespaces?limit=101"])
    def test_a_page_has_a_hundred_rows_at_most(
        self, http: httpx.Client, host: str, path: str
    ) -> None:
        assert http.get(f"{host}/{path}").status_code == 400

    @pytest.mark.parametrize("path", ["vectors/list", "namespaces"])
    def test_a_malformed_token_is_refused(self, http: httpx.Client, host: str, path: str) -> None:
        assert http.get(f"{host}/{path}?paginationToken=xyz").status_code == 400

    def test_a_read_says_what_it_cost_and_how_fresh_it_is(
        self, http: httpx.Client, simulator: Simulator, host: str
    ) -> None:
        answer = http.get(f"{host}/vectors/list")
        http.get(f"{host}/vectors/fetch?ids=rec-000000000")

        assert answer.json()["usage"] == {"readUnits": 1}
        assert answer.headers["x-pinecone-max-indexed-lsn"] == "1"
        assert http.get("/_simulator/requests").json()["read_units"] == 2

    def test_a_key_for_the_control_plane_is_refused_in_plain_text(
        self, http: httpx.Client, simulator: Simulator, host: str
    ) -> None:
        simulator.project.keys = dict.fromkeys(simulator.project.keys, "ControlPlaneEditor")

        answer = http.get(f"{host}/vectors/list")

        assert answer.status_code == 403
        assert answer.headers["content-type"].startswith("text/plain")

    def test_the_host_of_no_index_is_not_found(self, http: httpx.Client) -> None:
        assert http.get("/data/none/vectors/list").json()["code"] == 5

    def test_a_lost_write_is_answered_and_leaves_nothing(
        self, http: httpx.Client, simulator: Simulator, host: str
    ) -> None:
        simulator.faults.add(Fault(kind="lost_write", operation="upsert_vectors"))
        body = {"vectors": [{"id": "a", "values": [1, 2]}]}

        assert http.post(f"{host}/vectors/upsert", json=body).json() == {"upsertedCount": 1}
        assert http.get(f"{host}/vectors/fetch?ids=a").json()["vectors"] == {}

    def test_the_index_of_another_project_is_not_found(
        self, http: httpx.Client, simulator: Simulator, host: str
    ) -> None:
        simulator.add_project("other", keys={"other-key": "ProjectEditor"})

        answer = http.get(f"{host}/vectors/list", headers={"Api-Key": "other-key"})

        assert answer.status_code == 404
