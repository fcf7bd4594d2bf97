"""Small data files for the command line tests, always the same."""

import random


def rows(n=120, seed=1):
    """Columns a, b (now and then missing), c (text) and y = 2 a - b + [c = red] + noise."""
    draw = random.Random(seed)
    result = []
    for i in range(n):
        a, b, c = draw.random(), draw.random(), draw.choice(["red", "green", "blue"])
        y = 2 * a - b + (c == "red") + draw.gauss(0, 0.05)
        result.append((f"{a:.4f}", "" if i % 17 == 3 else f"{b:.4f}", c, f"{y:.4f}"))
    return result


def csv_text(table, names="a,b,c,y"):
    return names + "\n" + "".join(",".join(row) + "\n" for row in table)


def regression():
    return csv_text(rows())


def binary():
    return csv_text([(a, b, c, "yes" if float(y) > 0.8 else "no") for a, b, c, y in rows()])


def multiclass():
    names = ("high", "low", "middle")
    return csv_text([(a, b, c, names[int(3 * float(a)) % 3]) for a, b, c, y in rows()])


def counts():
    """A label of whole numbers from 0."""
    return csv_text([(a, b, c, str(int(4 * float(a)))) for a, b, c, y in rows()])


def libsvm(n=120, seed=2):
    """Sparse rows; the label is 1 when index 3 is there, else 0."""
    draw = random.Random(seed)
    lines = []
    for _ in range(n):
        at = sorted(draw.sample(range(1, 8), 3))
        lines.append(f"{int(3 in at)} " + " ".join(f"{i}:{draw.random():.3f}" for i in at))
    return "\n".join(lines) + "\n"
