"""A character GPT and a vision transformer distilled, then trained on.

    KERAS_BACKEND=jax python -m experiments.distill_transformers [--fast]
        [--only gpt] [--seeds 1] [--long]

Teachers are the Dense networks of `experiments.frontier_transformers`. All
their feed-forwards are replaced in closed form, without labels; then the whole
student is trained for half of the teacher's steps, with labels. Rivals: the
same student from fresh weights, trained for as many steps, and with `--long`
for as many as teacher and student together; and the teacher, trained on. All
are trained at one rate, on the same batches. Teachers are kept below build/,
and a run that was stopped goes on where it was.
"""

import argparse
import json
import time
from pathlib import Path

import keras

from experiments.frontier_transformers import TASKS
from experiments.frontier_transformers import VARIANTS as NETWORKS
from experiments.frontier_transformers import made
from experiments.frontier_transformers import sizes
from experiments.frontier_transformers import train
from experiments.results_file import where
from experiments.results_file import write
from keras_randproj import distill
from keras_randproj.transfer import feed_forwards

PATH = Path(__file__).parent / "results/distill_transformers.json"
BUILD = Path("build/distill_transformers")
ROWS, POOL, SHARES = 60_000, 2048, (1 / 12, 1 / 3)
TEACHER, LONG = "the teacher", ", for as long as both"
# What the feed-forwards are worth.
NOTHING = "next to nothing, one random feature"
# Options of `distill`, and whether it takes the whole pool.
VARIANTS = {
    "rows and neurons chosen": ({"neurons": True}, True),
    "neurons alone": ({"method": "neurons"}, False),
    "low rank": ({"method": "low_rank"}, False),
}


def kept_teacher(name, task, steps, seed, folder):
    """The teacher, trained once."""
    path = folder / f"{name}_{seed}.keras"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        model = made(task, NETWORKS["Dense"]["full width"], seed)
        train(task, model, steps, seed).save(path)
    return keras.models.load_model(path, compile=False)


def unlabelled(task, rows):
    """Inputs of the training part, about so many tokens or patches."""
    return task.batches(-(-rows // (64 * task.batch)), seed=1234)[0]


def numbers_of(width):
    """What a feed-forward of the teacher stores."""
    return 8 * width**2 + 5 * width


def student_of(task, teacher, data, share, variant, pool, seed):
    """A distilled student, and what of the feed-forwards' numbers is left."""
    options, whole = VARIANTS.get(variant, ({}, False))
    width = task.width
    features = max(1, round(share * numbers_of(width) / (width + 1)))
    # Where neurons are alone, nothing else of the pool has a part.
    pool = max(pool, features) if whole else 2 * features
    if variant != "low rank":
        options = {**options, "pool": pool}
    rules = {"*": feed_forwards(features, seed=100 + seed)}
    student, reports = distill(
        teacher, data, rules, verbose=0, rivals=False, **options
    )
    return student, {
        "layers": len(reports),
        "share": share,
        "errors": [report.error for report in reports],
        "neurons": [report.neurons for report in reports],
        "directions": [report.residual_rank for report in reports],
    }


def trained(task, model, steps, seed):
    """What a model reaches after some steps more, on batches of their own."""
    return task.reached(train(task, model, steps, 1000 + seed))


def measured(name, task, variant, share, seed, settings, folder):
    """A row: at once, trained on, and the same layers from fresh weights."""
    steps, further = settings["steps"][name], settings["further"][name]
    teacher = kept_teacher(name, task, steps, seed, folder)
    if variant == TEACHER:
        found = {"at once": task.reached(teacher), **sizes(teacher)}
        return {**found, "trained on": trained(task, teacher, further, seed)}
    data, start = unlabelled(task, settings["fitted_to"]), time.process_time()
    given = share, variant.removesuffix(LONG), settings["pool"], seed
    student, found = student_of(task, teacher, data, *given)
    found["distill_cpu_seconds"] = time.process_time() - start
    keras.utils.set_random_seed(seed)
    fresh = keras.models.clone_model(student)
    if variant.endswith(LONG):
        return {"fresh": trained(task, fresh, steps + further, seed)}
    weights = student.trainable_weights
    found["numbers"] = sum(int(keras.ops.size(w)) for w in weights)
    found["at once"] = task.reached(student)
    found.update(sizes(student))
    if variant == NOTHING:
        return found
    return {
        **found,
        "trained on": trained(task, student, further, seed),
        "fresh": trained(task, fresh, further, seed),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fast", action="store_true", help="a few steps")
    parser.add_argument("--only", choices=TASKS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS)
    parser.add_argument("--sizes", type=int, help="the first ones alone")
    parser.add_argument("--long", action="store_true", help="see above")
    options = parser.parse_args()
    path, folder, rows, runs = PATH, BUILD, [], []
    settings = {"fitted_to": ROWS, "pool": POOL, "shares": list(SHARES)}
    steps = {name: task.steps for name, task in TASKS.items()}
    if options.fast:
        path, options.seeds = BUILD / "fast.json", 1
        folder = BUILD / "fast"
        settings.update(fitted_to=2000, pool=200)
        steps = dict.fromkeys(TASKS, 4)
    elif path.exists():
        found = json.loads(path.read_text())
        rows, runs = found["rows"], found["where"]
    runs.append(where())
    settings["steps"] = steps
    settings["further"] = {name: n // 2 for name, n in steps.items()}
    settings["rates"] = {name: task.rate for name, task in TASKS.items()}
    names = [options.only] if options.only else list(TASKS)
    tasks = {name: TASKS[name](options.fast) for name in names}
    kinds, shares = [(TEACHER, 1.0), (NOTHING, 0.0)], SHARES[: options.sizes]
    kinds += [
        (name, share)
        for share in shares
        for name in options.variants or VARIANTS
    ]
    plan = [
        (seed, name, *kind)
        for seed in range(options.seeds)
        for kind in kinds
        for name in names
    ]
    if options.long:
        plan = [
            (seed, name, f"{variant}{LONG}", share)
            for seed, name, variant, share in plan
            if share == SHARES[0]
        ]
    for seed, name, variant, share in plan:
        key = {"task": name, "variant": variant, "of": share, "seed": seed}
        if any({**row, **key} == row for row in rows):
            continue
        start = time.process_time()
        given = name, tasks[name], variant, share, seed
        row = measured(*given, settings, folder)
        rows.append({**key, **row, "cpu_seconds": time.process_time() - start})
        print(rows[-1], flush=True)
        command = "python -m experiments.distill_transformers"
        write(path, command, runs, rows, **settings)


if __name__ == "__main__":
    main()
