// SPDX-License-Identifier: Apache-2.0
#include "report/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"

extern char** environ;

namespace plumb::report {
namespace {

[[noreturn]] void refuse(const std::string& program, int code) {
    throw base::Error(base::ErrorKind::failed, fmt::format("cannot start {}: {}", program, std::strerror(code)));
}

/// A descriptor that closes itself.
class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(other.number_) { other.number_ = -1; }
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~Descriptor() { close(); }
    int get() const { return number_; }
    void close() {
        if (number_ >= 0) {
            ::close(number_);
        }
        number_ = -1;
    }

  private:
    int number_ = -1;
};

struct Channel {
    Descriptor ours;
    Descriptor theirs;
};

/// Sockets rather than pipes: a child that ends early must not raise SIGPIPE here, and send() can be told so.
Channel make_channel(const std::string& program) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        refuse(program, errno);
    }
    return {Descriptor(ends[0]), Descriptor(ends[1])};
}

/// Feeds `input` and reads both outputs until the child has closed them.
void exchange(Channel& in, Channel& out, Channel& err, std::string_view input, ProgramResult& result) {
    std::array<pollfd, 3> watched{{{in.ours.get(), POLLOUT, 0}, {out.ours.get(), POLLIN, 0}, {err.ours.get(), POLLIN, 0}}};
    const auto stop_feeding = [&] {
        in.ours.close();
        watched[0].fd = -1;
    };
    if (input.empty()) {
        stop_feeding();
    }
    while (watched[1].fd >= 0 || watched[2].fd >= 0) {
        if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) {
            return;
        }
        if (watched[0].fd >= 0 && watched[0].revents != 0) {
            const ssize_t sent = ::send(watched[0].fd, input.data(), input.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent > 0) {
                input.remove_prefix(static_cast<std::size_t>(sent));
            }
            if (input.empty() || (sent < 0 && errno != EAGAIN && errno != EINTR)) {
                stop_feeding();
            }
        }
        for (const std::size_t i : {std::size_t{1}, std::size_t{2}}) {
            if (watched[i].fd >= 0 && watched[i].revents != 0) {
                std::array<char, 65536> buffer{};
                const ssize_t count = ::read(watched[i].fd, buffer.data(), buffer.size());
                if (count > 0) {
                    (i == 1 ? result.output : result.errors).append(buffer.data(), static_cast<std::size_t>(count));
                } else if (count == 0 || errno != EINTR) {
                    watched[i].fd = -1;
                }
            }
        }
    }
}

}  // namespace

std::optional<ProgramResult> run_program(const std::vector<std::string>& argv, std::string_view input) {
    std::vector<char*> arguments;
    for (const std::string& argument : argv) {
        arguments.push_back(const_cast<char*>(argument.c_str()));  // posix_spawn does not write to them
    }
    arguments.push_back(nullptr);
    Channel in = make_channel(argv.front());
    Channel out = make_channel(argv.front());
    Channel err = make_channel(argv.front());

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in.theirs.get(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out.theirs.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err.theirs.get(), STDERR_FILENO);
    pid_t child = -1;
    const int problem = ::posix_spawnp(&child, arguments.front(), &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (problem == ENOENT || problem == EACCES || problem == ENOTDIR) {
        return std::nullopt;
    }
    if (problem != 0) {
        refuse(argv.front(), problem);
    }
    in.theirs.close();
    out.theirs.close();
    err.theirs.close();

    ProgramResult result;
    exchange(in, out, err, input, result);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result;
}

}  // namespace plumb::report
