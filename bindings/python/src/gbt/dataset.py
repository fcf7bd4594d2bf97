"""Data sets: rows with labels, binned by the library when training first needs them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ._array import address, dtype_of, field
from ._errors import ArgumentError, DataError, StateError
from ._frame import is_text
from ._handle import bytes_of, create
from ._input import input_of
from ._native import GROUP, INIT_SCORE, INT32, F32, LABEL, TASK, TEXTS, WEIGHT, lib
from .params import Params, table

_FIELDS = {
    "label": LABEL,
    "weight": WEIGHT,
    "group": GROUP,
    "task": TASK,
    "init_score": INIT_SCORE,
}
_WHOLE = (GROUP, TASK)


def _is_name(value):
    """Whether a side column is given by name: one str, or a list or tuple of them."""
    if isinstance(value, str):
        return True
    return (
        isinstance(value, (list, tuple))
        and len(value) > 0
        and all(isinstance(item, str) for item in value)
    )


class Dataset:
    """Rows for training or validation.

    data         NumPy array, scipy sparse matrix, data frame (pandas, polars, pyarrow, a dictionary
                 of arrays, anything with `__arrow_c_stream__`), or the path of a file
    label        array, [rows] or [rows x outputs], or the name of a column of `data`; a list of
                 names makes several outputs. Texts become classes
    weight       array [rows] or name: row weights
    group        array [rows] or name: query of every row
    task         array [rows] or name: task of every row, for multi-task models
    init_score   array [rows] or [rows x outputs] or names: added to every raw score
    categorical  names or numbers of categorical columns; columns of texts always are
    feature_names  names of the columns of an array; default f0, f1, ...
    reference    the training set whose bins are used; `gbt.train` sets it for validation sets
    params       parameters that say how the data is read, such as `missing` or `header`

    Nothing is copied before training starts; then the rows are binned as the parameters of the
    training say, into one byte a cell, and the bins are kept for the next training with the same
    parameters. `data` itself is kept by reference."""

    def __init__(
        self,
        data: Any,
        label: Any = None,
        weight: Any = None,
        group: Any = None,
        *,
        task: Any = None,
        init_score: Any = None,
        categorical: Sequence | None = None,
        feature_names: Sequence[str] | None = None,
        reference: "Dataset | None" = None,
        params: dict | None = None,
    ):
        self._input = None if data is None else input_of(data)
        self._sides = {
            "label": label,
            "weight": weight,
            "group": group,
            "task": task,
            "init_score": init_score,
        }
        self.categorical = categorical
        self._names = None if feature_names is None else [str(name) for name in feature_names]
        if self._names is not None and self._input.n_columns != len(self._names):
            raise ArgumentError(
                f"{len(self._names)} feature names for {self._input.n_columns} columns"
            )
        self.reference = reference
        self._params = dict(params or {})
        self._parent = None
        self._handle = self._key = self._like = self._table = None
        self._side_names = {}
        self._check_lengths()

    def _check_lengths(self):
        n_rows = self._input.n_rows if self._input is not None else None
        for name, values in self._sides.items():
            if values is None or _is_name(values) or n_rows is None:
                continue
            if len(values) != n_rows:
                raise DataError(
                    f"{name}: {len(values)} values for {n_rows} rows of data; Found input "
                    "variables with inconsistent numbers of samples"
                )

    # ---- What it holds ---------------------------------------------------------------------------

    @property
    def is_constructed(self) -> bool:
        return self._handle is not None

    @property
    def n_rows(self) -> int:
        if self._handle is not None:
            return lib.gbt_dataset_rows(self._handle)
        if self._parent is not None:
            return len(self._parent[1])
        n_rows = self._input.n_rows
        return self.construct().n_rows if n_rows is None else n_rows

    def __len__(self) -> int:
        return self.n_rows

    @property
    def n_features(self) -> int:
        return lib.gbt_dataset_features(self.construct()._handle)

    @property
    def nbytes(self) -> int:
        """Memory that the binned rows take."""
        return lib.gbt_dataset_bytes(self.construct()._handle)

    def bins(self, feature: int) -> int:
        """Bins in use for a feature, the one for missing values included."""
        return lib.gbt_dataset_bins(self.construct()._handle, feature)

    def get(self, name: str) -> np.ndarray | None:
        """label, weight, group, task or init_score as the library holds it; None: not set."""
        code = _FIELDS[name]
        handle = self.construct()._handle
        size = lib.gbt_dataset_field_size(handle, code)
        if size == 0:
            return None
        is_whole = code in _WHOLE
        out = np.empty(size, np.int32 if is_whole else np.float32)
        lib.gbt_dataset_get(handle, code, address(out), INT32 if is_whole else F32, size)
        n_rows = lib.gbt_dataset_rows(handle)
        return out if size == n_rows else out.reshape(n_rows, -1)

    @property
    def label(self) -> np.ndarray | None:
        return self.get("label")

    @property
    def weight(self) -> np.ndarray | None:
        return self.get("weight")

    def subset(self, rows: Any) -> "Dataset":
        """Some rows, in any order, repeats allowed; shares the cuts between bins."""
        rows = np.asarray(rows)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        part = Dataset(None)
        part._parent = (self, np.ascontiguousarray(rows, np.int64))
        return part

    def __repr__(self) -> str:
        state = "binned" if self.is_constructed else "not binned yet"
        return f"<gbt.Dataset: {self.n_rows} rows, {state}>"

    # ---- Construction ----------------------------------------------------------------------------

    def construct(self, params: dict | Params | None = None) -> "Dataset":
        """Bins the rows now; with no parameters, a data set that is binned stays as it is."""
        if self._handle is None or params is not None:
            if not isinstance(params, Params):
                params = Params(params)
            self.handle(params)
        return self

    def handle(self, params: Params, like=None, with_table=False):
        """The binned rows for these parameters. `like`: a handle whose cuts are used. The table of
        a frame or file goes as soon as the rows are binned, unless `with_table` keeps it."""
        if self._parent is not None:
            return self._subset_handle(params, like)
        if self.reference is not None and like is None:
            like = self.reference.handle(params)
        own = self._own_params(params)
        key = _binning_key(own)
        is_known = self._handle is not None and self._key == key and self._like is like
        if is_known and not (with_table and self._input.is_table):
            return self._handle
        handle, rows = self._build(own, like)
        self._handle, self._key, self._like = handle, key, like
        self._table = rows if with_table else None
        return handle

    def _subset_handle(self, params, like):
        parent, rows = self._parent
        whole = parent.handle(params, like)
        if self._handle is None or self._like is not whole:
            arguments = (whole, address(rows), len(rows))
            self._handle = create(lib.gbt_dataset_subset, lib.gbt_dataset_free, *arguments)
            self._like = whole
        return self._handle

    def _own_params(self, params):
        own = params.copy()
        for key, value in self._params.items():
            own.set(key, value)
        if self.categorical is not None:
            own.set("categorical", list(self.categorical))
        for name, value in self._sides.items():
            if value is not None and _is_name(value):
                own.set(name, value)
        return own

    def _build(self, params, like):
        arrays = {
            name: values
            for name, values in self._sides.items()
            if values is not None and not _is_name(values)
        }
        source = self._input
        if not source.is_table and any(is_text(values) for values in arrays.values()):
            source = input_of(dict(source.frame(self._names).items))
        if source.is_table:
            handle, table_ = self._from_table(source, params, like, arrays)
        else:
            handle, table_ = self._from_rows(source, params, like), None
        for name, values in arrays.items():
            self._set(handle, name, values)
        return handle, table_

    def _from_rows(self, source, params, like):
        names = None
        if self._names is not None:
            names = (TEXTS._type_ * len(self._names))(*map(bytes_of, self._names))
        function = (
            lib.gbt_dataset_from_csr if hasattr(source, "matrix") else lib.gbt_dataset_from_matrix
        )
        return source.with_view(
            lambda view: create(function, lib.gbt_dataset_free, params.handle, view, names, like)
        )

    def _from_table(self, source, params, like, arrays):
        """Labels, texts and tasks beside a frame join it as columns; `arrays` keeps the others."""
        extra = {}
        frame = source.frame(None)
        if frame is not None:
            known = self.reference._side_names if self.reference is not None else {}
            for name in list(arrays):
                if name in ("label", "task") or is_text(arrays[name]):
                    columns = _columns(name, arrays.pop(name), frame, known.get(name))
                    self._side_names[name] = list(columns)
                    params.set(name, list(columns))
                    extra.update(columns)
        table_ = source.table(params, like=like, extra=extra)
        arguments = (params.handle, table_, like)
        return create(lib.gbt_dataset_from_table, lib.gbt_dataset_free, *arguments), table_

    def _set(self, handle, name, values):
        array = field(values, name)
        lib.gbt_dataset_set(handle, _FIELDS[name], address(array), dtype_of(array), array.size)

    # ---- For models that read raw values ---------------------------------------------------------

    def features(self, params: Params, like=None) -> np.ndarray:
        """Raw values of the features as training sees them, [rows x features] float32: categories
        as codes, NaN missing. Ask for them before the handle: some streams can be read only once.
        """
        if self._parent is not None:
            parent, rows = self._parent
            return np.ascontiguousarray(parent.features(params, like)[rows])
        handle = self.handle(params, like, with_table=True)
        if self._table is not None:
            n_rows, n = lib.gbt_dataset_rows(handle), lib.gbt_dataset_features(handle)
            out = np.empty((n_rows, n), np.float32)
            lib.gbt_dataset_features_of(handle, self._table, address(out), out.size)
            self._table = None
            return out
        if hasattr(self._input, "matrix"):
            return np.ascontiguousarray(self._input.matrix.toarray(), np.float32)
        return self._input.array.astype(np.float32, copy=False)


def _columns(name, values, frame, known):
    """Side values as named columns beside those of a frame: {column name: values}."""
    width = 1 if getattr(values, "ndim", 1) < 2 else np.asarray(values).shape[1]
    if width == 1:
        if getattr(values, "ndim", 1) == 2:
            values = np.asarray(values)[:, 0]
        if not hasattr(values, "dtype"):
            values = np.asarray(values, dtype=object if is_text(values) else None)
        return {known[0] if known else frame.free_name(name): values}
    array = np.asarray(values)
    names = known or [frame.free_name(f"{name}_{k}") for k in range(width)]
    return {names[k]: array[:, k] for k in range(width)}


def _binning_key(params):
    """Whatever shapes the bins: equal keys, equal bins."""
    return tuple(
        params.text(row.name)
        for row in table()
        if row.section in ("data", "features") or row.name == "seed"
    )


def dataset_of(value: Any, reference: Dataset | None = None) -> Dataset:
    """A data set from a Dataset, a path, or a pair (data, label)."""
    if not isinstance(value, Dataset):
        if isinstance(value, (str, os.PathLike)):
            value = Dataset(value)
        elif isinstance(value, tuple) and 2 <= len(value) <= 3:
            value = Dataset(*value)
        else:
            raise ArgumentError(
                f"a gbt.Dataset, a path or a pair (X, y) is needed, not {type(value).__name__}"
            )
    if reference is not None and value is not reference and value._parent is None:
        if value.reference is None:
            value.reference = reference
        elif value.reference is not reference:
            raise StateError("the reference of a validation set is another training set")
    return value


def valid_sets(valid: Any, reference: Dataset) -> list:
    """[(name, Dataset)] of a data set, a pair, a list or a dictionary of them."""
    if valid is None:
        return []
    if isinstance(valid, dict):
        return [(str(name), dataset_of(item, reference)) for name, item in valid.items()]
    if isinstance(valid, (Dataset, str, os.PathLike, tuple)):
        if not (isinstance(valid, tuple) and any(isinstance(item, Dataset) for item in valid)):
            valid = [valid]
    sets = []
    for number, item in enumerate(valid):
        name = "valid" if len(valid) == 1 else f"valid_{number}"
        if isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], Dataset):
            name, item = str(item[0]), item[1]
        sets.append((name, dataset_of(item, reference)))
    return sets
