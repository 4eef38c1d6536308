"""The results file of a tutorial: written row by row, and continued."""

import json

from experiments.resumable import Results
from keras_randproj.demo import tutorial


def test_rows_are_written_and_not_made_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tutorial, "FAST", False)
    made = []

    def make(value):
        made.append(value)
        return {"value": value}

    for _ in range(2):
        results = Results("name", epochs=3)
        assert results.row(lambda: make(1), model="a", seed=0)["value"] == 1
        results.row(lambda: make(2), model="a", seed=1)
    assert made == [1, 2]
    written = json.loads(
        (tmp_path / "experiments/results/name.json").read_text()
    )
    assert written["settings"]["epochs"] == 3
    assert "keras" in written["where"][0]["versions"]
    assert [row["seed"] for row in written["rows"]] == [0, 1]


def test_a_script_says_what_it_found_and_what_it_does(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tutorial, "FAST", False)
    results = Results("name")
    assert capsys.readouterr().out == ""
    said = []

    def make():
        said.append(capsys.readouterr().out)
        return {"value": 1.5}

    results.row(make, model="a")
    # Before it starts, and when it is done.
    assert said == ['computing {"model": "a"}\n']
    done = capsys.readouterr().out
    assert done == 'computed {"model": "a", "value": 1.5}\n'

    again = Results("name")
    first, second = capsys.readouterr().out.splitlines()
    path = "experiments/results/name.json"
    assert first.startswith(f"{path} holds 1 rows")
    assert "Delete the file to start over" in first
    assert second == 'found {"model": "a", "value": 1.5}'
    again.row(make, model="a")
    assert capsys.readouterr().out == ""
    (tmp_path / path).unlink()
    assert Results("name").rows == []
    assert capsys.readouterr().out == ""


def test_fast_runs_leave_the_committed_results_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tutorial, "FAST", True)
    Results("name").row(lambda: {"value": 1}, model="a")
    assert Results("name").rows == []
    assert not (tmp_path / "experiments").exists()
    assert tutorial.picture("a.png").parts[0] == "build"


def test_fast_data_are_few_digits(monkeypatch):
    monkeypatch.setattr(tutorial, "FAST", True)
    (x, y), _ = tutorial.load("mnist")
    assert x.shape == (640, 64)
    assert len(y) == 640
