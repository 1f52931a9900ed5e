"""Probabilities from scores: a calibration learnt from out-of-fold scores, and decisions by each row's own costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from sklearn_binnet import _thresholds as th
from sklearn_binnet._files._plain import stored
from sklearn_binnet._tuning._evidence import Evidence

GROUPS = 2000


@stored
@dataclass(frozen=True)
class Calibration:
    """Map from scores to the probability of the positive class, which never falls where the score grows.

    Beta calibration: a logistic regression on ``ln s`` and ``-ln(1 - s)`` of the out-of-fold scores s, with
    coefficients that are not negative. It can undo class weights, resampling and scores that are too sure or too
    timid. Scores that are no probabilities are first brought to the scale of log-odds.

    Attributes
    ----------
    intercept, rise, fall : float
        Coefficients of 1, ``ln s`` and ``-ln(1 - s)``.

    References
    ----------
    Kull, Silva Filho, Flach (2017), "Beta calibration: a well-founded and easily implemented improvement on logistic
    calibration for binary classifiers", AISTATS.
    """

    scale: th.ScoreScale
    intercept: float
    rise: float
    fall: float

    @classmethod
    def from_evidence(cls, evidence: Evidence, prevalence: float | None = None) -> Calibration:
        """Fit to out-of-fold scores, at the share of positives that their weights make or at another one.

        By Bayes' rule another share adds a constant to the log-odds. A coefficient that comes out negative is set to
        zero and the others are fitted again, as Kull et al. do.
        """
        curve = evidence.curve
        scale = th.ScoreScale.from_scores(curve.scores, evidence.probability)
        cuts = curve.spaced_cuts(GROUPS)
        positive, negative = np.diff(curve.tp[cuts]), np.diff(curve.fp[cuts])
        features = _features(scale.forward(curve.scores[(cuts[:-1] + cuts[1:] - 1) // 2]))
        coef, kept = np.zeros(3), [0, 1, 2]
        while True:
            coef[:] = 0
            coef[kept] = th.fit_logistic(features[:, kept], positive, negative)
            lowest = int(coef[1:].argmin()) + 1
            if coef[lowest] >= 0:
                break
            kept.remove(lowest)
        return cls(scale, *coef.tolist())._at(evidence, prevalence)

    @classmethod
    def of_probabilities(cls, evidence: Evidence, prevalence: float | None = None) -> Calibration:
        """Leave scores that are calibrated already as they are, or bring them to another share of positives."""
        return cls(th.ScoreScale.from_scores(evidence.curve.scores, True), 0.0, 1.0, 1.0)._at(evidence, prevalence)

    def _at(self, evidence: Evidence, prevalence: float | None) -> Calibration:
        """Return the map at another share of positives than that of the evidence; None leaves it."""
        if prevalence is None:
            return self
        curve = evidence.curve
        shift = logit(prevalence) - logit(curve.n_positive / (curve.n_positive + curve.n_negative))
        return replace(self, intercept=self.intercept + float(shift))

    def __call__(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Compute the calibrated probability of the positive class.

        Parameters
        ----------
        scores : array-like of float
            Scores as the tuner compares them with `best_threshold_`.

        Returns
        -------
        ndarray of the same shape
        """
        z = self.scale.forward(np.asarray(scores, dtype=np.float64))
        probability: NDArray[np.float64] = expit(
            self.intercept - self.rise * np.logaddexp(0, -z) + self.fall * np.logaddexp(0, z)
        )
        return probability


def _features(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1, ln s and -ln(1 - s) of scores s with the log-odds z."""
    return np.column_stack([np.ones_like(z), -np.logaddexp(0, -z), np.logaddexp(0, z)])


def calibrate(values: NDArray[np.float64], calibrations: Sequence[Calibration]) -> NDArray[np.float64]:
    """Return the probabilities of scores (n,), or of scores (n, L) of several labels."""
    if values.ndim == 1:
        return calibrations[0](values)
    return np.column_stack([one(values[:, label]) for label, one in enumerate(calibrations)])


def cheapest(probability: NDArray[np.float64], costs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return for each row whether calling it positive costs no more than calling it negative, on average.

    `costs` (n, 4) are those of tn, fp, fn and tp. This is the Bayes rule of Elkan (2001), "The foundations of
    cost-sensitive learning", IJCAI: positive where the probability reaches (fp - tn) / (fp - tn + fn - tp). Written
    without the quotient it also holds for rows whose costs make that denominator zero or negative.
    """
    c_tn, c_fp, c_fn, c_tp = costs.T
    return probability * (c_fn - c_tp) >= (1 - probability) * (c_fp - c_tn)
