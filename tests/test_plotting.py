"""Displays: what they show, and what they refuse."""

import importlib
import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, precision_score, recall_score
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_binnet import ThresholdTunerCV
from sklearn_binnet.plotting import (
    CostCurveDisplay,
    CumulativeGainDisplay,
    DecisionCurveDisplay,
    ThresholdCurveDisplay,
    TrainingHistoryDisplay,
)
from tests.small import X, Y, net, y

CURVE = ThresholdCurveDisplay
HISTORY = TrainingHistoryDisplay
COSTS = [[0, 1], [5, 0]]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def scores():
    return LogisticRegression().fit(X, y).predict_proba(X)[:, 1]


@pytest.fixture(scope="module")
def tuned():
    return ThresholdTunerCV(LogisticRegression(), scoring="f1", constraint="recall >= 0.6").fit(X, y)


def legend(display):
    axes = np.atleast_1d(display.ax_)[0]
    return [text.get_text() for text in axes.get_legend().get_texts()]


# ---------------------------------------------------------------------- threshold curve
def test_the_lines_are_the_metrics(scores):
    display = CURVE.from_predictions(y, scores)
    for threshold in (0.2, 0.5, 0.83):
        at = np.searchsorted(display.thresholds, threshold, side="right") - 1
        called = scores >= threshold
        assert display.scores["precision"][at] == pytest.approx(precision_score(y, called))
        assert display.scores["recall"][at] == pytest.approx(recall_score(y, called))
        assert display.scores["f1"][at] == pytest.approx(f1_score(y, called))
        assert display.scores["queue_rate"][at] == pytest.approx(called.mean())


def test_ties_are_positive_and_steps_are_steep():
    display = CURVE.from_predictions([0, 1, 1], [0.25, 0.5, 0.75], metrics=["recall"])
    recall = dict(zip(display.thresholds, display.scores["recall"], strict=True))
    assert recall[0.5] == 1
    assert recall[np.nextafter(0.5, 1)] == 0.5
    assert recall[0.0] == 1
    assert recall[1.0] == 0


def test_precision_is_not_drawn_where_nothing_is_called():
    display = CURVE.from_predictions([0, 1, 1], [0.25, 0.5, 0.75], metrics=["precision", "recall"])
    assert np.isnan(display.scores["precision"][-1])
    assert not np.isnan(display.scores["recall"]).any()


def test_many_scores_get_few_points():
    rng = np.random.default_rng(0)
    truth = rng.random(20_000)
    display = CURVE.from_predictions(rng.random(20_000) < truth, truth, bands=None)
    assert len(display.thresholds) < 1500
    at = np.searchsorted(display.thresholds, 0.5, side="right") - 1
    assert display.scores["queue_rate"][at] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("weighted", [False, True])
def test_bootstrap_bands_are_as_wide_as_those_of_resampled_rows(scores, weighted):
    weight = np.where(y == 1, 2.0, 1.0) if weighted else np.ones(len(y))
    metrics = ["precision", "recall", "f1", "queue_rate"]
    display = CURVE.from_predictions(y, scores, metrics=metrics, n_bootstrap=2000, sample_weight=weight)
    rng = np.random.default_rng(1)
    rows = rng.integers(len(y), size=(2000, len(y)))
    called, truth, w = scores[rows] >= 0.5, y[rows] == 1, weight[rows]
    tp, fp, fn = ((part * w).sum(axis=1) for part in (called & truth, called & ~truth, ~called & truth))
    drawn = {"precision": tp / (tp + fp), "recall": tp / (tp + fn), "f1": 2 * tp / (2 * tp + fp + fn)}
    drawn["queue_rate"] = (tp + fp) / w.sum(axis=1)
    at = np.searchsorted(display.thresholds, 0.5, side="right") - 1
    for metric, samples in drawn.items():
        low, high = np.quantile(samples, [0.025, 0.975])
        assert display.bands[metric][:, at] == pytest.approx([low, high], abs=0.02), metric


def test_bands_hold_the_line_and_repeat(scores):
    first, again = (CURVE.from_predictions(y, scores).bands for _ in range(2))
    other = CURVE.from_predictions(y, scores, random_state=1).bands
    np.testing.assert_array_equal(first["recall"], again["recall"])
    assert not np.array_equal(first["recall"], other["recall"])
    low, high = first["f1"][:, 50:-50]
    line = CURVE.from_predictions(y, scores).scores["f1"][50:-50]
    assert np.mean((low <= line) & (line <= high)) > 0.95


def test_a_higher_level_widens_bands(scores):
    widths = [
        np.nanmean(np.diff(CURVE.from_predictions(y, scores, confidence_level=level).bands["recall"], axis=0))
        for level in (0.5, 0.95)
    ]
    assert widths[0] < widths[1]


def test_fold_bands_span_the_folds(scores):
    folds = np.arange(len(y)) % 4
    display = CURVE.from_predictions(y, scores, bands="folds", folds=folds, metrics=["recall"])
    at = np.searchsorted(display.thresholds, 0.5, side="right") - 1
    by_fold = [recall_score(y[folds == k], scores[folds == k] >= 0.5) for k in range(4)]
    assert display.bands["recall"][:, at] == pytest.approx([min(by_fold), max(by_fold)])
    assert "span of the folds" in legend(display)


def test_a_tuner_shows_what_it_chose_on(tuned):
    display = CURVE.from_estimator(tuned)
    assert display.threshold == tuned.best_threshold_
    assert display.interval == pytest.approx(tuned.threshold_interval_)
    at = np.searchsorted(display.thresholds, tuned.best_threshold_, side="right") - 1
    assert display.scores["f1"][at] == pytest.approx(tuned.best_score_)
    assert display.constraint == "recall >= 0.6"
    assert display.allowed[at]
    assert not display.allowed[-1]
    words = legend(display)
    assert "ruled out by recall >= 0.6" in words
    assert f"chosen: {tuned.best_threshold_:.3g}" in words
    assert "95 % band (rows)" in words


def test_a_tuner_shows_the_constraint_it_was_retuned_with():
    tuned = ThresholdTunerCV(LogisticRegression(), constraint="recall >= 0.6").fit(X, y)
    tuned.retune(constraint="fpr <= 0.3")
    display = CURVE.from_estimator(tuned, bands="folds")
    assert display.constraint == "fpr <= 0.3"
    assert display.allowed[-1]
    assert not display.allowed[0]


def test_a_tuner_shows_the_prevalence_it_was_retuned_for():
    tuned = ThresholdTunerCV(LogisticRegression(), scoring="f1").fit(X, y)
    before = CURVE.from_estimator(tuned, metrics=["precision"], bands="folds")
    tuned.retune(prevalence=0.02)
    display = CURVE.from_estimator(tuned, metrics=["precision"], bands="folds")
    at = np.searchsorted(display.thresholds, tuned.best_threshold_, side="right") - 1
    cut = tuned.curve_.index(tuned.best_threshold_)
    tp, fp = tuned.curve_.tp[cut], tuned.curve_.fp[cut]
    assert display.scores["precision"][at] == pytest.approx(tp / (tp + fp))
    assert display.scores["precision"][at] < before.scores["precision"][at]
    assert np.nanmean(display.bands["precision"]) < np.nanmean(before.bands["precision"])


def test_a_constraint_that_nothing_meets_rules_all_out(scores):
    display = CURVE.from_predictions(y, scores, constraint="precision >= 0.999")
    assert not display.allowed.any()


def test_rows_given_take_the_place_of_the_folds(tuned):
    display = CURVE.from_estimator(tuned, X[:80], y[:80], metrics=["recall"])
    at = np.searchsorted(display.thresholds, tuned.best_threshold_, side="right") - 1
    assert display.scores["recall"][at] == pytest.approx(recall_score(y[:80], tuned.predict(X[:80])))
    assert display.allowed is None


def test_costs():
    tuned = ThresholdTunerCV(LogisticRegression(), scoring="cost", costs=COSTS).fit(X, y)
    display = CURVE.from_estimator(tuned, metrics=["cost"], costs=COSTS)
    at = np.searchsorted(display.thresholds, tuned.best_threshold_, side="right") - 1
    assert display.scores["cost"][at] == pytest.approx(-tuned.best_score_)
    assert display.ax_.get_ylabel() == "mean cost of a row"


def test_the_threshold_of_a_classifier_is_marked():
    clf = net(threshold=0.3).fit(X, y)
    assert CURVE.from_estimator(clf, X, y).threshold == 0.3
    assert CURVE.from_estimator(make_pipeline(StandardScaler(), net(threshold=0.4)).fit(X, y), X, y).threshold == 0.4
    assert CURVE.from_estimator(LogisticRegression().fit(X, y), X, y).threshold is None


def test_the_positive_class_is_that_of_the_classifier():
    words = np.where(y == 1, "good", "bad")
    clf = net(pos_label="bad").fit(X, words)
    own, bad, good = (
        CURVE.from_estimator(clf, X, words, metrics=["recall"], **params)
        for params in ({}, {"pos_label": "bad"}, {"pos_label": "good"})
    )
    at = np.searchsorted(own.thresholds, 0.5, side="right") - 1
    assert own.scores["recall"][at] == pytest.approx(recall_score(words, clf.predict(X), pos_label="bad"))
    np.testing.assert_array_equal(own.scores["recall"], bad.scores["recall"])
    assert not np.array_equal(own.scores["recall"], good.scores["recall"])


@pytest.mark.parametrize("wrap", [make_pipeline, lambda net: make_pipeline(make_pipeline(net))])
def test_the_positive_class_is_that_of_a_pipelines_last_step(wrap):
    words = np.where(y == 1, "good", "bad")
    clf = net(pos_label="bad").fit(X, words)
    pipe = wrap(clf)  # of a fitted step: predicting is all that a display does
    alone, inside = (CURVE.from_estimator(e, X, words, metrics=["recall"]) for e in (clf, pipe))
    np.testing.assert_array_equal(inside.thresholds, alone.thresholds)
    np.testing.assert_array_equal(inside.scores["recall"], alone.scores["recall"])


@pytest.mark.parametrize("estimator", [LogisticRegression(), LinearSVC()])
@pytest.mark.parametrize("pos_label", ["good", "bad"])
def test_the_marked_threshold_is_where_the_tuner_decides_whichever_class_is_drawn(estimator, pos_label):
    words = np.where(y == 1, "good", "bad")
    tuned = ThresholdTunerCV(estimator, scoring="f1", random_state=0).fit(X, words)
    display = CURVE.from_estimator(tuned, X, words, pos_label=pos_label, bands=None, metrics=["recall", "queue_rate"])
    at = np.searchsorted(display.thresholds, display.threshold, side="right") - 1
    called = tuned.predict(X) == pos_label
    assert display.scores["queue_rate"][at] == pytest.approx(called.mean())
    assert display.scores["recall"][at] == pytest.approx(called[words == pos_label].mean())
    assert display.interval[0] <= display.threshold <= display.interval[1]


@pytest.mark.parametrize("pos_label", ["bad", "nonsense"])
def test_a_stored_curve_has_the_positive_class_of_the_tuner(pos_label):
    words = np.where(y == 1, "good", "bad")
    tuned = ThresholdTunerCV(LogisticRegression(), scoring="f1", random_state=0).fit(X, words)
    with pytest.raises(ValueError, match=rf"`pos_label` must be 'good' or None without X.*got '{pos_label}'"):
        CURVE.from_estimator(tuned, pos_label=pos_label)
    assert CURVE.from_estimator(tuned, pos_label="good", bands=None).threshold == tuned.best_threshold_


@pytest.mark.parametrize("wrap", [make_pipeline, lambda tuned: make_pipeline(make_pipeline(tuned))])
def test_a_pipeline_shows_what_its_tuner_has(wrap):
    tuned = ThresholdTunerCV(LogisticRegression(), scoring="f1", confidence_level=0.8, random_state=0).fit(X, y)
    alone, inside = (CURVE.from_estimator(e, X, y, metrics=["recall"], n_bootstrap=20) for e in (tuned, wrap(tuned)))
    assert (inside.threshold, inside.interval, inside.band_name) == (alone.threshold, alone.interval, alone.band_name)
    assert "80 %" in inside.band_name
    stored = CURVE.from_estimator(wrap(tuned), metrics=["recall"], bands="folds")
    assert stored.threshold == tuned.best_threshold_


def test_one_hot_and_sparse_targets_are_read_as_the_classifier_reads_them():
    one_hot = np.eye(2, dtype=int)[y]
    with pytest.warns(UserWarning, match="one-hot"):
        clf = net().fit(X, one_hot)
    options = {"bands": None, "metrics": ["recall"]}
    with pytest.warns(UserWarning, match="one-hot"):
        drawn = CURVE.from_estimator(clf, X, one_hot, **options)
    np.testing.assert_array_equal(drawn.scores["recall"], CURVE.from_estimator(clf, X, y, **options).scores["recall"])
    with pytest.warns(UserWarning, match="one-hot"):
        scored = CURVE.from_predictions(one_hot, clf.predict_proba(X)[:, 1], **options)
    np.testing.assert_array_equal(drawn.scores["recall"], scored.scores["recall"])
    several = OneVsRestClassifier(LogisticRegression()).fit(X, Y)
    dense, thin = (CURVE.from_estimator(several, X, t, label=1, **options) for t in (Y, sparse.csr_array(Y)))
    np.testing.assert_array_equal(dense.scores["recall"], thin.scores["recall"])


@pytest.mark.parametrize("display", [DecisionCurveDisplay, CumulativeGainDisplay])
def test_every_display_reads_one_hot_and_sparse_targets(display):
    one_hot = np.eye(2, dtype=int)[y]
    clf = LogisticRegression().fit(X, y)
    plain = display.from_estimator(clf, X, y, bands=None)
    with pytest.warns(UserWarning, match="one-hot"):
        drawn = display.from_estimator(clf, X, one_hot, bands=None)
    several = OneVsRestClassifier(LogisticRegression()).fit(X, Y)
    dense, thin = (display.from_estimator(several, X, t, label=1, bands=None) for t in (Y, sparse.csr_array(Y)))
    for one, other in ((plain, drawn), (dense, thin)):
        lines = [getattr(d, "net_benefits", getattr(d, "gains", None)) for d in (one, other)]
        for model in lines[0]:
            np.testing.assert_array_equal(lines[0][model], lines[1][model])


@pytest.mark.parametrize("wrap", [make_pipeline, lambda tuned: make_pipeline(make_pipeline(tuned))])
def test_a_cost_curve_of_a_pipeline_is_its_tuners(wrap):
    tuned = ThresholdTunerCV(LogisticRegression(), scoring="f1", random_state=0).fit(X, y)
    alone, inside = (CostCurveDisplay.from_estimator(e) for e in (tuned, wrap(tuned)))
    assert alone.costs.keys() == inside.costs.keys()
    for line, cost in alone.costs.items():
        np.testing.assert_array_equal(cost, inside.costs[line])


def test_the_history_of_a_search_is_that_of_its_best_network():
    search = GridSearchCV(net(), {"epochs": [2, 3]}, cv=2).fit(X, y)
    drawn = HISTORY.from_estimator(search)
    assert drawn.history == search.best_estimator_.history_


def test_decision_functions():
    display = CURVE.from_estimator(LinearSVC().fit(X, y), X, y, metrics=["recall"])
    low, high = display.ax_.get_xlim()
    assert low < 0 < high
    at = np.searchsorted(display.thresholds, 0, side="right") - 1
    assert display.scores["recall"][at] == pytest.approx(recall_score(y, LinearSVC().fit(X, y).predict(X)))
    tuned = ThresholdTunerCV(LinearSVC()).fit(X, y)
    assert CURVE.from_estimator(tuned, X, y, pos_label=0).thresholds[0] < 0


def test_one_label_of_several():
    tuned = ThresholdTunerCV(OneVsRestClassifier(LogisticRegression()), scoring="f1").fit(X, Y)
    display = CURVE.from_estimator(tuned, label=2)
    assert display.threshold == tuned.best_threshold_[2]
    assert display.interval == pytest.approx(tuned.threshold_interval_[2])
    given = CURVE.from_estimator(tuned, X, Y, label=1, metrics=["recall"])
    at = np.searchsorted(given.thresholds, tuned.best_threshold_[1], side="right") - 1
    assert given.scores["recall"][at] == pytest.approx(recall_score(Y[:, 1], tuned.predict(X)[:, 1]))
    several = net(threshold=[0.2, 0.5, 0.7]).fit(X, Y)
    assert CURVE.from_estimator(several, X, Y, label=2).threshold == 0.7


def test_plot_draws_again(scores):
    _, ax = plt.subplots()
    display = CURVE.from_predictions(y, scores, threshold=0.5, name="first")
    figure = display.figure_
    assert display.ax_.get_title() == "first"
    assert display.plot(ax, name="second", bands=False, linewidth=3) is display
    assert display.ax_ is ax
    assert display.figure_ is ax.figure is not figure
    assert ax.get_title() == "second"
    assert {line.get_linewidth() for line in ax.get_lines() if line.get_label() == "recall"} == {3}
    assert "95 % band (rows)" not in legend(display)
    assert display.plot(legend=False).ax_.get_legend() is None


def test_lines_differ_in_colour_and_dashes(scores):
    display = CURVE.from_predictions(y, scores, bands=None)
    lines = [line for line in display.ax_.get_lines() if len(line.get_xdata()) > 2]
    assert len(lines) == 4
    assert len({line.get_color() for line in lines}) == 4
    assert len({str(line.get_linestyle()) + str(line._dash_pattern) for line in lines}) == 4


def test_displays_only_store():
    display = CURVE("thresholds", {"recall": 1}, name="n")
    assert (display.thresholds, display.scores, display.name) == ("thresholds", {"recall": 1}, "n")
    assert not hasattr(display, "ax_")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"metrics": ["roc_auc"]}, "`metrics` names 'roc_auc', which is unknown"),
        ({"metrics": ["f-1"]}, "`metrics` names 'f-1', which is unknown"),
        ({"metrics": "recall"}, "`metrics` must be a sequence"),
        ({"metrics": []}, "`metrics` must be a sequence of at least one"),
        ({"metrics": ["cost"]}, r"'cost', which needs `costs` of shape \(2, 2\)"),
        ({"bands": "normal"}, "`bands` must be 'bootstrap', 'folds' or None, got 'normal'"),
        ({"bands": "folds"}, "at least two folds, got 0"),
        ({"pos_label": 3}, r"`pos_label` must be one of the classes \[0, 1\], got 3"),
        ({"constraint": "recal >= 0.9"}, "unknown metric .recal."),
    ],
)
def test_bad_parameters(scores, params, message):
    with pytest.raises(ValueError, match=message):
        CURVE.from_predictions(y, scores, **params)


def test_bad_targets_and_estimators(scores, tuned):
    with pytest.raises(ValueError, match="two classes, one label for each row; got a target of type multiclass"):
        CURVE.from_predictions(np.arange(len(y)) % 3, scores)
    with pytest.raises(ValueError, match="X and y must be given: LogisticRegression"):
        CURVE.from_estimator(LogisticRegression().fit(X, y))
    with pytest.raises(ValueError, match="y must be given with X"):
        CURVE.from_estimator(tuned, X)
    with pytest.raises(ValueError, match="needs the folds of a tuner"):
        CURVE.from_estimator(tuned, X, y, bands="folds")
    with pytest.raises(ValueError, match="neither"):
        CURVE.from_estimator(StandardScaler().fit(X), X, y)
    with pytest.raises(ValueError, match="predicts a single label; got 0"):
        CURVE.from_estimator(tuned, label=0)
    several = net().fit(X, Y)
    with pytest.raises(ValueError, match="which of the 3 labels to draw, 0 to 2; got None"):
        CURVE.from_estimator(several, X, Y)


# ---------------------------------------------------------------------- training history
def test_loss_and_metrics_of_one_network():
    clf = net(metrics=["accuracy", "AUC"], n_estimators=1).fit(X, y)
    display = HISTORY.from_estimator(clf, name="one")
    loss, accuracy, _ = display.ax_
    assert [ax.get_ylabel() for ax in display.ax_] == ["loss", "accuracy", "AUC"]
    lines = {line.get_label(): list(line.get_ydata()) for line in loss.get_lines()}
    assert lines["training"] == clf.history_["loss"]
    assert lines["validation"] == clf.history_["val_loss"]
    assert lines[f"kept: epoch {clf.best_iter_[0]}"] == [clf.history_["val_loss"][clf.best_iter_[0] - 1]]
    assert loss.get_title() == "one"
    assert list(accuracy.get_lines()[0].get_xdata()) == [1, 2, 3]
    assert display.figure_ is loss.figure


def test_several_networks_are_thin_lines_around_their_mean():
    clf = net(n_estimators=3, epochs=30, patience=1, learning_rate=0.05).fit(X, y)
    display = HISTORY.from_estimator(clf, metrics=[])
    thin = [line for line in display.ax_.get_lines() if line.get_linewidth() < 1]
    assert len(thin) == 6
    assert sorted(len(line.get_ydata()) for line in thin)[-1] == clf.n_iter_
    bold = next(line for line in display.ax_.get_lines() if line.get_label() == "validation, mean of 3")
    assert len(bold.get_ydata()) == min(len(history["loss"]) for history in clf.histories_)
    kept = next(line for line in display.ax_.get_lines() if line.get_label() == "kept of each network")
    assert list(kept.get_xdata()) == clf.best_iter_


def test_epochs_of_partial_fit_go_on():
    clf = net()
    for _ in range(2):
        clf.partial_fit(X, y, classes=[0, 1])
    assert clf.histories_ == [clf.history_]
    display = HISTORY.from_estimator(clf)
    assert display.members is None
    assert list(display.ax_.get_lines()[0].get_xdata()) == [1, 2]


def test_pipelines_and_tuners_are_looked_into():
    pipeline = make_pipeline(StandardScaler(), net())
    tuned = ThresholdTunerCV(pipeline, cv=3).fit(X, y)
    display = HISTORY.from_estimator(tuned)
    assert display.history == tuned.estimator_[-1].history_


def test_a_history_without_validation_and_a_keras_history():
    from_keras = SimpleNamespace(history={"loss": [0.5, 0.4], "accuracy": [0.7, 0.8]})
    display = HISTORY.from_history(from_keras)
    assert [ax.get_ylabel() for ax in display.ax_] == ["loss", "accuracy"]
    assert legend(display) == ["training"]
    marked = HISTORY.from_history({"loss": [0.5, 0.4]}, best_epoch=2)
    assert legend(marked) == ["training", "kept: epoch 2"]
    _, ax = plt.subplots()
    assert marked.plot(ax, linewidth=4).ax_ is ax
    assert ax.get_lines()[0].get_linewidth() == 4


def test_what_a_history_display_refuses():
    clf = net(metrics=["accuracy"]).fit(X, y)
    with pytest.raises(ValueError, match=r"`metrics` names 'auc', which the training did not record; it has \['acc"):
        HISTORY.from_estimator(clf, metrics=["auc"])
    with pytest.raises(ValueError, match=r"one Axes for each of \['loss', 'accuracy'\], got 1"):
        HISTORY.from_estimator(clf, ax=plt.subplots()[1])
    with pytest.raises(ValueError, match="LogisticRegression has no history_"):
        HISTORY.from_estimator(LogisticRegression().fit(X, y))
    with pytest.raises(ValueError, match=r"must hold 'loss', a value an epoch; got \['accuracy'\]"):
        HISTORY.from_history({"accuracy": [1.0]})


@pytest.mark.parametrize(
    "draw",
    [lambda: CURVE.from_predictions([0, 1], [0.1, 0.9]), lambda: HISTORY.from_history({"loss": [1.0]})],
    ids=["curve", "history"],
)
def test_without_matplotlib_it_says_so(monkeypatch, draw):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    importlib.import_module("sklearn_binnet.plotting")
    with pytest.raises(ImportError, match=r"Display.from_.* needs matplotlib"):
        draw()
