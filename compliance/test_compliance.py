"""Tests of what the runner decides: which cases run, what passes, what is recorded. `python3 -m unittest` runs them."""

import json
import socket
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import cases as suite
import verdict
from processes import Deadline, RunError, free_port, running, wait_for_accept, wait_for_exit


class Selection(unittest.TestCase):
    def test_all_is_517_distinct_cases(self):
        self.assertEqual(len(set(suite.ALL)), 517)
        self.assertLessEqual(suite.INFORMATIONAL, set(suite.ALL))

    def test_quick_is_247_cases(self):
        self.assertEqual(len(suite.select(["*"], suite.SLOW)), 247)

    def test_family_ends_at_its_dot(self):
        self.assertEqual(suite.select(["1.*"], ["1.2.*", "1.1.3"]), [f"1.1.{n}" for n in (1, 2, 4, 5, 6, 7, 8)])

    def test_unknown_case_is_refused(self):
        for pattern in ("8.*", "1.1.9", "1.1", ""):
            with self.subTest(pattern), self.assertRaises(ValueError):
                suite.select([pattern], [])


class Verdict(unittest.TestCase):
    def check(self, said, problems, name="1.1.1"):
        with tempfile.TemporaryDirectory() as directory:
            out = Path(directory)
            write_report(out, {name: said})
            found = verdict.problems(verdict.read(out), [name])
            self.assertEqual([text.splitlines()[0] for text in found], problems)

    def test_ok_passes(self):
        self.check(("OK", "OK"), [])

    def test_informational_passes_only_where_the_suite_says_so(self):
        self.check(("INFORMATIONAL", "INFORMATIONAL"), [], name="7.1.6")
        self.check(("INFORMATIONAL", "OK"), ["case 1.1.1: INFORMATIONAL, closing: OK"])

    def test_anything_less_fails(self):
        for said in (("NON-STRICT", "OK"), ("UNIMPLEMENTED", "OK"), ("FAILED", "OK"), ("OK", "UNCLEAN"),
                     ("OK", "WRONG CODE"), ("OK", "FAILED BY CLIENT"), ("INFORMATIONAL", "FAILED")):
            with self.subTest(said):
                self.check(said, [f"case 7.1.6: {said[0]}, closing: {said[1]}"], name="7.1.6")

    def test_case_without_a_verdict_fails(self):
        self.assertEqual(verdict.problems({}, ["1.1.1", "2.1"]), ["2 cases have no verdict: 1.1.1, 2.1"])

    def test_summary_counts_the_worse_of_the_two_judgements(self):
        found = {
            "1.1.1": verdict.Case("OK", "OK", Path()),
            "1.1.2": verdict.Case("OK", "UNCLEAN", Path()),
            "7.1.6": verdict.Case("INFORMATIONAL", "INFORMATIONAL", Path()),
        }
        self.assertEqual(verdict.summary("server", found),
                         "server: 3 cases: 1 OK, 1 INFORMATIONAL, 0 NON-STRICT, 1 FAILED")

    def test_report_that_is_absent_empty_or_about_two_agents_is_no_verdict(self):
        for index in (None, {}, {"a": {}, "b": {}}):
            with self.subTest(index), tempfile.TemporaryDirectory() as directory:
                if index is not None:
                    (Path(directory) / "index.json").write_text(json.dumps(index))
                with self.assertRaises(RunError):
                    verdict.read(Path(directory))


class Record(unittest.TestCase):
    def test_is_json_in_the_order_of_the_suite_and_the_same_each_time(self):
        with tempfile.TemporaryDirectory() as directory:
            out = Path(directory)
            write_report(out, {"1.1.1": ("OK", "OK"), "10.1.1": ("OK", "OK"), "2.1": ("FAILED", "OK")})
            path = out / "results" / "server.json"
            verdict.write_record(path, {"role": "server"}, verdict.read(out))
            first = path.read_text()
            verdict.write_record(path, {"role": "server"}, verdict.read(out))
            self.assertEqual(path.read_text(), first)
            record = json.loads(first)
            self.assertEqual(list(record["cases"]), ["1.1.1", "2.1", "10.1.1"])
            self.assertEqual(record["cases"]["2.1"], {"behavior": "FAILED", "behaviorClose": "OK"})
            self.assertEqual((record["role"], record["counts"]["OK"], record["counts"]["FAILED"]), ("server", 2, 1))


class Processes(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.log = Path(directory.name) / "log"

    def python(self, program):
        return running("testee", [sys.executable, "-c", program], self.log)

    def test_server_that_dies_is_noticed_at_once_with_its_last_words(self):
        with self.python("raise SystemExit('port taken')") as child:
            with self.assertRaisesRegex(RunError, "ended with 1; its last words(.|\n)*port taken"):
                wait_for_accept(child, "127.0.0.1", free_port(), Deadline(20))

    def test_time_runs_out_for_a_program_that_hangs(self):
        with self.python("import time; time.sleep(60)") as child:
            with self.assertRaisesRegex(RunError, "was not done"):
                wait_for_exit(child, [], Deadline(0.2))

    def test_leaving_the_block_ends_the_program_and_its_children(self):
        # The child shares the socket, so the port is free again only when both have ended.
        program = (
            "import socket, subprocess, sys, time\n"
            "s = socket.socket()\n"
            "s.bind(('127.0.0.1', int(sys.argv[1])))\n"
            "s.set_inheritable(True)\n"
            "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], close_fds=False)\n"
            "s.listen()\n"
            "time.sleep(60)\n"
        )
        port = free_port()
        with running("testee", [sys.executable, "-c", program, str(port)], self.log) as child:
            wait_for_accept(child, "127.0.0.1", port, Deadline(20))
        self.assertTrue(is_freed(port, Deadline(20)), "the child of the stopped program still holds its port")


def is_freed(port, deadline):
    while deadline.left() > 0:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return True
            except OSError:
                time.sleep(0.02)
    return False


def write_report(out, cases):
    index = {name: {"behavior": said[0], "behaviorClose": said[1], "reportfile": f"{name}.json"}
             for name, said in cases.items()}
    (out / "index.json").write_text(json.dumps({"agent": index}))
    for name in cases:
        (out / f"{name}.json").write_text(json.dumps({
            "description": "Send <br/>text", "expectation": "an echo", "expected": {"OK": []}, "received": [],
            "resultClose": "closed", "remoteCloseCode": 1000, "wasNotCleanReason": None,
        }))


if __name__ == "__main__":
    unittest.main()
