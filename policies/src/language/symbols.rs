//! Names of kernel constants that rules may use. All of them are the same on every architecture we run on.

use super::rule::Errno;

/// The value of a constant.
pub(super) fn value(name: &str) -> Option<u64> {
    SYMBOLS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// Every name, for suggestions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    SYMBOLS.iter().map(|(name, _)| *name)
}

/// The name of a flag of clone, the call for which single bits matter.
pub(super) fn flag(bit: u64) -> Option<&'static str> {
    SYMBOLS.iter().find(|(name, value)| *value == bit && name.starts_with("CLONE_")).map(|(name, _)| *name)
}

/// An errno by its name.
pub(super) fn errno(name: &str) -> Option<Errno> {
    ERRNOS.iter().find(|(known, _)| *known == name).map(|(_, number)| Errno(*number))
}

/// The name of an errno.
pub(super) fn errno_name(errno: Errno) -> Option<&'static str> {
    ERRNOS.iter().find(|(_, number)| *number == errno.number()).map(|(name, _)| *name)
}

/// Every errno's name, for suggestions.
pub(super) fn errno_names() -> impl Iterator<Item = &'static str> {
    ERRNOS.iter().map(|(name, _)| *name)
}

/// An errno that a refused call may plausibly give. There is no way to fake success.
const ERRNOS: [(&str, u16); 20] = [
    ("EPERM", 1),
    ("ENOENT", 2),
    ("ESRCH", 3),
    ("EIO", 5),
    ("EBADF", 9),
    ("EAGAIN", 11),
    ("ENOMEM", 12),
    ("EACCES", 13),
    ("EBUSY", 16),
    ("ENODEV", 19),
    ("EINVAL", 22),
    ("ENOTTY", 25),
    ("ENOSPC", 28),
    ("ENOSYS", 38),
    ("EPROTO", 71),
    ("ENOPROTOOPT", 92),
    ("EPROTONOSUPPORT", 93),
    ("EOPNOTSUPP", 95),
    ("EAFNOSUPPORT", 97),
    ("EDQUOT", 122),
];

#[rustfmt::skip]
const SYMBOLS: [(&str, u64); 288] = [
    // Address families.
    ("AF_UNSPEC", 0), ("AF_UNIX", 1), ("AF_INET", 2), ("AF_AX25", 3), ("AF_IPX", 4), ("AF_APPLETALK", 5),
    ("AF_NETROM", 6), ("AF_BRIDGE", 7), ("AF_ATMPVC", 8), ("AF_X25", 9), ("AF_INET6", 10), ("AF_ROSE", 11),
    ("AF_DECnet", 12), ("AF_NETBEUI", 13), ("AF_SECURITY", 14), ("AF_KEY", 15), ("AF_NETLINK", 16),
    ("AF_PACKET", 17), ("AF_ASH", 18), ("AF_ECONET", 19), ("AF_ATMSVC", 20), ("AF_RDS", 21), ("AF_SNA", 22),
    ("AF_IRDA", 23), ("AF_PPPOX", 24), ("AF_WANPIPE", 25), ("AF_LLC", 26), ("AF_IB", 27), ("AF_MPLS", 28),
    ("AF_CAN", 29), ("AF_TIPC", 30), ("AF_BLUETOOTH", 31), ("AF_IUCV", 32), ("AF_RXRPC", 33),
    ("AF_ISDN", 34), ("AF_PHONET", 35), ("AF_IEEE802154", 36), ("AF_CAIF", 37), ("AF_ALG", 38),
    ("AF_NFC", 39), ("AF_VSOCK", 40), ("AF_KCM", 41), ("AF_QIPCRTR", 42), ("AF_SMC", 43), ("AF_XDP", 44),
    ("AF_MCTP", 45),
    // Socket types.
    ("SOCK_STREAM", 1), ("SOCK_DGRAM", 2), ("SOCK_RAW", 3), ("SOCK_SEQPACKET", 5),
    // Netlink protocols.
    ("NETLINK_ROUTE", 0),
    // Protocols of internet sockets.
    ("IPPROTO_IP", 0), ("IPPROTO_ICMP", 1), ("IPPROTO_TCP", 6), ("IPPROTO_UDP", 17), ("IPPROTO_ICMPV6", 58),
    // Socket option levels.
    ("SOL_SOCKET", 1), ("SOL_IP", 0), ("SOL_TCP", 6), ("SOL_UDP", 17), ("SOL_IPV6", 41),
    // Options of SOL_SOCKET.
    ("SO_DEBUG", 1), ("SO_REUSEADDR", 2), ("SO_TYPE", 3), ("SO_ERROR", 4), ("SO_DONTROUTE", 5),
    ("SO_BROADCAST", 6), ("SO_SNDBUF", 7), ("SO_RCVBUF", 8), ("SO_KEEPALIVE", 9), ("SO_OOBINLINE", 10),
    ("SO_PRIORITY", 12), ("SO_LINGER", 13), ("SO_REUSEPORT", 15), ("SO_PASSCRED", 16), ("SO_PEERCRED", 17),
    ("SO_RCVLOWAT", 18), ("SO_SNDLOWAT", 19), ("SO_RCVTIMEO_OLD", 20), ("SO_SNDTIMEO_OLD", 21),
    ("SO_BINDTODEVICE", 25), ("SO_TIMESTAMP_OLD", 29), ("SO_ATTACH_FILTER", 26), ("SO_DETACH_FILTER", 27),
    ("SO_INCOMING_CPU", 49), ("SO_ATTACH_BPF", 50), ("SO_RCVTIMEO_NEW", 66), ("SO_SNDTIMEO_NEW", 67),
    ("SO_ZEROCOPY", 60), ("SO_PEEK_OFF", 42),
    // Options of SOL_IP.
    ("IP_TOS", 1), ("IP_TTL", 2), ("IP_OPTIONS", 4), ("IP_RECVOPTS", 6), ("IP_PKTINFO", 8),
    ("IP_MTU_DISCOVER", 10), ("IP_RECVERR", 11), ("IP_RECVTTL", 12), ("IP_RECVTOS", 13),
    ("IP_FREEBIND", 15), ("IP_IPSEC_POLICY", 16), ("IP_XFRM_POLICY", 17), ("IP_BIND_ADDRESS_NO_PORT", 24), ("IP_MULTICAST_IF", 32), ("IP_MULTICAST_TTL", 33),
    ("IP_MULTICAST_LOOP", 34), ("IP_ADD_MEMBERSHIP", 35), ("IP_DROP_MEMBERSHIP", 36),
    ("IP_MULTICAST_ALL", 49),
    // Options of SOL_IPV6.
    ("IPV6_UNICAST_HOPS", 16), ("IPV6_MULTICAST_IF", 17), ("IPV6_MULTICAST_HOPS", 18),
    ("IPV6_MULTICAST_LOOP", 19), ("IPV6_ADD_MEMBERSHIP", 20), ("IPV6_DROP_MEMBERSHIP", 21),
    ("IPV6_MTU_DISCOVER", 23), ("IPV6_RECVERR", 25), ("IPV6_V6ONLY", 26), ("IPV6_MULTICAST_ALL", 29), ("IPV6_IPSEC_POLICY", 34), ("IPV6_XFRM_POLICY", 35), ("IPV6_RECVPKTINFO", 49),
    ("IPV6_RECVHOPLIMIT", 51), ("IPV6_RECVTCLASS", 66), ("IPV6_TCLASS", 67),
    // Options of SOL_TCP.
    ("TCP_NODELAY", 1), ("TCP_MAXSEG", 2), ("TCP_CORK", 3), ("TCP_KEEPIDLE", 4), ("TCP_KEEPINTVL", 5),
    ("TCP_KEEPCNT", 6), ("TCP_SYNCNT", 7), ("TCP_LINGER2", 8), ("TCP_DEFER_ACCEPT", 9),
    ("TCP_WINDOW_CLAMP", 10), ("TCP_QUICKACK", 12), ("TCP_CONGESTION", 13), ("TCP_USER_TIMEOUT", 18),
    ("TCP_FASTOPEN", 23), ("TCP_NOTSENT_LOWAT", 25), ("TCP_FASTOPEN_CONNECT", 30), ("TCP_ULP", 31),
    // Namespaces, for clone.
    ("CLONE_NEWTIME", 0x80), ("CLONE_NEWNS", 0x20000), ("CLONE_NEWCGROUP", 0x2000000),
    ("CLONE_NEWUTS", 0x4000000), ("CLONE_NEWIPC", 0x8000000), ("CLONE_NEWUSER", 0x10000000),
    ("CLONE_NEWPID", 0x20000000), ("CLONE_NEWNET", 0x40000000),
    // Other flags of clone.
    ("CLONE_THREAD", 0x10000),
    // Personalities.
    ("PER_LINUX", 0), ("PER_LINUX32", 8), ("ADDR_NO_RANDOMIZE", 0x40000), ("PER_QUERY", 0xffff_ffff),
    // prctl.
    ("PR_SET_PDEATHSIG", 1), ("PR_GET_PDEATHSIG", 2), ("PR_GET_DUMPABLE", 3), ("PR_SET_DUMPABLE", 4),
    ("PR_GET_KEEPCAPS", 7), ("PR_SET_KEEPCAPS", 8), ("PR_GET_TIMING", 13), ("PR_SET_NAME", 15),
    ("PR_GET_NAME", 16), ("PR_GET_SECCOMP", 21), ("PR_SET_SECCOMP", 22), ("PR_CAPBSET_READ", 23),
    ("PR_CAPBSET_DROP", 24), ("PR_GET_TSC", 25), ("PR_GET_SECUREBITS", 27), ("PR_SET_TIMERSLACK", 29),
    ("PR_GET_TIMERSLACK", 30), ("PR_SET_MM", 35), ("PR_SET_CHILD_SUBREAPER", 36),
    ("PR_GET_CHILD_SUBREAPER", 37), ("PR_SET_NO_NEW_PRIVS", 38), ("PR_GET_NO_NEW_PRIVS", 39),
    ("PR_GET_TID_ADDRESS", 40), ("PR_SET_THP_DISABLE", 41), ("PR_GET_THP_DISABLE", 42),
    ("PR_CAP_AMBIENT", 47), ("PR_GET_SPECULATION_CTRL", 52), ("PR_SET_SPECULATION_CTRL", 53),
    ("PR_SET_PTRACER", 0x59616d61), ("PR_SET_VMA", 0x53564d41), ("PR_SVE_GET_VL", 51),
    ("PR_GET_TAGGED_ADDR_CTRL", 56), ("PR_SET_IO_FLUSHER", 57),
    // fcntl.
    ("F_DUPFD", 0), ("F_GETFD", 1), ("F_SETFD", 2), ("F_GETFL", 3), ("F_SETFL", 4), ("F_GETLK", 5),
    ("F_SETLK", 6), ("F_SETLKW", 7), ("F_SETOWN", 8), ("F_GETOWN", 9), ("F_SETSIG", 10), ("F_GETSIG", 11),
    ("F_SETOWN_EX", 15), ("F_GETOWN_EX", 16), ("F_OFD_GETLK", 36), ("F_OFD_SETLK", 37),
    ("F_OFD_SETLKW", 38), ("F_SETLEASE", 1024), ("F_GETLEASE", 1025), ("F_NOTIFY", 1026),
    ("F_DUPFD_QUERY", 1027), ("F_DUPFD_CLOEXEC", 1030), ("F_SETPIPE_SZ", 1031), ("F_GETPIPE_SZ", 1032),
    ("F_ADD_SEALS", 1033), ("F_GET_SEALS", 1034), ("F_GET_RW_HINT", 1035), ("F_SET_RW_HINT", 1036),
    // ioctl on any descriptor and on files.
    ("FIONREAD", 0x541b), ("FIONBIO", 0x5421), ("FIONCLEX", 0x5450), ("FIOCLEX", 0x5451),
    ("FIOASYNC", 0x5452), ("FIOQSIZE", 0x5460), ("FICLONE", 0x40049409), ("FICLONERANGE", 0x4020940d),
    ("FIDEDUPERANGE", 0xc0189436), ("FS_IOC_FIEMAP", 0xc020660b), ("FS_IOC_GETFLAGS", 0x80086601),
    ("FIGETBSZ", 0x2), ("SIOCATMARK", 0x8905),
    // ioctl on terminals.
    ("TCGETS", 0x5401), ("TCSETS", 0x5402), ("TCSETSW", 0x5403), ("TCSETSF", 0x5404), ("TCGETA", 0x5405),
    ("TCSBRK", 0x5409), ("TCXONC", 0x540a), ("TCFLSH", 0x540b), ("TIOCEXCL", 0x540c), ("TIOCNXCL", 0x540d),
    ("TIOCSCTTY", 0x540e), ("TIOCGPGRP", 0x540f), ("TIOCSPGRP", 0x5410), ("TIOCOUTQ", 0x5411),
    ("TIOCSTI", 0x5412), ("TIOCGWINSZ", 0x5413), ("TIOCSWINSZ", 0x5414), ("TIOCLINUX", 0x541c),
    ("TIOCSETD", 0x5423), ("TIOCNOTTY", 0x5422), ("TIOCPKT", 0x5420), ("TIOCGETD", 0x5424),
    ("TCSBRKP", 0x5425), ("TIOCGSID", 0x5429), ("TIOCGPTN", 0x80045430), ("TIOCSPTLCK", 0x40045431),
    ("TIOCGPTLCK", 0x80045439), ("TIOCGPTPEER", 0x5441), ("TCGETS2", 0x802c542a), ("TCSETS2", 0x402c542b),
    ("TCSETSW2", 0x402c542c), ("TCSETSF2", 0x402c542d),
    // ioctl on sockets.
    ("SIOCGIFNAME", 0x8910), ("SIOCGIFCONF", 0x8912), ("SIOCGIFFLAGS", 0x8913), ("SIOCGIFADDR", 0x8915),
    ("SIOCGIFDSTADDR", 0x8917), ("SIOCGIFBRDADDR", 0x8919), ("SIOCGIFNETMASK", 0x891b),
    ("SIOCGIFMTU", 0x8921), ("SIOCGIFHWADDR", 0x8927), ("SIOCGIFINDEX", 0x8933), ("SIOCGIFTXQLEN", 0x8942),
    ("SIOCETHTOOL", 0x8946),
    // File types, for mknod.
    ("S_IFMT", 0xf000), ("S_IFSOCK", 0xc000), ("S_IFREG", 0x8000), ("S_IFIFO", 0x1000), ("S_IFCHR", 0x2000),
    ("S_IFBLK", 0x6000),
    // Scheduling classes.
    ("SCHED_OTHER", 0), ("SCHED_FIFO", 1), ("SCHED_RR", 2), ("SCHED_BATCH", 3), ("SCHED_IDLE", 5),
    ("SCHED_DEADLINE", 6),
    // Targets of setpriority.
    ("PRIO_PROCESS", 0),
    // madvise.
    ("MADV_HWPOISON", 100), ("MADV_SOFT_OFFLINE", 101),
];
