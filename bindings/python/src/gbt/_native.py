"""The C API as Python sees it: where the library is, the layout of its structs, and ONE table of
signatures. No logic: everything else of the package calls `lib.gbt_...` and gets either a value or
an exception with the message of the library.

The only file that imports ctypes. Searched in this order: the file that the environment variable
GBT_LIBRARY names; beside this package (wheels); `build/release`, then `build/dev` of the checkout
that holds this package (development); the system's loader."""

import ctypes
import glob
import os
import sys

from . import _errors

ABI = "0.1"  # before 1.0 the C API may change with the minor version

# ---- Types ---------------------------------------------------------------------------------------

INT, I32, I64, SIZE, REAL = (
    ctypes.c_int,
    ctypes.c_int32,
    ctypes.c_int64,
    ctypes.c_size_t,
    ctypes.c_double,
)
TEXT = ctypes.c_char_p
TEXTS = ctypes.POINTER(ctypes.c_char_p)
POINTER = ctypes.c_void_p
HANDLE = ARRAY = STRUCT = CALLBACK = POINTER  # one type, named by what is meant
OUT_HANDLE = ctypes.POINTER(ctypes.c_void_p)
OUT_INT, OUT_I32, OUT_I64 = (ctypes.POINTER(kind) for kind in (INT, I32, I64))
OUT_REAL, OUT_SIZE = ctypes.POINTER(REAL), ctypes.POINTER(SIZE)

addressof, byref, string_at = ctypes.addressof, ctypes.byref, ctypes.string_at
create_string_buffer = ctypes.create_string_buffer

F32, F64, INT32 = 0, 1, 2  # gbt_dtype
CELLS = {  # gbt_cell by the kind and size of a NumPy dtype
    "f4": 0,
    "f8": 1,
    "i4": 2,
    "f2": 3,
    "i1": 4,
    "i2": 5,
    "i8": 6,
    "u1": 7,
    "u2": 8,
    "u4": 9,
    "u8": 10,
    "b1": 11,
}
MASK_NONE, MASK_VALID_BITS, MASK_VALID_BYTES, MASK_MISSING_BYTES = range(4)  # gbt_mask
LABEL, WEIGHT, GROUP, TASK, INIT_SCORE = range(5)  # gbt_field
RAW, RESPONSE, CLASS = range(3)  # gbt_predict_kind
LOG_WARN, LOG_INFO, LOG_DEBUG = range(3)  # gbt_log_level
GAIN, SPLIT, COVER = range(3)  # gbt_importance_kind
DUMP_TEXT, DUMP_JSON, DUMP_DOT = range(3)  # gbt_dump_format
ROLE_FEATURE, ROLE_LABEL, ROLE_WEIGHT, ROLE_GROUP = range(4)  # gbt_column_role
ROLE_TASK, ROLE_INIT_SCORE, ROLE_ID, ROLE_IGNORED = range(4, 8)
FILE_TREES, FILE_MULTITASK, FILE_HEADS = range(3)  # gbt_file_kind
SHAPE_KEYS = (  # gbt_shape_key
    "rounds",
    "trees",
    "outputs",
    "features",
    "classes",
    "leaves",
    "train_rows",
    "best_round",
    "uses_init_score",
    "sparse",
)
HEADS_KEYS = ("steps", "units", "inputs", "outputs", "best_step")  # gbt_heads_key


class Matrix(ctypes.Structure):
    _fields_ = [
        ("data", POINTER),
        ("dtype", INT),
        ("n_rows", I64),
        ("n_cols", I64),
        ("row_stride", I64),
        ("col_stride", I64),
    ]


class Csr(ctypes.Structure):
    _fields_ = [
        ("row_start", POINTER),
        ("column", POINTER),
        ("value", POINTER),
        ("dtype", INT),
        ("n_rows", I64),
        ("n_cols", I64),
    ]


class Texts(ctypes.Structure):
    _fields_ = [("bytes", POINTER), ("start", POINTER), ("start_type", INT), ("n", I64)]


class Column(ctypes.Structure):
    _fields_ = [
        ("name", TEXT),
        ("type", INT),
        ("data", POINTER),
        ("stride", I64),
        ("first", I64),
        ("mask_kind", INT),
        ("mask", POINTER),
        ("is_coded", INT),
        ("text", Texts),
    ]


class Sparse(ctypes.Structure):
    _fields_ = [
        ("start", POINTER),
        ("index", POINTER),
        ("value", POINTER),
        ("start_type", INT),
        ("index_type", INT),
        ("value_type", INT),
        ("is_by_column", INT),
        ("n_rows", I64),
        ("n_cols", I64),
    ]


class ParamInfo(ctypes.Structure):
    _fields_ = [
        (name, TEXT) for name in ("section", "name", "kind", "fallback", "range", "aliases", "doc")
    ]


class ColumnInfo(ctypes.Structure):
    _fields_ = [
        ("name", TEXT),
        ("role", INT),
        ("is_text", INT),
        ("n_missing", I64),
        ("n_values", I64),
    ]


class RoundInfo(ctypes.Structure):
    _fields_ = [
        ("booster", HANDLE),
        ("round", I32),
        ("n_rounds", I32),
        ("n_values", I32),
        ("metric", TEXTS),
        ("data", TEXTS),
        ("value", OUT_REAL),
        ("best_round", I32),
        ("best_value", REAL),
        ("seconds", REAL),
    ]


class CvInfo(ctypes.Structure):
    _fields_ = [("n_rows", I64)] + [
        (name, I32)
        for name in ("n_folds", "n_repeats", "n_rounds", "best_round", "n_outputs", "n_metrics")
    ]
    _fields_ += [("is_stratified", INT), ("has_train", INT)]


class MetricResult(ctypes.Structure):
    _fields_ = [("name", TEXT), ("value", REAL), ("low", REAL), ("high", REAL)]


class Targets(ctypes.Structure):
    _fields_ = [("rows", HANDLE), ("features", STRUCT)]


class TaskInfo(ctypes.Structure):
    _fields_ = [
        ("number", I32),
        ("name", TEXT),
        ("train_rows", I64),
        ("cluster", I32),
        ("outlier", REAL),
    ]


NODE_FIELDS = [  # gbt_node, as the dtype of a NumPy record with the alignment of C
    ("parent", "i4"),
    ("left", "i4"),
    ("right", "i4"),
    ("depth", "i4"),
    ("leaf", "i4"),
    ("feature", "i4"),
    ("is_categorical", "i4"),
    ("missing_left", "i4"),
    ("threshold", "f4"),
    ("value", "f4"),
    ("gain", "f4"),
    ("cover", "f4"),
    ("rows", "i8"),
]

# For the address inside a PyCapsule of the Arrow C data interface.
capsule_pointer = ctypes.PYFUNCTYPE(POINTER, ctypes.py_object, TEXT)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)

LogFn = ctypes.CFUNCTYPE(None, INT, TEXT, POINTER)
RoundFn = ctypes.CFUNCTYPE(INT, ctypes.POINTER(RoundInfo), POINTER)
ProgressFn = ctypes.CFUNCTYPE(INT, REAL, REAL, POINTER)

STATUS = "status"  # a result that becomes an exception when it is not GBT_OK

# ---- The table: name, result, arguments ----------------------------------------------------------

FUNCTIONS = [
    ("gbt_version", TEXT),
    ("gbt_status_name", TEXT, INT),
    ("gbt_last_error", TEXT),
    ("gbt_set_log", None, CALLBACK, POINTER),
    ("gbt_set_allocator", None, STRUCT),
    ("gbt_backend_available", INT, TEXT),
    # parameters
    ("gbt_params_create", STATUS, OUT_HANDLE),
    ("gbt_params_copy", STATUS, HANDLE, OUT_HANDLE),
    ("gbt_params_free", None, HANDLE),
    ("gbt_params_set", STATUS, HANDLE, TEXT, TEXT),
    ("gbt_params_get", STATUS, HANDLE, TEXT, ARRAY, SIZE),
    ("gbt_params_is_set", INT, HANDLE, TEXT),
    ("gbt_params_load_ini", STATUS, HANDLE, TEXT),
    ("gbt_params_check", STATUS, HANDLE),
    ("gbt_param_count", INT),
    ("gbt_param_describe", STATUS, INT, STRUCT),
    ("gbt_param_find", STATUS, TEXT, OUT_INT),
    # tables
    ("gbt_table_read", STATUS, HANDLE, TEXT, HANDLE, OUT_HANDLE),
    ("gbt_table_read_like", STATUS, HANDLE, TEXT, HANDLE, OUT_HANDLE),
    ("gbt_table_preview", STATUS, HANDLE, TEXT, I64, OUT_HANDLE),
    ("gbt_table_from_columns", STATUS, HANDLE, ARRAY, I32, I64, HANDLE, OUT_HANDLE),
    ("gbt_table_from_columns_like", STATUS, HANDLE, ARRAY, I32, I64, HANDLE, OUT_HANDLE),
    ("gbt_table_from_arrow", STATUS, HANDLE, STRUCT, HANDLE, OUT_HANDLE),
    ("gbt_table_from_arrow_like", STATUS, HANDLE, STRUCT, HANDLE, OUT_HANDLE),
    ("gbt_table_rows", I64, HANDLE),
    ("gbt_table_columns", I32, HANDLE),
    ("gbt_table_is_sparse", INT, HANDLE),
    ("gbt_table_describe", STATUS, HANDLE, I32, STRUCT),
    ("gbt_table_text", STATUS, HANDLE, I32, I64, ARRAY, SIZE),
    ("gbt_table_id", TEXT, HANDLE, I64),
    ("gbt_table_free", None, HANDLE),
    # data sets
    ("gbt_dataset_from_matrix", STATUS, HANDLE, STRUCT, TEXTS, HANDLE, OUT_HANDLE),
    ("gbt_dataset_from_csr", STATUS, HANDLE, STRUCT, TEXTS, HANDLE, OUT_HANDLE),
    ("gbt_csr_open", STATUS, STRUCT, STRUCT),
    ("gbt_csr_close", None, STRUCT),
    ("gbt_dataset_from_table", STATUS, HANDLE, HANDLE, HANDLE, OUT_HANDLE),
    ("gbt_dataset_from_file", STATUS, HANDLE, TEXT, HANDLE, OUT_HANDLE),
    ("gbt_dataset_like_model", STATUS, HANDLE, OUT_HANDLE),
    ("gbt_dataset_subset", STATUS, HANDLE, ARRAY, I64, OUT_HANDLE),
    ("gbt_dataset_share", STATUS, HANDLE, OUT_HANDLE),
    ("gbt_dataset_set", STATUS, HANDLE, INT, ARRAY, INT, I64),
    ("gbt_dataset_get", STATUS, HANDLE, INT, ARRAY, INT, I64),
    ("gbt_dataset_field_size", I64, HANDLE, INT),
    ("gbt_dataset_rows", I64, HANDLE),
    ("gbt_dataset_features", I32, HANDLE),
    ("gbt_dataset_bins", I32, HANDLE, I32),
    ("gbt_dataset_bytes", I64, HANDLE),
    ("gbt_dataset_free", None, HANDLE),
    ("gbt_dataset_features_of", STATUS, HANDLE, HANDLE, ARRAY, I64),
    # training
    ("gbt_train_estimate", STATUS, HANDLE, HANDLE, I64, OUT_I64, OUT_REAL),
    ("gbt_train_estimate_device", STATUS, HANDLE, HANDLE, I64, OUT_I64, OUT_I64),
    ("gbt_train", STATUS, HANDLE, HANDLE, ARRAY, TEXTS, INT, CALLBACK, POINTER, OUT_HANDLE),
    ("gbt_booster_create", STATUS, HANDLE, HANDLE, OUT_HANDLE),
    ("gbt_booster_continue", STATUS, HANDLE, HANDLE),
    ("gbt_booster_add_valid", STATUS, HANDLE, HANDLE, TEXT),
    ("gbt_booster_set_learning_rate", STATUS, HANDLE, REAL),
    ("gbt_booster_step", STATUS, HANDLE, OUT_INT),
    ("gbt_booster_step_custom", STATUS, HANDLE, ARRAY, ARRAY, I64, OUT_INT),
    ("gbt_booster_rounds", I32, HANDLE),
    ("gbt_booster_outputs", I32, HANDLE),
    ("gbt_booster_scores", STATUS, HANDLE, INT, ARRAY, I64),
    ("gbt_booster_metric", STATUS, HANDLE, INT, INT, OUT_REAL),
    ("gbt_booster_metric_count", INT, HANDLE),
    ("gbt_booster_metric_name", TEXT, HANDLE, INT),
    ("gbt_booster_metric_is_better", INT, HANDLE, INT, REAL, REAL),
    ("gbt_booster_finish", STATUS, HANDLE, I32, OUT_HANDLE),
    ("gbt_booster_free", None, HANDLE),
    # models
    ("gbt_model_load", STATUS, TEXT, OUT_HANDLE),
    ("gbt_model_save", STATUS, HANDLE, TEXT),
    ("gbt_model_free", None, HANDLE),
    ("gbt_model_from_bytes", STATUS, ARRAY, SIZE, OUT_HANDLE),
    ("gbt_model_to_bytes", STATUS, HANDLE, OUT_HANDLE, OUT_SIZE),
    ("gbt_memory_free", None, POINTER),
    ("gbt_model_shape", STATUS, HANDLE, INT, OUT_I64),
    ("gbt_model_params", STATUS, HANDLE, OUT_HANDLE),
    ("gbt_model_combine", STATUS, ARRAY, ARRAY, INT, OUT_HANDLE),
    ("gbt_model_slice", STATUS, HANDLE, I32, I32, ARRAY, OUT_HANDLE),
    ("gbt_model_objective", TEXT, HANDLE),
    ("gbt_model_feature_name", TEXT, HANDLE, I32),
    ("gbt_model_feature_is_categorical", INT, HANDLE, I32),
    ("gbt_model_feature_categories", I32, HANDLE, I32),
    ("gbt_model_task_name", TEXT, HANDLE, I32),
    ("gbt_model_output_name", TEXT, HANDLE, I32),
    ("gbt_model_class_name", TEXT, HANDLE, I32),
    ("gbt_model_column", TEXT, HANDLE, INT),
    ("gbt_model_base_score", STATUS, HANDLE, ARRAY, I64),
    ("gbt_model_predict", STATUS, HANDLE, STRUCT, INT, I32, I32, INT, ARRAY, I64),
    ("gbt_model_predict_csr", STATUS, HANDLE, STRUCT, INT, I32, I32, INT, ARRAY, I64),
    ("gbt_model_predict_table", STATUS, HANDLE, HANDLE, INT, I32, I32, INT, ARRAY, I64),
    ("gbt_model_to_device", STATUS, HANDLE, TEXT, OUT_HANDLE),
    ("gbt_model_link", STATUS, HANDLE, ARRAY, INT, I64, ARRAY),
    ("gbt_model_leaves", STATUS, HANDLE, STRUCT, INT, ARRAY, I64),
    ("gbt_model_leaves_table", STATUS, HANDLE, HANDLE, INT, ARRAY, I64),
    ("gbt_model_predict_dataset", STATUS, HANDLE, HANDLE, INT, I32, I32, INT, ARRAY, I64),
    ("gbt_model_leaves_dataset", STATUS, HANDLE, HANDLE, I32, I32, INT, ARRAY, I64),
    ("gbt_model_tree_leaves", STATUS, HANDLE, I32, OUT_I32),
    ("gbt_model_leaf_values", STATUS, HANDLE, I32, ARRAY, I64),
    ("gbt_model_tree_nodes", STATUS, HANDLE, I32, OUT_I32),
    ("gbt_model_nodes", STATUS, HANDLE, I32, ARRAY, I64),
    ("gbt_model_in_bag", STATUS, HANDLE, I32, ARRAY, I64),
    ("gbt_model_features", STATUS, HANDLE, HANDLE, ARRAY, I64),
    ("gbt_model_tasks", STATUS, HANDLE, HANDLE, ARRAY, I64),
    ("gbt_model_labels", STATUS, HANDLE, HANDLE, ARRAY, I64),
    ("gbt_model_labels_table", STATUS, HANDLE, HANDLE, ARRAY, I64, ARRAY),
    ("gbt_model_importance", STATUS, HANDLE, INT, ARRAY, I64),
    ("gbt_model_dump", STATUS, HANDLE, INT, OUT_HANDLE, OUT_SIZE),
    ("gbt_model_verify", STATUS, HANDLE),
    ("gbt_model_evaluate", STATUS, HANDLE, HANDLE, TEXT, INT, INT, ARRAY, INT, OUT_INT),
    (
        "gbt_model_evaluate_scores",
        STATUS,
        HANDLE,
        HANDLE,
        ARRAY,
        TEXT,
        INT,
        INT,
        ARRAY,
        INT,
        OUT_INT,
    ),
    ("gbt_model_metric", STATUS, HANDLE, TEXT, ARRAY, ARRAY, ARRAY, I64, INT, OUT_REAL),
    ("gbt_model_metric_name", TEXT, HANDLE, INT),
    ("gbt_model_metric_is_better", INT, HANDLE, TEXT, REAL, REAL),
    ("gbt_model_file_kind", STATUS, TEXT, OUT_INT),
    # cross-validation
    ("gbt_cv_run", STATUS, HANDLE, HANDLE, ARRAY, I64, CALLBACK, POINTER, OUT_HANDLE),
    (
        "gbt_cv_run_features",
        STATUS,
        HANDLE,
        HANDLE,
        STRUCT,
        ARRAY,
        I64,
        CALLBACK,
        POINTER,
        OUT_HANDLE,
    ),
    ("gbt_cv_free", None, HANDLE),
    ("gbt_cv_describe", STATUS, HANDLE, STRUCT),
    ("gbt_cv_metric_name", TEXT, HANDLE, INT),
    ("gbt_cv_curve", STATUS, HANDLE, INT, INT, ARRAY, ARRAY, I64),
    ("gbt_cv_model_curve", STATUS, HANDLE, INT, INT, I32, ARRAY, I64),
    ("gbt_cv_fold_of", STATUS, HANDLE, I32, ARRAY, I64),
    ("gbt_cv_predict", STATUS, HANDLE, I32, INT, ARRAY, I64),
    ("gbt_cv_model", STATUS, HANDLE, I32, OUT_HANDLE),
    # objectives
    ("gbt_objective_create", STATUS, HANDLE, OUT_HANDLE),
    ("gbt_objective_of_model", STATUS, HANDLE, OUT_HANDLE),
    ("gbt_objective_free", None, HANDLE),
    ("gbt_objective_outputs", I32, HANDLE),
    ("gbt_objective_gradients", STATUS, HANDLE, ARRAY, ARRAY, ARRAY, I64, ARRAY, ARRAY),
    ("gbt_objective_value", STATUS, HANDLE, ARRAY, ARRAY, ARRAY, I64, OUT_REAL),
    (
        "gbt_objective_derivatives",
        STATUS,
        HANDLE,
        ARRAY,
        ARRAY,
        I64,
        ARRAY,
        ARRAY,
        ARRAY,
        ARRAY,
        ARRAY,
    ),
    # influence
    ("gbt_influence_create", STATUS, HANDLE, HANDLE, HANDLE, CALLBACK, POINTER, OUT_HANDLE),
    ("gbt_influence_free", None, HANDLE),
    ("gbt_influence_set_features", STATUS, HANDLE, STRUCT),
    ("gbt_influence_dense", STATUS, HANDLE, STRUCT, CALLBACK, POINTER, ARRAY, I64),
    ("gbt_influence_top", STATUS, HANDLE, STRUCT, I32, CALLBACK, POINTER, ARRAY, ARRAY, I64),
    ("gbt_influence_sum", STATUS, HANDLE, STRUCT, CALLBACK, POINTER, ARRAY, I64),
    ("gbt_influence_self", STATUS, HANDLE, CALLBACK, POINTER, ARRAY, I64),
    ("gbt_influence_relabel", STATUS, HANDLE, STRUCT, ARRAY, CALLBACK, POINTER, ARRAY, I64),
    ("gbt_influence_interval", STATUS, HANDLE, STRUCT, HANDLE, ARRAY, ARRAY, I64),
    # multi-task models
    (
        "gbt_multitask_train",
        STATUS,
        HANDLE,
        HANDLE,
        STRUCT,
        HANDLE,
        STRUCT,
        CALLBACK,
        POINTER,
        OUT_HANDLE,
    ),
    ("gbt_multitask_load", STATUS, TEXT, OUT_HANDLE),
    ("gbt_multitask_save", STATUS, HANDLE, TEXT),
    ("gbt_multitask_from_bytes", STATUS, ARRAY, SIZE, OUT_HANDLE),
    ("gbt_multitask_to_bytes", STATUS, HANDLE, OUT_HANDLE, OUT_SIZE),
    ("gbt_multitask_free", None, HANDLE),
    ("gbt_multitask_frame", POINTER, HANDLE),
    ("gbt_multitask_params", STATUS, HANDLE, OUT_HANDLE),
    ("gbt_multitask_tasks", I32, HANDLE),
    ("gbt_multitask_task", STATUS, HANDLE, I32, STRUCT),
    ("gbt_multitask_rounds", I32, HANDLE, INT),
    ("gbt_multitask_predict", STATUS, HANDLE, STRUCT, ARRAY, INT, INT, ARRAY, I64, OUT_I64),
    ("gbt_multitask_predict_table", STATUS, HANDLE, HANDLE, INT, INT, ARRAY, I64, OUT_I64),
    ("gbt_multitask_extract", STATUS, HANDLE, I32, OUT_HANDLE),
    # neural heads
    (
        "gbt_heads_train",
        STATUS,
        HANDLE,
        HANDLE,
        STRUCT,
        HANDLE,
        STRUCT,
        CALLBACK,
        POINTER,
        OUT_HANDLE,
    ),
    ("gbt_heads_load", STATUS, TEXT, OUT_HANDLE),
    ("gbt_heads_save", STATUS, HANDLE, TEXT),
    ("gbt_heads_from_bytes", STATUS, ARRAY, SIZE, OUT_HANDLE),
    ("gbt_heads_to_bytes", STATUS, HANDLE, OUT_HANDLE, OUT_SIZE),
    ("gbt_heads_free", None, HANDLE),
    ("gbt_heads_frame", POINTER, HANDLE),
    ("gbt_heads_params", STATUS, HANDLE, OUT_HANDLE),
    ("gbt_heads_shape", STATUS, HANDLE, INT, OUT_I64),
    ("gbt_heads_predict", STATUS, HANDLE, STRUCT, INT, I32, INT, ARRAY, I64),
    ("gbt_heads_predict_table", STATUS, HANDLE, HANDLE, INT, I32, INT, ARRAY, I64),
    ("gbt_heads_predict_early", STATUS, HANDLE, STRUCT, REAL, INT, ARRAY, ARRAY, I64),
    ("gbt_heads_weights", STATUS, HANDLE, ARRAY, ARRAY, ARRAY, ARRAY),
    ("gbt_heads_inputs", STATUS, HANDLE, STRUCT, ARRAY, I64),
]

# ---- Loading -------------------------------------------------------------------------------------


def _candidates():
    """Paths of the library, best first; the last one is a name for the system's loader."""
    if os.environ.get("GBT_LIBRARY"):
        return [os.environ["GBT_LIBRARY"]]
    name = "libgbt.dylib" if sys.platform == "darwin" else "libgbt.so"
    here = os.path.dirname(os.path.abspath(__file__))
    checkout = os.path.abspath(os.path.join(here, *[os.pardir] * 4))
    found = glob.glob(os.path.join(here, name))
    if os.path.exists(os.path.join(checkout, "gbt", "gbt.h")):
        for build in ("release", "dev"):
            found += glob.glob(os.path.join(checkout, "build", build, name))
    return found + [f"{name}.{ABI}" if name.endswith(".so") else name]


def _load():
    path = _candidates()[0]
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(
            f"gbt: the library {path} cannot be loaded ({error}); build it with "
            "`cmake --preset release && cmake --build --preset release`, or name the file in the "
            "environment variable GBT_LIBRARY"
        ) from None
    library.gbt_version.restype = TEXT
    version = library.gbt_version().decode()
    if version != ABI and not version.startswith(ABI + "."):
        raise ImportError(f"gbt: {path} is version {version}; this package needs {ABI}")
    return library


def _check(status, function, arguments):
    if status == 0:
        return None
    name = lib.gbt_status_name(status).decode()
    raise _errors.exception_of(name, lib.gbt_last_error().decode("utf-8", "replace"))


def _declare(library):
    for name, result, *arguments in FUNCTIONS:
        function = getattr(library, name)
        function.argtypes = arguments
        if result is STATUS:
            function.restype = INT
            function.errcheck = _check
        else:
            function.restype = result
    return library


lib = _declare(_load())
