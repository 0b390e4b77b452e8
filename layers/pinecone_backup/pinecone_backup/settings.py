"""What a deployment configures its functions with: one model per function, read once per process.

Nothing else reads the environment. ``template.yaml`` sets these variables.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pinecone_backup.errors import SettingsInvalid
from pinecone_backup.model import PruneMode

if TYPE_CHECKING:
    from collections.abc import Mapping


def _comma_separated(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _pairs(value: object) -> object:
    if isinstance(value, str):
        parts = (part.partition("=") for part in value.split(",") if part.strip())
        return {name.strip(): text.strip() for name, _, text in parts}
    return value


HttpUrl = Annotated[str, Field(pattern=r"^https?://[^/\s]+$")]


class Settings(BaseModel):
    """What every function needs."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    stack_name: str
    owner: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]
    """The deployment id that our markers carry (rule I2)."""
    local_clock: bool = False
    """Local stack only: ``detail.now`` is the clock (rule T1)."""

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the environment.

        Raises:
            SettingsInvalid: Naming every variable that is missing or malformed, never its value.
        """
        given = os.environ if environment is None else environment
        values = {name: given[name.upper()] for name in cls.model_fields if given.get(name.upper())}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            wrong = "; ".join(
                f"{str(item['loc'][0]).upper()}: {item['msg']}"
                for item in error.errors(include_url=False, include_input=False)
            )
            raise SettingsInvalid(
                f"The function's environment is not usable: {wrong}",
                next_step="Deploy the template again, or correct the environment file.",
            ) from None


class LedgerSettings(Settings):
    """For functions that keep state and announce events."""

    table_name: str
    bus_name: str


class ProjectSettings(LedgerSettings):
    """For functions that speak to Pinecone about projects of the policy."""

    bucket_name: str
    policy_key: str = "policy/policy.json"
    project_secret_prefix: str
    """``<stack>/projects/``: what the roles may read."""
    history_days: Annotated[int, Field(ge=30, le=3650)] = 400
    """How long the ledger keeps runs, deletions, plans and restores."""
    finding_days: Annotated[int, Field(ge=7, le=3650)] = 90
    """How long the ledger keeps a finding that has resolved."""
    evidence_lock_days: Annotated[int, Field(ge=0, le=36500)] = 0
    """For how many days evidence is locked; 0: it is not."""
    evidence_key_arn: str = ""
    """The KMS key that signs evidence; empty: it is not signed."""
    pinecone_url: HttpUrl = "https://api.pinecone.io"
    pinecone_api_version: Literal["2025-04", "2025-10", "2026-04", "2026-07"] = "2026-07"
    schedules_api_version: Literal["2026-04", "2026-07", "unstable"] = "2026-07"
    pinecone_concurrency: Annotated[int, Field(ge=1, le=20)] = 8
    """How many calls to one project at Pinecone are made at a time."""
    run_queue_url: str = ""
    """The queue of this kind's runs; without it, a tick runs its projects in turn."""


class AuditSettings(ProjectSettings):
    """For audit."""

    project_metrics: bool = False
    """Whether each project has metrics of its own: only the dashboard reads them."""


class PruneSettings(ProjectSettings):
    """For prune, and for the API, which plans and executes as prune does."""

    prune_mode: PruneMode = PruneMode.DRY_RUN
    approver_is_another: bool = False
    two_approvers_above: Annotated[int | None, Field(ge=0)] = None


class ApiSettings(PruneSettings):
    """For the API function."""

    cors_origin: str = ""
    """Empty: no CORS headers."""
    aws_region: str = ""
    """Set by Lambda itself; empty elsewhere."""


class NotifySettings(LedgerSettings):
    """For notify."""

    targets_secret: str
    """The name of the one secret that holds all targets."""
    delivery_queue_url: str
    dead_letter_queue_url: str
    """Where messages end that cannot be delivered, with the reason."""
    link_base: Annotated[str, Field(pattern=r"^(https://[A-Za-z0-9._~:/%-]{1,300})?$")] = ""
    """What people open in a browser: the API below ``/v1``, guides below ``/docs``; or empty."""
    aws_region: str = ""
    """Set by Lambda itself; empty elsewhere."""
    log_groups: Annotated[dict[str, str], BeforeValidator(_pairs)] = Field(default_factory=dict)
    """The functions' log groups by function: ``create=NAME, prune=NAME``. For links only."""
    insecure_webhook_hosts: Annotated[tuple[str, ...], BeforeValidator(_comma_separated)] = ()
    """Local stack only: ``host:port`` values allowed over plain http and on private addresses."""
