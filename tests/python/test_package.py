"""The package itself: signatures, import, stubs, plots, scripts."""

import ast
import os
import re
import statistics
import subprocess
import sys

import gbt
import numpy as np
import pytest

PACKAGE = os.path.dirname(gbt.__file__)


def test_the_table_of_signatures_covers_the_header(root):
    from gbt._native import ABI, FUNCTIONS, lib

    with open(os.path.join(root, "gbt", "gbt.h"), encoding="utf-8") as file:
        header = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    declared = re.findall(r"^GBT_API\b[^;(]*?\b(gbt_\w+)\s*\(([^;]*)\);", header, flags=re.M)
    counts = {name: 0 if list_ == "void" else list_.count(",") + 1 for name, list_ in declared}
    assert counts == {name: len(arguments) for name, _, *arguments in FUNCTIONS}
    assert gbt.__version__.startswith(ABI) and all(hasattr(lib, name) for name in counts)


C_SIZES = ["matrix", "csr", "param_info", "column_info", "round_info", "metric_result", "targets"]
C_SIZES += ["task_info", "node", "texts", "column", "sparse", "cv_info"]


def test_structs_have_the_size_of_those_in_c(root, tmp_path):
    import ctypes

    from gbt import _native

    lines = [f'printf("%zu\\n", sizeof(gbt_{name}));' for name in C_SIZES]
    text = "#include <gbt/gbt.h>\n#include <stdio.h>\nint main(void) {" + "".join(lines) + "}"
    (tmp_path / "sizes.c").write_text(text)
    try:
        subprocess.run(["cc", "-I", root, "sizes.c", "-o", "sizes"], cwd=tmp_path, check=True)
    except FileNotFoundError:
        pytest.skip("no C compiler")
    out = subprocess.run(["./sizes"], cwd=tmp_path, capture_output=True, text=True).stdout
    for name, size in zip(C_SIZES, map(int, out.split())):
        if name == "node":
            assert np.dtype(_native.NODE_FIELDS, align=True).itemsize == size
        else:
            struct = getattr(_native, "".join(part.title() for part in name.split("_")))
            assert ctypes.sizeof(struct) == size, name


def import_seconds(module):
    """Processor time, which other work on the machine does not lengthen."""
    script = f"import time; start = time.process_time(); import {module}; "
    script = "import numpy; " + script + "print(time.process_time() - start)"
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(PACKAGE)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment
    )
    return float(done.stdout)


def test_import_takes_less_than_a_tenth_of_a_second():
    assert statistics.median(import_seconds("gbt") for _ in range(7)) < 0.1


def test_import_loads_nothing_heavy():
    script = (
        "import sys, gbt; print(sorted({'sklearn', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(PACKAGE)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_only_one_file_imports_ctypes():
    for name in os.listdir(PACKAGE):
        if not name.endswith(".py") or name == "_native.py":
            continue
        with open(os.path.join(PACKAGE, name), encoding="utf-8") as file:
            for node in ast.walk(ast.parse(file.read())):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module] if isinstance(node, ast.ImportFrom) else []
                assert "ctypes" not in names, name


def test_public_names_exist_and_have_help():
    for name in gbt.__all__:
        if name in ("plot", "sklearn") or name[:3] in ("GBT", "Mul", "Boo") and name != "GBTError":
            continue
        assert getattr(gbt, name).__doc__, name
    with pytest.raises(AttributeError):
        gbt.nothing_of_this_name


def test_types_are_shipped_and_the_stubs_are_up_to_date(root):
    assert os.path.exists(os.path.join(PACKAGE, "py.typed"))
    pytest.importorskip("sklearn")
    tool = os.path.join(root, "bindings", "python", "tools", "make_stubs.py")
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(PACKAGE)}
    done = subprocess.run([sys.executable, tool], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    with open(os.path.join(root, "bindings", "python", "src", "gbt", "sklearn.pyi")) as file:
        found = ast.dump(ast.parse(file.read()))  # whatever its layout
    assert found == ast.dump(
        ast.parse(done.stdout)
    ), "old: tools/make_stubs.py >src/gbt/sklearn.pyi"


def test_plots_draw(rows, model):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    recorded = gbt.callback.record()
    gbt.train({"n_trees": 5}, rows, rows, [recorded])
    axes = gbt.plot.learning_curve(recorded)
    assert axes.get_ylabel() == "rmse" and len(axes.lines[0].get_xdata()) == 5
    assert gbt.plot.learning_curve(gbt.cv({"n_trees": 5}, rows, 3)).get_xlabel() == "round"
    assert len(gbt.plot.importance(model, most=3).patches) == 3
    texts = [text.get_text() for text in gbt.plot.tree(model, 2).texts]
    assert len(texts) == len(model.nodes(2)) and any("<=" in text for text in texts)
    found, values = gbt.Influence(model, rows).top(rows[0][:2], rows[1][:2], k=4)
    assert len(gbt.plot.influence(found, values, 1).patches) == 8
    with pytest.raises(gbt.ArgumentError, match="validation rows"):
        gbt.plot.learning_curve(gbt.callback.record())
    matplotlib.pyplot.close("all")


EXAMPLES = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
    "bindings",
    "python",
    "examples",
)


@pytest.mark.parametrize("name", sorted(n for n in os.listdir(EXAMPLES) if n.endswith(".py")))
def test_examples_run(name, tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(PACKAGE), "MPLBACKEND": "Agg"}
    done = subprocess.run(
        [sys.executable, os.path.join(EXAMPLES, name)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_example_of_the_readme_runs(root, tmp_path):
    with open(os.path.join(root, "bindings", "python", "README.md"), encoding="utf-8") as file:
        script = re.search(r"```python\n(.*?)```", file.read(), flags=re.S).group(1)
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(PACKAGE)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0 and "rmse" in done.stdout, done.stderr
