"""What a rule costs where the costs are not known: a display."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from sklearn_binnet import _thresholds as th
from sklearn_binnet._labels import deciding_estimator
from sklearn_binnet.plotting import _curve_points as points
from sklearn_binnet.plotting._responses import is_positive, of_label, threshold_of
from sklearn_binnet.plotting._style import axes, finish, line_style, pyplot

Floats = NDArray[np.float64]

POINTS = 501
AS_IT_IS, CALIBRATED, BEST = "threshold = cost share", "the same, calibrated", "best threshold at each share"
FIXED, TRIVIAL = "this threshold", "all or none positive"


class CostCurveDisplay:
    """Mean cost of a row against the share that a false alarm has in the costs: for costs that are not known exactly.

    The two costs add up to 2: at a share of 0.5 both mistakes cost 1, at 0.2 a false alarm costs 0.4 and a miss 1.6.
    Use `from_estimator` or `from_predictions` to make one. The lines are

    - "threshold = cost share": the *Brier curve*. Each share is decided at the threshold that is right for calibrated
      probabilities, the share itself. The area under the curve is the Brier score;
    - "the same, calibrated": the same with the probabilities that the tuner's `calibration_` gives;
    - "best threshold at each share": what hindsight would choose on these rows;
    - "this threshold": one threshold for all shares, a straight line;
    - "all or none positive": the cheaper of the two decisions that need no classifier.

    How far a line is above the best one is its *regret*.

    Parameters
    ----------
    shares : ndarray of shape (n_shares,)
        Cost of a false alarm, as a share of the sum of both costs; ascending from 0 to 1.
    costs : dict of str to ndarray of shape (n_shares,)
        Mean cost of a row, by line.
    miss_costs : tuple of float, default=None
        The range of costs of a miss, in false alarms, that is shaded.
    name : str, default=None
        Title of the plot.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where it was drawn.
    figure_ : matplotlib.figure.Figure
        The figure of `ax_`.

    References
    ----------
    Hernández-Orallo, Flach, Ferri (2011), "Brier curves: a new cost-based visualisation of classifier performance",
    ICML. Drummond, Holte (2006), "Cost curves: an improved method for visualizing classifier performance", Machine
    Learning 65.

    Examples
    --------
    >>> from sklearn_binnet.plotting import CostCurveDisplay
    >>> display = CostCurveDisplay.from_predictions(
    ...     [0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.4, 0.5, 0.7, 0.9], threshold=0.3, miss_costs=(2, 5)
    ... )
    >>> for line, cost in display.mean_costs().items():
    ...     print(f"{line}: {cost:.3f}")
    threshold = cost share: 0.096
    best threshold at each share: 0.083
    this threshold: 0.083
    all or none positive: 0.250
    """

    def __init__(
        self,
        shares: Floats,
        costs: dict[str, Floats],
        *,
        miss_costs: tuple[float, float] | None = None,
        name: str | None = None,
    ):
        self.shares = shares
        self.costs = costs
        self.miss_costs = miss_costs
        self.name = name

    def mean_costs(self) -> dict[str, float]:
        """Average each line over the shaded range, or over all shares if there is none.

        Over all shares, the mean of the Brier curve is the Brier score.

        Returns
        -------
        dict of str to float
        """
        low, high = self._range()
        grid = np.linspace(low, high, 20 * POINTS)
        return {line: float(np.interp(grid, self.shares, cost).mean()) for line, cost in self.costs.items()}

    def _range(self) -> tuple[float, float]:
        """Return the range of shares that the costs of a miss make."""
        if self.miss_costs is None:
            return 0.0, 1.0
        low, high = self.miss_costs
        return 1 / (1 + high), 1 / (1 + low)

    # ------------------------------------------------------------------ drawing
    def plot(
        self, ax: Any = None, *, name: str | None = None, legend: bool = True, **line_kwargs: Any
    ) -> CostCurveDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where; None makes a figure.
        name : str, default=None
            Title, instead of `name` of the display.
        legend : bool, default=True
            Whether to put a legend beside the axes.
        **line_kwargs : dict
            For the lines, as in :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        self : CostCurveDisplay
        """
        ax = axes(ax, "CostCurveDisplay.plot")
        if self.miss_costs is not None:
            low, high = self.miss_costs
            ax.axvspan(*self._range(), color="0.9", linewidth=0, label=f"a miss costs {low:g} to {high:g}", zorder=0)
        styles = {TRIVIAL: {"color": "0.6", "linestyle": ":"}, FIXED: {"color": "black", "linestyle": "-"}}
        number = 0
        for line, cost in self.costs.items():
            style = styles.get(line)
            if style is None:
                style, number = line_style(number, {}), number + 1
            ax.plot(self.shares, cost, label=line, zorder=3, **(style | line_kwargs))
        ax.set(xlabel="share of a false alarm in the costs", ylabel="mean cost of a row", xlim=(0, 1))
        shown = [cost for line, cost in self.costs.items() if line != FIXED]
        ax.set_ylim(0, 1.15 * max(float(cost.max()) for cost in shown))
        finish(ax, name or self.name, legend)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    # ------------------------------------------------------------------ making one
    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        label: int | None = None,
        miss_costs: tuple[float, float] | None = None,
        name: str | None = None,
        ax: Any = None,
        **line_kwargs: Any,
    ) -> CostCurveDisplay:
        """Draw the curves of a fitted `ThresholdTunerCV`, on the out-of-fold scores that it was tuned on.

        Parameters
        ----------
        estimator : ThresholdTunerCV
            Fitted; also in a pipeline or a search.
        label : int, default=None
            Which label to draw, if it predicts several.
        miss_costs : tuple of float, default=None
            A range of costs of a miss, in false alarms, to be shaded.
        name : str, default=None
            Title of the plot.
        ax : matplotlib.axes.Axes, default=None
            Where; None makes a figure.
        **line_kwargs : dict
            For the lines.

        Returns
        -------
        display : CostCurveDisplay
            With `ax_` and `figure_`.

        Raises
        ------
        ValueError
            `estimator` is no tuner, or the range is none.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        decides, _ = deciding_estimator(estimator, fitted=True)
        if not hasattr(decides, "calibration_"):
            raise ValueError(
                f"`estimator` must be a fitted ThresholdTunerCV, which has out-of-fold scores; got "
                f"{type(estimator).__name__}. For scores of your own take from_predictions."
            )
        curve, calibration = (of_label(part, label, decides) for part in (decides.curve_, decides.calibration_))
        display = cls._from_curve(curve, calibration, threshold_of(decides, label), miss_costs, name)
        return display.plot(ax, **line_kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_score: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        pos_label: Any = None,
        threshold: float | None = None,
        miss_costs: tuple[float, float] | None = None,
        name: str | None = None,
        ax: Any = None,
        **line_kwargs: Any,
    ) -> CostCurveDisplay:
        """Draw the curves of scores.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels of two classes.
        y_score : array-like of shape (n_samples,)
            Scores that grow with the positive class. Only probabilities have a Brier curve.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        pos_label : label, default=None
            The positive class; None takes the greater label.
        threshold : float, default=None
            One threshold to draw.
        miss_costs : tuple of float, default=None
            A range of costs of a miss, in false alarms, to be shaded.
        name : str, default=None
            Title of the plot.
        ax : matplotlib.axes.Axes, default=None
            Where; None makes a figure.
        **line_kwargs : dict
            For the lines.

        Returns
        -------
        display : CostCurveDisplay
            With `ax_` and `figure_`.

        Raises
        ------
        ValueError
            `y_true` does not hold two classes, or the range is none.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        check_consistent_length(y_true, y_score, sample_weight)
        curve = th.ThresholdCurve.from_scores(is_positive(y_true, pos_label), column_or_1d(y_score), sample_weight)
        return cls._from_curve(curve, None, threshold, miss_costs, name).plot(ax, **line_kwargs)

    @classmethod
    def _from_curve(
        cls, curve: th.ThresholdCurve, calibration: Any, threshold: float | None, miss_costs: Any, name: str | None
    ) -> CostCurveDisplay:
        """Compute what is drawn."""
        if miss_costs is not None:
            try:
                low, high = (float(end) for end in miss_costs)
            except (TypeError, ValueError):
                low, high = np.nan, np.nan
            if not 0 < low < high < np.inf:
                raise ValueError(
                    "`miss_costs` must be a range (low, high) of costs of a miss in false alarms, above 0, such as "
                    f"(3, 10); got {miss_costs!r}."
                )
            miss_costs = (low, high)
        shares = np.linspace(0, 1, POINTS)
        n_rows = curve.n_positive + curve.n_negative
        misses, alarms = curve.fn / n_rows, curve.fp / n_rows

        def decided(thresholds: Any) -> Floats:
            _, fp, fn, _ = points.at(curve, thresholds)
            return np.asarray(2 * (shares * fp + (1 - shares) * fn) / n_rows)

        costs = {}
        if curve.scores[0] <= 1 and curve.scores[-1] >= 0:
            costs[AS_IT_IS] = decided(shares)
        if calibration is not None:
            places = np.searchsorted(calibration(curve.scores)[::-1], shares, side="left")  # rows below the share
            cuts = len(curve.scores) - places
            costs[CALIBRATED] = 2 * (shares * alarms[cuts] + (1 - shares) * misses[cuts])
        costs[BEST] = np.array([2 * (share * alarms + (1 - share) * misses).min() for share in shares])
        if threshold is not None:
            costs[FIXED] = decided(np.full(POINTS, threshold))
        costs[TRIVIAL] = np.minimum(2 * shares * alarms[-1], 2 * (1 - shares) * misses[0])
        return cls(shares, costs, miss_costs=miss_costs, name=name)
