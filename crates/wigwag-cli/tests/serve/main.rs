//! `wigwag serve` and `wigwag gateway` as whoever starts them sees them: what they say, when they refuse to start, how they
//! end. What they answer over the network is tested elsewhere, but for what `wigwag try` needs of a server with TLS.
#![cfg(unix)]

mod gateway;
mod load_files;
mod support;
mod tls;

use std::net::TcpListener;

use support::{Serving, command, signal, stderr};

mod banner {
    use super::*;

    #[test]
    fn port_0_is_told_as_the_port_that_was_taken() {
        let server = Serving::start(&["--listen", "127.0.0.1:0"]);
        let [address] = server.addresses()[..] else { panic!("one address is listened on: {:?}", server.banner) };
        assert_ne!(address.port(), 0);
        assert!(std::net::TcpStream::connect(address).is_ok(), "{address} takes connections");
        for line in [
            format!("  page     http://{address}/"),
            format!("  echo     ws://{address}/echo"),
            format!("  random   ws://{address}/random   (also ws://{address})"),
            format!("  stream   ws://{address}/stream"),
            format!("  letters  ws://{address}/letters"),
            format!("  metrics  http://{address}/metrics"),
        ] {
            assert!(server.banner.contains(&line), "{line:?} is not in {:?}", server.banner);
        }
    }

    #[test]
    fn ipv6_addresses_are_in_brackets() {
        let server = Serving::start(&["--listen", "[::1]:0"]);
        let [address] = server.addresses()[..] else { panic!("one address is listened on: {:?}", server.banner) };
        assert!(address.is_ipv6());
        assert!(server.banner.contains(&format!("  page     http://[::1]:{}/", address.port())));
        assert!(std::net::TcpStream::connect(address).is_ok(), "{address} takes connections");
    }

    #[test]
    fn every_address_is_listed_and_the_metrics_where_they_are() {
        let server = Serving::start(&[
            "--listen",
            "127.0.0.1:0",
            "--listen",
            "[::1]:0",
            "--metrics-listen",
            "127.0.0.1:0",
            "--workers",
            "1",
        ]);
        assert_eq!(server.addresses().len(), 2, "{:?}", server.banner);
        assert_eq!(server.banner.iter().filter(|line| line.starts_with("  metrics")).count(), 1, "{:?}", server.banner);
        assert!(server.banner[0].ends_with("serves with 1 worker"), "{:?}", server.banner);
    }
}

mod start {
    use super::*;

    #[test]
    fn taken_port_is_named_with_what_to_do() {
        let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = holder.local_addr().expect("bound");
        let output = command(&["serve", "--listen", &address.to_string()]).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).starts_with(&format!("error: {address} is taken")), "{}", stderr(&output));
        assert!(stderr(&output).contains("listen on another port (port 0 picks a free one)"), "{}", stderr(&output));
        assert!(output.stdout.is_empty(), "nothing is served, so no banner");
    }

    #[test]
    fn missing_certificate_is_named() {
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--tls-cert", "absent.pem", "--tls-key", "absent.key"];
        let output = command(&arguments).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains("cannot read absent.pem"), "{}", stderr(&output));
    }

    /// What the server would refuse, the settings refuse: with the code of wrong usage, before anything is bound.
    #[test]
    fn entries_of_the_allow_lists_are_judged_with_the_settings() {
        for (flag, entry) in [
            ("--allow-origin", "https://example.org/path"),
            ("--allow-host", "https://example.org"),
            ("--trusted-proxy", "10.0.0.1/8"),
        ] {
            let output = command(&["serve", flag, entry]).output().expect("the binary runs");
            let start = format!("error: invalid value `{entry}` for {flag}: ");
            assert!(stderr(&output).starts_with(&start), "{}", stderr(&output));
            assert_eq!(output.status.code(), Some(2));
        }
        let server = Serving::start(&[
            "--allow-origin=*.example.org,https://example.org,null",
            "--allow-host=example.org:8765,[::1],*.example.org",
            "--trusted-proxy=10.0.0.0/8",
            "--listen=127.0.0.1:0",
        ]);
        assert_eq!(server.addresses().len(), 1);
    }

    #[test]
    fn unknown_flag_is_wrong_usage_and_names_the_nearest() {
        let output = command(&["serve", "--idle-timeot", "1s"]).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains("--idle-timeout"), "{}", stderr(&output));
    }

    #[test]
    fn too_few_descriptors_for_the_connections_are_warned_of() {
        let limited = "ulimit -n 256 && exec \"$0\" \"$@\"";
        let program = command(&[]);
        let mut shell = std::process::Command::new("sh");
        shell.env_clear().arg("-c").arg(limited).arg(program.get_program());
        shell.args(["serve", "--listen", "127.0.0.1:0", "--connections-max", "1000"]);
        let (code, errors) = Serving::spawn(shell).stop();
        assert_eq!(code, Some(0), "{errors}");
        for part in ["WARN", "room for 192 connections", "ulimit -n 1064", "connections-max to 192"] {
            assert!(errors.contains(part), "{part:?} is not in {errors}");
        }
        let (_, errors) = Serving::start(&["--listen", "127.0.0.1:0", "--connections-max", "100"]).stop();
        assert!(!errors.contains("WARN"), "{errors}");
    }
}

mod end {
    use super::*;

    #[test]
    fn sigterm_and_ctrl_c_drain_and_report_in_one_line() {
        for name in ["TERM", "INT"] {
            let server = Serving::start(&["--listen", "127.0.0.1:0", "--log-level", "off"]);
            signal(&server.child, name);
            let (code, errors) = server.end();
            assert_eq!(code, Some(0), "{name}: {errors}");
            let [report] = errors.lines().collect::<Vec<_>>()[..] else { panic!("{name}: more than a line: {errors}") };
            assert!(report.starts_with("drained in ") && report.contains("0 cut off"), "{name}: {report}");
        }
    }

    /// Whoever has read the banner may stop the server at once.
    #[test]
    fn signal_right_after_the_banner_is_not_lost() {
        for _ in 0..10 {
            let (code, errors) = Serving::start(&["--listen", "127.0.0.1:0", "--workers", "1"]).stop();
            assert_eq!(code, Some(0), "{errors}");
        }
    }

    #[test]
    fn hangup_without_a_terminal_goes_on() {
        let server = Serving::start(&["--listen", "127.0.0.1:0"]);
        signal(&server.child, "HUP");
        server.await_error("SIGHUP: nothing to reload");
        let address = server.addresses()[0];
        assert!(std::net::TcpStream::connect(address).is_ok(), "it still serves");
        assert_eq!(server.stop().0, Some(0));
    }
}

mod logs {
    use super::*;

    #[test]
    fn json_lines_parse_and_bear_level_and_message() {
        let flags = ["--listen", "127.0.0.1:0", "--log-format", "json", "--log-level", "debug"];
        let (code, errors) = Serving::start(&flags).stop();
        assert_eq!(code, Some(0), "{errors}");
        let (report, lines): (Vec<&str>, Vec<&str>) = errors.lines().partition(|line| line.starts_with("drained in "));
        assert_eq!(report.len(), 1, "{errors}");
        assert!(lines.len() >= 2, "serving and draining are told: {errors}");
        for line in lines {
            let value: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            for key in ["timestamp", "level", "message", "target"] {
                assert!(value[key].is_string(), "{key} in {line}");
            }
        }
    }
}
