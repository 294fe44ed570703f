// Tries to attach to another process: a forbidden system call, which ends it before the call takes effect.
#include <cstdio>
#include <sys/ptrace.h>

int main() {
    if (ptrace(PTRACE_ATTACH, 1, nullptr, nullptr) != 0) {
        std::perror("ptrace");
    }
    std::puts("still here");
}
