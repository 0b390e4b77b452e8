"""The environment is read once, into one model per function."""

from __future__ import annotations

import pytest

from pinecone_backup.errors import SettingsInvalid
from pinecone_backup.model import PruneMode
from pinecone_backup.settings import NotifySettings, PruneSettings, Settings

ENVIRONMENT = {
    "STACK_NAME": "backup",
    "OWNER": "backup",
    "TABLE_NAME": "ledger",
    "BUS_NAME": "bus",
    "BUCKET_NAME": "bucket",
    "PROJECT_SECRET_PREFIX": "backup/projects/",
}


def test_what_is_given_is_read() -> None:
    settings = PruneSettings.read(ENVIRONMENT | {"PRUNE_MODE": "enforce", "LOCAL_CLOCK": "true"})
    assert (settings.table_name, settings.prune_mode, settings.local_clock) == (
        "ledger",
        PruneMode.ENFORCE,
        True,
    )


def test_the_defaults_are_the_safe_ones() -> None:
    settings = PruneSettings.read(ENVIRONMENT)
    assert (settings.prune_mode, settings.local_clock, settings.pinecone_url) == (
        PruneMode.DRY_RUN,
        False,
        "https://api.pinecone.io",
    )


def test_an_empty_variable_is_an_absent_one() -> None:
    assert PruneSettings.read(ENVIRONMENT | {"PRUNE_MODE": ""}).prune_mode is PruneMode.DRY_RUN


def test_every_missing_variable_is_named_at_once() -> None:
    with pytest.raises(SettingsInvalid, match=r"TABLE_NAME.*BUS_NAME"):
        PruneSettings.read({"STACK_NAME": "backup", "OWNER": "backup"})


def test_a_malformed_variables_value_is_not_repeated() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        PruneSettings.read(ENVIRONMENT | {"PINECONE_URL": "http://user:pass word@host"})
    assert "PINECONE_URL" in str(caught.value)
    assert "pass word" not in str(caught.value)


@pytest.mark.parametrize("owner", ["", "a b", "-a", "a" * 129])
def test_an_owner_must_fit_a_marker(owner: str) -> None:
    """I2."""
    with pytest.raises(SettingsInvalid, match="OWNER"):
        PruneSettings.read(ENVIRONMENT | {"OWNER": owner})


NOTIFY = ENVIRONMENT | {
    "TARGETS_SECRET": "backup/targets",
    "DELIVERY_QUEUE_URL": "https://sqs",
    "DEAD_LETTER_QUEUE_URL": "https://sqs",
}


@pytest.mark.parametrize(
    "base", ["http://x.example", "https://", "https://x.example/?a", "x", "https://a b"]
)
def test_links_have_a_plain_https_base(base: str) -> None:
    with pytest.raises(SettingsInvalid, match="LINK_BASE"):
        NotifySettings.read(NOTIFY | {"LINK_BASE": base})


def test_without_a_link_base_there_is_none() -> None:
    assert NotifySettings.read(NOTIFY).link_base == ""


def test_the_log_groups_are_named_by_function() -> None:
    settings = NotifySettings.read(NOTIFY | {"LOG_GROUPS": "create=s-CreateLogs-1A, api=s=b,"})

    assert settings.log_groups == {"create": "s-CreateLogs-1A", "api": "s=b"}
    assert NotifySettings.read(NOTIFY).log_groups == {}


def test_a_list_is_separated_by_commas() -> None:
    settings = NotifySettings.read(
        NOTIFY | {"INSECURE_WEBHOOK_HOSTS": "127.0.0.1:8080, localhost:9090,"}
    )
    assert settings.insecure_webhook_hosts == ("127.0.0.1:8080", "localhost:9090")


def test_without_an_argument_the_process_environment_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STACK_NAME", "from-process")
    monkeypatch.setenv("OWNER", "from-process")
    assert Settings.read().stack_name == "from-process"
