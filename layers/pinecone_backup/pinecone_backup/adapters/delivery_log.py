"""The delivery log in the ledger's table: one partition per target.

==========================  ==================================================  =========
sort key                    item                                                lives
==========================  ==================================================  =========
``EVENT#<event id>``        ``state`` sending (``until``), then delivered       30 days
``DISABLED#<fingerprint>``  the target, defined like this, answered 410         400 days
``RESOLVED#<topic>``        when the finding last ended, as was delivered       30 days
==========================  ==================================================  =========

``pk`` is ``DELIVERY#<target>``. Times are epoch seconds; expiry is DynamoDB's TTL.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from pinecone_backup.adapters.aws import error_code
from pinecone_backup.errors import LedgerConflict, LedgerUnavailable
from pinecone_backup.ports import DeliveryStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, PutItemInputTypeDef

LEASE = timedelta(minutes=2)
"""How long an attempt holds off others; well above what one can take."""
_REMEMBERED = timedelta(days=30)
_DISABLED_REMEMBERED = timedelta(days=400)
_LONGEST_KEY = 500
_CONDITION_FAILED = "ConditionalCheckFailedException"


class DynamoDeliveryLog:
    """The ``DeliveryLog`` in a DynamoDB table.

    Raises:
        LedgerUnavailable: From every method, when DynamoDB does not answer or refuses.
    """

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    def begin(self, event_id: str, target: str, *, now: datetime) -> DeliveryStatus:
        """Reserve a delivery for ``LEASE``, unless it was made or is under way."""
        try:
            self._put(
                target,
                f"EVENT#{event_id}",
                {"state": {"S": "sending"}, "until": _seconds(now + LEASE)},
                expires_at=now + _REMEMBERED,
                condition="attribute_not_exists(pk) OR (#state = :sending AND #until <= :now)",
                values={":sending": {"S": "sending"}, ":now": _seconds(now)},
            )
        except LedgerConflict:
            item = self._get(target, f"EVENT#{event_id}")
            done = item is not None and item.get("state", {}).get("S") == "delivered"
            return DeliveryStatus.DELIVERED if done else DeliveryStatus.IN_FLIGHT
        return DeliveryStatus.RESERVED

    def release(self, event_id: str, target: str) -> None:
        """Give a reservation back; one that became a delivery stays."""
        try:
            self._client.delete_item(
                TableName=self._table,
                Key=_key(target, f"EVENT#{event_id}"),
                ConditionExpression="#state = :sending",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues={":sending": {"S": "sending"}},
            )
        except (ClientError, BotoCoreError) as error:
            if error_code(error) != _CONDITION_FAILED:
                raise _unavailable(error) from error

    def mark_delivered(self, event_id: str, target: str, *, now: datetime) -> None:
        """Remember a delivery, for 30 days."""
        self._put(
            target,
            f"EVENT#{event_id}",
            {"state": {"S": "delivered"}, "delivered_at": _seconds(now)},
            expires_at=now + _REMEMBERED,
        )

    def mark_disabled(self, target: str, fingerprint: str, *, now: datetime) -> None:
        """Remember a target's 410; a changed definition has another fingerprint."""
        self._put(
            target,
            f"DISABLED#{fingerprint}",
            {"disabled_at": _seconds(now)},
            expires_at=now + _DISABLED_REMEMBERED,
        )

    def is_disabled(self, target: str, fingerprint: str) -> bool:
        """Whether the target, defined like this, answered 410."""
        return self._get(target, f"DISABLED#{fingerprint}") is not None

    def mark_resolved(self, topic: str, target: str, *, at: datetime, now: datetime) -> None:
        """Remember a topic's end; an earlier one replaces no later one."""
        try:
            self._put(
                target,
                f"RESOLVED#{topic}",
                {"until": _seconds(at)},
                expires_at=now + _REMEMBERED,
                condition="attribute_not_exists(pk) OR #until <= :at",
                values={":at": _seconds(at)},
            )
        except LedgerConflict:
            return

    def resolved_at(self, topic: str, target: str) -> datetime | None:
        """When the topic last ended, UTC; None when it did not."""
        item = self._get(target, f"RESOLVED#{topic}")
        until = (item or {}).get("until", {}).get("N")
        return None if until is None else datetime.fromtimestamp(float(until), UTC)

    def _get(self, target: str, key: str) -> Mapping[str, AttributeValueTypeDef] | None:
        try:
            answer = self._client.get_item(
                TableName=self._table, Key=_key(target, key), ConsistentRead=True
            )
        except (ClientError, BotoCoreError) as error:
            raise _unavailable(error) from error
        return answer.get("Item")

    def _put(
        self,
        target: str,
        key: str,
        attributes: Mapping[str, AttributeValueTypeDef],
        *,
        expires_at: datetime,
        condition: str = "",
        values: Mapping[str, AttributeValueTypeDef] | None = None,
    ) -> None:
        request: PutItemInputTypeDef = {
            "TableName": self._table,
            "Item": {**_key(target, key), **attributes, "expires_at": _whole_seconds(expires_at)},
        }
        if condition:
            names = {f"#{name}": name for name in ("state", "until") if f"#{name}" in condition}
            request["ConditionExpression"] = condition
            request["ExpressionAttributeNames"] = names
            request["ExpressionAttributeValues"] = values or {}
        try:
            self._client.put_item(**request)
        except (ClientError, BotoCoreError) as error:
            if error_code(error) == _CONDITION_FAILED:
                raise LedgerConflict("The delivery log was written by somebody else") from None
            raise _unavailable(error) from error


def _key(target: str, key: str) -> dict[str, AttributeValueTypeDef]:
    """The item's keys; a sort key may have 1,024 bytes, and ids and topics are anybody's text."""
    if len(key.encode()) > _LONGEST_KEY:
        kind, _, rest = key.partition("#")
        key = f"{kind}#{hashlib.sha256(rest.encode()).hexdigest()}"
    return {"pk": {"S": f"DELIVERY#{target}"}, "sk": {"S": key}}


def _seconds(time: datetime) -> AttributeValueTypeDef:
    return {"N": f"{time.timestamp():.6f}"}


def _whole_seconds(time: datetime) -> AttributeValueTypeDef:
    return {"N": str(int(time.timestamp()))}


def _unavailable(error: ClientError | BotoCoreError) -> LedgerUnavailable:
    return LedgerUnavailable(
        f"The delivery log did not answer ({error_code(error)})",
        next_step="The message is tried again; check the table and the function's role.",
    )
