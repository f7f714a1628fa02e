"""What ``ofa specialize`` prints of a bundle."""

from dataclasses import replace

import pytest

from ofa.cli.specialize import SPECIALIZE, Specialized


@pytest.fixture
def shown(tmp_path, capsys, monkeypatch):
    """The table of a bundle, on a screen so wide that no line breaks."""
    monkeypatch.setenv("COLUMNS", "200")

    def shown(manifest):
        SPECIALIZE.show([Specialized(path=tmp_path, manifest=manifest)])
        return " ".join(capsys.readouterr().out.split())

    return shown


def test_top1_names_another_engine_that_counted_it(shown, manifest):
    meant = replace(manifest.engines[0], name="tensorrt-int8", top1=None)
    unrun = replace(manifest, engine="tensorrt-int8", engines=(*manifest.engines, meant))

    told = "93.87 % measured, 10,000 test images"
    assert f"{told} arch" in shown(manifest)
    assert f"{told}, by the portable engine; this one was not run here arch" in shown(unrun)


def test_a_latency_of_several_images_says_of_how_many(shown, manifest):
    server = replace(manifest, target=replace(manifest.target, batch=64))

    told = "7.610 ms estimated (calibrated), 90 % interval 6.900–7.900"
    assert f"{told} top-1" in shown(manifest)
    assert f"{told}, 64 images a run top-1" in shown(server)


def test_the_latency_here_names_another_engine_that_was_timed(shown, manifest):
    built = replace(manifest.estimated, latency_ms=0.25, label="measured", machine="a laptop")
    own = replace(manifest, measured_at_build=built, timed_at_build="onnxruntime-fp32")
    meant = replace(manifest.engines[0], name="tensorrt-int8")
    others = replace(own, engine="tensorrt-int8", engines=(*manifest.engines, meant))

    assert "on this machine 0.250 ms measured, 90 %" in shown(own)
    assert "on this machine 0.250 ms measured of the portable engine, 90 %" in shown(others)
