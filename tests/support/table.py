"""A DynamoDB table in memory, as far as the ledger uses one, for tests that read and write a lot.

It keeps items as DynamoDB's API spells them, so whatever goes through it goes through the real
codec. The ledger's contract is checked on it and on an emulated DynamoDB alike. As there, each call
is one step: what several threads do comes one after the other.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from threading import RLock
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ReadTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
    """The calls of a DynamoDB client that the ledger makes.

    Attributes:
        items: By sort key.
        lost: So many of the next writes take effect, and their answer is lost.
    """

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.lost = 0
        self._tokens: set[str] = set()
        self._sorted: list[str] = []
        self._one_at_a_time = RLock()

    def copy(self) -> MemoryTable:
        """Another table with the same items; items are replaced, never changed."""
        other = MemoryTable()
        other.items = dict(self.items)
        return other

    def put_item(self, *, Item: Item, **request: Any) -> dict[str, Any]:  # noqa: N803
        key = Item["sk"]["S"]
        with self._one_at_a_time:
            self._check(key, "PutItem", **request)
            self._put(Item)
            return self._answer()

    def get_item(self, *, Key: Item, **_: Any) -> dict[str, Any]:  # noqa: N803
        item = self.items.get(Key["sk"]["S"])
        return {} if item is None else {"Item": item}

    def batch_get_item(self, *, RequestItems: Item) -> dict[str, Any]:  # noqa: N803
        ((name, request),) = RequestItems.items()
        assert 0 < len(request["Keys"]) <= 100
        keys = [key["sk"]["S"] for key in request["Keys"]]
        with self._one_at_a_time:
            return {"Responses": {name: [self.items[key] for key in keys if key in self.items]}}

    def delete_item(self, *, Key: Item, **request: Any) -> dict[str, Any]:  # noqa: N803
        with self._one_at_a_time:
            self._check(Key["sk"]["S"], "DeleteItem", **request)
            self._delete(Key["sk"]["S"])
            return {}

    def query(self, **request: Any) -> dict[str, Any]:
        values = request["ExpressionAttributeValues"]
        prefix = values.get(":prefix", {"S": ""})["S"]
        first, last = (values.get(name, {"S": ""})["S"] for name in (":first", ":last"))
        if not last:
            first, last = prefix, f"{prefix}\U0010ffff"
        with self._one_at_a_time:
            if len(self._sorted) != len(self.items):
                self._sorted = sorted(self.items)
            begin, end = bisect_left(self._sorted, first), bisect_right(self._sorted, last)
            found = [self.items[key] for key in self._sorted[begin:end]]
        return {"Items": found if request["ScanIndexForward"] else found[::-1]}

    def transact_write_items(
        self,
        *,
        TransactItems: list[Any],  # noqa: N803
        ClientRequestToken: str,  # noqa: N803
    ) -> dict[str, Any]:
        with self._one_at_a_time:
            if ClientRequestToken in self._tokens:  # the same request, sent twice
                return {}
            requests = [request for each in TransactItems for request in each.values()]
            for request in requests:
                key = request.get("Item") or request["Key"]
                self._check(key["sk"]["S"], "TransactWriteItems", **request)
            self._tokens.add(ClientRequestToken)
            for each in TransactItems:
                if "Put" in each:
                    self._put(each["Put"]["Item"])
                else:
                    self._delete(each["Delete"]["Key"]["sk"]["S"])
            return self._answer()

    def _put(self, item: Item) -> None:
        key = item["sk"]["S"]
        if key not in self.items:
            insort(self._sorted, key)
        self.items[key] = item

    def _delete(self, key: str) -> None:
        if self.items.pop(key, None) is not None:
            self._sorted = []

    def _answer(self) -> dict[str, Any]:
        if self.lost:
            self.lost -= 1
            raise ReadTimeoutError(endpoint_url="https://dynamodb")
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
    if clause.startswith("attribute_not_exists("):
        name = clause.removeprefix("attribute_not_exists(").removesuffix(")")
        return names.get(name, name) not in item
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


class FaultyTable(MemoryTable):
    """A table whose calls go wrong as DynamoDB's do, as often as each number says.

    Attributes:
        repeated: Writes that the client sends twice, because their first answer was lost.
        collisions: Writes that meet somebody else's transaction and are refused for it.
        before: What somebody else does right before the next write, once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.repeated = 0
        self.collisions = 0
        self.before: Callable[[], object] | None = None

    def put_item(self, **request: Any) -> dict[str, Any]:
        self._disturb("PutItem", "TransactionConflictException")
        if self.repeated:
            self.repeated -= 1
            super().put_item(**request)
        return super().put_item(**request)

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
        self._disturb("TransactWriteItems", "TransactionCanceledException", reasons)
        if self.repeated:
            self.repeated -= 1
            super().transact_write_items(**request)
        return super().transact_write_items(**request)

    def _disturb(
        self, operation: str, code: str, reasons: Sequence[Mapping[str, str]] = ()
    ) -> None:
        before, self.before = self.before, None
        if before is not None:
            before()
        if self.collisions:
            self.collisions -= 1
            answer: Any = {"Error": {"Code": code}, "CancellationReasons": list(reasons)}
            raise ClientError(answer, operation)
