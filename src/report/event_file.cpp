// SPDX-License-Identifier: Apache-2.0
#include "report/event_file.h"

#include <array>
#include <bit>
#include <cstring>
#include <ctime>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "report/words.h"

namespace plumb::report {

namespace {

constexpr std::uint32_t castagnoli = 0x82F63B78u;  // reflected

constexpr std::array<std::uint32_t, 256> make_crc_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t remainder = byte;
        for (int bit = 0; bit < 8; ++bit) remainder = (remainder >> 1) ^ ((remainder & 1) ? castagnoli : 0);
        table[byte] = remainder;
    }
    return table;
}
constexpr std::array<std::uint32_t, 256> crc_table = make_crc_table();

std::uint32_t masked_crc(std::string_view bytes) {
    const std::uint32_t crc = crc32c(bytes);
    return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
}

template <class Number>
std::string little_endian(Number number) {
    static_assert(std::endian::native == std::endian::little);
    std::string bytes(sizeof number, '\0');
    std::memcpy(bytes.data(), &number, sizeof number);
    return bytes;
}

std::string varint(std::uint64_t number) {
    std::string bytes;
    for (; number >= 128; number >>= 7) bytes += static_cast<char>(number | 128);
    bytes += static_cast<char>(number);
    return bytes;
}

enum class Wire { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

std::string key(int field, Wire wire) {
    return varint(static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(wire));
}

std::string bytes_field(int field, std::string_view content) {
    return key(field, Wire::bytes) + varint(content.size()) + std::string(content);
}

std::string record(const std::string& payload) {
    const std::string length = little_endian(static_cast<std::uint64_t>(payload.size()));
    return length + little_endian(masked_crc(length)) + payload + little_endian(masked_crc(payload));
}

std::string scalar_event(const Scalar& scalar) {
    const std::string value = bytes_field(1, scalar.tag) + key(2, Wire::fixed32) + little_endian(scalar.value);
    return key(1, Wire::fixed64) + little_endian(scalar.wall_time) + key(2, Wire::varint) +
           varint(static_cast<std::uint64_t>(scalar.step)) + bytes_field(5, bytes_field(1, value));
}

double seconds_since_1970(const std::string& iso8601) {
    std::tm parts{};
    if (!::strptime(iso8601.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts)) return 0;
    return static_cast<double>(::timegm(&parts));
}

std::vector<Scalar> scalars_of(const lab::Record& run, const std::filesystem::path& folder) {
    const double ended = seconds_since_1970(run.ended);
    std::vector<Scalar> scalars;
    for (const std::string& line : base::split(base::read_file(folder / "metrics.jsonl"), '\n')) {
        const auto parsed = nlohmann::json::parse(line, nullptr, false);
        if (!parsed.is_object() || !parsed.contains("step")) continue;
        for (const auto& [name, value] : parsed.items()) {
            if (name != "step")
                scalars.push_back({ended, parsed["step"].get<std::int64_t>(), name, static_cast<float>(lab::number_from_json(value))});
        }
    }
    for (const lab::MetricValue& metric : run.metrics)
        scalars.push_back({ended, 0, "result/" + metric.name, static_cast<float>(metric.value)});
    return scalars;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
    std::uint32_t crc = 0xFFFFFFFFu;
    for (const char byte : bytes) crc = (crc >> 8) ^ crc_table[(crc ^ static_cast<unsigned char>(byte)) & 255];
    return crc ^ 0xFFFFFFFFu;
}

std::string event_file(double wall_time, const std::vector<Scalar>& scalars) {
    std::string bytes = record(key(1, Wire::fixed64) + little_endian(wall_time) + bytes_field(3, "brain.Event:2"));
    for (const Scalar& scalar : scalars) bytes += record(scalar_event(scalar));
    return bytes;
}

int export_events(const lab::Store& store, const lab::StudyView& view, const std::filesystem::path& folder) {
    std::set<std::string> written;
    for (const lab::ViewRow& row : view.rows) {
        if (!row.record || !written.insert(row.record->run).second) continue;
        const std::filesystem::path target = folder / view.experiments[row.experiment].name / row.record->run;
        std::filesystem::create_directories(target);
        const double ended = seconds_since_1970(row.record->ended);
        const std::string name = "events.out.tfevents." + std::to_string(static_cast<std::int64_t>(ended)) + ".plumb";
        base::replace_file(target / name, event_file(ended, scalars_of(*row.record, store.run_folder(*row.record))));
    }
    return static_cast<int>(written.size());
}

}  // namespace plumb::report
