"""Plots with matplotlib: learning curves, importance, a tree, influence. Every function takes the
`ax` to draw on and returns it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._errors import ArgumentError
from .callback import record
from .model import Model
from .train import CrossValidation

_BLUE, _RED = "#4878a8", "#c05050"


def _axes(ax, **size):
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as pyplot
    except ImportError:
        raise ImportError("gbt.plot needs matplotlib (pip install matplotlib)") from None
    return pyplot.subplots(**size)[1]


def _model_of(model):
    return getattr(model, "model_", model)


def learning_curve(source: Any, metric: str | None = None, ax=None):
    """Metric by round. `source`: a `gbt.callback.record`, the result of `gbt.cv`, or a fitted
    estimator; `metric`: the first one when None."""
    ax = _axes(ax)
    if isinstance(source, CrossValidation):
        curves = {part: source.curves[part] for part in source.curves}
        metric = metric or source.metrics[0]
        for part, found in curves.items():
            mean, deviation = found[metric]["mean"], found[metric]["deviation"]
            rounds = np.arange(1, len(mean) + 1)
            line = ax.plot(rounds, mean, label=part)[0]
            ax.fill_between(
                rounds, mean - deviation, mean + deviation, color=line.get_color(), alpha=0.2, lw=0
            )
        ax.axvline(source.best_round, color="gray", lw=1, ls=":")
    else:
        curves = source.curves if isinstance(source, record) else None
        curves = getattr(source, "evals_result_", source) if curves is None else curves
        if not curves or not any(curves.values()):
            raise ArgumentError("no curves: train with validation rows")
        metric = metric or next(iter(next(iter(curves.values()))))
        for name, found in curves.items():
            ax.plot(np.arange(1, len(found[metric]) + 1), found[metric], label=name)
    ax.set_xlabel("round")
    ax.set_ylabel(metric)
    ax.legend()
    return ax


def importance(model: Any, kind: str = "gain", most: int = 20, ax=None):
    """Bars of the most important features of a model or fitted estimator."""
    found = _model_of(model).importance(kind)
    best = sorted(found.items(), key=lambda item: item[1])[-most:]
    ax = _axes(ax)
    ax.barh([name for name, _ in best], [value for _, value in best], color=_BLUE)
    ax.set_xlabel(kind)
    return ax


def _places(nodes):
    """x by leaf order, y by depth."""
    x, next_leaf, stack = np.zeros(len(nodes)), 0, [(0, False)]
    while stack:
        node, is_done = stack.pop()
        left, right = nodes["left"][node], nodes["right"][node]
        if left < 0:
            x[node] = next_leaf
            next_leaf += 1
        elif is_done:
            x[node] = (x[left] + x[right]) / 2
        else:
            stack += [(node, True), (right, False), (left, False)]
    return x, -nodes["depth"].astype(float)


def tree(model: Any, index: int = 0, digits: int = 3, ax=None):
    """One tree: splits with gain, leaves with value and rows. Left is where the rule holds."""
    model: Model = _model_of(model)
    nodes, names = model.nodes(index), model.feature_names
    x, y = _places(nodes)
    width = max(6.0, 1.3 * (nodes["left"] < 0).sum())
    ax = _axes(ax, figsize=(min(width, 60.0), 1.3 * (nodes["depth"].max() + 1) + 0.5))
    for node, item in enumerate(nodes):
        for child in (item["left"], item["right"]):
            if child >= 0:
                ax.plot([x[node], x[child]], [y[node], y[child]], color="gray", lw=1, zorder=1)
        ax.text(x[node], y[node], _node_text(item, names, digits), **_box(item))
    ax.set_xlim(x.min() - 0.6, x.max() + 0.6)
    ax.set_ylim(y.min() - 0.5, 0.5)
    ax.axis("off")
    return ax


def _node_text(item, names, digits):
    if item["left"] < 0:
        return f"{item['value']:.{digits}g}\n{item['rows']} rows"
    name = names[item["feature"]]
    rule = "in a set" if item["is_categorical"] else f"<= {item['threshold']:.{digits}g}"
    return f"{name} {rule}\ngain {item['gain']:.{digits}g}"


def _box(item):
    color = "#e8f0e0" if item["left"] < 0 else "#e0e8f4"
    return {
        "ha": "center",
        "va": "center",
        "fontsize": 8,
        "zorder": 2,
        "bbox": {"boxstyle": "round", "facecolor": color, "edgecolor": "gray"},
    }


def influence(rows: Any, values: Any, target: int = 0, ax=None):
    """Bars of the training rows that helped (blue) and harmed (red) one target: what
    `Influence.top` returned."""
    rows, values = np.atleast_2d(rows)[target], np.atleast_2d(values)[target]
    ax = _axes(ax)
    order = np.argsort(values)
    colors = [_BLUE if value >= 0 else _RED for value in values[order]]
    ax.barh([f"row {row}" for row in rows[order]], values[order], color=colors)
    ax.set_xlabel("influence")
    return ax
