//! Rows 40 and 42: sockets and their options.

use crate::words::*;

#[test]
fn row_40_socket_families() {
    const UNIX: u64 = 1;
    const INET: u64 = 2;
    const INET6: u64 = 10;
    const NETLINK: u64 = 16;
    const STREAM: u64 = 1;
    check_all(&[
        ("socket", &[UNIX, STREAM, 0], [EACCES, EACCES, Allow, Allow]),
        ("socket", &[INET, STREAM, 0], [Stop, EACCES, Allow, Allow]),
        ("socket", &[INET6, STREAM, 6], [Stop, EACCES, Allow, Allow]),
        // SCTP and MPTCP would be loaded for the job.
        ("socket", &[INET, STREAM, 132], [Stop, EACCES, ENOSYS, ENOSYS]),
        ("socket", &[INET, STREAM, 262], [Stop, EACCES, ENOSYS, ENOSYS]),
        ("socket", &[NETLINK, 3, 0], [Stop, EACCES, EAFNOSUPPORT, Allow]),
        // NETLINK_NETFILTER and NETLINK_XFRM.
        ("socket", &[NETLINK, 3, 12], [Stop, EACCES, EAFNOSUPPORT, ENOSYS]),
        ("socket", &[NETLINK, 3, 6], [Stop, EACCES, EAFNOSUPPORT, ENOSYS]),
        ("socketpair", &[UNIX, STREAM], [ENOSYS, Allow, Allow, Allow]),
        ("socketpair", &[30, STREAM], [ENOSYS; 4]),
    ]);
    // KEY, PACKET, RDS, LLC, CAN, TIPC, BLUETOOTH, RXRPC, ALG, NFC, VSOCK, KCM, QIPCRTR, SMC, XDP.
    for family in [15, 17, 21, 26, 29, 30, 31, 33, 38, 39, 40, 41, 42, 43, 44] {
        check("socket", &[family, STREAM, 0], [Stop, Stop, Stop, EAFNOSUPPORT]);
        check("socket", &[family | HIGH, STREAM, 0], [Stop, Stop, Stop, EAFNOSUPPORT]);
    }
    // Families without a name here are not there either.
    for family in [3, 4, 9, 19, 45, 46, 255] {
        check("socket", &[family, STREAM, 0], [ENOSYS; 4]);
    }
}

#[test]
fn row_42_socket_options() {
    check_all(&[
        ("setsockopt", &[0, 1, 2], [ENOSYS, Allow, Allow, Allow]),
        ("setsockopt", &[0, 6, 1], [ENOSYS, ENOSYS, Allow, Allow]),
        // TCP_ULP, IP_XFRM_POLICY, IPV6_XFRM_POLICY, SO_ATTACH_FILTER, SO_ATTACH_BPF, IPT_SO_SET_REPLACE.
        ("setsockopt", &[0, 6, 31], [ENOSYS, ENOSYS, ENOPROTOOPT, ENOPROTOOPT]),
        ("setsockopt", &[0, 6 | HIGH, 31 | HIGH], [ENOSYS, ENOSYS, ENOPROTOOPT, ENOPROTOOPT]),
        ("setsockopt", &[0, 0, 17], [ENOSYS, ENOSYS, ENOPROTOOPT, ENOPROTOOPT]),
        ("setsockopt", &[0, 41, 35], [ENOSYS, ENOSYS, ENOPROTOOPT, ENOPROTOOPT]),
        ("setsockopt", &[0, 1, 26], [ENOSYS; 4]),
        ("setsockopt", &[0, 1, 50], [ENOSYS; 4]),
        ("setsockopt", &[0, 0, 64], [ENOSYS; 4]),
        ("setsockopt", &[0, 282, 1], [ENOSYS; 4]),
    ]);
}
