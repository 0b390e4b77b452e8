"""The queue of runs: all messages are sent, and what was not taken is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from pinecone_backup.adapters.run_queue import SqsRunQueue
from pinecone_backup.errors import StoreUnavailable
from pinecone_backup.model import RunKind, TriggerKind
from pinecone_backup.triggers import RunRequest, read_trigger

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class Sqs:
    """Takes batches as SQS does; ``refuses`` names projects whose messages it refuses."""

    def __init__(self, *refuses: str, down: bool = False) -> None:
        self.taken: list[str] = []
        self.refuses, self.down = refuses, down

    def send_message_batch(self, *, QueueUrl: str, Entries: list[Any]) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == "url"
        assert 1 <= len(Entries) <= 10
        if self.down:
            raise ClientError({"Error": {"Code": "InternalError"}}, "SendMessageBatch")
        failed = []
        for entry in Entries:
            if any(f'"{name}"' in entry["MessageBody"] for name in self.refuses):
                failed.append({"Id": entry["Id"], "Code": "Throttled", "SenderFault": False})
            else:
                self.taken.append(entry["MessageBody"])
        return {"Successful": [], "Failed": failed}


def requests(count: int) -> list[RunRequest]:
    return [
        RunRequest(trigger=TriggerKind.SCHEDULE, actor="schedule", project=f"p{n}", run_id=f"r{n}")
        for n in range(count)
    ]


def send(sqs: Sqs, count: int) -> None:
    SqsRunQueue(cast("SQSClient", sqs), "url").send(requests(count))


def test_a_message_reads_back_as_the_request_that_was_sent() -> None:
    sqs = Sqs()
    send(sqs, 23)
    read = [read_trigger({"Records": [{"body": body}]}, RunKind.CREATE) for body in sqs.taken]
    assert read == [each.model_copy(update={"queued": True}) for each in requests(23)]


def test_what_the_queue_refuses_is_named_and_the_rest_is_sent() -> None:
    sqs = Sqs("p3", "p14")
    with pytest.raises(StoreUnavailable, match=r"p3, p14 \(Throttled\)"):
        send(sqs, 20)
    assert len(sqs.taken) == 18


def test_a_queue_that_does_not_answer_takes_nothing() -> None:
    with pytest.raises(StoreUnavailable, match=r"p0, p1 \(ClientError\)"):
        send(Sqs(down=True), 2)
