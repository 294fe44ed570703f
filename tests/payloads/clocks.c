/* Time: using it unseen, and turning the clock. */
#include "payload.h"
#include <linux/sched.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/timex.h>

static long own_cpu_us(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return spent.tv_sec * 1000000 + spent.tv_nsec / 1000;
}

/* Works between two ticks of the kernel's clock and sleeps when one is due. */
static int dodge(int argc, char **argv)
{
    long end_ms = argc > 1 ? atol(argv[1]) : 2000;
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        struct timespec nap = {0, 200000};
        nanosleep(&nap, NULL);
        for (volatile int i = 0; i < 400000; i++)
            ;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < end_ms);
    say("used %ld", own_cpu_us());
    return 0;
}

/* Many children that each live a few milliseconds; nobody waits for the half of them. */
static int children(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 300;
    long each_ms = argc > 2 ? atol(argv[2]) : 5;
    for (int i = 0; i < count; i++) {
        pid_t child = fork();
        if (child == 0) {
            if (i % 2 && fork() > 0)
                _exit(0);
            burn_ms(each_ms);
            _exit(0);
        }
        while (waitpid(-1, NULL, child == -1 ? 0 : WNOHANG) > 0)
            ;
    }
    while (wait(NULL) > 0)
        ;
    sleep_ms(100);
    return 0;
}

static void *spin(void *unused)
{
    (void)unused;
    for (;;)
        ;
}

static int threads(int argc, char **argv)
{
    pthread_t thread;
    for (int i = 1; i < (argc > 1 ? atoi(argv[1]) : 4); i++)
        pthread_create(&thread, NULL, spin, NULL);
    spin(NULL);
    return 0;
}

static int burn(int argc, char **argv)
{
    burn_ms(argc > 1 ? atol(argv[1]) : 100);
    say("used %ld", own_cpu_us());
    return 0;
}

/* Turns every clock there is by an hour. */
static int turn(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec += 3600;
    struct timeval value = {now.tv_sec, 0};
    struct timex adjust = {.modes = ADJ_SETOFFSET, .time = {3600, 0}};
    tell("clock_settime", syscall(SYS_clock_settime, CLOCK_REALTIME, &now));
    tell("settimeofday", syscall(SYS_settimeofday, &value, NULL));
    tell("adjtimex", syscall(SYS_adjtimex, &adjust));
    tell("clock_adjtime", syscall(SYS_clock_adjtime, CLOCK_REALTIME, &adjust));
    tell("unshare time", syscall(SYS_unshare, CLONE_NEWTIME));
    int fd = open("/proc/self/timens_offsets", O_WRONLY);
    tell("timens_offsets", fd == -1 ? -1 : write(fd, "1 3600 0", 8));
    tell("/dev/rtc", open("/dev/rtc0", O_RDWR));
    return 0;
}

/* Takes a higher priority or other processors than it was given. */
static int favour(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct sched_param fifo = {.sched_priority = 10};
    unsigned long everything = ~0UL;
    errno = 0;
    tell("setpriority", setpriority(PRIO_PROCESS, 0, -10));
    tell("nice", (errno = 0, nice(-5) == -1 && errno) ? -1 : 0);
    tell("sched_setscheduler", syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &fifo));
    tell("ioprio realtime", syscall(SYS_ioprio_set, 1, 0, (1 << 13) | 0));
    struct { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t prio; uint64_t a, b, c; } deadline = {
        48, 6, 0, 0, 0, 1000000, 10000000, 10000000};
    tell("sched_setattr deadline", syscall(SYS_sched_setattr, 0, &deadline, 0));
    tell("oom_score_adj", ({
        int fd = open("/proc/self/oom_score_adj", O_WRONLY);
        fd == -1 ? -1 : write(fd, "-1000", 5);
    }));
    say("affinity %ld", syscall(SYS_sched_setaffinity, 0, sizeof everything, &everything) == -1 ? -1L : 0L);
    unsigned seen = 0;
    for (int i = 0; i < 200; i++) {
        unsigned cpu = 0;
        syscall(SYS_getcpu, &cpu, NULL, NULL);
        seen |= 1u << cpu;
        burn_ms(1);
        sched_yield();
    }
    say("cpus seen %#x", seen);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"dodge", dodge}, {"children", children}, {"threads", threads}, {"burn", burn},
        {"turn", turn},   {"favour", favour},     {NULL, NULL},
    };
    return choose(modes, argc, argv);
}
