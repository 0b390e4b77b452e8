"""Verifies evidence: needs the files alone, and the public key where they are signed.

Usable on its own: ``python evidence.py FOLDER [--key FILE] [--head SEQUENCE:HASH]``. Only a key
asks for the package ``cryptography``. The format is described in docs/evidence.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from base64 import b64decode
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

GENESIS = "0" * 64
"""Stands where the first record names the one before."""
_NAMED = 20
"""So many problems are named; the others are counted."""

type Verify = Callable[[bytes, bytes], bool]
"""Whether a signature (the second) fits a text (the first)."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record, where it stands.

    Attributes:
        hash: Of its line.
        about: What it is about, for people.
    """

    sequence: int
    previous: str
    hash: str
    about: str
    file: str
    deployment: str


@dataclass(frozen=True, slots=True)
class Seal:
    """What a segment ends with.

    Attributes:
        sequence: Of the last record.
        hash: Of that record.
        line_hash: Of the seal itself, which the next segment names.
    """

    sequence: int
    hash: str
    line_hash: str
    text: bytes
    signature: bytes
    file: str
    deployment: str


@dataclass(slots=True)
class Verdict:
    """What was found.

    Attributes:
        problems: Each names what is wrong, and where.
        records: How many there are.
        deployment: Whose evidence it says to be.
        head: Where the chain ends, as ``SEQUENCE:HASH``.
        signed: Up to which record signatures stand; None without a key.
    """

    problems: list[str] = field(default_factory=list)
    records: int = 0
    segments: int = 0
    head: str = f"0:{GENESIS}"
    deployment: str = ""
    signed: int | None = None


def verify(folder: Path, *, heads: Sequence[str] = (), key: bytes | None = None) -> Verdict:
    """Verify a folder of evidence.

    Args:
        folder: With the segments (``*.jsonl``), in folders of any depth.
        heads: Heads seen outside, ``SEQUENCE:HASH`` or a hash: truncation and a chain that was
            made anew show against them.
        key: The public key, PEM or DER; then everything must be signed.

    Raises:
        ValueError: The key cannot be used.
    """
    fits = _verifier(key) if key is not None else None
    verdict = Verdict()
    records: list[Record] = []
    seals: list[Seal] = []
    paths = (path for path in folder.rglob("*.jsonl") if path.is_file())
    for path in sorted(paths, key=lambda each: each.name):
        verdict.segments += 1
        _read(path, records, seals, verdict.problems)
    verdict.records = len(records)
    if not records:
        verdict.problems.append(f"There is no record in {folder}")
        return verdict
    by_sequence = {record.sequence: record for record in records}
    links = {sequence: record.hash for sequence, record in by_sequence.items()}
    links |= {seal.sequence: seal.line_hash for seal in seals if seal.sequence in links}
    last = max(by_sequence)
    verdict.head = f"{last}:{links[last]}"
    verdict.deployment = records[0].deployment
    verdict.problems += _others(verdict.deployment, records, seals)
    verdict.problems += _order(records, by_sequence)
    verdict.problems += _seals(seals, by_sequence)
    verdict.problems += _changes(by_sequence, links)
    verdict.problems += _heads(heads, links)
    if fits is not None:
        verdict.signed, unsigned = _signatures(seals, by_sequence, fits)
        verdict.problems += unsigned
    if not verdict.problems:
        verdict.problems += _renamed(records)
    return verdict


def _read(path: Path, records: list[Record], seals: list[Seal], problems: list[str]) -> None:
    seen = len(seals)
    for number, line in enumerate(path.read_bytes().removesuffix(b"\n").split(b"\n"), 1):
        try:
            found = json.loads(line)
            if "seal" in found:
                seals.append(_seal(found, line, path.name))
            else:
                records.append(_record(found, line, path.name))
                if len(seals) > seen:
                    problems.append(f"Reordered: {_named(records[-1])} stands behind a seal")
        except (ValueError, KeyError, TypeError, RecursionError):
            problems.append(f"{path.name}, line {number}: edited, it is no record")
    if len(seals) != seen + 1:
        problems.append(f"Dropped: {path.name} ends without its seal, or has several")


def _record(found: dict[str, Any], line: bytes, file: str) -> Record:
    sequence, previous = found["sequence"], found["previous"]
    if not isinstance(sequence, int) or not isinstance(previous, str):
        raise TypeError("is no record")
    about = f"{found['type']} of {found['project']} at {found['occurred_at']}"
    line_hash = sha256(line).hexdigest()
    return Record(sequence, previous, line_hash, about, file, str(found["deployment"]))


def _seal(found: dict[str, Any], line: bytes, file: str) -> Seal:
    seal = found["seal"]
    text = json.dumps(seal, sort_keys=True, separators=(",", ":")).encode()
    signature = b64decode(found.get("signature", ""), validate=True)
    sequence, last, line_hash = seal["sequence"], str(seal["hash"]), sha256(line).hexdigest()
    if not isinstance(sequence, int):
        raise TypeError("is no seal")
    return Seal(sequence, last, line_hash, text, signature, file, str(seal["deployment"]))


def _others(deployment: str, records: Iterable[Record], seals: Iterable[Seal]) -> Iterator[str]:
    """What says to be of another deployment than the first record."""
    for record in records:
        if record.deployment != deployment:
            yield f"Forged: {_named(record)} is of deployment {record.deployment}"
    for seal in seals:
        if seal.deployment != deployment:
            yield f"Forged: the seal of {seal.file} is of deployment {seal.deployment}"


def _renamed(records: Iterable[Record]) -> Iterator[str]:
    """The files that are not named by their first record."""
    seen: set[str] = set()
    for record in records:
        if record.file not in seen and record.file != f"{record.sequence:012}.jsonl":
            yield f"Renamed: {record.file} begins with {_named(record)}"
        seen.add(record.file)


def _order(records: Sequence[Record], by_sequence: dict[int, Record]) -> Iterator[str]:
    """What is missing, there twice, or in another place."""
    expected = 1
    for sequence in sorted(by_sequence):
        if sequence > expected:
            which = f"records {expected} to {sequence - 1} are" if sequence - expected > 1 else ""
            yield f"Dropped: {which or f'record {expected} is'} missing"
        expected = sequence + 1
    seen: set[int] = set()
    before = 0
    for record in records:
        if record.sequence in seen:
            yield f"Repeated: {_named(record)} is there twice"
        elif record.sequence < before:
            yield f"Reordered: {_named(record)} stands behind record {before}"
        seen.add(record.sequence)
        before = max(before, record.sequence)


def _changes(by_sequence: dict[int, Record], links: dict[int, str]) -> Iterator[str]:
    """The lines that are not those that the records behind them name."""
    first = by_sequence.get(1)
    if first is not None and first.previous != GENESIS:
        yield f"Edited: {_named(first)} does not begin a chain"
    for sequence, record in sorted(by_sequence.items()):
        follower = by_sequence.get(sequence + 1)
        if follower is None or follower.previous == links[sequence]:
            continue
        what = "the seal behind " if links[sequence] != record.hash else ""
        yield f"Edited: {what}{_named(record)} is not what record {sequence + 1} follows"


def _seals(seals: Iterable[Seal], by_sequence: dict[int, Record]) -> Iterator[str]:
    for seal in seals:
        record = by_sequence.get(seal.sequence)
        if record is None:
            yield f"Dropped: {seal.file} is sealed at record {seal.sequence}, which is missing"
        elif record.hash != seal.hash:
            yield f"Edited: {_named(record)} is not the one that {seal.file} was sealed with"


def _heads(heads: Iterable[str], links: dict[int, str]) -> Iterator[str]:
    hashes, last = set(links.values()), max(links)
    for head in heads:
        number, _, wanted = head.rpartition(":")
        if not number:
            if wanted not in hashes:
                yield f"Truncated or forged: {head} was seen outside, and is not in the chain"
        elif not number.isdecimal() or int(number) > last:
            yield f"Truncated: the chain ends at record {last}, and head {head} was seen outside"
        elif links.get(int(number)) != wanted:
            yield f"Forged: what ends at record {number} is not what head {head} names"


def _signatures(
    seals: Sequence[Seal], by_sequence: dict[int, Record], fits: Verify
) -> tuple[int, list[str]]:
    """Up to which record a signature stands for everything, and which ones behind it do not fit.

    One that fits stands for all before it: they are in its chain.
    """
    problems: list[str] = []
    last = max(by_sequence)
    for seal in sorted(seals, key=lambda each: each.sequence, reverse=True):
        record = by_sequence.get(seal.sequence)
        if not seal.signature or record is None or record.hash != seal.hash:
            continue
        if fits(seal.text, seal.signature):
            if seal.sequence < last:
                problems.append(f"Not signed: records {seal.sequence + 1} to {last}")
            return seal.sequence, problems
        problems.append(f"Forged: the signature of {seal.file} is not by this key")
    return 0, [*problems, f"Not signed: records 1 to {last}"]


def _verifier(key: bytes) -> Verify:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - only with a key
    from cryptography.hazmat.primitives.asymmetric.ec import (  # noqa: PLC0415
        ECDSA,
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        load_der_public_key,
        load_pem_public_key,
    )

    load = load_pem_public_key if key.lstrip().startswith(b"-----") else load_der_public_key
    public = load(key)
    if not isinstance(public, EllipticCurvePublicKey):
        raise ValueError("is no public key of an elliptic curve")  # noqa: TRY004 - a value of a file
    algorithm = ECDSA(SHA256())

    def fits(text: bytes, signature: bytes) -> bool:
        try:
            public.verify(signature, text, algorithm)
        except InvalidSignature:
            return False
        return True

    return fits


def _named(record: Record) -> str:
    return f"record {record.sequence} ({record.about}, {record.file})"


def report(verdict: Verdict) -> str:
    """What was found, in lines for people."""
    lines = [
        f"{verdict.records:,} records in {verdict.segments:,} segments"
        + (f" of deployment {verdict.deployment}" if verdict.deployment else ""),
        f"head {verdict.head}",
    ]
    if verdict.signed is not None:
        lines.append(f"signed up to record {verdict.signed}")
    lines += verdict.problems[:_NAMED]
    if len(verdict.problems) > _NAMED:
        lines.append(f"and {len(verdict.problems) - _NAMED} more problems")
    lines.append("NOT intact" if verdict.problems else "Intact: nothing was changed, as far as")
    if not verdict.problems:
        lines[-1] += (
            " the key and the heads given prove it"
            if verdict.signed is not None
            else " hashes alone prove it: give the public key, or a head seen outside"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify the folder that is named; 1 where it is not intact."""
    parser = argparse.ArgumentParser(prog="evidence", description="Verify a folder of evidence.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--key", type=Path, help="the public key, PEM or DER")
    parser.add_argument("--head", action="append", default=[], help="SEQUENCE:HASH seen outside")
    given = parser.parse_args(arguments)
    if not given.folder.is_dir():
        parser.error(f"{given.folder} is no folder")
    try:
        key = given.key.read_bytes() if given.key else None
        verdict = verify(given.folder, heads=given.head, key=key)
    except (OSError, ValueError) as error:
        parser.error(f"the key cannot be used: {error}")
    sys.stdout.write(report(verdict) + "\n")
    return 1 if verdict.problems else 0


if __name__ == "__main__":
    sys.exit(main())
