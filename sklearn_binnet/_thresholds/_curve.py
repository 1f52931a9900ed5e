"""The exact threshold curve: weighted confusion counts at every distinct score."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

# Infinite scores are clipped to this, in the curve as in `decide`: no threshold lies above +inf, so
# "nothing is positive" would be out of reach.  The next float above it is finite.
SCORE_LIMIT = 1e308


class Counts(NamedTuple):
    """Weight called positive at each cut, by true class, with the sums of squared weights.

    The last entry of each is its total, as the last cut calls everything positive.
    """

    tp: np.ndarray
    fp: np.ndarray
    tp_sq: np.ndarray
    fp_sq: np.ndarray

    def confusion(self):
        """``tn, fp, fn, tp`` at each cut, in the order of ``confusion_matrix(...).ravel()``."""
        return (
            np.maximum(self.fp[..., -1:] - self.fp, 0),
            self.fp,
            np.maximum(self.tp[..., -1:] - self.tp, 0),
            self.tp,
        )

    def at(self, cuts):
        """Take the counts at some cuts only; the last of them should be the last cut."""
        return Counts(*(a[cuts] for a in self))


def decide(scores, threshold):
    """Boolean decisions, positive where ``scores >= threshold``, infinities included."""
    return np.clip(scores, -SCORE_LIMIT, SCORE_LIMIT) >= threshold


def _clean(positive, scores, sample_weight):
    """Check the rows and drop those of weight zero (these must not create a threshold)."""
    positive = np.asarray(positive)
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 1 or positive.shape != scores.shape:
        raise ValueError(
            f"`positive` and `scores` must be 1-D and of one length, got shapes {positive.shape} and {scores.shape}."
        )
    if sample_weight is not None:
        sample_weight = np.asarray(sample_weight, dtype=np.float64)
        if sample_weight.shape != scores.shape:
            raise ValueError(f"`sample_weight` must have shape {scores.shape}, got {sample_weight.shape}.")
        if not np.all(np.isfinite(sample_weight)) or np.any(sample_weight < 0):
            raise ValueError("`sample_weight` must be finite and not negative; drop or correct such rows.")
        if np.all(sample_weight == 1):
            sample_weight = None
    keep = None if sample_weight is None or sample_weight.all() else sample_weight > 0
    if keep is not None:
        positive, scores, sample_weight = positive[keep], scores[keep], sample_weight[keep]
    if scores.size == 0:
        raise ValueError("A threshold curve needs at least one row with a weight above zero.")
    low, high = scores.min(), scores.max()
    if np.isnan(low):
        raise ValueError("`scores` contain NaN; impute or drop these rows first.")
    if low < -SCORE_LIMIT or high > SCORE_LIMIT:
        scores = np.clip(scores, -SCORE_LIMIT, SCORE_LIMIT)
    return positive.astype(bool, copy=False), scores, sample_weight, keep


def _sort_unit(positive, scores):
    """Scores in [0, 1] and labels, both descending by score.

    The two highest bits of a float64 in [0, 2) are zero, so its bits moved up by one leave room
    for the label and sort like the score: sorting one array of integers is several times quicker
    than an argsort followed by two gathers.
    """
    key = ((scores + 0.0).view(np.int64) << 1) | positive  # + 0.0 turns -0.0 into 0.0
    key.sort()
    key = key[::-1]
    return (key >> 1).view(np.float64), key & 1


def _cut_thresholds(distinct):
    """Put a threshold inside the interval of each cut, for distinct scores in descending order.

    Cut i needs a threshold in (u[i], u[i-1]].  The midpoint is used where rounding leaves it
    inside, else the upper end.
    """
    low, high = distinct[1:], distinct[:-1]
    middle = low / 2 + high / 2
    middle = np.where((middle > low) & (middle <= high), middle, high)
    return np.concatenate([[np.nextafter(distinct[0], np.inf)], middle, distinct[-1:]])


@dataclass(frozen=True, eq=False)
class ThresholdCurve:
    """Weighted confusion counts at every decision that the scores allow.

    Cut i calls the i highest distinct scores positive: cut 0 calls nothing positive, the last cut
    everything. A row is positive where ``score >= threshold``.

    Attributes
    ----------
    thresholds : ndarray of shape (n_cuts,)
        A threshold for each cut, descending (as in :func:`sklearn.metrics.roc_curve`): midpoints
        between neighbouring scores, so that decisions do not hang on the last bit of a score.
    tn, fp, fn, tp : ndarray of shape (n_cuts,)
        Weighted counts of each outcome.
    scores : ndarray of shape (n_cuts - 1,)
        The distinct scores, descending.
    counts : Counts
        Weight called positive by true class, with the sums of squared weights.

    Examples
    --------
    >>> from sklearn_binnet._thresholds import ThresholdCurve
    >>> curve = ThresholdCurve.from_scores([0, 1, 0, 1], [0.1, 0.4, 0.4, 0.9])
    >>> curve.thresholds.round(2)
    array([0.9 , 0.65, 0.25, 0.1 ])
    >>> curve.tp, curve.fp
    (array([0., 1., 2., 2.]), array([0., 0., 1., 2.]))
    """

    thresholds: np.ndarray
    scores: np.ndarray
    counts: Counts
    _rows: tuple = field(default=(), repr=False)

    @classmethod
    def from_scores(cls, positive, scores, sample_weight=None):
        """Build the curve in O(n log n).

        Parameters
        ----------
        positive : array-like of bool, shape (n_samples,)
            Whether each row is of the positive class.
        scores : array-like of float, shape (n_samples,)
            Any score that grows with the positive class; infinities are allowed, NaN is not.
        sample_weight : array-like of shape (n_samples,), optional
            Rows of weight zero are left out altogether.

        Returns
        -------
        ThresholdCurve
        """
        positive, scores, weight, keep = _clean(positive, scores, sample_weight)
        order = None
        if weight is None and scores.min() >= 0 and scores.max() <= 1:
            ordered, label = _sort_unit(positive, scores)
        else:
            order = np.argsort(-scores)
            ordered, label = scores[order], positive[order]
        changes = np.empty(len(ordered), dtype=bool)
        changes[-1] = True
        np.not_equal(ordered[1:], ordered[:-1], out=changes[:-1])
        last = np.flatnonzero(changes)
        distinct = ordered[last]
        if weight is None:
            tp = np.concatenate([[0.0], np.cumsum(label, dtype=np.int64)[last]])
            fp = np.concatenate([[0.0], last + 1.0]) - tp
            counts = Counts(tp, fp, tp, fp)
        else:
            label, weight = label.astype(bool), weight[order]
            parts = []
            for values in (weight, weight * weight):
                parts += [
                    np.concatenate([[0.0], np.cumsum(np.where(mask, values, 0.0))[last]]) for mask in (label, ~label)
                ]
            counts = Counts(*parts)
        rows = (scores, order, last, keep)
        return cls(_cut_thresholds(distinct), distinct, counts, rows)

    def __getstate__(self):
        """Leave out the rows: they serve `accumulate` right after building, nothing later."""
        return {**self.__dict__, "_rows": ()}

    def __len__(self):
        return len(self.thresholds)

    tn = property(lambda self: self.counts.confusion()[0], doc="Weighted true negatives.")
    fp = property(lambda self: self.counts.fp, doc="Weighted false positives.")
    fn = property(lambda self: self.counts.confusion()[2], doc="Weighted false negatives.")
    tp = property(lambda self: self.counts.tp, doc="Weighted true positives.")

    @property
    def n_positive(self):
        """Weight of the positive class."""
        return float(self.counts.tp[-1])

    @property
    def n_negative(self):
        """Weight of the negative class."""
        return float(self.counts.fp[-1])

    def index(self, thresholds):
        """Cut that makes the decisions of each threshold.

        Parameters
        ----------
        thresholds : float or array-like of float

        Returns
        -------
        int or ndarray of int
        """
        ascending = self.scores[::-1]
        return len(ascending) - np.searchsorted(ascending, thresholds, side="left")

    def accumulate(self, values):
        """Sum of `values` over the rows called positive, at each cut.

        Parameters
        ----------
        values : ndarray of shape (n_samples,)
            One value for each row that was given to `from_scores`.

        Returns
        -------
        ndarray of shape (n_cuts,)
        """
        if not self._rows:
            raise ValueError("This curve came out of a pickle, without its rows; build it anew.")
        scores, order, last, keep = self._rows
        values = np.asarray(values, dtype=np.float64)
        values = values if keep is None else values[keep]
        order = np.argsort(-scores) if order is None else order
        return np.concatenate([[0.0], np.cumsum(values[order])[last]])

    def spaced_cuts(self, n_bins):
        """Choose about `n_bins` + 1 cuts, equal steps apart along the ROC curve, ends included.

        Steps are measured in true positive rate plus false positive rate, so that the rare class
        is resolved as finely as the common one.
        """
        n_cuts = len(self)
        if n_cuts <= n_bins + 1:
            return np.arange(n_cuts)
        arc = self.arc()
        cuts = np.searchsorted(arc, np.linspace(0, arc[-1], n_bins + 1)).clip(0, n_cuts - 1)
        return np.unique(np.concatenate([[0], cuts, [n_cuts - 1]]))

    def arc(self):
        """Compute true plus false positive rate at each cut: the length along the ROC curve."""
        return self.tp / max(self.n_positive, 1e-300) + self.fp / max(self.n_negative, 1e-300)
