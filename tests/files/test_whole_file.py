"""Files that are there whole or not at all."""

import os

import pytest

from keras_randproj.files.whole_file import write_whole

pytestmark = pytest.mark.one_backend


def test_a_new_file_has_the_permissions_of_any_other(tmp_path):
    (tmp_path / "other").write_bytes(b"")
    write_whole(tmp_path / "new", lambda path: path.write_bytes(b"a"))
    modes = {path.name: path.stat().st_mode for path in tmp_path.iterdir()}
    assert modes == {"new": modes["other"], "other": modes["other"]}


def test_what_was_there_stays_until_the_new_one_is_whole(tmp_path):
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"old")
    file.chmod(0o640)
    link.symlink_to(file)

    def fail(path):
        path.write_bytes(b"ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(link, fail)
    assert file.read_bytes() == b"old"
    write_whole(link, lambda path: path.write_bytes(b"new"))
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["file", "link"]
