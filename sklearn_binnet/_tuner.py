"""ThresholdTunerCV: the scikit-learn contract around the threshold rules."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn import get_config
from sklearn.utils import check_random_state, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted

from sklearn_binnet import _thresholds as th
from sklearn_binnet._compat import Interval, RealNotInt, StrOptions, num_samples
from sklearn_binnet._tuning._costs import asks_for_cost, check_row_costs
from sklearn_binnet._tuning._crossfit import fit_models, make_splits
from sklearn_binnet._tuning._evidence import average_by_row, collect, collect_labels, without_rows
from sklearn_binnet._tuning._folds import unrouted
from sklearn_binnet._tuning._multilabel import choose
from sklearn_binnet._tuning._objective import resolve_scoring, routed_scorer
from sklearn_binnet._tuning._predictions import TunedPredictions, positive_scores
from sklearn_binnet._tuning._request import check_estimator, check_request
from sklearn_binnet._tuning._target import check_target, find_labels, prefit_classes
from sklearn_binnet._tuning._tune import recost

# Rows up to which `ensemble="auto"` averages the fold models: measured up to 15,000, a judgement beyond.
AUTO_ENSEMBLE_ROWS = 20_000
METHODS = ["predict_proba", "decision_function"]


class ThresholdTunerCV(TunedPredictions):
    """Tune the decision threshold of a classifier, with its uncertainty and within constraints.

    Out-of-fold scores are computed once, by cross-validation; a threshold is chosen from them and
    the classifier is fitted to all rows. The constructor's parameters and the fitted attributes
    include those of :class:`sklearn.model_selection.TunedThresholdClassifierCV`.

    Parameters
    ----------
    estimator : estimator
        Classifier with `predict_proba` or `decision_function`, a pipeline for instance.
    scoring : str or callable, default="balanced_accuracy"
        What to maximise:

        - the name of a metric of the decisions: every such name of scikit-learn, and
          ``"youden"``, ``"geometric_mean"``, ``"cohen_kappa"``, ``"specificity"``, ``"npv"``,
          ``"f2"``, ``"f0.5"`` (any beta), ``"cost"``; metrics of which less is better, such as
          ``"fpr"``, are minimised and `best_score_` is their negative;
        - a scorer from :func:`sklearn.metrics.make_scorer`, with its parameters;
        - a callable ``f(tn, fp, fn, tp)``, which gets arrays of weighted counts;
        - a callable ``f(estimator, X, y)``.

        Scorers that are no function of the four counts, and the last kind, are called once for
        each of about 100 thresholds, which takes seconds on large data; their interval is rougher,
        and they cannot be given to `retune`. Metrics of the scores themselves (``"roc_auc"``,
        ``"neg_log_loss"`` ...) know no threshold and are refused.
    constraint : str or list of str, optional
        ``"recall >= 0.9"``, ``"fpr <= 0.05"``, several as a list: any metric of `scoring` by name
        against a number (``"cost"`` is that of the matrix `costs`).
        They hold jointly at `confidence_level`: exact binomial bounds for recall, specificity and
        their complements (at all thresholds at once), pointwise ones at half the level for other
        proportions such as precision, bounds from those of recall and specificity for the rest.
        ``"precision >= 0.8 [strict]"`` also corrects for the search over thresholds (fixed
        sequence tests), ``[empirical]`` asks the estimate alone.
    costs : array-like of shape (2, 2), optional
        ``[[tn, fp], [fn, tp]]``, for ``scoring="cost"`` (mean cost of a row, minimised). Gains are
        negative costs.
    selection : {"stable", "argmax"} or callable, default="stable"
        "stable" moves the mean of bootstrap optima towards the thresholds of calibrated
        probabilities and of smoothed densities, by at most one bootstrap standard deviation: less
        variance than the maximum of a noisy curve. "argmax" is that maximum, exactly. A callable
        ``f(curve, values)`` gets the `ThresholdCurve` and the objective at each of its cuts and
        returns a threshold.
    confidence_level : float, default=0.95
        Of `threshold_interval_` and of constraints.
    pos_label : label, optional
        The positive class. By default that of the scorer if it names one, else that of the
        estimator (of the last step of a pipeline) if it has one, as a `BinaryNetClassifier` has,
        else ``classes_[1]``.
    response_method : {"auto", "predict_proba", "decision_function"}, default="auto"
        Scores to tune on; "auto" takes the first that the classifier has.
    thresholds : int or array-like, optional
        Candidates, if not every threshold: that many between the extreme scores, or these. With
        constraints that no candidate satisfies, `constraint_satisfied_` is False.
    cv : int, float, splitter, iterable, "prefit", "oof" or None, default=None
        Folds, as in scikit-learn; a float is the share of one stratified hold-out set. Splits are
        drawn once. None means 5 stratified folds, unless the estimator (or the last step of a
        pipeline) holds out-of-fold probabilities of its own in `oof_proba_` once it is fitted:
        these are used then, and nothing else is fitted. "prefit" takes an `estimator` that is
        fitted already, and its scores of the rows given, which it should not have seen. "oof" takes
        it with the very rows that it was fitted on and the `oof_proba_` that it holds of them.
        Both need ``refit=False``.
    ensemble : bool or "auto", default="auto"
        Whether predictions average the refitted model and the models of the folds, k + 1 models
        in all. "auto" does so up to 20,000 rows: measured to gain at up to 3,000 (19 data sets)
        and, with boosting but not with logistic regression, at 15,000 (3 data sets); the limit
        itself is a judgement. Nothing is averaged where `oof_proba_` was used.
    refit : bool, default=True
        Whether `estimator_` is fitted to all rows. False needs a single split, "prefit" or "oof".
    n_jobs : int, optional
        Fits at a time.
    random_state : int, RandomState or None, default=None
        For a float `cv` and for the bootstrap. The bootstrap is reproducible with None too.
    store_cv_results : bool, default=False
        Whether to keep `cv_results_`.

    Attributes
    ----------
    best_threshold_ : float
        Rows are positive where their score is at least this.
    best_score_ : float
        `scoring` of the out-of-fold decisions at `best_threshold_`.
    threshold_interval_ : tuple of float
        Percentiles of the bootstrap optima, widened if need be to hold `best_threshold_`.
    fold_thresholds_ : ndarray of shape (n_folds,)
        The best threshold of each fold for itself; NaN for folds with one class.
    curve_ : ThresholdCurve
        Weighted counts at every threshold: `thresholds`, `tn`, `fp`, `fn`, `tp`.
    constraint_satisfied_ : bool
        Whether a threshold was found at which the constraints hold; True without constraints.
    constraint_report_ : list of dict
        For each constraint its estimate and bound at the threshold, the nearest bound that any
        threshold (of `thresholds`) reaches and the positives it would need.
    oof_scores_ : ndarray of shape (n_samples,)
        Out-of-fold score of the positive class; NaN for rows that no fold held out. The mean, if
        a row was held out several times.
    cv_results_ : dict
        ``thresholds`` (ascending) and ``scores``, if `store_cv_results`.
    estimator_ : estimator
        The refitted model (the given one with "prefit" and "oof", the fold's without `refit`).
    estimators_ : list of estimators
        Fold models that predictions average with `estimator_`; empty without `ensemble`.
    classes_ : ndarray of shape (2,)
        Class labels, sorted.
    pos_label_ : label
        The positive class; not there for several labels.
    n_features_in_, feature_names_in_
        As `estimator_` has them.

    Notes
    -----
    **Several labels.** With an indicator matrix (n, L) every label gets a threshold of its own:
    `best_threshold_` has shape (L,), `threshold_interval_` (L, 2), `fold_thresholds_`
    (n_folds, L), `oof_scores_` (n, L), and `curve_`, `constraint_satisfied_`,
    `constraint_report_` have an entry for each label; `common_threshold_` is the best single
    threshold. ``"f1_macro"`` (or ``"f1"``, as any metric of one label) averages over labels; rare
    labels are drawn towards the common threshold. ``"f1_micro"`` is maximised over all thresholds
    together. Constraints hold for each label by itself; a dict ``{label number: constraint}``
    gives them to some labels only.

    **Constraints.** A constraint with confidence holds for the scores that it was computed on: with
    ``cv="prefit"`` and rows that the model has not seen, a new sample from the same source
    violates it with probability at most 1 - `confidence_level` ("strict" included; pointwise
    bounds are slightly optimistic, see the benchmark). Out-of-fold scores come from models fitted
    on fewer rows than the refitted one, so for that one, or for an average, the statement is an
    approximation: usually on the safe side, as more rows separate the classes better, but not
    guaranteed.

    References
    ----------
    Efron, Morris (1972), "Limiting the risk of Bayes and empirical Bayes estimators - part II",
    JASA 67. Kull, Silva Filho, Flach (2017), "Beta calibration", AISTATS. Tong, Feng, Li (2018),
    "Neyman-Pearson classification algorithms and NP receiver operating characteristics", Science
    Advances 4. Clopper, Pearson (1934), Biometrika 26.

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

    def __init__(
        self,
        estimator,
        *,
        scoring="balanced_accuracy",
        constraint=None,
        costs=None,
        selection="stable",
        confidence_level=0.95,
        pos_label=None,
        response_method="auto",
        thresholds=None,
        cv=None,
        ensemble="auto",
        refit=True,
        n_jobs=None,
        random_state=None,
        store_cv_results=False,
    ):
        self.estimator = estimator
        self.scoring = scoring
        self.constraint = constraint
        self.costs = costs
        self.selection = selection
        self.confidence_level = confidence_level
        self.pos_label = pos_label
        self.response_method = response_method
        self.thresholds = thresholds
        self.cv = cv
        self.ensemble = ensemble
        self.refit = refit
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.store_cv_results = store_cv_results

    def fit(self, X, y, *, costs=None, **params):
        """Fit the classifier and tune its threshold.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows; any table that `estimator` takes.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Targets of two classes, or an indicator matrix of several labels.
        costs : array-like of shape (n_samples, 2), (n_samples, 4) or (n_samples, 2, 2), optional
            Costs of each row, for ``scoring="cost"``: false positive and false negative; or tn,
            fp, fn, tp; or a matrix ``[[tn, fp], [fn, tp]]`` for each row.
        **params : dict
            With metadata routing, each goes where it was requested; a metric given by name takes
            the `sample_weight` that is passed. Without it, `sample_weight` goes to the estimator
            and to the curve, `groups` to the splitter, the rest to the estimator.

        Returns
        -------
        self : ThresholdTunerCV
        """
        X, y = indexable(X, y)
        check_estimator(self.estimator)
        self._validate_params()
        y, n_labels = check_target(y, X, self.estimator, self.cv)
        check_request(self, n_labels, row_costs=costs is not None)
        fitted = isinstance(self.cv, str)
        classes = prefit_classes(self.estimator, y, self.cv) if fitted else None
        labels = find_labels(y, self.pos_label, self.scoring, self.estimator, fitted, classes)
        row_costs = None if costs is None else check_row_costs(costs, num_samples(X))
        routed = self._route(params)
        splits = make_splits(
            self.cv,
            X,
            y,
            refit=self.refit,
            random_state=self.random_state,
            multilabel=n_labels > 0,
            split_params=routed.splitter.split,
        )
        models = fit_models(
            self.estimator,
            X,
            y,
            splits,
            cv=self.cv,
            methods=METHODS if self.response_method == "auto" else [self.response_method],
            refit=self.refit,
            own_oof=self.cv is None and self.ensemble is not True,
            fit_params=routed.estimator.fit,
            n_jobs=self.n_jobs,
        )
        seed = self.random_state
        seed = 0 if seed is None else int(check_random_state(seed).randint(2**31 - 1))
        oof_scores, evidence = self._collect(X, y, models, labels, row_costs, routed.scorer.score)
        tuned = self._tune(evidence, self.scoring, self.constraint, self.costs, seed)
        # Nothing is stored before this line, so that a fit which fails leaves an earlier one as it was.
        for stale in ("pos_label_", "common_threshold_", "cv_results_", "n_features_in_", "feature_names_in_"):
            self.__dict__.pop(stale, None)
        self.estimator_ = models.model
        self.estimators_ = models.fold_models if self._averages(num_samples(X)) else []
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        if labels is not None:
            self.pos_label_ = labels[1]
        self.oof_scores_ = oof_scores
        self._seed, self._response_method, self._labels = seed, models.method, labels
        self._evidence = without_rows(evidence)
        self.__dict__.update(tuned)
        return self

    def _route(self, params):
        """Parameters of the estimator, the splitter and the scorer."""
        params = {key: value for key, value in params.items() if value is not None}
        if get_config()["enable_metadata_routing"]:
            return process_routing(self, "fit", **params)
        return unrouted(self.estimator, params, fits=not isinstance(self.cv, str))

    def _averages(self, n_samples):
        """Whether predictions average the fold models too."""
        return self.ensemble is True or (self.ensemble == "auto" and n_samples <= AUTO_ENSEMBLE_ROWS)

    def _collect(self, X, y, fitted, labels, row_costs, metadata):
        """Gather evidence from all rows with an out-of-fold score, for each label if several."""
        folds = [(rows, positive_scores(values, fitted.method, known, labels)) for rows, values, known in fitted.folds]
        scores, rows = average_by_row(folds, len(y))
        known = {"metadata": metadata, "probability": fitted.method == "predict_proba"}
        if labels is None:
            return scores, collect_labels(X, y, folds, scores, rows, **known)
        return scores, collect(
            X,
            y,
            folds,
            scores,
            rows,
            classes=tuple(labels),
            row_costs=row_costs,
            keep_rows=callable(self.scoring) or self.scoring not in th.METRICS,
            **known,
        )

    def _tune(self, evidence, scoring, constraint, costs, seed):
        """Choose the threshold; return what is known about it, as attributes."""
        tuned: Any
        tuned, folds, lines = choose(
            evidence,
            scoring,
            constraint,
            costs,
            thresholds=self.thresholds,
            selection=self.selection,
            confidence_level=self.confidence_level,
            seed=seed,
        )
        out = {
            "best_threshold_": tuned.threshold,
            "best_score_": tuned.score,
            "threshold_interval_": tuned.interval,
            "fold_thresholds_": folds,
            "curve_": tuned.curve,
            "constraint_satisfied_": tuned.satisfied,
            "constraint_report_": tuned.report,
        }
        if isinstance(evidence, list):
            out["common_threshold_"] = tuned.common
        if self.store_cv_results:
            out["cv_results_"] = tuned.results()
        if not np.all(tuned.satisfied):
            failed = [line for line in lines if not line["satisfied"]] or lines
            warnings.warn(th.shortfall_message(failed), UserWarning, stacklevel=3)
        return out

    def retune(self, *, scoring=None, constraint=None, costs=None, prevalence=None):
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

        Returns
        -------
        self : ThresholdTunerCV
        """
        check_is_fitted(self, "estimator_")
        evidence: Any = self._evidence
        constraint = self.constraint if constraint is None else constraint
        if scoring is None:
            scoring = self.scoring if costs is None or asks_for_cost(None, constraint) else "cost"
        if isinstance(evidence, list):
            costs = self.costs if costs is None and asks_for_cost(scoring, constraint) else costs
            shares = np.broadcast_to(np.array(prevalence, dtype=object), len(evidence))
            evidence = [e.at_prevalence(share) for e, share in zip(evidence, shares, strict=True)]
        else:
            held_out = ~np.isnan(self.oof_scores_)
            evidence, costs = recost(evidence, scoring, constraint, costs, self.costs, held_out)
            evidence = evidence.at_prevalence(prevalence)
            if resolve_scoring(scoring, th.make_cost([[0, 1], [1, 0]])).metric is None:
                raise ValueError(
                    f"`scoring` {scoring!r} has to be called on rows, which are not stored; retune "
                    "with a metric of the counts, or fit anew."
                )
        self.__dict__.update(self._tune(evidence, scoring, constraint, costs, self._seed))
        return self

    def get_metadata_routing(self):
        """Routes of metadata: estimator, splitter and scorer, and this object's own `costs`.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        router = MetadataRouter(owner=type(self).__name__).add_self_request(self)
        for step, callee in (("estimator", "fit"), ("splitter", "split"), ("scorer", "score")):
            part = {
                "estimator": self.estimator,
                "splitter": self.cv,
                "scorer": routed_scorer(self.scoring),
            }[step]
            mapping = MethodMapping().add(callee=callee, caller="fit")
            router.add(**{step: part}, method_mapping=mapping)
        return router
