"""Arrays as the library sees them: NumPy arrays of any order and stride become views without a
copy when their type is float32, float64 or int32; sparse matrices become compressed rows."""

from contextlib import contextmanager

import numpy as np

from ._errors import DataError
from ._native import CELLS, F32, F64, INT32, Csr, Matrix, Sparse, byref, lib

_DTYPES = {"f4": F32, "f8": F64, "i4": INT32}
_HINTS = {
    "M": "dates have no order of their own here: pass numbers, such as days since a day",
    "m": "durations are no numbers: pass them in a unit, such as seconds",
    "c": "complex data not supported: pass real and imaginary part as two columns",
    "S": "bytes are no numbers: decode them, and pass categories in a data frame",
    "U": "texts are no numbers: pass categories as columns of a data frame",
    "V": "pass the fields as columns of a data frame",
}


def code_of(dtype):
    """'f4', 'i8', 'b1', ...: kind and size of a dtype."""
    return f"{dtype.kind}{dtype.itemsize}"


def refuse(dtype, what):
    """The DataError for a dtype that holds no numbers."""
    return DataError(f"{what}: dtype {dtype}; {_HINTS.get(dtype.kind, 'numbers are needed')}")


def numeric(values, what):
    """The array itself when it holds numbers, else one made from it. `what` is for messages."""
    if isinstance(values, np.ma.MaskedArray):
        values = values.astype(np.float64).filled(np.nan)
    array = np.asarray(values)
    if array.dtype.kind == "O":
        array = _from_objects(array, what)
    if array.dtype.kind not in "fiub":
        raise refuse(array.dtype, what)
    return array


def _from_objects(array, what):
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        kinds = sorted({type(item).__name__ for item in array.flat if item is not None})
        raise DataError(
            f"{what}: holds objects that are no numbers ({', '.join(kinds[:4])}): {error}; "
            "pass categories as columns of a data frame"
        ) from None


def viewable(array):
    """The array itself when the library can read it in place, else a float32 copy. Elements of
    other types become float32, which is what the library trains on."""
    if code_of(array.dtype) not in _DTYPES or not array.dtype.isnative:
        return array.astype(np.float32)
    size = array.dtype.itemsize
    if not array.flags.aligned or any(stride % size for stride in array.strides):
        return np.ascontiguousarray(array)
    return array


def matrix_view(array):
    """A gbt_matrix over a two-dimensional array that `viewable` returned; keep the array alive."""
    size = array.dtype.itemsize
    return Matrix(
        array.ctypes.data,
        _DTYPES[code_of(array.dtype)],
        array.shape[0],
        array.shape[1],
        array.strides[0] // size,
        array.strides[1] // size,
    )


def two_dimensional(values, what="X"):
    array = numeric(values, what)
    if array.ndim != 2:
        raise DataError(
            f"{what}: {array.ndim} dimensions; rows x columns are needed. Expected 2D array: "
            "reshape(-1, 1) makes one column, reshape(1, -1) one row. "
            "Reshape your data"
        )
    return viewable(array)


def field(values, what):
    """Numbers of a side column (label, weight, ...), contiguous, in a type of the library."""
    array = numeric(values, what)
    if code_of(array.dtype) not in _DTYPES or not array.dtype.isnative:
        array = array.astype(np.float64)
    return np.ascontiguousarray(array)


def dtype_of(array):
    """The gbt_dtype of an array that `field` or `viewable` returned."""
    return _DTYPES[code_of(array.dtype)]


def address(array):
    return None if array is None else array.ctypes.data


def is_sparse(values):
    """Whether this is a matrix or array of scipy.sparse, which need not be installed."""
    return hasattr(values, "tocsr") and hasattr(values, "nnz")


@contextmanager
def csr_view(matrix):
    """A gbt_csr of a scipy matrix, with rows in order, for the time of a `with`."""
    if getattr(matrix, "format", "") not in ("csr", "csc"):
        matrix = matrix.tocsr()
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    value = np.ascontiguousarray(numeric(matrix.data, "X"))
    start, index = np.ascontiguousarray(matrix.indptr), np.ascontiguousarray(matrix.indices)
    if code_of(value.dtype) not in CELLS or not value.dtype.isnative:
        value = value.astype(np.float32)
    view = Sparse(
        address(start),
        address(index),
        address(value),
        CELLS[code_of(start.dtype)],
        CELLS[code_of(index.dtype)],
        CELLS[code_of(value.dtype)],
        matrix.format == "csc",
        *matrix.shape,
    )
    rows = Csr()
    lib.gbt_csr_open(byref(view), byref(rows))
    try:
        yield rows
    finally:
        lib.gbt_csr_close(byref(rows))


def label_values(classes):
    """Class names as an array: numbers when all of them are, else texts."""
    try:
        numbers = np.array([float(name) for name in classes])
    except ValueError:
        return np.array(classes, dtype=object)
    whole = np.all(np.isfinite(numbers)) and np.all(numbers == np.floor(numbers))
    return numbers.astype(np.int64) if whole else numbers
