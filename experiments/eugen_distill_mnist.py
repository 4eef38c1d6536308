"""How much of a trained MNIST MLP a closed form keeps.

A teacher 784-512-512-10 is trained; then one hidden layer is replaced by a
EUGen, fitted on 10,000 unlabelled images, and the accuracy on the test images
is compared with the teacher's and with the SVD low-rank layer of equal
parameters. Run `python -m experiments.eugen_distill_mnist` with TFDS_DATA_DIR
set.
"""

import argparse
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow_datasets as tfds

from experiments.results_file import where
from experiments.results_file import write
from keras_randproj import distill
from keras_randproj import merge
from keras_randproj.transfer import to_eugen

RESULTS = Path(__file__).parent / "results/eugen_distill_mnist.json"
UNLABELLED = 10_000
LINEAR = {"order": 1, "norm_feature": False}
RELU = {"order": 1, "feature_activation": "relu"}
PRODUCT = {"order": 2}
TUNED = {"epochs": 10, "learning_rate": 1e-3}

# Layer, name of the variant, options of the EUGen, features, fine-tuning.
RUNS = [
    ("hidden_2", "linear", LINEAR, 256, {}),
    ("hidden_2", "order 2", PRODUCT, 64, {}),
    ("hidden_2", "order 2", PRODUCT, 128, {}),
    ("hidden_2", "order 2", PRODUCT, 256, {}),
    ("hidden_2", "relu, order 1", RELU, 256, {}),
    ("hidden_2", "relu, order 1", RELU, 512, {}),
    ("hidden_1", "linear", LINEAR, 256, {}),
    ("hidden_1", "order 2", PRODUCT, 256, {}),
    ("hidden_1", "relu, order 1", RELU, 512, {}),
    ("hidden_1", "relu, order 1", RELU, 1024, {}),
    ("hidden_1", "relu, order 1", RELU, 2048, {}),
    ("hidden_2", "relu, frozen, tuned head", RELU, 64, TUNED),
    ("hidden_2", "relu, modulated", {**RELU, "modulation": True}, 64, TUNED),
    (
        "hidden_2",
        "relu, trained",
        {**RELU, "trainable_projection": True},
        64,
        TUNED,
    ),
    ("hidden_1", "relu, frozen, tuned head", RELU, 128, TUNED),
    ("hidden_1", "relu, modulated", {**RELU, "modulation": True}, 128, TUNED),
    (
        "hidden_1",
        "relu, trained",
        {**RELU, "trainable_projection": True},
        128,
        TUNED,
    ),
]


def load(split):
    data = tfds.load("mnist", split=split, batch_size=-1, as_supervised=True)
    images, labels = tfds.as_numpy(data)
    return images.reshape(-1, 784).astype("float32") / 255.0, labels


def train_teacher(images, labels, epochs):
    teacher = keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(512, activation="relu", name="hidden_1"),
            keras.layers.Dense(512, activation="relu", name="hidden_2"),
            keras.layers.Dense(10, name="logits"),
        ],
        name="teacher",
    )
    teacher.compile(
        "adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    teacher.fit(images, labels, batch_size=128, epochs=epochs, verbose=2)
    return teacher


def accuracy(logits, labels):
    return float(np.mean(np.argmax(logits, axis=1) == labels))


def predict(model, images):
    return model.predict(images, batch_size=1000, verbose=0)


def low_rank_accuracy(teacher, name, parameters, test):
    """Accuracy with a layer's kernel cut by its SVD, and the rank."""
    kernel, bias = teacher.get_layer(name).get_weights()
    rank = min((parameters - len(bias)) // sum(kernel.shape), *kernel.shape)
    if rank < 1:
        return {"rank": 0, "accuracy": None}
    left, values, right = np.linalg.svd(kernel, full_matrices=False)
    cut = (left[:, :rank] * values[:rank]) @ right[:rank]
    student = keras.models.clone_model(teacher)
    student.set_weights(teacher.get_weights())
    student.get_layer(name).set_weights([cut, bias])
    reached = accuracy(predict(student, test[0]), test[1])
    return {"rank": rank, "accuracy": reached}


def run(teacher, test, images, layer, variant, options, features, tuning):
    start = time.perf_counter()
    student, reports = distill(
        teacher,
        images,
        {layer: to_eugen(features, seed=7, **options)},
        verbose=0,
        **tuning,
    )
    seconds = time.perf_counter() - start
    eugen = student.get_layer(layer)
    names = [item.name for item in student.layers]
    following = student.layers[names.index(layer) + 1]
    merged = merge(eugen, following)
    old = teacher.get_layer(layer).count_params()
    following_size = following.count_params()
    row = {
        "layer": layer,
        "variant": variant,
        "features": features,
        "accuracy": accuracy(predict(student, test[0]), test[1]),
        "seconds": seconds,
        "relative_error": reports[0].error,
        "fine_tuned_error": reports[0].fine_tuned_error,
        "ridge": reports[0].ridge,
        "teacher_layer": old,
        "teacher_layer_and_next": old + following_size,
        "eugen": eugen.count_params(),
        "eugen_in_file": trainable(eugen),
        "merged": merged.count_params(),
        "merged_in_file": trainable(merged),
    }
    # What the SVD gets from as many numbers: in all, merged, in the file.
    for name, numbers in (
        ("svd", row["eugen"]),
        ("svd_merged", row["merged"] - following_size),
        ("svd_in_file", row["eugen_in_file"]),
    ):
        row[name] = low_rank_accuracy(teacher, layer, numbers, test)
    return row


def trainable(layer):
    return sum(int(np.prod(w.shape)) for w in layer.trainable_weights)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(0)
    train, test = load("train"), load("test")
    teacher = train_teacher(*train, arguments.epochs)
    reached = accuracy(predict(teacher, test[0]), test[1])
    print(f"teacher {reached:.4f}")
    rows = []
    for layer, variant, options, features, tuning in RUNS:
        row = run(
            teacher,
            test,
            train[0][:UNLABELLED],
            layer,
            variant,
            options,
            features,
            tuning,
        )
        rows.append(row)
        print(row, flush=True)
    write(
        arguments.json,
        "python -m experiments.eugen_distill_mnist",
        [where()],
        rows,
        teacher_accuracy=reached,
        unlabelled_images=UNLABELLED,
    )


if __name__ == "__main__":
    main()
