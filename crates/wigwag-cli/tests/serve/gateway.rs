//! What is particular to `wigwag gateway`; what it shares with `wigwag serve` is tested there.

use std::net::TcpListener;

use crate::support::{Serving, command, run, signal, stderr};

/// An address where nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").to_string()
}

#[test]
fn banner_says_what_is_relayed_where_and_who_does_not_answer() {
    let (upstream, other) = (nobody(), nobody());
    let flags = ["--upstream", &format!("ws://{upstream}/letters"), "--route", &format!("/chat=ws://{other}/c?d")];
    let gateway = Serving::gateway(&flags);
    let [address] = gateway.addresses()[..] else { panic!("one address is listened on: {:?}", gateway.banner) };
    assert!(gateway.banner[0].contains(" relays with "), "{:?}", gateway.banner);
    for line in [
        format!("  page     http://{address}/"),
        format!("  ws       ws://{address}/ws   → ws://{upstream}/letters   (also ws://{address})"),
        format!("  echo     ws://{address}/echo   → ws://{upstream}/echo"),
        format!("  letters  ws://{address}/letters   → ws://{upstream}/letters"),
        format!("  chat     ws://{address}/chat   → ws://{other}/c?d"),
        format!("  live     ws://{address}/metrics/live"),
        format!("  metrics  http://{address}/metrics"),
    ] {
        assert!(gateway.banner.contains(&line), "{line:?} is not in {:#?}", gateway.banner);
    }
    let silent = format!("  ws://{other}/c?d does not answer yet: ");
    assert!(gateway.banner.iter().any(|line| line.starts_with(&silent)), "{silent:?} is not in {:#?}", gateway.banner);
}

#[test]
fn a_route_for_the_root_takes_it_from_ws() {
    let (upstream, other) = (nobody(), nobody());
    let flags = ["--upstream", &format!("ws://{upstream}/letters"), "--route", &format!("/=ws://{other}/echo")];
    let gateway = Serving::gateway(&flags);
    let [address] = gateway.addresses()[..] else { panic!("one address is listened on: {:?}", gateway.banner) };
    for line in [
        format!("  ws       ws://{address}/ws   → ws://{upstream}/letters"),
        format!("  /        ws://{address}/   → ws://{other}/echo"),
    ] {
        assert!(gateway.banner.contains(&line), "{line:?} is not in {:#?}", gateway.banner);
    }
}

#[test]
fn a_gateway_that_relays_to_itself_says_so_at_the_start() {
    let address = nobody();
    let mut gateway = command(&["gateway", "--listen", &address, "--upstream", &format!("ws://{address}/ws")]);
    gateway.args(["--relay-services", "off"]);
    let gateway = Serving::spawn(gateway);
    let line = format!("  ws://{address}/ws leads back to this gateway: its clients get 508");
    assert!(gateway.banner.iter().any(|one| one.starts_with(&line)), "{line:?} is not in {:#?}", gateway.banner);
    let (code, errors) = gateway.stop();
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("WARN") && errors.contains("leads back to this gateway"), "{errors}");
}

#[test]
fn upstreams_that_nobody_verifies_are_warned_of_twice() {
    let upstream = format!("wss://{}/", nobody());
    let gateway = Serving::gateway(&["--upstream", &upstream, "--insecure-upstream"]);
    assert!(gateway.banner.iter().any(|line| line.starts_with("  INSECURE: ")), "{:?}", gateway.banner);
    let (code, errors) = gateway.stop();
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("WARN") && errors.contains("insecure-upstream"), "{errors}");
    let (_, errors) = Serving::gateway(&["--upstream", &upstream]).stop();
    assert!(!errors.contains("insecure"), "{errors}");
}

#[test]
fn roots_that_cannot_be_read_are_named() {
    let arguments =
        ["gateway", "--listen", "127.0.0.1:0", "--upstream", "wss://localhost/", "--upstream-ca", "absent.pem"];
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).starts_with("error: cannot relay /ws to wss://localhost/"), "{}", stderr(&output));
    assert!(stderr(&output).contains("cannot read absent.pem"), "{}", stderr(&output));
    assert_eq!(stderr(&output).matches("No such file").count(), 1, "{}", stderr(&output));
}

#[test]
fn header_that_is_never_passed_on_is_named() {
    let arguments = ["gateway", "--listen", "127.0.0.1:0", "--pass-header", "Upgrade"];
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("Upgrade"), "{}", stderr(&output));
}

#[test]
fn taken_port_is_named_with_what_to_do() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = holder.local_addr().expect("bound");
    let output = run(&["gateway", "--listen", &address.to_string()]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).starts_with(&format!("error: {address} is taken")), "{}", stderr(&output));
}

/// A client needs a socket on either side.
#[test]
fn too_few_descriptors_are_warned_of_sooner_than_by_the_server() {
    let limited = "ulimit -n 256 && exec \"$0\" \"$@\"";
    let program = command(&[]);
    let mut shell = std::process::Command::new("sh");
    shell.env_clear().arg("-c").arg(limited).arg(program.get_program());
    shell.args(["gateway", "--listen", "127.0.0.1:0", "--connections-max", "100"]);
    let (code, errors) = Serving::spawn(shell).stop();
    assert_eq!(code, Some(0), "{errors}");
    for part in ["WARN", "room for 96 connections", "ulimit -n 264"] {
        assert!(errors.contains(part), "{part:?} is not in {errors}");
    }
}

#[test]
fn sigterm_drains_and_reports_in_one_line() {
    let gateway = Serving::gateway(&["--log-level", "off"]);
    signal(&gateway.child, "TERM");
    let (code, errors) = gateway.end();
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.starts_with("drained in ") && errors.lines().count() == 1, "{errors}");
}
