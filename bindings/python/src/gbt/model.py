"""Trained models: prediction, inspection, files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ._array import address, label_values
from ._errors import ArgumentError, DataError
from ._handle import bytes_of, create, read_bytes, text_of
from ._input import feature_names, input_of
from ._native import (
    CLASS,
    COVER,
    DUMP_DOT,
    DUMP_JSON,
    DUMP_TEXT,
    GAIN,
    I32,
    I64,
    INT,
    NODE_FIELDS,
    RAW,
    REAL,
    RESPONSE,
    ROLE_LABEL,
    SHAPE_KEYS,
    SPLIT,
    MetricResult,
    byref,
    lib,
)
from .params import Params

KINDS = {"response": RESPONSE, "raw": RAW, "class": CLASS}
_IMPORTANCE = {"gain": GAIN, "split": SPLIT, "cover": COVER}
_FORMATS = {"text": DUMP_TEXT, "json": DUMP_JSON, "dot": DUMP_DOT}


def choice(what, value, choices):
    """The code of a word; ArgumentError lists the words."""
    try:
        return choices[value]
    except (KeyError, TypeError):
        raise ArgumentError(f"{what} = {value!r}; one of {', '.join(choices)}") from None


def threads_of(threads):
    """0 for all; None and -1, as other libraries spell it, mean the same."""
    return 0 if threads is None or threads < 0 else int(threads)


def shape_of(model, key):
    """One of the numbers of gbt_shape_key, of a model handle."""
    out = I64()
    lib.gbt_model_shape(model, SHAPE_KEYS.index(key), byref(out))
    return out.value


def class_names_of(model):
    names, index = [], 0
    while True:
        name = lib.gbt_model_class_name(model, index)
        if name is None:
            return names
        names.append(text_of(name))
        index += 1


def shaped(out, n_outputs):
    """[rows] for one output, else [rows x outputs]."""
    return out if n_outputs == 1 else out.reshape(-1, n_outputs)


def labels_of(codes, classes):
    """Class numbers as class labels: numbers when all class names are, else texts."""
    if not classes:
        raise ArgumentError('output = "class" needs a model of a classification')
    return label_values(classes)[codes.astype(np.int64)]


class Described:
    """What a model and the frame of a side model both tell. `self._frame`: a model handle."""

    @property
    def objective(self) -> str:
        return text_of(lib.gbt_model_objective(self._frame))

    @property
    def feature_names(self) -> list:
        return feature_names(self._frame)

    @cached_property
    def n_features(self) -> int:
        return shape_of(self._frame, "features")

    @cached_property
    def n_outputs(self) -> int:
        return shape_of(self._frame, "outputs")

    @property
    def n_classes(self) -> int:
        """0 for regression."""
        return shape_of(self._frame, "classes")

    @property
    def classes(self) -> list:
        """Names of the classes; empty for regression."""
        return class_names_of(self._frame)

    @property
    def categorical_features(self) -> list:
        is_categorical = lib.gbt_model_feature_is_categorical
        names = self.feature_names
        return [name for i, name in enumerate(names) if is_categorical(self._frame, i)]

    @property
    def label_name(self) -> str:
        """Column of the label in the training data; "" when it had no name."""
        return text_of(lib.gbt_model_column(self._frame, ROLE_LABEL)) or ""


class Model(Described):
    """A model of trees. Made by `gbt.train` and `gbt.load`; read-only, shared by threads freely."""

    def __init__(self, handle):
        self._handle = self._frame = handle

    # ---- Files and copies ------------------------------------------------------------------------

    def save(self, path: str | os.PathLike) -> None:
        """Writes the model file; it appears whole or not at all."""
        lib.gbt_model_save(self._handle, bytes_of(os.fspath(path)))

    def to_bytes(self) -> bytes:
        """The bytes of the model file."""
        return read_bytes(lib.gbt_model_to_bytes, self._handle)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Model":
        return cls(create(lib.gbt_model_from_bytes, lib.gbt_model_free, bytes(data), len(data)))

    def __reduce__(self):
        return type(self).from_bytes, (self.to_bytes(),)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    # ---- Prediction ------------------------------------------------------------------------------

    def predict(
        self,
        X: Any,
        output: str = "response",
        trees: slice | None = None,
        threads: int = 0,
        params: dict | None = None,
    ) -> np.ndarray:
        """Predictions for every row of `X`: an array, sparse matrix, data frame or path.

        output   "response": probability or mean; "raw": before the link; "class": class labels;
                 "leaf": leaf numbers, [rows x trees]
        trees    rounds to use, as in `slice(0, 50)`
        threads  0: all
        params   how a file is read, such as {"header": False}

        One number a row, or [rows x outputs]. Columns of a data frame or file are matched by name,
        in any order, categories by their text; columns of an array by position."""
        if output == "leaf":
            return self._leaves(X, trees, threads, params)
        kind = choice("output", output, KINDS)
        first, n_rounds = self._rounds(trees)
        source = input_of(X)
        tail = (kind, first, n_rounds, threads_of(threads))
        n_outputs = 1 if kind == CLASS else self.n_outputs
        if source.is_table:
            rows, function = self._table(source, params), lib.gbt_model_predict_table
            out = np.empty(lib.gbt_table_rows(rows) * n_outputs, np.float32)
            function(self._handle, rows, *tail, address(out), out.size)
        else:
            is_sparse = hasattr(source, "matrix")
            function = lib.gbt_model_predict_csr if is_sparse else lib.gbt_model_predict
            out = np.empty(source.n_rows * n_outputs, np.float32)
            self._check_columns(source)
            source.with_view(
                lambda view: function(self._handle, view, *tail, address(out), out.size)
            )
        return labels_of(out, self.classes) if kind == CLASS else shaped(out, n_outputs)

    def _check_columns(self, source):
        if source.n_columns != self.n_features:
            raise DataError(
                f"X has {source.n_columns} features, but the model is expecting "
                f"{self.n_features} features as input"
            )

    def _table(self, source, params=None, like=None):
        return source.table(Params(params), model=self._frame)

    def _rounds(self, trees):
        if trees is None:
            return 0, 0
        if not isinstance(trees, slice):
            raise ArgumentError("trees: a slice of rounds is needed, such as slice(0, 50)")
        first, last, step = trees.indices(self.n_rounds)
        if step != 1 or last <= first:
            raise ArgumentError(f"trees = {trees}: no rounds, or a step other than 1")
        return first, last - first

    def _leaves(self, X, trees, threads, params):
        source = input_of(X)
        n_trees, threads = shape_of(self._handle, "trees"), threads_of(threads)
        if hasattr(source, "matrix"):
            source = input_of(source.matrix.toarray())
        if source.is_table:
            rows = self._table(source, params)
            out = np.empty((lib.gbt_table_rows(rows), n_trees), np.int32)
            lib.gbt_model_leaves_table(self._handle, rows, threads, address(out), out.size)
        else:
            self._check_columns(source)
            out = np.empty((source.n_rows, n_trees), np.int32)
            source.with_view(
                lambda view: lib.gbt_model_leaves(
                    self._handle, view, threads, address(out), out.size
                )
            )
        first, n_rounds = self._rounds(trees)
        width = self.n_outputs
        return out if trees is None else out[:, first * width : (first + n_rounds) * width]

    def staged_predict(self, X: Any, output: str = "response", every: int = 1):
        """Predictions with the first `every`, 2 x `every`, ... rounds, one array after another."""
        for last in range(every, self.n_rounds + 1, every):
            yield self.predict(X, output, slice(0, last))

    def evaluate(
        self,
        data: Any,
        label: Any = None,
        weight: Any = None,
        metrics: Sequence[str] | str = (),
        resamples: int = 0,
        threads: int = 0,
        params: dict | None = None,
    ) -> dict:
        """{metric: value} on labelled rows; with `resamples`, {metric: (value, low, high)} with the
        95 % bootstrap interval. `data` and `label` as in `gbt.Dataset`."""
        rows = self._labelled(data, label, weight, params)
        capacity = 64
        out, n = (MetricResult * capacity)(), INT()
        names = metrics if isinstance(metrics, str) else ",".join(metrics)
        threads = threads_of(threads)
        arguments = (bytes_of(names), resamples, threads, out, capacity, byref(n))
        lib.gbt_model_evaluate(self._handle, rows, *arguments)
        results = out[: n.value]
        if resamples:
            return {text_of(item.name): (item.value, item.low, item.high) for item in results}
        return {text_of(item.name): item.value for item in results}

    def _labelled(self, data, label, weight, params):
        source, own = input_of(data), Params(params)
        extra = {}
        sides = [("label", label), ("weight", weight)]
        frame = source.frame(self.feature_names)
        for role, values in sides:
            if isinstance(values, str):
                own.set(role, values)
            elif values is not None:
                if frame is None:
                    raise ArgumentError(f"{role} of a file is the name of a column")
                name = frame.free_name(role)
                own.set(role, name)
                extra[name] = values if hasattr(values, "dtype") else np.asarray(values)
        if not source.is_table:
            return frame.table(own, model=self._handle, extra=extra)
        return source.table(own, model=self._handle, extra=extra)

    # ---- Shape and parts -------------------------------------------------------------------------

    @property
    def n_rounds(self) -> int:
        return shape_of(self._handle, "rounds")

    @property
    def n_trees(self) -> int:
        return shape_of(self._handle, "trees")

    @property
    def best_round(self) -> int:
        """Rounds that early stopping kept; 0: there was none."""
        return shape_of(self._handle, "best_round")

    @property
    def params(self) -> dict:
        """The resolved parameters that the model was trained with."""
        return Params(
            handle=create(lib.gbt_model_params, lib.gbt_params_free, self._handle)
        ).as_dict()

    @property
    def base_score(self) -> np.ndarray:
        out = np.empty(self.n_outputs)
        lib.gbt_model_base_score(self._handle, address(out), out.size)
        return out

    def slice(self, first: int = 0, last: int | None = None) -> "Model":
        """The rounds [first, last) as a model of their own."""
        first, last, _ = slice(first, last).indices(self.n_rounds)
        arguments = (self._handle, first, max(0, last - first), None)
        return Model(create(lib.gbt_model_slice, lib.gbt_model_free, *arguments))

    def to_device(self, device: str) -> "Model":
        """A copy whose predictions run on a device: "cuda", "cuda:N" or "cpu"."""
        arguments = (self._handle, bytes_of(device))
        return Model(create(lib.gbt_model_to_device, lib.gbt_model_free, *arguments))

    def importance(self, kind: str = "gain") -> dict:
        """{feature: importance}: "gain", "split" (number of splits) or "cover"."""
        out = np.empty(self.n_features)
        code = choice("kind", kind, _IMPORTANCE)
        lib.gbt_model_importance(self._handle, code, address(out), out.size)
        return dict(zip(self.feature_names, out.tolist()))

    def dump(self, format: str = "text") -> str:
        """The model as "text", "json" or "dot" (for Graphviz)."""
        code = choice("format", format, _FORMATS)
        return text_of(read_bytes(lib.gbt_model_dump, self._handle, code).rstrip(b"\0"))

    def nodes(self, tree: int) -> np.ndarray:
        """Nodes of a tree as records; node 0 is the root and children follow their parent."""
        n = I32()
        lib.gbt_model_tree_nodes(self._handle, tree, byref(n))
        out = np.empty(n.value, np.dtype(NODE_FIELDS, align=True))
        lib.gbt_model_nodes(self._handle, tree, address(out), out.size)
        return out

    def trees_to_dataframe(self):
        """All nodes of all trees as a pandas frame, a row a node."""
        import pandas

        names = self.feature_names
        parts = []
        for tree in range(self.n_trees):
            nodes = self.nodes(tree)
            part = pandas.DataFrame({name: nodes[name] for name, _ in NODE_FIELDS})
            part.insert(0, "tree", tree)
            part.insert(1, "node", np.arange(len(nodes)))
            part["feature"] = [names[f] if f >= 0 else None for f in nodes["feature"]]
            parts.append(part)
        return pandas.concat(parts, ignore_index=True) if parts else pandas.DataFrame()

    def metric(self, name: str, scores: Any, label: Any, weight: Any = None) -> float:
        """A metric of raw scores [rows] or [rows x outputs]; labels are class numbers for a
        classification."""
        scores = np.ascontiguousarray(np.asarray(scores, np.float32).T)
        label = np.ascontiguousarray(np.asarray(label, np.float32).T)
        weight = None if weight is None else np.ascontiguousarray(weight, np.float32)
        out = REAL()
        arrays = (address(scores), address(label), address(weight))
        n_rows = scores.shape[-1]
        lib.gbt_model_metric(self._handle, bytes_of(name), *arrays, n_rows, 0, byref(out))
        return out.value

    def verify(self) -> None:
        """Proves the structure; FormatError names the first fault."""
        lib.gbt_model_verify(self._handle)

    # ---- For people ------------------------------------------------------------------------------

    def summary(self) -> dict:
        """Objective, sizes and best round."""
        return {
            "objective": self.objective,
            "rounds": self.n_rounds,
            "trees": self.n_trees,
            "leaves": shape_of(self._handle, "leaves"),
            "features": self.n_features,
            "outputs": self.n_outputs,
            "classes": self.n_classes,
            "training rows": shape_of(self._handle, "train_rows"),
            "best round": self.best_round,
        }

    def __repr__(self) -> str:
        return (
            f"<gbt.Model: {self.objective}, {self.n_trees} trees in {self.n_rounds} rounds, "
            f"{self.n_features} features>"
        )

    def _repr_html_(self) -> str:
        from ._html import model_html

        return model_html(self)


def load(path: str | os.PathLike):
    """The model of a file: a `Model`, `MultiTaskModel` or `HeadsModel`, as the file says."""
    from .heads import HeadsModel
    from .multitask import MultiTaskModel

    name, kind = bytes_of(os.fspath(path)), INT()
    lib.gbt_model_file_kind(name, byref(kind))
    opened = [
        (Model, lib.gbt_model_load, lib.gbt_model_free),
        (MultiTaskModel, lib.gbt_multitask_load, lib.gbt_multitask_free),
        (HeadsModel, lib.gbt_heads_load, lib.gbt_heads_free),
    ]
    cls, function, free = opened[kind.value]
    return cls(create(function, free, name))
