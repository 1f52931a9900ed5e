"""Predictions of a classifier with a tuned threshold, alone or as an average of models."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_binnet import _thresholds as th
from sklearn_binnet._tuning._crossfit import average_response
from sklearn_binnet._tuning._folds import binary_scores


def _estimator_has(method):
    """Whether the fitted estimator, or else the given one, has a method."""

    def check(self):
        getattr(getattr(self, "estimator_", self.estimator), method)
        return True

    return check


def positive_scores(values, method, classes, labels):
    """Scores of the positive class, (n,); or of each label, (n, L)."""
    if labels is None:
        return np.asarray(values, dtype=np.float64)
    return binary_scores(values, method, classes, labels[1]).astype(np.float64)


class TunedPredictions(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Responses of `estimator_` and `estimators_`, decisions at `best_threshold_`."""

    estimator: Any
    estimator_: Any
    estimators_: list
    best_threshold_: Any
    _labels: np.ndarray | None  # negative and positive; None for an indicator matrix
    _response_method: str

    # Responses are those of the model, or the mean over the models that are averaged.

    def _response(self, X, method):
        check_is_fitted(self, "estimator_")
        return average_response([self.estimator_, *self.estimators_], X, [method])[0]

    def predict(self, X):
        """Predict labels: positive where the score reaches `best_threshold_`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Labels as in `y`; an indicator matrix for several labels.
        """
        check_is_fitted(self, "estimator_")
        values = self._response(X, self._response_method)
        scores = positive_scores(values, self._response_method, self.classes_, self._labels)
        positive = th.decide(scores, self.best_threshold_).astype(int)
        return positive if self._labels is None else self._labels[positive]

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X):
        """Probabilities of the classes, the mean over the averaged models.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_labels)
            Columns in the order of `classes_`; for several labels P(label = 1).
        """
        return self._response(X, "predict_proba")

    @available_if(_estimator_has("predict_log_proba"))
    def predict_log_proba(self, X):
        """Logarithm of `predict_proba`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, 2)
        """
        check_is_fitted(self, "estimator_")
        if not self.estimators_:
            return self.estimator_.predict_log_proba(X)
        with np.errstate(divide="ignore"):  # a probability of zero
            return np.log(self.predict_proba(X))

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X):
        """Decision function, the mean over the averaged models.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._response(X, "decision_function")

    @property
    def classes_(self):
        """Class labels, sorted."""
        return self.estimator_.classes_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = get_tags(self.estimator).classifier_tags.multi_label
        tags.input_tags.sparse = get_tags(self.estimator).input_tags.sparse
        return tags
