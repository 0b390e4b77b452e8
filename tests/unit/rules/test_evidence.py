"""Evidence: a changed year is found, and named."""

from __future__ import annotations

import json
import os
import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pinecone_backup.errors import EvidenceBroken
from pinecone_backup.model import DomainEvent
from pinecone_backup.rules.evidence import (
    Position,
    Segment,
    canonical,
    chained,
    hash_of,
    read_segment,
    seal_of,
    sealed,
    segment_key,
)
from pinecone_backup_cli.evidence import main, verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    type Change = Callable[[Path], None]

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
RUNS = int(os.environ.get("EVIDENCE_RUNS", "60"))
"""35,000 are a year of runs every quarter of an hour."""
PRIVATE = generate_private_key(SECP256R1())
KEY = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def sign(text: bytes) -> str:
    return b64encode(PRIVATE.sign(text, ECDSA(SHA256()))).decode()


def event(number: int) -> DomainEvent:
    at = BEGIN + timedelta(minutes=15) * number
    return DomainEvent.of("run.completed", f"run-{number}", project="main", at=at, run_id=number)


def write(
    folder: Path, *, runs: int = RUNS, per_segment: int = 3, signed: bool = True, salt: int = 0
) -> str:
    """A deployment's evidence; its head."""
    end = Position()
    for first in range(0, runs, per_segment):
        numbers = range(first, min(first + per_segment, runs))
        chain = chained("stack-a", end, [event(number + salt) for number in numbers])
        seal = seal_of("stack-a", chain.end, event(numbers[-1]).occurred_at)
        segment, body = sealed(chain, seal, sign(canonical(seal)) if signed else "")
        path = folder / segment_key(end.sequence + 1)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(body)
        end = segment.end
    return f"{end.sequence}:{end.hash}"


def segments(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.jsonl"))


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def put(path: Path, lines: list[bytes]) -> None:
    path.write_bytes(b"\n".join(lines) + b"\n")


def edit(folder: Path) -> None:
    path = segments(folder)[5]
    put(path, [line.replace(b'"run_id":16', b'"run_id":99') for line in lines_of(path)])


def edit_last(folder: Path) -> None:
    path = segments(folder)[-1]
    put(path, [line.replace(b"run.completed", b"run.failed") for line in lines_of(path)])


def drop(folder: Path) -> None:
    path = segments(folder)[5]
    put(path, [line for line in lines_of(path) if b'"sequence":17,' not in line])


def drop_segment(folder: Path) -> None:
    segments(folder)[5].unlink()


def drop_the_beginning(folder: Path) -> None:
    segments(folder)[0].unlink()


def reorder(folder: Path) -> None:
    path = segments(folder)[5]
    first, second, *rest = lines_of(path)
    put(path, [second, first, *rest])


def repeat(folder: Path) -> None:
    path = segments(folder)[5]
    first, *rest = lines_of(path)
    put(path, [first, first, *rest])


def swap_segments(folder: Path) -> None:
    one, other = segments(folder)[4:6]
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def spoil(folder: Path) -> None:
    path = segments(folder)[5]
    put(path, [b"{", *lines_of(path)])


def unseal(folder: Path) -> None:
    path = segments(folder)[-1]
    put(path, lines_of(path)[:-1])


def reseal(folder: Path) -> None:
    """The last record and its seal are made anew, without the key."""
    path = segments(folder)[-1]
    *lines, seal = lines_of(path)
    lines[-1] = lines[-1].replace(b"run.completed", b"run.failed")
    parsed = json.loads(seal)
    parsed["seal"]["hash"] = hash_of(lines[-1])
    put(path, [*lines, canonical(parsed)])


def seal_first(folder: Path) -> None:
    path = segments(folder)[5]
    *lines, seal = lines_of(path)
    put(path, [seal, *lines])


def rename(folder: Path) -> None:
    path = segments(folder)[5]
    path.rename(path.with_name("000000000017.jsonl"))


def insert_a_blank(folder: Path) -> None:
    path = segments(folder)[5]
    put(path, [b"", *lines_of(path)])


def seal_without_end(folder: Path) -> None:
    path = segments(folder)[5]
    put(path, [line.replace(b'"sequence":18}', b'"sequence":Infinity}') for line in lines_of(path)])


def swap_with_another_deployment(folder: Path) -> None:
    path = segments(folder)[5]
    put(path, [line.replace(b'"stack-a"', b'"stack-b"') for line in lines_of(path)])


def stored(start: Position, numbers: range) -> tuple[Segment, bytes]:
    """A segment of these events behind ``start``, without a signature."""
    chain = chained("stack-a", start, [event(number) for number in numbers])
    return sealed(chain, seal_of("stack-a", chain.end, BEGIN), "")


def test_a_record_is_a_line_of_canonical_json_that_names_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its times are in UTC, wherever it is written."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        segment, body = stored(Position(7, "a" * 64), range(1, 2))
    finally:
        monkeypatch.undo()
        time.tzset()
    record = (
        b'{"data":{"run_id":1},"deployment":"stack-a","event_id":"%b",'
        b'"occurred_at":"2026-01-01T00:15:00+00:00","previous":"%b","project":"main",'
        b'"sequence":8,"type":"run.completed"}' % (event(1).event_id.encode(), b"a" * 64)
    )
    seal = (
        b'{"seal":{"at":"2026-01-01T00:00:00+00:00","deployment":"stack-a","hash":"%b",'
        b'"sequence":8}}' % hash_of(record).encode()
    )
    assert body == record + b"\n" + seal + b"\n"
    assert segment == Segment((record,), (event(1).event_id,), Position(8, hash_of(seal)))


def test_a_segment_reads_back_as_it_was_stored() -> None:
    """Behind the beginning, and behind another one."""
    first, body = stored(Position(), range(3))
    second, more = stored(first.end, range(3, 5))
    assert read_segment(body, Position()) == first
    assert read_segment(more, first.end) == second
    assert (first.end.sequence, second.end.sequence) == (3, 5)


@pytest.mark.parametrize(
    "start",
    [Position(2, "b" * 64), Position(4, "b" * 64), Position(3, "c" * 64)],
    ids=["too early", "too late", "behind another record"],
)
def test_a_segment_that_follows_something_else_is_broken(start: Position) -> None:
    _, body = stored(Position(3, "b" * 64), range(2))
    with pytest.raises(EvidenceBroken) as raised:
        read_segment(body, start)
    assert f"record {start.sequence} of" in str(raised.value)
    assert raised.value.next_step == (
        "Copy the folder evidence/ of the bucket, and verify it: see docs/evidence.md."
    )


def test_a_seal_of_another_chain_is_broken() -> None:
    """The message names the last record that follows."""
    _, body = stored(Position(), range(2))
    _, other = stored(Position(), range(3, 5))
    lines = [*body.splitlines()[:-1], other.splitlines()[-1]]
    with pytest.raises(EvidenceBroken, match="record 2 of"):
        read_segment(b"\n".join(lines), Position())


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], str]:
    folder = tmp_path_factory.mktemp("year")
    head = write(folder)
    return {path.name: path.read_bytes() for path in segments(folder)}, head


@pytest.fixture
def folder(tmp_path: Path, year: tuple[dict[str, bytes], str]) -> Path:
    for name, body in year[0].items():
        (tmp_path / name).write_bytes(body)
    return tmp_path


def test_what_nobody_changed_is_intact(folder: Path, year: tuple[dict[str, bytes], str]) -> None:
    verdict = verify(folder, heads=[year[1]], key=KEY)
    assert (verdict.problems, verdict.records, verdict.signed) == ([], RUNS, RUNS)
    assert verdict.head == year[1]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (edit, "Edited: record 17 (run.completed of main"),
        (edit_last, f"Edited: record {RUNS} (run.failed of main"),
        (drop, "Dropped: record 17 is missing"),
        (drop_segment, "Dropped: records 16 to 18 are missing"),
        (drop_the_beginning, "Dropped: records 1 to 3 are missing"),
        (reorder, "Reordered: record 16 "),
        (repeat, "Repeated: record 16 "),
        (swap_segments, "Reordered: record 13 "),
        (spoil, "line 1: edited, it is no record"),
        (unseal, "ends without its seal"),
        (seal_first, "Reordered: record 16 "),
        (rename, "Renamed: 000000000017.jsonl begins with record 16 "),
        (insert_a_blank, "000000000016.jsonl, line 1: edited"),
        (seal_without_end, "000000000016.jsonl, line 4: edited"),
        (swap_with_another_deployment, "is of deployment stack-b"),
    ],
)
def test_a_change_is_found_and_named_from_the_files_alone(
    folder: Path, change: Change, named: str
) -> None:
    change(folder)
    assert any(named in problem for problem in verify(folder).problems), verify(folder).problems


def test_what_was_cut_off_shows_against_a_head_seen_outside(
    folder: Path, year: tuple[dict[str, bytes], str]
) -> None:
    segments(folder)[-1].unlink()
    assert verify(folder, key=KEY).problems == []
    (problem,) = verify(folder, heads=[year[1]]).problems
    left = (RUNS - 1) // 3 * 3  # a segment holds three
    assert problem.startswith(f"Truncated: the chain ends at record {left}")
    (problem,) = verify(folder, heads=[year[1].partition(":")[2]]).problems
    assert problem.startswith("Truncated or forged")


def test_a_chain_made_anew_shows_against_a_head_or_the_key(tmp_path: Path) -> None:
    for name in ("real", "forged"):
        (tmp_path / name).mkdir()
    head = write(tmp_path / "real", runs=9)
    write(tmp_path / "forged", runs=9, signed=False, salt=1)

    assert verify(tmp_path / "forged").problems == []
    (problem,) = verify(tmp_path / "forged", heads=[head]).problems
    assert problem.startswith("Forged: what ends at record 9 is not")
    assert verify(tmp_path / "forged", key=KEY).problems == ["Not signed: records 1 to 9"]


def test_a_seal_that_was_made_anew_without_the_key_is_forged(folder: Path) -> None:
    reseal(folder)
    assert verify(folder).problems == []
    problems = verify(folder, key=KEY).problems
    assert problems[0].startswith("Forged: the signature of")


def test_a_segment_without_a_signature_is_covered_by_the_next_one(tmp_path: Path) -> None:
    write(tmp_path, runs=6, signed=False)
    end = Position(6, verify(tmp_path).head.partition(":")[2])
    chain = chained("stack-a", end, [event(6)])
    seal = seal_of("stack-a", chain.end, event(6).occurred_at)
    _, body = sealed(chain, seal, sign(canonical(seal)))
    (tmp_path / segment_key(7)).write_bytes(body)
    assert verify(tmp_path, key=KEY).problems == []


def test_a_seal_that_was_changed_is_found_and_named(folder: Path) -> None:
    path = segments(folder)[5]
    *lines, seal = lines_of(path)
    parsed = json.loads(seal)
    parsed["signature"] = sign(b"else")
    put(path, [*lines, canonical(parsed)])
    (problem,) = verify(folder).problems
    assert problem.startswith("Edited: the seal behind record 18 ")


def test_an_empty_folder_is_not_intact(tmp_path: Path) -> None:
    assert len(verify(tmp_path).problems) == 1


def test_the_verifier_works_on_its_own(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(KEY)
    assert main([str(folder), "--key", str(key)]) == 0
    edit(folder)
    assert main([str(folder)]) == 1
    assert "NOT intact" in capsys.readouterr().out


@pytest.mark.parametrize("key", ["-----BEGIN PUBLIC KEY-----", "nonsense", None])
def test_a_key_that_is_none_is_named(
    folder: Path, tmp_path: Path, key: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "key"
    if key is not None:
        path.write_text(key)
    with pytest.raises(SystemExit, match="2"):
        main([str(folder), "--key", str(path)])
    assert "the key cannot be used" in capsys.readouterr().err


def test_a_year_is_verified_in_seconds(folder: Path) -> None:
    """At the size of ``EVIDENCE_RUNS``; a year takes 10 s at most."""
    began = time.perf_counter()
    verify(folder, key=KEY)
    assert time.perf_counter() - began < 10


@pytest.mark.parametrize("change", [edit, drop, reorder, spoil, unseal])
def test_a_segment_that_does_not_follow_is_not_continued(folder: Path, change: Change) -> None:
    change(folder)
    path = segments(folder)[-1 if change is unseal else 5]
    first = int(path.stem)
    previous = hash_of(lines_of(segments(folder)[first // 3 - 1])[-1])
    with pytest.raises(EvidenceBroken, match="does not follow record"):
        read_segment(path.read_bytes(), Position(first - 1, previous))
