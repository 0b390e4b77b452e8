from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import pytest

from pinecone_backup.rules.marker import Marker, index_digest, looks_like_marker, ours

SLOT = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
MARKER = Marker(owner="backup-prod", policy="gold", slot=SLOT, run_id="01JRUN", attempt=2)
TEXT = "pinecone-backup/1 owner=backup-prod policy=gold slot=20260329T013000Z run=01JRUN attempt=2"
ON_DEMAND = Marker("backup-prod", None, SLOT, "01JRUN", 1).named("catalogue", "before-import")
MANUAL = (
    "[pinecone-backup/2 owner=backup-prod at=20260329T013000Z run=01JRUN "
    f"name={sha256(b'catalogue/before-import').hexdigest()[:8]} expires=never]"
)
NAME = "gold-20260329t0130z-" + sha256(b"catalogue").hexdigest()[:6] + "-2"


# The marker


def test_a_marker_carries_version_owner_policy_slot_run_and_attempt() -> None:
    """I2: this text is stored with every backup; a change of it disowns them all."""
    assert str(MARKER) == TEXT


def test_a_marker_is_read_back_as_it_was_written() -> None:
    """I2"""
    assert Marker.parse(TEXT) == MARKER


def test_a_marker_on_demand_carries_version_owner_time_run_name_and_expiry() -> None:
    """I2: this text is stored with every backup on demand; a change of it disowns them all."""
    assert str(ON_DEMAND) == MANUAL
    expiring = replace(ON_DEMAND, expires_at=datetime(2026, 12, 31, 12, 0, 5, 9, tzinfo=UTC))
    assert str(expiring) == MANUAL.replace("expires=never", "expires=20261231T120005Z")


def test_a_marker_on_demand_is_read_back_without_a_policy() -> None:
    """I2: and so no policy prunes its backup."""
    assert Marker.parse(MANUAL) == ON_DEMAND
    expiring = replace(ON_DEMAND, expires_at=datetime(2026, 12, 31, tzinfo=UTC))
    assert Marker.parse(str(expiring)) == expiring
    assert ON_DEMAND.policy is None


@pytest.mark.parametrize("text", ["before the import", "two\nlines: [both] ours", "  padded "])
def test_a_marker_on_demand_stands_behind_the_callers_description(text: str) -> None:
    """I2."""
    described = ON_DEMAND.described(text)
    assert described == f"{text.strip()} {MANUAL}"
    assert Marker.parse(described) == ON_DEMAND


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_without_a_description_the_marker_on_demand_stands_alone(text: str) -> None:
    assert ON_DEMAND.described(text) == MANUAL


@pytest.mark.parametrize(
    "description",
    [
        MANUAL + " ",
        MANUAL + ".",
        MANUAL[1:-1],
        "text" + MANUAL,
        "text\n" + MANUAL,
        " " + MANUAL,
        f"{MANUAL} {MANUAL}",
        f"{TEXT} {MANUAL}",
        MANUAL.replace("/2 ", "/3 "),
        MANUAL.replace("name=", "name=x"),
        MANUAL.replace("expires=never", "expires="),
        MANUAL.replace("expires=never", "expires=20260230T000000Z"),
        MANUAL.replace("owner=backup-prod", "owner=two words"),
        TEXT.replace("policy=gold", "policy=-"),
    ],
)
def test_what_is_not_exactly_a_marker_on_demand_is_none(description: str) -> None:
    """I2."""
    assert Marker.parse(description) is None


def test_the_slot_is_written_in_utc() -> None:
    """T3, I5"""
    marker = replace(MARKER, slot=SLOT.astimezone(timezone(timedelta(hours=2))))
    assert str(marker) == TEXT
    assert marker.name_for("catalogue") == NAME


@pytest.mark.parametrize(
    "description",
    [
        None,
        "",
        "nightly backup",
        TEXT + " ",
        " " + TEXT,
        TEXT + "\n",
        TEXT.upper(),
        TEXT.replace("/1 ", "/2 "),
        TEXT.replace(" ", "  "),
        TEXT.replace("owner=backup-prod ", ""),
        TEXT.replace("backup-prod", ""),
        TEXT.replace("backup-prod", "-"),
        TEXT.replace("backup-prod", "x" * 129),
        TEXT.replace("gold", "go ld"),
        TEXT.replace("20260329T013000Z", "20260229T013000Z"),
        TEXT.replace("20260329T013000Z", "20260329T013000"),
        TEXT.replace("20260329T013000Z", "2026-03-29T01:30:00Z"),
        TEXT.replace("20260329", "\u0662\u0660\u0662\u0660\u0660\u0663\u0662\u0669"),
        TEXT.replace("attempt=2", "attempt=0"),
        TEXT.replace("attempt=2", "attempt=02"),
        TEXT.replace("attempt=2", "attempt=100"),
        TEXT.replace("attempt=2", "attempt=\u0662"),
        TEXT.replace("attempt=2", "attempt="),
        TEXT + " more=1",
    ],
)
def test_what_is_not_exactly_a_marker_is_none(description: str | None) -> None:
    """I2: the marker parses, or the backup is foreign."""
    assert Marker.parse(description) is None


@pytest.mark.parametrize(
    "marker",
    [
        replace(MARKER, owner=""),
        replace(MARKER, owner="two words"),
        replace(MARKER, owner="x" * 129),
        replace(MARKER, policy="a policy"),
        replace(MARKER, run_id=""),
        replace(MARKER, attempt=0),
        replace(MARKER, attempt=100),
        replace(MARKER, policy=None, attempt=1),
        replace(ON_DEMAND, attempt=2),
        replace(ON_DEMAND, owner="two words"),
    ],
)
def test_a_marker_that_could_not_be_read_back_is_never_written(marker: Marker) -> None:
    """I2: such a backup would be ours and nobody's: it would never be pruned."""
    with pytest.raises(ValueError, match="not a marker that could be read back"):
        str(marker)


# The name


def test_the_name_contains_policy_slot_index_and_attempt() -> None:
    """I5: {policy}-{slot as yyyymmddthhmmz}-{6 hex}-{attempt}."""
    assert MARKER.name_for("catalogue") == NAME


def test_the_name_of_a_backup_made_on_demand_says_so() -> None:
    """I5"""
    assert replace(MARKER, policy=None).name_for("catalogue") == NAME.replace("gold", "on-demand")


def test_the_policy_takes_at_most_20_characters_of_the_name() -> None:
    """I5: and what is cut leaves no hyphen before the next one."""
    long = replace(MARKER, policy="a-policy-with-a-long-name")
    assert long.name_for("catalogue") == NAME.replace("gold", "a-policy-with-a-long")
    cut_at_hyphen = replace(MARKER, policy="policies-for-winter-2026")
    assert cut_at_hyphen.name_for("catalogue") == NAME.replace("gold", "policies-for-winter")


def test_the_longest_name_fits_what_pinecone_takes() -> None:
    """I5: 45 characters at most."""
    longest = replace(MARKER, policy="p" * 40, attempt=99).name_for("i" * 45)
    assert len(longest) == 45


def test_six_hex_digits_distinguish_indexes() -> None:
    """I5"""
    assert index_digest("catalogue") == sha256(b"catalogue").hexdigest()[:6]
    assert index_digest("catalogue") != index_digest("users")


# Ours or foreign


def test_a_backup_is_ours_when_marker_owner_and_name_agree() -> None:
    """I2"""
    assert ours(NAME, TEXT, "catalogue", "backup-prod") == MARKER


@pytest.mark.parametrize(
    ("name", "description", "index", "owner"),
    [
        (NAME, TEXT, "catalogue", "backup-staging"),
        (NAME, TEXT, "users", "backup-prod"),
        (NAME + "x", TEXT, "catalogue", "backup-prod"),
        (NAME.upper(), TEXT, "catalogue", "backup-prod"),
        (None, TEXT, "catalogue", "backup-prod"),
        ("", TEXT, "catalogue", "backup-prod"),
        (NAME, None, "catalogue", "backup-prod"),
        (NAME, TEXT + ".", "catalogue", "backup-prod"),
        (NAME, TEXT.replace("attempt=2", "attempt=3"), "catalogue", "backup-prod"),
        (NAME, TEXT.replace("20260329T0130", "20260329T0145"), "catalogue", "backup-prod"),
    ],
)
def test_a_backup_is_foreign_when_anything_disagrees(
    name: str | None, description: str | None, index: str, owner: str
) -> None:
    """I2: everything else is foreign, and never pruned."""
    assert ours(name, description, index, owner) is None


def test_a_backup_on_demand_is_ours_by_the_callers_name_and_index() -> None:
    """I2."""
    described = ON_DEMAND.described("before the import")
    assert ours("before-import", described, "catalogue", "backup-prod") == ON_DEMAND
    assert ours("before-import", described, "users", "backup-prod") is None
    assert ours("after-import", described, "catalogue", "backup-prod") is None
    assert ours(None, described, "catalogue", "backup-prod") is None
    nameless = str(ON_DEMAND.named("catalogue", "None"))
    assert ours(None, nameless, "catalogue", "backup-prod") is None
    assert ours("before-import", described, "catalogue", "backup-staging") is None


def test_a_marker_on_demand_says_nothing_of_who_asked() -> None:
    """Whoever may list backups reads it; the principal's name may be private."""
    assert {part.partition("=")[0] for part in MANUAL.strip("[]").split()[1:]} == {
        *("owner", "at", "run", "name", "expires")
    }


@pytest.mark.parametrize(
    ("description", "refused"),
    [
        (TEXT, True),
        ("pinecone-backup/", True),
        ("  \n" + TEXT, True),
        (TEXT.upper(), True),
        ("pinecone-backup/9 of another age", True),
        (MANUAL, True),
        ("text " + MANUAL.upper(), True),
        ("text\n" + TEXT, True),
        ("see pinecone-backup/1", False),
        ("see example.com/pinecone-backup/issues/1 of the owner", False),
        ("pinecone-backup", False),
        ("", False),
        (None, False),
    ],
)
def test_what_reads_like_a_marker_is_recognised(description: str | None, refused: bool) -> None:
    """I2: the API refuses descriptions that read like a marker."""
    assert looks_like_marker(description) is refused
