"""Settings of the Triton kernels, tried on a GPU.

`python -m benchmarks.gpu_settings` prints the fastest of each kernel;
`kernels/triton/settings.py` holds what won. `--compile K/N` only compiles every
Nth candidate, so that several processes can share that work before one of them
measures.
"""

import argparse
import itertools
import os
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from unittest import mock

os.environ["KERAS_BACKEND"] = "torch"

import torch
import triton

from benchmarks.gpu_torch import copies
from benchmarks.gpu_torch import milliseconds
from experiments import results_file
from keras_randproj.kernels.triton import hadamard
from keras_randproj.kernels.triton import hadamard_gradients
from keras_randproj.kernels.triton import product
from keras_randproj.kernels.triton import product_settings
from keras_randproj.kernels.triton.settings import Setting

SECONDS = 100
# Sides and cuts of a row; rows of a program and warps that may serve them.
TILES = {
    1024: [((32, 32), (1, 1), (1, 2, 4), (2, 4))],
    2048: [((32, 64), (1, 1), (1, 2), (2, 4))],
    4096: [((64, 64), (1, 1), (1,), (4, 8))],
    8192: [
        ((64, 128), (1, 1), (1,), (4, 8)),
        ((64, 64), (1, 2), (1,), (4, 8)),
    ],
    16384: [
        ((64, 64), (2, 2), (1,), (4, 8)),
        ((64, 128), (2, 1), (1,), (8,)),
        ((128, 128), (1, 1), (1,), (8, 16)),
    ],
    32768: [
        ((64, 128), (2, 2), (1,), (8, 16)),
        ((128, 128), (1, 2), (1,), (8, 16)),
    ],
}
BATCHES = 8192, 512


def hadamard_candidates(sums):
    for order, tiles in TILES.items():
        for sides, cuts, rows, warps in tiles:
            if sums and sides == (128, 128):
                continue
            stages = (1, 2, 3) if cuts == (1, 1) else (1, 2)
            for each in itertools.product(rows, warps, stages, (1, 2, 4)):
                yield order, Setting(sides, cuts, *each)


def cases():
    """What is tried: a name, a setting as a dict, and a call that takes x."""
    for storage in ("seed", "packed"):
        for warps, tiles, waves in itertools.product(
            (4, 8, 16), (4, 8, 16, 32, 64), (1, 2)
        ):
            if storage == "packed" and tiles < 32:
                continue
            setting = {"WARPS": warps, "MOST_TILES": tiles, "waves": waves}
            name = f"rademacher, {storage}, batch 1"
            yield name, setting, partial(few_rows_calls, storage)
    for kind, dtype in (("forward", "bfloat16"), ("sums", "bfloat16")):
        for order, setting in hadamard_candidates(kind == "sums"):
            for batch in BATCHES if kind == "forward" else BATCHES[:1]:
                name = f"{kind}, {dtype}, order {order}, batch {batch}"
                call = partial(hadamard_call, order, batch, dtype, kind)
                yield name, setting, call

    for order, sides in (
        (1024, (32, 32)),
        (2048, (32, 64)),
        (4096, (64, 64)),
        (8192, (64, 128)),
    ):
        for each in itertools.product((4, 8), (2, 3), (1, 2)):
            warps, stages, waves = each
            setting = Setting(sides, (1, 1), 1, warps, stages, waves)
            call = partial(gradient_call, order)
            yield f"gradients, order {order}", setting, call
    for batch in (16, 128):
        for waves, least, side, warps, stages in itertools.product(
            (1, 2, 3, 4), (16, 64), (64, 128), (4, 8), (2, 3)
        ):
            if batch > least == 64:
                continue
            setting = {
                "waves": waves,
                "LEAST_ROWS": least,
                "BLOCK_OF_SIGNS": side,
                "WARPS": warps,
                "STAGES": stages,
            }
            name = f"product, packed, batch {batch}"
            yield name, setting, partial(product_call, batch)


def programs(only):
    """The cases that are compiled apart; waves and batches are not."""
    found = {}
    for name, setting, make in cases():
        if not name.startswith(only):
            continue
        told = setting if isinstance(setting, dict) else asdict(setting)
        values = [value for key, value in told.items() if key != "waves"]
        found[name.partition(", batch")[0], str(values)] = setting, make
    return found


def hadamard_call(order, batch, dtype, kind, setting):
    """Calls of one setting, and a copy of the same data for each."""
    xs = copies(batch, order, dtype, False)
    vector = xs[0].new_ones(order)
    signs = vector.reshape(1, order)

    def call(x):
        hadamard.launcher.cache_clear()
        with mock.patch.object(hadamard, "setting", return_value=setting):
            hadamard.launch(
                x,
                [vector],
                [signs],
                None,
                vector,
                vector if kind == "forward" else None,
                order**-0.5,
                order,
                order,
                kind == "sums",
                probe=x if kind == "sums" else None,
            )

    return [partial(call, x) for x in xs]


def gradient_call(order, setting):
    """Calls of the kernel that gives all gradients."""
    xs = copies(8192, order, "bfloat16", False)
    vector = xs[0].new_ones(order)
    signs = vector.float().reshape(1, order)

    def call(x):
        # Launchers of other settings are forgotten.
        hadamard_gradients.launcher.cache_clear()
        with mock.patch.object(
            hadamard_gradients, "gradient_setting", return_value=setting
        ):
            hadamard_gradients.stage_gradients(
                x,
                x,
                vector,
                signs,
                None,
                vector,
                order**-0.5,
                order,
                order,
                False,
                True,
                True,
            )

    return [partial(call, x) for x in xs]


def product_call(batch, setting):
    """Calls of a product with packed signs."""
    d = 8192
    x = torch.randn(batch, d, device="cuda", dtype=torch.bfloat16)
    words = torch.randint(2**31, (d // 32, d), device="cuda").int()
    matrix = product.Matrix(words, d, d, 1, 0, 1, 32, 1, 0)

    def call():
        with mock.patch.multiple(
            product_settings,
            WAVES=setting["waves"],
            WAVES_LEFT=setting["waves"],
            WARPS_LEFT=setting["WARPS"],
            STAGES_LEFT=setting["STAGES"],
            **{k: v for k, v in setting.items() if k != "waves"},
        ):
            product.multiply(matrix, x, x[0], x[0], x[0], 1.0, False)

    return [call] * 16


def few_rows_calls(storage, setting):
    d = 8192
    x = torch.randn(1, d, device="cuda", dtype=torch.bfloat16)
    words = torch.randint(2**31, (d // 32, d), device="cuda").int()
    layout = (0, 1, 1, 16, 8, 0) if storage == "seed" else (1, 0, 1, 32, 1, 0)
    source = words[0, :4] if storage == "seed" else words
    matrix = product.Matrix(source.contiguous(), d, d, *layout)
    count = product.processors(x.device) * setting["waves"]

    def call():
        with (
            mock.patch.multiple(
                product_settings,
                FEW_ROWS_WARPS=setting["WARPS"],
                MOST_TILES=setting["MOST_TILES"],
            ),
            mock.patch.object(product, "processors", return_value=count),
        ):
            product.multiply(matrix, x, x[0], x[0], x[0], 1.0, False)

    return [call] * 16


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_settings")
    parser.add_argument("--compile", help="K/N: every Nth candidate from K on")
    parser.add_argument("--only", default="", help="start of a case's name")
    parser.add_argument("--json", help="file to write")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    if options.compile:
        first, step = map(int, options.compile.split("/"))
        for setting, make in list(programs(options.only).values())[first::step]:
            attempt(lambda make=make, setting=setting: make(setting)[0]())
        return
    stop = time.perf_counter() + options.seconds
    rows: list = []
    for name, setting, make in cases():
        if not name.startswith(options.only):
            continue
        if time.perf_counter() > stop:
            print("out of time")
            break
        found = attempt(
            lambda make=make, setting=setting: milliseconds(make(setting))
        )
        told = setting if isinstance(setting, dict) else asdict(setting)
        rows.append({"question": name, "setting": told, "ms": found})
    for name, some in itertools.groupby(rows, lambda row: row["question"]):
        timed = [row for row in some if isinstance(row["ms"], float)]
        best = sorted(timed, key=lambda row: row["ms"])[:4]
        print(name, "tried", len(timed))
        for row in best:
            values = " ".join(f"{k}={v}" for k, v in row["setting"].items())
            print(f"  {row['ms'] * 1e3:8.2f} us  {values}")
    if options.json:
        what = "python -m benchmarks.gpu_settings"
        where = results_file.where(triton=triton.__version__)
        results_file.write(Path(options.json), what, [where], rows)


def attempt(function):
    """Its value, or why there is none: a candidate may not fit the GPU."""
    try:
        found = function()
        torch.cuda.synchronize()
        return found
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:80]}"


if __name__ == "__main__":
    main()
