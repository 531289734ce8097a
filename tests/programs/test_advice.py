import importlib.util
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from diffmst_jax.errors import InputError
from diffmst_jax.programs.compose import compose_or_exit, resolved
from diffmst_jax.training.help import help_text
from tests.training.conftest import CONF
from tests.training.test_config import EXPERIMENTS


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["experiment=smok"], "experiment=smok: is no experiment there is; did you mean smoke?"),
        (["experimnt=smoke"], "experimnt: is no known setting; did you mean experiment?"),
        (["modle=compact"], "modle: is no known setting; did you mean model?"),
        (["console=revrb"], "console=revrb: is no console there is; did you mean reverb?"),
        (["trainer.stepz=3"], "trainer.stepz: is no known setting; did you mean steps?"),
        (["trainer.curriculum.reverbs=3"], "did you mean reverb?"),
        (["experiment=compact", "model.encoder.hiden=3"], "did you mean hidden?"),
        (["trainer.steps.more=3"], "trainer.steps is a value, not a group"),
        (["-m", "experiment=smoke,smoky"], "experiment=smoky: is no experiment there is"),
        (["-m", "experiment=smoke", "trainer.sed=0,1"], "did you mean seed?"),
        (["experiment=smok", "--cfg", "job"], "did you mean smoke?"),
        (["-c", "job", "-m", "trainer.sed=0,1"], "did you mean seed?"),
        (["experiment=smoke", "trainer.steps"], "trainer.steps: has no value"),
        (["experiment=null"], "experiment=null: is no experiment there is"),
        (["trainer=3"], "trainer=3: is no trainer there is"),
        (["experiment=smoke", "+experiment=compact", "name=x"], "experiment appears more than"),
        (["data.songs=My Songs (live)"], """quotes: 'data.songs="My Songs (live)"'"""),
        (["data.songs=a=b"], """'data.songs="a=b"'"""),
        (["data.songs=~/x"], f"""'data.songs="{Path.home()}/x"'"""),
        (["data.songs=[a=b,c]"], """'key=["text","text"]'"""),
    ],
)
def test_what_cannot_be_composed_is_said_with_the_nearest_name(arguments, said, capsys):
    with pytest.raises(SystemExit) as left:
        compose_or_exit(CONF, "config", arguments, program="train.py")
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_what_can_be_composed_goes_on():
    compose_or_exit(CONF, "config", ["experiment=smoke", "trainer.seed=1"], program="train.py")
    compose_or_exit(CONF, "config", ["-m", "trainer.seed=0,1", "loss.mrstft=0"], program="train.py")
    found = ["-m", "experiment=glob(mrstft_*)", "trainer.init_from=x"]
    compose_or_exit(CONF, "config", found, program="train.py")
    shown = ["--cfg=job", "experiment=smoke", "hydra.run.dir=/dev/null"]
    compose_or_exit(CONF, "config", shown, program="train.py")


def test_what_stands_for_no_setting_is_refused_with_its_place():
    values = {"trainer": {"steps": 3, "validate_every": "${trainer.steps}"}}
    assert resolved(OmegaConf.create(values))["trainer"]["validate_every"] == 3
    values["trainer"]["validate_every"] = "${trainer.step}"
    with pytest.raises(InputError, match=r"trainer\.step' not found") as caught:
        resolved(OmegaConf.create(values))
    assert caught.value.path == "trainer.validate_every"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["experiment=smoke", "hydra.run.dir=file"], "file"),
        (["experiment=smoke", "hydra.run.dir=file/${now:%Y}"], "file/2"),
        (["-m", "experiment=smoke", "trainer.seed=0,1", "hydra.sweep.dir=file"], "file"),
    ],
)
def test_a_folder_that_cannot_be_made_is_refused(arguments, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(SystemExit) as left:
        compose_or_exit(CONF, "config", arguments, program="train.py")
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"train.py: {named}")
    assert len(error.splitlines()) == 1


def test_slurm_launcher_needs_its_plugin_and_a_sweep(capsys):
    if importlib.util.find_spec("submitit") is None:
        arguments, said = ["-m", "launcher=slurm"], "pip install 'diffmst-jax[slurm]'"
    else:
        compose_or_exit(CONF, "config", ["-m", "launcher=slurm"], program="train.py")
        arguments, said = ["launcher=slurm"], "add -m"
    with pytest.raises(SystemExit):
        compose_or_exit(CONF, "config", arguments, program="train.py")
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_help_names_every_experiment_and_choice():
    text = help_text(Path(CONF))
    for experiment in EXPERIMENTS:
        assert f"\n  {experiment} " in text
    for line in (
        "model           compact, cnn14, cnn14_tiny, compact_tiny",
        "schedule        constant, cosine, step",
        "launcher        local, slurm",
    ):
        assert line in text
