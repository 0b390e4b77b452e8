"""The targets secret: who gets messages, from which provider, about which events.

The secret is one JSON object, ``{"targets": [...]}``. Each target is read by itself, so that a
mistake in one stops no other. Everything secret is a ``SecretStr``; no error quotes a value.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_serializer,
)

from pinecone_backup.errors import SecretMalformed
from pinecone_backup.model import Severity
from pinecone_backup.webhooks.addresses import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinecone_backup.webhooks.messages import Message

DEFAULT_EVENTS = ("finding.opened", "finding.resolved")
"""What a target gets unless it says otherwise. Whatever is wrong is a finding, so the events of
single backups, plans and runs would repeat it, and ``finding.repeated`` would do so daily."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_FIELD = re.compile(r"[a-z_]{1,30}")
_SIGNING_BYTES = range(24, 65)


def _is_url(value: SecretStr) -> SecretStr:
    Endpoint.parse(value.get_secret_value())
    return value


def _is_signing_secret(value: SecretStr) -> SecretStr:
    if len(_signing_key(value)) not in _SIGNING_BYTES:
        raise ValueError("a signing secret is whsec_ and the base64 of 24 to 64 random bytes")
    return value


def _signing_key(value: SecretStr) -> bytes:
    prefix, _, encoded = value.get_secret_value().partition("_")
    try:
        return base64.b64decode(encoded, validate=True) if prefix == "whsec" else b""
    except ValueError:
        return b""


def _is_routing_key(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9]{32}", value.get_secret_value()):
        raise ValueError("a routing key is 32 letters and digits (Events API v2 integration)")
    return value


Url = Annotated[SecretStr, AfterValidator(_is_url)]
SigningSecret = Annotated[SecretStr, AfterValidator(_is_signing_secret)]
RoutingKey = Annotated[SecretStr, AfterValidator(_is_routing_key)]
EventGlob = Annotated[str, Field(pattern=r"^[a-z_.*?]{1,60}$")]


class _Target(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: Annotated[str, Field(pattern=rf"^{_NAME.pattern}$")]
    """How logs, metrics and queued messages call it; never its URL."""
    events: Annotated[tuple[EventGlob, ...], Field(min_length=1)] = DEFAULT_EVENTS
    """Globs over event types, as in ``finding.*``."""
    minimum_severity: Severity = Severity.INFO
    """Milder events are not sent."""

    def wants(self, message: Message) -> bool:
        """Whether the filters let the message through; what became worse is like opened anew."""
        types = (message.type, "finding.opened") if message.escalated else (message.type,)
        return message.severity.rank <= self.minimum_severity.rank and any(
            fnmatchcase(type_, glob) for type_ in types for glob in self.events
        )

    @property
    def fingerprint(self) -> str:
        """Changes whenever the target's definition does; reveals nothing of it."""
        whole = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()[:32]

    @field_serializer("url", "secrets", "routing_key", check_fields=False)
    def _reveal(self, value: SecretStr | tuple[SecretStr, ...]) -> list[str]:
        secrets = value if isinstance(value, tuple) else (value,)
        return [secret.get_secret_value() for secret in secrets]


class StandardTarget(_Target):
    """A receiver of Standard Webhooks: signed, for programs."""

    kind: Literal["standard"]
    url: Url
    secrets: Annotated[tuple[SigningSecret, ...], Field(min_length=1, max_length=2)]
    """The signing secret, or two while it is being changed: both sign."""

    @property
    def signing_keys(self) -> tuple[bytes, ...]:
        """24 to 64 bytes each."""
        return tuple(_signing_key(secret) for secret in self.secrets)


class SlackTarget(_Target):
    """A Slack incoming webhook, which posts to one channel."""

    kind: Literal["slack"]
    url: Url


class TeamsTarget(_Target):
    """A Microsoft Teams workflow that waits for a webhook request."""

    kind: Literal["teams"]
    url: Url


class PagerDutyTarget(_Target):
    """A PagerDuty service with an Events API v2 integration."""

    kind: Literal["pagerduty"]
    routing_key: RoutingKey
    url: Url = SecretStr("https://events.pagerduty.com/v2/enqueue")
    """In PagerDuty's EU service region: ``https://events.eu.pagerduty.com/v2/enqueue``."""


type Target = StandardTarget | SlackTarget | TeamsTarget | PagerDutyTarget

_KINDS: Mapping[str, type[StandardTarget | SlackTarget | TeamsTarget | PagerDutyTarget]] = {
    "standard": StandardTarget,
    "slack": SlackTarget,
    "teams": TeamsTarget,
    "pagerduty": PagerDutyTarget,
}


@dataclass(frozen=True, slots=True)
class Targets:
    """All targets of a deployment, by name.

    Attributes:
        invalid: What is wrong with the others, by name. Their messages wait until it is mended.
        nameless: What is wrong with entries that have no usable name, or somebody else's.
    """

    valid: Mapping[str, Target] = field(default_factory=dict)
    invalid: Mapping[str, str] = field(default_factory=dict)
    nameless: tuple[str, ...] = ()


def read_targets(document: Mapping[str, Any]) -> Targets:
    """Read the targets secret, each target by itself.

    Raises:
        SecretMalformed: The document is not an object with a list ``targets``.
    """
    entries = document.get("targets") if document else []
    if not isinstance(entries, list) or set(document) - {"targets", "$schema"}:
        raise SecretMalformed(
            'The targets secret is not an object like {"targets": [...]}',
            next_step="Store it again in the form that the notifications guide shows.",
        )
    valid: dict[str, Target] = {}
    invalid: dict[str, str] = {}
    nameless: list[str] = []
    for number, entry in enumerate(entries, 1):
        name = _name_of(entry)
        if not name:
            nameless.append(f"target {number} has no usable name (lower case, digits, hyphens)")
        elif name in valid or name in invalid:
            nameless.append(f"target {number} has the name of an earlier one, {name!r}")
        else:
            read = _read(entry)
            if isinstance(read, str):
                invalid[name] = read
            else:
                valid[name] = read
    return Targets(valid, invalid, tuple(nameless))


def _name_of(entry: object) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    return name if isinstance(name, str) and _NAME.fullmatch(name) else ""


def _read(entry: Mapping[str, Any]) -> Target | str:
    kind = entry.get("kind")
    model = _KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        return f"kind must be one of {', '.join(_KINDS)}"
    try:
        return model.model_validate(entry)
    except ValidationError as error:
        return "; ".join(
            f"{_place(item['loc'])}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_url=False, include_input=False, include_context=False)
        )


def _place(path: tuple[int | str, ...]) -> str:
    """Where in a target an error is; a misplaced secret may stand where a field's name belongs."""
    known = [str(part) for part in path if isinstance(part, int) or _FIELD.fullmatch(part)]
    return ".".join(known) if len(known) == len(path) else "a field with an unknown name"
