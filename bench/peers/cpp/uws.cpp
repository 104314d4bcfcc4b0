// A peer on uWebSockets: answers each message with itself, a space and a random number from 1 to 100.
//
// uws PORT. The library's defaults, without TLS and compression; only the largest message is raised for workload C.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "App.h"

struct Nothing {};

// xorshift64*: the numbers need not be good, only cheap and spread over their range.
static unsigned next_number() {
    static uint64_t state = 0x9e3779b97f4a7c15;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (state * 0x2545f4914f6cdd1d >> 32) * 100 >> 32;
}

int main(int count, char **arguments) {
    if (count != 2) {
        std::fprintf(stderr, "usage: uws PORT\n");
        return 2;
    }
    const int port = std::atoi(arguments[1]);
    std::string answer;
    uWS::App()
        .ws<Nothing>("/*", {
            .compression = uWS::DISABLED,
            .maxPayloadLength = 1 << 20,
            .message = [&answer](auto *socket, std::string_view message, uWS::OpCode kind) {
                answer.assign(message);
                answer.push_back(' ');
                answer.append(std::to_string(1 + next_number()));
                socket->send(answer, kind);
            },
        })
        .listen("127.0.0.1", port, [port](auto *listening) {
            if (!listening) {
                std::fprintf(stderr, "port %d cannot be listened on\n", port);
                std::exit(1);
            }
        })
        .run();
}
