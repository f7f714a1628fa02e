import csv
from dataclasses import replace

import pytest
import pytorch_lightning as lightning
import torch
from pytorch_lightning.plugins.precision import MixedPrecision

from ofa.data import ImageSet, Normalization
from ofa.errors import BadArtifact, OfaError
from ofa.evaluate import Evaluator
from ofa.recipe import Augment, Phase, Recipe, Train
from ofa.space import ResNetSpace, ResNetStage
from ofa.supernets import build_supernet
from ofa.train import Ranks, Sizes, SupernetModule, Validation, fit, plan, read_curves
from ofa.train import module as module_of_fit
from ofa.train.step import chosen

PHASES = (
    Phase(name="largest", epochs=1, learning_rate=0.05, kernel_sizes=(5,), depths=(2,),
          expand_ratios=(4,), resolutions=(16,)),
    Phase(name="shrink", epochs=2, learning_rate=0.05, num_random=1),
)  # fmt: skip


@pytest.fixture
def recipe(tiny_space):
    return Recipe(
        space=tiny_space,
        train=Train(phases=PHASES, batch_size=8, threads=1, accelerator="cpu", validate_every=5),
    )


@pytest.fixture
def images():
    """Four classes, told apart by the brightness of one quarter of the image."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 100, (48, 3, 16, 16), generator=generator, dtype=torch.uint8)
    labels = torch.arange(48) % 4
    for quarter in range(4):
        top, left = 8 * (quarter // 2), 8 * (quarter % 2)
        pixels[labels == quarter, :, top : top + 8, left : left + 8] += 150
    return ImageSet(images=pixels, labels=labels, classes=tuple("abcd"))


def changed(recipe, **settings):
    return replace(recipe, train=replace(recipe.train, **settings))


def made(recipe, images, *, validate=lambda net, arch, ranks: 50.0):
    torch.manual_seed(0)
    return SupernetModule(
        build_supernet(recipe.space),
        recipe,
        data=images,
        normalization=Normalization(mean=(0.5,) * 3, std=(0.25,) * 3),
        validate=validate,
    )


def trained(recipe, images, folder, *, epochs=None, resume=False, **settings):
    module = made(recipe, images, **settings)
    fit(module, folder=folder, resume=resume, progress=False, stop_after=epochs)
    return module


def test_a_run_walks_all_phases_and_learns(recipe, images, tmp_path):
    seen = []
    module = trained(
        recipe, images, tmp_path, validate=lambda net, arch, ranks: seen.append(arch) or 50.0
    )

    assert seen[:2] == [recipe.space.largest(), recipe.space.smallest()]
    assert len(seen) == 4
    logged = (tmp_path / "logs" / "csv" / "version_0" / "metrics.csv").read_text()
    assert "search_top1/largest" in logged
    assert (tmp_path / "last.ckpt").is_file()
    assert module.current_epoch == 3


def test_progress_is_shown_on_stderr_and_leaves_stdout_to_results(recipe, images, tmp_path, capsys):
    fit(made(recipe, images), folder=tmp_path, resume=False, stop_after=1)

    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Epoch 0: 100%" in shown.err


def test_random_subnets_are_measured_and_change_no_weight(recipe, images, tmp_path):
    def measured(net, arch, ranks):
        return 90.0 if arch in corners else 60.0

    corners = [recipe.space.largest(), recipe.space.smallest()]
    often = changed(recipe, validate_every=1)
    alone = trained(changed(often, validate_random=0), images, tmp_path / "alone")
    module = trained(often, images, tmp_path / "random", validate=measured)

    top1 = read_curves(tmp_path / "random").top1
    assert top1["random"] == {2: 60.0, 3: 60.0}  # the first phase has one arch
    assert "random" not in read_curves(tmp_path / "alone").top1
    assert module.best_top1 == 90.0  # of the corners alone
    weights = alone.supernet.state_dict()
    assert all(torch.equal(weights[k], v) for k, v in module.supernet.state_dict().items())


def test_the_best_mean_is_that_of_the_last_phase(recipe, images, tmp_path):
    """An easier phase, of the largest net alone, says nothing of the supernet that is kept."""
    largest = recipe.space.largest()
    often = changed(recipe, validate_every=1)

    module = trained(
        often, images, tmp_path, validate=lambda net, arch, _: 90.0 if arch == largest else 60.0
    )

    assert module.best_top1 == 75.0


def test_a_resumed_run_may_measure_other_subnets(recipe, images, tmp_path):
    trained(recipe, images, tmp_path, epochs=1)

    module = trained(changed(recipe, validate_random=0), images, tmp_path, resume=True)

    assert module.current_epoch == 3


def test_a_run_cut_off_after_an_epoch_and_resumed_ends_with_the_same_weights(
    recipe, images, tmp_path
):
    whole = trained(recipe, images, tmp_path / "whole").supernet.state_dict()
    for epochs in (1, 2):
        folder = tmp_path / f"cut-{epochs}"
        trained(recipe, images, folder, epochs=epochs)

        resumed = trained(recipe, images, folder, resume=True).supernet.state_dict()

        assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_processes_that_read_images_change_no_weight_of_a_resumed_run(recipe, images, tmp_path):
    changing = changed(recipe, augment=Augment(flip=True, color_jitter=0.5))
    whole = trained(changing, images, tmp_path / "whole").supernet.state_dict()
    apart = replace(changing, data=replace(changing.data, workers=1))
    trained(apart, images, tmp_path / "cut", epochs=1)

    resumed = trained(apart, images, tmp_path / "cut", resume=True).supernet.state_dict()

    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


class Cut(Exception):
    """The end of a process."""


def cut_off(recipe, images, folder, *, after, resume=False):
    """Train until the run has come to an end of its process, ``after`` batches from its start."""
    module = made(recipe, images)
    learn, seen = module.learn, []

    def learn_until_cut(*arguments, **options):
        seen.append(len(seen))
        if len(seen) > after:
            raise Cut
        return learn(*arguments, **options)

    module.learn = learn_until_cut
    with pytest.raises(Cut):
        fit(module, folder=folder, resume=resume, progress=False)


def test_a_run_cut_off_within_a_step_again_and_again_ends_with_the_same_weights(
    recipe, images, tmp_path
):
    recipe = changed(recipe, batch_size=4, accumulate=2, checkpoint_every=4)  # 6 steps an epoch
    whole = trained(recipe, images, tmp_path / "whole").supernet.state_dict()
    cut_off(recipe, images, tmp_path / "cut", after=9)  # of step 4 the first batch alone
    cut_off(recipe, images, tmp_path / "cut", after=1, resume=True)

    resumed = trained(recipe, images, tmp_path / "cut", resume=True).supernet.state_dict()

    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_run_cut_off_while_an_epoch_is_validated_validates_it_once_more(recipe, images, tmp_path):
    def validate(net, arch, ranks):
        return 50.0 + float(net.classifier.weight.detach().abs().mean())

    def cut(net, arch, ranks):
        raise Cut

    recipe = changed(recipe, validate_every=1, checkpoint_every=3)  # 6 steps an epoch
    whole = trained(recipe, images, tmp_path / "whole", validate=validate)
    with pytest.raises(Cut):
        trained(recipe, images, tmp_path / "cut", validate=cut)

    resumed = trained(recipe, images, tmp_path / "cut", resume=True, validate=validate)

    assert resumed.best_top1 == whole.best_top1
    assert read_curves(tmp_path / "cut") == read_curves(tmp_path / "whole")


def test_logs_tell_the_phase_of_every_epoch_and_the_rate_of_the_step_they_name(
    recipe, images, tmp_path
):
    module = trained(changed(recipe, batch_size=4, accumulate=2), images, tmp_path)

    (path,) = tmp_path.glob("logs/csv/*/metrics.csv")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["phase"] for row in rows if row["phase"]] == ["0.0", "1.0", "1.0"]
    rates = {int(row["step"]): float(row["learning_rate"]) for row in rows if row["learning_rate"]}
    assert len(rates) == 3
    for batch, rate in rates.items():  # Lightning's steps are batches
        step = batch // 2
        planned = module.plan[step >= module.plan[1].first_step]
        assert rate == pytest.approx(planned.learning_rate(step))


def test_the_average_of_weights_follows_them_and_survives_a_resumption(recipe, images, tmp_path):
    recipe = changed(recipe, ema_decay=0.9)
    module = trained(recipe, images, tmp_path / "whole")
    trained(recipe, images, tmp_path / "cut", epochs=2)

    resumed = trained(recipe, images, tmp_path / "cut", resume=True)

    average, weights = module.average.classifier.weight, module.supernet.classifier.weight
    assert 0 < (average - weights).abs().max() < 0.1
    assert torch.equal(average, resumed.average.classifier.weight)


def test_the_average_of_a_short_phase_is_not_of_its_start(recipe, images, tmp_path):
    recipe = changed(recipe, phases=PHASES[:1], ema_decay=0.9999)
    start = made(recipe, images).supernet.classifier.weight.detach().clone()

    module = trained(recipe, images, tmp_path)

    average, weights = module.average.classifier.weight, module.supernet.classifier.weight
    assert (average - weights).norm() < 0.5 * (weights - start).norm()


def test_a_net_that_judges_or_teaches_drops_nothing(recipe, images):
    frozen = replace(PHASES[1], name="frozen", teacher="largest")
    space = replace(recipe.space, head=replace(recipe.space.head, dropout=0.5))
    module = made(changed(replace(recipe, space=space), phases=(*PHASES, frozen)), images)
    sizes = Sizes(module.normalization(images.images))
    teacher = module.teacher_of(frozen)
    judged = set()
    for seed in range(8):  # as ranks, whose masks differ
        torch.manual_seed(seed)
        group = (space.largest(), space.smallest())
        judged.add(
            chosen(module.supernet, (group,), sizes, images.labels, best=True, ranks=Ranks())
        )

    assert torch.equal(teacher(sizes), teacher(sizes))
    assert len(judged) == 1
    assert module.supernet.dropout.training


class RanksOfOneMind(Ranks):
    """This rank beside one for which every arch after the first is worse by far."""

    def sum(self, tensor):
        return tensor + 100 * torch.arange(len(tensor))


def test_ranks_choose_a_subnet_by_the_losses_of_them_all(recipe, images):
    module = made(recipe, images)
    sizes = Sizes(module.normalization(images.images))
    corners = (recipe.space.largest(), recipe.space.smallest())

    for group in (corners, corners[::-1]):
        for best, expected in ((True, group[0]), (False, group[1])):
            assert chosen(
                module.supernet, (group,), sizes, images.labels, best=best,
                ranks=RanksOfOneMind(rank=0, world=2),
            ) == (expected,)  # fmt: skip


def test_images_on_which_subnets_are_chosen_are_decoded_once(recipe, images, tmp_path, monkeypatch):
    guided = replace(PHASES[1], sampler="best_up")
    batch, decoded = ImageSet.batch, []
    monkeypatch.setattr(ImageSet, "batch", lambda data, i: decoded.append(len(i)) or batch(data, i))

    trained(changed(recipe, phases=(guided,)), images, tmp_path)

    assert decoded.count(48) == 1


@pytest.mark.filterwarnings("ignore")  # Lightning's, which fit sees to
def test_gradients_of_half_precision_are_clipped_at_their_true_size(recipe, images):
    def moved(**plugins):
        module = made(changed(recipe, gradient_clip=1.0), images)
        before = module.supernet.classifier.weight.clone()
        lightning.Trainer(
            max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
            **plugins,
        ).fit(module)  # fmt: skip
        return module.supernet.classifier.weight - before

    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    half = moved(plugins=[MixedPrecision("16-mixed", "cpu", scaler)])

    torch.testing.assert_close(half, moved(), rtol=0.1, atol=2e-3)


def test_training_without_momentum_is_plain_descent(recipe, images):
    (group, *_) = made(changed(recipe, momentum=0.0), images).configure_optimizers().param_groups

    assert (group["momentum"], group["nesterov"]) == (0.0, False)


@pytest.mark.parametrize("accelerator", ["cuda", "abacus"])
def test_an_accelerator_that_is_not_there_is_told_in_one_line(
    accelerator, recipe, images, tmp_path, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)

    with pytest.raises(OfaError, match=r"train\.accelerator and train\.devices: "):
        trained(changed(recipe, accelerator=accelerator), images, tmp_path)


def test_a_run_of_another_recipe_is_not_resumed(recipe, images, tmp_path):
    trained(recipe, images, tmp_path, epochs=1)
    other = changed(recipe, batch_size=16)

    with pytest.raises(BadArtifact, match=r"train\.batch_size was 8, is now 16"):
        trained(other, images, tmp_path, resume=True)


def test_a_run_that_was_cut_off_before_its_first_checkpoint_starts_anew(
    recipe, images, tmp_path, caplog
):
    module = trained(recipe, images, tmp_path, resume=True)

    assert module.global_step == 18
    assert "last.ckpt: not there yet, so the run starts anew" in caplog.text


def test_a_bottleneck_supernet_shrinks_in_stage_width_too(images, tmp_path, monkeypatch):
    space = ResNetSpace(
        num_classes=4,
        resolutions=(12, 16),
        expand_ratios=(0.25, 0.5),
        width_ratios=(0.5, 1.0),
        stem_width=16,
        stages=(ResNetStage(width=32, stride=1, depths=(1, 2)),
                ResNetStage(width=48, stride=2, depths=(1, 2))),
    )  # fmt: skip
    largest = replace(
        PHASES[0], kernel_sizes=None, expand_ratios=(0.5,), width_ratios=(1.0,), num_random=0
    )
    phases = (
        largest,
        replace(largest, name="width", width_ratios=None, num_random=1),
        replace(largest, name="all", width_ratios=None, expand_ratios=None, sampler="macs",
                num_random=1, teacher="largest"),
    )  # fmt: skip
    train = Train(phases=phases, batch_size=8, threads=1, accelerator="cpu")
    validation = Validation(
        space=space, normalization=Normalization(mean=(0.5,) * 3, std=(0.25,) * 3),
        calibration=images, images=images,
    )  # fmt: skip

    sort, before = module_of_fit.sort_channels_, []
    monkeypatch.setattr(
        module_of_fit,
        "sort_channels_",
        lambda net, space, *, trained: before.append(trained) or sort(net, space, trained=trained),
    )
    module = trained(Recipe(space=space, train=train), images, tmp_path, validate=validation)

    assert module.global_step == 18
    assert module.best_top1 > 0
    widths = [(trained.expand_ratios, trained.width_ratios) for trained in before]
    assert widths == [((0.5,), (1.0,)), ((0.5,), (0.5, 1.0))]  # sorted as each becomes elastic


def test_learning_rates_are_scaled_to_the_images_of_a_step():
    train = Train(phases=PHASES, batch_size=16, accumulate=2, reference_batch=8)

    assert plan(train, num_images=64)[0].learning_rate(0) == pytest.approx(0.05 * 4)
    assert plan(train, num_images=64, world=2)[0].steps_per_epoch == 1


def test_validation_counts_what_the_evaluator_of_shipped_subnets_counts(tiny_space, supernet):
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (200, 3, 16, 16), generator=generator, dtype=torch.uint8)
    data = ImageSet(images=pixels, labels=torch.arange(200) % 4, classes=tuple("abcd"))
    normalization = Normalization(mean=(0.5,) * 3, std=(0.25,) * 3)
    judges = {"space": tiny_space, "normalization": normalization}
    judges |= {"calibration": data, "images": data}

    for arch in (tiny_space.largest(), tiny_space.smallest()):
        shared = Validation(**judges)(supernet, arch, Ranks())
        assert shared == Evaluator(supernet=supernet, **judges).top1(arch)
