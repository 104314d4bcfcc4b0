"""The 517 cases of the Autobahn test-suite 25.10.1 and how patterns choose among them.

Both engines get the chosen cases by name, so that a case an engine leaves out is noticed instead of not counted.
"""

from typing import Dict, Iterable, List

# Cases in each group, numbered from 1: "1.1": 8 stands for 1.1.1 to 1.1.8, "2": 11 for 2.1 to 2.11.
_GROUPS: Dict[str, int] = {
    "1.1": 8, "1.2": 8,  # text and binary messages
    "2": 11,  # pings and pongs
    "3": 7,  # reserved bits
    "4.1": 5, "4.2": 5,  # reserved opcodes
    "5": 20,  # fragmentation
    "6.1": 3, "6.2": 4, "6.3": 2, "6.4": 4, "6.5": 5, "6.6": 11, "6.7": 4, "6.8": 2, "6.9": 4, "6.10": 3,  # UTF-8
    "6.11": 5, "6.12": 8, "6.13": 5, "6.14": 10, "6.15": 1, "6.16": 3, "6.17": 5, "6.18": 5, "6.19": 5,
    "6.20": 7, "6.21": 8, "6.22": 34, "6.23": 7,
    "7.1": 6, "7.3": 6, "7.5": 1, "7.7": 13, "7.9": 9, "7.13": 2,  # closing handshake
    "9.1": 6, "9.2": 6, "9.3": 9, "9.4": 9, "9.5": 6, "9.6": 6, "9.7": 6, "9.8": 6,  # limits and time
    "10.1": 1,  # one message, automatically fragmented
    "12.1": 18, "12.2": 18, "12.3": 18, "12.4": 18, "12.5": 18,  # permessage-deflate
    "13.1": 18, "13.2": 18, "13.3": 18, "13.4": 18, "13.5": 18, "13.6": 18, "13.7": 18,  # and its parameters
}  # fmt: skip

ALL: List[str] = [f"{group}.{n}" for group, count in _GROUPS.items() for n in range(1, count + 1)]

# What `--quick` leaves out: the big and the compressed messages, which take nearly all the time.
SLOW: List[str] = ["9.*", "12.*", "13.*"]

# The suite judges these INFORMATIONAL whatever the peer does: the RFC leaves the behaviour open.
INFORMATIONAL = frozenset({"7.1.6", "7.13.1", "7.13.2"})


def select(include: Iterable[str], exclude: Iterable[str]) -> List[str]:
    """The cases that match an included pattern and no excluded one, in the suite's order.

    A pattern is a case ("7.1.6"), a family ("7.*", "7.1.*") or "*". One that matches nothing is a ValueError.
    """
    chosen = {case for pattern in include for case in _matching(pattern)}
    chosen -= {case for pattern in exclude for case in _matching(pattern)}
    return [case for case in ALL if case in chosen]


def sort_key(case: str) -> List[int]:
    """Orders 1.2.10 after 1.2.9."""
    return [int(part) for part in case.split(".")]


def _matching(pattern: str) -> List[str]:
    if pattern == "*":
        return ALL
    if pattern.endswith(".*"):
        found = [case for case in ALL if case.startswith(pattern[:-1])]
    else:
        found = [case for case in ALL if case == pattern]
    if not found:
        raise ValueError(f"no case matches {pattern!r}; write a case (7.1.6) or a family (7.*)")
    return found
