"""Files of `model_` in a process that has Keras and not this package."""

import subprocess
import sys

import numpy as np
import pytest

from tests.integration.tables import ANSWER, STRANGE, TABLE
from tests.small import net

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

READER = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("sklearn_binnet", "sklearn", "scikeras"):
            raise ImportError(name)

sys.meta_path.insert(0, Refuse())
import keras, numpy as np, tensorflow as tf
folder = sys.argv[1]
X = np.load(folder + "/X.npy")
served = keras.saving.load_model(folder + "/clf.keras")
np.save(folder + "/keras.npy", served(X))
signature = tf.saved_model.load(folder + "/saved_model")
np.save(folder + "/saved_model.npy", signature.serve(tf.constant(X)))
assert not {"sklearn_binnet", "sklearn"} & set(sys.modules)
"""


@pytest.mark.slow
def test_a_keras_file_and_a_saved_model_need_this_package_no_more(tmp_path):
    clf = net(encoding="piecewise_linear", n_estimators=2, epochs=5).fit(TABLE, ANSWER)
    clf.model_.save(tmp_path / "clf.keras")
    clf.model_.export(tmp_path / "saved_model", format="tf_saved_model", verbose=False)
    np.save(tmp_path / "X.npy", clf.to_matrix(STRANGE))
    subprocess.run([sys.executable, "-c", READER, str(tmp_path)], check=True, cwd=tmp_path)
    for name in ("keras", "saved_model"):
        found = np.load(tmp_path / f"{name}.npy")[:, 0]
        np.testing.assert_allclose(found, clf.predict_proba(STRANGE)[:, 1], atol=1e-6)


@pytest.mark.filterwarnings(r"ignore:\s+Warning. tf.lite.Interpreter is deprecated:UserWarning")
def test_a_litert_file_asks_for_the_operations_of_tensorflow(tmp_path):
    """As the guide says: LiteRT alone computes in float32."""
    import tensorflow as tf

    clf = net(epochs=2).fit(TABLE[["size"]], ANSWER)
    try:
        clf.model_.export(tmp_path / "clf.tflite", format="litert", verbose=False)
    except ValueError:
        pytest.skip("this Keras writes no LiteRT files")
    with pytest.raises(RuntimeError, match=r"Select TensorFlow op\(s\), included in the given model"):
        tf.lite.Interpreter(str(tmp_path / "clf.tflite")).allocate_tensors()
