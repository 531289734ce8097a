"""A folder of several songs, which looks like one song whose tracks lie in groups."""

from collections.abc import Mapping

TOGETHER_S = 0.1
"""Tracks of one song that were exported together end within this of each other."""

APART_S = 1.0
"""Songs whose lengths differ by less might be one."""


def several_songs(lasts_s: Mapping[str, float]) -> dict[str, float]:
    """Tell groups of tracks that are likely to be songs of their own.

    Args:
        lasts_s: length of each file by its name, `group/track.wav`.

    Returns:
        How long the shortest and the longest group last, where all files of each group end together
        and the groups do not; else nothing.
    """
    groups: dict[str, list[float]] = {}
    for name, length_s in lasts_s.items():
        groups.setdefault(name.rpartition("/")[0], []).append(length_s)
    as_one = all(len(each) > 1 and max(each) - min(each) < TOGETHER_S for each in groups.values())
    ends = sorted((max(lengths), group) for group, lengths in groups.items())
    if "" in groups or not as_one or not ends or ends[-1][0] - ends[0][0] < APART_S:
        return {}
    return {group: end for end, group in (ends[0], ends[-1])}
