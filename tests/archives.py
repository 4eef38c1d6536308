"""Looking into model files, and changing what they say."""

import io
import json
import zipfile

import h5py


def datasets(path):
    """Names and arrays of everything in a `.weights.h5` file."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def tamper(path, key, change):
    """Replaces the array of each dataset whose name ends in `key`.

    Args:
        path: A `.weights.h5` file.
        key: End of the names, "projection/vars/seed" for instance.
        change: Takes the array, returns the new one or `None` to delete it.
    """
    names = [name for name in datasets(path) if name.endswith(key)]
    assert names, f"no {key} in {path}"
    with h5py.File(path, "a") as file:
        for name in names:
            value = change(file[name][()])
            del file[name]
            if value is not None:
                file[name] = value


def edit_config(path, change):
    """Applies `change` to the text of a `.keras` file's config.json."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    text = change(parts["config.json"].decode())
    json.loads(text)
    parts["config.json"] = text.encode()
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    path.write_bytes(data.getvalue())
