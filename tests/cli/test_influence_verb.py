"""gbt influence: tables and matrices against the formula worked out here from the dump of the
model, the rules of the table, and everything that is refused."""

import csv
import io
import json
import signal
import struct
import subprocess
import time
from pathlib import Path

import pytest
import small_files
from refusal import DATA, USAGE, contents, refuse, table, write

KEYS = ("n_trees=8", "min_child_samples=5", "verbosity=quiet")
RATE, LAMBDA = 0.1, 1.0  # learning_rate and reg_lambda by default


def targets(text, n=6):
    """The first rows of a file, from another draw of the same kind."""
    return "\n".join(text.split("\n")[: n + 1]) + "\n"


@pytest.fixture
def work(gbt, tmp_path):
    """Models for three kinds of label, their training rows, and a few target rows of each."""
    for name in ("regression", "binary", "multiclass"):
        text = getattr(small_files, name)()
        write(tmp_path / f"{name}.csv", text)
        write(tmp_path / f"{name}_targets.csv", targets(text))
        gbt("train", f"train={name}.csv", f"model={name}.gbt", *KEYS, cwd=tmp_path)
    write(tmp_path / "few.csv", targets(small_files.regression()))
    return tmp_path


@pytest.fixture
def run(gbt, work):
    """run("regression", "top_k=3") -> Result of the verb in the working folder."""

    def run(name, keys="", code=0, data=None):
        data = f"data={name}_targets.csv" if data is None else data
        words = f"influence model={name}.gbt train={name}.csv {data} verbosity=quiet {keys}"
        return gbt(*words.split(), code=code, cwd=work)

    return run


def parse(text):
    return list(csv.DictReader(io.StringIO(text)))


def read_npy(path):
    """Rows of a float32 array of NumPy's format 1.0, whose header this checks byte by byte."""
    data = path.read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00"
    (size,) = struct.unpack("<H", data[8:10])
    assert (10 + size) % 64 == 0 and data[9 + size] == ord("\n")
    header = eval(data[10 : 10 + size], {"__builtins__": {}})  # a literal, as NumPy reads it
    assert header["descr"] == "<f4" and header["fortran_order"] is False
    n_rows, n_cols = header["shape"]
    values = struct.unpack(f"<{n_rows * n_cols}f", data[10 + size :])
    return [values[i * n_cols : (i + 1) * n_cols] for i in range(n_rows)]


# ---- The formula ---------------------------------------------------------------------------------


def leaves(gbt, work, name, data):
    out = gbt("predict", f"model={name}.gbt", f"data={data}", "output=leaf", cwd=work).out
    return [[int(leaf) for leaf in row] for row in list(csv.reader(io.StringIO(out)))[1:]]


def labels(work, data):
    return [float(row["y"]) for row in parse((work / data).read_text())]


def boostin(gbt, work):
    """BoostIn for squared loss [targets x rows], from the dump and the leaves of the rows:
    sum over trees of [same leaf] g_target rate (g_row + theta) / (rows of the leaf + lambda)."""
    dump = json.loads(gbt("dump", "model=regression.gbt", "format=json", cwd=work).out)
    y, y_target = labels(work, "regression.csv"), labels(work, "regression_targets.csv")
    leaf = leaves(gbt, work, "regression", "regression.csv")
    leaf_target = leaves(gbt, work, "regression", "regression_targets.csv")
    score, score_target = ([dump["base_score"][0]] * len(rows) for rows in (y, y_target))
    result = [[0.0] * len(y) for _ in y_target]
    for t, tree in enumerate(dump["trees"]):
        ends = {node["leaf"]: node for node in tree["nodes"] if "leaf" in node}
        for q, mine in enumerate(leaf_target):
            node = ends[mine[t]]
            for i, other in enumerate(leaf):
                if other[t] == mine[t]:
                    change = score[i] - y[i] + node["value"] / RATE
                    gradient = score_target[q] - y_target[q]
                    result[q][i] += gradient * RATE * change / (node["rows"] + LAMBDA)
        for scores, rows in ((score, leaf), (score_target, leaf_target)):
            for i, row in enumerate(rows):
                scores[i] += ends[row[t]]["value"]
    return result


def ordered(values, k):
    """(row, value) of the k most helpful rows and of the k most harmful ones."""
    helpful = sorted((-v, i) for i, v in enumerate(values) if v > 0)[:k]
    harmful = sorted((v, i) for i, v in enumerate(values) if v < 0)[:k]
    return [(i, -v) for v, i in helpful], [(i, v) for v, i in harmful]


def test_the_matrix_follows_the_formula(gbt, run, work):
    run("regression", "matrix=all.npy")
    expected = boostin(gbt, work)
    matrix = read_npy(work / "all.npy")
    assert (len(matrix), len(matrix[0])) == (6, 120)
    largest = max(abs(v) for row in expected for v in row)
    for row, row_expected in zip(matrix, expected, strict=True):
        assert row == pytest.approx(row_expected, rel=1e-3, abs=1e-4 * largest)


def test_the_table_lists_the_strongest_rows_of_the_matrix(run, work):
    lines = parse(run("regression", "top_k=4 matrix=all.npy").out)
    assert list(lines[0]) == ["target", "rank", "row", "influence", "kind", "label"]
    train = labels(work, "regression.csv")
    for q, values in enumerate(read_npy(work / "all.npy")):
        mine = [line for line in lines if line["target"] == str(q)]
        for kind, expected in zip(("helpful", "harmful"), ordered(values, 4), strict=True):
            listed = [line for line in mine if line["kind"] == kind]
            assert [int(line["rank"]) for line in listed] == list(range(1, len(expected) + 1))
            assert [int(line["row"]) for line in listed] == [row for row, _ in expected]
            assert [float(line["influence"]) for line in listed] == pytest.approx(
                [value for _, value in expected], rel=1e-6
            )
            assert [float(line["label"]) for line in listed] == [train[row] for row, _ in expected]


@pytest.mark.parametrize("name", ["regression", "binary", "multiclass"])
@pytest.mark.parametrize("k", [1, 3, 500])
def test_the_table_is_the_same_with_and_without_the_matrix(run, name, k):
    assert run(name, f"top_k={k}").out == run(name, f"top_k={k} matrix=all.npy").out


def test_all_rows_are_listed_from_the_most_helpful_on(run, work):
    lines = parse(run("binary", "top_k=0 matrix=all.npy").out)
    assert len(lines) == 6 * 120
    for q, values in enumerate(read_npy(work / "all.npy")):
        mine = lines[q * 120 : (q + 1) * 120]
        assert {line["target"] for line in mine} == {str(q)}
        assert [int(line["rank"]) for line in mine] == list(range(1, 121))
        expected = sorted(range(120), key=lambda i: (-values[i], i))
        assert [int(line["row"]) for line in mine] == expected
        for line in mine:
            value = values[int(line["row"])]
            kind = "helpful" if value > 0 else "harmful" if value < 0 else "none"
            assert line["kind"] == kind and line["label"] in ("yes", "no")


def test_global_is_the_sum_over_targets_and_self_the_diagonal(run, work):
    run("regression", "matrix=all.npy")
    sums = [sum(column) for column in zip(*read_npy(work / "all.npy"), strict=True)]
    lines = parse(run("regression", "scope=global top_k=0").out)
    assert list(lines[0]) == ["rank", "row", "influence", "kind", "label"]
    found = {int(line["row"]): float(line["influence"]) for line in lines}
    assert [found[i] for i in range(120)] == pytest.approx(sums, rel=1e-4, abs=1e-6)

    run("regression", "matrix=all.npy", data="data=regression.csv")
    diagonal = [row[i] for i, row in enumerate(read_npy(work / "all.npy"))]
    lines = parse(run("regression", "scope=self top_k=5", data="").out)
    expected = [row for part in ordered(diagonal, 5) for row, _ in part]
    assert [int(line["row"]) for line in lines] == expected


def test_threads_change_nothing(run, work):
    outs = []
    for threads in (1, 2):
        out = run("multiclass", f"threads={threads} matrix=all.npy").out
        outs.append((out, (work / "all.npy").read_bytes()))
    assert outs[0] == outs[1]


@pytest.mark.parametrize(
    "keys",
    [
        "method=boostin_w1",
        "method=boostin_w2",
        "method=boostin leaf_term=reference",
        "method=boostin_lca",
        "method=leaf_influence update_set=1",
        "method=leaf_influence_sp",
        "method=leaf_refit",
        "method=trex tree_kernel=lp trex_lambda=0.1 trex_target=predicted",
        "method=leaf_sim",
        "method=tree_sim similarity=cosine tree_kernel=to",
        "method=input_sim similarity=euclidean",
        "method=subsample retrainings=5 retrain_fraction=0.5",
        "method=random seed=3",
        "method=target",
    ],
)
def test_every_method_fills_the_table(run, keys):
    lines = parse(run("regression", f"{keys} top_k=2").out)
    assert {line["target"] for line in lines} <= {str(q) for q in range(6)}
    assert len(lines) > 6
    for line in lines:
        assert (float(line["influence"]) > 0) == (line["kind"] == "helpful")


def test_input_sim_finds_the_row_itself(run):
    """By the dot product of standardised or raw values a row need not be nearest to itself; by
    distance it is, and its label has the same side of the prediction."""
    lines = parse(run("regression", "method=input_sim similarity=euclidean top_k=1").out)
    nearest = {line["target"]: line["row"] for line in lines if line["kind"] == "helpful"}
    assert nearest == {str(q): str(q) for q in range(6)}  # the targets are the first rows


def test_ibug_prints_an_interval_for_every_target(run, work):
    lines = parse(run("regression", "method=ibug neighbors=10").out)
    assert list(lines[0]) == ["target", "location", "scale"]
    assert [line["target"] for line in lines] == [str(q) for q in range(6)]
    for line, y in zip(lines, labels(work, "regression_targets.csv"), strict=True):
        assert abs(float(line["location"]) - y) < 2.0
        assert float(line["scale"]) > 0.0
    tuned = parse(run("regression", "method=ibug valid=regression_targets.csv").out)
    assert [line["target"] for line in tuned] == [str(q) for q in range(6)]


# ---- Files and columns ---------------------------------------------------------------------------


def test_ids_stand_in_for_row_numbers(gbt, work):
    rows = list(csv.reader(io.StringIO(small_files.binary())))
    named = [["id", *rows[0]]] + [[f"r,{i}", *row] for i, row in enumerate(rows[1:])]
    out = io.StringIO()
    csv.writer(out).writerows(named)
    write(work / "named.csv", out.getvalue())
    common = ("train=named.csv", "id=id", "verbosity=quiet", "model=named.gbt")
    gbt("train", *common, *KEYS[:2], cwd=work)
    by_id = parse(gbt("influence", *common, "data=named.csv", "top_k=1", cwd=work).out)
    gbt("train", "train=binary.csv", "model=plain.gbt", *KEYS, cwd=work)
    plain = ("train=binary.csv", "model=plain.gbt", "data=binary.csv", "verbosity=quiet")
    by_row = parse(gbt("influence", *plain, "top_k=1", cwd=work).out)
    assert [(line["target"], line["row"]) for line in by_id] == [
        (f"r,{line['target']}", f"r,{line['row']}") for line in by_row
    ]
    assert [line["influence"] for line in by_id] == [line["influence"] for line in by_row]


def test_a_config_may_hold_the_keys_of_other_verbs(gbt, work):
    text = """
        [data]
        train = regression.csv
        data = regression_targets.csv
        [train]
        n_trees = 8
        [output]
        model = regression.gbt
        predictions = influence.csv
        [influence]
        top_k = 2
    """
    write(work / "c.ini", "\n".join(line.strip() for line in text.splitlines()))
    result = gbt("influence", "c.ini", cwd=work)
    assert result.out == ""
    assert "regression.gbt: boostin, 120 training rows, 6 targets" in result.err
    assert len({line["target"] for line in parse((work / "influence.csv").read_text())}) == 6
    gbt("influence", "c.ini", "scope=self", cwd=work)  # data= of the config is not meant for it
    assert "target" not in parse((work / "influence.csv").read_text())[0]


def test_several_labels_are_all_printed(gbt, work):
    rows = [(a, b, c, y, str(len(c))) for a, b, c, y in small_files.rows()]
    write(work / "two.csv", small_files.csv_text(rows, "a,b,c,y,z"))
    common = ("train=two.csv", "label=y,z", "model=two.gbt", "verbosity=quiet")
    gbt("train", *common, *KEYS[:2], cwd=work)
    lines = parse(gbt("influence", *common, "data=two.csv", "top_k=1", cwd=work).out)
    for line in lines[:20]:
        row = rows[int(line["row"])]
        assert float(line["label_y"]) == float(row[3])
        assert line["label_z"] == row[4]


def test_libsvm_files_work_too(gbt, tmp_path):
    write(tmp_path / "s.svm", small_files.libsvm())
    gbt("train", "train=s.svm", "model=s.gbt", "objective=binary", *KEYS, cwd=tmp_path)
    common = ("influence", "model=s.gbt", "train=s.svm", "data=s.svm", "top_k=1")
    lines = parse(gbt(*common, "verbosity=quiet", cwd=tmp_path).out)
    assert {line["label"] for line in lines} == {"0", "1"}


# ---- Writing that fails --------------------------------------------------------------------------


@pytest.mark.parametrize("keys", ["matrix=/dev/full", "predictions=/dev/full matrix=m.npy"])
def test_a_full_disk_is_a_failure(gbt, work, keys):
    refuse(gbt, work, ["influence", *FULL.split(), *keys.split()], 1, ["/dev/full: cannot be"])


# ---- Interrupts ----------------------------------------------------------------------------------


def test_an_interrupt_leaves_no_file(gbt_path, work):
    command = (
        "influence model=regression.gbt train=regression.csv data=few.csv "
        "method=subsample retrainings=10000000 predictions=p.csv matrix=m.npy"
    )
    before = contents(work)
    process = subprocess.Popen(
        [gbt_path, *command.split()], cwd=work, stderr=subprocess.PIPE, text=True
    )
    assert "120 rows" in process.stderr.readline()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    errors = process.stderr.read()
    assert process.wait(timeout=60) == 130, errors
    assert contents(work) == before


# ---- Refusals ------------------------------------------------------------------------------------

FULL = "model=regression.gbt train=regression.csv data=few.csv"

REFUSED = table(r"""
    2 |                                          | gbt influence needs model=FILE
    2 | model=regression.gbt                     | gbt influence needs train=FILE
    2 | model=regression.gbt train=regression.csv | gbt influence needs data=FILE
    2 | model=none.gbt train=regression.csv      | model = none.gbt: No such file
    2 | model=regression.gbt train=none.csv      | train = none.csv: No such file
    2 | + --json                                 | --json has no effect in "gbt influence"
    2 | + n_trees=3                              | n_trees has no effect in "gbt influence"
    2 | + output=raw                             | output has no effect
    2 | + method=magic                           | method = magic: unknown value
    2 | + scope=galaxy                           | scope = galaxy: unknown value
    2 | + top_k=-1                               | top_k
    2 | + neighbors=5                            | neighbors has no effect with method = boostin
    2 | + method=trex leaf_term=exact            | leaf_term has no effect with method = trex
    2 | + update_set=0                           | update_set has no effect
    2 | + similarity=cosine                      | similarity has no effect
    2 | + retrainings=9                          | retrainings has no effect
    2 | + method=leaf_sim tree_kernel=lp         | tree_kernel has no effect
    2 | + scope=global matrix=m.npy              | matrix has no effect with method = boostin
    2 | + scope=self                             | data has no effect
    2 | + valid=regression.csv                   | valid has no effect
    2 | + method=ibug top_k=3                    | top_k has no effect with method = ibug
    2 | + method=ibug matrix=m.npy               | matrix has no effect with method = ibug
    2 | + predictions=regression.csv             | predictions and train name the same file
    2 | + matrix=regression.gbt                  | matrix and model name the same file
    2 | + matrix=m.npy predictions=m.npy         | predictions and matrix name the same file
    2 | + matrix=no/m.npy                        | matrix = no/m.npy: the folder no does not exist
    2 | + predictions=no/p.csv                   | the folder no does not exist
    3 | model=regression.csv train=regression.csv data=few.csv | not a gbt model file
    3 | model=regression.gbt train=few.csv data=regression.csv | 120
    3 | model=regression.gbt train=changed.csv data=few.csv | leaf
    3 | model=regression.gbt train=bare.csv data=regression.csv | bare.csv: no label
    3 | model=regression.gbt train=regression.csv data=bare.csv | bare.csv: no label; influence is
    3 | model=regression.gbt train=regression.csv data=other.csv | no column "a"
    3 | model=binary.gbt train=binary.csv data=strange.csv | "maybe"
    """)


@pytest.mark.parametrize(("code", "keys", "says"), REFUSED, ids=[case[1] for case in REFUSED])
def test_it_is_refused(gbt, work, code, keys, says):
    rows = small_files.rows()
    changed = [(a, b, c, f"{float(y) + (i % 7):.4f}") for i, (a, b, c, y) in enumerate(rows)]
    write(work / "changed.csv", small_files.csv_text(changed))
    write(work / "bare.csv", small_files.csv_text([row[:3] for row in rows], "a,b,c"))
    write(work / "other.csv", small_files.csv_text(rows, "u,b,c,y"))
    write(work / "strange.csv", "a,b,c,y\n1,2,red,maybe\n")
    keys = FULL + keys[1:] if keys.startswith("+") else keys
    refuse(gbt, work, ["influence", *keys.split()], int(code), [says])


def test_a_table_beyond_all_bounds_is_refused(gbt, work):
    rows = small_files.rows(2000)
    write(work / "few.csv", small_files.csv_text(rows * 500))
    words = ["influence", *FULL.split(), "top_k=0"]
    refuse(gbt, work, words, USAGE, ["makes a table of 120000000 lines", "matrix="])


def test_intervals_need_a_regression_model(gbt, work):
    words = "influence model=binary.gbt train=binary.csv data=binary_targets.csv method=ibug"
    refuse(gbt, work, words.split(), USAGE, ["an interval needs a regression model"])


def test_a_model_with_held_out_rows_needs_the_others(gbt, work):
    keys = ("train=regression.csv", "valid_fraction=0.2", "model=held.gbt")
    gbt("train", *keys, *KEYS, cwd=work)
    words = "influence model=held.gbt train=regression.csv data=few.csv"
    refuse(gbt, work, words.split(), DATA, ["120"])


# ---- The text ------------------------------------------------------------------------------------


def test_the_c_example_of_the_text_is_the_one_that_is_tested():
    root = Path(__file__).resolve().parents[2]
    test = (root / "tests" / "unit" / "test_influence_example.c").read_text()
    example = test.partition("Example: begin ---- */")[2].partition("/* ---- Example: end")[0]
    text = (root / "gbt" / "modules" / "INFLUENCE.md").read_text()
    assert len(example) > 1000
    assert example.strip() in text
