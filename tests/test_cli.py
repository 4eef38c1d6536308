"""The command line, run in this process."""

import json

import keras
import pytest

from keras_randproj import PRPDense
from keras_randproj import cli
from keras_randproj.demo import datasets


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "m.keras"
    keras.Sequential([keras.Input((12,)), PRPDense(5, seed=3)]).save(path)
    return path


def test_verify_prints_the_layer_and_succeeds(file, capsys):
    assert cli.main(["verify", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "gaussian 12 x 5, seed 3, contract 1" in printed
    assert printed.strip().endswith("ok")


def test_verify_fails_on_a_damaged_file(file, tmp_path, monkeypatch, capsys):
    from keras_randproj.projections import Gaussian

    monkeypatch.setattr(Gaussian, "digest_of", lambda *_: "0" * 32)
    assert cli.main(["verify", str(file)]) == 1
    assert "FAILED" in capsys.readouterr().out


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
    assert "exact reload" in printed


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
