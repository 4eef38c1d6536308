"""What a training step of each adapter takes on JAX, beside Keras's LoRA.

`python -m experiments.adapters_steps --cache FOLDER` compiles a step of each
method (loss, gradients and Adam, as `fit` does) on MiniLM with random
sentences; the folder is that of `experiments.adapters`. The bytes and the
arithmetic are what XLA says of the program; the times are medians of the
processor's time, of steps in turn. `experiments.adapters_serving` times
PyTorch.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

RESULTS = Path(__file__).parent / "results/adapters_steps.json"
BATCH, LENGTH = 32, 32


def main():
    import keras
    import numpy as np

    from experiments.adapters_bases import Bases
    from experiments.adapters_serving import STEPS
    from experiments.results_file import where
    from experiments.results_file import write

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    keras.config.disable_flash_attention()
    tokens = np.random.default_rng(0).integers(1, 10_000, (BATCH, LENGTH))
    tokens = tokens.astype("int32")
    steps = []
    for name in STEPS:
        bases = Bases(options.cache, "cpu", LENGTH)
        bases.trainee(name, 1)
        steps.append(Step(name, bases.keras, tokens))
        print(steps[-1].row, flush=True)
    times: list = [[] for _ in steps]
    for run in range(options.runs + 2):
        for step, found in zip(steps, times, strict=True):
            begin = time.process_time()
            step()
            if run > 1:
                found.append(1000 * (time.process_time() - begin))
    rows = [
        {**step.row, "milliseconds": statistics.median(found)}
        for step, found in zip(steps, times, strict=True)
    ]
    for row in rows:
        print(row, flush=True)
    command = "python -m experiments.adapters_steps"
    settings = {"batch": BATCH, "length": LENGTH, "runs": options.runs}
    write(options.json, command, [where()], rows, **settings)


class Step:
    """A compiled training step, which a call takes.

    Args:
        name: The method's name.
        model: The model with its adapter.
        tokens: int32 array `(batch, length)`.

    Attributes:
        row: Dict of what XLA says of the program.
    """

    def __init__(self, name, model, tokens):
        import jax
        import keras
        import numpy as np

        optimizer = keras.optimizers.Adam(1e-4)
        optimizer.build(model.trainable_variables)
        truth = np.ones((len(tokens), 1), "float32")

        def loss(learned, fixed):
            logits, _ = model.stateless_call(
                learned, fixed, tokens, training=True
            )
            return keras.ops.mean(
                keras.losses.binary_crossentropy(truth, logits, True)
            )

        def step(learned, state, fixed):
            gradients = jax.grad(loss)(learned, fixed)
            return optimizer.stateless_apply(state, gradients, learned)

        self.learned, self.fixed, self.state = (
            [variable.value for variable in variables]
            for variables in (
                model.trainable_variables,
                model.non_trainable_variables,
                optimizer.variables,
            )
        )
        self.compiled = (
            jax.jit(step, donate_argnums=(0, 1))
            .lower(self.learned, self.state, self.fixed)
            .compile()
        )
        memory = self.compiled.memory_analysis()
        total = (
            memory.argument_size_in_bytes
            + memory.output_size_in_bytes
            + memory.temp_size_in_bytes
            - memory.alias_size_in_bytes
        )
        self.row = {
            "name": name,
            "learned": int(sum(value.size for value in self.learned)),
            "total_bytes": total,
            "temporary_bytes": memory.temp_size_in_bytes,
            "operations": self.compiled.cost_analysis()["flops"],
        }

    def __call__(self):
        import jax

        found = self.compiled(self.learned, self.state, self.fixed)
        self.learned, self.state = jax.block_until_ready(found)


if __name__ == "__main__":
    main()
