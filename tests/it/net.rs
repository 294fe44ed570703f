//! Attacks on the network, and through it.

use std::thread::sleep;
use std::time::Duration;

use dayfly_tests::{Canary, Dayfly, End, jail};

const NETWORK: &str = "/payload/network";

#[test]
fn row_72_metadata_services() {
    let _host = jail!();
    let places =
        ["169.254.169.254", "80", "fd00:ec2::254", "80", "100.100.100.200", "80", "168.63.129.16", "80"];
    for network in ["none", "loopback"] {
        let run =
            Dayfly::hostile().opt("--network", network).run([&[NETWORK, "reach"][..], &places].concat());
        run.ended(End::Exit(0)).got_nothing();
    }
}

#[test]
fn row_73_loopback_of_the_host() {
    let _host = jail!();
    let mut outside = Canary::new();
    let port = outside.port().to_string();
    for network in ["none", "loopback"] {
        for address in ["127.0.0.1", "::1", "0.0.0.0", "10.0.2.2", "192.168.0.1"] {
            let run = Dayfly::hostile().opt("--network", network).run([NETWORK, "reach", address, &port]);
            run.ended(End::Exit(0));
            assert!(!run.answers(address)[0].starts_with("GOT"), "{run:#?}");
        }
    }
    outside.assert_untouched();
}

#[test]
fn row_74_abstract_sockets_of_the_host() {
    let _host = jail!();
    let mut outside = Canary::new();
    for network in ["none", "loopback"] {
        let run =
            Dayfly::hostile().opt("--network", network).run([NETWORK, "abstract", outside.abstract_name()]);
        run.ended(End::Exit(0)).got_nothing();
        let run = Dayfly::new().opt("--network", network).run(["cat", "/proc/net/unix"]);
        run.tells_nothing_of(outside.abstract_name());
    }
    outside.assert_untouched();
}

#[test]
fn row_75_no_way_out_by_datagram_or_raw_packet() {
    let _host = jail!();
    for network in ["none", "loopback"] {
        let run = Dayfly::hostile().opt("--network", network).run([NETWORK, "raw"]);
        run.ended(End::Exit(0));
        for what in ["raw tcp", "raw icmp", "raw v6", "dns query", "foreign source", "transparent"] {
            assert!(!run.answers(what)[0].starts_with("GOT"), "{what}: {run:#?}");
        }
        let run = Dayfly::hostile().opt("--network", network).run([NETWORK, "interfaces"]);
        run.ended(End::Exit(0));
        let up = run.stdout.lines().any(|line| line == "loopback up");
        assert_eq!(up, network == "loopback", "{run:#?}");
        for what in ["bring loopback up", "tap"] {
            assert!(!run.answers(what)[0].starts_with("GOT"), "{what}: {run:#?}");
        }
        assert!(!run.stdout.contains("eth") && !run.stdout.contains("wlan"), "{run:#?}");
    }
}

#[test]
fn row_76_jails_do_not_share_a_network() {
    let _host = jail!();
    let jail = Dayfly::hostile().opt("--network", "loopback");
    let server = jail.spawn([NETWORK, "serve", "2500"]);
    sleep(Duration::from_millis(1000));
    let run = jail.run([NETWORK, "reach", "127.0.0.1", "5555"]);
    assert_eq!(run.answers("127.0.0.1")[0], "ECONNREFUSED", "{run:#?}");
    jail.run([NETWORK, "abstract", "between-jails"]).ended(End::Exit(0)).got_nothing();
    let served = server.wait();
    served.ended(End::Exit(0));
    assert_eq!(served.answers("own loopback"), ["GOT 0"], "the server never served: {served:#?}");
    // A network that was used before would show traffic.
    for _ in 0..3 {
        let run = jail.run([NETWORK, "interfaces"]);
        let loopback =
            run.stdout.lines().find(|line| line.trim_start().starts_with("lo:")).unwrap_or_default();
        assert!(loopback.split_whitespace().skip(1).all(|count| count == "0"), "{run:#?}");
    }
}
