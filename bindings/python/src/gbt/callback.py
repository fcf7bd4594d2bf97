"""Callbacks for training: functions that are given a `Round` after every round and stop training
with a true result, or objects with the methods of `Callback`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TextIO

from ._bridge import Round
from ._errors import ArgumentError
from ._progress import Bar

__all__ = ["Callback", "Round", "early_stopping", "learning_rate", "log", "progress", "record"]


class Callback:
    """Base class. All methods may be left out."""

    # True: training goes round by round through Python, and `start` is given the booster.
    needs_booster = False

    def params(self) -> dict:
        """Parameters that this callback wants to be set, unless the caller sets them."""
        return {}

    def start(self, booster) -> None:
        """Before the first round; `booster` is None unless `needs_booster`."""

    def __call__(self, info: Round) -> bool | None:
        """After a round; a true result stops training."""

    def finish(self, model) -> None:
        """After training, also when it was stopped early."""


class early_stopping(Callback):
    """Stops when the first metric on the first validation set has not become better for `rounds`
    rounds; the model keeps the rounds up to the best one. Without options this is the parameter
    `early_stopping_rounds`.

    metric     name of another metric to watch, one of your own for example
    data       name of another validation set
    min_delta  a value counts as better only when it is so by more than this"""

    def __init__(
        self,
        rounds: int,
        metric: str | None = None,
        data: str | None = None,
        min_delta: float = 0.0,
    ):
        if rounds < 1:
            raise ArgumentError(f"early_stopping: rounds = {rounds}; at least 1 is needed")
        if min_delta < 0:
            raise ArgumentError(f"early_stopping: min_delta = {min_delta} is negative")
        self.rounds, self.metric, self.data, self.min_delta = rounds, metric, data, min_delta
        self.best_round, self.best_value = 0, None

    @property
    def needs_booster(self) -> bool:
        return self.metric is not None or self.data is not None or self.min_delta > 0

    def params(self) -> dict:
        return {"early_stopping_rounds": 0 if self.needs_booster else self.rounds}

    def start(self, booster) -> None:
        self.best_round, self.best_value = 0, None

    def _watched(self, info):
        for result in info.results:
            if self.metric in (None, result.metric) and self.data in (None, result.data):
                return result
        known = ", ".join(f"{result.data} {result.metric}" for result in info.results)
        raise ArgumentError(
            f"early_stopping: no metric {self.metric or ''} on {self.data or 'any set'} is "
            f"measured; there are: {known or 'none, give a validation set'}"
        )

    def __call__(self, info: Round) -> bool:
        if not self.needs_booster:
            return False  # the library does it
        result = self._watched(info)
        if self.best_value is None:
            is_better = True
        else:
            delta = self.min_delta if result.is_better(1.0, 0.0) else -self.min_delta
            is_better = result.is_better(result.value, self.best_value + delta)
        if is_better:
            self.best_round, self.best_value = info.round, result.value
        return info.round - self.best_round >= self.rounds


class log(Callback):
    """Prints the metrics every `every` rounds, and after the last round."""

    def __init__(self, every: int = 10, file: TextIO | None = None):
        if every < 1:
            raise ArgumentError(f"log: every = {every}; at least 1 is needed")
        self.every, self.file, self._last = every, file, None

    def start(self, booster) -> None:
        self._last = None

    def _print(self, info):
        values = "  ".join(map(repr, info.results))
        print(f"[{info.round}] {values}", file=self.file or sys.stderr, flush=True)

    def __call__(self, info: Round) -> None:
        self._last = info
        if info.round % self.every == 0:
            self._last = None
            self._print(info)

    def finish(self, model) -> None:
        if self._last is not None:
            self._print(self._last)


class record(Callback):
    """Keeps every metric: `curves[data][metric]` is the list of its values, `rounds` of what."""

    def __init__(self, into: dict | None = None):
        self.curves: dict = {} if into is None else into
        self.rounds: list = []

    def start(self, booster) -> None:
        self.curves.clear()
        self.rounds.clear()

    def __call__(self, info: Round) -> None:
        self.rounds.append(info.round)
        for result in info.results:
            curve = self.curves.setdefault(result.data, {}).setdefault(result.metric, [])
            curve.append(result.value)


class learning_rate(Callback):
    """Another learning rate in every round: a function of the round, counted from 0, or a list.
    The model keeps the parameter `learning_rate` as it was given."""

    needs_booster = True

    def __init__(self, schedule: Callable[[int], float] | Sequence[float]):
        self.schedule = schedule
        self._booster = None

    def _set(self, number):
        if callable(self.schedule):
            self._booster.set_learning_rate(self.schedule(number))
        elif number < len(self.schedule):
            self._booster.set_learning_rate(self.schedule[number])

    def start(self, booster) -> None:
        self._booster = booster
        self._set(booster.rounds)

    def __call__(self, info: Round) -> None:
        self._set(info.round)

    def finish(self, model) -> None:
        self._booster = None


class progress(Callback):
    """A line in the terminal, or a bar in a notebook: rounds, metrics, best round, time left."""

    def __init__(self, file: TextIO | None = None, delay: float = 0.0):
        self.file, self.delay, self._bar = file, delay, None

    def start(self, booster) -> None:
        self._bar = Bar(self.file, self.delay)

    def __call__(self, info: Round) -> None:
        best = f", best {info.best_round}" if info.best_round else ""
        text = "  ".join(map(repr, info.results[:3])) + best
        self._bar.show(info.round, info.n_rounds, info.seconds, text)

    def finish(self, model) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
