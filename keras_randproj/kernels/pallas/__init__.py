"""`implementation="pallas"`: kernels for JAX, only where they are asked for."""

from keras_randproj.kernels.pallas import requirements


def refusals(operands, x):
    """Every reason why the kernels cannot take this call, a list."""
    found = [requirements.refusals(operand, x) for operand in operands]
    return list(dict.fromkeys(reason for each in found for reason in each))


def modulate(operands, x, alphas, scale=None, bias=None):
    """See `kernels.modulate`."""
    # Pallas is imported no earlier than a kernel is wanted.
    from keras_randproj.kernels.pallas import calls

    *before, (operand, alpha) = zip(operands, alphas, strict=True)
    for inner, inner_alpha in before:
        x = calls.modulate(inner, x, inner_alpha, None, None)
    return calls.modulate(operand, x, alpha, scale, bias)
