"""Schema, fake kernel and gradients of an operator, as torch checks them."""

import torch


def keeps_torchs_rules(operator, arguments, transposed):
    """`torch.library.opcheck`, of all rules in the natural direction.

    Compiling ahead of time takes seconds, and neither the schema nor what is
    registered depends on the direction: P^T goes without that rule.
    """
    rules = ["test_schema", "test_autograd_registration", "test_faketensor"]
    if not transposed:
        rules.append("test_aot_dispatch_dynamic")
    torch.library.opcheck(operator, arguments, test_utils=rules)
