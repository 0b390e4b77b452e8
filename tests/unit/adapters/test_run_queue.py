"""The queue of runs: what is sent reads back, and what was not taken is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from botocore.exceptions import ClientError

from pinecone_backup.adapters.run_queue import SqsRunQueue
from pinecone_backup.errors import StoreUnavailable
from pinecone_backup.model import RunKind, TriggerKind
from pinecone_backup.triggers import RunRequest, read_trigger

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

REQUEST = RunRequest(trigger=TriggerKind.SCHEDULE, actor="schedule", project="main", run_id="r-1")


class Sqs:
    """Takes messages as SQS does, unless it is down."""

    def __init__(self, *, down: bool = False) -> None:
        self.taken: list[str] = []
        self.down = down

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803
        assert QueueUrl == "url"
        if self.down:
            raise ClientError({"Error": {"Code": "InternalError"}}, "SendMessage")
        self.taken.append(MessageBody)


def test_a_message_reads_back_as_the_request_that_was_sent() -> None:
    sqs = Sqs()
    SqsRunQueue(cast("SQSClient", sqs), "url").send(REQUEST)
    read = read_trigger({"Records": [{"body": sqs.taken[0]}]}, RunKind.CREATE)
    assert read == REQUEST.model_copy(update={"queued": True})


def test_a_queue_that_does_not_answer_is_said_with_the_project() -> None:
    with pytest.raises(StoreUnavailable, match=r"project main \(ClientError\)"):
        SqsRunQueue(cast("SQSClient", Sqs(down=True)), "url").send(REQUEST)
