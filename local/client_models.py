"""Generates the command line's typed client from the OpenAPI document.

One frozen struct for each schema that a request or an answer contains, one enumeration for each
list of words, and one method for each operation. ``python -m local.docs`` writes the file; a test
fails while it is not what the document says.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from keyword import iskeyword
from textwrap import fill
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

type Json = dict[str, Any]  # an OpenAPI document is free-form JSON

HEAD = '''"""The API's models and operations, generated from docs/openapi.json by ``make docs``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pinecone_backup_cli.wire import Model, Transport, Word, path


'''
_PASSED_THROUGH = "PolicyDocument"
"""A document of people's own: shown and sent as it stands."""
_PROBLEM = {"$ref": "#/components/schemas/Problem"}
"""What every error is."""
_SIMPLE = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_PATH_PARAMETER = re.compile(r"\{(\w+)\}")
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def client_text(document: Json) -> str:
    """The module as it is committed."""
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    schemas: Json = document["components"]["schemas"]
    wanted = _reachable([*(operation for *_, operation in operations), _PROBLEM], schemas)
    models = (_model(name, schemas[name]) for name in sorted(wanted))
    methods = (_method(path, method, operation) for path, method, operation in operations)
    api = 'class Api(Transport):\n    """Every operation of the API."""\n\n' + "\n\n".join(methods)
    return _formatted(HEAD + "\n\n\n".join([*models, api]) + "\n")


def _reachable(roots: list[Json], schemas: Mapping[str, Json]) -> set[str]:
    """The names of the schemas that some places refer to, in however many steps."""
    found: set[str] = set()
    todo = set(_names(roots))
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo |= set(_names(schemas[name]))
    return found


def _names(place: object) -> Iterator[str]:
    if isinstance(place, dict):
        if "$ref" in place and _name(place) != _PASSED_THROUGH:
            yield _name(place)
        for inner in place.values():
            yield from _names(inner)
    elif isinstance(place, list):
        for inner in place:
            yield from _names(inner)


def _name(schema: Json) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _model(name: str, schema: Json) -> str:
    text = _docstring(schema.get("description") or f"{_CAPITAL.sub(' ', name).capitalize()}.", 4)
    if "enum" in schema:
        words = "\n".join(f'    {_constant(word)} = "{word}"' for word in schema["enum"])
        return f"class {name}(Word):\n{text}\n\n{words}"
    required = set(schema.get("required", ()))
    fields = "\n".join(
        _field(field, each, required=field in required)
        for field, each in schema.get("properties", {}).items()
    )
    return f"class {name}(Model, frozen=True, kw_only=True):\n{text}\n\n{fields}"


def _constant(word: str) -> str:
    return re.sub(r"\W", "_", word).upper()


def _field(name: str, schema: Json, *, required: bool) -> str:
    if not name.isidentifier() or iskeyword(name):
        raise ValueError(f"{name} is no name of an attribute: give it an alias")
    kind = _type(schema)
    if required:
        return f"    {name}: {kind}"
    # The default of an enumeration is left to the API, so that a newer one may change it.
    default = None if "$ref" in schema else schema.get("default")
    if default is None:
        return f"    {name}: {kind if kind.endswith(' | None') else kind + ' | None'} = None"
    return f"    {name}: {kind} = {default!r}"


def _type(schema: Json) -> str:
    if "$ref" in schema:
        return "dict[str, Any]" if _name(schema) == _PASSED_THROUGH else _name(schema)
    if "anyOf" in schema:
        return " | ".join(_type(choice) for choice in schema["anyOf"])
    kind = str(schema.get("type"))
    if kind == "array":
        return f"list[{_type(schema['items'])}]"
    if kind == "object":
        return f"dict[str, {_type_of_values(schema)}]"
    if schema.get("format") == "date-time":
        return "datetime"
    if kind not in _SIMPLE:
        raise ValueError(f"No type of Python for {json.dumps(schema)[:200]}")
    return _SIMPLE[kind]


def _type_of_values(schema: Json) -> str:
    values = schema.get("additionalProperties", True)
    if "patternProperties" in schema:
        (values,) = schema["patternProperties"].values()
    return _type(values) if isinstance(values, dict) else "Any"


def _method(path: str, method: str, operation: Json) -> str:
    parameters = operation.get("parameters", ())
    in_path = [each["name"] for each in parameters if each["in"] == "path"]
    in_headers = {
        _argument(each["name"]): each
        for each in parameters
        if each["in"] == "header" and each["name"] != "Idempotency-Key"  # the transport sends it
    }
    in_query = {_argument(each["name"]): each for each in parameters if each["in"] == "query"}
    body = _content(operation.get("requestBody", {}))
    success = next(each for status, each in operation["responses"].items() if status[0] == "2")
    answer = _content(success) or "None"
    takes = ["self", *(f"{name}: str" for name in in_path)]
    if body:
        takes.append(f"body: {body}")
    if in_query or in_headers:
        takes.append("*")
        takes += [
            f"{name}: {_type(each['schema'])}" + ("" if each["required"] else " | None = None")
            for name, each in (in_query | in_headers).items()
        ]
    given = [f'"{method.upper()}"', _path(path), "type(None)" if answer == "None" else answer]
    if in_query:
        pairs = ", ".join(f'"{each["name"]}": {name}' for name, each in in_query.items())
        given.append(f"query={{{pairs}}}")
    if in_headers:
        pairs = ", ".join(f'"{each["name"]}": {name}' for name, each in in_headers.items())
        given.append(f"headers={{{pairs}}}")
    if body:
        given.append("body=body")
    ask = f"self.ask({', '.join(given)})"
    return (
        f"    def {operation['operationId']}({', '.join(takes)}) -> {answer}:\n"
        f"{_docstring(operation['summary'], 8)}\n"
        f"        {ask if answer == 'None' else 'return ' + ask}"
    )


def _argument(name: str) -> str:
    argument = _CAPITAL.sub("_", name).lower().replace("-", "_").replace("__", "_")
    return f"{argument}_" if iskeyword(argument) else argument


def _content(place: Json) -> str:
    content = place.get("content", {}).get("application/json", {})
    return _type(content["schema"]) if content else ""


def _path(template: str) -> str:
    names = _PATH_PARAMETER.findall(template)
    if not names:
        return f'"{template}"'
    return f'path("{_PATH_PARAMETER.sub("{}", template)}", {", ".join(names)})'


def _docstring(text: str, indent: int) -> str:
    """The first paragraph, its first sentence as the summary."""
    margin = " " * indent
    paragraph = " ".join(text.split("\n\n", maxsplit=1)[0].split()).replace('"', "'")
    summary, _, rest = (paragraph.rstrip(".") + ". ").partition(". ")
    if not rest:
        return f'{margin}"""{summary}."""'
    told = fill(rest.strip(), 96, initial_indent=margin, subsequent_indent=margin)
    return f'{margin}"""{summary}.\n\n{told}\n{margin}"""'


def _formatted(text: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--quiet", "--stdin-filename", "api.py", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
