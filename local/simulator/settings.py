"""What may be set on an index: tags and read capacity, with the rules of 2026-07."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from local.simulator import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_TAGS = 20
_TAG_KEY = re.compile(r"[A-Za-z0-9_-]{1,80}")
_TAG_VALUE = re.compile(r"[ -~]{0,120}")

type ReadCapacity = dict[str, Any]

ON_DEMAND: ReadCapacity = {"mode": "OnDemand"}


def merged_tags(current: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """The tags after a change: an empty value unsets a tag; 400 where a rule is broken."""
    for key, value in changes.items():
        if _TAG_KEY.fullmatch(key) is None:
            raise errors.invalid(
                f"Tag key {key!r} must be 1-80 characters long and consist only of alphanumeric "
                "characters, '_' or '-'."
            )
        if _TAG_VALUE.fullmatch(value) is None:
            raise errors.invalid(
                f"The value of tag {key!r} must be at most 120 printable ASCII characters long."
            )
    merged = {key: value for key, value in {**current, **changes}.items() if value}
    if len(merged) > MOST_TAGS:
        raise errors.invalid(f"An index has at most {MOST_TAGS} tags, got {len(merged)}.")
    return merged


def new_read_capacity(wanted: ReadCapacity | None, *, byoc: bool) -> ReadCapacity:
    """The read capacity of a new index; a BYOC index has no ``OnDemand``, not even by default."""
    chosen = wanted or ON_DEMAND
    _check(chosen, byoc=byoc)
    return chosen


def merged_read_capacity(
    current: ReadCapacity, changes: ReadCapacity, *, byoc: bool
) -> ReadCapacity:
    """The read capacity after a change: fields that were not sent keep their values."""
    if changes.get("mode") != "Dedicated":
        _check(changes, byoc=byoc)
        return {"mode": "OnDemand"}
    sent = changes.get("dedicated", {})
    if ("manual" in sent) != ("scaling" in sent):
        raise errors.invalid("read_capacity: 'scaling' and 'manual' go together.")
    known = current.get("dedicated", {})
    manual = {**known.get("manual", {}), **sent.get("manual", {})}
    dedicated = {**known, **sent, **({"manual": manual} if manual else {})}
    merged = {"mode": "Dedicated", "dedicated": dedicated}
    _check(merged, byoc=byoc)
    return merged


def _check(capacity: ReadCapacity, *, byoc: bool) -> None:
    mode = capacity.get("mode")
    if mode == "OnDemand":
        if byoc:
            raise errors.invalid("BYOC indexes do not support read capacity mode OnDemand.")
        return
    dedicated = capacity.get("dedicated", {})
    missing = [name for name in ("node_type", "scaling", "manual") if name not in dedicated]
    if mode != "Dedicated" or missing:
        raise errors.invalid(
            f"read_capacity: mode Dedicated needs {', '.join(missing)}."
            if mode == "Dedicated"
            else f"read_capacity.mode must be OnDemand or Dedicated, got {mode}."
        )


def usual_read_capacity(*, byoc: bool) -> ReadCapacity:
    """The read capacity of an index that was made without naming one."""
    if not byoc:
        return {"mode": "OnDemand"}
    manual = {"shards": 1, "replicas": 1}
    return {
        "mode": "Dedicated",
        "dedicated": {"node_type": "b1", "scaling": "Manual", "manual": manual},
    }
