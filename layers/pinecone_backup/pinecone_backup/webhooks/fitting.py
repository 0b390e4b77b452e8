"""Making texts and messages fit a provider's limits, without cutting a character in two."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import partial
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ELLIPSIS = "…"
LONGEST = 1 << 17
"""UTF-16 units: longer than any text that fits into an event."""
SHORTEST = 100
"""Below this length texts say too little; then details go, before texts shrink further."""
_JOINER = "\u200d"
_MOST_MARKS = 32
_CONTROLS = dict.fromkeys((*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0)))
"""All but the tab and the newline."""
_DIRECTIONS = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Bidirectional controls: with them a text shows in another order than it is written in."""
_REMOVED = _CONTROLS | dict.fromkeys(_DIRECTIONS)
_LINK_SYNTAX = re.compile(r"\](?=[(:])")


def clean(text: str) -> str:
    """Without halves of surrogate pairs, which no receiver accepts, and without controls."""
    return text.encode("utf-8", "replace").decode().translate(_REMOVED)


def without_links(text: str) -> str:
    """Free text for a card that renders Markdown: no words of it hide an address."""
    return _LINK_SYNTAX.sub("] ", text)


def units(text: str) -> int:
    """The length in UTF-16 units, the way most providers count (and none counts longer)."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int, *, size: Callable[[str], int] = units) -> str:
    """The text itself when its size is within ``limit``, else its beginning and an ellipsis.

    The cut never falls inside what a reader sees as one character (an accent, a flag, an emoji
    made of several), unless that is made of more than 32 code points.

    Args:
        text: What is to fit.
        limit: The largest size allowed, the ellipsis included.
        size: Adds up over characters.
    """
    if size(text) <= limit:
        return text
    room = limit - size(ELLIPSIS)
    if room < 0:
        return ""
    sizes = accumulate(size(character) for character in text)
    end = sum(1 for _ in takewhile(lambda total: total <= room, sizes))
    return text[: _boundary(text, end)].rstrip() + ELLIPSIS


def fit[T](
    build: Callable[[int, int], T], fits: Callable[[T], bool], *, details: Sequence[int]
) -> T:
    """The fullest message that fits: fewer details only when shorter texts do not do.

    Args:
        build: Makes the message with at most so many details, and texts of at most that many
            UTF-16 units each.
        fits: Whether a message is within its provider's limits.
        details: Numbers of details to try, descending; with the last one and texts of
            ``SHORTEST`` units the message must fit.
    """
    whole = build(details[0], LONGEST)
    if fits(whole):
        return whole
    for count in details:
        best = build(count, SHORTEST)
        if fits(best):
            return _longest(partial(build, count), fits, best)
    return build(details[-1], SHORTEST)


def fit_json(
    payload: Callable[[int, int], object], *, most_bytes: int, details: Sequence[int]
) -> bytes:
    """The fullest message of JSON that has so many bytes at most."""

    def build(count: int, length: int) -> bytes:
        whole = payload(count, length)
        return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()

    return fit(build, lambda body: len(body) <= most_bytes, details=details)


def _longest[T](build: Callable[[int], T], fits: Callable[[T], bool], best: T) -> T:
    low, high = SHORTEST, LONGEST
    while high - low > 1:
        middle = (low + high) // 2
        candidate = build(middle)
        if fits(candidate):
            low, best = middle, candidate
        else:
            high = middle
    return best


def _boundary(text: str, end: int) -> int:
    """The nearest end at or before ``end`` that does not split a character as readers see it."""
    for at in range(end, max(end - _MOST_MARKS, 0) - 1, -1):
        if at == 0 or not _joined(text, at):
            return at
    return end


def _joined(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    return (
        _JOINER in (before, after)
        or unicodedata.category(after).startswith("M")
        or "\U0001f3fb" <= after <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= after <= "\U000e007f"  # tags of regional flags
        or (_regional(after) and _regionals_before(text, at) % 2 == 1)
    )


def _regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _regionals_before(text: str, at: int) -> int:
    return sum(1 for _ in takewhile(_regional, reversed(text[:at])))
