"""Reading in a process that is ended when it takes too long."""

import os
import signal

import pytest

from keras_randproj import cli
from keras_randproj.files import NotCheckedError
from keras_randproj.files.apart import apart

pytestmark = pytest.mark.one_backend


def test_values_and_reasons_come_back():
    here = []
    assert apart(lambda: here.append(1) or [[1, "a"], os.getpid()]) != [
        [1, "a"],
        os.getpid(),
    ]
    assert here == []

    def refuse():
        raise NotCheckedError("too large")

    with pytest.raises(ValueError, match="too large"):
        apart(refuse)


def test_what_takes_too_long_is_ended():
    def endless():
        while True:
            pass

    with pytest.raises(NotCheckedError, match="more than 1 seconds"):
        apart(endless, seconds=1)


def test_a_crash_is_a_reason(capfd):
    for crash in (lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: 1 / 0):
        with pytest.raises(NotCheckedError, match="crash"):
            apart(crash)
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_the_command_reads_apart(tmp_path, monkeypatch, capsys):
    """Both commands, with the seconds that are asked for."""
    path = tmp_path / "m.keras"
    path.write_bytes(b"")
    seen = []

    def stop(function, seconds=8):
        seen.append(seconds)
        raise NotCheckedError("stopped")

    monkeypatch.setattr("keras_randproj.files.apart.apart", stop)
    assert cli.main(["verify", str(path), "--max-seconds", "3"]) == 2
    assert cli.main(["verify", str(path)]) == 2
    assert cli.main(["report", str(path)]) == 2
    assert seen == [3, 8, 8]
    assert capsys.readouterr().err.count("stopped") == 3
