"""Neural networks for yes/no decisions in scikit-learn."""

from sklearn_binnet._classifier import BinaryNetClassifier

__version__ = "0.1.0"
__all__ = ["BinaryNetClassifier"]
