/* One dangerous system call at a time, by its name, with arguments that do no harm where it is not refused:
 * the gate (EPERM, ENOSYS) comes before the arguments are looked at, so anything else means it was passed. */
#include "payload.h"
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>

#define NR_open_tree_attr 467
#define NR_statmount 457
#define NR_listmount 458
#define NR_cachestat 451
#define P(x) ((long)(x))

struct call {
    const char *name;
    long nr, args[6];
};

static char room[4096];
static struct perf_event_attr perf = {.type = PERF_TYPE_SOFTWARE, .size = sizeof perf, .config = 1};
static union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
static struct mount_attr writable = {.attr_clr = MOUNT_ATTR_RDONLY};
static struct sock_filter allow_all = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
static struct sock_fprog filter = {1, &allow_all};
static unsigned long all_nodes = 1;
static unsigned caps_head[2] = {0x20080522, 0}, caps_all[6] = {~0U, ~0U, ~0U, ~0U, ~0U, ~0U};

static const struct call calls[] = {
    {"mount_tmpfs", SYS_mount, {P("none"), P("/tmp"), P("tmpfs"), 0, 0, 0}},
    {"mount_proc", SYS_mount, {P("proc"), P("/proc"), P("proc"), 0, 0, 0}},
    {"mount_bind", SYS_mount, {P("/usr"), P("/box"), 0, MS_BIND | MS_REC, 0, 0}},
    {"mount_remount", SYS_mount, {0, P("/"), 0, MS_REMOUNT | MS_BIND, 0, 0}},
    {"mount_remount_usr", SYS_mount, {0, P("/usr"), 0, MS_REMOUNT | MS_BIND, 0, 0}},
    {"mount_shared", SYS_mount, {0, P("/"), 0, MS_SHARED | MS_REC, 0, 0}},
    {"mount_cgroup", SYS_mount, {P("none"), P("/tmp"), P("cgroup"), 0, P("memory"), 0}},
    {"mount_cgroup2", SYS_mount, {P("none"), P("/tmp"), P("cgroup2"), 0, 0, 0}},
    {"mount_overlay", SYS_mount, {P("none"), P("/tmp"), P("overlay"), 0, P("lowerdir=/usr,upperdir=/box,workdir=/tmp"), 0}},
    {"mount_fuse", SYS_mount, {P("none"), P("/tmp"), P("fuse"), 0, P("fd=3,rootmode=40000,user_id=0,group_id=0"), 0}},
    {"umount_proc", SYS_umount2, {P("/proc"), MNT_DETACH, 0, 0, 0, 0}},
    {"umount_root", SYS_umount2, {P("/"), MNT_DETACH, 0, 0, 0, 0}},
    {"pivot_root", SYS_pivot_root, {P("/box"), P("/box"), 0, 0, 0, 0}},
    {"chroot", SYS_chroot, {P("/box"), 0, 0, 0, 0, 0}},
    {"fsopen", SYS_fsopen, {P("tmpfs"), 0, 0, 0, 0, 0}},
    {"fsconfig", SYS_fsconfig, {-1, 0, P("source"), P(room), 0, 0}},
    {"fsmount", SYS_fsmount, {-1, 0, 0, 0, 0, 0}},
    {"fspick", SYS_fspick, {AT_FDCWD, P("/"), 0, 0, 0, 0}},
    {"open_tree", SYS_open_tree, {AT_FDCWD, P("/"), 1 | AT_RECURSIVE, 0, 0, 0}},
    {"open_tree_attr", NR_open_tree_attr, {AT_FDCWD, P("/"), 1, P(&writable), sizeof writable, 0}},
    {"move_mount", SYS_move_mount, {AT_FDCWD, P("/usr"), AT_FDCWD, P("/box"), 0, 0}},
    {"mount_setattr", SYS_mount_setattr, {AT_FDCWD, P("/"), AT_RECURSIVE, P(&writable), sizeof writable, 0}},
    {"statmount", NR_statmount, {P(room), P(room), 4096, 0, 0, 0}},
    {"listmount", NR_listmount, {P(room), P(room), 10, 0, 0, 0}},
    {"unshare_user", SYS_unshare, {CLONE_NEWUSER, 0, 0, 0, 0, 0}},
    {"unshare_mount", SYS_unshare, {CLONE_NEWNS, 0, 0, 0, 0, 0}},
    {"unshare_pid", SYS_unshare, {CLONE_NEWPID, 0, 0, 0, 0, 0}},
    {"unshare_net", SYS_unshare, {CLONE_NEWNET, 0, 0, 0, 0, 0}},
    {"unshare_ipc", SYS_unshare, {CLONE_NEWIPC, 0, 0, 0, 0, 0}},
    {"unshare_uts", SYS_unshare, {CLONE_NEWUTS, 0, 0, 0, 0, 0}},
    {"unshare_cgroup", SYS_unshare, {0x02000000, 0, 0, 0, 0, 0}},
    {"unshare_all", SYS_unshare, {0x7e020000, 0, 0, 0, 0, 0}},
    {"clone_user", SYS_clone, {CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0, 0}},
    {"clone_net", SYS_clone, {CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0, 0}},
    {"clone_mount", SYS_clone, {CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0, 0}},
    {"clone3", SYS_clone3, {P(room), 88, 0, 0, 0, 0}},
    {"setns", SYS_setns, {0, 0, 0, 0, 0, 0}},
    {"io_uring_setup", SYS_io_uring_setup, {4, P(room), 0, 0, 0, 0}},
    {"io_uring_enter", SYS_io_uring_enter, {0, 0, 0, 0, 0, 0}},
    {"io_uring_register", SYS_io_uring_register, {0, 0, 0, 0, 0, 0}},
    {"bpf", SYS_bpf, {BPF_MAP_CREATE, P(&map), sizeof map, 0, 0, 0}},
    {"perf_event_open", SYS_perf_event_open, {P(&perf), 0, -1, -1, 0, 0}},
    {"userfaultfd", SYS_userfaultfd, {1, 0, 0, 0, 0, 0}},
    {"keyctl", SYS_keyctl, {KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1, 0, 0, 0}},
    {"keyctl_session", SYS_keyctl, {KEYCTL_JOIN_SESSION_KEYRING, P("other"), 0, 0, 0, 0}},
    {"add_key", SYS_add_key, {P("user"), P("name"), P("x"), 1, KEY_SPEC_USER_KEYRING, 0}},
    {"request_key", SYS_request_key, {P("user"), P("name"), P("info"), 0, 0, 0}},
    {"modify_ldt", SYS_modify_ldt, {0, P(room), 64, 0, 0, 0}},
    {"personality", SYS_personality, {ADDR_NO_RANDOMIZE | READ_IMPLIES_EXEC, 0, 0, 0, 0, 0}},
    {"uselib", SYS_uselib, {P("/usr/lib/x86_64-linux-gnu/libc.so.6"), 0, 0, 0, 0, 0}},
    {"iopl", SYS_iopl, {3, 0, 0, 0, 0, 0}},
    {"ioperm", SYS_ioperm, {0x70, 2, 1, 0, 0, 0}},
    {"kexec_load", SYS_kexec_load, {0, 0, 0, 0xffff, 0, 0}},
    {"kexec_file_load", SYS_kexec_file_load, {-1, -1, 0, 0, 0xffff, 0}},
    {"init_module", SYS_init_module, {P(room), 0, P(""), 0, 0, 0}},
    {"finit_module", SYS_finit_module, {-1, P(""), 0, 0, 0, 0}},
    {"delete_module", SYS_delete_module, {P("no_such_module"), O_NONBLOCK, 0, 0, 0, 0}},
    {"reboot", SYS_reboot, {1, 2, 3, 0, 0, 0}},
    {"swapon", SYS_swapon, {P("/nonexistent"), 0, 0, 0, 0, 0}},
    {"swapoff", SYS_swapoff, {P("/nonexistent"), 0, 0, 0, 0, 0}},
    {"acct", SYS_acct, {P("/nonexistent"), 0, 0, 0, 0, 0}},
    {"quotactl", SYS_quotactl, {0, P("/nonexistent"), 0, 0, 0, 0}},
    {"quotactl_fd", SYS_quotactl_fd, {0, 0, 0, 0, 0, 0}},
    {"syslog", SYS_syslog, {3, P(room), 4096, 0, 0, 0}},
    {"sethostname", SYS_sethostname, {P("pwned"), 5, 0, 0, 0, 0}},
    {"setdomainname", SYS_setdomainname, {P("pwned"), 5, 0, 0, 0, 0}},
    {"name_to_handle_at", SYS_name_to_handle_at, {AT_FDCWD, P("/usr"), P(room), P(room + 512), 0, 0}},
    {"open_by_handle_at", SYS_open_by_handle_at, {0, P(room), O_RDONLY, 0, 0, 0}},
    {"fanotify_init", SYS_fanotify_init, {0, 0, 0, 0, 0, 0}},
    {"vhangup", SYS_vhangup, {0, 0, 0, 0, 0, 0}},
    {"ptrace_traceme", SYS_ptrace, {PTRACE_TRACEME, 0, 0, 0, 0, 0}},
    {"ptrace_attach_init", SYS_ptrace, {PTRACE_ATTACH, 1, 0, 0, 0, 0}},
    {"ptrace_seize_init", SYS_ptrace, {PTRACE_SEIZE, 1, 0, 0, 0, 0}},
    {"process_vm_readv", SYS_process_vm_readv, {1, P(room), 0, P(room), 0, 0}},
    {"process_vm_writev", SYS_process_vm_writev, {1, P(room), 0, P(room), 0, 0}},
    {"kcmp", SYS_kcmp, {1, 1, 0, 0, 0, 0}},
    {"pidfd_getfd", SYS_pidfd_getfd, {0, 0, 0, 0, 0, 0}},
    {"migrate_pages", SYS_migrate_pages, {1, 64, P(&all_nodes), P(&all_nodes), 0, 0}},
    {"move_pages", SYS_move_pages, {1, 0, 0, 0, 0, 0}},
    {"mbind", SYS_mbind, {0, 0, 0, 0, 0, 0}},
    {"memfd_secret", SYS_memfd_secret, {0, 0, 0, 0, 0, 0}},
    {"cachestat", NR_cachestat, {0, P(room), P(room), 0, 0, 0}},
    {"lookup_dcookie", 212, {0, P(room), 4096, 0, 0, 0}},
    {"seccomp_listener", SYS_seccomp, {SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, P(&filter), 0, 0, 0}},
    {"prctl_seccomp", SYS_prctl, {PR_SET_SECCOMP, SECCOMP_MODE_FILTER, P(&filter), 0, 0, 0}},
    {"prctl_dumpable", SYS_prctl, {PR_SET_DUMPABLE, 2, 0, 0, 0, 0}},
    {"prctl_no_new_privs_off", SYS_prctl, {PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0, 0}},
    {"prctl_mm", SYS_prctl, {PR_SET_MM, PR_SET_MM_BRK, 0, 0, 0, 0}},
    {"capset_all", SYS_capset, {P(caps_head), P(caps_all), 0, 0, 0, 0}},
    {"unknown_1000", 1000, {0, 0, 0, 0, 0, 0}},
    {"unknown_max", 0x3fffffff, {0, 0, 0, 0, 0, 0}},
    {NULL, 0, {0}},
};

int main(int argc, char **argv)
{
    for (const struct call *call = calls; argc > 1 && call->name; call++) {
        if (strcmp(call->name, argv[1]) != 0)
            continue;
        const long *a = call->args;
        pid_t self = getpid();
        long got = syscall(call->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
        if (getpid() != self || (got == 0 && call->nr == SYS_clone))
            _exit(0);
        tell(call->name, got);
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "names") == 0)
        for (const struct call *call = calls; call->name; call++)
            say("%s", call->name);
    return argc > 1 && strcmp(argv[1], "names") == 0 ? 0 : 99;
}
