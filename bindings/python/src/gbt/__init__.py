"""gbt: histogram gradient-boosted decision trees.

    import gbt
    model = gbt.train({"objective": "binary"}, gbt.Dataset(X, y))
    p = model.predict(X)

`gbt.params.help()` explains every parameter; estimators for scikit-learn are `gbt.GBTClassifier`
and `gbt.GBTRegressor`."""

from . import callback, params
from ._bridge import Round
from ._errors import (
    ArgumentError,
    BugError,
    CancelledError,
    DataError,
    DeviceError,
    FileError,
    FormatError,
    GBTError,
    NumericError,
    OutOfMemoryError,
    ParamError,
    StateError,
    UnsupportedError,
)
from ._native import lib as _lib
from .dataset import Dataset
from .heads import HeadsModel, train_heads
from .influence import Influence
from .model import Model, load
from .multitask import MultiTaskModel, train_multitask
from .train import CrossValidation, cv, train

__version__ = _lib.gbt_version().decode()

# Imported when first used: scikit-learn and matplotlib take time, or are not installed.
_LATER = {
    "BoostedHeadsClassifier": "sklearn",
    "BoostedHeadsRegressor": "sklearn",
    "GBTClassifier": "sklearn",
    "GBTRegressor": "sklearn",
    "MultiTaskClassifier": "sklearn",
    "MultiTaskRegressor": "sklearn",
    "plot": None,
    "sklearn": None,
}

__all__ = [
    "ArgumentError",
    "BugError",
    "CancelledError",
    "CrossValidation",
    "DataError",
    "Dataset",
    "DeviceError",
    "FileError",
    "FormatError",
    "GBTError",
    "HeadsModel",
    "Influence",
    "Model",
    "MultiTaskModel",
    "NumericError",
    "OutOfMemoryError",
    "ParamError",
    "Round",
    "StateError",
    "UnsupportedError",
    "backend_available",
    "callback",
    "cv",
    "load",
    "params",
    "train",
    "train_heads",
    "train_multitask",
    *_LATER,
]


def backend_available(name: str) -> bool:
    """Whether "cpu", "ref" or "cuda" can train and predict here."""
    return bool(_lib.gbt_backend_available(name.encode()))


def __getattr__(name):
    import importlib

    if name not in _LATER:
        raise AttributeError(f"module 'gbt' has no attribute {name!r}")
    module = importlib.import_module(f".{_LATER[name] or name}", __name__)
    return getattr(module, name) if _LATER[name] else module


def __dir__():
    return sorted(__all__)
