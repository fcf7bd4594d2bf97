"""Columns as the library sees them: pandas frames, dictionaries of arrays and record arrays become
views of columns, without a copy of their numbers; polars, pyarrow and everything else that offers
an Arrow stream hands the stream over. The library then has a table, as if it had read a file."""

import numpy as np

from ._array import code_of, numeric, refuse
from ._errors import DataError
from ._handle import bytes_of, create
from ._native import (
    CELLS,
    MASK_MISSING_BYTES,
    Column,
    Texts,
    capsule_pointer,
    lib,
)

_STREAM = b"arrow_array_stream"
_TEXT = 13  # GBT_CELL_TEXT


# ---- Cells ---------------------------------------------------------------------------------------


def _text_of(category):
    """A category as the library would print it: whole numbers without a point."""
    if isinstance(category, (float, np.floating)) and float(category).is_integer():
        return str(int(category))
    if isinstance(category, (bool, np.bool_)):
        return str(int(category))
    return str(category)


class Cells:
    """One column: its view for the library, and what the view points into."""

    def __init__(self, name, values=None, codes=None, categories=None, mask=None):
        self.name = str(name)
        self._keep = [bytes_of(self.name)]
        self.view = Column(name=self._keep[0])
        if categories is not None:
            self._point_at_texts([_text_of(category) for category in categories])
            values = codes
        self._point_at_numbers(np.asarray(values), mask)

    def _point_at_texts(self, texts):
        encoded = [bytes_of(text) for text in texts]
        start = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(text) for text in encoded], out=start[1:])
        joined = b"".join(encoded) + b"\0"
        block = np.frombuffer(joined, np.uint8)
        self._keep += [joined, block, start]
        self.view.is_coded = 1
        self.view.text = Texts(block.ctypes.data, start.ctypes.data, CELLS["i8"], len(encoded))

    def _point_at_numbers(self, values, mask):
        if code_of(values.dtype) not in CELLS or not values.dtype.isnative:
            values = values.astype(np.float64)
        if values.size > 1 and values.strides[0] == 0:
            values = values.copy()
        self._keep.append(values)
        self.n_rows = len(values)
        self.view.type = CELLS[code_of(values.dtype)]
        self.view.data = values.ctypes.data
        self.view.stride = values.strides[0]
        if mask is not None:
            mask = np.ascontiguousarray(mask).view(np.uint8)
            self._keep.append(mask)
            self.view.mask_kind, self.view.mask = MASK_MISSING_BYTES, mask.ctypes.data


def is_text(values):
    """Whether a side column, such as the label, holds texts or categories."""
    dtype = getattr(values, "dtype", None)
    if dtype is not None and hasattr(dtype, "categories"):
        return True
    array = np.asarray(values)
    if array.dtype.kind in "UT":
        return True
    return array.dtype.kind == "O" and any(isinstance(item, str) for item in array.flat)


def _is_missing(value):
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return True  # pandas.NA


def coded(name, values):
    """Cells of an array or Series of texts; None, NaN and pandas.NA are missing."""
    if hasattr(values, "factorize"):
        codes, found = values.factorize()
        codes, found = np.asarray(codes), list(found)
    else:
        codes, found = _factorize(np.asarray(values, dtype=object).tolist())
    for code, item in enumerate(found):
        if not isinstance(item, str):
            raise DataError(
                f'column "{name}": row {int(np.argmax(codes == code))} holds {item!r} beside '
                "texts; make all of them texts, or numbers"
            )
    return Cells(name, codes=codes, categories=found)


def _factorize(values):
    """(codes, distinct values); missing ones have the code -1."""
    seen, codes = {}, np.empty(len(values), np.int64)
    for row, value in enumerate(values):
        is_missing = not isinstance(value, str) and _is_missing(value)
        codes[row] = -1 if is_missing else seen.setdefault(value, len(seen))
    return codes, list(seen)


def cells_of(name, values):
    """Cells of a NumPy array, a pandas Series or anything that becomes an array."""
    dtype = getattr(values, "dtype", None)
    if hasattr(values, "cat") or hasattr(dtype, "categories"):
        categorical = values.cat if hasattr(values, "cat") else values
        if hasattr(categorical, "codes") and hasattr(categorical, "categories"):
            codes, categories = categorical.codes, categorical.categories
            return Cells(name, codes=np.asarray(codes), categories=list(categories))
    if dtype is not None and not isinstance(dtype, np.dtype) and hasattr(values, "to_numpy"):
        return _extension(name, values, dtype)
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f'column "{name}": {array.ndim} dimensions; one is needed')
    if array.dtype.kind in "UTO" and is_text(array):
        return coded(name, values)
    return Cells(name, numeric(array, f'column "{name}"'))


def _extension(name, series, dtype):
    """A pandas Series of an extension type: nullable numbers, strings, sparse, Arrow-backed."""
    kind = getattr(dtype, "kind", "O")
    if kind in "iufb" and not hasattr(dtype, "subtype"):
        return Cells(name, series.to_numpy(dtype="float64", na_value=np.nan))
    if hasattr(dtype, "subtype") and hasattr(dtype, "fill_value"):
        return Cells(name, numeric(np.asarray(series), f'column "{name}"'))
    if kind in "Mm":
        raise refuse(np.dtype(f"{kind}8"), f'column "{name}"')
    array = series.to_numpy(dtype=object)
    if is_text(array) or all(_is_missing(item) for item in array):
        return coded(name, series)
    return Cells(name, numeric(array, f'column "{name}"'))


# ---- Tables --------------------------------------------------------------------------------------


class Frame:
    """Something with named columns. `extra`: side columns by name that are no part of it."""

    def __init__(self, names):
        self.names = names

    def free_name(self, wanted):
        """`wanted`, or something like it that is no column yet."""
        name, n = wanted, 1
        while name in self.names:
            name, n = f"{wanted}_{n}", n + 1
        return name


class ColumnFrame(Frame):
    """Named columns in memory: pandas, a dictionary, a record array, or a matrix with names."""

    def __init__(self, items):
        self.items = items  # [(name, values)]
        super().__init__([str(name) for name, _ in items])
        self.n_rows = len(items[0][1]) if items else 0

    def table(self, params, model=None, like=None, extra=None):
        ignored = set(params.get("ignore") or [])
        cells, refused = [], []
        for name, values in [*self.items, *(extra or {}).items()]:
            try:
                # Ignored columns may be of any type, but have to be there.
                seen = np.zeros(len(values), np.int8) if str(name) in ignored else values
                cells.append(cells_of(name, seen))
            except DataError as error:
                if model is None and like is None:
                    raise
                refused.append(str(error))
        self._check_lengths(cells)
        columns = (Column * len(cells))(*[cell.view for cell in cells])
        arguments = (params.handle, columns, len(cells), self.n_rows)
        try:
            if like is not None:
                function, last = lib.gbt_table_from_columns_like, like
            else:
                function, last = lib.gbt_table_from_columns, model
            return create(function, lib.gbt_table_free, *arguments, last)
        except DataError as error:
            raise DataError("; ".join([str(error), *refused])) from None

    def _check_lengths(self, cells):
        for cell in cells:
            if cell.n_rows != self.n_rows:
                raise DataError(
                    f'column "{cell.name}" has {cell.n_rows} rows, the others have {self.n_rows}'
                )


class ArrowFrame(Frame):
    """Anything with `__arrow_c_stream__`: polars and pyarrow tables, readers, other libraries."""

    def __init__(self, source):
        self.source = source
        names = getattr(source, "column_names", None)
        if names is None:
            names = getattr(source, "columns", None)
        if names is None or callable(names):
            names = getattr(getattr(source, "schema", None), "names", [])
        super().__init__([str(name) for name in names])
        try:
            self.n_rows = len(source)
        except TypeError:
            self.n_rows = None

    def table(self, params, model=None, like=None, extra=None):
        source = _with_columns(self.source, extra) if extra else self.source
        capsule = source.__arrow_c_stream__()
        stream = capsule_pointer(capsule, _STREAM)
        if like is not None:
            function, last = lib.gbt_table_from_arrow_like, like
        else:
            function, last = lib.gbt_table_from_arrow, model
        return create(function, lib.gbt_table_free, params.handle, stream, last)


def _with_columns(source, extra):
    """An Arrow source with more columns, made by the library that it comes from."""
    if hasattr(source, "with_columns"):  # polars
        series = type(source[:, 0]) if source.width else None
        if series is not None:
            return source.with_columns(
                **{name: _plain(series, name, values) for name, values in extra.items()}
            )
    try:
        import pyarrow
    except ImportError:
        raise DataError(
            "label, weight, group and task of this data frame must be names of its columns; "
            "arrays beside it need pyarrow"
        ) from None
    table = source if hasattr(source, "append_column") else pyarrow.table(source)
    for name, values in extra.items():
        if not isinstance(values, (pyarrow.Array, pyarrow.ChunkedArray)):
            values = pyarrow.array(values, from_pandas=True)
        table = table.append_column(name, values)
    return table


def _plain(series, name, values):
    if isinstance(values, series):
        return values
    if hasattr(values, "to_numpy") and not isinstance(values, np.ndarray):
        values = values.to_numpy()
    array = np.asarray(values)
    return series(name, array.tolist() if array.dtype.kind in "UTO" else array)


def frame_of(source):
    """A Frame for data frames, streams, dictionaries and record arrays; None for anything else."""
    if type(source).__module__.split(".")[0] == "pandas" and hasattr(source, "items"):
        if getattr(source, "ndim", 2) == 2:
            return ColumnFrame(list(source.items()))
        return ColumnFrame([(source.name or "f0", source)])
    if isinstance(source, dict):
        return ColumnFrame([(name, _column(values)) for name, values in source.items()])
    if isinstance(source, np.ndarray) and source.dtype.names:
        return ColumnFrame([(name, source[name]) for name in source.dtype.names])
    if hasattr(source, "collect") and hasattr(source, "collect_schema"):
        source = source.collect()  # a lazy frame of polars
    if hasattr(source, "__arrow_c_stream__"):
        return ArrowFrame(source)
    if hasattr(source, "__arrow_c_array__"):
        import pyarrow

        return ArrowFrame(pyarrow.table(pyarrow.record_batch(source)))
    return None


def _column(values):
    return values if hasattr(values, "dtype") else np.atleast_1d(values)
