"""Prints the public shape of the package that is on the path: names, parameters, attributes. See test_published.py."""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from typing import Any

MODULES = ["pingr", "pingr.client", "pingr.errors", "pingr.webhook"]


def parameters(function: Any) -> list[Any]:
    """Return what it takes: names, kinds, whether they may be left out, plain defaults."""
    plain = (str, int, float, bool, type(None))
    return [
        {
            "name": p.name,
            "kind": p.kind.name,
            "optional": p.default is not p.empty,
            "default": p.default if isinstance(p.default, plain) else None,
        }
        for p in inspect.signature(function).parameters.values()
    ]


def shape_of_class(kind: Any) -> dict[str, Any]:
    """Return how it is made, what it has, and what it is."""
    if getattr(kind, "_is_protocol", False):
        return {"new": [], "bases": [], "methods": {}, "attributes": {}}
    methods = [n for n in dir(kind) if inspect.isfunction(getattr(kind, n)) and (n[0] != "_" or n.startswith("__a"))]
    return {
        "new": parameters(kind),
        "bases": [base.__name__ for base in kind.__mro__],
        "methods": {
            name: {
                "parameters": parameters(getattr(kind, name)),
                "async": inspect.iscoroutinefunction(getattr(kind, name)),
            }
            for name in methods
        },
        "attributes": {} if "Messages" in kind.__name__ else attributes(kind),
    }


def attributes(kind: Any) -> dict[str, Any]:
    """Return the public attributes of one that is made with as little as possible; of plain ones also the value."""
    if not parameters(kind):
        return {name: None for name in vars(kind()) if name[0] != "_"}
    needed = [p for p in parameters(kind) if not p["optional"]]
    made = kind(*("pk_test_x" for _ in needed)) if needed or issubclass(kind, Exception) else kind("pk_test_x")
    plain = {"message", "code", "status", "retry_after"}
    return {name: value if name in plain else None for name, value in vars(made).items() if name[0] != "_"}


def shape() -> dict[str, Any]:
    """Return the shape of all modules."""
    found: dict[str, Any] = {}
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        found[module_name] = None
        for name in [*getattr(module, "__all__", ()), *vars(module)]:
            value = getattr(module, name)
            if name[0] == "_" or not getattr(value, "__module__", "").startswith("pingr"):
                continue
            path = f"{module_name}.{name}"
            found[path] = (
                shape_of_class(value)
                if inspect.isclass(value) and "TypedDict" not in str(type(value))
                else parameters(value)
                if inspect.isfunction(value)
                else None
            )
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(shape()))
