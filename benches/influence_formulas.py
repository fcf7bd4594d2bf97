"""The influence estimators written out in NumPy, in double precision.

What each is defined to be in gbt/modules/INFLUENCE.md, from the dump of a model and the leaves that
its rows reach alone: no code is shared with the library, no shortcut is taken, every pair of rows
is visited. Where the published program tree-influence departs from the definition, an argument of
that name gives what it computes. For some hundreds of rows, without categories and missing values.
"""

from dataclasses import dataclass

import numpy as np

from influence_model import RATE, REG_LAMBDA


class Tree:
    """Nodes of a tree: values of the leaves and which nodes are on the way to each of them."""

    def __init__(self, dump):
        nodes = sorted(dump["nodes"], key=lambda n: n["node"])
        parent = [-1] * len(nodes)
        for node in nodes:
            for side in ("left", "right"):
                if side in node:
                    parent[node[side]] = node["node"]
        self.depth = np.zeros(len(nodes), int)
        for i in range(1, len(nodes)):
            self.depth[i] = self.depth[parent[i]] + 1
        self.node_of_leaf = np.zeros(dump["leaves"], int)
        self.value = np.zeros(dump["leaves"])
        self.path = np.zeros((dump["leaves"], len(nodes)), bool)
        for node in nodes:
            if "leaf" in node:
                leaf, at = node["leaf"], node["node"]
                self.node_of_leaf[leaf], self.value[leaf] = at, np.float32(node["value"])
                while at >= 0:
                    self.path[leaf, at] = True
                    at = parent[at]


@dataclass
class Stage:
    """A tree with what the training rows are before it."""

    index: int
    output: int
    leaf: np.ndarray  # [rows]
    leaf_target: np.ndarray  # [targets]
    g: np.ndarray  # [rows], and so are the next three
    h: np.ndarray
    g_slope: np.ndarray
    h_slope: np.ndarray
    d: np.ndarray  # [leaves] H + lambda
    theta: np.ndarray  # [leaves] -G / D
    count: np.ndarray  # [leaves]
    g_target: np.ndarray  # [targets]


class Formulas:
    def __init__(self, model, targets):
        dump = model.dump()
        self.k, self.rounds, self.objective = dump["outputs"], dump["rounds"], model.objective
        self.tree = [Tree(t) for t in dump["trees"]]
        # Labels, features and leaf values are float32 in the library.
        self.y = model.train["label"].to_numpy(np.float32).astype(float)
        self.y_target = targets["label"].to_numpy(np.float32).astype(float)
        self.x, self.x_target = (
            t.drop(columns="label").to_numpy(np.float32).astype(float)
            for t in (model.train, targets)
        )
        self.leaf = model.predict(model.train, "leaf")
        self.leaf_target = model.predict(targets, "leaf")
        self.base = np.array(dump["base_score"])
        if self.objective == "regression":  # the dump has it to eight digits
            assert abs(self.y.mean() / self.base[0] - 1) < 1e-6
            self.base = np.array([self.y.mean()])
        self.n, self.n_targets = len(self.y), len(self.y_target)
        self._run()

    # ---- Loss --------------------------------------------------------------------------------

    def probabilities(self, score):
        if self.objective == "binary":
            return 1 / (1 + np.exp(-score))
        shifted = np.exp(score - score.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)

    def one_hot(self, y):
        if self.k == 1:
            return y[:, None]
        return (y[:, None] == np.arange(self.k)[None, :]).astype(float)

    def factor(self):
        return self.k / (self.k - 1) if self.k > 1 else 1.0

    def slopes(self, score, y):
        """g, h and their derivatives by the own score, each [rows x outputs]. h is the trainer's:
        of softmax K / (K - 1) times the second derivative."""
        if self.objective == "regression":
            one = np.ones_like(score)
            return score - y[:, None], one, one, 0 * one
        p, c = self.probabilities(score), self.factor()
        q = p * (1 - p)
        return p - self.one_hot(y), c * q, q, c * q * (1 - 2 * p)

    def loss(self, score, y):
        """score [..., outputs], y [...]"""
        if self.objective == "regression":
            return 0.5 * (score[..., 0] - y) ** 2
        if self.objective == "binary":
            return np.logaddexp(0, score[..., 0]) - y * score[..., 0]
        top = score.max(axis=-1)
        total = top + np.log(np.exp(score - top[..., None]).sum(axis=-1))
        at = np.broadcast_to(y.astype(int)[..., None], (*score.shape[:-1], 1))
        return total - np.take_along_axis(score, at, axis=-1)[..., 0]

    # ---- The rounds --------------------------------------------------------------------------

    def _start(self, n):
        return np.tile(self.base, (n, 1))

    def _add_round(self, score, leaf, t):
        for k in range(self.k):
            tree = t * self.k + k
            score[:, k] += self.tree[tree].value[leaf[:, tree]]

    def _run(self):
        score, target_score = self._start(self.n), self._start(self.n_targets)
        self.stages, self.before, self.after = [], [], []
        for t in range(self.rounds):
            self.before.append(score.copy())
            slopes = self.slopes(score, self.y)
            g_target = self.slopes(target_score, self.y_target)[0]
            for k in range(self.k):
                tree = t * self.k + k
                at, n_leaves = self.leaf[:, tree], len(self.tree[tree].value)
                g, h, g_slope, h_slope = (s[:, k] for s in slopes)
                d = np.bincount(at, h, n_leaves) + REG_LAMBDA
                theta = -np.bincount(at, g, n_leaves) / d
                count = np.bincount(at, minlength=n_leaves)
                self.stages.append(
                    Stage(
                        tree, k, at, self.leaf_target[:, tree], g, h, g_slope, h_slope, d, theta,
                        count, g_target[:, k],
                    )  # fmt: skip
                )
            self._add_round(score, self.leaf, t)
            self._add_round(target_score, self.leaf_target, t)
            self.after.append(score.copy())
        self.score, self.target_score = score, target_score
        self.g_final = self.slopes(target_score, self.y_target)[0]

    # ---- Estimators --------------------------------------------------------------------------

    def boostin(self, power=0, shrunk=False):
        out = np.zeros((self.n_targets, self.n))
        for s in self.stages:
            theta = RATE * s.theta if shrunk else s.theta
            c = RATE * (s.g + theta[s.leaf] * s.h) / s.d[s.leaf] / s.count[s.leaf] ** power
            same = s.leaf_target[:, None] == s.leaf[None, :]
            out += same * s.g_target[:, None] * c[None, :]
        return out

    def boostin_lca(self):
        out = np.zeros((self.n_targets, self.n))
        for s in self.stages:
            tree = self.tree[s.index]
            n_leaves, below = len(tree.value), tree.path.T.astype(float)  # [nodes x leaves]
            d = below @ np.bincount(s.leaf, s.h, n_leaves) + REG_LAMBDA
            theta = -(below @ np.bincount(s.leaf, s.g, n_leaves)) / d
            depths = np.arange(tree.depth.max() + 1)
            weight = np.exp(tree.depth) / np.exp(depths).sum()
            common = tree.path[:, None, :] & tree.path[None, :, :]
            lowest = (common * (tree.depth + 1)).argmax(axis=2)  # [leaves x leaves]
            a = lowest[s.leaf_target[:, None], s.leaf[None, :]]
            share = RATE * (s.g[None, :] + theta[a] * s.h[None, :]) / d[a]
            out += weight[a] * s.g_target[:, None] * share
        return out

    def leaf_influence(self, everyone, scaled=False):
        """`scaled`: the trainer's h stands for the derivative of g."""
        move = np.zeros((self.k, self.n, self.n))  # [output x moved row x removed row]
        moved = np.zeros((self.k, self.n_targets, self.n))
        own = np.arange(self.n)
        for s in self.stages:
            effect = np.zeros((len(s.theta), self.n))
            effect[s.leaf, own] += s.g + s.theta[s.leaf] * s.h
            pull = (s.h if scaled else s.g_slope) + s.theta[s.leaf] * s.h_slope
            if everyone:
                np.add.at(effect, s.leaf, move[s.output] * pull[:, None])
            else:
                effect[s.leaf, own] += np.diag(move[s.output]) * pull
            change = -RATE * effect / s.d[:, None]
            moved[s.output] += change[s.leaf_target]
            if everyone:
                move[s.output] += change[s.leaf]
            else:
                move[s.output][own, own] += change[s.leaf, own]
        return -np.einsum("sk,ksi->si", self.g_final, moved)

    def leaf_refit(self, late=False):
        """`late`: gradients of a tree are taken at the scores after it, and leaf values computed
        again stand for the stored ones."""
        before, out = self.target_score, np.zeros((self.n_targets, self.n))
        if late:
            before = self._start(self.n_targets)
            for s in self.stages:
                before[:, s.output] += RATE * s.theta[s.leaf_target]
        for i in range(self.n):
            shift = self._refit_without(i, late)
            out[:, i] = self.loss(before + shift, self.y_target) - self.loss(before, self.y_target)
        return out

    def _refit_without(self, row, late):
        """By how much the scores of the targets move."""
        weight, shift = np.ones(self.n), np.zeros((self.n, self.k))
        weight[row] = 0
        target_shift = np.zeros((self.n_targets, self.k))
        for t in range(self.rounds):
            g, h = self.slopes((self.after if late else self.before)[t] + shift, self.y)[:2]
            for s in self.stages[t * self.k : (t + 1) * self.k]:
                k, n_leaves = s.output, len(s.theta)
                top = np.bincount(s.leaf, weight * g[:, k], n_leaves)
                d = np.bincount(s.leaf, weight * h[:, k], n_leaves) + REG_LAMBDA
                change = RATE * (-top / d - s.theta)
                shift[:, k] += change[s.leaf]
                target_shift[:, k] += change[s.leaf_target]
        return target_shift

    # ---- Kernels -----------------------------------------------------------------------------

    def features(self, leaf, kernel):
        """Vectors of rows that reach `leaf` [rows x trees]."""
        parts = []
        for s in self.stages:
            tree = self.tree[s.index]
            if kernel == "to":
                parts.append(tree.value[leaf[:, s.index]][:, None])
                continue
            entry = np.ones(tree.path.shape[1])
            if kernel[1] == "o":
                entry[tree.node_of_leaf] = tree.value
            if kernel.endswith("w"):
                entry /= np.maximum(s.count @ tree.path, 1)
            path = tree.path * entry
            parts.append(
                (path if kernel[0] == "f" else path[:, tree.node_of_leaf])[leaf[:, s.index]]
            )
        return np.concatenate(parts, axis=1)

    def _signs(self):
        if self.objective != "regression":
            return np.where(self.y[None, :] == self.y_target[:, None], 1, -1)
        found = self.target_score[:, :1]
        low = (self.y_target <= found[:, 0])[:, None]
        return np.where(np.where(low, self.y <= found, self.y >= found), 1, -1)

    def _similarity(self, a, b, measure):
        """Rows of b (targets) and of a."""
        if measure == "dot":
            return b @ a.T
        if measure == "cosine":
            lengths = np.linalg.norm(b, axis=1)[:, None] * np.linalg.norm(a, axis=1)[None, :]
            return b @ a.T / lengths
        distance = np.stack([np.linalg.norm(a - row, axis=1) for row in b])
        with np.errstate(divide="ignore"):
            return np.nan_to_num(1 / distance)

    def tree_sim(self, kernel="lpw", measure="dot"):
        a, b = self.features(self.leaf, kernel), self.features(self.leaf_target, kernel)
        return self._signs() * self._similarity(a, b, measure)

    def input_sim(self, measure):
        return self._signs() * self._similarity(self.x, self.x_target, measure)

    def trex(self, kernel="lpw", penalty=0.003):
        """Representer values by Newton's method in the dual: alpha = -dPhi/df / (2 lambda n)."""
        a, b = self.features(self.leaf, kernel), self.features(self.leaf_target, kernel)
        gram, alpha, scale = a @ a.T, np.zeros((self.n, self.k)), 1 / (2 * penalty * self.n)
        for _ in range(100):
            score = gram @ alpha
            g, _, g_slope, _ = self.slopes(score, self.y)
            rest = alpha + scale * g
            if np.abs(rest).max() < 1e-14 * np.abs(alpha).max():
                break
            jacobian = np.zeros((self.n, self.k, self.n, self.k))
            p = self.probabilities(score) if self.k > 1 else None
            for k in range(self.k):
                for m in range(self.k):
                    cross = g_slope[:, k] if k == m else -p[:, k] * p[:, m]
                    jacobian[:, k, :, m] = scale * cross[:, None] * gram + (k == m) * np.eye(self.n)
            size = self.n * self.k
            step = np.linalg.solve(jacobian.reshape(size, size), rest.ravel())
            alpha = alpha - step.reshape(self.n, self.k)
        shared = b @ a.T
        score = shared @ alpha
        changed = score[:, None, :] - alpha[None, :, :] * shared[:, :, None]
        y = np.broadcast_to(self.y_target[:, None], (self.n_targets, self.n))
        return self.loss(changed, y) - self.loss(score, self.y_target)[:, None]
