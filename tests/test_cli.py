"""The command line, run in this process."""

import io
import json
import subprocess
import sys
import time
from pathlib import Path

import archives
import h5py
import keras
import pytest

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import PRPMultiHeadAttention
from keras_randproj import cli
from keras_randproj.demo import datasets

CORPUS = Path(__file__).parent / "hardening" / "corpus"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "m.keras"
    keras.Sequential([keras.Input((12,)), PRPDense(5, seed=3)]).save(path)
    return path


def test_verify_prints_the_layer_and_succeeds(file, capsys):
    assert cli.main(["verify", str(file)]) == 0
    first, last = capsys.readouterr().out.splitlines()
    name = keras.models.load_model(file).layers[0].name
    place = "(layers/prp_dense/projection)"
    assert first.startswith(f"ok: {name}/projection {place}: ")
    assert "gaussian 12 x 5, seed 3, contract 1, digest bf3d18d4" in first
    assert last.startswith("Not checked: learned parameters")


def test_verify_and_report_name_layers_alike(tmp_path, capsys):
    """By the users' names, in models inside models as well."""
    inner = keras.Sequential(
        [
            keras.Input((5,)),
            PRPDense(4, seed=1, name="first"),
            PRPDense(4, seed=2, name="second", depth=2),
        ],
        name="inner",
    )
    x = keras.Input((3, 5))
    y = PRPMultiHeadAttention(1, 2, projection_seed=3, name="mixer")(x, x)
    y = keras.layers.TimeDistributed(inner)(y)
    y = EUGenDense(2, 3, seed=4, name="head")(y)
    path = tmp_path / "m.keras"
    keras.Model(x, PRPDense(6, seed=5, name="last")(y)).save(path)
    assert cli.main(["verify", str(path)]) == 0
    *lines, _ = capsys.readouterr().out.splitlines()
    assert cli.main(["report", str(path)]) == 0
    rows = capsys.readouterr().out.splitlines()
    reported = {row.split()[0].split("/")[0] for row in rows if "PRP" in row}
    reported |= {row.split()[0] for row in rows if "EUGen" in row}
    verified = [line.split()[1].split("/") for line in lines]
    assert {name for name, *_ in verified} - {"inner"} == reported
    assert reported == {"mixer", "first", "second", "head", "last"}
    assert ["mixer", "query", "projection"] in verified


def test_verify_fails_on_a_damaged_file(file, monkeypatch, capsys):
    from keras_randproj.matrices import Gaussian

    monkeypatch.setattr(Gaussian, "digest", lambda *_: "0" * 32)
    assert cli.main(["verify", str(file)]) == 1
    assert "FAILED" in capsys.readouterr().out


def test_verify_of_a_file_without_recipes(tmp_path, capsys):
    path = tmp_path / "m.weights.h5"
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.save_weights(path)
    assert cli.main(["verify", str(path)]) == 3
    assert "no recipe" in capsys.readouterr().out


def test_verify_prints_what_a_terminal_can(tmp_path, capsys, monkeypatch):
    """A name in another script, where the terminal knows ASCII only."""
    path = tmp_path / "m.weights.h5"
    path.write_bytes((CORPUS / "intact.weights.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        file.move("layers", "Schichten-\u5c42-\x1b[1m")
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", output)
    assert cli.main(["verify", str(path)]) == 0
    output.seek(0)
    assert "Schichten-\\u5c42-\\x1b[1m/prp_dense" in output.read()


@pytest.mark.parametrize("command", ["verify", "report"])
@pytest.mark.parametrize("size", [0, 10, 3000])
@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_a_cut_file_gives_a_reason(command, size, suffix, file, capsys):
    path = file.with_name("cut" + suffix)
    path.write_bytes(file.read_bytes()[:size])
    assert cli.main([command, str(path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("keras-randproj: ")
    assert any(w in line for w in ("archive", "HDF5", "needs a `.keras`"))


def test_a_model_that_cannot_be_loaded_gives_a_reason(file, capsys):
    archives.edit_config(file, lambda text: text.replace("PRPDense", "Gone"))
    assert cli.main(["report", str(file)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("keras-randproj: The model cannot be loaded: ")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_nothing(option):
    code = (
        "import sys\n"
        "from keras_randproj.cli import main\n"
        "try:\n"
        f"    main([{option!r}])\n"
        "finally:\n"
        "    names = ('keras', 'torch', 'jax', 'tensorflow', 'h5py', 'numpy')\n"
        "    print([name for name in names if name in sys.modules])\n"
    )
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert time.perf_counter() - start < 5  # On a busy machine.
    assert done.returncode == 0
    assert done.stdout.endswith("[]\n")
    assert "keras-randproj" in done.stdout


def test_report_counts(file, capsys):
    assert cli.main(["report", str(file)]) == 0
    printed = capsys.readouterr().out
    assert f"{12 + 2 * 5}" in printed
    assert f"{12 * 5 + 5}" in printed
    assert f"{file.stat().st_size:,} bytes" in printed


@pytest.mark.parametrize("command", ["verify", "report"])
def test_a_missing_file_is_said(command, tmp_path, capsys):
    assert cli.main([command, str(tmp_path / "none.keras")]) == 2
    assert "no such file" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["verify", "report"])
@pytest.mark.parametrize("name", ["a" * 300, "b\x1b[2J"])
def test_the_name_of_a_file_is_no_matter(command, name, tmp_path, capsys):
    """One that is too long for the system, and one that a terminal obeys."""
    path = tmp_path / f"{name}.keras"
    status = 2
    if len(name) < 200:
        model = keras.Sequential([keras.Input((4,)), PRPDense(2)])
        model.save(path)
        status = 0
    assert cli.main([command, str(path)]) == status
    captured = capsys.readouterr()
    for line in (captured.out + captured.err).splitlines():
        assert line.isprintable()


def test_demo_writes_table_plot_and_files(tmp_path, capsys):
    out = tmp_path / "demo"
    arguments = ["demo", "--epochs", "2", "--out", str(out), "--json"]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    results = json.loads((out / "results.json").read_text())
    assert json.loads(printed.strip().splitlines()[-1]) == results
    rows = {row["name"]: row for row in results["rows"]}
    assert rows["Dense"]["trainable"] == 64 * 512 + 512 + 131_328 + 2_570
    assert rows["PRP gaussian"]["trainable"] == 64 + 2 * 512 + 1_024 + 276
    for row in rows.values():
        assert row["reload_exact"]
        assert row["accuracy"] > 0.5  # Chance is 0.1.
        assert row["file_bytes"] > 0
    png = (out / "accuracy_vs_parameters.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    table = (out / "results.txt").read_text()
    assert table in printed
    assert "exact reload" in table
    assert "of Dense's accuracy" in table


def test_demo_says_what_works_without_data(tmp_path, monkeypatch, capsys):
    def unavailable(name):
        raise datasets.DataUnavailable(f"no {name}: use --dataset digits")

    monkeypatch.setattr(datasets, "load", unavailable)
    arguments = ["demo", "--dataset", "mnist", "--out", str(tmp_path)]
    assert cli.main(arguments) == 2
    assert "--dataset digits" in capsys.readouterr().err


def test_epochs_must_be_positive(capsys):
    with pytest.raises(SystemExit):
        cli.main(["demo", "--epochs", "0"])
    assert "at least 1" in capsys.readouterr().err
