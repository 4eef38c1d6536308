"""A small radiance field with EUGen layers, from scratch and distilled.

    KERAS_BACKEND=jax python experiments/implicit_scene.py

The scene of spheres and a box is rendered by ray casting, so that the true
pictures are known. Each field has four hidden layers; the last three are
replaced. Distillation reads points on the training rays and no pixels; its
rival is the SVD of each kernel; both may be trained on, for a quarter of the
epochs. Nothing is downloaded; half an hour on a CPU. Its pictures need all
models of one run: delete experiments/results/implicit_scene.json to start
over. With RANDPROJ_TUTORIAL_FAST=1 it takes seconds.
"""

import time

import keras
import numpy as np
from keras import ops
from matplotlib.figure import Figure

from experiments.resumable import Results
from keras_randproj import EUGenDense
from keras_randproj import distill
from keras_randproj import merge
from keras_randproj import report
from keras_randproj.demo import tutorial
from keras_randproj.transfer import to_eugen

SIDE = 8 if tutorial.FAST else 32  # Pixels of a view.
VIEWS = 4 if tutorial.FAST else 30
EPOCHS = 1 if tutorial.FAST else 8
FEW = 2 if tutorial.FAST else None  # Kinds of layers to train.
SAMPLES = 32  # Points on a ray.
WIDTH = 128
FEATURES = 64
RANK = 32  # W = U V of this rank has as many numbers as a EUGen's head.
OCTAVES = 6
NEAR, FAR = 1.8, 4.2
BATCH_SIZE = 256


SPHERES = [  # Centre, radius, colour.
    ((0.0, 0.0, 0.35), 0.35, (0.9, 0.3, 0.25)),
    ((0.5, 0.3, 0.2), 0.2, (0.25, 0.6, 0.9)),
    ((-0.35, 0.5, 0.25), 0.25, (0.95, 0.8, 0.3)),
]
BOX = ((-0.7, -0.7, -0.1), (0.7, 0.7, 0.0))
LIGHT = np.array([0.4, -0.5, 0.77])


def camera_rays(azimuth, elevation, side):
    """Origins and directions, `(side * side, 3)` each, from a distance of 3."""
    flat = np.cos(elevation)
    eye = 3 * np.array(
        [flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)]
    )
    forward = -eye / 3
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    steps = 0.36 * (2 * (np.arange(side) + 0.5) / side - 1)
    x, y = np.meshgrid(steps, -steps)
    directions = forward + x[..., None] * right + y[..., None] * up
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    directions = directions.reshape(-1, 3)
    return np.broadcast_to(eye, directions.shape), directions


def cast(origins, directions):
    """Colours of rays in the true scene, on white."""
    nearest = np.full(len(origins), np.inf)
    colours = np.ones((len(origins), 3))

    def paint(distance, hit, normal, colour):
        shown = hit & (distance > 0) & (distance < nearest)
        light = 0.35 + 0.65 * np.clip(normal @ LIGHT, 0, None)
        colours[shown] = np.outer(light[shown], colour)
        nearest[shown] = distance[shown]

    for centre, radius, colour in SPHERES:
        offset = origins - centre
        middle = np.sum(offset * directions, -1)
        square = middle**2 - np.sum(offset**2, -1) + radius**2
        distance = -middle - np.sqrt(np.maximum(square, 0))
        normal = (offset + distance[:, None] * directions) / radius
        paint(distance, square > 0, normal, colour)
    planes = (np.array(BOX)[:, None] - origins) / directions
    entries = planes.min(0)
    distance = entries.max(-1)
    axis = entries.argmax(-1)
    normal = -np.sign(directions) * np.eye(3)[axis]
    paint(distance, distance < planes.max(0).min(-1), normal, (0.6, 0.7, 0.6))
    return colours


def view(azimuth, elevation):
    """Rays of a view, with a shift of their samples, and its pixels."""
    fine = cast(*camera_rays(azimuth, elevation, 2 * SIDE))
    pixels = fine.reshape(SIDE, 2, SIDE, 2, 3).mean((1, 3)).reshape(-1, 3)
    rays = np.concatenate(camera_rays(azimuth, elevation, SIDE), -1)
    return rays, pixels.astype("float32")


def views(count, seed):
    """Views from random sides; each ray has its own shift in [0, 1)."""
    rng = np.random.default_rng(seed)
    found = [
        view(rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1.2))
        for _ in range(count)
    ]
    rays, pixels = (np.concatenate(part) for part in zip(*found, strict=True))
    shift = rng.uniform(size=(len(rays), 1))
    return np.concatenate([rays, shift], -1).astype("float32"), pixels


def encode(points):
    """Coordinates, and their sines and cosines at doubling frequencies."""
    parts = [points]
    for octave in range(OCTAVES):
        angles = 2.0**octave * np.pi / 2 * points
        parts += [ops.sin(angles), ops.cos(angles)]
    return ops.concatenate(parts, -1)


ENCODED = 3 * (1 + 2 * OCTAVES)


def points_on(rays):
    """Encoded points, `(rays, SAMPLES, ENCODED)`."""
    steps = ops.arange(SAMPLES, dtype="float32")
    distances = NEAR + (FAR - NEAR) / SAMPLES * (steps + rays[:, 6:])
    points = rays[:, None, :3] + distances[..., None] * rays[:, None, 3:6]
    return encode(points)


class Picture(keras.Model):
    """From rays to the colours that a field gives them, on white."""

    def __init__(self, field):
        super().__init__()
        self.field = field

    def call(self, rays):
        seen = self.field(points_on(rays))
        colours = ops.sigmoid(seen[..., :3])
        thickness = ops.softplus(seen[..., 3]) * ((FAR - NEAR) / SAMPLES)
        before = ops.cumsum(thickness, -1) - thickness
        weights = ops.exp(-before) * (1 - ops.exp(-thickness))
        gathered = ops.sum(weights[..., None] * colours, -2)
        return gathered + 1 - ops.sum(weights, -1, keepdims=True)


def field(hidden):
    """A field whose replaced layers `hidden(name)` makes."""
    return keras.Sequential(
        [
            keras.Input((None, ENCODED)),
            keras.layers.Dense(WIDTH, "relu", name="hidden_1"),
            *(hidden(f"hidden_{k}") for k in (2, 3, 4)),
            keras.layers.Dense(4, name="head"),
        ]
    )


def dense(name):
    return keras.layers.Dense(WIDTH, "relu", name=name)


EUGEN = {"order": 1, "feature_activation": "relu", "seed": 7}


def eugen(name):
    return EUGenDense(WIDTH, FEATURES, name=name, **EUGEN)


def low_rank(name):
    factors = [
        keras.layers.Dense(RANK, use_bias=False),
        keras.layers.Dense(WIDTH, "relu"),
    ]
    return keras.Sequential([keras.Input((None, WIDTH)), *factors], name=name)


def train(model, data, epochs=EPOCHS, rate=2e-3):
    """Trains in place; seconds of processor time."""
    picture = Picture(model)
    steps = epochs * -(-len(data[0]) // BATCH_SIZE)
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    picture.compile(keras.optimizers.Adam(schedule), "mse")
    start = time.process_time()
    picture.fit(*data, batch_size=BATCH_SIZE, epochs=epochs, verbose=1)
    return time.process_time() - start


def some_points(rays, count=20_000):
    chosen = np.random.default_rng(0).choice(len(rays), count // SAMPLES)
    points = points_on(ops.convert_to_tensor(rays[chosen]))
    return ops.convert_to_numpy(points)


def distilled(teacher, rays):
    start = time.process_time()
    rules = {f"hidden_{k}": to_eugen(FEATURES, **EUGEN) for k in (2, 3, 4)}
    student, _ = distill(teacher, some_points(rays), rules, verbose=0)
    return student, time.process_time() - start


def cut(teacher):
    """The teacher with the SVD of its kernels in low-rank layers."""
    start = time.process_time()
    student = field(low_rank)
    for layer in teacher.layers:
        weights = layer.get_weights()
        if layer.name in ("hidden_2", "hidden_3", "hidden_4"):
            kernel, bias = weights
            u, s, v = np.linalg.svd(kernel, full_matrices=False)
            weights = [u[:, :RANK] * s[:RANK], v[:RANK], bias]
        student.get_layer(layer.name).set_weights(weights)
    return student, time.process_time() - start


def merged(model):
    """The last EUGen and the head as one layer, as one would ship it."""
    *first, last, head = model.layers
    if not isinstance(last, EUGenDense):
        return model
    return keras.Sequential(
        [keras.Input((None, ENCODED)), *first, merge(last, head)]
    )


def measured(model, seconds, test):
    """What a field costs and how well it shows the held-out views."""
    rays, pixels = test
    picture = Picture(merged(model))
    found = picture.predict(rays, batch_size=BATCH_SIZE, verbose=0)
    one_view = rays[: SIDE * SIDE]
    times = []
    for _ in range(3):
        start = time.process_time()
        picture.predict(one_view, batch_size=len(one_view), verbose=0)
        times.append(time.process_time() - start)
    total = report.summary(picture.field)[-1]
    row = {
        "psnr": psnr(found, pixels),
        "training_seconds": seconds,
        "view_seconds": min(times),
        "trainable": report.summary(model)[-1].trainable,
        "file_bytes": total.file,
        "multiplications": total.flops // 2,
    }
    return row, found


def psnr(found, pixels):
    return float(-10 * np.log10(np.mean((found - pixels) ** 2)))


def variants(data, test):
    """Name, row and pictures of each variant, as they are made."""
    models = {}
    kinds = {"Dense": dense, "EUGen": eugen, "low rank": low_rank}
    for name, hidden in list(kinds.items())[:FEW]:
        print("training", name, flush=True)
        keras.utils.set_random_seed(0)
        models[name] = field(hidden)
        seconds = train(models[name], data)
        yield name, *measured(models[name], seconds, test)
    for name, (student, seconds) in {
        "Dense, distilled to EUGen": distilled(models["Dense"], data[0]),
        "Dense, cut by SVD": cut(models["Dense"]),
    }.items():
        yield name, *measured(student, seconds, test)
        if tutorial.FAST:
            return
        print("training", name, "further", flush=True)
        seconds += train(student, data, -(-EPOCHS // 4), 1e-3)
        yield f"{name}, trained on", *measured(student, seconds, test)


def draw(pictures, columns, name):
    rows = -(-len(pictures) // columns)
    figure = Figure(figsize=(2 * columns, 2.2 * rows), layout="constrained")
    for k, (title, image) in enumerate(pictures.items()):
        axes = figure.add_subplot(rows, columns, k + 1)
        axes.imshow(np.clip(image, 0, 1), cmap="gray", vmin=0, vmax=1)
        axes.set_title(title, fontsize=7)
        axes.axis("off")
    figure.savefig(tutorial.picture(name), dpi=120)


def main():
    results = Results(
        "implicit_scene",
        epochs=EPOCHS,
        views=VIEWS,
        side=SIDE,
        samples=SAMPLES,
    )
    if results.rows:  # Its pictures need all models of one run.
        return
    data, test = views(VIEWS, seed=0), views(4, seed=1)

    def shown(pixels):
        return pixels[: SIDE * SIDE].reshape(SIDE, SIDE, 3)

    pictures = {"the scene": shown(test[1])}
    for name, row, pixels in variants(data, test):
        results.row(lambda r=row: r, question="scene", model=name)
        pictures[name] = shown(pixels)
    draw(pictures, 4, "04_scene.png")


if __name__ == "__main__":
    main()
