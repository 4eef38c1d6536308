"""Tables of what several devices send and hold, in Markdown."""

from cells import ROOT
from cells import NotRun
from cells import benchmark
from cells import head
from cells import row

MEBIBYTE = 2**20


def _results(name):
    if not (ROOT / "benchmarks/results" / f"{name}.json").exists():
        raise NotRun(f"-m benchmarks.{name}")
    return benchmark(f"{name}.json")


def communication():
    """Bytes of a step of training, by backend, strategy and layer."""
    data = _results("communication")
    lines = head("strategy", "layer", "trained", "at the start", "a step")
    for r in data["rows"]:
        lines.append(
            row(
                f"{r['backend']}: {r['strategy']}",
                r["layer"],
                f"{r['trained']:,}",
                _kinds(r.get("start")),
                _kinds(r["step"]),
            )
        )
    run = data["runs"][0]
    widths = "-".join(map(str, run["widths"]))
    return [
        *lines,
        "",
        f"Layers {widths}, the last one a Dense; batch {run['batch']}; "
        "float32. `python -m benchmarks.communication`; "
        f"{_where(data['runs'])}.",
    ]


def sharding():
    """Peak memory of one layer whose matrix is divided over devices."""
    data = _results("sharding")
    lines = head(
        "layer",
        "size",
        "matrix, MiB",
        "peak when built, MiB",
        "over the matrix",
        "peak when called, MiB",
    )
    for r in data["rows"]:
        matrix, built = r.get("matrix"), r.get("peak_built")
        lines.append(
            row(
                f"{r['layer']}, {r['dtype']}",
                f"{r['size']:,}",
                _mebibytes(matrix),
                _mebibytes(built) if built else _stopped(r),
                f"{built / matrix - 1:+.0%}" if built else "-",
                _mebibytes(r["peak_called"])
                if "peak_called" in r
                else _stopped(r),
            )
        )
    return [
        *lines,
        "",
        f"{data['rows'][0]['devices']} virtual devices in one process, which "
        "holds every part; what it held before the layer was made is taken "
        f"off. `python -m benchmarks.sharding`; {_where([data])}.",
    ]


def _kinds(sent):
    """Bytes by kind of collective, in words."""
    if sent is None:
        return "-"
    parts = [f"{kind} {size:,}" for kind, size in sent.items()]
    return "; ".join(parts) or "nothing"


def _mebibytes(size):
    return f"{size / MEBIBYTE:,.0f}" if size else "-"


def _stopped(r):
    if "stopped_above" in r:
        return f"stopped above {_mebibytes(r['stopped_above'])}"
    return "-"


def _where(runs):
    versions = ", ".join(
        f"{run['backend']} {run['versions'][run['backend']]}" for run in runs
    )
    return f"keras {runs[0]['versions']['keras']}, {versions}; " + str(
        runs[0]["machine"]
    )
