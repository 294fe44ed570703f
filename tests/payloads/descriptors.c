/* Descriptors: what was inherited, what they lead to, and what can be done to others through them. */
#include "payload.h"
#include <dirent.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <termios.h>

/* Every open descriptor and what it is. */
static int list(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int fd = 0; fd < 4096; fd++) {
        struct stat status;
        char link[64], target[4096];
        if (fstat(fd, &status) == -1)
            continue;
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, target, sizeof target - 1);
        target[length < 0 ? 0 : length] = 0;
        say("fd %d: mode %o, flags %#x, %s", fd, status.st_mode & S_IFMT, fcntl(fd, F_GETFL), target);
    }
    return 0;
}

/* Sends a descriptor of ours through everything we were given. */
static int pass(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int fd = 0; fd < 1024; fd++) {
        if (fcntl(fd, F_GETFD) == -1)
            continue;
        union { struct cmsghdr head; char room[CMSG_SPACE(sizeof(int))]; } control = {0};
        struct iovec data = {"x", 1};
        struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
                                 .msg_controllen = sizeof control};
        struct cmsghdr *part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(part), &(int){0}, sizeof(int));
        tell("send a descriptor", sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
    }
    return 0;
}

/* Changes what can be changed about the standard streams. */
static int meddle(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int fd = 0; fd < 3; fd++) {
        tell("O_NONBLOCK", fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK));
        tell("O_ASYNC", fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC));
        tell("owner", fcntl(fd, F_SETOWN, 1));
        tell("lease", fcntl(fd, F_SETLEASE, F_RDLCK));
        tell("lock", flock(fd, LOCK_EX | LOCK_NB));
        tell("truncate", ftruncate(fd, 0));
        tell("seek", lseek(fd, 0, SEEK_END));
        tell("pipe size", fcntl(fd, F_SETPIPE_SZ, 4096));
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        tell("reopen for writing", open(link, O_RDWR | O_NONBLOCK));
        tell("chmod", fchmod(fd, 0777));
    }
    sleep_ms(argc > 1 ? atol(argv[1]) : 0);
    return 0;
}

static int exhaust(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct rlimit limit = {1 << 20, 1 << 20};
    tell("raise nofile", setrlimit(RLIMIT_NOFILE, &limit));
    int count = 0;
    while (count < 100000 && dup(0) != -1)
        count++;
    say("descriptors: %d, then %s", count, strerrorname_np(errno));
    return 0;
}

/* Watches and polls until the kernel's limits per user are reached, and holds them. */
static int watches(int argc, char **argv)
{
    int instances = 0, polls = 0;
    for (int i = 0; i < 40; i++) {
        if (fork() != 0)
            continue;
        while (inotify_init1(0) != -1)
            ;
        sleep_ms(argc > 1 ? atol(argv[1]) : 500);
        _exit(0);
    }
    sleep_ms(200);
    int fd = inotify_init1(0);
    say("one more instance: %s", fd == -1 ? strerrorname_np(errno) : "GOT");
    while (polls < 100000 && epoll_create1(0) != -1)
        polls++;
    say("instances %d, polls %d", instances, polls);
    sleep_ms(argc > 1 ? atol(argv[1]) : 500);
    return 0;
}

static int one_watch(int argc, char **argv)
{
    (void)argc, (void)argv;
    return inotify_init1(0) == -1;
}

/* Puts words into the mouth of whoever reads the terminal. */
static int inject(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "plain";
    unsigned long request = strcmp(how, "paste") == 0 ? TIOCLINUX : TIOCSTI;
    if (strcmp(how, "high") == 0)
        request |= 0x100000000UL;
    for (int fd = 0; fd < 3; fd++)
        for (const char *at = request == TIOCLINUX ? "\3" : "echo injected\n"; *at; at++)
            tell("inject", syscall(SYS_ioctl, fd, request, at));
    return 0;
}

/* Takes the terminal over. */
static int terminal(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int fd = 0; fd < 3; fd++) {
        say("isatty %d: %d", fd, isatty(fd));
        tell("TIOCCONS", ioctl(fd, TIOCCONS, 0));
        tell("TIOCSCTTY", ioctl(fd, TIOCSCTTY, 1));
        tell("tcsetpgrp", tcsetpgrp(fd, getpgrp()));
    }
    tell("/dev/tty", open("/dev/tty", O_RDWR));
    tell("/dev/console", open("/dev/console", O_RDWR));
    tell("/dev/ptmx", open("/dev/ptmx", O_RDWR));
    return 0;
}

/* Takes locks on files that other jails can see too, and says which it got. */
static int locks(int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        int fd = open(argv[i], O_RDONLY);
        struct flock whole = {.l_type = F_RDLCK};
        say("%s", argv[i]);
        tell("flock", flock(fd, LOCK_EX | LOCK_NB));
        tell("posix", fcntl(fd, F_SETLK, &whole));
        tell("ofd", fcntl(fd, F_OFD_SETLK, &whole));
        tell("lease", fcntl(fd, F_SETLEASE, F_RDLCK));
    }
    sleep_ms(argc > 1 ? atol(argv[1]) : 0);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"list", list},       {"pass", pass},           {"meddle", meddle},     {"exhaust", exhaust},
        {"watches", watches}, {"one-watch", one_watch}, {"terminal", terminal}, {"locks", locks},
        {"inject", inject},           {NULL, NULL},
    };
    return choose(modes, argc, argv);
}
