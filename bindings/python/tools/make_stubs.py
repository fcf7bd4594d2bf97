#!/usr/bin/env python3
"""Prints the type stubs of gbt.sklearn, whose signatures are made from the library's table:

tools/make_stubs.py >src/gbt/sklearn.pyi
"""

import inspect

from gbt import sklearn

NAMES = [
    "BoostedHeadsClassifier",
    "BoostedHeadsRegressor",
    "GBTClassifier",
    "GBTRegressor",
    "MultiTaskClassifier",
    "MultiTaskRegressor",
]
KINDS = {"int": "int", "bytes": "int", "real": "float", "bool": "bool", "enum": "str"}


def type_of(cls, name, default):
    for row in cls._rows:
        if sklearn._RENAMED.get(row.name, row.name) == name:
            if row.name in sklearn._RENAMED:
                return "Any"
            if row.name == "objective":
                return "str | Callable"
            return KINDS.get(row.kind, "Any")
    return "int" if isinstance(default, int) else "Any"


def constructor(cls):
    lines = ["    def __init__(", "        self,", "        *,"]
    for name, item in inspect.signature(cls.__init__).parameters.items():
        if name != "self":
            kind = type_of(cls, name, item.default)
            lines.append(f"        {name}: {kind} = {item.default!r},")
    return [*lines, "        **aliases: Any,", "    ) -> None: ..."]


def methods(cls):
    for name, value in inspect.getmembers(cls):
        if name.startswith("_") or name.endswith("_request"):
            continue
        owner = next(base for base in cls.__mro__ if name in vars(base))
        if owner.__module__ != sklearn.__name__:
            continue
        if isinstance(value, property):
            yield from ["    @property", f"    def {name}(self) -> Any: ..."]
        elif inspect.isfunction(value):
            yield f"    def {name}{arguments(value)} -> Any: ..."


def arguments(function):
    parts = []
    for name, item in inspect.signature(function).parameters.items():
        star = {item.VAR_POSITIONAL: "*", item.VAR_KEYWORD: "**"}.get(item.kind, "")
        text = name if name == "self" else f"{star}{name}: Any"
        parts.append(text if item.default is item.empty else f"{text} = {item.default!r}")
    return f"({', '.join(parts)})"


def main():
    print("# Made by tools/make_stubs.py from the library's parameter table.")
    print("from collections.abc import Callable\nfrom typing import Any\n\nXFAIL: dict[str, str]")
    for name in NAMES:
        cls = getattr(sklearn, name)
        print(f"\nclass {name}:")
        print("    classes_: Any\n    model_: Any")
        print("    n_features_in_: int\n    feature_names_in_: Any")
        print("\n".join([*constructor(cls), *methods(cls)]))


if __name__ == "__main__":
    main()
