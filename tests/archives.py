"""Looking into model files, and changing what they say."""

import io
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
    edit_members(path, "config.json", lambda data: change(data.decode()))


def edit_weights(path, change):
    """Applies `change` to each group of a `.keras` file that has a digest."""

    def edit(data):
        buffer = io.BytesIO(data)
        with h5py.File(buffer, "r+") as file:
            groups = []
            file.visititems(lambda name, item: groups.append(item))
            for group in groups:
                if isinstance(group, h5py.Group) and "digest" in group:
                    change(group)
        return buffer.getvalue()

    edit_members(path, "model.weights.h5", edit)


def edit_members(path, name, change):
    """Replaces a member of a `.keras` file by what `change` makes of it."""
    with zipfile.ZipFile(path) as archive:
        parts = {each: archive.read(each) for each in archive.namelist()}
    parts[name] = change(parts[name])
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for each, part in parts.items():
            archive.writestr(each, part)
    path.write_bytes(data.getvalue())
