"""The exact curve and the metrics on it, against brute force and scikit-learn."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as skm

from sklearn_binnet import ThresholdCurve
from sklearn_binnet._thresholds import (
    METRICS,
    averaged,
    decide,
    find_metric,
    make_cost,
    poisson_sums,
)

SCORES = st.one_of(
    st.floats(0, 1),
    st.sampled_from([0.0, -0.0, 0.25, 0.5, 1.0]),
    st.sampled_from([np.nextafter(0.5, 0), 0.5, np.nextafter(0.5, 1)]),
    st.floats(allow_nan=False),
    st.sampled_from([-np.inf, np.inf, 1.7e308, -1.7e308, 5e-324]),
)


@st.composite
def problems(draw, scores=SCORES, weights=True):
    n = draw(st.integers(1, 25))
    one = draw(st.sampled_from([scores, st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0])]))
    score = draw(st.lists(one, min_size=n, max_size=n))
    positive = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    weight = None
    if weights and draw(st.booleans()):
        weight = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, 7.0]), min_size=n, max_size=n))
        weight[draw(st.integers(0, n - 1))] = 1.0
        weight = np.array(weight)
    return np.array(positive), np.array(score), weight


def brute_counts(positive, scores, weight, threshold):
    weight = np.ones(len(scores)) if weight is None else weight
    called = decide(scores, threshold)
    return [
        weight[mask].sum()
        for mask in (
            ~positive & ~called,
            ~positive & called,
            positive & ~called,
            positive & called,
        )
    ]


@settings(max_examples=300, deadline=None)
@given(problems())
def test_counts_at_every_cut_equal_brute_force(problem):
    positive, scores, weight = problem
    curve = ThresholdCurve.from_scores(positive, scores, weight)
    for i, threshold in enumerate(curve.thresholds):
        expected = brute_counts(positive, scores, weight, threshold)
        got = [curve.tn[i], curve.fp[i], curve.fn[i], curve.tp[i]]
        np.testing.assert_allclose(got, expected, atol=1e-12)
        assert curve.index(threshold) == i


@settings(max_examples=200, deadline=None)
@given(problems())
def test_every_possible_decision_is_one_of_the_cuts(problem):
    positive, scores, weight = problem
    curve = ThresholdCurve.from_scores(positive, scores, weight)
    counted = scores if weight is None else scores[weight > 0]
    possible = {tuple(decide(counted, t)) for t in (*np.clip(counted, -1e308, 1e308), np.inf)}
    reached = {tuple(decide(counted, t)) for t in curve.thresholds}
    assert reached == possible
    assert not decide(counted, curve.thresholds[0]).any()
    assert decide(counted, curve.thresholds[-1]).all()


@settings(max_examples=100, deadline=None)
@given(problems(scores=st.floats(0, 1)))
def test_quick_sort_of_probabilities_equals_the_general_one(problem):
    positive, scores, _ = problem
    quick = ThresholdCurve.from_scores(positive, scores)
    general = ThresholdCurve.from_scores(positive, scores, np.full(len(scores), 2.0))
    np.testing.assert_array_equal(quick.thresholds, general.thresholds)
    np.testing.assert_array_equal(2 * quick.tp, general.tp)
    np.testing.assert_array_equal(4 * quick.fp, general.counts.fp_sq * 1.0)


def test_whole_weights_equal_repeated_rows():
    rng = np.random.default_rng(0)
    positive, scores = rng.random(50) < 0.4, rng.integers(0, 9, 50) / 8
    weight = rng.integers(0, 4, 50)
    weighted = ThresholdCurve.from_scores(positive, scores, weight.astype(float))
    repeated = ThresholdCurve.from_scores(np.repeat(positive, weight), np.repeat(scores, weight))
    np.testing.assert_array_equal(weighted.thresholds, repeated.thresholds)
    np.testing.assert_allclose(weighted.tp, repeated.tp)
    np.testing.assert_allclose(weighted.fp, repeated.fp)


def test_midpoints_are_used_where_rounding_leaves_them_inside():
    low = 0.5
    high = np.nextafter(low, 1)
    curve = ThresholdCurve.from_scores([False, True, True], [low, high, 0.75])
    assert curve.thresholds[1] == pytest.approx((high + 0.75) / 2)
    assert curve.thresholds[2] == high


def test_accumulate_sums_over_the_rows_called_positive():
    rng = np.random.default_rng(1)
    positive, scores = rng.random(40) < 0.5, rng.integers(0, 12, 40) / 11
    values = rng.normal(size=40)
    for weight in (None, rng.integers(0, 3, 40) * 1.0):
        curve = ThresholdCurve.from_scores(positive, scores, weight)
        keep = np.ones(40, bool) if weight is None else weight > 0
        expected = [values[keep & decide(scores, t)].sum() for t in curve.thresholds]
        np.testing.assert_allclose(curve.accumulate(values), expected, atol=1e-12)


def test_pickled_curve_leaves_its_rows_behind():
    curve = ThresholdCurve.from_scores([0, 1, 1], [0.1, 0.2, 0.3])
    copy = pickle.loads(pickle.dumps(curve))
    np.testing.assert_array_equal(copy.tp, curve.tp)
    with pytest.raises(ValueError, match="came out of a pickle"):
        copy.accumulate(np.ones(3))


@pytest.mark.parametrize("n_bins", [10, 50])
def test_spaced_cuts_hold_both_ends_and_resolve_the_rare_class(n_bins):
    rng = np.random.default_rng(0)
    scores = rng.random(5000)
    positive = rng.random(5000) < 0.02 * scores
    curve = ThresholdCurve.from_scores(positive, scores)
    cuts = curve.spaced_cuts(n_bins)
    assert cuts[0] == 0
    assert cuts[-1] == len(curve) - 1
    assert len(cuts) <= n_bins + 3
    arc = curve.tp / curve.n_positive + curve.fp / curve.n_negative
    np.testing.assert_allclose(curve.arc(), arc)
    assert np.diff(arc[cuts]).max() <= 2 / n_bins + 1 / positive.sum() + 1e-9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [0.1, np.nan]), "contain NaN"),
        (([0, 1], [0.1]), "of one length"),
        (([0, 1], [0.1, 0.2], [1.0]), "`sample_weight` must have shape"),
        (([0, 1], [0.1, 0.2], [1.0, -1.0]), "finite and not negative"),
        (([0, 1], [0.1, 0.2], [0.0, 0.0]), "weight above zero"),
        (([], []), "weight above zero"),
        (([1, 2], [0.1, 0.2]), r"booleans or 0 and 1, got .*2.*; pass `y == pos_label`"),
        ((["bad", "good"], [0.1, 0.2]), "got .*bad"),
        (([0, np.nan], [0.1, 0.2]), "got .*nan"),
    ],
)
def test_bad_rows_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ThresholdCurve.from_scores(*arguments)


REFERENCES = {
    "accuracy": skm.accuracy_score,
    "balanced_accuracy": skm.balanced_accuracy_score,
    "precision": lambda y, p, **k: skm.precision_score(y, p, zero_division=0, **k),
    "recall": lambda y, p, **k: skm.recall_score(y, p, zero_division=0, **k),
    "specificity": lambda y, p, **k: skm.recall_score(y, p, pos_label=0, zero_division=0, **k),
    "npv": lambda y, p, **k: skm.precision_score(y, p, pos_label=0, zero_division=0, **k),
    "f1": lambda y, p, **k: skm.f1_score(y, p, zero_division=0, **k),
    "jaccard": lambda y, p, **k: skm.jaccard_score(y, p, zero_division=0, **k),
    "matthews_corrcoef": skm.matthews_corrcoef,
    "cohen_kappa": skm.cohen_kappa_score,
    "youden": lambda y, p, **k: skm.balanced_accuracy_score(y, p, adjusted=True, **k),
}


@settings(max_examples=80, deadline=None)
@given(problems(), st.sampled_from(sorted(REFERENCES)))
def test_metrics_equal_scikit_learn_at_every_cut(problem, name):
    positive, scores, weight = problem
    weight = np.ones(len(scores)) if weight is None else weight
    if weight[positive].sum() == 0 or weight[~positive].sum() == 0:
        return
    curve = ThresholdCurve.from_scores(positive, scores, weight)
    values = METRICS[name](curve.tn, curve.fp, curve.fn, curve.tp)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = [REFERENCES[name](positive, decide(scores, t), sample_weight=weight) for t in curve.thresholds]
    np.testing.assert_allclose(values, expected, atol=1e-9)


@pytest.mark.parametrize("average", ["macro", "weighted", "micro"])
@pytest.mark.parametrize("name", ["precision", "recall", "f1", "jaccard"])
def test_averages_over_the_classes_equal_scikit_learn(average, name):
    rng = np.random.default_rng(0)
    positive, scores = rng.random(60) < 0.3, rng.random(60)
    curve = ThresholdCurve.from_scores(positive, scores)
    values = averaged(METRICS[name], average)(curve.tn, curve.fp, curve.fn, curve.tp)
    reference = getattr(skm, f"{name}_score")
    expected = [reference(positive, decide(scores, t), average=average, zero_division=0) for t in curve.thresholds]
    np.testing.assert_allclose(values, expected)


def test_complements_and_other_metrics():
    counts = np.array([50.0]), np.array([10.0]), np.array([5.0]), np.array([35.0])
    value = {name: float(metric(*counts)[0]) for name, metric in METRICS.items()}
    assert value["fpr"] == pytest.approx(1 - value["specificity"])
    assert value["fnr"] == pytest.approx(1 - value["recall"])
    assert value["fdr"] == pytest.approx(1 - value["precision"])
    assert value["for"] == pytest.approx(1 - value["npv"])
    assert value["error_rate"] == pytest.approx(0.15)
    assert value["positive_rate"] == pytest.approx(0.45)
    assert value["geometric_mean"] == pytest.approx(np.sqrt(value["recall"] * 50 / 60))
    assert value["positive_likelihood_ratio"] == pytest.approx((35 / 40) / (10 / 60))
    assert value["negative_likelihood_ratio"] == pytest.approx((5 / 40) / (50 / 60))
    assert find_metric("f2")(*counts)[0] == pytest.approx(5 * 35 / (5 * 35 + 4 * 5 + 10))
    assert make_cost([[0, 1], [5, -1]])(*counts)[0] == pytest.approx((10 + 25 - 35) / 100)


def test_undefined_likelihood_ratio_never_wins():
    metric = METRICS["positive_likelihood_ratio"]
    utility = metric.utility(np.array([10.0, 8]), np.array([0.0, 2]), np.ones(2), np.ones(2))
    assert utility[0] == -np.inf
    assert utility[1] == pytest.approx(2.5)
    assert METRICS["fpr"].utility(8.0, 2.0, 1.0, 1.0) == pytest.approx(-0.2)


def test_correlation_survives_huge_weights():
    matthews = METRICS["matthews_corrcoef"]
    scaled = matthews(*(np.array([x * 1e90]) for x in (50.0, 10.0, 5.0, 35.0)))
    plain = matthews(*(np.array([x]) for x in (50.0, 10.0, 5.0, 35.0)))
    np.testing.assert_allclose(scaled, plain)


@pytest.mark.parametrize(
    ("name", "found"),
    [("mcc", "matthews_corrcoef"), ("recall", "recall"), ("f.5", "f0.5"), ("f2.", "f2"), ("fast", None), (3, None)],
)
def test_names_of_metrics(name, found):
    metric = find_metric(name)
    assert (metric and metric.name) == found


def test_names_of_metrics_beyond_the_usual_ones():
    cost = make_cost([[0, 1], [5, 0]])
    assert find_metric("cost") is None
    assert find_metric("cost", {"cost": cost}) is cost


@pytest.mark.parametrize("random", [np.random.default_rng, np.random.RandomState])
def test_poisson_sums_have_the_mean_and_variance_of_resampled_rows(random):
    groups = [np.full(20, 1.0), np.array([3.0, 0.5, 0.5]), np.zeros(0)]
    weight, squares = (np.array([np.sum(group**power) for group in groups]) for power in (1, 2))
    drawn = poisson_sums(weight, squares, 20_000, random(0))
    np.testing.assert_allclose(drawn.mean(axis=0), np.cumsum(weight), rtol=0.02)
    np.testing.assert_allclose(drawn.var(axis=0), np.cumsum(squares), rtol=0.05)
