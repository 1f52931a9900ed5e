"""Neural networks for yes/no decisions in scikit-learn."""

from ._tuner import ThresholdTunerCV

__version__ = "0.1.0"
__all__ = ["ThresholdTunerCV"]
