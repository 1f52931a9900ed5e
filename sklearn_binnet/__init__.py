"""Neural networks for yes/no decisions in scikit-learn."""

__version__ = "0.1.0"
__all__: list[str] = []
