"""fork, threads, Ctrl-C, garbage collection: what happens around a call into the library."""

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import gbt
import numpy as np
import pytest


def run_script(text, timeout=120, **options):
    path = os.path.dirname(os.path.dirname(gbt.__file__))
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment,
        **options,
    )


SETUP = """
    import os, signal, sys, threading, time
    import gbt
    import numpy as np
    rng = np.random.default_rng(7)
    X = rng.normal(size=(20000, 5))
    y = X[:, 0] + X[:, 1] ** 2
    params = {"n_trees": 5, "threads": 2, "objective": "regression"}
"""


def test_a_child_after_fork_trains_the_same_model():
    script = """
    want = gbt.train(params, (X, y)).to_bytes()
    pid = os.fork()
    if pid == 0:
        model = gbt.train(params, (X, y))
        same = model.to_bytes() == want and len(model.predict(X)) == 20000
        os._exit(0 if same else 3)
    print(os.waitpid(pid, 0)[1], gbt.train(params, (X, y)).to_bytes() == want)
    """
    done = run_script(SETUP + script)
    assert done.returncode == 0 and done.stdout.split() == ["0", "True"], done.stderr


def test_a_forked_pool_predicts():
    script = """
    import multiprocessing
    model = gbt.train(params, (X, y))
    want = model.predict(X)
    def part(k):
        return float(model.predict(X[k::4], threads=2).astype(float).sum())
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(part, range(4))
    print(np.isclose(sum(found), want.astype(float).sum()))
    """
    done = run_script(SETUP + script)
    assert done.returncode == 0 and done.stdout.split() == ["True"], done.stderr


def spawned(data):
    return gbt.Model.from_bytes(data).predict(np.zeros((1, 5))).tolist()


def test_a_spawned_process_predicts(model):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(spawned, (model.to_bytes(),)) == spawned(model.to_bytes())


def in_threads(n, function):
    results = [None] * n

    def call(k):
        results[k] = function(k)

    threads = [threading.Thread(target=call, args=(k,)) for k in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_threads_share_a_model_and_train_side_by_side(model, rows):
    X, y = rows
    want = model.predict(X)
    assert all((found == want).all() for found in in_threads(4, lambda k: model.predict(X)))
    models = in_threads(3, lambda k: gbt.train({"n_trees": 5}, (X, y)).to_bytes())
    assert len(set(models)) == 1


def test_callbacks_come_back_with_the_lock_and_others_run_meanwhile(rows):
    stop, count = threading.Event(), []

    def work():
        while not stop.is_set():
            count.append(1)
            time.sleep(0.001)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        seen = []
        gbt.train({"n_trees": 40}, rows, callbacks=[lambda info: seen.append(info.round)])
    finally:
        stop.set()
        worker.join()
    assert seen == list(range(1, 41)) and len(count) > 1


def test_ctrl_c_ends_the_round_and_raises():
    script = """
    started = []
    def tell(info):
        started.append(info.round)
    threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    try:
        gbt.train({**params, "n_trees": 1000000}, (X, y), callbacks=[tell])
    except KeyboardInterrupt:
        print("interrupted", len(started) > 0, signal.getsignal(signal.SIGINT).__name__)
    """
    done = run_script(SETUP + script)
    assert done.stdout.split() == ["interrupted", "True", "default_int_handler"], done.stderr
    assert done.stderr == ""


def test_ctrl_c_also_ends_training_round_by_round():
    script = """
    threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    try:
        gbt.train({"n_trees": 1000000}, (X, y), objective=lambda s, d: (s - d.label, s * 0 + 1))
    except KeyboardInterrupt:
        print("interrupted")
    """
    done = run_script(SETUP + script)
    assert done.stdout.split() == ["interrupted"], done.stderr


def test_the_handler_of_the_caller_is_called_afterwards(rows):
    calls = []
    before = signal.signal(signal.SIGINT, lambda number, frame: calls.append(number))
    try:
        gbt.train(
            {"n_trees": 50},
            rows,
            callbacks=[lambda info: info.round == 2 and os.kill(os.getpid(), signal.SIGINT)],
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert calls == [signal.SIGINT]


def test_objects_may_be_collected_in_any_order(rows):
    X, y = rows
    data = gbt.Dataset(X, y)
    valid = gbt.Dataset(X, y, reference=data)
    model = gbt.train({"n_trees": 3}, data, valid)
    influence = gbt.Influence(model, data)
    want = influence.self()
    del model, data, valid
    gc.collect()
    assert (influence.self() == want).all()
    cross = gbt.cv({"n_trees": 3}, (X, y), 3)
    first = cross.model(0)
    del cross
    gc.collect()
    assert first.predict(X).shape == (1200,)


def test_cycles_with_handles_are_collected(rows):
    for _ in range(3):
        data = gbt.Dataset(*rows).construct()
        data.itself = data
        del data
    assert gc.collect() >= 0


def test_memory_does_not_grow_with_repetition(rows):
    resource = pytest.importorskip("resource")

    def work(times):
        for _ in range(times):
            gbt.train({"n_trees": 2}, rows).predict(rows[0])
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = work(30)
    assert work(120) - before < 8 * 1024


def test_leaving_python_with_everything_alive_is_clean():
    script = """
    model = gbt.train(params, (X, y))
    data = gbt.Dataset(X, y).construct()
    """
    done = run_script(SETUP + script)
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint32])
def test_rows_of_a_subset_may_be_of_any_index_type(rows, kind):
    part = gbt.Dataset(*rows).subset(np.arange(100, dtype=kind)).construct()
    assert part.n_rows == 100
