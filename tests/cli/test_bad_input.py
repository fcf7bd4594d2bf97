"""Whatever is wrong with the arguments or the configuration: the exit code tells the kind, the
message says what and where, nothing is printed as a result, and no file appears or changes, least
of all the model that was there before. Data files are the job of test_bad_data.py, model files of
test_bad_model.py."""

import os
import re

import pytest
import small_files
from refusal import DEVICE, MEMORY, USAGE, Cases, refuse, refuse_case, table

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CASES = Cases()

# ---- Arguments -----------------------------------------------------------------------------------

CASES.add_commands(
    USAGE,
    r"""
                                   | gbt help VERB
    trian                          | unknown verb "trian" | did you mean "gbt train"
    convert model=old.gbt          | gbt convert is not in this version
    explain model=old.gbt          | gbt explain is not in this version
    help trane                     | unknown verb "trane"
    help train eval                | "eval" is one argument too many
    --version train                | "train" is one argument too many
    train                          | gbt train needs train=FILE
    train train=train.csv          | gbt train needs model=FILE
    predict data=train.csv         | gbt predict needs model=FILE
    predict model=old.gbt          | gbt predict needs data=FILE
    eval model=old.gbt             | gbt eval needs data=FILE
    check                          | gbt check needs train=FILE
    info                           | gbt info needs model=FILE
    dump                           | gbt dump needs model=FILE
    importance                     | gbt importance needs model=FILE
    verify                         | gbt verify needs model=FILE

    train + --foo                  | unknown option --foo; options are key=value and --json
    train -j 4                     | unknown option -j
    predict + --json               | --json has no effect in "gbt predict"
    train + n_trees                | "n_trees" is not key=value
    train n_trees=5 c.ini          | "c.ini" is not key=value; a config file comes first
    train + =5                     | unknown key ""
    train + learing_rate=0.1       | unknown key "learing_rate"; the nearest is learning_rate
    train + n_estimaters=5         | the nearest is n_estimators (another name of n_trees)
    train + trees.max_leaves=5     | unknown section "trees"; the nearest is tree
    train + train.max_leaves=5     | max_leaves is a key of section tree, not of train
    train + n_trees=5 n_trees=5    | n_trees is given twice
    train + seed=1 seed=2          | seed is given twice, as "1" and as "2"
    train + n_trees=5 max_iter=6   | n_trees = 5 and max_iter = 6 are the same key
    train + train.seed=1 seed=2    | are the same key with different values
    train + data=train.csv         | data has no effect in "gbt train"
    train + output=raw             | output has no effect in "gbt train"
    check + predictions=p          | predictions has no effect in "gbt check"
    predict + n_trees=5            | n_trees has no effect in "gbt predict"
    predict + train=train.csv      | train has no effect in "gbt predict"
    predict + unseen=error         | unseen has no effect in "gbt predict"
    predict + label=y              | label has no effect in "gbt predict"
    predict + memory_limit=1G      | memory_limit has no effect in "gbt predict"
    predict + metric=rmse          | metric has no effect in "gbt predict"
    eval + output=raw              | output has no effect in "gbt eval"
    info model=old.gbt data=x      | data has no effect in "gbt info"
    verify model=old.gbt threads=1 | threads has no effect in "gbt verify"
    dump model=old.gbt format=xml  | format = xml is not one of text, json, dot
    dump model=old.gbt format=dot format=text | format is given twice, as "dot" and as "text"
    dump model=old.gbt format=dot --json      | --json and format exclude each other
    params seed n_trees            | gbt params takes one argument
    params sead                    | unknown key "sead"; the nearest is seed
    params --html                  | unknown option --html

    eval + metric=multi_error      | metric multi_error needs
    eval + metric=rmsle            | unknown metric 'rmsle'; the nearest is 'rmse'
    predict + trees_to=99          | trees_to = 99: the model has 5 rounds
    predict + trees_from=5         | trees_from = 5: the model has 5 rounds
    predict + trees_from=3 trees_to=2 | trees_from must be below trees_to
    predict + output=leaf trees_to=2  | no effect with output = leaf
    predict + output=class         | needs a classification model; this one is regression
    predict + output=shap          | output = shap: unknown value; allowed is response
    train + alpha=1                | "alpha" is ambiguous | write reg_alpha | write quantile
    train + gamma=1                | "gamma" is ambiguous | write min_split_gain
    train + lambda=1               | "lambda" is ambiguous | write reg_lambda
    train + boosting=dart          | "boosting" is not in this version
    """,
)

# ---- Files that are named ------------------------------------------------------------------------

CASES.add_commands(
    USAGE,
    r"""
    train none.ini                      | none.ini: cannot be opened
    train folder                        | folder: cannot be read: it is a folder
    train train=none.csv model=m.gbt    | train = none.csv: No such file
    train train=folder model=m.gbt      | train = folder is a folder, not a file
    train + valid=none.csv              | valid = none.csv: No such file
    train + valid=train.csv,none.csv    | valid = none.csv: No such file
    train + continue_from=none.gbt      | continue_from = none.gbt: No such file
    predict model=old.gbt data=none.csv | data = none.csv: No such file
    predict model=none.gbt data=x       | model = none.gbt: No such file
    predict model=folder data=x         | model = folder is a folder, not a file
    info model=none.gbt                 | model = none.gbt: No such file
    dump model=none.gbt                 | model = none.gbt: No such file
    importance model=none.gbt           | model = none.gbt: No such file
    verify model=none.gbt               | model = none.gbt: No such file
    train train=train.csv model=folder  | model = folder is a folder, not a file
    train train=train.csv model=no/x    | model = no/x: the folder no does not exist
    train train=train.csv model=train.csv/x | nothing can be written into train.csv
    check + model=train.csv/x           | nothing can be written into train.csv
    train + log_json=none/x             | log_json = none/x: the folder none does not exist
    train + importance=none/x           | importance = none/x: the folder none does not exist
    predict + predictions=none/x        | predictions = none/x: the folder none does not exist
    train train=train.csv model=train.csv   | model and train name the same file
    train train=train.csv model=./train.csv | model and train name the same file
    train + valid=m.gbt                 | model and valid name the same file
    train + log_json=m.gbt              | model and log_json name the same file
    train + importance=m.gbt            | model and importance name the same file
    train + log_json=l importance=l     | log_json and importance name the same file
    train + continue_from=old.gbt log_json=old.gbt | continue_from and log_json name the same file
    predict + predictions=train.csv     | predictions and data name the same file
    predict + predictions=old.gbt       | predictions and model name the same file
    train + valid=train.csv,folder/train.csv | both called "train"; write name:path
    train + valid=a:train.csv,a:folder/train.csv | both called "a"
    """,
)
CASES.add("two configs", "train c.ini d.ini", USAGE, ['"d.ini" is not key=value'], {"c.ini": ""})
CASES.add(
    "model over the config",
    "train c.ini model=c.ini",
    USAGE,
    ["model and the config name the same file"],
    {"c.ini": "train=train.csv"},
)
CASES.add(
    "an unknown ending",
    "train train=train.dat model=m.gbt",
    USAGE,
    ['"train.dat" does not end in .csv, .tsv, .svm or .libsvm'],
    {"train.dat": small_files.regression()},
)

# ---- Devices and limits --------------------------------------------------------------------------

CASES.add_commands(
    DEVICE,
    r"""
    train + device=cuda:1000   | backend cuda
    check + device=cuda:1000   | backend cuda
    predict + device=cuda:1000 | backend cuda
    eval + device=cuda:1000    | backend cuda
    """,
)
CASES.add_commands(
    USAGE,
    r"""
    train + device=tpu     | allowed is cpu, ref, cuda, cuda:N
    train + device=cuda:x  | allowed is cpu, ref, cuda, cuda:N
    predict + device=gpu   | allowed is cpu, ref, cuda, cuda:N
    """,
)
CASES.add_commands(
    MEMORY,
    r"""
    train + memory_limit=1K | training needs about | memory_limit allows 1024
    check + memory_limit=2K | training needs about | memory_limit allows 2048
    """,
)

# ---- Combinations of keys ------------------------------------------------------------------------

CASES.add_commands(
    USAGE,
    r"""
    train + quantile=0.3                          | quantile has no effect: it needs objective
    train + quantile=0.3 objective=mae            | quantile has no effect
    train + huber_delta=2                         | huber_delta has no effect
    train + fair_c=2 objective=huber              | fair_c has no effect
    train + tweedie_power=1.3 objective=poisson   | tweedie_power has no effect
    train + poisson_max_delta=1 objective=tweedie | poisson_max_delta has no effect
    train + num_class=3 objective=regression      | num_class has no effect
    train + num_class=3 objective=binary          | num_class has no effect
    train + scale_pos_weight=2 objective=mae      | scale_pos_weight has no effect
    train + is_unbalance=true objective=mae       | is_unbalance has no effect
    train + is_unbalance=true objective=ova       | it needs objective = binary
    train + is_unbalance=true scale_pos_weight=2 objective=binary | exclude each other: keep one
    train + max_leaves=15 grow_policy=symmetric   | max_leaves has no effect
    train + max_depth=17 grow_policy=symmetric    | max_depth is too large
    train + gradient_bits=32 gradient_rounding=stochastic | gradient_rounding = stochastic has no
    train + subsample_freq=5                      | subsample_freq has no effect
    train + early_stopping_rounds=5               | it needs valid or valid_fraction
    train + valid=train.csv valid_fraction=0.2    | valid_fraction and valid exclude each other
    train + header=true format=libsvm             | header has no effect: libsvm files have none
    train + metric=multi_logloss                  | metric multi_logloss needs
    train + metric=rmse objective=multiclass      | metric rmse needs an objective other than
    train + metric=rmze                           | unknown metric 'rmze'; the nearest is 'rmse'
    """,
)

# ---- Configuration files -------------------------------------------------------------------------

CONFIG = "[data]\ntrain = train.csv\n[output]\nmodel = m.gbt\n"  # what follows begins in line 5


def add_config(name, lines, says):
    CASES.add("config: " + name, "train c.ini", USAGE, says, {"c.ini": CONFIG + lines + "\n"})


for name, lines, place, *says in table(r"""
    no equals sign      | [train]\nn_trees         | 6:1  | "key = value" or "[section]" is expected
    no key               | [train]\n = 5            | 6:2  | a key is expected before
    open section         | [train                   | 5:1  | the section has no closing bracket
    nameless section     | [ ]                      | 5:1  | the section has no name
    after a section      | [train] seed = 5         | 5:8  | only a comment may follow a section
    open quote           | [train]\nseed = "1       | 6:8  | the quote is not closed
    after a quote        | [data]\nlabel = "y" z    | 6:12 | only a comment may follow a quoted
    unknown section      | [trian]                  | 5:2  | unknown section [trian] | is [train]
    unknown key          | [train]\nlerning_rate=1  | 6:1  | "lerning_rate" | is learning_rate
    wrong section        | [train]\nmax_leaves = 5  | 6:1  | max_leaves belongs into section [tree]
    key twice            | [train]\nseed=1\nseed=1  | 7:1  | seed was set in line 6 already
    key twice, far       | [train]\nseed=1\n[tree]\n[train]\nseed=2 | 9:1 | set in line 6 already
    aliases in conflict  | [train]\neta=0.1\nlearning_rate=0.2 | 7:1 | eta of line 6 are the same
    value out of range   | [train]\nlearning_rate=2 | 6:15 | out of range; allowed is (0, 1]
    empty item           | [data]\nignore = a,,b    | 6:10 | an item of the list is empty
    comma at the end     | [data]\nignore = a,      | 6:10 | an item of the list is empty
    empty path in a list | [data]\nvalid = a.csv,   | 6:9  | an item of the list is empty
    empty number         | [train]\nseed =          | 6:7  | a whole number is expected
    another section      | max_depth = 5            | 5:1  | into section [tree], not [output]
    words for a number   | [tree]\nmax_depth = 5 up | 6:13 | 5 up: a whole number is expected
    decimal comma        | [train]\neta = 0,1       | 6:7  | learning_rate = 0,1: a number is
    fraction of a tree   | [train]\nn_trees = 1.5   | 6:11 | n_trees = 1.5: a whole number is
    beyond 64 bits       | [train]\nseed = 99999999999999999999 | 6:8 | a whole number is expected
    bare alpha           | [tree]\nalpha = 1        | 6:1  | "alpha" is ambiguous | reg_alpha
    bare gamma           | [tree]\ngamma = 1        | 6:1  | "gamma" is ambiguous | min_split_gain
    bare lambda          | [tree]\nlambda = 1       | 6:1  | "lambda" is ambiguous | reg_lambda
    goss to come         | goss_top = 0.2           | 5:1  | "goss_top" is not in this version
    monotone to come     | monotone_constraints=a:1 | 5:1  | is not in this version
    linear to come       | linear_tree = true       | 5:1  | "linear_tree" is not in this version
    folds elsewhere      | folds = 5                | 5:1  | folds belongs into section [cv]
    dart to come         | dart_rate = 0.1          | 5:1  | "dart_rate" is not in this version
    checkpoint to come   | checkpoint = c           | 5:1  | "checkpoint" is not in this version
"""):
    add_config(name, lines, [f"c.ini:{place}: ", *says])
add_config("no such column", "[data]\nlabel = z", ['label: no column "z" in train.csv'])
add_config("no such file", "[data]\nvalid = none.csv", ["valid = none.csv: No such file"])
add_config("zero byte", "[train]\nseed = 1\0", ["c.ini:6:9: a zero byte"])
add_config("control character", "[data]\nlabel = y\x01", ["c.ini:6:9: label: the value contains a"])
add_config("no UTF-8", "[data]\nlabel = \udcff", ["c.ini:6:9: label: the value is not UTF-8"])
CASES.add(
    "config: a picture",
    "train c.ini",
    USAGE,
    ["c.ini:1:1:"],
    {"c.ini": b"\x89PNG\r\n\x1a\n\0\0"},
)

# ---- Every key of the table ----------------------------------------------------------------------

with open(os.path.join(ROOT, "gbt", "params", "params.def"), encoding="utf-8") as definitions:
    KEYS = re.findall(
        r'^GBT_(\w+) *\((\w+), (\w+), "[^"]*", "([^"]*)"', definitions.read(), flags=re.M
    )


def outside(interval):
    """Numbers just outside a range like (0, 1] or 0|[2, 65536] at both ends."""
    alternatives = interval.split("|")
    low = re.match(r"([\[(]?)(-?\d+)", alternatives[0])
    high = re.search(r"(\S+?)([\])]?)$", alternatives[-1])
    yield low[2] if low[1] == "(" else str(int(low[2]) - 1)
    yield high[1] if high[2] == ")" else str(int(high[1]) + 1)


for kind, section, key, interval in KEYS:
    wrong = {}
    if kind in ("INT", "INT64", "REAL"):
        whole = "" if kind == "REAL" else "whole "
        wrong = {value: f"out of range; allowed is {interval}" for value in outside(interval)}
        wrong["many"] = f"a {whole}number is expected; allowed is {interval}"
        if whole:
            wrong.pop("inf", None)
        else:
            wrong["nan"] = f"out of range; allowed is {interval}"
    elif kind == "BYTES":
        wrong = dict.fromkeys(("-1", "8X", "G"), "a number of bytes is expected, like")
    elif kind == "BOOL":
        wrong = {"maybe": "true or false is expected"}
    elif kind == "ENUM":
        wrong = {"other": "unknown value; allowed is "}
    for value, says in wrong.items():
        says = [f"c.ini:6:{len(key) + 4}: {key} = {value}: {says}"]
        add_config(f"{key} = {value}", f"[{section}]\n{key} = {value}", says)


def test_the_table_was_read():
    """As many keys as the program says, and cases for each kind of value."""
    assert len(KEYS) > 50
    assert {kind for kind, *_ in KEYS} >= {"INT", "INT64", "REAL", "BYTES", "BOOL", "ENUM"}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_with_code_and_reason(gbt, folder, name):
    refuse_case(gbt, folder, CASES[name])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_refused_at_once(gbt, folder):
    (folder / "folder").chmod(0o555)
    says = ["nothing can be written into folder"]
    refuse(gbt, folder, ["train", "train=train.csv", "model=folder/m.gbt"], USAGE, says)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize(
    "command",
    [
        "train train=train.csv n_trees=2 model=/dev/full",
        "train train=train.csv n_trees=2 model=new.gbt log_json=/dev/full",
        "train train=train.csv n_trees=2 model=new.gbt importance=/dev/full",
        "predict model=old.gbt data=train.csv predictions=/dev/full",
    ],
)
def test_a_full_disk_is_a_failure(gbt, folder, command):
    result = gbt(*command.split(), code=1, cwd=folder)
    assert "/dev/full: cannot be written: no space" in result.err, result
