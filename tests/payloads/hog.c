/* Memory, by every way there is to get it. Each mode goes on until it is refused or killed, then says how much
 * it holds and stays, so that the holding can be seen. */
#include "payload.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>

#define MIB (1L << 20)
#define CAP (4L << 30)

static int hold(const char *what, long bytes)
{
    say("%s: held %ld MiB, last error %s", what, bytes / MIB, errno ? strerrorname_np(errno) : "none");
    return 0;
}

static int anonymous(int argc, char **argv)
{
    (void)argc, (void)argv;
    long got = 0;
    for (; got < CAP; got += MIB) {
        char *page = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
            break;
        memset(page, (int)(got / MIB) | 1, MIB);
    }
    return hold("anonymous", got);
}

/* A child takes the memory; the parent would like to carry on as if nothing had happened. */
static int helper(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t child = fork();
    if (child == 0)
        _exit(anonymous(0, NULL));
    int status = 0;
    waitpid(child, &status, 0);
    for (int i = 0; i < 50; i++) {
        sleep_ms(20);
        say("parent carries on after status %d", status);
    }
    return 0;
}

static int fill_fd(const char *what, int fd)
{
    static char block[MIB];
    memset(block, 7, sizeof block);
    long got = 0;
    while (fd >= 0 && got < CAP) {
        ssize_t n = write(fd, block, sizeof block);
        if (n <= 0)
            break;
        got += n;
    }
    return hold(what, got);
}

static int file(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "/tmp/hog";
    return fill_fd(path, open(path, O_WRONLY | O_CREAT, 0600));
}

static int memory_file(int argc, char **argv)
{
    (void)argc, (void)argv;
    return fill_fd("memfd", (int)tell("memfd_create", memfd_create("hog", 0)));
}

static int shared(int argc, char **argv)
{
    (void)argc, (void)argv;
    long got = 0;
    for (; got < CAP; got += 16 * MIB) {
        char *page = mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
            break;
        memset(page, 1, 16 * MIB);
    }
    return hold("shared", got);
}

static int sysv(int argc, char **argv)
{
    (void)argc, (void)argv;
    long got = 0;
    for (; got < CAP; got += 16 * MIB) {
        int id = shmget(IPC_PRIVATE, 16 * MIB, IPC_CREAT | 0600);
        char *page = id == -1 ? (void *)-1 : shmat(id, NULL, 0);
        if (page == (void *)-1)
            break;
        memset(page, 1, 16 * MIB);
        shmdt(page);
    }
    return hold("sysv", got);
}

static int queues(int argc, char **argv)
{
    (void)argc, (void)argv;
    static struct { long type; char text[8000]; } message = {.type = 1};
    long got = 0;
    for (int queue; got < CAP && (queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600)) != -1;)
        while (msgsnd(queue, &message, sizeof message.text, IPC_NOWAIT) == 0)
            got += 8000;
    return hold("queues", got);
}

static int pipes(int argc, char **argv)
{
    (void)argc, (void)argv;
    static char block[65536];
    long got = 0;
    for (int round = 0; round < 200; round++) {
        int ends[2], made = 0;
        pid_t child = fork();
        if (child == -1)
            break;
        if (child > 0) {
            waitpid(child, NULL, WNOHANG);
            got += 60L * 65536;
            sleep_ms(5);
            continue;
        }
        while (made++ < 400 && pipe2(ends, O_NONBLOCK) == 0) {
            fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
            while (write(ends[1], block, sizeof block) > 0)
                ;
        }
        for (;;)
            pause();
    }
    return hold("pipes", got);
}

static int sockets(int argc, char **argv)
{
    (void)argc, (void)argv;
    static char block[65536];
    long got = 0;
    for (int round = 0; round < 200; round++) {
        int ends[2];
        pid_t child = fork();
        if (child == -1)
            break;
        if (child > 0) {
            got++;
            sleep_ms(5);
            continue;
        }
        while (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0) {
            int size = 8 << 20;
            setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
            while (send(ends[0], block, sizeof block, MSG_DONTWAIT) > 0)
                ;
        }
        for (;;)
            pause();
    }
    return hold("sockets", got * MIB);
}

/* One touched page per 2 MiB: nearly all the memory is page tables. */
static int page_tables(int argc, char **argv)
{
    (void)argc, (void)argv;
    long touched = 0;
    for (long region = 0; region < 4096; region++) {
        char *page = mmap(NULL, 1L << 30, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (page == MAP_FAILED)
            break;
        madvise(page, 1L << 30, MADV_NOHUGEPAGE);
        for (long at = 0; at < 1L << 30; at += 2 * MIB, touched++)
            (void)*(volatile char *)(page + at);
    }
    return hold("page tables", touched * 4096);
}

/* Names that do not exist: each is remembered by the kernel. */
static int dentries(int argc, char **argv)
{
    (void)argc, (void)argv;
    char path[256];
    struct stat status;
    long tried = 0;
    for (; tried < 2000000; tried++) {
        snprintf(path, sizeof path, "/box/%0200ld", tried);
        if (stat(path, &status) == 0)
            break;
    }
    return hold("dentries", tried * 400);
}

static int locked(int argc, char **argv)
{
    (void)argc, (void)argv;
    char *page = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    tell("mlock 64M", mlock(page, 64 * MIB));
    tell("mlockall", mlockall(MCL_CURRENT | MCL_FUTURE));
    tell("mmap locked", (long)mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0) == -1 ? -1 : 0);
    tell("huge pages", (long)mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0) == -1 ? -1 : 0);
    tell("shm huge", shmget(IPC_PRIVATE, 2 * MIB, IPC_CREAT | SHM_HUGETLB | 0600));
    int huge = memfd_create("huge", MFD_HUGETLB);
    tell("memfd huge", huge == -1 || ftruncate(huge, 2 * MIB) == -1 ||
                               mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, huge, 0) == MAP_FAILED
                           ? -1
                           : 0);
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    tell("raise memlock", setrlimit(RLIMIT_MEMLOCK, &limit));
    return 0;
}

static int deeper(volatile char *above, long depth)
{
    volatile char frame[4096];
    frame[0] = above ? above[0] : 1;
    return depth == 0 ? frame[0] : deeper(frame, depth - 1) + frame[0];
}

static int stack(int argc, char **argv)
{
    long mib = argc > 1 ? atol(argv[1]) : 1024;
    say("stack: %d", deeper(NULL, mib * 256) != 0);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"anonymous", anonymous}, {"helper", helper},   {"file", file},
        {"memfd", memory_file},   {"shared", shared},   {"sysv", sysv},
        {"queues", queues},       {"pipes", pipes},     {"sockets", sockets},
        {"page-tables", page_tables}, {"dentries", dentries}, {"locked", locked},
        {"stack", stack},         {NULL, NULL},
    };
    return choose(modes, argc, argv);
}
