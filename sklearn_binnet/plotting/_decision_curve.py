"""What a model is worth to those who act from a threshold probability on: a display."""

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


class DecisionCurveDisplay:
    """Net benefit against the threshold probability: the model, acting on all rows, and acting on none.

    The threshold probability is the one from which on you would act. It says how many false alarms you accept for one
    true positive: ``(1 - p) / p``, four at p = 0.2. The net benefit of a model at p is the share of true positives less
    the share of false ones, these divided by that number, if all rows with a probability of at least p are acted on. A
    model is worth using at the p where its line lies above both others. Use `from_estimator` or `from_predictions` to
    make one.

    Parameters
    ----------
    thresholds : ndarray of shape (n_thresholds,)
        Threshold probabilities, ascending.
    net_benefits : dict of str to ndarray of shape (n_thresholds,)
        Net benefit of each model.
    treat_all : ndarray of shape (n_thresholds,)
        Net benefit of acting on all rows. That of acting on none is 0.
    bands : dict of str to ndarray of shape (2, n_thresholds), default=None
        Lower and upper end for each model.
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
    ThresholdCurveDisplay : What each threshold does; there the threshold is that of the scores, whatever they are.

    References
    ----------
    Vickers, Elkin (2006), "Decision curve analysis: a novel method for evaluating prediction models", Medical Decision
    Making 26.

    Examples
    --------
    >>> from sklearn_binnet.plotting import DecisionCurveDisplay
    >>> display = DecisionCurveDisplay.from_predictions(
    ...     [0, 0, 1, 0, 1], [0.1, 0.2, 0.4, 0.3, 0.8], thresholds=[0.25, 0.5]
    ... )
    >>> display.net_benefits["model"].round(3), display.treat_all.round(3)
    (array([0.333, 0.2  ]), array([ 0.2, -0.2]))
    """

    def __init__(
        self,
        thresholds: NDArray[np.float64],
        net_benefits: dict[str, NDArray[np.float64]],
        treat_all: NDArray[np.float64],
        *,
        bands: dict[str, NDArray[np.float64]] | None = None,
        band_name: str | None = None,
        name: str | None = None,
    ):
        self.thresholds = thresholds
        self.net_benefits = net_benefits
        self.treat_all = treat_all
        self.bands = bands
        self.band_name = band_name
        self.name = name

    # ------------------------------------------------------------------ drawing
    def plot(
        self, ax: Any = None, *, name: str | None = None, bands: bool = True, legend: bool = True, **line_kwargs: Any
    ) -> DecisionCurveDisplay:
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
            For the lines of the models, as in :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        self : DecisionCurveDisplay
        """
        ax = axes(ax, "DecisionCurveDisplay.plot")
        for number, (model, line) in enumerate(self.net_benefits.items()):
            style = line_style(number, line_kwargs)
            ax.plot(self.thresholds, line, label=model, zorder=3, **style)
            if bands and self.bands:
                draw_band(ax, self.thresholds, self.bands[model], style["color"])
        ax.plot(self.thresholds, self.treat_all, color="0.4", linewidth=1.2, label="act on all", zorder=2)
        ax.axhline(0, color="black", linewidth=1.2, label="act on none", zorder=2)
        if bands and self.bands:
            name_bands(ax, self.band_name)
        drawn = [self.treat_all, *self.net_benefits.values(), *((self.bands or {}).values() if bands else ())]
        top = max(1e-3, *(float(np.nanmax(line)) for line in drawn))
        if len(self.thresholds) > 1:
            ax.set_xlim(self.thresholds[0], self.thresholds[-1])
        ax.set_ylim(-0.3 * top, 1.08 * top)  # far below 0 there is nothing to see
        ax.set(xlabel="threshold probability", ylabel="net benefit (true positives for each row)")
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
        label: int | None = None,
        thresholds: ArrayLike | None = None,
        prevalence: float | None = None,
        sample_weight: ArrayLike | None = None,
        pos_label: Any = None,
        bands: str | None = "bootstrap",
        n_bootstrap: int = 200,
        confidence_level: float | None = None,
        random_state: Any = 0,
        name: str | None = None,
        ax: Any = None,
        **line_kwargs: Any,
    ) -> DecisionCurveDisplay:
        """Draw the decision curve of a fitted classifier with probabilities.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier with `predict_proba`, or a fitted `ThresholdTunerCV`.
        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Rows. Without them a tuner shows the curve of its out-of-fold probabilities.
        y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            Their labels.
        label : int, default=None
            Which label to draw, if the classifier predicts several.
        thresholds : array-like of shape (n_thresholds,), default=None
            Threshold probabilities, between 0 and 1; None takes 0.01 to 0.99.
        prevalence : float in (0, 1), default=None
            Share of positives where the model will be used, if it is not that of the rows, as in a case-control study.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        pos_label : label, default=None
            The positive class; None takes the one of the classifier.
        bands : {"bootstrap"} or None, default="bootstrap"
            Percentiles over resampled rows: how far the lines may be off for the number of rows.
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
        display : DecisionCurveDisplay
            With `ax_` and `figure_`.

        Raises
        ------
        ValueError
            If what is asked can't be drawn, scores that are no probabilities for instance.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        level = level_of(estimator, confidence_level)
        curve = curve_of(estimator, X, y, label=label, pos_label=pos_label, sample_weight=sample_weight)
        options = {"bands": bands, "n_bootstrap": n_bootstrap, "level": level, "random_state": random_state}
        curves = {model_name(estimator): curve}
        return cls._from_curves(curves, thresholds, prevalence, name=name, **options).plot(ax, **line_kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_proba: ArrayLike | Mapping[str, ArrayLike],
        *,
        thresholds: ArrayLike | None = None,
        prevalence: float | None = None,
        sample_weight: ArrayLike | None = None,
        pos_label: Any = None,
        bands: str | None = "bootstrap",
        n_bootstrap: int = 200,
        confidence_level: float = 0.95,
        random_state: Any = 0,
        name: str | None = None,
        ax: Any = None,
        **line_kwargs: Any,
    ) -> DecisionCurveDisplay:
        """Draw the decision curve of probabilities, of one model or of several.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels of two classes.
        y_proba : array-like of shape (n_samples,) or dict of str to such
            Probability of the positive class; by the name of the model, if there are several. A yes/no test is a model
            with probabilities 0 and 1.
        thresholds : array-like of shape (n_thresholds,), default=None
            Threshold probabilities, between 0 and 1; None takes 0.01 to 0.99.
        prevalence : float in (0, 1), default=None
            Share of positives where the model will be used, if it is not that of the rows, as in a case-control study.
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
        display : DecisionCurveDisplay
            With `ax_` and `figure_`.

        Raises
        ------
        ValueError
            If what is asked can't be drawn, scores that are no probabilities for instance.
        """
        pyplot(f"{cls.__name__}.from_predictions")
        curves = curves_of_scores(y_true, y_proba, "y_proba", pos_label, sample_weight)
        options = {"bands": bands, "n_bootstrap": n_bootstrap, "level": confidence_level, "random_state": random_state}
        return cls._from_curves(curves, thresholds, prevalence, name=name, **options).plot(ax, **line_kwargs)

    @classmethod
    def _from_curves(
        cls,
        curves: dict[str, th.ThresholdCurve],
        thresholds: ArrayLike | None,
        prevalence: float | None,
        *,
        bands: str | None,
        n_bootstrap: int,
        level: float,
        random_state: Any,
        name: str | None,
    ) -> DecisionCurveDisplay:
        """Compute what is drawn."""
        points.check_bands(bands, "bootstrap")
        if prevalence is not None and not 0 < prevalence < 1:
            raise ValueError(
                "`prevalence` must lie between 0 and 1, both excluded: it is the share of positives where the models "
                f"will be used, such as 0.05; got {prevalence!r}."
            )
        at = _threshold_probabilities(thresholds)
        rng = check_random_state(random_state)
        lines, around = {}, {}
        for model, curve in curves.items():
            if curve.scores[-1] < 0 or curve.scores[0] > 1:
                raise ValueError(
                    f"Net benefit needs probabilities of the positive class, and the scores of {model!r} range from "
                    f"{curve.scores[-1]:g} to {curve.scores[0]:g}. Pass those of predict_proba; calibrate a "
                    "decision_function first, with CalibratedClassifierCV."
                )
            if prevalence is not None and not (curve.n_positive and curve.n_negative):
                raise ValueError("`prevalence` needs rows of both classes to reweight, and there is one class only.")
            lines[model] = _net_benefit(points.at(curve, at), at, prevalence)
            if bands:
                drawn = _net_benefit(points.bootstrap_confusions(curve, at, n_bootstrap, rng), at, prevalence)
                around[model] = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
        share = prevalence
        if share is None:
            any_curve = next(iter(curves.values()))
            share = any_curve.n_positive / (any_curve.n_positive + any_curve.n_negative)
        return cls(
            at,
            lines,
            share - at / (1 - at) * (1 - share),
            bands=around or None,
            band_name=points.band_name(bands, level),
            name=name,
        )


def _threshold_probabilities(thresholds: ArrayLike | None) -> NDArray[np.float64]:
    """Return the threshold probabilities to draw at, ascending."""
    if thresholds is None:
        return np.arange(1, 100) / 100
    try:
        at = np.unique(np.asarray(thresholds, dtype=np.float64))
    except (TypeError, ValueError):
        at = np.empty(0)
    if not at.size or not np.all((at > 0) & (at < 1)):
        raise ValueError(
            "`thresholds` must hold threshold probabilities between 0 and 1, both excluded, such as "
            f"np.linspace(0.05, 0.5); got {thresholds!r}."
        )
    return at


def _net_benefit(
    confusion: list[NDArray[np.float64]], thresholds: NDArray[np.float64], prevalence: float | None
) -> NDArray[np.float64]:
    """Return the net benefit at each threshold probability; NaN for samples that lost a class that must be weighted."""
    tn, fp, fn, tp = confusion
    if prevalence is None:
        found, alarms = (part / np.maximum(tn + fp + fn + tp, 1e-300) for part in (tp, fp))
    else:
        with np.errstate(invalid="ignore"):
            found, alarms = prevalence * (tp / (tp + fn)), (1 - prevalence) * (fp / (tn + fp))
    return found - thresholds / (1 - thresholds) * alarms
