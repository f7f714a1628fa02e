"""The reference Once-for-All project's files: read safely, checked whole, written back exactly."""

from ofa.reference.commands import (
    export_weights,
    import_checkpoint,
    import_latency_table,
    import_predictor,
    import_subnet,
    inspect,
)
from ofa.reference.dialects import Dialect, read_arch, read_arch_json, write_arch
from ofa.reference.imported import Imported, read_imported
from ofa.reference.predictor import ReferencePredictor, read_predictor
from ofa.reference.predictors import is_imported_predictor, read_imported_predictor
from ofa.reference.resnet_dialect import read_resnet_arch, write_resnet_arch
from ofa.reference.resnet_predictor import ResNetPredictor, read_resnet_predictor
from ofa.reference.tables import LayerTable, read_imported_table, read_table
from ofa.reference.zoo import ZOO, Published

__all__ = [
    "ZOO",
    "Dialect",
    "Imported",
    "LayerTable",
    "Published",
    "ReferencePredictor",
    "ResNetPredictor",
    "export_weights",
    "import_checkpoint",
    "import_latency_table",
    "import_predictor",
    "import_subnet",
    "inspect",
    "is_imported_predictor",
    "read_arch",
    "read_arch_json",
    "read_imported",
    "read_imported_predictor",
    "read_imported_table",
    "read_predictor",
    "read_resnet_arch",
    "read_resnet_predictor",
    "read_table",
    "write_arch",
    "write_resnet_arch",
]
