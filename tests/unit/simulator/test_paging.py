"""Offset paging."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.simulator.errors import ApiError
from local.simulator.paging import Window
from local.simulator.versions import ApiVersion

OLD, NEW = ApiVersion("2026-04"), ApiVersion("2026-07")


def test_a_token_is_base64_json_of_limit_and_offset() -> None:
    assert Window(10, 10).token == "eyJsaW1pdCI6MTAsIm9mZnNldCI6MTB9"


@given(rows=st.integers(0, 50), limit=st.integers(1, 12))
def test_a_walk_along_the_tokens_yields_every_row_once(rows: int, limit: int) -> None:
    everything = list(range(rows))
    walked: list[int] = []

    page, token = Window(limit).page(everything)
    walked.extend(page)
    pages = 1
    while token is not None:
        page, token = Window.from_token(token).page(everything)
        walked.extend(page)
        pages += 1

    assert walked == everything
    assert pages == rows // limit + 1


def test_an_exactly_full_last_page_carries_a_token() -> None:
    page, token = Window(2).page(["a", "b"])

    assert list(page) == ["a", "b"]
    assert token == Window(2, 2).token


def test_a_limit_sent_with_a_token_keeps_the_offset() -> None:
    assert Window.parse("3", Window(10, 20).token, NEW) == Window(3, 20)


@pytest.mark.parametrize(("version", "rows"), [(OLD, 10), (NEW, 100)])
def test_the_default_page_size_depends_on_the_version(version: ApiVersion, rows: int) -> None:
    assert Window.parse(None, None, version) == Window(rows)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "many", ""])
def test_an_old_version_bounds_the_limit(limit: str) -> None:
    with pytest.raises(ApiError) as refusal:
        Window.parse(limit, None, OLD)

    assert refusal.value.status == 400


def test_the_newest_version_takes_large_limits() -> None:
    assert Window.parse("5000", None, NEW).limit == 5000


@pytest.mark.parametrize(
    "token",
    [
        "not base64!",
        "bm8ganNvbg==",
        "W10=",
        "eyJsaW1pdCI6MTB9",
        "eyJsaW1pdCI6MCwib2Zmc2V0IjowfQ==",
        "eyJsaW1pdCI6MSwib2Zmc2V0IjotMX0=",
        "eyJsaW1pdCI6InRlbiIsIm9mZnNldCI6MH0=",
        "",
    ],
)
def test_a_malformed_token_is_refused(token: str) -> None:
    with pytest.raises(ApiError) as refusal:
        Window.parse(None, token, NEW)

    assert (refusal.value.status, refusal.value.code) == (400, "INVALID_ARGUMENT")
