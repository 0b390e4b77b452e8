"""What a request's ``Accept`` asks for (RFC 9110)."""

from __future__ import annotations

HTML = "text/html"


def prefers(accept: str, kind: str) -> bool:
    """Whether a media type is named and weighs more than JSON, which is the answer otherwise."""
    weights = {"application/json": 0.0, kind: 0.0}
    for part in accept.lower().split(","):
        name, *parameters = (each.strip() for each in part.split(";"))
        if name in weights:
            given = [each[2:] for each in parameters if each.startswith("q=")]
            weights[name] = _weight(given[0]) if given else 1.0
    return weights[kind] > weights["application/json"]


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
