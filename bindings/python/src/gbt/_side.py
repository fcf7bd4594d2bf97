"""What multi-task and heads models have in common: training through a round callback, a frame that
knows columns and classes, files."""

from __future__ import annotations

import os

from ._array import matrix_view
from ._bridge import RoundBridge
from ._handle import Borrowed, bytes_of, create, read_bytes
from ._native import byref, lib
from .dataset import dataset_of
from .model import Described
from .params import Params
from .train import resolve


def train_side(name, params, dataset, valid, callbacks, progress, needs_features):
    """Calls gbt_<name>_train. `needs_features(params)`: whether raw values are read."""
    own, callbacks = resolve(params or {}, callbacks, progress)
    dataset = dataset_of(dataset)
    with_features = needs_features(own)
    views, keep, valid_rows = [None, None], [], None
    if with_features:
        keep.append(dataset.features(own))
        views[0] = matrix_view(keep[-1])
    rows = dataset.handle(own)
    if valid is not None:
        valid = dataset_of(valid, dataset)
        if with_features:
            keep.append(valid.features(own))
            views[1] = matrix_view(keep[-1])
        valid_rows = valid.handle(own)
    pointers = [None if view is None else byref(view) for view in views]
    for item in callbacks:
        if hasattr(item, "start"):
            item.start(None)
    bridge = RoundBridge(lambda info: any([bool(item(info)) for item in callbacks]))
    with bridge:
        arguments = (own.handle, rows, pointers[0], valid_rows, pointers[1], bridge.function, None)
        function, free = getattr(lib, f"gbt_{name}_train"), getattr(lib, f"gbt_{name}_free")
        handle = create(function, free, *arguments)
    return handle, callbacks


class SideModel(Described):
    """A multi-task or heads model. Read-only, shared by threads freely."""

    _name = ""  # of its functions: gbt_<name>_...

    def __init__(self, handle):
        self._handle = handle
        self._frame = Borrowed(self._function("frame")(handle), handle)

    @classmethod
    def _function(cls, verb):
        return getattr(lib, f"gbt_{cls._name}_{verb}")

    def save(self, path: str | os.PathLike) -> None:
        """Writes the model file; it appears whole or not at all."""
        self._function("save")(self._handle, bytes_of(os.fspath(path)))

    def to_bytes(self) -> bytes:
        """The bytes of the model file."""
        return read_bytes(self._function("to_bytes"), self._handle)

    @classmethod
    def from_bytes(cls, data: bytes):
        arguments = (bytes(data), len(data))
        return cls(create(cls._function("from_bytes"), cls._function("free"), *arguments))

    def __reduce__(self):
        return type(self).from_bytes, (self.to_bytes(),)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    @property
    def params(self) -> dict:
        """The resolved parameters that the model was trained with."""
        handle = create(self._function("params"), lib.gbt_params_free, self._handle)
        return Params(handle=handle).as_dict()
