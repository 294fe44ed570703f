//! The table of who may be called.

use super::*;

fn strict() -> Rules {
    Rules::default()
}

#[test]
fn the_public_internet_may_be_called() {
    for address in ["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111"] {
        assert!(strict().allow(address.parse().unwrap()), "{address}");
    }
}

#[test]
fn nothing_else_may() {
    let inside = [
        "0.0.0.0",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.9.9.9",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "::7f00:1",
    ];
    for address in inside {
        assert!(!strict().allow(address.parse().unwrap()), "{address}");
    }
}

#[test]
fn the_operator_can_allow_a_range() {
    let rules = Rules { allowed: vec!["127.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()] };
    assert!(rules.allow("127.0.0.1".parse().unwrap()));
    assert!(rules.allow("::ffff:127.0.0.1".parse().unwrap()), "the same address, written otherwise");
    assert!(rules.allow("fd12::1".parse().unwrap()));
    assert!(!rules.allow("10.0.0.1".parse().unwrap()));
    assert!(!rules.allow("::1".parse().unwrap()));
}

#[test]
fn every_way_to_write_a_loopback_address_is_seen_through() {
    let refused = [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:7f00:1]/",
        "http://0/",
        "https://169.254.169.254/latest/meta-data",
    ];
    for address in refused {
        let problem = strict().check(address).unwrap_err();
        assert!(problem.contains("public internet"), "{address}: {problem}");
    }
}

#[test]
fn only_plain_web_addresses_are_taken() {
    for address in
        ["ftp://example.org/", "file:///etc/passwd", "example.org", "http://", "http://u:p@example.org/"]
    {
        assert!(strict().check(address).is_err(), "{address}");
    }
    assert!(strict().check("https://example.org:8443/hook?a=b").is_ok());
}

#[test]
fn ranges_are_read_strictly() {
    for text in ["10.0.0.0", "10.0.0.0/33", "::/129", "x/8", "10.0.0.0/-1", "10.0.0/8"] {
        assert!(text.parse::<Network>().is_err(), "{text}");
    }
    assert!("0.0.0.0/0".parse::<Network>().unwrap().contains("9.9.9.9".parse().unwrap()));
    assert!("::/0".parse::<Network>().unwrap().contains("::1".parse().unwrap()));
}
