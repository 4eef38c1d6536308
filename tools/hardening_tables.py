"""Tables of damaged files, killed processes and files of other backends."""

from cells import BACKENDS
from cells import NotRun
from cells import benchmark
from cells import head
from cells import row


def fuzz():
    """What became of the damaged files."""
    data = _run("fuzz.json", "-m tests.hardening.fuzz")
    mutants = data["mutants"]
    lines = head("outcome", "mutants", "share")
    for outcome, count in data["outcomes"].items():
        lines.append(row(outcome, f"{count:,}", f"{count / mutants:.2%}"))
    asked = ""
    if mutants < data["asked"]:
        asked = f", stopped after {data['seconds']} s of {data['asked']:,}"
    lines += [
        "",
        f"`python -m tests.hardening.fuzz`, seed {data['seed']}, "
        f"{mutants:,} mutants of {len(data['mutations'])} kinds{asked}; "
        f"at most {data['max_elements']:,} entries of a matrix, and "
        f"{data['bound_bytes'] >> 20} MiB of new address space. "
        f"{_where(data)}.",
    ]
    return lines


def killed():
    """What was left of a checkpoint."""
    data = _run("killed_saves.json", "-m benchmarks.killed_saves")
    lines = head(
        "callback and file", "kills", "old", "new", "mixed", "does not load"
    )
    for r in data["rows"]:
        kinds = ("kills", "old", "new", "mixed", "does not load")
        name = f"`{r['callback']}`, `{r['file']}`"
        lines.append(row(name, *(f"{r[kind]:,}" for kind in kinds)))
    lines += [
        "",
        "`python -m benchmarks.killed_saves`, a megabyte of learned "
        "numbers, killed at a random moment of a save. "
        f"{_where(data)}.",
    ]
    return lines


def rounds():
    """Files of random models, loaded on another backend."""
    data = _run("rounds.json", "-m benchmarks.rounds")
    lines = head(
        "written on, loaded on",
        "files",
        "matrices",
        "learned numbers",
        "mismatches",
        "largest difference of outputs",
    )
    for r in data["rows"]:
        lines.append(
            row(
                f"{r['writer']}, {r['reader']}",
                f"{r['loads']:,}",
                f"{r['matrices']:,}",
                f"{r['numbers']:,}",
                f"{sum(r['mismatches'].values()):,}",
                f"{r['largest_difference']:.1e}",
            )
        )
    versions = ", ".join(
        f"{name} {data['versions'][name]}" for name in ("keras", *BACKENDS)
    )
    machine = data["machine"]
    lines += [
        "",
        f"`python -m benchmarks.rounds`, seed {data['seed']}, "
        f"{data['rounds']:,} rounds, {data['date']}; {versions}; "
        f"{machine['processor']}, {machine['cores']} cores. Models with "
        + "; ".join(_counted(data["models"][k]) for k in data["models"])
        + ".",
    ]
    return lines


def _counted(counts):
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _run(name, command):
    """What a run wrote.

    Raises:
        NotRun: If it has not.
    """
    try:
        return benchmark(name)
    except FileNotFoundError:
        raise NotRun(command) from None


def _where(data):
    versions = data["versions"]
    return (
        f"{data['backend']} {versions[data['backend']]}, "
        f"keras {versions['keras']}; {data['machine']['processor']}, "
        f"{data['machine']['cores']} cores"
    )
