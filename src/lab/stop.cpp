// SPDX-License-Identifier: Apache-2.0
#include "lab/stop.h"

#include <unistd.h>

#include <atomic>
#include <csignal>

namespace plumb::lab {

namespace {

std::atomic<int> requests{0};
static_assert(std::atomic<int>::is_always_lock_free, "used in a signal handler");

void on_signal(int) {
    request_stop();
    if (stop_requests() > 1) ::_exit(130);
}

}  // namespace

void request_stop() {
    requests.fetch_add(1);
}
int stop_requests() {
    return requests.load();
}
void reset_stop_requests() {
    requests.store(0);
}

void install_stop_signals() {
    struct sigaction action {};
    action.sa_handler = on_signal;
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace plumb::lab
