"""ThresholdTunerCV: the scikit-learn contract around the threshold rules."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score
from sklearn.utils import Bunch, assert_all_finite, check_random_state, get_tags, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_binnet import _thresholds as th
from sklearn_binnet import _tuning
from sklearn_binnet._compat import DocumentationLink, Interval, RealNotInt, StrOptions, _num_samples
from sklearn_binnet._files._estimators import NotStored, savable, save
from sklearn_binnet._files._plain import from_plain, to_plain
from sklearn_binnet._labels import (
    binary_labels,
    check_indicator_label,
    deciding_estimator,
    fitted_classes,
    group_numbers,
    is_number,
    is_one_hot,
    own_pos_label,
    positive_index,
    predicts_several,
    read_labels,
    refuse_masked,
    row_weights,
    two_labels,
)
from sklearn_binnet._telling import tell, telling_once

# Rows up to which `ensemble="auto"` averages the fold models: measured up to 15,000, a judgement beyond.
AUTO_ENSEMBLE_ROWS = 20_000
METHODS = ["predict_proba", "decision_function"]
OF_ONE_FIT = ("pos_label_", "common_threshold_", "cv_results_", "n_features_in_", "feature_names_in_")
"""Attributes that a fit may leave out, so that those of an earlier fit must go."""


def _estimator_has(method: str) -> Callable[[Any], bool]:
    """Return a check whether the fitted estimator, or else the given one, has a method."""

    def check(self: Any) -> bool:
        getattr(getattr(self, "estimator_", self.estimator), method)
        return True

    return check


def _gives(method: str) -> Callable[[Any], bool]:
    """Return a check whether there are calibrated probabilities, or else the estimator's own by a method."""

    def check(self: Any) -> bool:
        return bool(getattr(self, "_calibrations", self.calibrate)) or _estimator_has(method)(self)

    return check


@savable
class ThresholdTunerCV(DocumentationLink, ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Tune the decision threshold of a classifier, with its uncertainty and within constraints.

    Out-of-fold scores are computed once, by cross-validation. A threshold is chosen from them, and the classifier is
    fitted to all rows. The constructor's parameters and the fitted attributes include those of
    :class:`sklearn.model_selection.TunedThresholdClassifierCV`.

    Parameters
    ----------
    estimator : estimator
        Classifier with `predict_proba` or `decision_function`, a pipeline for instance.
    scoring : str or callable, default="balanced_accuracy"
        What to maximise:

        - the name of a metric of the decisions: every such name of scikit-learn, and ``"youden"``,
          ``"geometric_mean"``, ``"cohen_kappa"``, ``"specificity"``, ``"npv"``, ``"f2"``, ``"f0.5"`` (any beta),
          ``"cost"``, ``"net_benefit@0.2"`` (any threshold probability). Metrics of which less is better, such as
          ``"fpr"``, are minimised, and `best_score_` is their negative;
        - a scorer from :func:`sklearn.metrics.make_scorer`, with its parameters;
        - a callable ``f(tn, fp, fn, tp)``, which gets arrays of weighted counts;
        - a callable ``f(estimator, X, y)``.

        Scorers that are no function of the four counts, and the last kind, are called once for each of about 100
        thresholds. This takes seconds on large data, the interval is rougher, and such scorers cannot be given to
        `retune`. Metrics of the scores themselves (``"roc_auc"``, ``"neg_log_loss"`` ...) are the same at every
        threshold and are refused.
    constraint : str or list of str, optional
        Conditions that the threshold must keep, such as ``"recall >= 0.9"`` or ``"fpr <= 0.05"``; several as a list.
        Each compares a metric of `scoring`, by name, with a number (``"cost"`` is the cost under the matrix `costs`).
        All of them hold together at `confidence_level`. Recall, specificity and their complements have exact binomial
        bounds that hold at all thresholds at once. Other proportions, such as precision, have pointwise bounds at half
        the level. The remaining metrics are bounded through recall and specificity. ``"precision >= 0.8 [strict]"``
        also corrects for the search over thresholds (fixed sequence tests); ``[empirical]`` asks of the estimate alone.
    costs : array-like of shape (2, 2), optional
        ``[[tn, fp], [fn, tp]]``, for ``scoring="cost"`` (mean cost of a row, minimised). Gains are negative costs.
    selection : {"stable", "argmax"} or callable, default="stable"
        How a threshold is read off the curve. "stable" takes the mean of bootstrap optima and moves it towards the
        thresholds of calibrated probabilities and of smoothed densities, by at most one bootstrap standard deviation;
        it varies less from sample to sample than the maximum of a noisy curve. For costs it takes the threshold of
        recalibrated probabilities. Both fade from 500 rows of each class on, so that the curve decides where rows are
        many. "argmax" is the maximum of the curve, exactly. A
        callable ``f(curve, values)`` gets the `ThresholdCurve` and the objective at each of its cuts and returns a
        threshold.
    abstain : float, str, list of str or dict, optional
        Rows to refer to a person: yes from an upper threshold on, no below a lower one, and the band between them
        referred (see `decide` and `predict`). One of

        - the share of rows that may be referred, such as 0.1: the band of fewest mistakes;
        - bounds on the decided rows, such as ``["precision >= 0.95", "npv >= 0.99"]``: the fewest rows are referred;
        - a dict with some of the keys ``"budget"``, ``"constraint"`` (these two), and ``"cost"``, what a referred row
          costs: the cheapest band. A mistake costs 1, or with ``scoring="cost"`` what `costs` says.

        With ``selection="argmax"`` the band is the best of all pairs of thresholds on these rows. "stable" takes the
        means of bootstrap samples where mistakes or costs are to be few, which loses less on new rows.
        Bounds and budget hold with confidence, as constraints do; ``"referral_rate <= 0.1 [empirical]"`` is a budget
        for the rows at hand. Of the positives, `recall` counts those called so and `fnr` those called negative, so that
        referred ones are in neither.
    parity : str or list of str, optional
        How far groups of rows may differ, such as ``"equal_opportunity <= 0.05"``: each group gets a threshold of its
        own. `sensitive` of `fit`, `retune` and `predict` says which group a row is in. The difference between the
        highest and the lowest rate of a group is that of the recall (``"equal_opportunity"``), of the false positive
        rate (``"predictive_equality"``), of the share of rows called positive (``"demographic_parity"``), or of the
        first two (``"equalized_odds"``). Confidence bounds must keep it, or with [empirical] the rates of the rows at
        hand. Small groups are drawn towards all rows.
    confidence_level : float, default=0.95
        Level of `threshold_interval_`, of constraints, of `abstain` and of `parity`.
    pos_label : label, optional
        The positive class. By default that of the scorer if it names one, else that of the estimator (of the last step
        of a pipeline) if it has one, as a `BinaryNetClassifier` has, else ``classes_[1]``.
    response_method : {"auto", "predict_proba", "decision_function"}, default="auto"
        Scores to tune on; "auto" takes the first that the classifier has.
    thresholds : int or array-like, optional
        Candidates, if not every threshold may be chosen: that many between the extreme scores, or these. Where no
        candidate satisfies the constraints, `constraint_satisfied_` is False.
    calibrate : bool, default=False
        Whether scores are calibrated before anything else (beta calibration, learnt from the out-of-fold scores), so
        that `predict_proba` gives probabilities at the share of positives that the training rows have. Use it where
        `estimator` was trained with class weights or resampled rows, or has a `decision_function` only. Thresholds,
        `oof_scores_` and `curve_` are then about calibrated probabilities.
    cv : int, float, splitter, iterable, "prefit", "oof" or None, default=None
        Folds, as in scikit-learn; a float is the share of one stratified hold-out set. Splits are drawn once.

        None means 5 stratified folds, with one exception. If the estimator (or the last step of a pipeline) holds
        out-of-fold probabilities of its own in `oof_proba_` once it is fitted, these are used and nothing else is
        fitted. In a pipeline this asks that no step before it learns from y, which is known of scikit-learn's own
        transformers only: behind any other step the folds are fitted.

        "prefit" takes an `estimator` that is fitted already, and its scores of the rows given, which it should not have
        seen. "oof" takes it with the very rows that it was fitted on and the `oof_proba_` that it holds of them. Both
        need ``refit=False``.
    ensemble : bool or "auto", default="auto"
        Whether predictions average the refitted model and the models of the folds, k + 1 models in all. "auto" does so
        up to 20,000 rows. It was measured to gain at up to 3,000 rows (19 data sets) and, with boosting but not with
        logistic regression, at 15,000 (3 data sets); the limit itself is a judgement. Nothing is averaged where
        `oof_proba_` was used.
    refit : bool, default=True
        Whether `estimator_` is fitted to all rows. False needs a single split, "prefit" or "oof".
    n_jobs : int, optional
        Number of fits at a time.
    random_state : int, RandomState or None, default=None
        Seed of a float `cv` and of the bootstrap. The bootstrap is reproducible with None too.
    store_cv_results : bool, default=False
        Whether to keep `cv_results_`.

    Attributes
    ----------
    best_threshold_ : float
        Rows are positive where their score is at least this.
    best_score_ : float
        `scoring` of the out-of-fold decisions at `best_threshold_`.
    threshold_interval_ : tuple of float
        Percentiles of the optima of samples from smoothed densities, widened if need be to hold `best_threshold_`. With
        truth known (``benchmarks/thresholds/intervals.py``, four objectives, 150 samples each), the interval at 95 %
        held the best threshold in 96 to 99 % of the samples with about ten positive rows, and in 99 to 100 % with 25
        to 100 of them. With ``cv=5`` and 200 to 4,000 rows (``refitted.py`` there, 492 to 695 samples a model), it held
        that of the refitted model or the average in 98 to 100 %, but that of a single network without the average in 94
        to 97 %, and in 88 % for balanced accuracy at 200 rows.
    fold_thresholds_ : ndarray of shape (n_folds,)
        The best threshold of each fold for itself; NaN for folds with one class.
    curve_ : ThresholdCurve
        Weighted counts at every threshold: `thresholds`, `tn`, `fp`, `fn`, `tp`.
    fold_curves_ : list of ThresholdCurve
        The same for each fold by itself.
    constraint_satisfied_ : bool
        Whether a threshold was found at which the constraints hold; True without constraints.
    constraint_report_ : list of dict
        For each constraint its estimate and bound at the threshold, the nearest bound that any threshold (of
        `thresholds`) reaches, and the number of positives that it would need.
    refer_band_ : tuple of float or None
        The two thresholds of `abstain`: no below the first, yes from the second on. An infinite one is never reached:
        nobody is called so.
    refer_report_ : dict or None
        What the band comes to: the shares ``referral_rate`` and ``error_rate`` of all rows, ``precision`` and ``npv``
        of those called positive and negative, ``constraints`` with estimate and bound, ``satisfied``, ``intervals``
        of both thresholds from the bootstrap (None where the fewest rows are referred), and with a cost of referral the
        mean ``cost`` of a row.
    group_thresholds_ : dict or None
        The threshold of each group of `sensitive`, if `parity` asks for them; `best_threshold_` is that of all rows.
    group_report_ : dict or None
        ``constraints``, each with its ``estimate`` on the rows and its ``bound``; ``satisfied``, whether all of them
        are shown to hold; ``groups``, by name the ``threshold``, the rates compared with their intervals, the rows of
        each class (``n_positive``, ``n_negative``) and ``own_weight``, the weight that the group's own shares of
        positives and of negatives had beside those of all rows; ``score`` and, with the one threshold for all rows,
        ``common_score``.
    oof_scores_ : ndarray of shape (n_samples,)
        Out-of-fold score of the positive class; NaN for rows that no fold held out. The mean, if a row was held out
        several times.
    cv_results_ : dict
        ``thresholds`` (ascending) and ``scores``, if `store_cv_results`.
    estimator_ : estimator
        The refitted model (the given one with "prefit" and "oof", the fold's without `refit`).
    estimators_ : list of estimators
        Fold models that predictions average with `estimator_`; empty without `ensemble`.
    classes_ : ndarray of shape (2,)
        Class labels, sorted.
    pos_label_ : label
        The positive class; absent for several labels.
    n_features_in_, feature_names_in_
        As `estimator_` has them.

    Notes
    -----
    **Several labels.** With an indicator matrix (n, L) every label gets a threshold of its own: `best_threshold_` has
    shape (L,), `threshold_interval_` and `refer_band_` (L, 2), `fold_thresholds_` (n_folds, L), `oof_scores_` (n, L),
    and `curve_`, `fold_curves_`, `constraint_satisfied_`, `constraint_report_`, `refer_report_` have an entry for each
    label; `common_threshold_` is the best single threshold. ``"f1_macro"`` (or ``"f1"``, as any metric of one label)
    averages over labels, and rare labels are drawn towards the common threshold. ``"f1_micro"`` is maximised over all
    thresholds together. Constraints hold for each label by itself; a dict ``{label number: constraint}`` gives them to
    some labels only.

    A matrix of two columns with exactly one 1 in every row is one yes/no question in one-hot form, and a warning says
    so. Other values than 0 and 1 are refused.

    **Constraints.** A constraint with confidence holds for the scores that it was computed on: with ``cv="prefit"`` and
    rows that the model has not seen, a new sample from the same source violates it with probability at most
    1 - `confidence_level` ("strict" included; pointwise bounds are slightly optimistic, see the benchmark). Out-of-fold
    scores come from models fitted on fewer rows than the refitted one. For that one, or for an average, the statement
    is therefore an approximation: usually on the safe side, as more rows separate the classes better, but not
    guaranteed. With truth known (``benchmarks/thresholds/refitted.py``; 200 to 4,000 rows, level 95 %, 492 to 695
    samples a model), the average was in violation in 0 to 3 % of the samples (logistic regression, forest, one
    network), and a refitted logistic regression or forest in 1 to 6 %. A single refitted network (``ensemble=False``)
    was in violation of recall in 12 % and of FPR in 18 %. Five networks with their own out-of-fold probabilities were
    in 1 to 3 % from 1,000 rows on, but in 16 % for recall at 200 rows.

    References
    ----------
    Efron, Morris (1972), "Limiting the risk of Bayes and empirical Bayes estimators - part II", JASA 67. Kull, Silva
    Filho, Flach (2017), "Beta calibration", AISTATS. Tong, Feng, Li (2018), "Neyman-Pearson classification algorithms
    and NP receiver operating characteristics", Science Advances 4. Clopper, Pearson (1934), Biometrika 26.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_binnet import ThresholdTunerCV
    >>> X, y = make_classification(2000, weights=[0.9], random_state=0)
    >>> tuned = ThresholdTunerCV(LogisticRegression(), scoring="f1").fit(X, y)
    >>> low, high = tuned.threshold_interval_
    >>> bool(low < tuned.best_threshold_ < high)
    True
    >>> tuned = tuned.retune(scoring="precision", constraint="recall >= 0.7")
    >>> bool(tuned.constraint_satisfied_), tuned.constraint_report_[0]["bound"] >= 0.7
    (True, True)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "selection": [StrOptions({"stable", "argmax"}), callable],
        "confidence_level": [Interval(Real, 0.0, 1.0, closed="neither")],
        "response_method": [StrOptions({"auto", "predict_proba", "decision_function"})],
        "thresholds": [None, Interval(Integral, 1, None, closed="left"), "array-like"],
        "calibrate": ["boolean"],
        "cv": [
            "cv_object",
            StrOptions({"prefit", "oof"}),
            Interval(RealNotInt, 0.0, 1.0, closed="neither"),
        ],
        "ensemble": ["boolean", StrOptions({"auto"})],
        "refit": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "store_cv_results": ["boolean"],
    }

    __metadata_request__fit: ClassVar = {"groups": True}

    _added_attributes: ClassVar[dict[str, Any]] = dict.fromkeys(
        ("_calibrations", "refer_band_", "refer_report_", "group_thresholds_", "group_report_")
    )
    """What older files of `save` lack, with the values that mean what was then."""

    estimator_: Any
    estimators_: list[Any]
    best_threshold_: Any
    refer_band_: Any
    group_thresholds_: dict[Any, float] | None
    oof_scores_: NDArray[np.float64]
    pos_label_: Any
    _labels: NDArray[Any] | None
    """Negative and positive label; None for an indicator matrix."""
    _response_method: str
    _calibrations: list[_tuning.Calibration] | None
    """With `calibrate`: from the scores of the estimator to those that are tuned on, for each label."""
    _evidence: list[_tuning.Evidence]
    _prevalence: list[float | None]
    """Share of positives that each label was last tuned for; None as the rows have it."""
    _seed: int

    def __init__(
        self,
        estimator: Any,
        *,
        scoring: Any = "balanced_accuracy",
        constraint: Any = None,
        costs: ArrayLike | None = None,
        selection: Any = "stable",
        abstain: Any = None,
        parity: Any = None,
        confidence_level: float = 0.95,
        pos_label: Any = None,
        response_method: str = "auto",
        thresholds: Any = None,
        calibrate: bool = False,
        cv: Any = None,
        ensemble: bool | str = "auto",
        refit: bool = True,
        n_jobs: int | None = None,
        random_state: Any = None,
        store_cv_results: bool = False,
    ) -> None:
        self.estimator = estimator
        self.scoring = scoring
        self.constraint = constraint
        self.costs = costs
        self.selection = selection
        self.abstain = abstain
        self.parity = parity
        self.confidence_level = confidence_level
        self.pos_label = pos_label
        self.response_method = response_method
        self.thresholds = thresholds
        self.calibrate = calibrate
        self.cv = cv
        self.ensemble = ensemble
        self.refit = refit
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.store_cv_results = store_cv_results

    # ------------------------------------------------------------------ fitting
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        *,
        costs: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        sensitive: ArrayLike | None = None,
        **params: Any,
    ) -> ThresholdTunerCV:
        """Fit the classifier and tune its threshold.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows; any table that `estimator` takes.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Targets of two classes, or an indicator matrix of several labels.
        costs : array-like of shape (n_samples, 2), (n_samples, 4) or (n_samples, 2, 2), optional
            Costs of each row, for ``scoring="cost"``: of a false positive and of a false negative; or of tn, fp, fn,
            tp; or a matrix ``[[tn, fp], [fn, tp]]`` for each row.
        groups : array-like of shape (n_samples,), optional
            Which rows belong together, such as those of one patient. The folds keep a group together, `oof_proba_` of
            folds that do not is left alone, and the bootstrap of `threshold_interval_` draws whole groups. They also
            go to a splitter in `cv`, and to `estimator` if its fit takes `groups`, as that of `BinaryNetClassifier`
            does. The bounds of constraints count rows and not groups, which is optimistic; a warning says so. With
            metadata routing, they are requested by default.
        sensitive : array-like of shape (n_samples,), optional
            The group of each row, which `parity` compares; kept for `retune`.
        **params : dict
            With metadata routing, each goes where it was requested; a metric given by name takes the `sample_weight`
            that is passed. Without it, `sample_weight` goes to the estimator and to the curve, the rest to the
            estimator.

        Returns
        -------
        self : ThresholdTunerCV
        """
        with telling_once():
            return self._fit(X, y, costs, groups, sensitive, params)

    def _fit(self, X: Any, y: Any, costs: Any, groups: Any, sensitive: Any, params: dict[str, Any]) -> ThresholdTunerCV:
        """Fit, as `fit` says."""
        # What was asked for, and of which labels.
        refuse_masked(y, "y")
        X, y = indexable(X, y)
        self._check_estimator()
        self._validate_params()
        self._check_parameters()
        y = self._read_labels(X, y)
        n_samples, n_labels = len(y), 1 if y.ndim == 1 else y.shape[1]
        asked = {"abstain": self.abstain, "parity": self.parity}
        config = self._tuning_config(self.scoring, self.constraint, self.costs, n_labels, costs is not None, **asked)
        compared = None if sensitive is None else _tuning.read_groups(sensitive, n_samples)
        if config.parity and compared is None:
            raise ValueError("`parity` compares groups of rows; pass `sensitive`, the group of each row, to fit.")
        labels = self._find_labels(y, config)
        classes = (0, 1) if labels is None else (labels[0], labels[1])
        row_costs = None if costs is None else _tuning.check_row_costs(costs, n_samples)
        # Models, and their scores of rows that they were not fitted on.
        routed = self._route(params, groups)
        together = None if groups is None else group_numbers(groups, n_samples)
        weight = routed.scorer.score.get("sample_weight")
        if weight is not None:
            routed.scorer.score["sample_weight"] = row_weights(weight, n_samples)
        methods = METHODS if self.response_method == "auto" else [self.response_method]
        if isinstance(self.cv, str):  # "prefit" or "oof", as validated
            fitted = (
                _tuning.use_own(self.estimator, X, methods, together)
                if self.cv == "oof"
                else _tuning.use_prefit(self.estimator, X, y, methods)
            )
        else:
            split = {"refit": self.refit, "random_state": self.random_state, "split_params": routed.splitter.split}
            fitted = _tuning.cross_fit(
                self.estimator,
                X,
                y,
                _tuning.make_splits(self.cv, X, y, groups=together, **split),
                methods=methods,
                refit=self.refit,
                own_oof=self.cv is None and self.ensemble is not True,
                fit_params=routed.estimator.fit,
                n_jobs=self.n_jobs,
                groups=together,
            )
        seed = self.random_state
        seed = 0 if seed is None else int(check_random_state(seed).randint(2**31 - 1))
        # A threshold for each label.
        oof_scores, evidence = _tuning.collect(
            X,
            y,
            [
                (rows, _tuning.label_scores(values, fitted.method, known, classes[1], labels is None))
                for rows, values, known in fitted.folds
            ],
            classes=classes,
            row_costs=row_costs,
            metadata=routed.scorer.score,
            keep_rows=config.objective.metric is None,
            probability=fitted.method == "predict_proba",
            groups=compared,
            clusters=together,
        )
        calibrations = None
        if self.calibrate:
            calibrations = [_tuning.Calibration.from_evidence(part) for part in evidence]
            oof_scores = _tuning.calibrate(oof_scores, calibrations)
            evidence = [part.mapped(one) for part, one in zip(evidence, calibrations, strict=True)]
        tuned = self._tune(evidence, config, seed)
        averages = self.ensemble is True or (self.ensemble == "auto" and n_samples <= AUTO_ENSEMBLE_ROWS)
        for part in evidence:
            part.rows = None
        fresh = {
            "estimator_": fitted.model,
            "estimators_": list(fitted.fold_models) if averages else [],
            "oof_scores_": oof_scores if labels is None else oof_scores[:, 0],
            "_seed": seed,
            "_response_method": fitted.method,
            "_labels": labels,
            "_calibrations": calibrations,
            "_evidence": evidence,
            "_prevalence": [None] * n_labels,
            **tuned,
        }
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(fitted.model, name):
                fresh[name] = getattr(fitted.model, name)
        if labels is not None:
            fresh["pos_label_"] = labels[1]
        # Nothing is stored before this line, and all of it at once: an error or an interrupt leaves an earlier fit.
        self.__dict__ = {name: value for name, value in vars(self).items() if name not in OF_ONE_FIT} | fresh
        return self

    def _check_estimator(self) -> None:
        """Refuse what is no classifier with scores."""
        estimator = self.estimator
        # Some, such as a stack, know only after their fit which of their class's methods they have.
        responds = any(hasattr(owner, method) for owner in (estimator, type(estimator)) for method in METHODS)
        try:
            regresses = is_regressor(estimator)
        except (AttributeError, TypeError):  # wrappers without tags are taken at their word
            regresses = False
        if not hasattr(estimator, "fit") or not responds or regresses:
            raise ValueError(
                f"`estimator` must be a classifier with fit and predict_proba or decision_function, got {estimator!r}."
            )

    def _check_parameters(self) -> None:
        """Check the parameters against each other, and what their constraints leave open."""
        if self.thresholds is not None and np.asarray(self.thresholds).dtype == bool:
            raise ValueError(
                "`thresholds` must be a number of thresholds to try, an array of them, or None for all there are; got "
                f"{self.thresholds!r}."
            )
        if np.ndim(self.thresholds) > 0:
            candidates = np.asarray(self.thresholds, dtype=np.float64)
            if candidates.ndim != 1 or not candidates.size or np.isnan(candidates).any():
                raise ValueError(
                    f"`thresholds` must hold at least one threshold and no NaN, got {self.thresholds!r}; None tries "
                    "every threshold there is."
                )
        if self.ensemble is True and (isinstance(self.cv, str) or not self.refit):
            raise ValueError(
                "`ensemble=True` averages the refitted model and the models of the folds, but "
                f"cv={self.cv!r}, refit={self.refit} leaves one model only. Pass ensemble='auto'."
            )
        if isinstance(self.cv, str) and self.refit:
            raise ValueError(
                f"When cv={self.cv!r}, refit cannot be True. Pass refit=False to keep the fitted estimator, or another "
                "cv."
            )

    def _tuning_config(
        self, scoring: Any, constraint: Any, costs: Any, n_labels: int, row_costs: bool, **asked: Any
    ) -> _tuning.TuningConfig:
        for value in (scoring, self.selection):
            if isinstance(value, NotStored):
                value.refuse()
        return _tuning.resolve_tuning_config(
            scoring,
            constraint,
            costs,
            **asked,
            n_labels=n_labels,
            row_costs=row_costs,
            selection=self.selection,
            confidence_level=self.confidence_level,
            thresholds=self.thresholds,
        )

    def _read_labels(self, X: Any, y: Any) -> NDArray[Any]:
        """Return labels (n,) or an indicator matrix (n, L), read as `BinaryNetClassifier` reads them."""
        if y is None:
            raise ValueError("ThresholdTunerCV requires y to be passed, but the target y is None.")
        if _num_samples(y) == 0:
            raise ValueError("Found array with 0 sample(s): `y` must hold rows of two classes.")
        if not sparse.issparse(y):
            assert_all_finite(y, input_name="y")
        several = None
        if isinstance(self.cv, str):
            try:
                check_is_fitted(self.estimator)
                _ = self.estimator.classes_
            except (NotFittedError, AttributeError) as error:
                raise NotFittedError(
                    f"When cv={self.cv!r}, `estimator` must be fitted: call its fit before, or choose another cv."
                ) from error
            # These rows may look one-hot by chance: what the estimator was fitted to decides how they are read.
            several = is_one_hot(y) and predicts_several(self.estimator, X)
        elif is_one_hot(y) and deciding_estimator(self.estimator, fitted=False)[1]:  # a frozen model
            several = predicts_several(self.estimator, X)
        y, several = read_labels(y, several=several, classifier="ThresholdTunerCV(...)")
        return y.astype(int) if several else y

    def _find_labels(self, y: NDArray[Any], config: _tuning.TuningConfig) -> NDArray[Any] | None:
        """Return the negative and the positive label; None for an indicator matrix."""
        if y.ndim > 1:
            check_indicator_label(self.pos_label)
            return None
        prefit = isinstance(self.cv, str)
        classes = fitted_classes(self.estimator, y, self.cv) if prefit else two_labels(y)
        pos_label, owner = self.pos_label, "pos_label"
        if pos_label is None:
            pos_label, owner = config.objective.pos_label, "pos_label of `scoring`"
        if pos_label is None:
            pos_label, owner = own_pos_label(self.estimator, prefit), "pos_label of `estimator`"
        known = "the labels of `estimator`" if prefit else "the labels in y"
        last = len(classes) - 1  # 0 where y holds one label only
        positive = last if pos_label is None else positive_index(classes, pos_label, owner, known)
        return classes[[last - positive, positive]]

    def _route(self, params: dict[str, Any], groups: Any) -> Bunch:
        """Return the parameters of the estimator, the splitter and the scorer."""
        params = {key: value for key, value in params.items() if value is not None}
        if get_config()["enable_metadata_routing"]:
            if groups is not None and self._add_parts(MetadataRouter(owner="")).consumes("fit", ["groups"]):
                params["groups"] = groups  # our own use of them needs no request
            return process_routing(self, "fit", **params)
        return _tuning.route_unrouted(self.estimator, params, groups, fits=not isinstance(self.cv, str))

    def _tune(self, evidence: list[_tuning.Evidence], config: _tuning.TuningConfig, seed: int) -> dict[str, Any]:
        """Choose the threshold of each label; return what is known about it, as attributes."""
        if evidence[0].clusters is not None and any(
            c.mode != "empirical" for label in config.constraints for c in label
        ):
            tell(
                "The bounds of constraints count each row as independent of all others. Rows of one group are not, so "
                "that the bounds are too narrow; ask for more than you need."
            )
        tuned = _tuning.tune(evidence, config, seed)
        labels = tuned.labels
        if not all(label.constraint_satisfied for label in labels):
            lines = [line for label in labels for line in label.constraint_report]
            failed = [line for line in lines if not line["satisfied"]] or lines
            warnings.warn(th.shortfall_message(failed), UserWarning, stacklevel=3)
        _tuning.warn_of_bands([label.refer_report for label in labels])
        _tuning.warn_of_groups(labels[0].group_report)
        columns = zip(*labels, strict=True)
        attributes: dict[str, Any] = {f"{name}_": list(c) for name, c in zip(labels[0]._fields, columns, strict=True)}
        if self.store_cv_results:
            attributes["cv_results_"] = tuned.results()
        if len(labels) == 1:  # one question is published without its list
            attributes = {name: values[0] for name, values in attributes.items()}
        else:
            attributes |= dict.fromkeys(("group_thresholds_", "group_report_"))
            if config.band is None:
                attributes |= dict.fromkeys(("refer_band_", "refer_report_"))
            else:
                attributes["refer_band_"] = np.array(attributes["refer_band_"])
            for name in ("best_threshold_", "threshold_interval_", "constraint_satisfied_"):
                attributes[name] = np.array(attributes[name])
            attributes["fold_thresholds_"] = np.column_stack(attributes["fold_thresholds_"])
            attributes["common_threshold_"] = tuned.common
        return {**attributes, "best_score_": tuned.score}

    def retune(
        self,
        *,
        scoring: Any = None,
        constraint: Any = None,
        costs: ArrayLike | None = None,
        prevalence: ArrayLike | None = None,
        abstain: Any = None,
        parity: Any = None,
        sensitive: ArrayLike | None = None,
    ) -> ThresholdTunerCV:
        """Choose the threshold anew from the stored out-of-fold scores; nothing is fitted.

        What is left out is taken from the constructor's parameters, which stay as they are.

        Parameters
        ----------
        scoring : str, scorer or callable, optional
            ``costs`` alone imply ``"cost"``, unless the constraint asks for them.
        constraint : str or list of str, optional
            Pass ``[]`` to drop the constructor's.
        costs : array-like, optional
            A 2x2 matrix, or the costs of each row as in `fit`.
        prevalence : float in (0, 1), optional
            Share of positives to expect where the classifier will be used: the rows are
            reweighted to it. For several labels one share for all, or one for each.
        abstain : float, str, list of str or dict, optional
            Rows to refer to a person. Pass ``[]`` to drop the constructor's.
        parity : str or list of str, optional
            How far groups may differ. Pass ``[]`` to drop the constructor's.
        sensitive : array-like of shape (n_samples,), optional
            The group of each row that `fit` was given, if not as it said there.

        Returns
        -------
        self : ThresholdTunerCV
        """
        check_is_fitted(self, "estimator_")
        constraint = self.constraint if constraint is None else constraint
        asked = {
            "abstain": self.abstain if abstain is None else abstain,
            "parity": self.parity if parity is None else parity,
        }
        if scoring is None:
            scoring = self.scoring if costs is None or _tuning.asks_for_cost(None, constraint) else "cost"
        held_out = ~np.isnan(self.oof_scores_)
        evidence, costs = _tuning.recost(self._evidence, scoring, constraint, costs, self.costs, held_out)
        shares = self._shares(prevalence, len(evidence))
        evidence = [part.at_prevalence(share) for part, share in zip(evidence, shares, strict=True)]
        by_row = evidence[0].row_costs is not None
        config = self._tuning_config(scoring, constraint, costs, len(evidence), by_row, **asked)
        if config.objective.metric is None:
            raise ValueError(
                f"`scoring` {scoring!r} has to be called on rows, which are not stored; retune with a metric of the "
                "counts, or fit anew."
            )
        if sensitive is not None:
            told = _tuning.read_groups(sensitive, len(held_out)).at(np.flatnonzero(held_out))
            evidence = [replace(part, groups=told) for part in evidence]
        self.__dict__.update({**self._tune(evidence, config, self._seed), "_prevalence": shares})
        return self

    @staticmethod
    def _shares(prevalence: Any, n_labels: int) -> list[Any]:
        """Return the share of positives to expect for each label; None where it stays as it is in the rows."""
        given = np.array(prevalence, dtype=object)
        shares = np.resize(given, n_labels) if given.ndim == 0 else given
        if shares.shape != (n_labels,) or not all(share is None or is_number(share) for share in shares):
            form = (
                "a number in (0, 1)" if n_labels == 1 else f"a number in (0, 1), or one for each of {n_labels} labels"
            )
            raise ValueError(f"`prevalence` must be {form}, the share of positives to expect; got {prevalence!r}.")
        return list(shares)

    def retune_uncertain(
        self, costs: Any, *, prevalence: Any = None, regret: str = "mean", constraint: Any = None
    ) -> ThresholdTunerCV:
        """Choose the threshold of least regret where costs, or the share of positives, are not known exactly.

        The regret of a threshold is what it costs more than the best threshold would that one could choose if the costs
        were known. Nothing is fitted.

        Parameters
        ----------
        costs : 2x2 nested sequence
            ``[[tn, fp], [fn, tp]]`` as in the constructor, where an entry may be a number, a range ``(low, high)`` or
            a frozen distribution of :mod:`scipy.stats`. Entries vary independently.
        prevalence : float, range (low, high) or frozen distribution, optional
            Share of positives to expect, such as the interval of `estimate_prevalence`; as the rows have it if None.
            For one yes/no question only.
        regret : {"mean", "worst"}, default="mean"
            Whether the mean regret is to be least (a range counts as a uniform distribution), or the worst.
        constraint : str or list of str, optional
            As in `retune`.

        Returns
        -------
        self : ThresholdTunerCV
            `best_score_` is the negative mean cost, or the negative worst regret.

        Notes
        -----
        The cost is linear in each of these numbers, and the best threshold's cost does not depend on the one chosen.
        So the mean regret is least where the cost at the mean numbers is, and the range has no say. The worst regret is
        convex in each number, so it lies at a corner of the ranges.

        References
        ----------
        Savage (1951), "The theory of statistical decision", JASA 46. Hernández-Orallo, Flach, Ferri (2011), "Brier
        curves: a new cost-based visualisation of classifier performance", ICML.

        Examples
        --------
        >>> from sklearn.datasets import load_breast_cancer
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from sklearn_binnet import ThresholdTunerCV
        >>> X, y = load_breast_cancer(return_X_y=True)
        >>> tuned = ThresholdTunerCV(GaussianNB(), pos_label=0).fit(X, y)  # 0 is malignant
        >>> by_mean = tuned.retune_uncertain([[0, 1], [(2, 40), 0]]).best_threshold_
        >>> by_mean == tuned.retune(costs=[[0, 1], [21, 0]]).best_threshold_
        True
        >>> _ = tuned.retune_uncertain([[0, 1], [(2, 40), 0]], prevalence=(0.01, 0.1), regret="worst")
        >>> print(f"at worst {-tuned.best_score_:.2f} more than with known costs")
        at worst 0.06 more than with known costs
        """
        check_is_fitted(self, "estimator_")
        scenarios = _tuning.read_scenarios(costs, prevalence, regret, len(self._evidence))
        worst = _tuning.worst_regret(self._evidence[0], scenarios) if scenarios.corners else None
        return self.retune(
            scoring=worst or "cost",
            costs=None if worst else scenarios.mean_costs,
            prevalence=scenarios.mean_prevalence,
            constraint=constraint,
        )

    def estimate_prevalence(self, X: Any, *, method: str = "em") -> Any:
        """Estimate the share of positives among rows without labels.

        It is taken that the rows of each class are as the training rows of that class are, and that only the share of
        the classes has changed ("label shift"). A warning says where the scores speak against that. The result serves
        `retune`: ``tuned.retune(prevalence=tuned.estimate_prevalence(X_new).prevalence)``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows from where the classifier will be used.
        method : {"em", "bbse"}, default="em"
            "em" is the share of greatest likelihood under calibrated probabilities. "bbse", black-box shift estimation,
            compares means of scores and needs no calibration. The interval is that of "bbse" for both, at
            `confidence_level`.

        Returns
        -------
        PrevalenceEstimate
            With the attributes `prevalence`, `interval`, `misfit`, `p_value` and `plausible`. For several labels a list
            with an entry for each.

        Warns
        -----
        UserWarning
            No share of positives explains the scores: they differ from every mixture of the two classes' out-of-fold
            scores, by more than chance (p < 0.001) and by more than 0.05 of the rows.

        Notes
        -----
        Out-of-fold scores come from the models of the folds. Where the tuner has kept these (`estimators_`), each of
        them scores the new rows, so that the scores can be compared; a refitted model, and even more an average, is
        surer of new rows. Otherwise `estimator_` scores them.

        References
        ----------
        Saerens, Latinne, Decaestecker (2002), "Adjusting the outputs of a classifier to new a priori probabilities",
        Neural Computation 14. Lipton, Wang, Smola (2018), "Detecting and correcting for label shift with black box
        predictors", ICML.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_breast_cancer
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> from sklearn_binnet import ThresholdTunerCV
        >>> X, y = load_breast_cancer(return_X_y=True)
        >>> train, rest = np.arange(300), np.arange(300, 569)
        >>> new = rest[(y[rest] == 1) | (rest % 4 == 0)]  # most of one class is left out
        >>> model = make_pipeline(StandardScaler(), LogisticRegression())
        >>> tuned = ThresholdTunerCV(model).fit(X[train], y[train])
        >>> estimate = tuned.estimate_prevalence(X[new])
        >>> print(f"{y[train].mean():.1f} before, {y[new].mean():.1f} now, estimated {estimate.prevalence:.1f}")
        0.5 before, 0.9 now, estimated 0.9
        """
        check_is_fitted(self, "estimator_")
        scores = np.stack([self._scores(X, [model]) for model in self.estimators_ or [self.estimator_]])
        return _tuning.estimate_prevalence(self._evidence, scores, method, self.confidence_level)

    @property
    def fold_curves_(self) -> list[Any]:
        """Curve of each fold for itself, at the prevalence that `curve_` is at."""
        check_is_fitted(self, "estimator_")
        parts = [part.at_prevalence(share) for part, share in zip(self._evidence, self._prevalence, strict=True)]
        curves = [[part.part(fold).curve for fold in part.folds] for part in parts]
        return curves[0] if len(curves) == 1 else curves

    def get_metadata_routing(self) -> MetadataRouter:
        """Routes of metadata: estimator, splitter and scorer, and this object's own `costs` and `groups`.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        return self._add_parts(MetadataRouter(owner=type(self).__name__).add_self_request(self))

    def _add_parts(self, router: MetadataRouter) -> MetadataRouter:
        """Add the routes of estimator, splitter and scorer."""
        parts = {
            "estimator": (self.estimator, "fit"),
            "splitter": (self.cv, "split"),
            "scorer": (_tuning.routed_scorer(self.scoring), "score"),
        }
        for name, (part, callee) in parts.items():
            router.add(**{name: part}, method_mapping=MethodMapping().add(callee=callee, caller="fit"))
        return router

    @property
    def calibration_(self) -> Any:
        """Map from scores to the probability of the positive class, at the share of positives that `curve_` is at.

        A function of the scores that `best_threshold_` is compared with; for several labels a list of functions. It is
        learnt from the out-of-fold scores. With `calibrate` the scores are such probabilities already, so that it
        changes them only where `retune` has been given another `prevalence`.
        """
        check_is_fitted(self, "estimator_")
        shares = zip(self._evidence, self._prevalence, strict=True)
        calibration = _tuning.Calibration
        learn = calibration.from_evidence if self._calibrations is None else calibration.of_probabilities
        calibrations = [learn(part, share) for part, share in shares]
        return calibrations[0] if len(calibrations) == 1 else calibrations

    # ------------------------------------------------------------------ predictions
    def _scores(self, X: Any, models: Sequence[Any] | None = None) -> NDArray[np.float64]:
        """Return what thresholds are compared with: the score of the positive class, (n,), or of each label, (n, L).

        It is the mean over `models`, by default those that predictions average, and calibrated with `calibrate`.
        """
        check_is_fitted(self, "estimator_")
        method = self._response_method
        scores = _tuning.average_response(models or [self.estimator_, *self.estimators_], X, [method])
        if self._labels is not None:
            scores = _tuning.binary_scores(scores, method, self.classes_, self._labels[1])
        return scores if self._calibrations is None else _tuning.calibrate(scores, self._calibrations)

    def _response(self, X: Any, method: str) -> NDArray[np.float64]:
        """Return the response of `estimator_`, or the mean over the models that are averaged."""
        check_is_fitted(self, "estimator_")
        return _tuning.average_response([self.estimator_, *self.estimators_], X, [method])

    def _thresholds(self, n_samples: int, sensitive: ArrayLike | None) -> Any:
        """Return the threshold of all rows, or of each where they differ between groups."""
        if self.group_thresholds_ is None:
            return self.best_threshold_
        return _tuning.row_thresholds(sensitive, n_samples, self.group_thresholds_)

    def decide(self, X: Any, *, sensitive: ArrayLike | None = None) -> NDArray[np.int_]:
        """Decide for each row: 1 for the positive class, -1 for the negative one, and 0 for rows to be referred.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        sensitive : array-like of shape (n_samples,), optional
            The group of each row, where `parity` gave them thresholds of their own.

        Returns
        -------
        ndarray of int, shape (n_samples,) or (n_samples, n_labels)
            1 where the score reaches the upper threshold of `refer_band_` and -1 where it lies below the lower one.
            Without a band the two are the same threshold, and no row is referred.

        Raises
        ------
        ValueError
            The groups are missing, or one of them is not known from `fit`.

        Examples
        --------
        >>> from sklearn.datasets import load_breast_cancer
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn_binnet import ThresholdTunerCV
        >>> X, y = load_breast_cancer(return_X_y=True)
        >>> model = LogisticRegression(solver="newton-cholesky")
        >>> tuned = ThresholdTunerCV(model, abstain=0.1).fit(X, y)
        >>> decided = tuned.decide(X)
        >>> bool((decided == 0).mean() < 0.1), bool(tuned.refer_report_["error_rate"] < 0.03)
        (True, True)
        """
        scores = self._scores(X)
        if self.refer_band_ is not None:
            return th.place(scores, *np.transpose(self.refer_band_))
        return np.where(th.decide(scores, self._thresholds(len(scores), sensitive)), 1, -1)

    def predict(
        self, X: Any, *, costs: ArrayLike | None = None, referred: Any = None, sensitive: ArrayLike | None = None
    ) -> NDArray[Any]:
        """Predict labels: positive where the score reaches the threshold, or as `decide` does where rows are referred.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        costs : array-like of shape (n_samples, 2), (n_samples, 4) or (n_samples, 2, 2), optional
            Costs of each of these rows, as in `fit`. Each row is then decided by its own costs and its calibrated
            probability (`calibration_`): it is positive where that costs no more on average. `best_threshold_` and
            constraints take no part. For one yes/no question, without a band of rows to refer and without groups.
        referred : label, optional
            With `abstain`, what the rows of the band are called. None masks them: the result is then a masked array,
            with the decision of `best_threshold_` under the mask (`.data`). Metrics of scikit-learn want that `.data`.
        sensitive : array-like of shape (n_samples,), optional
            The group of each row, where `parity` gave them thresholds of their own.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Labels as in `y`; an indicator matrix for several labels.

        Raises
        ------
        ValueError
            The groups are missing, or one of them is not known from `fit`; `costs` have the wrong shape, or come with
            several labels, a band or groups.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_breast_cancer
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from sklearn_binnet import ThresholdTunerCV
        >>> X, y = load_breast_cancer(return_X_y=True)
        >>> tuned = ThresholdTunerCV(GaussianNB()).fit(X, y)
        >>> costs = np.column_stack([np.ones(569), np.linspace(1, 50, 569)])  # false alarm, miss
        >>> bool(tuned.predict(X).sum() < tuned.predict(X, costs=costs).sum())
        True
        """
        check_is_fitted(self, "estimator_")
        by_row = None
        if costs is not None:
            shared = self.refer_band_ is None and self.group_thresholds_ is None
            by_row = _tuning.check_new_costs(costs, _num_samples(X), len(self._evidence), shared)
        scores = self._scores(X)
        if by_row is not None:
            assert self._labels is not None  # several labels are refused
            return self._labels[_tuning.cheapest(self.calibration_(scores), by_row).astype(int)]
        single = th.decide(scores, self._thresholds(len(scores), sensitive))
        if self.refer_band_ is None:
            return single.astype(int) if self._labels is None else self._labels[single.astype(int)]
        decisions = th.place(scores, *np.transpose(self.refer_band_))
        return _tuning.label_decisions(decisions, single, self._labels, referred)

    @available_if(_gives("predict_proba"))
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities of the classes, the mean over the averaged models; calibrated with `calibrate`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_labels)
            Columns in the order of `classes_`; for several labels P(label = 1).
        """
        check_is_fitted(self, "estimator_")
        if self._calibrations is None:
            return self._response(X, "predict_proba")
        probability = self._scores(X)
        if self._labels is None:
            return probability
        columns = [1 - probability, probability]
        return np.column_stack(columns if self.classes_[1] == self._labels[1] else columns[::-1])

    @available_if(_gives("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Logarithm of `predict_proba`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, 2)
        """
        check_is_fitted(self, "estimator_")
        if not self.estimators_ and self._calibrations is None:
            return self.estimator_.predict_log_proba(X)
        with np.errstate(divide="ignore"):  # a probability of zero
            return np.log(self.predict_proba(X))

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Decision function, the mean over the averaged models.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._response(X, "decision_function")

    def score(self, X: Any, y: Any, sample_weight: Any = None, *, sensitive: ArrayLike | None = None) -> float:
        """Return the accuracy of `predict`; with `abstain`, of the decisions of `best_threshold_` on all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows with the columns of `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.
        sensitive : array-like of shape (n_samples,), optional
            The group of each row, where `parity` gave them thresholds of their own.

        Returns
        -------
        float
            Share of the rows whose prediction is right; for several labels, all labels of a row must be right.
        """
        check_is_fitted(self, "estimator_")
        answers = np.ma.getdata(self.predict(X, sensitive=sensitive))
        return float(
            accuracy_score(y if self._labels is None else binary_labels(y), answers, sample_weight=sample_weight)
        )

    # ------------------------------------------------------------------ files
    def save(self, path: str | PathLike[str]) -> None:
        """Write the fitted tuner to one file, which `sklearn_binnet.load` reads.

        The file is a zip archive of arrays and JSON, and no pickle: reading it runs no code from it. It holds the
        models, the thresholds and the out-of-fold scores, so that `retune` works after loading. An `estimator` of
        scikit-learn, a pipeline for instance, is written by `skops <https://skops.readthedocs.io>`_, which must be
        installed then. Functions as parameters can't be written down and must be set anew before another fit.

        Parameters
        ----------
        path : str or path-like
            Where the file goes. An older file there stays whole until the new one is complete.

        Raises
        ------
        NotFittedError
            There is nothing to save yet.
        TypeError
            The tuner holds something that no file can hold, such as an estimator of a class that is not known as safe.
        ImportError
            The estimator goes through skops, which is not installed.

        See Also
        --------
        sklearn_binnet.load : Reads the file.
        """
        check_is_fitted(self, "estimator_")
        save(self, path)

    def __getstate__(self) -> dict[str, Any]:
        plain: dict[str, Any] = to_plain(super().__getstate__())
        return plain

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(from_plain(state))

    @property
    def classes_(self) -> Any:
        """Class labels, sorted."""
        return self.estimator_.classes_

    def __sklearn_tags__(self) -> Any:
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = inner.classifier_tags.multi_label
        tags.input_tags.sparse = inner.input_tags.sparse
        return tags
