"""The exact threshold curve: weighted confusion counts at every distinct score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_binnet._files._plain import stored
from sklearn_binnet._thresholds._metrics import Floats

# Infinite scores are clipped to this, in the curve as in `decide`: no threshold lies above +inf, so
# "nothing is positive" would be out of reach.  The next float above it is finite.
SCORE_LIMIT = 1e308


@stored
class Counts(NamedTuple):
    """Weight called positive at each cut, by true class, with the sums of squared weights.

    The last entry of each is its total, as the last cut calls everything positive.
    """

    tp: Floats
    fp: Floats
    tp_sq: Floats
    fp_sq: Floats

    def confusion(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Compute ``tn, fp, fn, tp`` at each cut, in the order of ``confusion_matrix(...).ravel()``."""
        return (
            np.maximum(self.fp[..., -1:] - self.fp, 0),
            self.fp,
            np.maximum(self.tp[..., -1:] - self.tp, 0),
            self.tp,
        )

    def at(self, cuts: NDArray[Any]) -> Counts:
        """Take the counts at some cuts only; the last of them should be the last cut."""
        return Counts(*(a[cuts] for a in self))


def decide(scores: ArrayLike, threshold: ArrayLike) -> NDArray[np.bool_]:
    """Decide positive where ``score >= threshold``, infinite scores included."""
    return np.clip(scores, -SCORE_LIMIT, SCORE_LIMIT) >= threshold


def _clean(
    positive: ArrayLike, scores: ArrayLike, sample_weight: ArrayLike | None
) -> tuple[NDArray[np.bool_], Floats, Floats | None, NDArray[np.bool_] | None]:
    """Check the rows and drop those of weight zero, which must not create a threshold.

    The last value says which rows were kept; it is None where all were.
    """
    label = np.asarray(positive)
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or label.shape != values.shape:
        raise ValueError(
            f"`positive` and `scores` must be 1-D and of one length, got shapes {label.shape} and {values.shape}."
        )
    if label.dtype != bool and (strange := label[(label != 0) & (label != 1)]).size:
        raise ValueError(f"`positive` must hold booleans or 0 and 1, got {strange[0]!r}; pass `y == pos_label`.")
    weight = None
    if sample_weight is not None:
        weight = np.asarray(sample_weight, dtype=np.float64)
        if weight.shape != values.shape:
            raise ValueError(f"`sample_weight` must have shape {values.shape}, got {weight.shape}.")
        if not np.all(np.isfinite(weight)) or np.any(weight < 0):
            raise ValueError("`sample_weight` must be finite and not negative; drop or correct such rows.")
        if np.all(weight == 1):
            weight = None
    keep = None
    if weight is not None and not weight.all():
        keep = weight > 0
        label, values, weight = label[keep], values[keep], weight[keep]
    if values.size == 0:
        raise ValueError("A threshold curve needs at least one row with a weight above zero.")
    low, high = values.min(), values.max()
    if np.isnan(low):
        raise ValueError("`scores` contain NaN; impute or drop these rows first.")
    if low < -SCORE_LIMIT or high > SCORE_LIMIT:
        values = np.clip(values, -SCORE_LIMIT, SCORE_LIMIT)
    return label.astype(bool, copy=False), values, weight, keep


def _sort_unit(positive: NDArray[np.bool_], scores: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Sort scores in [0, 1] and their labels, both descending by score.

    The two highest bits of a float64 in [0, 2) are zero, so its bits moved up by one leave room
    for the label and sort like the score: sorting one array of integers is several times quicker
    than an argsort followed by two gathers.
    """
    key = ((scores + 0.0).view(np.int64) << 1) | positive  # + 0.0 turns -0.0 into 0.0
    key.sort()
    key = key[::-1]
    return (key >> 1).view(np.float64), key & 1


def _cut_thresholds(distinct: Floats) -> Floats:
    """Put a threshold inside the interval of each cut, for distinct scores in descending order.

    Cut i needs a threshold in (u[i], u[i-1]].  The midpoint is used where rounding leaves it
    inside, else the upper end.
    """
    low, high = distinct[1:], distinct[:-1]
    middle = low / 2 + high / 2
    middle = np.where((middle > low) & (middle <= high), middle, high)
    return np.concatenate([[np.nextafter(distinct[0], np.inf)], middle, distinct[-1:]])


@stored
@dataclass(frozen=True, eq=False)
class ThresholdCurve:
    """Weighted confusion counts at every decision that the scores allow.

    A row is called positive where ``score >= threshold``. Thresholds between the same two
    neighbouring scores make the same decisions, so one threshold stands for all of them: a *cut*.
    Cut 0 calls nothing positive, cut i calls the rows of the i highest distinct scores positive,
    and the last cut calls everything positive. ``len(curve)`` is the number of cuts.

    Build a curve with :meth:`from_scores`. A function that is passed to
    ``ThresholdTunerCV(selection=...)`` gets a curve as its first argument, and a fitted tuner
    keeps its curve as ``curve_``.

    Attributes
    ----------
    thresholds : ndarray of shape (n_cuts,)
        A threshold for each cut, descending as in :func:`sklearn.metrics.roc_curve`. Thresholds
        are midpoints between neighbouring scores, so that a decision does not depend on the last
        bit of a score.
    scores : ndarray of shape (n_cuts - 1,)
        The distinct scores, descending.
    tn, fp, fn, tp : ndarray of shape (n_cuts,)
        Total weight of the true negatives, false positives, false negatives and true positives
        at each cut; numbers of rows where there are no weights.
    n_positive, n_negative : float
        Total weight of each class.
    counts : named tuple
        The fields `tp` and `fp`, and `tp_sq` and `fp_sq`: the same sums over squared weights,
        which measure how many rows stand behind a weight.

    See Also
    --------
    ThresholdTunerCV : Chooses a threshold on such a curve.
    sklearn.metrics.roc_curve : The rates of the same counts.

    Examples
    --------
    >>> from sklearn_binnet import ThresholdCurve
    >>> curve = ThresholdCurve.from_scores([0, 1, 0, 1], [0.1, 0.4, 0.4, 0.9])
    >>> curve.thresholds.round(2)
    array([0.9 , 0.65, 0.25, 0.1 ])
    >>> curve.tp, curve.fp
    (array([0., 1., 2., 2.]), array([0., 0., 1., 2.]))

    The counts that a threshold of 0.5 leads to:

    >>> cut = curve.index(0.5)
    >>> print(curve.tn[cut], curve.fp[cut], curve.fn[cut], curve.tp[cut])
    2.0 0.0 1.0 1.0

    A selection rule of one's own, which takes the lowest threshold that comes within 0.01 of the
    best value of the objective:

    >>> def lowest_of_the_best(curve, values):
    ...     return curve.thresholds[values >= values.max() - 0.01].min()
    >>> f1 = 2 * curve.tp / (2 * curve.tp + curve.fp + curve.fn)
    >>> print(lowest_of_the_best(curve, f1))
    0.25
    """

    thresholds: Floats
    scores: Floats
    counts: Counts
    # Scores, order, last row of each cut and rows kept: for `accumulate`.
    _rows: tuple[Any, ...] = field(default=(), init=False, repr=False)

    @classmethod
    def from_scores(
        cls, positive: ArrayLike, scores: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> ThresholdCurve:
        """Build the curve in O(n log n) steps.

        Parameters
        ----------
        positive : array-like of bool, shape (n_samples,)
            Whether each row is of the positive class, such as ``y == pos_label``; 0 and 1 will do.
        scores : array-like of float, shape (n_samples,)
            Any score that grows with the positive class; infinities are allowed, NaN is not.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; every row weighs 1 if None. Rows of weight zero are left out.

        Returns
        -------
        ThresholdCurve
            The curve of these rows.

        Raises
        ------
        ValueError
            The arrays differ in length, `positive` holds other values than 0 and 1, a score is
            NaN, a weight is negative or not finite, or no row has a weight above zero.
        """
        called, values, weight, keep = _clean(positive, scores, sample_weight)
        order = None
        label: NDArray[Any]
        if weight is None and values.min() >= 0 and values.max() <= 1:
            ordered, label = _sort_unit(called, values)
        else:
            order = np.argsort(-values)
            ordered, label = values[order], called[order]
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
            counts = Counts(
                *(
                    np.concatenate([[0.0], np.cumsum(np.where(mask, part, 0.0))[last]])
                    for part in (weight, weight * weight)
                    for mask in (label, ~label)
                )
            )
        curve = cls(_cut_thresholds(distinct), distinct, counts)
        object.__setattr__(curve, "_rows", (values, order, last, keep))  # frozen for everyone else
        return curve

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the rows: they serve `accumulate` right after building, nothing later."""
        return {**self.__dict__, "_rows": ()}

    def __len__(self) -> int:
        return len(self.thresholds)

    @property
    def tn(self) -> Floats:
        """Weight of the true negatives at each cut."""
        return self.counts.confusion()[0]

    @property
    def fp(self) -> Floats:
        """Weight of the false positives at each cut."""
        return self.counts.fp

    @property
    def fn(self) -> Floats:
        """Weight of the false negatives at each cut."""
        return self.counts.confusion()[2]

    @property
    def tp(self) -> Floats:
        """Weight of the true positives at each cut."""
        return self.counts.tp

    @property
    def n_positive(self) -> float:
        """Weight of the positive class."""
        return float(self.counts.tp[-1])

    @property
    def n_negative(self) -> float:
        """Weight of the negative class."""
        return float(self.counts.fp[-1])

    @overload
    def index(self, thresholds: float) -> int: ...
    @overload
    def index(self, thresholds: Floats | Sequence[float]) -> NDArray[np.intp]: ...
    def index(self, thresholds: Any) -> Any:
        """Find the cut that makes the decisions of each threshold.

        Parameters
        ----------
        thresholds : float or array-like of float
            Any thresholds, not only those of the curve.

        Returns
        -------
        int or ndarray of int
            The place of each threshold's cut in `thresholds`, `tp` and the other arrays.
        """
        ascending = self.scores[::-1]
        return len(ascending) - np.searchsorted(ascending, thresholds, side="left")

    def accumulate(self, values: ArrayLike) -> Floats:
        """Sum values over the rows called positive, at each cut.

        Parameters
        ----------
        values : array-like of shape (n_samples,)
            One value for each row that was given to :meth:`from_scores`, such as what it costs to
            call it positive.

        Returns
        -------
        ndarray of shape (n_cuts,)
            The sums.

        Raises
        ------
        ValueError
            The curve came out of a pickle, which holds no rows.
        """
        return sum_ordered(self, order_rows(self, values))

    def spaced_cuts(self, n_bins: int) -> NDArray[np.intp]:
        """Choose about `n_bins` + 1 cuts at equal steps along the ROC curve, both ends included.

        A step is measured in true positive rate plus false positive rate, so that the rare class
        is resolved as finely as the common one.

        Parameters
        ----------
        n_bins : int
            Number of steps.

        Returns
        -------
        ndarray of int
            The cuts, ascending; all of them where there are few.
        """
        n_cuts = len(self)
        if n_cuts <= n_bins + 1:
            return np.arange(n_cuts)
        arc = self.arc()
        cuts = np.searchsorted(arc, np.linspace(0, arc[-1], n_bins + 1)).clip(0, n_cuts - 1)
        chosen = np.zeros(n_cuts, dtype=bool)
        chosen[cuts] = chosen[[0, -1]] = True
        return np.flatnonzero(chosen)

    def arc(self) -> Floats:
        """Add the true and the false positive rate at each cut: the length along the ROC curve.

        Returns
        -------
        ndarray of shape (n_cuts,)
            From 0 to 2, or to 1 where all weight is of one class.
        """
        return self.tp / max(self.n_positive, 1e-300) + self.fp / max(self.n_negative, 1e-300)


def order_rows(curve: ThresholdCurve, values: ArrayLike) -> Floats:
    """Put a value for each row that the curve was built from into the descending order of the scores."""
    if not curve._rows:
        raise ValueError("This curve came out of a pickle, without its rows; build it anew.")
    scores, order, last, keep = curve._rows
    values = np.asarray(values, dtype=np.float64)
    values = values if keep is None else values[keep]
    if order is None:  # one sort serves all sums
        order = np.argsort(-scores)
        object.__setattr__(curve, "_rows", (scores, order, last, keep))
    return values[order]


def sum_ordered(curve: ThresholdCurve, ordered: Floats) -> Floats:
    """Sum values in the order of `order_rows` over the rows called positive, at each cut."""
    last, sums = curve._rows[2], np.zeros(len(curve))
    if len(last) == len(ordered):
        np.cumsum(ordered, out=sums[1:])
    else:
        sums[1:] = np.cumsum(ordered)[last]
    return sums
