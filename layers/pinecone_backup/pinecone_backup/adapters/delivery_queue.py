"""The delivery queue and its dead-letter queue in SQS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from pinecone_backup.adapters.aws import error_code
from pinecone_backup.errors import StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

REASON = "Reason"
"""The attribute of a dead letter that says why it is one."""
_LONGEST_REASON = 1_000


class SqsDeliveryQueue:
    """The ``DeliveryQueue`` over two SQS queues.

    Args:
        client: An SQS client.
        queue_url: The delivery queue.
        dead_letter_url: Where messages end that cannot be delivered.
    """

    def __init__(self, client: SQSClient, *, queue_url: str, dead_letter_url: str) -> None:
        self._client = client
        self._queue = queue_url
        self._dead_letters = dead_letter_url

    def send(self, body: str) -> None:
        """Queue one delivery, as JSON text."""
        try:
            self._client.send_message(QueueUrl=self._queue, MessageBody=body)
        except (ClientError, BotoCoreError) as error:
            raise _unavailable("The delivery queue did not take a message", error) from error

    def postpone(self, receipt: str, *, seconds: int) -> None:
        """Hide a message that was received from the delivery queue."""
        try:
            self._client.change_message_visibility(
                QueueUrl=self._queue, ReceiptHandle=receipt, VisibilityTimeout=seconds
            )
        except (ClientError, BotoCoreError) as error:
            raise _unavailable("The delivery queue did not postpone a message", error) from error

    def dead_letter(self, body: str, *, reason: str) -> None:
        """Put a message into the dead-letter queue, with the reason as an attribute."""
        text = reason[:_LONGEST_REASON] or "unknown"
        try:
            self._client.send_message(
                QueueUrl=self._dead_letters,
                MessageBody=body,
                MessageAttributes={REASON: {"DataType": "String", "StringValue": text}},
            )
        except (ClientError, BotoCoreError) as error:
            raise _unavailable("The dead-letter queue did not take a message", error) from error


def _unavailable(problem: str, error: ClientError | BotoCoreError) -> StoreUnavailable:
    return StoreUnavailable(
        f"{problem} ({error_code(error)})",
        next_step="It is tried again; check the function's role.",
    )
