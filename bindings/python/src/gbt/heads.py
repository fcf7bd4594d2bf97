"""Boosted neural heads: a network with one hidden layer, trained a few units a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._array import address, matrix_view
from ._input import input_of
from ._native import CLASS, HEADS_KEYS, I64, byref, lib
from ._side import SideModel, train_side
from .dataset import Dataset
from .model import KINDS, choice, labels_of, shaped, threads_of
from .params import Params


class HeadsModel(SideModel):
    """Made by `gbt.train_heads` and `gbt.load`."""

    _name = "heads"

    def shape(self, key: str) -> int:
        """steps, units, inputs, outputs or best_step."""
        out = I64()
        codes = {name: code for code, name in enumerate(HEADS_KEYS)}
        lib.gbt_heads_shape(self._handle, choice("key", key, codes), byref(out))
        return out.value

    @property
    def n_steps(self) -> int:
        return self.shape("steps")

    @property
    def n_units(self) -> int:
        return self.shape("units")

    def _matrix(self, X, params):
        """Rows as the model reads them: [rows x features], categories as codes."""
        source = input_of(X)
        if hasattr(source, "matrix"):
            source = input_of(source.matrix.toarray())
        if not source.is_table:
            return source.array.astype(np.float32, copy=False)
        rows = source.table(Params(params), model=self._frame)
        out = np.empty((lib.gbt_table_rows(rows), self.n_features), np.float32)
        lib.gbt_model_features(self._frame, rows, address(out), out.size)
        return out

    def predict(
        self,
        X: Any,
        output: str = "response",
        steps: int = 0,
        threads: int = 0,
        params: dict | None = None,
    ) -> np.ndarray:
        """Predictions with the first `steps` steps (0: all); other arguments as in
        `gbt.Model.predict`."""
        kind = choice("output", output, KINDS)
        array = self._matrix(X, params)
        n_outputs = 1 if kind == CLASS else self.n_outputs
        out = np.empty(len(array) * n_outputs, np.float32)
        tail = (kind, steps, threads_of(threads), address(out), out.size)
        lib.gbt_heads_predict(self._handle, byref(matrix_view(array)), *tail)
        return labels_of(out, self.classes) if kind == CLASS else shaped(out, n_outputs)

    def predict_early(self, X: Any, margin: float = 0.0, threads: int = 0):
        """(classes, steps): class labels, where a row stops as soon as its class is certain
        (margin = 0) or its margin at least `margin`; and the steps that were computed."""
        array = self._matrix(X, None)
        out, steps = np.empty(len(array), np.float32), np.empty(len(array), np.int32)
        tail = (margin, threads_of(threads), address(out), address(steps), out.size)
        lib.gbt_heads_predict_early(self._handle, byref(matrix_view(array)), *tail)
        return labels_of(out, self.classes), steps

    def weights(self) -> dict:
        """raw = out_bias + out_weight s(hidden_bias + hidden_weight z), z the `inputs`."""
        units, inputs, outputs = (self.shape(key) for key in ("units", "inputs", "outputs"))
        arrays = {
            "hidden_weight": np.empty((units, inputs), np.float32),
            "hidden_bias": np.empty(units, np.float32),
            "out_weight": np.empty((outputs, units), np.float32),
            "out_bias": np.empty(outputs, np.float32),
        }
        lib.gbt_heads_weights(self._handle, *map(address, arrays.values()))
        return arrays

    def inputs(self, X: Any) -> np.ndarray:
        """Standardised, imputed, one-hot inputs of the network: [rows x inputs]."""
        array = self._matrix(X, None)
        out = np.empty((len(array), self.shape("inputs")), np.float32)
        lib.gbt_heads_inputs(self._handle, byref(matrix_view(array)), address(out), out.size)
        return out

    def __repr__(self) -> str:
        return f"<gbt.HeadsModel: {self.objective}, {self.n_units} units in {self.n_steps} steps>"


def train_heads(
    params: dict | None,
    dataset: Dataset | Any,
    valid: Dataset | Any = None,
    callbacks: Sequence[Callable] = (),
    *,
    progress: bool | None = None,
) -> HeadsModel:
    """Trains a network by boosting. Parameters: objective, learning_rate, subsample, seed and those
    of the section [heads], such as `units`; arguments as in `gbt.train`."""
    handle, callbacks = train_side(
        "heads", params, dataset, valid, callbacks, progress, lambda own: True
    )
    model = HeadsModel(handle)
    for item in callbacks:
        if hasattr(item, "finish"):
            item.finish(model)
    return model
