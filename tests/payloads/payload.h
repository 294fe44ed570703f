/* What all hostile programs share: they try, and say what the kernel answered. Nothing they print is believed
 * where the host can be asked instead. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct mode {
    const char *name;
    int (*run)(int argc, char **argv);
};

/* One line per attempt, unbuffered: what follows may kill us. */
__attribute__((format(printf, 1, 2))) static inline void say(const char *format, ...)
{
    char line[4096];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    if (length > (int)sizeof line - 2)
        length = sizeof line - 2;
    line[length++] = '\n';
    for (int done = 0; done < length;) {
        ssize_t n = write(1, line + done, (size_t)(length - done));
        if (n <= 0)
            return;
        done += (int)n;
    }
}

/* "NAME: GOT 3" when the attempt worked, "NAME: EPERM" when it did not. */
static inline long tell(const char *what, long result)
{
    int error = errno;
    if (result == -1)
        say("%s: %s", what, strerrorname_np(error) ? strerrorname_np(error) : "?");
    else
        say("%s: GOT %ld", what, result);
    return result;
}

static inline void burn_ms(long ms)
{
    struct timespec now, start;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    do {
        for (volatile int i = 0; i < 2000; i++)
            ;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < ms);
}

static inline void sleep_ms(long ms)
{
    struct timespec span = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&span, &span) == -1 && errno == EINTR)
        ;
}

/* Runs the mode that the first argument names. */
static inline int choose(const struct mode *modes, int argc, char **argv)
{
    for (; argc > 1 && modes->name; modes++)
        if (strcmp(modes->name, argv[1]) == 0)
            return modes->run(argc - 1, argv + 1);
    fprintf(stderr, "no such mode\n");
    return 99;
}
