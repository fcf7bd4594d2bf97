"""From the library back into Python while it works: rounds, progress, log lines, Ctrl-C. An
exception in a callback, or an interrupt, stops the work and is raised once the library has
returned."""

import logging
import signal
import threading

from ._handle import text_of
from ._native import LOG_DEBUG, LOG_INFO, LOG_WARN, LogFn, ProgressFn, RoundFn, lib

_LEVELS = {LOG_WARN: logging.WARNING, LOG_INFO: logging.INFO, LOG_DEBUG: logging.DEBUG}
_logger = logging.getLogger("gbt")


class Interrupt:
    """Ctrl-C while the library works in the main thread: the first one lets the round end, what
    the handler would have done happens afterwards; the second one acts at once. Python would lose
    an exception raised on the way into a callback, so the handler only takes a note meanwhile."""

    def __init__(self):
        self.caught = None
        self._before = None

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            if callable(before):
                try:
                    signal.signal(signal.SIGINT, self._note)
                    self._before = before
                except ValueError:  # a sub-interpreter
                    pass
        return self

    def _note(self, number, frame):
        if self.caught is not None:
            self._before(number, frame)
        self.caught = (number, frame)

    def __exit__(self, kind, value, trace):
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            if self.caught is not None and kind is None:
                self._before(*self.caught)


class _Bridge(Interrupt):
    """Keeps the first exception of the callbacks and raises it on leaving the `with`."""

    def __init__(self):
        super().__init__()
        self.error = None

    def guarded(self, function):
        """1 to stop, 0 to go on."""
        try:
            return 1 if self.caught is not None or self.error is not None else int(function())
        except BaseException as error:  # raised again when the library has returned
            self.error = error
            return 1

    def __exit__(self, kind, value, trace):
        if self.error is not None:
            error, self.error = self.error, None
            if self._before is not None:
                signal.signal(signal.SIGINT, self._before)
            raise error
        super().__exit__(kind, value, trace)


class RoundBridge(_Bridge):
    """`on_round(Round)` after every round; a true result stops training."""

    def __init__(self, on_round):
        super().__init__()

        def call(info, user):
            return self.guarded(lambda: bool(on_round(Round.of(info.contents))))

        self.function = RoundFn(call)


class ProgressBridge(_Bridge):
    """`on_progress(share done, seconds)` now and then; a true result stops."""

    def __init__(self, on_progress=None):
        super().__init__()

        def call(done, seconds, user):
            return self.guarded(
                lambda: on_progress is not None and bool(on_progress(done, seconds))
            )

        self.function = ProgressFn(call)


class Result:
    """One metric on one data set. `is_better(a, b)` compares two values of it."""

    __slots__ = ("data", "metric", "value", "is_better")

    def __init__(self, data, metric, value, is_better=None):
        self.data, self.metric, self.value = data, metric, value
        self.is_better = is_better

    def __repr__(self):
        return f"{self.data} {self.metric} {self.value:.6g}"


class Round:
    """What callbacks are given after a round.

    round       rounds done, those of a continued model included
    n_rounds    rounds planned
    results     a Result for every metric on every validation set; those of the first set come first
    best_round  0 while nothing is tracked
    best_value
    seconds     since training began"""

    __slots__ = ("round", "n_rounds", "results", "best_round", "best_value", "seconds")

    def __init__(self, number, n_rounds, results, best_round, best_value, seconds):
        self.round, self.n_rounds, self.results = number, n_rounds, results
        self.best_round, self.best_value, self.seconds = best_round, best_value, seconds

    @classmethod
    def of(cls, info):
        results = [
            Result(text_of(info.data[i]), text_of(info.metric[i]), info.value[i])
            for i in range(info.n_values)
        ]
        best = (info.best_round, info.best_value, info.seconds)
        return cls(info.round, info.n_rounds, results, *best)

    def __repr__(self):
        return f"<round {self.round} of {self.n_rounds}: {self.results}>"


def _log(level, line, user):
    _logger.log(_LEVELS.get(level, logging.INFO), "%s", line.decode("utf-8", "replace"))


_log_function = LogFn(_log)  # kept alive as long as the module
lib.gbt_set_log(_log_function, None)
