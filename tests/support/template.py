"""``template.yaml`` as CloudFormation sees it once its parameters are known."""

from __future__ import annotations

import json
import sys
from typing import Any

from local.build import ROOT
from local.deploy import load_template

_NO_VALUE = {"Ref": "AWS::NoValue"}

type Json = Any  # a template is free-form JSON


def unrolled_template() -> dict[str, Json]:
    """The template with its loops unrolled, and nothing else of it resolved."""
    template = load_template(ROOT / "template.yaml")
    resources: dict[str, Json] = {}
    for name, resource in template["Resources"].items():
        resources |= _unrolled(name, resource)
    return template | {"Resources": resources}


def resolved_template(**parameters: str) -> dict[str, Json]:
    """The template with its loops unrolled and its conditions decided.

    What a condition leaves out is not there; references stay references.

    Args:
        parameters: Where they differ from the defaults.
    """
    template = unrolled_template()
    resolver = _Resolver(template, parameters)
    chosen = {
        name: resolver.value(resource)
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or resolver.holds(resource["Condition"])
    }
    return template | {
        "Resources": chosen,
        "Globals": resolver.value(template["Globals"]),
        "Outputs": resolver.value(template["Outputs"]),
    }


def _unrolled(name: str, member: Json) -> dict[str, Json]:
    """A resource as it is; of an ``Fn::ForEach`` its members, once for each value."""
    if not name.startswith("Fn::ForEach::"):
        return {name: member}
    variable, values, members = member
    made: dict[str, Json] = {}
    for value in values:
        text = json.dumps(members).replace(f"${{{variable}}}", value)
        turn = json.loads(text.replace(json.dumps({"Ref": variable}), json.dumps(value)))
        for inner_name, inner in turn.items():
            made |= _unrolled(inner_name, inner)
    return made


class _Resolver:
    """Decides what depends on parameters alone."""

    def __init__(self, template: dict[str, Json], given: dict[str, str]) -> None:
        unknown = given.keys() - template["Parameters"].keys()
        assert not unknown, f"the template has no parameter {unknown}"
        self._conditions = template["Conditions"]
        self._mappings = template["Mappings"]
        self._parameters = {
            name: str(parameter["Default"]) for name, parameter in template["Parameters"].items()
        } | given

    def holds(self, condition: str) -> bool:
        """Whether a named condition is met."""
        return self._truth(self._conditions[condition])

    def _truth(self, expression: Json) -> bool:
        match expression:
            case {"Fn::Not": [inner]}:
                return not self._truth(inner)
            case {"Fn::Equals": [{"Ref": name}, value]}:
                return self._parameters[name] == str(value)
        raise AssertionError(f"not understood: {expression}")

    def value(self, node: Json) -> Json:
        """A part of the template without choices; what has no value is left out."""
        result = node
        match node:
            case {"Fn::If": [condition, then, otherwise]}:
                result = self.value(then if self.holds(condition) else otherwise)
            case {"Ref": {"Fn::Sub": name}}:
                result = {"Ref": name}
            case {"Fn::GetAtt": [{"Fn::Sub": name}, attribute]}:
                result = {"Fn::GetAtt": [name, attribute]}
            case {"Fn::FindInMap": [mapping, key, column]}:
                result = self._mappings[mapping][key][column]
            case {"Fn::Split": [separator, source]}:
                result = self._text(source).split(separator)
            case {"Fn::Select": [index, parts]}:
                result = self.value(parts)[index]
            case {"Fn::Sub": [text, variables]}:
                result = {"Fn::Sub": self._filled(text, variables)}
            case dict():
                found = {key: self.value(value) for key, value in node.items()}
                result = {key: value for key, value in found.items() if value != _NO_VALUE}
            case list():
                result = [value for value in map(self.value, node) if value != _NO_VALUE]
        return result

    def _text(self, source: Json) -> str:
        value = self.value(source)
        return self._parameters[value["Ref"]] if isinstance(value, dict) else str(value)

    def _filled(self, text: str, variables: dict[str, Json]) -> str:
        for name, node in variables.items():
            value = self.value(node)
            text = text.replace(
                f"${{{name}}}", f"${{{value['Ref']}}}" if isinstance(value, dict) else value
            )
        return text


if __name__ == "__main__":  # for `make check-template`: checkov passes over loops
    sys.stdout.write(json.dumps(unrolled_template(), indent=1))
