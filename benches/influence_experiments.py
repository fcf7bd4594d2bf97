"""Two experiments of [Brophy23]: taking out what helps a target most, and finding wrong labels."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from influence_model import REGRESSION, SETS, Model, load, objective_of

WORKERS = 2  # trainings side by side, of one thread each

# ---- Removal -------------------------------------------------------------------------------------

REMOVAL = [
    "boostin", "boostin_w1", "boostin_w2", "leaf_influence_sp", "leaf_influence", "leaf_refit",
    "trex", "leaf_sim", "loo", "subsample", "target", "input_sim", "random",
]  # fmt: skip
KEYS = {"subsample": {"retrainings": 300}, "input_sim": {"similarity": "euclidean"}}
SHARES = (0.01, 0.02)


def removal_rise(gbt, train, target, before, order, objective, rounds, leaves):
    """Mean rise of the target's loss over the shares."""
    total = 0.0
    for share in SHARES:
        kept = train.drop(index=order[: int(share * len(train))])
        with Model(gbt, kept, objective, rounds, leaves, threads=1) as less:
            total += less.losses(target)[0] - before
    return total / len(SHARES)


def removal_part(gbt, sets, n_targets, rows, report):
    """Mean rise of the targets' losses; below them the mean rank and the time of the influences."""
    import numpy as np

    report.header("set", *REMOVAL)
    ranks, seconds = [], {m: [] for m in REMOVAL}
    for name in sets:
        train, test = load(name, rows)
        rounds, leaves = SETS[name][3:]
        objective = objective_of(name, train)
        targets = test.sample(n_targets, random_state=1).reset_index(drop=True)
        rises = {}
        with Model(gbt, train, objective, rounds, leaves) as model, ThreadPoolExecutor(
            WORKERS
        ) as pool:
            before = model.losses(targets)
            for method in REMOVAL:
                begin = time.monotonic()
                found = model.matrix(method, targets, **KEYS.get(method, {}))
                seconds[method].append(time.monotonic() - begin)
                jobs = [
                    pool.submit(
                        removal_rise, gbt, train, targets.iloc[[t]], before[t],
                        np.argsort(-found[t], kind="stable"), objective, rounds, leaves,
                    )
                    for t in range(n_targets)
                ]  # fmt: skip
                rises[method] = float(np.mean([job.result() for job in jobs]))
        order = sorted(REMOVAL, key=lambda m: -rises[m])
        ranks.append([order.index(m) + 1 for m in REMOVAL])
        report.row(name, *[f"{rises[m]:.3g}" for m in REMOVAL])
    report.row("mean rank", *[f"{v:.1f}" for v in np.mean(ranks, axis=0)])
    report.row("seconds, median", *[f"{statistics.median(seconds[m]):.2f}" for m in REMOVAL])
    report.line()


# ---- Wrong labels --------------------------------------------------------------------------------

WAYS = [
    ("boostin", "global"), ("leaf_influence_sp", "global"), ("trex", "global"),
    ("leaf_sim", "global"), ("boostin", "self"), ("leaf_influence_sp", "self"), ("trex", "self"),
    ("loss", "self"), ("random", "self"),
]  # fmt: skip
LOOKED_AT = (0.05, 0.1, 0.2, 0.3)


def flip(train, share):
    """Another label, drawn from the other classes, for a share of the rows."""
    import numpy as np

    draw, n_classes = np.random.default_rng(1), train["label"].nunique()
    flipped = draw.choice(len(train), int(share * len(train)), replace=False)
    noisy, labels = train.copy(), train["label"].to_numpy(copy=True)
    labels[flipped] = (labels[flipped] + draw.integers(1, n_classes, len(flipped))) % n_classes
    noisy["label"] = labels
    return noisy, flipped


def noise_of_set(gbt, name, rows, share):
    """Shares of the flipped rows found by each way; and test losses and errors: of the noisy model,
    for each way trained again without as many rows as were flipped, and without noise; then the
    same with right labels for the flipped rows among the first LOOKED_AT[1] of all rows."""
    import numpy as np

    train, test = load(name, rows)
    rounds, leaves = SETS[name][3:]
    objective = objective_of(name, train)
    noisy, flipped = flip(train, share)
    half = len(test) // 2
    check, rest = test.iloc[:half].reset_index(drop=True), test.iloc[half:]
    found, dropped, repaired = [], [], []

    def measure(model):
        return model.losses(rest).mean(), model.errors(rest).mean()

    def retrain(table):
        with Model(gbt, table, objective, rounds, leaves) as model:
            return measure(model)

    def repair(order):
        right = np.intersect1d(flipped, order[: int(LOOKED_AT[1] * len(train))])
        table = noisy.copy()
        table.loc[right, "label"] = train.loc[right, "label"]
        return table

    clean = retrain(train)
    with Model(gbt, noisy, objective, rounds, leaves) as model:
        before = measure(model)
        for method, scope in WAYS:
            value = model.vector(method, scope, check if scope == "global" else None)
            order = np.argsort(value if scope == "global" else -value, kind="stable")
            found.append([np.isin(flipped, order[: int(f * len(train))]).mean() for f in LOOKED_AT])
            dropped.append(retrain(noisy.drop(index=order[: len(flipped)])))
            repaired.append(retrain(repair(order)))
    return found, [[before, *dropped, clean], [before, *repaired, clean]]


def noise_part(gbt, sets, rows, share, report):
    names, results = [f"{m} {s}" for m, s in WAYS], {}
    for name in sets:
        if name not in REGRESSION:
            results[name] = noise_of_set(gbt, name, rows, share)
    looked = " / ".join(f"{100 * f:.0f}" for f in LOOKED_AT)
    report.line(f"{100 * share:.0f} % of the labels flipped; found among the first {looked} %:\n")
    report.header("set", *names)
    for name, (found, _) in results.items():
        report.row(name, *[" / ".join(f"{100 * v:.0f}" for v in values) for values in found])
    report.line()
    ways = (
        "trained again without as many rows as were flipped",
        f"trained again with the right labels among the first {100 * LOOKED_AT[1]:.0f} %",
    )
    for which, way in enumerate(ways):
        for what, text in enumerate(("loss", "error, %")):
            report.line(f"Test {text}, {way}:\n")
            report.header("set", "all noisy rows", *names, "no noise")
            for name, (_, quality) in results.items():
                values = [100 * q[1] if what else q[0] for q in quality[which]]
                report.row(name, *[f"{v:.2f}" if what else f"{v:.4f}" for v in values])
            report.line()
