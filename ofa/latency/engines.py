"""The engine of an arch as it is timed: exported as it is deployed, weights at random.

Latency does not depend on the weights, so nobody has to train a network to know how fast it is.
"""

from ofa.space import Network


def engine_of(network: Network, *, batch: int = 1) -> bytes:
    """The ONNX file of a network on uint8 images, normalization included, for a fixed batch."""
    import onnx

    from ofa.runtime.onnx_export import export_onnx
    from ofa.subnet import StaticNet

    channels = network.stem.in_channels
    engine = export_onnx(
        StaticNet(network).eval(),
        in_channels=channels,
        resolution=network.stem.in_size,
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
    )
    model = onnx.load_from_string(engine)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = batch
    return model.SerializeToString()
