"""What the command line offers for files of the reference project, one function a command."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import ofa
from ofa import artifacts, checkpoint
from ofa.errors import BadArtifact, IllegalSpace, did_you_mean
from ofa.reference.imported import SUBNET, Imported, is_imported, read_imported, write_imported
from ofa.run_files import SubnetNotes, read_subnet
from ofa.shipped import recipe_file, shipped
from ofa.space import (
    FAMILIES,
    RESNET_FAMILIES,
    AnyArch,
    AnySpace,
    Arch,
    Encoding,
    NetworkSummary,
    ResNetArch,
    ResNetSpace,
    SearchSpace,
    SpaceSummary,
    network,
    summarize,
    summarize_space,
)

_ALL_FAMILIES = {**FAMILIES, **RESNET_FAMILIES}

_PREDICTOR_ORIGIN = "import_predictor.json"  # beside the supernet's, in one folder

MEAN = (0.485, 0.456, 0.406)
"""Mean pixel of ImageNet, with which the reference project trained."""
STD = (0.229, 0.224, 0.225)
"""Standard deviation of ImageNet's pixels."""


def import_checkpoint(
    file: Path, *, family: str, out: Path, resolutions: tuple[int, ...] | None = None
) -> Path:
    """Import a supernet of the reference project.

    Args:
        file: Its ``.pth`` file, or that of the largest static network of the family.
        family: Name in ``ofa.space.FAMILIES``, e.g. ``ofa_mbv3_w1.2``.
        out: Folder to write.
        resolutions: Input sizes to keep in the space, px, ascending; without it all of the
            family's.

    Returns:
        ``out/supernet.safetensors``; ``import.json`` beside it names the file and its hash.

    Raises:
        BadArtifact: If the file is unreadable, unsafe, or any tensor is missing, unknown or
            misshapen.
    """
    from ofa.reference.weights import read_state, supernet_state

    space = _family(family)
    if resolutions:
        space = replace(space, resolutions=resolutions)
    state = supernet_state(read_state(file), space, where=f"{file} as {family}")
    path = out / checkpoint.SUPERNET
    tensors = {name: tensor.numpy() for name, tensor in state.items()}
    notes = checkpoint.SupernetNotes(
        space=space, data=None, classes=_classes(space), mean=MEAN, std=STD, ofa=ofa.__version__
    )
    checkpoint.write_supernet(path, tensors, notes)
    _write_origin(out, {"family": family, "tensors": len(state)}, {"checkpoint": file})
    return path


def import_subnet(folder: Path, *, out: Path) -> Path:
    """Import a specialised network of the reference project.

    Args:
        folder: Holds ``net.config`` (layers), ``run.config`` (input size) and ``init`` (weights).
        out: Folder to write.

    Returns:
        ``out/subnet.safetensors``; ``import.json`` beside it names the files and their hashes.

    Raises:
        BadArtifact: If a file is unreadable or unsafe, or weights and layers disagree.
    """
    from ofa.reference.netconfig import read_netconfig
    from ofa.reference.weights import read_state, subnet_state

    inputs = {name: folder / name for name in ("net.config", "run.config", "init")}
    run = artifacts.read_foreign_json(inputs["run.config"])
    resolution = run.get("image_size")
    if not isinstance(resolution, int) or not 0 < resolution <= 4096:
        raise BadArtifact(
            f"{inputs['run.config']}: image_size {resolution!r} is no input size in px"
        )
    specialised = read_netconfig(
        artifacts.read_foreign_json(inputs["net.config"]),
        resolution=resolution,
        where=str(inputs["net.config"]),
    )
    state = subnet_state(
        read_state(inputs["init"]),
        specialised.network,
        where=str(inputs["init"]),
        positions=specialised.positions,
    )
    path = out / SUBNET
    tensors = {name: tensor.numpy() for name, tensor in state.items()}
    write_imported(path, tensors, _notes(specialised.space, specialised.arch))
    _write_origin(out, {"arch": json.loads(specialised.arch.to_json())}, inputs)
    return path


def import_predictor(
    file: Path, *, family: str, out: Path, resolutions: tuple[int, ...] | None = None
) -> Path:
    """Import an accuracy predictor of the reference project.

    Args:
        file: Its ``.pth`` file.
        family: Family of the supernet it was fitted on.
        out: Folder to write.
        resolutions: Input sizes it was trained on, px, in its order; without it, and for the
            ResNet family always, those of the published one.

    Returns:
        ``out/predictor.safetensors``, which ``ofa.reference.read_predictor`` reads, or for the
        ResNet family ``read_resnet_predictor``.

    Raises:
        BadArtifact: If the file is unreadable, unsafe, or no predictor of the family.
        IllegalSpace: If there is no such family, or resolutions are named for the ResNet family.
    """
    from ofa.reference.predictor import (
        TRAINED_SIZES,
        Form,
        ReferencePredictor,
        layers_of,
        write_predictor,
    )
    from ofa.reference.resnet_predictor import check_features, write_resnet_predictor
    from ofa.reference.weights import read_state

    space = _family(family)
    tensors = {name: tensor.numpy() for name, tensor in read_state(file).items()}
    layout, layers = layers_of(tensors, where=str(file))
    if isinstance(space, ResNetSpace):
        if resolutions:
            raise IllegalSpace(f"resolutions: those of a predictor of {family} are set; name none")
        check_features(layers, where=str(file))
        write_resnet_predictor(out / checkpoint.PREDICTOR, layers)
        _write_origin(out, {"family": family}, {"predictor": file}, name=_PREDICTOR_ORIGIN)
        return out / checkpoint.PREDICTOR
    form = Form(
        layout=layout,
        resolutions=resolutions or TRAINED_SIZES,
        num_slots=Encoding(space).num_slots,
    )
    if layers[0][0].shape[1] != form.num_features:
        raise BadArtifact(
            f"{file}: reads {layers[0][0].shape[1]} features, but {family} at "
            f"{len(form.resolutions)} input sizes has {form.num_features}; "
            "name its own family and resolutions"
        )
    encoding = Encoding(replace(space, resolutions=tuple(sorted(form.resolutions))))
    predictor = ReferencePredictor(encoding=encoding, form=form, layers=layers)
    write_predictor(out / checkpoint.PREDICTOR, predictor)
    _write_origin(out, {"family": family}, {"predictor": file}, name=_PREDICTOR_ORIGIN)
    return out / checkpoint.PREDICTOR


def import_latency_table(files: Mapping[int, Path], *, out: Path) -> Path:
    """Import a latency table of the reference project.

    Args:
        files: YAML file of each input size, px.
        out: Folder to write.

    Returns:
        ``out/layers.json``, which ``ofa.reference.read_imported_table`` reads.

    Raises:
        BadArtifact: If a file is unreadable or malformed.
    """
    from ofa.reference.tables import read_table, write_table

    path = out / "layers.json"
    inputs = {f"{size} px": file for size, file in files.items()}
    write_table(path, read_table(files), inputs=inputs)
    return path


def export_weights(file: Path, *, out: Path) -> Path:
    """Write weights in the reference project's spelling, bit for bit.

    Args:
        file: ``supernet.safetensors``, or the ``subnet.safetensors`` of an imported, extracted or
            fine-tuned subnet; these have the spelling of the reference's static networks.
        out: ``.pth`` file to write.

    Raises:
        BadArtifact: If the file is corrupt, or neither a supernet nor a subnet.
    """
    import torch

    from ofa.reference.keys import subnet_keys, supernet_keys
    from ofa.reference.weights import reference_state, write_state

    if subnet := _read_subnet(file):
        tensors, notes = subnet
        keys = subnet_keys(network(notes.space, notes.arch))
    else:
        tensors, supernet = checkpoint.read_supernet(file)
        keys = supernet_keys(supernet.space)
    if missing := sorted(set(keys.values()) - tensors.keys()):
        raise BadArtifact(
            f"{file}: lacks {len(missing)} of {len(keys)} tensors, first {missing[0]}; copy or "
            "make it again"
        )
    state = {name: torch.from_numpy(array) for name, array in tensors.items()}
    write_state(out, reference_state(state, keys))
    return out


def inspect(target: str, *, space: str = "ofa_mbv3_w1.0") -> NetworkSummary | SpaceSummary:
    """Size and cost of a space or of one arch, with a table of layers.

    Args:
        target: A checkpoint or subnet (``*.safetensors`` or its folder), a space or recipe
            (``*.yaml``), the name of a shipped checkpoint or recipe, a family, or an arch: JSON, in
            our form or any dialect of the reference, or a ``*.json`` file of it.
        space: Family, recipe or checkpoint whose space an arch belongs to.

    Raises:
        BadArtifact: If the target is none of these.
        IllegalArch: If the space does not hold the arch.
    """
    if target.lstrip().startswith("{"):
        return _inspect_arch(artifacts.parse_json(target, where="arch"), space)
    path = Path(target)
    if path.suffix == ".json":
        return _inspect_arch(artifacts.read_foreign_json(path), space)
    if (path / SUBNET).is_file():
        path = path / SUBNET
    if path.suffix == ".safetensors" and (subnet := _read_subnet(path)):
        _, notes = subnet
        return summarize(notes.space, notes.arch)
    return summarize_space(_space(target))


def _read_subnet(file: Path) -> tuple[artifacts.Tensors, Imported | SubnetNotes] | None:
    """A subnet's weights and what is known of it; ``None`` for any other file."""
    if is_imported(file):
        return read_imported(file)
    if file.name != SUBNET:
        return None
    if not file.with_name("subnet.json").is_file():
        raise BadArtifact(
            f"{file}: lacks the subnet.json beside it that tells its layers; give the one in the "
            "folder that ofa extract wrote"
        )
    return read_subnet(file.parent)


def _inspect_arch(body: Mapping[str, Any], space: str) -> NetworkSummary:
    from ofa.reference.dialects import read_arch
    from ofa.reference.resnet_dialect import read_resnet_arch

    legal = _space(space)
    largest = max(legal.resolutions)
    if isinstance(legal, ResNetSpace):
        if "d" in body:
            return summarize(legal, read_resnet_arch(body, legal, resolution=largest))
    elif "ks" in body:
        return summarize(legal, read_arch(body, legal, resolution=largest))
    form = ResNetArch if isinstance(legal, ResNetSpace) else Arch
    fields = {key: body[key] for key in ("resolution", "stem", "stages") if key in body}
    return summarize(legal, artifacts.parse(form, body.get("arch", fields), where="arch"))


def _space(target: str) -> AnySpace:
    """The space of a family, a recipe or space file, or a checkpoint."""
    if target in _ALL_FAMILIES:
        return _ALL_FAMILIES[target]()
    path = Path(target)
    if not path.exists():
        own = shipped("checkpoints") / path
        path = own if (own / checkpoint.SUPERNET).is_file() else recipe_file(path)
    if path.suffix in (".yaml", ".yml"):
        body = artifacts.read_yaml(path)
        fields = body.get("space", body)
        is_resnet = isinstance(fields, Mapping) and fields.get("family") == ResNetSpace.family
        return artifacts.parse(ResNetSpace if is_resnet else SearchSpace, fields, where=target)
    if path.is_dir() or path.suffix == ".safetensors":
        file = path / checkpoint.SUPERNET if path.is_dir() else path
        return checkpoint.read_supernet(file)[1].space
    kinds = ("checkpoints", "recipes")
    files = [file.name for kind in kinds for file in shipped(kind).iterdir()]
    names = {*_ALL_FAMILIES, *(name.removesuffix(".yaml") for name in files)}
    raise BadArtifact(
        f"{target!r} is no checkpoint, recipe or arch; give a path, JSON, or one of "
        f"{', '.join(sorted(names))}{did_you_mean(target, names)}"
    )


def _family(name: str) -> AnySpace:
    if name not in _ALL_FAMILIES:
        raise IllegalSpace(
            f"family {name!r} is not one of {', '.join(sorted(_ALL_FAMILIES))}"
            f"{did_you_mean(name, _ALL_FAMILIES)}"
        )
    return _ALL_FAMILIES[name]()


def _notes(space: AnySpace, arch: AnyArch) -> Imported:
    return Imported(
        space=space,
        arch=arch,
        classes=_classes(space),
        mean=MEAN,
        std=STD,
        ofa=ofa.__version__,
    )


def _classes(space: AnySpace) -> tuple[str, ...]:
    """The files name no labels, so each goes by its index."""
    return tuple(str(index) for index in range(space.num_classes))


def _write_origin(
    out: Path, body: Mapping[str, Any], inputs: Mapping[str, Path], *, name: str = "import.json"
) -> None:
    artifacts.write_json(out / name, body, schema="ofa.import", inputs=inputs)
