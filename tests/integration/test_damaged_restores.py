"""What a comparison calls each damage that a restore can suffer (rules F1 to F5)."""

from __future__ import annotations

import pytest

from local.simulator.damages import Damage, Harm
from local.simulator.schema import vector_fields
from pinecone_backup.differences import DifferenceKind as Kind
from pinecone_backup.model import Depth
from tests.support.fingerprints import Proof

HYBRID = vector_fields(dimension=8, metric="dotproduct")
NAMED = {
    Damage.NAMESPACE_LOST: {Kind.NAMESPACE_MISSING},
    Damage.NAMESPACE_RENAMED: {Kind.NAMESPACE_RENAMED},
    Damage.RECORDS_LOST: {Kind.RECORDS_LOST},
    Damage.ALL_RECORDS_LOST: {Kind.EMPTY},
    Damage.RECORDS_ADDED: {Kind.RECORDS_ADDED},
    Damage.METADATA_SWAPPED: {Kind.METADATA_CHANGED},
    Damage.METADATA_LOST: {Kind.METADATA_LOST},
    Damage.VALUES_SWAPPED: {Kind.VALUES_CHANGED},
    Damage.VALUES_TRUNCATED: {Kind.VALUES_TRUNCATED},
    Damage.SPARSE_LOST: {Kind.SPARSE_LOST},
    Damage.WRONG_METRIC: {Kind.METRIC},
    Damage.WRONG_DIMENSION: {Kind.DIMENSION},
    Damage.COUNTS_LIE: {Kind.MISCOUNTED},
}
"""Those that the contents show; the others are the job's and the index's own."""


@pytest.mark.parametrize("damage", NAMED)
def test_each_damage_to_contents_is_named_as_what_it_is(damage: Damage) -> None:
    """F4: one percent of the records, in an index of two tenants."""
    proof = Proof()
    backup, sure = proof.taken(proof.index(fields=HYBRID, tenant_a=240, tenant_b=60))

    found = proof.restored(backup, sure, Harm(damage))

    assert {each.kind for each in found.differences} == NAMED[damage]
    assert all(str(each) for each in found.differences)


def test_a_sound_restore_differs_in_nothing_and_says_what_was_compared() -> None:
    """F4"""
    proof = Proof(depth=Depth.QUERIES)
    backup, sure = proof.taken(proof.index(fields=HYBRID, tenant_a=400, tenant_b=100))

    found = proof.restored(backup, sure)

    assert found.sound
    assert (found.depth, found.namespaces, found.probes) == (Depth.QUERIES, 2, 10)
    assert found.records == 300
