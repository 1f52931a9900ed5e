"""Constraints: reading, bounds, coverage, and what is said when nothing satisfies them."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from sklearn_binnet import ThresholdCurve
from sklearn_binnet._thresholds import (
    METRICS,
    Constraint,
    Counts,
    Problem,
    _bounds,
    argmax_threshold,
    bound_keeps,
    clopper_pearson,
    find_feasible,
    find_metric,
    make_cost,
    metric_bound,
    parse_constraint,
    report,
    shortfall_message,
)

from .test_thresholds_curve import problems


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 200), st.data(), st.sampled_from([0.01, 0.05, 0.3]))
def test_exact_bounds_invert_the_binomial(n, data, alpha):
    k = data.draw(st.integers(0, n))
    lower = float(clopper_pearson(k, n, alpha, "lower"))
    upper = float(clopper_pearson(k, n, alpha, "upper"))
    assert lower <= k / n <= upper
    assert lower == 0 if k == 0 else binom.sf(k - 1, n, lower) == pytest.approx(alpha, abs=1e-8)
    assert upper == 1 if k == n else binom.cdf(k, n, upper) == pytest.approx(alpha, abs=1e-8)


BOUNDED = ["precision", "recall", "fpr", "npv", "accuracy", "positive_rate", "f1", "f2", "balanced_accuracy"]
BOUNDED += ["matthews_corrcoef", "cohen_kappa", "geometric_mean", "positive_likelihood_ratio", "net_benefit@0.2"]


def check_kept(name, counts, side, value):
    """Compare the quick judgement of a whole curve with the bounds themselves."""
    metric = find_metric(name)
    bound = metric_bound(metric, counts, 0.05, side)
    kept = bound_keeps(metric, counts, 0.05, side, value)
    expected = bound >= value if side == "lower" else bound <= value
    clear = ~(np.abs(bound - value) <= 1e-9)
    np.testing.assert_array_equal(kept[clear], expected[clear])
    exact = (bound == value) & np.isin(value, (0, 1))
    assert kept[exact].all()
    return expected


@settings(max_examples=120, deadline=None)
@given(problems(), st.sampled_from(BOUNDED), st.sampled_from([-0.1, 0.0, 0.3, 0.5, 0.9, 1.0]), st.integers(1, 40))
def test_a_bound_keeps_a_value_where_it_is_beyond_it(problem, name, value, blocks):
    counts = ThresholdCurve.from_scores(*problem).counts
    with mock.patch.object(_bounds, "BLOCKS", blocks):  # so that blocks of several cuts are judged together
        for side in ("lower", "upper"):
            check_kept(name, counts, side, value)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", BOUNDED)
def test_every_cut_of_a_long_curve_is_judged(name, weighted):
    rng = np.random.default_rng(1)
    positive = rng.random(6000) < 0.2
    scores = rng.normal(size=6000) + 1.5 * positive
    counts = ThresholdCurve.from_scores(positive, scores, rng.exponential(size=6000) if weighted else None).counts
    usual = np.nanquantile(find_metric(name)(*counts.confusion()), [0.3, 0.6, 0.9])
    kept = [check_kept(name, counts, side, value).mean() for value in usual for side in ("lower", "upper")]
    assert sum(0 < share < 1 for share in kept) >= 4


@pytest.mark.parametrize(("name", "at_least"), [("recall", True), ("fpr", False), ("precision", True), ("fdr", False)])
def test_a_constraint_holds_at_the_very_bound(name, at_least):
    rng = np.random.default_rng(0)
    curve = ThresholdCurve.from_scores(rng.random(60) < 0.4, rng.random(60))
    alpha = 0.05 if METRICS[name].monotone else 0.025
    bounds = metric_bound(METRICS[name], curve.counts, alpha, "lower" if at_least else "upper")
    for cut in (10, 25, 40):
        constraint = Constraint(METRICS[name], at_least, float(bounds[cut]))
        feasible = constraint.feasible(curve, 0.05)
        np.testing.assert_array_equal(feasible, bounds >= bounds[cut] if at_least else bounds <= bounds[cut])
        assert feasible[cut]


def test_no_trials_give_the_trivial_bound():
    assert clopper_pearson(0, 0, 0.05, "lower") == 0
    assert clopper_pearson(0, 0, 0.05, "upper") == 1


def test_equal_weights_of_any_size_count_as_rows():
    rng = np.random.default_rng(0)
    positive, scores = rng.random(100) < 0.5, rng.random(100)
    bounds = [
        metric_bound(
            METRICS["precision"],
            ThresholdCurve.from_scores(positive, scores, w).counts,
            0.05,
            "lower",
        )
        for w in (None, np.full(100, 0.1))
    ]
    np.testing.assert_allclose(*bounds, atol=1e-9)


@pytest.mark.parametrize("name", ["balanced_accuracy", "matthews_corrcoef", "cohen_kappa", "f1", "youden"])
def test_bounds_of_other_metrics_enclose_the_estimate_and_close_with_more_rows(name):
    rng = np.random.default_rng(0)
    widths = []
    for n in (200, 20_000):
        scores = rng.random(n)
        counts = ThresholdCurve.from_scores(rng.random(n) < scores, scores).counts
        metric = METRICS[name]
        estimate = metric(*counts.confusion())
        lower, upper = (metric_bound(metric, counts, 0.05, side) for side in ("lower", "upper"))
        middle = slice(n // 4, 3 * n // 4)
        assert np.all(lower[middle] < estimate[middle])
        assert np.all(estimate[middle] < upper[middle])
        widths.append((upper - lower)[n // 2])
    assert widths[1] < widths[0] / 5


def test_cost_bound_is_on_the_dear_side():
    counts = Counts(*(np.array([0.0, 40, 50]), np.array([0.0, 5, 50])) * 2)
    metric = make_cost([[0, 1], [5, 0]])
    estimate = metric(*counts.confusion())[1]
    assert metric_bound(metric, counts, 0.05, "upper")[1] > estimate
    assert metric_bound(metric, counts, 0.05, "lower")[1] < estimate


@pytest.mark.parametrize(
    ("text", "name", "at_least", "value", "mode"),
    [
        ("recall >= 0.9", "recall", True, 0.9, "confident"),
        (" Sensitivity>=.9 ", "recall", True, 0.9, "confident"),
        ("fpr <= 1e-2", "fpr", False, 0.01, "confident"),
        ("precision ≥ 0.8 [strict]", "precision", True, 0.8, "strict"),
        ("mcc > 0.3 [empirical]", "matthews_corrcoef", True, 0.3, "empirical"),
    ],
)
def test_reading(text, name, at_least, value, mode):
    (constraint,) = parse_constraint(text)
    assert (constraint.metric.name, constraint.at_least) == (name, at_least)
    assert (constraint.value, constraint.mode) == (value, mode)
    assert parse_constraint(str(constraint)) == [constraint]


def test_reading_several():
    assert len(parse_constraint("recall >= 0.9 and fpr <= 0.2")) == 2
    assert len(parse_constraint(["recall >= 0.9", "fpr <= 0.2, precision >= 0.1"])) == 3
    assert parse_constraint(None) == []
    ready = Constraint(METRICS["f1"], True, 0.5)
    assert parse_constraint([ready]) == [ready]


@pytest.mark.parametrize(
    ("constraint", "error", "message"),
    [
        ("recal >= 0.9", ValueError, "unknown metric 'recal'"),
        ("recall = 0.9", ValueError, "not understood"),
        ("recall >= 1.2", ValueError, "lies between 0 and 1, and the number to compare it with must too; got 1.2"),
        ("recall >= 0.9 [sure]", ValueError, "unknown mode 'sure'"),
        ("cost <= 3", ValueError, r"pass `costs=\[\[tn, fp\]"),
        (["recall >= 0.9", "recall <= 0.8"], ValueError, "contradicts itself"),
        (["fpr <= 0.1", "specificity <= 0.8"], ValueError, "contradicts itself"),
        (3, TypeError, "must be a string such as"),
        ([3], TypeError, "must hold strings"),
    ],
)
def test_bad_constraints(constraint, error, message):
    with pytest.raises(error, match=message):
        parse_constraint(constraint)


def test_constraints_that_meet_do_not_contradict():
    assert len(parse_constraint(["recall >= 0.8", "recall <= 0.9", "fnr <= 0.3"])) == 3


def test_recall_is_bounded_by_an_order_statistic():
    # 59 positives: the lowest score is a 95 % bound on the 5 % quantile, the second lowest is not.
    scores = np.concatenate([np.linspace(0.5, 1, 59), np.linspace(0, 0.9, 40)])
    positive = np.arange(99) < 59
    curve = ThresholdCurve.from_scores(positive, scores)
    outcome = find_feasible(curve, parse_constraint("recall >= 0.95"), 0.95)
    assert outcome.satisfied
    assert curve.fn[outcome.feasible].max() == 0
    fewer = ThresholdCurve.from_scores(positive[1:], scores[1:])
    assert not find_feasible(fewer, parse_constraint("recall >= 0.95"), 0.95).satisfied


def simulated(n, seed, positive_rate=0.3, separation=2.0):
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < positive_rate
    return ThresholdCurve.from_scores(positive, rng.normal(size=n) + separation * positive)


def truth(name, threshold, positive_rate=0.3, separation=2.0):
    recall, fpr = norm.sf(threshold - separation), norm.sf(threshold)
    called = positive_rate * recall + (1 - positive_rate) * fpr
    return {"recall": recall, "fpr": fpr, "precision": positive_rate * recall / called}[name]


@pytest.mark.parametrize(
    ("text", "scoring"),
    [
        ("recall >= 0.85", "precision"),
        ("fpr <= 0.1", "recall"),
        ("precision >= 0.8", "recall"),
        ("precision >= 0.8 [strict]", "recall"),
    ],
)
def test_violations_are_rare_by_default_and_common_for_plain_estimates(text, scoring):
    violated = {"": 0, " [empirical]": 0}
    found = 0
    for seed in range(150):
        curve = simulated(400, seed)
        for suffix in violated:
            (constraint,) = parse_constraint(text.split(" [")[0] + suffix if suffix else text)
            outcome = find_feasible(curve, [constraint], 0.95)
            problem = Problem(curve, METRICS[scoring].utility, feasible=outcome.feasible)
            threshold = argmax_threshold(problem)
            bad = not constraint.holds(truth(constraint.metric.name, threshold))
            violated[suffix] += bad and outcome.satisfied
            found += outcome.satisfied and not suffix
    assert found > 100
    assert violated[""] <= 15
    assert violated[" [empirical]"] >= 40


def test_strict_allows_no_cut_that_pointwise_refuses_at_the_full_level():
    curve = simulated(2000, 1)
    (strict,) = parse_constraint("precision >= 0.8 [strict]")
    allowed = strict.feasible(curve, 0.1)
    assert allowed.any()
    pointwise = metric_bound(METRICS["precision"], curve.counts, 0.1, "lower")
    assert pointwise[allowed].min() >= 0.8


@pytest.mark.parametrize("text", ["npv >= 0.9 [strict]", "accuracy >= 0.7 [strict]", "f1 >= 0.5 [strict]"])
def test_strict_finds_thresholds_for_other_metrics(text):
    (constraint,) = parse_constraint(text)
    curve = simulated(3000, 2)
    feasible = constraint.feasible(curve, 0.05)
    assert feasible.any()
    assert constraint.holds(constraint.estimate(curve.counts)[feasible]).all()


def test_level_is_shared_among_constraints():
    curve = simulated(1000, 0)
    outcome = find_feasible(curve, parse_constraint(["recall >= 0.7", "fpr <= 0.3"]), 0.9)
    assert outcome.alpha == pytest.approx(0.05)
    assert outcome.feasible.sum() < len(curve)
    one = find_feasible(curve, parse_constraint(["recall >= 0.7 [empirical]", "fpr <= 0.3"]), 0.9)
    assert one.alpha == pytest.approx(0.1)


def test_shortfall_says_how_many_positives_would_do():
    curve = simulated(40, 3)
    constraints = parse_constraint("recall >= 0.9")
    outcome = find_feasible(curve, constraints, 0.95)
    assert not outcome.satisfied
    assert outcome.feasible.sum() == 1
    lines = report(curve, constraints, curve.thresholds[outcome.feasible][0], outcome)
    # all positives found: 0.9 ** n <= 0.05 needs 29
    assert lines[0]["positives_needed"] == 29
    assert lines[0]["nearest"] == pytest.approx(0.05 ** (1 / curve.n_positive))
    assert not lines[0]["satisfied"]
    assert "about 29 rows of the positive class" in shortfall_message(lines)


def test_shortfall_that_no_rows_can_cure():
    curve = simulated(2000, 3, separation=0.2)
    constraints = parse_constraint("balanced_accuracy >= 0.9")
    outcome = find_feasible(curve, constraints, 0.95)
    lines = report(curve, constraints, curve.thresholds[outcome.feasible][0], outcome)
    assert lines[0]["positives_needed"] == np.inf
    assert "more rows alone would not help" in shortfall_message(lines)


def test_shortfall_of_constraints_that_only_clash():
    curve = simulated(2000, 3, separation=0.5)
    constraints = parse_constraint(["recall >= 0.9", "fpr <= 0.1"])
    outcome = find_feasible(curve, constraints, 0.95)
    lines = report(curve, constraints, curve.thresholds[outcome.feasible][0], outcome)
    assert not outcome.satisfied
    assert [line["positives_needed"] for line in lines] == [None, None]
    assert "no threshold satisfies them together" in shortfall_message(lines)
