// Starts processes for ever: the process limit refuses them, and the CPU time of all of them together ends it.
#include <unistd.h>

int main() {
    for (;;) {
        fork();
    }
}
