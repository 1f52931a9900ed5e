"""Which rows train a network and which stop it: parts of the rows, both classes in each, no group on both sides."""

import numpy as np
import pytest
import sklearn
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)
from sklearn.utils.fixes import parse_version

from sklearn_binnet._folds import given_folds, left_out_folds, one_fold

DRAWS_EQUAL_GROUPS = parse_version(sklearn.__version__) >= parse_version("1.8")
"""Whether scikit-learn's seed tells groups with the same labels apart; older ones deal them out in one order."""


def column(labels):
    return np.asarray(labels, np.float32)[:, None]


HALVES = column(np.arange(40) % 2)
THREES = np.arange(40) // 2 % 10
"""Groups of four rows, two of either class."""


@st.composite
def labelled(draw):
    """Draw targets of one label and groups: the rows of a group are drawn freely, so that classes may be rare."""
    n = draw(st.integers(6, 40))
    targets = column(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    assume(0 < targets.sum() < n)
    groups = np.array(draw(st.lists(st.integers(0, 8), min_size=n, max_size=n)))
    return targets, groups


def folds_or_message(function, *args, **kwargs):
    """Return the folds and no message, or none and what was refused."""
    try:
        return function(*args, **kwargs), ""
    except ValueError as error:
        return None, str(error)


def groups_with_the_rarer_class(targets, groups):
    return min(len(np.unique(groups[targets[:, 0] == label])) for label in (0, 1))


@settings(max_examples=150, deadline=None)
@given(labelled(), st.integers(2, 6), st.booleans(), st.integers(0, 3))
def test_folds_are_parts_of_all_rows(drawn, n_networks, grouped, seed):
    targets, groups = drawn
    groups = groups if grouped else None
    rows = int(min(targets.sum(), len(targets) - targets.sum()))
    rarest = rows if groups is None else groups_with_the_rarer_class(targets, groups)
    folds, refused = folds_or_message(left_out_folds, targets, groups, n_networks, seed, tell_of_fewer=False)
    if refused:
        assert grouped
        assert "cannot be split" in refused
        return
    if rarest < 2:
        assert folds == []
        return
    held_out = np.concatenate([test for _, test in folds])
    np.testing.assert_array_equal(np.sort(held_out), np.arange(len(targets)))
    if not grouped:
        assert len(folds) == min(n_networks, rarest)
    assert 2 <= len(folds) <= min(n_networks, rarest)
    for train, test in folds:
        np.testing.assert_array_equal(np.union1d(train, test), np.arange(len(targets)))
        assert len(train) + len(test) == len(targets)
        assert 0 < targets[train].sum() < len(train)
        if grouped:
            assert not np.isin(groups[test], groups[train]).any()
        else:  # as many of either class as can be
            assert abs(targets[test].sum() - targets.sum() / len(folds)) < 1


def test_the_seed_draws_the_folds():
    def held_out(groups, seed):
        return [test.tolist() for _, test in left_out_folds(HALVES, groups, 4, seed, tell_of_fewer=False)]

    for groups in (None, THREES):
        assert held_out(groups, 0) == held_out(groups, 0)
        if groups is None or DRAWS_EQUAL_GROUPS:
            assert held_out(groups, 0) != held_out(groups, 1)


@pytest.mark.parametrize(
    ("positives", "groups", "said"),
    [
        ([0, 3], None, r"n_estimators=5 .* rows of both classes, but the rarer class has 2 rows: 2 will be trained"),
        ([7], None, r"the rarer class has 1 row: 1 will be trained"),
        ([0, 1, 2, 3], np.arange(40) // 2, r"with groups of both classes, but the rarer class has 2 groups: 2 will"),
    ],
)
def test_fewer_networks_are_told(positives, groups, said):
    targets = column(np.isin(np.arange(40), positives))
    with pytest.warns(UserWarning, match=said):
        folds = left_out_folds(targets, groups, 5, 0, tell_of_fewer=True)
    assert len(folds) == (0 if len(positives) == 1 else 2)


def test_several_labels_need_every_combination_or_enough_groups():
    targets = np.column_stack([np.arange(40) % 2, np.arange(40) < 20]).astype(np.float32)
    assert len(left_out_folds(targets, None, 10, 0, tell_of_fewer=True)) == 10
    assert len(left_out_folds(targets, np.arange(40) // 8, 10, 0, tell_of_fewer=False)) == 5
    with pytest.warns(UserWarning, match="groups of every combination of labels, but the rarest one has 5 groups: 5"):
        left_out_folds(targets, np.arange(40) // 8, 10, 0, tell_of_fewer=True)


@settings(max_examples=100, deadline=None)
@given(labelled(), st.sampled_from([0.1, 0.25, 0.4, 0.5, 0.6, 0.9]), st.integers(0, 3))
def test_one_fold_cuts_no_group(drawn, fraction, seed):
    targets, groups = drawn
    fold, refused = folds_or_message(one_fold, targets, groups, fraction, seed)
    few = groups_with_the_rarer_class(targets, groups) < 2
    assert few == ("at least two groups with rows of each class" in refused)
    if refused:
        assert few or "cannot be split" in refused
        return
    train, held_out = fold
    np.testing.assert_array_equal(np.sort(np.concatenate([train, held_out])), np.arange(len(targets)))
    assert len(held_out)
    assert len(train)
    assert not np.isin(groups[held_out], groups[train]).any()


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5, 0.8, 0.9])
def test_one_fold_holds_out_the_share_that_was_asked_for(fraction):
    for groups in (None, np.arange(40) // 2 % 10):
        train, held_out = one_fold(HALVES, groups, fraction, 0)
        assert len(held_out) == 40 * fraction
        assert len(train) == 40 - len(held_out)


def test_too_few_groups_are_counted():
    groups = np.where(HALVES[:, 0] == 1, 0, np.arange(40))
    with pytest.raises(ValueError, match="of the rarer class there is 1"):
        one_fold(HALVES, groups, 0.2, 0)


def test_given_folds_are_the_splitters():
    folds = given_folds(GroupKFold(5), HALVES, HALVES, THREES, None)
    for (train, test), (expected_train, expected_test) in zip(
        folds, GroupKFold(5).split(HALVES, HALVES, THREES), strict=True
    ):
        np.testing.assert_array_equal(train, expected_train)
        np.testing.assert_array_equal(test, expected_test)
    assert len(given_folds(StratifiedKFold(4), HALVES, HALVES, None, 4)) == 4
    several = np.column_stack([HALVES, np.arange(40) < 20]).astype(np.float32)
    for _, test in given_folds(StratifiedKFold(10), several, several, None, None):  # by combinations of labels
        assert sorted(map(tuple, several[test])) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    # Rows that come before all folds are in none; several labels need no second class.
    assert len(given_folds(TimeSeriesSplit(3), HALVES, HALVES, None, None)) == 3
    assert len(given_folds(KFold(2), several, np.ones_like(several), None, None)) == 2


class Overlapping:
    def __init__(self, *folds):
        self.folds = folds

    def split(self, X, y, groups=None):
        return self.folds

    def __repr__(self):
        return "mine"


ALL = np.arange(40)


@pytest.mark.parametrize(
    ("cv", "groups", "n_networks", "said"),
    [
        (KFold(4), None, 5, "n_estimators must be None .* got 5, and cv=KFold.* makes 4 folds"),
        (Overlapping((ALL, ALL[:10])), None, None, "cv=mine puts the same rows into the training and the validation"),
        (KFold(4), THREES, None, "cv=KFold.* puts rows of one group on both sides"),
        (PredefinedSplit(np.arange(40) % 2), None, None, "training rows of one class only"),
        (Overlapping((ALL, ALL[:0])), None, None, "makes a fold without rows to validate on"),
        (ShuffleSplit(3, test_size=0.5, random_state=0), None, None, "leaves out some rows several times"),
    ],
)
def test_folds_that_give_no_out_of_fold_probabilities_are_refused(cv, groups, n_networks, said):
    with pytest.raises(ValueError, match=said):
        given_folds(cv, HALVES, HALVES, groups, n_networks)


def test_a_split_that_leaves_one_class_is_refused():
    """scikit-learn puts the group of both classes beside that of negatives, and the other fold has one class."""
    targets, groups = column([0, 0, 0, 0, 1, 1]), np.array([0, 0, 4, 0, 4, 1])
    with pytest.raises(ValueError, match=r"`groups` cannot be split into 2 folds .* n_estimators=2"):
        left_out_folds(targets, groups, 2, 0, tell_of_fewer=False)
    with pytest.raises(ValueError, match=r"`groups` cannot be split into 2 folds"):
        one_fold(targets, groups, 0.2, 0)
