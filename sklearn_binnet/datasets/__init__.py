"""Small real data sets, shipped with the package; they load without a network.

- `load_ionosphere`: 351 radar returns, 34 numbers, good or bad
- `load_red_wine`: 1,599 wines, 11 numbers, the grade of tasters; ask it your own question
- `load_taxi`: 10,000 taxi trips, numbers and categories, tip or no tip (rare)

Each returns what scikit-learn's loaders return. Tables, sources and licences are in `data/`.
"""

from sklearn_binnet.datasets._loaders import load_ionosphere, load_red_wine, load_taxi

__all__ = ["load_ionosphere", "load_red_wine", "load_taxi"]
