"""Training round by round from Python, for what gbt_train does not take: objectives and metrics
written in Python, learning rates that change, early stopping with conditions. The order of the
steps is that of gbt_train: step, measure, callbacks, early stopping."""

import time

import numpy as np

from ._array import address
from ._bridge import Interrupt, Result, Round
from ._errors import ArgumentError, DataError
from ._handle import bytes_of, create, text_of
from ._native import INT, REAL, byref, lib


class Booster:
    """A booster and what it watches; handed to callbacks with `needs_booster`."""

    def __init__(self, params, train, valid, names, start_model=None):
        self.params, self.train, self.valid, self.names = params, train, valid, names
        handle = train.handle(params)
        self._handle = create(lib.gbt_booster_create, lib.gbt_booster_free, params.handle, handle)
        self.n_outputs = lib.gbt_booster_outputs(self._handle)
        if start_model is not None:
            lib.gbt_booster_continue(self._handle, start_model)
        for name, data in zip(names, valid):
            lib.gbt_booster_add_valid(self._handle, data.handle(params), bytes_of(name))
        count = lib.gbt_booster_metric_count(self._handle)
        self._metrics = [
            text_of(lib.gbt_booster_metric_name(self._handle, i)) for i in range(count)
        ]

    @property
    def rounds(self) -> int:
        return lib.gbt_booster_rounds(self._handle)

    def set_learning_rate(self, value: float) -> None:
        """For the rounds to come."""
        lib.gbt_booster_set_learning_rate(self._handle, float(value))

    def scores(self, data: int = -1) -> np.ndarray:
        """Raw scores, [rows] or [rows x outputs], of the training set (-1) or a validation set."""
        rows = (self.train if data < 0 else self.valid[data]).n_rows
        out = np.empty((self.n_outputs, rows), np.float32)
        lib.gbt_booster_scores(self._handle, data, address(out), out.size)
        return out[0] if self.n_outputs == 1 else out.T

    def step(self) -> bool:
        """One round with the loss of the parameters; True: nothing can be split any more."""
        stopped = INT()
        lib.gbt_booster_step(self._handle, byref(stopped))
        return bool(stopped.value)

    def step_custom(self, objective) -> bool:
        """One round with gradients made by `objective(scores, train)`."""
        pair = objective(self.scores(), self.train)
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise ArgumentError("the objective must return a pair: gradients, Hessians")
        grad, hess = (self._by_output(part, what) for part, what in zip(pair, ("grad", "hess")))
        stopped = INT()
        arguments = (address(grad), address(hess), grad.size, byref(stopped))
        lib.gbt_booster_step_custom(self._handle, *arguments)
        return bool(stopped.value)

    def _by_output(self, values, what):
        """[rows] or [rows x outputs] as [outputs x rows] float32; finite, since they train."""
        array = np.asarray(values, np.float32)
        rows = self.train.n_rows
        if array.shape != ((rows,) if self.n_outputs == 1 else (rows, self.n_outputs)):
            raise DataError(
                f"the objective returned {what} of shape {array.shape} for {rows} rows and "
                f"{self.n_outputs} outputs"
            )
        if not np.isfinite(array).all():
            raise DataError(f"the objective returned {what} with numbers that are not finite")
        return np.ascontiguousarray(array.T)

    def measure(self, metrics) -> list:
        """Results of the metrics of the parameters, and of those written in Python, on every
        validation set."""
        results = []
        for number, (name, data) in enumerate(zip(self.names, self.valid)):
            for index, metric in enumerate(self._metrics):
                value = REAL()
                lib.gbt_booster_metric(self._handle, number, index, byref(value))
                results.append(Result(name, metric, value.value, self._order(index)))
            for metric in metrics:
                results += _custom_results(metric, name, self.scores(number), data)
        return results

    def _order(self, index):
        return lambda a, b: bool(
            lib.gbt_booster_metric_is_better(self._handle, index, float(a), float(b))
        )

    def finish(self, n_rounds: int = 0):
        """The model handle with the first rounds, 0: all. The booster is over then."""
        return create(lib.gbt_booster_finish, lib.gbt_model_free, self._handle, n_rounds)


def _custom_results(metric, name, scores, data):
    found = metric(scores, data)
    for item in found if isinstance(found, list) else [found]:
        if not isinstance(item, tuple) or len(item) != 3:
            raise ArgumentError(
                "a metric must return (name, value, higher is better), or a list of these"
            )
        title, value, is_higher_better = item
        if is_higher_better:
            yield Result(name, title, float(value), lambda a, b: a > b)
        else:
            yield Result(name, title, float(value), lambda a, b: a < b)


class _Best:
    """The parameter early_stopping_rounds: the first metric on the first set decides."""

    def __init__(self, patience):
        self.patience, self.round, self.value = patience, 0, float("nan")

    def is_over(self, number, results):
        if not results:
            return False
        first = results[0]
        if self.round == 0 or first.is_better(first.value, self.value):
            self.round, self.value = number, first.value
        return self.patience > 0 and number - self.round >= self.patience


def run(booster, objective, metrics, callbacks):
    """Rounds until the end or a stop; returns the model handle and the best round (0: none)."""
    params, start = booster.params, time.monotonic()
    n_trees, every = params.get("n_trees"), params.get("metric_every")
    best = _Best(_patience(params, booster.valid))
    seconds_most = params.get("max_seconds")
    watchers = [item for item in callbacks if getattr(item, "best_round", None) is not None]
    for item in callbacks:
        if hasattr(item, "start"):
            item.start(booster)
    with Interrupt() as interrupt:
        is_over = False
        while not is_over and booster.rounds < n_trees:
            is_over = booster.step_custom(objective) if objective else booster.step()
            seconds = time.monotonic() - start
            is_over = is_over or 0 < seconds_most <= seconds or interrupt.caught is not None
            number = booster.rounds
            is_last = is_over or number == n_trees
            if number % every == 0 or is_last or best.patience > 0 or watchers:
                results = booster.measure(metrics)
                is_over = best.is_over(number, results) or is_over
                info = Round(number, n_trees, results, best.round, best.value, seconds)
                # All are called, also after the first that wants to stop.
                is_over = any([bool(item(info)) for item in callbacks]) or is_over
    kept = best.round if best.patience > 0 else 0
    for item in watchers:
        kept = item.best_round or kept
    return booster.finish(kept), kept


def _patience(params, valid):
    """-1 is auto: 50 with validation rows, as in the library."""
    patience = params.get("early_stopping_rounds")
    if patience < 0:
        return 50 if valid else 0
    if patience > 0 and not valid:
        raise ArgumentError("early_stopping_rounds needs validation rows: give `valid`")
    return patience
