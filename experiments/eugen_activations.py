"""How well a polynomial stands in for an activation, by degree.

Root mean square error under N(0, 1), relative to the activation's own
standard deviation. Run `python -m experiments.eugen_activations`.
"""

from pathlib import Path

import numpy as np

from experiments.results_file import where
from experiments.results_file import write
from keras_randproj.transfer import activation_polynomials

RESULTS = Path(__file__).parent / "results/eugen_activations.json"
ACTIVATIONS = (
    "relu",
    "gelu",
    "softplus",
    "silu",
    "mish",
    "tanh",
    "sigmoid",
    "elu",
)
ORDERS = range(1, 9)


def main():
    rows = []
    for name in ACTIVATIONS:
        spread = activation_polynomials(name, 0).error
        errors = [
            activation_polynomials(name, k).error / spread for k in ORDERS
        ]
        rows.append(
            {"activation": name, "spread": spread, "relative_errors": errors}
        )
        print(rows[-1])
    write(
        RESULTS,
        "python -m experiments.eugen_activations",
        [where()],
        rows,
        orders=list(ORDERS),
        mean=np.mean([r["relative_errors"] for r in rows], axis=0).tolist(),
    )


if __name__ == "__main__":
    main()
