"""Time and memory of `gbt influence` on generated rows, beside tree-influence."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import run_gbt
from influence_equality import reference_python, run_reference
from influence_model import Model

TREES, TOP, SHORT = 100, 100, 50


def timed(command):
    """Seconds, seconds of all processors, and peak megabytes of a command."""
    begin = time.monotonic()
    child = subprocess.Popen(command)
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(f"failed: {' '.join(map(str, command))}")
    seconds = time.monotonic() - begin
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def speed_part(gbt, gbt_synth, sizes, threads_of, python, report):
    """Whole commands, files read and written included; sizes [(training rows, targets)]."""
    report.header(
        "training rows", "targets", "threads", "seconds", "CPU seconds", "of one target", "peak MB"
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as work:
        for size in sizes:
            files, model = [], f"{work}/model.gbt"
            for rows, seed in zip(size, (1, 2)):
                files.append(f"{work}/rows_{seed}.csv")
                with open(files[-1], "w") as out:
                    command = [gbt_synth, "higgs", f"rows={rows}", f"seed={seed}"]
                    subprocess.run(command, check=True, stdout=out)
            run_gbt(gbt, "train", train=files[0], model=model, n_trees=TREES, reg_lambda=1)
            few = f"{work}/one.csv"
            Path(few).write_text("".join(open(files[1]).readlines()[:2]))
            for threads in threads_of:
                cells = []
                for targets in (files[1], few):
                    cells.append(
                        timed(
                            [
                                gbt, "influence", f"model={model}", f"train={files[0]}",
                                f"data={targets}", f"top_k={TOP}", f"threads={threads}",
                                f"predictions={work}/top.csv", "verbosity=quiet",
                            ]
                        )
                    )  # fmt: skip
                (seconds, cpu, memory), (_, start, _) = cells
                times = [f"{t:.1f}" for t in (seconds, cpu, start)]
                report.row(*size, threads, *times, f"{memory:.0f}")
    report.line()
    reference_speed(gbt, gbt_synth, sizes[0], python, report)


def reference_speed(gbt, gbt_synth, size, python, report):
    """tree-influence on the first size, on SHORT of its targets: its cost a target is constant."""
    import pandas as pd

    python = reference_python(python)
    if python is None:
        return
    tables = []
    for rows, seed in zip((size[0], SHORT), (1, 2)):
        with subprocess.Popen(
            [gbt_synth, "higgs", f"rows={rows}", f"seed={seed}"], stdout=subprocess.PIPE
        ) as made:
            tables.append(pd.read_csv(made.stdout))
    with Model(gbt, tables[0], "binary", TREES, 31) as model:
        fit, targets = run_reference(python, model, tables[1], ["boostin"])["seconds_boostin"]
    report.line(
        f"tree-influence, BoostIn, {size[0]} training rows: {fit:.1f} CPU seconds to fit, "
        f"{targets / SHORT:.3f} a target, {fit + targets / SHORT * size[1]:.0f} for {size[1]}"
    )
    report.line()
