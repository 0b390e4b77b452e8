"""Reading the contents of an index: what each call sends, and how its answer is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pinecone_backup import errors
from pinecone_backup.model import Fetched, Index, IndexKind, Statistics, Usage, Vector
from pinecone_backup.ports import Page
from tests.support.pinecone_transport import Key, Script, answer, client_of, error

if TYPE_CHECKING:
    from pinecone_backup.adapters.pinecone.data_plane import PineconeDataPlane

HOST = "docs-1.svc.us-east-1.pinecone.io"
DOCS = Index(name="docs", kind=IndexKind.SERVERLESS, state="Ready", ready=True, host=HOST)


def plane(script: Script, index: Index = DOCS, key: Key | None = None) -> PineconeDataPlane:
    return client_of(script, key=key or Key()).data_plane(index)


def numbered(body: dict[str, Any], sequence: str) -> httpx.Response:
    return httpx.Response(200, json=body, headers={"x-pinecone-max-indexed-lsn": sequence})


def test_statistics_name_the_default_namespace_as_newer_answers_do() -> None:
    script = Script(
        answer(
            {
                "namespaces": {"": {"vectorCount": 3}, "a": {"vectorCount": 4}, "b": {}},
                "totalVectorCount": 7,
                "dimension": 8,
                "metric": "cosine",
            }
        )
    )
    assert plane(script).statistics() == Statistics(
        7, {"__default__": 3, "a": 4, "b": 0}, 8, "cosine"
    )


def test_ids_are_listed_page_by_page() -> None:
    script = Script(
        answer({"vectors": [{"id": "r1"}, {"id": "r2"}], "pagination": {"next": "t/1="}}),
        answer({"vectors": [{"id": "r3"}], "usage": {"readUnits": 1}}),
        answer({}),
    )
    docs = plane(script)
    assert docs.ids("a", token=None) == Page(["r1", "r2"], "t/1=")
    assert docs.ids("a", token="t/1=") == Page(["r3"], None)
    assert docs.ids("a", token=None) == Page([], None)
    assert script.calls == [
        "GET /vectors/list?namespace=a",
        "GET /vectors/list?namespace=a&paginationToken=t%2F1%3D",
        "GET /vectors/list?namespace=a",
    ]


def test_records_are_read_whole_with_the_number_of_the_newest_write() -> None:
    body = {
        "vectors": {
            "r1": {
                "id": "r1",
                "values": [0.5, 1],
                "sparseValues": {"indices": [9, 2], "values": [0.25, 0.5]},
                "metadata": {"pages": 3},
            },
            "r2": {"id": "r2"},
        }
    }
    found = plane(Script(numbered(body, "41"))).fetch("a", ["r1", "r2", "r3"])
    assert found == Fetched(
        (Vector("r1", (0.5, 1.0), ((2, 0.5), (9, 0.25)), {"pages": 3}), Vector("r2")), 41
    )


def test_many_ids_take_several_calls_and_the_newest_number_counts() -> None:
    script = Script(numbered({}, "7"), numbered({}, "9"), numbered({}, "8"))
    ids = [f"r{number}" for number in range(201)]
    assert plane(script).fetch("a", ids).sequence == 9
    asked = [request.url.params.get_list("ids") for request in script.requests]
    assert [len(each) for each in asked] == [100, 100, 1]
    assert [one for each in asked for one in each] == ids


def test_long_ids_stay_within_what_a_url_may_hold() -> None:
    """An id has 512 letters at most, and each may take three in a URL."""
    script = Script(*[answer({})] * 20)
    ids = [f"{number:02}" + "/" * 510 for number in range(20)]
    plane(script).fetch("a", ids)
    assert max(len(str(request.url)) for request in script.requests) < 8_000
    asked = [one for request in script.requests for one in request.url.params.get_list("ids")]
    assert asked == ids


@pytest.mark.parametrize("header", [None, "", "-1", "soon", "１"])
def test_without_a_number_that_can_be_read_there_is_none(header: str | None) -> None:
    given = {} if header is None else {b"x-pinecone-max-indexed-lsn": header.encode()}
    script = Script(httpx.Response(200, json={}, headers=given))
    assert plane(script).fetch("a", ["r1"]) == Fetched((), None)


def test_no_ids_take_no_call() -> None:
    assert plane(Script()).fetch("a", []) == Fetched((), None)


def test_neighbours_are_asked_for_by_an_id_or_by_values_and_without_contents() -> None:
    script = Script(*[answer({"matches": [{"id": "r1", "score": 1}, {"id": "r2"}]})] * 2)
    docs = plane(script)
    assert docs.nearest("a", "r1", limit=2) == docs.nearest("a", (0.5, 1.0), limit=2)
    assert script.sent(0) == {"namespace": "a", "topK": 2, "id": "r1"}
    assert script.sent(1) == {"namespace": "a", "topK": 2, "vector": [0.5, 1.0]}


def test_calls_and_read_units_are_counted() -> None:
    script = Script(
        answer({"totalVectorCount": 0}),
        answer({"vectors": [], "usage": {"readUnits": 1}}),
        answer({"usage": {"read_units": 10}}),
        answer({"matches": [], "usage": {"readUnits": "many"}}),
    )
    docs = plane(script)
    docs.statistics()
    docs.ids("a", token=None)
    docs.fetch("a", ["r1"])
    docs.nearest("a", "r1", limit=1)
    assert docs.usage == Usage(calls=4, read_units=11)


@pytest.mark.parametrize("host", ["", "evil.example", "docs.pinecone.io.evil.example"])
def test_the_key_goes_to_no_host_that_is_not_pinecones(host: str) -> None:
    script = Script()
    index = Index(name="docs", kind=IndexKind.SERVERLESS, state="Ready", ready=True, host=host)
    with pytest.raises(errors.AnswerMalformed, match="the API key is not sent there") as caught:
        plane(script, index)
    assert script.requests == []
    assert not host or host not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, errors.KeyRejected),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (400, errors.RequestInvalid),
    ],
)
def test_a_refusal_is_typed_and_the_keys_secret_is_not_read_again(
    status: int, kind: type[errors.PineconeError]
) -> None:
    key = Key("control", "other")
    with pytest.raises(kind):
        plane(Script(error(status)), key=key).ids("a", token=None)
    assert key.refreshed == 0


def test_reading_is_repeated_after_what_may_pass_whatever_the_method() -> None:
    script = Script(error(503), answer({"matches": []}))
    assert plane(script).nearest("a", "r1", limit=1) == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"vectors": {"r1": {"id": "r1", "values": "many"}}}']
)
def test_an_answer_that_is_not_understood_changes_nothing_and_says_no_values(body: bytes) -> None:
    script = Script(httpx.Response(200, content=body))
    with pytest.raises(errors.AnswerMalformed) as caught:
        plane(script).fetch("a", ["r1"])
    assert "many" not in str(caught.value)
