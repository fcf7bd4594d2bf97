"""Are the influences those of the formulas, and those of tree-influence?"""

import shutil
import subprocess
from pathlib import Path

from common import OUT
from influence_model import RATE, REG_LAMBDA, Model, load, objective_of

EQUAL_SETS = ("spambase", "htru2", "surgical", "concrete", "energy", "dry_bean")
LEAVES, TARGETS = 8, 10
SIZE = (400, 20)  # training rows, rounds
# tree-influence needs hours for leaf_refit on the above, and a minute for the last.
REFERENCE_SIZE = {name: (100, 8) for name in EQUAL_SETS} | {"dry_bean": (100, 3)}

# Name of a column: method and keys of gbt, the formula, and the same with the departure of
# tree-influence, which is named; None: it has no departure.
METHODS = {
    "boostin": ({}, lambda f: f.boostin(), lambda f: f.boostin(shrunk=True), "shrunk leaf value"),
    "boostin reference": (
        {"leaf_term": "reference"}, lambda f: f.boostin(shrunk=True), None, None,
    ),
    "boostin_w1": (
        {}, lambda f: f.boostin(1), lambda f: f.boostin(1, shrunk=True), "shrunk leaf value",
    ),
    "boostin_w2": (
        {}, lambda f: f.boostin(2), lambda f: f.boostin(2, shrunk=True), "shrunk leaf value",
    ),
    "boostin_lca": ({}, lambda f: f.boostin_lca(), None, None),
    "leaf_influence_sp": (
        {}, lambda f: f.leaf_influence(False), lambda f: f.leaf_influence(False, scaled=True),
        "scaled Hessian of softmax",
    ),
    "leaf_influence": (
        {}, lambda f: f.leaf_influence(True), lambda f: f.leaf_influence(True, scaled=True),
        "scaled Hessian of softmax",
    ),
    "leaf_refit": (
        {}, lambda f: f.leaf_refit(), lambda f: f.leaf_refit(late=True), "scores after the tree",
    ),
    "leaf_sim": ({}, lambda f: f.tree_sim(), None, None),
    "tree_sim lp cosine": (
        {"tree_kernel": "lp", "similarity": "cosine"}, lambda f: f.tree_sim("lp", "cosine"), None,
        None,
    ),
    "tree_sim lpw euclidean": (
        {"similarity": "euclidean"}, lambda f: f.tree_sim("lpw", "euclidean"), None, None,
    ),
    "tree_sim fp dot": ({"tree_kernel": "fp"}, lambda f: f.tree_sim("fp"), None, None),
    "tree_sim to dot": ({"tree_kernel": "to"}, lambda f: f.tree_sim("to"), None, None),
    "input_sim euclidean": (
        {"similarity": "euclidean"}, lambda f: f.input_sim("euclidean"), None, None,
    ),
    "input_sim cosine": ({"similarity": "cosine"}, lambda f: f.input_sim("cosine"), None, None),
    "trex": ({}, lambda f: f.trex(), None, None),
}  # fmt: skip
NOT_IN_REFERENCE = {"boostin_lca", "trex"}


def difference(found, right):
    """The largest, in units of the largest influence on the same target. Inverse distances of equal
    rows are the largest finite number, of float32 in gbt and of double elsewhere: these must stand
    in the same places and count no further."""
    import numpy as np

    most = np.finfo(np.float32).max
    is_huge = np.abs(right) >= most
    if ((np.abs(found) >= most) != is_huge).any():
        return np.inf
    found, right = np.where(is_huge, 0, found), np.where(is_huge, 0, right)
    return (np.abs(found - right) / np.abs(right).max(axis=1, keepdims=True)).max()


def case_of(gbt, name, size):
    rows, rounds = size
    train, test = load(name, rows)
    targets = test.iloc[:TARGETS]
    objective = objective_of(name, train)
    model = Model(gbt, train, objective, rounds, LEAVES, gradient_bits=32, min_child_samples=1)
    return model, targets


def formulas_part(gbt, report):
    """gbt against the definitions; a table of the largest difference by method and set."""
    from influence_formulas import Formulas

    worst = {text: [] for text in METHODS}
    for name in EQUAL_SETS:
        model, targets = case_of(gbt, name, SIZE)
        with model:
            formulas = Formulas(model, targets)
            for text, (keys, formula, _, _) in METHODS.items():
                found = model.matrix(text.split(" ")[0], targets, **keys)
                worst[text].append(difference(found, formula(formulas)))
    report.header("method", *EQUAL_SETS)
    for text, values in worst.items():
        report.row(text, *[f"{v:.1e}" for v in values])
    report.line()


# ---- tree-influence ------------------------------------------------------------------------------


def export(model, targets, base_score, path):
    """Trees, rows and labels for influence_reference.py; base_score None: that of the dump."""
    import numpy as np

    dump, columns = model.dump(), {
        c: [] for c in ("left", "right", "feature", "threshold", "value")
    }
    tree_nodes, names = [], {}
    base_score = dump["base_score"] if base_score is None else base_score
    for i, feature in enumerate(dump["features"]):
        names[i] = feature["name"]
    for tree in dump["trees"]:
        nodes = sorted(tree["nodes"], key=lambda n: n["node"])
        tree_nodes.append(len(nodes))
        for node in nodes:
            is_leaf = "leaf" in node
            columns["left"].append(-1 if is_leaf else node["left"])
            columns["right"].append(-1 if is_leaf else node["right"])
            columns["feature"].append(-1 if is_leaf else node["feature"])
            columns["threshold"].append(-1.0 if is_leaf else np.float32(node["threshold"]))
            columns["value"].append(np.float32(node["value"]) if is_leaf else -1.0)
    x, x_target = (
        t[list(names.values())].to_numpy(np.float32).astype(float) for t in (model.train, targets)
    )
    y, y_target = (t["label"].to_numpy(np.float32).astype(float) for t in (model.train, targets))
    np.savez(
        path, tree_nodes=tree_nodes, base=base_score, objective=model.objective, rate=RATE,
        reg_lambda=REG_LAMBDA, x=x, y=y, x_target=x_target, y_target=y_target, **columns,
    )  # fmt: skip


def reference_python(python):
    """A Python 3.9 or 3.10 with tree-influence; made on the first call. None: no such Python."""
    folder = OUT / "venv_tree_influence"
    found = folder / "bin" / "python"
    if shutil.which(python) is None:
        return None
    if not found.exists():
        subprocess.run([python, "-m", "venv", folder], check=True)
        pip = [found, "-m", "pip", "install", "-q"]
        needs = ["numpy<2", "scikit-learn<1.4", "pandas<2.3", "scipy"]
        subprocess.run([*pip, *needs], check=True)
        subprocess.run([*pip, "--no-deps", "tree-influence==0.1.7"], check=True)
    return found


def run_reference(python, model, targets, methods, base_score=None):
    """Its influences [targets x training rows] and seconds, by the names of METHODS."""
    import numpy as np

    given, taken = model.folder / "reference_in.npz", model.folder / "reference_out.npz"
    export(model, targets, base_score, given)
    program = Path(__file__).with_name("influence_reference.py")
    command = [python, "-W", "ignore", program, given, taken, *methods]
    subprocess.run(command, check=True)
    return np.load(taken)


def reference_part(gbt, python, report):
    """tree-influence on the same models, against gbt and against the formula with its departure."""
    from influence_formulas import Formulas

    python = reference_python(python)
    if python is None:
        print("SKIPPED: tree-influence needs Python 3.9 or 3.10 (--python39)")
        return
    skipped = NOT_IN_REFERENCE | {"boostin reference"}
    methods = [m for m in METHODS if m not in skipped]
    direct, explained = {m: [] for m in methods}, {m: [] for m in methods}
    for name in EQUAL_SETS:
        model, targets = case_of(gbt, name, REFERENCE_SIZE[name])
        with model:
            formulas = Formulas(model, targets)
            theirs = run_reference(python, model, targets, methods, formulas.base)
            for text in methods:
                keys, formula, departing, _ = METHODS[text]
                ours = model.matrix(text.split(" ")[0], targets, **keys)
                direct[text].append(difference(ours, theirs[text]))
                right = (departing or formula)(formulas)
                explained[text].append(difference(theirs[text], right))
    report.header("method", "against", *EQUAL_SETS)
    for text in methods:
        report.row(text, "gbt", *[f"{v:.1e}" for v in direct[text]])
        departure = METHODS[text][3]
        against = f"formula with {departure}" if departure else "formula"
        report.row("", against, *[f"{v:.1e}" for v in explained[text]])
    report.line()
