/* The network: who answers, which families there are, what listens. */
#include "payload.h"
#include <arpa/inet.h>
#include <linux/icmp.h>
#include <linux/if.h>
#include <linux/if_alg.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static void try_connect(const char *what, int family, int type, const struct sockaddr *to, socklen_t length)
{
    int fd = socket(family, type, 0);
    if (fd == -1) {
        say("%s: socket %s", what, strerrorname_np(errno));
        return;
    }
    struct timeval wait = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    tell(what, connect(fd, to, length));
    if (type == SOCK_DGRAM)
        tell("datagram", send(fd, "leak", 4, 0));
    close(fd);
}

/* connect ADDRESS PORT … by TCP and UDP. */
static int reach(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[i + 1]))};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = v4.sin_port};
        if (inet_pton(AF_INET, argv[i], &v4.sin_addr) == 1) {
            try_connect(argv[i], AF_INET, SOCK_STREAM, (struct sockaddr *)&v4, sizeof v4);
            try_connect(argv[i], AF_INET, SOCK_DGRAM, (struct sockaddr *)&v4, sizeof v4);
        } else if (inet_pton(AF_INET6, argv[i], &v6.sin6_addr) == 1) {
            try_connect(argv[i], AF_INET6, SOCK_STREAM, (struct sockaddr *)&v6, sizeof v6);
            try_connect(argv[i], AF_INET6, SOCK_DGRAM, (struct sockaddr *)&v6, sizeof v6);
        }
    }
    return 0;
}

/* Abstract Unix sockets by name. */
static int abstract(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        size_t length = strlen(argv[i]);
        memcpy(address.sun_path + 1, argv[i], length);
        try_connect(argv[i], AF_UNIX, SOCK_STREAM, (struct sockaddr *)&address,
                    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length));
    }
    return 0;
}

/* Listens on loopback and on an abstract name for a while. */
static int serve(int argc, char **argv)
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(5555), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0between-jails"};
    int tcp = socket(AF_INET, SOCK_STREAM, 0), unix_socket = socket(AF_UNIX, SOCK_STREAM, 0);
    tell("bind loopback", bind(tcp, (struct sockaddr *)&local, sizeof local));
    tell("listen", listen(tcp, 5));
    tell("bind abstract", bind(unix_socket, (struct sockaddr *)&name, sizeof(sa_family_t) + 14));
    tell("listen", listen(unix_socket, 5));
    try_connect("own loopback", AF_INET, SOCK_STREAM, (struct sockaddr *)&local, sizeof local);
    sleep_ms(argc > 1 ? atol(argv[1]) : 0);
    return 0;
}

/* socket NUMBER…: opens one socket of each given family, in every type. */
static int families(int argc, char **argv)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_RDM};
    for (int i = 1; i < argc; i++)
        for (size_t type = 0; type < sizeof types / sizeof *types; type++) {
            char what[64];
            snprintf(what, sizeof what, "family %s type %d", argv[i], types[type]);
            int fd = socket(atoi(argv[i]), types[type], 0);
            tell(what, fd == -1 ? -1 : 0);
        }
    return 0;
}

/* Raw packets, echo requests, sources that are not ours. */
static int raw(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct sockaddr_in foreign = {.sin_family = AF_INET, .sin_addr = {htonl(0x08080808)}};
    struct sockaddr_in dns = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr = {htonl(0x08080808)}};
    int udp = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
    tell("raw tcp", socket(AF_INET, SOCK_RAW, IPPROTO_TCP));
    tell("raw icmp", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    tell("raw v6", socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
    int ping = (int)tell("ping socket", socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) == -1 ? -1 : 0);
    tell("dns query", sendto(udp, "query", 5, 0, (struct sockaddr *)&dns, sizeof dns));
    tell("foreign source", bind(udp, (struct sockaddr *)&foreign, sizeof foreign));
    tell("transparent", setsockopt(udp, SOL_IP, 19, &on, sizeof on));
    return ping == 12345;
}

/* Options that open parts of the kernel nobody here needs. */
static int options(int argc, char **argv)
{
    (void)argc, (void)argv;
    char zeros[512] = {0};
    int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof local;
    int server = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server, (struct sockaddr *)&local, length) || listen(server, 1) ||
        getsockname(server, (struct sockaddr *)&local, &length) || connect(tcp, (struct sockaddr *)&local, length))
        say("no connection: %s", strerrorname_np(errno));
    tell("TCP_ULP tls", setsockopt(tcp, IPPROTO_TCP, TCP_ULP, "tls", 4));
    tell("TCP_ULP espintcp", setsockopt(tcp, IPPROTO_TCP, TCP_ULP, "espintcp", 9));
    tell("TCP_ULP mptcp", setsockopt(tcp, IPPROTO_TCP, TCP_ULP, "mptcp", 6));
    tell("IP_XFRM_POLICY", setsockopt(udp, SOL_IP, 17, zeros, sizeof zeros));
    tell("IP_IPSEC_POLICY", setsockopt(udp, SOL_IP, 16, zeros, sizeof zeros));
    tell("UDP_ENCAP", setsockopt(udp, IPPROTO_UDP, 100, &(int){2}, sizeof(int)));
    tell("IPT_SO_SET_REPLACE", setsockopt(udp, SOL_IP, 64, zeros, sizeof zeros));
    tell("IP6T_SO_SET_REPLACE", setsockopt(socket(AF_INET6, SOCK_DGRAM, 0), SOL_IPV6, 64, zeros, sizeof zeros));
    tell("SO_MARK", setsockopt(udp, SOL_SOCKET, SO_MARK, &on, sizeof on));
    tell("SO_BINDTODEVICE", setsockopt(udp, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5));
    tell("SO_ATTACH_REUSEPORT_EBPF", setsockopt(udp, SOL_SOCKET, 52, &on, sizeof on));
    return 0;
}

/* Shows the interfaces and the counters of loopback. */
static int interfaces(int argc, char **argv)
{
    (void)argc, (void)argv;
    char text[4096];
    int fd = open("/proc/net/dev", O_RDONLY);
    ssize_t n = fd == -1 ? -1 : read(fd, text, sizeof text - 1);
    text[n < 0 ? 0 : n] = 0;
    say("%s", n < 0 ? strerrorname_np(errno) : text);
    struct ifreq request = {.ifr_name = "lo"};
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    say("loopback %s", ioctl(udp, SIOCGIFFLAGS, &request) == 0 && request.ifr_flags & IFF_UP ? "up" : "down");
    request.ifr_flags |= IFF_UP;
    tell("bring loopback up", ioctl(udp, SIOCSIFFLAGS, &request));
    tell("tap", ioctl(open("/dev/net/tun", O_RDWR), 0x400454ca, &request));
    return 0;
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"reach", reach},       {"abstract", abstract}, {"serve", serve},           {"families", families},
        {"raw", raw},           {"options", options},   {"interfaces", interfaces}, {NULL, NULL},
    };
    return choose(modes, argc, argv);
}
