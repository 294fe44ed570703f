/* Out of the root: up, through magic links, through old roots; and into whatever runs us. */
#include "payload.h"
#include <dirent.h>
#include <sched.h>
#include <sys/mount.h>

/* Prints what is in a file, if it can be had in any way. */
static void show(const char *how, int dir, const char *path)
{
    char text[256];
    int fd = openat(dir, path, O_RDONLY | O_NONBLOCK);
    ssize_t n = fd == -1 ? -1 : read(fd, text, sizeof text - 1);
    if (n < 0) {
        say("%s %s: %s", how, path, strerrorname_np(errno));
    } else {
        text[n] = 0;
        say("%s %s: READ %s", how, path, text);
    }
    if (fd != -1)
        close(fd);
}

static void each_process(const char *secret)
{
    char path[4096];
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
            continue;
        snprintf(path, sizeof path, "/proc/%s/root%s", entry->d_name, secret);
        show("root of", AT_FDCWD, path);
        snprintf(path, sizeof path, "/proc/%s/cwd/../../../../..%s", entry->d_name, secret);
        show("cwd of", AT_FDCWD, path);
        for (int fd = 0; fd < 64; fd++) {
            snprintf(path, sizeof path, "/proc/%s/fd/%d/../../../../..%s", entry->d_name, fd, secret);
            if (access(path, F_OK) == 0)
                show("descriptor of", AT_FDCWD, path);
        }
        snprintf(path, sizeof path, "/proc/%s/map_files", entry->d_name);
        tell("map_files", open(path, O_RDONLY | O_DIRECTORY) == -1 ? -1 : 0);
    }
}

/* Tries to read the file outside whose path it is given. */
static int read_outside(int argc, char **argv)
{
    char path[4096];
    for (int i = 1; i < argc; i++) {
        const char *secret = argv[i];
        show("plain", AT_FDCWD, secret);
        snprintf(path, sizeof path, "../../../../../../../../..%s", secret);
        show("up", AT_FDCWD, path);
        for (int fd = 0; fd < 1024; fd++)
            if (fcntl(fd, F_GETFD) != -1)
                show("from descriptor", fd, path);
        each_process(secret);
        snprintf(path, sizeof path, "/proc/self/root/../..%s", secret);
        show("self root", AT_FDCWD, path);
        snprintf(path, sizeof path, "/oldroot%s", secret);
        show("old root", AT_FDCWD, path);
        snprintf(path, sizeof path, "/.pivot_root%s", secret);
        show("old root", AT_FDCWD, path);
    }
    return 0;
}

/* The classic: keep a descriptor of the root, change the root below it, climb. */
static int climb(int argc, char **argv)
{
    int root = open("/", O_RDONLY | O_DIRECTORY);
    mkdir("/box/cell", 0700);
    tell("chroot", chroot("/box/cell"));
    tell("fchdir", fchdir(root));
    for (int i = 0; i < 64; i++)
        if (chdir("..") == -1)
            break;
    tell("chroot .", chroot("."));
    for (int i = 1; i < argc; i++) {
        show("after climbing", AT_FDCWD, argv[i]);
        show("after climbing", AT_FDCWD, argv[i] + 1);
    }
    tell("umount /", umount2("/", MNT_DETACH));
    for (int i = 1; i < argc; i++)
        show("below the root mount", AT_FDCWD, argv[i]);
    return 0;
}

/* Opens every program that runs, ours and others', for writing. */
static int executables(int argc, char **argv)
{
    (void)argc, (void)argv;
    char path[300];
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
            continue;
        snprintf(path, sizeof path, "/proc/%s/exe", entry->d_name);
        int fd = open(path, O_RDONLY);
        say("%s: %s", path, fd == -1 ? strerrorname_np(errno) : "readable");
        char again[64];
        snprintf(again, sizeof again, "/proc/self/fd/%d", fd);
        tell("write", open(path, O_WRONLY));
        tell("write through descriptor", fd == -1 ? -1 : open(again, O_WRONLY));
        tell("truncate", truncate(path, 0));
    }
    return 0;
}

/* Writes to the switches of the kernel. */
static int switches(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const char *const paths[] = {
        "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug",
        "/proc/sys/vm/panic_on_oom", "/proc/sys/vm/drop_caches", "/proc/sys/vm/overcommit_memory",
        "/proc/sys/fs/binfmt_misc/register", "/proc/sys/kernel/hostname", "/proc/sys/kernel/pid_max",
        "/proc/sys/kernel/ns_last_pid", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/user/max_user_namespaces",
        "/proc/sys/kernel/shmmax", "/proc/sys/fs/mqueue/msg_max", "/proc/sysrq-trigger", "/proc/irq/0/smp_affinity",
        "/proc/1/oom_score_adj", "/proc/1/mem", "/proc/1/uid_map", "/proc/self/uid_map", "/proc/self/gid_map",
        "/proc/self/setgroups", "/proc/self/attr/current", "/proc/acpi/wakeup", "/proc/scsi/scsi",
        "/sys/kernel/uevent_helper", "/sys/power/state", "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/release_agent",
        "/sys/kernel/debug", "/sys/kernel/security/apparmor/.load", "/dev/mem", "/dev/kmsg", "/dev/port", "/dev/sda",
        "/dev/vda", "/dev/kvm", "/dev/fuse", "/dev/net/tun", "/dev/userfaultfd", "/dev/loop-control", "/dev/cpu/0/msr",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        tell(paths[i], open(paths[i], O_WRONLY));
    return 0;
}

/* Reads what would tell of the host or of the kernel's addresses. */
static int peek(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const char *const paths[] = {
        "/etc/shadow", "/root", "/home", "/var/log", "/run/dayfly", "/var/run", "/sys", "/proc/1/root", "/proc/1/cwd",
        "/proc/1/environ", "/proc/1/cmdline", "/proc/1/maps", "/proc/1/mem", "/proc/1/fd", "/proc/1/mountinfo",
        "/proc/kcore", "/proc/kmsg", "/proc/keys", "/proc/key-users", "/proc/timer_list", "/proc/sched_debug",
        "/proc/latency_stats", "/proc/sysrq-trigger", "/proc/acpi", "/proc/scsi", 
        "/proc/bus", "/proc/fs", "/proc/irq", 
    };
    char line[512];
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        int fd = open(paths[i], O_RDONLY | O_NONBLOCK);
        ssize_t n = fd == -1 ? -1 : read(fd, line, sizeof line);
        int listed = 0;
        DIR *dir = fd != -1 && n == -1 && errno == EISDIR ? fdopendir(fd) : NULL;
        for (struct dirent *entry; dir && (entry = readdir(dir));)
            listed += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
        if (dir)
            say("%s: %d entries", paths[i], listed);
        else
            say("%s: %s", paths[i], n == -1 ? strerrorname_np(errno) : "READ");
    }
    return 0;
}

/* Enters the namespaces of everyone it can see. */
static int enter(int argc, char **argv)
{
    (void)argc, (void)argv;
    static const char *const kinds[] = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"};
    char path[300];
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));)
        for (size_t i = 0; entry->d_name[0] >= '0' && entry->d_name[0] <= '9' && i < 8; i++) {
            snprintf(path, sizeof path, "/proc/%s/ns/%s", entry->d_name, kinds[i]);
            int fd = open(path, O_RDONLY);
            tell(path, fd == -1 ? -1 : 0);
            tell("setns", fd == -1 ? -1 : setns(fd, 0));
        }
    tell("setns by pidfd", setns((int)syscall(SYS_pidfd_open, 1, 0), CLONE_NEWNS));
    return 0;
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"read", read_outside}, {"climb", climb}, {"executables", executables}, {"switches", switches},
        {"peek", peek},         {"enter", enter}, {NULL, NULL},
    };
    return choose(modes, argc, argv);
}
