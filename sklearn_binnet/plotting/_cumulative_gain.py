"""Which share of the positives the rows of the highest scores hold: a display."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_binnet import _thresholds as th
from sklearn_binnet.plotting import _curve_points as points
from sklearn_binnet.plotting._responses import curve_of, curves_of_scores, level_of, model_name
from sklearn_binnet.plotting._style import axes, draw_band, finish, line_style, name_bands, pyplot

KINDS = ("gain", "lift")


class CumulativeGainDisplay:
    """Cumulative gain and lift: what those find who work through the rows from the highest score on.

    The gain at 0.2 is the share of the positives among the fifth of the rows with the highest scores. The lift is the
    gain divided by that share: how many times as many positives are found as among rows drawn at random. Rows of equal
    score are taken in random order. Use `from_estimator` or `from_predictions` to make one.

    Parameters
    ----------
    shares : ndarray of shape (n_points,)
        Shares of the rows, ascending from 0 to 1.
    gains : dict of str to ndarray of shape (n_points,)
        Share of the positives found, for each model.
    prevalence : float
        Share of positives, for the line of a perfect order.
    bands : dict of str to ndarray of shape (2, n_points), default=None
        Lower and upper end of the gain of each model.
    band_name : str, default=None
        What the bands are, for the legend.
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
    ThresholdCurveDisplay : Recall and queue rate against the threshold.

    Examples
    --------
    >>> from sklearn_binnet.plotting import CumulativeGainDisplay
    >>> display = CumulativeGainDisplay.from_predictions([0, 0, 1, 0, 1], [0.1, 0.2, 0.4, 0.5, 0.8])
    >>> place = display.shares.searchsorted(0.4)
    >>> print(f"{display.gains['model'][place]:.2f} of the positives, lift {display.lifts['model'][place]:.2f}")
    0.50 of the positives, lift 1.25
    """

    def __init__(
        self,
        shares: NDArray[np.float64],
        gains: dict[str, NDArray[np.float64]],
        prevalence: float,
        *,
        bands: dict[str, NDArray[np.float64]] | None = None,
        band_name: str | None = None,
        name: str | None = None,
    ):
        self.shares = shares
        self.gains = gains
        self.prevalence = prevalence
        self.bands = bands
        self.band_name = band_name
        self.name = name

    @property
    def lifts(self) -> dict[str, NDArray[np.float64]]:
        """Lift of each model; NaN where no row is taken."""
        return {model: self._as("lift", line) for model, line in self.gains.items()}

    def _as(self, kind: str, gain: NDArray[np.float64]) -> NDArray[np.float64]:
        if kind == "gain":
            return gain
        return np.divide(gain, self.shares, out=np.full(gain.shape, np.nan), where=self.shares > 0)

    # ------------------------------------------------------------------ drawing
    def plot(
        self,
        ax: Any = None,
        *,
        kind: str = "gain",
        name: str | None = None,
        bands: bool = True,
        legend: bool = True,
        **line_kwargs: Any,
    ) -> CumulativeGainDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where; None makes a figure.
        kind : {"gain", "lift"}, default="gain"
            Which of the two.
        name : str, default=None
            Title, instead of `name` of the display.
        bands : bool, default=True
            Whether to draw the bands, if there are any.
        legend : bool, default=True
            Whether to put a legend beside the axes.
        **line_kwargs : dict
            For the lines of the models, as in :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        self : CumulativeGainDisplay

        Raises
        ------
        ValueError
            `kind` is unknown.
        """
        if kind not in KINDS:
            raise ValueError(f"`kind` must be one of {KINDS}, got {kind!r}.")
        ax = axes(ax, "CumulativeGainDisplay.plot")
        for number, (model, line) in enumerate(self.gains.items()):
            style = line_style(number, line_kwargs)
            ax.plot(self.shares, self._as(kind, line), label=model, zorder=3, **style)
            if bands and self.bands:
                draw_band(ax, self.shares, self._as(kind, self.bands[model]), style["color"])
        perfect = np.minimum(self.shares / max(self.prevalence, 1e-300), 1)
        for line, dash, label in ((perfect, ":", "perfect order"), (self.shares, "-", "random order")):
            ax.plot(self.shares, self._as(kind, line), dash, color="0.5", linewidth=1.2, label=label, zorder=1)
        if bands and self.bands:
            name_bands(ax, self.band_name)
        ax.set(xlim=(0, 1), ylim=(0, 1.02 if kind == "gain" else None))
        ax.set(
            xlabel="share of rows, highest scores first", ylabel="share of positives found" if kind == "gain" else kind
        )
        finish(ax, name or self.name, legend)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    # ------------------------------------------------------------------ making one
    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        y: ArrayLike | None = None,
        *,
        kind: str = "gain",
        label: int | None = None,
        sample_weight: ArrayLike | None = None,
        pos_label: Any = None,
        bands: str | None = "bootstrap",
        n_bootstrap: int = 200,
        confidence_level: float | None = None,
        random_state: Any = 0,
        name: str | None = None,
        ax: Any = None,
        **line_kwargs: Any,
    ) -> CumulativeGainDisplay:
        """Draw the gain or the lift of a fitted classifier.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier with `predict_proba` or `decision_function`, or a fitted `ThresholdTunerCV`.
        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Rows. Without them a tuner shows the curve of its out-of-fold scores.
        y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            Their labels.
        kind : {"gain", "lift"}, default="gain"
            Which of the two.
        label : int, default=None
            Which label to draw, if the classifier predicts several.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        pos_label : label, default=None
            The positive class; None takes the one of the classifier.
        bands : {"bootstrap"} or None, default="bootstrap"
            Percentiles over resampled rows.
        n_bootstrap : int, default=200
            Samples of the bootstrap.
        confidence_level : float, default=None
            Of the bands; None takes the one of a tuner, or 0.95.
        random_state : int, RandomState or None, default=0
            For the bootstrap.
        name : str, default=None
            Title of the plot.
        ax : matplotlib.axes.Axes, default=None
            Where; None makes a figure.
        **line_kwargs : dict
            For the line of the model.

        Returns
        -------
        display : CumulativeGainDisplay
            With `ax_` and `figure_`.

        Raises
        ------
        ValueError
            If what is asked can't be drawn; the message says what to change.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        level = level_of(estimator, confidence_level)
        curve = curve_of(estimator, X, y, label=label, pos_label=pos_label, sample_weight=sample_weight)
        made = cls._from_curves(
            {model_name(estimator): curve}, bands=bands, n_bootstrap=n_bootstrap, level=level, random_state=random_state
        )
        return made.plot(ax, kind=kind, name=name, **line_kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_score: ArrayLike | Mapping[str, ArrayLike],
        *,
        kind: str = "gain",
        sample_weight: ArrayLike | None = None,
        pos_label: Any = None,
        bands: str | None = "bootstrap",
        n_bootstrap: int = 200,
        confidence_level: float = 0.95,
        random_state: Any = 0,
        name: str | None = None,
        ax: Any = None,
        **line_kwargs: Any,
    ) -> CumulativeGainDisplay:
        """Draw the gain or the lift of scores, of one model or of several.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels of two classes.
        y_score : array-like of shape (n_samples,) or dict of str to such
            Scores that grow with the positive class; by the name of the model, if there are several.
        kind : {"gain", "lift"}, default="gain"
            Which of the two.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        pos_label : label, default=None
            The positive class; None takes the greater label.
        bands : {"bootstrap"} or None, default="bootstrap"
            Percentiles over resampled rows.
        n_bootstrap : int, default=200
            Samples of the bootstrap.
        confidence_level : float, default=0.95
            Of the bands.
        random_state : int, RandomState or None, default=0
            For the bootstrap.
        name : str, default=None
            Title of the plot.
        ax : matplotlib.axes.Axes, default=None
            Where; None makes a figure.
        **line_kwargs : dict
            For the lines of the models.

        Returns
        -------
        display : CumulativeGainDisplay
            With `ax_` and `figure_`.

        Raises
        ------
        ValueError
            If what is asked can't be drawn; the message says what to change.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        curves = curves_of_scores(y_true, y_score, "y_score", pos_label, sample_weight)
        made = cls._from_curves(
            curves, bands=bands, n_bootstrap=n_bootstrap, level=confidence_level, random_state=random_state
        )
        return made.plot(ax, kind=kind, name=name, **line_kwargs)

    @classmethod
    def _from_curves(
        cls,
        curves: dict[str, th.ThresholdCurve],
        *,
        bands: str | None,
        n_bootstrap: int,
        level: float,
        random_state: Any,
    ) -> CumulativeGainDisplay:
        """Compute what is drawn."""
        points.check_bands(bands, "bootstrap")
        shares = np.linspace(0, 1, points.POINTS + 1)
        rng = check_random_state(random_state)
        gains, around, prevalence = {}, {}, 0.0
        for model, curve in curves.items():
            if not curve.n_positive:
                raise ValueError("Gain and lift need rows of the positive class, and there are none.")
            prevalence = curve.n_positive / (curve.n_positive + curve.n_negative)
            gains[model] = _gain(curve.tp, curve.fp, shares)
            if bands:
                thresholds = curve.thresholds[curve.spaced_cuts(points.POINTS)][::-1]
                _, fp, _, tp = points.bootstrap_confusions(curve, thresholds, n_bootstrap, rng)
                drawn = [_gain(t, f, shares) for t, f in zip(tp[:, ::-1], fp[:, ::-1], strict=True) if t[-1] > 0]
                around[model] = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
        name = points.band_name(bands, level)
        return cls(shares, gains, prevalence, bands=around or None, band_name=name)


def _gain(tp: NDArray[np.float64], fp: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of positives among the rows of the highest scores; both counts rise to their totals."""
    called = tp + fp
    return np.interp(shares, called / called[-1], tp / tp[-1])
