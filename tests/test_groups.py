"""Thresholds for groups with a tolerance: against brute force over all combinations, and bounds by simulation."""

import itertools
import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import beta
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, f1_score, make_scorer, recall_score
from sklearn.model_selection import GroupKFold
from sklearn.multiclass import OneVsRestClassifier

from sklearn_binnet import ThresholdCurve, ThresholdTunerCV
from sklearn_binnet._thresholds import METRICS, PARITIES, PARITY_METRICS, Constraint, find_groups, make_cost
from sklearn_binnet._thresholds._groups import draw, own_weight

ASKED = "equal_opportunity <= 0.05 [empirical]"


def sample(n, seed=0, shares=(0.7, 0.2, 0.1), shift=(0.0, 0.8, -0.8)):
    """Return rows, labels and groups; scores of equally likely rows differ by `shift` between groups."""
    rng = np.random.default_rng(seed)
    group = rng.choice(len(shares), n, p=shares)
    truth = rng.normal(size=n)
    labels = (rng.random(n) < expit(2 * truth - 0.5)).astype(int)
    return (truth + np.take(shift, group))[:, None], labels, np.array(list("abcdefghij"))[group]


X, Y, G = sample(3000)
FITTED = LogisticRegression().fit(X, Y)
SCORES = FITTED.predict_proba(X)[:, 1]


def prefit(**options):
    return ThresholdTunerCV(FITTED, cv="prefit", refit=False, **options)


def rates(called, labels, groups):
    """Return the rates of each group, by the name of the rate."""
    parts = [(called[groups == g], labels[groups == g] == 1) for g in np.unique(groups)]
    return {
        "recall": [c[p].mean() for c, p in parts],
        "fpr": [c[~p].mean() for c, p in parts],
        "positive_rate": [c.mean() for c, _ in parts],
    }


# ------------------------------------------------------------------ brute force
OBJECTIVES = {
    "balanced_accuracy": METRICS["balanced_accuracy"].utility,
    "accuracy": METRICS["accuracy"].utility,
    "cost": make_cost([[0, 1], [4, -1]]).utility,
    "f1": METRICS["f1"].utility,
}


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**31),
    st.integers(2, 3),
    st.sampled_from(sorted(PARITIES)),
    st.sampled_from([0.0, 0.1, 0.35, 1.0]),
    st.sampled_from(sorted(OBJECTIVES)),
)
def test_no_combination_of_thresholds_is_better(seed, n_groups, parity, tolerance, scoring):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), 6)
    labels = rng.random(len(groups)) < 0.5
    labels[::6], labels[1::6] = True, False  # both classes in every group
    scores = rng.integers(0, 9, len(groups)) / 8
    objective = OBJECTIVES[scoring]
    curves = [ThresholdCurve.from_scores(labels[groups == g], scores[groups == g]) for g in range(n_groups)]
    pooled = ThresholdCurve.from_scores(labels, scores)
    bound = Constraint(PARITY_METRICS[parity], False, tolerance, "empirical")
    found = find_groups(curves, [None] * n_groups, pooled, objective, [bound], 0.95, 0.5)

    def judge(thresholds):
        called = scores >= np.take(thresholds, groups)
        counts = [np.sum(a & b) for a, b in itertools.product((~labels, labels), (~called, called))]
        own = rates(called, labels.astype(int), groups)
        return float(objective(*counts)), max(np.ptp(own[rate]) for rate in PARITIES[parity])

    value, difference = judge(found.thresholds)
    assert difference <= tolerance + 1e-9
    assert found.report["score"] == pytest.approx(value)
    assert found.report["constraints"][0]["estimate"] == pytest.approx(difference)
    judged = [judge(chosen) for chosen in itertools.product(*([*np.unique(scores), 2.0] for _ in range(n_groups)))]
    assert value == pytest.approx(max(v for v, d in judged if d <= tolerance + 1e-9))


# ------------------------------------------------------------------ asked of a tuner
def test_one_threshold_for_all_breaks_what_thresholds_of_groups_keep():
    tuned = prefit(scoring="accuracy", parity=ASKED).fit(X, Y, sensitive=G)
    called = tuned.predict(X, sensitive=G)
    own = rates(called == 1, Y, G)["recall"]
    assert np.ptp(rates(tuned.best_threshold_ <= SCORES, Y, G)["recall"]) > 0.2
    assert np.ptp(own) <= 0.05
    report = tuned.group_report_
    assert report["satisfied"]
    assert report["score"] == pytest.approx((called == Y).mean())
    assert report["common_score"] == pytest.approx(((tuned.best_threshold_ <= SCORES) == Y).mean(), abs=2e-3)
    assert tuned.score(X, Y, sensitive=G) == pytest.approx(report["score"])
    assert list(tuned.group_thresholds_) == ["a", "b", "c"]
    assert tuned.group_thresholds_["b"] > tuned.group_thresholds_["a"] > tuned.group_thresholds_["c"]
    for name, recall in zip("abc", own, strict=True):
        line = report["groups"][name]
        assert line["threshold"] == tuned.group_thresholds_[name]
        assert line["recall"] == pytest.approx(recall)
        assert line["n_positive"] == np.sum(Y[name == G])
        assert line["own_weight"] == (1, 1)
    np.testing.assert_array_equal(tuned.decide(X, sensitive=G), np.where(called == 1, 1, -1))


@pytest.mark.parametrize("parity", sorted(PARITIES))
def test_each_kind_of_difference_is_kept(parity):
    tuned = prefit(parity=f"{parity} <= 0.04 [empirical]").fit(X, Y, sensitive=G)
    own = rates(tuned.predict(X, sensitive=G) == 1, Y, G)
    assert max(np.ptp(own[rate]) for rate in PARITIES[parity]) <= 0.04
    (line,) = tuned.group_report_["constraints"]
    assert line["constraint"] == f"{parity} <= 0.04 [empirical]"
    assert line["estimate"] == pytest.approx(max(np.ptp(own[rate]) for rate in PARITIES[parity]))


def test_two_tolerances_hold_together():
    asked = ["equal_opportunity <= 0.1 [empirical]", "demographic_parity <= 0.05 [empirical]"]
    tuned = prefit(parity=asked).fit(X, Y, sensitive=G)
    own = rates(tuned.predict(X, sensitive=G) == 1, Y, G)
    assert np.ptp(own["recall"]) <= 0.1
    assert np.ptp(own["positive_rate"]) <= 0.05
    assert len(tuned.group_report_["constraints"]) == 2


def test_a_wider_tolerance_scores_no_worse():
    tuned = prefit(scoring="f1").fit(X, Y, sensitive=G)
    scores = [
        tuned.retune(parity=f"equal_opportunity <= {tolerance} [empirical]").group_report_["score"]
        for tolerance in (0.0, 0.02, 0.1, 0.5, 1.0)
    ]
    assert scores == sorted(scores)
    called = tuned.predict(X, sensitive=G)
    assert f1_score(Y, called) == pytest.approx(scores[-1])


def test_confidence_asks_the_bounds_to_keep_the_tolerance():
    X, Y, G = sample(20_000, shares=(0.5, 0.3, 0.2))
    model = LogisticRegression().fit(X, Y)
    tuned = ThresholdTunerCV(model, cv="prefit", refit=False, parity="equal_opportunity <= 0.08")
    tuned.fit(X, Y, sensitive=G)
    (line,) = tuned.group_report_["constraints"]
    assert line["satisfied"]
    assert line["estimate"] < line["bound"] <= 0.08
    called = tuned.predict(X, sensitive=G) == 1
    ends = []
    for name in "abc":
        found, positives = called[(name == G) & (Y == 1)].sum(), Y[name == G].sum()
        tail = 0.05 / 6  # six ordered pairs of groups
        low, high = beta.ppf(tail, found, positives - found + 1), beta.ppf(1 - tail, found + 1, positives - found)
        assert tuned.group_report_["groups"][name]["recall_interval"] == pytest.approx((low, high))
        ends.append((low, found / positives, high))
    pairs = itertools.permutations(ends, 2)
    expected = max(p - q + np.hypot(high - p, q - low) for (_, p, high), (low, q, _) in pairs)
    assert line["bound"] == pytest.approx(expected)


def test_the_report_counts_every_row_by_its_weight():
    """Down to the lowest score of each group, at which one heavy row of each class stands."""
    rng = np.random.default_rng(1)
    groups, scores = np.repeat([0, 1], 150), rng.permutation(300) / 300
    labels, weight = rng.random(300) < 0.2 + 0.6 * scores, rng.uniform(0.2, 2.0, 300)
    for name in (0, 1):
        lowest = np.flatnonzero(groups == name)[scores[groups == name].argsort()[:2]]
        labels[lowest], weight[lowest], scores[lowest] = [True, False], 5.0, scores[lowest[0]]
    curves = [ThresholdCurve.from_scores(labels[groups == g], scores[groups == g], weight[groups == g]) for g in (0, 1)]
    pooled = ThresholdCurve.from_scores(labels, scores, weight)
    asked = [Constraint(PARITY_METRICS["equalized_odds"], False, 0.9)]
    found = find_groups(curves, [None] * 2, pooled, OBJECTIVES["balanced_accuracy"], asked, 0.95, 0.5)
    for thresholds, name in ((found.thresholds, "score"), (np.array([0.5, 0.5]), "common_score")):
        called = scores >= thresholds[groups]
        counts = [weight[a & b].sum() for a, b in itertools.product((~labels, labels), (~called, called))]
        assert found.report[name] == pytest.approx(float(OBJECTIVES["balanced_accuracy"](*counts)))
    called = scores >= found.thresholds[groups]
    for line, rows in zip(found.report["groups"], (groups == 0, groups == 1), strict=True):
        for rate, number, members in (("recall", "n_positive", labels & rows), ("fpr", "n_negative", ~labels & rows)):
            assert line[number] == pytest.approx(weight[members].sum())
            share = weight[members & called].sum() / weight[members].sum()
            size = weight[members].sum() ** 2 / (weight[members] ** 2).sum()  # Kish's number of rows
            hits, tail = share * size, 0.05 / 4  # two rates, and two ordered pairs of groups
            interval = beta.ppf(tail, hits, size - hits + 1), beta.ppf(1 - tail, hits + 1, size - hits)
            assert line[rate] == pytest.approx(share)
            assert line[f"{rate}_interval"] == pytest.approx(interval)


def test_what_cannot_be_shown_is_told_and_kept_as_far_as_the_rows_can_tell():
    tuned = prefit(parity="equal_opportunity <= 0.02")
    with pytest.warns(UserWarning, match=r"No thresholds are shown to keep `parity`.*'equal_opportunity <= 0.02'"):
        tuned.fit(X, Y, sensitive=G)
    report = tuned.group_report_
    assert not report["satisfied"]
    assert not report["constraints"][0]["satisfied"]
    assert report["constraints"][0]["bound"] > 0.02
    assert report["constraints"][0]["estimate"] < 0.1  # one threshold for all: above 0.2
    assert balanced_accuracy_score(Y, tuned.predict(X, sensitive=G)) > 0.75


def test_bound_holds_for_new_rows():
    """In 150 samples the true difference exceeds the bound, or a tolerance that was shown, in at most 5 %."""
    rng = np.random.default_rng(0)
    shift = np.array([0.0, 0.5])
    grid = rng.normal(size=100_000)
    positive_grid = rng.random(100_000) < expit(2 * grid - 0.5)
    above_bound = above_tolerance = shown = 0
    parity = [Constraint(PARITY_METRICS["equal_opportunity"], False, 0.15)]
    for _ in range(150):
        group = (rng.random(1500) < 0.4).astype(int)
        truth = rng.normal(size=1500)
        labels, scores = rng.random(1500) < expit(2 * truth - 0.5), truth + shift[group]
        curves = [ThresholdCurve.from_scores(labels[group == g], scores[group == g]) for g in (0, 1)]
        pooled = ThresholdCurve.from_scores(labels, scores)
        found = find_groups(curves, [None] * 2, pooled, METRICS["accuracy"].utility, parity, 0.95, 0.0)
        recall = [np.mean(grid[positive_grid] + s >= t) for s, t in zip(shift, found.thresholds, strict=True)]
        above_bound += np.ptp(recall) > found.report["constraints"][0]["bound"]
        shown += found.report["satisfied"]
        above_tolerance += found.report["satisfied"] and np.ptp(recall) > 0.15
    assert shown > 110
    assert above_bound <= 8
    assert above_tolerance <= 8


# ------------------------------------------------------------------ small groups
def test_groups_of_one_source_are_drawn_together_and_truly_different_ones_are_not():
    rng = np.random.default_rng(0)
    sizes = np.array([2000.0, 500.0, 40.0])
    same = np.array([np.searchsorted(np.sort(rng.normal(size=int(n))), np.linspace(-3, 3, 200)) for n in sizes]) * 1.0
    same[:, -1] = sizes
    assert (own_weight(same, sizes) < 0.7).all()
    other = same.copy()
    other[1] = sizes[1] * (same[0] / sizes[0]) ** 3
    weights = own_weight(other, sizes)
    assert weights[0] > 0.95
    assert weights[1] > 0.95
    assert weights[2] < weights[1]
    np.testing.assert_allclose(draw(other, np.ones(3)), other)
    np.testing.assert_allclose(
        draw(other, np.zeros(3)) / sizes[:, None], np.tile(other.sum(axis=0) / sizes.sum(), (3, 1))
    )


def test_the_threshold_of_a_small_group_is_nearer_to_that_of_all_and_to_the_truth():
    """No group differs in truth: without drawing together, small groups get thresholds that only chance set apart."""
    apart = {"": [], " [empirical]": []}
    for seed in range(10):
        X, Y, G = sample(800, seed, shares=(0.8, 0.15, 0.05), shift=(0.0, 0.0, 0.0))
        tuned = ThresholdTunerCV(LogisticRegression().fit(X, Y), cv="prefit", refit=False, scoring="accuracy")
        tuned.fit(X, Y, sensitive=G)
        for mode, found in apart.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                tuned.retune(parity=f"equal_opportunity <= 0.1{mode}")
            found.append(abs(tuned.group_thresholds_["c"] - tuned.best_threshold_))
    assert np.mean(apart[""]) < 0.6 * np.mean(apart[" [empirical]"])


# ------------------------------------------------------------------ evidence
def test_retune_takes_the_groups_of_fit_or_new_ones_and_goes_back():
    tuned = prefit().fit(X, Y, sensitive=G)
    assert tuned.group_thresholds_ is None
    assert tuned.group_report_ is None
    plain = tuned.predict(X)
    first = tuned.retune(parity=ASKED).group_thresholds_
    assert prefit(parity=ASKED).fit(X, Y, sensitive=G).group_thresholds_ == first
    assert prefit().fit(X, Y).retune(parity=ASKED, sensitive=G).group_thresholds_ == first
    assert pickle.loads(pickle.dumps(tuned)).retune(parity=ASKED).group_thresholds_ == first
    np.testing.assert_array_equal(tuned.retune().predict(X), plain)
    half = np.arange(len(Y)) % 2
    assert list(tuned.retune(parity=ASKED, sensitive=half).group_thresholds_) == [0, 1]


def test_folds_weights_costs_of_rows_and_another_prevalence():
    tuned = ThresholdTunerCV(LogisticRegression(), scoring="f1", parity=ASKED).fit(X, Y, sensitive=G)
    called = tuned.oof_scores_ >= np.array([tuned.group_thresholds_[g] for g in G])
    assert np.ptp(rates(called, Y, G)["recall"]) <= 0.05
    assert tuned.group_report_["score"] == pytest.approx(f1_score(Y, called))
    rarer = tuned.retune(prevalence=0.1).group_report_["groups"]
    assert sum(g["n_positive"] for g in rarer.values()) == pytest.approx(0.1 * len(Y))
    costs = np.random.default_rng(0).exponential(size=(len(Y), 2))
    by_row = prefit(scoring="cost", parity=ASKED).fit(X, Y, costs=costs, sensitive=G)
    called = by_row.predict(X, sensitive=G) == 1
    paid = np.where(called, costs[:, 0] * (Y == 0), costs[:, 1] * (Y == 1)).mean()
    assert by_row.group_report_["score"] == pytest.approx(-paid)
    assert np.ptp(rates(called, Y, G)["recall"]) <= 0.05
    weight = np.where(np.arange(len(Y)) % 3 == 0, 2.0, 1.0)
    twice = np.repeat(np.arange(len(Y)), weight.astype(int))
    pair = [
        prefit(parity=ASKED).fit(X, Y, sensitive=G, sample_weight=weight),
        prefit(parity=ASKED).fit(X[twice], Y[twice], sensitive=G[twice]),
    ]
    assert pair[0].group_thresholds_ == pytest.approx(pair[1].group_thresholds_)


def test_rows_that_no_fold_held_out_have_no_say():
    split = [(np.arange(2000), np.arange(2000, 3000))]
    tuned = ThresholdTunerCV(LogisticRegression(), cv=split, parity=ASKED).fit(X, Y, sensitive=G)
    held_out = ~np.isnan(tuned.oof_scores_)
    called = tuned.oof_scores_[held_out] >= np.array([tuned.group_thresholds_[g] for g in G[held_out]])
    assert np.ptp(rates(called, Y[held_out], G[held_out])["recall"]) <= 0.05
    again = tuned.retune(parity=ASKED, sensitive=G).group_thresholds_
    assert again == clone(tuned).fit(X, Y, sensitive=G).group_thresholds_


@pytest.mark.parametrize("dtype", ["category", "string"])
def test_groups_may_be_a_column_of_a_table_and_are_not_those_of_the_splitter(dtype):
    column = pd.Series(G).astype(dtype)
    tuner = ThresholdTunerCV(LogisticRegression(), cv=GroupKFold(4), parity=ASKED)
    tuned = tuner.fit(X, Y, groups=np.arange(len(Y)) // 10, sensitive=column)
    assert list(tuned.group_thresholds_) == ["a", "b", "c"]
    np.testing.assert_array_equal(tuned.predict(X, sensitive=column), tuned.predict(X, sensitive=G))


def test_the_positive_class_may_be_the_first():
    tuned = prefit(parity=ASKED, pos_label=0).fit(X, Y, sensitive=G)
    called = tuned.predict(X, sensitive=G)
    recalls = [recall_score(Y[g == G], called[g == G], pos_label=0) for g in "abc"]
    assert np.ptp(recalls) <= 0.05
    assert tuned.group_report_["groups"]["a"]["recall"] == pytest.approx(recalls[0])


# ------------------------------------------------------------------ bad input
@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        ("equal_opportunity >= 0.05", ValueError, "is no tolerance; write 'equal_opportunity <= 0.05'"),
        ("equal_opportunity <= 0.05 [strict]", ValueError, "is no tolerance"),
        ("equal_opportunity <= 1.5", ValueError, "`parity` 'equal_opportunity <= 1.5' always holds or never"),
        (
            "recall <= 0.05",
            ValueError,
            r"`parity` names the unknown metric 'recall'; choose one of \['demographic_parity', 'equal",
        ),
        ("fairness <= 0.05", ValueError, "`parity` names the unknown metric 'fairness'"),
        (["equalized_odds <= 0.1", "demographic_parity <= 0.1"], ValueError, "compares more than two rates"),
        (G, TypeError, "The group of each row is `sensitive`"),
        (0.05, TypeError, "`parity` must say how far groups may differ"),
    ],
)
def test_what_is_no_tolerance_is_refused_before_anything_is_fitted(groups, error, message):
    class Never(LogisticRegression):
        def fit(self, X, y):
            raise AssertionError("fitted")

    with pytest.raises(error, match=message):
        ThresholdTunerCV(Never(), parity=groups).fit(X, Y, sensitive=G)
    tuned = prefit(parity=ASKED).fit(X, Y, sensitive=G)
    before = tuned.group_thresholds_
    with pytest.raises(error, match=message):
        tuned.retune(parity=groups)
    assert tuned.group_thresholds_ == before


@pytest.mark.parametrize(
    ("sensitive", "message"),
    [
        (None, "pass `sensitive`, the group of each row, to fit"),
        (G[:-1], r"`sensitive` must hold the group of each row, shape \(3000,\), got shape \(2999,\)"),
        (np.column_stack([G, G]), "Join several columns into one first"),
        (np.where(np.arange(3000) == 7, "x", "y"), r"fewer than two rows of the groups \['x'\]"),
        (np.zeros(3000), r"at least two groups, got \[0.0\] only"),
        (np.where(np.arange(3000) < 5, np.nan, np.arange(3000) % 2), "`sensitive` has 5 missing values"),
        (np.array([None, *G[1:]], dtype=object), "`sensitive` has 1 missing values"),
        (np.array([1, *G[1:]], dtype=object), "must hold values of one kind, got strings and others"),
        (np.where(Y == 1, "a", "b"), r"no positive rows of the groups \['b'\]"),
    ],
)
def test_groups_that_cannot_be_compared_are_refused(sensitive, message):
    with pytest.raises(ValueError, match=message):
        prefit(parity=ASKED).fit(X, Y, sensitive=sensitive)


def test_groups_unseen_or_missing_at_prediction_are_refused():
    tuned = prefit(parity=ASKED).fit(X, Y, sensitive=G)
    for answer in (tuned.predict, tuned.decide):
        with pytest.raises(ValueError, match=r"groups that the tuner has not seen: 'z'; it knows \['a', 'b', 'c'\]"):
            answer(X[:3], sensitive=["a", "z", "b"])
        with pytest.raises(ValueError, match=r"differ between the groups \['a', 'b', 'c'\]; pass `sensitive`"):
            answer(X[:3])
        with pytest.raises(ValueError, match=r"shape \(3,\), got shape \(2,\)"):
            answer(X[:3], sensitive=["a", "b"])


@pytest.mark.parametrize(
    "options",
    [
        {"constraint": "recall >= 0.5"},
        {"abstain": 0.1},
        {"thresholds": 10},
        {"scoring": make_scorer(lambda y, p: f1_score(y, p))},
    ],
)
def test_what_does_not_go_together_is_refused(options):
    with pytest.raises(ValueError, match=f"^`parity` {re.escape(repr(ASKED))} goes with one yes/no question"):
        prefit(parity=ASKED, **options).fit(X, Y, sensitive=G)


def test_several_labels_are_refused():
    X, Y = make_multilabel_classification(100, n_classes=3, random_state=0)
    base = OneVsRestClassifier(LogisticRegression())
    with pytest.raises(ValueError, match="goes with one yes/no question"):
        ThresholdTunerCV(base, parity=ASKED).fit(X, Y, sensitive=np.arange(100) % 2)
    assert ThresholdTunerCV(base).fit(X, Y).group_thresholds_ is None
