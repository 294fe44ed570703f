/* Processes that multiply, hide, refuse to die, or reach for others. */
#include "payload.h"
#include <pthread.h>

/* Forks until refused, everywhere at once, and never ends. */
static int bomb(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (;;)
        if (fork() == -1)
            sleep_ms(1);
}

/* A generation that replaces itself faster than anyone can read a list of processes. */
static int racer(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < 8; i++)
        if (fork() == 0)
            for (;;) {
                pid_t child = fork();
                if (child > 0)
                    _exit(0);
            }
    for (;;)
        pause();
}

static void daemonise(void)
{
    if (fork() > 0) {
        wait(NULL);
        return;
    }
    setsid();
    if (fork() > 0)
        _exit(0);
    setsid();
    close(0);
}

static long read_beat(const char *file)
{
    char text[32] = {0};
    int fd = open(file, O_RDONLY);
    ssize_t n = fd == -1 ? 0 : read(fd, text, sizeof text - 1);
    if (fd != -1)
        close(fd);
    return n > 0 ? atol(text) : 0;
}

/* Leaves a daemon that burns CPU and writes to a file for as long as it lives; the leader ends when the
 * daemon has burned 10 ms for 25 times. */
static int daemon_stays(int argc, char **argv)
{
    const char *file = argc > 1 ? argv[1] : "/box/pulse";
    pid_t self = getpid();
    daemonise();
    if (getpid() == self) {
        while (read_beat(file) < 25)
            sleep_ms(5);
        return 0;
    }
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    for (long beat = 0;; beat++) {
        int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        if (fd >= 0) {
            dprintf(fd, "%ld\n", beat);
            close(fd);
        }
        burn_ms(10);
    }
}

/* Holds standard output open in a survivor. */
static int hold_stdout(int argc, char **argv)
{
    (void)argc, (void)argv;
    if (fork() == 0) {
        setsid();
        for (;;)
            pause();
    }
    say("leader done");
    return 0;
}

/* Signals everyone and then, by number, everyone again. */
static int kill_all(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        tell("kill given", kill((pid_t)atol(argv[i]), SIGKILL));
    tell("kill(-1, STOP)", kill(-1, SIGSTOP));
    tell("kill(-1, KILL)", kill(-1, SIGKILL));
    tell("kill(1, STOP)", kill(1, SIGSTOP));
    tell("kill(1, KILL)", kill(1, SIGKILL));
    tell("kill(parent)", getppid() > 0 ? kill(getppid(), SIGKILL) : kill(0x7ffffffe, 0));
    for (pid_t pid = 2; pid < 40000; pid++)
        if (pid != getpid())
            kill(pid, SIGKILL);
    say("still here");
    return 42;
}

/* Ignores everything that can be ignored, then stops itself and its child for good. */
static int stubborn(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int sig = 1; sig < 65; sig++)
        signal(sig, SIG_IGN);
    if (fork() == 0) {
        raise(SIGSTOP);
        for (;;)
            pause();
    }
    raise(SIGSTOP);
    for (;;)
        pause();
}

/* Children that ended and that nobody waits for count as well. */
static int zombies(int argc, char **argv)
{
    (void)argc, (void)argv;
    int made = 0;
    for (; made < 500; made++) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        if (child == -1)
            break;
    }
    say("zombies: %d", made);
    return made < 500 ? 0 : 1;
}

static void *outlive(void *unused)
{
    (void)unused;
    sleep_ms(300);
    say("a thread outlived the leader");
    exit(5);
}

/* The first thread ends; the process does not. */
static int leaderless(int argc, char **argv)
{
    (void)argc, (void)argv;
    pthread_t thread;
    pthread_create(&thread, NULL, outlive, NULL);
    pthread_exit(NULL);
}

/* A parent that the kernel holds in vfork for as long as its child sleeps. */
static int vfork_hang(int argc, char **argv)
{
    (void)argc, (void)argv;
    pid_t child = vfork();
    if (child == 0)
        for (;;)
            pause();
    return 0;
}

/* Crashes again and again. */
static int segfaults(int argc, char **argv)
{
    for (int i = 0, count = argc > 1 ? atoi(argv[1]) : 1; i < count; i++) {
        if (fork() == 0)
            *(volatile int *)8 = 1;
        wait(NULL);
    }
    return 0;
}

/* Queues signals to itself that it never takes. */
static int pending(int argc, char **argv)
{
    sigset_t blocked;
    sigfillset(&blocked);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    long count = 0;
    while (count < 1000000 && sigqueue(getpid(), SIGRTMIN, (union sigval){0}) == 0)
        count++;
    say("pending: %ld, then %s", count, strerrorname_np(errno));
    sleep_ms(argc > 1 ? atol(argv[1]) : 0);
    return 0;
}

/* Starts as many children as it can get and holds them while told to. */
static int hold_children(int argc, char **argv)
{
    int count = 0;
    for (pid_t child; count < 1000 && (child = fork()) != -1; count++)
        if (child == 0)
            for (;;)
                pause();
    say("children: %d", count);
    sleep_ms(argc > 1 ? atol(argv[1]) : 500);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"bomb", bomb},           {"racer", racer},         {"daemon", daemon_stays},
        {"hold-stdout", hold_stdout}, {"kill-all", kill_all}, {"stubborn", stubborn},
        {"zombies", zombies},     {"leaderless", leaderless}, {"vfork-hang", vfork_hang},
        {"segfaults", segfaults}, {"hold-children", hold_children}, {"pending", pending}, {NULL, NULL},
    };
    return choose(modes, argc, argv);
}
