"""The template as CloudFormation sees it once its loops are unrolled."""

from __future__ import annotations

import json
from typing import Any

from local.build import ROOT
from local.deploy import load_template


def unrolled_template() -> dict[str, Any]:
    """``template.yaml`` with a resource for each turn of an ``Fn::ForEach``."""
    template = load_template(ROOT / "template.yaml")
    resources: dict[str, Any] = {}
    for name, resource in template["Resources"].items():
        if not name.startswith("Fn::ForEach::"):
            resources[name] = resource
            continue
        variable, values, fragment = resource
        for value in values:
            resources |= _resolved(json.dumps(fragment).replace(f"${{{variable}}}", value))
    return template | {"Resources": resources}


def _resolved(fragment: str) -> dict[str, Any]:
    """A fragment whose references by a computed name are plain ones."""

    def plain(value: dict[str, Any]) -> dict[str, Any]:
        match value:
            case {"Ref": {"Fn::Sub": name}}:
                return {"Ref": name}
        return value

    resolved: dict[str, Any] = json.loads(fragment, object_hook=plain)
    return resolved
