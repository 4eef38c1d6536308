"""The command `keras-randproj`."""

import argparse
import json
import sys
from pathlib import Path


def main(arguments=None):
    """Runs the command line.

    Args:
        arguments: List of strings, or `None` for the process's own.

    Returns:
        Integer, the exit status: 1 where a file fails its check, 2 where a
        command could not be carried out.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (RuntimeError, ValueError) as error:
        print(f"keras-randproj: {error}", file=sys.stderr)
        return 2


def _demo(options):
    from keras_randproj import demo

    results = demo.run(
        dataset=options.dataset,
        epochs=options.epochs,
        seed=options.seed,
        out=options.out,
    )
    if options.json:
        print(json.dumps(results))
    return 0


def _report(options):
    import keras

    from keras_randproj.report.summary import summary
    from keras_randproj.report.summary import text

    _require_file(options.file)
    model = keras.saving.load_model(options.file, compile=False)
    print(text(summary(model)))
    print(f"\n{options.file}: {Path(options.file).stat().st_size:,} bytes")
    return 0


def _verify(options):
    from keras_randproj.report.verify import text
    from keras_randproj.report.verify import verify

    _require_file(options.file)
    verdicts = verify(options.file)
    print(text(verdicts))
    return 0 if all(verdict.ok for verdict in verdicts) else 1


def _require_file(path):
    if not Path(path).is_file():
        raise ValueError(f"There is no such file. Received: {path!r}")


def _parser():
    parser = argparse.ArgumentParser(
        prog="keras-randproj",
        description="Keras layers whose big matrix is a function of a seed.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo", help="train Dense and PRP side by side on real digits"
    )
    demo.add_argument(
        "--dataset",
        choices=["digits", "mnist", "fashion_mnist"],
        default="digits",
        help="digits needs no network (default)",
    )
    demo.add_argument(
        "--epochs", type=_positive, help="default: 15 for digits, else 10"
    )
    demo.add_argument("--seed", type=int, default=0)
    demo.add_argument("--out", default="demo-results", help="output folder")
    demo.add_argument(
        "--json", action="store_true", help="print the results as JSON, last"
    )
    demo.set_defaults(run=_demo)

    report = commands.add_parser(
        "report", help="parameters and bytes of a .keras file"
    )
    report.add_argument("file")
    report.set_defaults(run=_report)

    verify = commands.add_parser(
        "verify", help="regenerate the matrices of a file and check them"
    )
    verify.add_argument("file", help=".keras or .weights.h5")
    verify.set_defaults(run=_verify)
    return parser


def _positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value
