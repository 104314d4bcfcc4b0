"""From an engine's JSON report to a verdict: counts, a compact record for the repository, and what went wrong."""

import html
import json
import re
from collections import Counter
from pathlib import Path
from typing import Dict, List, NamedTuple

import cases as suite
from processes import RunError

# From best to worst. Whatever else an engine says (UNCLEAN, WRONG CODE, FAILED BY CLIENT, ERROR, …) is FAILED.
_GRADES = ["OK", "INFORMATIONAL", "NON-STRICT", "UNIMPLEMENTED", "FAILED"]
_EXCERPT_CHARACTERS = 300


class Case(NamedTuple):
    """What the engine said of one case, in its own words."""

    behavior: str
    behavior_close: str
    report: Path

    def grade(self) -> str:
        """The worse of message exchange and closing handshake."""
        return max((_grade(self.behavior), _grade(self.behavior_close)), key=_GRADES.index)


def read(out: Path) -> Dict[str, Case]:
    """The cases in the report that the engine wrote to `out`."""
    try:
        index = json.loads((out / "index.json").read_text())
    except FileNotFoundError as error:
        raise RunError(f"there is no report in {out}: did the client under test ask for /updateReports?") from error
    if not index:
        raise RunError(f"no case was run, for no connection came about; {out / 'engine.log'} may say why")
    if len(index) != 1:
        raise RunError(f"the report is about {len(index)} agents ({', '.join(sorted(index))}), it must be about one")
    (by_case,) = index.values()
    return {
        case: Case(by_case[case]["behavior"], by_case[case]["behaviorClose"], out / by_case[case]["reportfile"])
        for case in sorted(by_case, key=suite.sort_key)
    }


def problems(found: Dict[str, Case], wanted: List[str]) -> List[str]:
    """Everything that keeps the run from passing, one text each; an empty list is a pass."""
    texts = []
    missing = [case for case in wanted if case not in found]
    if missing:
        texts.append(f"{len(missing)} cases have no verdict: {', '.join(missing)}")
    for name, case in found.items():
        grade = case.grade()
        if grade == "INFORMATIONAL" and name not in suite.INFORMATIONAL or _GRADES.index(grade) > 1:
            texts.append(_describe(name, case))
    return texts


def summary(name: str, found: Dict[str, Case]) -> str:
    """`server: 517 cases: 514 OK, 3 INFORMATIONAL, 0 NON-STRICT, 0 FAILED`; UNIMPLEMENTED appears when there is any."""
    counted = counts(found)
    shown = [f"{counted[grade]} {grade}" for grade in _GRADES if counted[grade] or grade != "UNIMPLEMENTED"]
    return f"{name}: {len(found)} cases: {', '.join(shown)}"


def counts(found: Dict[str, Case]) -> Dict[str, int]:
    counted = Counter(case.grade() for case in found.values())
    return {grade: counted[grade] for grade in _GRADES}


def write_record(path: Path, about: Dict[str, str], found: Dict[str, Case]) -> None:
    """The record that is kept in the repository: no dates or durations, one case a line, so that it can be compared."""
    rows = [
        f'    "{name}": {json.dumps({"behavior": case.behavior, "behaviorClose": case.behavior_close})}'
        for name, case in found.items()
    ]
    head = json.dumps({**about, "counts": counts(found)}, indent=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head[: -len("\n}")] + ',\n  "cases": {\n' + ",\n".join(rows) + "\n  }\n}\n")


def _grade(said: str) -> str:
    return said if said in _GRADES else "FAILED"


def _describe(name: str, case: Case) -> str:
    lines = [f"case {name}: {case.behavior}, closing: {case.behavior_close}"]
    try:
        report = json.loads(case.report.read_text())
    except (OSError, ValueError) as error:
        return f"{lines[0]} (its report cannot be read: {error})"
    expected = report["expected"].get("OK", report["expected"])
    lines += [
        f"  does:     {_plain(report['description'])}",
        f"  expects:  {_plain(report['expectation'])}",
        f"  accepts:  {_excerpt(json.dumps(expected))}",
        f"  received: {_excerpt(json.dumps(report['received']))}",
        f"  closing:  {_plain(report['resultClose'])} (code received: {report['remoteCloseCode']})",
        f"  report:   {case.report}",
    ]
    if report.get("wasNotCleanReason"):
        lines.insert(-1, f"  unclean:  {_plain(report['wasNotCleanReason'])}")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """A description without its HTML."""
    return _excerpt(" ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split()))


def _excerpt(text: str) -> str:
    return text if len(text) <= _EXCERPT_CHARACTERS else text[:_EXCERPT_CHARACTERS] + " …"
