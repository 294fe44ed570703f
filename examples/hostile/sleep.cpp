// Waits for ever and uses no CPU time: stopped by the wall time limit.
#include <unistd.h>

int main() {
    for (;;) {
        pause();
    }
}
