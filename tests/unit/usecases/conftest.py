"""Fixtures for tests of the use cases."""

from __future__ import annotations

import pytest

from tests.support.ledger import MemoryLedger


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()
