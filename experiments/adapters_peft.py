"""Are the rivals of `experiments.adapters` what PEFT computes?

`python -m experiments.adapters_peft --cache FOLDER` gives each of PEFT's
methods random numbers, copies them into the form of `adapters_rivals` around
the same MiniLM in Keras, and compares the tokens' and sentences' embeddings.
It also says how many bytes each method's file has, PEFT's and ours. It needs
`peft` and `transformers`, and minutes on a CPU.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

RESULTS = Path(__file__).parent / "results/adapters_peft.json"
SENTENCES, LENGTH = 32, 48


def main():
    from importlib.metadata import version

    from experiments import adapters_data
    from experiments.adapters_methods import OURS
    from experiments.adapters_methods import PEFT
    from experiments.results_file import where
    from experiments.results_file import write

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args()
    data = adapters_data.load_data(options.cache)
    tokens = data["movies"]["test"][0][:SENTENCES, :LENGTH]
    rows = []
    for name in PEFT:
        rows.append(compared(options.cache, name, tokens))
        print(rows[-1], flush=True)
    for name in OURS:
        rows.append(ours(options.cache, name))
        print(rows[-1], flush=True)
    versions = {name: version(name) for name in ("peft", "transformers")}
    command = "python -m experiments.adapters_peft"
    settings = {"sentences": SENTENCES, "length": LENGTH}
    write(options.json, command, [where(**versions)], rows, **settings)


def classifier(folder):
    """MiniLM with the classifier's layer, and its encoder."""
    import keras

    from experiments import adapters_data

    encoder = adapters_data.encoder(folder, LENGTH)
    head = keras.layers.Dense(1, kernel_initializer="zeros", name="head")
    return keras.Model(encoder.input, head(encoder.output)), encoder


def compared(folder, name, tokens):
    """A row of results for one of PEFT's methods."""
    import numpy as np
    import torch

    from experiments import adapters_rivals
    from experiments.adapters_methods import HEAD
    from experiments.adapters_methods import PEFT
    from keras_randproj import adapters

    theirs = _peft(folder, *PEFT[name].peft)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in theirs.parameters():
            if parameter.requires_grad:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter += 0.1 * parameter.abs().mean() * noise + 0.05 * noise
    model, encoder = classifier(folder)
    base = encoder(tokens).detach().numpy()
    adapters.attach(model, {**PEFT[name].rules(7), "head": HEAD})
    adapters_rivals.start(model, 7)
    learned = _copy(theirs, model)
    mask = torch.tensor(tokens != 0)
    with torch.no_grad():
        y = theirs(input_ids=torch.tensor(tokens), attention_mask=mask)[0]
        y = torch.nn.functional.normalize((y * mask[..., None]).sum(1), dim=-1)
        found = encoder(tokens).detach().numpy()
    with tempfile.TemporaryDirectory() as path:
        theirs.save_pretrained(path)
        size = os.path.getsize(Path(path) / "adapter_model.safetensors")
    trained = sum(p.numel() for p in theirs.parameters() if p.requires_grad)
    if trained != learned:
        raise ValueError(f"{name} trains {trained}, and our form {learned}")
    return {
        "method": name,
        "difference": float(np.abs(found - y.numpy()).max()),
        "change": float(np.abs(found - base).max()),
        "learned": learned + 385,
        # The classifier is a file of its own, of 385 numbers.
        "file_bytes": size + 4 * 385,
    }


def _peft(folder, name, arguments):
    """PEFT's model around a `BertModel` of the folder's weights."""
    import peft
    from safetensors.torch import load_file
    from transformers import BertConfig
    from transformers import BertModel

    config = BertConfig.from_pretrained(folder)
    bert = BertModel(config, add_pooling_layer=False)
    weights = load_file(folder / "model.safetensors")
    weights = {k: v.float() for k, v in weights.items()}
    missing = bert.load_state_dict(weights, strict=False).missing_keys
    if [key for key in missing if "position_ids" not in key]:
        raise ValueError(f"BertModel lacks {missing}")
    config = getattr(peft, name)(**arguments)
    return peft.get_peft_model(bert, config).eval()


def _copy(theirs, model):
    """PEFT's numbers to our forms; how many of them are trained."""
    from keras_randproj.adapters.detach import adapted_layers

    found = {k: v.detach().numpy() for k, v in theirs.state_dict().items()}
    total, shared = 0, set()
    for layer in adapted_layers(model):
        if layer.name == "head":
            continue
        prefix = f"base_model.model.{_bert_name(layer)}."
        module = theirs.get_submodule(prefix[:-1])
        (part,) = layer.adapter.parts
        COPIES[type(part.form).__name__](found, prefix, module, layer, part)
        for variable in part.variables.values():
            if id(variable) not in shared:
                shared.add(id(variable))
                total += int(variable.numpy().size)
    return total


def _bert_name(layer):
    name = layer.path.removeprefix("minilm/")
    stem, _, rest = name.partition("/")
    kind, _, k = stem.rpartition("_")
    part = {
        "attention/query": "attention.self.query",
        "attention/key": "attention.self.key",
        "attention/value": "attention.self.value",
        "attention/attention_output": "attention.output.dense",
        "intermediate": "intermediate.dense",
        "output": "output.dense",
    }[f"{kind}/{rest}" if rest else kind]
    return f"encoder.layer.{k}.{part}"


def _copy_lora(found, prefix, module, layer, part):
    part.variables["a"].assign(found[f"{prefix}lora_A.default.weight"].T)
    part.variables["b"].assign(found[f"{prefix}lora_B.default.weight"].T)


def _copy_vera(found, prefix, module, layer, part):
    from experiments.adapters_rivals import set_matrix

    for name in "ab":
        kept = getattr(module, f"vera_{name.upper()}")["default"]
        set_matrix(part.fixed[name], kept.detach().numpy().T)
    part.variables["middle"].assign(found[f"{prefix}vera_lambda_d.default"])
    part.variables["out"].assign(found[f"{prefix}vera_lambda_b.default"])


def _copy_ia3(found, prefix, module, layer, part):
    ((_, variable),) = part.variables.items()
    variable.assign(found[f"{prefix}ia3_l.default"].ravel() - 1)


def _copy_unilora(found, prefix, module, layer, part):
    import numpy as np

    adapter = layer.adapter
    indices = [
        getattr(module, f"unilora_indices_{k}")["default"].numpy() for k in "AB"
    ]
    # Ours has inputs before ranks, and ranks before outputs.
    entries = np.concatenate([k.T.ravel() for k in indices])
    adapter.index.assign(part.form.arranged(layer, entries))
    roots = adapter.roots.numpy().copy()
    scales = [
        getattr(module, f"unilora_scales_{k}")["default"].numpy() for k in "AB"
    ]
    roots[entries] = np.concatenate([k.T.ravel() for k in scales])
    adapter.roots.assign(roots)
    vector = found["base_model.unilora_theta_d.default"]
    part.variables["vector"].assign(vector)


def _copy_randlora(found, prefix, module, layer, part):
    from experiments.adapters_rivals import set_matrix

    a = module.randlora_A["default"].detach().float().numpy()[:, 0].T
    b = module.randlora_B["default"].detach().float().numpy()
    set_matrix(part.fixed["a"], a)
    set_matrix(part.fixed["b"], b.reshape(len(b), -1).T)
    part.variables["factor"].assign(found[f"{prefix}randlora_lambda.default"])
    part.variables["gamma"].assign(found[f"{prefix}randlora_gamma.default"])


COPIES = {
    "LoRA": _copy_lora,
    "VeRA": _copy_vera,
    "IA3": _copy_ia3,
    "UniLoRA": _copy_unilora,
    "RandLoRA": _copy_randlora,
}


def ours(folder, name):
    """A row of the bytes of our files."""
    from experiments.adapters_methods import HEAD
    from experiments.adapters_methods import OURS
    from keras_randproj import adapters

    model, _ = classifier(folder)
    adapters.attach(model, {**OURS[name].rules(7), "head": HEAD})
    sizes = {}
    for dtype in ("float32", "int8"):
        with tempfile.TemporaryDirectory() as path:
            file = Path(path) / "adapter.safetensors"
            adapters.save(model, file, dtype=dtype)
            sizes[dtype] = file.stat().st_size
    learned = sum(w.numpy().size for w in model.trainable_weights)
    return {
        "method": name,
        "learned": int(learned),
        "file_bytes": sizes["float32"],
        "int8_bytes": sizes["int8"],
    }


if __name__ == "__main__":
    main()
