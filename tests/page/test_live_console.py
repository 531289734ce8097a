"""The browser's console against `dsp`: the same settings give the same samples."""

import base64
import dataclasses
from dataclasses import replace

import jax
import numpy as np
import pytest

import dsp
from diffmst_jax.audio import SAMPLE_RATE
from diffmst_jax.export.effects_return import bus_response
from diffmst_jax.mixing.console.file import console_document
from diffmst_jax.mixing.console.settings import MixSettings, rounded
from diffmst_jax.mixing.finishing.output import OutputTarget, finish
from diffmst_jax.mixing.rendering.console_stream import latency_samples
from diffmst_jax.mixing.rendering.reduction import gain_reduction_db
from diffmst_jax.mixing.rendering.render import render
from diffmst_jax.mixing.sources.strips import Strip
from diffmst_jax.mixing.sources.tracks import Multitrack
from diffmst_jax.page.decoded import BLOCK

pytestmark = pytest.mark.slow

LENGTH = SAMPLE_RATE
PARTITION = 1024  # by which the browser's reverb, and so its mix, is late
CLOSE = 1e-4  # of the peak: the browser computes in float64, dsp in float32

RENDER = """
async ({settings, song, blocks, messages, length, bare}) => {
  const context = new OfflineAudioContext(2, length, 44100);
  await context.audioWorklet.addModule('/static/audio/worklet.js');
  const decode = (text) =>
    new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const node = new AudioWorkletNode(context, 'diffmst-console', {
    numberOfInputs: 0, outputChannelCount: [2],
    processorOptions: {
      settings, song, reference: null, bare,
      messages: messages.map((message) =>
        message.type === 'reverb' ? { ...message, value: decode(message.value) } : message),
      blocks: blocks.map(([source, index, text]) => [source, index, decode(text)]),
    },
  });
  node.connect(context.destination);
  const buffer = await context.startRendering();
  const bytes = new Uint8Array(length * 8);
  for (const side of [0, 1]) {
    bytes.set(new Uint8Array(buffer.getChannelData(side).buffer), side * length * 4);
  }
  let text = '';
  for (let i = 0; i < bytes.length; i += 32768)
    text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
}
"""


@pytest.fixture(scope="module")
def page(chromium, address):
    page = chromium.new_page()
    page.goto(address)
    yield page
    page.close()


@pytest.fixture(scope="module")
def tracks() -> Multitrack:
    """A mono burst track, a stereo tone pair, a quiet noise track, with silence in between."""
    rng = np.random.default_rng(5)
    t = np.arange(LENGTH) / SAMPLE_RATE
    bursts = 0.8 * rng.standard_normal(LENGTH) * np.exp(-25 * (t % 0.25))
    left, right = 0.5 * np.sin(2 * np.pi * 220 * t), 0.2 * np.sin(2 * np.pi * 663 * t)
    quiet = 0.003 * rng.standard_normal(LENGTH) * (t > 0.4)
    audio = np.stack([bursts, left, right, quiet]).astype(np.float32)
    strips = (Strip("a.wav", (1,)), Strip("b.wav", (1, 2)), Strip("c.wav", (1,)))
    return Multitrack(strips, audio, np.zeros(3), ())


def settings_at_random(seed: int, config: dsp.ConsoleConfig, tracks: Multitrack) -> MixSettings:
    """Settings all over their ranges, levels in the middle of them, compressors at work."""
    rng = np.random.default_rng(seed)
    strips = len(tracks.strips)
    neutral = dsp.neutral_console(strips, sample_rate=SAMPLE_RATE)
    controls = dsp.console_controls(neutral, sample_rate=SAMPLE_RATE)
    drawn = [rng.random(np.shape(c)).astype(np.float32) for c in controls]
    drawn[0][:, 0] = 0.5 + 0.1 * (drawn[0][:, 0] - 0.5)
    drawn[2][-2:] = 0.5 + 0.1 * (drawn[2][-2:] - 0.5)
    params = rounded(dsp.console_params(*drawn, sample_rate=SAMPLE_RATE))
    params = jax.tree.map(np.asarray, params)
    compressor = params.tracks.compressor._replace(
        threshold_db=rng.uniform(-50, -20, strips).round(3),
        ratio=rng.uniform(2, 9, strips).round(3),
    )
    params = params._replace(tracks=params.tracks._replace(compressor=compressor))
    return MixSettings(
        tracks.strips, np.zeros(strips, bool), rng.uniform(-6, 6, strips).round(3), params, config
    )


def in_the_browser(page, settings, tracks, *, messages=(), bare=True, length=LENGTH):
    rows, size = tracks.audio.shape
    blocks = []
    for index in range(-(-size // BLOCK)):
        piece = np.zeros((rows, BLOCK), np.float32)
        part = tracks.audio[:, index * BLOCK : (index + 1) * BLOCK]
        piece[:, : part.shape[1]] = part
        blocks.append(["song", index, base64.b64encode(piece.tobytes()).decode()])
    text = page.evaluate(
        RENDER,
        {
            "settings": console_document(settings),
            "song": {"rows": rows, "length": size},
            "blocks": blocks,
            "messages": [*messages, {"type": "play", "value": True}],
            "length": length,
            "bare": bare,
        },
    )
    return np.frombuffer(base64.b64decode(text), np.float32).reshape(2, length)


OURS = dsp.ConsoleConfig()
CONSOLES = {
    "ours": OURS,
    "decoupled, louder channel, -4.5 dB, reverb": replace(
        OURS, ballistics="decoupled", detector="max", pan_law="compromise", reverb=True
    ),
    "one pole, sum, linear, lookahead": replace(
        OURS,
        ballistics="one_pole",
        detector="sum",
        pan_law="linear",
        track_lookahead_ms=5.0,  # 220.5 samples
        master_lookahead_ms=7.0,
    ),
    "bare tracks": replace(OURS, track_equalizer=False, track_compressor=False, master_bus=False),
}


@pytest.mark.parametrize("name", CONSOLES)
def test_the_same_settings_give_the_same_samples(page, tracks, name):
    settings = settings_at_random(3, CONSOLES[name], tracks)
    settings = dataclasses.replace(settings, muted=np.array([False, False, name != "ours"]))
    expected = render(settings, tracks).mix
    if settings.config.track_compressor:
        assert np.all(gain_reduction_db(settings, tracks).min(axis=1)[:2] < -2)
    latency = latency_samples(settings.config)
    messages = []
    if settings.config.reverb:
        reverb = bus_response(settings.params.fx_bus.reverb).astype(np.float32)
        encoded = base64.b64encode(reverb.tobytes()).decode()
        messages, latency = [{"type": "reverb", "value": encoded}], latency + PARTITION
    live = in_the_browser(page, settings, tracks, messages=messages)
    delayed = expected[:, : LENGTH - latency]
    error = np.max(np.abs(live[:, latency:] - delayed)) / np.max(np.abs(delayed))
    assert error < CLOSE


def test_the_limiter_of_the_last_stage_is_close_to_the_final_rendering(page, tracks):
    settings = settings_at_random(3, OURS, tracks)
    mix = render(settings, tracks).mix
    finished = finish(mix, OutputTarget(-10.0, -1.0))
    assert finished.level.limiting_db > 1, "the limiter must have something to do"
    levels = {"mix": finished.level.gain_db, "raw": 0, "reference": 0, "ceiling": -1.0}
    live = in_the_browser(
        page, settings, tracks, messages=[{"type": "levels", "value": levels}], length=LENGTH
    )
    half = round(0.04 * SAMPLE_RATE / 2) | 1
    late = 2 * half - 1
    difference = live[:, late:] - finished.audio[:, : LENGTH - late]
    assert np.max(np.abs(live)) <= 10 ** (-1 / 20) + 1e-3
    # The page goes by sample peaks, the final rendering by true peaks; bursts of white noise under
    # 6 dB of limiting are the hardest case.
    assert np.sqrt(np.mean(difference**2)) < 0.06 * np.sqrt(np.mean(finished.audio**2))
