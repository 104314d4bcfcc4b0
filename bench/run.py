#!/usr/bin/env python3
"""WebSocket servers side by side: CPU time per message, each against one baseline in the same round.

Every run is a fresh server process on one core and the generator on another, over loopback. Servers take turns
within a round, so that a drift of the machine touches all of them alike. The result is a ratio:

    ratio = CPU per message of the baseline / CPU per message of the server      (above 1 is better than the baseline)

workloads
  A  64 connections, 1 message in flight, 16 B        D  10,000 connections, 1 in flight, 16 B
  B  64 connections, 16 in flight, 16 B               E  10,000 connections, one message each, then idle: memory
  C  64 connections, 1 in flight, 16 KiB              F  TCP connect, upgrade, close: CPU per connection
  relay: the gateway beside other proxies, each before the same server
  relayA, relayB, relayC as A, B, C                   relayL  1 connection, 1 in flight: added latency
                                                      relayM  5,000 pairs, one message each, then idle: memory

examples
  bench/run.py                                        everything that can be had, five rounds
  bench/run.py --workload relay                       the proxies only
  bench/run.py --workload A,B --server wigwag,bun     two servers, two workloads
  bench/run.py --rounds 1 --seconds 1                 a quick look; the ratios are rough
  bench/run.py --docs                                 also rewrite the tables of docs/bench.md
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import shlex
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import catalogue
from catalogue import CATALOGUE, OUT, PROXIES, ROOT, SERVERS, Unavailable, build_generator, say
from harness import (START_TIMEOUT_SECONDS, add_place_options, cells, descriptors_raised, free_ports, machine, names_of, on_core,
                     replace_part, started)

DOCS = ROOT / "docs" / "bench.md"
RELAYS = ["relayA", "relayB", "relayC", "relayL", "relayM"]
WORKLOADS = [*"ABCDEF", *RELAYS]
# What the name of several workloads stands for.
GROUPS = {"relay": RELAYS}
MANY_CONNECTIONS = ["D", "E", "relayM"]
DESCRIPTORS_MIN = 10_200
RELAY_BASELINE = "nginx"
GENERATOR_TIMEOUT_SECONDS = 180


def gather(names):
    """The servers that can be had, by name; a plain word about each that cannot."""
    servers, missing = {}, {}
    for name in names:
        try:
            servers[name] = CATALOGUE[name][0]()
        except Unavailable as reason:
            missing[name] = str(reason)
            say(f"without {name}: {reason}")
    return servers, missing


# ---- one run ----


def measure(server, workload, ports, generator):
    """Starts the server afresh on its core, loads it from the other, returns what the generator says."""
    with contextlib.ExitStack() as stack:
        upstream = None
        if server.upstream:
            _, upstream = stack.enter_context(started(server.upstream, "upstream", next(ports), core_of(server.upstream)))
        process, port = stack.enter_context(started(server, "server", next(ports), core_of(server), upstream))
        pid = worker_of(process) if server.has_worker else process.pid
        return generate(server, workload, port, pid, generator)


def core_of(server):
    return options.cores[server.aside]


def worker_of(process):
    """The one child of a process, which may listen before it has it."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if len(children) == 1:
            return int(children[0])
        time.sleep(0.02)
    raise RuntimeError(f"one worker was expected, there are {len(children)}")


def generate(server, workload, port, pid, generator):
    plan = workload.removeprefix("relay")
    command = [str(generator), f"127.0.0.1:{port}", server.path, str(pid), plan, str(options.seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               start_new_session=True, preexec_fn=on_core(options.cores[1]))
    try:
        out, err = process.communicate(timeout=GENERATOR_TIMEOUT_SECONDS + 3 * options.seconds)
    except subprocess.TimeoutExpired:
        raise RuntimeError("the generator did not end in time") from None
    finally:
        process.kill()
        process.wait()
    if process.returncode != 0:
        raise RuntimeError(err.strip() or f"the generator ended with {process.returncode}")
    return json.loads(out)


# ---- all runs ----


def run_all(servers, generator, runs):
    """Fills `runs[workload][server]` with one result (or None) per round; so much is there if it is interrupted."""
    ports = free_ports(options.port)
    total = options.rounds * sum(len(contenders(workload, servers)) for workload in options.workload)
    done = 0
    for workload in options.workload:
        names = contenders(workload, servers)
        if not names:
            continue
        cell = runs.setdefault(workload, {name: [] for name in names})
        failed = set()
        for turn in range(options.rounds):
            shift = turn % len(names)
            for name in names[shift:] + names[:shift]:
                done += 1
                if name in failed:
                    continue
                try:
                    result = measure(servers[name], workload, ports, generator)
                    word = describe(result)
                except RuntimeError as error:
                    failed.add(name)
                    result, word = {"error": str(error)}, f"failed, left out of {workload}: {error}"
                cell[name].append(result)
                say(f"[{done}/{total}] {workload} round {turn + 1} {name}: {word}")


def contenders(workload, servers):
    """Who takes part in a workload."""
    if workload not in RELAYS:
        return [name for name in servers if name in SERVERS]
    # Without a proxy there is no CPU and no memory of a proxy.
    return [name for name in servers if name in PROXIES and (name != "direct" or workload == "relayL")]


def describe(result):
    if "median_us" in result:
        return f"{result['median_us']:.1f} µs there and back, 99 % below {result['p99_us']:.1f} µs"
    if "bytes_per_connection" in result:
        return f"{result['bytes_per_connection']:,.0f} bytes per connection"
    return (f"{result['server_cpu_ns'] / 1000:.2f} µs, {result['per_second']:,} a second, "
            f"server {result['server_share']:.0%}, generator {result['generator_share']:.0%}")


def summarise(runs):
    """Medians per workload and server; ratios are taken within a round first."""
    summary = {}
    for workload, cell in runs.items():
        base = cell.get(RELAY_BASELINE if workload in RELAYS else options.baseline, [])
        direct = cell.get("direct", [])
        for name, results in cell.items():
            good = [result for result in results if "error" not in result]
            if not good or len(good) < len(results):
                continue
            row = {key: statistics.median(result[key] for result in good) for key in good[0]}
            if "server_cpu_ns" in row:
                ratios = [a["server_cpu_ns"] / b["server_cpu_ns"] for a, b in zip(base, results) if "error" not in a]
                if ratios:
                    row.update(ratio=statistics.median(ratios), ratio_min=min(ratios), ratio_max=max(ratios))
                row["limited_by"] = limited_by(row)
            if "median_us" in row and all("error" not in result for result in direct):
                added = [b["median_us"] - a["median_us"] for a, b in zip(direct, results)]
                row.update(added_us=statistics.median(added), added_min=min(added), added_max=max(added))
            summary.setdefault(workload, {})[name] = row
    return summary


def limited_by(row):
    return " and ".join(who for who in ("server", "generator") if row[f"{who}_share"] >= 0.9) or "neither"


# ---- what is said ----


UNITS = {"E": "E bytes", "relayL": "relayL added µs", "relayM": "relayM bytes"}


def ratio_table(summary, servers, baseline):
    header = ["server", *(UNITS.get(workload, workload) for workload in summary)]
    rows = []
    for name, server in servers.items():
        row = [server.title + (" (baseline)" if name == baseline else "")]
        for workload in summary:
            found = summary[workload].get(name)
            if found is None:
                row.append("failed" if name in contenders(workload, servers) else "")
            elif "bytes_per_connection" in found:
                row.append(f"{found['bytes_per_connection']:,.0f}")
            elif name == "direct":
                row.append(f"0 ({found['median_us']:.1f} µs there and back)")
            elif "added_us" in found:
                spread = f" ({found['added_min']:.1f}–{found['added_max']:.1f})" if options.rounds > 1 else ""
                row.append(f"{found['added_us']:.1f}{spread}")
            elif name == baseline:
                row.append(f"1.00 ({found['server_cpu_ns'] / 1000:.2f} µs)")
            elif "ratio" in found:
                spread = f" ({found['ratio_min']:.2f}–{found['ratio_max']:.2f})" if options.rounds > 1 else ""
                row.append(f"{found['ratio']:.2f}{spread}")
            else:
                row.append(f"{found['server_cpu_ns'] / 1000:.2f} µs")
        rows.append(row)
    return cells(header, rows)


def detail_table(summary):
    header = ["workload", "server", "CPU µs", "a second", "server busy", "generator busy", "full core"]
    rows = [[workload, name, f"{row['server_cpu_ns'] / 1000:.2f}", f"{row['per_second']:,.0f}",
             f"{row['server_share']:.0%}", f"{row['generator_share']:.0%}", row["limited_by"]]
            for workload, found in summary.items() for name, row in found.items() if "server_cpu_ns" in row]
    return cells(header, rows) if rows else ""


def report(facts, summary, servers):
    """The text on the servers, without the proxies."""
    about = [
        f"CPU per message of {options.baseline} ÷ CPU per message of the server: above 1 is better than "
        f"{options.baseline}. Median of {facts['rounds']} round(s) of {options.seconds:g} s, in brackets the smallest and "
        "the largest; E is user-space bytes per idle connection, smaller is better.",
    ]
    detail = ("Per message (F: per connection). Where neither side filled its core, something else ran on the machine: "
              "trust such a row less.")
    return text(facts, about, detail, summary, servers, options.baseline)


def relay_report(facts, summary, servers):
    """The text on the proxies."""
    about = [
        f"CPU of {RELAY_BASELINE} per answered message ÷ CPU of the proxy per answered message: above 1 is better than "
        f"{RELAY_BASELINE}. An answered message is relayed twice: there and back. Median of {facts['rounds']} round(s) of "
        f"{options.seconds:g} s, in brackets the smallest and the largest. relayL is what the proxy adds to the median "
        "time there and back, relayM user-space bytes per idle pair of connections; smaller is better in both.",
    ]
    detail = "Per answered message. The upstream shares the generator's core, and is what is full unless the proxy is."
    return text(facts, about, detail, summary, servers, RELAY_BASELINE)


def text(facts, about, detail, summary, servers, baseline):
    table = detail_table(summary)
    lines = [
        f"Measured {facts['date']} on {facts['machine']}.", f"Command: `{facts['command']}`.", "", *about, "",
        ratio_table(summary, servers, baseline), "", *([detail, "", table, ""] if table else []), "Configurations:", "",
        *(f"- {name}: {CATALOGUE[name][1]}" for name in servers),
        *(f"- left out: {name}: {reason}" for name, reason in facts["missing"].items()),
    ]
    return "\n".join(lines) + "\n"


def write(facts, summary, servers, runs):
    """Prints and keeps the figures; servers and proxies have a text of their own each."""
    parts = {}
    for part, known, make in [("bench", SERVERS, report), ("relay", PROXIES, relay_report)]:
        found = {workload: rows for workload, rows in summary.items() if (workload in RELAYS) == (part == "relay")}
        if found:
            missing = {name: reason for name, reason in facts["missing"].items() if name in known}
            mine = {name: server for name, server in servers.items() if name in known}
            parts[part] = make({**facts, "missing": missing}, found, mine)
    print("\n".join(parts.values()))
    (OUT / "result.json").write_text(json.dumps({**facts, "summary": summary, "runs": runs}, indent=1) + "\n")
    (OUT / "result.md").write_text("\n".join(parts.values()))
    say(f"written: {OUT / 'result.json'}, {OUT / 'result.md'}")
    if options.docs:
        for part, words in parts.items():
            replace_part(DOCS, part, words)
        say(f"written: {DOCS}")


# ---- the command ----


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--workload", type=names_of("workload", WORKLOADS, GROUPS), default=list(WORKLOADS), metavar="A,B,…", help="default: all")
    add("--server", type=names_of("server", CATALOGUE), default=list(CATALOGUE), metavar="NAME,…", help="see --list")
    add("--baseline", choices=SERVERS, default="bun", metavar="NAME", help="what the ratios are against (default: bun)")
    add("--rounds", type=int, default=5, help="default: 5")
    add("--seconds", type=float, default=2, help="measured time of one run, after a quarter of it as warm-up (default: 2)")
    add_place_options(add, 18700)
    add("--docs", action="store_true", help="rewrite the tables in docs/bench.md")
    add("--list", action="store_true", help="list the servers and their configurations, and end")
    found = parser.parse_args()
    if found.rounds < 1 or found.seconds <= 0 or len(found.cores) != 2:
        parser.error("--rounds and --seconds must be positive, --cores takes two numbers")
    found.server = wanted(found)
    if found.wigwag:
        catalogue.wigwag_binary = found.wigwag
    return found


def wanted(found):
    """The servers that the chosen workloads ask for, with those that the others are compared with."""
    relays = any(workload in RELAYS for workload in found.workload)
    others = any(workload not in RELAYS for workload in found.workload)
    names = [name for name in found.server if (name in PROXIES and relays) or (name in SERVERS and others)]
    compared = [found.baseline] * others + [RELAY_BASELINE] * relays + ["direct"] * ("relayL" in found.workload)
    names += [name for name in compared if name not in names]
    return [name for name in CATALOGUE if name in names and (name != "direct" or name in compared)]


def leave_out_what_needs_more(descriptors):
    if descriptors < DESCRIPTORS_MIN:
        say(f"without {', '.join(MANY_CONNECTIONS)}: {descriptors} descriptors are allowed, {DESCRIPTORS_MIN} are needed (ulimit -Hn)")
        options.workload = [workload for workload in options.workload if workload not in MANY_CONNECTIONS]


def interrupt(_signal, _frame):
    raise KeyboardInterrupt


def main():
    if options.list:
        for name, (_, note) in CATALOGUE.items():
            print(f"{name:26} {note}")
        return 0
    signal.signal(signal.SIGTERM, interrupt)
    OUT.mkdir(parents=True, exist_ok=True)
    leave_out_what_needs_more(descriptors_raised())
    runs, servers, missing, status = {}, {}, {}, 0
    try:
        generator = build_generator()
        servers, missing = gather(options.server)
        if options.cores[0] == options.cores[1]:
            say("warning: server and generator share one core; the figures are worth little")
        run_all(servers, generator, runs)
    except Unavailable as reason:
        say(f"without a generator nothing can be measured: {reason}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; this is what was measured")
        status = 130
    summary = summarise(runs)
    if not summary:
        sys.exit("nothing was measured")
    rounds = max(len(results) for cell in runs.values() for results in cell.values())
    # The page is for all: paths of this machine do not belong there.
    words = [Path(word).name if os.path.isabs(word) else word for word in sys.argv[1:]]
    facts = {"date": datetime.date.today().isoformat(), "machine": machine(), "rounds": rounds,
             "seconds": options.seconds, "baseline": options.baseline, "missing": missing,
             "versions": {name: server.title for name, server in servers.items()},
             "command": shlex.join(["bench/run.py", *words])}
    options.docs = options.docs and status == 0  # Half a measurement does not replace a whole one.
    write(facts, summary, servers, runs)
    return status


if __name__ == "__main__":
    if not sys.platform.startswith("linux"):
        sys.exit("bench/run.py reads CPU times as Linux gives them; it does not run elsewhere")
    options = parse_options()
    sys.exit(main())
