"""The queue of one kind of runs in SQS: one message per project and tick."""

from __future__ import annotations

from itertools import batched
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from pinecone_backup.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    from pinecone_backup.triggers import RunRequest

BATCH = 10
"""The most messages that one request takes."""


class SqsRunQueue:
    """The ``RunQueue`` over one SQS queue."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue = queue_url

    def send(self, requests: Sequence[RunRequest]) -> None:
        """Queue one message per request, ten at a time.

        Raises:
            StoreUnavailable: Naming the projects whose messages were not taken; the others were.
        """
        refused: list[str] = []
        reason = ""
        for batch in batched(requests, BATCH, strict=False):
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {"Id": str(number), "MessageBody": request.model_dump_json(exclude_defaults=True)}
                for number, request in enumerate(batch)
            ]
            try:
                answer = self._client.send_message_batch(QueueUrl=self._queue, Entries=entries)
            except (ClientError, BotoCoreError) as error:
                refused += [str(request.project) for request in batch]
                reason = type(error).__name__
                continue
            for failure in answer.get("Failed", ()):
                refused.append(str(batch[int(failure["Id"])].project))
                reason = failure["Code"]
        if refused:
            raise StoreUnavailable(
                f"The queue did not take the runs of {', '.join(refused)} ({reason})",
                next_step="The next tick asks for them; check the function's role if it repeats.",
            )
