"""Parameters: names, kinds, ranges, defaults and help are read from the library; this file knows
none of them.

    gbt.params.table()                  every parameter
    gbt.params.help("learning_rate")    one of them, by name or alias
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ._errors import ArgumentError, ParamError
from ._handle import bytes_of, create, text_of
from ._native import INT, ParamInfo, byref, create_string_buffer, lib

_TYPES = {"int": "int", "bytes": "int", "real": "float", "bool": "bool", "list": "list of str"}
_ITEM_KINDS = ("list", "paths")


class Parameter(NamedTuple):
    """One row of the parameter table; `default` is a Python value, None when there is none."""

    section: str
    name: str
    kind: str
    default: Any
    range: str
    aliases: tuple
    doc: str

    @property
    def type(self) -> str:
        return _TYPES.get(self.kind, "str")

    def __str__(self) -> str:
        lines = [f"{self.name} : {self.type}, default {self.default!r}", f"    {self.doc}"]
        if self.range:
            lines.append(f"    allowed: {self.range}")
        if self.aliases:
            lines.append(f"    also: {', '.join(self.aliases)}")
        return "\n".join(lines)


def value_of(kind: str, text: str) -> Any:
    """The Python value that the text of a parameter stands for."""
    if kind in ("int", "bytes"):
        return int(text)
    if kind == "real":
        return float(text)
    if kind == "bool":
        return text in ("true", "1", "yes", "on")
    if kind in _ITEM_KINDS:
        return [item.strip() for item in text.split(",")] if text else []
    return text or None


def text_for(key: str, value: Any) -> str:
    """A Python value as the library reads it."""
    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value)
    if isinstance(value, bytes):
        raise ParamError(f"{key}: bytes are no value; give a str")
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{item}" for name, item in value.items())
    if isinstance(value, (list, tuple)) or hasattr(value, "tolist"):
        return ",".join(text_for(key, item) for item in value)
    return str(value)


@lru_cache(maxsize=None)
def table() -> tuple:
    """Every parameter, in the order of the library's table."""
    rows = []
    for index in range(lib.gbt_param_count()):
        info = ParamInfo()
        lib.gbt_param_describe(index, byref(info))
        section, name, kind, fallback, span, aliases, doc = (
            text_of(getattr(info, field)) for field, _ in ParamInfo._fields_
        )
        fallback = None if kind in _ITEM_KINDS and not fallback else value_of(kind, fallback)
        others = tuple(alias for alias in aliases.split(",") if alias)
        rows.append(Parameter(section, name, kind, fallback, span, others, doc))
    return tuple(rows)


def find(key: str) -> Parameter:
    """The parameter of that name or alias. ParamError: none; the message says the nearest name."""
    if not isinstance(key, str):
        raise ParamError(f"{key!r} is no parameter; names are str")
    index = INT()
    lib.gbt_param_find(bytes_of(key), byref(index))
    return table()[index.value]


def help(key: str | None = None) -> None:
    """Prints what a parameter means, its type, default, range and aliases; without a name, all."""
    print("\n\n".join(str(row) for row in (table() if key is None else [find(key)])))


class Params:
    """A parameter set of the library. Keys are canonical names or aliases; None means default."""

    def __init__(self, values: Mapping | None = None, handle=None):
        self.handle = handle or create(lib.gbt_params_create, lib.gbt_params_free)
        seen = {}
        for key, value in (values or {}).items():
            name = find(key).name
            if value is None:
                continue
            if name in seen and text_for(name, value) != text_for(name, values[seen[name]]):
                raise ParamError(f"{seen[name]} and {key} are the same parameter, {name}")
            seen[name] = key
            self.set(key, value)

    def set(self, key: str, value: Any) -> None:
        lib.gbt_params_set(self.handle, bytes_of(key), bytes_of(text_for(key, value)))

    def text(self, key: str) -> str:
        """The value as text."""
        capacity = 256
        while True:
            room = create_string_buffer(capacity)
            try:
                lib.gbt_params_get(self.handle, bytes_of(key), room, capacity)
            except ArgumentError:
                if capacity > 1 << 26:
                    raise
                capacity *= 16
            else:
                return text_of(room.value)

    def get(self, key: str) -> Any:
        row = find(key)
        return value_of(row.kind, self.text(row.name))

    def is_set(self, key: str) -> bool:
        return lib.gbt_params_is_set(self.handle, bytes_of(key)) == 1

    def copy(self) -> "Params":
        return Params(handle=create(lib.gbt_params_copy, lib.gbt_params_free, self.handle))

    def check(self) -> None:
        lib.gbt_params_check(self.handle)

    def as_dict(self) -> dict:
        """Every parameter that was set, by canonical name."""
        return {row.name: self.get(row.name) for row in table() if self.is_set(row.name)}
