"""skrub: its vectorizer of tables in front of the network."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from tests.integration.tables import ANSWER, STRANGE, TABLE
from tests.small import net

skrub = pytest.importorskip("skrub")
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


def test_dates_and_words_come_as_numbers():
    table = TABLE.assign(day=pd.date_range("2020-01-01", periods=len(TABLE)))
    pipe = make_pipeline(skrub.TableVectorizer(), net(epochs=20, learning_rate=0.02)).fit(table, ANSWER)
    assert pipe.score(table, ANSWER) > 0.7
    assert any(name.startswith("day") for name in pipe[-1].feature_names_in_)
    with pytest.warns(UserWarning, match="Found unknown categories"):
        assert np.isfinite(pipe.predict_proba(STRANGE.assign(day=table["day"]))).all()
