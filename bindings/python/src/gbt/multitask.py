"""Robust multi-task boosting: many related tasks in one model, outlier tasks weighed down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ._array import address
from ._errors import ArgumentError, DataError
from ._frame import is_text
from ._handle import create, text_of
from ._input import input_of
from ._native import CLASS, I64, TaskInfo, byref, lib
from ._side import SideModel, train_side
from .dataset import Dataset
from .model import KINDS, Model, choice, labels_of, shaped, threads_of
from .params import Params


class Task(NamedTuple):
    """A task of a model. `outlier`: its outlier weight in (0, 1); NaN when the mode has none."""

    number: int
    name: str
    train_rows: int
    cluster: int
    outlier: float


class MultiTaskModel(SideModel):
    """Made by `gbt.train_multitask` and `gbt.load`."""

    _name = "multitask"

    @property
    def tasks(self) -> list:
        tasks = []
        for index in range(lib.gbt_multitask_tasks(self._handle)):
            info = TaskInfo()
            lib.gbt_multitask_task(self._handle, index, byref(info))
            name = text_of(info.name)
            tasks.append(Task(info.number, name, info.train_rows, info.cluster, info.outlier))
        return tasks

    @property
    def rounds(self) -> tuple:
        """Rounds of the shared, robust and task blocks."""
        return tuple(lib.gbt_multitask_rounds(self._handle, block) for block in range(3))

    def predict(
        self,
        X: Any,
        task: Any = None,
        output: str = "response",
        threads: int = 0,
        params: dict | None = None,
    ) -> np.ndarray:
        """Predictions for every row of `X`. `task`: task of every row as in training, or the name
        of a column; None: the column that training read. A task that training did not see gets the
        shared part."""
        kind, source = choice("output", output, KINDS), input_of(X)
        n_outputs = 1 if kind == CLASS else self.n_outputs
        threads = threads_of(threads)
        unseen = I64()
        if source.is_table or (task is not None and is_text(task)):
            rows = self._task_table(source, task, params)
            out = np.empty(lib.gbt_table_rows(rows) * n_outputs, np.float32)
            tail = (kind, threads, address(out), out.size, byref(unseen))
            lib.gbt_multitask_predict_table(self._handle, rows, *tail)
        else:
            numbers = self._numbers(task, source)
            out = np.empty(source.n_rows * n_outputs, np.float32)
            tail = (address(numbers), kind, threads, address(out), out.size, byref(unseen))
            source.with_view(lambda view: lib.gbt_multitask_predict(self._handle, view, *tail))
        return labels_of(out, self.classes) if kind == CLASS else shaped(out, n_outputs)

    def _numbers(self, task, source):
        if hasattr(source, "matrix"):
            raise ArgumentError("X: multi-task models predict dense rows; use toarray()")
        if task is None or isinstance(task, str):
            raise ArgumentError("task: an array with the task of every row is needed")
        numbers = np.ascontiguousarray(task)
        if numbers.size != source.n_rows or numbers.dtype.kind not in "iuf":
            raise DataError(f"task: {numbers.size} whole numbers for {source.n_rows} rows")
        return np.ascontiguousarray(numbers, np.int32)

    def _task_table(self, source, task, params):
        own, extra = Params(params), {}
        if isinstance(task, str):
            own.set("task", task)
        elif task is not None:
            frame = source.frame(self.feature_names)
            if frame is None:
                raise ArgumentError("task of a file is the name of a column")
            name = frame.free_name("task")
            own.set("task", name)
            extra[name] = task if hasattr(task, "dtype") else np.asarray(task)
            if not source.is_table:
                return frame.table(own, model=self._frame, extra=extra)
        return source.table(own, model=self._frame, extra=extra)

    def extract(self, task: int = -1) -> Model:
        """The ordinary model that predicts the same for one task, by its place in `tasks`; -1: for
        a task that training did not see."""
        return Model(create(lib.gbt_multitask_extract, lib.gbt_model_free, self._handle, task))

    def __repr__(self) -> str:
        return f"<gbt.MultiTaskModel: {self.objective}, {len(self.tasks)} tasks>"


def train_multitask(
    params: dict | None,
    dataset: Dataset | Any,
    valid: Dataset | Any = None,
    callbacks: Sequence[Callable] = (),
    *,
    progress: bool | None = None,
) -> MultiTaskModel:
    """Trains a model for many tasks; `dataset` has labels and tasks. Parameters: those of trees and
    of the section [multitask], such as `mode`; arguments as in `gbt.train`."""
    handle, callbacks = train_side(
        "multitask",
        params,
        dataset,
        valid,
        callbacks,
        progress,
        lambda own: own.get("mode") == "feature",
    )
    model = MultiTaskModel(handle)
    for item in callbacks:
        if hasattr(item, "finish"):
            item.finish(model)
    return model
