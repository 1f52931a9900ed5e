"""Selection rules: exact, stable, and sensible where data are few."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import poisson
from sklearn.linear_model import LogisticRegression

from sklearn_binnet import ThresholdCurve
from sklearn_binnet import _thresholds as th
from sklearn_binnet._thresholds import (
    METRICS,
    Problem,
    ScoreScale,
    _problem,
    beta_calibration,
    bootstrap_optima,
    decide,
    fit_logistic,
    make_cost,
    select,
)
from sklearn_binnet._thresholds._selection import kernel_threshold, plug_in_threshold, smooth_optima

from .test_thresholds_curve import brute_counts, problems

OBJECTIVES = {
    name: METRICS[name].utility for name in ("f1", "balanced_accuracy", "matthews_corrcoef", "fpr", "precision")
} | {"cost": make_cost([[0, 1], [5, 0]]).utility}


def sample(n, seed=0, positive_rate=0.3, separation=1.5):
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < positive_rate
    z = rng.normal(size=n) + separation * positive
    offset = np.log(positive_rate / (1 - positive_rate)) - separation**2 / 2
    return positive, expit(separation * z + offset)  # calibrated probabilities


@settings(max_examples=120, deadline=None)
@given(problems(), st.sampled_from(sorted(OBJECTIVES)))
def test_argmax_is_the_best_of_all_possible_thresholds(problem, name):
    positive, scores, weight = problem
    counted = np.ones(len(scores)) if weight is None else weight
    if counted[positive].sum() == 0 or counted[~positive].sum() == 0:
        return
    curve = ThresholdCurve.from_scores(positive, scores, weight)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        chosen = select(Problem(curve, OBJECTIVES[name]), "argmax")

    def value(threshold):
        return float(OBJECTIVES[name](*brute_counts(positive, scores, weight, threshold)))

    thresholds = np.append(np.unique(np.clip(scores, -1e308, 1e308)), np.inf)
    counts = np.transpose([brute_counts(positive, scores, weight, t) for t in thresholds])
    best = np.max(OBJECTIVES[name](*counts))
    assert value(chosen.threshold) == pytest.approx(best, abs=1e-9)
    assert chosen.score == pytest.approx(best, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(problems(), st.sampled_from(sorted(OBJECTIVES)))
def test_stable_always_gives_a_finite_threshold_inside_its_interval(problem, name):
    positive, scores, weight = problem
    curve = ThresholdCurve.from_scores(positive, scores, weight)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        chosen = select(Problem(curve, OBJECTIVES[name]))
    assert not np.isnan(chosen.threshold)
    assert chosen.interval[0] <= chosen.threshold <= chosen.interval[1]
    expected = OBJECTIVES[name](*brute_counts(positive, scores, weight, chosen.threshold))
    assert chosen.score == pytest.approx(float(expected), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(problems(), st.integers(0, 2**31))
def test_no_rule_leaves_the_feasible_cuts(problem, seed):
    positive, scores, weight = problem
    curve = ThresholdCurve.from_scores(positive, scores, weight)
    rng = np.random.default_rng(seed)
    feasible = rng.random(len(curve)) < 0.3
    feasible[rng.integers(len(curve))] = True
    for rule in ("stable", "argmax", lambda curve, values: 0.5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            chosen = select(Problem(curve, OBJECTIVES["f1"], feasible=feasible), rule)
        assert feasible[curve.index(chosen.threshold)]


def test_many_feasible_runs_make_no_more_work_than_the_bins():
    positive, scores = sample(6000, 4)
    curve = ThresholdCurve.from_scores(positive, scores)
    problem = Problem(curve, OBJECTIVES["f1"], feasible=np.arange(len(curve)) % 2 == 0)
    assert 500 <= len(problem.bins(500).cuts) <= 3 * 500 + 2  # the spaced ones, and both sides of an end of a run
    chosen = select(problem)
    assert problem.feasible[curve.index(chosen.threshold)]
    free = select(Problem(curve, OBJECTIVES["f1"]))
    assert chosen.threshold == pytest.approx(free.threshold, abs=0.01)


def test_stable_threshold_varies_less_and_lies_nearer_to_the_truth_than_argmax():
    truth = logit(0.5)  # balanced accuracy of calibrated scores at a positive rate of one half
    errors = {"stable": [], "argmax": []}
    for seed in range(30):
        positive, scores = sample(200, seed, positive_rate=0.5)
        problem = Problem(ThresholdCurve.from_scores(positive, scores), OBJECTIVES["balanced_accuracy"])
        for rule in errors:
            errors[rule].append((logit(select(problem, rule).threshold) - truth) ** 2)
    assert np.mean(errors["stable"]) < 0.5 * np.mean(errors["argmax"])


def test_stable_moves_at_most_one_bootstrap_deviation():
    positive, scores = sample(300, 3)
    problem = Problem(ThresholdCurve.from_scores(positive, scores), OBJECTIVES["f1"])
    optima = bootstrap_optima(problem)
    chosen = select(problem)
    moved = problem.scale.forward(chosen.threshold) - optima.mean()
    assert abs(moved) <= optima.std() + 1e-9
    assert chosen.deviation == pytest.approx(optima.std())


@pytest.mark.parametrize("distort", [1.0, 0.2, 3.0])
def test_pure_costs_take_the_threshold_of_recalibrated_probabilities(distort):
    positive, scores = sample(800, 5)
    miss = 4
    curve = ThresholdCurve.from_scores(positive, expit(distort * logit(scores)))
    problem = Problem(curve, make_cost([[0, 1], [miss, 0]]).utility, bayes=1 / (1 + miss))
    z = logit(problem.curve.scores)
    features = np.column_stack([z * 0 + 1, -np.logaddexp(0, -z), np.logaddexp(0, z)])
    positives = np.diff(curve.tp)
    refit = LogisticRegression(C=1e6, max_iter=10_000, tol=1e-9).fit(features[:, 1:], positives)
    recalibrated = refit.predict_proba(features[:, 1:])[:, 1]
    expected = z[recalibrated >= 1 / (1 + miss)].min()
    assert problem.scale.forward(select(problem).threshold) == pytest.approx(expected, abs=0.05)


def test_smooth_rules_lose_their_say_where_the_rows_are_many():
    positive, scores = sample(40_000, 1)
    bent = np.where(scores > 0.3, 0.3 + (scores - 0.3) ** 3, scores**4)  # far from what the smooth rules assume
    problem = Problem(ThresholdCurve.from_scores(positive, bent), OBJECTIVES["f1"])
    optima, bins = bootstrap_optima(problem), problem.bins(2000)
    plug_in = plug_in_threshold(problem, bins, beta_calibration(problem, bins))
    pull = (plug_in + kernel_threshold(problem, bins)) / 2 - optima.mean()
    assert abs(pull) > 2 * optima.std()
    moved = problem.scale.forward(select(problem).threshold) - optima.mean()
    assert abs(moved) < 0.2 * optima.std()


def test_bootstrap_of_unit_weights_in_bins_has_the_spread_of_a_bootstrap_of_rows():
    positive, scores = sample(800, 2)
    problem = Problem(ThresholdCurve.from_scores(positive, scores), OBJECTIVES["balanced_accuracy"])
    binned = bootstrap_optima(problem, 400)
    rng = np.random.default_rng(0)
    plain = []
    for _ in range(400):
        weight = rng.poisson(1.0, len(scores)).astype(float)
        curve = ThresholdCurve.from_scores(positive, scores, weight)
        plain.append(logit(select_argmax_quietly(curve)))
    assert binned.mean() == pytest.approx(np.mean(plain), abs=0.1)
    assert binned.std() == pytest.approx(np.std(plain), rel=0.25)


def select_argmax_quietly(curve):
    values = OBJECTIVES["balanced_accuracy"](curve.tn, curve.fp, curve.fn, curve.tp)
    return curve.thresholds[values.argmax()]


def test_weights_widen_the_bootstrap_like_fewer_rows():
    weight = np.where(np.arange(2000) % 10 == 0, 20.0, 0.1)  # about 220 rows' worth
    spread = {"equal": [], "weighted": []}
    for seed in range(12):
        positive, scores = sample(2000, seed)
        for name, w in (("equal", None), ("weighted", weight)):
            curve = ThresholdCurve.from_scores(positive, scores, w)
            optima = bootstrap_optima(Problem(curve, OBJECTIVES["balanced_accuracy"]))
            spread[name].append(optima.std())
    assert np.mean(spread["weighted"]) > 1.4 * np.mean(spread["equal"])


@pytest.mark.parametrize("weighted", [False, True])
def test_smoothed_samples_are_rows_of_a_kernel_density(weighted):
    """Brute force: draw rows by their weights, move each by the kernel, and take the best of all thresholds."""
    rng = np.random.default_rng(7)
    positive, scores = sample(150, 8, separation=1.0)
    z = logit(scores)
    weight = 25 * rng.exponential(size=150) if weighted else np.ones(150)
    curve = ThresholdCurve.from_scores(positive, z, weight)
    problem = Problem(curve, OBJECTIVES["balanced_accuracy"], probability=False)
    found = problem.scale.inverse(smooth_optima(problem, 400))
    drawn = []
    for _ in range(400):
        parts = []
        for members in (positive, ~positive):
            w, centres = weight[members], z[members]
            size = w.sum() ** 2 / (w**2).sum()
            mean = np.average(centres, weights=w)
            deviation = np.sqrt(np.average((centres - mean) ** 2, weights=w))
            order = centres.argsort()
            low, high = centres[order][np.searchsorted(np.cumsum(w[order]) / w.sum(), [0.25, 0.75])]
            width = 1.06 * min(deviation, (high - low) / 1.34) * size**-0.2  # Silverman's rule
            rows = rng.choice(centres, rng.poisson(size), p=w / w.sum())
            parts.append(rows + width * rng.normal(size=len(rows)))
        labels = np.repeat([True, False], [len(part) for part in parts])
        curve = ThresholdCurve.from_scores(labels, np.concatenate(parts))
        drawn.append(select_argmax_quietly(curve))
    assert found.mean() == pytest.approx(np.mean(drawn), abs=0.25 * np.std(drawn))
    assert found.std() == pytest.approx(np.std(drawn), rel=0.2)


def test_scaling_all_weights_changes_nothing_in_the_decision():
    positive, scores = sample(400, 6)
    weight = np.random.default_rng(0).random(400) + 0.5
    one, many = (
        select(Problem(ThresholdCurve.from_scores(positive, scores, weight * factor), OBJECTIVES["f1"]))
        for factor in (1.0, 4.0)
    )
    assert one.threshold == pytest.approx(many.threshold, abs=2e-3)  # the ridge alone differs


def test_margins_and_probabilities_give_the_same_decisions():
    positive, scores = sample(1000, 7)
    by_probability = select(Problem(ThresholdCurve.from_scores(positive, scores), OBJECTIVES["f1"]))
    margins = 3 + 2 * logit(scores)
    by_margin = select(Problem(ThresholdCurve.from_scores(positive, margins), OBJECTIVES["f1"]))
    share = decide(scores, by_probability.threshold).mean()
    assert decide(margins, by_margin.threshold).mean() == pytest.approx(share, abs=0.03)


def test_beta_calibration_equals_logistic_regression_on_its_features():
    positive, scores = sample(500, 8)
    features = np.column_stack([np.ones(500), np.log(scores), -np.log1p(-scores)])
    ours = fit_logistic(features, positive * 1.0, 1.0 - positive)
    reference = LogisticRegression(C=1e3, fit_intercept=False, tol=1e-10, max_iter=10_000)
    np.testing.assert_allclose(ours, reference.fit(features, positive).coef_[0], rtol=1e-3)
    problem = Problem(ThresholdCurve.from_scores(positive, expit(3 * logit(scores))), OBJECTIVES["f1"])
    bins = problem.bins(10_000)
    calibrated = beta_calibration(problem, bins)
    assert np.abs(calibrated - expit(logit(bins.scores) / 3)).mean() < 0.05


def test_constant_scores_keep_the_better_decision_and_warn():
    for rate, expected in ((0.2, False), (0.8, True)):
        positive = np.arange(10) < 10 * rate
        curve = ThresholdCurve.from_scores(positive, np.full(10, 0.4))
        with pytest.warns(UserWarning, match="constant predictions"):
            chosen = select(Problem(curve, METRICS["accuracy"].utility))
        assert decide(0.4, chosen.threshold) == expected


def test_constant_scores_that_decide_nothing_keep_the_default_decision():
    curve = ThresholdCurve.from_scores([True, False], [0.7, 0.7])
    with pytest.warns(UserWarning, match="constant predictions"):
        chosen = select(Problem(curve, METRICS["balanced_accuracy"].utility))
    assert decide(0.7, chosen.threshold)


@pytest.mark.parametrize(("scores", "default"), [([0.2, 0.9], 0.5), ([-3.0, 4.0], 0.0)])
def test_rows_of_one_class_keep_the_default_and_warn(scores, default):
    curve = ThresholdCurve.from_scores([True, True], scores)
    with pytest.warns(UserWarning, match="of one class"):
        chosen = select(Problem(curve, OBJECTIVES["f1"]))
    assert chosen.threshold == default


def test_three_positives_in_all():
    scores = np.concatenate([np.linspace(0.01, 0.2, 97), [0.15, 0.3, 0.4]])
    positive = np.arange(100) >= 97
    chosen = select(Problem(ThresholdCurve.from_scores(positive, scores), OBJECTIVES["f1"]))
    assert 0.15 < chosen.threshold < 0.4
    assert chosen.interval[0] < chosen.interval[1]


def test_callable_rule_gets_the_curve_and_its_values():
    positive, scores = sample(100, 9)
    curve = ThresholdCurve.from_scores(positive, scores)
    seen = {}

    def rule(curve, values):
        seen["values"] = values
        return curve.thresholds[values.argmax()]

    chosen = select(Problem(curve, OBJECTIVES["f1"]), rule)
    assert chosen.score == pytest.approx(seen["values"].max())
    with pytest.raises(ValueError, match="`selection` returned nan; it must return a threshold, one finite number"):
        select(Problem(curve, OBJECTIVES["f1"]), lambda curve, values: np.nan)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(1e-5, 1 - 1e-5), min_size=2, max_size=30, unique=True))
def test_scale_is_monotone_and_inverts(values):
    values = np.sort(values)[::-1]
    for scores in (values, 100 * values - 30):
        scale = ScoreScale.from_scores(scores)
        z = scale.forward(scores)
        assert np.all(np.diff(z) <= 0)
        inside = np.abs(z) < 50
        np.testing.assert_allclose(scale.inverse(z)[inside], scores[inside], rtol=1e-6, atol=1e-6)


def test_probabilities_of_0_and_1_do_not_stretch_the_scale():
    scale = ScoreScale.from_scores(np.array([1.0, 0.7, 0.2, 0.0]))
    assert (scale.low, scale.high) == (1e-6, 1e-6)
    np.testing.assert_allclose(scale.forward([0.0, 1.0]), [logit(1e-6), -logit(1e-6)], rtol=1e-6)


def test_scale_keeps_very_rare_probabilities_apart():
    scores = np.geomspace(1e-7, 1e-9, 1000)
    z = ScoreScale.from_scores(scores).forward(scores)
    assert len(np.unique(z)) > 980


@settings(max_examples=60, deadline=None)
@given(problems(), st.sampled_from(["rows", "weights", "one weight", "huge"]), st.integers(1, 5), st.integers(1, 8))
def test_samples_of_groups_are_sums_of_rows_as_often_as_their_group_is_drawn(problem, kind, size, n_bins):
    positive, scores, _ = problem
    weight = {"rows": 1.0, "weights": 0.1 + np.arange(len(scores)) % 3, "one weight": 0.3, "huge": 1e60}[kind]
    weight = np.broadcast_to(weight, scores.shape)
    groups = np.arange(len(scores)) // size
    curve = ThresholdCurve.from_scores(positive, scores, weight)
    cuts = curve.spaced_cuts(n_bins)
    rows = th.GroupedRows(groups, scores, weight * positive, weight * ~positive)
    drawn = _problem._times_drawn((groups.max() + 1, 6), np.random.default_rng(0))
    called = th.decide(scores, curve.thresholds[cuts][:, None])
    expected = [(called * mass) @ drawn[groups] for mass in (rows.positive, rows.negative)]
    for sums, slow in zip(rows.poisson_sums(curve, cuts, 6, np.random.default_rng(0)), expected, strict=True):
        np.testing.assert_allclose(sums, slow.T, rtol=1e-6 if kind == "weights" else 1e-12)


def test_numbers_drawn_for_groups_are_poisson_numbers():
    drawn = _problem._times_drawn((400, 500), np.random.default_rng(0))
    share = np.bincount(drawn.ravel(), minlength=5)[:5] / drawn.size
    np.testing.assert_allclose(share, poisson.pmf(np.arange(5), 1), atol=0.004)
    assert drawn.max() <= _problem.MOST_DRAWN


def test_a_calibration_that_does_not_fit_moves_the_threshold_for_costs_by_little_where_rows_are_many():
    rng = np.random.default_rng(0)
    scores = rng.random(20_000)
    y = rng.random(20_000) < np.where(scores < 0.5, 0.1, 0.6)  # a step, which no beta calibration is
    utility = th.make_cost(np.array([[0.0, 1.0], [5.0, 0.0]])).utility
    problem = th.Problem(th.ThresholdCurve.from_scores(y, scores), utility, bayes=1 / 6)
    optima = th.bootstrap_optima(problem)
    moved = problem.scale.forward(th.select(problem).threshold) - optima.mean()
    size = 2 / (1 / y.sum() + 1 / (~y).sum())
    fade = np.sqrt(500 / size)
    assert abs(moved) <= optima.std() * fade / (1 - fade) + 1e-9
