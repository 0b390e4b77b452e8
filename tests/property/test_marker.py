from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from pinecone_backup.rules.marker import Marker, looks_like_marker, ours

FIELDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,40}", fullmatch=True)
POLICIES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)
MARKERS = st.builds(
    Marker,
    owner=FIELDS,
    policy=POLICIES,
    slot=TIMES,
    run_id=FIELDS,
    attempt=st.integers(1, 99),
)
INDEXES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,43}[a-z0-9])?", fullmatch=True)
ON_DEMAND = st.builds(
    Marker,
    owner=FIELDS,
    policy=st.none(),
    slot=TIMES,
    run_id=FIELDS,
    attempt=st.just(1),
    expires_at=st.none() | TIMES,
)
WORDS = st.text(max_size=1000).filter(lambda text: not looks_like_marker(text))


@given(MARKERS)
def test_every_marker_is_read_back(marker: Marker) -> None:
    """I2"""
    assert Marker.parse(str(marker)) == marker
    assert looks_like_marker(str(marker))


@given(MARKERS, INDEXES)
def test_what_we_write_is_ours_and_nobody_elses(marker: Marker, index: str) -> None:
    """I2, I5: and its name is one that Pinecone takes."""
    name = marker.name_for(index)
    assert ours(name, str(marker), index, marker.owner) == marker
    assert ours(name, str(marker), index, marker.owner + "2") is None
    assert 1 <= len(name) <= 45
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert name[0] != "-" != name[-1]


@given(ON_DEMAND, INDEXES, INDEXES, WORDS)
def test_whatever_the_caller_says_a_backup_on_demand_is_ours_and_readable(
    marker: Marker, index: str, name: str, text: str
) -> None:
    """I2."""
    marker = marker.named(index, name)
    description = marker.described(text)
    assert description.startswith(text.strip())
    assert ours(name, description, index, marker.owner) == marker
    assert ours(name, description, index + "2", marker.owner) is None
    assert ours(name + "2", description, index, marker.owner) is None
    assert looks_like_marker(description)


@given(st.text() | st.text().map("pinecone-backup/1 owner=".__add__))
def test_no_description_breaks_the_reader(description: str) -> None:
    """I2: what people write is foreign, not an error."""
    marker = Marker.parse(description)
    assert marker is None or description.endswith(str(marker))
