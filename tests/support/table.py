"""A DynamoDB table in memory, as far as the ledger uses one, for tests that read and write a lot.

It keeps items as DynamoDB's API spells them, so whatever goes through it goes through the real
codec. The ledger's contract is checked on it and on an emulated DynamoDB alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

type Item = dict[str, Any]


def create_table(client: DynamoDBClient, name: str = "table") -> None:
    """Create a table with the template's keys in an emulated DynamoDB."""
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
    )


class MemoryTable:
    """The calls of a DynamoDB client that the ledger makes; ``items`` by sort key."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}

    def put_item(self, *, Item: Item, **request: Any) -> dict[str, Any]:  # noqa: N803
        key = Item["sk"]["S"]
        self._check(key, "PutItem", **request)
        self.items[key] = Item
        return {}

    def get_item(self, *, Key: Item, **_: Any) -> dict[str, Any]:  # noqa: N803
        item = self.items.get(Key["sk"]["S"])
        return {} if item is None else {"Item": item}

    def batch_get_item(self, *, RequestItems: Item) -> dict[str, Any]:  # noqa: N803
        ((name, request),) = RequestItems.items()
        assert 0 < len(request["Keys"]) <= 100
        keys = [key["sk"]["S"] for key in request["Keys"]]
        return {"Responses": {name: [self.items[key] for key in keys if key in self.items]}}

    def delete_item(self, *, Key: Item, **request: Any) -> dict[str, Any]:  # noqa: N803
        self._check(Key["sk"]["S"], "DeleteItem", **request)
        self.items.pop(Key["sk"]["S"], None)
        return {}

    def query(self, **request: Any) -> dict[str, Any]:
        values = request["ExpressionAttributeValues"]
        prefix = values.get(":prefix", {"S": ""})["S"]
        first, last = (values.get(name, {"S": ""})["S"] for name in (":first", ":last"))
        keys = sorted(
            key
            for key in self.items
            if key.startswith(prefix) and (not last or first <= key <= last)
        )
        if not request["ScanIndexForward"]:
            keys.reverse()
        return {"Items": [self.items[key] for key in keys]}

    def transact_write_items(self, *, TransactItems: list[Any]) -> dict[str, Any]:  # noqa: N803
        puts = [each["Put"] for each in TransactItems if "Put" in each]
        for put in puts:
            self._check(put["Item"]["sk"]["S"], "TransactWriteItems", **put)
        for put in puts:
            self.items[put["Item"]["sk"]["S"]] = put["Item"]
        for each in TransactItems:
            if "Delete" in each:
                self.items.pop(each["Delete"]["Key"]["sk"]["S"], None)
        return {}

    def _check(self, key: str, operation: str, **request: Any) -> None:
        condition = request.get("ConditionExpression")
        if condition is None:
            return
        names = request.get("ExpressionAttributeNames", {})
        values = request.get("ExpressionAttributeValues", {})
        item = self.items.get(key, {})
        if not any(_holds(clause, item, names, values) for clause in condition.split(" OR ")):
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, operation)


def _holds(clause: str, item: Item, names: Mapping[str, str], values: Mapping[str, Any]) -> bool:
    if clause == "attribute_not_exists(pk)":
        return "pk" not in item
    path, operator, *operands = clause.replace(" AND ", " ").split()
    found: Any = {"M": item}
    for part in path.split("."):
        found = found.get("M", {}).get(names[part], {})
    (type_, value), *_ = found.items() or [("", None)]
    wanted = [values[operand] for operand in operands]
    if any(type_ not in each for each in wanted):
        return False
    first, *rest = (_comparable(each[type_], type_) for each in wanted)
    value = _comparable(value, type_)
    if operator == "BETWEEN":
        return bool(first <= value <= rest[0])
    return bool(value == first if operator == "=" else value <= first)


def _comparable(value: Any, type_: str) -> Any:
    return float(value) if type_ == "N" else value
