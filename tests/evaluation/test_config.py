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
        ("systems=[plain_summ]", "evaluation.systems[0]"),
        ("protocol.examples=0", "protocol.examples"),
        ("+protocol.exmples=3", "evaluation.protocol.exmples"),
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


def test_finished_mixes_are_named():
    config = composed("finished=['MST=mixes/a','Human 1=mixes/b=c']")
    assert config.finished_folders == {"MST": "mixes/a", "Human 1": "mixes/b=c"}
