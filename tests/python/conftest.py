"""Fixtures of the tests of the Python package, which is the installed one, or that of
`bindings/python/src` with the library that GBT_LIBRARY names or the release build holds."""

import importlib
import os
import sys

import numpy as np
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

try:
    import gbt
except ImportError:
    sys.path.insert(0, os.path.join(ROOT, "bindings", "python", "src"))
    import gbt  # noqa: F401

OPTIONAL = ("matplotlib", "pandas", "polars", "pyarrow", "scipy", "sklearn")


def pytest_report_header(config):
    missing = [name for name in OPTIONAL if importlib.util.find_spec(name) is None]
    where = f"gbt {gbt.__version__} from {os.path.dirname(gbt.__file__)}"
    return [where, f"NOT INSTALLED, tests are skipped: {', '.join(missing)}"] if missing else where


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def rows():
    """(X, y): a smooth function of five columns, the same every time."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(1200, 5))
    return X, X[:, 0] + X[:, 1] ** 2 + 0.1 * rng.normal(size=1200)


@pytest.fixture(scope="session")
def model(rows):
    return gbt.train({"n_trees": 20, "objective": "regression"}, rows)


@pytest.fixture(scope="session")
def program():
    """The command line program."""
    candidates = [os.environ.get("GBT_PROGRAM", "")]
    candidates += [
        os.path.join(ROOT, "build", name, "gbt") for name in ("python", "release", "dev")
    ]
    for path in candidates:
        if path and os.path.exists(path):
            return path
    pytest.skip("no program gbt: build it, or name it in GBT_PROGRAM")
