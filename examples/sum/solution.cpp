// A student's submission: reads a count and that many numbers, prints their sum.
#include <cstdint>
#include <iostream>

int main() {
    std::size_t count = 0;
    std::cin >> count;
    std::int64_t sum = 0;
    for (std::int64_t number = 0; count > 0 && std::cin >> number; --count) {
        sum += number;
    }
    std::cout << sum << '\n';
}
