"""The process's TLS context: certifi's authorities, and nothing from the environment."""

from __future__ import annotations

import ssl
from functools import cache

import certifi


@cache
def ssl_context() -> ssl.SSLContext:
    """The one context of the process (building one costs about 60 ms); verifies certificates."""
    return ssl.create_default_context(cafile=certifi.where())
