#!/usr/bin/env python3
"""What tree-influence 0.1.7 [Brophy23] computes for a model of gbt; run by influence.py.

    python3.9 influence_reference.py MODEL.npz OUT.npz METHOD ...

Its own process, since the wheels of tree-influence exist for CPython 3.9 and 3.10 only. The trees
of MODEL.npz become its tree objects, so that both programs explain the same model. OUT.npz gets
`<method>` [targets x training rows] and `seconds_<method>`, of the processor: fitting, and all
targets. TREX is left out: it needs PyTorch, and stops its fit early.
"""

import sys
import time
import types

import numpy as np

for name in ("torch", "torch.nn", "torch.optim", "torch.autograd"):  # of trex.py alone
    sys.modules[name] = types.ModuleType(name)
sys.modules["torch"].nn = sys.modules["torch.nn"]
sys.modules["torch"].optim = sys.modules["torch.optim"]
sys.modules["torch.nn"].Module = object
sys.modules["torch.autograd"].Variable = None

from tree_influence import explainers  # noqa: E402
from tree_influence.explainers import base  # noqa: E402
from tree_influence.explainers.input_sim import InputSim  # noqa: E402
from tree_influence.explainers.leaf_sim import LeafSim  # noqa: E402
from tree_influence.explainers.parsers.tree import Tree, TreeEnsemble  # noqa: E402

METHODS = {
    "boostin": lambda: explainers.BoostIn(),
    "boostin_w1": lambda: explainers.BoostInW1(),
    "boostin_w2": lambda: explainers.BoostInW2(),
    "leaf_influence_sp": lambda: explainers.LeafInfluenceSP(),
    "leaf_influence": lambda: explainers.LeafInfluence(atol=1e-3),
    "leaf_refit": lambda: explainers.LeafRefit(atol=1e-3),
    "leaf_sim": lambda: LeafSim(),
    "tree_sim lp cosine": lambda: explainers.TreeSim("cosine", "lp_"),
    "tree_sim lpw euclidean": lambda: explainers.TreeSim("euclidean", "lpw"),
    "tree_sim fp dot": lambda: explainers.TreeSim("dot_prod", "fp_"),
    "tree_sim to dot": lambda: explainers.TreeSim("dot_prod", "to_"),
    "input_sim euclidean": lambda: InputSim("euclidean"),
    "input_sim cosine": lambda: InputSim("cosine"),
}


def ensemble_of(model):
    trees, start = [], 0
    for n in model["tree_nodes"]:
        part = slice(start, start + n)
        columns = (model[c][part] for c in ("left", "right", "feature", "threshold", "value"))
        trees.append(Tree(*columns, lt_op=0, is_float32=False))
        start += n
    objective, base_score = str(model["objective"]), [float(b) for b in model["base"]]
    k = len(base_score)
    grid = np.empty((len(trees) // k, k), dtype=object)
    for t, tree in enumerate(trees):
        grid[t // k, t % k] = tree
    return TreeEnsemble(
        grid,
        objective=objective,
        tree_type="gbdt",
        bias=base_score if k > 1 else base_score[0],
        learning_rate=float(model["rate"]),
        l2_leaf_reg=float(model["reg_lambda"]),
        factor=k / (k - 1) if k > 1 else 0.0,
    )


class Trained:
    """What the explainers ask of the model itself."""

    def __init__(self, ensemble):
        self.ensemble = ensemble

    def predict(self, x):
        return self.ensemble.predict(x)[:, 0]


def main():
    model, out, found = np.load(sys.argv[1]), sys.argv[2], {}
    y, y_target = (
        v if str(model["objective"]) == "regression" else v.astype(int)
        for v in (model["y"], model["y_target"])
    )
    for name in sys.argv[3:]:
        ensemble = ensemble_of(model)
        base.parse_model = lambda *_: ensemble
        explainer, begin = METHODS[name](), time.process_time()
        explainer.fit(Trained(ensemble), model["x"], y)
        fitted = time.process_time()
        found[name] = explainer.get_local_influence(model["x_target"], y_target).T
        found[f"seconds_{name}"] = [fitted - begin, time.process_time() - fitted]
    np.savez(out, **found)


if __name__ == "__main__":
    main()
