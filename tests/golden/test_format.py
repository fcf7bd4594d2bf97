"""Reads the golden model files by the description in gbt/tree/README.md alone, none of our C, and
predicts with them: the description is complete, and the raw scores beside the models follow from it.
"""

import csv
import os
import struct
import zlib

import pytest

FOLDER = os.path.dirname(os.path.abspath(__file__))
TAGS = [b"PARM", b"SCHM", b"CUTS", b"SUMM", b"FRST"]


def float32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        assert self.at + n <= len(self.data)
        self.at += n
        return self.data[self.at - n : self.at]

    def one(self, kind):
        return self.many(kind, 1)[0]

    def many(self, kind, n):
        return struct.unpack(f"<{n}{kind}", self.take(n * struct.calcsize(kind)))

    def text(self):
        return self.take(self.one("I")).decode("utf-8")

    def texts(self):
        return [self.text() for _ in range(self.one("Q"))]

    def count(self):
        value, shift = 0, 0
        while True:
            byte = self.one("B")
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                assert byte > 0 or shift == 7  # the shortest form
                return value

    def is_done(self):
        return self.at == len(self.data)


def read_sections(data):
    """{tag: reader}"""
    head = Reader(data)
    assert head.take(8) == b"\x89GBT\r\n\x1a\n"
    assert head.take(4) == b"TREE"
    assert head.one("I") == 1
    assert head.one("Q") == len(data)
    lines = [(head.take(4), head.one("I"), head.one("Q")) for _ in range(head.one("I"))]
    assert head.one("I") == zlib.crc32(data[: head.at - 4])
    found = {}
    for tag, crc, size in lines:
        body = head.take(size)
        assert zlib.crc32(body) == crc
        found[tag] = Reader(body)
    assert head.is_done()
    assert [line[0] for line in lines] == TAGS
    return found


def read_schema(r):
    n = r.one("Q")
    schema = {"sparse": r.one("B"), "base": r.one("i"), "roles": [r.text() for _ in range(8)]}
    schema["label"], schema["task"] = r.texts(), r.texts()
    schema["features"] = [(r.text(), r.one("B"), r.texts()) for _ in range(n)]
    return schema


def read_cuts(r):
    n, n_categories = r.one("Q"), r.one("Q")
    categorical, bins, codes = r.many("B", n), r.many("i", n), r.many("I", n)
    assert sum(codes) == n_categories
    cuts = [{"bins": b, "upper": ()} for b in bins]
    for cut, is_categorical in zip(cuts, categorical):
        cut["upper"] = () if is_categorical else r.many("f", cut["bins"] - 1)
    for cut, n_codes in zip(cuts, codes):
        cut["bin_of_code"] = r.many("B", n_codes)
    return cuts


def read_summary(r):
    summary = {"objective": r.text(), "outputs": r.one("i"), "classes": r.one("i")}
    r.one("f")
    summary["base"] = r.many("d", summary["outputs"])
    summary["rows"], summary["best"] = r.one("Q"), r.one("i")
    r.one("d")
    summary["uses_init"] = r.one("B")
    summary["names"] = [r.text() for _ in range(summary["classes"])] if r.one("B") else []
    summary["labels"] = r.many("f", summary["classes"]) if r.one("B") else ()
    return summary


def read_node(r, node):
    feature = r.count() - 1
    if feature < 0:
        leaf, value, _, _ = r.count(), r.one("f"), r.one("f"), r.count()
        return {"leaf": leaf, "value": value}
    inner = {"feature": feature, "left": node + r.count(), "right": node + r.count()}
    inner["flags"] = r.one("B")
    inner["key"] = r.count() if inner["flags"] & 1 else r.one("B")
    r.many("f", 3)
    r.count()
    return inner


def read_trees(r):
    trees = []
    for _ in range(r.one("Q")):
        n_nodes, n_sets = r.count(), r.count()
        assert n_nodes % 2 == 1
        nodes = [read_node(r, node) for node in range(n_nodes)]
        trees.append((nodes, [r.many("I", 8) for _ in range(n_sets)]))
    return trees


def read_model(path):
    with open(path, "rb") as file:
        sections = read_sections(file.read())
    parameters = sections[b"PARM"]
    pairs = [(parameters.text(), parameters.text()) for _ in range(parameters.one("I"))]
    model = {
        "parameters": dict(pairs),
        "schema": read_schema(sections[b"SCHM"]),
        "cuts": read_cuts(sections[b"CUTS"]),
        "summary": read_summary(sections[b"SUMM"]),
        "trees": read_trees(sections[b"FRST"]),
    }
    assert all(section.is_done() for section in sections.values())
    return model


def bin_of(model, feature, cell):
    """Bin of a cell of the file; the missing bin follows the value bins."""
    _, is_categorical, texts = model["schema"]["features"][feature]
    cut = model["cuts"][feature]
    if cell == "" or cell in model["parameters"]["missing"].split(","):
        return cut["bins"]
    if not is_categorical:
        x = float32(float(cell))
        return sum(x > upper for upper in cut["upper"])
    code = texts.index(cell) if cell in texts else -1 if texts else int(cell)
    return cut["bin_of_code"][code] if 0 <= code < len(cut["bin_of_code"]) else cut["bins"]


def leaf_value(model, tree, cells):
    nodes, sets = tree
    node = nodes[0]
    while "leaf" not in node:
        b = bin_of(model, node["feature"], cells[node["feature"]])
        if node["flags"] & 1:
            goes_left = sets[node["key"]][b // 32] >> (b % 32) & 1
        elif b == model["cuts"][node["feature"]]["bins"]:
            goes_left = node["flags"] & 2
        else:
            goes_left = b <= node["key"]
        node = nodes[node["left" if goes_left else "right"]]
    return node["value"]


def raw_scores(model, cells, init):
    summary = model["summary"]
    scores = [float32(float32(base) + init) for base in summary["base"]]
    for number, tree in enumerate(model["trees"]):
        k = number % summary["outputs"]
        scores[k] = float32(scores[k] + leaf_value(model, tree, cells))
    return scores


def rows_of(model, path):
    """(cells by feature, init score) of every row."""
    schema = model["schema"]
    names = [feature[0] for feature in schema["features"]]
    with open(path, encoding="utf-8", newline="") as file:
        if schema["sparse"]:
            for line in file:
                there = dict(item.split(":") for item in line.split()[1:])
                yield [there.get(name[1:], "0") for name in names], 0.0
            return
        rows = list(csv.reader(file))
    header = rows.pop(0) if names[0] in rows[0] else [f"c{i}" for i in range(len(rows[0]))]
    for row in rows:
        by_name = dict(zip(header, row))
        init = float32(float(by_name[schema["roles"][5]])) if schema["roles"][5] else 0.0
        yield [by_name[name] for name in names], init


@pytest.mark.parametrize("name", ["multiclass", "binary", "init_score", "sparse"])
def test_the_description_of_the_format_is_enough_to_predict(name):
    model = read_model(os.path.join(FOLDER, f"v1_{name}.gbt"))
    outputs = model["summary"]["outputs"]
    suffix = "svm" if model["schema"]["sparse"] else "csv"
    rows = list(rows_of(model, os.path.join(FOLDER, f"v1_{name}.{suffix}")))
    with open(os.path.join(FOLDER, f"v1_{name}.txt"), encoding="ascii") as file:
        lines = [[float.fromhex(value) for value in line.split()] for line in file]
    assert len(rows) == len(lines) == 90
    for (cells, init), line in zip(rows, lines):
        assert raw_scores(model, cells, init) == line[:outputs]
    assert len(model["trees"]) > outputs
    assert model["parameters"]["learning_rate"]
