// SPDX-License-Identifier: Apache-2.0
// A socket between parent and child carries frames: a kind, a size, bytes. The parent asks one thing at a time; the child answers with any
// number of `data` frames and then `end` or `error`. Numbers are in the machine's own order, the two are one program.
#include "families/compression/isolated_tables.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <system_error>

#include "base/error.h"

namespace plumb::families::compression {

namespace {

enum class Frame : std::uint32_t { names, columns, read, data, end, error };

struct Header {
    Frame frame = Frame::end;
    std::uint32_t reserved = 0;
    std::uint64_t bytes = 0;
};

/// Enough for the widest row and little enough to be held; a child that says more is out of its mind.
constexpr std::uint64_t largest_frame = std::uint64_t{256} << 20;
constexpr std::size_t usual_frame = std::size_t{64} << 10;
/// For a disk that does not answer; a library that goes round in circles is stopped by its processor time.
constexpr int patience_ms = 60'000;

/// Appends numbers and texts to a frame.
class Packer {
  public:
    template <typename Number>
    void number(Number value) {
        bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    void text(std::string_view value) {
        number(std::uint64_t{value.size()});
        bytes_.append(value);
    }
    void cell(const Cell& cell) {
        number(static_cast<std::uint8_t>(cell.index()));
        if (const auto* integer = std::get_if<std::int64_t>(&cell)) number(*integer);
        if (const auto* real = std::get_if<double>(&cell)) number(*real);
        if (const auto* bytes = std::get_if<std::string_view>(&cell)) text(*bytes);
    }
    std::string& bytes() { return bytes_; }

  private:
    std::string bytes_;
};

/// The reverse; throws std::out_of_range where the frame is shorter than what should be in it.
class Unpacker {
  public:
    explicit Unpacker(std::string_view bytes) : bytes_(bytes) {}

    template <typename Number>
    Number number() {
        Number value;
        const std::string_view raw = take(sizeof value);
        std::memcpy(&value, raw.data(), sizeof value);
        return value;
    }
    std::string_view text() { return take(number<std::uint64_t>()); }
    Cell cell() {
        switch (number<std::uint8_t>()) {
            case 0:
                return std::monostate{};
            case 1:
                return number<std::int64_t>();
            case 2:
                return number<double>();
            default:
                return text();
        }
    }
    bool done() const { return bytes_.empty(); }

  private:
    std::string_view take(std::uint64_t size) {
        if (size > bytes_.size()) throw std::out_of_range("a frame is cut off");
        const std::string_view taken = bytes_.substr(0, static_cast<std::size_t>(size));
        bytes_.remove_prefix(static_cast<std::size_t>(size));
        return taken;
    }

    std::string_view bytes_;
};

/// One end of the socket. False means that the other side is gone or silent.
class Channel {
  public:
    explicit Channel(int socket) : socket_(socket) {}
    ~Channel() { ::close(socket_); }
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    bool send(Frame frame, std::string_view bytes) const {
        const Header header{frame, 0, bytes.size()};
        return send_all(&header, sizeof header) && send_all(bytes.data(), bytes.size());
    }

    /// patience: milliseconds without a byte, -1 for ever.
    bool receive(Frame& frame, std::string& bytes, int patience) const {
        Header header;
        if (!receive_all(&header, sizeof header, patience) || header.bytes > largest_frame) return false;
        frame = header.frame;
        bytes.resize(static_cast<std::size_t>(header.bytes));
        return receive_all(bytes.data(), bytes.size(), patience);
    }

  private:
    bool send_all(const void* data, std::size_t size) const {
        const char* at = static_cast<const char*>(data);
        while (size > 0) {
            const ssize_t sent = ::send(socket_, at, size, MSG_NOSIGNAL);
            if (sent < 0 && errno == EINTR) continue;
            if (sent <= 0) return false;
            at += sent;
            size -= static_cast<std::size_t>(sent);
        }
        return true;
    }

    bool receive_all(void* data, std::size_t size, int patience) const {
        char* at = static_cast<char*>(data);
        while (size > 0) {
            pollfd waiting{socket_, POLLIN, 0};
            const int ready = ::poll(&waiting, 1, patience);
            if (ready < 0 && errno == EINTR) continue;
            if (ready <= 0) return false;
            const ssize_t received = ::recv(socket_, at, size, 0);
            if (received < 0 && errno == EINTR) continue;
            if (received <= 0) return false;
            at += received;
            size -= static_cast<std::size_t>(received);
        }
        return true;
    }

    int socket_;
};

// The child.

/// Processor seconds that an answer may go on without a frame; a frame takes milliseconds. Not wall time: a busy machine is no hang.
constexpr rlim_t patience_cpu_seconds = 2;
/// What the library may take beside what the process has: blocks of rows are 4 MiB, while one flipped bit in a length asks for gigabytes.
constexpr rlim_t library_bytes = rlim_t{1} << 30;

/// From now on a hang ends in SIGXCPU.
void renew_patience() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    rlimit limit{};
    ::getrlimit(RLIMIT_CPU, &limit);
    limit.rlim_cur = static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 1 + patience_cpu_seconds;
    ::setrlimit(RLIMIT_CPU, &limit);
}

/// Sanitizers reserve terabytes that they never touch; next to those a limit means nothing.
void limit_memory() {
    constexpr rlim_t reserved_by_sanitizers = rlim_t{1} << 40;
    std::ifstream statistics("/proc/self/statm");
    rlim_t pages = 0;
    if (!(statistics >> pages)) return;
    const rlim_t used = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
    if (used >= reserved_by_sanitizers) return;
    rlimit limit{};
    ::getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = std::min(limit.rlim_max, used + library_bytes);
    ::setrlimit(RLIMIT_AS, &limit);
}

void answer_read(const Channel& channel, const Tables& tables, Unpacker& request) {
    const std::string table(request.text());
    std::vector<std::string> columns;
    while (!request.done()) columns.emplace_back(request.text());
    Packer rows;
    const auto flush = [&] {
        if (!channel.send(Frame::data, rows.bytes())) ::_exit(0);
        rows.bytes().clear();
        renew_patience();
    };
    tables.read(table, columns, [&](std::span<const Cell> cells) {
        for (const Cell& cell : cells) rows.cell(cell);
        if (rows.bytes().size() >= usual_frame) flush();
    });
    if (!rows.bytes().empty()) flush();
}

void answer(const Channel& channel, const Tables& tables, Frame asked, std::string_view bytes) {
    Unpacker request(bytes);
    Packer reply;
    if (asked == Frame::names) {
        for (const std::string& name : tables.names()) reply.text(name);
    } else if (asked == Frame::columns) {
        for (const Column& column : tables.columns(std::string(request.text()))) {
            reply.text(column.name);
            reply.number(static_cast<std::uint8_t>(column.nullable));
        }
    } else {
        answer_read(channel, tables, request);
    }
    if (!reply.bytes().empty()) channel.send(Frame::data, reply.bytes());
    channel.send(Frame::end, {});
}

/// Answers until the parent is gone.
void serve(const std::string& file, const Channel& channel, const std::function<std::unique_ptr<Tables>()>& open) {
    std::unique_ptr<Tables> tables;
    Frame asked{};
    std::string bytes;
    while (channel.receive(asked, bytes, -1)) {
        Packer problem;
        renew_patience();
        try {
            if (!tables) tables = open();
            answer(channel, *tables, asked, bytes);
            continue;
        } catch (const base::Error& error) {
            problem.number(error.kind());
            problem.text(error.what());
            problem.text(error.hint());
        } catch (const std::exception& error) {
            problem.number(base::ErrorKind::failed);
            problem.text(file + " is damaged: the library that reads it gave up with " + error.what());
            problem.text("export the report again");
        }
        channel.send(Frame::error, problem.bytes());
    }
}

[[noreturn]] void be_the_child(const std::string& file, int socket, pid_t parent, const std::function<std::unique_ptr<Tables>()>& open) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(0);
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU, SIGINT, SIGTERM}) ::signal(signal, SIG_DFL);
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    const int nowhere = ::open("/dev/null", O_RDWR);
    for (const int standard : {0, 1, 2}) ::dup2(nowhere, standard);
    ::dup2(socket, 3);
    ::close_range(4, ~0U, 0);
    limit_memory();
    {
        const Channel channel(3);
        serve(file, channel, open);
    }
    // No destructors: what the library left behind may be broken.
    ::_exit(0);
}

// The parent.

/// Ends with its owner, also when that is only half made.
class Child {
  public:
    explicit Child(pid_t id) : id_(id) {}
    ~Child() {
        ::kill(id_, SIGKILL);
        while (::waitpid(id_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

  private:
    pid_t id_;
};

class IsolatedTables : public Tables {
  public:
    IsolatedTables(const std::string& file, int socket, pid_t child) : file_(file), channel_(socket), child_(child) {
        // Opens, so that a file which cannot be is known at once.
        for_each_frame(Frame::names, {}, [&](Unpacker& reply) {
            while (!reply.done()) names_.emplace_back(reply.text());
        });
    }
    std::vector<std::string> names() const override { return names_; }

    std::vector<Column> columns(const std::string& table) const override {
        Packer request;
        request.text(table);
        std::vector<Column> columns;
        for_each_frame(Frame::columns, request.bytes(), [&](Unpacker& reply) {
            while (!reply.done()) {
                std::string name(reply.text());
                columns.push_back({std::move(name), reply.number<std::uint8_t>() != 0});
            }
        });
        return columns;
    }

    void read(const std::string& table, std::span<const std::string> columns,
              const std::function<void(std::span<const Cell>)>& row) const override {
        Packer request;
        request.text(table);
        for (const std::string& column : columns) request.text(column);
        std::vector<Cell> cells(columns.size());
        for_each_frame(Frame::read, request.bytes(), [&](Unpacker& reply) {
            while (!reply.done()) {
                for (Cell& cell : cells) cell = reply.cell();
                row(cells);
            }
        });
    }

  private:
    /// After an exception from `use` the child still holds frames that nobody reads; the tables are of no more use then.
    void for_each_frame(Frame asked, std::string_view request, const std::function<void(Unpacker&)>& use) const {
        Frame frame = Frame::end;
        std::string bytes;
        if (!channel_.send(asked, request)) throw_lost();
        while (channel_.receive(frame, bytes, patience_ms)) {
            Unpacker reply(bytes);
            try {
                if (frame == Frame::end) return;
                if (frame == Frame::error) throw_error(reply);
                if (frame != Frame::data) throw_lost();
                use(reply);
            } catch (const std::out_of_range&) {
                throw_lost();
            }
        }
        throw_lost();
    }

    [[noreturn]] static void throw_error(Unpacker& reply) {
        const auto kind = reply.number<base::ErrorKind>();
        const std::string message(reply.text());
        throw base::Error(kind, message, std::string(reply.text()));
    }

    [[noreturn]] void throw_lost() const {
        throw base::Error(base::ErrorKind::failed, file_ + " is damaged: the library that reads it crashed or hung",
                          "export the report again");
    }

    std::string file_;
    Channel channel_;
    Child child_;
    std::vector<std::string> names_;
};

}  // namespace

std::unique_ptr<Tables> isolated(const std::string& file, const std::function<std::unique_ptr<Tables>()>& open) {
    std::array<int, 2> sockets{};
    const auto fail = [&] {
        throw base::Error(base::ErrorKind::failed,
                          "no process can be started to read " + file + ": " + std::generic_category().message(errno));
    };
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0) fail();
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child == 0) be_the_child(file, sockets[1], parent, open);
    ::close(sockets[1]);
    if (child < 0) {
        ::close(sockets[0]);
        fail();
    }
    return std::make_unique<IsolatedTables>(file, sockets[0], child);
}

}  // namespace plumb::families::compression
