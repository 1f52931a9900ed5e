"""What every threshold does: a display."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted

from sklearn_binnet import _thresholds as th
from sklearn_binnet._labels import deciding_estimator
from sklearn_binnet.plotting import _curve_points as points
from sklearn_binnet.plotting._responses import curve_of, decision_of, is_positive, level_of, of_label
from sklearn_binnet.plotting._style import axes, draw_band, finish, in_words, line_style, name_bands, pyplot

METRICS = ("precision", "recall", "f1", "queue_rate")
_LEGEND = {"queue_rate": "queue rate (called positive)", "cost": "mean cost of a row"}


class ThresholdCurveDisplay:
    """Metrics of the decisions against the threshold, with their uncertainty.

    Use `from_estimator` or `from_predictions` to make one. A row is called positive where its score is at least the
    threshold; the queue rate is the share of rows called positive, which is the work that follows from them.

    Parameters
    ----------
    thresholds : ndarray of shape (n_thresholds,)
        Ascending.
    scores : dict of str to ndarray of shape (n_thresholds,)
        Metrics by name, in their own direction; NaN where one is not defined, as precision where no row is called
        positive.
    bands : dict of str to ndarray of shape (2, n_thresholds), default=None
        Lower and upper end of each metric.
    band_name : str, default=None
        What the bands are, for the legend.
    threshold : float, default=None
        The chosen threshold.
    interval : tuple of float, default=None
        Where the best threshold may lie.
    allowed : ndarray of bool, shape (n_thresholds,), default=None
        Where the constraint holds.
    constraint : str, default=None
        The constraint, for the legend.
    name : str, default=None
        Title of the plot.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where it was drawn.
    figure_ : matplotlib.figure.Figure
        The figure of `ax_`.

    See Also
    --------
    sklearn.metrics.PrecisionRecallDisplay : Precision against recall; there thresholds can't be read off.

    Examples
    --------
    >>> from sklearn_binnet.plotting import ThresholdCurveDisplay
    >>> display = ThresholdCurveDisplay.from_predictions(
    ...     [0, 0, 1, 0, 1, 1],
    ...     [0.1, 0.2, 0.4, 0.5, 0.7, 0.9],
    ...     metrics=["precision", "recall"],
    ...     threshold=0.6,
    ... )
    >>> display.ax_.get_xlabel()
    'threshold'
    >>> float(display.scores["recall"][0])
    1.0
    """

    def __init__(
        self,
        thresholds: NDArray[np.float64],
        scores: dict[str, NDArray[np.float64]],
        *,
        bands: dict[str, NDArray[np.float64]] | None = None,
        band_name: str | None = None,
        threshold: float | None = None,
        interval: tuple[float, float] | None = None,
        allowed: NDArray[np.bool_] | None = None,
        constraint: str | None = None,
        name: str | None = None,
    ):
        self.thresholds = thresholds
        self.scores = scores
        self.bands = bands
        self.band_name = band_name
        self.threshold = threshold
        self.interval = interval
        self.allowed = allowed
        self.constraint = constraint
        self.name = name

    # ------------------------------------------------------------------ drawing
    def plot(
        self, ax: Any = None, *, name: str | None = None, bands: bool = True, legend: bool = True, **line_kwargs: Any
    ) -> ThresholdCurveDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where; None makes a figure.
        name : str, default=None
            Title, instead of `name` of the display.
        bands : bool, default=True
            Whether to draw the bands, if there are any.
        legend : bool, default=True
            Whether to put a legend beside the axes.
        **line_kwargs : dict
            For the lines of the metrics, as in :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        self : ThresholdCurveDisplay
        """
        ax = axes(ax, "ThresholdCurveDisplay.plot")
        self._shade(ax)
        for number, (metric, line) in enumerate(self.scores.items()):
            style = line_style(number, line_kwargs)
            ax.plot(self.thresholds, line, label=_LEGEND.get(metric, in_words(metric)), zorder=3, **style)
            if bands and self.bands:
                draw_band(ax, self.thresholds, self.bands[metric], style["color"])
            if self.threshold is not None:
                place = np.searchsorted(self.thresholds, self.threshold, side="right") - 1
                height = line[np.clip(place, 0, len(line) - 1)]
                ax.plot(self.threshold, height, "o", color=style["color"], markeredgecolor="white", zorder=5)
        if bands and self.bands:
            name_bands(ax, self.band_name)
        self._frame(ax)
        finish(ax, name or self.name, legend)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _shade(self, ax: Any) -> None:
        """Draw what lies behind the lines: the interval, and where the constraint does not hold."""
        whole_height = ax.get_xaxis_transform()
        if self.interval is not None:
            ax.axvspan(*self.interval, color="0.87", linewidth=0, label="interval of the threshold", zorder=0)
        if self.allowed is not None and not np.all(self.allowed):
            style = {"facecolor": "none", "edgecolor": "0.7", "hatch": "///", "linewidth": 0, "zorder": 1}
            barred = ~np.asarray(self.allowed)
            label = f"ruled out by {self.constraint}" if self.constraint else "ruled out"
            ax.fill_between(self.thresholds, 0, 1, where=barred, transform=whole_height, label=label, **style)
        if self.threshold is not None:
            ax.axvline(self.threshold, color="black", linewidth=1.2, label=f"chosen: {self.threshold:.3g}", zorder=4)

    def _frame(self, ax: Any) -> None:
        """Set limits and labels."""
        low, high = self.thresholds[0], self.thresholds[-1]
        ax.set_xlim(*((0, 1) if low >= 0 and high <= 1 + 1e-9 else (low, high)))
        everything = np.concatenate(list(self.scores.values()))
        if "cost" not in self.scores and np.nanmin(everything) >= 0 and np.nanmax(everything) <= 1:
            ax.set_ylim(0, 1.02)
        alone = next(iter(self.scores)) if len(self.scores) == 1 else None
        ax.set(xlabel="threshold", ylabel=_LEGEND.get(alone, in_words(alone)) if alone else "score")

    # ------------------------------------------------------------------ making one
    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        y: ArrayLike | None = None,
        *,
        label: int | None = None,
        metrics: Sequence[str] = METRICS,
        costs: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        pos_label: Any = None,
        bands: str | None = "bootstrap",
        n_bootstrap: int = 200,
        confidence_level: float | None = None,
        constraint: Any = None,
        random_state: Any = 0,
        name: str | None = None,
        ax: Any = None,
        **line_kwargs: Any,
    ) -> ThresholdCurveDisplay:
        """Draw the curve of a fitted classifier.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier with `predict_proba` or `decision_function`, or a fitted `ThresholdTunerCV`; also a
            pipeline or a search around one. Its threshold is drawn as the chosen one, of a tuner its interval too.
        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Rows. Without them a tuner shows the out-of-fold curve that it chose on, with the constraints that it
            was tuned under.
        y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            Their labels.
        label : int, default=None
            Which label to draw, if the classifier predicts several.
        metrics : sequence of str, default=("precision", "recall", "f1", "queue_rate")
            Any metric of `ThresholdTunerCV`, and "queue_rate".
        costs : array-like of shape (2, 2), default=None
            ``[[tn, fp], [fn, tp]]``, for the metric "cost".
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        pos_label : label, default=None
            The positive class; None takes the one of the classifier. For the other class the threshold and its
            interval are drawn turned to the scores of that class, so that they stand for the same decisions. Without X
            it can only be the class that the tuner counted as positive.
        bands : {"bootstrap", "folds"} or None, default="bootstrap"
            "bootstrap" draws percentiles over resampled rows: how far the lines may be off for the number of rows.
            "folds" spans the folds of a tuner without X: it shows how folds differ.
        n_bootstrap : int, default=200
            Samples of the bootstrap.
        confidence_level : float, default=None
            Of the bands and of constraints; None takes the one of a tuner, or 0.95.
        constraint : str or list of str, default=None
            Shade where it does not hold; written as in `ThresholdTunerCV`.
        random_state : int, RandomState or None, default=0
            For the bootstrap.
        name : str, default=None
            Title of the plot.
        ax : matplotlib.axes.Axes, default=None
            Where; None makes a figure.
        **line_kwargs : dict
            For the lines of the metrics.

        Returns
        -------
        display : ThresholdCurveDisplay
            With `ax_` and `figure_`.

        Raises
        ------
        ValueError
            If what is asked can't be drawn; the message says what to change.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        if X is not None and bands == "folds":
            raise ValueError(
                "bands='folds' needs the folds of a tuner, which it shows when X and y are left out; got X. Take "
                "bands='bootstrap', or from_predictions with `folds`."
            )
        curve = curve_of(estimator, X, y, label=label, pos_label=pos_label, sample_weight=sample_weight)
        threshold, interval = decision_of(estimator, label, pos_label)
        folds: Sequence[th.ThresholdCurve] = ()
        if X is None:
            decides, _ = deciding_estimator(estimator, fitted=True)
            folds = of_label(decides.fold_curves_, label, decides)
            if constraint is None:
                report = of_label(decides.constraint_report_, label, decides)
                constraint = [line["constraint"] for line in report if not line["constraint"].startswith("cost ")]
        return cls._from_curve(
            curve,
            metrics=metrics,
            costs=costs,
            bands=bands,
            level=level_of(estimator, confidence_level),
            n_bootstrap=n_bootstrap,
            random_state=random_state,
            constraint=constraint,
            folds=folds,
            threshold=threshold,
            interval=interval,
            name=name,
        ).plot(ax, **line_kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_score: ArrayLike,
        *,
        metrics: Sequence[str] = METRICS,
        costs: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        pos_label: Any = None,
        bands: str | None = "bootstrap",
        folds: ArrayLike | None = None,
        n_bootstrap: int = 200,
        confidence_level: float = 0.95,
        threshold: float | None = None,
        interval: tuple[float, float] | None = None,
        constraint: Any = None,
        random_state: Any = 0,
        name: str | None = None,
        ax: Any = None,
        **line_kwargs: Any,
    ) -> ThresholdCurveDisplay:
        """Draw the curve of scores.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels of two classes.
        y_score : array-like of shape (n_samples,)
            Scores that grow with the positive class, such as its probability.
        metrics : sequence of str, default=("precision", "recall", "f1", "queue_rate")
            Any metric of `ThresholdTunerCV`, and "queue_rate".
        costs : array-like of shape (2, 2), default=None
            ``[[tn, fp], [fn, tp]]``, for the metric "cost".
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        pos_label : label, default=None
            The positive class; None takes the greater label.
        bands : {"bootstrap", "folds"} or None, default="bootstrap"
            Percentiles over resampled rows, or the span over `folds`.
        folds : array-like of shape (n_samples,), default=None
            The fold that each row was scored in, for ``bands="folds"``.
        n_bootstrap : int, default=200
            Samples of the bootstrap.
        confidence_level : float, default=0.95
            Of the bands and of the constraint.
        threshold : float, default=None
            The chosen threshold, to be marked.
        interval : tuple of float, default=None
            Its interval, to be shaded.
        constraint : str or list of str, default=None
            Shade where it does not hold; written as in `ThresholdTunerCV`.
        random_state : int, RandomState or None, default=0
            For the bootstrap.
        name : str, default=None
            Title of the plot.
        ax : matplotlib.axes.Axes, default=None
            Where; None makes a figure.
        **line_kwargs : dict
            For the lines of the metrics.

        Returns
        -------
        display : ThresholdCurveDisplay
            With `ax_` and `figure_`.

        Raises
        ------
        ValueError
            If what is asked can't be drawn; the message says what to change.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        check_consistent_length(y_true, y_score, folds)
        positive, scores = is_positive(y_true, pos_label), column_or_1d(y_score)
        weight = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
        curve = th.ThresholdCurve.from_scores(positive, scores, weight)
        parts = []
        if folds is not None:
            masks = [np.asarray(folds) == fold for fold in np.unique(folds)]
            parts = [
                th.ThresholdCurve.from_scores(positive[m], scores[m], None if weight is None else weight[m])
                for m in masks
            ]
        options: dict[str, Any] = {"threshold": threshold, "interval": interval, "constraint": constraint}
        options |= {"bands": bands, "n_bootstrap": n_bootstrap, "level": confidence_level, "name": name}
        options |= {"random_state": random_state, "metrics": metrics, "costs": costs, "folds": parts}
        return cls._from_curve(curve, **options).plot(ax, **line_kwargs)

    @classmethod
    def _from_curve(
        cls,
        curve: th.ThresholdCurve,
        *,
        metrics: Sequence[str],
        costs: Any,
        bands: str | None,
        level: float,
        n_bootstrap: int,
        random_state: Any,
        constraint: Any,
        folds: Sequence[th.ThresholdCurve] = (),
        threshold: float | None = None,
        interval: tuple[float, float] | None = None,
        name: str | None = None,
    ) -> ThresholdCurveDisplay:
        """Compute what is drawn."""
        if isinstance(metrics, str) or not len(metrics):
            raise ValueError(f"`metrics` must be a sequence of at least one name, got {metrics!r}.")
        points.check_bands(bands, "bootstrap", "folds")
        if bands == "folds" and len(folds) < 2:
            raise ValueError(
                f"bands='folds' needs the scores of at least two folds, got {len(folds)}. In from_predictions pass "
                "`folds`, the fold of each row; else take bands='bootstrap'."
            )
        found = {metric: points.metric_to_draw(metric, costs) for metric in metrics}
        thresholds = points.grid(curve)
        confusion = points.at(curve, thresholds)
        rng = check_random_state(random_state)
        around = None
        if bands == "bootstrap":
            around = points.bootstrap_bands(curve, thresholds, found, n_bootstrap, level, rng)
        elif bands == "folds":
            around = points.fold_bands(folds, thresholds, found)
        extra = {"cost": found["cost"]} if "cost" in found else None
        constraints = th.parse_constraint(constraint, extra)
        return cls(
            thresholds,
            {metric: points.values(function, confusion) for metric, function in found.items()},
            bands=around,
            band_name=points.band_name(bands, level),
            threshold=threshold,
            interval=interval,
            allowed=points.allowed(curve, thresholds, constraints, level),
            constraint=", ".join(map(str, constraints)) or None,
            name=name,
        )
