"""5-fold threshold tuning of one network: ours, scikit-learn's tuner around SciKeras, and one own fit.

    python network.py [--repeats 3] [--only "our fit" "our tuner"]

2,000 rows of 20 columns, a 64-32 network, 20 epochs of batches of 32, Adam at 0.001, no early stopping, the
default scoring (balanced accuracy), a refit at the end: everybody trains six networks of the same size as often.
Each competitor has a process of its own. "cold" is the first call in it, importing excluded and compiling included;
"warm" is the fastest of the later calls, each on data of another seed. Processor seconds say more than the clock's
where other work keeps the machine busy.
"""

import argparse
import json
import subprocess
import sys
import time

ROWS, COLUMNS, HIDDEN, EPOCHS, BATCH, RATE, FOLDS = 2_000, 20, (64, 32), 20, 32, 0.001, 5


def data(seed):
    from sklearn.datasets import make_classification

    return make_classification(ROWS, COLUMNS, n_informative=8, weights=[0.8], flip_y=0.05, random_state=seed)


def our_network():
    from sklearn_binnet import BinaryNetClassifier

    return BinaryNetClassifier(
        hidden_layer_sizes=HIDDEN,
        activation="relu",
        encoding="standardize",
        learning_rate_schedule="constant",
        epochs=EPOCHS,
        batch_size=BATCH,
        learning_rate=RATE,
        n_estimators=1,
        early_stopping=False,
        random_state=0,
    )


def our_tuner(estimator):
    from sklearn_binnet import ThresholdTunerCV

    return ThresholdTunerCV(estimator, cv=FOLDS, random_state=0)


def their_tuner(estimator):
    from sklearn.model_selection import TunedThresholdClassifierCV

    return TunedThresholdClassifierCV(estimator, cv=FOLDS)


def scikeras_network():
    import keras
    from scikeras.wrappers import KerasClassifier
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils import ClassifierTags

    class Repaired(KerasClassifier):
        """SciKeras' classifier, with the tags that scikit-learn's tuner asks for."""

        def __sklearn_tags__(self):
            tags = BaseEstimator.__sklearn_tags__(self)
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags(multi_class=False)
            tags.target_tags.required = True
            return tags

    def build(meta):
        layers = [keras.layers.Dense(units, activation="relu") for units in HIDDEN]
        out = keras.layers.Dense(1, activation="sigmoid")
        return keras.Sequential([keras.layers.Input((meta["n_features_in_"],)), *layers, out])

    keras.utils.set_random_seed(0)
    network = Repaired(
        build,
        loss="binary_crossentropy",
        optimizer="adam",
        optimizer__learning_rate=RATE,
        epochs=EPOCHS,
        batch_size=BATCH,
        verbose=0,
    )
    return make_pipeline(StandardScaler(), network)


COMPETITORS = {
    "our fit": lambda: our_network(),
    "our tuner, our network": lambda: our_tuner(our_network()),
    "scikit-learn's tuner, our network": lambda: their_tuner(our_network()),
    "scikit-learn's tuner, SciKeras": lambda: their_tuner(scikeras_network()),
}


def run(name, repeats):
    """Seconds of each call, and what the last model gets right."""
    import tensorflow  # noqa: F401  # importing is not what is timed
    from sklearn.metrics import balanced_accuracy_score

    seconds, processor = [], []
    for repeat in range(repeats + 1):
        X, y = data(repeat)
        model = COMPETITORS[name]()
        start, start_processor = time.perf_counter(), time.process_time()
        model.fit(X, y)
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - start_processor)
    return {"seconds": seconds, "processor": processor, "score": balanced_accuracy_score(y, model.predict(X))}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(COMPETITORS))
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(run(options.worker, options.repeats)))
        return
    found = {}
    for name in options.only:
        command = [sys.executable, __file__, "--worker", name, "--repeats", str(options.repeats)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found[name] = json.loads(output.splitlines()[-1])
    base = found[options.only[0]]
    kinds = ("seconds", "processor")
    print(f"| | cold, s | warm, s | times {options.only[0]} | cold, CPU s | warm, CPU s | times | balanced accuracy |")
    print("|---" * 8 + "|")
    for name, result in found.items():
        cells = []
        for kind in kinds:
            warm = min(result[kind][1:])
            cells += [f"{result[kind][0]:.2f}", f"{warm:.3f}", f"{warm / min(base[kind][1:]):.1f}"]
        print(f"| {name} | {' | '.join(cells)} | {result['score']:.3f} |")


if __name__ == "__main__":
    main()
