"""Raw tracks of songs that were written for other purposes: MIDI files played by a sampler.

    python benchmarks/midi_songs.py OUT SOUNDFONT FILE.mid ...

Of each file a folder of OUT: a dry track per channel, drums parted by instrument, recordings that
are wide (pianos, organs, ensembles, pads) in stereo. Needs the program FluidSynth and
`pip install mido`. Levels within a song are the player's, so mixing has all of its work before it.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import mido
import numpy as np
import soundfile

SAMPLE_RATE = 44100
DRUM_CHANNEL = 9
DRUMS = {
    "kick": {35, 36},
    "snare": {37, 38, 39, 40},
    "hihat": {42, 44, 46},
    "toms": {41, 43, 45, 47, 48, 50},
    "cymbals": {49, 51, 52, 53, 55, 57, 59},
}
# Of eight programs each, in General MIDI's order.
FAMILIES = [
    *("piano", "chromatic", "organ", "guitar", "bass", "strings", "ensemble", "brass"),
    *("reed", "pipe", "lead", "pad", "effects", "world", "percussive", "sounds"),
]
WIDE = {"piano", "organ", "ensemble", "pad"}
MIXING = {7, 10, 91, 93}  # controllers for volume, pan, reverb and chorus: left to whoever mixes
SILENT = 1e-4
GAIN = "0.4"  # of the sampler, so that chords do not clip
PEAK = 0.95


class Part(NamedTuple):
    """Notes of a channel, of some drums alone if these are named."""

    channel: int
    is_wide: bool = False
    drums: frozenset[int] | None = None

    def has(self, note: mido.Message) -> bool:
        """Whether it plays a note."""
        return note.channel == self.channel and (self.drums is None or note.note in self.drums)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, help="folder for a folder per song")
    parser.add_argument("soundfont", type=Path, help="General MIDI sounds, .sf2")
    parser.add_argument("files", type=Path, nargs="+", help="MIDI files")
    options = parser.parse_args()
    for file in options.files:
        tracks = render_song(mido.MidiFile(file), options.soundfont)
        write(options.out / file.stem, tracks)
        seconds = max(map(len, tracks.values())) / SAMPLE_RATE
        print(f"{file.stem}: {len(tracks)} tracks, {seconds:.0f} s", flush=True)


def render_song(song: mido.MidiFile, soundfont: Path) -> dict[str, np.ndarray]:
    """Every track of a song, `(time,)` or `(time, 2)`; silent ones are left out."""
    tracks = {}
    for name, part in parts(song).items():
        audio = play(only(song, part), soundfont)
        if np.max(np.abs(audio), initial=0.0) > SILENT:
            tracks[name] = audio if part.is_wide else np.mean(audio, axis=1)
    return tracks


def parts(song: mido.MidiFile) -> dict[str, Part]:
    """What plays, by name."""
    program: dict[int, int] = {}
    notes: dict[int, set[int]] = {}
    for message in mido.merge_tracks(song.tracks):
        if message.type == "program_change":
            program.setdefault(message.channel, message.program)
        elif message.type == "note_on" and message.velocity:
            notes.setdefault(message.channel, set()).add(message.note)
    found = {}
    drums = notes.pop(DRUM_CHANNEL, set())
    for channel in sorted(notes):
        family = FAMILIES[program.get(channel, 0) // 8]
        found[f"{family}_{channel + 1}"] = Part(channel, family in WIDE)
    for name, group in {**DRUMS, "percussion": drums.difference(*DRUMS.values())}.items():
        if drums & group:
            found[name] = Part(DRUM_CHANNEL, drums=frozenset(group))
    return found


def only(song: mido.MidiFile, part: Part) -> mido.MidiFile:
    """The song with the notes of one part, and nothing that mixes it."""
    alone = mido.MidiFile(ticks_per_beat=song.ticks_per_beat)
    for track in song.tracks:
        kept, gap = mido.MidiTrack(), 0
        for message in track:
            gap += message.time
            is_note = message.type in ("note_on", "note_off")
            is_mixing = message.type == "control_change" and message.control in MIXING
            if message.type != "sysex" and not is_mixing and (not is_note or part.has(message)):
                kept.append(message.copy(time=gap))
                gap = 0
        alone.tracks.append(kept)
    return alone


def play(song: mido.MidiFile, soundfont: Path) -> np.ndarray:
    """Audio `(time, 2)`, without reverb and chorus."""
    with tempfile.TemporaryDirectory() as folder:
        midi, wave = Path(folder, "part.mid"), Path(folder, "part.wav")
        song.save(midi)
        sound = ["-R", "0", "-C", "0", "-g", GAIN, "-r", str(SAMPLE_RATE), "-O", "float"]
        command = ["fluidsynth", "-ni", *sound, "-T", "wav", "-F", str(wave)]
        subprocess.run([*command, str(soundfont), str(midi)], check=True, capture_output=True)
        return soundfile.read(wave, dtype="float32")[0]


def write(folder: Path, tracks: dict[str, np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, audio in tracks.items():
        scaled = audio / max(1.0, np.max(np.abs(audio)) / PEAK)
        soundfile.write(folder / f"{name}.flac", scaled, SAMPLE_RATE, subtype="PCM_24")


if __name__ == "__main__":
    main()
