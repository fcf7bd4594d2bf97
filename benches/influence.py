#!/usr/bin/env python3
"""Influence of training rows: formulas, tree-influence, removal, wrong labels, speed.

    python3 benches/influence.py [--gbt build/release/gbt] [--sets adult,concrete] [--targets 20]
                                 [--parts formulas,reference,removal,noise,speed] [--rows 2000]

`formulas`: every estimator against NumPy in double precision, from the dump and the leaves of the
model alone. `reference`: against tree-influence on the same models. `removal` and `noise`: two
experiments of [Brophy23]. Removal takes the rows that help a test row most by each estimator out of
training, trains again and reports by how much the loss of that row rose. Noise gives a share of the
training rows another label and looks for them among the rows with the lowest influence on a
validation set, and among those with the highest influence on themselves. `speed`: generated rows,
top 100, time and memory. Real data from ../shared/data.
"""

import argparse
import sys

from common import GBT, OUT, Report, data_is_absent, enter_environment

PACKAGES = ["numpy", "pandas", "scikit-learn"]


def main():
    from influence_equality import formulas_part, reference_part
    from influence_experiments import noise_part, removal_part
    from influence_model import SETS
    from influence_speed import speed_part

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gbt", default=str(GBT))
    parser.add_argument("--gbt-synth", default=str(GBT.with_name("gbt-synth")))
    parser.add_argument("--python39", default="python3.9", help="for tree-influence")
    parser.add_argument("--parts", default="formulas,reference,removal,noise,speed")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--targets", type=int, default=20)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--noise", default="0.1,0.4")
    parser.add_argument("--sizes", default="100000x1000,1000000x10000")
    parser.add_argument("--threads", default="1,2", help="of the speed part")
    a = parser.parse_args()
    enter_environment(OUT / "venv", PACKAGES)
    report, parts, sets = Report(), a.parts.split(","), a.sets.split(",")
    if not data_is_absent("only generated rows are measured"):
        if "formulas" in parts:
            formulas_part(a.gbt, report)
        if "reference" in parts:
            reference_part(a.gbt, a.python39, report)
        if "removal" in parts:
            removal_part(a.gbt, sets, a.targets, a.rows, report)
        if "noise" in parts:
            for share in a.noise.split(","):
                noise_part(a.gbt, sets, a.rows, float(share), report)
    if "speed" in parts:
        sizes = [tuple(map(int, s.split("x"))) for s in a.sizes.split(",")]
        speed_part(a.gbt, a.gbt_synth, sizes, a.threads.split(","), a.python39, report)
    report.save(OUT / "influence.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
