// Computes for ever: stopped by the CPU time limit.
int main() {
    for (volatile unsigned long turns = 0;; turns = turns + 1) {
    }
}
