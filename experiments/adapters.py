"""How good are adapters of so many bytes? MiniLM, four domains, rivals.

`python -m experiments.adapters` trains every method on every domain and seed
(hours on a CPU, minutes on a GPU), `--fast` a sample of it in minutes. What is
done is kept in the results file, and a second run does the rest.

The protocol: 1,500 sentences of each domain train for 3 epochs in batches of
32, AdamW without decay, 10 % of linear warm-up and then linear decay; every
method's learning rate is the best of three on other sentences of two domains,
seed 100. The accuracy is that of 1,000 test sentences after the last epoch. All
begin with the classifier that logistic regression finds for the base's
embeddings: what it reaches is the zero of the gain, full training the one.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")
# Nothing is looked up: all that is read lies in the folder.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

RESULTS = Path(__file__).parent / "results/adapters.json"
BATCH, EPOCHS, WARMUP = 32, 3, 0.1
SEEDS = (1, 2, 3, 4, 5)
SELECTION_SEED = 100
SELECTION_DOMAINS = ("movies", "tweets")

_worker: dict = {}


def start(folder, device, threads):
    """Prepares a process: data, and the base's embeddings."""
    import torch

    from experiments import adapters_data
    from experiments.adapters_methods import Bases

    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = True
    _worker["bases"] = Bases(folder, device)
    _worker["data"] = adapters_data.load_data(folder)
    _worker["device"] = device
    _worker["classifiers"] = {}


def run(task):
    """One training: a row of results, or what went wrong."""
    try:
        return _run(*task)
    except Exception as error:
        # One method's fault does not take the others' time on a machine.
        return {"task": task[:4], "error": repr(error)[:500]}


def _run(method, domain, seed, rate, settings):
    import torch

    begin = time.perf_counter()
    data = _worker["data"][domain]
    classifier = _classifier(domain, settings)
    trainee = _worker["bases"].trainee(method, classifier, seed)
    _train(trainee, data["train"], rate, seed, settings)
    seconds = time.perf_counter() - begin
    selecting = seed == SELECTION_SEED
    split = data["valid" if selecting else "test"]
    row = {
        "method": method,
        "domain": domain,
        "seed": seed,
        "rate": rate,
        "learned": sum(p.numel() for p in trainee.parameters),
        "accuracy": accuracy(trainee.forward, split, settings),
        "seconds": round(seconds, 2),
        "device": torch.cuda.get_device_name()
        if _worker["device"] != "cpu"
        else "cpu",
    }
    if not selecting:
        with tempfile.TemporaryDirectory() as folder:
            row["file_bytes"] = trainee.save(folder)
        if trainee.reload:
            row["int8_bytes"] = trainee.reload()
            row["int8_accuracy"] = accuracy(trainee.forward, split, settings)
    return row


def _train(trainee, split, rate, seed, settings):
    import numpy as np
    import torch

    tokens, polarity = _tensors(split, settings["train"])
    count = len(tokens)
    steps = settings["epochs"] * -(-count // BATCH)
    warm = max(1, round(WARMUP * steps))
    optimizer = torch.optim.AdamW(trainee.parameters, rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda k: min((k + 1) / warm, (steps - k) / max(1, steps - warm)),
    )
    rng = np.random.default_rng(seed)
    for _ in range(settings["epochs"]):
        order = torch.as_tensor(rng.permutation(count), device=tokens.device)
        for part in order.split(BATCH):
            batch = tokens[part][:, : settings["length"]]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                trainee.forward(batch), polarity[part]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def accuracy(forward, split, settings):
    """Per cent of the sentences of a split."""
    import torch

    tokens, polarity = _tensors(split, settings["test"])
    with torch.no_grad():
        right = [
            (forward(part[:, : settings["length"]]) > 0) == (truth > 0.5)
            for part, truth in zip(
                tokens.split(250), polarity.split(250), strict=True
            )
        ]
    return round(100 * torch.cat(right).float().mean().item(), 3)


def _tensors(split, limit):
    import torch

    tokens, polarity = split
    device = _worker["device"]
    return (
        torch.as_tensor(tokens[:limit], device=device),
        torch.as_tensor(polarity[:limit], device=device),
    )


def _classifier(domain, settings):
    """Logistic regression on the base's embeddings, and its accuracy."""
    if domain not in _worker["classifiers"]:
        import numpy as np
        import torch
        from sklearn.linear_model import LogisticRegression

        model = _worker["bases"].model()
        embed = _embedder(model)
        found = {}
        for split, limit in (("train", "train"), ("test", "test")):
            tokens, polarity = _tensors(
                _worker["data"][domain][split], settings[limit]
            )
            with torch.no_grad():
                rows = [
                    embed(part[:, : settings["length"]]).cpu().numpy()
                    for part in tokens.split(250)
                ]
            found[split] = np.concatenate(rows), polarity.cpu().numpy()
        probe = LogisticRegression(C=10.0, max_iter=1000).fit(*found["train"])
        _worker["classifiers"][domain] = (
            probe.coef_[0].astype("float32"),
            probe.intercept_.astype("float32"),
            round(100 * probe.score(*found["test"]), 3),
        )
    return _worker["classifiers"][domain][:2]


def _embedder(model):
    """The base's encoder, whatever is attached to it at the moment."""
    import keras

    from experiments import adapters_methods

    adapters_methods.bare(model, _worker["bases"].start)
    return keras.Model(model.input, model.get_layer("sentence").output)


def probe(domain, settings):
    """The row of a domain's zero."""
    _classifier(domain, settings)
    return {
        "method": "probe",
        "domain": domain,
        "seed": 0,
        "learned": 385,
        "accuracy": _worker["classifiers"][domain][2],
        "file_bytes": 4 * 385,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--backend", default="torch", choices=["torch"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--methods", nargs="*")
    parser.add_argument("--domains", nargs="*")
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    parser.add_argument("--rate", type=float, help="no search for the best")
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--small", action="store_true", help="for a CPU")
    options = parser.parse_args()
    begin = time.perf_counter()
    if not (options.cache / "data.npz").exists():
        command = [sys.executable, "-m", "experiments.adapters_data"]
        import subprocess

        subprocess.run([*command, options.cache], check=True)
    from experiments.adapters_data import DOMAINS
    from experiments.adapters_methods import METHODS
    from experiments.adapters_methods import rates

    settings = {"epochs": EPOCHS, "train": 1500, "test": 1000, "length": 48}
    if options.fast:
        settings = {"epochs": 1, "train": 320, "test": 250, "length": 32}
    if options.small:
        settings = {"epochs": 2, "train": 640, "test": 500, "length": 32}
    methods = options.methods or METHODS
    domains = options.domains or tuple(DOMAINS)
    done = _read(options.json, settings)
    keys = {_key(row) for row in done}
    arguments = (options.cache, options.device, options.threads)
    pool = None
    if options.workers > 1:
        context = multiprocessing.get_context("spawn")
        pool = context.Pool(options.workers, start, arguments)
    start(*arguments)
    for domain in domains:
        if ("probe", domain, 0, None) not in keys:
            done.append(probe(domain, settings))

    def work(tasks):
        tasks = [t for t in tasks if (*t[:3], t[3]) not in keys]
        rows = pool.imap_unordered(run, tasks) if pool else map(run, tasks)
        for row in rows:
            print(json.dumps(row), flush=True)
            if "error" in row:
                continue
            done.append(row)
            keys.add(_key(row))
            _write(options.json, done, settings)
            if time.perf_counter() - begin > options.seconds:
                print("time is up", flush=True)
                break

    if options.rate is None:
        tried = SELECTION_DOMAINS if options.domains is None else domains[:1]
        work(
            (method, domain, SELECTION_SEED, rate, settings)
            for domain in tried
            for method in methods
            for rate in rates(method)
        )
    best = {m: options.rate or _best(done, m) for m in methods}
    work(
        (method, domain, seed, best[method], settings)
        for seed in options.seeds
        for domain in domains
        for method in methods
        if best[method] is not None
    )
    if pool:
        pool.terminate()
    _write(options.json, done, settings)


def _best(rows, method):
    """The rate of the best mean of the domains that were all tried."""
    scores: dict = {}
    for row in rows:
        if row["method"] == method and row["seed"] == SELECTION_SEED:
            scores.setdefault(row["rate"], []).append(row["accuracy"])
    most = max((len(v) for v in scores.values()), default=0)
    means = {r: sum(v) / len(v) for r, v in scores.items() if len(v) == most}
    return max(means, key=means.get) if means else None


def _key(row):
    return row["method"], row["domain"], row["seed"], row.get("rate")


def _read(path, settings):
    if not path.exists():
        return []
    found = json.loads(path.read_text())
    same = all(found["settings"].get(k) == v for k, v in settings.items())
    return found["rows"] if same else []


def _write(path, rows, settings):
    from experiments.results_file import where
    from experiments.results_file import write

    _worker.setdefault("where", where())
    command = "python -m experiments.adapters"
    write(path, command, [_worker["where"]], rows, batch=BATCH, **settings)


if __name__ == "__main__":
    main()
