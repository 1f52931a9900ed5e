"""Neural networks for yes/no decisions in scikit-learn.

- `BinaryNetClassifier`: a Keras network as a classifier, its threshold tunable without a refit
- `ThresholdTunerCV`: the best threshold of any classifier, under constraints and costs, with its uncertainty
- `ThresholdCurve`: the counts of every decision that the scores allow, which a selection rule of one's own is given
- `load`: reads what `save` of either has written; `SKOPS_TRUSTED_TYPES`: what skops may load for them
- `set_compile_cache`: keeps compiled training programs on disk, for the first fit of the next process
- `datasets`: small real data sets; `plotting`: displays
"""

from sklearn_binnet._classifier import BinaryNetClassifier
from sklearn_binnet._files._estimators import SKOPS_TRUSTED_TYPES, load
from sklearn_binnet._thresholds import ThresholdCurve
from sklearn_binnet._training._compile_cache import follow_environment as _follow_environment
from sklearn_binnet._training._compile_cache import set_compile_cache
from sklearn_binnet._tuner import ThresholdTunerCV

__version__ = "0.1.0"
__all__ = [
    "SKOPS_TRUSTED_TYPES",
    "BinaryNetClassifier",
    "ThresholdCurve",
    "ThresholdTunerCV",
    "load",
    "set_compile_cache",
]

_follow_environment()
