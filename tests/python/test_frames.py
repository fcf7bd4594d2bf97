"""Data frames: pandas, polars, pyarrow, dictionaries, record arrays."""

import gbt
import numpy as np
import pytest

PARAMS = {"n_trees": 8, "min_child_samples": 5}


def columns():
    rng = np.random.default_rng(5)
    number = rng.normal(size=500)
    whole = rng.integers(0, 9, 500)
    text = np.array(["red", "green", "blue"])[rng.integers(0, 3, 500)]
    label = np.where(number + (text == "red") + 0.1 * whole > 0.7, "yes", "no")
    return {"number": number, "whole": whole, "text": text}, label


def pandas_frame():
    pandas = pytest.importorskip("pandas")
    found, label = columns()
    return pandas.DataFrame(found), label


def all_frames():
    """{kind: (frame, label)} of the same content; only of libraries that are installed."""
    found, label = columns()
    frames = {"dict": (found, label)}
    kinds = [(name, values.dtype) for name, values in found.items()]
    record = np.empty(500, kinds)
    for name in found:
        record[name] = found[name]
    frames["record"] = (record, label)
    try:
        import pandas

        frame = pandas.DataFrame(found)
        frames["pandas"] = (frame, label)
        frames["pandas category"] = (frame.astype({"text": "category"}), pandas.Series(label))
        nullable = frame.astype({"text": "string", "whole": "Int64", "number": "Float64"})
        frames["pandas nullable"] = (nullable, pandas.Categorical(label))
    except ImportError:
        pass
    try:
        import pyarrow

        frames["pyarrow"] = (pyarrow.table(found), label)
        frames["pyarrow batch"] = (pyarrow.RecordBatch.from_pydict(found), label)
    except ImportError:
        pass
    try:
        import polars

        frames["polars"] = (polars.DataFrame(found), label)
        category = polars.DataFrame(found).with_columns(polars.col("text").cast(polars.Categorical))
        frames["polars category"] = (category, polars.Series(label))
        frames["polars lazy"] = (polars.LazyFrame(found), label)
    except ImportError:
        pass
    return frames


FRAMES = all_frames()


def test_pandas_polars_and_pyarrow_are_installed():
    missing = {"pandas", "polars", "pyarrow"} - {kind.split()[0] for kind in FRAMES}
    if missing:
        pytest.skip(f"NOT TESTED, not installed: {', '.join(sorted(missing))}")


@pytest.mark.parametrize("kind", FRAMES)
def test_every_kind_of_frame_trains_the_same_model(kind):
    want = gbt.train(PARAMS, FRAMES["dict"])
    model = gbt.train(PARAMS, FRAMES[kind])
    assert model.to_bytes() == want.to_bytes()
    assert model.classes == ["no", "yes"] and model.categorical_features == ["text"]
    frame, label = FRAMES[kind]
    assert (model.predict(frame) == want.predict(FRAMES["dict"][0])).all()
    assert (model.predict(frame, "class") == np.asarray(label)).mean() > 0.9
    assert model.predict(frame, "leaf").shape == (500, 8)


@pytest.mark.parametrize("kind", FRAMES)
def test_every_kind_of_frame_validates(kind):
    model = gbt.train(PARAMS, FRAMES["dict"], valid=FRAMES[kind])
    assert model.to_bytes() == gbt.train(PARAMS, FRAMES["dict"], valid=FRAMES["dict"]).to_bytes()


def test_columns_are_matched_by_name_and_categories_by_text():
    frame, label = pandas_frame()
    frame = frame.astype({"text": "category"})
    model = gbt.train(PARAMS, (frame, label))
    want = model.predict(frame)
    other = frame[["text", "number", "whole"]].copy()
    other["text"] = other["text"].cat.reorder_categories(["red", "blue", "green"])
    assert (model.predict(other) == want).all()
    other["text"] = other["text"].cat.add_categories(["violet"])
    assert (model.predict(other) == want).all()
    assert (model.predict(other.astype({"text": str})) == want).all()


def test_a_dictionary_of_single_values_is_one_row():
    found, label = columns()
    model = gbt.train(PARAMS, (found, label))
    row = {name: values[3].item() for name, values in found.items()}
    assert model.predict(row).tolist() == model.predict(found)[3:4].tolist()


def test_unseen_categories_are_missing():
    frame, label = pandas_frame()
    model = gbt.train(PARAMS, (frame, label))
    unseen, missing = frame.copy(), frame.copy()
    unseen["text"], missing["text"] = "violet", None
    missing["text"] = missing["text"].astype(object)
    assert (model.predict(unseen) == model.predict(missing)).all()


def test_a_missing_column_is_named():
    frame, label = pandas_frame()
    model = gbt.train(PARAMS, (frame, label))
    with pytest.raises(gbt.DataError, match="whole"):
        model.predict(frame[["number", "text"]])


def test_unknown_columns_are_reported_and_left_out():
    frame, label = pandas_frame()
    model = gbt.train(PARAMS, (frame, label))
    wider = frame.assign(more=1.0)
    with pytest.warns(UserWarning, match="more"):
        found = model.predict(wider)
    assert (found == model.predict(frame)).all()


@pytest.mark.parametrize("dtype", ["datetime64[ns]", "timedelta64[ns]", "datetime64[ns, UTC]"])
def test_dates_are_refused_with_the_name_of_the_column(dtype):
    frame, label = pandas_frame()
    frame["when"] = np.arange(len(frame))
    frame["when"] = frame["when"].astype("int64").astype(dtype)
    with pytest.raises(gbt.DataError, match='"when".*pass'):
        gbt.train(PARAMS, (frame, label))
    found = gbt.train({**PARAMS, "ignore": "when"}, (frame, label))
    want = gbt.train(PARAMS, (frame.drop(columns="when"), label))
    with pytest.warns(UserWarning, match="when"):
        assert (found.predict(frame) == want.predict(frame.drop(columns="when"))).all()


def test_dates_of_arrow_and_polars_are_refused_too():
    polars = pytest.importorskip("polars")
    found, label = columns()
    frame = polars.DataFrame(found).with_columns(
        polars.Series("when", np.arange(500).astype("M8[D]"))
    )
    with pytest.raises(gbt.DataError, match="when"):
        gbt.train(PARAMS, (frame, label))


def test_mixed_objects_are_refused_with_row_and_column():
    frame, label = pandas_frame()
    frame["text"] = frame["text"].astype(object)
    frame.loc[3, "text"] = 5
    with pytest.raises(gbt.DataError, match='"text": row 3 holds 5'):
        gbt.train(PARAMS, (frame, label))


def test_missing_values_of_every_kind_are_missing():
    pandas = pytest.importorskip("pandas")
    number = np.where(np.arange(300) % 3 == 0, np.nan, np.arange(300.0))
    text = np.where(np.arange(300) % 5 == 0, None, "a")
    y = np.arange(300.0)
    want = gbt.train(PARAMS, ({"n": number, "t": text.astype(object)}, y))
    nullable = pandas.DataFrame({"n": pandas.array(number, "Float64"), "t": text})
    whole = pandas.DataFrame(
        {"n": pandas.array([None if v != v else int(v) for v in number], "Int64")}
    )
    whole["t"] = pandas.Series(text).astype("category")
    assert gbt.train(PARAMS, (nullable, y)).to_bytes() == want.to_bytes()
    assert gbt.train(PARAMS, (whole, y)).to_bytes() == want.to_bytes()


def test_side_columns_may_be_names_of_the_frame():
    frame, label = pandas_frame()
    whole = frame.assign(late=label, importance=1.0 + frame["whole"])
    named = gbt.train(PARAMS, gbt.Dataset(whole, "late", "importance"))
    assert named.label_name == "late" and named.feature_names == list(frame.columns)
    given = gbt.Dataset(frame.assign(late=label), "late", whole["importance"])
    assert (named.predict(frame) == gbt.train(PARAMS, given).predict(frame)).all()


def test_a_feature_called_y_stays_a_feature_beside_a_label_array():
    frame, label = pandas_frame()
    model = gbt.train(PARAMS, (frame.rename(columns={"number": "y"}), label))
    assert model.feature_names == ["y", "whole", "text"]


def test_evaluate_takes_frames_arrays_and_names(rows):
    frame, label = pandas_frame()
    model = gbt.train({**PARAMS, "metric": "logloss,auc"}, (frame, label))
    found = model.evaluate(frame, label)
    assert set(found) == {"logloss", "auc"} and found["auc"] > 0.9
    assert model.evaluate(frame.assign(label=label), "label") == found
    value, low, high = model.evaluate(frame, label, metrics=["auc"], resamples=50)["auc"]
    assert low <= value <= high
    plain = gbt.train({"n_trees": 5, "objective": "regression"}, rows)
    assert plain.evaluate(*rows)["rmse"] > 0


def test_a_stream_that_can_be_read_once_trains_trees_and_heads():
    pyarrow = pytest.importorskip("pyarrow")
    found, label = columns()
    table = pyarrow.table({**found, "label": label})

    def once():
        return gbt.Dataset(table.to_reader(max_chunksize=100), "label")

    want = gbt.train(PARAMS, gbt.Dataset(table, "label"))
    assert gbt.train(PARAMS, once()).to_bytes() == want.to_bytes()
    assert (want.predict(table.to_reader()) == want.predict(table)).all()
    heads = gbt.train_heads({"units": 10}, once())
    assert heads.classes == ["no", "yes"]


def test_large_texts_and_text_arrays_are_coded_alike():
    pandas = pytest.importorskip("pandas")
    text = np.array(["b", "a", "\u00e4", ""])[np.arange(400) % 4]
    y = (np.arange(400) % 4) * 1.0
    forms = [text, text.astype(object), pandas.Series(text), pandas.Series(text, dtype="string")]
    models = {gbt.train(PARAMS, ({"t": form}, y)).to_bytes() for form in forms}
    assert len(models) == 1
