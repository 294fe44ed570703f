// Takes memory for ever, and touches it so that it counts: stopped by the memory limit.
#include <cstring>
#include <new>

int main() {
    const std::size_t size = 1 << 20;
    for (;;) {
        if (char *block = new (std::nothrow) char[size]) {
            std::memset(block, 1, size);
            asm volatile("" : : "r"(block) : "memory");
        }
    }
}
