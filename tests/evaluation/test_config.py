import pytest

from diffmst_jax.errors import InputError
from diffmst_jax.evaluation.protocols import PROTOCOLS
from tests.evaluation.conftest import composed


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_protocols_are_complete(protocol):
    assert composed(f"protocol={protocol}").protocol.kind == protocol


@pytest.mark.parametrize(
    ("override", "place"),
    [
        ("systems=[plain_summ]", "systems[0]"),
        ("+systemz=[]", "systemz"),
        ("protocol.examples=0", "protocol.examples"),
        ("+protocol.exmples=3", "protocol.exmples"),
        ("protocol.duration_s=0.5", "protocol.duration_s"),
        ("protocol.duration_s=inf", "protocol.duration_s"),
        ("protocol.sections=0", "protocol.sections"),
        ("protocol.mix_lufs=nan", "protocol.mix_lufs"),
        ("protocol.mix_lufs=20", "protocol.mix_lufs"),
        ("protocol.reference_lufs=-80", "protocol.reference_lufs"),
        ("protocol.track_counts=[2,0]", "protocol.track_counts[1]"),
        ("report.audio_mb=-1", "report.audio_mb"),
        ("report.clip_s=0", "report.clip_s"),
        ("optimise=0", "optimise"),
        ("refine=-1", "refine"),
        ("seed=-1", "seed"),
        ("systems=[]", "systems"),
        ("finished=[somewhere]", "finished"),
        ("batch=0", "batch"),
        ("data.songs_layout=musdb", "data.songs_layout"),
        ("data.references=[]", "data.references"),
    ],
)
def test_wrong_settings_are_refused_with_their_place(override, place):
    with pytest.raises(InputError) as caught:
        composed(override)
    assert caught.value.path == place


@pytest.mark.parametrize(
    ("protocol", "override", "place"),
    [
        ("transfer", "protocol.sections=1", "protocol.sections"),
        ("method1", "protocol.sections=1", "protocol.sections"),
        ("tracks", "protocol.track_counts=[]", "protocol.track_counts"),
    ],
)
def test_protocol_without_examples_is_refused_with_the_setting_at_fault(protocol, override, place):
    with pytest.raises(InputError) as caught:
        composed(f"protocol={protocol}", override)
    assert caught.value.path == place


def test_finished_mixes_are_named():
    config = composed("finished=['MST=mixes/a','Human 1=mixes/b=c']")
    assert config.finished_folders == {"MST": "mixes/a", "Human 1": "mixes/b=c"}
