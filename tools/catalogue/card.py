"""The card of a device: what it is, how sure its estimates are, and where they come from."""

from catalogue.entries import Entry
from ofa.latency import LatencyModel

_HOW = {
    "layers": "its measured layers; the networks judge it",
    "layers and networks": "its measured layers, then moved to agree with its networks",
    "networks": "the model of {base}, moved to agree with the networks",
    "many networks": "its networks alone",
}


def card(entry: Entry, model: LatencyModel) -> str:
    """README.md of a device."""
    evidence = model.evidence
    low_ms, high_ms = model.fitted_ms
    rows = "\n".join(
        f"| {source.repository} @ {source.commit}, `{source.path}` | {source.licence} "
        f"| {source.rows} |"
        for source in model.sources
    )
    version = f" {entry.runtime[1]}" if entry.runtime[1] else " (version not published)"
    threads = f"{entry.threads} threads" if entry.threads else "threads not published"
    images = "image" if entry.batch == 1 else "images"
    how = _HOW[entry.how].format(base=entry.base)
    note = f"\n{entry.note}\n" if entry.note else ""
    return f"""# {entry.id}

{entry.name} ({entry.soc}), {entry.unit.upper()}, {entry.runtime[0]}{version}, {entry.precision},
{threads if entry.unit == "cpu" else "its GPU"}, {entry.batch} {images} a run. Nobody here measured
anything: `model.yaml` is fitted from public measurements, and every number it gives is *estimated*.
{note}
| | |
|---|---|
| label | {model.label}, for networks of {low_ms:.4g} to {high_ms:.4g} ms; uncalibrated beyond |
| error ({evidence.method}) | {evidence.mape_percent:.1f} % mean, {evidence.max_percent:.1f} % \
largest, {evidence.num_networks} networks |
| rank correlation | {evidence.spearman:.3f} (Spearman) |
| 90 % interval | holds {evidence.coverage_percent:.0f} % of them; ± {100 * model.noise:.1f} % \
and what the measurements leave open |
| fitted to | {how} |

| source | licence | rows |
|---|---|---|
{rows}

```
ofa devices show {entry.id}
```

How models are fitted: [docs/devices.md](../../docs/devices.md).
"""
