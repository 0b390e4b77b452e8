"""Lets pytest see the package's log lines, whatever a handler that was imported did to them."""

import logging

import pytest


@pytest.fixture(autouse=True)
def _visible_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("pinecone_backup"), "propagate", True)
