"""Thresholds for costs and shares of positives that are known up to a range, against brute force."""

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from sklearn_binnet import ThresholdTunerCV

X, Y = make_classification(300, weights=[0.7], flip_y=0.15, random_state=0)


@pytest.fixture(scope="module")
def tuned():
    return ThresholdTunerCV(LogisticRegression(), selection="argmax").fit(X, Y)


def mean_costs(tuned, thresholds, matrix, share):
    """Mean cost of a row at each threshold, counted."""
    (c_tn, c_fp), (c_fn, c_tp) = matrix
    decided = tuned.oof_scores_ >= np.asarray(thresholds)[:, None]
    share = Y.mean() if share is None else share
    recall, fpr = decided[:, Y == 1].mean(axis=1), decided[:, Y == 0].mean(axis=1)
    return share * (c_fn * (1 - recall) + c_tp * recall) + (1 - share) * (c_tn * (1 - fpr) + c_fp * fpr)


def regrets(tuned, matrix, share):
    costs = mean_costs(tuned, every_threshold(tuned), matrix, share)
    return costs - costs.min()


def every_threshold(tuned):
    return np.append(np.unique(tuned.oof_scores_), 2.0)


def test_the_mean_regret_over_a_distribution_is_least(tuned):
    miss, share = stats.gamma(2, scale=3), stats.beta(2, 8)
    tuned.retune_uncertain([[0, 1], [miss, 0]], prevalence=share)
    rng = np.random.default_rng(0)
    draws = zip(miss.rvs(2000, random_state=rng), share.rvs(2000, random_state=rng), strict=True)
    mean = np.mean([regrets(tuned, [[0, 1], [m, 0]], s) for m, s in draws], axis=0)
    chosen = np.flatnonzero(every_threshold(tuned) >= tuned.best_threshold_)[0]
    assert mean[chosen] <= mean.min() + 0.004  # the error of 2000 draws
    assert mean[chosen] < mean[np.flatnonzero(every_threshold(tuned) >= 0.5)[0]]


@pytest.mark.parametrize("share", [None, (0.05, 0.3)])
def test_the_worst_regret_over_the_ranges_is_least(tuned, share):
    tuned.retune_uncertain([[0, (0.5, 1)], [(2, 10), 0]], prevalence=share, regret="worst")
    shares = [None] if share is None else np.linspace(*share, 7)
    worst = np.max(
        [
            regrets(tuned, [[0, false_alarm], [miss, 0]], s)
            for false_alarm in np.linspace(0.5, 1, 5)
            for miss in np.linspace(2, 10, 9)
            for s in shares
        ],
        axis=0,
    )
    chosen = np.flatnonzero(every_threshold(tuned) >= tuned.best_threshold_)[0]
    assert worst[chosen] == pytest.approx(worst.min(), abs=1e-12)
    assert -tuned.best_score_ == pytest.approx(worst.min(), abs=1e-12)
    by_mean = tuned.retune_uncertain([[0, (0.5, 1)], [(2, 10), 0]], prevalence=share).best_threshold_
    assert worst[np.flatnonzero(every_threshold(tuned) >= by_mean)[0]] >= worst.min()


def test_a_range_of_no_width_is_a_number(tuned):
    wanted = tuned.retune(scoring="cost", costs=[[0, 1], [5, 0]], prevalence=0.1).best_threshold_
    for regret in ("mean", "worst"):
        found = tuned.retune_uncertain([[0, 1], [(5, 5), 0]], prevalence=(0.1, 0.1), regret=regret)
        assert found.best_threshold_ == wanted
    assert tuned.best_score_ == pytest.approx(0, abs=1e-12)


def test_constraints_hold_too():
    tuned = ThresholdTunerCV(LogisticRegression()).fit(X, Y)
    tuned.retune_uncertain([[0, 1], [(1, 2), 0]], regret="worst", constraint="recall >= 0.7")
    assert tuned.constraint_report_[0]["bound"] >= 0.7
    low, high = tuned.threshold_interval_
    assert low < tuned.best_threshold_ <= high


def test_several_labels():
    rows, labels = make_multilabel_classification(300, n_classes=3, random_state=0)
    tuned = ThresholdTunerCV(OneVsRestClassifier(LogisticRegression()), scoring="f1_macro", cv=3).fit(rows, labels)
    expected = tuned.retune(scoring="cost", costs=[[0, 1], [3, 0]]).best_threshold_
    np.testing.assert_array_equal(tuned.retune_uncertain([[0, 1], [(2, 4), 0]]).best_threshold_, expected)
    for options in ({"regret": "worst"}, {"prevalence": (0.1, 0.2)}):
        with pytest.raises(ValueError, match=r"for one yes/no question, and this tuner has 3 labels"):
            tuned.retune_uncertain([[0, 1], [(2, 4), 0]], **options)


@pytest.mark.parametrize(
    ("costs", "options", "message"),
    [
        ([[0, 1], [(10, 3), 0]], {}, r"entry 'fn' that must be a range \(low, high\), the lower end first"),
        ([[0, 1], ["much", 0]], {}, "entry 'fn' that must be a number, a range"),
        ([[0, 1], [(1, 2, 3), 0]], {}, "entry 'fn' that must be a number, a range"),
        ([[0, 1], [np.inf, 0]], {}, "must be finite"),
        ([[0, 1], [stats.norm, 0]], {}, r"a frozen distribution, and scipy.stats.norm has no parameters yet"),
        ([0, 1], {}, r"`costs` must be a 2x2 matrix .* such as \[\[0, 1\], \[\(3, 10\), 0\]\]"),
        ([[0, 1, 2], [1, 2, 3]], {}, "must be a 2x2 matrix"),
        ([[0, 1], [(-3, 1), 0]], {"regret": "worst"}, "wrong decision cheaper"),
        ([[0, 1], [stats.gamma(2), 0]], {"regret": "worst"}, "has no bounds.*regret='mean'"),
        ([[0, 1], [5, 0]], {"regret": "least"}, r"`regret` must be one of \['mean', 'worst'\]"),
        ([[0, 1], [5, 0]], {"prevalence": (0.5, 1.2)}, "`prevalence` must lie between 0 and 1"),
        ([[0, 1], [5, 0]], {"prevalence": 0}, "`prevalence` must lie between 0 and 1, and its mean may be neither"),
        ([[0, 1], [5, 0]], {"prevalence": stats.norm(0.2)}, "`prevalence` must lie between 0 and 1"),
    ],
)
def test_bad_requests(tuned, costs, options, message):
    before = tuned.best_threshold_
    with pytest.raises(ValueError, match=message):
        tuned.retune_uncertain(costs, **options)
    assert tuned.best_threshold_ == before
