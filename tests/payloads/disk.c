/* The writable tree: fuller, deeper and stranger than it should be. */
#include "payload.h"
#include <dirent.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

static int fill(int argc, char **argv)
{
    static char block[1 << 20];
    const char *path = argc > 1 ? argv[1] : "/box/fill";
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    memset(block, 5, sizeof block);
    long total = 0;
    for (ssize_t n; total < 4L << 30 && (n = write(fd, block, sizeof block)) > 0;)
        total += n;
    say("filled %ld, then %s", total, strerrorname_np(errno));
    return 3;
}

/* Fills it, frees it again and leaves as if nothing had been. */
static int fill_and_free(int argc, char **argv)
{
    int code = fill(argc, argv);
    unlink(argc > 1 ? argv[1] : "/box/fill");
    return code == 3 ? 0 : code;
}

static int inodes(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "/box";
    char path[256];
    long made = 0;
    for (; made < 3000000; made++) {
        snprintf(path, sizeof path, "%s/%ld", dir, made);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
        if (fd == -1)
            break;
        close(fd);
    }
    say("made %ld files, then %s", made, strerrorname_np(errno));
    return 3;
}

/* Sizes that no disk has. */
static int sparse(int argc, char **argv)
{
    signal(SIGXFSZ, SIG_IGN);
    int fd = open(argc > 1 ? argv[1] : "/box/sparse", O_RDWR | O_CREAT, 0600);
    tell("truncate 1 EiB", ftruncate(fd, 1L << 60));
    tell("fallocate 1 TiB", fallocate(fd, 0, 0, 1L << 40));
    tell("fallocate keep size", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 1L << 40));
    tell("write far out", pwrite(fd, "x", 1, 1L << 50));
    struct stat status;
    fstat(fd, &status);
    say("size %ld blocks %ld", (long)status.st_size, (long)status.st_blocks);
    return 0;
}

static int too_big(int argc, char **argv)
{
    static char block[1 << 20];
    int fd = open(argc > 1 ? argv[1] : "/box/big", O_WRONLY | O_CREAT, 0600);
    for (int i = 0; i < 64; i++)
        if (write(fd, block, sizeof block) <= 0)
            break;
    return 0;
}

/* Folders in folders, each entered by its name, until refused. */
static int deep(int argc, char **argv)
{
    long levels = argc > 1 ? atol(argv[1]) : 1000000, made = 0;
    if (chdir("/box"))
        return 1;
    for (; made < levels; made++)
        if (mkdir("d", 0700) || chdir("d"))
            break;
    say("deep %ld, then %s", made, strerrorname_np(errno));
    return 3;
}

static int names(int argc, char **argv)
{
    char longest[256];
    const char *dir = argc > 1 ? argv[1] : "/box";
    memset(longest, 'n', 255);
    longest[255] = 0;
    const char *odd[] = {"line\nbreak", "\xff\xfe\x80", "-rf", " ", "\x1b]0;title\x07", "\"quote'", "$(id)", longest};
    if (chdir(dir))
        return 1;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        tell("name", open(odd[i], O_WRONLY | O_CREAT, 0600) >= 0 ? 0 : -1);
    return 0;
}

/* Leaves things where a collector of results would stumble over them. */
static int litter(int argc, char **argv)
{
    const char *target = argc > 2 ? argv[2] : "/etc/shadow";
    if (argc < 2 || chdir(argv[1]))
        return 1;
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    tell("symlink", symlink(target, "output.txt"));
    tell("symlink dir", symlink("/", "everything"));
    tell("loop", symlink("loop", "loop"));
    tell("fifo", mkfifo("fifo", 0666));
    tell("socket", bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address));
    tell("hardlink", link(target, "hardlink"));
    tell("no access", mkdir("closed", 0000));
    tell("char null", mknod("null", S_IFCHR | 0666, makedev(1, 3)));
    tell("char mem", mknod("mem", S_IFCHR | 0666, makedev(1, 1)));
    tell("block disk", mknod("disk", S_IFBLK | 0666, makedev(254, 0)));
    return 0;
}

/* Swaps a folder for a link to somewhere else, over and over. */
static int swap(int argc, char **argv)
{
    if (argc < 3 || chdir(argv[1]))
        return 1;
    mkdir("real", 0777);
    tell("link", symlink(argv[2], "fake"));
    for (long i = 0;; i++)
        if (syscall(SYS_renameat2, AT_FDCWD, "real", AT_FDCWD, "fake", 2) == -1)
            return (int)tell("exchange", -1);
}

static int links(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int fd = open(argv[i], O_RDONLY | O_CLOEXEC), path = open(argv[i], O_PATH | O_CLOEXEC);
        char magic[64];
        snprintf(magic, sizeof magic, "/proc/self/fd/%d", fd);
        say("source %s", argv[i]);
        tell("link", link(argv[i], "/box/link"));
        tell("link by fd", linkat(fd, "", AT_FDCWD, "/box/link", AT_EMPTY_PATH));
        tell("link by path fd", linkat(path, "", AT_FDCWD, "/box/link", AT_EMPTY_PATH));
        tell("link by proc", linkat(AT_FDCWD, magic, AT_FDCWD, "/box/link", AT_SYMLINK_FOLLOW));
        tell("rename", rename(argv[i], "/box/link"));
    }
    return 0;
}

static int nodes(int argc, char **argv)
{
    char path[256];
    for (int i = 1; i < argc; i++) {
        snprintf(path, sizeof path, "%s/node-c", argv[i]);
        tell("mknod char", mknod(path, S_IFCHR | 0666, makedev(1, 5)));
        tell("open char", open(path, O_RDWR));
        snprintf(path, sizeof path, "%s/node-b", argv[i]);
        tell("mknod block", mknod(path, S_IFBLK | 0666, makedev(254, 0)));
        tell("open block", open(path, O_RDWR));
        snprintf(path, sizeof path, "%s/planted", argv[i]);
        tell("open planted", open(path, O_RDWR));
    }
    return 0;
}

static int attributes(int argc, char **argv)
{
    (void)argc, (void)argv;
    close(open("/box/file", O_WRONLY | O_CREAT, 0700));
    unsigned char caps[20] = {1, 0, 0, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    tell("trusted.overlay", setxattr("/box/file", "trusted.overlay.opaque", "y", 1, 0));
    tell("security.capability", setxattr("/box/file", "security.capability", caps, sizeof caps, 0));
    tell("security.other", setxattr("/box/file", "security.other", "x", 1, 0));
    tell("chown", chown("/box/file", 0, 0));
    tell("chmod setuid", chmod("/box/file", 06777));
    return 0;
}

/* Keeps memory in attributes of its own files, under every kind of name. */
static int hoard(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const char *const kinds[] = {"security.hoard", "trusted.hoard", "user.hoard", "system.hoard"};
    static char much[60000];
    int file = open("/box/file", O_WRONLY | O_CREAT, 0600);
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        tell(kinds[i], setxattr("/box/file", kinds[i], much, sizeof much, 0));
        tell(kinds[i], lsetxattr("/box/file", kinds[i], much, sizeof much, 0));
        tell(kinds[i], fsetxattr(file, kinds[i], much, sizeof much, 0));
    }
    return 0;
}

static int storm(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (long i = 0;; i++) {
        int fd = open("/box/storm", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (write(fd, &i, sizeof i) != sizeof i)
            return 1;
        fsync(fd);
        fdatasync(fd);
        close(fd);
    }
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"fill", fill},     {"fill-and-free", fill_and_free}, {"inodes", inodes}, {"sparse", sparse},
        {"too-big", too_big}, {"deep", deep},   {"names", names},   {"litter", litter},
        {"swap", swap},     {"links", links}, {"nodes", nodes},   {"attributes", attributes},
        {"hoard", hoard},   {"storm", storm},   {NULL, NULL},
    };
    return choose(modes, argc, argv);
}
