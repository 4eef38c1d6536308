"""Kernels on a GPU: `python -m benchmarks.gpu [--json FILE]`, backend torch.

Everything runs in CUDA graphs on random data. Sixteen-bit weights are rotated
over copies larger than the second-level cache, so that a baseline that reads
them does so from memory; the rows also say what it takes with one copy.
"""

import argparse
import os
import statistics
import sys
from functools import partial
from pathlib import Path

from experiments.results_file import where
from experiments.results_file import write

os.environ["KERAS_BACKEND"] = "torch"

REPEATS = 25
# Copies of the operands together, several times any second-level cache.
ROTATED_BYTES = 512 * 2**20
RESULTS = Path(__file__).parent / "results" / "gpu.json"


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu")
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args()
    import torch

    if not torch.cuda.is_available():
        sys.exit(
            "This benchmark measures CUDA kernels, and torch sees no CUDA "
            "device. Nothing was measured or written."
        )
    rows = [*hadamard_rows(), *depth_rows(), *rademacher_rows()]
    for row in rows:
        print(
            f"{row['question']:40} d {row['d']:6} batch {row['batch']:5} "
            f"{row['ours_ms']:9.4f} ms  {row['ratio']:6.2f}x {row['baseline']}"
        )
    write(options.json, "python -m benchmarks.gpu", [run()], rows)


def run():
    """Where it ran, with the device."""
    import torch
    import triton

    properties = torch.cuda.get_device_properties(0)
    return {
        **where(cuda=torch.version.cuda, triton=triton.__version__),
        "device": properties.name,
        "processors": properties.multi_processor_count,
        "cache_bytes": properties.L2_cache_size,
    }


def hadamard_rows():
    """The fused layer against a copy of its data and a dense product."""
    import torch

    for d in (1024, 2048, 4096, 8192, 16384):
        for batch in (1, 512, 8192):
            x = normal(batch, d)
            copies = max(1, ROTATED_BYTES // (4 * batch * d))
            inputs = [x.clone() for _ in range(copies)]
            vectors = [normal(d) for _ in range(3)]
            operand = operand_of("hadamard", d, "seed")
            ours = [partial(call, operand, v, vectors) for v in inputs]
            copied = [v.clone for v in inputs]
            layer = torch.nn.Linear(d, d, device="cuda", dtype=torch.bfloat16)
            dense = [partial(layer, v) for v in inputs]
            yield row("hadamard over a copy", d, batch, ours, "copy", copied)
            yield row("hadamard over dense", d, batch, ours, "linear", dense)


def depth_rows():
    """Three stages in one kernel against a kernel each."""
    from keras_randproj import kernels

    for d in (1024, 4096, 16384):
        operands = [operand_of("hadamard", d, "seed")] * 3
        alphas = [normal(d) for _ in operands]
        vectors = [normal(d) for _ in range(2)]
        fused = partial(
            kernels.modulate_stages,
            operands,
            alphas=alphas,
            scale=vectors[0],
            bias=vectors[1],
            implementation="triton",
        )
        apart = partial(one_by_one, operands, alphas, vectors)
        for batch in (1, 512, 8192):
            copies = max(1, ROTATED_BYTES // (4 * batch * d))
            inputs = [normal(batch, d) for _ in range(copies)]
            ours = [partial(fused, v) for v in inputs]
            theirs = [partial(apart, v) for v in inputs]
            yield row("depth 3", d, batch, ours, "three launches", theirs)


def one_by_one(operands, alphas, vectors, x):
    for operand, alpha in zip(operands[:-1], alphas, strict=False):
        x = call(operand, x, [alpha])
    return call(operands[-1], x, [alphas[-1], *vectors])


def rademacher_rows():
    """P in registers against dense weights and packed bits, cold and warm."""
    import torch

    for d in (4096, 8192, 16384):
        copies = max(2, ROTATED_BYTES // (2 * d * d))
        weights = [normal(d, d) for _ in range(copies)]
        words = max(2, ROTATED_BYTES // (d * d // 8))
        seeded = operand_of("rademacher", d, "seed")
        packed = [operand_of("rademacher", d, "packed")]
        packed += [copy_of(packed[0]) for _ in range(words - 1)]
        vectors = [normal(d) for _ in range(3)]
        for batch in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512):
            x = normal(batch, d)
            ours = [partial(call, seeded, x, vectors)]
            cold = [partial(torch.matmul, x, w) for w in weights]
            bits = [partial(call, p, x, vectors) for p in packed]
            for name, baseline in (
                ("cuBLAS, cold", cold),
                ("cuBLAS, warm", cold[:1]),
                ("packed bits, cold", bits),
            ):
                yield row("rademacher", d, batch, ours, name, baseline)


def operand_of(family, d, storage):
    """The operand of a square projection on the device."""
    from keras_randproj import projections

    layer = projections.get(family, units=d, seed=7, storage=storage)
    layer.build((None, d))
    return layer.operand()


def copy_of(operand):
    """The same packed matrix at another address."""
    from dataclasses import replace

    from keras import ops

    return replace(operand, words=ops.copy(operand.words))


def call(operand, x, vectors):
    from keras_randproj import kernels

    return kernels.modulate(operand, x, *vectors, implementation="triton")


def normal(*shape):
    import torch

    return torch.randn(shape, device="cuda", dtype=torch.bfloat16)


def row(question, d, batch, ours, baseline, theirs):
    """Median milliseconds of a call of each, measured in turns."""
    graphs = [capture(calls) for calls in (ours, theirs)]
    times: list = [[], []]
    for _ in range(REPEATS):
        for graph, found in zip(graphs, times, strict=True):
            found.append(milliseconds(*graph))
    medians = [statistics.median(found) for found in times]
    return {
        "question": question,
        "backend": "torch",
        "d": d,
        "batch": batch,
        "dtype": "bfloat16",
        "ours_ms": medians[0],
        "ours_quartiles_ms": statistics.quantiles(times[0], n=4)[::2],
        "baseline": baseline,
        "baseline_ms": medians[1],
        "baseline_quartiles_ms": statistics.quantiles(times[1], n=4)[::2],
        "ratio": medians[1] / medians[0],
    }


def capture(calls):
    """A CUDA graph of all calls in turn, and how many it holds."""
    import torch

    # A graph of a single short call would time its launch.
    calls = calls * max(1, 20 // len(calls))
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.inference_mode(), torch.cuda.stream(stream):
        for one in calls[:3]:
            one()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.inference_mode(), torch.cuda.graph(graph):
        for one in calls:
            one()
    return graph, len(calls)


def milliseconds(graph, count):
    import torch

    start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    graph.replay()
    stop.record()
    stop.synchronize()
    return start.elapsed_time(stop) / count


if __name__ == "__main__":
    main()
