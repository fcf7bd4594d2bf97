"""Whatever is wrong with a data file: exit code 3 and a message with file, line and column or row;
a column that the configuration names and the file lacks is exit code 2. Nothing is written."""

import gzip

import pytest
import small_files
from refusal import DATA, USAGE, Cases, refuse_case, table

CASES = Cases()
GOOD = small_files.regression()
LINES = GOOD.splitlines()


def train(name, text, says, keys="", file="bad.csv", code=DATA):
    CASES.add(name, f"train train={file} model=m.gbt {keys}", code, says, {file: text})


def with_line(number, text):
    """The good file with another line (from 1)."""
    return "\n".join([*LINES[: number - 1], text, *LINES[number:]]) + "\n"


# ---- Roles of columns ----------------------------------------------------------------------------

CASES.add_commands(
    USAGE,
    r"""
    train + label=z            | label: no column "z" in train.csv; the nearest is
    train + label=yy           | label: no column "yy" in train.csv; the nearest is "y"
    train + label=9            | label: column 9 is outside 0 .. 3 of train.csv
    train + label=y weight=y   | weight: column "y" is the label already
    train + weight=w           | weight: no column "w" in train.csv
    train + ignore=z           | ignore: no column "z" in train.csv
    train + ignore=y label=y   | ignore: column "y" is the label already
    train + categorical=z      | categorical: no column "z" in train.csv
    train + categorical=y      | categorical: column "y" is the label, not a feature
    train + group=z            | group: no column "z" in train.csv
    train + task=z             | task: no column "z" in train.csv
    train + id=z               | id: no column "z" in train.csv
    train + init_score=z       | init_score: no column "z" in train.csv
    train + init_score=a,a     | init_score: column "a" is an init score already
    eval + weight=w            | weight: no column "w" in train.csv
    predict + id=row           | id: no column "row" in train.csv
    predict + id=a             | the model uses it as a feature
    """,
)
CASES.add_commands(
    DATA,
    r"""
    train + weight=c           | train.csv:2:15: 'red' is not a number, but column 'c' is one of
    train + init_score=c       | train.csv:2:15: 'red' is not a number, but column 'c' is one of
    train + init_score=b       | the init score of data row 4 (from 1) is missing
    train + ignore=a,b,c       | train.csv: there are no features to learn from
    train + continue_from=train.csv | train.csv: not a gbt model file
    """,
)
train("two init scores", "a,b,c,y\n1,2,3,4\n5,6,7,8\n", ["2 values a row"], "init_score=a,b")

# ---- Form of a CSV file --------------------------------------------------------------------------

for name, number, line, *says in table(r"""
    a short row               | 5 | 0.1,0.2,red       | bad.csv:5:12: expected 4 cells, found 3
    a long row                | 7 | 0.1,0.2,red,1,2   | bad.csv:7:15: expected 4 cells, found 5
    a quote never closed      | 9 | 0.1,0.2,"red,1    | bad.csv:9:9: this quote is never closed
    text after a quote        | 9 | 0.1,0.2,"red"x,1  | bad.csv:9:14: text after a closing quote
    a name twice              | 1 | a,b,a,y           | bad.csv:1:5: the name 'a' of column 3
    no label column           | 1 | a,b,c,z           | has no label; name its column with label=
    a row without label       | 8 | 0.1,0.2,red,      | bad.csv: data row 7 (from 1) has no label
    a label that is missing   | 8 | 0.1,0.2,red,NA    | bad.csv: data row 7 (from 1) has no label
    a label that is infinite  | 8 | 0.1,0.2,red,inf   | the label of data row 7 (from 1) is inf
"""):
    train(name, with_line(int(number), line), says)
train("a zero byte", with_line(6, "0.1,0.2,r\0d,1"), ["bad.csv:6:10: NUL byte"])
train("no UTF-8", with_line(6, "0.1,0.2,r\udcffd,1"), ["bad.csv:6:9: cell is not valid UTF-8"])
train("no UTF-8 in a name", with_line(1, "a,b\udcff,c,y"), ["bad.csv:1:3: cell is not valid UTF-8"])
train("a lone return", with_line(6, "1,2,red,1\r1,2,red,1"), ["bad.csv:6:10: carriage return"])
train("UTF-16", GOOD.encode("utf-16"), ["bad.csv:1:1: the file is UTF-16, expected UTF-8"])
train("an empty file", "", ["bad.csv: the file is empty"])
train("a header only", LINES[0] + "\n", ["bad.csv: no rows after the header"])
train("blank lines only", "\n\n\n", ["bad.csv: no rows"])
train("an empty name", with_line(1, "a,,c,y"), ["bad.csv:1:3:", "is empty"], "header=true")
train("semicolons", GOOD.replace(",", ";"), ["separated by ';', expected commas"])
train("semicolons in TSV", GOOD.replace(",", ";"), ["expected tabs"], file="bad.tsv")
train("commas in TSV", GOOD, ["has no label"], file="bad.tsv")
train("no header", "\n".join(LINES[1:]), ["has no label"], "header=false")
train("no header for names", "\n".join(LINES[1:]), ['no column "y"'], "label=y", code=USAGE)

# ---- Labels and weights --------------------------------------------------------------------------

BINARY, CLASSES = small_files.binary(), small_files.multiclass()
COUNTS = small_files.counts()
ONE_CLASS = BINARY.replace(",no\n", ",yes\n")
NEGATIVE = COUNTS + "0.1,0.2,red,-1\n"

train("text labels", BINARY, ['the label "y" is text; this objective needs'], "objective=mae")
train("text among numbers", with_line(8, "1,2,red,?!"), ['"y" is text'], "objective=mae")
train("one class", ONE_CLASS, ["only one class"], "objective=binary")
train("one class of several", ONE_CLASS, ["only one class"], "objective=multiclass")
train("three classes", CLASSES, ["use objective=multiclass"], "objective=binary")
train("too many classes", CLASSES, ["num_class = 2 but"], "objective=multiclass num_class=2")
train(
    "no class numbers", GOOD, ["labels must then be whole"], "objective=multiclass num_class=9999"
)
train("a negative count", NEGATIVE, ["poisson needs labels of 0 or more"], "objective=poisson")
train("a negative tweedie", NEGATIVE, ["tweedie needs labels of 0 or more"], "objective=tweedie")
train("a zero for gamma", COUNTS, ["gamma needs labels above 0"], "objective=gamma")
train("a share above 1", COUNTS, ["needs labels from 0 to 1"], "objective=cross_entropy")
train("all held out", "a,y\n1,2\n", ["valid_fraction = 0.5 leaves no"], "valid_fraction=0.5")


def weighted(weight, other="1"):
    """The good file with a column w; `weight` in the sixth line."""
    lines = [f"{line},{other}" for line in LINES]
    lines[0], lines[5] = "a,b,c,y,w", f"{LINES[5]},{weight}"
    return "\n".join(lines) + "\n"


for weight, *says in table(r"""
    -1   | bad.csv: the weight of data row 5 (from 1) is -1; a weight is finite and not negative
    ""   | bad.csv: the weight of data row 5 (from 1) is missing
    nan  | bad.csv: the weight of data row 5 (from 1) is missing
    inf  | bad.csv: the weight of data row 5 (from 1) is inf
    one  | bad.csv:6: | 'one' is not a number, but column 'w' is one of numbers
"""):
    train(f"a weight {weight}", weighted(weight), says, "weight=w")
train("all weights 0", weighted("0", "0"), ["weights are 0"], "weight=w")

# ---- Validation files and models to continue -----------------------------------------------------


def valid(name, rows, says, keys="", data=GOOD):
    command = f"train train=t.csv model=m.gbt valid=v.csv {keys}"
    CASES.add("valid: " + name, command, DATA, says, {"t.csv": data, "v.csv": rows})


valid("a column is absent", "a,c,y\n0.1,red,1\n", ['v.csv: no column "b"'])
valid("the label is absent", "a,b,c\n0.1,0.2,red\n", ["v.csv has no label"])
valid("text for a number", "a,b,c,y\n1,x,red,1\n", ["v.csv:2:3: 'x' is not a number"])
valid("no rows", "a,b,c,y\n", ["v.csv: no rows after the header"])
valid("a row without label", "a,b,c,y\n1,2,red,\n", ["v.csv: data row 1 (from 1) has no label"])
valid("a new text", "a,b,c,y\n1,2,red,maybe\n", ['label "maybe" was not in the'], data=BINARY)
valid("a new class", "a,b,c,y\n1,2,red,7\n", ["label 7 is not a"], "objective=multiclass", COUNTS)
valid("a new category", "a,b,c,y\n1,2,pink,1\n", ['column "c"', "not seen in"], "unseen=error")

CASES.add_commands(
    USAGE,
    r"""
    train + continue_from=old.gbt objective=mae | continue_from: the model has objective regression
    train + continue_from=old.gbt n_trees=5     | continue_from: the model has 5 rounds already
    """,
)
train("continue: no column", "a,y\n1,2\n3,4\n", ['no column "b"'], "continue_from=old.gbt")

# ---- gzip ----------------------------------------------------------------------------------------

ZIPPED = gzip.compress(GOOD.encode(), mtime=0)
for name, data, says in [
    ("cut short", ZIPPED[: len(ZIPPED) // 2], "gzip data is cut short"),
    ("without its end", ZIPPED[:-4], "gzip data is cut short"),
    ("with a wrong checksum", ZIPPED[:-8] + bytes(4) + ZIPPED[-4:], "gzip data is damaged"),
    ("with a wrong size", ZIPPED[:-4] + bytes(4), "gzip data is damaged"),
    ("damaged", ZIPPED[:20] + b"\xff" * 20 + ZIPPED[40:], "gzip data is damaged"),
    ("of nothing", gzip.compress(b""), "no rows"),
]:
    train("gzip " + name, data, ["bad.csv.gz: " + says], file="bad.csv.gz")

# ---- libsvm --------------------------------------------------------------------------------------

SPARSE = small_files.libsvm()
for name, line, *says in table(r"""
    a word for an index   | 1 x:1           | bad.svm:4:3: 'x:1' is not an entry, expected
    no colon              | 1 3             | bad.svm:4:3: '3' lacks its value
    indices that descend  | 1 3:1 2:1       | bad.svm:4:7: '2:1' has an index that is not larger
    an index twice        | 1 3:1 3:2       | bad.svm:4:7: '3:2' has an index that is not larger
    a negative index      | 1 -3:1          | bad.svm:4:3: '-3:1' has a negative index
    a huge index          | 1 99999999999:1 | bad.svm:4:3: | an index beyond 2147483646
    a word for a value    | 1 3:x           | bad.svm:4:5: 'x' is not a value
    no value              | 1 3:            | bad.svm:4:5: | is not a value, expected a number
    a word for a label    | yes 3:1         | bad.svm:4:1: 'yes' is not a label
    one query only        | 1 qid:4 3:1     | bad.svm:4:1: | qid: in every row or in none
"""):
    lines = SPARSE.splitlines()
    lines[3] = line
    train("libsvm with " + name, "\n".join(lines) + "\n", says, file="bad.svm")


def sparse(name, text, says, keys="", code=DATA):
    train("libsvm " + name, text, says, keys, "bad.svm", code)


sparse("with a zero byte", "1 3:1\0 4:1\n", ["bad.svm:1:6:", "is not an entry"])
sparse("with a query of text", "1 qid:a 3:1\n", ["bad.svm:1:7: 'a' is not a query number"])
sparse("without labels", "1:1 2:1\n2:3\n", ["has no label"])
sparse("with a row without label", SPARSE + "1:1\n", ["data row 121 (from 1) has no label"])
sparse("with two labels", "1,2 1:1\n2,1 2:1\n", ["bad.svm: rows have up to 2 labels"])
sparse("that is empty", "", ["bad.svm: the file is empty"])
sparse("of comments", "# nothing\n", ["bad.svm: no rows"])
sparse("of 2^24 features", "1 16777216:1\n0 1:1\n", ["index 16777216 is too large"])
sparse("with weights", SPARSE, ["libsvm files have a label and qid: only"], "weight=f3", USAGE)
sparse("with a header", SPARSE, ["header has no effect"], "header=true", USAGE)
sparse("as CSV", SPARSE, ["has no label"], "format=csv")
train("CSV as libsvm", GOOD, ["bad.csv:1:1: 'a,b,c,y' is not a label"], "format=libsvm")

# ---- Rows to predict and to evaluate -------------------------------------------------------------

for name, text, *says in table(r"""
    a column is absent  | a,c\n1,red\n       | p.csv: no column "b" to take the feature from; the
    text for a number   | a,b,c\n1,x,red\n   | p.csv:2:3: 'x' is not a number, but column 'b' is one
    a short row         | a,b,c\n1,2\n       | p.csv:2:4: expected 3 cells, found 2
    an empty file       |                    | p.csv: the file is empty
    no rows             | a,b,c\n            | p.csv: no rows after the header
    no header           | 1,2,red\n          | p.csv: no column "a"
    another separator   | a;b;c\n1;2;red\n   | p.csv:1:1: cells are separated by ';'
"""):
    CASES.add("predict: " + name, "predict model=old.gbt data=p.csv", DATA, says, {"p.csv": text})
    CASES.add("eval: " + name, "eval model=old.gbt data=p.csv", DATA, says, {"p.csv": text})
for command, text, *says in table(r"""
    predict model=strict.gbt  | a,b,c\n1,2,pink\n         | column "c" | not seen in training
    predict model=old.gbt format=libsvm | a,b,c\n         | p.csv:1:1: 'a,b,c' is not a label
    eval model=old.gbt label=z          | a,b,c\n1,2,red\n| p.csv: no label column
    eval model=old.gbt        | a,b,c\n1,2,red\n          | p.csv: no label column
    eval model=old.gbt        | a,b,c,y\n1,2,red,\n       | p.csv: data row 1 (from 1) has no label
    eval model=old.gbt        | a,b,c,y\n1,2,red,one\n    | p.csv:2:9: 'one' is not a number
    eval model=two.gbt        | a,b,c,y\n1,2,red,maybe\n  | label "maybe" was not in the training
    eval model=strict.gbt     | a,b,c,y\n1,2,pink,1\n     | column "c" | not seen in training
    eval model=old.gbt weight=w | a,b,c,y,w\n1,2,red,1,-1\n | p.csv: row 1: the weight is
"""):
    CASES.add(f"{command}, {text!r}", command + " data=p.csv", DATA, says, {"p.csv": text})
CASES.add(
    "libsvm for a model of names",
    "predict model=old.gbt data=p.svm",
    DATA,
    ['p.svm: no column "a"'],
    {"p.svm": "1 1:1\n"},
)


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_with_code_and_reason(gbt, folder, name):
    refuse_case(gbt, folder, CASES[name])
