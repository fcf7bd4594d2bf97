"""NumPy arrays and sparse matrices: layouts, types, edges."""

import gbt
import numpy as np
import pytest

PARAMS = {"n_trees": 8, "objective": "regression", "min_child_samples": 5}


def layouts(X):
    wide = np.zeros((X.shape[0] * 2, X.shape[1] * 3), X.dtype)
    wide[::2, ::3] = X
    fixed = X.copy()
    fixed.flags.writeable = False
    unaligned = np.zeros(X.size * X.itemsize + 1, np.uint8)[1:].view(X.dtype).reshape(X.shape)
    unaligned[:] = X
    return {
        "c": np.ascontiguousarray(X),
        "fortran": np.asfortranarray(X),
        "strided": wide[::2, ::3],
        "reversed": X[::-1, ::-1].copy()[::-1, ::-1],
        "read-only": fixed,
        "unaligned": unaligned,
        "big-endian": X.astype(X.dtype.newbyteorder(">")),
        "list": X.tolist(),
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_layout_of_an_array_does_not_change_the_model(rows, dtype):
    X, y = rows[0].astype(dtype), rows[1]
    want = gbt.train(PARAMS, (X, y))
    for name, array in layouts(X).items():
        found = gbt.train(PARAMS, (array, y))
        assert found.to_bytes() == want.to_bytes(), name
        assert (want.predict(array) == want.predict(X)).all(), name


@pytest.mark.parametrize("code", ["b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "g"])
def test_every_number_type_trains_the_model_of_its_values(code):
    X = np.random.default_rng(1).integers(0, 2 if code == "b1" else 100, (300, 3))
    y = X[:, 0] * 1.0
    want = gbt.train(PARAMS, (X.astype(np.float32), y))
    assert gbt.train(PARAMS, (X.astype(code), y)).to_bytes() == want.to_bytes()
    assert (want.predict(X.astype(code)) == want.predict(X.astype(np.float32))).all()


def test_float32_float64_and_int32_are_read_in_place():
    from gbt._array import two_dimensional

    for dtype in (np.float32, np.float64, np.int32):
        X = np.zeros((6, 8), dtype)
        for view in (X, X.T, X[::2, ::-1], np.asfortranarray(X)):
            assert np.shares_memory(two_dimensional(view), view)


@pytest.mark.parametrize(
    "values, words",
    [
        (np.zeros((3, 2), "M8[s]"), "dates"),
        (np.zeros((3, 2), "m8[s]"), "durations"),
        (np.zeros((3, 2), complex), "complex"),
        (np.array([["a", "b"]]), "data frame"),
        (np.array([["a", 1.0]], dtype=object), "data frame"),
        (np.zeros(3), "2D"),
        (np.zeros((2, 2, 2)), "2D"),
    ],
)
def test_what_holds_no_numbers_is_refused_with_what_would_be_right(values, words):
    with pytest.raises(gbt.DataError, match=words):
        gbt.Dataset(values, np.zeros(len(values)))


def test_objects_that_are_numbers_and_none_are_numbers(rows):
    X = rows[0].astype(object)
    X[::3, 1] = None
    as_float = rows[0].copy()
    as_float[::3, 1] = np.nan
    found = gbt.train(PARAMS, (X, rows[1]))
    assert found.to_bytes() == gbt.train(PARAMS, (as_float, rows[1])).to_bytes()


def test_masked_cells_are_missing(rows):
    masked = np.ma.MaskedArray(rows[0], mask=rows[0] > 1)
    filled = np.where(rows[0] > 1, np.nan, rows[0])
    found = gbt.train(PARAMS, (masked, rows[1]))
    assert found.to_bytes() == gbt.train(PARAMS, (filled, rows[1])).to_bytes()


def test_no_rows_are_predicted_as_no_rows(model):
    assert model.predict(np.zeros((0, 5))).shape == (0,)
    assert model.predict(np.zeros((0, 5)), "leaf").shape == (0, model.n_trees)


def test_no_rows_cannot_train():
    with pytest.raises(gbt.GBTError):
        gbt.train({}, (np.zeros((0, 3)), np.zeros(0)))


def test_one_row_trains_a_constant():
    model = gbt.train({"objective": "regression", "n_trees": 2}, (np.ones((1, 2)), [3.0]))
    assert model.predict(np.zeros((2, 2))).tolist() == [3.0, 3.0]


def test_missing_and_constant_columns_are_never_split():
    X = np.column_stack([np.full(200, np.nan), np.ones(200), np.arange(200.0)])
    model = gbt.train(PARAMS, (X, np.arange(200.0)))
    gain = model.importance()
    assert gain["f0"] == 0 and gain["f1"] == 0 and gain["f2"] > 0


def test_the_number_of_columns_is_checked(model):
    with pytest.raises(gbt.DataError, match="4 features.*5"):
        model.predict(np.zeros((2, 4)))


def test_side_columns_are_kept_as_given(rows):
    X, y = rows
    weight, group = np.arange(1, len(y) + 1), np.repeat(np.arange(len(y) // 4), 4)
    data = gbt.Dataset(X, y, weight, group, init_score=np.zeros(len(y)), task=np.ones(len(y), "i8"))
    data.construct()
    assert (data.label == y.astype(np.float32)).all() and (data.weight == weight).all()
    assert (data.get("group") == group).all() and (data.get("task") == 1).all()
    assert (data.get("init_score") == 0).all() and len(data) == 1200 and data.n_features == 5


@pytest.mark.parametrize("name", ["label", "weight", "group", "init_score"])
def test_side_columns_of_another_length_are_refused(rows, name):
    sides = {"label": rows[1], name: np.ones(7)}
    with pytest.raises(gbt.DataError, match=f"{name}: 7 values for 1200 rows"):
        gbt.Dataset(rows[0], **sides)


def test_several_labels_make_several_outputs(rows):
    X, y = rows
    model = gbt.train(PARAMS, (X, np.column_stack([y, -y])))
    found = model.predict(X)
    assert found.shape == (len(y), 2)
    assert (found[:, 0] == gbt.train(PARAMS, (X, y)).predict(X)).all()


def test_texts_as_labels_of_an_array_are_classes(rows):
    X, y = rows
    label = np.where(y > 1, "yes", "no")
    model = gbt.train({"n_trees": 5}, (X, label))
    assert model.objective == "binary" and model.classes == ["no", "yes"]
    assert (model.predict(X, "class") == label).mean() > 0.9
    assert (model.predict(X[:, :5].astype(np.float32)) > 0.5).mean() > 0.3


def test_a_subset_trains_like_its_rows(rows):
    X, y = rows
    whole = gbt.Dataset(X, y)
    part = whole.subset(np.arange(600))
    assert part.n_rows == 600
    model = gbt.train(PARAMS, part, valid=whole.subset(np.arange(1200) >= 600))
    assert model.best_round > 0 and (part.label == y[:600].astype(np.float32)).all()


def test_bins_are_kept_until_a_parameter_asks_for_others(rows):
    data = gbt.Dataset(*rows)
    gbt.train(PARAMS, data)
    first = data._handle
    gbt.train({**PARAMS, "learning_rate": 0.3}, data)
    assert data._handle is first
    model = gbt.train({**PARAMS, "max_bin": 15}, data)
    assert data.bins(0) == 15
    assert model.to_bytes() == gbt.train({**PARAMS, "max_bin": 15}, rows).to_bytes()


def test_categorical_columns_of_an_array_may_be_numbers(rows):
    X = rows[0].copy()
    X[:, 2] = np.arange(len(X)) % 7
    y = np.array([3, 1, 4, 1, 5, 9, 2.0])[X[:, 2].astype(int)]
    model = gbt.train(PARAMS, gbt.Dataset(X, y, categorical=[2]))
    assert model.categorical_features == ["f2"]


def test_sparse_matrices_of_all_kinds_train_one_model():
    sparse = pytest.importorskip("scipy.sparse")
    X = sparse.random(400, 30, density=0.1, format="csr", random_state=3)
    y = np.asarray(X[:, 0].toarray())[:, 0]
    want = gbt.train(PARAMS, (X, y))
    wide = X.copy()
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    unsorted = sparse.csr_matrix(
        (X.data[::-1], (X.tocoo().row[::-1], X.tocoo().col[::-1])), shape=X.shape
    )
    forms = [X.tocsc(), X.tocoo(), X.todok(), X.astype(np.float32), wide, unsorted]
    if hasattr(sparse, "csr_array"):
        forms += [sparse.csr_array(X), sparse.csc_array(X)]
    for form in forms:
        assert (want.predict(form) == want.predict(X.toarray())).all()
    assert gbt.train(PARAMS, (wide, y)).to_bytes() == want.to_bytes()
    assert gbt.train(PARAMS, (X.tocsc(), y)).to_bytes() == want.to_bytes()
    twice = sparse.csr_matrix((np.ones(4), [0, 0, 1, 2], [0, 2, 3, 4]), shape=(3, 30))
    assert (want.predict(twice) == want.predict(twice.toarray())).all()
