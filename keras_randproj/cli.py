"""The command `keras-randproj`."""

import argparse
import importlib
import io
import json
import sys
from pathlib import Path

from keras_randproj import __version__
from keras_randproj import _backends

NOT_DONE = 2
# Of an error: our own words, and some of the file's and of Keras's.
MAX_MESSAGE = 800


def main(arguments=None):
    """Runs the command line.

    Args:
        arguments: List of strings, or `None` for the process's own.

    Returns:
        Integer, the exit status: of `verify` 0 where every recipe is right,
        1 where one is wrong, 2 where one could not be checked, 3 where there
        is none; of all commands 2 where they could not be carried out.
    """
    # A name in a file may not be printable in the terminal's encoding.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (
        ImportError,
        MemoryError,
        OSError,
        RuntimeError,
        ValueError,
    ) as error:
        from keras_randproj.files.printable import printable

        said = str(error) or type(error).__name__
        print(
            f"keras-randproj: {printable(said, MAX_MESSAGE)}", file=sys.stderr
        )
        return NOT_DONE


def _demo(options):
    _choose_backend()
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
    from keras_randproj.files.apart import apart
    from keras_randproj.files.verify import groups_in

    _require_file(options.file)
    if str(options.file).endswith(".safetensors"):
        return _report_adapter(options.file)
    if not str(options.file).endswith(".keras"):
        raise ValueError(
            "A report needs a `.keras` file, which holds the layers, or the "
            f"`.safetensors` file of an adapter. Received: {options.file!r}"
        )
    apart(lambda: len(groups_in(options.file)[1]))
    _choose_backend()
    import keras

    from keras_randproj.report.summary import summary

    try:
        model = keras.saving.load_model(options.file, compile=False)
        table = str(summary(model))
    except Exception as error:  # Keras raises many kinds for damaged files.
        raise ValueError(f"The model cannot be loaded: {error}") from error
    print(table)
    print(_size_of(options.file))
    return 0


def _report_adapter(path):
    """What an adapter's file says, without Keras."""
    from keras_randproj.files.adapter_file import MAX_READ
    from keras_randproj.files.adapter_file import AdapterFile
    from keras_randproj.files.adapter_summary import text

    print(text(AdapterFile.read(path, MAX_READ)))
    print(_size_of(path))
    return 0


def _size_of(path):
    from keras_randproj.files.printable import printable

    return f"\n{printable(path)}: {Path(path).stat().st_size:,} bytes"


def _verify(options):
    from keras_randproj.files.apart import apart
    from keras_randproj.files.summary import status
    from keras_randproj.files.summary import text
    from keras_randproj.files.verify import verify

    _require_file(options.file)

    def check():
        bounds = options.max_elements, options.max_bytes
        verdicts = verify(options.file, *bounds)
        return text(verdicts), status(verdicts)

    said, found = apart(check, options.max_seconds)
    print(said)
    return found


def _choose_backend():
    """Keras gets a backend that is there, and the user is told."""
    backend = _backends.choose()
    if backend:
        said = f"{_backends.VARIABLE} is not set, taking {backend}"
        print(f"keras-randproj: {said}", file=sys.stderr)
    with _backends.explaining():
        importlib.import_module("keras")


def _require_file(path):
    if not Path(path).is_file():
        raise ValueError(f"There is no such file. Received: {path!r}")


def _parser():
    parser = argparse.ArgumentParser(
        prog="keras-randproj",
        description="Keras layers whose big matrix is a function of a seed.",
    )
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {__version__}"
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
        "report", help="parameters and bytes of a .keras or adapter file"
    )
    report.add_argument("file")
    report.set_defaults(run=_report)

    verify = commands.add_parser(
        "verify",
        help="regenerate the matrices of a file and check them",
        description="Regenerates the matrices of a file, which need not be "
        "trusted, and compares digests. Status: 0 all right, 1 one is wrong, "
        "2 not checked, 3 nothing to check.",
    )
    verify.add_argument(
        "file", help=".keras, .weights.h5, .weights.json or .safetensors"
    )
    verify.add_argument(
        "--max-elements",
        type=_positive,
        default=2**27,
        help="entries that may be made, all matrices together (2**27)",
    )
    verify.add_argument(
        "--max-bytes",
        type=_positive,
        help="of the file that is read (2**31; 2**27 of an adapter)",
    )
    verify.add_argument(
        "--max-seconds",
        type=_positive,
        default=8,
        help="of processor time (8)",
    )
    verify.set_defaults(run=_verify)
    return parser


def _positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value
