"""Hyperband by hand over a training loop that is one jitted function: all epochs of a stage, all batches of an epoch, and validation. On one
thread. Compiling, which takes a second for each width, is not counted."""

import os

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

from functools import partial

import jax
import jax.numpy as jnp
import optax

from work import ACTIVATIONS, BATCH, WIDTHS, Timer, digits, hyperband, say, seed

(x, y), (x_valid, y_valid) = [(jnp.asarray(a), jnp.asarray(b)) for a, b in digits()]
STEPS = -(-len(x) // BATCH)
PADDED = STEPS * BATCH


def apply(params, inputs, activation):
    hidden = inputs @ params["w1"] + params["b1"]
    return jax.lax.switch(activation, [jax.nn.sigmoid, jnp.tanh, jax.nn.relu], hidden)


def loss(params, inputs, labels, weights, activation, dropout, key):
    hidden = apply(params, inputs, activation)
    keep = jax.random.bernoulli(key, 1 - dropout, hidden.shape)
    hidden = jnp.where(keep, hidden / (1 - dropout), 0)
    losses = optax.softmax_cross_entropy_with_integer_labels(hidden @ params["w2"] + params["b2"], labels)
    return jnp.sum(losses * weights) / jnp.sum(weights)


@partial(jax.jit, donate_argnums=(0, 1))
def train(params, squares, key, epochs, rate, activation, dropout):
    """RMSprop as PyTorch has it. Returns the new state and the best accuracy."""

    def step(carry, part):
        params, squares = carry
        places, key = part
        weights = (places < len(x)).astype(jnp.float32)
        places = jnp.minimum(places, len(x) - 1)
        slopes = jax.grad(loss)(params, x[places], y[places], weights, activation, dropout, key)
        squares = jax.tree.map(lambda s, g: 0.99 * s + 0.01 * g * g, squares, slopes)
        params = jax.tree.map(lambda p, g, s: p - rate * g / (jnp.sqrt(s) + 1e-8), params, slopes, squares)
        return (params, squares), None

    def epoch(number, carry):
        params, squares, best = carry
        shuffle, drop = jax.random.split(jax.random.fold_in(key, number))
        order = jax.random.permutation(shuffle, len(x))
        order = jnp.concatenate([order, jnp.full(PADDED - len(x), len(x))]).reshape(STEPS, BATCH)
        (params, squares), _ = jax.lax.scan(step, (params, squares), (order, jax.random.split(drop, STEPS)))
        outputs = apply(params, x_valid, activation) @ params["w2"] + params["b2"]
        return params, squares, jnp.maximum(best, jnp.mean(outputs.argmax(1) == y_valid))

    return jax.lax.fori_loop(0, epochs, epoch, (params, squares, 0.0))


def begin(hp, key):
    one, two = jax.random.split(key)
    h = hp["hidden"]
    limit = lambda n, m: (6 / (n + m)) ** 0.5
    params = {
        "w1": jax.random.uniform(one, (64, h), minval=-limit(64, h), maxval=limit(64, h)),
        "b1": jnp.zeros(h),
        "w2": jax.random.uniform(two, (h, 10), minval=-limit(h, 10), maxval=limit(h, 10)),
        "b2": jnp.zeros(10),
    }
    return params, jax.tree.map(jnp.zeros_like, params)


count = 0


def stage(states, epochs):
    global count
    results = []
    for state in states:
        count += 1
        key = jax.random.key(count)
        if isinstance(state, dict):
            state = (state, *begin(state, key))
        hp, params, squares = state
        params, squares, best = train(
            params, squares, key, epochs, hp["lr"], ACTIVATIONS.index(hp["activation"]), hp["dropout"]
        )
        results.append(((hp, params, squares), float(best)))
    return results


for width in WIDTHS:
    stage([{"lr": 1e-3, "activation": "relu", "dropout": 0.1, "hidden": width}], 1)
with Timer() as timer:
    epochs, best = hyperband(stage, seed())
say("by hand over jitted JAX, 1 thread", epochs, timer.seconds, best)
