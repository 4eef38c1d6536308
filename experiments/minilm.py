"""A pretrained sentence encoder with distilled feed-forwards.

The six feed-forward blocks of all-MiniLM-L6-v2 are replaced by layers of fewer
stored numbers, fitted to 1,600 sentences (film and product reviews, editorials
and tweets, as many of each) without labels or backpropagation, and judged on
500 other sentences: by the mean cosine of their embeddings with the teacher's,
and by the rank correlation of all pairwise similarities. What has to be
installed is said in `experiments/minilm_model.py`. `python -m
experiments.minilm` goes on where it was stopped, and prints a table at its end.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
from scipy.stats import spearmanr

from experiments import minilm_model
from experiments.results_file import where
from experiments.results_file import write
from keras_randproj import distill
from keras_randproj.transfer import feed_forwards

RESULTS = Path(__file__).parent / "results/minilm.json"
TIMES = RESULTS.with_name("minilm_times.json")
TRAIN, TEST, LENGTH, POOL = 1600, 500, 64, 4096
# A feed-forward block of the teacher.
NUMBERS = 2 * 384 * 1536 + 1536 + 384

# What the six blocks get of the numbers: errors of an early block are corrected
# by those behind it.
PARTS = 0.6, 0.8, 1.0, 1.1, 1.2, 1.3

TRAINED = ", trained on"
EPOCHS = 4

# Name of the variant, options of the features, of `distill`, with a pool.
MAIN, LOW_RANK = "rows and neurons chosen", "low rank"
CHOSEN = {"neurons": True}
BEST = "best of each"
# Of training: a low rank broke down at the rate that suits the others.
RATES = {MAIN: 5e-4, LOW_RANK: 1e-4}
VARIANTS = {
    MAIN: ({}, CHOSEN, True),
    LOW_RANK: ({}, {"method": "low_rank"}, False),
    "neurons alone": ({}, {"method": "neurons"}, True),
    "rows chosen": ({}, {}, True),
    "first rows": ({}, {}, False),
    "first rows, order 2": ({"order": 2, "shift": None}, {}, False),
    f"{MAIN}{TRAINED}": ({}, CHOSEN, True),
    f"{LOW_RANK}{TRAINED}": ({}, {"method": "low_rank"}, False),
    BEST: ({}, {**CHOSEN, "method": "best", "rivals": True}, True),
}


def judge(student, teacher):
    """Mean cosine and rank correlation of embeddings of length 1."""
    cosine = float(np.mean(np.sum(student * teacher, axis=1)))
    pairs = np.triu_indices(len(teacher), 1)
    sims = [(e @ e.T)[pairs] for e in (student, teacher)]
    return cosine, float(spearmanr(*sims)[0])


def milliseconds(models, repeats):
    """Median time of each model for 128 sentences of 64 tokens."""
    ids = np.random.default_rng(0).integers(1000, 20_000, (128, 64))
    times = [[] for _ in models]
    for _ in range(repeats + 1):
        for model, found in zip(models, times, strict=True):
            start = time.perf_counter()
            model.predict_on_batch(ids)
            found.append(time.perf_counter() - start)
    return [1000 * float(np.median(found[1:])) for found in times]


def time_sizes(teacher, sizes, path):
    """Times of encoders of these sizes, whatever they compute."""
    given = minilm_model.tokens(minilm_model.sentences(40), LENGTH)
    rows = []
    for variant in (MAIN, LOW_RANK):
        for features in sizes:
            _, options, chooses = VARIANTS[variant]
            if chooses:
                options = {**options, "pool": 2 * features}
            rules = blocks(features, seed=100)
            student, _ = distill(
                teacher, given, rules, verbose=0, rivals=False, **options
            )
            ours, theirs = milliseconds([student, teacher], 5)
            row = {"variant": variant, "features": features}
            row.update(ours_ms=ours, teacher_ms=theirs, ratio=theirs / ours)
            rows.append(row)
            print(row, flush=True)
    write(path, "python -m experiments.minilm --times", [where()], rows)


def file_bytes(model):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.stat().st_size


def batches(tokens, size=400):
    """Sentences of like length together, without the padding all have."""
    order = np.argsort(np.count_nonzero(tokens, axis=1), kind="stable")
    found = np.split(tokens[order], range(size, len(tokens), size))
    return [part[:, : np.count_nonzero(part, axis=1).max()] for part in found]


def train(student, teacher, tokens, seed, rate):
    """Trains the new layers on the teacher's embeddings, without labels."""
    for layer in student.layers:
        layer.trainable = layer.name.startswith("intermediate")
    parts = batches(tokens, 50)
    wanted = [teacher.predict_on_batch(part) for part in parts]
    steps = EPOCHS * len(parts)
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    student.compile(keras.optimizers.Adam(schedule), "cosine_similarity")
    rng = np.random.default_rng(seed)
    for _ in range(EPOCHS):
        for k in rng.permutation(len(parts)):
            student.train_on_batch(parts[k], wanted[k])


def blocks(features, seed, **options):
    """Rules for the six blocks, of so many features in the mean."""
    return {
        f"intermediate_{k}": feed_forwards(
            round(part * features), seed=seed + 1000 * k, **options
        )
        for k, part in enumerate(PARTS)
    }


def run(teacher, embeddings, sentences, others, variant, features, seed, pool):
    """One student, and what it reaches."""
    layer, options, chooses = VARIANTS[variant]
    layer = {"seed": 100 + seed, **layer}
    each = features // layer.get("order", 1)
    if chooses:
        # Where neurons are alone, nothing else of the pool has a part.
        alone = options.get("method") == "neurons"
        options = {**options, "pool": 2 * features if alone else pool}
    rules = blocks(each, **layer)
    start, cpu = time.perf_counter(), time.process_time()
    student, reports = distill(
        teacher,
        batches(sentences),
        rules,
        verbose=0,
        **{"rivals": False, **options},
    )
    rate = RATES.get(variant.removesuffix(TRAINED))
    if variant.endswith(TRAINED):
        train(student, teacher, sentences, seed, rate)
    seconds = time.perf_counter() - start
    cpu = time.process_time() - cpu
    cosine, correlation = judge(embed(student, others), embeddings)
    row = {
        "variant": variant,
        "features": features,
        "seed": seed,
        "share": float(np.mean([r.stored for r in reports])) / NUMBERS,
        "cosine": cosine,
        "rank_correlation": correlation,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "neurons": [r.neurons for r in reports],
        "directions": [r.residual_rank for r in reports],
        "errors": [r.error for r in reports],
        "ridges": [r.ridge for r in reports],
        "methods": [r.method for r in reports],
        "low_rank_errors": [r.low_rank_error for r in reports],
        "neurons_errors": [r.neurons_error for r in reports],
        "rows": reports[0].rows + reports[0].held_out_rows,
    }
    if variant.endswith(TRAINED):
        row["rate"] = rate
    return student, row


def embed(model, tokens):
    """Embeddings of sentences, whatever their order."""
    order = np.argsort(np.count_nonzero(tokens, axis=1), kind="stable")
    parts = [model.predict_on_batch(part) for part in batches(tokens, 100)]
    found = np.concatenate(parts)
    return found[np.argsort(order)]


def plan(arguments):
    """Variant, features and seed of each run, the most telling ones first."""
    sizes = arguments.features
    names = arguments.variants or list(VARIANTS)
    # What takes longest is done at the smallest size.
    short = [name for name in names if not name.endswith(TRAINED)]
    plan = [(name, size, 0) for name in short for size in sizes]
    plan += [(name, sizes[0], 0) for name in names if name not in short]
    # Nothing is random about a low rank.
    seeds = range(1, arguments.seeds) if names[0] == MAIN else ()
    return plan + [(MAIN, size, seed) for seed in seeds for size in sizes]


def print_table(rows):
    """Mean cosine and rank correlation by variant and share."""
    sizes = sorted({row["features"] for row in rows})
    print("cosine / rank correlation, by features:", *sizes)
    for name in VARIANTS:
        cells = []
        for size in sizes:
            own = [
                r for r in rows if (r["variant"], r["features"]) == (name, size)
            ]
            cells.append("-")
            if own:
                share, cosine, rank = (
                    np.mean([r[key] for r in own])
                    for key in ("share", "cosine", "rank_correlation")
                )
                cells[-1] = f"{share:.3f}: {cosine:.3f} / {rank:.3f}"
        if set(cells) != {"-"}:
            print(f"{name:<36} {'   '.join(cells)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=int, nargs="+")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--pool", type=int, default=POOL)
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--times", action="store_true", help="times alone")
    parser.add_argument("--fast", action="store_true", help="a small trial")
    arguments = parser.parse_args()
    arguments.features = arguments.features or [256, 512, 1024]
    train, test = TRAIN, TEST
    if arguments.fast:
        arguments.features, arguments.seeds, arguments.pool = [64], 1, 128
        arguments.variants = [MAIN, LOW_RANK]
        train, test = 40, 20
        folder = tempfile.mkdtemp()
        arguments.json = Path(folder) / "minilm_fast.json"
    teacher = minilm_model.pretrained()
    if arguments.times:
        time_sizes(teacher, arguments.features, TIMES)
        return
    sentences = minilm_model.sentences(train + test)
    tokens = np.split(minilm_model.tokens(sentences, LENGTH), [train])
    embeddings = embed(teacher, tokens[1])
    settings = {
        "sentences": train,
        "judged_on": test,
        "tokens": int(np.count_nonzero(tokens[0])),
        "longest": LENGTH,
        "epochs_of_training": EPOCHS,
        "parts": list(PARTS),
        "pool": arguments.pool,
        "teacher_file_bytes": file_bytes(teacher),
    }
    rows, runs = [], []
    if arguments.json.exists():
        found = json.loads(arguments.json.read_text())
        rows, runs = found["rows"], found["where"]
        if found["settings"] != settings:
            raise SystemExit(f"{arguments.json} has rows of other settings")
    done = {(row["variant"], row["features"], row["seed"]) for row in rows}
    now = where()
    for variant, features, seed in plan(arguments):
        if (variant, features, seed) in done:
            continue
        student, row = run(
            teacher,
            embeddings,
            *tokens,
            variant,
            features,
            seed,
            arguments.pool,
        )
        if seed == 0:
            row["file_bytes"] = file_bytes(student)
        rows.append(row)
        print(row, flush=True)
        if now not in runs:
            runs.append(now)
        command = "python -m experiments.minilm"
        write(arguments.json, command, runs, rows, **settings)
    print_table(rows)


if __name__ == "__main__":
    main()
