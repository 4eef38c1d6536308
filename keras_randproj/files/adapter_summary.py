"""What an adapter's file holds, in words."""

import json

from keras_randproj.files.adapter_file import AdapterFile
from keras_randproj.files.printable import printable


def text(file: AdapterFile) -> str:
    """A line for each layer that the file adapts, and one for all.

    Args:
        file: An `AdapterFile`.

    Returns:
        String of two or more lines, fit for a terminal.
    """
    lines = []
    named = [_form(form) for form in file.forms]
    for place in file.layers:
        rows, cols = place.shape
        forms = printable(", ".join(named[k] for k in place.forms))
        lines.append(
            f"{printable(place.path)}: {printable(place.kind)} {rows} x "
            f"{cols}: {forms}"
        )
    lines.append(
        f"{len(file.layers)} layers, {file.vectors.size:,} parameters as "
        f"{file.dtype}, {file.learned_bytes:,} bytes of them; "
        f"{len(file.matrices)} matrices made from seeds"
    )
    return "\n".join(lines)


def _form(form):
    arguments = {k: v for k, v in form.items() if k != "form"}
    return printable(f"{form.get('form')} {json.dumps(arguments)}")
