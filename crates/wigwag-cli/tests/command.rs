//! The binary as a person runs it: help, exit codes, and where settings come from. No network, no server.

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use tempfile::TempDir;

/// Runs `wigwag` in `directory` with only the given variables.
fn wigwag(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::cargo_bin("wigwag").expect("the binary is built");
    command.current_dir(directory).env_clear().envs(variables.iter().copied()).args(arguments);
    command.output().expect("the binary runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("output is UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("output is UTF-8")
}

fn directory_with(content: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("wigwag.toml"), content).expect("the directory is writable");
    directory
}

mod sources {
    use super::*;

    /// The line of `wigwag config` that sets `key`.
    #[track_caller]
    fn effective(content: &str, arguments: &[&str], variables: &[(&str, &str)], key: &str) -> (String, String) {
        let directory = directory_with(content);
        let output = wigwag(directory.path(), &[&["config"], arguments].concat(), variables);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let text = stdout(&output);
        let line = text.lines().find(|line| line.split(" =").next() == Some(key)).expect("every setting is printed");
        let (assignment, comment) = line.split_once("  # ").expect("every line has its source");
        let (_, value) = assignment.split_once(" = ").expect("an assignment");
        (value.trim().to_owned(), comment.to_owned())
    }

    const FILE: &str = "[timeouts]\nidle-timeout = '2m'";

    #[track_caller]
    fn check(arguments: &[&str], variables: &[(&str, &str)], value: &str, source: &str) {
        assert_eq!(effective(FILE, arguments, variables, "idle-timeout"), (value.to_owned(), source.to_owned()));
    }

    #[test]
    fn default_without_any_source() {
        check(&[], &[], "\"1m\"", "default");
    }

    #[test]
    fn file_overrides_default() {
        check(&["--config", "wigwag.toml"], &[], "\"2m\"", "wigwag.toml line 2");
        check(&[], &[("WIGWAG_CONFIG", "wigwag.toml")], "\"2m\"", "wigwag.toml line 2");
    }

    #[test]
    fn variable_overrides_file() {
        let variables = [("WIGWAG_CONFIG", "wigwag.toml"), ("WIGWAG_IDLE_TIMEOUT", "3m")];
        check(&[], &variables, "\"3m\"", "WIGWAG_IDLE_TIMEOUT");
    }

    #[test]
    fn flag_overrides_variable_and_file() {
        let variables = [("WIGWAG_CONFIG", "wigwag.toml"), ("WIGWAG_IDLE_TIMEOUT", "3m")];
        check(&["--idle-timeout", "4m"], &variables, "\"4m\"", "--idle-timeout");
    }

    #[test]
    fn empty_variable_counts_as_unset() {
        let variables = [("WIGWAG_CONFIG", "wigwag.toml"), ("WIGWAG_IDLE_TIMEOUT", "")];
        check(&[], &variables, "\"2m\"", "wigwag.toml line 2");
    }

    #[test]
    fn lists_repeat_as_flags_and_have_commas_in_variables() {
        let both = "[\"127.0.0.1:1\", \"[::1]:2\"]".to_owned();
        let flags = ["--listen", "127.0.0.1:1", "--listen", "[::1]:2"];
        assert_eq!(effective("", &flags, &[], "listen"), (both.clone(), "--listen".to_owned()));
        let variable = [("WIGWAG_LISTEN", "127.0.0.1:1, [::1]:2")];
        assert_eq!(effective("", &[], &variable, "listen"), (both, "WIGWAG_LISTEN".to_owned()));
    }

    #[test]
    fn switches_need_no_value() {
        assert_eq!(effective("", &["--deflate-context-takeover"], &[], "context-takeover").0, "true");
        assert_eq!(effective("", &["--deflate", "off"], &[], "enabled").0, "false");
    }

    #[test]
    fn printed_configuration_reads_back_the_same() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let flags =
            ["config", "--listen", "[::1]:0", "--tls-cert", "/a \"b\"\\c.pem", "--tls-key", "/k.pem", "--deflate=off"];
        let printed = stdout(&wigwag(directory.path(), &flags, &[]));
        std::fs::write(directory.path().join("wigwag.toml"), &printed).expect("the directory is writable");
        let again = stdout(&wigwag(directory.path(), &["config", "--config", "wigwag.toml"], &[]));
        let values = |text: &str| -> Vec<String> {
            text.lines().map(|line| line.split("  # ").next().unwrap_or("").trim().to_owned()).collect()
        };
        assert_eq!(values(&printed), values(&again));
        assert!(printed.contains(r#"cert = "/a \"b\"\\c.pem""#), "{printed}");
    }
}

mod two_commands {
    use super::*;

    const FILE: &str = "listen = '127.0.0.1:1'\n[services]\ndefault-service = 'echo'\n\
                        [timeouts]\nidle-timeout = '2m'\n[gateway]\nlisten = '127.0.0.1:2'\nhold = '5s'\n\
                        [[gateway.route]]\npath = '/chat'\nupstream = 'ws://127.0.0.1:9/c'\nreplay-on-reconnect = true\n";

    #[track_caller]
    fn printed(arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let directory = directory_with(FILE);
        let arguments = [&["config"], arguments, &["--config", "wigwag.toml"]].concat();
        let output = wigwag(directory.path(), &arguments, variables);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    }

    #[test]
    fn one_file_serves_both() {
        let serve = printed(&["serve"], &[]);
        assert!(serve.contains("listen = [\"127.0.0.1:1\"]") && serve.contains("[services]"), "{serve}");
        assert!(!serve.contains("[gateway]"), "{serve}");
        let gateway = printed(&["gateway"], &[]);
        assert!(gateway.contains("listen = [\"127.0.0.1:2\"]") && gateway.contains("hold = \"5s\""), "{gateway}");
        assert!(gateway.contains("/chat=ws://127.0.0.1:9/c; replay-on-reconnect=true"), "{gateway}");
        assert!(!gateway.contains("[services]") && !gateway.contains("127.0.0.1:1\""), "{gateway}");
        assert!([&serve, &gateway].iter().all(|text| text.contains("idle-timeout = \"2m\"")));
        let both = printed(&[], &[]);
        assert!(both.contains("[services]") && both.contains("[gateway]"), "{both}");
    }

    #[test]
    fn flags_and_variables_are_for_the_command_that_runs() {
        let gateway = printed(&["gateway", "--hold", "7s"], &[("WIGWAG_LISTEN", "127.0.0.1:3")]);
        assert!(gateway.contains("hold = \"7s\""), "{gateway}");
        assert!(gateway.contains("listen = [\"127.0.0.1:3\"]"), "{gateway}");
        let directory = directory_with(FILE);
        for arguments in [&["config", "--hold", "1s"], &["config", "gateway", "--default-service=echo"][..]] {
            assert_eq!(wigwag(directory.path(), arguments, &[]).status.code(), Some(2), "{arguments:?}");
        }
    }

    #[test]
    fn what_one_prints_reads_back_the_same() {
        let gateway = printed(&["gateway"], &[]);
        let directory = directory_with(&gateway);
        let again = wigwag(directory.path(), &["config", "gateway", "--config", "wigwag.toml"], &[]);
        let values = |text: &str| -> Vec<String> {
            text.lines().map(|line| line.split("  # ").next().unwrap_or("").trim().to_owned()).collect()
        };
        assert_eq!(values(&gateway), values(&stdout(&again)));
    }

    #[test]
    fn the_file_is_checked_for_both() {
        let directory =
            directory_with("[gateway]\nholt = '5s'\nroute = ['/a=http://h/']\n[timeouts]\nidle-timeout = 1");
        let output = wigwag(directory.path(), &["config", "--check", "wigwag.toml"], &[]);
        let text = stderr(&output);
        assert!(text.contains("unknown key `holt` in wigwag.toml line 2: did you mean `hold`?"), "{text}");
        assert!(text.contains("unknown scheme http://") && text.contains("idle-timeout"), "{text}");
        assert_eq!(output.status.code(), Some(2));
    }
}

mod mistakes {
    use super::*;

    #[track_caller]
    fn check(arguments: &[&str], variables: &[(&str, &str)], lines: &[&str]) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let output = wigwag(directory.path(), &[&["serve"], arguments].concat(), variables);
        assert_eq!(stderr(&output).lines().collect::<Vec<_>>(), lines);
        assert_eq!(output.status.code(), Some(2));
    }

    #[test]
    fn unknown_variable_names_the_nearest() {
        let problem = "error: unknown variable WIGWAG_IDEL_TIMEOUT: did you mean WIGWAG_IDLE_TIMEOUT?";
        check(&[], &[("WIGWAG_IDEL_TIMEOUT", "1s")], &[problem]);
    }

    #[test]
    fn wrong_value_names_its_source_and_what_is_expected() {
        let problem = "error: invalid value `two` for --workers: expected a whole number or `cores`";
        check(&["--workers", "two"], &[], &[problem]);
        let problem = "error: invalid value `12x` for WIGWAG_MESSAGE_BYTES_MAX: expected a size such as 64KiB or 1MiB";
        check(&[], &[("WIGWAG_MESSAGE_BYTES_MAX", "12x")], &[problem]);
        let problem = "error: invalid value `2GiB` for --message-bytes-max: \
                       expected a size such as 64KiB or 1MiB, from 1 to 1GiB";
        check(&["--message-bytes-max", "2GiB"], &[], &[problem]);
        let problem =
            "error: invalid value `ranbom` for --default-service: expected one of echo, random, stream, letters";
        check(&["--default-service", "ranbom"], &[], &[problem]);
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let problems = [
            "error: invalid value `8765` for --listen: expected ADDR:PORT such as 127.0.0.1:8765 or [::1]:8765; \
             write 127.0.0.1:8765?",
            "error: invalid value `0` for --workers: expected a whole number, from 1 to 1024",
        ];
        check(&["--workers", "0", "--listen", "8765"], &[], &problems);
    }

    #[test]
    fn contradictions_name_both_sides() {
        let problem = "error: ping-interval (1m, from --ping-interval) must be below idle-timeout (1m by default)";
        check(&["--ping-interval", "1m"], &[], &[problem]);
        let problem = "error: tls-cert (a.pem, from WIGWAG_TLS_CERT) needs tls-key (none by default)";
        check(&[], &[("WIGWAG_TLS_CERT", "a.pem")], &[problem]);
        let problem = "error: out-queue-bytes-low-water (64KiB, from --out-queue-bytes-low-water) must be below \
                       out-queue-bytes-high-water (64KiB by default)";
        check(&["--out-queue-bytes-low-water", "64KiB"], &[], &[problem]);
        let problem = "error: listen (empty, from --listen) names no address: at least one is needed";
        check(&["--listen", ""], &[], &[problem]);
        let problem = "error: metrics-listen (127.0.0.1:8765, from --metrics-listen) must differ from \
                       listen (127.0.0.1:8765 by default)";
        check(&["--metrics-listen", "127.0.0.1:8765"], &[], &[problem]);
    }

    #[test]
    fn frame_bound_follows_the_message_bound_but_may_not_exceed_it() {
        let problem = "error: frame-bytes-max (2MiB, from --frame-bytes-max) must not exceed \
                       message-bytes-max (1MiB by default)";
        check(&["--frame-bytes-max", "2MiB"], &[], &[problem]);
        let directory = tempfile::tempdir().expect("a temporary directory");
        let output = wigwag(directory.path(), &["config", "--message-bytes-max", "64MiB"], &[]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }

    #[test]
    fn platform_variables_are_no_mistake() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let variables = [("WIGWAG_PORT", "tcp://10.0.0.1:8765"), ("WIGWAG_SERVICE_HOST", "10.0.0.1")];
        assert_eq!(wigwag(directory.path(), &["config"], &variables).status.code(), Some(0));
    }

    #[test]
    fn missing_file_could_not_run() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let output = wigwag(directory.path(), &["serve", "--config", "absent.toml"], &[]);
        assert!(stderr(&output).starts_with("error: cannot read absent.toml: "), "{}", stderr(&output));
        assert_eq!(output.status.code(), Some(1));
    }
}

mod config_check {
    use super::*;

    #[test]
    fn valid_file_is_said_to_be_valid() {
        let directory =
            directory_with("listen = '[::1]:8765'\n[deflate]\nenabled = false\n[limits]\nheaders-max = 50\n");
        let output = wigwag(directory.path(), &["config", "--check", "wigwag.toml"], &[]);
        assert_eq!((stdout(&output).as_str(), output.status.code()), ("wigwag.toml is valid\n", Some(0)));
    }

    #[test]
    fn only_the_file_is_judged() {
        let directory = directory_with("[timeouts]\nidle-timeout = '2m'\n");
        let output = wigwag(directory.path(), &["config", "--check", "wigwag.toml"], &[("WIGWAG_IDLE_TIMEOUT", "1x")]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }

    #[test]
    fn unknown_key_and_wrong_value_are_named_by_line() {
        let directory = directory_with("\n\nliste = 1\n[timeouts]\nidle-timeout = 10\n");
        let output = wigwag(directory.path(), &["config", "--check", "wigwag.toml"], &[]);
        let expected = "error: unknown key `liste` in wigwag.toml line 3: did you mean `listen`?\n\
                        error: invalid value `10` for `idle-timeout` in wigwag.toml line 5: \
                        expected a time such as 250ms, 10s or 1m 30s\n";
        assert_eq!((stderr(&output).as_str(), output.status.code()), (expected, Some(2)));
    }

    #[test]
    fn check_stands_alone() {
        let directory = directory_with("");
        let output = wigwag(directory.path(), &["config", "--check", "wigwag.toml", "--workers", "2"], &[]);
        assert_eq!(output.status.code(), Some(2));
    }
}

mod frame {
    use super::*;

    #[track_caller]
    fn check(arguments: &[&str], code: i32, parts: &[&str]) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let output = wigwag(directory.path(), arguments, &[]);
        let text = stdout(&output) + &stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{text}");
        for part in parts {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }

    #[test]
    fn help_of_each_command_has_examples() {
        check(&["--help"], 0, &["serve", "try", "config", "completions", "Examples:", "Exit codes:"]);
        check(
            &["serve", "--help"],
            0,
            &["Examples:", "--listen <ADDR:PORT>", "[default: 127.0.0.1:8765]", "Timeouts:", "TLS:"],
        );
        check(
            &["gateway", "--help"],
            0,
            &["Examples:", "--upstream <URL>", "[default: 127.0.0.1:8000]", "--idle-timeout", "docs/gateway.md"],
        );
        check(&["try", "--help"], 0, &["Examples:", "wigwag try random -n 10000"]);
        check(&["config", "--help"], 0, &["Examples:", "--check <FILE>"]);
        check(&["completions", "--help"], 0, &["Examples:"]);
    }

    #[test]
    fn version_names_program_and_number() {
        check(&["--version"], 0, &[concat!("wigwag ", env!("CARGO_PKG_VERSION"))]);
    }

    #[test]
    fn wrong_usage_exits_with_two() {
        check(&[], 2, &["Usage:"]);
        check(&["serve", "--liste", "127.0.0.1:1"], 2, &["--listen"]);
        check(&["serv"], 2, &["serve"]);
    }

    #[test]
    fn completions_know_the_settings() {
        check(&["completions", "bash"], 0, &["--message-bytes-max", "_wigwag"]);
    }
}

mod load {
    use super::*;

    #[track_caller]
    fn check(arguments: &[&str], code: i32, said: &str) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let output = wigwag(directory.path(), arguments, &[]);
        let printed = stdout(&output) + &stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {printed}");
        assert!(printed.contains(said), "{arguments:?}: {printed}");
        let left: Vec<_> = std::fs::read_dir(directory.path()).expect("readable").collect();
        assert!(left.is_empty(), "{arguments:?} left {left:?}");
    }

    /// One message to a port that nobody listens on.
    const NOBODY: [&str; 6] = ["load", "ws://127.0.0.1:1/", "-c", "1", "-n", "1"];

    #[track_caller]
    fn check_flags(flags: &[&str], code: i32, said: &str) {
        check(&[&NOBODY, flags].concat(), code, said);
    }

    #[test]
    fn urls_are_read_as_connect_reads_them() {
        check(&["load", ":1/echo", "-c", "1", "-n", "1"], 1, "load ws://localhost:1/echo");
        check(&["load", "127.0.0.1:443", "-c", "1", "-n", "1", "--connect-timeout", "5s"], 1, "load wss://127.0.0.1/");
        check(&["load", "me:secret@localhost"], 2, "--auth");
        check_flags(&[], 1, "start it with: wigwag serve");
    }

    #[test]
    fn what_no_header_can_carry_is_wrong_usage() {
        for (flag, value) in [
            ("-H", "X Y: a"),
            ("-H", "X: a\nY: b"),
            ("-s", "a b"),
            ("--bearer", "a\nb"),
            ("-o", "http://a\nb"),
            ("--auth", "me"),
        ] {
            check_flags(&[flag, value], 2, "invalid value");
            check(&["connect", "ws://127.0.0.1:1/", flag, value], 2, "invalid value");
        }
    }

    #[test]
    fn tls_files_are_for_encrypted_connections() {
        for command in ["load", "connect"] {
            check(&[command, "ws://127.0.0.1:1/", "--cacert", "ca.pem"], 2, "--cacert is for wss://");
        }
        check_flags(&["--cert", "a.pem", "--key", "a.key"], 2, "--cert is for wss://");
    }

    #[test]
    fn a_source_address_must_be_of_this_machine_and_of_the_servers_family() {
        check_flags(
            &["--source-ip", "192.0.2.7"],
            2,
            "--source-ip 192.0.2.7: this machine cannot connect from that address",
        );
        check_flags(
            &["--source-ip", "::1"],
            2,
            "--source-ip ::1: the server is reached by IPv4, and this is an IPv6 address",
        );
    }

    #[test]
    fn two_flags_must_not_name_the_same_file() {
        check_flags(&["--html", "a", "--json=./a"], 2, "--html and --json name the same file");
        check_flags(&["--csv", "a", "--ledger", "a"], 2, "--csv and --ledger name the same file");
    }

    #[test]
    fn stages_need_a_connection() {
        check(&["load", "ws://127.0.0.1:1/", "--stage", "1s:0"], 2, "at least one connection");
    }

    #[test]
    fn a_page_of_a_command_that_is_none_is_wrong_usage() {
        check(&["man", "wat"], 2, "wigwag has no command wat");
    }

    #[test]
    fn all_names_of_a_flag_are_in_the_help() {
        check(&["load", "--help"], 0, "[alias: -z]");
        check(&["load", "--help"], 0, "[aliases: -R, --qps]");
    }
}
