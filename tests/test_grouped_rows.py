"""Rows that belong together, such as those of one patient, stay together wherever rows are split."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_validate,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_binnet import BinaryNetClassifier, ThresholdTunerCV
from sklearn_binnet._folds import left_out_folds, one_fold
from tests.small import PLAIN

N_GROUPS, SIZE = 48, 6
_rng = np.random.default_rng(3)
GROUPS = np.repeat(np.arange(N_GROUPS), SIZE)
ORDER = _rng.permutation(len(GROUPS))
GROUPS = GROUPS[ORDER]
PATIENTS = np.array([f"patient {g:02}" for g in range(N_GROUPS)])[GROUPS]
X = _rng.normal(size=(N_GROUPS, 5))[GROUPS] + 0.02 * _rng.normal(size=(len(GROUPS), 5))
y = (np.arange(N_GROUPS) % 2)[_rng.permutation(N_GROUPS)][GROUPS]
"""Noise: the columns tell the patients apart and say nothing about the label, which is one for each patient."""


def net(**params):
    learns_by_heart = {"hidden_layer_sizes": (32,), "learning_rate": 0.03, "epochs": 60, "patience": 60}
    return BinaryNetClassifier(**PLAIN | learns_by_heart | {"n_estimators": 4, "random_state": 0} | params)


@pytest.fixture(scope="module")
def kept():
    return net().fit(X, y, groups=PATIENTS)


def together(numbers):
    """Return whether each group has one number only."""
    return all(len(np.unique(numbers[g == GROUPS])) == 1 for g in range(N_GROUPS))


def test_out_of_fold_probabilities_of_noise_are_chance(kept):
    cut = net().fit(X, y)
    assert roc_auc_score(y, cut.oof_proba_) > 0.9  # what nobody was told of
    assert abs(roc_auc_score(y, kept.oof_proba_) - 0.5) < 0.25  # 48 patients: three standard errors of the AUC
    assert together(kept.oof_fold_)
    assert not together(cut.oof_fold_)
    assert set(kept.oof_fold_) == {0, 1, 2, 3}


def test_the_temperature_is_learnt_on_groups_that_were_not_seen(kept):
    """Probabilities of noise must not be sure of themselves for a new patient."""
    cut = net().fit(X, y)
    assert kept.temperature_[0] > 2 * cut.temperature_[0]
    assert log_loss(y, kept.oof_proba_) < 0.75


def test_a_network_is_stopped_by_groups_that_it_has_not_seen():
    single = net(n_estimators=1, patience=5)
    assert single.fit(X, y, groups=GROUPS).n_iter_ < single.fit(X, y).n_iter_


def test_the_names_of_groups_play_no_part(kept):
    for groups in (GROUPS, GROUPS.astype(float), list(GROUPS), PATIENTS.astype(object)):
        np.testing.assert_array_equal(net(epochs=2).fit(X, y, groups=groups).oof_fold_, kept.oof_fold_)


def test_side_by_side_as_alone(kept):
    one, other = net().fit_many([(X, y, {"groups": GROUPS}), (X, y, {})])
    np.testing.assert_array_equal(one.oof_fold_, kept.oof_fold_)
    np.testing.assert_allclose(one.oof_proba_, kept.oof_proba_, atol=1e-4)
    assert not together(other.oof_fold_)


def test_rows_without_weight_belong_to_no_fold():
    weight = (np.arange(len(X)) % 5 > 0).astype(float)
    clf = net(epochs=1).fit(X, y, sample_weight=weight, groups=GROUPS)
    np.testing.assert_array_equal(clf.oof_fold_ == -1, weight == 0)
    assert all(len(np.unique(clf.oof_fold_[(weight > 0) & (g == GROUPS)])) == 1 for g in range(N_GROUPS))


def test_warm_start_and_several_labels_keep_groups_too(kept):
    Y = np.column_stack([y, np.roll(y, 1), (X[:, 0] > 0).astype(int)])
    clf = net(epochs=1, warm_start=True).fit(X, Y, groups=GROUPS)
    assert together(clf.oof_fold_)
    clf.fit(X, Y, groups=GROUPS)
    assert not hasattr(clf, "oof_fold_")


BAD = {
    "short": (GROUPS[:5], r"`groups` must hold one label for each of the 288 rows.*got shape \(5,\)"),
    "matrix": (np.column_stack([GROUPS, GROUPS]), r"`groups` must hold one label .* got shape \(288, 2\)"),
    "missing": (
        np.where(GROUPS == 3, np.nan, GROUPS),
        "`groups` must hold a label for every row, but some are missing",
    ),
    "none": (np.where(GROUPS == 3, None, GROUPS), "`groups` must hold a label for every row"),
    "masked": (np.ma.masked_array(GROUPS, GROUPS == 3), "`groups` is an array with 6 masked entries"),
}


@pytest.mark.parametrize(("groups", "message"), BAD.values(), ids=BAD)
def test_groups_that_are_none(groups, message, kept):
    before = vars(kept).copy()
    with pytest.raises(ValueError, match=message):
        kept.fit(X, y, groups=groups)
    assert vars(kept) == before
    with pytest.raises(ValueError, match=message):
        ThresholdTunerCV(LogisticRegression()).fit(X, y, groups=groups)


def test_too_few_groups():
    few = np.where(y == 1, 0, GROUPS + 1)  # all positives in one group
    with pytest.raises(ValueError, match=r"at least two groups with rows of each class.*of the rarer class there is 1"):
        net(n_estimators=1).fit(X, y, groups=few)
    with pytest.raises(ValueError, match=r"at least two groups with rows of each class.*of the rarer class there is 1"):
        ThresholdTunerCV(LogisticRegression()).fit(X, y, groups=few)
    net(n_estimators=1, early_stopping=False, epochs=1, patience=10).fit(X, y, groups=few)
    three = np.where(y == 1, GROUPS % 3, GROUPS + 3)
    with pytest.warns(UserWarning, match="n_estimators=4 networks .* groups of both classes.* has 3 groups: 3 will be"):
        clf = net(epochs=1).fit(X, y, groups=three)
    assert len(clf.histories_) == 3


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5, 0.8])
@pytest.mark.parametrize("seed", range(5))
def test_splits_of_groups(fraction, seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 30, 300)
    targets = (rng.random((300, 1)) < 0.3).astype(np.float32)
    train, held_out = one_fold(targets, groups, fraction, seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, held_out])), np.arange(300))
    assert not np.intersect1d(groups[train], groups[held_out]).size
    assert abs(len(held_out) / 300 - fraction) < 0.15
    folds = left_out_folds(targets, groups, 5, seed, tell_of_fewer=False)
    np.testing.assert_array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(300))
    for train, test in folds:
        assert not np.intersect1d(groups[train], groups[test]).size
        assert 0 < targets[train].mean() < 1


# ------------------------------------------------------------------ a splitter of the user's


def test_a_splitter_makes_the_folds():
    splitter = GroupKFold(3)
    clf = BinaryNetClassifier(**PLAIN | {"n_estimators": None, "cv": splitter, "epochs": 1}).fit(X, y, groups=GROUPS)
    for k, (_, test) in enumerate(splitter.split(X, y, GROUPS)):
        np.testing.assert_array_equal(clf.oof_fold_[test], k)
    assert len(clf.models_) == 3
    assert clone(clf).cv is not splitter
    leave_one = net(n_estimators=None, epochs=1, cv=LeaveOneGroupOut()).fit(X, y, groups=GROUPS % 4)
    np.testing.assert_array_equal(leave_one.oof_fold_, GROUPS % 4)


def test_rows_that_no_fold_leaves_out_have_no_probability():
    clf = net(n_estimators=None, cv=TimeSeriesSplit(3), epochs=3).fit(X, y)
    early = np.arange(len(X)) < len(X) // 4
    np.testing.assert_array_equal(np.isnan(clf.oof_proba_), early)
    np.testing.assert_array_equal(clf.oof_fold_ == -1, early)
    assert np.isfinite(clf.temperature_).all()
    tuned = ThresholdTunerCV(clf, cv="oof", refit=False).fit(X, y)
    np.testing.assert_array_equal(np.isnan(tuned.oof_scores_), early)


SPLITTERS = {
    "overlapping": (RepeatedStratifiedKFold(n_splits=2, n_repeats=2), {}, "leaves out some rows several times"),
    "cutting groups": (KFold(3), {"groups": GROUPS}, "puts rows of one group on both sides of a fold"),
    "without groups": (GroupKFold(3), {}, "The 'groups' parameter should not be None"),
    "one class": (KFold(2), {"sorted": True}, "training rows of one class only"),
}


@pytest.mark.parametrize(("splitter", "options", "message"), SPLITTERS.values(), ids=SPLITTERS)
def test_splitters_that_cannot_serve(splitter, options, message):
    rows = np.argsort(y) if options.pop("sorted", False) else np.arange(len(y))
    with pytest.raises(ValueError, match=message):
        net(n_estimators=None, cv=splitter).fit(X[rows], y[rows], **options)


def test_parameters_beside_a_splitter():
    with pytest.raises(ValueError, match=r"n_estimators must be None where cv makes the folds.*got 4, and .* 3 folds"):
        net(cv=StratifiedKFold(3)).fit(X, y)
    with pytest.raises(ValueError, match="'cv' parameter of BinaryNetClassifier must be an object impl"):
        net(cv=3).fit(X, y)
    with pytest.warns(UserWarning, match="cv=.* has no effect: the rows X_val are validated on"):
        net(n_estimators=None, epochs=1, cv=ShuffleSplit(1)).fit(X, y, X_val=X, y_val=y)


# ------------------------------------------------------------------ the tuner


def test_the_tuner_takes_no_out_of_fold_probabilities_of_folds_that_cut_groups(kept):
    cut = net(epochs=2).fit(X, y)
    with pytest.raises(ValueError, match="`oof_proba_`; this BinaryNetClassifier has those of folds that cut `groups`"):
        ThresholdTunerCV(cut, cv="oof", refit=False).fit(X, y, groups=GROUPS)
    tuned = ThresholdTunerCV(kept, cv="oof", refit=False).fit(X, y, groups=GROUPS)
    np.testing.assert_array_equal(tuned.oof_scores_, kept.oof_proba_)


@pytest.mark.parametrize("pipeline", [False, True])
@pytest.mark.parametrize("routing", [False, True])
def test_the_tuner_hands_groups_to_the_network(pipeline, routing, kept):
    estimator = make_pipeline(StandardScaler(), net()) if pipeline else net()
    with config_context(enable_metadata_routing=routing):
        tuned = ThresholdTunerCV(estimator).fit(X, y, groups=GROUPS)
    final = tuned.estimator_[-1] if pipeline else tuned.estimator_
    np.testing.assert_array_equal(final.oof_fold_, kept.oof_fold_)
    np.testing.assert_array_equal(tuned.oof_scores_, final.oof_proba_)
    assert tuned.estimators_ == []


class Memory(KNeighborsClassifier):
    """Learns by heart, and offers its own out-of-fold probabilities of folds that know no groups."""

    def fit(self, X, y):
        super().fit(X, y)
        self.oof_proba_ = y.astype(float)
        return self


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("cv", [None, 4, GroupKFold(4)])
@pytest.mark.parametrize("estimator", [KNeighborsClassifier(1), Memory(1)])
def test_the_tuners_own_folds_keep_groups_together(estimator, cv, routing):
    with config_context(enable_metadata_routing=routing):
        tuned = ThresholdTunerCV(estimator, cv=cv).fit(X, y, groups=PATIENTS)
    assert len(tuned.estimators_) == (5 if cv is None else 4)
    assert abs(roc_auc_score(y, tuned.oof_scores_) - 0.5) < 0.25
    if cv is None:
        assert roc_auc_score(y, ThresholdTunerCV(estimator).fit(X, y).oof_scores_) > 0.9


def test_a_share_of_the_rows_keeps_groups_together_and_several_labels_do():
    tuned = ThresholdTunerCV(KNeighborsClassifier(1), cv=0.25, random_state=0).fit(X, y, groups=GROUPS)
    assert together(np.isnan(tuned.oof_scores_))
    Y = np.column_stack([y, np.roll(y, 1)])
    several = ThresholdTunerCV(KNeighborsClassifier(1), scoring="f1_macro").fit(X, Y, groups=GROUPS)
    assert abs(roc_auc_score(y, several.oof_scores_[:, 0]) - 0.5) < 0.25


def test_a_splitter_that_cuts_groups_is_told():
    with pytest.warns(UserWarning, match="puts rows of one group on both sides of a fold"):
        ThresholdTunerCV(KNeighborsClassifier(1), cv=KFold(3)).fit(X, y, groups=GROUPS)


def test_groups_come_through_a_search_with_routing():
    with config_context(enable_metadata_routing=True):
        tuner = ThresholdTunerCV(KNeighborsClassifier(1))
        found = cross_validate(
            tuner, X, y, cv=GroupKFold(3), params={"groups": GROUPS}, return_estimator=True, scoring="accuracy"
        )
    for one in found["estimator"]:
        assert abs(roc_auc_score(y[: len(one.oof_scores_)], one.oof_scores_) - 0.5) < 0.3


def clustered(n_groups, size, seed):
    """Return labels and scores of rows that are copies of one row in each group."""
    rng = np.random.default_rng(seed)
    label = rng.random(n_groups) < 0.4
    score = rng.normal(size=n_groups) + 1.5 * label
    repeated = np.repeat(np.arange(n_groups), size)
    return label[repeated].astype(int), score[repeated][:, None], repeated


def fixed():
    """Return a classifier whose probability is the logistic function of the only column, or nearly."""
    scores = np.linspace(-3, 3, 100)
    return LogisticRegression().fit(scores[:, None], scores > 0)


@pytest.mark.parametrize("options", [{}, {"scoring": "f1"}, {"scoring": "cost", "costs": [[0, 1], [3, 0]]}])
def test_the_interval_of_copies_is_that_of_single_rows(options):
    """Ten copies of each row say nothing new: resampling groups sees that, resampling rows does not."""
    y, scores, groups = clustered(80, 10, 0)
    tuner = ThresholdTunerCV(fixed(), cv="prefit", refit=False, random_state=0, **options)

    def width(y, scores, **given):
        low, high = np.clip(tuner.fit(scores, y, **given).threshold_interval_, 1e-6, 1 - 1e-6)
        return np.log(high / (1 - high)) - np.log(low / (1 - low))

    single, copies, grouped = width(y[::10], scores[::10]), width(y, scores), width(y, scores, groups=groups)
    assert copies < 0.7 * single
    assert 0.75 < grouped / single < 1.33


def test_costs_by_row_and_retune_keep_the_groups():
    y, scores, groups = clustered(80, 10, 0)
    costs = np.column_stack([np.ones(800), np.full(800, 3.0)])
    tuner = ThresholdTunerCV(fixed(), scoring="cost", cv="prefit", refit=False, random_state=0)
    by_row = tuner.fit(scores, y, costs=costs, groups=groups).threshold_interval_
    tuner.set_params(costs=[[0, 1], [3, 0]]).fit(scores, y, groups=groups)
    np.testing.assert_allclose(by_row, tuner.threshold_interval_, rtol=1e-6)
    interval = tuner.retune(scoring="f1").threshold_interval_
    np.testing.assert_array_equal(
        interval, tuner.set_params(scoring="f1", costs=None).fit(scores, y, groups=groups).threshold_interval_
    )


def test_bounds_of_constraints_say_that_they_count_rows():
    y, scores, groups = clustered(80, 10, 0)
    tuner = ThresholdTunerCV(fixed(), constraint="recall >= 0.5", cv="prefit", refit=False)
    with pytest.warns(UserWarning, match="Rows of one group are not, so that the bounds are too narrow"):
        tuner.fit(scores, y, groups=groups)
    tuner.set_params(constraint="recall >= 0.5 [empirical]").fit(scores, y, groups=groups)
