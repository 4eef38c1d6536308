"""The complementary error function for tf2onnx, which has no rule for it."""


def register():
    """Has tf2onnx write TensorFlow's `Erfc` as `1 - Erf`.

    TensorFlow's gelu is made of it. Without a rule tf2onnx writes a graph
    that no runtime takes. Nothing is imported before this is called.
    """
    import numpy as np
    from tf2onnx import utils
    from tf2onnx.handler import tf_op

    @tf_op("Erfc")
    class Erfc:
        @classmethod
        def version_9(cls, ctx, node, **kwargs):
            output = node.output[0]
            dtype, shape = ctx.get_dtype(output), ctx.get_shape(output)
            ctx.remove_node(node.name)
            erf = ctx.make_node("Erf", node.input)
            kind = utils.map_onnx_to_numpy_type(dtype)
            one = ctx.make_const(utils.make_name("one"), np.array(1, kind))
            ctx.make_node(
                "Sub",
                [one.output[0], erf.output[0]],
                name=node.name,
                outputs=[output],
                shapes=[shape],
                dtypes=[dtype],
            )
