"""What users hand in as X, sorted into the four ways in which the library takes rows: a matrix
view, compressed sparse rows, a table of columns, a file."""

import os
import warnings

from ._array import csr_view, is_sparse, matrix_view, two_dimensional
from ._frame import ColumnFrame, frame_of
from ._handle import bytes_of, create, text_of
from ._native import (
    ROLE_FEATURE,
    ROLE_ID,
    byref,
    lib,
)


class MatrixInput:
    """A NumPy array, or what becomes one."""

    is_table = False

    def __init__(self, data):
        self.array = two_dimensional(data)
        self.n_rows, self.n_columns = self.array.shape

    def with_view(self, function):
        return function(byref(matrix_view(self.array)))

    def frame(self, names):
        """The same values as named columns."""
        names = names or [f"f{column}" for column in range(self.n_columns)]
        return ColumnFrame([(name, self.array[:, i]) for i, name in enumerate(names)])


class SparseInput:
    """A matrix of scipy.sparse."""

    is_table = False

    def __init__(self, data):
        self.matrix = data
        self.n_rows, self.n_columns = data.shape

    def with_view(self, function):
        with csr_view(self.matrix) as rows:
            return function(byref(rows))

    def frame(self, names):
        return MatrixInput(self.matrix.toarray()).frame(names)


class TableInput:
    """A data frame or an Arrow stream."""

    is_table = True

    def __init__(self, frame):
        self.frame_ = frame
        self.n_rows = frame.n_rows
        self.n_columns = len(frame.names)

    def table(self, params, model=None, like=None, extra=None):
        if model is not None:
            self._report_unknown(model)
        return self.frame_.table(params, model, like, extra)

    def frame(self, names):
        return self.frame_

    def _report_unknown(self, model):
        known = set(feature_names(model))
        for role in range(ROLE_FEATURE + 1, ROLE_ID + 1):
            known.update((text_of(lib.gbt_model_column(model, role)) or "").split(","))
        unknown = [name for name in self.frame_.names if name not in known]
        if unknown and known.intersection(self.frame_.names):
            more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
            warnings.warn(
                "columns that the model does not know are left out: "
                f"{', '.join(unknown[:5])}{more}",
                UserWarning,
                stacklevel=5,
            )


class FileInput:
    """A data file: .csv, .tsv, .svm, .libsvm, each also .gz."""

    is_table = True
    n_rows = n_columns = None

    def __init__(self, path):
        self.path = bytes_of(os.fspath(path))

    def table(self, params, model=None, like=None, extra=None):
        if like is not None:
            function, last = lib.gbt_table_read_like, like
        else:
            function, last = lib.gbt_table_read, model
        return create(function, lib.gbt_table_free, params.handle, self.path, last)

    def frame(self, names):
        return None


def input_of(data):
    """The input for whatever a user may hand in. DataError: nothing that holds rows."""
    if isinstance(data, (str, os.PathLike)):
        return FileInput(data)
    if is_sparse(data):
        return SparseInput(data)
    frame = frame_of(data)
    return MatrixInput(data) if frame is None else TableInput(frame)


def feature_names(model):
    """Names of the features of a model handle."""
    names, feature = [], 0
    while True:
        name = lib.gbt_model_feature_name(model, feature)
        if name is None:
            return names
        names.append(text_of(name))
        feature += 1
