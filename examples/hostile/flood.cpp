// Prints for ever: stopped by the output limit.
#include <cstdio>

int main() {
    while (std::puts("And another line that nobody will ever read.") >= 0) {
    }
}
