"""Displays in scikit-learn's form: `from_estimator` computes and draws, `plot` draws again.

- `CostCurveDisplay`: what a rule costs where the costs are not known exactly
- `ThresholdCurveDisplay`: what each threshold does, how sure that is, and where the chosen one lies
- `DecisionCurveDisplay`: what a model is worth to those who act from a threshold probability on
- `CumulativeGainDisplay`: what those find who work through the rows from the highest score on
- `TrainingHistoryDisplay`: loss and metrics over the epochs, and the epoch that was kept

They need matplotlib (``pip install sklearn_binnet[plot]``), which is imported when something is drawn.
"""

from sklearn_binnet.plotting._cost_curve import CostCurveDisplay
from sklearn_binnet.plotting._cumulative_gain import CumulativeGainDisplay
from sklearn_binnet.plotting._decision_curve import DecisionCurveDisplay
from sklearn_binnet.plotting._threshold_curve import ThresholdCurveDisplay
from sklearn_binnet.plotting._training_history import TrainingHistoryDisplay

__all__ = [
    "CostCurveDisplay",
    "CumulativeGainDisplay",
    "DecisionCurveDisplay",
    "ThresholdCurveDisplay",
    "TrainingHistoryDisplay",
]
