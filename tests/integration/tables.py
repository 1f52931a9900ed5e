"""A small table with categories and gaps, as the partners' tests use it."""

import numpy as np
import pandas as pd

_rng = np.random.default_rng(0)
N = 200
TOWNS = np.array([f"town {i}" for i in range(40)])
TABLE = pd.DataFrame(
    {
        "size": np.where(_rng.random(N) < 0.1, np.nan, _rng.normal(size=N)),
        "mass": 1e4 + _rng.normal(size=N),
        "kind": _rng.choice(["oak", "elm", "ash"], N),
        "town": TOWNS[np.r_[:40, _rng.integers(0, 40, N - 40)]],
    }
)
ANSWER = ((TABLE["kind"] == "elm") ^ (TABLE["size"].fillna(0) > 0)).to_numpy().astype(int)
STRANGE = TABLE.assign(
    kind=np.where(np.arange(N) % 3, "birch", TABLE["kind"]), town=np.where(np.arange(N) % 5, "nowhere", TABLE["town"])
)
"""The table with levels that a fit on `TABLE` has not seen."""
