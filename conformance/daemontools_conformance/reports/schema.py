"""The part of JSON Schema that `results.schema.json` uses, in one screen.

It refuses a results file that somebody else made otherwise, without a dependency. Any
other JSON Schema validator works on the schema too.
"""

from collections.abc import Mapping
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def mismatch(value: object, schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    """Why `value` does not match `schema`; empty if it does."""
    if "$ref" in schema:
        return mismatch(value, _definition(schema["$ref"], root), root)
    if "const" in schema and value != schema["const"]:
        return f"{value!r} is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{value!r} is not one of {schema['enum']}"
    if "type" in schema and not _is_of(value, schema["type"]):
        return f"{value!r} is not of type {schema['type']}"
    if "oneOf" in schema:
        reasons = [mismatch(value, choice, root) for choice in schema["oneOf"]]
        if reasons.count("") != 1:
            return "; ".join(reasons)
    if isinstance(value, list) and "items" in schema:
        return next((m for item in value if (m := mismatch(item, schema["items"], root))), "")
    if isinstance(value, dict):
        return _of_members(value, schema, root)
    return ""


def _definition(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    found = root
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def _is_of(value: object, name: str) -> bool:
    if isinstance(value, bool) and name != "boolean":
        return False
    return isinstance(value, _TYPES[name])


def _of_members(value: dict[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    missing = [name for name in schema.get("required", []) if name not in value]
    if missing:
        return f"{missing[0]} is missing"
    named = schema.get("properties", {})
    others = schema.get("additionalProperties", {})
    for name, member in value.items():
        if name not in named and others is False:
            return f"{name} is not known"
        if wrong := mismatch(member, named.get(name, others), root):
            return f"{name}: {wrong}"
    return ""
