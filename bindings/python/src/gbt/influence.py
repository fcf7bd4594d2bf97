"""Influence: which training rows moved which prediction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._array import address, matrix_view
from ._bridge import ProgressBridge
from ._errors import ArgumentError
from ._handle import create
from ._native import Targets, addressof, byref, lib
from ._progress import Bar
from .dataset import Dataset, dataset_of
from .model import Model
from .params import Params


def _reporter(progress):
    """None, a function of (share done, seconds), or True for a bar."""
    if progress is True:
        bar = Bar()
        return lambda done, seconds: bar.show(float(done), 1.0, seconds)
    return progress or None


class Influence:
    """Estimates what each training row did for predictions of a model. Positive is helpful: without
    the row the loss of the target is estimated to rise.

    model     a `gbt.Model`
    train     the rows that it was trained on, in their order: a `Dataset` or a pair (X, y)
    params    `method` and its options; `gbt.params.help("method")`
    progress  True for a bar, or a function of (share done, seconds) that stops with a true result
    """

    def __init__(
        self,
        model: Model,
        train: Dataset | Any,
        params: dict | None = None,
        progress: bool | Callable | None = None,
    ):
        self.model = model
        self._params = Params(params)
        self._cuts = create(lib.gbt_dataset_like_model, lib.gbt_dataset_free, model._handle)
        train = dataset_of(train)
        self._needs_features = self._params.get("method") == "input_sim"
        raw = train.features(self._params, self._cuts) if self._needs_features else None
        rows = train.handle(self._params, self._cuts)
        self.n_rows = lib.gbt_dataset_rows(rows)
        with ProgressBridge(_reporter(progress)) as bridge:
            arguments = (self._params.handle, model._handle, rows, bridge.function, None)
            self._handle = create(lib.gbt_influence_create, lib.gbt_influence_free, *arguments)
        if self._needs_features:
            lib.gbt_influence_set_features(self._handle, byref(matrix_view(raw)))

    def _targets(self, data, label):
        """(struct, number of rows, what must stay alive)"""
        if label is not None:
            data = (data, label)
        data = dataset_of(data)
        view = raw = None
        if self._needs_features:
            raw = data.features(self._params, self._cuts)
            view = matrix_view(raw)
        rows = data.handle(self._params, self._cuts)
        targets = Targets(rows._as_parameter_)
        if view is not None:
            targets.features = addressof(view)
        return targets, lib.gbt_dataset_rows(rows), (data, rows, raw, view)

    def _run(self, function, out, *arguments, progress=None):
        with ProgressBridge(_reporter(progress)) as bridge:
            arrays = out if isinstance(out, tuple) else (out,)
            pointers = [address(array) for array in arrays]
            head = (self._handle, *arguments)
            function(*head, bridge.function, None, *pointers, arrays[0].size)
        return out

    def dense(self, X: Any, label: Any = None, progress=None) -> np.ndarray:
        """Influence of every training row on every target: [targets x training rows]."""
        targets, n, keep = self._targets(X, label)
        out = np.empty((n, self.n_rows), np.float32)
        return self._run(lib.gbt_influence_dense, out, byref(targets), progress=progress)

    def top(self, X: Any, label: Any = None, k: int = 10, progress=None):
        """(rows, values), [targets x 2k] each: the k training rows that help most, most helpful
        first, then the k that harm most, most harmful first."""
        targets, n, keep = self._targets(X, label)
        rows, values = np.empty((n, 2 * k), np.int64), np.empty((n, 2 * k), np.float32)
        out = (rows, values)
        return self._run(lib.gbt_influence_top, out, byref(targets), k, progress=progress)

    def sum(self, X: Any, label: Any = None, progress=None) -> np.ndarray:
        """Influence on all targets together: [training rows]."""
        targets, n, keep = self._targets(X, label)
        out = np.empty(self.n_rows)
        return self._run(lib.gbt_influence_sum, out, byref(targets), progress=progress)

    def self(self, progress=None) -> np.ndarray:
        """Influence of every training row on itself: [training rows]."""
        return self._run(lib.gbt_influence_self, np.empty(self.n_rows), progress=progress)

    def relabel(self, X: Any, label: Any, new_label: Any, progress=None) -> np.ndarray:
        """Effect of giving every training row its entry of `new_label` (class numbers for a
        classification): [targets x training rows]."""
        targets, n, keep = self._targets(X, label)
        new = np.ascontiguousarray(new_label, np.float32)
        if new.size != self.n_rows * max(1, new.size // max(1, self.n_rows)) or new.size == 0:
            raise ArgumentError(f"new_label: {new.size} values for {self.n_rows} training rows")
        out = np.empty((n, self.n_rows), np.float32)
        arguments = (byref(targets), address(new))
        return self._run(lib.gbt_influence_relabel, out, *arguments, progress=progress)

    def interval(self, X: Any, label: Any = None, validation: Any = None):
        """(location, scale) of every target from its nearest training rows; method = ibug only.
        `validation`: labelled rows on which the number of neighbours is chosen."""
        targets, n, keep = self._targets(X, label)
        known = None
        if validation is not None:
            known = dataset_of(validation).handle(self._params, self._cuts)
        location, scale = np.empty(n), np.empty(n)
        pointers = (address(location), address(scale))
        lib.gbt_influence_interval(self._handle, byref(targets), known, *pointers, n)
        return location, scale
