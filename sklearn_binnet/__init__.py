"""Neural networks for yes/no decisions in scikit-learn.

- `BinaryNetClassifier`: a Keras network as a classifier, its threshold tunable without a refit
- `ThresholdTunerCV`: the best threshold of any classifier, under constraints and costs, with its uncertainty
- `datasets`: small real data sets; `plotting`: displays
"""

from sklearn_binnet._classifier import BinaryNetClassifier
from sklearn_binnet._tuner import ThresholdTunerCV

__version__ = "0.1.0"
__all__ = ["BinaryNetClassifier", "ThresholdTunerCV"]
