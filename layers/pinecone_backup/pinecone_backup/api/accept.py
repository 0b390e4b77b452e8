"""What a request's ``Accept`` asks for (RFC 9110)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HTML = "text/html"


def prefers(accept: str, kind: str) -> bool:
    """Whether a media type is wanted more than JSON, which is the answer otherwise.

    The most specific range says how much a type is wanted. Of two that are wanted alike the one
    that is named wins, else JSON.
    """
    weights: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, *parameters = (each.strip() for each in part.split(";"))
        given = [each[2:] for each in parameters if each.startswith("q=")]
        weights[name] = _weight(given[0]) if given else 1.0
    return _wanted(kind, weights) > _wanted("application/json", weights)


def _wanted(kind: str, weights: Mapping[str, float]) -> tuple[float, int]:
    """How much a media type is wanted, and how specific that is said."""
    ranges = (kind, f"{kind.partition('/')[0]}/*", "*/*")
    for specific, each in zip((2, 1, 0), ranges, strict=True):
        if each in weights:
            return weights[each], specific if weights[each] else 0
    return 0.0, 0


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
