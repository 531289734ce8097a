"""Every adapter on a small tree in exactly its corpus's layout."""

import pytest

from diffmst_jax.data.layouts import LAYOUTS, detect, find_layout
from diffmst_jax.data.records import Song
from diffmst_jax.data.sources import FolderSource, ReferenceSource, nothing_read
from diffmst_jax.errors import InputError
from tests.data import trees


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    made = {}
    for name, make in trees.TREES.items():
        made[name] = tmp_path_factory.mktemp(name)
        make(made[name])
    return made


def by_name(root, layout="auto") -> dict[str, Song]:
    return {song.name: song for song in FolderSource(root, layout=layout).songs}


def instruments(song: Song) -> list[str]:
    return [track.instrument for track in song.tracks]


def test_every_layout_is_detected_and_may_be_named(roots):
    assert set(roots) == set(LAYOUTS)
    for name, root in roots.items():
        assert detect(root) == name
        assert find_layout(name, root) is LAYOUTS[name]


def test_part_of_a_corpus_is_detected_too(roots):
    assert detect(roots["medleydb"] / "V2") == "medleydb"
    assert detect(roots["slakh"] / "train") == "slakh"
    assert detect(roots["jamendo"] / "audio") == "jamendo"
    assert detect(roots["moisesdb"] / "moisesdb_v0.1") == "moisesdb"


def test_root_that_could_be_two_must_be_named(tmp_path):
    trees.musdb18(tmp_path)
    trees.jamendo(tmp_path)
    with pytest.raises(InputError, match="could be musdb18 or jamendo; name the layout"):
        FolderSource(tmp_path)
    assert len(FolderSource(tmp_path, layout="musdb18")) == 2
    assert len(ReferenceSource(tmp_path, layout="jamendo")) == 3


def test_unknown_layout_is_refused(tmp_path):
    with pytest.raises(InputError, match="no known layout; choose one of medleydb"):
        FolderSource(tmp_path, layout="medly")


def test_medleydb(roots):
    songs = by_name(roots["medleydb"])
    assert list(songs) == ["LizNelson_Rainfall", "AmarLal_Rest", "Nobody_Unknown"]
    rainfall = songs["LizNelson_Rainfall"]
    assert instruments(rainfall) == ["female singer", "acoustic guitar, claps", "banjo"]
    assert rainfall.artist == "Liz Nelson"
    assert rainfall.mix is not None
    assert rainfall.mix.channels == 2
    rest = songs["AmarLal_Rest"]
    assert (rest.artist, rest.mix) == ("Amar Lal", None)
    assert songs["Nobody_Unknown"].artist == "Nobody"
    mixes = ReferenceSource(roots["medleydb"]).mixes
    assert [(m.name, m.artist) for m in mixes] == [
        ("LizNelson_Rainfall_MIX", "Liz Nelson"),
        ("Only_Mixed_MIX", "Only"),
    ]


def test_cambridge(roots):
    songs = by_name(roots["cambridge"])
    assert list(songs) == ["00358", "AClassicEducation_NightOwl_Full"]
    assert instruments(songs["00358"]) == ["Bass", "E.Gtr#1 (DI)"]
    assert [track.channels for track in songs["00358"].tracks] == [2, 1]
    assert songs["00358"].artist == "JamesMay"
    assert instruments(songs["AClassicEducation_NightOwl_Full"]) == [
        "KickIn",
        "Snare Up",
        "LeadVox",
    ]
    with pytest.raises(InputError, match="holds no finished mixes"):
        ReferenceSource(roots["cambridge"])


def test_cambridge_artist_is_that_of_the_nearest_folder_that_names_one(tmp_path):
    tree = trees.Tree(tmp_path / "Mixing Secrets - Library")
    tree.audio("The Band - One/Multitracks/01_Kick.wav")
    tree.audio("TheBand_One_Full/01_Kick.wav")
    tree.audio("TheBand_One_Full/Extra/01_Gtr.wav")
    tree.audio("Rock - Indie/JamesMay_OnTheLine_Full/01_Bass.wav")
    tree.audio("Plain/01_Kick.wav")
    artists = {name: song.artist for name, song in by_name(tree.root, "cambridge").items()}
    assert artists == {
        "Plain": "",
        "Rock - Indie": "JamesMay",
        "The Band - One": "The Band",
        "TheBand_One_Full": "TheBand",
        "TheBand_One_Full/Extra": "TheBand",
    }


def test_musdb18(roots):
    songs = by_name(roots["musdb18"])
    assert [song.part for song in songs.values()] == ["train", "test"]
    owl, contra = songs.values()
    assert instruments(owl) == ["bass", "drums", "other", "vocals"]
    assert instruments(contra) == ["drums", "other"]
    assert owl.artist == "A Classic Education"
    assert owl.mix is not None
    mixes = ReferenceSource(roots["musdb18"]).mixes
    assert [m.artist for m in mixes] == ["A Classic Education", "AM Contra", "Zeno"]
    assert {m.name for m in mixes} == {"mixture"}


def test_musdb18_as_decoded_from_its_containers_makes_no_track_of_a_finished_mix(tmp_path):
    trees.musdb18(tmp_path)
    for name in ("accompaniment", "linear_mixture", "Accompaniment"):
        trees.Tree(tmp_path).audio(f"train/A Classic Education - NightOwl/{name}.wav", channels=2)
    owl = by_name(tmp_path)["A Classic Education - NightOwl"]
    assert instruments(owl) == ["bass", "drums", "other", "vocals"]


def test_jamendo(roots):
    mixes = ReferenceSource(roots["jamendo"]).mixes
    assert [(m.path.name, m.artist) for m in mixes] == [
        ("948.mp3", "artist_000087"),
        ("950.mp3", ""),
        ("1376286.low.mp3", "artist_490499"),
    ]
    with pytest.raises(InputError, match="holds no song"):
        FolderSource(roots["jamendo"])


def test_mixes_in_linked_folders_are_found_once_and_under_their_own_names(tmp_path):
    corpus, disk = trees.Tree(tmp_path / "corpus"), trees.Tree(tmp_path / "disk")
    corpus.audio("own/mix.wav")
    disk.audio("kept/deep/far.wav")
    (corpus.root / "again").symlink_to(corpus.root / "own")
    (corpus.root / "linked").symlink_to(disk.root / "kept")
    (disk.root / "kept/back").symlink_to(corpus.root)
    (corpus.root / "out").symlink_to(tmp_path)
    found = [mix.path.relative_to(corpus.root) for mix in ReferenceSource(corpus.root).mixes]
    assert [path.as_posix() for path in found] == ["linked/deep/far.wav", "own/mix.wav"]


def test_jamendo_folder_on_another_disk_is_read(tmp_path):
    trees.jamendo(tmp_path / "corpus")
    audio = tmp_path / "corpus/audio"
    (audio / "48").rename(tmp_path / "48")
    (audio / "48").symlink_to(tmp_path / "48")
    names = [mix.path.name for mix in ReferenceSource(tmp_path / "corpus").mixes]
    assert names == ["948.mp3", "950.mp3", "1376286.low.mp3"]


def test_jamendo_takes_lengths_from_the_table_without_opening_files(roots, tmp_path):
    trees.jamendo(tmp_path)
    (tmp_path / "audio/48/948.mp3").write_bytes(b"not opened")
    assert ReferenceSource(tmp_path)[0].duration_s == 1.0


def test_jamendo_table_of_other_columns_is_named(tmp_path):
    trees.jamendo(tmp_path)
    (tmp_path / "data/autotagging.tsv").write_text("ID\tPATH\n1\t48/948.mp3\n")
    with pytest.raises(InputError, match=r"autotagging\.tsv: has no columns TRACK_ID"):
        ReferenceSource(tmp_path)


def test_jamendo_table_of_names_and_links_is_passed_over(tmp_path):
    trees.jamendo(tmp_path)
    columns = "TRACK_ID\tARTIST_ID\tALBUM_ID\tTRACK_NAME\tARTIST_NAME\tALBUM_NAME\tRELEASEDATE\tURL"
    (tmp_path / "data/raw.meta.tsv").write_text(f"{columns}\n")
    assert ReferenceSource(tmp_path)[0].artist == "artist_000087"


def test_slakh(roots):
    songs = by_name(roots["slakh"])
    assert [(song.name, song.part) for song in songs.values()] == [
        ("Track00001", "train"),
        ("Track01501", "val"),
    ]
    assert instruments(songs["Track00001"]) == ["Distortion Guitar", "Drums"]
    assert instruments(songs["Track01501"]) == ["", ""]
    assert len(ReferenceSource(roots["slakh"])) == 2


def test_moisesdb(roots):
    (song,) = by_name(roots["moisesdb"]).values()
    assert song.artist == "Zeno"
    assert instruments(song) == ["kick drum", "organ, electric organ"]


def test_damaged_metadata_are_named(tmp_path):
    trees.moisesdb(tmp_path)
    (path,) = tmp_path.rglob("data.json")
    path.write_text("{")
    with pytest.raises(InputError, match=r"data\.json: cannot be read as metadata"):
        FolderSource(tmp_path, layout="moisesdb")


@pytest.mark.parametrize(
    ("layout", "name", "text"),
    [
        ("moisesdb", "data.json", '{"stems": 5}'),
        ("moisesdb", "data.json", '{"stems": [null]}'),
        ("moisesdb", "data.json", '{"stems": [{"tracks": {"id": "5c0d"}}]}'),
        ("moisesdb", "data.json", '{"stems": [{"tracks": ["5c0d"]}]}'),
        ("slakh", "metadata.yaml", "stems: [1, 2]"),
        ("medleydb", "LizNelson_Rainfall_METADATA.yaml", "stems: [1, 2]"),
        ("medleydb", "LizNelson_Rainfall_METADATA.yaml", "stems: {S01: 5}"),
        ("medleydb", "LizNelson_Rainfall_METADATA.yaml", "stems: {S01: {raw: [R01]}}"),
    ],
)
def test_metadata_of_another_shape_are_named(tmp_path, layout, name, text):
    trees.TREES[layout](tmp_path)
    (path,) = tmp_path.rglob(name)
    path.write_text(text)
    with pytest.raises(InputError, match=f"{name}: holds metadata of another shape"):
        FolderSource(tmp_path, layout=layout)


def test_stems_without_metadata_are_no_fault(tmp_path):
    trees.medleydb(tmp_path)
    (path,) = tmp_path.rglob("LizNelson_Rainfall_METADATA.yaml")
    path.write_text("stems: {S01: null, S02: {raw: null}}")
    assert instruments(by_name(tmp_path)["LizNelson_Rainfall"]) == ["", "", ""]


def test_folders(roots):
    songs = by_name(roots["folders"])
    assert list(songs) == ["b", "Žluťoučký kůň"]
    assert instruments(songs["Žluťoučký kůň"]) == ["Bass DI", "Gitarre (L+R)"]
    assert [t.channels for t in songs["Žluťoučký kůň"].tracks] == [1, 2]


def test_groups_of_a_song_s_tracks_are_taken_as_for_a_mix(tmp_path):
    tree = trees.Tree(tmp_path)
    for name in ("bass.wav", "Drums/1.wav", "Brass/1.wav", "earlier mix/mix.wav"):
        tree.audio(f"a/{name}")
    tree.text("a/earlier mix/console.json", "{}")
    (song,) = by_name(tmp_path).values()
    assert [track.name for track in song.tracks] == ["bass", "Brass/1", "Drums/1"]


def test_a_song_may_hold_groups_alone(tmp_path):
    tree = trees.Tree(tmp_path)
    for name in ("a/Drums/1.wav", "a/Keys/1.wav", "mixes/a/mix.wav", "deep/er/still/1.wav"):
        tree.audio(name)
    tree.text("mixes/a/console.json", "{}")
    (song,) = by_name(tmp_path).values()
    assert song.name == "a"
    assert [track.name for track in song.tracks] == ["Drums/1", "Keys/1"]


def test_references_beside_the_songs_are_no_song(tmp_path):
    tree = trees.Tree(tmp_path)
    tree.audio("a/bass.wav")
    tree.audio("references/mix.wav")
    assert list(by_name(tmp_path)) == ["a"]
    tree.audio("songs/references/bass.wav")
    assert list(by_name(tmp_path)) == ["references"]


@pytest.mark.parametrize("layout", ["folders", "medleydb", "jamendo"])
def test_a_link_in_a_circle_is_passed_over_as_one_that_leads_nowhere_is(tmp_path, layout):
    trees.TREES[layout](tmp_path)
    adapter = LAYOUTS[layout]
    found = [*adapter.songs(tmp_path, nothing_read)], [*adapter.mixes(tmp_path, nothing_read)]
    (tmp_path / "nowhere").symlink_to("gone")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "up").symlink_to(".")
    again = [*adapter.songs(tmp_path, nothing_read)], [*adapter.mixes(tmp_path, nothing_read)]
    assert again == found


def test_synthetic_songs_know_their_mixes(roots):
    (song,) = by_name(roots["synthetic"]).values()
    assert song.mix is not None
    assert song.mix.path.name == "song_00000.flac"


def test_names_alone_need_no_file_to_be_opened(tmp_path):
    trees.folders(tmp_path)
    (tmp_path / "b/silent.wav").write_bytes(b"broken")
    songs = list(LAYOUTS["folders"].songs(tmp_path, nothing_read))
    assert [song.name for song in songs] == ["b", "Žluťoučký kůň"]
    with pytest.raises(InputError, match=r"silent\.wav"):
        FolderSource(tmp_path)
