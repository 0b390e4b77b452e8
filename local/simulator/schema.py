"""The schema of an index: its fields, and what follows from them."""

from __future__ import annotations

from typing import Any

from local.simulator import errors

type Fields = dict[str, dict[str, Any]]
"""The fields of an index schema, as the 2026-07 API spells them."""

DENSE, SPARSE = "_values", "_sparse_values"
"""The reserved fields: an index that has no others is a classic one, served by the vectors API."""
METRICS = ("cosine", "dotproduct", "euclidean")
EMBEDDING_DIMENSION = 1024
"""Of the vectors that a hosted model makes, where the schema does not say."""


def vector_fields(
    *,
    dimension: int | None = 1536,
    metric: str = "cosine",
    embed_model: str | None = None,
    full_text: bool = False,
) -> Fields:
    """The schema of an ordinary index, as the 2026-07 API spells it.

    Args:
        dimension: Of the dense vectors; None for a sparse index.
        metric: Of the dense vectors.
        embed_model: Makes it an integrated-embedding index with one ``text`` field.
        full_text: Makes it a document index with a searchable ``body`` field.
    """
    if embed_model is not None:
        return {"text": {"type": "semantic_text", "model": embed_model, "metric": metric}}
    if full_text:
        vectors = {"type": "dense_vector", "dimension": dimension or 1536, "metric": metric}
        return {"body": {"type": "string", "full_text_search": {}}, "embedding": vectors}
    if dimension is None:
        return {SPARSE: {"type": "sparse_vector"}}
    return {DENSE: {"type": "dense_vector", "dimension": dimension, "metric": metric}}


def check_new(fields: Fields) -> None:
    """Refuse (400) a schema that no index can be created with.

    Reserved names may stand only by themselves, and an index has at most one dense and one
    sparse vector field.
    """
    if not fields:
        raise errors.invalid("schema.fields must not be empty.")
    types = [spec.get("type") for spec in fields.values()]
    for name, spec in fields.items():
        searchable = "full_text_search" in spec
        if spec.get("type") not in ("dense_vector", "sparse_vector") and not searchable:
            raise errors.invalid(f"Field '{name}' cannot be declared at creation.")
        if spec.get("type") == "dense_vector" and spec.get("metric") not in METRICS:
            raise errors.invalid(f"Field '{name}': metric must be one of {', '.join(METRICS)}.")
    if types.count("dense_vector") > 1 or types.count("sparse_vector") > 1:
        raise errors.invalid("A schema has at most one dense_vector and one sparse_vector field.")
    reserved = {name for name in fields if name.startswith("_")}
    if reserved - {DENSE, SPARSE} or (reserved and reserved != fields.keys()):
        raise errors.invalid("Field names that start with '_' are reserved.")


def reported(fields: Fields, metadata_fields: list[str]) -> Fields:
    """The fields as 2026-07 reports them.

    A dense classic index always reports both reserved fields, and metadata fields chosen for
    filtering appear as legacy ones.
    """
    shown = {name: _field(spec) for name, spec in fields.items()}
    if DENSE in shown:
        shown.setdefault(SPARSE, {"type": "sparse_vector"})
    return shown | {name: {"filterable": True} for name in metadata_fields}


def _field(spec: dict[str, Any]) -> dict[str, Any]:
    if "full_text_search" not in spec:
        return spec
    defaults = {"language": "en", "stemming": False, "stop_words": False}
    return {**spec, "full_text_search": defaults | spec["full_text_search"]}


def has_document_schema(fields: Fields) -> bool:
    """Whether it has fields of its own naming (full-text search, named vectors)."""
    return any(
        not name.startswith("_") and spec.get("type") != "semantic_text"
        for name, spec in fields.items()
    )


def dense_dimension(fields: Fields) -> int | None:
    """The dimension of the dense vectors, where the schema names one."""
    for spec in fields.values():
        if isinstance(spec.get("dimension"), int):
            return int(spec["dimension"])
    return None


def stored_dimension(fields: Fields) -> int | None:
    """The dimension of the dense vectors that records have; None in a sparse index."""
    if vector_type(fields) == "sparse":
        return None
    return dense_dimension(fields) or EMBEDDING_DIMENSION


def metric(fields: Fields) -> str:
    """The metric of the first field that names one; sparse vectors use ``dotproduct``."""
    named = [str(spec["metric"]) for spec in fields.values() if spec.get("metric")]
    return named[0] if named else "dotproduct"


def vector_type(fields: Fields) -> str:
    """``dense`` or ``sparse``."""
    dense = any(spec.get("type") in {"dense_vector", "semantic_text"} for spec in fields.values())
    return "dense" if dense else "sparse"


def takes_sparse(fields: Fields) -> bool:
    """Whether records may have sparse values: in sparse indexes, and beside a dot product."""
    return metric(fields) == "dotproduct"


def record_bytes(fields: Fields) -> int:
    """About how much one record takes: its dense vector and some metadata."""
    return 4 * (dense_dimension(fields) or 256) + 100
