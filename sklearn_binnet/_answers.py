"""What a fitted network answers: log-odds, probabilities, labels, and Keras models for who wants them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_array, check_is_fitted, check_X_y, validate_data

from sklearn_binnet._labels import Target, binary_labels
from sklearn_binnet._table import Table, holds_categories, number_error, refuse_dates, refuse_new_categories

_NO_LABELS = object()


class NetworkAnswers(ClassifierMixin, BaseEstimator):
    """The answering half of the classifier; `fit` of its subclass sets what it reads."""

    threshold: Any
    categorical_features: Any
    n_labels_: int
    _fitted: Any
    """Trained networks as plain data."""
    _target: Target
    _table: Table | None
    """How category columns are read; None where all columns are numbers."""

    # ------------------------------------------------------------------ what comes in
    def _checked(
        self, X: Any, y: Any = _NO_LABELS, fills: bool | None = None, learn: bool = False, reset: bool = False
    ) -> Any:
        """Return columns (n, d) of numbers, float32 or float64; with `y` also the labels, dense or sparse.

        Numbers may be missing (NaN) where the encoding fills them in: as `fills` says, else as the fitted one does.
        Levels of categories are numbers already.
        """
        if learn:
            categorical = self.categorical_features
            self._table = Table.learn(X, categorical) if holds_categories(X, categorical) else None
        fills = self._fitted.encoder.encoding is not None if fills is None else fills
        finite: Any = "allow-nan" if fills else True
        options = {"dtype": [np.float64, np.float32], "ensure_all_finite": finite}
        try:
            if self._table is not None:
                validate_data(self, X, reset=reset, skip_check_array=True)
                X = self._table.read(X)
                if y is _NO_LABELS:
                    return check_array(X, estimator=self, input_name="X", **options)
                return check_X_y(X, y, multi_output=True, estimator=self, **options)
            refuse_dates(X)
            if not learn and self.categorical_features is not None:
                refuse_new_categories(X)
            if y is _NO_LABELS:
                return validate_data(self, X, reset=reset, **options)
            return validate_data(self, X, y, multi_output=True, reset=reset, **options)
        except ValueError as error:
            if not fills and "contains NaN" in str(error):
                raise ValueError(
                    "encoding=None leaves columns as they are, but X has missing numbers (NaN). Use 'piecewise_linear' "
                    "or 'standardize', which fill them in, or fill them in before."
                ) from error
            if (clear := number_error(X, error)) is not None:
                raise clear from error
            raise

    def to_matrix(self, X: ArrayLike) -> NDArray:
        """Return a table as the matrix of numbers that `model_` takes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        Returns
        -------
        matrix : ndarray of shape (n_samples, n_features)
            Numbers as they are, NaN where missing; categories as the place of their level, -1 for a level that `fit`
            has not seen.
        """
        check_is_fitted(self)
        return self._checked(X)

    def _logits(self, X: ArrayLike) -> NDArray[np.float64]:
        check_is_fitted(self)
        return self._fitted.logits(self._checked(X))

    def _check_threshold(self, n_labels: int) -> NDArray[np.float64]:
        """Return the threshold as (1,) or (n_labels,)."""
        try:
            threshold = np.atleast_1d(np.asarray(self.threshold, dtype=float))
        except (TypeError, ValueError):
            threshold = np.array([np.nan])
        if threshold.shape not in {(1,), (n_labels,)} or not np.all((threshold >= 0) & (threshold <= 1)):
            allowed = "a number" if n_labels == 1 else f"a number or {n_labels} numbers, one a label,"
            raise ValueError(f"threshold must be {allowed} in [0, 1], got {self.threshold!r}.")
        return threshold

    def predict(self, X: ArrayLike) -> NDArray:
        """Answer yes where the probability is at least `threshold`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            The original labels, or an indicator matrix.
        """
        logits = self._logits(X)
        return self._target.decode(expit(logits) >= self._check_threshold(self.n_labels_))

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        Returns
        -------
        proba : ndarray of shape (n_samples, 2) or (n_samples, n_labels)
            Probability of each class in the order of `classes_`; for an indicator matrix, P(yes) of each label.
        """
        probabilities = expit(self._logits(X))
        return self._target.columns(probabilities)

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return log-odds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        Returns
        -------
        logits : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Log-odds of `classes_[1]`; for an indicator matrix, of each label.
        """
        logits = self._logits(X)
        if self._target.multilabel:
            return logits
        return logits[:, 0] if self._target.positive == 1 else -logits[:, 0]

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy of `predict`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.

        Returns
        -------
        score : float
            Share of rows answered right; of an indicator matrix, rows with all answers right.
        """
        check_is_fitted(self)
        return super().score(X, y if self._target.multilabel else binary_labels(y), sample_weight)

    # ------------------------------------------------------------------ as Keras
    @property
    def model_(self) -> Any:
        """Keras model from raw columns to the final probability; `to_matrix` makes them of a table with categories.

        Call it, as in `clf.model_(X)`: its `predict` rounds columns to float32 first, which is a loss for columns that
        are large beside their differences.
        """
        return self._keras_models()[0]

    @property
    def models_(self) -> list[Any]:
        """Keras models of the single networks."""
        return self._keras_models()[1]

    def _keras_models(self) -> tuple[Any, list[Any]]:
        check_is_fitted(self)
        if "_keras" not in self.__dict__:
            self._keras = self._fitted.keras_model(), self._fitted.keras_models()
        return self._keras

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__().copy()
        state.pop("_keras", None)
        return state
