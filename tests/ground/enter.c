// Becomes an ordinary program of a user: enters a control group, drops to the user and its own group, forgets the
// environment but for what follows, gives signals their defaults, and starts the program.
//   enter GROUP UID [NAME=VALUE...] -- PROGRAM [ARGUMENT...]
// One static program in place of four dynamic ones: starting a program is what takes time on an emulated processor.
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void enter_group(const char *group) {
    char path[4096];
    snprintf(path, sizeof path, "%s/cgroup.procs", group);
    int procs = open(path, O_WRONLY | O_CLOEXEC);
    if (procs < 0 || write(procs, "0", 1) != 1) err(126, "%s", path);
    close(procs);
}

static void become(uid_t id) {
    gid_t own = id;
    if (setgroups(1, &own) || setresgid(id, id, id) || setresuid(id, id, id)) err(126, "user %u", id);
}

// Whoever starts a program in the background has it ignore interrupts.
static void default_signals(void) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int number = 1; number <= SIGRTMAX; number++) signal(number, SIG_DFL);
}

int main(int argc, char **argv) {
    int program = 3;
    while (program < argc && strcmp(argv[program], "--") != 0) program++;
    if (program + 1 >= argc) errx(126, "usage: enter GROUP UID [NAME=VALUE...] -- PROGRAM [ARGUMENT...]");
    enter_group(argv[1]);
    become((uid_t)strtoul(argv[2], NULL, 10));
    default_signals();
    argv[program] = NULL;
    execvpe(argv[program + 1], argv + program + 1, argv + 3);
    err(127, "%s", argv[program + 1]);
}
