"""Scores of rows that the scoring model was not fitted on, and what is known of these rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet import _thresholds as th
from sklearn_binnet._compat import _check_method_params, _safe_indexing
from sklearn_binnet._files._plain import stored
from sklearn_binnet._tuning._by_group import Groups

Fold = tuple[NDArray[np.intp], NDArray[np.float64]]
"""Rows that a model was not fitted on, and their scores."""


class ScorerRows(NamedTuple):
    """What a scorer that looks at rows is called with; dropped once a threshold is chosen."""

    X: Any
    y: NDArray[Any]
    metadata: dict[str, Any]


@stored
@dataclass(eq=False)
class Evidence:
    """Out-of-fold scores for one label, with what is known of their rows."""

    positive: NDArray[np.bool_]
    scores: NDArray[np.float64]
    weight: NDArray[np.float64] | None = None
    folds: list[Fold] = field(default_factory=list)
    """Scores fold by fold; a row may be in several."""
    row_costs: NDArray[np.float64] | None = None
    """Costs of each row, (n, 4): tn, fp, fn, tp."""
    classes: tuple[Any, Any] = (0, 1)
    """Negative and positive label."""
    probability: bool | None = None
    """Whether the scores are probabilities; None where nobody knows."""
    rows: ScorerRows | None = None
    groups: Groups | None = None
    clusters: NDArray[np.intp] | None = None
    """Number of the group of rows that each row belongs to, such as a patient; None where each stands for itself."""

    @cached_property
    def curve(self) -> th.ThresholdCurve:
        """Exact curve of all rows."""
        return th.ThresholdCurve.from_scores(self.positive, self.scores, self.weight)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what can be computed again."""
        return {key: value for key, value in self.__dict__.items() if key != "curve"}

    def part(self, fold: Fold) -> Evidence:
        """Return the evidence of one fold."""
        places, scores = fold
        if len(places) == len(self.scores) and np.array_equal(scores, self.scores):
            return self  # one fold of all rows: its curve is there already
        rows = None
        if self.rows is not None:
            X, y, metadata = self.rows
            metadata = _check_method_params(self.scores, metadata, indices=places)
            rows = ScorerRows(_safe_indexing(X, places), y[places], metadata)
        return replace(
            self,
            positive=self.positive[places],
            scores=scores,
            weight=None if self.weight is None else self.weight[places],
            folds=[],
            row_costs=None if self.row_costs is None else self.row_costs[places],
            rows=rows,
            groups=None if self.groups is None else self.groups.at(places),
            clusters=None if self.clusters is None else self.clusters[places],
        )

    def with_costs(self, row_costs: NDArray[np.float64] | None) -> Evidence:
        """Return the evidence with other costs of each row, (n, 4), or without; its curve is the same."""
        other = replace(self, row_costs=row_costs)
        other.__dict__["curve"] = self.curve
        return other

    def mapped(self, probability_of: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Evidence:
        """Return the evidence with other scores, which are probabilities."""
        return replace(
            self,
            scores=probability_of(self.scores),
            folds=[(places, probability_of(scores)) for places, scores in self.folds],
            probability=True,
        )

    def at_prevalence(self, prevalence: float | None) -> Evidence:
        """Reweight to another share of positives; None leaves things as they are."""
        if prevalence is None:
            return self
        if not 0 < prevalence < 1:
            raise ValueError(
                "`prevalence` must lie between 0 and 1, both excluded: it is the share of positives to expect, such as "
                f"0.05, and None leaves that of the rows; got {prevalence!r}."
            )
        weight = np.ones(len(self.scores)) if self.weight is None else self.weight
        here = weight[self.positive].sum() / weight.sum()
        if not 0 < here < 1:
            raise ValueError(
                "`prevalence` needs rows of both classes to reweight, and the stored scores have one class only."
            )
        factor = np.where(self.positive, prevalence / here, (1 - prevalence) / (1 - here))
        return replace(self, weight=weight * factor)


def collect(
    X: Any,
    y: NDArray[Any],
    folds: list[Fold],
    *,
    classes: tuple[Any, Any],
    row_costs: NDArray[np.float64] | None,
    metadata: dict[str, Any],
    keep_rows: bool,
    probability: bool,
    groups: Groups | None = None,
    clusters: NDArray[np.intp] | None = None,
) -> tuple[NDArray[np.float64], list[Evidence]]:
    """Gather the evidence on each label, and the mean out-of-fold score of each row.

    `y` holds labels (n,) or an indicator matrix (n, L); the scores of the folds have a column for each label. A row
    that was held out several times stays one row with the mean of its scores, so that bounds count it once; rows that
    no fold held out are NaN and give no evidence.
    """
    n_labels = folds[0][1].shape[1]
    total, times = np.zeros((len(y), n_labels)), np.zeros(len(y))
    for places, scores in folds:
        total[places] += scores
        times[places] += 1
    rows = np.flatnonzero(times)
    means = np.full(total.shape, np.nan)
    means[rows] = total[rows] / times[rows, None]
    place = np.full(len(y), -1)
    place[rows] = np.arange(len(rows))
    metadata = _check_method_params(X, metadata, indices=rows)
    weight = metadata.get("sample_weight")
    known = y[rows]
    columns = known if y.ndim > 1 else known[:, None]
    evidence = [
        Evidence(
            columns[:, label] == classes[1],
            means[rows, label],
            None if weight is None else np.asarray(weight, dtype=np.float64),
            [(place[places], scores[:, label]) for places, scores in folds],
            None if row_costs is None else row_costs[rows],
            classes,
            probability,
            ScorerRows(_safe_indexing(X, rows), known, metadata) if keep_rows else None,
            None if groups is None else groups.at(rows),
            None if clusters is None else clusters[rows],
        )
        for label in range(n_labels)
    ]
    return means, evidence
