"""Scores of rows that the scoring model was not fitted on, and what is known of these rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from sklearn_binnet import _thresholds as th
from sklearn_binnet._compat import index_params, safe_indexing


@dataclass(eq=False)
class Evidence:
    """Scores of rows that the scoring model was not fitted on, and what is known of these rows.

    Attributes
    ----------
    positive : ndarray of bool, shape (n_samples,)
    scores : ndarray of shape (n_samples,)
    weight : ndarray of shape (n_samples,) or None
    folds : list of (rows, scores)
        Scores fold by fold; a row may be in several.
    row_costs : ndarray of shape (n_samples, 4) or None
        Costs of each row: tn, fp, fn, tp.
    labels : ndarray of shape (n_samples,)
        Targets as they were given.
    classes : tuple of two labels
        Negative and positive label.
    X : object
        Rows, for scorers that ask for them; dropped once a threshold is chosen.
    metadata : dict
        Other arguments of the scorer.
    probability : bool or None
        Whether the scores are probabilities; None where nobody knows.
    """

    positive: np.ndarray
    scores: np.ndarray
    weight: np.ndarray | None = None
    folds: list = field(default_factory=list)
    row_costs: np.ndarray | None = None
    labels: np.ndarray | None = None
    classes: tuple = (0, 1)
    X: Any = None
    metadata: dict = field(default_factory=dict)
    probability: bool | None = None

    @cached_property
    def curve(self):
        """Exact curve of all rows."""
        return th.ThresholdCurve.from_scores(self.positive, self.scores, self.weight)

    def __getstate__(self):
        """Leave out what can be computed again."""
        return {key: value for key, value in self.__dict__.items() if key != "curve"}

    def part(self, rows, scores):
        """Evidence of some rows, with the scores of one fold."""
        if len(rows) == len(self.scores) and np.array_equal(scores, self.scores):
            return self  # one fold of all rows: its curve is there already
        return Evidence(
            self.positive[rows],
            scores,
            None if self.weight is None else self.weight[rows],
            row_costs=None if self.row_costs is None else self.row_costs[rows],
            labels=None if self.labels is None else self.labels[rows],
            classes=self.classes,
            X=None if self.X is None else safe_indexing(self.X, rows),
            metadata=index_params(self.scores, self.metadata, indices=rows),
            probability=self.probability,
        )

    def at_prevalence(self, prevalence):
        """Reweight to another share of positives; None leaves things as they are."""
        if prevalence is None:
            return self
        if not 0 < prevalence < 1:
            raise ValueError(f"`prevalence` must lie between 0 and 1, got {prevalence!r}.")
        weight = np.ones(len(self.scores)) if self.weight is None else self.weight
        here = weight[self.positive].sum() / weight.sum()
        if not 0 < here < 1:
            raise ValueError(
                "`prevalence` needs rows of both classes to reweight, and the stored scores have one class only."
            )
        factor = np.where(self.positive, prevalence / here, (1 - prevalence) / (1 - here))
        folds = list(self.folds)
        return replace(self, weight=weight * factor, folds=folds)


def average_by_row(folds, n_samples):
    """Mean score of each row over the folds that held it out.

    A row that was held out several times stays one row, so that bounds count it once.

    Parameters
    ----------
    folds : list of (rows, scores)
        `scores` of shape (n_rows,) or (n_rows, n_labels).
    n_samples : int

    Returns
    -------
    scores : ndarray of shape (n_samples,) or (n_samples, n_labels)
        NaN where no fold held the row out.
    rows : ndarray
        Rows with a score.
    """
    shape = (n_samples, *folds[0][1].shape[1:])
    total, times = np.zeros(shape), np.zeros(n_samples)
    for rows, scores in folds:
        total[rows] += scores
        times[rows] += 1
    rows = np.flatnonzero(times)
    means = np.full(shape, np.nan)
    means[rows] = (total[rows].T / times[rows]).T
    return means, rows


def collect(X, y, folds, scores, rows, *, classes, row_costs, metadata, keep_rows, probability=None):
    """Evidence on one yes/no question.

    Parameters
    ----------
    X, y : array-like
        All rows.
    folds : list of (rows, scores)
    scores : ndarray of shape (n_samples,)
    rows : ndarray
        Rows with a score.
    classes : tuple
        Negative and positive label.
    row_costs : ndarray of shape (n_samples, 4) or None
    metadata : dict
        Arguments of the scorer, `sample_weight` among them.
    keep_rows : bool
        Whether the scorer will ask for the rows themselves.
    probability : bool, optional
        Whether the scores are probabilities.

    Returns
    -------
    Evidence
    """
    metadata = index_params(X, metadata, indices=rows)
    weight = metadata.get("sample_weight")
    position = np.full(len(scores), -1)
    position[rows] = np.arange(len(rows))
    return Evidence(
        y[rows] == classes[1],
        scores[rows],
        None if weight is None else np.asarray(weight, dtype=np.float64),
        [(position[fold_rows], fold_scores) for fold_rows, fold_scores in folds],
        None if row_costs is None else row_costs[rows],
        labels=y[rows],
        classes=classes,
        X=safe_indexing(X, rows) if keep_rows else None,
        metadata=metadata,
        probability=probability,
    )


def collect_labels(X, y, folds, scores, rows, *, metadata, probability):
    """Evidence on each label of an indicator matrix; parameters as in `collect`, with a column a label.

    Returns
    -------
    list of Evidence
    """
    return [
        collect(
            X,
            y[:, label],
            [(fold_rows, fold_scores[:, label]) for fold_rows, fold_scores in folds],
            scores[:, label],
            rows,
            classes=(0, 1),
            row_costs=None,
            metadata=metadata,
            keep_rows=False,
            probability=probability,
        )
        for label in range(y.shape[1])
    ]


def without_rows(evidence):
    """Drop the rows themselves, which only a first tuning may need."""
    parts = evidence if isinstance(evidence, list) else [evidence]
    for part in parts:
        part.X, part.metadata = None, {}
    return evidence
