"""How a training went: a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_binnet._labels import deciding_estimator
from sklearn_binnet.plotting._style import COLOURS, DASHES, in_words, pyplot

_SETS = (("training", "", COLOURS[0], DASHES[1]), ("validation", "val_", COLOURS[1], DASHES[0]))


class TrainingHistoryDisplay:
    """Loss and metrics against the epochs, with the epoch whose weights were kept.

    Use `from_estimator` or `from_history` to make one. Several networks are drawn as one thin line each, with their
    mean in bold as long as all of them train.

    Parameters
    ----------
    history : dict of str to list of float
        One value an epoch: `loss`, metrics, and the same with `val_` in front.
    best_epoch : int or list of int, default=None
        Epoch whose weights were kept, from 1; a list for several networks.
    members : list of dict, default=None
        The history of each network, if there are several.
    name : str, default=None
        Title of the plot.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes or ndarray of Axes
        Where it was drawn: one panel for the loss and one for each metric.
    figure_ : matplotlib.figure.Figure
        Their figure.

    Examples
    --------
    >>> from sklearn_binnet.plotting import TrainingHistoryDisplay
    >>> history = {"loss": [0.7, 0.5, 0.4], "val_loss": [0.7, 0.6, 0.65]}
    >>> display = TrainingHistoryDisplay.from_history(history, best_epoch=2)
    >>> display.ax_.get_ylabel()
    'loss'
    """

    def __init__(
        self,
        history: Mapping[str, Sequence[float]],
        *,
        best_epoch: int | Sequence[int] | None = None,
        members: Sequence[Mapping[str, Sequence[float]]] | None = None,
        name: str | None = None,
    ):
        self.history = history
        self.best_epoch = best_epoch
        self.members = members
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        metrics: Sequence[str] | None = None,
        name: str | None = None,
        ax: Any = None,
        **line_kwargs: Any,
    ) -> TrainingHistoryDisplay:
        """Draw the training of a fitted classifier.

        Parameters
        ----------
        estimator : estimator
            A fitted `BinaryNetClassifier`, or a pipeline or a tuner around one.
        metrics : sequence of str, default=None
            Metrics to draw beside the loss, by their names in `history_`; None draws all.
        name : str, default=None
            Title of the plot.
        ax : matplotlib.axes.Axes or sequence of Axes, default=None
            Where, one for each panel; None makes a figure.
        **line_kwargs : dict
            For the lines, as in :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : TrainingHistoryDisplay
            With `ax_` and `figure_`.

        Raises
        ------
        ValueError
            The estimator has no history, or not these metrics.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        inner, _ = deciding_estimator(estimator, fitted=True)
        while not hasattr(inner, "history_") and hasattr(inner, "estimator_"):  # a tuner
            inner, _ = deciding_estimator(inner.estimator_, fitted=True)
        if not hasattr(inner, "history_"):
            raise ValueError(
                "`estimator` must be a fitted BinaryNetClassifier, or a pipeline, a search or a tuner around one; "
                f"{type(inner).__name__} has no history_."
            )
        members = getattr(inner, "histories_", None)
        display = cls(
            inner.history_,
            best_epoch=getattr(inner, "best_iter_", None),
            members=members if members and len(members) > 1 else None,
            name=name,
        )
        return display.plot(ax, metrics=metrics, **line_kwargs)

    @classmethod
    def from_history(
        cls,
        history: Any,
        *,
        best_epoch: int | None = None,
        metrics: Sequence[str] | None = None,
        name: str | None = None,
        ax: Any = None,
        **line_kwargs: Any,
    ) -> TrainingHistoryDisplay:
        """Draw a history.

        Parameters
        ----------
        history : dict of str to list of float, or keras.callbacks.History
            What was recorded at each epoch.
        best_epoch : int, default=None
            Epoch to be marked, from 1.
        metrics : sequence of str, default=None
            Metrics to draw beside the loss; None draws all.
        name : str, default=None
            Title of the plot.
        ax : matplotlib.axes.Axes or sequence of Axes, default=None
            Where, one for each panel; None makes a figure.
        **line_kwargs : dict
            For the lines, as in :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : TrainingHistoryDisplay
            With `ax_` and `figure_`.

        Raises
        ------
        ValueError
            There is no loss in it, or not these metrics.
        """
        pyplot(f"{cls.__name__}.from_history")
        history = getattr(history, "history", history)
        return cls(history, best_epoch=best_epoch, name=name).plot(ax, metrics=metrics, **line_kwargs)

    def plot(
        self, ax: Any = None, *, metrics: Sequence[str] | None = None, name: str | None = None, **line_kwargs: Any
    ) -> TrainingHistoryDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or sequence of Axes, default=None
            Where, one for each panel; None makes a figure.
        metrics : sequence of str, default=None
            Metrics to draw beside the loss; None draws all.
        name : str, default=None
            Title, instead of `name` of the display.
        **line_kwargs : dict
            For the lines, as in :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        self : TrainingHistoryDisplay
        """
        plt = pyplot("TrainingHistoryDisplay.plot")
        panels = ["loss", *self._metrics(metrics)]
        if ax is None:
            _, ax = plt.subplots(1, len(panels), figsize=(1 + 4 * len(panels), 3.6), layout="constrained")
        axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if len(axes) != len(panels):
            raise ValueError(
                f"`ax` must hold one Axes for each of {panels}, got {len(axes)}; choose fewer with `metrics`, such as "
                "metrics=[] for the loss alone."
            )
        for place, key in zip(axes, panels, strict=True):
            self._draw(place, key, line_kwargs)
        axes[0].legend(frameon=False, loc="best")
        if name or self.name:
            axes[0].set_title(name or self.name)
        self.ax_ = axes[0] if len(axes) == 1 else axes
        self.figure_ = axes[0].figure
        return self

    def _metrics(self, metrics: Sequence[str] | None) -> list[str]:
        """Return the metrics to draw, without `val_`."""
        if "loss" not in self.history:
            raise ValueError(f"`history` must hold 'loss', a value an epoch; got {sorted(self.history)}.")
        known = [key for key in self.history if key != "loss" and not key.startswith("val_")]
        if metrics is None:
            return known
        for metric in metrics:
            if metric not in known:
                raise ValueError(
                    f"`metrics` names {metric!r}, which the training did not record; it has {known}. Pass it to the "
                    "classifier: metrics=[...]."
                )
        return list(metrics)

    def _draw(self, ax: Any, key: str, line_kwargs: dict) -> None:
        """Draw one panel."""
        members = self.members or []
        best = [] if self.best_epoch is None else [int(e) for e in np.atleast_1d(np.asarray(self.best_epoch))]
        for words, prefix, colour, dashes in _SETS:
            if prefix + key not in self.history:
                continue
            for member in members:
                line = member[prefix + key]
                ax.plot(np.arange(1, len(line) + 1), line, color=colour, linestyle="-", linewidth=0.7, alpha=0.4)
            line = self.history[prefix + key]
            if members:  # where some have stopped, the mean of the others would bend
                line = line[: min(len(member[prefix + key]) for member in members)]
            label = f"{words}, mean of {len(members)}" if members else words
            style = {"color": colour, "linestyle": dashes, "linewidth": 1.8} | line_kwargs
            ax.plot(np.arange(1, len(line) + 1), line, label=label, **style)
        self._mark(ax, key, best)
        ax.set(xlabel="epoch", ylabel=in_words(key))
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(alpha=0.25, linewidth=0.6)
        ax.set_axisbelow(True)

    def _mark(self, ax: Any, key: str, best: list[int]) -> None:
        """Mark the epochs that were kept."""
        shown = "val_" + key if "val_" + key in self.history else key
        histories = self.members or [self.history]
        if not best or len(best) != len(histories):
            return
        heights = [history[shown][epoch - 1] for history, epoch in zip(histories, best, strict=True)]
        label = f"kept: epoch {best[0]}" if len(best) == 1 else "kept of each network"
        if len(best) == 1:
            ax.axvline(best[0], color="black", linewidth=0.9, linestyle=":")
        ax.plot(best, heights, "o", color="black", markeredgecolor="white", markersize=6, label=label, zorder=5)
