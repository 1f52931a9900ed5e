"""Rows that are referred to a person: the band of two thresholds, against brute force over all pairs."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import beta, norm
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, make_classification, make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_binnet import ThresholdTunerCV
from sklearn_binnet._thresholds import (
    REFERRAL_RATE,
    BandConfig,
    Constraint,
    Mistakes,
    ThresholdCurve,
    find_band,
    find_metric,
    place,
)

from .test_thresholds_curve import problems

X, Y = make_classification(600, weights=[0.6], flip_y=0.15, random_state=0)
FITTED = LogisticRegression().fit(X, Y)
SCORES = FITTED.predict_proba(X)[:, 1]


def prefit(**options):
    return ThresholdTunerCV(FITTED, cv="prefit", refit=False, **options)


# ------------------------------------------------------------------ brute force
def exact_bound(successes, trials, alpha, side):
    """Return the one-sided bound of Clopper and Pearson, from the definition."""
    if side == "lower":
        return beta.ppf(alpha, successes, trials - successes + 1) if successes > 0 else 0.0
    return beta.ppf(1 - alpha, successes + 1, trials - successes) if successes < trials else 1.0


PARTS = {
    "precision": lambda no, yes, positive: (yes & positive, yes),
    "recall": lambda no, yes, positive: (yes & positive, positive),
    "fpr": lambda no, yes, positive: (yes & ~positive, ~positive),
    "npv": lambda no, yes, positive: (no & ~positive, no),
    "fnr": lambda no, yes, positive: (no & positive, positive),
    "specificity": lambda no, yes, positive: (no & ~positive, ~positive),
}
"""Numerator and denominator of each bound, from the decisions of the rows."""
AT_ONCE = {"recall", "fpr", "fnr", "specificity"}
"""Bounds that hold at all thresholds together; the others are taken at half the level."""


def keeps(bound, no, yes, positive, alpha):
    numerator, denominator = (part.sum() for part in PARTS[bound.metric.name](no, yes, positive))
    if denominator == 0:  # nobody is called so
        return True
    value = numerator / denominator
    if bound.mode != "empirical":
        level = alpha if bound.metric.name in AT_ONCE else alpha / 2
        value = exact_bound(numerator, denominator, level, "lower" if bound.at_least else "upper")
    return value >= bound.value - 1e-9 if bound.at_least else value <= bound.value + 1e-9


def all_pairs(positive, scores, config, level, costs):
    """Return what the best pair of thresholds that keeps everything comes to; None where no pair does."""
    counted = sum(c.mode != "empirical" for c in [*config.bounds, *([config.budget] if config.budget else [])])
    alpha = (1 - level) / max(counted, 1)
    ends = [-np.inf, *np.unique(scores), np.inf]
    found = []
    for low in ends:
        for high in (end for end in ends if end >= low):
            yes, no = scores >= high, scores < low
            if not all(keeps(bound, no, yes, positive, alpha) for bound in config.bounds):
                continue
            referred = int((~yes & ~no).sum())
            if (budget := config.budget) is not None and referred:
                share = referred / len(scores)
                if budget.mode != "empirical":
                    share = exact_bound(referred, len(scores), alpha / 2, "upper")
                if share > budget.value + 1e-9:
                    continue
            (c_tn, c_fp), (c_fn, c_tp) = costs
            cost = c_tn * (no & ~positive).sum() + c_fp * (yes & ~positive).sum()
            cost += c_fn * (no & positive).sum() + c_tp * (yes & positive).sum()
            if config.referral is not None:
                found.append((cost + config.referral * referred, referred))
            elif config.budget is not None:
                found.append((cost, referred))
            else:
                found.append((referred, cost))
    return min(found) if found else None


def bounds():
    one = st.builds(
        lambda name, value, mode: Constraint(find_metric(name), name not in ("fpr", "fnr"), value, mode),
        st.sampled_from(sorted(PARTS)),
        st.sampled_from([0.0, 0.3, 0.6, 0.9, 1.0]),
        st.sampled_from(["confident", "empirical"]),
    )
    return st.lists(one, max_size=2)


@settings(max_examples=100, deadline=None)
@given(
    problems(st.floats(0, 1), weights=False),
    bounds(),
    st.one_of(st.none(), st.tuples(st.sampled_from([0.0, 0.1, 0.4, 1.0]), st.sampled_from(["confident", "empirical"]))),
    st.sampled_from([None, 0.0, 0.25, 2.0]),
    st.sampled_from([[[0.0, 1.0], [1.0, 0.0]], [[-0.5, 1.0], [5.0, 0.5]]]),
)
def test_no_pair_of_thresholds_is_better(problem, bounds, budget, referral, costs):
    positive, scores, _ = problem
    assume(positive.any() and not positive.all())
    budget = None if budget is None else Constraint(REFERRAL_RATE, False, *budget)
    config = BandConfig(bounds, budget, referral)
    best = all_pairs(positive, scores, config, 0.9, costs)
    curve = ThresholdCurve.from_scores(positive, scores)
    (c_tn, c_fp), (c_fn, c_tp) = costs
    band = find_band(curve, config, 0.9, Mistakes.of_matrix(curve, costs), stable=False)
    decisions = place(scores, band.low, band.high)
    yes, no = decisions == 1, decisions == -1
    referred = int((decisions == 0).sum())
    assert band.low <= band.high
    assert band.report["referral_rate"] == pytest.approx(referred / len(scores))
    assert band.report["error_rate"] == pytest.approx(((yes & ~positive) | (no & positive)).mean())
    cost = c_tn * (no & ~positive).sum() + c_fp * (yes & ~positive).sum()
    cost += c_fn * (no & positive).sum() + c_tp * (yes & positive).sum()
    if best is None:
        assert not band.report["satisfied"]
        return
    if not band.report["satisfied"]:  # a bound holds for nobody only: that side decides no row
        assert yes.sum() == 0 or no.sum() == 0 or budget is not None
    if referral is not None:
        assert cost + referral * referred == pytest.approx(best[0], abs=1e-6)
        assert band.report["cost"] == pytest.approx(best[0] / len(scores), abs=1e-6)
    elif budget is not None:
        assert (cost, referred) == pytest.approx(best, abs=1e-6)
    else:
        assert (referred, cost) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("referral", [None, 0.3])
def test_weight_two_is_a_row_twice(referral):
    weight = np.where(np.arange(len(Y)) % 3 == 0, 2, 1)
    twice = np.repeat(np.arange(len(Y)), weight)
    budget = Constraint(REFERRAL_RATE, False, 0.15, "empirical")
    bands = []
    for positive, scores, w in ((Y == 1, SCORES, weight), (Y[twice] == 1, SCORES[twice], None)):
        curve = ThresholdCurve.from_scores(positive, scores, w)
        bands.append(find_band(curve, BandConfig([], budget, referral), 0.95, Mistakes.of_matrix(curve), stable=False))
    assert bands[0].low == bands[1].low
    assert bands[0].high == bands[1].high
    assert bands[0].report.pop("constraints")[0]["estimate"] == pytest.approx(bands[1].report["referral_rate"])
    del bands[1].report["constraints"]
    assert bands[0].report == pytest.approx(bands[1].report)


# ------------------------------------------------------------------ the three questions, asked of a tuner
def test_a_budget_refers_at_most_that_share_and_errs_least():
    some = slice(0, 120)
    tuned = prefit(abstain="referral_rate <= 0.1 [empirical]", selection="argmax").fit(X[some], Y[some])
    decisions, positive = tuned.decide(X[some]), Y[some] == 1
    config = BandConfig([], Constraint(REFERRAL_RATE, False, 0.1, "empirical"))
    best = all_pairs(positive, SCORES[some], config, 0.95, [[0, 1], [1, 0]])
    assert (decisions == 0).mean() <= 0.1
    assert (((decisions == 1) & ~positive) | ((decisions == -1) & positive)).sum() == best[0]
    report = tuned.refer_report_
    assert report["satisfied"]
    assert report["referral_rate"] == pytest.approx((decisions == 0).mean())
    (line,) = report["constraints"]  # of these rows: there is nothing to be confident about
    assert line["estimate"] == line["bound"] == report["referral_rate"] > 0
    errors = [prefit(abstain=share).fit(X, Y).refer_report_["error_rate"] for share in (0.0, 0.05, 0.2, 0.5)]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize("form", [0.1, "0.1", "10 %", {"budget": 0.1}, {"budget": "10%"}, "referral_rate <= 0.1"])
def test_forms_of_a_budget_mean_the_same_and_hold_with_confidence(form):
    tuned = prefit(abstain=form).fit(X, Y)
    (line,) = tuned.refer_report_["constraints"]
    assert line["constraint"] == "referral_rate <= 0.1"
    assert line["satisfied"]
    referred = int((tuned.decide(X) == 0).sum())
    assert line["bound"] == pytest.approx(exact_bound(referred, len(Y), 0.025, "upper"))
    assert 0 < line["bound"] <= 0.1


def test_bounds_on_both_sides_refer_the_fewest():
    asked = ["precision >= 0.85", "npv >= 0.88"]
    tuned = prefit(abstain=asked).fit(X, Y)
    decisions = tuned.decide(X)
    yes, no = decisions == 1, decisions == -1
    precision, npv = tuned.refer_report_["constraints"]
    assert precision["bound"] == pytest.approx(exact_bound((yes & (Y == 1)).sum(), yes.sum(), 0.0125, "lower"))
    assert npv["bound"] == pytest.approx(exact_bound((no & (Y == 0)).sum(), no.sum(), 0.0125, "lower"))
    assert precision["bound"] >= 0.85
    assert npv["bound"] >= 0.88
    assert tuned.refer_report_["precision"] == pytest.approx(precision["estimate"])
    assert tuned.refer_report_["npv"] == pytest.approx(npv["estimate"])
    looser = tuned.retune(abstain=[f"{bound} [empirical]" for bound in asked]).refer_report_["referral_rate"]
    assert looser < (decisions == 0).mean()


def test_a_cost_of_referral_gives_the_cheapest_band_and_that_of_chow_for_calibrated_scores():
    rng = np.random.default_rng(0)
    truth = rng.random(60_000)
    labels = (rng.random(60_000) < truth).astype(int)
    model = LogisticRegression().fit(truth[:, None], labels)
    model.predict_proba = lambda X: np.column_stack([1 - X[:, 0], X[:, 0]])
    tuned = ThresholdTunerCV(model, cv="prefit", refit=False, scoring="cost", costs=[[0, 1], [4, 0]])
    tuned.fit(truth[:, None], labels).retune(abstain={"cost": 0.4})
    # no pays while 4 p < 0.4, yes pays once 1 - p < 0.4 (Chow 1970)
    assert tuned.refer_band_ == pytest.approx((0.1, 0.6), abs=0.05)
    assert tuned.refer_report_["cost"] < tuned.retune(abstain={"cost": 10}).refer_report_["cost"]
    assert tuned.refer_report_["referral_rate"] == 0  # referring is dearer than any mistake
    assert tuned.refer_report_["cost"] == pytest.approx(-tuned.retune(scoring="cost").best_score_, rel=0.01)


def test_costs_of_each_row_count_in_the_band():
    rng = np.random.default_rng(1)
    costs = rng.exponential(size=(len(Y), 2))
    tuned = prefit(scoring="cost", abstain={"cost": 0.2}, selection="argmax").fit(X, Y, costs=costs)
    value = []
    ends = [-np.inf, *np.unique(SCORES)[::10], np.inf]

    def cost(decisions):
        mistakes = costs[:, 0] * ((decisions == 1) & (Y == 0)) + costs[:, 1] * ((decisions == -1) & (Y == 1))
        return float(np.mean(mistakes + 0.2 * (decisions == 0)))

    for low in ends:
        value += [cost(place(SCORES, low, high)) for high in ends if high >= low]
    assert cost(tuned.decide(X)) == pytest.approx(tuned.refer_report_["cost"])
    assert cost(tuned.decide(X)) <= min(value) + 1e-12


def test_bounds_and_a_budget_together_err_least_within_both():
    asked = {"budget": 0.5, "constraint": "precision >= 0.85"}
    tuned = prefit(abstain=asked, selection="argmax").fit(X, Y)
    assert tuned.refer_report_["satisfied"]
    both = tuned.refer_report_["error_rate"]
    assert [line["constraint"] for line in tuned.refer_report_["constraints"]] == [
        "precision >= 0.85",
        "referral_rate <= 0.5",
    ]
    alone = tuned.retune(abstain=0.5).refer_report_["error_rate"]
    assert alone <= both


# ------------------------------------------------------------------ the stable rule
def true_cost(low, high):
    """Return the cost of a band for calibrated scores of two normal classes; misses cost 5 and referred rows 0.3."""
    cut = [(logit(np.clip(t, 1e-12, 1 - 1e-12)) - logit(0.25) + 2) / 2 for t in (low, high)]
    no, yes = [norm.cdf(cut[0] - d) for d in (0, 2)], [norm.sf(cut[1] - d) for d in (0, 2)]
    return 0.75 * (yes[0] + 0.3 * (1 - yes[0] - no[0])) + 0.25 * (5 * no[1] + 0.3 * (1 - yes[1] - no[1]))


def test_the_stable_band_costs_less_on_new_rows_than_the_best_of_all_pairs():
    extra = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        positive = rng.random(300) < 0.25
        scores = expit(2 * (rng.normal(size=300) + 2 * positive) - 2 + logit(0.25))
        curve = ThresholdCurve.from_scores(positive, scores)
        mistakes = Mistakes.of_matrix(curve, [[0, 1], [5, 0]])
        bands = [find_band(curve, BandConfig(referral=0.3), 0.95, mistakes, stable=s) for s in (True, False)]
        extra.append([true_cost(band.low, band.high) - true_cost(0.06, 0.7) for band in bands])
    stable, exact = np.mean(extra, axis=0)
    assert 0 < stable < 0.75 * exact


@settings(max_examples=60, deadline=None)
@given(problems(st.floats(0, 1)), bounds(), st.sampled_from([None, 0.0, 0.2, 1.0]), st.sampled_from([None, 0.25]))
def test_the_stable_band_keeps_what_the_exact_one_keeps(problem, bounds, budget, referral):
    positive, scores, weight = problem
    curve = ThresholdCurve.from_scores(positive, scores, weight)
    assume(curve.n_positive > 0 and curve.n_negative > 0)
    budget = None if budget is None else Constraint(REFERRAL_RATE, False, budget)
    config = BandConfig(bounds, budget, referral)
    stable, exact = (find_band(curve, config, 0.9, Mistakes.of_matrix(curve), stable=s) for s in (True, False))
    assert stable.report["satisfied"] == exact.report["satisfied"]
    if stable.report["satisfied"]:
        assert all(line["satisfied"] for line in stable.report["constraints"])
    assert stable.low <= stable.high
    decisions = place(scores, stable.low, stable.high)
    share = np.average(decisions == 0, weights=weight)
    assert share == pytest.approx(stable.report["referral_rate"], abs=1e-9)


def test_intervals_hold_the_thresholds_and_repeat():
    tuned = prefit(abstain={"cost": 0.2}).fit(X, Y)
    for end, (low, high) in zip(tuned.refer_band_, tuned.refer_report_["intervals"], strict=True):
        assert low < end < high
    first = tuned.refer_band_
    assert tuned.retune().refer_band_ == first
    assert tuned.set_params(confidence_level=0.5).retune().refer_band_ == first
    assert prefit(abstain=["precision >= 0.8"]).fit(X, Y).refer_report_["intervals"] is None


# ------------------------------------------------------------------ what cannot be had
def test_a_bound_that_nothing_reaches_leaves_its_side_empty_and_says_so():
    tuned = prefit(abstain=["precision >= 0.999", "npv >= 0.8"])
    with pytest.warns(UserWarning, match=r"No band satisfies `abstain`.*'precision >= 0.999'"):
        tuned.fit(X, Y)
    assert tuned.refer_band_[1] == np.inf
    assert not (tuned.decide(X) == 1).any()
    assert not (tuned.decide(1e3 * X) == 1).any()  # no score is high enough, not even one never seen
    precision, npv = tuned.refer_report_["constraints"]
    assert not precision["satisfied"]
    assert npv["satisfied"]
    assert np.isnan(tuned.refer_report_["precision"])


def test_a_budget_too_small_for_the_bounds_is_exceeded_least():
    with pytest.warns(UserWarning, match="'referral_rate <= 0.01'"):
        tuned = prefit(abstain=["precision >= 0.85", "npv >= 0.88", "referral_rate <= 0.01"]).fit(X, Y)
    assert not tuned.refer_report_["satisfied"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # three bounds share the level where two do now
        fewest = prefit(abstain=["precision >= 0.85", "npv >= 0.88"], confidence_level=1 - 0.05 * 2 / 3).fit(X, Y)
    assert tuned.refer_band_ == pytest.approx(fewest.refer_band_)


def test_bounds_that_exclude_each_other_are_told():
    with pytest.warns(UserWarning, match=r"'recall >= 0.98 \[empirical\]'.*'specificity"):
        tuned = prefit(abstain=["recall >= 0.98 [empirical]", "specificity >= 0.98 [empirical]"]).fit(X, Y)
    assert not tuned.refer_report_["satisfied"]
    assert tuned.refer_band_[0] == tuned.refer_band_[1]


@pytest.mark.parametrize(
    ("abstain", "error", "message"),
    [
        (1.5, ValueError, "The budget of `abstain` is the share of rows that may be referred, from 0 to 1; got 1.5"),
        ("-0.1", ValueError, "The budget of `abstain`"),
        (np.nan, ValueError, "The budget of `abstain`"),
        ("referral_rate <= 1.5", ValueError, "`abstain` 'referral_rate <= 1.5' always holds or never"),
        (["precision >= 0.9", "precision <= 0.8"], ValueError, "`abstain` contradicts itself"),
        (["referral_rate <= 0.1", "referral_rate <= 0.2"], ValueError, "more than one budget"),
        ("referral_rate >= 0.1", ValueError, "is no budget; write 'referral_rate <= 0.1'"),
        ("accuracy >= 0.9", ValueError, "depends on both thresholds of the band at once"),
        ("nonsense >= 0.9", ValueError, "`abstain` names the unknown metric 'nonsense'"),
        ("precision 0.9", ValueError, "`abstain` 'precision 0.9' is not understood"),
        ({"cost": -1}, ValueError, "a finite number of at least 0"),
        ({"cost": np.inf}, ValueError, "a finite number of at least 0"),
        ({"price": 1}, ValueError, "`abstain` must be a share of rows such as 0.1.*with {'price'}"),
        ({}, ValueError, "`abstain` must be a share of rows"),
        (True, TypeError, "`abstain` must be a share of rows"),
    ],
)
def test_what_is_no_band_is_refused_before_anything_is_fitted(abstain, error, message):
    class Never(LogisticRegression):
        def fit(self, X, y):
            raise AssertionError("fitted")

    with pytest.raises(error, match=message):
        ThresholdTunerCV(Never(), abstain=abstain).fit(X, Y)
    tuned = prefit(abstain=0.2).fit(X, Y)
    before = tuned.refer_band_
    with pytest.raises(error, match=message):
        tuned.retune(abstain=abstain)
    assert tuned.refer_band_ == before


def test_candidates_of_a_single_threshold_do_not_go_with_a_band():
    with pytest.raises(ValueError, match="`thresholds` are the candidates of a single threshold"):
        prefit(abstain=0.1, thresholds=[0.2, 0.5]).fit(X, Y)


def test_a_band_goes_with_calibration_and_with_scorers_of_rows():
    tuned = prefit(abstain=0.2, calibrate=True).fit(X, Y)
    assert (tuned.decide(X) == 0).mean() == pytest.approx(tuned.refer_report_["referral_rate"])
    slow = prefit(abstain=0.2, scoring=make_scorer(lambda y, p: f1_score(y, p))).fit(X, Y)
    assert slow.refer_band_ == prefit(abstain=0.2).fit(X, Y).refer_band_


# ------------------------------------------------------------------ predictions
def test_predictions_of_referred_rows_are_masked_or_called_what_you_like():
    names = np.array(["no", "yes"])[Y]
    tuned = ThresholdTunerCV(LogisticRegression(), abstain=0.2).fit(X, names)
    decisions = tuned.decide(X)
    assert set(np.unique(decisions)) == {-1, 0, 1}
    answers = tuned.predict(X)
    np.testing.assert_array_equal(answers.mask, decisions == 0)
    assert set(answers[decisions == 1]) == {"yes"}
    assert set(answers[decisions == -1]) == {"no"}
    score = tuned.predict_proba(X)[:, 1]
    np.testing.assert_array_equal(answers.data == "yes", score >= tuned.best_threshold_)
    named = tuned.predict(X, referred="ask a person")
    assert set(named[decisions == 0]) == {"ask a person"}
    assert set(named[decisions == 1]) == {"yes"}
    mixed = tuned.predict(X, referred=-1)
    assert set(mixed[decisions == 0]) == {-1}
    assert set(mixed[decisions == 1]) == {"yes"}


def test_score_is_that_of_one_threshold_on_all_rows():
    asked, plain = prefit(abstain=0.2).fit(X, Y), prefit().fit(X, Y)
    assert asked.score(X, Y) == plain.score(X, Y) == np.mean(plain.predict(X) == Y)


def test_labels_keep_their_kind_where_the_third_one_has_it():
    tuned = prefit(abstain=0.2).fit(X, Y)
    answers = tuned.predict(X, referred=-1)
    assert answers.dtype.kind == "i"
    np.testing.assert_array_equal(answers, np.where(tuned.decide(X) == 0, -1, tuned.decide(X) > 0))
    assert tuned.predict(X, referred="ask").dtype == object


def test_without_a_band_nothing_changes():
    plain, asked = prefit().fit(X, Y), prefit(abstain=0.2).fit(X, Y)
    assert plain.refer_band_ is None
    assert plain.refer_report_ is None
    assert asked.best_threshold_ == plain.best_threshold_
    assert asked.threshold_interval_ == plain.threshold_interval_
    np.testing.assert_array_equal(plain.decide(X), np.where(plain.predict(X) == 1, 1, -1))
    assert not isinstance(plain.predict(X), np.ma.MaskedArray)
    np.testing.assert_array_equal(asked.retune(abstain=[]).predict(X), plain.predict(X))
    assert asked.retune().refer_band_ is not None  # the constructor's again


def test_the_positive_class_may_be_the_first():
    flipped = ThresholdTunerCV(FITTED, cv="prefit", refit=False, abstain=0.2, pos_label=0).fit(X, Y)
    decisions, answers = flipped.decide(X), flipped.predict(X)
    assert set(answers[decisions == 1]) == {0}
    plain = prefit(abstain=0.2).fit(X, Y).decide(X)
    assert (decisions == -plain).mean() > 0.98


def test_scores_that_are_no_probabilities_serve_too_and_a_pipeline_passes_the_label_on():
    tuner = ThresholdTunerCV(LinearSVC(), abstain=0.2)
    pipeline = make_pipeline(StandardScaler(), clone(tuner)).fit(X, Y)
    assert set(pipeline.predict(X, referred=2)) == {0, 1, 2}
    restored = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(restored.predict(X, referred=2), pipeline.predict(X, referred=2))
    restored[-1].retune(abstain={"cost": 0.1})
    assert restored[-1].refer_report_["satisfied"]


def test_each_of_several_labels_gets_its_own_band():
    X, Y = make_multilabel_classification(500, n_classes=3, random_state=0)
    base = OneVsRestClassifier(LogisticRegression()).fit(X, Y)
    tuned = ThresholdTunerCV(base, cv="prefit", refit=False, abstain=0.2).fit(X, Y)
    assert tuned.refer_band_.shape == (3, 2)
    decisions = tuned.decide(X)
    assert decisions.shape == Y.shape
    for label in range(3):
        one = ThresholdTunerCV(LogisticRegression(), cv=[(np.arange(500), np.arange(500))], abstain=0.2)
        one.fit(X, Y[:, label])
        assert tuned.refer_band_[label] == pytest.approx(one.refer_band_)
        assert tuned.refer_report_[label]["referral_rate"] == pytest.approx((decisions[:, label] == 0).mean())
    answers = tuned.predict(X)
    np.testing.assert_array_equal(answers.mask, decisions == 0)
    assert set(np.unique(tuned.predict(X, referred=-1))) == {-1, 0, 1}
    assert tuned.retune(abstain=[]).refer_report_ is None


def test_bounds_hold_for_new_rows_as_often_as_they_say():
    """200 samples of 400 rows, scores known: of the 5 % that may fail on each side together, at most 8 % do."""
    rng = np.random.default_rng(0)
    failures = {"yes": 0, "no": 0, "share": 0}
    grid = np.sort(rng.random(20_000))
    for _ in range(200):
        truth = rng.random(400)
        labels = (rng.random(400) < truth).astype(int)
        curve = ThresholdCurve.from_scores(labels == 1, truth)
        bounds = [Constraint(find_metric("precision"), True, 0.8), Constraint(find_metric("npv"), True, 0.8)]
        band = find_band(curve, BandConfig(bounds), 0.95, Mistakes.of_matrix(curve))
        yes, no = grid >= band.high, grid < band.low
        failures["yes"] += bool(yes.any() and grid[yes].mean() < 0.8)
        failures["no"] += bool(no.any() and 1 - grid[no].mean() < 0.8)
        budget = BandConfig([], Constraint(REFERRAL_RATE, False, 0.2))
        band = find_band(curve, budget, 0.95, Mistakes.of_matrix(curve))
        failures["share"] += band.high - band.low > 0.2
    assert failures["yes"] + failures["no"] <= 16
    assert failures["share"] <= 16


def test_breast_cancer_the_shares_hold_on_held_out_rows():
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    train, test = np.arange(0, len(y), 2), np.arange(1, len(y), 2)
    tuned = ThresholdTunerCV(model, abstain=["precision >= 0.95", "npv >= 0.9"]).fit(X[train], y[train])
    decisions = tuned.decide(X[test])
    assert y[test][decisions == 1].mean() >= 0.95
    assert (1 - y[test][decisions == -1]).mean() >= 0.9
    assert (decisions == 0).mean() < 0.15
