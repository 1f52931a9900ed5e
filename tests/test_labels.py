"""Labels, weights and splits."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sklearn_binnet._labels import Target, binary_labels, class_weights, strata, target_weights, validation_split

PAIRS = [
    np.array([0, 1]),
    np.array([-1, 1], dtype=np.int8),
    np.array([3.0, 7.0]),
    np.array([False, True]),
    np.array(["no", "yes"]),
    np.array(["no", "yes"], dtype=object),
]

answers_of_one = st.lists(st.booleans(), min_size=2, max_size=60).filter(lambda a: 0 < sum(a) < len(a))


@st.composite
def indicator(draw, max_rows=60):
    shape = draw(st.integers(1, max_rows)), draw(st.integers(1, 4))
    flat = draw(st.lists(st.booleans(), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    return np.array(flat, np.float32).reshape(shape)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda p: f"{p.dtype} {p[0]}")
@given(yes=answers_of_one, first_is_positive=st.booleans())
@settings(deadline=None, max_examples=25)
def test_labels_come_back_as_they_went_in(pair, yes, first_is_positive):
    y = pair[np.array(yes, int)]
    target = Target.learn(y, pair[0] if first_is_positive else None)
    answers = target.encode(y)
    assert answers.shape == (len(y), 1)
    np.testing.assert_array_equal(answers[:, 0] == 1, ~np.array(yes) if first_is_positive else np.array(yes))
    back = target.decode(answers == 1)
    assert back.dtype == y.dtype
    np.testing.assert_array_equal(back, y)


@given(matrix=indicator())
@settings(deadline=None, max_examples=50)
def test_indicator_matrices_come_back_as_they_went_in(matrix):
    matrix = np.column_stack([matrix, matrix[:, 0], matrix[:, 0]])  # three columns at least: no one-hot reading
    for y in (matrix.astype(int), matrix.astype(bool), matrix, sparse.csr_matrix(matrix.astype(int))):
        target = Target.learn(y)
        assert target.multilabel
        assert target.n_labels == matrix.shape[1]
        np.testing.assert_array_equal(target.classes, range(matrix.shape[1]))
        answers = target.encode(y)
        np.testing.assert_array_equal(answers, matrix)
        assert target.decode(answers == 1).dtype == y.dtype
        np.testing.assert_array_equal(target.decode(answers == 1), matrix)


def test_probabilities_stand_in_the_order_of_the_classes():
    p = np.array([[0.2], [0.9]])
    np.testing.assert_array_equal(Target.learn(["a", "b"]).columns(p), [[0.8, 0.2], [1 - 0.9, 0.9]])
    np.testing.assert_array_equal(Target.learn(["a", "b"], "a").columns(p), [[0.2, 0.8], [0.9, 1 - 0.9]])


@pytest.mark.parametrize("as_given", [np.asarray, sparse.csr_matrix, np.ndarray.tolist])
def test_one_hot_is_one_question(as_given):
    y = as_given(np.array([[1, 0], [0, 1], [0, 1]]))
    target = Target.learn(y)
    assert not target.multilabel
    with pytest.warns(UserWarning, match=r"Pass y\[:, 1\]"):
        answers = target.encode(y)
    np.testing.assert_array_equal(answers, [[0], [1], [1]])
    with pytest.warns(UserWarning, match="one-hot"):
        np.testing.assert_array_equal(binary_labels(y), [0, 1, 1])


def test_two_columns_that_are_not_one_hot_are_two_questions():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        target = Target.learn(np.array([[1, 0], [0, 1], [1, 1]]))
        assert target.multilabel
        # Later rows may look one-hot without being so.
        np.testing.assert_array_equal(target.encode(np.array([[1, 0], [0, 1]])), [[1, 0], [0, 1]])


def test_a_matrix_is_no_answer_to_one_question():
    with pytest.raises(ValueError, match=r"y_val must hold one label for each row, as in fit; got .* shape \(3, 2\)"):
        Target.learn([0, 1]).encode(np.array([[1, 0], [0, 1], [1, 1]]), name="y_val")


@given(yes=answers_of_one, data=st.data())
@settings(deadline=None, max_examples=50)
def test_balanced_weights_as_scikit_learn(yes, data):
    from sklearn.utils.class_weight import compute_class_weight

    y = np.array(yes, int)
    weight = np.array(data.draw(st.lists(st.integers(1, 3), min_size=len(y), max_size=len(y))), float)
    target = Target.learn(y)
    answers = target.encode(y)
    pairs = class_weights(answers, weight, "balanced", target)
    expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=np.repeat(y, weight.astype(int)))
    np.testing.assert_allclose(pairs, [expected])
    weights = target_weights(answers, weight, pairs)
    np.testing.assert_allclose(weights[answers == 1].sum(), weights[answers == 0].sum(), rtol=1e-5)
    np.testing.assert_allclose(weights.mean(), 1, rtol=1e-5)


def test_class_weights_go_to_the_labels_they_name():
    y = np.array(["a", "b", "b"])
    for pos_label, expected in ((None, (2.0, 5.0)), ("a", (5.0, 2.0))):
        target = Target.learn(y, pos_label)
        answers = target.encode(y)
        assert class_weights(answers, np.ones(3), {"a": 2, "b": 5}, target) == [expected]
        np.testing.assert_allclose(
            target_weights(answers, np.array([1.0, 1, 4]), [expected])[:, 0], [2 / 2, 5 / 2, 4 * 5 / 2]
        )


@pytest.mark.parametrize("weight", [np.inf, np.nan, -1, "2", None, 1j], ids=str)
def test_class_weights_that_are_no_finite_numbers_are_refused(weight):
    target = Target.learn(np.array(["a", "b", "b"]))
    with pytest.raises(ValueError, match="class_weight must give finite weights of at least 0"):
        class_weights(target.encode(np.array(["a", "b", "b"])), np.ones(3), {"a": weight}, target)


def test_the_positive_label_of_an_indicator_matrix_is_1():
    matrix = np.eye(3, dtype=int)[[0, 1, 2, 2]] | np.eye(3, dtype=int)[[1, 1, 1, 0]]
    assert Target.learn(matrix, 1).multilabel
    with pytest.raises(ValueError, match=r"pos_label must be None or 1 .* got 0"):
        Target.learn(matrix, 0)


def test_class_weights_of_several_questions():
    y = np.array([[1, 0, 0], [0, 0, 0], [0, 1, 0], [0, 1, 0]])
    target = Target.learn(y)
    answers = target.encode(y)
    ones = np.ones(4)
    assert class_weights(answers, ones, {1: 3}, target) == [(1, 3)] * 3
    assert class_weights(answers, ones, [{1: 3}, {0: 2}, {}], target) == [(1, 3), (2, 1), (1, 1)]
    # 1 of 4, 2 of 4, and a question without a yes
    np.testing.assert_allclose(class_weights(answers, ones, "balanced", target), [(4 / 6, 2), (1, 1), (1, 1)])
    np.testing.assert_array_equal(target_weights(answers, ones, [(1, 3), (2, 1), (1, 1)])[0], [3, 2, 1])
    assert class_weights(answers, ones, None, target) is None


@given(matrix=indicator(), fraction=st.floats(0.05, 0.95), seed=st.integers(0, 2**31))
@settings(deadline=None, max_examples=150)
def test_validation_split(matrix, fraction, seed):
    train, validation = validation_split(matrix, fraction, seed)
    n = len(matrix)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(n))
    again = validation_split(matrix, fraction, seed)
    np.testing.assert_array_equal(again[1], validation)
    if n < 4:
        assert len(validation) == 0
        return
    groups = strata(matrix, at_least=max(2, int(np.ceil(1 / fraction))))
    for group in range(groups.max() + 1):
        count, held_out = np.sum(groups == group), np.sum(groups[validation] == group)
        assert held_out < count
        assert held_out >= min(count - 1, 1)
        assert abs(held_out - np.clip(count * fraction, min(count - 1, 1), count - 1)) < 1
    strata_count = groups.max() + 1
    assert abs(len(validation) - fraction * n) < strata_count + 1


def test_validation_split_holds_out_the_fraction_of_each_class():
    y = (np.arange(500) % 10 == 0).astype(np.float32)[:, None]
    for fraction in (0.1, 0.2, 0.8):
        train, validation = validation_split(y, fraction, 0)
        assert len(validation) == 500 * fraction
        assert y[validation].sum() == 50 * fraction
        assert y[train].sum() == 50 - 50 * fraction
    other = validation_split(y, 0.2, 1)[1]
    assert not np.array_equal(validation_split(y, 0.2, 0)[1], other)


@given(matrix=indicator(), at_least=st.integers(2, 6))
@settings(deadline=None, max_examples=100)
def test_strata(matrix, at_least):
    groups = strata(matrix, at_least)
    counts = np.bincount(groups)
    assert counts.min() > 0
    if matrix.shape[1] == 1:
        np.testing.assert_array_equal(groups == groups[0], matrix[:, 0] == matrix[0, 0])
    else:
        # Every stratum is large enough, unless no combination nor number of yeses was.
        assert counts.min() >= at_least or counts.max() < at_least
