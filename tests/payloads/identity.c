/* Who we are, who we could become, and what can be found out about others. */
#include "payload.h"
#include <dirent.h>
#include <ftw.h>
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <mqueue.h>

/* Says what we are as the kernel sees it. */
static int who(int argc, char **argv)
{
    (void)argc, (void)argv;
    uid_t real, effective, saved;
    gid_t group, effective_group, saved_group, list[64];
    char line[256];
    getresuid(&real, &effective, &saved);
    getresgid(&group, &effective_group, &saved_group);
    say("uids %u %u %u", real, effective, saved);
    say("gids %u %u %u", group, effective_group, saved_group);
    int groups = getgroups(64, list);
    say("in %d groups", groups);
    for (int i = 0; i < groups; i++)
        say("group %u", list[i]);
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "Cap", 3) == 0 || strncmp(line, "NoNewPrivs", 10) == 0 || strncmp(line, "Seccomp:", 8) == 0)
            say("%.*s", (int)strcspn(line, "\n"), line);
    say("dumpable %d", prctl(PR_GET_DUMPABLE));
    say("session leader %d, parent %d", getsid(0) == getpid(), getppid());
    return 0;
}

/* Becomes somebody else. */
static int become(int argc, char **argv)
{
    (void)argc, (void)argv;
    gid_t root = 0;
    tell("setuid(0)", setuid(0));
    tell("setgid(0)", setgid(0));
    tell("setreuid", setreuid(0, 0));
    tell("setresuid", setresuid(0, 0, 0));
    tell("setresgid", setresgid(0, 0, 0));
    tell("setresuid 1", setresuid(1, 1, 1));
    tell("setgroups", setgroups(1, &root));
    setfsuid(0);
    tell("fsuid", setfsuid(-1) == 0 ? 0 : (errno = EPERM, -1));
    tell("keepcaps", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0));
    return 0;
}

/* Runs a program that the file system says is privileged, and lets it say what it became. */
static int run_privileged(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        say("running %s", argv[i]);
        pid_t child = fork();
        if (child == 0) {
            execl(argv[i], argv[i], "who", (char *)NULL);
            tell("exec", -1);
            _exit(0);
        }
        waitpid(child, NULL, 0);
    }
    return 0;
}

static unsigned char wanted[256];
static size_t wanted_length;

/* The text is given with each character raised by one, so that our own arguments do not hold it. */
static void decode(const char *text)
{
    for (wanted_length = 0; text[wanted_length]; wanted_length++)
        wanted[wanted_length] = (unsigned char)(text[wanted_length] - 1);
}

static void search_fd(const char *path, int fd)
{
    static unsigned char block[1 << 20];
    ssize_t n = read(fd, block, sizeof block);
    if (n > 0 && memmem(block, (size_t)n, wanted, wanted_length))
        say("FOUND in %s", path);
    close(fd);
}

static int search_file(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)where;
    /* Programs of the host, too: tens of thousands of files. */
    if (kind == FTW_D && !strcmp(path, "/opt/rustup/toolchains"))
        return FTW_SKIP_SUBTREE;
    if (kind == FTW_F && (S_ISREG(status->st_mode) || S_ISLNK(status->st_mode))) {
        int fd = open(path, O_RDONLY | O_NONBLOCK);
        if (fd != -1)
            search_fd(path, fd);
    }
    if (kind == FTW_SL || kind == FTW_SLN) {
        char target[4096];
        ssize_t n = readlink(path, target, sizeof target);
        if (n > 0 && memmem(target, (size_t)n, wanted, wanted_length))
            say("FOUND in link %s", path);
    }
    return FTW_CONTINUE;
}

/* Looks for a text everywhere but in the programs of the host: every file, every process, our own memory. */
static int search(int argc, char **argv)
{
    if (argc < 2)
        return 99;
    decode(argv[1]);
    static const char *const trees[] = {"/proc", "/etc", "/dev", "/tmp", "/box", "/run", "/var", "/home",
                                        "/root", "/sys", "/opt", "/srv", "/mnt", "/media"};
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++)
        nftw(trees[i], search_file, 32, FTW_PHYS | FTW_ACTIONRETVAL);
    for (char **entry = environ; *entry; entry++)
        if (memmem(*entry, strlen(*entry), wanted, wanted_length))
            say("FOUND in the environment");
    say("searched");
    return 0;
}

/* Makes objects that outlive processes, and looks for those of others. */
static int objects(int argc, char **argv)
{
    (void)argc, (void)argv;
    tell("shm", shmget(0x5eed, 65536, IPC_CREAT | 0666) == -1 ? -1 : 0);
    tell("msg", msgget(0x5eed, IPC_CREAT | 0666) == -1 ? -1 : 0);
    tell("sem", semget(0x5eed, 1, IPC_CREAT | 0666) == -1 ? -1 : 0);
    tell("mq", mq_open("/left-behind", O_RDWR | O_CREAT, 0666, NULL) == -1 ? -1 : 0);
    tell("shm_open", shm_open("/left-behind", O_RDWR | O_CREAT, 0666) == -1 ? -1 : 0);
    return 0;
}

static int foreign_objects(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int id = 0; id < 200000; id++) {
        void *at = shmat(id, NULL, SHM_RDONLY);
        if (at != (void *)-1)
            say("FOUND shm %d: %.80s", id, (char *)at);
    }
    tell("shm by key", shmget(0x5eed, 0, 0));
    tell("msg by key", msgget(0x5eed, 0));
    tell("mq by name", mq_open("/left-behind", O_RDONLY));
    tell("shm by name", shm_open("/left-behind", O_RDONLY, 0));
    return 0;
}

/* Files that someone left for us: there must be none. */
static int leftovers(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const char *const dirs[] = {"/box", "/tmp", "/dev/shm"};
    for (size_t i = 0; i < 3; i++) {
        DIR *dir = opendir(dirs[i]);
        for (struct dirent *entry; dir && (entry = readdir(dir));)
            if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
                say("FOUND %s/%s", dirs[i], entry->d_name);
    }
    static unsigned char block[1 << 20];
    int fd = open("/box/fresh", O_RDWR | O_CREAT, 0600);
    tell("fallocate", fallocate(fd, 0, 0, 16 << 20));
    for (ssize_t n; (n = read(fd, block, sizeof block)) > 0;)
        for (ssize_t i = 0; i < n; i++)
            if (block[i])
                return (int)tell("FOUND old bytes", 0);
    return 0;
}

/* Crashes, after saying how much of us may be written to a core file. */
static int crash(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct rlimit core;
    getrlimit(RLIMIT_CORE, &core);
    say("core %lu %lu", (unsigned long)core.rlim_cur, (unsigned long)core.rlim_max);
    prctl(PR_SET_DUMPABLE, 1);
    core.rlim_cur = core.rlim_max = RLIM_INFINITY;
    tell("raise core", setrlimit(RLIMIT_CORE, &core));
    abort();
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"who", who},         {"become", become}, {"run-privileged", run_privileged},
        {"search", search},   {"objects", objects}, {"foreign-objects", foreign_objects},
        {"leftovers", leftovers}, {"crash", crash}, {NULL, NULL},
    };
    return choose(modes, argc, argv);
}
