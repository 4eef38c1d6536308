"""What adapters cost: a training step, and a batch of 64 rows with 64 adapters.

`python -m experiments.adapters_serving --cache FOLDER [--device cuda]` on
MiniLM with random sentences of 48 tokens; the folder is that of
`experiments.adapters`. Medians of runs in turn: of the time on the clock on a
GPU, and of the processor's time on a CPU, which may be shared. Each adapter of
a bank has a classifier of its own, too.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

RESULTS = Path(__file__).parent / "results/adapters_serving.json"
LENGTH, ROWS, TRAINED = 48, 64, 32
FEW, MANY = (100,), (1, 100, 10_000)
# Those down to the second of Keras's LoRA are on query and value.
STEPS = (
    "full",
    "Keras LoRA 8",
    "SeededLowRank 64",
    "LowRank 8, as Keras",
    "SeededUpdate 3,500, query and value",
    "Modulation, query and value",
    "Keras LoRA 8, dense layers",
    "Modulation, as IA3",
    "SeededUpdate 3,500",
    "Modulation",
)
BANKS = {
    "SeededUpdate 3,500": MANY,
    "Modulation, as IA3": MANY,
    "Modulation": FEW,
    "SeededLowRank 64": FEW,
    "LowRank 1": FEW,
}


def main():
    import torch

    from experiments.adapters_bases import Bases
    from experiments.results_file import where
    from experiments.results_file import write

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--length", type=int, default=LENGTH)
    options = parser.parse_args()
    bases = Bases(options.cache, options.device)
    rows = [
        *steps(bases, options),
        *banks(bases, options),
        *peft_mixed(bases, options),
    ]
    device = "cpu"
    if options.device != "cpu":
        device = torch.cuda.get_device_name()
    settings = {
        "tenants_batch": ROWS,
        "training_batch": TRAINED,
        "length": options.length,
        "runs": options.runs,
    }
    command = "python -m experiments.adapters_serving"
    write(options.json, command, [where()], rows, device=device, **settings)


def steps(bases, options):
    """A training step of each method, in milliseconds and bytes."""
    import torch

    tokens = random_tokens(TRAINED, options)
    truth = torch.ones(TRAINED, device=options.device)
    functions = []
    for name in STEPS:
        # A model for each, as they run in turn.
        own = type(bases)(bases.folder, bases.device)
        trainee = own.trainee(name, 1)
        optimizer = torch.optim.Adam(trainee.parameters, 1e-4)

        def step(trainee=trainee, optimizer=optimizer):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                trainee.forward(tokens), truth
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()

        functions.append(step)
    medians = timed(functions, options)
    for name, step, found in zip(STEPS, functions, medians, strict=True):
        row = {"question": "training step", "name": name, "milliseconds": found}
        yield said({**row, "extra_bytes": extra(step, options)})


def banks(bases, options):
    """64 rows with 64 adapters against the base alone."""
    import numpy as np
    import torch

    from experiments.adapters_bases import bare
    from experiments.adapters_methods import HEAD
    from experiments.adapters_methods import OURS
    from keras_randproj import adapters

    tokens = random_tokens(ROWS, options)
    clock = clock_of(options)
    # Another model, as Keras computes it.
    plain = type(bases)(bases.folder, bases.device).model()
    for name, counts in BANKS.items():
        model = bases.model()
        bare(model, bases.start)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tenant.safetensors"
            adapters.attach(model, {**OURS[name].rules(1), "head": HEAD})
            rng = np.random.default_rng(1)
            for weight in model.trainable_weights:
                weight.assign(0.01 * rng.normal(size=weight.shape))
            adapters.save(model, path)
            adapters.detach(model)
            for tenants in counts:
                bank = adapters.AdapterBank(
                    model, {"0": path}, capacity=max(tenants, ROWS)
                )
                times = []
                for k in range(1, tenants):
                    begin = clock()
                    bank.add(str(k), path)
                    times.append(1000 * (clock() - begin))
                rows = torch.as_tensor(
                    rng.integers(1, tenants + 1, ROWS).astype("int32"),
                    device=options.device,
                )
                base, banked = timed(
                    [
                        lambda: plain(tokens),
                        lambda bank=bank, rows=rows: bank((tokens, rows)),
                    ],
                    options,
                )
                yield said(
                    {
                        "question": "bank",
                        "name": name,
                        "tenants": tenants,
                        "base_ms": base,
                        "milliseconds": banked,
                        "ratio": banked / base,
                        "add_ms": statistics.median(times) if times else None,
                    }
                )
                adapters.detach(model)


def peft_mixed(bases, options):
    """PEFT's batch of rows with LoRA adapters of their own."""
    import peft
    from transformers import BertConfig
    from transformers import BertModel

    config = BertConfig.from_pretrained(bases.folder)
    bert = BertModel(config, add_pooling_layer=False).to(options.device).eval()
    tokens = random_tokens(ROWS, options)
    mask = tokens != 0
    settings = peft.LoraConfig(r=8, target_modules=["query", "value"])
    (base,) = timed([lambda: bert(tokens, attention_mask=mask)], options)
    model = peft.get_peft_model(bert, settings, adapter_name="0")
    for k in range(1, ROWS):
        model.add_adapter(str(k), settings)
    model = model.to(options.device).eval()
    names = [str(k) for k in range(ROWS)]

    def mixed():
        return model(input_ids=tokens, attention_mask=mask, adapter_names=names)

    (found,) = timed([mixed], options)
    yield said(
        {
            "question": "bank",
            "name": "PEFT LoRA 8, mixed batch",
            "tenants": ROWS,
            "base_ms": base,
            "milliseconds": found,
            "ratio": found / base,
        }
    )


def random_tokens(rows, options):
    import torch

    generator = torch.Generator("cpu").manual_seed(0)
    shape = rows, options.length
    tokens = torch.randint(
        1, 10_000, shape, generator=generator, device="cpu", dtype=torch.int32
    )
    return tokens.to(options.device)


def clock_of(options):
    """The function that says the time in seconds."""
    return time.process_time if options.device == "cpu" else time.perf_counter


def timed(functions, options):
    """Medians in milliseconds of functions that run in turn."""
    import torch

    clock = clock_of(options)
    times = [[] for _ in functions]
    for run in range(options.runs + 2):
        for function, found in zip(functions, times, strict=True):
            begin = clock()
            with torch.set_grad_enabled(function.__name__ == "step"):
                function()
            if options.device != "cpu":
                torch.cuda.synchronize()
            if run > 1:
                found.append(1000 * (clock() - begin))
    return [statistics.median(found) for found in times]


def extra(step, options):
    """Bytes that a step takes of a GPU while it runs; `None` on a CPU."""
    import torch

    if options.device == "cpu":
        return None
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    return torch.cuda.max_memory_allocated() - before


def said(row):
    print(row, flush=True)
    return row


if __name__ == "__main__":
    main()
