"""Many trainings of one method in one program on JAX.

All members of a group (domains by seeds, or domains by learning rates) take
their steps together: the frozen base is there once, and only what a member
learns, and what its seed gives, has a leading axis.
"""

import jax
import jax.numpy as jnp
import keras
import numpy as np

from experiments import adapters_rivals
from keras_randproj import adapters
from keras_randproj.adapters.detach import adapted_layers
from keras_randproj.adapters.packing import pack
from keras_randproj.adapters.packing import unpack

BETAS, EPSILON = (0.9, 0.999), 1e-8
HEAD_RATE = 1e-3


class Group:
    """The members of a method.

    Args:
        model: The base model with its classifier. Adapters that it has are
            taken off.
        method: A `Method`.
        head: Layers and function of `adapters.attach` for the classifier.
    """

    def __init__(self, model, method, head):
        self.model, self.method, self.head = model, method, head
        _detach(model)
        self.base = {id(variable) for variable in model.variables}
        self.found: dict = {}
        self.train = jax.jit(self._train)
        self.predict = jax.jit(self._predict)

    def begin(self, seeds):
        """Reads what members of these seeds start with.

        The last seed's adapters stay attached: they say what is computed.
        """
        for seed in seeds:
            if self.method.rules is None:
                self.found[seed] = self._arrays(self.model, True), []
                continue
            if seed in self.found:
                continue
            _detach(self.model)
            keras.utils.set_random_seed(seed)
            rules = {**self.method.rules(seed), "head": self.head}
            adapters.attach(self.model, rules)
            adapters_rivals.start(self.model, seed)
            self.found[seed] = (
                self._arrays(self.model, True),
                self._arrays(self.model, False),
            )
        self.is_head = [
            "head" in variable.path
            for variable in self.model.trainable_variables
        ]
        self.is_base = [
            id(variable) in self.base
            for variable in self.model.non_trainable_variables
        ]
        self.frozen = [
            variable.value
            for variable in self.model.non_trainable_variables
            if id(variable) in self.base
        ]

    def learned(self):
        """How many numbers a member trains."""
        variables = self.model.trainable_variables
        return int(sum(np.prod(v.shape) for v in variables))

    def stacked(self, seeds, classifiers):
        """What members start with: learned arrays, and those of seeds.

        Args:
            seeds: A seed for each member.
            classifiers: A kernel `(width,)` and bias for each member.
        """
        learned, fixed = zip(*[self.found[seed] for seed in seeds], strict=True)
        learned = [np.stack(arrays) for arrays in zip(*learned, strict=True)]
        fixed = [np.stack(arrays) for arrays in zip(*fixed, strict=True)]
        for k, array in enumerate(learned):
            if self.is_head[k]:
                part = 0 if array[0].size > 1 else 1
                learned[k] = np.stack(
                    [np.reshape(c[part], array.shape[1:]) for c in classifiers]
                ).astype("float32")
        return learned, fixed

    def _arrays(self, model, trainable):
        variables = model.trainable_variables
        if not trainable:
            variables = [
                variable
                for variable in model.non_trainable_variables
                if id(variable) not in self.base
            ]
        return [np.array(variable.value) for variable in variables]

    def _logits(self, learned, fixed, frozen, tokens):
        own, base = iter(fixed), iter(frozen)
        rest = [next(base if is_base else own) for is_base in self.is_base]
        y, _ = self.model.stateless_call(learned, rest, tokens, training=True)
        return y[:, 0]

    def _losses(self, learned, fixed, frozen, tokens, polarity):
        logits = self._logits(learned, fixed, frozen, tokens)
        return jnp.mean(jax.nn.softplus(logits) - polarity * logits)

    def _train(self, learned, fixed, frozen, data, order, domains, rates):
        """Learned arrays after all steps.

        Args:
            learned: List of arrays `(members, ...)`.
            fixed: List of such arrays, that seeds give.
            frozen: The base's own arrays.
            data: Token ids `(domains, sentences, length)` and polarities.
            order: Sentences `(steps, members, batch)`.
            domains: Integers `(members,)`.
            rates: Learning rates `(steps, 2, members)`, of what is adapted
                and of the classifier.
        """
        gradient = jax.vmap(jax.grad(self._losses), (0, 0, None, 0, 0))
        tokens, polarity = data

        def step(state, now):
            count, learned, means, squares = state
            chosen, rate = now
            at = domains[:, None], chosen
            found = gradient(learned, fixed, frozen, tokens[at], polarity[at])
            count = count + 1
            near, far = (1 - beta**count for beta in BETAS)
            means = [
                BETAS[0] * m + (1 - BETAS[0]) * g
                for m, g in zip(means, found, strict=True)
            ]
            squares = [
                BETAS[1] * s + (1 - BETAS[1]) * g * g
                for s, g in zip(squares, found, strict=True)
            ]
            learned = [
                w
                - _along(rate[int(head)], w)
                * (m / near)
                / (jnp.sqrt(s / far) + EPSILON)
                for w, m, s, head in zip(
                    learned, means, squares, self.is_head, strict=True
                )
            ]
            return (count, learned, means, squares), None

        zeros = [jnp.zeros_like(w) for w in learned]
        state = jnp.zeros(()), learned, zeros, zeros
        state, _ = jax.lax.scan(step, state, (order, rates))
        return state[1]

    def _predict(self, learned, fixed, frozen, tokens, domains):
        """Logits `(members, sentences)` of `(parts, domains, some, length)`."""
        logits = jax.vmap(self._logits, (0, 0, None, 0))

        def some(part):
            return logits(learned, fixed, frozen, part[domains])

        found = jax.lax.map(some, tokens)
        return jnp.concatenate(list(found), axis=1)


def rounded(learned):
    """Learned arrays of members as their int8 files hold them."""
    return [
        np.stack(
            [
                unpack(*pack([array], "int8"), [array.shape])[0]
                for array in np.asarray(arrays)
            ]
        )
        for arrays in learned
    ]


def _along(vector, array):
    return vector.reshape(-1, *[1] * (array.ndim - 1))


def _detach(model):
    if adapted_layers(model):
        adapters.detach(model)
