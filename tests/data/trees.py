"""Small corpora on disk, laid out exactly as the real ones are when downloaded."""

import json
from pathlib import Path

import numpy as np

from diffmst_jax.audio import SAMPLE_RATE, write_audio
from tests.data.conftest import noise

SECONDS = 1.0


class Tree:
    """Writes files below a root, each with noise of its own."""

    def __init__(self, root: Path):
        self.root = root
        self._seed = 0

    def audio(self, name: str, *, channels: int = 1, rate: int = SAMPLE_RATE) -> Path:
        self._seed += 1
        audio = noise(self._seed, SECONDS * rate / SAMPLE_RATE, channels=channels)
        write_audio(self.root / name, audio, sample_rate=rate)
        return self.root / name

    def text(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)


def medleydb(root: Path) -> None:
    """Version 1 with metadata beside the song, version 2 with them elsewhere, stems unused."""
    tree = Tree(root)
    song = "LizNelson_Rainfall"
    for number in ("01_01", "01_02", "02_01"):
        tree.audio(f"V1/{song}/{song}_RAW/{song}_RAW_{number}.wav")
    tree.audio(f"V1/{song}/{song}_STEMS/{song}_STEM_01.wav", channels=2)
    tree.audio(f"V1/{song}/{song}_MIX.wav", channels=2)
    tree.text(f"V1/{song}/._{song}_MIX.wav", "resource fork")
    tree.text(
        f"V1/{song}/{song}_METADATA.yaml",
        f"""album: null
artist: Liz Nelson
excerpt: 'no'
has_bleed: 'yes'
mix_filename: {song}_MIX.wav
raw_dir: {song}_RAW
stem_dir: {song}_STEMS
stems:
  S01:
    component: ''
    filename: {song}_STEM_01.wav
    instrument: male singer
    raw:
      R01: {{filename: {song}_RAW_01_01.wav, instrument: female singer}}
      R02: {{filename: {song}_RAW_01_02.wav, instrument: [acoustic guitar, claps]}}
  S02:
    filename: {song}_STEM_02.wav
    raw:
      R01: {{filename: {song}_RAW_02_01.wav, instrument: banjo}}
      R02: {{filename: {song}_RAW_02_02.wav, instrument: missing one}}
title: Rainfall
""",
    )
    song = "AmarLal_Rest"
    tree.audio(f"V2/{song}/{song}_RAW/{song}_RAW_01_01.wav", rate=48000)
    tree.text(f"V2/{song}/{song}_MIX.wav.part", "not finished")
    tree.text(f"Metadata/{song}_METADATA.yaml", "artist: Amar Lal\nexcerpt: yes\nhas_bleed: no\n")
    tree.audio("V2/Nobody_Unknown/Nobody_Unknown_RAW/Nobody_Unknown_RAW_01_01.wav")
    tree.audio("V2/Only_Mixed/Only_Mixed_MIX.wav", channels=2)


def cambridge(root: Path) -> None:
    """Archives unpacked side by side and into numbered folders; odd names."""
    tree = Tree(root)
    for name in ("01_KickIn.wav", "02_Snare Up.wav", "10_LeadVox.wav"):
        tree.audio(f"AClassicEducation_NightOwl_Full/{name}")
    tree.audio("00358/JamesMay_OnTheLine_Full/01_Bass.wav", channels=2)
    tree.audio("00358/JamesMay_OnTheLine_Full/02_E.Gtr#1 (DI).wav", rate=48000)
    tree.text("__MACOSX/AClassicEducation_NightOwl_Full/._01_KickIn.wav", "resource fork")


def musdb18(root: Path) -> None:
    """One song whole, one with a stem missing, one with its mixture alone."""
    tree = Tree(root)
    for stem in ("mixture", "drums", "bass", "other", "vocals"):
        tree.audio(f"train/A Classic Education - NightOwl/{stem}.wav", channels=2)
    for stem in ("mixture", "drums", "other"):
        tree.audio(f"test/AM Contra - Heart Peripheral/{stem}.wav", channels=2)
    tree.audio("test/Zeno - Signs/mixture.wav", channels=2)


def jamendo(root: Path) -> None:
    """Both editions' names, a table that lists a missing file and leaves out another."""
    tree = Tree(root)
    tree.audio("audio/48/948.mp3", channels=2)
    tree.audio("audio/50/950.mp3", channels=2)
    tree.audio("audio/86/1376286.low.mp3")
    tree.text("audio/86/readme.txt", "no audio")
    rows = (
        "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS",
        "track_0000948\tartist_000087\talbum_000149\t48/948.mp3\t1.0\tgenre---rock\tmood---dark",
        "track_1376286\tartist_490499\talbum_161779\t86/1376286.mp3\t1.0\tmood/theme---deep",
        "track_0000999\tartist_000087\talbum_000149\t99/999.mp3\t212.7\tgenre---pop",
    )
    tree.text("data/autotagging.tsv", "\n".join(rows) + "\n")


def slakh(root: Path) -> None:
    """Parts, a stem that was not rendered, duplicates in `omitted`."""
    tree = Tree(root)
    for part, name in (("train", "Track00001"), ("validation", "Track01501")):
        for stem in ("S00", "S02"):
            tree.audio(f"{part}/{name}/stems/{stem}.flac")
        tree.audio(f"{part}/{name}/mix.flac")
        tree.text(f"{part}/{name}/MIDI/S00.mid", "MThd")
    tree.text(
        "train/Track00001/metadata.yaml",
        """UUID: 1a81ae09
audio_dir: stems
stems:
  S00: {audio_rendered: true, inst_class: Guitar, is_drum: false,
        midi_program_name: Distortion Guitar, program_num: 30}
  S01: {audio_rendered: false, inst_class: Bass, is_drum: false, midi_program_name: Slap Bass}
  S02: {audio_rendered: true, inst_class: Drums, is_drum: true, midi_program_name: Acoustic Piano}
""",
    )
    tree.audio("omitted/Track00099/stems/S00.flac")


def moisesdb(root: Path) -> None:
    """A song with bleed and a missing file, below the provider's folder."""
    tree = Tree(root)
    song = "moisesdb_v0.1/0a5c2f0e-3c5f-4c3b-9f3d-aa3f1f9c2a11"
    tree.audio(f"{song}/drums/5c0d.wav", channels=2)
    tree.audio(f"{song}/other_keys/77aa.wav", channels=2, rate=48000)
    document = {
        "song": "Signs",
        "artist": "Zeno",
        "genre": "rock",
        "stems": [
            {
                "id": "1",
                "stemName": "drums",
                "tracks": [
                    {"id": "5c0d", "trackType": "kick drum", "extension": "wav", "has_bleed": True},
                    {"id": "gone", "trackType": "cymbals", "extension": "wav", "has_bleed": False},
                ],
            },
            {
                "id": "2",
                "stemName": "other_keys",
                "tracks": [
                    {"id": "77aa", "trackType": "organ, electric organ", "extension": "wav"}
                ],
            },
        ],
    }
    tree.text(f"{song}/data.json", json.dumps(document))


def folders(root: Path) -> None:
    """Somebody's own songs, with a name of other letters and a track of silence."""
    tree = Tree(root)
    tree.audio("Žluťoučký kůň/01 Bass DI.flac")
    tree.audio("Žluťoučký kůň/2 \N{EN DASH} Gitarre (L+R).wav", channels=2, rate=48000)
    silence = np.zeros((1, SAMPLE_RATE), np.float32)
    write_audio(root / "b/silent.wav", silence, sample_rate=SAMPLE_RATE)
    tree.text("b/notes.txt", "no audio")


def synthetic(root: Path) -> None:
    """What the synthesis writes."""
    tree = Tree(root)
    tree.audio("songs/song_00000/kick.flac")
    tree.audio("songs/song_00000/vocal.flac")
    tree.audio("references/song_00000.flac", channels=2)
    tree.text("manifest.json", "{}")


TREES = {
    "medleydb": medleydb,
    "cambridge": cambridge,
    "musdb18": musdb18,
    "jamendo": jamendo,
    "slakh": slakh,
    "moisesdb": moisesdb,
    "folders": folders,
    "synthetic": synthetic,
}
