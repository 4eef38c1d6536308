"""How well a polynomial stands in for an activation, by degree.

Root mean square error under N(0, 1), relative to the activation's own
standard deviation. Run `python -m benchmarks.eugen_activations`.
"""

import numpy as np

from benchmarks.eugen_results import provenance
from benchmarks.eugen_results import write
from keras_randproj.transfer import activation_polynomials

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
    result = provenance()
    result["rows"] = []
    for name in ACTIVATIONS:
        spread = activation_polynomials(name, 0).error
        errors = [
            activation_polynomials(name, k).error / spread for k in ORDERS
        ]
        result["rows"].append(
            {"activation": name, "spread": spread, "relative_errors": errors}
        )
        print(f"| {name} | " + " | ".join(f"{e:.4f}" for e in errors) + " |")
    result["orders"] = list(ORDERS)
    result["mean"] = np.mean(
        [row["relative_errors"] for row in result["rows"]], axis=0
    ).tolist()
    write("eugen_activations.json", result)


if __name__ == "__main__":
    main()
