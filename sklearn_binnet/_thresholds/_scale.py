"""The logit-like scale on which thresholds are averaged and scores are smoothed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from sklearn_binnet._thresholds._curve import SCORE_LIMIT


@dataclass(frozen=True)
class ScoreScale:
    """Monotone map between scores and an unbounded scale.

    Probabilities go through the logit, clipped to [`low`, 1 - `high`]; any other score is centred
    and divided by its spread, so that it behaves like a logit.
    """

    probability: bool
    low: float = 1e-6
    high: float = 1e-6
    centre: float = 0.0
    spread: float = 1.0

    @classmethod
    def from_scores(cls, scores, probability=None):
        """Fit the scale to distinct scores in descending order (`ThresholdCurve.scores`).

        Whether these are probabilities is judged by their range where nobody knows.
        """
        if probability is not False and scores[-1] >= 0 and scores[0] <= 1:
            # Rare classes can live below 1e-6 altogether: never clip more than the outer percent.
            start, stop = int(scores[0] == 1), len(scores) - int(scores[-1] == 0)
            inner, margin = scores[start:stop], (stop - start) // 100
            if not inner.size:
                return cls(True)
            low, high = min(1e-6, inner[-1 - margin]), min(1e-6, 1 - inner[margin])
            return cls(True, max(float(low), 1e-300), max(float(high), 1e-16))
        inner = scores[np.abs(scores) < SCORE_LIMIT]
        inner = inner if inner.size else np.zeros(1)
        q25, q50, q75 = (inner[int(share * (len(inner) - 1))] for share in (0.75, 0.5, 0.25))
        spread = (q75 - q25) / 2 or float(np.ptp(inner)) / 4 or 1.0
        spread = spread if np.isfinite(spread) else 1.0
        return cls(False, centre=float(q50), spread=float(spread))

    def forward(self, scores):
        """Score to logit-like scale."""
        if self.probability:
            clipped = np.clip(scores, self.low, 1 - self.high)
            return np.log(clipped) - np.log1p(-clipped)
        with np.errstate(over="ignore"):  # clipped infinities over a small spread
            return np.clip((np.asarray(scores) - self.centre) / self.spread, -50.0, 50.0)

    def inverse(self, z):
        """Logit-like scale to score."""
        return expit(z) if self.probability else self.centre + self.spread * np.asarray(z)
